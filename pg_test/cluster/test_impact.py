"""What a change weighs: rows, dependents, scans and statements, and what became of them since."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from support import PG, SHARED_PRELOAD, create_database, one, version, wait_indexed

from tools.cluster import Cluster

Connection = psycopg.Connection[Any]


def judged(connection: Connection, statement: str) -> tuple[str, list[str], str, list[str], list[str]]:
    """Impact and rules as recorded, then impact, rules and reasons as diff() tells them now, of a statement's only change."""
    wait_indexed(connection)
    before = version(connection)
    connection.execute(statement)  # type: ignore[arg-type]
    wait_indexed(connection)
    recorded = one(connection, "SELECT impact, rules FROM schema_monitor.changes WHERE version > %s", before)
    told = one(connection, "SELECT impact, rules, reasons FROM schema_monitor.diff(%s)", before)
    return (*recorded, *told)  # type: ignore[return-value]


def test_an_index_of_a_large_table(connection: Connection) -> None:
    connection.execute(
        """CREATE TABLE small (a int); CREATE INDEX small_a ON small (a);
        CREATE TABLE large AS SELECT i AS a FROM generate_series(1, 1100000) AS i; CREATE INDEX large_a ON large (a); ANALYZE large"""
    )
    impact, rules, *_ = judged(connection, "DROP INDEX small_a")
    assert impact == "medium" and "large_relation" not in rules
    impact, rules, again, rules_again, reasons = judged(connection, "DROP INDEX large_a")
    assert impact == again == "high" and rules[:2] == rules_again[:2] == ["index_dropped", "large_relation"]
    assert reasons[0] == "queries that used it may become slow"
    assert "about 1100000 rows in 38 MB" in reasons[1]


def test_what_others_depend_on(connection: Connection) -> None:
    connection.execute(
        """CREATE TABLE read (id int PRIMARY KEY, a int NOT NULL); CREATE VIEW reader AS SELECT a FROM read;
        CREATE TABLE pointing (id int REFERENCES read); CREATE FUNCTION taking(read) RETURNS int LANGUAGE sql RETURN 1;
        CREATE TABLE alone (id int PRIMARY KEY, a int NOT NULL)"""
    )
    assert judged(connection, "ALTER TABLE alone ALTER a DROP NOT NULL")[:2] == ("medium", ["not_null_removed"])
    impact, rules, again, rules_again, reasons = judged(connection, "ALTER TABLE read ALTER a DROP NOT NULL")
    assert impact == again == "high" and "has_dependents" in rules and "has_dependents" in rules_again
    assert any(reason.startswith("3 objects depend on the relation directly") for reason in reasons), reasons
    # a comment changes nothing for them
    assert judged(connection, "COMMENT ON COLUMN read.a IS 'x'")[:2] == ("low", ["comment_changed"])


def test_how_often_it_is_read(connection: Connection) -> None:
    connection.execute("CREATE TABLE used (a int DEFAULT 1)")
    for _ in range(5):
        connection.execute("SELECT * FROM used")
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.execute("SELECT 1")
    *_, rules, reasons = judged(connection, "ALTER TABLE used ALTER a SET DEFAULT 2")
    assert rules == ["default_changed", "in_use"]
    (told,) = [reason for reason in reasons if reason.startswith("it was read")]
    times = int(told.split()[3])
    assert 5 <= times <= 8 and "last at 20" in told, told


def test_changes_that_rules_tell_apart(connection: Connection) -> None:
    connection.execute(
        """CREATE TABLE t (id bigint, label varchar(20) NOT NULL DEFAULT '', price numeric(10,2));
        CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql RETURN 1; GRANT SELECT ON t TO pg_monitor"""
    )
    for statement, impact, rule in [
        ("ALTER TABLE t ALTER label TYPE varchar(30)", "medium", "type_widened"),
        ("ALTER TABLE t ALTER label TYPE varchar(10)", "high", "type_narrowed"),
        ("ALTER TABLE t ALTER price TYPE numeric(12,2)", "medium", "type_widened"),
        ("ALTER TABLE t ALTER id TYPE text USING id::text", "high", "type_changed"),
        ("ALTER TABLE t ALTER label DROP DEFAULT", "high", "default_removed"),
        ("REVOKE SELECT ON t FROM pg_monitor", "high", "privilege_revoked"),
        ("GRANT INSERT ON t TO pg_monitor", "low", "privilege_granted"),
        ("REVOKE EXECUTE ON FUNCTION f FROM PUBLIC", "high", "privilege_revoked"),
        ("GRANT EXECUTE ON FUNCTION f TO PUBLIC", "low", "privilege_granted"),
        ("ALTER TABLE t ENABLE ROW LEVEL SECURITY", "high", "policy_changed"),
    ]:
        told = judged(connection, statement)
        assert (told[0], told[1][0]) == (impact, rule), (statement, told)


@pytest.fixture
def counted() -> Any:
    """A server with pg_stat_statements."""
    settings = {**SHARED_PRELOAD, "shared_preload_libraries": "schema_monitor,pg_stat_statements", "track_io_timing": "on"}
    with Cluster(PG, "counted", settings=settings) as cluster:
        yield cluster


def test_performance_since(counted: Cluster) -> None:
    database = create_database(counted)
    with counted.connect(database) as connection:
        connection.execute(
            """CREATE EXTENSION pg_stat_statements; CREATE TABLE orders AS SELECT i AS id, i % 1000 AS customer FROM generate_series(1, 200000) AS i;
            CREATE TABLE other (a int); ANALYZE orders; SET max_parallel_workers_per_gather = 0; SET enable_bitmapscan = off"""
        )
        wait_indexed(connection)

        def ask(times: int) -> None:
            for number in range(times):
                connection.execute(f"SELECT count(*) FROM orders WHERE customer = {number}", prepare=False)  # type: ignore[arg-type]
            connection.execute("SELECT pg_stat_force_next_flush()")
            connection.execute("SELECT 1")

        ask(20)
        before = version(connection)
        connection.execute("CREATE INDEX ON orders (customer)")
        wait_indexed(connection)
        made = version(connection)
        assert made == before + 1
        ask(30)
        rows = connection.execute("SELECT measure, statement, before, after FROM schema_monitor.performance_since(%s)", (made,)).fetchall()
        told = {measure: (then, now) for measure, statement, then, now in rows if statement is None}
        assert told["share of sequential scans"][0] == 1 and told["share of sequential scans"][1] < 0.2, told
        assert told["rows read by a sequential scan"][0] > 100_000 and 30 <= told["scans"][1] <= 33, told
        (question,) = one(connection, "SELECT queryid FROM pg_stat_statements WHERE query LIKE 'SELECT count(*) FROM orders%%'")
        (mean,) = [(then, now) for measure, statement, then, now in rows if statement == question]
        assert mean[0] > 2 * mean[1] > 0, mean
        # of the version before nothing was counted: it was the first
        assert connection.execute("SELECT * FROM schema_monitor.performance_since(%s)", (before,)).fetchall() == []
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="does not exist"):
            connection.execute("SELECT * FROM schema_monitor.performance_since(99)")
        # statements that name it count among the reasons, for who may read them
        connection.execute("ALTER TABLE orders ALTER customer SET DEFAULT 0")
        wait_indexed(connection)
        (rules,) = one(connection, "SELECT rules FROM schema_monitor.diff(%s) WHERE change = 'column_default_changed'", made)
        assert "named_by_statements" in rules
        connection.execute("CREATE ROLE stranger; SET ROLE stranger")
        assert connection.execute("SELECT * FROM schema_monitor.performance_since(%s)", (made,)).fetchall() == []
