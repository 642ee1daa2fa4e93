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
FOREIGN_KEYS = """
    SELECT k.conrelid::regclass::text, k.confrelid::regclass::text, f.relname, t.relname,
        (SELECT array_agg(ARRAY[a.attname::text, b.attname::text])
         FROM unnest(k.conkey, k.confkey) AS c(own, other)
         JOIN pg_attribute AS a ON (a.attrelid, a.attnum) = (k.conrelid, c.own)
         JOIN pg_attribute AS b ON (b.attrelid, b.attnum) = (k.confrelid, c.other)),
        quote_ident(k.conname), pg_get_constraintdef(k.oid)
    FROM pg_constraint AS k
    JOIN pg_class AS f ON f.oid = k.conrelid
    JOIN pg_class AS t ON t.oid = k.confrelid
    WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conrelid <> k.confrelid"""

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
        paths = _paths(connection, [identities[table] for table in gold.tables], question)
    except (psycopg.Error, KeyError):
        return False, False
    return paths[0] == gold.conditions, gold.conditions in paths


def _paths(connection: psycopg.Connection[Any], tables: list[str], question: str = "") -> list[Pairs]:
    """The conditions of the paths that are found."""
    paths: dict[int, set[frozenset[str]]] = {}
    for path, from_table, from_alias, to_table, to_alias, condition in connection.execute(JOIN_PATH, (tables, question)):
        names = {alias: table.split(".", 1)[1].strip('"').lower() for alias, table in ((from_alias, from_table), (to_alias, to_table))}
        for equal in condition.split(" AND "):
            sides = (side.replace('"', "").rsplit(".", 1) for side in equal.split(" = "))
            paths.setdefault(path, set()).add(frozenset(f"{names[alias]}.{column.lower()}" for alias, column in sides))
    return [frozenset(paths[path]) for path in sorted(paths)]


def found_again(connection: psycopg.Connection[Any]) -> list[bool]:
    """For each two tables with foreign keys between them: whether, where no key is declared, the first path is one of them.

    All foreign keys are dropped for it, and are added again.
    """
    keys = connection.execute(FOREIGN_KEYS).fetchall()
    wanted: dict[tuple[str, ...], list[Pairs]] = {}
    for own, other, from_table, to_table, columns, *_ in keys:
        pairs = frozenset(frozenset((f"{from_table}.{a}".lower(), f"{to_table}.{b}".lower())) for a, b in columns)
        wanted.setdefault(tuple(sorted((own, other))), []).append(pairs)
    _alter(connection, [f"ALTER TABLE {own} DROP CONSTRAINT {name}" for own, *_, name, _ in keys])
    found = []
    for tables, declared in wanted.items():
        try:
            found.append(_paths(connection, list(tables))[0] in declared)
        except psycopg.Error:
            found.append(False)
    _alter(connection, [f"ALTER TABLE {own} ADD CONSTRAINT {name} {definition}" for own, *_, name, definition in keys])
    return found


def _alter(connection: psycopg.Connection[Any], statements: list[str]) -> None:
    with connection.transaction():
        for statement in statements:
            connection.execute(statement)  # type: ignore[arg-type]
    connection.execute("SELECT schema_monitor.check()")
