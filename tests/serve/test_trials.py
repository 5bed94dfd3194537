"""Which records are blamed when workers die, and which are not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from tocsin.serve.records import Item, Record
from tocsin.serve.trials import DEATHS, MOST_DEADLY, trials


def records(count: int) -> list[Item]:
    return [Record(place=f"in.jsonl:{n}", id=n, text="Text.", title=None, language=None) for n in range(count)]


def run(items: Sequence[Item], lives: Callable[[list[str]], bool]) -> tuple[list[str], int]:
    """Places that are left out of the last trial, and deaths, with workers that live by a rule over places."""
    answers, deaths = trials("00001", items), 0
    part, left_out = next(answers)
    while True:
        alive = lives([item.place for item in part if item.place not in left_out])
        deaths += not alive
        try:
            part, left_out = answers.send(alive)
        except StopIteration:
            assert alive
            assert len(part) == len(items)
            return sorted(left_out), deaths


@pytest.mark.parametrize("count", [1, 2, 3, 7, 1000])
def test_every_deadly_record_is_found_and_no_other(count: int) -> None:
    deadly = {f"in.jsonl:{count - 1}", f"in.jsonl:{count // 2}"}
    assert run(records(count), lambda places: not deadly & set(places))[0] == sorted(deadly)


def test_a_worker_that_is_taken_away_costs_one_trial_and_no_record() -> None:
    calls = []

    def lives(places: list[str]) -> bool:
        calls.append(len(places))
        return len(calls) > 1

    assert run(records(8), lives) == ([], 1)
    assert calls == [8, 8]


def test_deaths_grow_with_the_logarithm_of_the_shard() -> None:
    assert run(records(1024), lambda places: "in.jsonl:77" not in places)[1] == DEATHS * (1 + 10)


def test_records_that_are_too_many_together_are_not_blamed() -> None:
    with pytest.raises(OSError, match="shard 00001, found that each one died though none did on its parts"):
        run(records(8), lambda places: len(places) < 8)


def test_where_every_record_kills_the_search_ends() -> None:
    with pytest.raises(OSError, match=f"at most {MOST_DEADLY} records of shard 00001 on which workers die"):
        run(records(1000), lambda places: not places)
