"""The report of ``tocsin corpus check``: composition, balance, agreement, and every violation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from tocsin.model.labels import LABELS
from tocsin.training import agreement, probe
from tocsin.training.checks import check_records
from tocsin.training.records import LANGUAGES, PAIR, PASSAGE, Record

MAX_DISAGREEMENT = 0.08
_LENGTHS = (12, 23, 40)  # words: short, middling, long, very long


def report(records: Sequence[Record], annotations: Path) -> tuple[list[str], list[str]]:
    """Lines to read, and violations.

    Annotations are checked where ``annotations`` exists. The probe's threshold applies to identity words only; the
    writer's and the surface's are for reading, since kinds of text differ in length by nature.
    """
    problems = list(check_records(records))
    lines = [*composition(records), "", *_kinds(records), "", *_writers(records), ""]
    more, found = _probes(records)
    lines += more
    problems += found
    if annotations.is_dir():
        more, found = _agreement(records, annotations)
        lines += ["", *more]
        problems += found
    return lines, problems


def composition(records: Sequence[Record]) -> Iterator[str]:
    """Counts by language, split, attribution, length and form, with each label's."""
    yield _row("", ("sentences", *LABELS, "no label"))
    yield _count("all", records)
    for name, values in (
        ("language", [(lang, [r for r in records if r.lang == lang]) for lang in LANGUAGES]),
        ("split", _by(records, [record.split for record in records])),
        ("attribution", _by(records, [record.attribution for record in records])),
        ("words", _by(records, [_length(record) for record in records])),
        ("form", _by(records, [_form(record) for record in records])),
    ):
        yield name
        for value, rows in values:
            if rows:
                yield _count(f"  {value}", rows)
    units = Counter(record.form for record in {record.unit: record for record in records}.values())
    yield f"{units[PAIR]} near-twin pairs, {units[PASSAGE]} passages"


def _kinds(records: Sequence[Record]) -> Iterator[str]:
    yield _row("kind", ("sentences", *LABELS, "no label"))
    for kind, rows in _by(records, [record.kind for record in records]):
        yield _count(f"  {kind}", rows)


def _writers(records: Sequence[Record]) -> Iterator[str]:
    yield _row("writer", ("sentences", "no label", "diversity", "mean words"))
    for writer, rows in _by(records, [record.writer for record in records]):
        calm = sum(not record.labels for record in rows) / len(rows)
        spread = probe.diversity([record.text for record in rows])
        words = sum(len(record.text.split()) for record in rows) / len(rows)
        yield _row(f"  {writer}", (str(len(rows)), f"{calm:.0%}", f"{spread:.3f}", f"{words:.1f}"))


def _probes(records: Sequence[Record]) -> tuple[list[str], list[str]]:
    lines, problems = [_row("ROC AUC of a linear model over", LABELS)], []
    targets, units = probe.target_matrix(records), [record.unit for record in records]
    for name, features in (
        ("identity words", probe.identity_features),
        ("writer", probe.writer_features),
        ("length, attribution, marks", probe.surface_features),
    ):
        values = probe.probe([features(record) for record in records], targets, units)
        lines.append(_row(f"  {name}", [f"{values[label]:.3f}" for label in LABELS]))
        if name == "identity words":
            problems += [
                f"identity words alone: expected ROC AUC of at most {probe.MAX_AUC} for {label}, found {value:.3f}"
                for label, value in values.items()
                if value > probe.MAX_AUC
            ]
    lines.append(_row("PMI (bits) with words for", ("sentences", *LABELS)))
    for group, row in probe.association(records).items():
        lines.append(_row(f"  {group}", (f"{row['sentences']:.0f}", *(f"{row[label]:+.2f}" for label in LABELS))))
    return lines, problems


def _agreement(records: Sequence[Record], folder: Path) -> tuple[list[str], list[str]]:
    lines: list[str] = []
    problems: list[str] = []
    by_id = {record.id: record for record in records}
    for path in (folder / agreement.REAL.name, folder / agreement.SECOND_PASS.name):
        if not path.is_file():
            problems.append(f"{path}: expected a file of annotations, found none")
            continue
        readings = list(agreement.read_readings(path))
        values = agreement.alpha(readings)
        lines.append(_row(f"{path.stem}: {len(readings)} sentences read twice", LABELS))
        lines.append(_row("  Krippendorff's alpha", [_number(values[label]) for label in LABELS]))
        for lang, shares in agreement.disagreement(readings).items():
            name = f"  disagreement, {lang} ({shares['sentences']:.0f})"
            lines.append(_row(name, [f"{shares[label]:.1%}" for label in LABELS]))
        if path.name == agreement.SECOND_PASS.name:
            problems += [*_stale(readings, by_id), *_disputed(readings)]
    return lines, problems


def _stale(readings: Iterable[agreement.Reading], by_id: dict[str, Record]) -> Iterator[str]:
    for reading in readings:
        record = by_id.get(reading.key)
        if record is None:
            yield f"second pass: expected {reading.key} in the corpus, found no such id"
        elif record.labels != reading.decided:
            yield f"{reading.key}: expected the decided labels {reading.decided}, found {record.labels}"


def _disputed(readings: Sequence[agreement.Reading]) -> Iterator[str]:
    for lang, shares in agreement.disagreement(readings).items():
        for label in LABELS:
            if shares[label] > MAX_DISAGREEMENT:
                yield (
                    f"second pass, {lang}, {label}: expected readings to differ on at most {MAX_DISAGREEMENT:.0%}, "
                    f"found {shares[label]:.1%}; revise the class and read it again"
                )


def _by(records: Sequence[Record], values: Sequence[str]) -> list[tuple[str, list[Record]]]:
    groups: dict[str, list[Record]] = {}
    for value, record in zip(values, records, strict=True):
        groups.setdefault(value, []).append(record)
    return sorted(groups.items())


def _length(record: Record) -> str:
    words = len(record.text.split())
    low = max((limit for limit in _LENGTHS if words >= limit), default=1)
    high = min((limit for limit in _LENGTHS if words < limit), default=None)
    return f"{low:>2} to {high - 1}" if high else f"{low} and more"


def _form(record: Record) -> str:
    return {PAIR: "in pairs", PASSAGE: "in passages"}.get(record.form, "single")


def _count(name: str, rows: Sequence[Record]) -> str:
    labels = np.array([[label in record.labels for label in LABELS] for record in rows]).sum(axis=0)
    calm = sum(not record.labels for record in rows)
    return _row(name, (f"{len(rows):,}", *(f"{count:,}" for count in labels), f"{calm:,}"))


def _row(name: str, cells: Iterable[str]) -> str:
    return (f"{name:<34}" + "".join(f"{cell:>14}" for cell in cells)).rstrip()


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
