"""The sentences of articles, as every contender gets them, with what must be known to judge its speed.

python -m benchmarks.sentences articles.jsonl sentences.json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from tocsin.model import RhetoricClassifier
from tocsin.model.article import prepare


def collect(articles: Path, classifier: RhetoricClassifier) -> dict[str, Any]:
    """Sentences in order, the number of articles and tokens, and what a token costs the network."""
    begun, sentences, count = time.perf_counter(), list[str](), 0
    with articles.open(encoding="utf-8") as lines:
        for article in map(json.loads, lines):
            prepared = prepare(article["text"], title=article["title"])
            sentences += [sentence.clean for sentence in prepared.sentences]
            count += 1
    return {
        "articles": count,
        "seconds_to_prepare": time.perf_counter() - begun,
        "tokens": sum(map(len, classifier.encode(sentences))),
        "mflop_a_token": mflop_a_token(classifier),
        "thresholds": classifier.thresholds,
        "model": classifier.model_id,
        "sentences": sentences,
    }


def mflop_a_token(classifier: RhetoricClassifier) -> float:
    """Of the encoder's matrix products with its weights; attention adds a little that grows with the sentence."""
    layers = [module for module in classifier.network.encoder.modules() if isinstance(module, nn.Linear)]
    return sum(2 * layer.weight.numel() for layer in layers) / 1e6


def main(argv: Sequence[str] | None = None) -> int:
    """Write the sentences of a file of articles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="default")
    options = parser.parse_args(argv)
    classifier = RhetoricClassifier.from_pretrained(options.model, device="cpu")
    found = collect(options.articles, classifier)
    options.out.write_text(json.dumps(found, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
