"""Ours against public tools over the same sentences with the same weights, side by side in one go.

python -m benchmarks.speed --out runs/bench                      # 100 articles, 3 rounds
python -m benchmarks.speed --out runs/bench --articles 20 --rounds 1 --only "pipeline fp32, batch 8" "ours torch fp32"

Each measurement is a process of its own, so that memory and threads are its own; rounds take turns, every other one
backwards, so that a machine that slows down slows all. Medians are printed, with the range over the rounds. The
pipeline gets the sentences that our segmentation found and does not pay for it; "ours" is the same part of our work,
"tocsin score" the whole command from its start to the written file. speed.json holds everything that was measured.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.articles import write_articles
from benchmarks.contenders import BATCHES, CONTENDERS, JOB, OURS, PIPELINE, Contender
from benchmarks.engines import score_options
from benchmarks.processes import TOCSIN, Run, out_folder, succeed
from benchmarks.report import Target, median, spread, table, targets, write_json

REFERENCE = f"{PIPELINE} fp32, batch {BATCHES[0]}"  # whose decisions are the public tool's
FP32_GAIN, BF16_GAIN, USE_OF_PEAK = 10.0, 4.0, 50.0

Array = npt.NDArray[np.float64]


@dataclass(slots=True)
class Measured:
    """What was found of one contender, one value a round."""

    seconds: list[float] = field(default_factory=list)
    sentences: int = 0
    peak_mb: list[float] = field(default_factory=list)
    elsewhere: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Speed:
    """Medians of one contender in the units of the table."""

    articles: float  # a second
    tokens: float  # useful ones a second: padding does not count
    decisions: float | None  # share of (sentence, label) decisions equal to the reference's
    moved: float | None  # largest difference of a probability


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables and write them to a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=out_folder, required=True, help="folder")
    parser.add_argument("--articles", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="default")
    parser.add_argument("--only", nargs="*", choices=list(CONTENDERS), default=list(CONTENDERS), metavar="NAME")
    options = parser.parse_args(argv)
    articles = write_articles(
        options.out / f"articles-{options.articles}-{options.seed}.jsonl", options.articles, seed=options.seed
    )
    sentences = options.out / "sentences.json"
    _python("benchmarks.sentences", articles, sentences, "--model", options.model)
    known = json.loads(sentences.read_text(encoding="utf-8"))
    machine = json.loads(_python("benchmarks.machine").out)
    measured: dict[str, Measured] = {name: Measured() for name in options.only}
    for number in range(options.rounds):
        for name in options.only[:: -1 if number % 2 else 1]:
            _measure(CONTENDERS[name], measured[name], options.out, articles, sentences, options.model)
            print(f"round {number + 1}, {name}: {measured[name].seconds[-1]:.2f} s", file=sys.stderr)
    speeds = summarise(measured, known, {name: _scores(options.out, name) for name in options.only})
    text = "\n\n".join(
        [
            head(machine, known, measured),
            speed_table(speeds, measured, known, machine),
            verdicts(speeds, known, machine),
        ]
    )
    print(text)
    (options.out / "speed.md").write_text(text + "\n", encoding="utf-8")
    del known["sentences"]
    write_json(
        options.out / "speed.json",
        {
            "machine": machine,
            "sample": known,
            "measured": {
                name: {"seconds": found.seconds, "peak_mb": found.peak_mb, "elsewhere": found.elsewhere}
                for name, found in measured.items()
            },
            "decisions_equal": {name: speed.decisions for name, speed in speeds.items()},
        },
    )
    return 0


def _measure(contender: Contender, measured: Measured, out: Path, articles: Path, sentences: Path, model: str) -> None:
    if contender.kind == JOB:
        extra = score_options(contender.engine or "", contender.precision)
        target = str(out / "scored.jsonl")
        done = succeed([*TOCSIN, "score", str(articles), "--out", target, "--overwrite", "--model", model, *extra])
        measured.seconds.append(done.seconds)
    else:
        done = _python(
            "benchmarks.contenders", contender.name, "--sentences", sentences, "--model", model,
            "--out", _scores_path(out, contender.name),
        )  # fmt: skip
        found = json.loads(done.out)
        measured.seconds.append(found["seconds"])
        measured.sentences = found["sentences"]
    measured.peak_mb.append(done.peak_mb)
    measured.elsewhere.append(done.elsewhere)


def _python(module: str, *arguments: str | Path) -> Run:
    return succeed([sys.executable, "-m", module, *map(str, arguments)])


def _scores_path(out: Path, name: str) -> Path:
    return out / f"{''.join(character if character.isalnum() else '-' for character in name)}.npy"


def _scores(out: Path, name: str) -> Array | None:
    if CONTENDERS[name].kind == JOB:
        return None
    scores: Array = np.load(_scores_path(out, name))
    return scores


def summarise(
    measured: Mapping[str, Measured], known: Mapping[str, Any], scores: Mapping[str, Array | None]
) -> dict[str, Speed]:
    """Speeds by contender; one that was given a part of the sentences counts for that part."""
    reference = scores.get(REFERENCE)
    limits = np.array(list(known["thresholds"].values()))
    speeds = {}
    for name, found in measured.items():
        part = found.sentences / len(known["sentences"]) if found.sentences else 1.0
        seconds = median(found.seconds)
        decisions = moved = None
        if reference is not None and (own := scores[name]) is not None:
            same = reference[: len(own)]
            decisions = float(np.mean((own >= limits) == (same >= limits)))
            moved = float(np.abs(own - same).max())
        speeds[name] = Speed(part * known["articles"] / seconds, part * known["tokens"] / seconds, decisions, moved)
    return speeds


def head(machine: Mapping[str, Any], known: Mapping[str, Any], measured: Mapping[str, Measured]) -> str:
    """The sample and the machine in two lines."""
    peak, versions = machine["peak_tflops"], machine["versions"]
    elsewhere = [share for found in measured.values() for share in found.elsewhere]
    return (
        f"{known['articles']} articles, {len(known['sentences'])} sentences, {known['tokens']} tokens; "
        f"{known['mflop_a_token']:.1f} MFLOP a token; model {known['model']}\n"
        f"{machine['cores']} cores of {machine['processor']} ({', '.join(machine['instructions'])}), "
        f"{machine['memory_gb']} GB; matrix products reach {peak['fp32']:.2f} TFLOP/s in fp32, {peak['bf16']:.2f} in "
        f"bf16; torch {versions['torch']}, transformers {versions['transformers']}; other processes took "
        f"{100 * max(elsewhere):.0f}% of the cores at most"
    )


def speed_table(
    speeds: Mapping[str, Speed],
    measured: Mapping[str, Measured],
    known: Mapping[str, Any],
    machine: Mapping[str, Any],
) -> str:
    """One line a contender, ratios to the best setting of the pipeline in each precision."""
    best = {precision: best_pipeline(speeds, precision) for precision in ("fp32", "bf16")}
    rows = []
    for name, speed in speeds.items():
        ratios = [f"{speed.articles / found:.2f}" if (found := best[precision]) else "-" for precision in best]
        use = [f"{use_of_peak(speed, known, machine, precision):.0f}%" for precision in best]
        same = "-" if speed.decisions is None else f"{100 * speed.decisions:.2f}% ({speed.moved:.1g})"
        seconds, peak = spread(measured[name].seconds, 2), f"{max(measured[name].peak_mb):.0f}"
        rows.append([name, seconds, f"{speed.articles:.2f}", f"{speed.tokens:.0f}", *ratios, *use, same, peak])
    return table(
        [
            "contender", "seconds", "articles/s", "tokens/s", "times best fp32 pipeline", "times best bf16 pipeline",
            "of fp32 peak", "of bf16 peak", "decisions equal (largest move)", "peak MB",
        ],
        rows,
    )  # fmt: skip


def best_pipeline(speeds: Mapping[str, Speed], precision: str) -> float | None:
    """Articles a second of the pipeline's best batch size; None when none was measured."""
    names = [name for name in speeds if (CONTENDERS[name].kind, CONTENDERS[name].precision) == (PIPELINE, precision)]
    return max((speeds[name].articles for name in names), default=None)


