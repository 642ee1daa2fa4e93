"""The server's operations go on: databases come, go and move, extensions too, processes are killed, settings change."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support import LONG, PG, SHARED_PRELOAD, assert_healthy, audit, create_database, one, version, wait_indexed

from tools.cluster import Cluster, wait_until
from tools.models import make_model

FILL = """DO $$ BEGIN FOR i IN 1..60 LOOP
    EXECUTE format('CREATE TABLE t%s (a%s int, b%s text, c%s date)', i, i, i, i); END LOOP; END $$"""
LIMIT_S = 5.0


def timed(connection: psycopg.Connection[Any], statement: str) -> float:
    start = time.monotonic()
    connection.execute(statement)  # type: ignore[arg-type]
    return time.monotonic() - start


def test_databases_come_and_go_in_a_loop(tmp_path: Path) -> None:
    """Made, filled and dropped, renamed or copied while they are being embedded; by a plain owner, too."""
    # a plain owner's DROP DATABASE WITH (FORCE) fails where autovacuum is at work, with us or without
    with Cluster(PG, "coming", settings={**SHARED_PRELOAD, "autovacuum": False}) as cluster:
        come_and_go(cluster, tmp_path)


def come_and_go(cluster: Cluster, tmp_path: Path) -> None:
    place = tmp_path / "space"
    place.mkdir(mode=0o700)
    with cluster.connect("postgres") as admin:
        admin.execute("CREATE ROLE landlord LOGIN CREATEDB")
        admin.execute(f"CREATE TABLESPACE space LOCATION '{place}'")  # type: ignore[arg-type]
        with cluster.connect("postgres", user="landlord") as landlord:
            for number in range(50 if LONG else 15):
                name = f"guest_{number}"
                landlord.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
                with cluster.connect(name) as connection:
                    connection.execute("CREATE EXTENSION schema_monitor CASCADE")
                    connection.execute(FILL)
                kind = number % 5
                admin.execute("CHECKPOINT")  # these commands make one; what it writes is not their affair
                if kind == 0:
                    taken = timed(landlord, f"DROP DATABASE {name}")
                elif kind == 1:
                    taken = timed(landlord, f"DROP DATABASE {name} WITH (FORCE)")
                elif kind == 2:
                    taken = timed(landlord, f"ALTER DATABASE {name} RENAME TO {name}_x; ")
                    taken = max(taken, timed(admin, f"DROP DATABASE {name}_x"))
                elif kind == 3:
                    taken = timed(admin, f"ALTER DATABASE {name} SET TABLESPACE space")
                    taken = max(taken, timed(landlord, f"DROP DATABASE {name}"))
                else:
                    taken = timed(admin, f"CREATE DATABASE {name}_copy TEMPLATE {name}")
                    if number == 4:
                        assert_healthy(cluster, f"{name}_copy")
                    taken = max(taken, timed(admin, f"DROP DATABASE {name}_copy"), timed(landlord, f"DROP DATABASE {name}"))
                assert taken < LIMIT_S, (name, kind)
        left = admin.execute("SELECT datname FROM pg_database WHERE datname LIKE 'guest%%' OR datconnlimit = -2").fetchall()
        assert left == []


def test_the_extension_in_template1_and_databases_that_let_nobody_in() -> None:
    with Cluster(PG, "template", settings=SHARED_PRELOAD) as server:
        with server.connect("template1") as template:
            template.execute("CREATE EXTENSION schema_monitor CASCADE")
        with server.connect("postgres") as admin:
            admin.execute("CREATE DATABASE child")
            admin.execute("CREATE DATABASE closed")
            admin.execute("ALTER DATABASE closed ALLOW_CONNECTIONS false")
            with server.connect("child") as connection:
                connection.execute("CREATE TABLE born (a int)")
            assert_healthy(server, "child")
            admin.execute("DROP DATABASE closed")
            # a template in use must not be held by a monitor of ours
            for number in range(5):
                assert timed(admin, f"CREATE DATABASE another_{number}") < LIMIT_S
        assert "FATAL" not in server.log_text().replace("FATAL:  terminating", "")


def test_forty_databases_and_few_processes() -> None:
    """max_worker_processes as it comes: each database is served in turn, parallel queries get processes, the log is quiet."""
    settings = {**SHARED_PRELOAD, "max_worker_processes": 8, "max_connections": 80}
    with Cluster(PG, "forty", settings=settings) as server:
        with server.connect("postgres") as admin:
            admin.execute("CREATE TABLE many AS SELECT generate_series(1, 200000) AS a")
        names = [create_database(server) for _ in range(40)]
        for name in names:
            with server.connect(name) as connection:
                connection.execute("CREATE TABLE only_here (a int)")
        with server.connect("postgres") as admin:
            admin.execute("SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0")
            plan = admin.execute("EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT count(*) FROM many").fetchall()
            launched = next(line for (line,) in plan if "Workers Launched" in line)
            assert not launched.endswith(" 0"), plan
        for name in names:
            with server.connect(name) as connection:
                wait_indexed(connection, 120)
                assert version(connection) >= 1 and audit(connection) == []
        ours = [line for line in server.log_text().splitlines() if "schema_monitor" in line and "STATEMENT" not in line]
        assert len(ours) < 10, ours[:20]


def test_the_extension_itself_comes_and_goes(cluster: Cluster) -> None:
    """Created, dropped, committed and rolled back while its monitor works; no error in the log, nothing left."""
    database = create_database(cluster, extension=False)
    mark = cluster.log_size()
    with cluster.connect(database) as connection:
        connection.execute(FILL)
        for number in range(8):
            connection.execute("BEGIN; CREATE EXTENSION schema_monitor CASCADE; CREATE TABLE x (a int); ROLLBACK")
            connection.execute("CREATE EXTENSION schema_monitor CASCADE")
            connection.execute(f"CREATE TABLE after_{number} (a int)")  # type: ignore[arg-type]
            if number % 2:
                wait_indexed(connection)
            connection.execute("BEGIN; DROP EXTENSION schema_monitor; ROLLBACK")
            connection.execute(f"ALTER TABLE after_{number} ADD b int")  # type: ignore[arg-type]
            drop = ["DROP EXTENSION schema_monitor CASCADE", "DROP SCHEMA schema_monitor CASCADE"][number % 3 == 0]
            connection.execute(drop)  # type: ignore[arg-type]
            # as after every extension that names its schema, the schema itself stays, empty
            left = """SELECT (SELECT count(*) FROM pg_event_trigger), (SELECT count(*) FROM pg_extension WHERE extname LIKE 'schema%'),
                (SELECT count(*) FROM pg_depend WHERE refobjid = to_regnamespace('schema_monitor')::oid)"""
            assert one(connection, left) == (0, 0, 0)
        connection.execute("CREATE EXTENSION schema_monitor CASCADE")
    assert_healthy(cluster, database)
    errors = [line for line in cluster.log_text(mark).splitlines() if "schema_monitor monitor:" in line or "ERROR" in line]
    assert errors == []


SETTINGS = {
    "enabled": (["off", "on"], ["perhaps"]),
    "exclude": (["'audit, staging.*'", "''"], []),
    "mask": (["'*salary*, emp.ssn'", "''"], []),
    "value_columns": (["'*.status, emp.title'", "''"], []),
    "check_interval": (["0", "'5min'"], ["-1", "'soon'"]),
    "max_workers": (["1", "8"], ["0", "65"]),
    "event_retention": (["0", "7"], ["-1"]),
    "model": (["'all-MiniLM-L6-v2'"], []),
    "onnxruntime_library": (["''"], []),
    "embedder_threads": (["0", "2"], ["-1", "257"]),
    "embedder_memory_limit": (["0", "'4GB'"], ["-1", "'4 apples'"]),
    "embedder_run_timeout": (["1", "'1min'"], ["0", "3600001"]),
    "version_retention": (["0", "36500"], ["-1", "36501"]),
    "embedder_timeout": (["'2s'", "1"], ["0", "'never'"]),
    "embed_in_session": (["on", "off"], ["maybe"]),
    "exact_search_rows": (["0", "100000"], ["-1"]),
    "learning_step": (["0", "0.2"], ["-0.1", "1.5"]),
    "static_terms": (["''"], []),
    "notify_impact": (["medium", "high", "breaking", "low"], ["'grave'"]),
}


def test_every_setting_takes_right_values_and_refuses_wrong_ones() -> None:
    with Cluster(PG, "settings", settings=SHARED_PRELOAD) as server:
        database = create_database(server)
        with server.connect(database) as connection:
            known = {name for (name,) in connection.execute("SELECT name FROM pg_settings WHERE name LIKE 'schema\\_monitor.%%'")}
            assert known == {f"schema_monitor.{name}" for name in SETTINGS}
            for name, (right, wrong) in SETTINGS.items():
                for value in wrong:
                    with pytest.raises(psycopg.errors.InvalidParameterValue):
                        connection.execute(f"ALTER SYSTEM SET schema_monitor.{name} = {value}")  # type: ignore[arg-type]
                for value in right:
                    connection.execute(f"ALTER SYSTEM SET schema_monitor.{name} = {value}")  # type: ignore[arg-type]
                    connection.execute("SELECT pg_reload_conf()")
                connection.execute(f"ALTER SYSTEM RESET schema_monitor.{name}")  # type: ignore[arg-type]
            connection.execute("SELECT pg_reload_conf()")
            # at once: a monitor that was not allowed to reconcile does so when told to
            wait_indexed(connection)
            connection.execute("SET session_replication_role = replica; CREATE TABLE unseen (a int)")
            connection.execute("ALTER SYSTEM SET schema_monitor.check_interval = 1")
            connection.execute("SELECT pg_reload_conf()")
            found = "SELECT count(*) FROM schema_monitor.objects WHERE identity = 'public.unseen'"
            wait_until(lambda: one(connection, found) == (1,), "the reconciliation", 5)
            connection.execute("SET session_replication_role = origin")
            connection.execute("ALTER SYSTEM RESET schema_monitor.check_interval")
            connection.execute("SELECT pg_reload_conf()")
        assert_healthy(server, database)


VECTORS = """CREATE TABLE many AS SELECT (
        SELECT array_agg(random() + 0 * n + 0 * d)::real[]::vector(384) FROM generate_series(1, 384) AS d) AS embedding
    FROM generate_series(1, 4000) AS n"""


def stop_fast(server: Cluster) -> None:
    start = time.monotonic()
    server.stop()
    assert time.monotonic() - start < 2.0


def test_it_stops_fast_whatever_it_does() -> None:
    """While a session waits for a vector, while a large model is at work, and while an index is being built."""
    large = make_model("random-e5-large")
    settings = {**SHARED_PRELOAD, "schema_monitor.model": str(large)}
    with Cluster(PG, "fast", settings=settings) as server:
        database = create_database(server)
        with server.connect(database) as connection:
            ready = "SELECT embedder LIKE 'ready%' FROM schema_monitor.status()"
            wait_until(lambda: one(connection, ready) == (True,), "the model")
            connection.execute(FILL)
            wait_until(lambda: one(connection, "SELECT embedded > 0 FROM schema_monitor.status()")[0], "embedding")
            waiting = server.connect(database)
            thread = threading.Thread(target=lambda: ignore_errors(lambda: waiting.execute("SELECT schema_monitor.embed_query('x')")))
            thread.start()
            stop_fast(server)
            thread.join()
        server.start()
        with server.connect(database) as connection:
            wait_until(lambda: one(connection, "SELECT embedder LIKE 'ready%' FROM schema_monitor.status()")[0], "the model")
            connection.execute(VECTORS)
            building = server.connect(database)
            build = "CREATE INDEX ON many USING hnsw (embedding vector_cosine_ops)"
            thread = threading.Thread(target=lambda: ignore_errors(lambda: building.execute(build)))
            thread.start()
            started = "SELECT EXISTS (SELECT FROM pg_stat_progress_create_index)"
            wait_until(lambda: one(connection, started) == (True,), "the building of an index")
            stop_fast(server)
            thread.join()
        assert "terminated by signal" not in server.log_text()


def ignore_errors(body: Callable[[], object]) -> None:
    try:
        body()
    except psycopg.Error:
        pass


@pytest.mark.parametrize("how", ["immediate", "launcher", "monitor", "embedder"])
def test_killed_in_a_storm_nothing_is_lost_or_double(how: str) -> None:
    """While eight sessions change the schema; what was committed before is there once."""
    rounds = 20 if LONG else 4
    with Cluster(PG, f"storm-{how}", settings={**SHARED_PRELOAD, "restart_after_crash": "on"}) as server:
        database = create_database(server)
        committed: set[str] = set()
        for number in range(rounds):
            stop = threading.Event()
            threads = [
                threading.Thread(target=storm, args=(server, database, f"r{number}_{worker}", stop, committed))
                for worker in range(8)
            ]
            for thread in threads:
                thread.start()
            wait_until(lambda: sum(name.startswith(f"r{number}_") for name in committed.copy()) > 60, "the storm")  # noqa: B023
            mark = server.log_size()
            if how == "immediate":
                server.crash()
            else:
                kill(server, database, how)
                # a large process takes a while to die
                wait_until(lambda: "all server processes terminated" in server.log_text(mark), "the crash")  # noqa: B023
            stop.set()
            for thread in threads:
                thread.join()
            if how == "immediate":
                server.start()
            wait_until(lambda: accepts(server, database), "the server's return")
        with server.connect(database) as connection:
            wait_indexed(connection, 120)
            there = {name for (name,) in connection.execute("SELECT object_name FROM schema_monitor.objects WHERE kind = 'table'")}
            real = {name for (name,) in connection.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")}
            assert committed <= there == real
            assert audit(connection) == []
            twice = """SELECT identity FROM schema_monitor.changes WHERE change IN ('table_added', 'column_added')
                GROUP BY identity, change HAVING count(*) > 1"""
            assert connection.execute(twice).fetchall() == []
            noted = "SELECT identity FROM schema_monitor.ddl_event WHERE command_tag = 'CREATE TABLE' GROUP BY 1 HAVING count(*) > 1"
            assert connection.execute(noted).fetchall() == []


def storm(server: Cluster, database: str, prefix: str, stop: threading.Event, committed: set[str]) -> None:
    number = 0
    try:
        with server.connect(database) as connection:
            while not stop.is_set():
                name = f"{prefix}_{number}"
                connection.execute(f"CREATE TABLE {name} (a int)")  # type: ignore[arg-type]
                committed.add(name)
                connection.execute(f"ALTER TABLE {name} ADD b int")  # type: ignore[arg-type]
                number += 1
    except psycopg.Error:
        return


def kill(server: Cluster, database: str, kind: str) -> None:
    with server.connect(database) as connection:
        find = "SELECT pid FROM pg_stat_activity WHERE backend_type = %s"
        (pid,) = wait_until(lambda: connection.execute(find, (f"schema_monitor {kind}",)).fetchone(), f"a {kind}")
        os.kill(pid, signal.SIGKILL)


def accepts(server: Cluster, database: str) -> bool:
    try:
        with server.connect(database) as connection:
            return one(connection, "SELECT 1") == (1,)
    except psycopg.Error:
        return False


def test_a_crash_while_the_model_changes_resumes_and_going_back_works() -> None:
    large = make_model("random-e5-large")
    with Cluster(PG, "resume", settings=SHARED_PRELOAD) as server:
        database = create_database(server)
        beside = "SELECT count(*) FROM schema_monitor._next_embeddings"
        dimension = """SELECT atttypmod FROM pg_attribute
            WHERE attrelid = 'schema_monitor.schema_embeddings'::regclass AND attname = 'embedding'"""
        exists = "SELECT to_regclass('schema_monitor._next_embeddings') IS NOT NULL"
        with server.connect(database) as connection:
            connection.execute(FILL)
            wait_indexed(connection)
            set_model(connection, str(large))
            wait_until(lambda: one(connection, exists)[0] and one(connection, beside)[0] >= 32, "vectors of the new model")
            (made,) = one(connection, beside)
            (first,) = one(connection, "SELECT min(embedded_at) FROM schema_monitor._next_embeddings")
        server.crash()
        server.start()
        with server.connect(database) as connection:
            wait_until(lambda: one(connection, dimension) == (1024,), "the new model", 120)
            assert one(connection, "SELECT min(embedded_at) FROM schema_monitor.schema_embeddings") == (first,), "begun anew"
            assert made > 0
            wait_indexed(connection)
            # there and, before it is done, back again
            set_model(connection, "all-MiniLM-L6-v2")
            wait_until(lambda: one(connection, dimension) == (384,), "the old model", 60)
            wait_indexed(connection)
            set_model(connection, str(large))
            wait_until(lambda: one(connection, exists) == (True,), "the table beside")
            set_model(connection, "all-MiniLM-L6-v2")
            wait_until(lambda: one(connection, exists) == (False,), "the table's end", 60)
            wait_indexed(connection)
            assert one(connection, dimension) == (384,)
            found = "SELECT identity, vector_score IS NOT NULL FROM schema_monitor.search('t7', 1)"
            assert one(connection, found) == ("public.t7", True)
        assert_healthy(server, database)


def set_model(connection: psycopg.Connection[Any], model: str) -> None:
    connection.execute(f"ALTER SYSTEM SET schema_monitor.model = '{model}'")  # type: ignore[arg-type]
    connection.execute("SELECT pg_reload_conf()")
