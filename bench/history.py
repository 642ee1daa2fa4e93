"""What a change costs in the history, and how long it takes to tell what changed.

A database of 2,500 tables with ten columns each; 1,000 times a column is added to one of them, and each is waited for,
so that each makes a version of its own. Size: growth of all tables of the history, events, indexes and TOAST included,
after VACUUM, by the number of changes. Diff: `SELECT count(*) FROM diff(…)` over the twenty changes in the middle, in a
session that has called it before; the first call of a fresh session stands beside it. Nothing is embedded here.
"""

from __future__ import annotations

import time
from statistics import median

from bench.measurement import Row, Target, Unmeasured
from bench.schema import table_names
from bench.server import CREATE_EXTENSION, Connection, Listener, Servers, made_up, seconds_from_commit, wait_until_recorded

DATABASE, TABLES, COLUMNS = "history", 2_500, 10
CHANGES, TOLD, CALLS = 1_000, 20, 21
SIZE, TIME = Target(5), Target(50)
KEPT = ("ddl_event", "_version", "_object", "_definition", "_change", "_statistic", "_migration")
DIFF = "SELECT count(*) FROM schema_monitor.diff(%s, %s)"


def measure(servers: Servers) -> list[Row]:
    """Two rows: kilobytes a change, milliseconds a diff."""
    cluster = servers.plain
    made_up(cluster, DATABASE, TABLES, COLUMNS)
    cluster.psql(CREATE_EXTENSION, dbname=DATABASE)
    wait_until_recorded(cluster, DATABASE)
    tables = [".".join(place) for place in table_names(TABLES)]
    with cluster.connect(DATABASE) as session, cluster.connect(DATABASE) as listening:
        listener = Listener(listening, "schema_changed")
        before, first = _sizes(session), _version(session)
        for number in range(CHANGES):
            statement = f"ALTER TABLE {tables[number * 7 % TABLES]} ADD COLUMN bench_{number} integer"
            seconds_from_commit(session, listener, statement)
        if _version(session) != first + CHANGES:
            raise Unmeasured(f"{CHANGES} changes made {_version(session) - first} versions")
        after = _sizes(session)
        grown = {name: (after[name] - before[name]) / CHANGES / 1024 for name in KEPT}
        start = first + CHANGES // 2
        with cluster.connect(DATABASE) as fresh:
            cold = _diff_seconds(fresh, start)
        warm = [_diff_seconds(session, start) for _ in range(CALLS)][1:]
    return [
        Row(
            f"history of {CHANGES:,} one-column changes, {TABLES:,} tables: a change", sum(grown.values()), "KB", SIZE,
            {f"{name}_kb": round(size, 2) for name, size in grown.items()},
        ),
        Row(
            f"diff() over {TOLD} changes, {TABLES:,} tables", 1_000 * median(warm), "ms", TIME,
            {"first_call_of_a_session_ms": round(1_000 * cold, 1)},
        ),
    ]  # fmt: skip


def _sizes(session: Connection) -> dict[str, int]:
    """Bytes of each table of the history, after VACUUM."""
    for name in KEPT:
        session.execute(f"VACUUM schema_monitor.{name}")  # type: ignore[arg-type]
    size = "SELECT pg_total_relation_size(format('schema_monitor.%%I', %s::text)::regclass)"
    return {name: session.execute(size, (name,)).fetchone()[0] for name in KEPT}  # type: ignore[index]


def _version(session: Connection) -> int:
    return session.execute("SELECT max(version) FROM schema_monitor.versions").fetchone()[0]  # type: ignore[index]


def _diff_seconds(session: Connection, start: int) -> float:
    begun = time.perf_counter()
    (count,) = session.execute(DIFF, (start, start + TOLD)).fetchone()  # type: ignore[misc]
    took = time.perf_counter() - begun
    if count != TOLD:
        raise Unmeasured(f"diff() told {count} changes, not {TOLD}")
    return took
