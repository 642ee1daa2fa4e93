"""How long answers take in a database of 10,000 embedded objects, in ms of a client's wall time: medians over questions
asked in turns in one session of a role that owns nothing and may read every table.

The question's embedding is in them. Nothing else runs but what the server does by itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

from bench.server import FILLED_PASSAGES, READER, Servers
from bench.words import QUESTIONS

ROUNDS = 3
ANSWERS = {
    "search()": "SELECT identity, score FROM schema_monitor.search(%s)",
    "context()": "SELECT schema_monitor.context(%s)",
    "validate_query()": "SELECT * FROM schema_monitor.validate_query(%s)",
}
JOINS = """
    SELECT pg_catalog.format(
        'SELECT a.*, count(*) OVER () FROM %%s AS a JOIN %%s AS b ON a.%%I = b.%%I',
        k.conrelid::regclass, k.confrelid::regclass, f.attname, t.attname)
    FROM pg_catalog.pg_constraint AS k
    JOIN pg_catalog.pg_attribute AS f ON f.attrelid = k.conrelid AND f.attnum = k.conkey[1]
    JOIN pg_catalog.pg_attribute AS t ON t.attrelid = k.confrelid AND t.attnum = k.confkey[1]
    WHERE k.contype = 'f' AND k.connamespace::regnamespace::text <> 'schema_monitor'
    ORDER BY k.oid LIMIT %s"""


def measure_latency(pg: int) -> dict[str, float]:
    """On a server of its own, with the settings that a new server has."""
    with Servers(pg) as servers:
        database = servers.filled()
        with servers.embedding.connect(database) as connection:
            queries = [query for (query,) in connection.execute(JOINS, (len(QUESTIONS),))]
        taken: dict[str, list[float]] = {what: [] for what in ANSWERS}
        with servers.embedding.connect(database, user=READER) as session:
            for number, (question, query) in enumerate(_turns(queries)):
                for what, sql in ANSWERS.items():
                    start = time.perf_counter()
                    rows = session.execute(sql, (query if "query" in what else question,)).fetchall()
                    seconds = time.perf_counter() - start
                    if not rows and "query" not in what:
                        raise RuntimeError(f"{what} gave nothing for {question!r}")
                    # the first of a session reads what the others have at hand
                    if number:
                        taken[what].append(1_000 * seconds)
    return {f"{what}, {FILLED_PASSAGES:,} objects, median ms": median(some) for what, some in taken.items()}


def _turns(queries: list[str]) -> Iterator[tuple[str, str]]:
    for _ in range(ROUNDS):
        yield from zip(QUESTIONS, queries, strict=True)
