"""Where the time of a job goes, stage by stage, and how much of it is not the model.

python -m benchmarks.shares --out runs/bench --articles 100

One process scores articles as ``tocsin score`` does, with a clock around each stage; a stage that is called by another
one is taken off it. The clocks themselves cost under a microsecond a call. Start-up and loading do not count.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from unittest.mock import patch

from benchmarks.articles import write_articles
from benchmarks.engines import BATCH_TOKENS, ENGINES, PRECISIONS
from benchmarks.processes import out_folder
from benchmarks.report import Target, table, targets, write_json
from tocsin.model import RhetoricClassifier
from tocsin.model.article import prepare
from tocsin.serve import output, score, writers
from tocsin.serve.engine import open_engine
from tocsin.serve.job import Job, read_items, scoring_options
from tocsin.serve.progress import Position
from tocsin.serve.records import DeadLetter

# Stage -> functions at the places from where they are called.
STAGES = {
    "clean": ["tocsin.model.article.normalise", "tocsin.model.article.serbian_in_latin"],
    "segment": ["tocsin.model.article.segment"],
    "detect language": ["tocsin.model.article.detect", "tocsin.model.article.detect_sentence"],
    "attribute": ["tocsin.model.article.attribute"],
    "tokenise": ["tocsin.model.classifier.RhetoricClassifier.encode"],
    "model": ["tocsin.serve.score.predict"],
    "assemble": ["tocsin.serve.score.assemble"],
    "write": [
        "tocsin.serve.output.output_record",
        "tocsin.serve.writers.JsonLinesWriter.write",
        "tocsin.serve.writers.JsonLinesWriter.finish",
    ],
}
READ, REST, MODEL = "read", "rest", "model"
WARM_UP = "The minister said that talks would resume on Monday. Nobody left."  # loads what is loaded once
MOST_SHARE = 15.0  # per cent that all but the model may take


class Clocks:
    """Seconds by stage, without those of the stages that it called; each thread has its own stack."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._local = threading.local()

    @contextmanager
    def running(self, stage: str) -> Iterator[None]:
        """Count the time in the context for a stage."""
        stack: list[float] = self._local.__dict__.setdefault("inner", [])
        stack.append(0.0)  # seconds of the stages called from here
        begun = time.perf_counter()
        try:
            yield
        finally:
            taken = time.perf_counter() - begun
            self.seconds[stage] += taken - stack.pop()
            if stack:
                stack[-1] += taken

    def around(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with its time counted."""

        def timed(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - any function
            with self.running(stage):
                return function(*arguments, **options)

        return timed

    def items(self, stage: str, values: Iterator[Any]) -> Iterator[Any]:
        """The values with the time to get each of them counted."""
        while True:
            with self.running(stage):
                value = next(values, None)
            if value is None:
                return
            yield value


def shares(articles: Path, out: Path, classifier: RhetoricClassifier, engine_name: str) -> tuple[dict[str, float], int]:
    """Seconds by stage, and the number of articles, of a job over a file of articles."""
    job = Job(inputs=[str(articles)], out=str(out))
    engine, options = open_engine(classifier, engine_name, BATCH_TOKENS), scoring_options(job, classifier)
    engine.predict_clean([sentence.clean for sentence in prepare(WARM_UP).sentences])
    clocks, count = Clocks(), 0
    with ExitStack() as stack:
        for stage, places in STAGES.items():
            for place in places:
                stack.enter_context(patch(place, clocks.around(stage, resolve_name(place))))
        begun = time.perf_counter()
        items = clocks.items(READ, read_items(job, [articles], Position([articles])))
        with writers.JsonLinesWriter(out) as writer:
            for result in score.score_records(items, engine, options):
                if not isinstance(result, DeadLetter):
                    writer.write(output.output_record(result, classifier.model_id, all_sentences=False))
                count += 1
        wall = time.perf_counter() - begun
    found = {stage: clocks.seconds[stage] for stage in (READ, *STAGES)}
    return found | {REST: wall - sum(found.values())}, count


def share_table(found: dict[str, dict[str, float]], count: int) -> str:
    """One line a stage, one pair of columns an engine."""
    head = ["stage"]
    for name in found:
        head += [f"{name}: ms an article", "share"]
    rows = []
    for stage in (READ, *STAGES, REST):
        row = [stage]
        for seconds in found.values():
            row += [f"{1000 * seconds[stage] / count:.2f}", f"{100 * seconds[stage] / sum(seconds.values()):.1f}%"]
        rows.append(row)
    return table(head, rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure every engine and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=out_folder, required=True, help="folder")
    parser.add_argument("--articles", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="default")
    parser.add_argument("--engines", nargs="*", choices=ENGINES, default=ENGINES)
    options = parser.parse_args(argv)
    articles = write_articles(
        options.out / f"articles-{options.articles}-{options.seed}.jsonl", options.articles, seed=options.seed
    )
    found, count = {}, 0
    for name in options.engines:
        classifier = RhetoricClassifier.from_pretrained(options.model, device="cpu", precision=PRECISIONS[name][0])
        found[name], count = shares(articles, options.out / "shares.jsonl", classifier, name)
    rows = []
    for name, seconds in found.items():
        share = 100 * (1 - seconds[MODEL] / sum(seconds.values()))
        rows.append(Target(f"{name}: everything that is not the model", MOST_SHARE, share, at_least=False, unit="%"))
    text = f"{count} articles\n\n{share_table(found, count)}\n\n{targets(rows)}"
    print(text)
    (options.out / "shares.md").write_text(text + "\n", encoding="utf-8")
    write_json(options.out / "shares.json", {"articles": count, "seconds": found})
    return 0


if __name__ == "__main__":
    sys.exit(main())
