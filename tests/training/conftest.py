"""A configuration that trains on the toy corpus."""

from pathlib import Path

import pytest
from toy import toy_rows

from tocsin.training.adapters import ADAPTERS
from tocsin.training.config import Augmentation, SourceConfig, TrainConfig


@pytest.fixture
def toy(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainConfig:
    monkeypatch.setitem(ADAPTERS, "toy", lambda root: iter(toy_rows()))
    monkeypatch.setattr("tocsin.training.mixture.near_copies", lambda texts, held_out: [False] * len(texts))
    monkeypatch.setattr("tocsin.training.mixture.later_copies", lambda texts, groups, classes: [False] * len(texts))
    monkeypatch.setenv("TOCSIN_CACHE", str(tmp_path / "cache"))
    return TrainConfig(
        sources={"toy": SourceConfig(repeat=10)}, base=str(tiny_base), epochs=8, batch_rows=8, lora_rank=4,
        lora_alpha=8.0, learning_rate=1e-2, head_learning_rate=2e-2, dropout=0.0, augmentation=Augmentation(0, 0, 0),
    )  # fmt: skip
