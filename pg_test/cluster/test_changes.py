"""Each kind of change is seen, classed and searchable (or gone) within a second of its commit."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support import PG, audit, changes_since, one, version, wait_indexed

from tools.cluster import Cluster, wait_until
from tools.paths import pg_config

SETUP = """
CREATE SCHEMA shop;
CREATE TABLE shop.customer (id int PRIMARY KEY, email text);
CREATE TABLE shop.purchase (id int PRIMARY KEY, customer_id int REFERENCES shop.customer, total numeric);
CREATE TABLE shop.reading (at date NOT NULL, value int) PARTITION BY RANGE (at);
CREATE TABLE shop.reading_2024 PARTITION OF shop.reading FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE shop.reading_2025 (at date NOT NULL, value int);
CREATE VIEW shop.spending AS SELECT customer_id, sum(total) AS spent FROM shop.purchase GROUP BY 1;
CREATE TYPE shop.mood AS ENUM ('calm', 'cross');
"""

# statement, changes that must be among those seen (change, identity, part)
CASES: list[tuple[str, set[tuple[str, str, str | None]]]] = [
    ("ALTER TABLE shop.customer ADD COLUMN loyalty_points int", {("column_added", "shop.customer", "loyalty_points")}),
    ("ALTER TABLE shop.customer RENAME TO client", {("table_renamed", "shop.client", None)}),
    ("ALTER TABLE shop.customer RENAME email TO mailbox", {("column_renamed", "shop.customer", "mailbox")}),
    ("ALTER SCHEMA shop RENAME TO store", {("schema_renamed", "store", None), ("table_moved", "store.customer", None)}),
    ("COMMENT ON TABLE shop.customer IS 'people who buy'", {("table_comment_changed", "shop.customer", None)}),
    ("COMMENT ON COLUMN shop.customer.email IS 'where to write'", {("column_comment_changed", "shop.customer", "email")}),
    ("ALTER TABLE shop.customer SET SCHEMA public", {("table_moved", "public.customer", None)}),
    ("DROP TABLE shop.customer CASCADE", {("table_dropped", "shop.customer", None), ("constraint_dropped", "shop.purchase", "purchase_customer_id_fkey")}),
    ("CREATE TABLE shop.voucher (code text PRIMARY KEY)", {("table_added", "shop.voucher", None)}),
    ("ALTER TABLE shop.reading ATTACH PARTITION shop.reading_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')", {("table_partition_changed", "shop.reading_2025", None)}),
    ("ALTER TABLE shop.reading DETACH PARTITION shop.reading_2024", {("table_partition_changed", "shop.reading_2024", None)}),
    ("ALTER TABLE shop.reading ADD COLUMN unit text", {("column_added", "shop.reading", "unit"), ("column_added", "shop.reading_2024", "unit")}),
    ("ALTER TABLE shop.purchase ALTER id TYPE bigint", {("column_type_changed", "shop.purchase", "id")}),
    ("ALTER TABLE shop.purchase ALTER total SET NOT NULL", {("column_nullability_changed", "shop.purchase", "total")}),
    ("ALTER TABLE shop.purchase ALTER total SET DEFAULT 0", {("column_default_changed", "shop.purchase", "total")}),
    ("CREATE INDEX ON shop.purchase (total)", {("index_added", "shop.purchase", "purchase_total_idx")}),
    ("CREATE OR REPLACE VIEW shop.spending AS SELECT customer_id, max(total) AS spent FROM shop.purchase GROUP BY 1", {("view_redefined", "shop.spending", None)}),
    ("ALTER TYPE shop.mood ADD VALUE 'glad' BEFORE 'calm'", {("value_added", "shop.mood", "glad")}),
    ("ALTER TYPE shop.mood RENAME VALUE 'cross' TO 'angry'", {("value_renamed", "shop.mood", "angry")}),
    ("GRANT SELECT ON shop.customer TO PUBLIC", {("table_privileges_changed", "shop.customer", None)}),
    ("DROP VIEW shop.spending; CREATE VIEW shop.spending AS SELECT customer_id, sum(total) AS spent FROM shop.purchase GROUP BY 1", {("view_recreated", "shop.spending", None)}),
]


@pytest.mark.parametrize(("statement", "expected"), CASES, ids=[case[0][:60] for case in CASES])
def test_it_is_seen_and_classed_within_a_second(
    connection: psycopg.Connection[Any], statement: str, expected: set[tuple[str, str, str | None]]
) -> None:
    connection.execute(SETUP)
    wait_indexed(connection)
    known = version(connection)
    connection.execute("LISTEN schema_indexed")
    start = time.monotonic()
    connection.execute(statement)
    list(connection.notifies(timeout=10, stop_after=1))
    elapsed = time.monotonic() - start
    assert expected <= set(changes_since(connection, known)), changes_since(connection, known)
    assert elapsed < 1.0, f"{elapsed:.3f} s from commit to searchable"
    assert audit(connection) == []


def test_a_rename_keeps_identity_history_and_vectors(connection: psycopg.Connection[Any]) -> None:
    connection.execute(SETUP)
    wait_indexed(connection)
    sql = "SELECT object_id, first_version FROM schema_monitor.objects WHERE identity = %s"
    before = one(connection, sql, "shop.customer")
    connection.execute("ALTER TABLE shop.customer RENAME TO client; ALTER TABLE shop.client RENAME email TO mailbox")
    wait_indexed(connection)
    assert one(connection, sql, "shop.client") == before
    names = connection.execute(
        "SELECT DISTINCT object_name FROM schema_monitor.schema_embeddings WHERE object_id = %s", (before[0],)
    ).fetchall()
    assert names == [("client",)]
    found = one(connection, "SELECT identity FROM schema_monitor.search('mailbox of a client', 1)")
    assert found == ("shop.client",)


def test_swapped_names_are_two_renames(connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE TABLE a (x int); CREATE TABLE b (y int)")
    wait_indexed(connection)
    known = version(connection)
    connection.execute("ALTER TABLE a RENAME TO t; ALTER TABLE b RENAME TO a; ALTER TABLE t RENAME TO b")
    wait_indexed(connection)
    assert set(changes_since(connection, known)) == {
        ("table_renamed", "public.a", None),
        ("table_renamed", "public.b", None),
    }


@pytest.mark.parametrize("role", ["origin", "replica"])
def test_a_last_column_that_is_dropped_and_added_again_is_both(connection: psycopg.Connection[Any], role: str) -> None:
    connection.execute("CREATE TABLE harbour (id int, berth_length int); CREATE TYPE pair AS (a int, b int)")
    wait_indexed(connection)
    known, fingerprint = version(connection), one(connection, "SELECT schema_monitor.fingerprint()")
    connection.execute(f"""
        BEGIN;
        SET LOCAL session_replication_role = {role};
        ALTER TABLE harbour DROP COLUMN berth_length; ALTER TABLE harbour ADD COLUMN berth_length int;
        ALTER TYPE pair DROP ATTRIBUTE b; ALTER TYPE pair ADD ATTRIBUTE b int;
        COMMIT""")
    connection.execute("SELECT schema_monitor.check()")  # of a replica no trigger tells
    wait_indexed(connection)
    assert sorted(changes_since(connection, known)) == [
        ("column_added", "public.harbour", "berth_length"),
        ("column_added", "public.pair", "b"),
        ("column_dropped", "public.harbour", "berth_length"),
        ("column_dropped", "public.pair", "b"),
    ]
    assert one(connection, "SELECT schema_monitor.fingerprint()") == fingerprint
    assert one(connection, "SELECT column_name FROM schema_monitor.search('how long are berths', 1)") == ("berth_length",)
    assert audit(connection) == []
    known = version(connection)
    assert one(connection, "SELECT updated FROM schema_monitor.check(true)") == (False,) and version(connection) == known


def test_what_changes_nothing_makes_no_version(connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE TABLE t (a int NOT NULL); CREATE MATERIALIZED VIEW m AS SELECT 1 AS one; CREATE UNIQUE INDEX ON m (one)")
    wait_indexed(connection)
    known = version(connection)
    connection.execute("ALTER TABLE t ALTER a SET NOT NULL")
    connection.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY m")
    connection.execute("BEGIN; CREATE TABLE gone (a int); DROP TABLE gone; COMMIT")
    connection.execute("CREATE TEMP TABLE passing (a int)")
    connection.execute("REINDEX TABLE CONCURRENTLY t")
    connection.execute("BEGIN; CREATE TABLE undone (a int); ROLLBACK")
    wait_indexed(connection)
    assert version(connection) == known
    (updated,) = one(connection, "SELECT updated FROM schema_monitor.check(true)")
    assert updated is False and version(connection) == known


def test_a_dropped_object_is_gone_from_search(connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE TABLE zebra_census (zebra_id int); CREATE TABLE other (a int)")
    wait_indexed(connection)
    assert one(connection, "SELECT identity FROM schema_monitor.search('zebra census', 1)") == ("public.zebra_census",)
    connection.execute("DROP TABLE zebra_census")
    wait_indexed(connection)
    rows = connection.execute("SELECT identity FROM schema_monitor.search('zebra census')").fetchall()
    assert ("public.zebra_census",) not in rows
    (left,) = one(connection, "SELECT count(*) FROM schema_monitor.schema_embeddings WHERE object_name = 'zebra_census'")
    assert left == 0


def test_an_extension_is_one_object(connection: psycopg.Connection[Any]) -> None:
    folder = Path(subprocess.check_output([pg_config(PG), "--sharedir"], text=True).strip()) / "extension"
    (folder / "probe.control").write_text("default_version = '1.0'\n")
    (folder / "probe--1.0.sql").write_text(
        "CREATE TABLE probe_table (a int); CREATE FUNCTION probe() RETURNS int LANGUAGE sql AS 'SELECT 1';"
    )
    wait_indexed(connection)
    known = version(connection)
    connection.execute("CREATE EXTENSION probe")
    wait_indexed(connection)
    assert changes_since(connection, known) == [("extension_added", "probe", None)]
    connection.execute("DROP EXTENSION probe")
    wait_indexed(connection)
    assert ("extension_dropped", "probe", None) in changes_since(connection, known)
    assert audit(connection) == []


def test_notifications_name_nothing(cluster: Cluster, connection: psycopg.Connection[Any]) -> None:
    wait_indexed(connection)
    connection.execute("LISTEN schema_changed")
    connection.execute("CREATE TABLE secret_project (a int)")
    (notification,) = connection.notifies(timeout=10, stop_after=1)
    assert "secret" not in notification.payload
    (fingerprint,) = one(connection, "SELECT schema_monitor.fingerprint()")
    (payload,) = one(connection, "SELECT %s::jsonb", notification.payload)
    assert payload["fingerprint"] == fingerprint
    assert payload["changes"] == {"table_added": 1} and payload["impact"] == "low"
    assert payload["version"] == version(connection)


def test_listeners_are_told_from_an_impact_on(cluster: Cluster, connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE TABLE quiet (a int)")
    wait_indexed(connection)
    connection.execute("ALTER SYSTEM SET schema_monitor.notify_impact = breaking")
    try:
        connection.execute("SELECT pg_reload_conf()")
        # a monitor that is there reads its configuration when it comes to it; the next one begins with it
        mine = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'schema_monitor monitor'"
        wait_until(lambda: one(connection, mine) == (0,), "the monitor's leaving", 10)
        connection.execute("LISTEN schema_changed")
        connection.execute("ALTER TABLE quiet ADD b int")
        wait_indexed(connection)
        connection.execute("ALTER TABLE quiet DROP b")
        (notification,) = connection.notifies(timeout=10, stop_after=1)
        (payload,) = one(connection, "SELECT %s::jsonb", notification.payload)
        assert (payload["impact"], payload["changes"]) == ("breaking", {"column_dropped": 1})
    finally:
        connection.execute("ALTER SYSTEM RESET schema_monitor.notify_impact")
        connection.execute("SELECT pg_reload_conf()")
