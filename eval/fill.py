"""Rows for a schema that comes without: a few in every table, the same each time, keys and references intact.

What the values are does not matter to whoever compares two queries over them, as long as they differ where rows differ:
numbers, days and texts are drawn from the name of the column and the number of the row.
"""

from __future__ import annotations

import re
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
    coalesce(nullif(a.atttypmod, -1), t.typtypmod) - 4, a.attgenerated <> '',
    (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum AS e WHERE e.enumtypid = coalesce(b.oid, t.oid)),
    CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END,
    (SELECT a.attnum = ANY (p.partattrs::int2[]) FROM pg_inherits AS i JOIN pg_partitioned_table AS p ON p.partrelid = i.inhparent WHERE i.inhrelid = c.oid),
    a.atttypmod, t.typtype = 'd' AND t.typname = 'year',
    (SELECT i.inhparent::int FROM pg_inherits AS i WHERE i.inhrelid = c.oid AND c.relispartition)
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type AS t ON t.oid = a.atttypid LEFT JOIN pg_type AS b ON b.oid = t.typbasetype
WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text <> ALL ('{pg_catalog,information_schema,schema_monitor}')
ORDER BY 2, a.attnum"""
KEYS = """
SELECT k.conrelid::int, k.contype::text, k.confrelid::int,
    (SELECT array_agg(a.attname::text ORDER BY o) FROM unnest(k.conkey) WITH ORDINALITY AS u(n, o) JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = n),
    (SELECT array_agg(a.attname::text ORDER BY o) FROM unnest(k.confkey) WITH ORDINALITY AS u(n, o) JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = n)
FROM pg_constraint AS k WHERE k.contype IN ('p', 'u', 'f')
UNION ALL SELECT x.indrelid::int, 'u', 0,
    (SELECT array_agg(a.attname::text ORDER BY o) FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS u(n, o) JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = n), NULL
FROM pg_index AS x JOIN pg_class AS r ON r.oid = x.indrelid AND r.relkind = 'r' AND r.relnamespace::regnamespace::text <> ALL ('{pg_catalog,pg_toast,information_schema,schema_monitor}')
WHERE x.indisunique AND NOT x.indisprimary AND x.indexprs IS NULL AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = x.indexrelid AND k.contype IN ('p', 'u'))"""
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
    labels: list[str] | None = None
    first: datetime | None = None  # bounds of the partition by this day
    days: int = 0
    is_year: bool = False  # of the domain year, whose check wants one


def draw(*seed: object) -> int:
    """A number that is the same for the same seed."""
    return zlib.crc32(repr(seed).encode())


def value(table: str, column: Column, row: int, *, is_unique: bool) -> Any:
    """The value of a column in a row; NULL where nothing can be drawn and none is needed."""
    number = row if is_unique else draw(table, column.name, row)
    if column.is_year:
        return FIRST_DAY.year + number % 4
    if column.kind in {"int2", "int4", "int8"}:
        return number if is_unique else 1 + number % 50
    if column.kind in {"numeric", "float4", "float8", "money"}:
        return number if is_unique else (number % 10_000) / 100
    if column.kind == "bool":
        return number % 3 == 0
    if column.kind in {"date", "timestamp", "timestamptz"}:
        return (column.first or FIRST_DAY) + timedelta(days=number % (column.days or DAYS))
    if column.kind in {"text", "varchar", "bpchar"}:
        text = f"{number if is_unique else number % FEW_TEXTS}"
        room = column.length if column.length and column.length > 0 else 40
        return text[-room:].rjust(room, "x") if room < len(column.name) + len(text) + 1 else f"{column.name} {text}"
    if column.labels:
        return column.labels[number % len(column.labels)]
    if column.kind == "vector":
        return str([(number >> k) % 10 for k in range(column.length or 1)])
    if column.kind == "uuid":
        return f"{draw(table, column.name, row):08x}-0000-4000-8000-{row:012x}"
    return {"time": "08:00", "bytea": b"\x00", "xml": "<a/>"}.get(column.kind) if column.is_needed else None


def fill(connection: Connection) -> int:
    """Fills every table anew; gives the number of rows."""
    tables: dict[int, tuple[str, list[Column]]] = {}
    partitions: dict[int, int] = {}
    for oid, name, column, kind, is_needed, length, is_generated, labels, bound, is_bound, typmod, is_year, parent in connection.execute(COLUMNS).fetchall():
        own = tables.setdefault(oid, (name, []))[1]
        if not is_generated:
            made = Column(column, kind, is_needed, typmod if kind == "vector" else length if kind in {"varchar", "bpchar"} else None, labels, is_year=is_year)
            if bound and is_bound:
                first, last = (datetime.fromisoformat(day[:10]) for day in re.findall(r"\('([0-9-]{10})", bound))
                # a partition that begins at 01:00 does not hold its first midnight
                made.first, made.days = first + timedelta(days=1), (last - first).days - 1
            if bound:
                partitions[oid] = parent
            own.append(made)
    unique: dict[int, list[list[str]]] = defaultdict(list)
    references: dict[int, list[tuple[int, list[str], list[str]]]] = defaultdict(list)
    for oid, kind, other, own, theirs in connection.execute(KEYS).fetchall():
        if kind == "f":
            references[oid].append((other, own, theirs))
        else:
            unique[oid].append(own)
    # A partition that came later lacks the references of its siblings; its rows are to join all the same.
    for oid, parent in partitions.items():
        references[oid] = references[oid] or next((list(references[o]) for o, p in partitions.items() if p == parent and references[o]), [])
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
            count = ROWS if oid not in partitions and references[oid] and oid not in referred else FEW
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
