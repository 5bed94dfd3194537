"""``tocsin`` with a model that is loaded and never run: what is left is everything else, and the memory of both.

python -m benchmarks.stub score articles.jsonl --out job/

For the paths of files and memory at sizes at which the model would take hours. A sentence gets 0.9 for every label
where the number of its characters divides by 16, else 0.01, so that evidence is written about as often as on news. Its
scores are worthless, and its speed is no speed of tocsin.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from tocsin.serve.engine import TORCH, TorchEngine
from tocsin.serve.main import main as tocsin

EVERY, HIGH, LOW = 16, 0.9, 0.01


def constant(engine: TorchEngine, sentences: Sequence[str]) -> npt.NDArray[np.float64]:
    """In place of ``TorchEngine.predict_clean``."""
    row = [HIGH if len(sentence) % EVERY == 0 else LOW for sentence in sentences]
    return np.repeat(np.array(row, dtype=np.float64).reshape(-1, 1), len(engine.classifier.labels), axis=1)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command of tocsin without its model."""
    with patch.object(TorchEngine, "predict_clean", constant), patch.dict(os.environ, TOCSIN_ENGINE=TORCH):
        return tocsin(argv)


if __name__ == "__main__":
    sys.exit(main())
