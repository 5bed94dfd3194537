"""Sentences that come again: scored once, counted, forgotten in time, never spoilt by another's failure."""

from collections.abc import Sequence

import numpy as np
import pytest

from tocsin.serve.once import OnceEngine


class Counting:
    """Scores a sentence by its length and notes what it was asked."""

    tokens = 0

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def predict_clean(self, sentences: Sequence[str]) -> np.ndarray:
        self.asked.append(list(sentences))
        rows = np.array([[len(text) / 100, 0.5] for text in sentences]).reshape(len(sentences), 2)
        return np.full_like(rows, np.nan) if "poison" in sentences else rows


def test_a_sentence_is_scored_once_and_every_place_gets_its_row() -> None:
    inner = Counting()
    engine = OnceEngine(inner)
    first = engine.predict_clean(["a", "bb", "a"])
    second = engine.predict_clean(["ccc", "bb"])
    assert inner.asked == [["a", "bb"], ["ccc"]]
    assert first[:, 0].tolist() == [0.01, 0.02, 0.01]
    assert second.tolist() == [[0.03, 0.5], [0.02, 0.5]]
    assert engine.repeated == 2
    assert engine.predict_clean([]).shape == (0, 2)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.serve.once.MOST_KEPT", 3)
    inner = Counting()
    engine = OnceEngine(inner)
    for texts in (["a", "b"], ["c", "a"], ["a"]):
        assert engine.predict_clean(texts).shape == (len(texts), 2)
    assert inner.asked == [["a", "b"], ["c", "a"], []]


def test_a_broken_batch_spoils_no_other_record() -> None:
    engine = OnceEngine(Counting())
    assert np.isnan(engine.predict_clean(["good", "poison"])).all()
    assert engine.predict_clean(["good"])[0, 0] == 0.04
    assert np.isnan(engine.predict_clean(["poison"])).all()
