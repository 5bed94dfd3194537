"""Articles: what is scored, what is abstained from, and how sentences make a score."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.model import LABELS, RhetoricClassifier
from tocsin.model.article import assemble, prepare

THRESHOLDS = dict.fromkeys(LABELS, 0.5)
QUOTING = (
    "„Vratićemo to silom“, rekao je načelnik opštine. Sednica skupštine opštine je prekinuta posle dva sata. "
    "Građani su mirno napustili salu."
)


def rows(*values: float) -> np.ndarray:
    return np.array([[value, 0.0, 0.0, 0.0] for value in values])


def test_an_article_scores_what_its_strongest_sentence_scores() -> None:
    score = assemble(prepare(QUOTING), rows(0.9, 0.2, 0.1), THRESHOLDS)
    assert score.scores is not None
    assert score.scores["divisive"] == 0.9
    assert score.labels == ("divisive",)
    assert score.flagged is True


def test_a_quoted_threat_is_not_laid_at_the_outlets_door() -> None:
    score = assemble(prepare(QUOTING), rows(0.9, 0.2, 0.1), THRESHOLDS)
    assert score.outlet_scores is not None
    assert score.outlet_scores["divisive"] == 0.2
    assert score.sentences[0].sentence.attribution == "quoted"


def test_conciliatory_alone_does_not_flag() -> None:
    article = prepare("Pozvali su na dijalog i pomirenje u celom regionu.")
    score = assemble(article, np.array([[0.1, 0.1, 0.1, 0.9]]), THRESHOLDS)
    assert (score.labels, score.flagged) == (("conciliatory",), False)


def test_an_article_without_own_sentences_has_outlet_scores_of_zero() -> None:
    score = assemble(
        prepare("„Vratićemo sve što je naše i to silom“, rekao je načelnik opštine."), rows(0.9), THRESHOLDS
    )
    assert score.outlet_scores == dict.fromkeys(LABELS, 0.0)


def test_an_unsupported_language_is_abstained_from_unless_asked() -> None:
    text = "Le maire a déclaré que les négociations reprendront lundi prochain."
    score = assemble(prepare(text), np.zeros((0, 4)), THRESHOLDS)
    assert (score.status, score.flagged, score.scores, score.language) == ("unsupported_language", None, None, "fr")
    assert prepare(text, any_language=True).status == "ok"


@pytest.mark.parametrize("text", ["", " \n", "😀😀😀", "12:30 … 5", "<p></p>", "\u200b"])
def test_text_without_words_is_empty_and_not_flagged(text: str) -> None:
    score = assemble(prepare(text), np.zeros((0, 4)), THRESHOLDS)
    assert (score.status, score.flagged, score.scores) == ("empty", False, None)


def test_the_title_is_its_own_first_sentence() -> None:
    article = prepare("The council met on Monday.", title="Council meets")
    assert [(sentence.where, sentence.start, sentence.end) for sentence in article.sentences] == [
        ("title", 0, 13),
        ("text", 0, 26),
    ]


def test_rows_and_sentences_must_agree() -> None:
    with pytest.raises(ValueError, match="expected 3 rows of probabilities, found 1"):
        assemble(prepare(QUOTING), rows(0.9), THRESHOLDS)


def test_one_sentence_and_its_article_score_the_same(tiny_classifier: RhetoricClassifier) -> None:
    score = tiny_classifier.score("The minister said we will attack today.")
    assert len(score.sentences) == 1
    assert score.scores == score.sentences[0].scores


@given(st.text(max_size=300), st.text(max_size=50))
def test_whatever_the_text_every_sentence_can_be_sliced_out(text: str, title: str) -> None:
    article = prepare(text, title=title, any_language=True)
    fields = {"text": text, "title": title}
    for sentence in article.sentences:
        assert fields[sentence.where][sentence.start : sentence.end].strip()
