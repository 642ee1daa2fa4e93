"""Migration tools: Alembic and dbmate themselves against the server, the tables of the others as they make them."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support import PG, audit, create_database, dump, one, version, wait_indexed

from tools.cluster import Cluster, wait_until
from tools.dbmate import set_up_dbmate

APPLIED = "SELECT tool, revision, version, withdrawn_version FROM schema_monitor.migrations_applied()"
LATEST = "SELECT migrations, outside_tool FROM schema_monitor.versions ORDER BY version DESC LIMIT 1"


def checked(connection: psycopg.Connection[Any]) -> int:
    """The version that stands once everything committed is recorded."""
    connection.execute("SELECT schema_monitor.check()")
    wait_indexed(connection)
    return version(connection)


def drift(connection: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    return [(str(change), str(identity)) for change, identity in connection.execute("SELECT change, identity FROM schema_monitor.drift()")]


class Alembic:
    """A project of two migrations."""

    ENVIRONMENT = """
        from alembic import context
        from sqlalchemy import create_engine

        with create_engine(context.config.get_main_option("sqlalchemy.url")).connect() as connection:
            context.configure(connection=connection)
            with context.begin_transaction():
                context.run_migrations()
    """
    MIGRATION = """
        from alembic import op
        import sqlalchemy as sa

        revision, down_revision = {revision!r}, {before!r}

        def upgrade():
            {up}

        def downgrade():
            {down}
    """

    def __init__(self, folder: Path, url: str) -> None:
        (folder / "versions").mkdir(parents=True)
        (folder / "env.py").write_text(textwrap.dedent(self.ENVIRONMENT))
        (folder / "alembic.ini").write_text(f"[alembic]\nscript_location = {folder}\nsqlalchemy.url = {url}\n")
        self.folder = folder
        self.add("a1", None, 'op.create_table("invoice", sa.Column("id", sa.Integer, primary_key=True))', 'op.drop_table("invoice")')
        self.add("b2", "a1", 'op.add_column("invoice", sa.Column("due", sa.Date))', 'op.drop_column("invoice", "due")')

    def add(self, revision: str, before: str | None, up: str, down: str) -> None:
        text = textwrap.dedent(self.MIGRATION).format(revision=revision, before=before, up=up, down=down)
        (self.folder / "versions" / f"{revision}.py").write_text(text)

    def __call__(self, *words: str) -> None:
        command = [sys.executable, "-m", "alembic.config", "-c", self.folder / "alembic.ini", *words]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]


def test_alembic(cluster: Cluster, guarded: str, tmp_path: Path) -> None:
    with cluster.connect(guarded) as connection:
        assert checked(connection) == 1
        assert connection.execute(APPLIED).fetchall() == [] and one(connection, LATEST) == (None, None)
        alembic = Alembic(tmp_path / "alembic", f"postgresql+psycopg://postgres@/{guarded}?host={cluster.socket_directory}&port={cluster.port}")
        alembic("upgrade", "+1")
        first = checked(connection)
        assert connection.execute(APPLIED).fetchall() == [("alembic", "a1", first, None)]
        assert one(connection, LATEST) == (["alembic a1"], False) and drift(connection) == []
        alembic("upgrade", "head")
        second = checked(connection)
        assert connection.execute(APPLIED).fetchall() == [("alembic", "a1", first, second), ("alembic", "b2", second, None)]

        connection.execute("CREATE INDEX by_hand ON invoice (due)")
        outside = checked(connection)
        assert one(connection, LATEST) == (None, True)
        assert drift(connection) == [("index_added", "public.invoice")]

        connection.execute("DROP INDEX by_hand")
        checked(connection)
        assert drift(connection) == []
        alembic("downgrade", "-1")
        third = checked(connection)
        assert third > outside and one(connection, LATEST) == (["alembic a1"], False)
        assert connection.execute(APPLIED + " WHERE withdrawn_version IS NULL").fetchall() == [("alembic", "a1", third, None)]
        # says what is there, and does nothing
        alembic("stamp", "head")
        assert checked(connection) == third
        assert connection.execute(APPLIED + " WHERE withdrawn_version IS NULL").fetchall() == [("alembic", "b2", third, None)]


def test_dbmate(cluster: Cluster, guarded: str, tmp_path: Path) -> None:
    program, folder = set_up_dbmate(), tmp_path / "migrations"
    folder.mkdir()
    (folder / "20260101000000_orders.sql").write_text("-- migrate:up\nCREATE TABLE orders (id int);\n-- migrate:down\nDROP TABLE orders;\n")
    (folder / "20260102000000_due.sql").write_text("-- migrate:up\nALTER TABLE orders ADD due date;\n-- migrate:down\nALTER TABLE orders DROP due;\n")
    url = f"postgres://postgres@/{guarded}?host={cluster.socket_directory}&port={cluster.port}&sslmode=disable"

    def dbmate(command: str) -> None:
        words = [program, "--url", url, "--migrations-dir", folder, "--no-dump-schema", command]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]

    with cluster.connect(guarded) as connection:
        dbmate("migrate")
        applied = checked(connection)
        rows = connection.execute(APPLIED).fetchall()
        # one version or two, as the monitor came
        assert [(tool, revision) for tool, revision, *_ in rows] == [("dbmate", "20260101000000"), ("dbmate", "20260102000000")]
        assert all(seen <= applied and gone is None for *_, seen, gone in rows)
        assert drift(connection) == []
        dbmate("rollback")
        back = checked(connection)
        assert connection.execute(APPLIED + " WHERE withdrawn_version IS NOT NULL").fetchall() == [("dbmate", "20260102000000", rows[1][2], back)]
        assert one(connection, LATEST) == (None, False) and drift(connection) == []
        connection.execute("ALTER TABLE orders ADD by_hand text")
        checked(connection)
        assert drift(connection) == [("column_added", "public.orders")]


# the tables as the tools make them, one row in each, and what is to be said of it
TABLES = {
    "rails": (
        """CREATE TABLE schema_migrations (version character varying NOT NULL PRIMARY KEY);
           CREATE TABLE ar_internal_metadata (key character varying NOT NULL PRIMARY KEY, value character varying,
               created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL);
           INSERT INTO schema_migrations VALUES ('20260101120000')""",
        "20260101120000",
    ),
    "golang-migrate": (
        """CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL);
           INSERT INTO schema_migrations VALUES (7, false)""",
        "7",
    ),
    "flyway": (
        """CREATE TABLE flyway_schema_history (installed_rank integer NOT NULL PRIMARY KEY, version varchar(50),
               description varchar(200) NOT NULL, type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum integer,
               installed_by varchar(100) NOT NULL, installed_on timestamp NOT NULL DEFAULT now(),
               execution_time integer NOT NULL, success boolean NOT NULL);
           INSERT INTO flyway_schema_history VALUES (1, '1.2', 'create orders', 'SQL', 'V1_2__create_orders.sql', 5, 'app',
               '2026-01-02 03:04:05', 12, true), (2, '1.3', 'failed', 'SQL', 'V1_3__failed.sql', 6, 'app', now(), 1, false)""",
        "1.2",
    ),
    "django": (
        """CREATE TABLE django_migrations (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, app varchar(255) NOT NULL,
               name varchar(255) NOT NULL, applied timestamptz NOT NULL);
           INSERT INTO django_migrations (app, name, applied) VALUES ('shop', '0001_initial', '2026-01-02 03:04:05Z')""",
        "shop.0001_initial",
    ),
    "diesel": (
        """CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY, run_on timestamp NOT NULL DEFAULT now());
           INSERT INTO __diesel_schema_migrations (version) VALUES ('20260101000000')""",
        "20260101000000",
    ),
    "sqlx": (
        """CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL,
               installed_on timestamptz NOT NULL DEFAULT now(), success boolean NOT NULL, checksum bytea NOT NULL,
               execution_time bigint NOT NULL);
           INSERT INTO _sqlx_migrations VALUES (20260101, 'orders', now(), true, '\\x00', 5)""",
        "20260101",
    ),
    "prisma": (
        """CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY NOT NULL, checksum varchar(64) NOT NULL,
               finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
               started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0);
           INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name) VALUES ('1', 'x', now(), '20260101_init'),
               ('2', 'x', NULL, '20260102_unfinished')""",
        "20260101_init",
    ),
    "liquibase": (
        """CREATE TABLE databasechangelog (id varchar(255) NOT NULL, author varchar(255) NOT NULL, filename varchar(255) NOT NULL,
               dateexecuted timestamp NOT NULL, orderexecuted int NOT NULL, exectype varchar(10) NOT NULL, md5sum varchar(35),
               description varchar(255), comments varchar(255), tag varchar(255), liquibase varchar(20), contexts varchar(255),
               labels varchar(255), deployment_id varchar(10));
           INSERT INTO databasechangelog VALUES ('1', 'ann', 'db.xml', now(), 1, 'EXECUTED')""",
        "db.xml::1::ann",
    ),
    "sequelize": (
        """CREATE TABLE "SequelizeMeta" (name varchar(255) NOT NULL PRIMARY KEY);
           INSERT INTO "SequelizeMeta" VALUES ('20260101-orders.js')""",
        "20260101-orders.js",
    ),
}


@pytest.mark.parametrize("tool", TABLES)
def test_other_tools_are_recognised(connection: psycopg.Connection[Any], tool: str) -> None:
    ddl, revision = TABLES[tool]
    connection.execute(f"BEGIN; {ddl}; COMMIT")  # type: ignore[arg-type]
    standing = checked(connection)
    assert connection.execute(APPLIED).fetchall() == [(tool, revision, standing, None)]


def test_what_is_written_down_after_the_commit(cluster: Cluster, guarded: str) -> None:
    """A row alone fires no trigger: the monitor looks again before it leaves."""
    with cluster.connect(guarded) as connection:
        connection.execute("CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL)")
        wait_indexed(connection)
        connection.execute("CREATE TABLE orders (id int)")
        wait_indexed(connection)
        connection.execute("INSERT INTO schema_migrations VALUES (1, false)")
        standing = version(connection)
        wait_until(lambda: connection.execute(APPLIED).fetchall() == [("golang-migrate", "1", standing, None)], "the stamp", 5)


def test_only_who_may_read_the_table_knows(cluster: Cluster, connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE TABLE alembic_version (version_num text PRIMARY KEY); INSERT INTO alembic_version VALUES ('secret')")
    checked(connection)
    role = f"reader_{connection.info.dbname}"
    connection.execute(f"CREATE ROLE {role}; SET ROLE {role}")  # type: ignore[arg-type]
    assert connection.execute(APPLIED).fetchall() == [] and drift(connection) == []
    assert one(connection, LATEST) == (None, None)
    connection.execute(f"RESET ROLE; GRANT SELECT ON alembic_version TO {role}; SET ROLE {role}")  # type: ignore[arg-type]
    assert [revision for _, revision, *_ in connection.execute(APPLIED)] == ["secret"]
    connection.execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")  # type: ignore[arg-type]


HOSTILE = {
    "a view": "CREATE VIEW alembic_version AS SELECT spy('x') AS version_num",
    "row security": """CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('x');
        CREATE POLICY p ON alembic_version USING (spy(version_num) IS NOT NULL); ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY""",
    "a type of its own": """CREATE DOMAIN label AS text CHECK (spy(VALUE) IS NOT NULL); CREATE TABLE alembic_version (version_num label);
        INSERT INTO alembic_version VALUES ('x')""",
    "more rows than are read": """CREATE TABLE alembic_version (version_num text);
        INSERT INTO alembic_version SELECT i FROM generate_series(1, 10001) AS i""",
    "more pages than are read": """CREATE TABLE alembic_version (version_num text, filler text STORAGE plain);
        INSERT INTO alembic_version SELECT i, repeat('x', 7000) FROM generate_series(1, 2100) AS i""",
    "forbidden to its owner": """CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('x');
        REVOKE ALL ON alembic_version FROM CURRENT_USER""",
    "a role's own row type": """CREATE TYPE pair AS (a text); CREATE TABLE alembic_version (version_num pair);
        INSERT INTO alembic_version VALUES (ROW('x'))""",
}
if PG >= 18:
    HOSTILE["a virtual column"] = """CREATE TABLE alembic_version (a text, version_num text GENERATED ALWAYS AS (lower(a)) VIRTUAL);
        INSERT INTO alembic_version VALUES ('x')"""


@pytest.mark.parametrize("what", HOSTILE)
def test_tables_that_only_look_like_it(cluster: Cluster, guarded: str, what: str) -> None:
    """They are not read, and nothing of theirs is evaluated with the worker's rights."""
    role, mark = f"attacker_{guarded}", cluster.log_size()
    with cluster.connect(guarded) as connection:
        connection.execute(
            f"""CREATE ROLE {role}; GRANT CREATE ON SCHEMA public TO {role}; SET ROLE {role};
            CREATE FUNCTION spy(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
            $$ BEGIN RAISE LOG 'spied as %', current_user; RETURN $1; END $$"""  # type: ignore[arg-type]
        )
        connection.execute(HOSTILE[what])  # type: ignore[arg-type]
        connection.execute("RESET ROLE; CREATE TABLE after (a int)")
        checked(connection)
        assert connection.execute(APPLIED).fetchall() == []
        assert "spied as postgres" not in cluster.log_text(mark)
        connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")  # type: ignore[arg-type]


