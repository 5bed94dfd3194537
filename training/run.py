"""A training run from configuration to checkpoint, with calibration and thresholds; and runs over several seeds."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset

from tocsin.model import RhetoricClassifier
from tocsin.model.base import WEIGHTS, file_sha256, load_encoder, load_tokenizer, resolve_base
from tocsin.model.checkpoint import Description, read_description
from tocsin.model.network import RhetoricNetwork, load_tensors
from tocsin.training.articles import fit_length_correction, make_articles
from tocsin.training.calibrate import choose_thresholds, fit_calibration
from tocsin.training.config import TrainConfig
from tocsin.training.evaluate import PRESUMED_CALM_SOURCES, SOBER_SOURCES, headline, label_metrics
from tocsin.training.fit import adapter_of, fit
from tocsin.training.mixture import Mixture, build_mixture, validation_rows
from tocsin.training.ngrams import fit_ngrams
from tocsin.training.scored import Floats, Scored, label_rows, score_rows

VERSIONED = ("torch", "transformers", "accelerate", "peft", "datasets", "scikit-learn", "tokenizers", "numpy")
CONFIG, SEEDS = "config.json", "seeds.json"
AFTER_TRAINING = frozenset({"ngram_share", "max_false_alarms", "target_precision", "calibrate_on", "report_to"})

Progress = Callable[[str], None]


def say(message: str) -> None:
    """Print progress to standard error, where it does not mix with results."""
    print(message, file=sys.stderr, flush=True)


def train(
    config: TrainConfig, out: Path, *, device: str | None = None, resume: bool = False, progress: Progress = say
) -> RhetoricClassifier:
    """Train, calibrate and save; the classifier as it was saved in ``out``.

    The configuration used is saved beside it before training begins. ValueError when ``resume`` finds one that would
    give other weights, or other data.
    """
    mixture = build_mixture(config)
    _save_config(config, mixture, out, resume=resume)
    progress(f"rows: train {len(mixture.train)}, validation {len(mixture.validation)}, test {len(mixture.test)}")
    progress(f"left out: {mixture.dropped}")
    tensors = fit(config, mixture, out, device=device, resume=resume)
    if config.ngram_share:
        tensors |= fit_ngrams(config, mixture.train)
    classifier = make_classifier(config, tensors, mixture.sha256, device=device)
    classifier.save_pretrained(out)  # an hour's work is safe even if no thresholds can be found
    calibrated = calibrate(classifier, mixture, config, progress=progress)
    calibrated.save_pretrained(out)
    progress(f"saved {out} as {calibrated.model_id}, thresholds {calibrated.thresholds}")
    return calibrated


def train_seeds(
    config: TrainConfig, seeds: Sequence[int], out: Path, *, device: str | None = None, progress: Progress = say
) -> dict[str, float]:
    """Train one run a seed into ``out``/seed-N; mean and standard deviation of what validation says of each label."""
    if len(seeds) < 2:
        raise ValueError(f"expected at least two seeds for a standard deviation, found {list(seeds)}; add one")
    runs = []
    for seed in seeds:
        chosen = dataclasses.replace(config, seed=seed)
        classifier = train(chosen, out / f"seed-{seed}", device=device, progress=progress)
        rows = validation_rows(build_mixture(chosen), config)
        scored = score_rows(classifier, rows, config.labels)
        runs.append(headline(label_metrics(scored, classifier.thresholds, "validation", intervals=False)))
    names = sorted(set.intersection(*(set(values) for values in runs)))
    summary = {f"{name}/mean": float(np.mean([values[name] for values in runs])) for name in names}
    summary |= {f"{name}/sd": float(np.std([values[name] for values in runs], ddof=1)) for name in names}
    (out / SEEDS).write_text(json.dumps({"seeds": list(seeds), "runs": runs, "summary": summary}, indent=1) + "\n")
    return summary


def make_classifier(
    config: TrainConfig, tensors: dict[str, torch.Tensor], data_sha256: str, *, device: str | None = None
) -> RhetoricClassifier:
    """A classifier from trained tensors, not yet calibrated."""
    base = resolve_base(config.base, allow_download=config.allow_download)
    adapter = adapter_of(config)
    description = Description(
        base=config.base,
        base_sha256=file_sha256(base / WEIGHTS),
        max_tokens=config.max_tokens,
        thresholds=dict.fromkeys(config.labels, 0.5),
        calibration=dict.fromkeys(config.labels, (1.0, 0.0)),
        adapter=adapter,
        labels=config.labels,
        flagging=config.flagging,
        data_sha256=data_sha256,
        versions={name: importlib.metadata.version(name) for name in VERSIONED},
        training=config.as_dict() | ({"parent": parent.training} if (parent := parent_of(config)) else {}),
    )
    network = RhetoricNetwork(load_encoder(base), len(config.labels))
    load_tensors(network, tensors, adapter.alpha / adapter.rank if adapter else None)
    return RhetoricClassifier(network, load_tokenizer(base), description, device=device, tensors=tensors)


def calibrate(
    classifier: RhetoricClassifier, mixture: Mixture, config: TrainConfig, *, progress: Progress = say
) -> RhetoricClassifier:
    """The classifier with calibration, thresholds and article corrections from the validation rows.

    Calibration follows the source that the configuration names, all validation rows where it is absent. Sober rows
    bound the false alarms. A label with too few rows keeps what the checkpoint had that training started from.
    """
    rows = _deciding_rows(mixture, config)
    logits: Floats = classifier.predict_logits(list(rows["text"]))
    targets = np.array(list(rows["targets"]), dtype=np.int64).reshape(-1, len(config.labels))
    chosen = np.array([source == config.calibrate_on for source in rows["source"]], dtype=bool)
    chosen = chosen if chosen.any() else np.ones(len(rows), dtype=bool)
    fitted = fit_calibration(logits[chosen], targets[chosen], config.labels)
    parent = parent_of(config)
    if missing := [label for label in config.labels if label not in fitted]:
        kept = "kept from the parent" if parent else "left at scale 1 and threshold 0.5"
        progress(f"too few validation rows to calibrate {', '.join(missing)}: {kept}")
    before = parent.calibration if parent else dict.fromkeys(config.labels, (1.0, 0.0))
    calibrated = _described(classifier, calibration=dict(before) | fitted)
    scored = label_rows(rows, config.labels, calibrated.calibrate(logits))
    thresholds = thresholds_of(scored, config)
    thresholds |= {label: parent.thresholds[label] for label in missing} if parent else {}
    articles = scored.take(np.isin(scored.sources, [config.calibrate_on, *PRESUMED_CALM_SOURCES]))
    corrections = fit_length_correction(make_articles(articles))
    if parent and not any(corrections.values()):
        corrections = dict(parent.length_corrections)
    return _described(calibrated, thresholds=thresholds, length_corrections=corrections)


def parent_of(config: TrainConfig) -> Description | None:
    """Description of the checkpoint that training starts from."""
    return read_description(Path(config.start_from)) if config.start_from else None


def thresholds_of(validation: Scored, config: TrainConfig) -> dict[str, float]:
    """Thresholds from scored validation rows, after the configuration's bound on false alarms."""
    chosen = validation.sources == config.calibrate_on
    sober = np.isin(validation.sources, sorted(SOBER_SOURCES))
    sober &= ~validation.flagged(validation.targets == 1)  # a few sober sentences do carry a label
    return choose_thresholds(
        validation.take(chosen) if chosen.any() else validation,
        validation.probabilities[sober],
        max_false_alarms=config.max_false_alarms,
        flagging=config.flagging,
        precision=config.target_precision,
    )


