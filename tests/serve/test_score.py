"""The scoring stream: order, windows, laziness, and records that break the engine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tocsin.model import LABELS, RhetoricClassifier
from tocsin.serve.engine import TorchEngine
from tocsin.serve.output import output_record, to_json
from tocsin.serve.records import Columns, DeadLetter, Record, make_record
from tocsin.serve.score import Options, Scored, score_records

OPTIONS = Options(dict.fromkeys(LABELS, 0.5))


class LengthEngine:
    """Scores a sentence by its length alone and notes the calls."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def predict_clean(self, sentences: Sequence[str]) -> np.ndarray:
        self.calls.append(len(sentences))
        if any("BREAK" in sentence for sentence in sentences):
            raise RuntimeError("out of memory")
        return np.array([[min(len(sentence), 99) / 100] * len(LABELS) for sentence in sentences]).reshape(
            -1, len(LABELS)
        )


def record(number: int, text: str) -> Record:
    return Record(f"f:{number}", number, text, None, "en")


RECORDS = [record(n, "The city is calm. " * (n % 7) + "Talks go on today.") for n in range(50)]


@pytest.mark.parametrize("window", [1, 3, 40, 10_000])
def test_windows_change_nothing(window: int) -> None:
    expected = [
        result.score for result in score_records(RECORDS, LengthEngine(), OPTIONS) if isinstance(result, Scored)
    ]
    results = list(score_records(RECORDS, LengthEngine(), OPTIONS, window=window))
    assert [result.record.id for result in results if isinstance(result, Scored)] == list(range(50))
    assert [result.score for result in results if isinstance(result, Scored)] == expected


def test_an_article_larger_than_the_window_is_scored_in_parts() -> None:
    engine = LengthEngine()
    (result,) = score_records([record(0, "The city is calm. " * 100)], engine, OPTIONS, window=16)
    assert isinstance(result, Scored)
    assert len(result.score.sentences) == 100
    assert max(engine.calls) == 16


def test_reading_never_runs_far_ahead_of_writing() -> None:
    taken = 0

    def source() -> Iterator[Record]:
        nonlocal taken
        for number in range(10_000):
            taken += 1
            yield record(number, "The city is calm.")

    results = score_records(source(), LengthEngine(), OPTIONS, window=8)
    next(results)
    assert taken <= 8


def test_a_record_that_breaks_the_engine_takes_no_other_with_it() -> None:
    items: list[Record | DeadLetter] = [
        record(0, "Calm."),
        record(1, "They BREAK it."),
        DeadLetter("f:2", "", "r"),
        record(3, "Calm."),
    ]
    results = list(score_records(items, LengthEngine(), OPTIONS))
    assert [type(result).__name__ for result in results] == ["Scored", "DeadLetter", "DeadLetter", "Scored"]
    assert isinstance(results[1], DeadLetter)
    assert results[1].reason == "expected the model to score the text, found out of memory"


@pytest.mark.parametrize("rows", [np.zeros((0, 4)), np.full((1, 4), np.nan), np.zeros((1, 3))])
def test_an_engine_that_returns_nonsense_is_not_believed(rows: np.ndarray) -> None:
    class Broken:
        def predict_clean(self, sentences: Sequence[str]) -> np.ndarray:
            return rows

    (result,) = score_records([record(0, "The city is calm.")], Broken(), OPTIONS)
    assert isinstance(result, DeadLetter)


def test_the_batch_gives_what_the_library_gives(tiny_classifier: RhetoricClassifier) -> None:
    engine = TorchEngine(tiny_classifier, batch_tokens=64)
    some = RECORDS[:15]
    for item, result in zip(some, score_records(some, engine, OPTIONS, window=20), strict=True):
        assert isinstance(result, Scored)
        alone = tiny_classifier.score(item.text, language="en")
        assert result.score.labels == alone.labels
        assert result.score.scores == pytest.approx(alone.scores, abs=1e-3)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["text", "id", "title", "language", "outlet", "x"]), JSON))
def test_any_json_object_becomes_a_record_or_a_dead_letter_and_leaves_as_utf8(row: dict[str, object]) -> None:
    made = make_record(row, "f:1", json.dumps(row), Columns())
    (result,) = score_records([made], LengthEngine(), OPTIONS)
    value = result.as_dict() if isinstance(result, DeadLetter) else output_record(result, "m@0", all_sentences=True)
    line = to_json(value).encode()
    assert json.loads(line) == value
    assert isinstance(result, DeadLetter) or row["text"] == made.text  # type: ignore[union-attr]


def test_long_articles_without_sentences_do_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.serve.score.WINDOW_CHARACTERS", 100)
    taken = 0

    def source() -> Iterator[Record]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield Record(f"f:{number}", number, "1 2 3", None, None, raw="x" * 40)

    next(score_records(source(), LengthEngine(), OPTIONS))
    assert taken == 3


@pytest.fixture
def one_thread() -> Iterator[None]:
    """A tiny model gains nothing from threads, which wait for each other on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_one_article_of_ten_megabytes(tiny_classifier: RhetoricClassifier) -> None:
    # Long words: the time goes by words, the memory by characters.
    sentence = "The minister said that " + "internationalisation " * 16 + "goes on in the city.\n\n"
    text = sentence * (10_000_000 // len(sentence) + 1)
    (result,) = score_records([record(0, text)], TorchEngine(tiny_classifier, 4096), OPTIONS)
    assert isinstance(result, Scored)
    assert len(result.score.sentences) == text.count("\n\n")
    last = result.score.sentences[-1].sentence
    assert text[last.start : last.end] == sentence.strip()