def test_nothing_of_the_table_s_is_evaluated(cluster: Cluster, guarded: str) -> None:
    """Neither as the worker nor as the owner: not what a planner would look at, checks and predicates of indexes."""
    role = f"owner_{guarded}"
    with cluster.connect(guarded) as connection:
        connection.execute(
            f"""CREATE ROLE {role}; GRANT CREATE ON SCHEMA public TO {role}; SET ROLE {role};
            CREATE FUNCTION spy(boolean) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
            $$ BEGIN RAISE LOG 'spied as %', current_user; RETURN $1; END $$;
            CREATE TABLE schema_migrations (version bigint, dirty boolean CHECK (spy(true)));
            INSERT INTO schema_migrations VALUES (5, false);
            CREATE INDEX ON schema_migrations (version) WHERE spy(true) AND NOT dirty; RESET ROLE"""  # type: ignore[arg-type]
        )
        wait_indexed(connection)
        mark = cluster.log_size()
        connection.execute("CREATE TABLE after (a int)")
        checked(connection)
        assert [revision for _, revision, *_ in connection.execute(APPLIED)] == ["5"]
        assert "spied as" not in cluster.log_text(mark)
        connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")  # type: ignore[arg-type]


def test_a_very_long_text_is_not_read_whole(cluster: Cluster, guarded: str) -> None:
    with cluster.connect(guarded) as connection:
        connection.execute(
            """CREATE TABLE alembic_version (version_num text);
            INSERT INTO alembic_version SELECT repeat('é', 50000000) FROM generate_series(1, 20)"""
        )
        checked(connection)
        assert one(connection, "SELECT count(*), max(length(revision)) FROM schema_monitor.migrations_applied()") == (1, 250)