def _deciding_rows(mixture: Mixture, config: TrainConfig) -> Dataset:
    """Validation rows that calibration, thresholds or article corrections look at."""
    wanted = {config.calibrate_on, *PRESUMED_CALM_SOURCES}
    sources = list(mixture.validation["source"])
    if config.calibrate_on not in sources:
        return mixture.validation
    return mixture.validation.select([row for row, source in enumerate(sources) if source in wanted])


def _described(classifier: RhetoricClassifier, **changes: Any) -> RhetoricClassifier:  # noqa: ANN401 - fields of Description
    return RhetoricClassifier(
        classifier.network,
        classifier.tokenizer,
        dataclasses.replace(classifier.description, **changes),
        device=classifier.device,
        tensors=classifier.tensors,
    )


def _save_config(config: TrainConfig, mixture: Mixture, out: Path, *, resume: bool) -> None:
    """Settings that only choose thresholds may change between a run and its resumption."""
    out.mkdir(parents=True, exist_ok=True)
    parent = parent_of(config)
    values = config.as_dict() | {
        "data_sha256": mixture.sha256,
        "parent_sha256": parent.weights_sha256 if parent else "",
    }
    values = json.loads(json.dumps(values))
    path = out / CONFIG
    if resume and path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        changed = sorted(key for key in values if values[key] != before.get(key) and key not in AFTER_TRAINING)
        if changed:
            raise ValueError(f"expected the configuration that {path} was begun with, found other {changed}; undo them")
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
