"""Made-up databases of any size that look like real ones: schemas, tables, keys, indexes, defaults, comments.

The same seed gives the same database. All names of tables are distinct and made of words, so that passages are
distinct texts of a realistic length.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product

from bench.words import ASPECTS, COLUMN_COMMENTS, COLUMNS, SCHEMAS, SUBJECTS, TABLE_COMMENTS

SEED = 20_240_601
# a table's columns besides those drawn: id and parent_id
FIXED_COLUMNS = 2
# shares of the tables
IDENTITY, REFERENCE, SECOND_INDEX, CHECK, TABLE_COMMENT, COLUMN_COMMENT = 0.3, 0.5, 0.4, 0.2, 0.4, 0.2


def table_names(count: int) -> list[tuple[str, str]]:
    """Schema and name of each of `count` tables, evenly over the schemas."""
    names = ["_".join(filter(None, words)) for words in product(SUBJECTS, ASPECTS)]
    random.Random(SEED).shuffle(names)
    # beyond 40 x 28 names in each of five schemas they would repeat
    places = [(schema, name) for name in names for schema in SCHEMAS]
    if count > len(places):
        raise ValueError(f"there are names for {len(places)} tables, not for {count}")
    return places[:count] if count > len(names) else [(SCHEMAS[at % len(SCHEMAS)], names[at]) for at in range(count)]


def statements(tables: int, columns: int) -> Iterator[str]:
    """The SQL of a database of `tables` tables with `columns` columns each."""
    draw = random.Random(SEED + tables)
    yield from (f"CREATE SCHEMA {schema};" for schema in SCHEMAS)
    parents: dict[str, list[str]] = {schema: [] for schema in SCHEMAS}
    for schema, name in table_names(tables):
        yield from _table(draw, schema, name, columns, parents[schema])
        parents[schema].append(name)


def _table(draw: random.Random, schema: str, name: str, columns: int, parents: list[str]) -> Iterator[str]:
    identity = " GENERATED ALWAYS AS IDENTITY" if draw.random() < IDENTITY else ""
    drawn = draw.sample(COLUMNS, columns - FIXED_COLUMNS)
    parent = draw.choice(parents) if parents and draw.random() < REFERENCE else None
    reference = f" REFERENCES {schema}.{parent}" if parent else ""
    lines = [f"id bigint{identity} PRIMARY KEY", f"parent_id bigint{reference}"]
    for column, type_name, default in drawn:
        null = " NOT NULL" if draw.random() < 0.3 else ""
        lines.append(f"{column} {type_name}{null}" + (f" DEFAULT {default}" if default else ""))
    if draw.random() < CHECK:
        lines.append("CHECK (id > 0)")
    table = f"{schema}.{name}"
    yield f"CREATE TABLE {table} ({', '.join(lines)});"
    if draw.random() < SECOND_INDEX:
        indexed = next(column for column, type_name, _ in drawn if type_name != "jsonb")
        yield f"CREATE INDEX ON {table} ({indexed});"
    if draw.random() < TABLE_COMMENT:
        comment = draw.choice(TABLE_COMMENTS).format(words=name.replace("_", " "))
        yield f"COMMENT ON TABLE {table} IS '{comment}';"
    if draw.random() < COLUMN_COMMENT:
        yield f"COMMENT ON COLUMN {table}.{drawn[0][0]} IS '{draw.choice(COLUMN_COMMENTS)}';"
