"""A training run from configuration to checkpoint, and the report on a checkpoint."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from pathlib import Path

import numpy as np
import torch

from tocsin.model import LABELS, RhetoricClassifier
from tocsin.model.base import WEIGHTS, file_sha256, load_encoder, load_tokenizer, resolve_base
from tocsin.model.checkpoint import Adapter, Description
from tocsin.model.network import RhetoricNetwork, load_tensors
from tocsin.training.calibrate import Floats, as_targets, choose_thresholds, fit_calibration
from tocsin.training.config import TrainConfig
from tocsin.training.evaluate import SOBER_SOURCES, evaluate, score_rows, twin_accuracy
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
    targets, sources = as_targets(rows["targets"]), np.array(rows["source"])
    chosen = (
        sources == CALIBRATION_SOURCE if CALIBRATION_SOURCE in config.sources else np.ones(len(sources), dtype=bool)
    )
    calibration = fit_calibration(logits[chosen], targets[chosen])
    description = dataclasses.replace(classifier.description, calibration=calibration)
    calibrated = RhetoricClassifier(
        classifier.network,
        classifier.tokenizer,
        description,
        device=classifier.device,
        tensors=classifier.tensors,
    )
    probabilities = calibrated.calibrate(logits)
    sober = probabilities[np.isin(sources, sorted(SOBER_SOURCES))]
    thresholds = choose_thresholds(
        probabilities[chosen], targets[chosen], sober, max_false_alarms=config.max_false_alarms
    )
    return calibrated.with_thresholds(thresholds)


def report(classifier: RhetoricClassifier, config: TrainConfig, *, split: str = TEST) -> dict[str, float]:
    """Metrics of a classifier on the validation or test rows of a configuration's sources."""
    if split not in (VALIDATION, TEST):
        raise ValueError(f"expected split {VALIDATION!r} or {TEST!r}, found {split!r}")
    mixture = build_mixture(config)
    scored = score_rows(classifier, mixture.test if split == TEST else mixture.validation)
    metrics = evaluate(scored, classifier.thresholds)
    accuracy, pairs = twin_accuracy(scored, classifier.thresholds)
    return metrics | {"twins/both_right": accuracy, "twins/pairs": float(pairs)}


def _portable(config: TrainConfig) -> dict[str, object]:
    """The configuration without folders of the machine it ran on."""
    values = config.as_dict()
    start = values.pop("start_from")
    del values["corpora"]
    return values | {"start_from": Path(start).name if start else None}
