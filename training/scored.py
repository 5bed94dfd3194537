"""Labelled rows with the probabilities that some scorer gave them: what every measurement starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from datasets import Dataset

from tocsin.model.labels import default_flagging
from tocsin.training.example import UNKNOWN

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Strings = npt.NDArray[np.str_]


class Scorer(Protocol):
    """Anything that gives probabilities: the classifier, or a baseline."""

    def predict_proba(self, sentences: Sequence[str], /) -> Floats:
        """Probabilities for sentences as printed, shape (n, n_labels)."""

    def predict_clean(self, sentences: Sequence[str], /) -> Floats:
        """The same for the rows of a mixture, which are as the network reads them."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows of a data set and their probabilities; every array's first dimension is the row.

    ``targets`` are 1, 0 or UNKNOWN. ``groups`` names documents, pairs and passages, ``kinds`` the device or kind of
    calm text, ``attributions`` whose words they are; the last two are "" where a source does not say.
    """

    labels: tuple[str, ...]
    probabilities: Floats  # shape (n, n_labels)
    targets: Ints  # shape (n, n_labels)
    texts: Strings
    langs: Strings
    sources: Strings
    groups: Strings
    kinds: Strings
    attributions: Strings

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Mask) -> Scored:
        """The chosen rows alone."""
        parts = {name: getattr(self, name)[rows] for name in self.__slots__ if name != "labels"}
        return Scored(self.labels, **parts)

    def known(self, label: str) -> tuple[Floats, Ints]:
        """Probabilities and truth of one label on the rows that decide it."""
        column = self.labels.index(label)
        decided = self.targets[:, column] != UNKNOWN
        return self.probabilities[decided, column], self.targets[decided, column]

    def reached(self, thresholds: Mapping[str, float]) -> Mask:
        """Which labels are given, shape (n, n_labels)."""
        given: Mask = self.probabilities >= np.array([thresholds[label] for label in self.labels])
        return given

    def flagged(self, labels: Mask) -> Mask:
        """Rows with any of the labels that raise a flag, for a mask of shape (n, n_labels)."""
        return np.asarray(labels[:, self.flagging].any(axis=1), dtype=np.bool_)

    @property
    def flagging(self) -> list[int]:
        """Columns of the labels that raise a flag by default."""
        return [self.labels.index(label) for label in default_flagging(self.labels)]


def score_rows(scorer: Scorer, rows: Dataset, labels: tuple[str, ...]) -> Scored:
    """Probabilities of every row of a data set made by ``build_mixture``."""
    return label_rows(rows, labels, scorer.predict_clean(list(rows["text"])))


def label_rows(rows: Dataset, labels: tuple[str, ...], probabilities: Floats) -> Scored:
    """The same for probabilities that are known already, shape (n, n_labels)."""
    texts = list(rows["text"])
    columns = {
        field: np.array([str(value) for value in rows[name]], dtype=np.str_)
        for field, name in (
            ("langs", "lang"),
            ("sources", "source"),
            ("groups", "group"),
            ("kinds", "kind"),
            ("attributions", "attribution"),
        )
    }
    targets = np.array(list(rows["targets"]), dtype=np.int64).reshape(-1, len(labels))
    return Scored(labels, probabilities, targets, np.array(texts, dtype=np.str_), **columns)
