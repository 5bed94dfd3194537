"""The settings of a training run: one TOML file, changed by ``--set key=value`` on the command line."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tocsin.model.base import DEFAULT_BASE
from tocsin.model.labels import LABELS, check_label_set, default_flagging
from tocsin.training.adapters import ADAPTERS

LORA, FULL = "lora", "full"
REPORTERS = ("tensorboard", "mlflow")
MONITORS = ("macro_average_precision", "macro_roc_auc")
DEFAULT_CALIBRATION = "tocsin-regional"


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """One corpus and how much of it an epoch sees."""

    path: str | None = None  # a labelled file of your own; not set for the corpora that have an adapter
    max_rows: int | None = None  # random subset of the training rows, drawn anew each epoch; all when not set
    repeat: int = 1  # times a row is seen in one epoch
    fraction: float = 1.0  # of the training groups, always the same ones: for learning curves

    def __post_init__(self) -> None:
        if self.repeat < 1 or (self.max_rows is not None and self.max_rows < 1):
            raise ValueError(f"expected repeat and max_rows of at least 1, found {self.repeat} and {self.max_rows}")
        if not 0.0 < self.fraction <= 1.0:
            raise ValueError(f"expected fraction above 0 and up to 1, found {self.fraction}")


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Share of the training rows that are rewritten, drawn anew each epoch; see augment.py."""

    quotes: float = 0.1  # another style of quotation marks
    diacritics: float = 0.05  # without diacritics, as in hasty comments
    obfuscation: float = 0.03  # look-alike letters, spaces, repeated letters

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            if not 0.0 <= getattr(self, item.name) < 1.0:
                raise ValueError(
                    f"expected augmentation.{item.name} from 0 to below 1, found {getattr(self, item.name)}"
                )


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that decides the weights of a run, besides the data themselves."""

    sources: dict[str, SourceConfig]
    corpora: str = "."  # folder of the public corpora; relative to the configuration file
    labels: tuple[str, ...] = LABELS
    flagging: tuple[str, ...] = default_flagging(LABELS)  # labels that raise a flag
    base: str = DEFAULT_BASE  # or a local folder, or a hub id
    allow_download: bool = False  # whether a base by hub id may be fetched; nothing else uses the network
    start_from: str | None = None  # checkpoint folder of an earlier run; relative to the configuration file
    method: str = LORA  # low-rank adapters, or full fine-tuning of all but the embeddings
    epochs: int = 2
    learning_rate: float = 5e-4  # of the low-rank factors, or of the top layer
    layer_decay: float = 1.0  # learning rate of each layer over that of the layer above it
    head_learning_rate: float = 1e-3
    embedding_min_count: int = 0  # texts from which a token's word embedding is trained too; 0 trains none
    embedding_learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup_fraction: float = 0.06  # of all steps; linear decay to zero after it
    batch_rows: int = 32
    accumulation: int = 1  # batches before the weights are changed
    train_max_tokens: int = 128  # longer training texts are cut; scoring uses max_tokens
    max_tokens: int = 512
    lora_rank: int = 32
    lora_alpha: float = 64.0
    dropout: float = 0.1  # before the heads
    label_smoothing: float = 0.0
    ngram_share: float = 0.0  # of n-gram scores in the logits, the encoder has the rest; see ngrams.py
    focal_gamma: float = 0.0  # 0 is plain cross-entropy (Lin et al. 2017)
    twin_weight: float = 0.0  # of the ranking loss over near-twin pairs, see losses.py
    augmentation: Augmentation = field(default_factory=Augmentation)
    label_weights: dict[str, float] = field(default_factory=dict)  # of the loss of positives; 1 when not given
    # Of a row's chance to be among the max_rows of its source, by language and by positive label; 1 when not given.
    language_weights: dict[str, float] = field(default_factory=dict)
    positive_weights: dict[str, float] = field(default_factory=dict)
    calibrate_on: str = (
        DEFAULT_CALIBRATION  # source whose validation rows fit calibration and thresholds; all if absent
    )
    max_false_alarms: float = 0.005  # share of sober validation sentences that thresholds may flag
    target_precision: float | None = None  # thresholds of at least this precision on validation, instead of best F1
    monitor: str = MONITORS[0]  # of the validation rows of calibrate_on; higher is better
    patience: int | None = None  # checks without progress before training stops; the best checkpoint is then kept
    save_steps: int = 500  # between checkpoints (and, with patience, checks)
    report_to: tuple[str, ...] = ()  # among REPORTERS
    seed: int = 1

    def __post_init__(self) -> None:
        check_label_set(self.labels, self.flagging)
        unknown = sorted(name for name, source in self.sources.items() if name not in ADAPTERS and not source.path)
        if unknown or not self.sources:
            raise ValueError(
                f"expected sources among {sorted(ADAPTERS)}, or with a path to a file of your own, "
                f"found {unknown or 'none'}"
            )
        self._check_ranges()
        if self.method not in (LORA, FULL):
            raise ValueError(f"expected method {LORA!r} or {FULL!r}, found {self.method!r}")
        if self.monitor not in MONITORS:
            raise ValueError(f"expected monitor among {list(MONITORS)}, found {self.monitor!r}")
        if self.calibrate_on not in {*self.sources, DEFAULT_CALIBRATION}:
            raise ValueError(
                f"expected calibrate_on among the sources {sorted(self.sources)}, found {self.calibrate_on!r}"
            )
        weights = [*self.label_weights.values(), *self.language_weights.values(), *self.positive_weights.values()]
        if any(weight <= 0.0 for weight in weights):
            raise ValueError(f"expected weights above 0, found {min(weights)}")
        if strange := sorted(set(self.report_to) - set(REPORTERS)):
            raise ValueError(f"expected report_to among {list(REPORTERS)}, found {strange}")
        for name in ("label_weights", "positive_weights"):
            if strange := sorted(set(getattr(self, name)) - set(self.labels)):
                raise ValueError(f"expected {name} for {list(self.labels)}, found {strange}")

    def _check_ranges(self) -> None:
        for name in (
            "epochs",
            "batch_rows",
            "accumulation",
            "train_max_tokens",
            "max_tokens",
            "lora_rank",
            "save_steps",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"expected {name} of at least 1, found {getattr(self, name)}")
        for name in ("warmup_fraction", "dropout", "label_smoothing", "ngram_share", "max_false_alarms"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"expected {name} from 0 to below 1, found {getattr(self, name)}")
        if self.embedding_min_count < 0:
            raise ValueError(f"expected embedding_min_count of at least 0, found {self.embedding_min_count}")
        if not 0.0 < self.layer_decay <= 1.0:
            raise ValueError(f"expected layer_decay above 0 and up to 1, found {self.layer_decay}")

    def as_dict(self) -> dict[str, Any]:
        """Plain values without folders of this machine, as saved with the checkpoint."""
        values = dataclasses.asdict(self)
        del values["corpora"]
        values["start_from"] = Path(self.start_from).name if self.start_from else None
        values["base"] = Path(self.base).name if Path(self.base).is_dir() else self.base
        for source in values["sources"].values():
            source["path"] = Path(source["path"]).name if source["path"] else None
        return values


def load_config(path: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """The configuration in a TOML file, changed by ``key=value`` overrides.

    A key may be dotted ("sources.polar.max_rows=100"); a value is TOML, or text where it is not. ValueError names
    unknown keys and values out of range, FileNotFoundError the missing file.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"expected a training configuration at {path}, found no file; see training/default.toml"
        )
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"expected TOML in {path}, found {error}") from error
    for override in overrides:
        _override(values, override)
    return _make(values, path)


