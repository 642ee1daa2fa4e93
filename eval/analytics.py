"""build_query() on the committed analytical questions: what it writes is run, and its rows compared with the expected ones.

A question is answered right when the rows it gets are the expected ones; columns beyond those that are expected, such as
the key beside a name, do not count against it.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from statistics import mean
from typing import Any

import psycopg

from eval.fill import fill
from eval.terms import SCHEMAS, loaded
from tools.cluster import Cluster
from tools.paths import ROOT

SET = ROOT / "eval" / "sets" / "analytics.jsonl"
# a second set over other schemas, by somebody who did not know how questions are read
OTHER_SET = ROOT / "eval" / "sets" / "analytics_others.jsonl"
OTHER_SCHEMAS = {name: sorted((ROOT.parent / "shared" / "data" / "schemas" / name).glob("*.sql")) for name in ("chinook", "northwind", "pagila")}
WITHOUT_ROWS = frozenset({"adventureworks", *OTHER_SCHEMAS})
DIGITS = 6
Row = tuple[Any, ...]
Connection = psycopg.Connection[Any]


def outcome(connection: Connection, question: str, expected: str) -> str:
    """`right`, `wrong` or `refused`."""
    row = connection.execute("SELECT sql FROM schema_monitor.build_query(%s)", (question,)).fetchone()
    if row is None or row[0] is None:
        return "refused"
    return "right" if same(connection.execute(row[0]).fetchall(), connection.execute(expected).fetchall()) else "wrong"  # type: ignore[arg-type]


def measure_questions(cluster: Cluster, file: Path = SET, schemas: dict[str, list[Path]] = SCHEMAS, *, show: bool = False) -> dict[str, float]:
    """Shares of the questions that are answered right, and that are refused."""
    cases = [json.loads(line) for line in file.read_text().splitlines()]
    found = []
    for name, files in schemas.items():
        with loaded(cluster, f"questions_{name}", files) as connection:
            if name in WITHOUT_ROWS:
                fill(connection)
            connection.execute("ANALYZE")
            for case in (case for case in cases if case["db"] == name):
                found.append(outcome(connection, case["question"], case["sql"]))
                if show and found[-1] != "right":
                    print(f"{found[-1]:<8} {name}: {case['question']}")
    what = f"build_query(){' on other schemas' if file == OTHER_SET else ''}"
    return {
        f"{what}: right ({len(found)} questions)": mean(one == "right" for one in found),
        f"{what}: refused": mean(one == "refused" for one in found),
    }


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
