"""The user's DDL never fails because of us, and what it did is known afterwards."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support import LONG, PG, assert_healthy, changes_since, create_database, one, version, wait_indexed

from tools.cluster import Cluster, wait_until

CAPTURED = "SELECT count(*) FROM schema_monitor.ddl_event WHERE identity = %s"


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    if os.geteuid() != 0:
        pytest.skip("mounting a file system wants root")
    place = tmp_path / "tiny"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", place], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk(cluster: Cluster, guarded: str, tiny: Path) -> None:
    """The event table lies on a file system that is full."""
    notices: list[str] = []
    with cluster.connect(guarded) as connection, cluster.connect(guarded) as admin:
        wait_indexed(connection)
        known = version(connection)
        admin.execute(f"CREATE TABLESPACE tiny_{guarded} LOCATION '{tiny}'")  # type: ignore[arg-type]
        admin.execute(f"ALTER TABLE schema_monitor.ddl_event SET TABLESPACE tiny_{guarded}")  # type: ignore[arg-type]
        (tiny / "ballast").write_bytes(b"x" * (os.statvfs(tiny).f_bavail * os.statvfs(tiny).f_frsize))
        connection.add_notice_handler(lambda diagnostic: notices.append(str(diagnostic.message_primary)))
        # more than what fits on the pages that are there
        for number in range(60):
            connection.execute(f"CREATE TABLE t{number} ({', '.join(f'c{i} int' for i in range(60))})")  # type: ignore[arg-type]
        assert len(notices) == 1 and "schema_monitor" in notices[0]
        (tiny / "ballast").unlink()
        admin.execute("ALTER TABLE schema_monitor.ddl_event SET TABLESPACE pg_default")
        admin.execute(f"DROP TABLESPACE tiny_{guarded}")  # type: ignore[arg-type]
        wait_until(lambda: ("table_added", "public.t59", None) in changes_since(connection, known), "the gap's closing")
        # thousands of passages, which take their time
        wait_indexed(connection, 300)


def test_no_right_to_note_anything(cluster: Cluster, guarded: str) -> None:
    role = f"weak_{guarded}"
    with cluster.connect(guarded) as connection:
        wait_indexed(connection)
        connection.execute(f"CREATE ROLE {role}; ALTER FUNCTION schema_monitor._capture_commands() OWNER TO {role}")
        connection.execute("CREATE TABLE unnoted (a int)")
        assert one(connection, CAPTURED, "public.unnoted") == (0,)
        connection.execute("ALTER FUNCTION schema_monitor._capture_commands() OWNER TO CURRENT_USER")
        connection.execute(f"DROP ROLE {role}")


def test_with_a_lock_timeout_of_its_own(cluster: Cluster, guarded: str) -> None:
    with cluster.connect(guarded) as connection, cluster.connect(guarded) as other:
        wait_indexed(connection)
        other.execute("BEGIN; LOCK TABLE schema_monitor.ddl_event IN ACCESS EXCLUSIVE MODE")
        connection.execute("SET lock_timeout = '50ms'; CREATE TABLE t (a int)")
        connection.execute("CREATE INDEX CONCURRENTLY i ON t (a)")
        other.execute("ROLLBACK")
        assert one(connection, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass") == (True,)


def test_migrations_with_short_lock_timeouts(cluster: Cluster, guarded: str) -> None:
    """The monitor reads a view whose table is altered all the time; nobody ever waits for it for long."""
    with cluster.connect(guarded) as connection:
        connection.execute("CREATE TABLE t (a int, b int DEFAULT 1 CHECK (b > 0)); CREATE VIEW v AS SELECT a FROM t")
        connection.execute("SET lock_timeout = '50ms'")
        for number in range(100):
            connection.execute(f"ALTER TABLE t ADD c{number} int DEFAULT {number}")  # type: ignore[arg-type]
            if number % 10 == 0:
                # waits for everybody's snapshot, that of a monitor that reads included
                connection.execute("SET lock_timeout = '2s'")
                connection.execute(f"CREATE INDEX CONCURRENTLY ON t (c{number})")  # type: ignore[arg-type]
                connection.execute("SET lock_timeout = '50ms'")


def test_in_transactions_of_every_kind(cluster: Cluster, guarded: str) -> None:
    with cluster.connect(guarded) as connection:
        for level in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"):
            name = level.lower().replace(" ", "_")
            connection.execute(f"BEGIN ISOLATION LEVEL {level}; CREATE TABLE {name} (a int); COMMIT")  # type: ignore[arg-type]
            assert one(connection, CAPTURED, f"public.{name}") == (1,)
        if PG >= 17:  # fires event triggers from 17 on
            connection.execute("BEGIN READ ONLY; REINDEX TABLE read_committed; COMMIT")
        connection.execute(
            """BEGIN; SAVEPOINT a; CREATE TABLE undone (a int); ROLLBACK TO a; CREATE TABLE kept (a int); RELEASE a;
               COMMIT"""
        )
        connection.execute(
            """DO $$ BEGIN
                   BEGIN CREATE TABLE lost (a int); RAISE EXCEPTION 'no'; EXCEPTION WHEN raise_exception THEN NULL; END;
                   CREATE TABLE made_in_do (a int);
               END $$"""
        )
        connection.execute(
            """CREATE FUNCTION make(name text) RETURNS void LANGUAGE plpgsql AS
               $$ BEGIN EXECUTE format('CREATE TABLE %I (a int)', name); END $$;
               SELECT make('made_in_function')"""
        )
        for name, times in {"undone": 0, "lost": 0, "kept": 1, "made_in_do": 1, "made_in_function": 1}.items():
            assert one(connection, CAPTURED, f"public.{name}") == (times,), name


@pytest.mark.parametrize("name", ["aaa_first", "zzz_last"])
def test_beside_other_event_triggers_that_change_the_schema(cluster: Cluster, guarded: str, name: str) -> None:
    """Another extension's trigger, before or after ours, makes a table of its own for each new table."""
    with cluster.connect(guarded) as connection:
        connection.execute(
            f"""CREATE FUNCTION shadow() RETURNS event_trigger LANGUAGE plpgsql AS $$
                DECLARE c record;
                BEGIN
                    FOR c IN SELECT * FROM pg_event_trigger_ddl_commands()
                        WHERE command_tag = 'CREATE TABLE' AND object_identity NOT LIKE '%shadow%' LOOP
                        EXECUTE format('CREATE TABLE %s_shadow (a int)', c.object_identity);
                    END LOOP;
                END $$;
                CREATE EVENT TRIGGER {name} ON ddl_command_end EXECUTE FUNCTION shadow()"""  # type: ignore[arg-type]
        )
        connection.execute("CREATE TABLE seen (a int)")
        for table in ("public.seen", "public.seen_shadow"):
            assert one(connection, CAPTURED, table) == (1,), table


