"""Tocsin as one step of a Ray Data pipeline of your own, where its order, files and retries are Ray Data's business.

python examples/ray_data.py ARTICLES.parquet SCORED/ --workers 2

Rows need "id" and "text". Nothing here proves that no row was lost, goes on after a kill, or finds the record on which
workers die: for that, use tocsin score --runner ray.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import pyarrow as pa
import ray

from tocsin.serve.engine import TorchEngine
from tocsin.serve.job import Job, load_classifier, scoring_options
from tocsin.serve.output import output_record, to_json
from tocsin.serve.records import DeadLetter, make_record
from tocsin.serve.score import score_records


class Scorer:
    """Scores batches; each of Ray's workers makes one and so loads the weights once."""

    def __init__(self, model: str) -> None:
        self.job = Job(inputs=(), out="-", model=model)
        self.classifier = load_classifier(self.job)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """The id of each row, its output record as docs/output-contract.md says, or why there is none."""
        rows = batch.to_pylist()
        items = [make_record(row, str(row.get("id")), "", self.job.columns) for row in rows]
        engine = TorchEngine(self.classifier, self.job.batch_tokens)
        results = list(score_records(items, engine, scoring_options(self.job, self.classifier)))
        records = [
            None
            if isinstance(result, DeadLetter)
            else to_json(output_record(result, self.classifier.model_id, all_sentences=False))
            for result in results
        ]
        reasons = [result.reason if isinstance(result, DeadLetter) else None for result in results]
        table = {"id": [str(row.get("id")) for row in rows], "record": records, "dead": reasons}
        return pa.table(table, schema=pa.schema([(name, pa.string()) for name in table]))


def main(argv: Sequence[str] | None = None) -> int:
    """Read, score, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles")
    parser.add_argument("scored")
    parser.add_argument("--model", default="default")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args(argv)
    dataset = ray.data.read_parquet(options.articles).map_batches(
        Scorer,
        fn_constructor_args=[options.model],
        batch_format="pyarrow",
        batch_size=256,
        compute=ray.data.ActorPoolStrategy(size=options.workers),
    )
    dataset.write_parquet(options.scored)
    return 0


if __name__ == "__main__":
    sys.exit(main())
