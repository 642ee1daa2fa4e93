"""Whether join_path() joins tables as the people did who wrote the gold SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
import sqlglot
from sqlglot import exp

from eval.questions import Question

MOST_TABLES = 4
JOIN_PATH = "SELECT path, from_table, from_alias, to_table, to_alias, condition FROM schema_monitor.join_path(%s, 3, %s)"

Pairs = frozenset[frozenset[str]]


@dataclass(frozen=True)
class Joined:
    """Tables that one SELECT of a gold query joins, and its conditions as pairs of table.column."""

    tables: tuple[str, ...]
    conditions: Pairs


def joined(question: Question) -> list[Joined]:
    """The SELECTs of a gold query that join two to four tables by equal columns; none where it joins otherwise."""
    try:
        tree = sqlglot.parse_one(question.sql, read="sqlite")
    except sqlglot.errors.SqlglotError:
        return []
    return [found for select in tree.find_all(exp.Select) if (found := _of(select)) is not None]


def _of(select: exp.Select) -> Joined | None:
    source = select.args.get("from_") or select.args.get("from")
    joins = select.args.get("joins") or []
    parts = [source.this, *(join.this for join in joins)] if source else []
    if not joins or not all(isinstance(part, exp.Table) for part in parts):
        return None
    names = {part.alias_or_name.lower(): part.name.lower() for part in parts}
    tables = tuple(part.name.lower() for part in parts)
    pairs = set()
    for join in joins:
        on = join.args.get("on")
        for condition in on.flatten() if isinstance(on, exp.And) else [on]:
            if not isinstance(condition, exp.EQ) or not all(isinstance(side, exp.Column) for side in (condition.left, condition.right)):
                return None
            if condition.left == condition.right:
                return None  # a slip of who wrote it
            sides = [f"{names.get(side.table.lower(), '?')}.{side.name.lower()}" for side in (condition.left, condition.right)]
            pairs.add(frozenset(sides))
    if not 2 <= len(set(tables)) <= MOST_TABLES or len(set(tables)) != len(tables) or any("?" in side for pair in pairs for side in pair):
        return None
    return Joined(tables, frozenset(pairs))


def compare(connection: psycopg.Connection[Any], identities: dict[str, str], gold: Joined, question: str) -> tuple[bool, bool]:
    """Whether the first path has the gold conditions, and whether one of the paths has."""
    try:
        rows = connection.execute(JOIN_PATH, ([identities[table] for table in gold.tables], question)).fetchall()
    except (psycopg.Error, KeyError):
        return False, False
    paths: dict[int, set[frozenset[str]]] = {}
    for path, from_table, from_alias, to_table, to_alias, condition in rows:
        names = {alias: table.split(".", 1)[1].strip('"').lower() for alias, table in ((from_alias, from_table), (to_alias, to_table))}
        for equal in condition.split(" AND "):
            sides = (side.replace('"', "").rsplit(".", 1) for side in equal.split(" = "))
            paths.setdefault(path, set()).add(frozenset(f"{names[alias]}.{column.lower()}" for alias, column in sides))
    return frozenset(paths.get(1, ())) == gold.conditions, gold.conditions in map(frozenset, paths.values())
