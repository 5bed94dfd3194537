"""The classifier: calibrated probabilities of its labels for sentences, and scores for whole articles."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from transformers import PreTrainedTokenizerBase

from tocsin.model import base as bases
from tocsin.model.article import ArticleScore, assemble, prepare
from tocsin.model.checkpoint import Description, load_checkpoint, resolve_checkpoint, save_checkpoint
from tocsin.model.model_text import model_text
from tocsin.model.network import RhetoricNetwork, load_tensors

Array = npt.NDArray[np.float64]
PRECISIONS = ("fp32", "bf16")
DEFAULT_BATCH_TOKENS = 2048  # padded tokens; on CPU 4096 were a sixth slower, since they leave the cache


class RhetoricClassifier:
    """A trained network with its tokenizer, calibration and thresholds.

    Scores do not depend on the other sentences of a call beyond floating-point noise (below 1e-5 in float32; bf16 is
    faster on some processors but moves scores by up to 1e-2 with the batch, so it is not the default).
    """

    def __init__(
        self,
        network: RhetoricNetwork,
        tokenizer: PreTrainedTokenizerBase,
        description: Description,
        *,
        name: str = "unsaved",
        device: str | torch.device | None = None,
        precision: str = "fp32",
        tensors: dict[str, torch.Tensor] | None = None,
    ) -> None:
        if precision not in PRECISIONS:
            raise ValueError(f"expected precision {' or '.join(PRECISIONS)}, found {precision!r}")
        self.device = resolve_device(device)
        self.network = network.to(self.device).eval()
        self.tokenizer = tokenizer
        self.description = description
        self.precision = precision
        self._name = name
        self._tensors = tensors
        self._scale = np.array([description.calibration[label][0] for label in self.labels])
        self._shift = np.array([description.calibration[label][1] for label in self.labels])

    @classmethod
    def from_pretrained(
        cls, name: str | Path = "default", *, device: str | torch.device | None = None, precision: str = "fp32"
    ) -> RhetoricClassifier:
        """The classifier saved in a folder, or the shipped one ("default").

        Hashes of weights and base are verified and no network is used. Raises FileNotFoundError when something is
        missing and ValueError when it does not fit.
        """
        folder = resolve_checkpoint(str(name))
        description, tensors = load_checkpoint(folder)
        base_folder = bases.resolve_base(description.base)
        with ThreadPoolExecutor(max_workers=1) as beside:  # hashing takes as long as reading the tokenizer
            hashing = beside.submit(bases.file_sha256, base_folder / bases.WEIGHTS)
            tokenizer = bases.load_tokenizer(base_folder)
            found = hashing.result()
        if found != description.base_sha256:
            raise ValueError(
                f"expected the base {description.base!r} with SHA-256 {description.base_sha256}, found {found} "
                f"in {base_folder}; delete that folder so that it is made again, or use the base of the training run"
            )
        network = RhetoricNetwork(bases.load_encoder(base_folder), len(description.labels))
        adapter = description.adapter
        load_tensors(network, tensors, adapter.alpha / adapter.rank if adapter else None)
        return cls(
            network, tokenizer, description, name=folder.name, device=device, precision=precision, tensors=tensors
        )

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the checkpoint, in the compact form in which it was trained or loaded."""
        tensors = self._tensors
        if tensors is None:
            tensors = dict(self.network.state_dict())
        self.description = save_checkpoint(Path(folder), self.description, tensors)
        self._name = Path(folder).name

    @property
    def model_id(self) -> str:
        """Folder name and fingerprint, as written into every output record."""
        return f"{self._name}@{self.description.fingerprint}"

    @property
    def tensors(self) -> dict[str, torch.Tensor] | None:
        """The trained tensors in the compact form of a checkpoint; None when the whole network was trained."""
        return self._tensors

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of every array's columns."""
        return tuple(self.description.labels)

    @property
    def thresholds(self) -> dict[str, float]:
        """Calibrated probability from which each label is given, in the order of the labels."""
        return {label: self.description.thresholds[label] for label in self.labels}

    def with_thresholds(self, changes: Mapping[str, float]) -> RhetoricClassifier:
        """A classifier that shares these weights but gives the named labels from other probabilities."""
        if unknown := sorted(set(changes) - set(self.labels)):
            raise ValueError(f"expected one of the labels {', '.join(self.labels)}, found {unknown[0]!r}")
        thresholds = self.thresholds | dict(changes)
        return RhetoricClassifier(
            self.network,
            self.tokenizer,
            dataclasses.replace(self.description, thresholds=thresholds),
            name=self._name,
            device=self.device,
            precision=self.precision,
            tensors=self._tensors,
        )

    def predict_proba(self, sentences: Sequence[str], *, batch_tokens: int = DEFAULT_BATCH_TOKENS) -> Array:
        """Calibrated probabilities, ndarray of shape (n_sentences, n_labels), columns in the order of ``labels``.

        Sentences are normalised first (model_text.py), so raw text is fine. Empty input gives shape (0, n_labels).
        """
        return self.predict_clean([model_text(sentence) for sentence in sentences], batch_tokens=batch_tokens)

    def predict_clean(self, sentences: Sequence[str], *, batch_tokens: int = DEFAULT_BATCH_TOKENS) -> Array:
        """The same for sentences that are the network's text already (``Sentence.clean``, or ``model_text``)."""
        return self.calibrate(self.predict_logits(sentences, batch_tokens=batch_tokens))

    def calibrate(self, logits: Array) -> Array:
        """Probabilities for raw logits of shape (n, n_labels)."""
        probabilities: Array = 1.0 / (1.0 + np.exp(-np.clip(self._scale * logits + self._shift, -60.0, 60.0)))
        return probabilities

    def predict_logits(self, sentences: Sequence[str], *, batch_tokens: int = DEFAULT_BATCH_TOKENS) -> Array:
        """Raw logits of shape (n_sentences, n_labels) for sentences that are clean already."""
        return self.predict_encoded(self.encode(sentences), batch_tokens=batch_tokens)

    def predict_encoded(self, ids: Sequence[list[int]], *, batch_tokens: int = DEFAULT_BATCH_TOKENS) -> Array:
        """Raw logits of shape (n, n_labels) for token ids as ``encode`` gives them."""
        logits = np.zeros((len(ids), len(self.labels)), dtype=np.float64)
        for rows in token_batches([len(row) for row in ids], batch_tokens):
            logits[rows] = self._forward([ids[row] for row in rows])
        return logits

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        """Token ids of each sentence, cut at the model's maximum length."""
        if not sentences:
            return []
        encoded = self.tokenizer(list(sentences), truncation=True, max_length=self.description.max_tokens)
        ids: list[list[int]] = encoded["input_ids"]
        return ids

    def _forward(self, ids: list[list[int]]) -> Array:
        inputs, mask = pad(ids, int(self.tokenizer.pad_token_id))
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16"),
        ):
            logits = self.network(inputs.to(self.device), mask.to(self.device))
        result: Array = logits.float().cpu().numpy().astype(np.float64)
        return result

    def score(
        self, text: str, *, title: str | None = None, language: str | None = None, any_language: bool = False
    ) -> ArticleScore:
        """Scores of one article with the sentences behind them; ``tocsin score`` makes its records from it."""
        article = prepare(text, title=title, language=language, any_language=any_language)
        probabilities = self.predict_clean([sentence.clean for sentence in article.sentences])
        return assemble(
            article,
            probabilities,
            self.thresholds,
            flagging=self.description.flagging,
            corrections=self.description.length_corrections,
        )


def resolve_device(device: str | torch.device | None) -> torch.device:
    """The device asked for, else a GPU when there is one, else the CPU; ValueError when it does not exist."""
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(f"expected a device of this machine such as cpu or cuda:0, found {str(device)!r}") from error
    return chosen


def pad(ids: Sequence[Sequence[int]], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask, both of shape (n, longest)."""
    lengths = np.array([len(row) for row in ids])
    mask = np.arange(lengths.max()) < lengths[:, None]
    inputs = np.full(mask.shape, pad_id, dtype=np.int64)
    inputs[mask] = np.fromiter(chain.from_iterable(ids), dtype=np.int64, count=lengths.sum())
    return torch.from_numpy(inputs), torch.from_numpy(mask.astype(np.int64))


def token_batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Row numbers in batches of similar length, each of at most ``batch_tokens`` padded tokens (one row at least)."""
    if batch_tokens < 1:
        raise ValueError(f"expected batch_tokens of at least 1, found {batch_tokens}")
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda index: lengths[index]):
        if batch and lengths[row] * (len(batch) + 1) > batch_tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
