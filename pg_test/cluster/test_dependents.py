"""dependents(): who is hurt when a relation or a column goes."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from support import create_database

from tools.cluster import Cluster

SHOP = """
    CREATE TABLE item (id int PRIMARY KEY, price numeric, label text);
    CREATE TABLE line (item_id int REFERENCES item, amount int);
    CREATE VIEW dear AS SELECT id, label FROM item WHERE price > 100;
    CREATE VIEW dear_labels AS SELECT label FROM dear;
    CREATE MATERIALIZED VIEW labels AS SELECT label FROM dear_labels;
    CREATE INDEX item_price ON item (price);
    CREATE FUNCTION cost() RETURNS numeric LANGUAGE sql BEGIN ATOMIC SELECT sum(price) FROM item; END;
    CREATE FUNCTION told(text) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM item WHERE label = $1); END';
    CREATE FUNCTION other() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM items); END';
    CREATE FUNCTION whole(item) RETURNS int LANGUAGE sql RETURN 1;
    CREATE POLICY cheap ON line USING (item_id IN (SELECT id FROM item WHERE price < 5));
    CREATE PUBLICATION goods FOR TABLE item;
"""


@pytest.fixture
def shop(connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    connection.execute(SHOP)
    return connection


def dependents(connection: psycopg.Connection[Any], *arguments: str) -> set[tuple[int, str, str]]:
    marks = ", ".join(["%s"] * len(arguments))
    rows = connection.execute(f"SELECT depth, kind, identity FROM schema_monitor.dependents({marks})", arguments)  # type: ignore[arg-type]
    return {(int(depth), str(kind), str(identity)) for depth, kind, identity in rows}


def test_of_a_table(shop: psycopg.Connection[Any]) -> None:
    assert dependents(shop, "item") == {
        (1, "table constraint", "line_item_id_fkey on public.line"),
        (1, "view", "public.dear"),
        (2, "view", "public.dear_labels"),
        (3, "materialized view", "public.labels"),
        (1, "function", "public.cost()"),
        (1, "function (by name)", "public.told(pg_catalog.text)"),
        (1, "function", "public.whole(public.item)"),
        (1, "policy", "cheap on public.line"),
        (1, "publication relation", "public.item in publication goods"),
    }
    (path,) = shop.execute("SELECT path FROM schema_monitor.dependents('item') WHERE identity = 'public.labels'").fetchone() or ()
    assert path == ["public.dear", "public.dear_labels", "public.labels"]


def test_of_a_column(shop: psycopg.Connection[Any]) -> None:
    assert dependents(shop, "item", "price") == {
        (1, "index", "public.item_price"),
        (1, "view", "public.dear"),
        (2, "view", "public.dear_labels"),
        (3, "materialized view", "public.labels"),
        (1, "function", "public.cost()"),
        (1, "policy", "cheap on public.line"),
    }
    assert dependents(shop, "item", "no_such_column") == set()


def test_what_may_not_be_seen_is_not_told(cluster: Cluster) -> None:
    database = create_database(cluster)
    with cluster.connect(database) as connection:
        connection.execute(SHOP)
        connection.execute("DROP ROLE IF EXISTS dependents_reader; CREATE ROLE dependents_reader; GRANT SELECT ON item, dear TO dependents_reader")
        connection.execute("REVOKE EXECUTE ON FUNCTION cost() FROM PUBLIC; SET ROLE dependents_reader")
        seen = {identity for _, _, identity in dependents(connection, "item")}
        assert "public.dear" in seen
        assert seen.isdisjoint({"public.dear_labels", "public.labels", "public.cost()", "line_item_id_fkey on public.line"}), seen
        connection.execute("RESET ROLE; REVOKE ALL ON item FROM dependents_reader; SET ROLE dependents_reader")
        assert dependents(connection, "item") == set()
        connection.execute("RESET ROLE; DROP OWNED BY dependents_reader; DROP ROLE dependents_reader")