@pytest.mark.parametrize("isolation", ["read committed", "serializable"])
def test_sixteen_sessions_at_once(cluster: Cluster, guarded: str, isolation: str) -> None:
    """On tables of their own: nobody waits for, deadlocks with or aborts anybody; each commit is noted once."""
    rounds = 162 if LONG else 12
    failures: list[BaseException] = []

    def work(worker: int) -> None:
        try:
            with cluster.connect(guarded) as connection:
                connection.execute(f"SET default_transaction_isolation = '{isolation}'; SET deadlock_timeout = '200ms'")  # type: ignore[arg-type]
                for number in range(rounds):
                    table = f"w{worker}_{number}"
                    for statement in (
                        f"CREATE TABLE {table} (a int PRIMARY KEY)", f"ALTER TABLE {table} ADD b text",
                        f"COMMENT ON TABLE {table} IS 'of {worker}'", f"CREATE INDEX ON {table} (b)",
                    ):
                        connection.execute(statement)  # type: ignore[arg-type]
                    if number % 2:
                        connection.execute(f"DROP TABLE {table}")  # type: ignore[arg-type]
        except BaseException as error:  # noqa: BLE001 -- told to the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    with cluster.connect(guarded) as connection:
        wait_indexed(connection, 300)
        noted = "SELECT count(*), count(DISTINCT identity) FROM schema_monitor.ddl_event WHERE command_tag = %s AND identity LIKE 'public.w%%'"
        assert one(connection, noted + " AND object_type = 'table'", "CREATE TABLE") == (16 * rounds, 16 * rounds)
        assert one(connection, noted, "ALTER TABLE") == (16 * rounds, 16 * rounds)
        assert one(connection, noted, "COMMENT") == (16 * rounds, 16 * rounds)
        there = "SELECT count(*) FROM schema_monitor.objects WHERE kind = 'table'"
        assert one(connection, there) == (16 * (rounds // 2),)
        twice = """SELECT identity FROM schema_monitor.changes WHERE change = 'table_added'
            GROUP BY identity HAVING count(*) > 1"""
        assert connection.execute(twice).fetchall() == []


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_in_another_encoding(cluster: Cluster, encoding: str) -> None:
    database = f"in_{encoding.lower()}"
    with cluster.connect("postgres") as admin:
        admin.execute(f"CREATE DATABASE {database} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")  # type: ignore[arg-type]
    with cluster.connect(database, client_encoding="LATIN1") as connection:
        connection.execute("CREATE EXTENSION schema_monitor CASCADE")
        # under SQL_ASCII bytes that are no UTF-8
        connection.execute('CREATE TABLE "straße" (id int, "größe" int)')
        connection.execute("COMMENT ON TABLE \"straße\" IS 'Maße der Straßen, in Metern'")
        wait_indexed(connection)
        if encoding == "LATIN1":
            found = "SELECT identity, vector_score IS NOT NULL, passage FROM schema_monitor.search('die größe der straße', 1)"
            identity, has_vector, passage = one(connection, found)
            assert (identity, has_vector) == ('public."straße"', True) and "straße" in passage
            assert one(connection, "SELECT object_name FROM schema_monitor.objects WHERE kind = 'table'") == ("straße",)
            rows = connection.execute("SELECT 1 FROM schema_monitor.search('größe', 5, '{table,column}', ARRAY['straße'])")
            assert rows.fetchall() == []
    assert_healthy(cluster, database)
    with cluster.connect("postgres") as admin:
        admin.execute(f"DROP DATABASE {database} WITH (FORCE)")  # type: ignore[arg-type]


def test_with_settings_of_the_session_that_bite(cluster: Cluster, guarded: str) -> None:
    with cluster.connect(guarded) as connection:
        connection.execute(
            """SET standard_conforming_strings = off; SET escape_string_warning = off; SET search_path = '';
               SET quote_all_identifiers = on; SET check_function_bodies = off; SET DateStyle = 'SQL, DMY';
               SET default_transaction_deferrable = on; SET row_security = off; SET work_mem = '64kB'"""
        )
        connection.execute("CREATE TABLE public.t (a text DEFAULT 'it''s', b date DEFAULT '02/01/2020')")
        connection.execute("SET statement_timeout = '50ms'")
        for number in range(40):
            connection.execute(f"CREATE TABLE public.quick_{number} (a int); DROP TABLE public.quick_{number}")  # type: ignore[arg-type]


def test_schemas_with_elements_and_refreshed_views(cluster: Cluster, guarded: str) -> None:
    with cluster.connect(guarded) as connection:
        connection.execute(
            """CREATE SCHEMA shop CREATE TABLE item (id int PRIMARY KEY, price numeric) CREATE VIEW cheap AS
               SELECT id FROM shop.item WHERE price < 1 CREATE INDEX ON item (price);
               CREATE MATERIALIZED VIEW shop.prices AS SELECT id, price FROM shop.item;
               CREATE UNIQUE INDEX ON shop.prices (id)"""
        )
        wait_indexed(connection)
        known = version(connection)
        for _ in range(10):
            connection.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY shop.prices; REFRESH MATERIALIZED VIEW shop.prices")
        wait_indexed(connection)
        assert version(connection) == known
        noted = one(connection, "SELECT count(*) FROM schema_monitor.ddl_event")
        for _ in range(50):
            connection.execute("CREATE TEMP TABLE scratch AS SELECT 1 AS a; CREATE INDEX ON scratch (a); DROP TABLE scratch")
        assert one(connection, "SELECT count(*) FROM schema_monitor.ddl_event") == noted
        wait_indexed(connection)
        assert version(connection) == known


def test_a_thousand_partitions(cluster: Cluster, guarded: str) -> None:
    with cluster.connect(guarded) as connection:
        connection.execute("CREATE TABLE log (at int, what text) PARTITION BY LIST (at)")
        connection.execute(
            "DO $$ BEGIN FOR i IN 1..1000 LOOP EXECUTE format('CREATE TABLE log_%s PARTITION OF log FOR VALUES IN (%s)', i, i);"
            " END LOOP; END $$"
        )
        wait_indexed(connection, 120)
        known = version(connection)
        noted = "SELECT count(*) FROM schema_monitor.ddl_event"
        (before,) = one(connection, noted)
        connection.execute("ALTER TABLE log ADD who text; CREATE INDEX ON log (what)")
        wait_indexed(connection, 120)
        added = [change for change in changes_since(connection, known) if change[0] == "column_added"]
        assert len(added) == 1001
        (altered,) = one(connection, noted)
        assert altered - before <= 1_010
        known = version(connection)
        connection.execute("DROP TABLE log")
        wait_indexed(connection, 120)
        assert one(connection, noted)[0] - altered <= 1_000
        assert len([change for change in changes_since(connection, known) if change[0] == "table_dropped"]) == 1001


def test_an_extension_comes_and_goes(cluster: Cluster, guarded: str) -> None:
    """Hundreds of functions, operators and types of which the extension is the only thing told."""
    with cluster.connect(guarded) as connection:
        wait_indexed(connection)
        known = version(connection)
        connection.execute("CREATE EXTENSION ltree; CREATE TABLE tree (path ltree)")
        wait_indexed(connection)
        connection.execute("DROP EXTENSION ltree CASCADE")
        wait_indexed(connection)
        assert sorted(changes_since(connection, known)) == [
            ("column_dropped", "public.tree", "path"), ("extension_added", "ltree", None),
            ("extension_dropped", "ltree", None), ("table_added", "public.tree", None),
        ]


# One statement or more for every kind of object in the manual's table of event-trigger commands.
EVERY_KIND = """
CREATE ROLE {role};
CREATE SCHEMA kinds;
SET search_path = kinds, public;
CREATE TYPE mood AS ENUM ('ok'); ALTER TYPE mood ADD VALUE 'fine'; ALTER TYPE mood RENAME VALUE 'ok' TO 'well';
CREATE TYPE pair AS (x int, y int); ALTER TYPE pair ADD ATTRIBUTE z int;
CREATE TYPE span AS RANGE (subtype = int);
CREATE TYPE shell;
CREATE DOMAIN positive AS int CHECK (VALUE > 0); ALTER DOMAIN positive SET DEFAULT 1;
CREATE COLLATION german (provider = libc, locale = 'C'); ALTER COLLATION german RENAME TO deutsch;
CREATE SEQUENCE numbers; ALTER SEQUENCE numbers INCREMENT 2;
CREATE TABLE parent (id int PRIMARY KEY, m mood, p positive);
CREATE TABLE child (id int REFERENCES parent, note text); ALTER TABLE child ADD CONSTRAINT c CHECK (id > 0) NOT VALID;
ALTER TABLE child VALIDATE CONSTRAINT c; ALTER TABLE child ALTER note SET STATISTICS 10;
CREATE INDEX child_note ON child (note); ALTER INDEX child_note RENAME TO child_by_note;
CREATE VIEW seen AS SELECT id FROM parent; ALTER VIEW seen RENAME COLUMN id TO number;
CREATE MATERIALIZED VIEW kept AS SELECT id FROM parent; ALTER MATERIALIZED VIEW kept RENAME TO stored;
CREATE STATISTICS st ON id, note FROM child; ALTER STATISTICS st SET STATISTICS 5;
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION one() COST 5;
CREATE PROCEDURE nothing() LANGUAGE sql AS ''; ALTER PROCEDURE nothing() RENAME TO nil;
CREATE AGGREGATE total(int) (sfunc = int4pl, stype = int); ALTER AGGREGATE total(int) RENAME TO sum_of;
CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW¤ END';
CREATE TRIGGER touch BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION touched(); ALTER TRIGGER touch ON child RENAME TO felt;
CREATE RULE r AS ON DELETE TO child DO INSTEAD NOTHING; ALTER RULE r ON child RENAME TO rr;
ALTER TABLE child ENABLE ROW LEVEL SECURITY; CREATE POLICY pol ON child USING (id = 1); ALTER POLICY pol ON child USING (id = 2);
CREATE CAST (pair AS text) WITH INOUT;
CREATE FUNCTION eq(pair, pair) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR === (LEFTARG = pair, RIGHTARG = pair, FUNCTION = eq); ALTER OPERATOR === (pair, pair) OWNER TO {role};
CREATE OPERATOR FAMILY fam USING btree; ALTER OPERATOR FAMILY fam USING btree RENAME TO family;
CREATE OPERATOR CLASS cls FOR TYPE pair USING hash AS OPERATOR 1 ===;
CREATE CONVERSION conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8; ALTER CONVERSION conv RENAME TO konv;
CREATE TEXT SEARCH DICTIONARY dict (TEMPLATE = simple); CREATE TEXT SEARCH CONFIGURATION conf (PARSER = default);
ALTER TEXT SEARCH CONFIGURATION conf ADD MAPPING FOR word WITH dict;
CREATE TEXT SEARCH PARSER pars (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype);
CREATE TEXT SEARCH TEMPLATE tmpl (LEXIZE = dsimple_lexize);
CREATE FOREIGN DATA WRAPPER wrap; CREATE SERVER srv FOREIGN DATA WRAPPER wrap; CREATE FOREIGN TABLE far (a int) SERVER srv;
CREATE USER MAPPING FOR {role} SERVER srv OPTIONS (password 'hunter2'); ALTER FOREIGN TABLE far ADD b int;
CREATE PUBLICATION pub FOR TABLE parent; ALTER PUBLICATION pub ADD TABLE child;
CREATE EXTENSION hstore SCHEMA kinds;
CREATE LANGUAGE pl HANDLER plpgsql_call_handler;
CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal));
CREATE TABLE made AS SELECT 1 AS a; SELECT 2 AS b INTO made_too;
COMMENT ON TABLE parent IS 'x'; COMMENT ON COLUMN parent.id IS 'y'; COMMENT ON FUNCTION one() IS 'z';
GRANT SELECT ON parent TO {role}; GRANT USAGE ON SCHEMA kinds TO {role}; REVOKE SELECT ON parent FROM {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA kinds GRANT SELECT ON TABLES TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA kinds REVOKE SELECT ON TABLES FROM {role};
ALTER TABLE parent OWNER TO {role}; REASSIGN OWNED BY {role} TO CURRENT_USER;
IMPORT FOREIGN SCHEMA nothing FROM SERVER srv INTO kinds;
ALTER SCHEMA kinds RENAME TO sorts;
REINDEX TABLE sorts.parent; CLUSTER sorts.parent USING parent_pkey; VACUUM FULL sorts.parent;
SET search_path = public;
DROP SCHEMA sorts CASCADE;
DROP FOREIGN DATA WRAPPER wrap CASCADE; DROP LANGUAGE pl; DROP PUBLICATION pub; DROP OWNED BY {role}; DROP ROLE {role}
"""


def test_every_kind_of_object(cluster: Cluster, guarded: str) -> None:
    """Whatever of it fails without us fails with us, and nothing else does."""
    bare = create_database(cluster, extension=False)
    outcomes = []
    for database in (bare, guarded):
        with cluster.connect(database) as connection:
            outcomes.append([
                (statement, failure_of(connection, statement.replace("¤", ";")))
                for statement in EVERY_KIND.format(role=f"kinds_{guarded}").split(";")
            ])
    assert outcomes[0] == outcomes[1]
    failed = [outcome for outcome in outcomes[0] if outcome[1]]
    assert len(outcomes[0]) > 80 and len(failed) <= 3, failed


def failure_of(connection: psycopg.Connection[Any], statement: str) -> str | None:
    try:
        connection.execute(statement)  # type: ignore[arg-type]
    except psycopg.Error as error:
        return str(error.sqlstate)
    return None


ERRORS = {
    "a position": "CREATE TABLE bad (a int DEFAULT (b))",
    "names": "ALTER TABLE filled ADD CONSTRAINT positive CHECK (a > 0)",
    "a context": "DO $$ BEGIN EXECUTE 'ALTER TABLE filled ALTER b TYPE int USING b::int'; END $$",
    "an internal query": "DO $$ BEGIN EXECUTE 'ALTER TABEL x'; END $$",
    "a hint": "DROP FUNCTION filled_function",
    "nested": "DO $$ BEGIN CREATE TABLE inner_one (a int); BEGIN CREATE TABLE inner_one (a int); EXCEPTION WHEN duplicate_table THEN NULL; END; ALTER TABLE inner_one ADD a int; END $$",
}


def said(connection: psycopg.Connection[Any], statement: str) -> dict[str, Any]:
    """Everything an error carries but where in the source it was raised."""
    with pytest.raises(psycopg.Error) as raised:
        connection.execute(statement)  # type: ignore[arg-type]
    diagnostic = raised.value.diag
    return {name: getattr(diagnostic, name) for name in dir(diagnostic) if not name.startswith("_")}


def test_errors_of_statements_reach_the_client_as_they_were_raised(cluster: Cluster, guarded: str) -> None:
    """With position, context, names and source, as on a server without us."""
    plain = {"max_prepared_transactions": 10}
    with Cluster(PG, "without", settings=plain, preload=False) as without:
        database = create_database(without, extension=False)
        with cluster.connect(guarded) as ours, without.connect(database) as theirs:
            for connection in (ours, theirs):
                connection.execute("CREATE TABLE filled (a int, b text); INSERT INTO filled VALUES (-1, 'x')")
                connection.execute("CREATE FUNCTION filled_function(int) RETURNS int LANGUAGE sql RETURN 1")
                connection.execute("CREATE FUNCTION filled_function(text) RETURNS int LANGUAGE sql RETURN 1")
            for kind, statement in ERRORS.items():
                expected = said(theirs, statement)
                assert said(ours, statement) == expected, kind
            # what ran inside of what failed is no more: the next statement has its own words
            ours.execute("CREATE TABLE afterwards (a int)")
            wait_indexed(ours)
            words = "SELECT statement FROM schema_monitor.ddl_event WHERE identity = 'public.afterwards'"
            assert one(ours, words) == ("CREATE TABLE afterwards (a int)",)
