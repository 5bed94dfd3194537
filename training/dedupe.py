"""Near-copies: rows of training that would let the model remember what it is tested on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from tocsin.model.script import to_latin

_WORD = re.compile(r"\w+")
SHINGLE_WORDS = 4
MIN_SHARED = 0.5  # share of the shorter text's shingles; below it, texts share a phrase rather than a sentence


def fold(text: str) -> str:
    """Letters and digits only, lower case, Serbian scripts as one: equal for trivially different copies."""
    return " ".join(_WORD.findall(to_latin(text).casefold()))


def shingles(text: str) -> frozenset[int]:
    """Hashes of every run of SHINGLE_WORDS words; of the whole text when it is shorter."""
    words = fold(text).split()
    runs = range(max(1, len(words) - SHINGLE_WORDS + 1))
    return frozenset(hash(tuple(words[start : start + SHINGLE_WORDS])) for start in runs)


def near_copies(texts: Sequence[str], held_out: Iterable[str]) -> list[bool]:
    """For each text whether it equals, or shares at least MIN_SHARED of the shingles with, a held-out text.

    Linear in the number of words, since only texts that share a shingle are compared.
    """
    index: dict[int, list[int]] = {}
    sizes: list[int] = []
    for number, text in enumerate(held_out):
        runs = shingles(text)
        sizes.append(len(runs))
        for run in runs:
            index.setdefault(run, []).append(number)
    return [_is_near_copy(shingles(text), index, sizes) for text in texts]


def _is_near_copy(runs: frozenset[int], index: dict[int, list[int]], sizes: Sequence[int]) -> bool:
    shared: dict[int, int] = {}
    for run in runs:
        for number in index.get(run, ()):
            shared[number] = shared.get(number, 0) + 1
    return any(count >= MIN_SHARED * min(len(runs), sizes[number]) for number, count in shared.items())


def near_copy_pairs(texts: Sequence[str], groups: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs (earlier, later) of near-copies in different groups; every later text is named once."""
    index: dict[int, list[int]] = {}
    sizes: list[int] = []
    pairs: list[tuple[int, int]] = []
    for number, text in enumerate(texts):
        runs = shingles(text)
        shared = Counter(other for run in runs for other in index.get(run, ()) if groups[other] != groups[number])
        earlier = [other for other, count in shared.items() if count >= MIN_SHARED * min(len(runs), sizes[other])]
        if earlier:
            pairs.append((earlier[0], number))
        sizes.append(len(runs))
        for run in runs:
            index.setdefault(run, []).append(number)
    return pairs
