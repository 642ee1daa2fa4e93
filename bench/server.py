"""The servers the measurements run on, started when first asked for, and how to wait for the extension on them.

`plain` has no usable model: nothing is embedded there, versions are recorded all the same. `embedding` has the default
model and one thread for it. Both keep PostgreSQL's defaults (fsync included) but for what tools/cluster.py sets.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg

from bench import schema
from bench.measurement import Unmeasured
from tools.cluster import Cluster, wait_until
from tools.paths import DEFAULT_MODEL, ROOT, pg_config

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
        self._databases: set[str] = set()

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
        return self._database("sample", self._make_sample)

    def filled(self) -> str:
        """10,000 passages on the embedding server, indexed, analysed as autovacuum would soon; the database's name.

        The role READER owns nothing there and may SELECT from every table.
        """
        return self._database("filled", self._make_filled)

    def _database(self, name: str, make: Callable[[str], None]) -> str:
        if name not in self._databases:
            make(name)
            self._databases.add(name)
        return name

    def _make_sample(self, name: str) -> None:
        new_database(self.embedding, name)
        self.embedding.psql(file=ROOT / "demo" / "sample.sql", dbname=name)
        self.embedding.psql(CREATE_EXTENSION, dbname=name)
        wait_until_indexed(self.embedding, name)

    def _make_filled(self, name: str) -> None:
        made_up(self.embedding, name, FILLED_TABLES, FILLED_COLUMNS)
        self.embedding.psql(f"DROP ROLE IF EXISTS {READER}; CREATE ROLE {READER} LOGIN", dbname=name)
        for place in schema.SCHEMAS:
            self.embedding.psql(f"GRANT USAGE ON SCHEMA {place} TO {READER}", dbname=name)
            self.embedding.psql(f"GRANT SELECT ON ALL TABLES IN SCHEMA {place} TO {READER}", dbname=name)
        self.embedding.psql(CREATE_EXTENSION, dbname=name)
        wait_until_indexed(self.embedding, name)
        self.embedding.query("VACUUM ANALYZE", dbname=name)
        [(count,)] = self.embedding.query("SELECT count(*) FROM schema_monitor.schema_embeddings", dbname=name)
        if count != FILLED_PASSAGES:
            raise Unmeasured(f"{count} passages were embedded, not {FILLED_PASSAGES}")

    def _cluster(self, name: str, settings: dict[str, str | int]) -> Cluster:
        if name not in self._clusters:
            cluster = Cluster(self.pg, f"bench-{name}", settings=settings)
            self._clusters[name] = self._stack.enter_context(cluster)
        return self._clusters[name]


def new_database(cluster: Cluster, database: str) -> None:
    """An empty database, in the place of what a failed attempt may have left."""
    cluster.query(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
    cluster.query(f"CREATE DATABASE {database}")


def made_up(cluster: Cluster, database: str, tables: int, columns: int) -> None:
    """Makes a database of so many made-up tables, vacuumed and analysed."""
    new_database(cluster, database)
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
    wait = "SELECT schema_monitor.wait_until_indexed(%s * interval '1 s')"
    [(done,)] = cluster.query(wait, [LIMIT_S], dbname=database)
    if not done:
        raise Unmeasured(f"database {database} was not indexed within {LIMIT_S} s")


def processes(connection: Connection, kind: str, database: str | None = None) -> list[int]:
    """Process ids of the extension's processes: kind is launcher, embedder or monitor."""
    found = connection.execute(
        """SELECT pid FROM pg_stat_activity
        WHERE backend_type = 'schema_monitor ' || %s AND datname IS NOT DISTINCT FROM %s""",
        [kind, database],
    )
    return [pid for (pid,) in found]


def embedder(cluster: Cluster) -> int:
    """The process id of the embedder, once its model answers."""
    with cluster.connect() as connection:
        [pid] = wait_until(lambda: processes(connection, "embedder"), "there is an embedder")
    return pid


def model_directory(cluster: Cluster) -> Path:
    """The directory of the default model, which the embedding server's embedder loads."""
    words = [pg_config(cluster.pg), "--sharedir"]
    share = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    return Path(share) / "schema_monitor" / "models" / DEFAULT_MODEL


class Listener:
    """A session that listens for the versions a database announces on one channel."""

    def __init__(self, connection: Connection, channel: str) -> None:
        self._connection, self._channel, self._version = connection, channel, 0
        connection.execute(f"LISTEN {channel}")  # type: ignore[arg-type]

    def wait(self) -> float:
        """The moment (of time.perf_counter) the next version was announced; each must be newer than the one before."""
        for notification in self._connection.notifies(timeout=LIMIT_S, stop_after=1):
            moment, version = time.perf_counter(), json.loads(notification.payload)["version"]
            if version <= self._version:
                raise Unmeasured(f"{self._channel} announced version {version} after version {self._version}")
            self._version = version
            return moment
        raise Unmeasured(f"{self._channel} announced nothing within {LIMIT_S} s")


def seconds_from_commit(connection: Connection, listener: Listener, statement: str) -> float:
    """From just before COMMIT of the statement is sent until its version is announced, in seconds.

    What the statement itself costs is not in it, what its commit costs is.
    """
    connection.execute("BEGIN")
    connection.execute(statement)  # type: ignore[arg-type]
    start = time.perf_counter()
    connection.execute("COMMIT")
    return listener.wait() - start


def wait_until_monitor_left(connection: Connection, database: str) -> None:
    """Until the monitor of the database has gone, as it does after a second without work."""
    wait_until(lambda: not processes(connection, "monitor", database), f"the monitor of {database} leaves")
