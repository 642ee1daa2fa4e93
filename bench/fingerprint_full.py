"""How fast a whole schema is told from another: its fingerprint, read afresh, beside hashing what pg_dump prints.

Measured: wall time of `pg_dump --schema-only | sha256sum` / that of `psql -c 'SELECT schema_monitor.fingerprint()'`
on TABLES made-up tables, in turns; the median of the ratios. Both sides are a program started each time, with a
connection and a backend of its own, so nothing is cached from one time to the next but the server's pages.
"""

from __future__ import annotations

import os
import subprocess
import time
from statistics import median

from bench.measurement import Row, Target, Unmeasured, median_ratio, rounded
from bench.server import CREATE_EXTENSION, Servers, made_up, wait_until_recorded
from tools.cluster import Cluster
from tools.paths import server_program

DATABASE = "hashed"
TABLES, COLUMNS = 2_500, 10
ROUNDS = 9
FINGERPRINT = "SELECT schema_monitor.fingerprint()"


def measure(servers: Servers) -> list[Row]:
    """One row: how many times faster."""
    cluster = servers.plain
    made_up(cluster, DATABASE, TABLES, COLUMNS)
    cluster.psql(CREATE_EXTENSION, dbname=DATABASE)
    wait_until_recorded(cluster, DATABASE)
    # both once without a clock: the server's pages and the programs' are in memory from then on
    fingerprint, hashed = _fingerprint(cluster), _hash_of_dump(cluster)
    ours, dumps, statements = [], [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        same = _fingerprint(cluster) == fingerprint
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        same &= _hash_of_dump(cluster) == hashed
        dumps.append(time.perf_counter() - start)
        statements.append(_statement_seconds(cluster))
        if not same:
            raise Unmeasured("a schema that did not change has another hash")
    _check_afresh(cluster, fingerprint)
    extra = {
        "fingerprint_ms": round(1_000 * median(ours), 1),
        "statement_alone_ms": round(1_000 * median(statements), 1),
        "pg_dump_ms": round(1_000 * median(dumps)),
        "ratios": rounded([a / b for a, b in zip(dumps, ours, strict=True)]),
    }
    what = f"fingerprint of {TABLES:,} tables: pg_dump | sha256sum / fingerprint()"
    return [Row(what, median_ratio(dumps, ours), "× faster", Target(20, at_least=True), extra)]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _fingerprint(cluster: Cluster) -> str:
    words = [*cluster.psql_words(DATABASE), "-XAtc", FINGERPRINT]
    return subprocess.run(words, capture_output=True, text=True, check=True, env=_environment()).stdout.strip()


def _hash_of_dump(cluster: Cluster) -> str:
    words = [server_program(cluster.pg, "pg_dump"), "--schema-only", cluster.url(DATABASE, tcp=False)]
    # since its security releases of August 2025 pg_dump prints a random key, unless it is given one
    words.append("--restrict-key=bench")
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=_environment()) as dump:
        done = subprocess.run(["sha256sum"], stdin=dump.stdout, capture_output=True, text=True, check=True)
    if dump.returncode != 0:
        raise Unmeasured(f"pg_dump ended with status {dump.returncode}")
    return done.stdout.split()[0]


def _statement_seconds(cluster: Cluster) -> float:
    """The statement in a fresh session, without the program and the connection."""
    with cluster.connect(DATABASE) as connection:
        start = time.perf_counter()
        connection.execute(FINGERPRINT)
        return time.perf_counter() - start


def _check_afresh(cluster: Cluster, before: str) -> None:
    """The fingerprint of a transaction's own, uncommitted change must differ: it was read, not remembered."""
    with cluster.connect(DATABASE, autocommit=False) as connection:
        connection.execute("ALTER SCHEMA sales RENAME TO trade")
        after = connection.execute(FINGERPRINT).fetchone()
        connection.rollback()
    if after == (before,):
        raise Unmeasured("the fingerprint did not see a change")
