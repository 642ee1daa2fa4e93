"""build_query(): what it writes gives the right figures, however the tables are joined; and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from support import create_database, one, wait_indexed

from tools.cluster import Cluster

SHOP = """
CREATE SCHEMA shop;
CREATE TABLE shop.country (code text PRIMARY KEY, name text NOT NULL);
CREATE TABLE shop.customer (customer_id int PRIMARY KEY, full_name text NOT NULL, country_code text REFERENCES shop.country);
CREATE TABLE shop.address (address_id int PRIMARY KEY, city text);
CREATE TABLE shop.orders (order_id int PRIMARY KEY, customer_id int NOT NULL REFERENCES shop.customer, placed_on date NOT NULL,
    status text NOT NULL CHECK (status IN ('open', 'paid')), shipping numeric,
    billing_address_id int REFERENCES shop.address, shipping_address_id int REFERENCES shop.address);
CREATE TABLE shop.product (product_id int PRIMARY KEY, name text NOT NULL, "Brand's" text, cost numeric);
CREATE TABLE shop.order_line (order_id int REFERENCES shop.orders, line int, product_id int NOT NULL REFERENCES shop.product,
    qty int NOT NULL, unit_price numeric NOT NULL, PRIMARY KEY (order_id, line));
CREATE TABLE shop.visit (customer_id int REFERENCES shop.customer, seen_at timestamptz);
CREATE SEQUENCE shop.s;
CREATE TABLE shop.lone (a int PRIMARY KEY, amount numeric);
INSERT INTO shop.country VALUES ('AT', 'Austria'), ('DE', 'Germany');
INSERT INTO shop.customer VALUES (1, 'Ada', 'AT'), (2, 'Ada', 'DE'), (3, 'Eve', 'DE');
INSERT INTO shop.address VALUES (1, 'Graz'), (2, 'Linz');
INSERT INTO shop.orders VALUES (1, 1, '2025-01-10', 'paid', 5, 1, 2), (2, 2, '2025-02-10', 'paid', 7, 2, 2),
    (3, 2, '2025-02-20', 'open', 7, 1, 1), (4, 3, '2026-01-01', 'paid', NULL, 1, 1);
