"""The processes: they come when there is work, leave when there is none, and are in nobody's way."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support import PG, SHARED_PRELOAD, assert_healthy, audit, changes_since, create_database, dump, one, version, wait_indexed

from tools.cluster import Cluster, wait_until
from tools.models import make_model


def processes(connection: psycopg.Connection[Any], kind: str) -> list[int]:
    rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = %s", (f"schema_monitor {kind}",))
    return [int(pid) for (pid,) in rows]


def test_a_monitor_leaves_when_idle(cluster: Cluster, connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE TABLE t (a int)")
    wait_indexed(connection)
    database = connection.info.dbname
    mine = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'schema_monitor monitor'"
    wait_until(lambda: one(connection, mine, database) == (0,), "the monitor's leaving", 5)


@pytest.mark.parametrize("command", ["DROP DATABASE {0}", "DROP DATABASE {0} WITH (FORCE)", "ALTER DATABASE {0} RENAME TO {0}_x", "CREATE DATABASE {0}_copy TEMPLATE {0}"])
def test_commands_that_need_the_database_alone_do_not_wait(cluster: Cluster, command: str) -> None:
    database = create_database(cluster)
    with cluster.connect(database) as connection:
        connection.execute("DO $$ BEGIN FOR i IN 1..60 LOOP EXECUTE format('CREATE TABLE t%s (a int, b int)', i); END LOOP; END $$")
    with cluster.connect("postgres") as connection:  # while it is being embedded
        connection.execute("CHECKPOINT")  # the command makes one itself; what earlier tests wrote is not its affair
        start = time.monotonic()
        connection.execute(command.format(database))
        assert time.monotonic() - start < 4.0


def test_several_databases_are_served(cluster: Cluster) -> None:
    databases = [create_database(cluster) for _ in range(5)]
    for database in databases:
        with cluster.connect(database) as connection:
            connection.execute(f"CREATE TABLE only_{database} (a int)")
    for database in databases:
        with cluster.connect(database) as connection:
            wait_indexed(connection)
            assert one(connection, "SELECT identity FROM schema_monitor.objects WHERE kind = 'table'") == (f"public.only_{database}",)


def test_the_server_stops_fast_while_embedding() -> None:
    with Cluster(PG, "stop", settings=SHARED_PRELOAD) as cluster:
        database = create_database(cluster)
        with cluster.connect(database) as connection:
            connection.execute("DO $$ BEGIN FOR i IN 1..400 LOOP EXECUTE format('CREATE TABLE t%s (a int, b int)', i); END LOOP; END $$")
            wait_until(lambda: one(connection, "SELECT embedded > 0 FROM schema_monitor.status()")[0], "embedding")
        start = time.monotonic()
        cluster.stop()
        assert time.monotonic() - start < 5.0
        assert "terminated by signal" not in cluster.log_text()
        cluster.start()
        with cluster.connect(database) as connection:
            wait_indexed(connection)
            assert audit(connection) == []


def test_a_crash_loses_nothing() -> None:
    with Cluster(PG, "crash", settings=SHARED_PRELOAD) as cluster:
        database = create_database(cluster)
        for round_number in range(3):
            with cluster.connect(database) as connection:
                for i in range(20):
                    connection.execute(f"CREATE TABLE t_{round_number}_{i} (a int)")
            cluster.crash()
            cluster.start()
        with cluster.connect(database) as connection:
            wait_indexed(connection)
            tables = one(connection, "SELECT count(*) FROM schema_monitor.objects WHERE kind = 'table'")
            noted = one(connection, "SELECT count(DISTINCT identity), count(*) FROM schema_monitor.ddl_event")
            assert tables == (60,) and noted == (60, 60) and audit(connection) == []


def test_what_triggers_miss_is_found_by_comparing() -> None:
    """Replica-role sessions fire no triggers."""
    with Cluster(PG, "reconcile", settings={**SHARED_PRELOAD, "schema_monitor.check_interval": 1}) as cluster:
        database = create_database(cluster)
        with cluster.connect(database) as connection:
            wait_indexed(connection)
            connection.execute("SET session_replication_role = replica; CREATE TABLE unseen (a int)")
            found = "SELECT count(*) FROM schema_monitor.objects WHERE identity = 'public.unseen'"
            wait_until(lambda: one(connection, found) == (1,), "the reconciliation", 20)
            assert one(connection, "SELECT origin FROM schema_monitor.versions ORDER BY version DESC LIMIT 1") == ("reconciled",)


def test_without_preloading_check_does_the_work() -> None:
    with Cluster(PG, "foreground", settings={}, preload=False) as cluster:
        database = create_database(cluster)
        with cluster.connect(database) as connection:
            connection.execute("CREATE TABLE invoice (amount int)")
            row = one(connection, "SELECT updated, version, changes FROM schema_monitor.check()")
            assert row == (True, 1, 0)
            connection.execute("ALTER TABLE invoice ADD due date")
            assert one(connection, "SELECT updated, version, changes FROM schema_monitor.check()") == (True, 2, 1)
            assert one(connection, "SELECT updated, version FROM schema_monitor.check()") == (False, 2)
            assert audit(connection) == []
            row = one(connection, "SELECT identity, vector_score FROM schema_monitor.search('invoices due')")
            assert row == ("public.invoice", None)
            # what a session may do itself if it is told to
            connection.execute("SET schema_monitor.embed_in_session = on; SELECT schema_monitor.check()")
            (score,) = one(connection, "SELECT vector_score FROM schema_monitor.search('when must a bill be paid')")
            assert score is not None
            for refused in ("BEGIN ISOLATION LEVEL REPEATABLE READ", "BEGIN READ ONLY"):
                connection.execute(refused)
                with pytest.raises(psycopg.Error) as caught:
                    connection.execute("SELECT schema_monitor.check()")
                assert caught.value.diag.message_hint
                connection.execute("ROLLBACK")
            # whoever waits for another's turn goes on from what that one recorded
            with cluster.connect(database) as other, ThreadPoolExecutor(1) as pool:
                other.execute("CREATE TABLE first_come (a int)")
                other.execute("BEGIN; SELECT schema_monitor.check()")
                connection.execute("CREATE TABLE second_come (a int)")
                second = pool.submit(one, connection, "SELECT updated, version FROM schema_monitor.check()")
                waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
                wait_until(lambda: one(other, waits) == (1,), "the second session's waiting")
                other.execute("COMMIT")
                assert second.result() == (True, 4)
                assert changes_since(connection, 3) == [("table_added", "public.second_come", None)]
                assert audit(connection) == []


def test_a_dump_restores_without_error_and_keeps_the_history(cluster: Cluster, tmp_path: Path) -> None:
    source, target = create_database(cluster), create_database(cluster, extension=False)
    with cluster.connect(source) as connection:
        connection.execute("CREATE TABLE a (x int)")
        wait_indexed(connection)
        connection.execute("ALTER TABLE a RENAME TO b")
        wait_indexed(connection)
        known = version(connection)
        (identity,) = one(connection, "SELECT object_id FROM schema_monitor.objects WHERE identity = 'public.b'")
        before = connection.execute("SELECT version, change, identity FROM schema_monitor.changes ORDER BY 1, ordinal").fetchall()
    cluster.psql(file=dump(cluster, source, tmp_path / "dump.sql"), dbname=target)
    with cluster.connect(target) as connection:
        connection.execute("SELECT schema_monitor.check()")
        wait_indexed(connection)
        assert one(connection, "SELECT object_id FROM schema_monitor.objects WHERE identity = 'public.b'") == (identity,)
        after = connection.execute("SELECT version, change, identity FROM schema_monitor.changes WHERE version <= %s ORDER BY 1, ordinal", (known,)).fetchall()
        assert after == before and audit(connection) == []
        connection.execute("ALTER TABLE b ADD y int")
        wait_indexed(connection)
        assert version(connection) > known and audit(connection) == []


def test_drop_and_create_again_leaves_nothing_behind(cluster: Cluster, connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE TABLE t (a int)")
    connection.execute("DROP EXTENSION schema_monitor CASCADE; CREATE TABLE u (a int)")
    assert one(connection, "SELECT count(*) FROM pg_event_trigger") == (0,)
    assert one(connection, "SELECT count(*) FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'schema_monitor')") == (0,)
    connection.execute("CREATE EXTENSION schema_monitor")
    wait_indexed(connection)
    assert audit(connection) == []


def test_a_foreign_schema_of_our_name_is_a_clear_error(cluster: Cluster) -> None:
    database = create_database(cluster, extension=False)
    with cluster.connect(database) as connection:
        connection.execute("CREATE SCHEMA schema_monitor; CREATE TABLE schema_monitor.precious (a int)")
        with pytest.raises(psycopg.errors.DuplicateSchema) as caught:
            connection.execute("CREATE EXTENSION schema_monitor CASCADE")
        assert caught.value.diag.message_hint


def test_the_embedder_calls_nobody_and_starts_no_stray_thread(cluster: Cluster, connection: psycopg.Connection[Any]) -> None:
    """ONNX Runtime's telemetry would start a thread, look up a host after nine seconds and write to a cache."""
    one(connection, "SELECT schema_monitor.embed_query('x')")
    (pid,) = processes(connection, "embedder")

    def is_quiet() -> None:
        names = [Path(f"/proc/{pid}/task/{task}/comm").read_text().strip() for task in os.listdir(f"/proc/{pid}/task")]
        assert set(names) <= {"postgres", "embedder", "embedder-load", "embedder-watchd"}, names
        # main loop, server, watchdog; of inference, all but the one that serves
        assert len(names) <= 3 + min(max((os.cpu_count() or 1) // 2, 1), 4) - 1 + names.count("embedder-load"), names
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
        for table in ("tcp", "tcp6", "udp", "udp6"):
            rows = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
            mine = [row for row in rows if row.split()[9] in inodes]
            # the postmaster's listening sockets are not inherited by workers
            assert mine == [], (table, mine)

    # That something does not happen takes its time to see: telemetry shows itself after about nine seconds.
    started = time.monotonic()

    def has_stayed_quiet() -> bool:
        is_quiet()
        return time.monotonic() - started > 12

    wait_until(has_stayed_quiet, "twelve quiet seconds", 20)


def test_a_session_can_be_cancelled_while_it_waits_for_a_vector(cluster: Cluster, connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE TABLE waiting_room (seats int)")
    wait_indexed(connection)
    (pid,) = processes(connection, "embedder")
    os.kill(pid, 19)  # SIGSTOP: the embedder answers nobody
    try:
        stopped = [Path(f"/proc/{pid}/task/{task}/stat") for task in os.listdir(f"/proc/{pid}/task")]
        wait_until(lambda: all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in stopped), "all its threads stopped")
        connection.execute("SET statement_timeout = '300ms'")
        start = time.monotonic()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT schema_monitor.embed_query('x')")
        assert time.monotonic() - start < 2.0
        connection.execute("SET statement_timeout = 0; SET schema_monitor.embedder_timeout = '200ms'")
        row = one(connection, "SELECT identity, vector_score FROM schema_monitor.search('waiting rooms', 1)")
        assert row == ("public.waiting_room", None), "words answer when the vector does not come"
    finally:
        os.kill(pid, 18)


def test_embedding_one_database_does_not_keep_another_waiting() -> None:
    """With one monitor for all: what changes in a small database is recorded while a large one is embedded."""
    settings = {**SHARED_PRELOAD, "schema_monitor.max_workers": 1, "schema_monitor.embedder_threads": 1}
    with Cluster(PG, "turns", settings=settings) as turns:
        small, large = create_database(turns), create_database(turns)
        with turns.connect(small) as connection, turns.connect(large) as other:
            wait_indexed(connection)
            other.execute(
                "DO $$ BEGIN FOR i IN 1..600 LOOP EXECUTE format("
                "'CREATE TABLE t%s (a%s int, b%s text, c%s date, d%s numeric, e%s uuid)', i, i, i, i, i, i);"
                " END LOOP; END $$"
            )
            waiting = "SELECT pending FROM schema_monitor.status()"
            wait_until(lambda: one(other, waiting)[0] > 3_000, "the large database's passages")
            for number in range(3):
                connection.execute(f"CREATE TABLE quick_{number} (a int)")  # type: ignore[arg-type]
                wait_indexed(connection, 10)
            assert one(other, waiting)[0] > 0, "the large one was not done before: this proves nothing"
            wait_indexed(other)
            assert audit(connection) == [] and audit(other) == []


DIMENSION = """SELECT atttypmod FROM pg_attribute
    WHERE attrelid = 'schema_monitor.schema_embeddings'::regclass AND attname = 'embedding'"""


def set_model(connection: psycopg.Connection[Any], model: str) -> None:
    connection.execute(f"ALTER SYSTEM SET schema_monitor.model = '{model}'")  # type: ignore[arg-type]
    connection.execute("SELECT pg_reload_conf()")


def test_a_model_of_another_dimension_takes_over(cluster: Cluster) -> None:
    """e5-large's shape, its layers sharing weights so that the file stays small: vector(1024) with HNSW."""
    model = make_model("random-e5-large")
    settings = {**SHARED_PRELOAD, "schema_monitor.model": str(model)}
    with Cluster(PG, "large", settings=settings) as large:
        database = create_database(large)
        with large.connect(database) as connection:
            connection.execute("CREATE TABLE invoice (amount int)")
            wait_indexed(connection, 300)
            described = large.psql("\\d schema_monitor.schema_embeddings", dbname=database).stdout
            assert "vector(1024)" in described and "hnsw" in described
            assert one(connection, "SELECT vector_dims(embedding) FROM schema_monitor.schema_embeddings LIMIT 1") == (1024,)
            set_model(connection, "all-MiniLM-L6-v2")
            wait_until(lambda: one(connection, DIMENSION) == (384,), "the small model's table", 60)
            wait_indexed(connection)
            assert one(connection, "SELECT identity FROM schema_monitor.search('invoice amount', 1)") == ("public.invoice",)
            described_now = large.psql("\\d schema_monitor.schema_embeddings", dbname=database).stdout
            # the same but for the dimension, and psql's padding
            assert described_now.split() == described.replace("vector(1024)", "vector(384)").split()
            assert one(connection, "SELECT count(*) FROM pg_depend WHERE objid = 'schema_monitor.schema_embeddings'::regclass AND deptype = 'e'") == (1,)


def test_search_goes_on_while_the_model_changes() -> None:
    """The vectors of the new model are made beside the old ones and swapped in at once, when none is missing."""
    large = make_model("random-e5-large")
    with Cluster(PG, "switch", settings=SHARED_PRELOAD) as switch:
        database = create_database(switch)
        with switch.connect(database) as connection:
            connection.execute(
                "DO $$ BEGIN FOR i IN 1..40 LOOP EXECUTE format('CREATE TABLE item_%s (a%s int)', i, i); END LOOP; END $$;"
                "CREATE TABLE invoice (amount int, due date)"
            )
            wait_indexed(connection)
            state = f"SELECT ({DIMENSION}), (SELECT count(*) FROM schema_monitor.schema_embeddings)"
            ask = "SELECT identity, vector_score FROM schema_monitor.search('what must be paid', 1)"
            assert one(connection, state) == (384, 83)
            expected = one(connection, ask)
            set_model(connection, str(large))
            # the large model's runs are long where others compute, too; without a vector search() answers by words alone
            connection.execute("SET schema_monitor.embedder_timeout = '60s'")
            answers, pending = 0, set()
            while True:
                # one snapshot: the answer belongs to the state
                with connection.transaction():
                    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                    found, row = one(connection, state), one(connection, ask)
                if found != (384, 83):
                    break
                assert row == expected, "the old model answers until the new one takes over"
                answers += 1
                pending.add(one(connection, "SELECT pending FROM schema_monitor.status()"))
                if answers == 20:
                    connection.execute("CREATE TABLE late (a int)")
            assert found == (1024, 85), "nothing is missing when the new vectors take over, what came late included"
            assert answers > 20 and len(pending) > 2, (answers, pending)
            wait_indexed(connection)
            assert one(connection, "SELECT vector_score IS NOT NULL FROM schema_monitor.search('invoice', 1)") == (True,)
            wait_until(lambda: "letting go of the one before" in switch.log_text(), "the old model's end")
            # one that cannot be loaded takes nothing away
            set_model(connection, "/nonexistent")
            broken = "SELECT embedder LIKE '%/nonexistent%' FROM schema_monitor.status()"
            wait_until(lambda: one(connection, broken) == (True,), "the complaint about the broken model")
            assert one(connection, "SELECT vector_score IS NOT NULL FROM schema_monitor.search('invoice', 1)") == (True,)
            set_model(connection, str(large))
            connection.execute("CREATE TABLE later (a int)")
            wait_indexed(connection)
            assert one(connection, state) == (1024, 87)
            assert audit(connection) == []


def test_a_standby_answers_and_takes_over_when_promoted(cluster: Cluster, database: str) -> None:
    with cluster.connect(database) as connection:
        connection.execute("CREATE TABLE invoice (amount int); CREATE TABLE weather (rain int)")
        wait_indexed(connection)
        (fingerprint,) = one(connection, "SELECT schema_monitor.fingerprint()")
    standby = Cluster(PG, "standby", settings=SHARED_PRELOAD).create_standby(cluster).start()
    try:
        with standby.connect(database) as connection:
            wait_until(lambda: processes(connection, "embedder"), "the standby's embedder")
            ask = "SELECT identity, vector_score IS NOT NULL FROM schema_monitor.search('what must be paid', 1)"
            answer = [("public.invoice", True)]
            wait_until(lambda: connection.execute(ask).fetchall() == answer, "an answer by vectors on the standby")
            assert one(connection, "SELECT schema_monitor.fingerprint()") == (fingerprint,)
            version_there, pending, launcher, embedder = one(
                connection, "SELECT version, pending, launcher, embedder FROM schema_monitor.status()"
            )
            assert (version_there, pending, launcher) == (version(connection), 0, "not running")
            assert embedder.startswith("ready")
            assert one(connection, "SELECT schema_monitor.wait_until_indexed('1 s')") == (True,)
            assert connection.execute("SELECT * FROM schema_monitor._audit()").fetchall() == []
            for force in (False, True):
                with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                    connection.execute("SELECT * FROM schema_monitor.check(%s)", (force,))
            known = version(connection)
            standby.promote()
            connection.execute("ALTER TABLE invoice ADD due date")
            wait_until(lambda: version(connection) > known, "the promoted server's first version")
            wait_indexed(connection)
            assert audit(connection) == []
            column = "SELECT column_name FROM schema_monitor.search('due date', 1, '{column}')"
            assert one(connection, column) == ("due",)
        log = standby.log_text()
        assert "PANIC" not in log and "was terminated by signal" not in log, log[-4000:]
    finally:
        standby.stop("immediate")


def test_a_rewound_primary_follows_the_one_that_took_over() -> None:
    """Split brain healed by pg_rewind: what only the old primary recorded is gone, what the new one recorded is there."""
    settings = {**SHARED_PRELOAD, "wal_log_hints": True, "wal_keep_size": "512MB"}
    with Cluster(PG, "old", settings=settings) as old:
        database = create_database(old)
        with old.connect(database) as connection:
            connection.execute("CREATE TABLE common (id int)")
            wait_indexed(connection)
        new = Cluster(PG, "new", settings=settings).create_standby(old).start()
        try:
            new.promote()
            with old.connect(database) as connection:
                connection.execute("CREATE TABLE only_old (id int)")
                wait_indexed(connection)
            with new.connect(database) as connection:
                connection.execute("CHECKPOINT; CREATE TABLE only_new (id int); ALTER TABLE common ADD due date")
                wait_indexed(connection)
                known = version(connection)
            old.stop()
            old.server_run(
                "pg_rewind", "--target-pgdata", old.data, "--source-server", new.url(tcp=False), "--write-recovery-conf", "--no-sync",
            )  # fmt: skip
            old.start()
            with old.connect(database) as connection:
                wait_until(lambda: version(connection) == known, "the new primary's history")
                assert one(connection, "SELECT pg_is_in_recovery()") == (True,)
                tables = "SELECT array_agg(object_name ORDER BY 1) FROM schema_monitor.objects WHERE kind = 'table'"
                assert one(connection, tables) == (["common", "only_new"],)
                assert audit(connection) == []
                found = "SELECT column_name FROM schema_monitor.search('due date', 1, '{column}')"
                wait_until(lambda: connection.execute(found).fetchall() == [("due",)], "an answer by vectors")
            for server in (old, new):
                assert "was terminated by signal" not in server.log_text()
            assert_healthy(new, database)
        finally:
            new.stop("immediate")
