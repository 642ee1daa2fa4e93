"""Whether a large database slows the recording of one small change down.

Measured: wall time from just before COMMIT of one ALTER TABLE … ADD COLUMN is sent until schema_changed arrives at a
second session (that is at the commit of the version), in a database of 5,000 tables / in one of 50, in turns; the
median of the ratios. Twice: with the monitor of the database still there (it stays a second), and after it has left.
Nothing is embedded on this server.
"""

from __future__ import annotations

from contextlib import ExitStack
from statistics import median

from bench.measurement import Row, Target, median_ratio, rounded
from bench.schema import table_names
from bench.server import (
    CREATE_EXTENSION,
    Connection,
    Listener,
    Servers,
    made_up,
    seconds_from_commit,
    wait_until_monitor_left,
    wait_until_recorded,
)
from tools.cluster import Cluster

LARGE, SMALL = ("large", 5_000), ("small", 50)
COLUMNS = 10
WARM_ROUNDS, IDLE_ROUNDS = 30, 15
TARGET = Target(3)


class Altered:
    """A database of made-up tables with a session that changes them and one that listens."""

    def __init__(self, cluster: Cluster, name: str, tables: int, stack: ExitStack) -> None:
        made_up(cluster, name, tables, COLUMNS)
        cluster.psql(CREATE_EXTENSION, dbname=name)
        wait_until_recorded(cluster, name)
        self.name = name
        self._session: Connection = stack.enter_context(cluster.connect(name))
        self._listener = Listener(stack.enter_context(cluster.connect(name)), "schema_changed")
        # spread over the whole database: each time another table
        self._tables = [".".join(place) for place in table_names(tables)]
        self._count = 0

    def alter(self) -> float:
        """Adds a column to the next table; seconds from its commit until its version is announced."""
        step = max(1, len(self._tables) // (WARM_ROUNDS + IDLE_ROUNDS))
        table = self._tables[self._count * step % len(self._tables)]
        self._count += 1
        statement = f"ALTER TABLE {table} ADD COLUMN bench_{self._count} integer"
        return seconds_from_commit(self._session, self._listener, statement)

    def let_the_monitor_leave(self) -> None:
        """Waits until the database has no monitor."""
        wait_until_monitor_left(self._session, self.name)


def measure(servers: Servers) -> list[Row]:
    """Two rows: the ratio with the monitor there, and with a monitor that has to be started."""
    cluster = servers.plain
    rows = []
    with ExitStack() as stack:
        large, small = (Altered(cluster, name, tables, stack) for name, tables in (LARGE, SMALL))
        for state, rounds in (("warm", WARM_ROUNDS), ("idle", IDLE_ROUNDS)):
            slow, fast = [], []
            for _ in range(rounds):
                for database, seconds in ((large, slow), (small, fast)):
                    if state == "idle":
                        database.let_the_monitor_leave()
                    else:
                        # brings the monitor back and the session's caches up to date
                        database.alter()
                    seconds.append(database.alter())
            rows.append(_row(state, slow, fast))
    return rows


def _row(state: str, slow: list[float], fast: list[float]) -> Row:
    extra = {
        "large_ms": round(1_000 * median(slow), 1),
        "small_ms": round(1_000 * median(fast), 1),
        "ratios": rounded([a / b for a, b in zip(slow, fast, strict=True)]),
    }
    what = f"commit of ALTER → version, monitor {state}: {LARGE[1]:,} tables / {SMALL[1]}"
    return Row(what, median_ratio(slow, fast), "×", TARGET, extra)
