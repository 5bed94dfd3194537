"""From an article's text to sentences with their voices, and from sentence probabilities to an article's score.

``prepare`` and ``assemble`` are pure: a batch job puts any engine between them and gets what
``RhetoricClassifier.score`` gives.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tocsin.model.attribution import OUTLET, attribute
from tocsin.model.labels import FLAGGING
from tocsin.model.languages import Language, detect, detect_sentence, from_tag
from tocsin.model.model_text import serbian_in_latin
from tocsin.model.normalise import Aligned, normalise
from tocsin.model.segment import Span, segment
from tocsin.model.tables import load_table

OK, UNSUPPORTED, EMPTY = "ok", "unsupported_language", "empty"
TITLE, TEXT = "title", "text"
_LETTERS = re.compile(r"[^\W\d_]{2}")  # two letters in a row: less is a number, an emoji or a list mark

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sentence:
    """One scorable sentence: ``record[where][start:end]`` is what the reader sees, ``clean`` what the model reads."""

    where: str
    start: int
    end: int
    clean: str
    attribution: str
    speaker: str | None
    cut: bool  # part of an over-long sentence


@dataclass(frozen=True, slots=True)
class Article:
    """A prepared article; ``sentences`` is empty unless ``status`` is OK."""

    language: Language
    status: str
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class SentenceScore:
    """A sentence with its calibrated probabilities and the labels whose threshold they reach."""

    sentence: Sentence
    scores: dict[str, float]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ArticleScore:
    """Scores of an article.

    ``scores`` and ``flagged`` are None when the article was not scored because of its language; an empty article has no
    scores and is not flagged. ``outlet_scores`` count the outlet's own sentences only and are 0 where it has none.
    """

    language: str
    status: str
    flagged: bool | None
    labels: tuple[str, ...]
    scores: dict[str, float] | None
    outlet_scores: dict[str, float] | None
    sentences: tuple[SentenceScore, ...]


def prepare(text: str, *, title: str | None = None, language: str | None = None, any_language: bool = False) -> Article:
    """Sentences of an article in reading order, the title's first, each with voice and speaker.

    ``language`` is a BCP 47 tag that is believed; without it the language is detected over title and text.
    """
    fields = [(TITLE, title or "", normalise(title or "")), (TEXT, text, normalise(text))]
    whole = "\n\n".join(aligned.text for _, _, aligned in fields if aligned.text.strip())
    decided = from_tag(language, whole) if language is not None else detect(whole)
    if not _LETTERS.search(whole):
        return Article(decided, EMPTY, ())
    if decided.code is None and not any_language:
        return Article(decided, UNSUPPORTED, ())
    sentences: list[Sentence] = []
    for where, original, aligned in fields:
        sentences += _field_sentences(where, original, aligned, decided, any_language)
    return Article(decided, OK if sentences else EMPTY, tuple(sentences))


def _field_sentences(
    where: str, original: str, aligned: Aligned, language: Language, any_language: bool
) -> list[Sentence]:
    spans = segment(aligned, original, load_table(language.code))
    languages = [detect_sentence(aligned.text[span.begin : span.stop], language) for span in spans]
    voices = attribute(aligned.text, spans, [load_table(found.code or language.code) for found in languages])
    kept = []
    for span, found, voice in zip(spans, languages, voices, strict=True):
        clean = " ".join(aligned.text[span.begin : span.stop].split())
        if _LETTERS.search(clean) and (found.code is not None or any_language):
            read = serbian_in_latin(clean, found.code or language.code or "")
            kept.append(_sentence(where, span, read, voice.kind, voice.speaker))
    return kept


def _sentence(where: str, span: Span, clean: str, kind: str, speaker: str | None) -> Sentence:
    return Sentence(where, span.start, span.end, clean, kind, speaker, span.cut)


def assemble(
    article: Article,
    probabilities: Array,
    thresholds: Mapping[str, float],
    *,
    flagging: Collection[str] = FLAGGING,
    corrections: Mapping[str, float] | None = None,
) -> ArticleScore:
    """The article's score from probabilities of shape (n_sentences, n_labels), rows in the order of its sentences.

    ``thresholds`` has one probability a label, in the order of the columns; ``flagging`` names the labels that flag. An
    article scores what its strongest sentence scores, less ``corrections`` for its length (see ``length_corrected``):
    one threat among forty calm sentences is still a threat, and a long article is not accused for its length.
    ValueError when rows and sentences differ in number.
    """
    if len(probabilities) != len(article.sentences):
        raise ValueError(f"expected {len(article.sentences)} rows of probabilities, found {len(probabilities)}")
    scored = tuple(
        SentenceScore(sentence, scores, _reached(scores, thresholds))
        for sentence, scores in zip(
            article.sentences, (_by_label(row, thresholds) for row in probabilities), strict=True
        )
    )
    if article.status != OK:
        flagged = None if article.status == UNSUPPORTED else False
        return ArticleScore(article.language.tag, article.status, flagged, (), None, None, ())
    weights = np.array([(corrections or {}).get(label, 0.0) for label in thresholds])
    own = np.array([sentence.attribution == OUTLET for sentence in article.sentences], dtype=bool)
    length = len(probabilities)  # the outlet's sentences are corrected alike, so that it never scores above its article
    scores = _by_label(_strongest(probabilities, length, weights), thresholds)
    outlet_scores = _by_label(_strongest(probabilities[own], length, weights), thresholds)
    labels = _reached(scores, thresholds)
    flagged = any(label in flagging for label in labels)
    return ArticleScore(article.language.tag, OK, flagged, labels, scores, outlet_scores, scored)


def length_corrected(highest: Array, lengths: Array | float, corrections: Array | float) -> Array:
    """Scores of articles of ``lengths`` sentences whose strongest sentence has the probability ``highest``.

    ``corrections`` times log n is taken off the logit: the highest of many scores is high by chance alone. An article
    of one sentence scores what the sentence scores.
    """
    clipped = np.clip(highest, 1e-9, 1.0 - 1e-9)
    taken_off = corrections * np.log(lengths)
    logits = np.log(clipped / (1.0 - clipped)) - taken_off
    corrected: Array = np.where(taken_off == 0.0, highest, 1.0 / (1.0 + np.exp(-logits)))
    return corrected


def _strongest(probabilities: Array, length: int, corrections: Array) -> Array:
    if not len(probabilities):
        return np.zeros(len(corrections))
    return length_corrected(probabilities.max(axis=0), float(length), corrections)


def _by_label(row: Array, labels: Collection[str]) -> dict[str, float]:
    return {label: round(float(value), 6) for label, value in zip(labels, row, strict=True)}


def _reached(scores: Mapping[str, float], thresholds: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(label for label, limit in thresholds.items() if scores[label] >= limit)
