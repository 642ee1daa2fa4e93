"""context(): what of the schema goes into a prompt, and explain_search(): why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import exp
from typing import Any

import psycopg
import pytest
from support import create_database, load_schema, one, wait_indexed

from tools.cluster import Cluster

SHOP = """
CREATE TYPE state AS ENUM ('ordered', 'shipped');
CREATE TABLE customer (id int PRIMARY KEY, full_name text NOT NULL, email text);
COMMENT ON TABLE customer IS 'who buys'; COMMENT ON COLUMN customer.email IS E'where to\\nwrite';
CREATE TABLE purchase (id int PRIMARY KEY, customer_id int REFERENCES customer, state state, amount numeric CHECK (amount > 0));
CREATE TABLE line (purchase_id int REFERENCES purchase, product_id int, PRIMARY KEY (purchase_id, product_id));
CREATE TABLE product (id int PRIMARY KEY, title text);
ALTER TABLE line ADD FOREIGN KEY (product_id) REFERENCES product;
CREATE VIEW top_customer AS SELECT customer_id FROM purchase;
"""


@pytest.fixture(scope="module")
def shop(cluster: Cluster) -> Iterator[psycopg.Connection[Any]]:
    with cluster.connect(create_database(cluster)) as connection:
        connection.execute(SHOP)  # type: ignore[arg-type]
        wait_indexed(connection)
        yield connection


def context(connection: psycopg.Connection[Any], question: str | None, **more: Any) -> str:
    named = "".join(f", {name} => %s" for name in more)
    (text,) = one(connection, f"SELECT schema_monitor.context(%s{named})", question, *more.values())
    return str(text)


def tokens(text: str) -> int:
    """As the README says they are counted."""
    return -(-len(text) // 3)


def test_the_whole_schema_where_it_fits(shop: psycopg.Connection[Any]) -> None:
    (version,) = one(shop, "SELECT max(version) FROM schema_monitor.versions")
    text = context(shop, "what did our customers buy")
    assert text.startswith(f"-- Schema version {version}, 5 of 5 tables.\n-- Joins: "), text
    for wanted in (
        "CREATE TABLE public.customer ( -- who buys\n",
        "  id integer NOT NULL,\n  full_name text NOT NULL,\n  email text, -- where to write\n  PRIMARY KEY (id)\n);",
        "  state public.state, -- one of ordered, shipped\n",
        "  FOREIGN KEY (customer_id) REFERENCES public.customer (id),\n",
        "  CHECK (amount > (0)::numeric)\n",
        "CREATE VIEW public.top_customer (\n",
    ):
        assert wanted in text, (wanted, text)
    assert "-- Joins: " in text.splitlines()[1] and "customer.id" in text.splitlines()[1], text
    assert context(shop, None).startswith(f"-- Schema version {version}, 5 of 5 tables.\n")


def test_a_question_that_the_schema_cannot_answer(shop: psycopg.Connection[Any]) -> None:
    warning = "Nothing here seems to answer the question."
    foreign, own = "how do glaciers erode mountain valleys", "which customers bought which products"
    assert warning in context(shop, foreign) and warning not in context(shop, own)
    (low, high) = (json.loads(context(shop, question, format="json"))["answerable"] for question in (foreign, own))
    assert low < 0.2 < 0.7 < high
    best = "SELECT max(score) FROM schema_monitor.search(%s)"
    assert one(shop, best, foreign)[0] < 0.2 < one(shop, best, own)[0] < 1


def test_its_ddl_can_be_run(cluster: Cluster, shop: psycopg.Connection[Any]) -> None:
    """Comments are comments wherever they stand, and names are quoted."""
    shop.execute("CREATE SCHEMA \"Odd; --\"; CREATE TABLE \"Odd; --\".\"T\"\"x\" (\"a b\" int, \"select\" int PRIMARY KEY)")
    shop.execute("COMMENT ON COLUMN \"Odd; --\".\"T\"\"x\".\"a b\" IS E'x\\n); DROP TABLE customer; --'")
    wait_indexed(shop)
    text = context(shop, None, tables=['"Odd; --"."T""x"'])
    with cluster.connect(create_database(cluster, extension=False)) as empty:
        empty.execute("CREATE SCHEMA \"Odd; --\"; CREATE TABLE customer ()")
        empty.execute(text)  # type: ignore[arg-type]
        assert one(empty, "SELECT count(\"a b\"), count(\"select\") FROM \"Odd; --\".\"T\"\"x\"") == (0, 0)
        assert one(empty, "SELECT to_regclass('customer') IS NOT NULL") == (True,)
    shop.execute("DROP SCHEMA \"Odd; --\" CASCADE")
    wait_indexed(shop)


def test_a_list_of_tables_and_the_formats(shop: psycopg.Connection[Any]) -> None:
    text = context(shop, None, tables=["customer", "product"], format="text")
    assert "public.customer [who buys]: id integer pk, full_name text, email text [where to write]" in text
    assert "public.line" not in text.split("\n", 2)[2], "only those that are asked for"
    assert "Joins: customer.id = purchase.customer_id; purchase.id = line.purchase_id; line.product_id = product.id" in text
    value = json.loads(context(shop, "orders of a customer", tables=["purchase"], format="json"))
    assert value["tables_in_schema"] == 5
    [table] = value["tables"]
    assert table["name"] == "public.purchase" and table["primary_key"] == ["id"]
    assert table["foreign_keys"] == [{"columns": ["customer_id"], "references": "public.customer", "referenced_columns": ["id"]}]
    assert {"name": "state", "type": "public.state", "values": ["ordered", "shipped"]} in table["columns"]


def test_a_budget_is_kept_and_the_right_tables_come_first(data: None, cluster: Cluster) -> None:
    database = create_database(cluster)
    load_schema(cluster, database, "adventureworks")
    with cluster.connect(database) as connection:
        wait_indexed(connection, 300)
        (count,) = one(connection, "SELECT count(*) FROM schema_monitor.objects WHERE kind IN ('table', 'view', 'materialized_view')")
        for budget in (100, 300, 600, 1_000, 3_000):
            for form in ("ddl", "text", "json"):
                text = context(connection, "which employees work in which department", max_tokens=budget, format=form)
                assert tokens(text) <= budget, (budget, form, tokens(text))
                if budget >= 600:
                    assert "humanresources.department" in text.lower() and "humanresources.employeedepartmenthistory" in text.lower(), (budget, form, text)
        assert context(connection, "employees", max_tokens=1_000_000).startswith("-- Schema version") and count > 60
        whole = context(connection, "employees", max_tokens=1_000_000)
        assert f"{count} of {count} tables" in whole
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            context(connection, None, max_tokens=500)


def test_bad_input_is_a_clear_error(shop: psycopg.Connection[Any]) -> None:
    for more in ({"format": "xml"}, {"max_tokens": 0}, {"max_tokens": 2_000_000}, {"tables": []}, {"tables": [None]}):
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            context(shop, "x", **more)
    with pytest.raises(psycopg.errors.UndefinedTable):
        context(shop, "x", tables=["nowhere"])
    long = "customer " * 100_000
    assert "public.customer" in context(shop, long)
    assert context(shop, "?!").startswith("-- Schema version")


def test_only_what_may_be_seen(cluster: Cluster, database: str, reader: str) -> None:
    with cluster.connect(database) as connection:
        connection.execute(
            "CREATE TABLE open_table (id int PRIMARY KEY, open_column int, secret_column int CHECK (secret_column > 0));"
            "COMMENT ON TABLE open_table IS 'secret comment'; CREATE TABLE secret_table (id int REFERENCES open_table);"
            f"GRANT SELECT (open_column) ON open_table TO {reader}"  # type: ignore[arg-type]
        )
        wait_indexed(connection)
    with cluster.connect(database, user=reader) as limited:
        for question in ("secret open", None):
            for form in ("ddl", "text", "json"):
                text = context(limited, question, format=form)
                assert "open_column" in text and "secret" not in text, text
        with pytest.raises(psycopg.errors.UndefinedTable):
            context(limited, None, tables=["secret_table"])
        assert "secret" not in str(limited.execute("SELECT * FROM schema_monitor.explain_search('secret open')").fetchall())


def test_the_parts_of_a_score_add_up(shop: psycopg.Connection[Any]) -> None:
    question = "which client has bought the most"
    for kinds in (None, ["column"]):
        hits = shop.execute("SELECT rank, identity, column_name, score FROM schema_monitor.search(%s, 10, %s)", (question, kinds)).fetchall()
        parts = shop.execute("SELECT rank, identity, part, score, reason FROM schema_monitor.explain_search(%s, 10, %s)", (question, kinds)).fetchall()
        assert hits
        for rank, identity, _, score in hits:
            own = [part for part in parts if part[0] == rank]
            assert {part[1] for part in own} <= {identity}
            assert abs(1 / (1 + exp(-sum(part[3] for part in own))) - score) < 1e-4, (identity, own, score)
    words = "SELECT reason FROM schema_monitor.explain_search(%s) WHERE part = 'words' AND identity = 'public.customer'"
    assert one(shop, words, question) == ("custom",), "client found customer"
