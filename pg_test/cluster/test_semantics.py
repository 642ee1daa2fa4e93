"""The view semantics: what tables and columns are, what people said of them, and when tables were written to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support import create_database, dump, load_schema, one, wait_indexed

from tools.cluster import Cluster

SHOP = """
CREATE TYPE state AS ENUM ('open', 'shipped');
CREATE DOMAIN euros AS numeric(10, 2);
CREATE TABLE customer (customer_id int PRIMARY KEY, full_name text, ctry_cd char(2), joined_on date, is_active boolean);
CREATE TABLE product_category (category_id int PRIMARY KEY, category_name text);
CREATE TABLE product (product_id int PRIMARY KEY, category_id int REFERENCES product_category, sku text UNIQUE, title text, list_prc euros, details jsonb, size text CHECK (size IN ('S', 'M')));
CREATE TABLE ord_line (order_id int, product_id int REFERENCES product, customer_id int REFERENCES customer, qty int, unit_prc numeric, state state, placed_at timestamptz, place point);
CREATE TABLE wish (customer_id int REFERENCES customer, product_id int REFERENCES product, PRIMARY KEY (customer_id, product_id));
CREATE TABLE price_history (product_id int REFERENCES product, price numeric, valid_from date);
CREATE TABLE audit_log (at timestamptz, message text);
CREATE VIEW open_lines AS SELECT qty, placed_at FROM ord_line WHERE state = 'open';
"""
SEMANTIC = "SELECT semantic_type, display_name, described FROM schema_monitor.semantics WHERE object_name = %s AND column_name IS NOT DISTINCT FROM %s"


@pytest.fixture
def shop(cluster: Cluster) -> Iterator[psycopg.Connection[Any]]:
    with cluster.connect(create_database(cluster)) as connection:
        connection.execute(SHOP)  # type: ignore[arg-type]
        wait_indexed(connection)
        yield connection


def test_what_columns_and_tables_are(shop: psycopg.Connection[Any]) -> None:
    wanted = {
        "customer": "dimension", "product_category": "lookup", "product": "dimension", "ord_line": "fact", "wish": "bridge",
        "price_history": "history", "audit_log": "log",
        "customer.customer_id": "identifier", "customer.full_name": "text", "customer.ctry_cd": "dimension", "customer.joined_on": "date",
        "customer.is_active": "boolean", "product.sku": "identifier", "product.list_prc": "metric", "product.details": "json",
        "product.size": "dimension", "ord_line.product_id": "identifier", "ord_line.qty": "metric", "ord_line.unit_prc": "metric",
        "ord_line.state": "dimension", "ord_line.placed_at": "date", "ord_line.place": "geo", "open_lines.qty": "metric",
    }
    rows = shop.execute("SELECT concat_ws('.', object_name, column_name), semantic_type, confidence, reason, kind, display_name FROM schema_monitor.semantics").fetchall()
    found = {name: what for name, what, *_ in rows}
    assert {name: found.get(name) for name in wanted} == wanted
    assert all(0 < confidence <= 1 and reason for _, _, confidence, reason, _, _ in rows)
    told = {name: (kind, display) for name, _, _, _, kind, display in rows}
    assert told["ord_line"] == ("table", "Order line") and told["customer.ctry_cd"] == ("column", "Country code") and told["open_lines"][0] == "view"


def test_statistics_count(shop: psycopg.Connection[Any]) -> None:
    shop.execute("CREATE TABLE pet (pet_id int PRIMARY KEY, mood text); INSERT INTO pet SELECT i, 'm' || i % 3 FROM generate_series(1, 500) AS i")
    wait_indexed(shop)
    assert one(shop, SEMANTIC, "pet", "mood")[0] == "text"
    shop.execute("ANALYZE pet")
    assert one(shop, SEMANTIC, "pet", "mood")[0] == "dimension"


def test_real_schemas_are_covered(data: None, cluster: Cluster) -> None:
    database = create_database(cluster)
    load_schema(cluster, database, "adventureworks")
    with cluster.connect(database) as connection:
        wait_indexed(connection, 300)
        missing = "SELECT count(*) FROM schema_monitor.schema_embeddings AS e WHERE column_number > 0 AND NOT EXISTS (SELECT FROM schema_monitor.semantics AS s WHERE s.schema_name = e.schema_name AND s.object_name = e.object_name AND s.column_name = e.column_name)"
        assert one(connection, missing) == (0,)
        for table, column, wanted in (
            ("salesorderdetail", None, "fact"), ("salesorderdetail", "unitprice", "metric"), ("salesorderdetail", "orderqty", "metric"),
            ("product", None, "dimension"), ("product", "color", "dimension"), ("person", "lastname", "text"), ("employee", "birthdate", "date"),
            ("salesorderheader", "customerid", "identifier"), ("employee", "jobtitle", "dimension"),
        ):
            assert one(connection, SEMANTIC, table, column)[0] == wanted, (table, column)


def test_what_people_say_stands_and_survives(cluster: Cluster, shop: psycopg.Connection[Any], tmp_path: Path) -> None:
    shop.execute("SELECT schema_monitor.set_semantics('customer.full_name', 'dimension', tags => '{person,name}'), schema_monitor.set_semantics('ord_line', display_name => 'Sales')")
    shop.execute("SELECT schema_monitor.set_semantics('customer.full_name', display_name => 'Who')")
    told = "SELECT semantic_type, display_name, confidence, tags, described FROM schema_monitor.semantics WHERE column_name = %s"
    assert one(shop, told, "full_name") == ("dimension", "Who", 1, ["person", "name"], True)
    assert one(shop, SEMANTIC, "ord_line", None) == ("fact", "Sales", True)
    shop.execute("ALTER TABLE customer DROP joined_on; ALTER TABLE customer RENAME full_name TO called; ALTER TABLE customer ADD full_name text; ALTER TABLE ord_line RENAME TO sale")
    wait_indexed(shop)
    assert one(shop, told, "called") == ("dimension", "Who", 1, ["person", "name"], True)
    assert one(shop, told, "full_name")[4] is False and one(shop, SEMANTIC, "sale", None) == ("fact", "Sales", True)
    file = dump(cluster, shop.info.dbname, tmp_path / "dump.sql")
    target = create_database(cluster, extension=False)
    cluster.psql(file=file, dbname=target)
    with cluster.connect(target) as restored:
        wait_indexed(restored)
        assert one(restored, told, "called") == ("dimension", "Who", 1, ["person", "name"], True)
        assert one(restored, SEMANTIC, "sale", None) == ("fact", "Sales", True)
    assert one(shop, "SELECT schema_monitor.reset_semantics('customer.called'), schema_monitor.reset_semantics('customer.called')") == (True, False)
    assert one(shop, told, "called")[4] is False


def test_wrong_descriptions_are_refused(shop: psycopg.Connection[Any]) -> None:
    wrong: list[tuple[str, type[psycopg.Error]]] = [
        ("set_semantics('customer', 'metric')", psycopg.errors.InvalidParameterValue),
        ("set_semantics('customer.full_name', 'fact')", psycopg.errors.InvalidParameterValue),
        ("set_semantics('customer.full_nam', 'text')", psycopg.errors.UndefinedColumn),
        ("set_semantics('custmer', 'fact')", psycopg.errors.UndefinedTable),
        ("set_semantics('ord_line.qty * 2', 'metric')", psycopg.errors.InvalidParameterValue),
        ("set_semantics(NULL, 'fact')", psycopg.errors.InvalidParameterValue),
        ("set_semantics('customer', display_name => ' ')", psycopg.errors.InvalidParameterValue),
        ("set_semantics('customer', display_name => repeat('x', 101))", psycopg.errors.InvalidParameterValue),
        ("set_semantics('customer', tags => '{a,NULL}')", psycopg.errors.InvalidParameterValue),
        ("reset_semantics('nothing')", psycopg.errors.UndefinedTable),
    ]
    for call, error in wrong:
        with pytest.raises(error):
            shop.execute(f"SELECT schema_monitor.{call}")  # type: ignore[arg-type]
    assert one(shop, "SELECT count(*) FROM schema_monitor.semantics WHERE described") == (0,)


def test_the_last_write_is_the_last_sample_that_moved(shop: psycopg.Connection[Any]) -> None:
    seen = "SELECT last_write_seen FROM schema_monitor.semantics WHERE object_name = %s AND column_name IS NULL"

    def sampled() -> dict[str, Any]:
        shop.execute("SELECT pg_stat_force_next_flush()")
        shop.execute("SELECT schema_monitor.check()")
        return {table: one(shop, seen, table)[0] for table in ("customer", "product_category")}

    assert sampled() == {"customer": None, "product_category": None}, "the first sample has nothing to be compared with"
    shop.execute("INSERT INTO product_category VALUES (1, 'x')")
    (before,) = one(shop, "SELECT now()")
    first = sampled()
    assert first["customer"] is None and first["product_category"] >= before
    assert sampled() == first
    shop.execute("UPDATE product_category SET category_name = 'y'")
    assert sampled()["product_category"] > first["product_category"]


def test_only_what_may_be_seen_is_told(cluster: Cluster, shop: psycopg.Connection[Any]) -> None:
    shop.execute("DROP ROLE IF EXISTS analyst; CREATE ROLE analyst LOGIN; GRANT SELECT ON product_category TO analyst; GRANT SELECT (full_name) ON customer TO analyst")
    shop.execute("SELECT schema_monitor.set_semantics('ord_line', display_name => 'Secret'), schema_monitor.set_semantics('customer.ctry_cd', display_name => 'Secret')")
    try:
        with cluster.connect(shop.info.dbname, user="analyst") as analyst:
            names = {name for (name,) in analyst.execute("SELECT concat_ws('.', object_name, column_name) FROM schema_monitor.semantics")}
            assert names == {"product_category", "product_category.category_id", "product_category.category_name", "customer", "customer.full_name"}
            assert "Secret" not in str(analyst.execute("SELECT * FROM schema_monitor.semantics").fetchall())
            for call in ("set_semantics('product_category', 'lookup')", "reset_semantics('product_category')"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    analyst.execute(f"SELECT schema_monitor.{call}")  # type: ignore[arg-type]
    finally:
        shop.execute("DROP OWNED BY analyst; DROP ROLE analyst")
