"""The same schema has the same fingerprint, whatever made it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from support import (
    PG, SCHEMAS, SHARED_PRELOAD, create_database, definitions, differences, dump, load_schema, one, tree, version,
)

from tools.build import build_for_ours
from tools.cluster import Cluster, wait_until

OTHER = {18: 16, 16: 18}[PG]


@pytest.fixture(scope="module")
def other_cluster() -> Iterator[Cluster]:
    """A server of the other major version."""
    build_for_ours(OTHER)
    with Cluster(OTHER, "test-other", settings=SHARED_PRELOAD) as cluster:
        yield cluster


def load(cluster: Cluster, name: str) -> str:
    database = create_database(cluster)
    load_schema(cluster, database, name)
    return database


def assert_same(one_cluster: Cluster, left: str, other: Cluster, right: str) -> None:
    a, b = tree(one_cluster, left), tree(other, right)
    if a["*"][0] == b["*"][0]:
        assert len(a) > 1 and all(a[schema][0] == b[schema][0] for schema in a)
        return
    for cluster, database in ((one_cluster, left), (other, right)):
        with cluster.connect(database) as connection:
            connection.execute("SELECT schema_monitor.check(true)")
    found = list(differences(definitions(one_cluster, left), definitions(other, right)))
    pytest.fail(f"{len(found)} objects differ\n" + "\n".join(found[:8])[:6000])


@pytest.mark.parametrize("name", SCHEMAS)
def test_it_is_the_same_on_16_and_18(data: None, cluster: Cluster, other_cluster: Cluster, name: str) -> None:
    assert_same(cluster, load(cluster, name), other_cluster, load(other_cluster, name))


@pytest.mark.parametrize("name", SCHEMAS)
def test_it_survives_dump_and_restore(data: None, cluster: Cluster, tmp_path: Path, name: str) -> None:
    source = load(cluster, name)
    target = create_database(cluster, extension=False)
    cluster.psql(file=dump(cluster, source, tmp_path / "dump.sql"), dbname=target)
    assert_same(cluster, source, cluster, target)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_order_of_creation_does_not_matter(data: None, cluster: Cluster, tmp_path: Path, name: str) -> None:
    """The objects of a dump are made in random order; what wants another one first is tried again."""
    source = load(cluster, name)
    target = create_database(cluster)
    arguments = ("--schema-only", "--no-owner", "-N", "schema_monitor")
    preamble, *entries = entries_of(dump(cluster, source, tmp_path / "dump.sql", *arguments))
    Random(f"{name} 1").shuffle(entries)
    # attached earlier, a partition would get indexes of its own making under the names of those to come
    late = [entry for entry in entries if " ATTACH; Schema:" in entry]
    early = [entry for entry in entries if entry not in late]
    assert len(early) > 30
    with cluster.connect(target) as connection:
        connection.execute(preamble)  # type: ignore[arg-type]
        make_all(connection, early)
        make_all(connection, late)
    assert_same(cluster, source, cluster, target)


def make_all(connection: psycopg.Connection[Any], entries: list[str]) -> None:
    """Runs every statement, those that fail again after the others, until none fails any more."""
    while entries:
        failed = []
        for entry in entries:
            try:
                connection.execute(entry)  # type: ignore[arg-type]
            except psycopg.Error as error:
                failed.append((entry, error))
        assert len(failed) < len(entries), failed[0]
        entries = [entry for entry, _ in failed]


def entries_of(file: Path) -> list[str]:
    """What stands before the first object of a dump, and then each object; without the comments and psql's commands."""
    with file.open(encoding="utf-8", newline="") as stream:
        text = re.sub(r"^\\(un)?restrict .*\n", "", stream.read(), flags=re.MULTILINE)
    return re.split(r"^--\n(?=-- Name: )", text, flags=re.MULTILINE)


def test_settings_and_search_path_do_not_matter(cluster: Cluster) -> None:
    database = create_database(cluster)
    with cluster.connect(database) as connection:
        connection.execute(
            """CREATE SCHEMA s;
               CREATE TYPE s."Mood" AS ENUM ('ok', 'it''s');
               CREATE TABLE s.t (
                   d date DEFAULT '2020-02-01', i interval DEFAULT '1 day 2 hours', f float8 DEFAULT 0.1,
                   z timestamptz DEFAULT '2020-01-01 00:00:00+00', m s."Mood" DEFAULT 'ok', b bytea DEFAULT '\\xff');
               CREATE VIEW s.v AS SELECT d, f + 0.25 AS g FROM s.t WHERE d > '2001-02-03'"""
        )
        (before,) = one(connection, "SELECT schema_monitor.fingerprint()")
        connection.execute(
            """SET search_path = s, public; SET DateStyle = 'German'; SET TimeZone = 'Asia/Tokyo';
               SET IntervalStyle = 'iso_8601'; SET extra_float_digits = 0; SET bytea_output = 'escape';
               SET quote_all_identifiers = on"""
        )
        assert one(connection, "SELECT schema_monitor.fingerprint()") == (before,)
        assert one(connection, "SHOW DateStyle")[0].startswith("German"), "the session keeps its settings"