def _override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ValueError(f"expected key=value, found {override!r}")
    *parents, name = key.split(".")
    table = values
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise ValueError(f"expected a table at {parent!r} of {override!r}, found {table!r}")
    try:
        table[name] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        table[name] = text


def _make(values: dict[str, Any], path: Path) -> TrainConfig:
    if "sources" not in values:
        raise ValueError(f"expected tables [sources.NAME] in {path}, found none; see training/default.toml")
    values["sources"] = {
        name: _table(SourceConfig, options, f"sources.{name}", path) for name, options in values["sources"].items()
    }
    if "augmentation" in values:
        values["augmentation"] = _table(Augmentation, values["augmentation"], "augmentation", path)
    for name in ("labels", "flagging", "report_to"):
        if name in values:
            values[name] = (values[name],) if isinstance(values[name], str) else tuple(values[name])
    if "labels" in values and "flagging" not in values:
        values["flagging"] = default_flagging(values["labels"])
    config: TrainConfig = _table(TrainConfig, values, "", path)
    sources = {
        name: dataclasses.replace(source, path=str((path.parent / source.path).resolve())) if source.path else source
        for name, source in config.sources.items()
    }
    start = str((path.parent / config.start_from).resolve()) if config.start_from else None
    corpora = str((path.parent / config.corpora).resolve())
    return dataclasses.replace(config, sources=sources, corpora=corpora, start_from=start)


def _table(kind: type[Any], values: Mapping[str, Any], name: str, path: Path) -> Any:  # noqa: ANN401 - an instance of kind
    known = {item.name for item in dataclasses.fields(kind)}
    if not isinstance(values, Mapping) or set(values) - known:
        found = sorted(set(values) - known) if isinstance(values, Mapping) else values
        raise ValueError(f"expected the keys {sorted(known)} {f'in [{name}] ' if name else ''}of {path}, found {found}")
    for item in dataclasses.fields(kind):
        value, usual = values.get(item.name), item.default
        if value is not None and isinstance(usual, (bool, int, float, str)):
            fits = type(value) is type(usual) or (isinstance(usual, float) and type(value) is int)
            if not fits:
                raise ValueError(f"expected {type(usual).__name__} for {item.name} in {path}, found {value!r}")
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"expected numbers and names of the right kind in {path}, found {error}") from error
