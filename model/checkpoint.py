"""What a checkpoint folder holds, and the checks that it passes before anything is computed with it.

``tocsin.json`` describes the model; ``weights.safetensors`` holds what was trained: low-rank factors and heads when the
description has an adapter, else all of the encoder (differences.py) and heads. Nothing is ever unpickled.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from tocsin.model.base import file_sha256
from tocsin.model.labels import LABELS, check_label_set, default_flagging

FORMAT = 1
DESCRIPTION, WEIGHTS = "tocsin.json", "weights.safetensors"
SHIPPED = "default"
_SHIPPED_FOLDER = Path(__file__).parent / SHIPPED


@dataclass(frozen=True, slots=True)
class Adapter:
    """Low-rank update of the encoder's linear layers: weight + (alpha / rank) * B @ A."""

    rank: int
    alpha: float


@dataclass(frozen=True, slots=True)
class Description:
    """Everything about a checkpoint except its tensors."""

    base: str  # as given to resolve_base
    base_sha256: str  # of the base's weight file
    max_tokens: int  # longest input, special tokens included
    thresholds: dict[str, float]  # calibrated probability from which a label is given
    calibration: dict[str, tuple[float, float]]  # per label: probability = sigmoid(scale * logit + shift)
    adapter: Adapter | None
    labels: tuple[str, ...] = LABELS  # their order is the order of every array
    flagging: tuple[str, ...] = default_flagging(LABELS)  # labels that raise a flag
    pooling: str = "mean"
    length_corrections: dict[str, float] = field(default_factory=dict)  # of article scores, see article.py
    data_sha256: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    weights_sha256: str = ""
    format: int = FORMAT

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(
                f"expected checkpoint format {FORMAT}, found {self.format}; use the matching tocsin version"
            )
        check_label_set(self.labels, self.flagging)
        if self.pooling != "mean":
            raise ValueError(f"expected pooling 'mean', found {self.pooling!r}; use the matching tocsin version")
        for name, table in (("thresholds", self.thresholds), ("calibration", self.calibration)):
            if set(table) != set(self.labels):
                raise ValueError(
                    f"expected {name} for {list(self.labels)}, found {sorted(table)}; restore {DESCRIPTION}"
                )
        for label, value in self.thresholds.items():
            if not 0.0 < value < 1.0:
                raise ValueError(f"expected a threshold between 0 and 1 for {label}, found {value}")

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits that change with the weights, the thresholds or any other field."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def resolve_checkpoint(name: str) -> Path:
    """Folder of the checkpoint called ``name``: the shipped one or a local path.

    FileNotFoundError says what was tried.
    """
    folder = _SHIPPED_FOLDER if name == SHIPPED else Path(name).expanduser()
    if not (folder / DESCRIPTION).is_file():
        raise FileNotFoundError(
            f"expected a checkpoint folder with {DESCRIPTION} at {folder}, found none; "
            f"give a folder written by 'tocsin train', or {SHIPPED!r} for the shipped weights"
        )
    return folder


def save_checkpoint(folder: Path, description: Description, tensors: dict[str, torch.Tensor]) -> Description:
    """The description as written, with the hash of the weights.

    Both files are written under temporary names first, the description last, so that a folder is never half new.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".saving-", dir=folder) as name:
        work = Path(name)
        plain = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
        save_file(plain, work / WEIGHTS, metadata={"labels": ",".join(description.labels)})
        written = dataclasses.replace(description, weights_sha256=file_sha256(work / WEIGHTS))
        text = json.dumps(dataclasses.asdict(written), indent=1, ensure_ascii=False)
        (work / DESCRIPTION).write_text(text + "\n", encoding="utf-8")
        for file_name in (WEIGHTS, DESCRIPTION):
            (work / file_name).chmod(0o644)  # safetensors writes private files, which others could not load
            os.replace(work / file_name, folder / file_name)
    return written


def load_checkpoint(folder: Path) -> tuple[Description, dict[str, torch.Tensor]]:
    """Description and tensors of a folder; ValueError when a file is damaged or does not fit."""
    path = folder / WEIGHTS
    description = read_description(folder)
    if not path.is_file():
        raise FileNotFoundError(
            f"expected {WEIGHTS} beside {DESCRIPTION} in {folder}, found none; copy the whole folder"
        )
    found = file_sha256(path)
    if found != description.weights_sha256:
        raise ValueError(
            f"expected {path} with SHA-256 {description.weights_sha256}, found {found}; "
            "the file is damaged, fetch it again"
        )
    try:
        with safe_open(path, framework="pt") as opened:
            labels = (opened.metadata() or {}).get("labels", ",".join(LABELS))
        if labels != ",".join(description.labels):
            raise ValueError(
                f"expected the labels {labels}, in the order of the weights, found {','.join(description.labels)}; "
                f"restore {DESCRIPTION}"
            )
        return description, load_file(path)
    except SafetensorError as error:
        raise ValueError(f"expected safetensors in {path}, found {error}; fetch the file again") from error


def read_description(folder: Path) -> Description:
    """The description of a checkpoint folder without its tensors; ValueError when it is damaged or does not fit."""
    path = folder / DESCRIPTION
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        adapter = fields.pop("adapter")
        calibration = {label: (float(pair[0]), float(pair[1])) for label, pair in fields.pop("calibration").items()}
        fields |= {key: tuple(fields[key]) for key in ("labels", "flagging") if key in fields}
        return Description(**fields, calibration=calibration, adapter=Adapter(**adapter) if adapter else None)
    except (KeyError, TypeError, AttributeError, IndexError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"expected a checkpoint description in {path}, found {error}; fetch the file again") from error
