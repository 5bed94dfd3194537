"""Tables and targets of the benchmarks, as Markdown for people and as JSON for the next comparison."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Target:
    """What was asked for, beside what was found; ``found`` is None where this run could not tell."""

    name: str
    limit: float
    found: float | None
    at_least: bool = True
    unit: str = ""

    def row(self) -> list[str]:
        """Name, limit, finding and verdict."""
        sign = "≥" if self.at_least else "≤"
        if self.found is None:
            return [self.name, f"{sign} {self.limit:g}{self.unit}", "-", "not measured"]
        met = self.found >= self.limit if self.at_least else self.found <= self.limit
        return [self.name, f"{sign} {self.limit:g}{self.unit}", f"{self.found:.3g}{self.unit}", "yes" if met else "no"]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def targets(found: Sequence[Target]) -> str:
    """The targets as a table."""
    return table(["target", "limit", "found", "met"], [target.row() for target in found])


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median, and the range where there are several values."""
    middle = median(values)
    if len(values) < 2:
        return f"{middle:.{digits}f}"
    return f"{middle:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def median(values: Sequence[float]) -> float:
    """The middle value; of an even number of them the lower one of the two in the middle, which was measured."""
    return sorted(values)[(len(values) - 1) // 2]


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Everything that was measured."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
