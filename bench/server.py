"""The servers the measurements run on, started when first asked for, and how to wait for the extension on them.

`plain` has no usable model: nothing is embedded there, versions are recorded all the same. `embedding` has the default
model and one thread for it. Both keep PostgreSQL's defaults (fsync included) but for what tools/cluster.py sets.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Any

import psycopg

from bench import schema
from bench.measurement import Unmeasured
from tools.cluster import Cluster, wait_until
from tools.paths import ROOT

Connection = psycopg.Connection[Any]

CREATE_EXTENSION = "SET client_min_messages = warning; CREATE EXTENSION schema_monitor CASCADE;"
# statements to a transaction: one transaction for all would want a lock for each table
LOADED_AT_ONCE = 500
LIMIT_S = 600
# what is embedded there: a relation and its columns, for each table
FILLED_TABLES, FILLED_COLUMNS = 1_000, 9
FILLED_PASSAGES = FILLED_TABLES * (1 + FILLED_COLUMNS)
READER = "bench_reader"


class Servers:
    """Makes a server or a database at the first call and keeps it until `with` ends."""

    def __init__(self, pg: int) -> None:
        self.pg = pg
        self._stack = ExitStack()
        self._clusters: dict[str, Cluster] = {}
        self._databases: set[tuple[str, str]] = set()

    def __enter__(self) -> Servers:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stack.__exit__(*exception)

    @property
    def plain(self) -> Cluster:
        """A server whose model is missing."""
        return self._cluster("plain", {"schema_monitor.model": "/nonexistent"})

    @property
    def embedding(self) -> Cluster:
        """A server with the default model and one thread for it."""
        return self._cluster("embedding", {"schema_monitor.embedder_threads": 1})

    def sample(self) -> str:
        """demo/sample.sql on the embedding server, indexed; the database's name."""
        if self._is_new("embedding", "sample"):
            self.embedding.query("CREATE DATABASE sample")
            self.embedding.psql(file=ROOT / "demo" / "sample.sql", dbname="sample")
            self.embedding.psql(CREATE_EXTENSION, dbname="sample")
            wait_until_indexed(self.embedding, "sample")
        return "sample"

    def filled(self) -> str:
        """10,000 passages on the embedding server, indexed, analysed as autovacuum would soon; the database's name.

        The role READER owns nothing there and may SELECT from every table.
        """
        if self._is_new("embedding", "filled"):
            made_up(self.embedding, "filled", FILLED_TABLES, FILLED_COLUMNS)
            self.embedding.psql(f"CREATE ROLE {READER} LOGIN", dbname="filled")
            for name in schema.SCHEMAS:
                self.embedding.psql(f"GRANT USAGE ON SCHEMA {name} TO {READER}", dbname="filled")
                self.embedding.psql(f"GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {READER}", dbname="filled")
            self.embedding.psql(CREATE_EXTENSION, dbname="filled")
            wait_until_indexed(self.embedding, "filled")
            self.embedding.query("VACUUM ANALYZE", dbname="filled")
            [(count,)] = self.embedding.query("SELECT count(*) FROM schema_monitor.schema_embeddings", dbname="filled")
            if count != FILLED_PASSAGES:
                raise Unmeasured(f"{count} passages were embedded, not {FILLED_PASSAGES}")
        return "filled"

    def _is_new(self, cluster: str, database: str) -> bool:
        key = (cluster, database)
        is_new = key not in self._databases
        if is_new and cluster in self._clusters:
            # what a failed attempt left behind
            self._clusters[cluster].query(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
            self._clusters[cluster].query(f"DROP ROLE IF EXISTS {READER}")
        self._databases.add(key)
        return is_new

    def _cluster(self, name: str, settings: dict[str, str | int]) -> Cluster:
        if name not in self._clusters:
            cluster = Cluster(self.pg, f"bench-{name}", settings=settings)
            self._clusters[name] = self._stack.enter_context(cluster)
        return self._clusters[name]


def made_up(cluster: Cluster, database: str, tables: int, columns: int) -> None:
    """Makes a database of so many made-up tables, vacuumed and analysed."""
    cluster.query(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
    cluster.query(f"CREATE DATABASE {database}")
    with cluster.connect(database) as connection:
        all_of_them: Iterator[str] = schema.statements(tables, columns)
        while some := list(islice(all_of_them, LOADED_AT_ONCE)):
            connection.execute("BEGIN;" + "".join(some) + "COMMIT")  # type: ignore[arg-type]
        connection.execute("VACUUM ANALYZE")


def wait_until_recorded(cluster: Cluster, database: str) -> None:
    """Until a version covers every committed event."""
    with cluster.connect(database) as connection:
        wait_until(
            lambda: connection.execute("SELECT version > 0 AND lag = 0 FROM schema_monitor.status()").fetchone()[0],
            f"database {database} is recorded",
            LIMIT_S,
        )


def wait_until_indexed(cluster: Cluster, database: str) -> None:
    """Until every passage has its vector."""
    [(done,)] = cluster.query("SELECT schema_monitor.wait_until_indexed(%s * interval '1 s')", [LIMIT_S], dbname=database)
    if not done:
        raise Unmeasured(f"database {database} was not indexed within {LIMIT_S} s")


def processes(connection: Connection, kind: str, database: str | None = None) -> list[int]:
    """Process ids of the extension's processes: kind is launcher, embedder or monitor."""
    found = connection.execute(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'schema_monitor ' || %s AND datname IS NOT DISTINCT FROM %s",
        [kind, database],
    )
    return [pid for (pid,) in found]


def embedder(cluster: Cluster) -> int:
    """The process id of the embedder, once its model answers."""
    with cluster.connect() as connection:
        [pid] = wait_until(lambda: processes(connection, "embedder"), "there is an embedder")
    return pid


def wait_for_notification(listener: Connection, what: str) -> float:
    """The moment (of time.perf_counter) the next notification came."""
    for _ in listener.notifies(timeout=LIMIT_S, stop_after=1):
        return time.perf_counter()
    raise Unmeasured(f"{what} was not announced within {LIMIT_S} s")
