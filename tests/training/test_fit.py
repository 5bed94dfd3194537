"""The loss skips what is unknown, and a whole run learns from a handful of sentences."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from tocsin.model import RhetoricClassifier
from tocsin.training import run
from tocsin.training.adapters import ADAPTERS
from tocsin.training.batching import epoch_rows, in_cyrillic, length_batches
from tocsin.training.config import SourceConfig, TrainConfig
from tocsin.training.example import SPLITS, Example, targets
from tocsin.training.fit import masked_loss
from tocsin.training.mixture import build_mixture

WEIGHTS = torch.ones(4)


def silent(message: str) -> None:
    """Take the place of the progress lines."""


def test_unknown_targets_do_not_enter_the_loss() -> None:
    logits = torch.tensor([[2.0, -50.0, 50.0, 0.0]])
    known = torch.tensor([[1.0, -1.0, -1.0, -1.0]])
    assert masked_loss(logits, known, WEIGHTS).item() == pytest.approx(np.log1p(np.exp(-2.0)), rel=1e-4)
    assert masked_loss(logits, -torch.ones(1, 4), WEIGHTS).item() == 0.0


def test_an_epoch_repeats_and_caps_its_sources() -> None:
    sources = ["a"] * 10 + ["b"] * 3
    config = {"a": SourceConfig(max_rows=4), "b": SourceConfig(repeat=2)}
    rows = epoch_rows(sources, config, random.Random(0))
    assert sum(row < 10 for row in rows) == 4
    assert sorted(row for row in rows if row >= 10) == [10, 10, 11, 11, 12, 12]


def test_batches_hold_every_row_once_and_are_of_similar_length() -> None:
    lengths = [random.Random(number).randint(3, 100) for number in range(500)]
    batches = length_batches(list(range(500)), lengths, 16, random.Random(0))
    assert sorted(row for batch in batches for row in batch) == list(range(500))
    spread = [max(lengths[row] for row in batch) - min(lengths[row] for row in batch) for batch in batches]
    assert np.mean(spread) < 10


def toy_rows() -> list[Example]:
    hot = [
        "we will attack the city",
        "take it back by force today",
        "the army will attack",
        "they are traitors we will attack",
    ]
    calm = ["the city said peace", "talks the minister said", "peace talks today", "the minister said talks"]
    return [
        Example(
            f"{text} {'the ' * extra}",
            "en",
            targets(**dict.fromkeys(("divisive", "escalatory"), label)),
            "toy",
            f"{split}{n}",
            split,
        )
        for split, extra in zip(SPLITS, (0, 1, 2), strict=True)
        for label, texts in ((True, hot), (False, calm))
        for n, text in enumerate(texts)
    ]


@pytest.fixture
def toy(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> TrainConfig:
    monkeypatch.setitem(ADAPTERS, "toy", lambda root: iter(toy_rows()))
    monkeypatch.setattr("tocsin.training.mixture.near_copies", lambda texts, held_out: [False] * len(texts))
    return TrainConfig(
        corpora="", sources={"toy": SourceConfig(repeat=10)}, base=str(tiny_base), epochs=8, batch_rows=8, lora_rank=4,
        lora_alpha=8.0, learning_rate=1e-2, head_learning_rate=2e-2, dropout=0.0,
    )  # fmt: skip


def test_a_run_learns_its_examples_saves_and_comes_back(toy: TrainConfig, tmp_path: Path) -> None:
    trained = run.train(toy, tmp_path / "out", device="cpu", progress=silent)
    loaded = RhetoricClassifier.from_pretrained(tmp_path / "out", device="cpu")
    rows = build_mixture(toy).train
    scores = loaded.predict_proba(rows["text"])
    np.testing.assert_allclose(scores, trained.predict_proba(rows["text"]), atol=1e-6)
    truth = np.array(rows["targets"])[:, 1]
    assert scores[truth == 1, 1].min() > scores[truth == 0, 1].max()
    assert loaded.description.training["seed"] == toy.seed
    assert "corpora" not in loaded.description.training
    assert loaded.description.data_sha256 == build_mixture(toy).sha256


def test_the_same_seed_gives_the_same_weights_and_another_one_does_not(toy: TrainConfig, tmp_path: Path) -> None:
    import dataclasses

    short = dataclasses.replace(toy, epochs=1)
    ids = [
        run.train(dataclasses.replace(short, seed=seed), tmp_path / name, progress=silent).description
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert ids[0].weights_sha256 == ids[1].weights_sha256 != ids[2].weights_sha256


def test_a_second_stage_starts_where_the_first_ended(toy: TrainConfig, tmp_path: Path) -> None:
    import dataclasses

    first = run.train(toy, tmp_path / "first", progress=silent)
    still = dataclasses.replace(
        toy, epochs=1, learning_rate=0.0, head_learning_rate=0.0, start_from=str(tmp_path / "first")
    )
    second = run.train(still, tmp_path / "second", progress=silent)
    texts = [row.text for row in toy_rows()]
    np.testing.assert_allclose(second.predict_logits(texts), first.predict_logits(texts), atol=2e-2)
    other = dataclasses.replace(still, lora_rank=8)
    with pytest.raises(ValueError, match="expected a checkpoint of"):
        run.train(other, tmp_path / "third", progress=silent)


def test_the_report_of_a_run_holds_the_primary_facts(toy: TrainConfig, tmp_path: Path) -> None:
    trained = run.train(toy, tmp_path / "out", progress=silent)
    metrics = run.report(trained, toy, baseline=True)
    assert metrics["twins/pairs"] == metrics["baseline/twins/pairs"] == 0.0
    with pytest.raises(ValueError, match="found 'train'"):
        run.report(trained, toy, split="train")


def test_a_part_of_the_serbian_rows_is_written_in_cyrillic(toy: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        Example(f"Vlada je pala {n}", "sr-Latn", targets(divisive=False), "toy", str(n), "train") for n in range(50)
    ]
    monkeypatch.setitem(ADAPTERS, "toy", lambda root: iter(rows))
    texts = in_cyrillic(build_mixture(toy).train, 0.5, random.Random(0))
    assert 10 < sum("Влада" in text for text in texts) < 40