def test_every_declared_thing_counts(cluster: Cluster) -> None:
    """Each statement changes the structure, and taking it back restores it."""
    database = create_database(cluster)
    pairs = [
        ("ALTER TABLE t ADD c text", "ALTER TABLE t DROP c"),
        ("ALTER TABLE t ALTER a SET DEFAULT 7", "ALTER TABLE t ALTER a DROP DEFAULT"),
        ("ALTER TABLE t ALTER a SET NOT NULL", "ALTER TABLE t ALTER a DROP NOT NULL"),
        ("ALTER TABLE t ALTER b SET STORAGE PLAIN", "ALTER TABLE t ALTER b SET STORAGE EXTENDED"),
        ("ALTER TABLE t ADD CONSTRAINT p CHECK (a > 0)", "ALTER TABLE t DROP CONSTRAINT p"),
        ("CREATE INDEX i ON t (lower(b)) WHERE a > 1", "DROP INDEX i"),
        ("ALTER TABLE t ENABLE ROW LEVEL SECURITY", "ALTER TABLE t DISABLE ROW LEVEL SECURITY"),
        ("CREATE POLICY q ON t USING (a = 1)", "DROP POLICY q ON t"),
        ("CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING", "DROP RULE r ON t"),
        ("CREATE STATISTICS st ON a, b FROM t", "DROP STATISTICS st"),
        ("COMMENT ON COLUMN t.a IS 'x'", "COMMENT ON COLUMN t.a IS NULL"),
        ("CREATE TYPE e AS ENUM ('x')", "DROP TYPE e"),
        ("CREATE TYPE r AS RANGE (subtype = int)", "DROP TYPE r"),
        ("CREATE TYPE c AS (x int)", "DROP TYPE c"),
        ("CREATE DOMAIN dm AS int CHECK (VALUE > 0)", "DROP DOMAIN dm"),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "DROP FUNCTION f"),
        ("CREATE VIEW v AS SELECT 1 AS one", "DROP VIEW v"),
        ("CREATE SEQUENCE sq", "DROP SEQUENCE sq"),
        ("CREATE SCHEMA sc", "DROP SCHEMA sc"),
        ("ALTER TABLE t RENAME b TO bb", "ALTER TABLE t RENAME bb TO b"),
    ]
    with cluster.connect(database) as connection:
        connection.execute("CREATE TABLE t (a int, b text)")
        (base,) = one(connection, "SELECT schema_monitor.fingerprint()")
        for there, back in pairs:
            connection.execute(there)
            assert one(connection, "SELECT schema_monitor.fingerprint()") != (base,), there
            connection.execute(back)
            assert one(connection, "SELECT schema_monitor.fingerprint()") == (base,), back


def test_column_order_is_layout_and_grants_are_access(cluster: Cluster) -> None:
    database = create_database(cluster)
    with cluster.connect(database) as connection:
        connection.execute("CREATE TABLE t (a int, b text, c int)")
        before = tree(cluster, database)["*"]
        connection.execute("ALTER TABLE t DROP b; ALTER TABLE t ADD b text")
        after = tree(cluster, database)["*"]
        assert (before[0], before[2]) == (after[0], after[2]) and before[1] != after[1]
        connection.execute("GRANT SELECT ON t TO PUBLIC")
        granted = tree(cluster, database)["*"]
        assert after[:2] == granted[:2] and after[2] != granted[2]
        known = version(connection)
        wait_until(lambda: version(connection) > known or tree_is_recorded(connection, granted[2]), "the grant's version")


def tree_is_recorded(connection, access: str) -> bool:  # type: ignore[no-untyped-def]
    """Whether the last version has these access rights."""
    rows = connection.execute("SELECT access_fingerprint FROM schema_monitor.versions ORDER BY version DESC LIMIT 1")
    row = rows.fetchone()
    return row is not None and row[0] == access


def test_of_a_relation(cluster: Cluster) -> None:
    database = create_database(cluster)
    with cluster.connect(database) as connection:
        connection.execute("CREATE TABLE t (a int); CREATE TABLE u (a int)")
        (before,) = one(connection, "SELECT schema_monitor.fingerprint('t'::regclass)")
        connection.execute("ALTER TABLE u ADD b int")
        assert one(connection, "SELECT schema_monitor.fingerprint('t'::regclass)") == (before,)
        connection.execute("ALTER TABLE t ADD b int")
        assert one(connection, "SELECT schema_monitor.fingerprint('t'::regclass)") != (before,)
