"""Fairness and invariance are measured by scorers that are known to be fair, or not."""

from collections.abc import Sequence

import numpy as np
from scored_rows import make_scored

from tocsin.model import LABELS
from tocsin.training.neutral import neutral_sentences
from tocsin.training.probe import identity_words
from tocsin.training.robustness import fairness, invariance, neutral_identity, outlet_names
from tocsin.training.scored import Floats

LIMITS = dict.fromkeys(LABELS, 0.5)


class Counting:
    """Scores a text by whether it holds a word."""

    def __init__(self, word: str) -> None:
        self.word = word

    def predict_proba(self, sentences: Sequence[str]) -> Floats:
        return np.array([[0.9 if self.word in text else 0.1] * 4 for text in sentences])

    def predict_clean(self, sentences: Sequence[str]) -> Floats:
        return self.predict_proba(sentences)


def test_a_scorer_that_takes_a_name_for_an_attack_is_found() -> None:
    texts = [f"{'Serbs' if n % 2 else 'People'} {'are vermin' if n % 4 < 2 else 'sing'} {n}" for n in range(200)]
    truth = [[int(n % 4 < 2)] * 4 for n in range(200)]
    fair = fairness(make_scored(Counting("vermin").predict_proba(texts).tolist(), truth, texts=texts), "divisive")
    unfair = fairness(make_scored(Counting("Serbs").predict_proba(texts).tolist(), truth, texts=texts), "divisive")
    assert fair["fairness/divisive/serbs/bpsn"] == fair["fairness/divisive/worst_subgroup"] == 1.0
    assert unfair["fairness/divisive/serbs/bpsn"] < 0.2
    assert unfair["fairness/divisive/serbs/subgroup"] == 0.5


def test_neutral_sentences_name_a_group_that_the_word_lists_know() -> None:
    rows = neutral_sentences()
    assert len(rows) > 600
    assert len(set(rows)) == len(rows)
    missing = {(lang, group) for lang, group, text in rows if not identity_words(text, lang)}
    assert not missing


def test_a_scorer_that_flags_a_name_is_found_by_language_and_group() -> None:
    found = neutral_identity(Counting("Roma"), LIMITS, [0, 1, 2])
    assert 0 < found["probe/identity/flagged"] < 0.1
    assert found["probe/identity/group roma/flagged"] > 0.1
    assert found["probe/identity/group serbs/flagged"] == 0.0
    assert found["probe/identity/language sq/flagged"] < found["probe/identity/language en/flagged"]


def test_outlet_names_and_rewriting_move_only_scorers_that_read_them() -> None:
    texts = [f"„Neće proći“, rekao je načelnik opštine {n}." for n in range(40)]
    truth = [[n % 2] * 4 for n in range(40)]
    blind = Counting("rekao")
    rows = make_scored(blind.predict_proba(texts).tolist(), truth, texts=texts, lang="sr-Latn")
    assert outlet_names(blind, rows, LIMITS)["probe/outlet name/largest_gap"] == 0.0
    assert outlet_names(Counting(": „"), rows, LIMITS)["probe/outlet name/labels_equal"] == 1.0
    quoting = Counting("„")
    rows = make_scored(quoting.predict_proba(texts).tolist(), truth, texts=texts, lang="sr-Latn")
    moved = invariance(quoting, rows, LIMITS)
    assert moved["invariance/quotation marks/labels_equal"] < 0.5
    assert moved["invariance/diacritics/labels_equal"] == 1.0
    scripted = invariance(
        blind, make_scored(blind.predict_proba(texts).tolist(), truth, texts=texts, lang="sr-Latn"), LIMITS
    )
    assert scripted["invariance/script/labels_equal"] == 0.0
    assert "invariance/script/rows" not in invariance(
        blind, make_scored(blind.predict_proba(texts).tolist(), truth, texts=texts, lang="hr"), LIMITS
    )
