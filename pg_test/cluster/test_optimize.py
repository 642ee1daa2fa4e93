"""optimize_query(): what it advises is so, what it writes otherwise gives the same rows, and nothing is run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from support import create_database, one, wait_indexed

from tools.cluster import Cluster

SHOP = """
CREATE SCHEMA shop;
CREATE TABLE shop.customer (customer_id int PRIMARY KEY, email text, region text, note varchar(40));
CREATE TABLE shop.orders (order_id int PRIMARY KEY, customer_id int, placed_at timestamptz NOT NULL, code text, kind text);
CREATE TABLE shop.tiny (a int, b text);
INSERT INTO shop.customer SELECT i, 'c' || i || '@example.org', 'r' || i % 4, 'n' || i FROM generate_series(1, 3000) AS i;
INSERT INTO shop.orders SELECT i, i % 3000, '2024-01-01'::timestamptz + i * interval '3 hours', 'x' || i, 'k' || i % 2 FROM generate_series(1, 9000) AS i;
INSERT INTO shop.tiny SELECT i, i FROM generate_series(1, 20) AS i;
CREATE INDEX customer_email ON shop.customer (email);
CREATE INDEX orders_placed_at ON shop.orders (placed_at);
CREATE INDEX orders_some ON shop.orders (code) WHERE kind = 'k1';
ANALYZE shop.customer, shop.orders, shop.tiny;
"""
Row = dict[str, Any]


@pytest.fixture(scope="module")
def shop(cluster: Cluster) -> Iterator[psycopg.Connection[Any]]:
    with cluster.connect(create_database(cluster)) as connection:
        connection.execute(SHOP)  # type: ignore[arg-type]
        wait_indexed(connection)
        connection.execute("SET search_path = shop")
        yield connection


def advice(connection: psycopg.Connection[Any], sql: str) -> list[Row]:
    cursor = connection.execute("SELECT * FROM schema_monitor.optimize_query(%s)", (sql,))
    return [{column.name: value for column, value in zip(cursor.description or [], row, strict=True)} for row in cursor]


def told(connection: psycopg.Connection[Any], sql: str) -> list[tuple[str, str]]:
    return [(row["rule"], row["object"]) for row in advice(connection, sql)]


def test_functions_and_casts_on_columns(shop: psycopg.Connection[Any]) -> None:
    (row,) = advice(shop, "SELECT * FROM customer WHERE lower(email) = 'x'")
    assert (row["rule"], row["object"], row["rewritten"]) == ("function_on_column", "shop.customer.email", None)
    assert "index customer_email is on the column itself" in row["reason"] and "3000 rows" in row["reason"]
    shop.execute(row["statement"].replace("CREATE INDEX", "CREATE INDEX lowered").replace(" CONCURRENTLY ON", " ON").replace("lowered CONCURRENTLY", "lowered"))
    assert told(shop, "SELECT * FROM customer WHERE lower(email) = 'x'") == [], "now it is there"
    shop.execute("DROP INDEX shop.lowered")
    (row,) = advice(shop, "SELECT * FROM customer WHERE customer_id = 5.5")
    assert (row["rule"], row["statement"]) == ("cast_on_column", None) and "cast to numeric for the comparison" in row["reason"]
    assert told(shop, "SELECT * FROM customer WHERE note = 'x' AND customer_id = 3") == [("missing_index", "shop.customer.note")], "varchar as text is no cast"
    (row,) = advice(shop, "SELECT * FROM orders WHERE to_char(placed_at, 'YYYY') = '2024'")
    assert row["statement"] is None, "which is not immutable"


@pytest.mark.parametrize(
    "condition",
    [
        "placed_at::date = '2024-03-05'",
        "'2024-03-05' = date(placed_at)",
        "date_trunc('month', placed_at) = '2024-05-01'",
        "date_trunc('quarter', placed_at) = '2024-04-01' AND kind = 'k1'",
        "extract(year FROM placed_at) = 2025",
        "date_part('year', o.placed_at) = 2024",
    ],
)
def test_days_months_and_years_become_ranges_of_the_same_rows(shop: psycopg.Connection[Any], condition: str) -> None:
    sql = f"SELECT count(*), sum(o.order_id) FROM orders AS o WHERE {condition}"
    (row,) = [row for row in advice(shop, sql) if row["rewritten"]]
    assert one(shop, row["rewritten"]) == one(shop, sql) and one(shop, sql)[0] > 0, row["rewritten"]
    shop.execute("SET enable_seqscan = off")
    plan = "\n".join(line for (line,) in shop.execute("EXPLAIN " + row["rewritten"]).fetchall())
    shop.execute("RESET enable_seqscan")
    assert "orders_placed_at" in plan, "the index serves now"
    shop.execute("CREATE OR REPLACE FUNCTION shop.date_trunc(text, timestamptz, int) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS 'SELECT $2'")
    for never in (
        "date_trunc('month', placed_at + interval '1 day') = '2024-05-01'",
        "(placed_at + interval '1 day')::date = '2024-05-01'",
        "date_trunc('month', placed_at) IN ('2024-05-01', '2024-06-01')",
        "placed_at::date = '2024-05-01 12:00'::timestamp",
        "placed_at::date = 'infinity'",
        "shop.date_trunc('month', placed_at, 1) = '2024-05-01'",
    ):
        assert all(row["rewritten"] is None for row in advice(shop, f"SELECT 1 FROM orders WHERE {never}")), never
    for never in ("date_trunc('month', placed_at) = '2024-05-02'", "date_trunc('century', placed_at) = '2001-01-01'", "extract(month FROM placed_at) = 5", "placed_at::date <> '2024-01-01'"):
        assert all(row["rewritten"] is None for row in advice(shop, f"SELECT 1 FROM orders WHERE {never}"))


def test_missing_indexes_where_they_would_help(shop: psycopg.Connection[Any]) -> None:
    join = "SELECT * FROM orders AS o JOIN customer AS c ON c.customer_id = o.customer_id WHERE c.email = 'x'"
    (row,) = advice(shop, join)
    assert (row["rule"], row["object"]) == ("missing_index_on_join", "shop.orders.customer_id")
    assert row["statement"] == "CREATE INDEX CONCURRENTLY ON shop.orders (customer_id)" and "joined to shop.customer" in row["reason"]
    assert told(shop, "SELECT * FROM customer WHERE region = 'r1'") == [], "a quarter of the rows: reading all is as good"
    assert told(shop, "SELECT * FROM tiny WHERE a = 1 AND lower(b) = 'x' AND b LIKE '%x'") == [], "a small table needs none"
    (row,) = advice(shop, "SELECT * FROM orders WHERE code = $1")
    assert row["rule"] == "missing_index" and "Index orders_some has only some of its rows" in row["reason"]
    assert told(shop, "SELECT * FROM orders WHERE order_id IN (1, 2, 3)") == []
    assert told(shop, "SELECT 1 FROM customer AS c WHERE EXISTS (SELECT FROM orders AS o WHERE o.code = 'x')") == [("missing_index", "shop.orders.code")]
    correlated = "SELECT 1 FROM customer AS c WHERE EXISTS (SELECT FROM orders AS o WHERE lower(o.code || c.region) = 'x' AND o.code = c.note)"
    assert told(shop, correlated) == [("missing_index", "shop.orders.code")]
    shop.execute("CREATE TABLE shop.fresh (a int)")
    assert told(shop, "SELECT * FROM fresh WHERE a = 1") == [], "nobody knows its size"
    shop.execute("DROP TABLE shop.fresh")


def test_wildcards_ors_and_offsets(shop: psycopg.Connection[Any]) -> None:
    (row,) = advice(shop, "SELECT * FROM customer WHERE email LIKE '%@example.org'")
    assert row["rule"] == "leading_wildcard" and "gin (email gin_trgm_ops)" in row["statement"]
    assert told(shop, "SELECT * FROM customer WHERE email LIKE 'c1%'") == []
    sql = "SELECT DISTINCT o.order_id, c.region FROM orders AS o JOIN customer AS c ON c.customer_id = o.customer_id WHERE o.order_id = 17 OR c.email = 'c3@example.org'"
    (row,) = [row for row in advice(shop, sql) if row["rule"] == "or_across_tables"]
    assert sorted(shop.execute(row["rewritten"]).fetchall()) == sorted(shop.execute(sql).fetchall()) and "UNION" in row["rewritten"]
    (row,) = [row for row in advice(shop, sql.replace("DISTINCT ", "")) if row["rule"] == "or_across_tables"]
    assert row["rewritten"] is None, "a UNION would lose what is there twice"
    (row,) = [row for row in advice(shop, sql.replace("c.region", "random()")) if row["rule"] == "or_across_tables"]
    assert row["rewritten"] is None, "nor are two throws of dice one"
    assert told(shop, "SELECT * FROM orders WHERE order_id = 1 OR order_id = 2") == []
    (row,) = advice(shop, "SELECT * FROM orders ORDER BY order_id LIMIT 10 OFFSET 5000")
    assert row["rule"] == "offset_paging" and "5000 rows" in row["reason"]
    assert told(shop, "SELECT * FROM orders ORDER BY order_id LIMIT 10 OFFSET 10") == []
    assert told(shop, "SELECT * FROM orders ORDER BY order_id LIMIT 10 OFFSET $1") == [("offset_paging", "OFFSET")]


def test_bad_statements_are_postgresqls_errors_and_nothing_is_run(shop: psycopg.Connection[Any]) -> None:
    for sql, sqlstate in (("SELECT nothing FROM orders", "42703"), ("SELECT 1; SELECT 2", "42601"), ("DO $$BEGIN END$$", "0A000"), ("", "42601"), ("x" * (2 << 20), "22023")):
        with pytest.raises(psycopg.Error) as caught:
            advice(shop, sql)
        assert caught.value.diag.sqlstate == sqlstate
    assert advice(shop, "DELETE FROM orders WHERE lower(code) = 'x1'")[0]["rule"] == "function_on_column"
    assert one(shop, "SELECT count(*) FROM orders") == (9000,)
    assert one(shop, "SELECT count(*) FROM schema_monitor.optimize_query(NULL)") == (0,)
    held = one(shop, "SELECT count(*) FROM pg_locks WHERE relation = 'shop.orders'::regclass AND pid = pg_backend_pid()")
    assert held == (0,), "locks of the analysis are gone"


def test_what_may_not_be_seen_is_not_told(shop: psycopg.Connection[Any], cluster: Cluster) -> None:
    shop.execute("CREATE ROLE adviser LOGIN; GRANT USAGE ON SCHEMA shop TO adviser; GRANT SELECT (order_id, code) ON shop.orders TO adviser")
    with cluster.connect(shop.info.dbname, user="adviser") as adviser:
        rows = advice(adviser, "SELECT order_id FROM shop.orders WHERE lower(code) = 'x'")
        assert [row["rule"] for row in rows] == ["function_on_column"] and "orders_some" not in str(rows)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            advice(adviser, "SELECT kind FROM shop.orders")
