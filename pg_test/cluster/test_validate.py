"""validate_query(): PostgreSQL's own analyser, as the caller, without running anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from support import create_database, one, wait_indexed

from tools.cluster import Cluster

SHOP = """
CREATE TABLE customer (id int PRIMARY KEY, full_name text, joined date);
CREATE TABLE purchase (id int PRIMARY KEY, customer_id int REFERENCES customer, amount numeric, placed_at timestamptz);
COMMENT ON COLUMN purchase.amount IS 'Deprecated: use the ledger';
CREATE TABLE wide (%s);
CREATE TABLE noted (at timestamptz);
CREATE FUNCTION note() RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO noted VALUES (now()) RETURNING 1';
CREATE FUNCTION boom(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE EXCEPTION 'planned or run'; END $$;
CREATE FUNCTION closed() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE EXECUTE ON FUNCTION closed FROM PUBLIC;
CREATE VIEW noting AS SELECT id, note() AS noted FROM customer;
CREATE VIEW locking AS SELECT id FROM customer FOR UPDATE;
CREATE VIEW plain AS SELECT id FROM customer;
CREATE FUNCTION by_default(a int DEFAULT note()) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION add_noting(int, int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN note(); END $$;
CREATE AGGREGATE noting_sum(int) (SFUNC = add_noting, STYPE = int);
CREATE FUNCTION is_noted(int) RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT note() = 1';
CREATE DOMAIN noted_int AS int CHECK (is_noted(VALUE)); CREATE DOMAIN noted_too AS noted_int; CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE guarded (id int); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
CREATE POLICY noting ON guarded USING (is_noted(id));
""" % ", ".join(f"column_{number} int" for number in range(30))

VALIDATE = "SELECT valid, sqlstate, message, detail, hint, position, suggestions, warnings FROM schema_monitor.validate_query(%s, %s, %s)"


@pytest.fixture(scope="module")
def shop(cluster: Cluster) -> Iterator[psycopg.Connection[Any]]:
    with cluster.connect(create_database(cluster)) as connection:
        connection.execute(SHOP)  # type: ignore[arg-type]
        wait_indexed(connection)
        yield connection


def verdict(connection: psycopg.Connection[Any], sql: str, read_only: bool = False, since: int | None = None) -> dict[str, Any]:
    """What is said of a statement, by name."""
    names = ("valid", "sqlstate", "message", "detail", "hint", "position", "suggestions", "warnings")
    return dict(zip(names, one(connection, VALIDATE, sql, read_only, since), strict=True))


def rules(connection: psycopg.Connection[Any], sql: str, **more: Any) -> list[str]:
    said = verdict(connection, sql, **more)
    assert said["valid"], said
    return [warning["rule"] for warning in said["warnings"]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT full_name FROM customer WHERE joined > '2026-01-01' ORDER BY 1",
        "WITH t AS (SELECT max(id) AS m FROM customer) SELECT p.id FROM purchase AS p, t WHERE p.id = t.m",
        "SELECT $1 + 1 FROM purchase WHERE id = $2",
        "INSERT INTO customer (id, full_name) VALUES (1, 'x') ON CONFLICT DO NOTHING",
        "UPDATE purchase SET amount = amount * 2 FROM customer WHERE customer.id = customer_id",
        "MERGE INTO purchase USING customer ON customer.id = customer_id WHEN MATCHED THEN DELETE",
        "VALUES (1), (2)",
        "SELECT 1 / 0",  # an error of running it
    ],
)
def test_what_postgresql_accepts_is_valid(shop: psycopg.Connection[Any], sql: str) -> None:
    said = verdict(shop, sql)
    assert said["valid"] and said["sqlstate"] is None and said["message"] is None and said["suggestions"] == [], said


@pytest.mark.parametrize(
    ("sql", "sqlstate", "position", "first"),
    [
        ("SELECT fullname FROM customer", "42703", 8, "full_name"),
        ("SELECT 'é', c.ful_name FROM customer AS c", "42703", 13, "c.full_name"),
        ("SELECT * FROM custmer", "42P01", 15, "customer"),
        ("SELECT * FROM clients", "42P01", 15, "customer"),
        ("SELECT date_of_purchase FROM purchase", "42703", 8, "placed_at"),
        ("SELECT x.full_name FROM purchase AS p JOIN customer AS c ON c.id = p.customer_id", "42P01", 8, "c.full_name"),
        ("SELECT cuont(*) FROM purchase", "42883", 8, "count"),
        ("INSERT INTO purchase (id, custmer_id) VALUES (1, 2)", "42703", 27, "customer_id"),
        ("UPDATE purchase SET amonut = 1", "42703", 21, "amount"),
        ("SELECT id FROM customer WHERE id IN (SELECT custmer_id FROM purchase)", "42703", 45, "customer_id"),
    ],
)
def test_a_wrong_name_comes_back_with_the_right_one(
    shop: psycopg.Connection[Any], sql: str, sqlstate: str, position: int, first: str
) -> None:
    said = verdict(shop, sql)
    assert (said["valid"], said["sqlstate"], said["position"]) == (False, sqlstate, position), said
    assert said["suggestions"][0] == first, said
    with pytest.raises(psycopg.Error) as own:
        shop.execute("EXPLAIN " + sql)  # type: ignore[arg-type]
    assert (own.value.sqlstate, own.value.diag.message_primary) == (said["sqlstate"], said["message"])


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [
        ("SELECT 1; DROP TABLE customer", "42601"),
        ("", "42601"),
        ("-- nothing", "42601"),
        ("SELECT FROM WHERE", "42601"),
        ("DROP TABLE customer", "0A000"),
        ("COPY customer TO PROGRAM 'true'", "0A000"),
        ("DO $$ BEGIN END $$", "0A000"),
        ("EXPLAIN ANALYZE DELETE FROM customer", "0A000"),
        ("SELECT id + full_name FROM customer", "42883"),
        ("SELECT id, count(*) FROM customer", "42803"),
        ("SELECT id FROM customer, purchase", "42702"),
    ],
)
def test_what_is_no_valid_statement_is_told_and_nothing_runs(shop: psycopg.Connection[Any], sql: str, sqlstate: str) -> None:
    said = verdict(shop, sql)
    assert (said["valid"], said["sqlstate"]) == (False, sqlstate), said
    assert one(shop, "SELECT to_regclass('customer') IS NOT NULL") == (True,)


def test_nothing_is_run_and_no_lock_is_kept(shop: psycopg.Connection[Any]) -> None:
    with shop.transaction():
        for sql in ("SELECT note()", "SELECT boom(1)", "SELECT * FROM customer WHERE boom(2) = 1", "DELETE FROM purchase", "SELECT * FROM customer FOR UPDATE"):
            assert verdict(shop, sql)["valid"], sql
        held = shop.execute(
            "SELECT relation::regclass::text FROM pg_locks WHERE pid = pg_backend_pid() AND relation IN ('customer'::regclass, 'purchase'::regclass)"
        ).fetchall()
        assert held == []
    assert one(shop, "SELECT count(*) FROM noted") == (0,)
    with pytest.raises(psycopg.errors.RaiseException):
        shop.execute("EXPLAIN SELECT boom(1)")  # so planning it would have told


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM purchase",
        "WITH gone AS (DELETE FROM purchase RETURNING id) SELECT * FROM gone",
        "SELECT * INTO other FROM purchase",
        "SELECT * FROM purchase FOR SHARE",
        "SELECT note()",
        "SELECT * FROM customer WHERE id = note()",
        "SELECT pg_notify('a', 'b')",
        "SELECT nextval('customer_seq')",
        "SELECT id FROM noting",
        "SELECT id FROM locking",
        "SELECT by_default()",
        "SELECT noting_sum(id) FROM customer",
        "SELECT noting_sum(id) OVER () FROM customer",
        "SELECT 1::noted_int",
        "SELECT id::noted_too FROM customer",
    ],
)
def test_read_only_refuses_what_writes(shop: psycopg.Connection[Any], sql: str) -> None:
    shop.execute("CREATE SEQUENCE IF NOT EXISTS customer_seq")
    assert verdict(shop, sql)["valid"]
    said = verdict(shop, sql, read_only=True)
    assert (said["valid"], said["sqlstate"]) == (False, "25006"), said


def test_read_only_lets_reading_pass(shop: psycopg.Connection[Any]) -> None:
    for sql in ("SELECT random(), now(), clock_timestamp()", "SELECT sum(amount) FROM purchase GROUP BY customer_id",
                "SELECT * FROM plain", "SELECT 1::positive", "SELECT * FROM (VALUES (1)) AS v", "WITH RECURSIVE r AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM r WHERE a < 9) SELECT * FROM r"):
        assert verdict(shop, sql, read_only=True)["valid"], sql


def test_read_only_looks_into_policies(cluster: Cluster, shop: psycopg.Connection[Any]) -> None:
    """A superuser passes them by; whoever does not runs what they call."""
    assert verdict(shop, "SELECT * FROM guarded", read_only=True)["valid"]
    shop.execute("DROP ROLE IF EXISTS policed; CREATE ROLE policed LOGIN; GRANT SELECT ON guarded TO policed")
    with cluster.connect(shop.info.dbname, user="policed") as limited:
        assert verdict(limited, "SELECT * FROM guarded")["valid"]
        assert verdict(limited, "SELECT * FROM guarded", read_only=True)["sqlstate"] == "25006"
    shop.execute("DROP OWNED BY policed; DROP ROLE policed")


def test_warnings(shop: psycopg.Connection[Any]) -> None:
    assert rules(shop, "SELECT c.id FROM customer AS c, purchase AS p") == ["missing_join"]
    assert rules(shop, "SELECT c.id FROM customer AS c JOIN purchase AS p ON p.id = 1") == ["missing_join"]
    assert rules(shop, "SELECT c.id FROM customer AS c CROSS JOIN purchase AS p") == []
    assert rules(shop, "SELECT c.id FROM customer AS c, purchase AS p WHERE c.id = p.customer_id") == []
    assert rules(shop, "SELECT c.id FROM customer AS c JOIN purchase AS p USING (id)") == []
    assert rules(shop, "SELECT c.id FROM customer AS c, LATERAL (SELECT 1 FROM purchase AS p WHERE p.customer_id = c.id) AS l") == []
    assert rules(shop, "SELECT c.id FROM customer AS c, (SELECT max(id) AS m FROM purchase) AS l") == []
    assert rules(shop, "SELECT c.id FROM customer AS c WHERE EXISTS (SELECT FROM purchase AS p, wide AS w WHERE p.customer_id = c.id)") == ["missing_join"]
    assert rules(shop, "SELECT c.id FROM customer AS c, generate_series(1, c.id) AS g JOIN purchase AS p ON p.customer_id = g") == []
    assert rules(shop, "SELECT 1 FROM customer NATURAL JOIN wide") == ["missing_join"]
    assert rules(shop, "SELECT 1 FROM customer AS c LEFT JOIN purchase AS p ON p.id = 1 WHERE p.amount = 2")[0] == "missing_join"
    assert rules(shop, "SELECT 1 FROM (customer AS c JOIN purchase AS p ON true) CROSS JOIN wide")[0] == "missing_join"
    assert rules(shop, "SELECT id FROM customer WHERE id = 1.5") == ["implicit_cast"]
    assert rules(shop, "SELECT * FROM wide") == ["select_star"]
    assert rules(shop, "SELECT count(*) FROM wide") == []
    assert rules(shop, "SELECT amount FROM purchase") == ["deprecated"]
    assert rules(shop, "SELECT id FROM purchase") == []
    [warning] = verdict(shop, "SELECT w.* FROM wide AS w")["warnings"]
    assert warning["position"] == 8


def test_what_changed_since_a_version_is_told(cluster: Cluster, database: str) -> None:
    with cluster.connect(database) as connection:
        connection.execute("CREATE TABLE account (id int, balance int, note text)")
        wait_indexed(connection)
        (known,) = one(connection, "SELECT max(version) FROM schema_monitor.versions")
        connection.execute("ALTER TABLE account ALTER balance TYPE numeric")
        wait_indexed(connection)
        assert rules(connection, "SELECT balance FROM account", since=known) == ["changed"]
        assert rules(connection, "SELECT note FROM account", since=known) == []
        assert rules(connection, "SELECT balance FROM account", since=known + 1) == []


def test_it_is_the_caller_who_is_asked_about(cluster: Cluster, database: str, reader: str) -> None:
    with cluster.connect(database) as connection:
        connection.execute(
            "CREATE TABLE open_table (open_column int, secret_column int); CREATE TABLE secret_table (a int);"
            "CREATE FUNCTION closed() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE EXECUTE ON FUNCTION closed FROM PUBLIC;"
            f"GRANT SELECT (open_column) ON open_table TO {reader}"  # type: ignore[arg-type]
        )
        wait_indexed(connection)
    with cluster.connect(database, user=reader) as limited:
        assert verdict(limited, "SELECT open_column FROM open_table")["valid"]
        for sql in ("SELECT secret_column FROM open_table", "SELECT * FROM secret_table", "DELETE FROM open_table", "SELECT closed()",
                    "SELECT 1 WHERE EXISTS (SELECT FROM secret_table)", "WITH t AS (SELECT a FROM secret_table) SELECT 1"):
            said = verdict(limited, sql)
            assert (said["valid"], said["sqlstate"]) == (False, "42501"), (sql, said)
        assert verdict(limited, "SELECT secretcolumn FROM open_table")["suggestions"] == ["open_column"]
        assert "secret" not in str(verdict(limited, "SELECT * FROM secrettable")["suggestions"])


def test_a_statement_of_a_megabyte_and_more(shop: psycopg.Connection[Any]) -> None:
    for terms in (100, 2_000, 5_000, 20_000):  # as deep as PostgreSQL itself can go, and deeper
        said = verdict(shop, "SELECT " + "1 + " * terms + "1")
        try:
            shop.execute("EXPLAIN SELECT " + "1 + " * terms + "1")  # type: ignore[arg-type]
            assert said["valid"], (terms, said)
        except psycopg.errors.StatementTooComplex:
            assert said["valid"] or said["sqlstate"] == "54001", (terms, said)
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        verdict(shop, "SELECT '" + "x" * (1 << 20) + "'")
    deep = verdict(shop, "SELECT " + "(" * 30_000 + "1" + ")" * 30_000)
    assert not deep["valid"] and deep["sqlstate"] in ("54001", "42601"), deep
    assert one(shop, "SELECT 1") == (1,)


def alternatives(connection: psycopg.Connection[Any], sql: str, most: int = 3) -> list[tuple[str, list[str]]]:
    rows = connection.execute("SELECT statement, changes FROM schema_monitor.suggest_alternatives(%s, %s)", (sql, most))
    return [(statement, changes) for statement, changes in rows]


def test_alternatives_are_valid_and_say_what_they_change(shop: psycopg.Connection[Any]) -> None:
    wrong = "SELECT c.fullname, sum(p.amonut) FROM clients AS c JOIN purchase AS p ON p.custmer_id = c.id GROUP BY 1"
    found = alternatives(shop, wrong)
    assert found[0][0] == "SELECT c.full_name, sum(p.amount) FROM customer AS c JOIN purchase AS p ON p.customer_id = c.id GROUP BY 1"
    assert sorted(found[0][1]) == ["c.fullname -> c.full_name", "clients -> customer", "p.amonut -> p.amount", "p.custmer_id -> p.customer_id"]
    for statement, _ in found:
        shop.execute("EXPLAIN " + statement)  # type: ignore[arg-type]
    assert len(alternatives(shop, wrong, 1)) == 1
    assert alternatives(shop, "SELECT 'é', fulname FROM customer")[0][0] == "SELECT 'é', full_name FROM customer"


def test_what_no_name_can_mend_has_no_alternatives(shop: psycopg.Connection[Any]) -> None:
    for sql in ("SELECT id FROM customer", "SELECT FROM WHERE", "DROP TABLE custmer", "SELECT id, count(*) FROM customer", "SELECT zzzz FROM qqqq"):
        assert alternatives(shop, sql) == [], sql
    for most in (0, 100):
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            alternatives(shop, "SELECT 1", most)


def test_alternatives_are_the_caller_s(cluster: Cluster, database: str, reader: str) -> None:
    with cluster.connect(database) as connection:
        connection.execute(
            "CREATE TABLE ledger (open_amount int, secret_amount int); CREATE TABLE ledgers (a int);"
            f"GRANT SELECT (open_amount) ON ledger TO {reader}"  # type: ignore[arg-type]
        )
        wait_indexed(connection)
    with cluster.connect(database, user=reader) as limited:
        assert [s for s, _ in alternatives(limited, "SELECT secretamount FROM ledgr")] in ([], ["SELECT open_amount FROM ledger"])
