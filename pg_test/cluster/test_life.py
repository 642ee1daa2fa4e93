"""A long life: versions of the SQL that the library does not know, history that is forgotten, many thousand DDLs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support import LONG, PG, SHARED_PRELOAD, assert_healthy, audit, create_database, one, version, wait_indexed

from tools.cluster import Cluster, wait_until
from tools.paths import server_program



# --- versions of the SQL


@pytest.fixture
def another_version() -> Iterator[str]:
    """Scripts that lead to a version of the SQL that no library knows, and back."""
    share = subprocess.run(
        [str(server_program(PG, "pg_config")), "--sharedir"], capture_output=True, text=True, check=True
    ).stdout.strip()
    place = Path(share) / "extension"
    control = (place / "schema_monitor.control").read_text()
    match = re.search(r"default_version = '(.*)'", control)
    assert match
    ours = match[1]
    scripts = [place / f"schema_monitor--{ours}--9.9.9.sql", place / f"schema_monitor--9.9.9--{ours}.sql"]
    for script in scripts:
        script.write_text("-- nothing to do\n")
    yield ours
    for script in scripts:
        script.unlink()


def test_sql_of_another_version_is_a_gap_and_one_warning(cluster: Cluster, another_version: str) -> None:
    database = create_database(cluster)
    with cluster.connect(database) as connection:
        connection.execute("CREATE TABLE before (id int)")
        wait_indexed(connection)
        known = version(connection)
        warnings: list[str] = []
        connection.add_notice_handler(lambda notice: warnings.append(str(notice.message_primary)))
        connection.execute("ALTER EXTENSION schema_monitor UPDATE TO '9.9.9'")
        mark = cluster.log_size()
        for number in range(5):
            connection.execute(f"CREATE TABLE meanwhile_{number} (id int)")  # type: ignore[arg-type]
        connection.execute("CREATE INDEX CONCURRENTLY ON before (id)")
        assert one(connection, "SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 'before'::regclass") == (True,)
        assert warnings == ["schema_monitor could not note a schema change"]
        error = "SELECT last_error FROM schema_monitor.status()"
        wait_until(lambda: "9.9.9" in (one(connection, error)[0] or ""), "the reason")
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as refused:
            connection.execute("SELECT schema_monitor.check()")
        assert "9.9.9" in str(refused.value.diag.message_detail)
        assert version(connection) == known
        said = [line for line in cluster.log_text(mark).splitlines() if "9.9.9" in line and "LOG" in line and "STATEMENT" not in line]
        assert len(said) <= 1, said
        connection.execute(f"ALTER EXTENSION schema_monitor UPDATE TO '{another_version}'")  # type: ignore[arg-type]
        wait_until(lambda: version(connection) > known, "the first version afterwards")
        wait_indexed(connection)
        found = "SELECT count(*) FROM schema_monitor.objects WHERE identity LIKE 'public.meanwhile%%'"
        assert one(connection, found) == (5,)
    assert_healthy(cluster, database)


# --- forgetting


def age(connection: psycopg.Connection[Any], table: str, column: str, condition: str) -> None:
    """As if it had been recorded a year ago."""
    connection.execute(f"UPDATE schema_monitor.{table} SET {column} = {column} - interval '1 year' WHERE {condition}")  # type: ignore[arg-type]


def test_old_events_and_versions_are_forgotten_in_batches() -> None:
    settings = {**SHARED_PRELOAD, "schema_monitor.version_retention": 30, "schema_monitor.event_retention": 30}
    with Cluster(PG, "retention", settings=settings) as server:
        database = create_database(server)
        with server.connect(database) as connection:
            connection.execute("CREATE TABLE stays (a int); CREATE TABLE goes (a int)")
            wait_indexed(connection)
            for number in range(130):
                connection.execute(f"ALTER TABLE stays ADD c{number} int")  # type: ignore[arg-type]
                wait_indexed(connection)
            connection.execute("DROP TABLE goes")
            wait_indexed(connection)
            last_old = version(connection)
            connection.execute("""DO $$ BEGIN FOR i IN 1..6000 LOOP
                EXECUTE format('COMMENT ON TABLE stays IS %L', i); END LOOP; END $$""")
            wait_indexed(connection)
            standing = version(connection)
            definition = "SELECT definition FROM schema_monitor._definition AS d JOIN schema_monitor._object AS o USING (object_id) WHERE o.name = 'stays' ORDER BY d.version DESC LIMIT 1"
            (was,) = one(connection, definition)
            age(connection, "_version", "recorded_at", f"version <= {last_old}")
            age(connection, "ddl_event", "occurred_at", "true")
            assert last_old > 120 and one(connection, "SELECT count(*) FROM schema_monitor.ddl_event")[0] > 6000
            connection.execute("SELECT schema_monitor.check()")
            assert one(connection, "SELECT min(version), max(version) FROM schema_monitor.versions") == (last_old + 1, standing)
            assert one(connection, "SELECT count(*) FROM schema_monitor.ddl_event WHERE occurred_at < now() - interval '30 days'") == (0,)
            assert one(connection, "SELECT min(version) FROM schema_monitor.changes")[0] > last_old
            assert one(connection, "SELECT count(*) FROM schema_monitor.objects WHERE identity = 'public.goes'") == (0,)
            assert one(connection, "SELECT count(*) FROM schema_monitor._object WHERE name = 'goes'") == (0,)
            assert one(connection, definition) == (was,)
            connection.execute("CREATE TABLE later (a int)")
            wait_indexed(connection)
            # all of it old: what stands is kept
            age(connection, "_version", "recorded_at", "true")
            connection.execute("SELECT schema_monitor.check()")
            assert one(connection, "SELECT count(*), max(version) FROM schema_monitor.versions") == (1, standing + 1)
            assert audit(connection) == []
        assert_healthy(server, database)


# --- many DDLs

SERVICES = "SELECT pid FROM pg_stat_activity WHERE backend_type IN ('schema_monitor launcher', 'schema_monitor embedder') ORDER BY backend_type"
SIZES = """SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class AS c
    WHERE c.relnamespace = 'schema_monitor'::regnamespace AND c.relkind = 'r'
      AND c.relname IN ('_passage', '_document', '_posting', '_reference', 'schema_embeddings', '_state', '_quarantine')"""


def resident_kb(pid: int) -> int:
    match = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert match
    return int(match[1])


def test_many_thousand_ddls_leave_nothing_growing() -> None:
    """What is derived, dead rows, memory and backend_xmin; the history itself grows by what it records."""
    rounds = 12_500 if LONG else 300  # of eight DDLs
    settings = {**SHARED_PRELOAD, "autovacuum_naptime": "1s"}
    with Cluster(PG, "life", settings=settings) as server:
        database = create_database(server)
        with server.connect(database) as connection:
            connection.execute("CREATE TABLE constant (id int PRIMARY KEY)")
            for number in range(20):
                churn(connection, number)
            wait_indexed(connection)
            pids = [pid for (pid,) in connection.execute(SERVICES).fetchall()]
            before = [resident_kb(pid) for pid in pids]
            (size,) = one(connection, SIZES)
            oldest = 0
            for number in range(rounds):
                churn(connection, number)
                if number % 50 == 0:
                    held = one(
                        connection,
                        """SELECT coalesce(max(age(backend_xmin)), 0) FROM pg_stat_activity
                           WHERE backend_type LIKE 'schema_monitor%%' AND backend_xmin IS NOT NULL""",
                    )
                    oldest = max(oldest, held[0])
            wait_indexed(connection, 300)
            assert [pid for (pid,) in connection.execute(SERVICES).fetchall()] == pids
            for pid, kilobytes in zip(pids, before, strict=True):
                assert resident_kb(pid) < kilobytes + 32 * 1024, "memory grows"
            # a reading of this small schema takes milliseconds, in which a session commits a few dozen times
            assert oldest < 1_000, oldest
            vacuumed = "SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables WHERE schemaname = 'schema_monitor' AND relname <> 'ddl_event'"
            limit = 3_000
            wait_until(lambda: one(connection, vacuumed)[0] < limit, "autovacuum", 60)
            assert one(connection, SIZES)[0] < 4 * size + (4 << 20)
            assert one(connection, "SELECT count(*) FROM schema_monitor._passage")[0] < 10
            (events, doubles) = one(
                connection,
                """SELECT count(*), count(*) - count(DISTINCT (xid, ordinal)) FROM schema_monitor.ddl_event
                   WHERE command_tag IN ('CREATE TABLE', 'ALTER TABLE', 'COMMENT') AND NOT dropped""",
            )
            assert events >= 5 * rounds and doubles == 0
            assert audit(connection) == []
        assert_healthy(server, database)


def churn(connection: psycopg.Connection[Any], number: int) -> None:
    """Eight DDLs that leave nothing."""
    connection.execute("CREATE TABLE passing (id int, customer text)")
    connection.execute("ALTER TABLE passing ADD due date")
    connection.execute(f"COMMENT ON TABLE passing IS 'round {number}'")  # type: ignore[arg-type]
    connection.execute("CREATE INDEX ON passing (due)")
    connection.execute("ALTER TABLE passing ALTER customer TYPE varchar(20)")
    connection.execute("ALTER TABLE passing RENAME TO past")
    connection.execute("CREATE VIEW seen AS SELECT id FROM past")
    connection.execute("DROP TABLE past CASCADE")