INSERT INTO shop.product VALUES (1, 'rope', 'A''s', 2), (2, 'tent', 'B', 3), (3, 'stove', 'B', 1);
INSERT INTO shop.order_line VALUES (1, 1, 1, 2, 10), (1, 2, 2, 1, 100), (2, 1, 2, 1, 90), (2, 2, 3, 4, 20), (3, 1, 1, 1, 10), (4, 1, 3, 1, 20);
INSERT INTO shop.visit VALUES (1, '2025-01-01'), (1, '2025-01-01'), (2, '2025-01-02');
"""
LINE = "shop.order_line"


@pytest.fixture(scope="module")
def shop(cluster: Cluster) -> Iterator[psycopg.Connection[Any]]:
    with cluster.connect(create_database(cluster)) as connection:
        connection.execute(SHOP)  # type: ignore[arg-type]
        wait_indexed(connection)
        yield connection


def built(connection: psycopg.Connection[Any], intent: dict[str, Any]) -> dict[str, Any]:
    """The row of build_query()."""
    cursor = connection.execute("SELECT * FROM schema_monitor.build_query(%s::jsonb)", (json.dumps(intent),))
    (row,) = cursor.fetchall()
    return {column.name: value for column, value in zip(cursor.description or [], row, strict=True)}


def rows(connection: psycopg.Connection[Any], **intent: Any) -> list[tuple[Any, ...]]:
    """What the statement gives, which is what the prepared one gives."""
    found = built(connection, intent)
    result = connection.execute(found["sql"]).fetchall()
    values = ", ".join(connection.execute("SELECT quote_literal(%s::text)", (value,)).fetchone()[0] for value in found["parameters"])  # type: ignore[index]
    connection.execute(f"PREPARE built AS {found['prepared']}")
    prepared = connection.execute(f"EXECUTE built({values})" if values else "EXECUTE built").fetchall()  # type: ignore[arg-type]
    connection.execute("DEALLOCATE built")
    assert prepared == result
    return result


def metric(function: str, of: str, **more: str) -> dict[str, str]:
    return {"function": function, "of": of, **more}


def of(*names: str) -> list[dict[str, str]]:
    return [{"of": name} for name in names]


def test_figures_by_columns_of_joined_tables(shop: psycopg.Connection[Any]) -> None:
    total = [metric("sum", f"{LINE}.qty * {LINE}.unit_price", **{"as": "total"})]
    assert rows(shop, metrics=total, dimensions=of("shop.country.name")) == [("Austria", 120), ("Germany", 200)]
    assert rows(shop, metrics=total, dimensions=of('shop.product."Brand\'s"'), filters=[{"of": "shop.country.code", "operator": "=", "value": "DE"}]) == [("A's", 10), ("B", 190)]
    assert rows(shop, metrics=total, filters=[{"of": 'shop.product."Brand\'s"', "operator": "in", "value": ["A's"]}]) == [(30,)]
    assert rows(shop, metrics=[metric("count", "shop.visit"), metric("count_distinct", "shop.visit.customer_id")]) == [(3, 2)]
    assert rows(shop, dimensions=of("shop.customer.full_name")) == [("Ada",), ("Eve",)], "without figures, the different values"


def test_rows_of_a_table_are_told_apart_by_its_key(shop: psycopg.Connection[Any]) -> None:
    found = rows(shop, metrics=[metric("count", "shop.orders")], dimensions=of("shop.customer"), limit=1)
    assert found == [(2, "Ada", 2)], "two people of one name are two"
    assert rows(shop, metrics=[metric("count", "shop.orders")], dimensions=of("shop.customer.full_name")) == [("Ada", 3), ("Eve", 1)]


def test_no_row_is_counted_twice(shop: psycopg.Connection[Any]) -> None:
    shipping = [metric("sum", "shop.orders.shipping")]
    assert rows(shop, metrics=shipping, dimensions=of("shop.product.name")) == [("rope", 12), ("stove", 7), ("tent", 12)]
    by_brand = {"metrics": [*shipping, metric("count", "shop.orders")], "dimensions": of('shop.product."Brand\'s"')}
    assert rows(shop, **by_brand) == [("A's", 12, 2), ("B", 12, 3)], "order 2 has two lines of brand B and counts once"
    ropes = [{"of": "shop.product.name", "operator": "<>", "value": "rope"}]
    assert rows(shop, metrics=shipping, filters=ropes) == [(12,)]
    assert rows(shop, metrics=[metric("max", "shop.orders.shipping")], filters=ropes) == [(7,)], "which takes no detour"
    assert "DISTINCT" not in built(shop, {"metrics": [metric("max", "shop.orders.shipping")], "filters": ropes})["sql"]
    margin = [metric("sum", f"{LINE}.qty * ({LINE}.unit_price - shop.product.cost)")]
    assert rows(shop, metrics=margin, dimensions=of("shop.orders.status")) == [("open", 8), ("paid", 295)], "an expression over two tables"


def test_figures_of_several_tables_are_computed_apart(shop: psycopg.Connection[Any]) -> None:
    figures = [metric("count", "shop.orders"), metric("sum", f"{LINE}.qty"), metric("count", "shop.visit"), metric("avg", "shop.orders.shipping")]
    found = rows(shop, metrics=figures, dimensions=of("shop.customer"))
    assert [row[2:] for row in found] == [(1, 3, 2, 5), (2, 6, 1, 7), (1, 1, 0, None)]
    assert rows(shop, metrics=figures) == [(4, 10, 3, pytest.approx(Decimal(19) / 3))]


def test_time(shop: psycopg.Connection[Any]) -> None:
    time = {"of": "shop.orders.placed_on", "from": "2025-01-01", "to": "2026-01-01", "grain": "month"}
    found = rows(shop, metrics=[metric("sum", f"{LINE}.qty")], time=time)
    assert [(day.isoformat()[:10], qty) for day, qty in found] == [("2025-01-01", 3), ("2025-02-01", 6)]
    assert rows(shop, metrics=[metric("count", "shop.orders")], time={"of": "shop.orders.placed_on", "from": "2026-01-01"}) == [(1,)]
    years = [{"of": "shop.orders.placed_on", "grain": "year", "as": "y"}]
    assert [row[1] for row in rows(shop, metrics=[metric("count", "shop.orders")], dimensions=years, order=[{"by": "y", "direction": "desc"}])] == [1, 3]


def test_order_and_limit(shop: psycopg.Connection[Any]) -> None:
    by_name = {"metrics": [metric("min", f"{LINE}.unit_price", **{"as": "least"})], "dimensions": of("shop.product.name")}
    assert rows(shop, **by_name, limit=2) == [("tent", 90), ("stove", 20)]
    assert rows(shop, **by_name, order=[{"by": "least"}], limit=1) == [("rope", 10)]
    none = rows(shop, metrics=[metric("max", "shop.orders.shipping")], dimensions=of("shop.orders.order_id"), limit=4)
    assert [row[0] for row in none] == [2, 3, 1, 4], "NULL comes last, ties in the order of the rest"


def test_several_ways_to_join(shop: psycopg.Connection[Any]) -> None:
    by_city = {"metrics": [metric("count", "shop.orders")], "dimensions": of("shop.address.city")}
    found = built(shop, by_city)
    assert [alternative["joins"] for alternative in found["alternatives"]] == [["orders.shipping_address_id = address.address_id"]]
    assert rows(shop, **by_city) == [("Graz", 3), ("Linz", 1)]
    assert shop.execute(found["alternatives"][0]["sql"]).fetchall() == [("Graz", 2), ("Linz", 2)]
    for via in ("shipping_address_id", "orders_shipping_address_id_fkey"):
        assert rows(shop, **by_city, via=[via]) == [("Graz", 2), ("Linz", 2)]
        assert built(shop, {**by_city, "via": [via]})["alternatives"] == []


def test_what_is_told_beside_the_statement(shop: psycopg.Connection[Any]) -> None:
    intent = {"metrics": [metric("sum", "order_line.qty")], "filters": [{"of": "orders.status", "operator": "=", "value": "it's; DROP"}]}
    shop.execute("SET search_path = shop")
    found = built(shop, intent)
    shop.execute("RESET search_path")
    assert found["confidence"] == 1 and found["parameters"] == ["it's; DROP"] and "'it''s; DROP'" in found["sql"] and "$1" in found["prepared"]
    assert found["intent_used"] == intent
    assert [mapping["mapping"] for mapping in found["mappings"]] == ["shop.order_line.qty", "shop.orders.status"]
    assert one(shop, "SELECT count(*) FROM schema_monitor.build_query(NULL::jsonb)") == (0,)


REFUSED = [
    ({}, "22023", 'neither "metrics" nor "dimensions"'),
    ({"metrics": [{"of": "shop.orders"}]}, "22023", '"metrics[0]": missing field `function`'),
    ({"metrics": [metric("sum", "shop.orders.shiping")]}, "42703", 'It is in "metrics[0]"'),
    ({"metrics": [metric("sum", "shop.order")]}, "42P01", "shop.orders"),
    ({"metrics": [metric("sum", "shop.orders")]}, "22023", "Its rows can be counted"),
    ({"metrics": [metric("count", "shop.orders")], "filters": [{"of": "shop.orders", "operator": "=", "value": 1}]}, "22023", '"filters[0].of" is the table'),
    ({"metrics": [metric("count", "shop.orders")], "filters": [{"of": "shop.orders.order_id", "operator": "=", "value": "x"}]}, "22P02", ""),
    ({"metrics": [metric("count", "shop.orders")], "dimensions": of("shop.lone.a")}, "P0002", "shop.lone"),
    ({"metrics": [metric("sum", "shop.customer.full_name")]}, "42883", ""),
    ({"metrics": [metric("sum", f"{LINE}.qty * shop.visit.customer_id")]}, "22023", "many to many"),
    ({"metrics": [metric("count", "shop.visit")], "dimensions": of("shop.visit")}, "22023", "tells the rows of shop.visit apart"),
    ({"metrics": [metric("count", "shop.visit")], "filters": [{"of": "shop.orders.status", "operator": "=", "value": "paid"}]}, "22023", "counted more than once"),
    ({"metrics": [metric("count", "shop.orders")], "order": [{"by": "count_order"}]}, "22023", "it has count_orders"),
    ({"metrics": [metric("count", "shop.orders")], "via": ["nowhere"]}, "22023", '"nowhere"'),
    ({"metrics": [metric("max", "shop.orders.order_id")], "dimensions": [{"of": "shop.orders", "grain": "day"}]}, "22023", "has a grain"),
    ({"dimensions": of("shop.orders.order_id"), "limit": -1}, "22023", '"limit"'),
]


@pytest.mark.parametrize(("intent", "sqlstate", "told"), REFUSED)
def test_what_cannot_be_a_query_is_refused_with_a_reason(shop: psycopg.Connection[Any], intent: dict[str, Any], sqlstate: str, told: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        built(shop, intent)
    diagnostics = caught.value.diag
    said = " ".join(filter(None, [diagnostics.message_primary, diagnostics.message_detail, diagnostics.message_hint]))
    assert (diagnostics.sqlstate, told in said) == (sqlstate, True), (diagnostics.sqlstate, said)


def test_nothing_of_the_intent_is_run(shop: psycopg.Connection[Any]) -> None:
    for mapping in ("pg_sleep(100)::text || shop.orders.status", "(SELECT a FROM shop.lone) + shop.orders.order_id", "nextval('shop.s') + shop.orders.order_id"):
        with pytest.raises(psycopg.Error):
            built(shop, {"metrics": [metric("max", mapping)]})
    assert one(shop, "SELECT is_called FROM shop.s") == (False,)


@pytest.fixture(scope="module")
def builder(shop: psycopg.Connection[Any], cluster: Cluster) -> Iterator[psycopg.Connection[Any]]:
    """Somebody who may read two columns."""
    shop.execute("CREATE ROLE builder LOGIN")
    shop.execute("GRANT USAGE ON SCHEMA shop TO builder; GRANT SELECT (order_id, status) ON shop.orders TO builder")
    with cluster.connect(shop.info.dbname, user="builder") as connection:
        yield connection


def test_it_sees_what_the_caller_sees(builder: psycopg.Connection[Any]) -> None:
    assert built(builder, {"metrics": [metric("count", "shop.orders.order_id")], "dimensions": of("shop.orders.status")})["confidence"] == 1
    for name, sqlstate in (("shop.orders.shipping", "42703"), ("shop.customer.full_name", "42P01")):
        with pytest.raises(psycopg.Error) as caught:
            built(builder, {"metrics": [metric("max", name)]})
        assert caught.value.diag.sqlstate == sqlstate


def asked(connection: psycopg.Connection[Any], question: str, **more: Any) -> dict[str, Any]:
    """The row of build_query() for a question."""
    named = "".join(f", {name} => %s" for name in more)
    cursor = connection.execute(f"SELECT * FROM schema_monitor.build_query(%s::text{named})", (question, *more.values()))  # type: ignore[arg-type]
    (row,) = cursor.fetchall()
    return {column.name: value for column, value in zip(cursor.description or [], row, strict=True)}


def answers(connection: psycopg.Connection[Any], question: str) -> list[tuple[Any, ...]]:
    found = asked(connection, question)
    assert found["sql"], found
    return connection.execute(found["sql"]).fetchall()


def test_questions_for_figures(shop: psycopg.Connection[Any]) -> None:
    for question, expected in (
        ("How many orders are there per status?", [("open", 1), ("paid", 3)]),
        ("number of open orders", [(1,)]),
        ("total shipping by country name", [("AT", "Austria", 5), ("DE", "Germany", 14)]),
        ("customer with the most orders", [(2, "Ada", 2)]),
        ("average price by product, top 1", [(2, "tent", 95)]),
        ("number of different products ordered", [(3,)]),
        ("how many orders in 2026", [(1,)]),
    ):
        assert answers(shop, question) == expected, (question, asked(shop, question))
    found = asked(shop, "quantity per month in 2025")
    assert found["intent_used"]["time"] == {"of": "shop.orders.placed_on", "from": "2025-01-01", "to": "2026-01-01", "grain": "month"}
    assert found["prepared"].count("$") == 2 and found["parameters"] == ["2025-01-01", "2026-01-01"]
    again = built(shop, found["intent_used"])
    assert again["sql"] == found["sql"], "what was understood can be asked for again"
    assert {mapping["phrase"] for mapping in found["mappings"]} == {"quantity", "when"}


def test_what_is_not_understood_is_no_statement(shop: psycopg.Connection[Any]) -> None:
    for question in ("average velocity of unladen swallows by continent", "orders with the wormhole coordinates XJ12"):
        found = asked(shop, question)
        assert found["sql"] is None and found["prepared"] is None and found["confidence"] < 0.5 and found["message"], question
    assert asked(shop, "average velocity of unladen swallows", threshold=0.0)["sql"], "whoever wants to guess may"
    for question in ("", "?", "x" * 1_000_000, "by by by", "'"):
        found = asked(shop, question)
        assert found["sql"] is None and found["message"], question[:20]
    for threshold in (-1, 2, float("nan")):
        with pytest.raises(psycopg.Error) as caught:
            asked(shop, "orders", threshold=threshold)
        assert caught.value.diag.sqlstate == "22023"
    assert one(shop, "SELECT count(*) FROM schema_monitor.build_query(NULL::text)") == (0,)
    hostile = asked(shop, "orders with status \"x'; DROP TABLE shop.orders; --\"", threshold=0.0)
    assert hostile["parameters"] == ["x'; DROP TABLE shop.orders; --"] and "'x''; DROP" in hostile["sql"]
    assert shop.execute(hostile["sql"]).fetchall() == [(0,)]
    assert one(shop, "SELECT count(*) FROM shop.orders") == (4,)


def test_what_was_taught_counts(shop: psycopg.Connection[Any]) -> None:
    assert asked(shop, "gross wampum by status")["sql"] is None
    shop.execute("SELECT schema_monitor.learn('gross wampum', 'shop.order_line.qty * shop.order_line.unit_price')")
    assert answers(shop, "gross wampum by status") == [("open", 10), ("paid", 310)]
    shop.execute("SELECT schema_monitor.forget('gross wampum')")
    assert asked(shop, "gross wampum by status")["sql"] is None
    assert answers(shop, "revenue by status") == [("open", 10), ("paid", 310)], "as in most companies"


def test_values_of_columns_that_were_named(shop: psycopg.Connection[Any]) -> None:
    shop.execute("CREATE TABLE shop.course (course_id int PRIMARY KEY, title text); INSERT INTO shop.course SELECT i, CASE WHEN i % 3 = 0 THEN 'Forklift licence' ELSE 'First aid' END FROM generate_series(1, 30) AS i")
    shop.execute("ANALYZE shop.course")
    wait_indexed(shop)
    question = "how many courses for the forklift licence"
    assert "Forklift" not in (asked(shop, question, threshold=0.0)["sql"] or "")
    shop.execute("SET schema_monitor.value_columns = 'course.title'")
    assert answers(shop, question) == [(10,)]
    shop.execute("ALTER TABLE shop.course ENABLE ROW LEVEL SECURITY")
    assert "Forklift" not in (asked(shop, question, threshold=0.0)["sql"] or ""), "never of a table with policies"
    shop.execute("SET schema_monitor.value_columns = 'a.b.c.d'")
    with pytest.raises(psycopg.Error) as caught:
        asked(shop, question)
    assert caught.value.diag.sqlstate == "22023" and "value_columns" in (caught.value.diag.message_primary or "")
    shop.execute("RESET schema_monitor.value_columns")
    shop.execute("DROP TABLE shop.course")
    wait_indexed(shop)


def test_questions_see_what_the_asker_sees(builder: psycopg.Connection[Any]) -> None:
    assert answers(builder, "number of orders by status") == [("open", 1), ("paid", 3)]
    found = asked(builder, "total shipping by country name", threshold=0.0)
    told = json.dumps([found["intent_used"], found["sql"], found["alternatives"]])
    assert "shipping" not in told and "country" not in told, told
