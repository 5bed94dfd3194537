"""A training run from configuration to checkpoint, and the report on a checkpoint."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from datasets import Dataset

from tocsin.model import LABELS, RhetoricClassifier
from tocsin.model.base import WEIGHTS, file_sha256, load_encoder, load_tokenizer, resolve_base
from tocsin.model.checkpoint import Adapter, Description
from tocsin.model.network import RhetoricNetwork, load_tensors
from tocsin.training.baseline import NgramBaseline
from tocsin.training.calibrate import Floats, as_targets, choose_thresholds, fit_calibration
from tocsin.training.config import TrainConfig
from tocsin.training.evaluate import SOBER_SOURCES, Scorer, evaluate, score_rows, twins
from tocsin.training.example import TEST, VALIDATION
from tocsin.training.fit import Progress, fit, say
from tocsin.training.mixture import Mixture, build_mixture

VERSIONED = ("torch", "transformers", "peft", "datasets", "scikit-learn", "tokenizers", "numpy")
CALIBRATION_SOURCE = "tocsin-regional"  # the only source in news register with all four labels known


def train(config: TrainConfig, out: Path, *, device: str | None = None, progress: Progress = say) -> RhetoricClassifier:
    """Train, calibrate and save; the classifier as it was saved in ``out``."""
    mixture = build_mixture(config)
    progress(f"rows: train {len(mixture.train)}, validation {len(mixture.validation)}, test {len(mixture.test)}")
    progress(f"left out: {mixture.dropped}")
    tensors = fit(config, mixture, device=device, progress=progress)
    classifier = make_classifier(config, tensors, mixture.sha256, device=device)
    calibrated = calibrate(classifier, mixture, config)
    calibrated.save_pretrained(out)
    progress(f"saved {out} as {calibrated.model_id}, thresholds {calibrated.thresholds}")
    return calibrated


def make_classifier(
    config: TrainConfig, tensors: dict[str, torch.Tensor], data_sha256: str, *, device: str | None = None
) -> RhetoricClassifier:
    """A classifier from trained tensors, not yet calibrated."""
    base = resolve_base(config.base, allow_download=config.allow_download)
    description = Description(
        base=config.base,
        base_sha256=file_sha256(base / WEIGHTS),
        max_tokens=config.max_tokens,
        thresholds=dict.fromkeys(LABELS, 0.5),
        calibration=dict.fromkeys(LABELS, (1.0, 0.0)),
        adapter=Adapter(config.lora_rank, config.lora_alpha),
        data_sha256=data_sha256,
        versions={name: importlib.metadata.version(name) for name in VERSIONED},
        training=_portable(config),
    )
    network = RhetoricNetwork(load_encoder(base))
    load_tensors(network, tensors, config.lora_alpha / config.lora_rank)
    return RhetoricClassifier(network, load_tokenizer(base), description, device=device, tensors=tensors)


def calibrate(classifier: RhetoricClassifier, mixture: Mixture, config: TrainConfig) -> RhetoricClassifier:
    """The classifier with calibration and thresholds from the validation rows.

    Calibration follows the regional corpus where the configuration has it, all validation rows otherwise. Sober rows
    bound the false alarms.
    """
    rows = mixture.validation
    logits: Floats = classifier.predict_logits(rows["text"])
    chosen = _calibration_rows(np.array(rows["source"]), config)
    calibration = fit_calibration(logits[chosen], as_targets(rows["targets"])[chosen])
    description = dataclasses.replace(classifier.description, calibration=calibration)
    calibrated = RhetoricClassifier(
        classifier.network,
        classifier.tokenizer,
        description,
        device=classifier.device,
        tensors=classifier.tensors,
    )
    return calibrated.with_thresholds(_thresholds(calibrated.calibrate(logits), rows, config))


def report(
    classifier: RhetoricClassifier, config: TrainConfig, *, split: str = TEST, baseline: bool = False
) -> dict[str, float]:
    """Metrics of a classifier on the validation or test rows of a configuration's sources.

    With ``baseline``, those of n-grams trained on the same rows stand beside them under "baseline/…", at thresholds
    chosen on validation rows in the same way.
    """
    if split not in (VALIDATION, TEST):
        raise ValueError(f"expected split {VALIDATION!r} or {TEST!r}, found {split!r}")
    mixture = build_mixture(config)
    rows = mixture.test if split == TEST else mixture.validation
    metrics = _metrics(classifier, classifier.thresholds, rows)
    if baseline:
        ngrams = NgramBaseline().fit(mixture.train)
        thresholds = _thresholds(ngrams.predict_proba(list(mixture.validation["text"])), mixture.validation, config)
        metrics |= {f"baseline/{name}": value for name, value in _metrics(ngrams, thresholds, rows).items()}
    return metrics


def _metrics(scorer: Scorer, thresholds: dict[str, float], rows: Dataset) -> dict[str, float]:
    scored = score_rows(scorer, rows)
    return evaluate(scored, thresholds) | twins(scored, thresholds)


def _calibration_rows(sources: npt.NDArray[np.str_], config: TrainConfig) -> npt.NDArray[np.bool_]:
    chosen: npt.NDArray[np.bool_] = np.ones(len(sources), dtype=bool)
    if CALIBRATION_SOURCE in config.sources:
        chosen = sources == CALIBRATION_SOURCE
    return chosen


def _thresholds(probabilities: Floats, rows: Dataset, config: TrainConfig) -> dict[str, float]:
    sources = np.array(rows["source"])
    chosen = _calibration_rows(sources, config)
    sober = probabilities[np.isin(sources, sorted(SOBER_SOURCES))]
    return choose_thresholds(
        probabilities[chosen], as_targets(rows["targets"])[chosen], sober, max_false_alarms=config.max_false_alarms
    )


def _portable(config: TrainConfig) -> dict[str, object]:
    """The configuration without folders of the machine it ran on."""
    values = config.as_dict()
    start = values.pop("start_from")
    del values["corpora"]
    return values | {"start_from": Path(start).name if start else None}
