"""What do reading, planning, the manifest and resuming cost when a job has a million shards?

python benchmarks/planner.py --out runs/planner --shards 1000000

No model: the planner reads one record a shard, and the manifest's lines are made up like real ones. Each step runs in a
process of its own and prints its seconds and peak memory. About ten minutes and 2 GB of disk for a million shards.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tocsin.serve.job import Job, read_items
from tocsin.serve.manifest import MANIFEST, SHARDS, Shard, append_shard, clean, read_manifest
from tocsin.serve.plan import cut, skip
from tocsin.serve.progress import Position
from tocsin.serve.records import Item, Record, reject_duplicates
from tocsin.serve.shard import row_key, summary_of

SYNCED = 2000  # lines that are appended as a job does it, each on disk before the next
TEXT = "The minister said in room {} that talks go on. " * 20


def make(folder: Path, shards: int) -> int:
    """Inputs of one record a shard, with ids in no order."""
    ids = random.Random(0).sample(range(10**9), shards)
    with (folder / "in.jsonl").open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps({"id": f"article-{n}", "text": TEXT.format(n)}) + "\n" for n in ids)
    return shards


def plan(folder: Path, shards: int) -> int:
    """Read, check ids, cut."""
    return sum(sum(1 for _ in items) for _, items in cut(_items(folder), 1, 0, threading.Event()))


def append(folder: Path, shards: int) -> int:
    """Lines as a job appends them."""
    (folder / MANIFEST).unlink(missing_ok=True)
    for shard in _made_up(folder, SYNCED):
        append_shard(folder, shard)
    return SYNCED


def fill(folder: Path, shards: int) -> int:
    """The whole manifest at once, and an empty file for each shard."""
    (folder / SHARDS).mkdir(exist_ok=True)
    with (folder / MANIFEST).open("w", encoding="utf-8") as stream:
        for shard in _made_up(folder, shards):
            stream.write(json.dumps({name: getattr(shard, name) for name in Shard.__slots__}) + "\n")
            (folder / SHARDS / f"{shard.name}.jsonl").touch()
    return shards


def read(folder: Path, shards: int) -> int:
    """The manifest, as every resumption and verify reads it."""
    return len(read_manifest(folder)[0])


def tidy(folder: Path, shards: int) -> int:
    """Read the manifest and look through the folder for files that no line names."""
    found, length = read_manifest(folder)
    clean(folder, found, length)
    return len(found)


def resume(folder: Path, shards: int) -> int:
    """Read the manifest and go past the records of all shards, checking that they are the same."""
    found, _ = read_manifest(folder)
    items = _items(folder)
    for shard in found:
        skip(items, shard)
    return len(found)


def count(folder: Path, shards: int) -> int:
    """Read the manifest and add everything up, as summary.json and verify need it."""
    rows: int = summary_of(read_manifest(folder)[0])["rows"]
    return rows


def ids(folder: Path, shards: int) -> int:
    """Ten times as many ids in no order, without reading: the part of planning that needs a memory of all records."""
    numbers = random.Random(1)

    def records() -> Iterator[Item]:
        for place in range(10 * shards):
            yield Record(f"in.jsonl:{place}", f"article-{numbers.getrandbits(60)}", "", None, None)

    return sum(1 for _ in reject_duplicates(records()))


STEPS: dict[str, Callable[[Path, int], int]] = {
    step.__name__: step for step in (make, plan, append, fill, read, tidy, resume, count, ids)
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run all steps, each in its own process, or the one that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shards", type=int, default=1_000_000)
    parser.add_argument("--step", choices=STEPS)
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.step is None:
        for step in STEPS:
            command = [sys.executable, __file__, "--out", str(options.out), "--shards", str(options.shards)]
            subprocess.run([*command, "--step", step], check=True)
        return 0
    before, started = _memory(), time.monotonic()
    done = STEPS[options.step](options.out, options.shards)
    seconds = time.monotonic() - started
    sys.stdout.write(
        f"{options.step:7s} {done:10,d} in {seconds:7.1f} s = {done / seconds:10,.0f}/s, "
        f"memory {_memory() - before:6,d} MB above {before} MB\n"
    )
    return 0


def _items(folder: Path) -> Iterator[Item]:
    files = [folder / "in.jsonl"]
    return read_items(Job(inputs=[str(files[0])], out="job/"), files, Position(files))


def _made_up(folder: Path, number: int) -> Iterator[Shard]:
    """Finished shards of the inputs, with counts as they look for news of the region."""
    languages = {"en": 100, "hbs-Latn": 500, "hbs-Cyrl": 200, "mk": 100, "sq": 100}
    counts = {
        "records": 1,
        "flagged": 80,
        "sentences": 14_000,
        "cut": 3,
        "labels": {"divisive": 30, "escalatory": 40, "manipulative": 20, "conciliatory": 90},
        "languages": languages,
        "statuses": {"ok": 990, "unsupported_language": 10},
        "dead": {},
        "dead_files": {},
    }
    for item, place in zip(_items(folder), range(1, number + 1), strict=False):
        digest = hashlib.sha256(row_key(item)).hexdigest()
        yield Shard(f"{place:05d}", 1, digest, {f"{place:05d}.jsonl": digest}, counts)


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    sys.exit(main())
