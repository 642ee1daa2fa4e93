"""What a measurement gives: rows of the table, and the statistics they are made of.

The machine is shared and noisy, so a figure is a ratio of two things measured in turns (A B A B …) or a median of many
samples; never a mean, which one stall would carry away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.server import Servers


class Unmeasured(Exception):
    """What was about to be measured is not what the name says, or did not happen; the message says why."""


@dataclass(frozen=True)
class Target:
    """The bound a figure is held against: at most (or at least) `bound`; `aim` is what would please."""

    bound: float
    aim: float | None = None
    at_least: bool = False

    def is_met(self, figure: float) -> bool:
        """Whether the figure as it is printed, in two decimals, is within the bound."""
        printed = round(figure, 2)
        return printed >= self.bound if self.at_least else printed <= self.bound

    def text(self, unit: str) -> str:
        """As in the table: `≤ 1.35 × (aim 1.15)`."""
        sign = "≥" if self.at_least else "≤"
        aim = "" if self.aim is None else f" (aim {self.aim:g})"
        return f"{sign} {self.bound:g} {unit}{aim}"


@dataclass(frozen=True)
class Row:
    """One line of the table. unit: what `figure` and the target's bound count. extra: further figures, by name with
    their unit at the end, for .dev/bench.json and the notes below the table."""

    what: str
    figure: float
    unit: str
    target: Target
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def is_met(self) -> bool:
        """Whether the target is met."""
        return self.target.is_met(self.figure)

    def as_json(self) -> dict[str, Any]:
        """All of it, for .dev/bench.json."""
        return {**asdict(self), "is_met": self.is_met}


# a measurement takes the servers it may ask for and gives its rows
Measurement = Callable[["Servers"], list[Row]]


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """The median of the ratios of pairs measured right after one another."""
    return median(a / b for a, b in zip(numerators, denominators, strict=True))


def rounded(values: Sequence[float], digits: int = 2) -> list[float]:
    """Samples as they are kept in .dev/bench.json."""
    return [round(value, digits) for value in values]
