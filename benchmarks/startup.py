"""How long ``tocsin score`` takes for one article, from the start of its process to its end.

python -m benchmarks.startup --out runs/bench --cold

Warm: the base is in the cache. Cold: a new cache, so that the base is converted first (and, where an engine is
compiled, the engine made). The system's own file cache is left as it is in both. The steps are those of one more
process that takes the time between them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.articles import write_articles
from benchmarks.engines import ENGINES, PRECISIONS, score_options
from benchmarks.processes import TOCSIN, out_folder, succeed
from benchmarks.report import Target, median, spread, table, targets, write_json

WARM_SECONDS, COLD_SECONDS = 4.0, 25.0
SAMPLE_SECONDS = 0.01
# A step's time is what its line took.
STEPS = """
import json, sys, time
begun, steps = time.perf_counter(), {}
def step(name):
    global begun
    now = time.perf_counter()
    steps[name], begun = now - begun, now
import torch
step("import torch")
import transformers
from transformers import AutoConfig, AutoModel, AutoTokenizer
step("import transformers")
from tocsin.serve import folder, job
from tocsin.model import base
from tocsin.model.checkpoint import load_checkpoint, resolve_checkpoint
step("import tocsin")
description, tensors = load_checkpoint(resolve_checkpoint(sys.argv[1]))
step("read the checkpoint")
where = base.resolve_base(description.base)
base.file_sha256(where / base.WEIGHTS)
step("hash the base")
base.load_encoder(where)
step("load the encoder")
base.load_tokenizer(where)
step("load the tokenizer")
from tocsin.model import RhetoricClassifier
classifier = RhetoricClassifier.from_pretrained(sys.argv[1], device="cpu")
step("all of from_pretrained, once more")
classifier.score("The minister said that talks would resume on Monday.")
step("score a sentence")
print(json.dumps(steps))
"""


def score_once(article: Path, out: Path, model: str, engine: str, *, cache: Path | None = None) -> tuple[float, float]:
    """Seconds and peak MB of a whole process; with ``cache`` in place of the user's own."""
    command = [*TOCSIN, "score", str(article), "--out", str(out), "--overwrite", "--model", model]
    done = succeed(
        [*command, *score_options(engine, PRECISIONS[engine][0])],
        environment={"TOCSIN_CACHE": str(cache)} if cache else None,
        sample_seconds=SAMPLE_SECONDS,
    )
    return done.seconds, done.peak_mb


def main(argv: Sequence[str] | None = None) -> int:
    """Measure every engine and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=out_folder, required=True, help="folder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default="default")
    parser.add_argument("--engines", nargs="*", choices=ENGINES, default=ENGINES)
    parser.add_argument("--cold", action="store_true", help="also with a new cache; 500 MB in the temporary folder")
    options = parser.parse_args(argv)
    article, out = write_articles(options.out / "one.jsonl", 1, seed=1), options.out / "one-scored.jsonl"
    rows, found, verdicts = [], {}, []
    for engine in options.engines:
        score_once(article, out, options.model, engine)  # makes what the cache lacks
        warm = [score_once(article, out, options.model, engine) for _ in range(options.rounds)]
        seconds = [seconds for seconds, _ in warm]
        rows.append([engine, "warm", spread(seconds, 2), f"{max(peak for _, peak in warm):.0f}"])
        found[engine] = {"warm": seconds}
        verdicts.append(
            Target(f"{engine}: one article, warm cache", WARM_SECONDS, median(seconds), at_least=False, unit=" s")
        )
        if options.cold:
            with tempfile.TemporaryDirectory(dir=options.out) as cache:
                cold, peak = score_once(article, out, options.model, engine, cache=Path(cache))
            rows.append([engine, "cold", f"{cold:.2f}", f"{peak:.0f}"])
            found[engine]["cold"] = [cold]
            verdicts.append(Target(f"{engine}: one article, new cache", COLD_SECONDS, cold, at_least=False, unit=" s"))
    steps = json.loads(succeed([sys.executable, "-c", STEPS, options.model]).out)
    text = "\n\n".join([
        table(["engine", "cache", "seconds", "peak MB"], rows),
        table(["step", "seconds"], [[name, f"{taken:.2f}"] for name, taken in steps.items()]),
        targets(verdicts),
    ])  # fmt: skip
    print(text)
    (options.out / "startup.md").write_text(text + "\n", encoding="utf-8")
    write_json(options.out / "startup.json", {"seconds": found, "steps": steps})
    return 0


if __name__ == "__main__":
    sys.exit(main())
