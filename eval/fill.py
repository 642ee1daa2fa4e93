"""Rows for a schema that comes without: a few in every table, the same each time, keys and references intact.

What the values are does not matter to whoever compares two queries over them, as long as they differ where rows differ:
numbers, days and texts are drawn from the name of the column and the number of the row.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

ROWS, FEW = 240, 30  # of a table that refers to others and is not referred to; of any other
FIRST_DAY, DAYS = datetime(2012, 1, 1), 1_300  # noqa: DTZ001 - a day, not a moment
FEW_TEXTS = 9
Connection = psycopg.Connection[Any]

COLUMNS = """
SELECT c.oid::int, c.oid::regclass::text, a.attname, coalesce(b.typname, t.typname), a.attnotnull,
    coalesce(nullif(a.atttypmod, -1), t.typtypmod) - 4, a.attgenerated <> ''
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type AS t ON t.oid = a.atttypid LEFT JOIN pg_type AS b ON b.oid = t.typbasetype
WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text <> ALL ('{pg_catalog,information_schema,schema_monitor}')
ORDER BY 2, a.attnum"""
KEYS = """
SELECT k.conrelid::int, k.contype::text, k.confrelid::int,
    (SELECT array_agg(a.attname::text ORDER BY o) FROM unnest(k.conkey) WITH ORDINALITY AS u(n, o) JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = n),
    (SELECT array_agg(a.attname::text ORDER BY o) FROM unnest(k.confkey) WITH ORDINALITY AS u(n, o) JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = n)
FROM pg_constraint AS k WHERE k.contype IN ('p', 'u', 'f') ORDER BY k.conrelid, k.conname"""
CHECKS = """
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::regclass, k.conname),
    format('ALTER TABLE %s ADD CONSTRAINT %I %s NOT VALID', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid))
FROM pg_constraint AS k WHERE k.contype = 'c' AND k.conrelid <> 0 AND k.connamespace::regnamespace::text <> 'schema_monitor'"""


@dataclass
class Column:
    """A column as far as a value must fit it."""

    name: str
    kind: str
    is_needed: bool
    length: int | None


def draw(*seed: object) -> int:
    """A number that is the same for the same seed."""
    return zlib.crc32(repr(seed).encode())


def value(table: str, column: Column, row: int, *, is_unique: bool) -> Any:
    """The value of a column in a row; NULL where nothing can be drawn and none is needed."""
    number = row if is_unique else draw(table, column.name, row)
    if column.kind in {"int2", "int4", "int8"}:
        return number if is_unique else 1 + number % 50
    if column.kind in {"numeric", "float4", "float8", "money"}:
        return number if is_unique else (number % 10_000) / 100
    if column.kind == "bool":
        return number % 3 == 0
    if column.kind in {"date", "timestamp", "timestamptz"}:
        return FIRST_DAY + timedelta(days=number % DAYS)
    if column.kind in {"text", "varchar", "bpchar"}:
        text = f"{number if is_unique else number % FEW_TEXTS}"
        room = column.length if column.length and column.length > 0 else 40
        return text[-room:].rjust(room, "x") if room < len(column.name) + len(text) + 1 else f"{column.name} {text}"
    if column.kind == "uuid":
        return f"{draw(table, column.name, row):08x}-0000-4000-8000-{row:012x}"
    return {"time": "08:00", "bytea": b"\x00", "xml": "<a/>"}.get(column.kind) if column.is_needed else None


def fill(connection: Connection) -> int:
    """Fills every table anew; gives the number of rows."""
    tables: dict[int, tuple[str, list[Column]]] = {}
    for oid, name, column, kind, is_needed, length, is_generated in connection.execute(COLUMNS).fetchall():
        own = tables.setdefault(oid, (name, []))[1]
        if not is_generated:
            own.append(Column(column, kind, is_needed, length if kind in {"varchar", "bpchar"} else None))
    unique: dict[int, list[list[str]]] = defaultdict(list)
    references: dict[int, list[tuple[int, list[str], list[str]]]] = defaultdict(list)
    for oid, kind, other, own, theirs in connection.execute(KEYS).fetchall():
        if kind == "f":
            references[oid].append((other, own, theirs))
        else:
            unique[oid].append(own)
    connection.execute(f"TRUNCATE {', '.join(name for name, _ in tables.values())}")  # type: ignore[arg-type]
    # The checks stay in the schema, for what they say is read from it; what is drawn does not heed them.
    checks = connection.execute(CHECKS).fetchall()
    for drop, _ in checks:
        connection.execute(drop)
    rows: dict[int, list[dict[str, Any]]] = {}
    referred = {other for keys in references.values() for other, *_ in keys}
    waiting = sorted(tables)
    while waiting:
        ready = [oid for oid in waiting if all(other in rows or other == oid for other, *_ in references[oid])] or waiting[:1]
        for oid in ready:
            count = ROWS if references[oid] and oid not in referred else FEW
            known = [key for key in references[oid] if key[0] in rows]
            # Whom a row has above it in its own table, nobody asks for.
            above = {column for other, own, _ in references[oid] if other == oid for column in own}
            rows[oid] = _rows(connection, tables[oid], count, unique[oid], known, rows, above)
            waiting.remove(oid)
    for _, add in checks:
        connection.execute(add)
    return sum(len(own) for own in rows.values())


def _rows(
    connection: Connection,
    table: tuple[str, list[Column]],
    count: int,
    unique: list[list[str]],
    references: list[tuple[int, list[str], list[str]]],
    known: dict[int, list[dict[str, Any]]],
    empty: set[str],
) -> list[dict[str, Any]]:
    name, columns = table
    alone = {key[0] for key in unique if len(key) == 1}
    made, taken = [], set()
    for row in range(1, count + 1):
        values = {column.name: value(name, column, row, is_unique=column.name in alone) for column in columns}
        for other, own, theirs in references:
            parents = known[other]
            # A key that refers takes every row of the other table once.
            parent = parents[(row - 1 if own[0] in alone else draw(name, own, row)) % len(parents)]
            values.update({column: parent[key] for column, key in zip(own, theirs, strict=True)})
        values.update({column.name: None for column in columns if column.name in empty and not column.is_needed})
        keys = [(tuple(key), tuple(values[column] for column in key)) for key in unique]
        if not any(key in taken for key in keys):
            taken.update(keys)
            made.append(values)
    names = [column.name for column in columns]
    quoted = ", ".join('"' + column.replace('"', '""') + '"' for column in names)
    slots = ", ".join(["%s"] * len(names))
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {name} ({quoted}) OVERRIDING SYSTEM VALUE VALUES ({slots})", [tuple(one[column] for column in names) for one in made])  # type: ignore[arg-type]
    return made
