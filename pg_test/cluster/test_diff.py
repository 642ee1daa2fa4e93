"""What changed between then and now, or there and here: diff(), schema_at(), version_at(), compare(), diff_with()."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from support import DATA, assert_healthy, changes_since, create_database, one, version, wait_indexed

from tools.cluster import Cluster

Told = list[tuple[str, str, str | None]]


def diff(connection: psycopg.Connection[Any], start: int, end: int | None = None) -> Told:
    rows = connection.execute("SELECT change, identity, part FROM schema_monitor.diff(%s, %s)", (start, end))
    return [(str(change), str(identity), part) for change, identity, part in rows]


def test_one_step_is_told_as_it_was_recorded(connection: psycopg.Connection[Any]) -> None:
    wait_indexed(connection)
    connection.execute("CREATE TABLE sale (id int PRIMARY KEY, amount int, buyer text)")
    wait_indexed(connection)
    for statement in (
        "ALTER TABLE sale RENAME amount TO total",
        "ALTER TABLE sale ALTER buyer SET NOT NULL",
        "ALTER TABLE sale ALTER total TYPE bigint",
        "CREATE INDEX ON sale (buyer)",
        "ALTER TABLE sale RENAME TO purchase",
        "CREATE SCHEMA archive; ALTER TABLE purchase SET SCHEMA archive",
        "COMMENT ON TABLE archive.purchase IS 'what was bought'",
        "DROP TABLE archive.purchase",
    ):
        known = version(connection)
        connection.execute(statement)  # type: ignore[arg-type]
        wait_indexed(connection)
        told = diff(connection, known)
        assert sorted(told, key=str) == sorted(changes_since(connection, known), key=str), statement
        back = diff(connection, version(connection), known)
        assert len(back) == len(told), statement


def test_many_steps_are_told_as_one(connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE TABLE sale (id int, amount int); CREATE TABLE swap_a (x int); CREATE TABLE swap_b (y int)")
    connection.execute("CREATE VIEW seen AS SELECT amount FROM sale")
    wait_indexed(connection)
    start = version(connection)
    (moment,) = one(connection, "SELECT now()")
    for statement in (
        "ALTER TABLE sale RENAME amount TO sum",
        "ALTER TABLE sale RENAME sum TO total",
        "ALTER TABLE sale ADD passing int",
        "ALTER TABLE sale DROP passing",
        "ALTER TABLE swap_a RENAME TO swap_c; ALTER TABLE swap_b RENAME TO swap_a; ALTER TABLE swap_c RENAME TO swap_b",
        "CREATE TABLE fleeting (a int)",
        "DROP TABLE fleeting",
        "ALTER TABLE sale ADD due date",
    ):
        connection.execute(statement)  # type: ignore[arg-type]
        wait_indexed(connection)
    told = diff(connection, start)
    assert [one for one in told if "view" not in one[0]] == [
        ("column_renamed", "public.sale", "total"), ("column_added", "public.sale", "due"),
        ("table_renamed", "public.swap_a", None), ("table_renamed", "public.swap_b", None),
    ]  # fmt: skip
    assert diff(connection, version(connection), start)[:2] == [
        ("column_dropped", "public.sale", "due"), ("column_renamed", "public.sale", "amount"),
    ]  # fmt: skip
    assert diff(connection, start, start) == []
    assert one(connection, "SELECT schema_monitor.version_at(%s)", moment) == (start,)
    assert one(connection, "SELECT schema_monitor.version_at('2000-01-01')") == (None,)
    row = one(
        connection,
        "SELECT before, after, impact, reasons[1] FROM schema_monitor.diff(%s) WHERE change = 'column_renamed'",
        start,
    )
    assert row[:3] == ("amount", "total", "breaking") and "old name" in row[3]
    for wrong in (99_999, -1):
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="does not exist"):
            diff(connection, wrong)


def test_a_version_can_be_had_back(data: None, cluster: Cluster) -> None:
    """schema_at() of every version of real migrations; diff() from the empty schema adds just that."""
    database = create_database(cluster)
    with cluster.connect(database) as connection:
        wait_indexed(connection)
        seen: dict[int, Any] = {}
        for step in sorted((DATA / "migrations" / "temporal").glob("*_up.sql")):
            cluster.psql(file=step, dbname=database)
            wait_indexed(connection)
            (schema,) = one(connection, "SELECT schema_monitor.schema_at()")
            seen[schema["version"]] = schema
        assert len(seen) > 8
        for number, schema in seen.items():
            again = one(connection, "SELECT schema_monitor.schema_at(%s)", number)[0]
            assert again["objects"] == schema["objects"] and again["fingerprint"] == schema["fingerprint"]
        newest = max(seen)
        added = [identity for change, identity, part in diff(connection, 0) if change.endswith("_added") and part is None]
        assert len(added) == len(seen[newest]["objects"]) == len(diff(connection, newest, 0))
        assert one(connection, "SELECT schema_monitor.schema_at(99999)") == (None,)
    assert_healthy(cluster, database)


SCHEMA = """CREATE SCHEMA shop; CREATE TABLE shop.item (id int PRIMARY KEY, name text, price int);
    CREATE TABLE shop.sale (id int, item int REFERENCES shop.item); CREATE VIEW shop.seen AS SELECT name FROM shop.item;
    CREATE TYPE shop.state AS ENUM ('new', 'old'); CREATE FUNCTION shop.twice(int) RETURNS int LANGUAGE sql RETURN 2 * $1"""
OTHER = """ALTER TABLE shop.item ADD weight int; DROP VIEW shop.seen; CREATE TABLE shop.extra (a int);
    GRANT SELECT ON shop.sale TO PUBLIC; ALTER TYPE shop.state ADD VALUE 'lost'"""


def test_two_databases_are_compared_without_shipping_the_schema(cluster: Cluster) -> None:
    staging, production = create_database(cluster), create_database(cluster)
    with cluster.connect(staging) as there, cluster.connect(production) as here:
        for connection in (there, here):
            connection.execute(SCHEMA)
            wait_indexed(connection)
        (tree,) = one(there, "SELECT schema_monitor.fingerprint_tree()")
        compare = "SELECT difference, kind, schema_name, object_name FROM schema_monitor.compare(%s)"
        assert here.execute(compare, (json.dumps(tree),)).fetchall() == []
        there.execute(OTHER)
        here.execute("ALTER TABLE shop.item DROP name CASCADE; ALTER TABLE shop.item ADD name text; CREATE VIEW shop.seen AS SELECT name FROM shop.item")
        (tree,) = one(there, "SELECT schema_monitor.fingerprint_tree()")
        assert "price" not in json.dumps(tree), "names of columns are not shipped"
        assert here.execute(compare, (json.dumps(tree),)).fetchall() == [
            ("there", "table", "shop", "extra"),
            ("structure", "table", "shop", "item"), ("layout", "table", "shop", "item"),
            ("access", "table", "shop", "sale"),
            ("here", "view", "shop", "seen"),
            ("structure", "enum", "shop", "state"),
        ]  # fmt: skip
        wait_indexed(there)
        wait_indexed(here)
        (schema,) = one(there, "SELECT schema_monitor.schema_at()")
        rows = here.execute("SELECT change, identity, part FROM schema_monitor.diff_with(%s)", (json.dumps(schema),)).fetchall()
        assert rows == [
            ("table_dropped", "shop.extra", None),
            ("column_dropped", "shop.item", "weight"), ("table_column_order_changed", "shop.item", None),
            ("table_privileges_changed", "shop.sale", None),
            ("view_added", "shop.seen", None),
            ("value_dropped", "shop.state", "lost"),
        ]  # fmt: skip
        for call, argument in (("compare", {"database": 1}), ("diff_with", {"objects": [{"kind": "spoon"}]}), ("diff_with", {})):
            with pytest.raises(psycopg.errors.InvalidParameterValue, match="the argument is not"):
                here.execute(f"SELECT * FROM schema_monitor.{call}(%s)", (json.dumps(argument),))  # type: ignore[arg-type]
    for database in (staging, production):
        assert_healthy(cluster, database)


def test_only_what_may_be_seen_is_told(cluster: Cluster, database: str) -> None:
    role = f"viewer_{database}"
    with cluster.connect(database) as connection:
        wait_indexed(connection)
        start = version(connection)
        connection.execute(f"CREATE ROLE {role} LOGIN; CREATE TABLE open_book (a int); CREATE TABLE closed_book (b int); GRANT SELECT ON open_book TO {role}")  # type: ignore[arg-type]
        wait_indexed(connection)
        with cluster.connect(database, user=role) as viewer:
            assert [row for row in diff(viewer, start) if "table" in row[0]] == [("table_added", "public.open_book", None)]
            (schema,) = one(viewer, "SELECT schema_monitor.schema_at()")
            assert "open_book" in json.dumps(schema) and "closed_book" not in json.dumps(schema)
            assert "closed_book" not in str(viewer.execute("SELECT * FROM schema_monitor.diff_with(%s)", (json.dumps(schema),)).fetchall())
            for call in ("fingerprint_tree()", "compare('{}')"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    viewer.execute(f"SELECT schema_monitor.{call}")  # type: ignore[arg-type]
        connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")  # type: ignore[arg-type]
