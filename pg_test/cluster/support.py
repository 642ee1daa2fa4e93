"""What the tests share: waiting for conditions, loading real schemas, reading the history."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from tools.cluster import Cluster
from tools.paths import ROOT, server_program

PG = int(os.environ.get("SCHEMA_MONITOR_PG", "18"))
DATA = ROOT.parent / "shared" / "data"

# Prepared transactions are part of what is tested; reconciliation must not hide what capture missed.
# Without fsync a killed server loses nothing; only a machine that stops would.
SHARED_PRELOAD = {"max_prepared_transactions": 10, "schema_monitor.check_interval": 0, "fsync": "off"}

LONG = bool(os.environ.get("SCHEMA_MONITOR_LONG"))

# Histories of real projects, step by step. The two long ones are walked on one server; on both by `make test-long`.
HISTORIES = ["svix", "temporal", "sourcegraph_codeintel"]
if PG == 18 or LONG:
    HISTORIES += ["concourse", "sourcegraph_frontend"]

# what must be there before a schema can be loaded
SCHEMAS = {"pagila": "", "adventureworks": "", "omop_cdm54": "CREATE SCHEMA omop;", "synapse": ""}

_numbers = itertools.count(1)


def create_database(cluster: Cluster, *, extension: bool = True, template: str | None = None) -> str:
    """A database of its own for a test."""
    name = f"test_{next(_numbers)}"
    with cluster.connect("postgres") as connection:
        connection.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
    if extension:
        with cluster.connect(name) as connection:
            connection.execute("CREATE EXTENSION schema_monitor CASCADE")
    return name


def load_schema(cluster: Cluster, database: str, name: str) -> None:
    """Loads one of the real schemas; statements about rows, which are not shipped with it, fail."""
    if SCHEMAS[name]:
        cluster.psql(SCHEMAS[name], dbname=database)
    for file in sorted((DATA / "schemas" / name).glob("*.sql")):
        cluster.psql(file=file, dbname=database, arguments=("-v", "ON_ERROR_STOP=0"), check=False)


def wait_indexed(connection: psycopg.Connection[Any], limit_s: int = 120) -> None:
    """Until everything committed is recorded and embedded."""
    (done,) = one(connection, "SELECT schema_monitor.wait_until_indexed(make_interval(secs => %s))", limit_s)
    assert done, one(connection, "SELECT row_to_json(s) FROM schema_monitor.status() AS s")


def one(connection: psycopg.Connection[Any], sql: str, *parameters: Any) -> tuple[Any, ...]:
    """The only row of a query."""
    row = connection.execute(sql, parameters or None).fetchone()
    assert row is not None, sql
    return row


def version(connection: psycopg.Connection[Any]) -> int:
    """The version that stands; 0 before the first."""
    return int(one(connection, "SELECT coalesce(max(version), 0) FROM schema_monitor.versions")[0])


def changes_since(connection: psycopg.Connection[Any], known: int) -> list[tuple[str, str, str | None]]:
    """(change, identity, part) of every version after the known one, in order."""
    rows = connection.execute(
        "SELECT change, identity, part FROM schema_monitor.changes WHERE version > %s ORDER BY version, ordinal",
        (known,),
    )
    return [(str(change), str(identity), part) for change, identity, part in rows]


def audit(connection: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """What a full reading of the catalog finds other than recorded; nothing when all is well."""
    return [(str(i), str(p)[:2000]) for i, p in connection.execute("SELECT * FROM schema_monitor._audit()")]


def tree(cluster: Cluster, database: str) -> dict[str, tuple[str, str, str]]:
    """The fingerprints of each schema and, under *, of the database."""
    with cluster.connect(database) as connection:
        (form,) = one(connection, "SELECT schema_monitor.fingerprint_tree()")
    trees = {"*": form["database"], **{name: schema["schema"] for name, schema in form["schemas"].items()}}
    return {name: (tree["structure"], tree["layout"], tree["access"]) for name, tree in trees.items()}


def definitions(cluster: Cluster, database: str) -> dict[str, Any]:
    """The recorded definitions by identity, for telling where two databases differ."""
    with cluster.connect(database) as connection:
        rows = connection.execute(
            """SELECT o.kind || ' ' || o.identity, (
                   SELECT d.definition FROM schema_monitor._definition AS d
                   WHERE d.object_id = o.object_id ORDER BY d.version DESC LIMIT 1)
               FROM schema_monitor._object AS o WHERE o.dropped_version IS NULL"""
        )
        return {str(identity): _without_numbers(definition) for identity, definition in rows}


def _without_numbers(definition: Any) -> Any:
    parts = [{k: v for k, v in part.items() if k not in ("number", "access")} for part in definition.get("parts", [])]
    kept = {key: value for key, value in definition.items() if key != "access"}
    return {**kept, "parts": sorted(parts, key=lambda part: (part["kind"], part["name"]))}


def differences(left: dict[str, Any], right: dict[str, Any]) -> Iterator[str]:
    """Where two sets of definitions differ, readable."""
    for identity in sorted(left.keys() | right.keys()):
        a, b = left.get(identity), right.get(identity)
        if a != b:
            yield f"{identity}:\n   {a}\n   {b}"


def dump(cluster: Cluster, database: str, file: Path, *arguments: str) -> Path:
    """pg_dump's output in a file, byte for byte: a comment may hold a carriage return."""
    done = subprocess.run(
        [str(server_program(cluster.pg, "pg_dump")), "-d", cluster.url(database, tcp=False), "-f", str(file), *arguments],
        capture_output=True, text=True, check=False,
    )
    assert done.returncode == 0, done.stderr
    return file


def assert_healthy(cluster: Cluster, database: str, limit_s: int = 60) -> None:
    """Whatever was done to it: the server answers, nothing crashed, and the history is what the catalog is."""
    with cluster.connect(database) as connection:
        wait_indexed(connection, limit_s)
        gap, lag, error = one(connection, "SELECT gap, lag, last_error FROM schema_monitor.status()")
        assert (gap, lag, error) == (False, 0, None), (gap, lag, error)
        problems = audit(connection)
        assert problems == [], problems
    log = cluster.log_text()
    assert "PANIC" not in log and "was terminated by signal" not in log, log[-4000:]
