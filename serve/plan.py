"""Which records make which shard: the same borders and names whoever scores them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from itertools import chain, islice

from tocsin.serve.manifest import Shard
from tocsin.serve.records import Item
from tocsin.serve.shard import row_key

Work = tuple[str, Iterator[Item]]  # name of a shard and its records, to be read before the next shard is asked for


def cut(items: Iterator[Item], shard_records: int, done: int, stop: threading.Event) -> Iterator[Work]:
    """The shards after the first ``done`` ones, until the records end or a stop is asked for."""
    while not stop.is_set() and (first := next(items, None)) is not None:
        done += 1
        yield f"{done:05d}", chain([first], islice(items, shard_records - 1))


def skip(items: Iterator[Item], shard: Shard) -> None:
    """Read past the records of a finished shard; ValueError when the inputs do not give the same ones."""
    digest = hashlib.sha256()
    for item in islice(items, shard.rows):
        digest.update(row_key(item))
    if digest.hexdigest() != shard.rows_sha256:
        raise ValueError(
            f"expected the inputs to give the records of shard {shard.name} again, found others; "
            "restore the inputs, or begin again with --overwrite"
        )
