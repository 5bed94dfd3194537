"""Articles to measure with: any number of them, made of the regional corpus, the same ones for the same seed.

python -m benchmarks.articles 10000 runs/articles.jsonl --seed 1

Lengths are log-normal between 50 and 5,000 words, languages and scripts are mixed as in the region's press, and one
article in ten is wire copy: it repeats an earlier one, whole or most of its sentences (``copy_of``). In every sentence
that is no copy one word is drawn anew, so that sentences repeat in wire copy alone and a cache gains no more than it
would on news. The texts mean nothing; they are for speed and memory.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parents[1] / "training" / "corpus"
# Share of articles in each language of the corpus.
LANGUAGES = {
    "sr-Latn": 0.22, "hr": 0.14, "sr-Cyrl": 0.13, "bs": 0.13, "mk": 0.13, "sq": 0.12, "en": 0.08, "cnr": 0.05,
}  # fmt: skip
MEDIAN_WORDS, SIGMA = 350, 0.75
LEAST_WORDS, MOST_WORDS = 50, 5000
WIRE_SHARE, WIRE_MEMORY = 0.1, 200  # share of copies; earlier articles that can be copied
WIRE_WHOLE, WIRE_KEPT = 0.5, 0.85  # share of copies that change nothing; sentences that the others keep
HEATED_SHARE, HEATED_SENTENCES = 0.3, 0.15  # articles with labelled sentences, and their share in those
OUTLETS = 40
FIRST_DAY, DAYS = date(2026, 1, 1), 365
_PARAGRAPH = (1, 2, 2, 3, 3, 4)  # sentences


@dataclass(frozen=True, slots=True)
class _Pool:
    """Sentences of one language, and words to put into them."""

    calm: list[str]
    labelled: list[str]
    words: list[str]


def generate(count: int, *, seed: int) -> Iterator[dict[str, Any]]:
    """Articles one by one; the first ones of a larger count are those of a smaller one."""
    rng = random.Random(seed)
    pools = read_pools()
    languages, weights = list(LANGUAGES), list(LANGUAGES.values())
    originals: deque[tuple[str, _Pool, list[str]]] = deque(maxlen=WIRE_MEMORY)
    for number in range(count):
        identity = f"bench-{number:07d}"
        if originals and rng.random() < WIRE_SHARE:
            copied, pool, sentences = rng.choice(originals)
            sentences = _copy(rng, pool, sentences)
        else:
            copied, pool = None, pools[rng.choices(languages, weights)[0]]
            sentences = _sentences(rng, pool)
            originals.append((identity, pool, sentences))
        yield {
            "id": identity,
            "title": _varied(rng, rng.choice(pool.calm), pool.words).rstrip("."),
            "text": _paragraphs(rng, sentences),
            "outlet": f"outlet-{rng.randrange(OUTLETS):02d}.example",
            "published": (FIRST_DAY + timedelta(days=rng.randrange(DAYS))).isoformat(),
            "copy_of": copied,
        }


def write_articles(path: Path, count: int, *, seed: int) -> Path:
    """The articles as JSON Lines, appearing when they are complete; what is there already stays."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        with part.open("w", encoding="utf-8", newline="\n") as stream:
            for article in generate(count, seed=seed):
                stream.write(json.dumps(article, ensure_ascii=False) + "\n")
        os.replace(part, path)
    return path


def read_pools(corpus: Path = CORPUS) -> dict[str, _Pool]:
    """Sentences of the regional corpus by language; FileNotFoundError when it is not there."""
    pools = {language: _Pool([], [], []) for language in LANGUAGES}
    for file in sorted(corpus.glob("*.jsonl")):
        with file.open(encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                pool = pools[row["lang"]]
                (pool.labelled if row["labels"] else pool.calm).append(" ".join(row["text"].split()))
    if not all(pool.calm and pool.labelled for pool in pools.values()):
        raise FileNotFoundError(f"expected the regional corpus in {corpus}, found none; run from a checkout")
    for pool in pools.values():
        pool.words.extend(word for sentence in pool.calm for word in sentence.split() if _is_plain(word))
    return pools


def draw_length(rng: random.Random) -> int:
    """Words of an article."""
    return round(min(max(rng.lognormvariate(math.log(MEDIAN_WORDS), SIGMA), LEAST_WORDS), MOST_WORDS))


def _sentences(rng: random.Random, pool: _Pool) -> list[str]:
    heated = HEATED_SENTENCES if rng.random() < HEATED_SHARE else 0.0
    length = draw_length(rng)
    sentences: list[str] = []
    words = 0
    while words < length:
        source = pool.labelled if rng.random() < heated else pool.calm
        sentence = _varied(rng, rng.choice(source), pool.words)
        sentences.append(sentence)
        words += sentence.count(" ") + 1
    return sentences


def _copy(rng: random.Random, pool: _Pool, sentences: list[str]) -> list[str]:
    if rng.random() < WIRE_WHOLE:
        return sentences
    kept = [sentence for sentence in sentences if rng.random() < WIRE_KEPT]
    return [_varied(rng, rng.choice(pool.calm), pool.words), *kept]


def _varied(rng: random.Random, sentence: str, words: list[str]) -> str:
    """The sentence with one plain word inside it drawn anew."""
    parts = sentence.split(" ")
    places = [at for at, part in enumerate(parts) if at and _is_plain(part)]
    if places:
        parts[rng.choice(places)] = rng.choice(words)
    return " ".join(parts)


def _is_plain(word: str) -> bool:
    return word.isalpha() and word.islower()


def _paragraphs(rng: random.Random, sentences: Sequence[str]) -> str:
    paragraphs, at = [], 0
    while at < len(sentences):
        size = rng.choice(_PARAGRAPH)
        paragraphs.append(" ".join(sentences[at : at + size]))
        at += size
    return "\n\n".join(paragraphs)


def main(argv: Sequence[str] | None = None) -> int:
    """Write articles to a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    write_articles(options.out, options.count, seed=options.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
