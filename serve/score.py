"""Score a stream of records: the pure function that a batch job, a server or a cluster wraps.

Sentences of several articles are collected into a window, scored in one call, and handed back to their articles, which
leave in the order in which they came. Memory is bounded by the window and one article.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tocsin.model import FLAGGING, ArticleScore
from tocsin.model.article import Article, assemble, prepare
from tocsin.serve.engine import Array, Engine
from tocsin.serve.records import DeadLetter, Item, Record

WINDOW_SENTENCES = 1024  # enough that sorting by length inside a window leaves little padding
# Articles without any sentence wait for their turn too, so that a window is also bounded by these.
WINDOW_RECORDS = 1024
WINDOW_CHARACTERS = 16_000_000


@dataclass(frozen=True, slots=True)
class Options:
    """What changes scores besides the model."""

    thresholds: dict[str, float]  # in the order of the engine's columns
    any_language: bool = False
    flagging: Collection[str] = FLAGGING  # labels that raise a flag
    corrections: Mapping[str, float] = field(default_factory=dict)  # of article scores for length, in logits


@dataclass(frozen=True, slots=True)
class Scored:
    """A record with its score."""

    record: Record
    score: ArticleScore


@dataclass(slots=True)
class _Waiting:
    item: Item
    article: Article | None = None


def score_records(
    items: Iterable[Item], engine: Engine, options: Options, *, window: int = WINDOW_SENTENCES
) -> Iterator[Scored | DeadLetter]:
    """One result for each item, in order; dead letters pass through.

    A record on which preparation or the engine fails becomes a dead letter and takes no other record with it.
    """
    waiting: list[_Waiting] = []
    count = size = 0
    for item in items:
        entry = _prepared(item, options)
        waiting.append(entry)
        count += len(entry.article.sentences) if entry.article else 0
        size += len(item.raw)
        if count >= window or size >= WINDOW_CHARACTERS or len(waiting) >= WINDOW_RECORDS:
            yield from _finish(waiting, engine, options, window)
            waiting, count, size = [], 0, 0
    yield from _finish(waiting, engine, options, window)


def _prepared(item: Item, options: Options) -> _Waiting:
    if isinstance(item, DeadLetter):
        return _Waiting(item)
    try:
        article = prepare(item.text, title=item.title, language=item.language, any_language=options.any_language)
    except (ValueError, RecursionError, MemoryError) as error:
        return _Waiting(DeadLetter(item.place, item.raw, f"expected text that can be prepared, found {error}"))
    return _Waiting(item, article)


def _finish(
    waiting: Sequence[_Waiting], engine: Engine, options: Options, window: int
) -> Iterator[Scored | DeadLetter]:
    sentences = [sentence.clean for entry in waiting if entry.article for sentence in entry.article.sentences]
    try:
        probabilities = predict(engine, sentences, window, len(options.thresholds))
    except (RuntimeError, ValueError, MemoryError) as error:
        if len(waiting) > 1:  # find the record that broke the window by halving it
            middle = len(waiting) // 2
            yield from _finish(waiting[:middle], engine, options, window)
            yield from _finish(waiting[middle:], engine, options, window)
            return
        item = waiting[0].item
        raw = item.raw if isinstance(item, Record) else ""
        yield DeadLetter(item.place, raw, f"expected the model to score the text, found {' '.join(str(error).split())}")
        return
    done = 0
    for entry in waiting:
        if entry.article is None or isinstance(entry.item, DeadLetter):
            assert isinstance(entry.item, DeadLetter)  # noqa: S101 - only dead letters have no article
            yield entry.item
            continue
        rows = probabilities[done : done + len(entry.article.sentences)]
        done += len(entry.article.sentences)
        yield Scored(entry.item, _assemble(entry.article, rows, options))


def _assemble(article: Article, rows: Array, options: Options) -> ArticleScore:
    return assemble(article, rows, options.thresholds, flagging=options.flagging, corrections=options.corrections)


def predict(engine: Engine, sentences: Sequence[str], window: int, n_labels: int) -> Array:
    """Probabilities of all sentences, a window at a time; ValueError when the engine returns another number of rows."""
    parts = [np.zeros((0, n_labels))]
    for start in range(0, len(sentences), window):
        chunk = sentences[start : start + window]
        rows = engine.predict_clean(chunk)
        if rows.shape != (len(chunk), n_labels):
            raise ValueError(f"expected scores of shape {(len(chunk), n_labels)}, found {rows.shape}")
        if not np.isfinite(rows).all():
            raise ValueError("expected finite scores, found NaN or infinity")
        parts.append(rows)
    return np.concatenate(parts)
