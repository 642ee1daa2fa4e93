"""join_path(), validate_query() and context() on a loaded question set."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from random import Random
from statistics import mean, median
from typing import Any

import psycopg

from eval import checks, joins
from eval.dialect import postgres
from eval.questions import Question
from eval.synonyms import apart, synonyms

BUDGET = 2_000  # tokens of a context
CONTEXT = "SELECT schema_monitor.context(%s, %s)"
NAMES = """
    SELECT n.nspname, c.relname, ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm')"""

Connection = psycopg.Connection[Any]
Places = dict[str, list[str]]


class Catalog:
    """Names of the tables and columns of each schema."""

    def __init__(self, connection: Connection) -> None:
        self.tables: dict[str, dict[str, list[str]]] = defaultdict(dict)
        for schema, table, columns in connection.execute(NAMES):
            self.tables[schema][table] = columns

    def identities(self, schemas: list[str]) -> dict[str, str]:
        """Qualified names by the lower-case name."""
        return {table.lower(): f'"{schema}"."{table}"' for schema in schemas for table in self.tables[schema]}

    def names(self, schemas: list[str]) -> dict[str, str]:
        """Every name of a table or column by its lower-case form."""
        own = [name for schema in schemas for table, columns in self.tables[schema].items() for name in (table, *columns)]
        return {name.lower(): name for name in own}


def measure_joins(connection: Connection, places: Places, questions: list[Question]) -> dict[str, float]:
    """Share of the gold queries of two to four tables that are joined on the same conditions."""
    catalog, first, any_path, untold = Catalog(connection), [], [], []
    for question in questions:
        for gold in joins.joined(question):
            identities = catalog.identities(places[question.schema])
            a, b = joins.compare(connection, identities, gold, question.text)
            first.append(a)
            any_path.append(b)
            untold.append(joins.compare(connection, identities, gold, "")[0])
    return {
        f"join_path(): same conditions, first path ({len(first)} gold joins)": mean(first),
        "join_path(): same conditions, one of three paths": mean(any_path),
        "join_path(): same conditions, first path, without the question": mean(untold),
    }


def measure_guesses(connection: Connection) -> dict[str, float]:
    """Share of the pairs of tables that are joined by their foreign key where none is declared."""
    found = joins.found_again(connection)
    return {f"join_path(): foreign keys found again, first path, none declared ({len(found)} pairs of tables)": mean(found)}


def measure_checks(connection: Connection, places: Places, questions: list[Question], seed: int) -> dict[str, float]:
    """validate_query() against PostgreSQL's own planning, and its first suggestion for a wrong name."""
    catalog, random = Catalog(connection), Random(seed)
    ours, others = apart(connection, synonyms())
    agreed: list[tuple[bool, bool]] = []
    misspelled: list[bool] = []
    known: list[bool] = []
    unknown: list[bool] = []
    seconds: list[float] = []
    for question in sorted(questions, key=lambda question: question.schema):
        schemas = places[question.schema]
        connection.execute("SELECT set_config('search_path', %s, false)", (", ".join(f'"{schema}"' for schema in schemas),))
        names = catalog.names(schemas)
        sql = postgres(question.sql, names)
        if sql is None:
            continue
        refused = checks.accepted(connection, sql)
        start = time.perf_counter()
        valid, sqlstate, _ = checks.validated(connection, sql)
        seconds.append(time.perf_counter() - start)
        agreed.append((refused is None, valid and refused is None or sqlstate == refused))
        if refused is None:
            for found, words in ((misspelled, None), (known, ours), (unknown, others)):
                damaged = checks.damaged(sql, names, random, words)
                if damaged is not None:
                    found.append(checks.is_first(checks.validated(connection, damaged[0])[2], damaged[1]))
    connection.execute("RESET search_path")
    accepted = [same for is_accepted, same in agreed if is_accepted]
    refused_too = [same for is_accepted, same in agreed if not is_accepted]
    return {
        f"validate_query(): accepts what PostgreSQL accepts ({len(accepted)} gold queries)": mean(accepted),
        **({f"validate_query(): refuses what it refuses, with its SQLSTATE ({len(refused_too)})": mean(refused_too)} if refused_too else {}),
        f"validate_query(): right name first, one misspelled ({len(misspelled)})": mean(misspelled),
        f"validate_query(): right name first, a synonym ({len(known) + len(unknown)})": mean(known + unknown),
        **({f"validate_query(): right name first, a synonym that the thesaurus lacks ({len(unknown)})": mean(unknown)} if unknown else {}),
        "validate_query(): median ms": 1_000 * median(seconds),
    }


def measure_context(connection: Connection, places: Places, questions: list[Question]) -> dict[str, float]:
    """Share of the questions whose gold tables are all inside a context of the whole database."""
    catalog, inside, seconds = Catalog(connection), [], []
    quote: Callable[[str], str] = lambda name: name if name.islower() and name.isidentifier() else f'"{name}"'  # noqa: E731
    for question in questions:
        start = time.perf_counter()
        row = connection.execute(CONTEXT, (question.text, BUDGET)).fetchone()
        seconds.append(time.perf_counter() - start)
        assert row is not None
        wanted = [(schema, table) for schema in places[question.schema] for table in catalog.tables[schema] if table.lower() in question.tables]
        text = row[0]
        inside.append(all(f" {quote(schema)}.{quote(table)} (" in text for schema, table in wanted))
    return {
        f"context(): all gold tables inside {BUDGET} tokens, pooled ({len(inside)} questions)": mean(inside),
        "context(): median ms": 1_000 * median(seconds),
    }
