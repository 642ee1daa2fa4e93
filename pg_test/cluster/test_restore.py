"""What PostgreSQL's own tools carry over: the history, once, and the same fingerprint; vectors are made anew."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support import PG, SHARED_PRELOAD, assert_healthy, audit, create_database, one, version, wait_indexed

from tools.cluster import Cluster
from tools.models import make_model
from tools.paths import server_program

HISTORY = "SELECT version, change, identity, part FROM schema_monitor.changes WHERE version <= %s ORDER BY version, ordinal"


@pytest.fixture
def source(cluster: Cluster) -> Iterator[str]:
    """A database with a short history."""
    database = create_database(cluster)
    with cluster.connect(database) as connection:
        make_history(connection)
    yield database


def make_history(connection: psycopg.Connection[Any]) -> None:
    """Some versions: added, renamed, commented, added and dropped."""
    for step in (
        """CREATE SCHEMA shop; CREATE TABLE shop.item (id int PRIMARY KEY, price numeric CHECK (price > 0));
           CREATE VIEW shop.cheap AS SELECT id FROM shop.item WHERE price < 1""",
        "ALTER TABLE shop.item RENAME price TO cost; COMMENT ON TABLE shop.item IS 'for sale'",
        "CREATE TABLE shop.gone (a int)",
        "DROP TABLE shop.gone",
    ):
        connection.execute(step)
        wait_indexed(connection)


def program(cluster: Cluster, name: str, *arguments: str | Path) -> str:
    """Runs a program of the server; its output. Anything on its error output is a failure."""
    done = subprocess.run([server_program(cluster.pg, name), *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def facts(connection: psycopg.Connection[Any], upto: int) -> tuple[object, ...]:
    """What must be the same there and here."""
    identities = connection.execute("SELECT identity, object_id FROM schema_monitor.objects ORDER BY 1").fetchall()
    (fingerprint,) = one(connection, "SELECT schema_monitor.fingerprint()")
    return connection.execute(HISTORY, (upto,)).fetchall(), [row for row in identities if "shop" in row[0]], fingerprint


@pytest.mark.parametrize("way", ["plain", "custom in parallel", "clean"])
def test_a_dump_carries_the_history(cluster: Cluster, source: str, tmp_path: Path, way: str) -> None:
    target = create_database(cluster, extension=way == "clean")
    file = tmp_path / "dump"
    if way == "plain":
        program(cluster, "pg_dump", "-d", cluster.url(source), "-f", file)
        cluster.psql(file=file, dbname=target)
    elif way == "custom in parallel":
        program(cluster, "pg_dump", "-Fc", "-d", cluster.url(source), "-f", file)
        program(cluster, "pg_restore", "-j4", "-d", cluster.url(target), file)
    else:
        with cluster.connect(target) as connection:
            connection.execute("CREATE SCHEMA shop; CREATE TABLE shop.item (id int PRIMARY KEY)")
            wait_indexed(connection)
        program(cluster, "pg_dump", "-Fc", "-d", cluster.url(source), "-f", file)
        program(cluster, "pg_restore", "--clean", "--if-exists", "-d", cluster.url(target), file)
    with cluster.connect(source) as there, cluster.connect(target) as here:
        here.execute("SELECT schema_monitor.check()")
        wait_indexed(here)
        known = version(there)
        assert facts(here, known) == facts(there, known)
        pending, embedded = one(here, "SELECT pending, embedded FROM schema_monitor.status()")
        assert pending == 0 and (embedded,) == one(there, "SELECT embedded FROM schema_monitor.status()")
        here.execute("ALTER TABLE shop.item ADD weight int")
        wait_indexed(here)
        assert version(here) > known and audit(here) == []
    assert_healthy(cluster, target)


def test_a_whole_cluster_into_one_with_another_model(tmp_path: Path) -> None:
    """pg_dumpall and psql; the vectors there have another dimension."""
    dump = tmp_path / "all.sql"
    settings = {**SHARED_PRELOAD, "schema_monitor.model": str(make_model("random-e5-large"))}
    with Cluster(PG, "whole", settings=SHARED_PRELOAD) as whole, Cluster(PG, "elsewhere", settings=settings) as elsewhere:
        database = create_database(whole)
        with whole.connect(database) as there:
            make_history(there)
            dump.write_text(program(whole, "pg_dumpall", "-d", whole.url("postgres")))
            done = elsewhere.psql(file=dump, arguments=("-v", "ON_ERROR_STOP=0"), check=False)
            # the role that restores is there already
            errors = [line for line in done.stderr.splitlines() if "ERROR" in line]
            assert [line for line in errors if 'role "postgres" already exists' not in line] == []
            with elsewhere.connect(database) as here:
                here.execute("SELECT schema_monitor.check()")
                wait_indexed(here, 120)
                assert facts(here, version(there)) == facts(there, version(there))
                dimension = "SELECT vector_dims(embedding) FROM schema_monitor.schema_embeddings LIMIT 1"
                assert (one(there, dimension), one(here, dimension)) == ((384,), (1024,))
        assert_healthy(elsewhere, database)


@pytest.mark.skipif(PG != 18, reason="upgrades lead from 16 to 18: run once, with 18")
def test_pg_upgrade_keeps_history_and_vectors() -> None:
    from tools.build import build_for_ours

    build_for_ours(16)
    with Cluster(16, "upgraded-from", settings=SHARED_PRELOAD) as old:
        with old.connect("postgres") as connection:
            connection.execute("CREATE EXTENSION schema_monitor CASCADE")
            connection.execute("CREATE TABLE item (id int PRIMARY KEY, price numeric)")
            wait_indexed(connection)
            connection.execute("ALTER TABLE item RENAME price TO cost")
            wait_indexed(connection)
            known, before = version(connection), facts(connection, version(connection))
            identity = "SELECT object_id FROM schema_monitor.objects WHERE identity = 'public.item'"
            (object_id,) = one(connection, identity)
            vectors = "SELECT count(*), min(embedded_at) FROM schema_monitor.schema_embeddings"
            made = one(connection, vectors)
        # 16 makes clusters without checksums, and both must be alike
        new = Cluster(18, "upgraded-to", settings=SHARED_PRELOAD).create(fresh=True, options=["--no-data-checksums"])
        old.stop()
        try:
            upgrade(old, new)
            mark = new.log_size()
            new.start()
            with new.connect("postgres") as connection:
                wait_indexed(connection)
                assert one(connection, identity) == (object_id,)
                assert version(connection) == known, "the upgrade is no change of the schema"
                assert facts(connection, known)[0] == before[0] and facts(connection, known)[2] == before[2]
                assert one(connection, vectors) == made, "vectors were made anew"
                connection.execute("ALTER TABLE item ADD weight int")
                wait_indexed(connection)
                assert version(connection) == known + 1
            assert_healthy(new, "postgres")
            assert "ERROR" not in new.log_text(mark)
        finally:
            new.stop("immediate")


def upgrade(old: Cluster, new: Cluster) -> None:
    """pg_upgrade; it starts both servers in binary-upgrade mode, where our workers must stay away."""
    new.start().stop()
    words: list[str | Path] = ["--old-datadir", old.data, "--new-datadir", new.data, "--username", "postgres"]
    words += ["--old-bindir", server_program(16, "pg_ctl").parent, "--new-bindir", server_program(18, "pg_ctl").parent]
    new.server_run("pg_upgrade", *words, "--socketdir", new.socket_directory, cwd=new.directory)
