"""Do many articles cost more than few, in time or in memory? Job folders of growing size, memory sampled all the while.

python -m benchmarks.scaling --out runs/bench --real 250 1000 --stub 1000 10000
python -m benchmarks.scaling --out runs/bench --real --stub 1000 10000 100000

``real`` is tocsin as it is. ``stub`` loads the model and never runs it (stub.py): for sizes at which the model would
take hours, it shows memory and the speed of everything else, and no speed of tocsin. The rate counts from the end of
the first shard, so that start-up, which a large job does not notice, does not make a small one look slow.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.articles import write_articles
from benchmarks.engines import ENGINES, PRECISIONS, score_options
from benchmarks.processes import STUB, TOCSIN, Run, out_folder, succeed
from benchmarks.report import Target, table, targets, write_json

REAL, WITHOUT_MODEL = "real", "stub"
PROGRAMS = {REAL: TOCSIN, WITHOUT_MODEL: STUB}
SHARD_RECORDS = 100  # small, so that a job of few articles has several
MOST_MB = 1536.0
MOST_SLOWER = 5.0  # per cent, of the largest job against the smallest
_SHOWN_SAMPLES = 2000  # of one line of the plot


@dataclass(frozen=True, slots=True)
class Scaled:
    """One job of a size."""

    kind: str
    engine: str
    articles: int
    rate: float  # articles a second behind the first shard
    run: Run

    @property
    def name(self) -> str:
        """As it stands in table and plot."""
        return f"{self.kind}, {self.articles:,} articles" + (f", {self.engine}" if self.kind == REAL else "")


def score(kind: str, engine: str, count: int, out: Path, *, model: str, seed: int) -> Scaled:
    """Score ``count`` articles into a new job folder and take the time and memory that it takes."""
    articles = write_articles(out / f"articles-{count}-{seed}.jsonl", count, seed=seed)
    folder = out / f"job-{kind}-{engine}-{count}"
    shutil.rmtree(folder, ignore_errors=True)
    command = [*PROGRAMS[kind], "score", str(articles), "--out", f"{folder}/"]
    command += ["--model", model, "--shard-records", str(SHARD_RECORDS), *score_options(engine, PRECISIONS[engine][0])]
    done = succeed(command)
    return Scaled(kind, engine, count, steady_rate(folder), done)


def steady_rate(folder: Path) -> float:
    """Articles a second from the end of the first shard to the end of the last."""
    lines = (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    shards = [json.loads(line) for line in lines]
    ends = [max((folder / "shards" / name).stat().st_mtime for name in shard["files"]) for shard in shards]
    if len(shards) < 2:
        raise ValueError(
            f"expected at least two shards to take a rate from, found {len(shards)} in {folder}; "
            f"give more than {SHARD_RECORDS} articles"
        )
    return float(sum(shard["rows"] for shard in shards[1:]) / max(ends[-1] - ends[0], 1e-9))


def plot(jobs: Sequence[Scaled], path: Path) -> None:
    """Resident memory over time, one line a job; time as a share of the job, since they take so different times."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for job in jobs:
        step = max(1, len(job.run.memory) // _SHOWN_SAMPLES)
        seconds, resident = zip(*job.run.memory[::step], strict=True)
        axes.plot(
            [100 * at / job.run.seconds for at in seconds], resident, label=f"{job.name} ({job.run.seconds:.0f} s)"
        )
    axes.axhline(MOST_MB, color="black", linestyle=":", label="limit")
    axes.set(xlabel="per cent of the job's time", ylabel="resident MB", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path)


def verdicts(jobs: Sequence[Scaled]) -> list[Target]:
    """Memory of all, and the largest against the smallest job of each kind and engine."""
    rows = [
        Target("peak memory at any size", MOST_MB, max(job.run.peak_mb for job in jobs), at_least=False, unit=" MB")
    ]
    for kind, engine in dict.fromkeys((job.kind, job.engine) for job in jobs):
        same = sorted((job for job in jobs if (job.kind, job.engine) == (kind, engine)), key=lambda job: job.articles)
        if len(same) > 1:
            slower = 100 * (1 - same[-1].rate / same[0].rate)
            name = f"{kind} {engine}: {same[-1].articles:,} articles slower than {same[0].articles:,}"
            rows.append(Target(name, MOST_SLOWER, slower, at_least=False, unit="%"))
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Score every size and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=out_folder, required=True, help="folder")
    parser.add_argument("--real", type=int, nargs="*", default=[250, 1000], help="articles of the jobs with the model")
    parser.add_argument("--stub", type=int, nargs="*", default=[1000, 10_000], help="articles of the jobs without it")
    parser.add_argument("--engines", nargs="*", choices=ENGINES, default=ENGINES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="default")
    options = parser.parse_args(argv)
    wanted = [(REAL, engine, count) for engine in options.engines for count in options.real]
    wanted += [(WITHOUT_MODEL, "torch", count) for count in options.stub]
    jobs = []
    for kind, engine, count in wanted:
        jobs.append(score(kind, engine, count, options.out, model=options.model, seed=options.seed))
        print(f"{jobs[-1].name}: {jobs[-1].run.seconds:.0f} s", file=sys.stderr)
    rows = [
        [
            job.name,
            f"{job.run.seconds:.1f}",
            f"{job.rate:.2f}",
            f"{job.run.peak_mb:.0f}",
            f"{100 * job.run.elsewhere:.0f}%",
        ]
        for job in jobs
    ]
    head = [
        "job",
        "seconds, start-up included",
        "articles/s behind the first shard",
        "peak MB",
        "cores taken by others",
    ]
    text = f"{table(head, rows)}\n\n{targets(verdicts(jobs))}"
    print(text)
    (options.out / "scaling.md").write_text(text + "\n", encoding="utf-8")
    plot(jobs, options.out / "memory.svg")
    found = [
        {"job": job.name, "seconds": job.run.seconds, "articles_per_second": job.rate, "peak_mb": job.run.peak_mb}
        for job in jobs
    ]
    write_json(options.out / "scaling.json", {"jobs": found})
    return 0


if __name__ == "__main__":
    sys.exit(main())
