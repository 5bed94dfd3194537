"""Who is measured against whom, and one measurement: a process that scores the given sentences and ends.

python -m benchmarks.contenders "pipeline fp32, batch 32" --sentences sentences.json --out scores.npy

Every contender has the same network, tokenizer and sentences; only the way there differs. ``speed.py`` starts them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.engines import ENGINES, PRECISIONS

if TYPE_CHECKING:  # the process that starts this one stays small
    import numpy as np
    import numpy.typing as npt

    from tocsin.model import RhetoricClassifier

    Array = npt.NDArray[np.float64]

PIPELINE, WHOLE_LIST, OURS, JOB = "pipeline", "whole list", "ours", "tocsin score"
BATCHES = (1, 8, 32)
WARM_UP = 32  # sentences
LIST_TOKENS = 60_000  # padded tokens of a list that is scored in one call: about 4 GB


@dataclass(frozen=True, slots=True)
class Contender:
    """A way from sentences to scores; ``JOB`` is the command, which starts from articles."""

    kind: str
    precision: str
    batch: int | None = None  # sentences, of a pipeline
    engine: str | None = None

    @property
    def name(self) -> str:
        """As it stands in the table."""
        if self.kind == PIPELINE:
            return f"{self.kind} {self.precision}, batch {self.batch}"
        return " ".join(filter(None, [self.kind, self.engine, self.precision]))


CONTENDERS = {
    contender.name: contender
    for contender in [
        *(Contender(PIPELINE, precision, batch=batch) for precision in ("fp32", "bf16") for batch in BATCHES),
        Contender(WHOLE_LIST, "fp32"),
        *(
            Contender(kind, precision, engine=engine)
            for kind in (OURS, JOB)
            for engine in ENGINES
            for precision in PRECISIONS[engine]
        ),
    ]
}


def measure(contender: Contender, classifier: RhetoricClassifier, sentences: Sequence[str]) -> tuple[float, Array]:
    """Seconds for the sentences and their probabilities; a whole list may be cut (see LIST_TOKENS)."""
    predict = _predictor(contender, classifier)
    predict(sentences[:WARM_UP])
    if contender.kind == WHOLE_LIST:
        sentences = that_fit(classifier.encode(sentences), sentences)
    begun = time.perf_counter()
    scores = predict(sentences)
    return time.perf_counter() - begun, scores


def that_fit(ids: Sequence[Sequence[int]], sentences: Sequence[str]) -> Sequence[str]:
    """As many sentences from the first one on as can be padded to the longest of them within LIST_TOKENS."""
    longest = 0
    for count, row in enumerate(ids):
        longest = max(longest, len(row))
        if longest * (count + 1) > LIST_TOKENS:
            return sentences[: max(count, 1)]
    return sentences


def _predictor(contender: Contender, classifier: RhetoricClassifier) -> Callable[[Sequence[str]], Array]:
    from benchmarks.engines import BATCH_TOKENS, ENGINES
    from tocsin.serve.engine import open_engine
    from tocsin.serve.score import WINDOW_SENTENCES, predict

    if contender.kind == OURS:
        engine = open_engine(classifier, contender.engine or ENGINES[0], BATCH_TOKENS)
        return lambda sentences: predict(engine, sentences, WINDOW_SENTENCES, len(classifier.labels))
    from benchmarks.public_tools import text_classification, whole_list

    if contender.kind == WHOLE_LIST:
        return whole_list(classifier)
    return text_classification(classifier, batch=contender.batch or 1, bf16=contender.precision == "bf16")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure one contender and print what it took as JSON."""
    import numpy as np
    import torch
    from transformers.utils import logging

    from tocsin.model import RhetoricClassifier

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=[name for name, contender in CONTENDERS.items() if contender.kind != JOB])
    parser.add_argument("--sentences", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(argv)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    contender = CONTENDERS[options.name]
    ours_bf16 = contender.kind == OURS and contender.precision == "bf16"
    precision = "bf16" if ours_bf16 else "fp32"
    classifier = RhetoricClassifier.from_pretrained(options.model, device="cpu", precision=precision)
    sentences = json.loads(options.sentences.read_text(encoding="utf-8"))["sentences"]
    seconds, scores = measure(contender, classifier, sentences)
    np.save(options.out, scores)
    print(json.dumps({"seconds": seconds, "sentences": len(scores), "threads": torch.get_num_threads()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
