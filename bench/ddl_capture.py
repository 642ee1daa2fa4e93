"""What capture costs whoever runs DDL: processor time of the backend for pairs of CREATE TABLE and DROP TABLE.

Measured: utime + stime of pgbench's backend over PAIRS pairs, each statement a transaction of its own, with the
extension in the database / without it (in another database of the same preloaded server), in turns; the median of
the ratios. The backend reads its own /proc/self/stat after the pairs that warm it up and after the last one.
Not in the ratio: what the monitor uses meanwhile, in its own process; reported beside it, in ms per pair.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from statistics import median

from bench.measurement import Row, Target, Unmeasured, median_ratio, rounded
from bench.process import cpu_seconds_of, watching
from bench.server import CREATE_EXTENSION, Servers, new_database, processes, wait_until_recorded
from tools.cluster import Cluster
from tools.paths import server_program

WITH, WITHOUT = "captured", "plain"
ROUNDS = 7
WARM_UP, PAIRS = 100, 1_500
# \if is pgbench's own: the server sees nothing of it
SCRIPT = r"""
\set pair :pair + 1
CREATE TABLE bench_t (id int PRIMARY KEY, a text);
DROP TABLE bench_t;
\if :pair = :first or :pair = :last
INSERT INTO bench_cpu (stat) SELECT pg_read_file('/proc/self/stat');
\endif
"""


def measure(servers: Servers) -> list[Row]:
    """One row: the ratio."""
    cluster = servers.plain
    for database in (WITH, WITHOUT):
        new_database(cluster, database)
        # before the extension, so that the table is no change
        cluster.psql("CREATE TABLE bench_cpu (ordinal int GENERATED ALWAYS AS IDENTITY, stat text)", dbname=database)
    cluster.psql(CREATE_EXTENSION, dbname=WITH)
    wait_until_recorded(cluster, WITH)
    captured, plain, monitor = [], [], []
    with cluster.connect() as observer:
        own = lambda: processes(observer, "monitor", WITH) + processes(observer, "launcher")  # noqa: E731
        for _ in range(ROUNDS):
            with watching(own) as watched:
                captured.append(_backend_seconds(cluster, WITH))
                wait_until_recorded(cluster, WITH)
            monitor.append(watched.seconds)
            plain.append(_backend_seconds(cluster, WITHOUT))
    _check_captured(cluster)
    per_pair = lambda seconds: round(1_000 * median(seconds) / PAIRS, 3)  # noqa: E731
    extra = {
        "with_ms_per_pair": per_pair(captured),
        "without_ms_per_pair": per_pair(plain),
        # the ratio is kinder where the file system is slow: this is not
        "added_ms_per_pair": per_pair([a - b for a, b in zip(captured, plain, strict=True)]),
        # its process also runs during the pairs that warm up
        "monitor_ms_per_pair": round(1_000 * median(monitor) / (WARM_UP + PAIRS), 3),
        "ratios": rounded([a / b for a, b in zip(captured, plain, strict=True)]),
    }
    what = "CREATE + DROP TABLE, backend CPU: extension on / absent"
    return [Row(what, median_ratio(captured, plain), "×", Target(1.35, aim=1.15), extra)]


def _backend_seconds(cluster: Cluster, database: str) -> float:
    """Runs pgbench; the processor time its backend used for PAIRS pairs."""
    cluster.query("TRUNCATE bench_cpu", dbname=database)
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory) / "pair.sql"
        script.write_text(SCRIPT)
        words = [
            server_program(cluster.pg, "pgbench"), "-n", "-c", "1", "-t", str(WARM_UP + PAIRS), "-f", script,
            "-D", "pair=0", "-D", f"first={WARM_UP}", "-D", f"last={WARM_UP + PAIRS}",
            cluster.url(database, tcp=False),
        ]  # fmt: skip
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise Unmeasured(f"pgbench failed: {done.stderr.strip()}")
    (first,), (last,) = cluster.query("SELECT stat FROM bench_cpu ORDER BY ordinal", dbname=database)
    return cpu_seconds_of(last) - cpu_seconds_of(first)


def _check_captured(cluster: Cluster) -> None:
    """Every CREATE and every DROP must have left its events: a capture that fails is fast."""
    [(created, dropped)] = cluster.query(
        """SELECT count(*) FILTER (WHERE NOT dropped), count(*) FILTER (WHERE dropped) FROM schema_monitor.ddl_event
        WHERE object_type = 'table' AND identity = 'public.bench_t'""",
        dbname=WITH,
    )
    expected = ROUNDS * (WARM_UP + PAIRS)
    if (created, dropped) != (expected, expected):
        raise Unmeasured(f"of {expected} pairs {created} CREATE and {dropped} DROP were captured")
