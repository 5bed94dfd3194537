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


class _Index:
    """Texts by their shingles, so that only texts that share one are compared: linear in the number of words."""

    def __init__(self) -> None:
        self._by_run: dict[int, list[int]] = {}
        self._sizes: list[int] = []

    def add(self, runs: frozenset[int]) -> None:
        for run in runs:
            self._by_run.setdefault(run, []).append(len(self._sizes))
        self._sizes.append(len(runs))

    def copies_of(self, runs: frozenset[int]) -> list[int]:
        """Numbers of the texts, in the order added, that share at least MIN_SHARED of the shorter one's shingles."""
        shared = Counter(number for run in runs for number in self._by_run.get(run, ()))
        return sorted(n for n, count in shared.items() if count >= MIN_SHARED * min(len(runs), self._sizes[n]))


def near_copies(texts: Sequence[str], held_out: Iterable[str]) -> list[bool]:
    """For each text whether it equals, or shares at least MIN_SHARED of the shingles with, a held-out text."""
    index = _Index()
    for text in held_out:
        index.add(shingles(text))
    return [bool(index.copies_of(shingles(text))) for text in texts]


def later_copies(texts: Sequence[str], groups: Sequence[str], classes: Sequence[object]) -> list[bool]:
    """For each text whether an earlier one that is kept, of the same class and another group, is a near-copy."""
    index = _Index()
    kept: list[int] = []
    flags = []
    for number, text in enumerate(texts):
        runs = shingles(text)
        earlier = (kept[at] for at in index.copies_of(runs))
        copy = any(groups[at] != groups[number] and classes[at] == classes[number] for at in earlier)
        flags.append(copy)
        if not copy:
            index.add(runs)
            kept.append(number)
    return flags


def near_copy_pairs(texts: Sequence[str], groups: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs (earlier, later) of near-copies in different groups; every later text is named once."""
    index = _Index()
    pairs: list[tuple[int, int]] = []
    for number, text in enumerate(texts):
        runs = shingles(text)
        earlier = next((other for other in index.copies_of(runs) if groups[other] != groups[number]), None)
        if earlier is not None:
            pairs.append((earlier, number))
        index.add(runs)
    return pairs