def test_a_table_of_the_same_name_is_another(cluster: Cluster, connection: psycopg.Connection[Any]) -> None:
    """What was recorded of a table is not shown to whoever makes one of its name."""
    connection.execute("CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('old')")
    checked(connection)
    role = f"heir_{connection.info.dbname}"
    connection.execute(
        f"""DROP TABLE alembic_version; CREATE ROLE {role}; GRANT CREATE ON SCHEMA public TO {role}; SET ROLE {role};
        CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('new')"""  # type: ignore[arg-type]
    )
    connection.execute("RESET ROLE")
    checked(connection)
    assert [revision for _, revision, *_ in connection.execute(APPLIED)] == ["old", "new"]
    connection.execute(f"SET ROLE {role}")  # type: ignore[arg-type]
    assert [revision for _, revision, *_ in connection.execute(APPLIED)] == ["new"]
    connection.execute("ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY")
    assert connection.execute(APPLIED).fetchall() == []
    connection.execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")  # type: ignore[arg-type]


def test_moments_are_those_the_tool_wrote(cluster: Cluster, connection: psycopg.Connection[Any]) -> None:
    """Whatever the database's DateStyle and TimeZone; also the infinite ones."""
    name = connection.info.dbname
    connection.execute(f"ALTER DATABASE {name} SET DateStyle = 'SQL, DMY'; ALTER DATABASE {name} SET TimeZone = 'Asia/Jakarta'")  # type: ignore[arg-type]
    connection.execute(
        """CREATE TABLE django_migrations (app text, name text, applied timestamptz);
        INSERT INTO django_migrations VALUES ('a', 'one', '2026-03-04 05:06:07.123456Z'), ('a', 'two', 'infinity'), ('a', 'three', NULL);
        CREATE TABLE __diesel_schema_migrations (version text, run_on timestamp);
        INSERT INTO __diesel_schema_migrations VALUES ('d', '2026-03-04 05:06:07')"""
    )
    checked(connection)
    with cluster.connect(name) as fresh:  # with the database's own settings
        fresh.execute("CREATE TABLE after (a int)")
        checked(fresh)
        rows = fresh.execute("SELECT revision, applied_at = CASE tool WHEN 'diesel' THEN '2026-03-04 05:06:07+07' ELSE '2026-03-04 05:06:07.123456Z' END::timestamptz, isfinite(applied_at) FROM schema_monitor.migrations_applied()")
        told = {revision: (same, finite) for revision, same, finite in rows}
        assert told["a.one"] == (True, True) and told["a.two"] == (False, False) and told["a.three"] == (None, None), told
        assert told["d"][1] is True


