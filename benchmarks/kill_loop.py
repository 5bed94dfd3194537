"""Kill one job again and again at random moments, and prove that nothing was lost.

python -m benchmarks.kill_loop --out runs/kills                    # the shipped model, 60 kills
python -m benchmarks.kill_loop --out runs/kills --stub             # without running the model (stub.py), faster

An undisturbed job is scored first. The same job in another folder is then started and ended by SIGKILL, one kill in
three before it can have finished a shard, the others later. After each kill the manifest must parse and go on from what
it held before, and every file that it names must have its checksum. At last the job runs to its end: its files must be
byte for byte those of the undisturbed job, and what ``tocsin verify`` does must agree. kills.log has one line a kill.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.articles import write_articles
from benchmarks.engines import ENGINES, PRECISIONS, score_options
from benchmarks.processes import STUB, TOCSIN, out_folder, run, succeed
from tocsin.serve.manifest import JOB, LOCK, MANIFEST, RUNS, SHARDS, damaged, file_sha256, read_job, read_manifest
from tocsin.serve.verify import verify_job

EARLY_SHARE = 1 / 3  # of kills that come before a run can finish its first shard
SAMPLE_SECONDS = 0.005  # between looks at the clock
PACE = 0.7  # of the shards that are left, so that a job that is faster than the undisturbed one lives to see all kills


@dataclass(frozen=True, slots=True)
class Kill:
    """What one kill met and left."""

    number: int
    after_seconds: float
    shards_before: int
    shards_after: int
    cut_line: bool  # whether the manifest's last line was cut
    left: list[str]  # files that no line names


@dataclass(frozen=True, slots=True)
class Calm:
    """The undisturbed job."""

    first_seconds: float  # from the start of the process to its first shard
    shard_seconds: float
    shards: int


def undisturbed(command: Sequence[str], folder: Path) -> Calm:
    """Score the job once without any kill."""
    begun = time.time()
    succeed(command)
    shards, _ = read_manifest(folder)
    ends = [max((folder / SHARDS / name).stat().st_mtime for name in shard.files) for shard in shards]
    return Calm(ends[0] - begun, (ends[-1] - ends[0]) / max(len(ends) - 1, 1), len(ends))


def kill_loop(command: Sequence[str], folder: Path, log: Path, *, kills: int, seed: int, calm: Calm) -> list[Kill]:
    """Kill the job ``kills`` times; ValueError when anything is lost or the job ends before."""
    rng = random.Random(seed)
    found: list[Kill] = []
    before: list[bytes] = []
    if calm.shards <= kills:
        raise ValueError(f"expected more shards than the {kills} kills, found {calm.shards}; give more --articles")
    with log.open("w", encoding="utf-8") as stream:
        for number in range(1, kills + 1):
            # Every kill that is left may cost the job a shard; the rest is shared out at random.
            spare = PACE * max(calm.shards - len(before) - (kills - number) - 2, 0)
            more = spare * min(1.0, 2 / (kills - number + 1))
            moment = _Moment(folder / MANIFEST, rng, calm, more)
            done = run(command, kill_when=moment.has_come, sample_seconds=SAMPLE_SECONDS)
            if done.status != -signal.SIGKILL:
                raise ValueError(
                    f"expected kill {number} to meet a job at work, found it ended with {done.status} "
                    f"({done.said.strip()[-500:]}); give more --articles"
                )
            kill, before = look(folder, number, done.seconds, before)
            found.append(kill)
            stream.write(json.dumps(asdict(kill)) + "\n")
            stream.flush()
    return found


class _Moment:
    """A random moment: early, before a run can finish its first shard, or within ``more`` shards behind it."""

    def __init__(self, manifest: Path, rng: random.Random, calm: Calm, more: float) -> None:
        self.manifest, self.size = manifest, _size(manifest)
        early = rng.random() < EARLY_SHARE
        self.wait = rng.uniform(0, calm.first_seconds if early else more * calm.shard_seconds)
        self.since: float | None = 0.0 if early else None  # None until this run has finished a shard

    def has_come(self, seconds: float) -> bool:
        """Whether to kill now, some seconds after the start of the process."""
        if self.since is None and _size(self.manifest) > self.size:
            self.since = seconds
        return self.since is not None and seconds >= self.since + self.wait


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def look(folder: Path, number: int, after: float, before: list[bytes]) -> tuple[Kill, list[bytes]]:
    """What stands in the folder; ValueError when it is less than before, or not what the manifest says."""
    if (folder / JOB).exists():
        read_job(folder)
    shards, length = read_manifest(folder)
    manifest = folder / MANIFEST
    data = manifest.read_bytes() if manifest.is_file() else b""
    lines = data[:length].splitlines()
    if lines[: len(before)] != before:
        raise ValueError(f"expected the {len(before)} shards of before after kill {number}, found {len(lines)} others")
    if problems := damaged(folder, shards):
        raise ValueError(f"expected whole shards after kill {number}, found: {'; '.join(problems)}")
    named = {name for shard in shards for name in shard.files}
    left = sorted(path.name for path in folder.rglob("*") if path.is_file() and _is_left(path, folder, named))
    return Kill(number, round(after, 3), len(before), len(lines), len(data) > length, left), lines


def _is_left(path: Path, folder: Path, named: set[str]) -> bool:
    is_part = path.name.startswith(".") and path.name != LOCK
    return is_part or (path.parent != folder and path.name not in named)


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a job but the log of its runs and the lock, which may differ."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in (RUNS, LOCK)]
    return {str(path.relative_to(folder)): file_sha256(path) for path in files}


def summary(kills: Sequence[Kill], calm: Calm) -> list[str]:
    """What the kills met, for a reader."""
    return [
        f"{len(kills)} kills over {calm.shards} shards, {sum(kill.shards_after == 0 for kill in kills)} of them before "
        "the first shard was finished",
        f"{sum(bool(kill.left) for kill in kills)} left a file half done, {sum(kill.cut_line for kill in kills)} a cut "
        f"line of the manifest; {kills[-1].shards_after} shards were safe before the last run",
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the loop and say what it found; status 1 when a byte differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=out_folder, required=True, help="folder")
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--articles", type=int, default=800)
    parser.add_argument("--shard-records", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="default")
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0])
    parser.add_argument("--stub", action="store_true")
    options = parser.parse_args(argv)
    articles = write_articles(
        options.out / f"articles-{options.articles}-{options.seed}.jsonl", options.articles, seed=options.seed
    )
    program = STUB if options.stub else TOCSIN
    common = [*program, "score", str(articles), "--model", options.model]
    common += ["--shard-records", str(options.shard_records)]
    common += score_options(options.engine, PRECISIONS[options.engine][0])
    calm_folder, killed = (options.out / name for name in ("calm", "killed"))
    for folder in (calm_folder, killed):
        shutil.rmtree(folder, ignore_errors=True)
    calm = undisturbed([*common, "--out", f"{calm_folder}/"], calm_folder)
    command = [*common, "--out", f"{killed}/"]
    log = options.out / "kills.log"
    kills = kill_loop(command, killed, log, kills=options.kills, seed=options.seed, calm=calm)
    succeed(command)
    verdict = verify_job(killed)
    same = hashes(killed) == hashes(calm_folder)
    text = "\n".join([*summary(kills, calm), f"bytes {'equal' if same else 'DIFFERENT'}", *verdict.lines()])
    print(text)
    (options.out / "kills.md").write_text(text + "\n", encoding="utf-8")
    return 1 if verdict.problems or not same else 0


if __name__ == "__main__":
    sys.exit(main())
