"""Which rows an epoch sees, in which batches, and how their texts are rewritten.

Everything is a function of (seed, epoch), so that a run that was killed goes on with exactly the batches that it would
have seen.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import Sampler
from transformers import PreTrainedTokenizerBase

from tocsin.model.classifier import pad
from tocsin.model.languages import code_of
from tocsin.model.model_text import model_text
from tocsin.training.augment import augmented
from tocsin.training.config import TrainConfig

BUCKET_BATCHES = 50  # rows are shuffled, then sorted by length inside a window of this many batches
Key = tuple[int, int]  # epoch, row


def row_weights(rows: Dataset, config: TrainConfig) -> list[float]:
    """How much likelier each row is to be drawn than others of its source: by language and by its positive labels."""
    weights = []
    for lang, known in zip(rows["lang"], rows["targets"], strict=True):
        weight = config.language_weights.get(lang, 1.0)
        for label, value in zip(config.labels, known, strict=True):
            weight *= config.positive_weights.get(label, 1.0) if value == 1 else 1.0
        weights.append(weight)
    return weights


def epoch_rows(
    sources: Sequence[str], config: TrainConfig, rng: random.Random, weights: Sequence[float] | None = None
) -> list[int]:
    """Row numbers of one epoch: each source repeated, or a fresh subset of it drawn by weight without replacement."""
    by_source: dict[str, list[int]] = {}
    for row, source in enumerate(sources):
        by_source.setdefault(source, []).append(row)
    chosen: list[int] = []
    for source in sorted(by_source):
        options, rows = config.sources[source], by_source[source]
        if options.max_rows is not None and len(rows) > options.max_rows:
            # The largest u ** (1 / w) are a weighted sample without replacement (Efraimidis and Spirakis 2006).
            keys = {row: rng.random() ** (1.0 / (weights[row] if weights else 1.0)) for row in rows}
            rows = sorted(rows, key=lambda row: -keys[row])[: options.max_rows]
        chosen.extend(rows * options.repeat)
    return chosen


def length_batches(
    units: Sequence[Sequence[int]], lengths: Sequence[int], size: int, rng: random.Random
) -> list[list[int]]:
    """Batches of ``size`` rows of similar length in random order; units (twins) stay together but at a batch's edge.

    The number of batches is always the number of rows over ``size``, rounded up.
    """
    shuffled = list(units)
    rng.shuffle(shuffled)
    window = size * BUCKET_BATCHES
    rows: list[int] = []
    waiting: list[Sequence[int]] = []
    for unit in [*shuffled, ()]:
        waiting.append(unit)
        if not unit or sum(map(len, waiting)) >= window:
            ordered = sorted(waiting, key=lambda members: max((lengths[row] for row in members), default=0))
            rows += [row for members in ordered for row in members]
            waiting = []
    batches = [rows[at : at + size] for at in range(0, len(rows), size)]
    rng.shuffle(batches)
    return batches


class EpochBatches(Sampler[list[Key]]):
    """Batches of (epoch, row) of the epoch that ``set_epoch`` names; twins share one where their loss is asked for."""

    def __init__(self, rows: Dataset, lengths: Sequence[int], config: TrainConfig) -> None:
        self.epoch = 0
        self._config, self._lengths = config, lengths
        self._sources, self._groups = list(rows["source"]), list(rows["group"])
        self._weights = row_weights(rows, config)
        self._size = math.ceil(len(epoch_rows(self._sources, config, random.Random(0))) / config.batch_rows)

    def __len__(self) -> int:
        return self._size

    def set_epoch(self, epoch: int) -> None:
        """The epoch whose batches come next."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[Key]]:
        rng = random.Random(f"{self._config.seed}/{self.epoch}")
        chosen = epoch_rows(self._sources, self._config, rng, self._weights)
        units = self._units(chosen) if self._config.twin_weight else [[row] for row in chosen]
        for batch in length_batches(units, self._lengths, self._config.batch_rows, rng):
            yield [(self.epoch, row) for row in batch]

    def _units(self, chosen: Sequence[int]) -> list[list[int]]:
        """Rows of one near-twin pair together, as often as the epoch repeats them; every other row alone."""
        units: dict[tuple[str, int], list[int]] = {}
        times: dict[int, int] = {}
        for row in chosen:
            times[row] = times.get(row, 0) + 1
            name = self._groups[row] if is_pair(self._groups[row]) else f"\0{row}"
            units.setdefault((name, times[row]), []).append(row)
        return list(units.values())


def is_pair(group: str) -> bool:
    """Whether a group's name is that of a near-twin pair ("en-1-p7")."""
    head, dash, tail = group.rpartition("-p")
    return bool(head and dash and tail.isdigit())


class TrainingTexts(TorchDataset[dict[str, Any]]):
    """Training rows by (epoch, row): the text as this epoch rewrites it, tokenised, with targets and group."""

    def __init__(self, rows: Dataset, tokenizer: PreTrainedTokenizerBase, config: TrainConfig) -> None:
        self._texts, self._langs, self._groups = list(rows["text"]), list(rows["lang"]), list(rows["group"])
        self._targets = np.array(list(rows["targets"]), dtype=np.int64).reshape(-1, len(config.labels))
        self._tokenizer, self._config = tokenizer, config

    def __len__(self) -> int:
        return len(self._texts)

    def encoded(self) -> list[list[int]]:
        """Token ids of each text before it is rewritten, at most ``train_max_tokens``."""
        return self._encode(self._texts)

    def lengths(self) -> list[int]:
        """Tokens of each text before it is rewritten, at most ``train_max_tokens``."""
        return [len(ids) for ids in self.encoded()]

    def __getitem__(self, key: Key | int) -> dict[str, Any]:
        epoch, row = key if isinstance(key, tuple) else (None, key)
        text = self._texts[row]
        if epoch is not None:
            rng = random.Random(f"{self._config.seed}/{epoch}/{row}")
            text = model_text(augmented(text, self._config.augmentation, rng), code_of(self._langs[row])) or text
        return {"ids": self._encode([text])[0], "targets": self._targets[row], "group": self._groups[row]}

    def _encode(self, texts: list[str]) -> list[list[int]]:
        if not texts:
            return []
        encoded = self._tokenizer(texts, truncation=True, max_length=self._config.train_max_tokens)
        ids: list[list[int]] = encoded["input_ids"]
        return ids


def collate(rows: Sequence[dict[str, Any]], pad_id: int) -> dict[str, torch.Tensor]:
    """Padded token ids, attention mask, targets (n, n_labels), and row numbers of the batch's twins (n_pairs, 2)."""
    inputs, mask = pad([row["ids"] for row in rows], pad_id)
    members: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        if is_pair(row["group"]):
            members.setdefault(row["group"], []).append(number)
    twins = [numbers[:2] for numbers in members.values() if len(numbers) >= 2]
    return {
        "input_ids": inputs,
        "attention_mask": mask,
        "targets": torch.tensor(np.array([row["targets"] for row in rows])),
        "pairs": torch.tensor(twins, dtype=torch.long).reshape(-1, 2),
    }