def test_a_hostile_text_is_only_text(connection: psycopg.Connection[Any]) -> None:
    text = "'; DROP TABLE alembic_version; --\u202e" + "x" * 5000
    kept = text.encode()[:500].decode()
    connection.execute("CREATE TABLE alembic_version (version_num text)")
    connection.execute("INSERT INTO alembic_version VALUES (%s), (NULL), ('')", (text,))
    checked(connection)
    assert [revision for _, revision, *_ in connection.execute(APPLIED)] == [kept]


def test_a_dump_carries_what_was_applied(cluster: Cluster, guarded: str, tmp_path: Path) -> None:
    """Into a database that has something else already: what was made outside the tool stays so."""
    target = create_database(cluster, extension=False)
    with cluster.connect(guarded) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text); CREATE TABLE gone (a int)")
        checked(connection)
        for revision in ("a", "b"):
            connection.execute(f"BEGIN; CREATE TABLE {revision} (id int); TRUNCATE alembic_version; INSERT INTO alembic_version VALUES ('{revision}'); COMMIT")  # type: ignore[arg-type]
            checked(connection)
        connection.execute("DROP TABLE gone; ALTER TABLE a ADD by_hand int")
        checked(connection)
        before, outside = connection.execute(APPLIED).fetchall(), drift(connection)
        assert [revision for _, revision, *_ in before] == ["a", "b"] and ("column_added", "public.a") in outside
    with cluster.connect(target) as connection:
        connection.execute("CREATE TABLE already_here (a int); CREATE TABLE and_this (a int)")
    cluster.psql(file=dump(cluster, guarded, tmp_path / "dump.sql"), dbname=target)
    with cluster.connect(target) as connection:
        checked(connection)
        assert connection.execute(APPLIED).fetchall() == before
        assert set(outside) < set(drift(connection)) and audit(connection) == []
        known = one(connection, "SELECT relation_oid = 'alembic_version'::regclass FROM schema_monitor._migration WHERE revision = 'b'")
        assert known == (True,)


def test_without_the_right_to_look_into_the_schema(cluster: Cluster, connection: psycopg.Connection[Any]) -> None:
    """to_regclass() of a table in such a schema is an error: asking for versions is none."""
    connection.execute("CREATE SCHEMA closed; CREATE TABLE closed.alembic_version (version_num text); INSERT INTO closed.alembic_version VALUES ('x')")
    checked(connection)
    role = f"outside_{connection.info.dbname}"
    connection.execute(f"CREATE ROLE {role}; GRANT SELECT ON closed.alembic_version TO {role}; SET ROLE {role}")  # type: ignore[arg-type]
    assert connection.execute(APPLIED).fetchall() == [] and one(connection, LATEST) == (None, None)
    connection.execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")  # type: ignore[arg-type]
