"""The same schema has the same fingerprint, whatever made it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

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


@pytest.mark.parametrize("name", ["omop_cdm54", "synapse"])
def test_the_order_of_creation_does_not_matter(data: None, cluster: Cluster, tmp_path: Path, name: str) -> None:
    """A dump's tables are made in reverse, its constraints and indexes afterwards, also in reverse."""
    source = load(cluster, name)
    file = dump(cluster, source, tmp_path / "dump.sql", "--schema-only", "--no-owner", "-N", "schema_monitor")
    clean = statements_of(file)
    pick = lambda *starts: [s for s in clean if s.startswith(starts)]  # noqa: E731
    first = pick("SET", "SELECT pg_catalog.set_config", "CREATE SCHEMA", "CREATE TYPE", "CREATE DOMAIN", "CREATE FUNCTION")
    tables = pick("CREATE SEQUENCE")[::-1] + pick("CREATE TABLE", "CREATE UNLOGGED TABLE")[::-1]
    chosen = set(first) | set(tables)
    extension = [s for s in clean if "EXTENSION" in s]
    rest = [s for s in clean if s not in chosen and s not in extension]
    keys = [s for s in rest if "ADD CONSTRAINT" in s and "FOREIGN KEY" not in s][::-1]
    foreign = [s for s in rest if "FOREIGN KEY" in s][::-1]
    other = [s for s in rest if s not in keys and s not in foreign]
    target = create_database(cluster)
    script = tmp_path / "reordered.sql"
    with script.open("w", encoding="utf-8", newline="") as stream:
        stream.write(";\n".join([*first, *tables, *keys, *other, *foreign]) + ";")
    cluster.psql(file=script, dbname=target)
    assert_same(cluster, source, cluster, target)


def statements_of(file: Path) -> list[str]:
    """The statements of a dump, without comments and psql commands; a body between $$ is one with its function."""
    with file.open(encoding="utf-8", newline="") as stream:
        lines = [line for line in stream.read().split("\n") if not line.startswith(("--", "\\"))]
    statements, statement = [], ""
    for line in lines:
        statement += line + "\n"
        if line.endswith(";") and len(re.findall(r"\$\w*\$", statement)) % 2 == 0:
            statements.append(statement.strip().removesuffix(";"))
            statement = ""
    return statements


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
