"""How soon what was committed can be found.

Measured: wall time from just before COMMIT of one ALTER TABLE … ADD COLUMN or COMMENT ON is sent until schema_indexed
arrives at a second session, default model with one thread, on demo/sample.sql; the median of SAMPLES, in ms. Twice:
with the monitor still there, and after it has left. After each, status() must say that nothing is pending, and search
must find the last new column.
"""

from __future__ import annotations

from contextlib import ExitStack
from statistics import median, quantiles

from bench.measurement import Row, Target, Unmeasured
from bench.server import Connection, Listener, Servers, seconds_from_commit, wait_until_monitor_left

SAMPLES = 30
TABLES = (
    "sales.dlv_addr", "sales.rtn_rqst", "wh.stk_lvl", "wh.shipment", "wh.carrier", "care.csat_resp", "care.ticket",
)  # fmt: skip
NOTES = ("the carrier asked for it", "checked by two people", "since the second catalogue", "in whole days", "optional")
TARGET = Target(150)


def measure(servers: Servers) -> list[Row]:
    """Two rows: with the monitor there, and with a monitor that has to be started."""
    cluster, database = servers.embedding, servers.sample()
    with ExitStack() as stack:
        session = stack.enter_context(cluster.connect(database))
        listener = Listener(stack.enter_context(cluster.connect(database)), "schema_indexed")
        return [_measure(session, listener, database, state) for state in ("warm", "idle")]


def _measure(session: Connection, listener: Listener, database: str, state: str) -> Row:
    samples: list[float] = []
    for number in range(SAMPLES):
        if state == "idle":
            wait_until_monitor_left(session, database)
        else:
            table = TABLES[number % len(TABLES)]
            seconds_from_commit(session, listener, f"COMMENT ON TABLE {table} IS 'before {number}'")
        samples.append(1_000 * seconds_from_commit(session, listener, _change(number, state)))
        _check_indexed(session)
    _check_found(session, state)
    extra = {"p90_ms": round(quantiles(samples, n=10)[-1], 1), "samples": len(samples)}
    return Row(f"commit → searchable, default model, monitor {state}", median(samples), "ms", TARGET, extra)


def _change(number: int, state: str) -> str:
    """New columns and comments in turn."""
    table = TABLES[number // 2 % len(TABLES)]
    if number % 2:
        return f"ALTER TABLE {table} ADD COLUMN drone_landing_site_{state}_{number} text"
    return f"COMMENT ON TABLE {table} IS '{state} {number}: {NOTES[number % len(NOTES)]}'"


def _check_indexed(session: Connection) -> None:
    row = session.execute("SELECT version, pending, lag FROM schema_monitor.status()").fetchone()
    if row is None or row[1:] != (0, 0):
        raise Unmeasured(f"schema_indexed came while status() said (version, pending, lag) = {row}")


def _check_found(session: Connection, state: str) -> None:
    found = session.execute(
        "SELECT column_name FROM schema_monitor.search('drone landing site', 40, ARRAY['column'])"
    ).fetchall()
    wanted = f"drone_landing_site_{state}_{SAMPLES - 1}"
    if (wanted,) not in found:
        raise Unmeasured(f"column {wanted} was announced as searchable and not found")
