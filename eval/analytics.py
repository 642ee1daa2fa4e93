"""build_query() on the committed analytical questions: what it writes is run, and its rows compared with the expected ones.

A question is answered right when the rows it gets are the expected ones; columns beyond those that are expected, such as
the key beside a name, do not count against it.
"""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from typing import Any

DIGITS = 6
Row = tuple[Any, ...]


def same(found: list[Row], expected: list[Row]) -> bool:
    """Whether the expected rows are the found ones, in some of their columns and any order."""
    if len(found) != len(expected):
        return False
    if not expected:
        return True
    found_columns = [[_plain(value) for value in column] for column in zip(*found, strict=True)]
    expected_columns = [[_plain(value) for value in column] for column in zip(*expected, strict=True)]
    wanted = Counter(zip(*expected_columns, strict=True))
    fitting = [[at for at, column in enumerate(found_columns) if Counter(column) == Counter(one)] for one in expected_columns]
    choices = (choice for choice in itertools.product(*fitting) if len(set(choice)) == len(choice))
    return any(Counter(zip(*(found_columns[at] for at in choice), strict=True)) == wanted for choice in choices)


def _plain(value: Any) -> Any:
    """A number as a number, a moment at midnight as a day."""
    if isinstance(value, (Decimal, float, int)) and not isinstance(value, bool):
        return round(float(value), DIGITS)
    if isinstance(value, datetime):
        value = value.replace(tzinfo=None)
        return value.date().isoformat() if value.time().isoformat() == "00:00:00" else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return value
