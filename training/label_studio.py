"""An annotation round trip through Label Studio: tasks with the model's predictions out, annotations back in.

Formats: labelstud.io/guide/tasks (tasks, predictions) and labelstud.io/guide/export (JSON export).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from tocsin.training.scored import Floats

NAME, TEXT = "labels", "text"  # of the control and the object in the labelling interface
UNCERTAIN, DISAGREEING = "uncertain", "disagreeing"
_KEPT = ("lang", "group", "split", "kind", "attribution")


def interface(labels: Sequence[str]) -> str:
    """The labelling interface: the text, and every label as a choice that may be combined."""
    choices = "\n".join(f"    <Choice value={quoteattr(label)}/>" for label in labels)
    return (
        f'<View>\n  <Text name="{TEXT}" value="${TEXT}"/>\n'
        f'  <Choices name="{NAME}" toName="{TEXT}" choice="multiple">\n{choices}\n  </Choices>\n</View>\n'
    )


def make_tasks(
    rows: Sequence[Mapping[str, Any]], probabilities: Floats, thresholds: Mapping[str, float], model: str
) -> list[dict[str, Any]]:
    """One task a row (at least ``text``), in order, with the labels that the model gives as a prediction."""
    tasks = []
    for row, values in zip(rows, probabilities, strict=True):
        scores = dict(zip(thresholds, map(float, values), strict=True))
        chosen = [label for label, limit in thresholds.items() if scores[label] >= limit]
        result = [{"from_name": NAME, "to_name": TEXT, "type": "choices", "value": {"choices": chosen}}]
        data = {"text": row["text"]} | {key: row[key] for key in _KEPT if row.get(key)}
        tasks.append(
            {
                "data": data | {"scores": {label: round(score, 4) for label, score in scores.items()}},
                "predictions": [{"model_version": model, "score": max(scores.values()), "result": result}],
            }
        )
    return tasks


def ranking(
    probabilities: Floats, thresholds: Mapping[str, float], order: str, *, other: Floats | None = None
) -> list[int]:
    """Row numbers, those that an annotator should see first in front.

    UNCERTAIN: a probability close to its threshold, in logits. DISAGREEING: the two models (``probabilities`` and
    ``other``) differ most on some label.
    """
    if order == DISAGREEING:
        if other is None:
            raise ValueError("expected a second model to disagree with, found none; pass --against")
        merit = np.abs(probabilities - other).max(axis=1)
    elif order == UNCERTAIN:
        limits = np.array(list(thresholds.values()))
        merit = -np.abs(_logit(probabilities) - _logit(limits)).min(axis=1)
    else:
        raise ValueError(f"expected the order {UNCERTAIN!r} or {DISAGREEING!r}, found {order!r}")
    return [int(row) for row in np.argsort(-merit, kind="stable")]


def is_export(items: Sequence[Any]) -> bool:
    """Whether a list of JSON objects is a Label Studio export."""
    return bool(items) and all(isinstance(item, Mapping) and "annotations" in item and "data" in item for item in items)


def read_export(items: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows for ``read_labelled`` from the last annotation of each task; cancelled ones and other tasks are skipped."""
    for item in items:
        done = [annotation for annotation in item["annotations"] if not annotation.get("was_cancelled")]
        if not done:
            continue
        results = [found for found in done[-1].get("result", ()) if found.get("type") == "choices"]
        names = [name for found in results for name in found["value"]["choices"]]
        yield {key: item["data"].get(key) for key in ("text", *_KEPT)} | {"labels": names}


def _logit(values: Floats) -> Floats:
    clipped = np.clip(values, 1e-6, 1.0 - 1e-6)
    logits: Floats = np.log(clipped / (1.0 - clipped))
    return logits
