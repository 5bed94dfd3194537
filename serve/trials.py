"""What to do with records on which workers die: try again, then halve them until the deadly ones are found.

A worker dies by a machine that is taken away, by memory, or by a record that breaks native code. Only the last one
comes back, so that every trial is made twice before its records are blamed.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from tocsin.serve.records import Item

DEATHS = 2  # of one trial, before its records are blamed
MOST_DEADLY = 4  # records of one shard; where more kill, the fault is not in the records

Trial = tuple[Sequence[Item], frozenset[str]]  # records to score, and the places of those to leave out


def trials(name: str, items: Sequence[Item]) -> Generator[Trial, bool, None]:
    """The trials of one shard, one after another; it is sent whether the worker lived, and ends with a whole result.

    The last trial is all records with the deadly ones left out, so that what became of the others is scored in one
    piece. OSError when workers go on dying.
    """
    if (yield from _lives(items, frozenset())):
        return
    deadly: list[Item] = []
    yield from _find(name, items, deadly)
    if not (yield from _lives(items, frozenset(item.place for item in deadly))):
        raise OSError(
            f"expected workers that live through shard {name}, found that each one died though none did on its parts; "
            "give them more memory, or lower --batch-tokens in a new job"
        )


def _lives(items: Sequence[Item], deadly: frozenset[str]) -> Generator[Trial, bool, bool]:
    for _ in range(DEATHS):
        if (yield items, deadly):
            return True
    return False


def _find(name: str, items: Sequence[Item], deadly: list[Item]) -> Generator[Trial, bool, None]:
    """Add those of some records that kill, known to be among them."""
    if len(items) == 1:
        deadly.append(items[0])
        if len(deadly) > MOST_DEADLY:
            raise OSError(
                f"expected at most {MOST_DEADLY} records of shard {name} on which workers die, found more "
                f"({', '.join(item.place for item in deadly)}); see the workers' own messages for the "
                "cause, or take them out of the inputs for a new job"
            )
        return
    middle = len(items) // 2
    for half in (items[:middle], items[middle:]):
        if not (yield from _lives(half, frozenset())):
            yield from _find(name, half, deadly)
