"""All sources in one data set, cleaned as the model reads, without leaks between splits, and kept in the cache.

The cache is keyed by everything that enters: the content of every corpus file, the sources and labels of the
configuration, and the code that reads and cleans.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset, DatasetDict, load_from_disk

from tocsin.model import languages, normalise, script
from tocsin.model import model_text as model_text_module
from tocsin.model.base import cache_folder, file_sha256
from tocsin.model.languages import code_of
from tocsin.model.model_text import model_text
from tocsin.training import adapters, agreement, dedupe, label_studio, labelled_files, records
from tocsin.training import example as example_module
from tocsin.training.adapters import ADAPTERS
from tocsin.training.config import TrainConfig
from tocsin.training.dedupe import fold, later_copies, near_copies
from tocsin.training.example import SPLITS, TEST, TRAIN, UNKNOWN, VALIDATION, Example
from tocsin.training.labelled_files import read_labelled

MIN_CHARACTERS = 3
FACTS = "facts.json"
COLUMNS = ("text", "lang", "source", "group", "kind", "attribution")


class LeakError(ValueError):
    """Something of a held-out split stands in another one."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """Rows of each split as data sets with the columns COLUMNS and ``targets``, and what was left out.

    ``targets`` are 1, 0 or UNKNOWN in the order of ``labels``.
    """

    train: Dataset
    validation: Dataset
    test: Dataset
    labels: tuple[str, ...]
    sha256: str  # over every row of the three parts
    dropped: dict[str, int]  # reason -> rows


def build_mixture(config: TrainConfig, *, cache: bool = True) -> Mixture:
    """Read every source of the configuration, or take what an earlier call made of the same files.

    Dropped and counted: rows whose labels are all unknown, exact repeats, near-copies in other groups of the training
    part, rows of training near a held-out row or of its group, and rows of validation near a test row. Raises LeakError
    when a leak is left all the same.
    """
    folder = mixture_folder(config)
    if cache and (folder / FACTS).is_file():
        return _load(folder)
    dropped: Counter[str] = Counter()
    # Held-out rows first: of two copies the one that would be tested on stays.
    found = sorted(read_sources(config), key=lambda row: SPLITS[::-1].index(row.split))
    examples = list(_usable(found, config.labels, dropped))
    parts = {split: [e for e in examples if e.split == split] for split in SPLITS}
    parts[VALIDATION] = _of_other_groups(parts[VALIDATION], parts[TEST], dropped)
    parts[VALIDATION] = _without(parts[VALIDATION], parts[TEST], "validation row near a test row", dropped)
    held_out = parts[VALIDATION] + parts[TEST]
    parts[TRAIN] = _of_other_groups(parts[TRAIN], held_out, dropped)
    parts[TRAIN] = _without(parts[TRAIN], held_out, "training row near a held-out row", dropped)
    parts[TRAIN] = _distinct(parts[TRAIN], dropped)
    check_leaks(parts)
    mixture = _mixture(parts, config.labels, dropped)
    if cache:
        _save(mixture, folder)
    return mixture


def validation_rows(mixture: Mixture, config: TrainConfig) -> Dataset:
    """Validation rows of the source that calibration follows, all of them where it is absent."""
    sources = list(mixture.validation["source"])
    chosen = [row for row, source in enumerate(sources) if source == config.calibrate_on]
    return mixture.validation.select(chosen) if chosen else mixture.validation


def mixture_folder(config: TrainConfig) -> Path:
    """Where the cache keeps the mixture of a configuration and the files as they are now."""
    return cache_folder() / "data" / _key(config)


def read_sources(config: TrainConfig) -> Iterator[Example]:
    """Examples of the sources of a configuration, in its order; fractions keep the same groups in every run."""
    for name, source in config.sources.items():
        examples: Iterable[Example]
        if source.path:
            examples = read_labelled(Path(source.path), config.labels, source=name)
        else:
            examples = ADAPTERS[name](Path(config.corpora))
        for example in examples:
            if example.split != TRAIN or source.fraction == 1.0 or _share(example.group) < source.fraction:
                yield example


def check_leaks(parts: dict[str, list[Example]]) -> None:
    """LeakError names a group that is divided between splits, or a held-out text that has a near-copy in training."""
    homes: dict[tuple[str, str], str] = {}
    for split, rows in parts.items():
        for row in rows:
            home = homes.setdefault((row.source, row.group), split)
            if home != split:
                raise LeakError(
                    f"expected every group in one split, found {row.group!r} of {row.source} in {home} and {split}; "
                    "let its adapter split by group"
                )
    for rows, held_out in ((parts[TRAIN], parts[VALIDATION] + parts[TEST]), (parts[VALIDATION], parts[TEST])):
        flags = near_copies([row.text for row in rows], (row.text for row in held_out))
        if any(flags):
            row = rows[flags.index(True)]
            raise LeakError(f"expected no near-copies across splits, found {row.text[:80]!r} of {row.source}; drop it")


def _share(group: str) -> float:
    return int(hashlib.sha256(group.encode()).hexdigest()[:8], 16) / 16**8


def _usable(examples: Iterable[Example], labels: tuple[str, ...], dropped: Counter[str]) -> Iterator[Example]:
    seen: set[tuple[str, tuple[tuple[str, int], ...]]] = set()
    for example in examples:
        text = model_text(example.text, code_of(example.lang))
        known = {label: example.targets[label] for label in labels if label in example.targets}
        key = (fold(text), tuple(known.items()))
        if not known:
            dropped["no label known"] += 1
        elif len(text) < MIN_CHARACTERS:
            dropped["empty"] += 1
        elif key in seen:
            dropped["repeat"] += 1
        else:
            seen.add(key)
            yield dataclasses.replace(example, text=text, targets=known)


def _of_other_groups(rows: list[Example], held_out: list[Example], dropped: Counter[str]) -> list[Example]:
    """Some corpora divide contrastive pairs between their own parts; the side closer to training gives way."""
    taken = {(row.source, row.group) for row in held_out}
    kept = [row for row in rows if (row.source, row.group) not in taken]
    dropped["row of a group in a later split"] += len(rows) - len(kept)
    return kept


def _without(rows: list[Example], held_out: list[Example], reason: str, dropped: Counter[str]) -> list[Example]:
    flags = near_copies([row.text for row in rows], (row.text for row in held_out))
    dropped[reason] += sum(flags)
    return [row for row, near in zip(rows, flags, strict=True) if not near]


def _distinct(rows: list[Example], dropped: Counter[str]) -> list[Example]:
    """Without the later of two near-copies in different groups; twins and neighbours of a document may be alike."""
    groups = [f"{row.source}/{row.group}" for row in rows]
    flags = later_copies([row.text for row in rows], groups, [(row.lang, row.targets) for row in rows])
    dropped["training row near an earlier one"] += sum(flags)
    return [row for row, copy in zip(rows, flags, strict=True) if not copy]


def _mixture(parts: dict[str, list[Example]], labels: tuple[str, ...], dropped: Counter[str]) -> Mixture:
    digest = hashlib.sha256()
    sets = {}
    for split, rows in parts.items():
        sets[split] = make_dataset(rows, labels)
        for row, known in zip(rows, sets[split]["targets"], strict=True):
            digest.update(json.dumps([split, row.source, row.text, known], ensure_ascii=False).encode())
    return Mixture(sets[TRAIN], sets[VALIDATION], sets[TEST], labels, digest.hexdigest(), dict(dropped))


def make_dataset(rows: Sequence[Example], labels: tuple[str, ...]) -> Dataset:
    """Rows with the columns COLUMNS and ``targets``."""
    columns: dict[str, list[object]] = {name: [getattr(row, name) for row in rows] for name in COLUMNS}
    columns["targets"] = [[row.targets.get(label, UNKNOWN) for label in labels] for row in rows]
    return Dataset.from_dict(columns)


def _key(config: TrainConfig) -> str:
    """Hash of the code, the choice of sources and labels, and every file that may be read."""
    modules = (
        adapters,
        dedupe,
        labelled_files,
        label_studio,
        records,
        agreement,
        example_module,
        normalise,
        script,
        languages,
    )
    code = [Path(__file__), *(Path(str(module.__file__)) for module in (*modules, model_text_module))]
    code += sorted(Path(str(adapters.__file__)).parent.glob("*.py"))
    files = sorted(records.CORPUS.rglob("*.jsonl"))
    for name, source in config.sources.items():
        folder = Path(config.corpora) / name
        files += [Path(source.path)] if source.path else sorted(p for p in folder.rglob("*") if p.is_file())
    choice = [config.labels, [(name, source.path, source.fraction) for name, source in config.sources.items()]]
    digest = hashlib.sha256(json.dumps(choice).encode())
    for path in [*code, *files]:
        digest.update(f"{path.name} {file_sha256(path) if path.is_file() else 'none'}\n".encode())
    return digest.hexdigest()[:16]


def _save(mixture: Mixture, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".building-", dir=folder.parent))
    try:
        parts = {TRAIN: mixture.train, VALIDATION: mixture.validation, TEST: mixture.test}
        # An empty part cannot be read back (datasets 5.2), so it is not written.
        DatasetDict({split: rows for split, rows in parts.items() if len(rows)}).save_to_disk(work)
        facts = {"labels": mixture.labels, "sha256": mixture.sha256, "dropped": mixture.dropped}
        (work / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        if not folder.exists():  # another process may have been faster
            os.replace(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _load(folder: Path) -> Mixture:
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    sets = load_from_disk(folder)
    empty = Dataset.from_dict({name: [] for name in (*COLUMNS, "targets")})
    train, validation, test = (sets[split] if split in sets else empty for split in (TRAIN, VALIDATION, TEST))
    return Mixture(train, validation, test, tuple(facts["labels"]), facts["sha256"], facts["dropped"])
