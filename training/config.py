"""The settings of a training run, read from one TOML file."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tocsin.model.base import DEFAULT_BASE
from tocsin.training.adapters import ADAPTERS


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """How much of one corpus an epoch sees."""

    max_rows: int | None = None  # random subset of the training rows, drawn anew each epoch; all when not set
    repeat: int = 1  # times a row is seen in one epoch

    def __post_init__(self) -> None:
        if self.repeat < 1 or (self.max_rows is not None and self.max_rows < 1):
            raise ValueError(f"expected repeat and max_rows of at least 1, found {self.repeat} and {self.max_rows}")


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that decides the weights of a run, besides the data themselves."""

    corpora: str  # folder of the public corpora; relative to the configuration file
    sources: dict[str, SourceConfig]
    base: str = DEFAULT_BASE  # or a local folder, or a hub id
    allow_download: bool = False  # whether a base by hub id may be fetched; nothing else uses the network
    start_from: str | None = None  # checkpoint folder of an earlier run; relative to the configuration file
    epochs: int = 2
    learning_rate: float = 5e-4  # of the low-rank factors
    head_learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup_fraction: float = 0.06  # of all steps; linear decay to zero after it
    batch_rows: int = 32
    train_max_tokens: int = 128  # longer training texts are cut; scoring uses max_tokens
    max_tokens: int = 512
    lora_rank: int = 32
    lora_alpha: float = 64.0
    dropout: float = 0.1  # before the heads
    cyrillic_fraction: float = 0.25  # of Latin rows of Serbian and Montenegrin, written in Cyrillic instead
    label_weights: dict[str, float] = field(
        default_factory=dict
    )  # of the loss of positives, by label; 1 when not given
    max_false_alarms: float = 0.005  # share of sober validation sentences that thresholds may flag
    seed: int = 1

    def __post_init__(self) -> None:
        unknown = sorted(set(self.sources) - set(ADAPTERS))
        if unknown or not self.sources:
            raise ValueError(f"expected sources among {sorted(ADAPTERS)}, found {unknown or 'none'}")
        for name in ("epochs", "batch_rows", "train_max_tokens", "max_tokens", "lora_rank"):
            if getattr(self, name) < 1:
                raise ValueError(f"expected {name} of at least 1, found {getattr(self, name)}")
        for name in ("warmup_fraction", "dropout", "cyrillic_fraction", "max_false_alarms"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"expected {name} between 0 and 1, found {getattr(self, name)}")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as saved with the checkpoint."""
        return dataclasses.asdict(self)


def load_config(path: Path) -> TrainConfig:
    """The configuration in a TOML file; ValueError names unknown keys, FileNotFoundError the missing file."""
    if not path.is_file():
        raise FileNotFoundError(
            f"expected a training configuration at {path}, found no file; see training/default.toml"
        )
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"expected TOML in {path}, found {error}") from error
    known = {item.name for item in dataclasses.fields(TrainConfig)}
    unknown = sorted(set(values) - known)
    missing = sorted({"corpora", "sources"} - set(values))
    if unknown or missing:
        raise ValueError(f"expected the keys {sorted(known)} in {path}; unknown: {unknown}, missing: {missing}")
    try:
        sources = {name: SourceConfig(**options) for name, options in values.pop("sources").items()}
    except (TypeError, AttributeError) as error:
        raise ValueError(f"expected tables [sources.NAME] with max_rows and repeat in {path}, found {error}") from error
    corpora = (path.parent / str(values.pop("corpora"))).resolve()
    start = values.pop("start_from", None)
    start_from = str((path.parent / str(start)).resolve()) if start else None
    return TrainConfig(corpora=str(corpora), sources=sources, start_from=start_from, **values)