def use_of_peak(speed: Speed, known: Mapping[str, Any], machine: Mapping[str, Any], precision: str) -> float:
    """Per cent of the measured matrix-product peak that useful tokens need."""
    peak = float(machine["peak_tflops"][precision]) * 1e12
    return 100 * speed.tokens * float(known["mflop_a_token"]) * 1e6 / peak


def verdicts(speeds: Mapping[str, Speed], known: Mapping[str, Any], machine: Mapping[str, Any]) -> str:
    """The targets beside the best of our engines that decides as the public tool does."""
    rows = []
    for kind, what in ((OURS, "sentences alone"), (JOB, "whole command")):
        names = [name for name in speeds if CONTENDERS[name].kind == kind]
        if names:
            best = max(names, key=lambda name: speeds[name].articles)
            for precision, limit in (("fp32", FP32_GAIN), ("bf16", BF16_GAIN)):
                base = best_pipeline(speeds, precision)
                ratio = speeds[best].articles / base if base else None
                rows.append(Target(f"{best} ({what}) against the best {precision} pipeline", limit, ratio, unit="x"))
            use = use_of_peak(speeds[best], known, machine, "bf16")
            rows.append(Target(f"{best} ({what}): useful tokens of the bf16 peak", USE_OF_PEAK, use, unit="%"))
            if (same := speeds[best].decisions) is not None:
                rows.append(Target(f"{best}: decisions equal to the pipeline's", 99.5, 100 * same, unit="%"))
    return targets(rows)


if __name__ == "__main__":
    sys.exit(main())
