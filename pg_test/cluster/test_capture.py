"""Every committed DDL is noted once; whatever goes wrong in noting it, the user's DDL goes on."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from support import audit, changes_since, create_database, one, version, wait_indexed

from tools.cluster import Cluster, wait_until


def events(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """(tag, identity, dropped, statement) of every event, in order of transactions."""
    return connection.execute(
        "SELECT command_tag, identity, dropped, statement FROM schema_monitor.ddl_event ORDER BY xid, ordinal"
    ).fetchall()


def test_an_event_says_who_what_and_with_which_words(cluster: Cluster, database: str) -> None:
    with cluster.connect("postgres") as admin:
        admin.execute(f"CREATE ROLE dev_{database} LOGIN SUPERUSER; CREATE ROLE owner_{database}")
    with cluster.connect(database, user=f"dev_{database}", application_name="migrator") as connection:
        connection.execute(f"CREATE SCHEMA app AUTHORIZATION owner_{database}; SET ROLE owner_{database}")
        connection.execute("SELECT 1; CREATE TABLE app.t (a int) ; SELECT 2")
        connection.execute("RESET ROLE")
        row = one(
            connection,
            """SELECT command_tag, object_type, schema_name, identity, session_role, "current_role", application,
                   statement, occurred_at <= now()
               FROM schema_monitor.ddl_event WHERE object_type = 'table'""",
        )
    assert row == (
        "CREATE TABLE", "table", "app", "app.t", f"dev_{database}", f"owner_{database}", "migrator",
        "CREATE TABLE app.t (a int)", True,
    )


def test_statements_that_may_carry_a_secret_keep_no_text(connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT 'hunter2' $$")
    connection.execute("DO $$ BEGIN EXECUTE 'CREATE TABLE made_in_do (a int)'; PERFORM 'hunter2'; END $$")
    connection.execute("CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (k 'hunter2')")
    texts = [str(statement) for *_rest, statement in events(connection)]
    assert len(texts) == 4 and not any("hunter2" in text for text in texts)
    assert "CREATE TABLE made_in_do (a int)" in texts


def test_rolled_back_and_temporary_leave_nothing(connection: psycopg.Connection[Any]) -> None:
    connection.execute("BEGIN; CREATE TABLE a (x int); ROLLBACK")
    connection.execute("BEGIN; SAVEPOINT s; CREATE TABLE b (x int); ROLLBACK TO s; CREATE TABLE c (x int); COMMIT")
    connection.execute("CREATE TEMP TABLE d (x int); CREATE INDEX ON d (x); DROP TABLE d")
    assert [identity for _tag, identity, *_rest in events(connection)] == ["public.c"]


def test_a_drop_cascade_is_bounded_and_complete(connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE TABLE p (a int) PARTITION BY LIST (a)")
    connection.execute(
        "DO $$ BEGIN FOR i IN 1..200 LOOP EXECUTE format('CREATE TABLE p%s PARTITION OF p FOR VALUES IN (%s)', i, i);"
        " END LOOP; END $$"
    )
    wait_indexed(connection)
    before, known = len(events(connection)), version(connection)
    connection.execute("DROP TABLE p")
    wait_indexed(connection)
    assert len(events(connection)) - before <= 201
    dropped = [change for change in changes_since(connection, known) if change[0] == "table_dropped"]
    assert len(dropped) == 201 and audit(connection) == []


@pytest.mark.parametrize("broken", ["renamed", "missing column", "locked"])
def test_ddl_goes_on_when_it_cannot_be_noted(cluster: Cluster, broken: str) -> None:
    database = create_database(cluster)
    breaking, mending = {
        "renamed": (
            "ALTER TABLE schema_monitor.ddl_event RENAME TO elsewhere",
            "ALTER TABLE schema_monitor.elsewhere RENAME TO ddl_event",
        ),
        "missing column": (
            "ALTER TABLE schema_monitor.ddl_event RENAME identity TO other",
            "ALTER TABLE schema_monitor.ddl_event RENAME other TO identity",
        ),
        "locked": ("BEGIN; LOCK TABLE schema_monitor.ddl_event IN ACCESS EXCLUSIVE MODE", "ROLLBACK"),
    }[broken]
    notices: list[str] = []
    with cluster.connect(database) as connection, cluster.connect(database) as saboteur:
        wait_indexed(connection)
        known = version(connection)
        connection.add_notice_handler(lambda diagnostic: notices.append(str(diagnostic.message_primary)))
        saboteur.execute(breaking)
        # Not waiting for the lock is what is tested: with the server's default, wait for ever.
        connection.execute("SET statement_timeout = '5s'")
        connection.execute("CREATE TABLE t (a int)")
        connection.execute("ALTER TABLE t ADD b int")
        connection.execute("CREATE INDEX CONCURRENTLY i ON t (a)")
        saboteur.execute(mending)
        assert one(connection, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass") == (True,)
        assert len(notices) == 1 and "schema_monitor" in notices[0]
        wait_until(lambda: ("table_added", "public.t", None) in changes_since(connection, known), "the gap's closing")
        wait_until(lambda: audit(connection) == [], "history that equals the catalog")


def test_switched_off_it_captures_nothing_and_finds_it_later(connection: psycopg.Connection[Any]) -> None:
    wait_indexed(connection)
    known = version(connection)
    connection.execute("SET schema_monitor.enabled = off; CREATE TABLE t (a int); SET schema_monitor.enabled = on")
    assert events(connection) == []
    wait_until(lambda: ("table_added", "public.t", None) in changes_since(connection, known), "the reconciliation")
    (origin,) = one(connection, "SELECT origin FROM schema_monitor.versions ORDER BY version DESC LIMIT 1")
    assert origin == "reconciled"


def test_prepared_transactions_work_and_wake_the_monitor(cluster: Cluster, database: str) -> None:
    with cluster.connect(database) as connection:
        wait_indexed(connection)
        known = version(connection)
        connection.execute("BEGIN; CREATE TABLE prepared (a int); PREPARE TRANSACTION 'x'")
        # An event with a lower number commits after one with a higher number has been drained.
        connection.execute("CREATE TABLE later (a int)")
        wait_indexed(connection)
        assert ("table_added", "public.later", None) in changes_since(connection, known)
        with cluster.connect(database) as other:
            other.execute("COMMIT PREPARED 'x'")
        wait_until(
            lambda: ("table_added", "public.prepared", None) in changes_since(connection, known), "the prepared table"
        )
        connection.execute("BEGIN; CREATE TABLE undone (a int); PREPARE TRANSACTION 'y'")
        connection.execute("ROLLBACK PREPARED 'y'")
        wait_indexed(connection)
        assert audit(connection) == []


def test_the_functions_refuse_to_be_called_by_hand(connection: psycopg.Connection[Any]) -> None:
    for function in ("_capture_commands", "_capture_drops"):
        with pytest.raises(psycopg.Error):
            connection.execute(f"SELECT schema_monitor.{function}()")


def test_names_of_every_kind(connection: psycopg.Connection[Any]) -> None:
    names = ['with "quotes"', "new\nline", "ä" * 31, "emoji 🦀", "SELECT", "x; DROP TABLE y; --", "back\\slash"]
    for name in names:
        quoted = name.replace('"', '""')
        connection.execute(f'CREATE SCHEMA "{quoted}"; CREATE TABLE "{quoted}"."{quoted}" ("{quoted}" int)')
    wait_indexed(connection)
    found = connection.execute("SELECT object_name FROM schema_monitor.objects WHERE kind = 'table'").fetchall()
    assert sorted(name for (name,) in found) == sorted(names)
    assert audit(connection) == []


def test_1600_columns(connection: psycopg.Connection[Any]) -> None:
    columns = ", ".join(f"c{i} int" for i in range(1600))
    connection.execute(f"CREATE TABLE wide ({columns})")
    connection.execute("SELECT schema_monitor.check()")
    assert audit(connection) == []


def test_the_owner_looks_up_no_name_where_the_caller_says(cluster: Cluster, database: str) -> None:
    """Capture runs as the extension's owner: an operator in the caller's search_path must not run there."""
    role = f"mallory_{database}"
    with cluster.connect(database) as owner:
        owner.execute(
            f"""CREATE ROLE {role} LOGIN; CREATE SCHEMA trap AUTHORIZATION {role};
                CREATE TABLE trap.caught (who text); GRANT ALL ON trap.caught TO PUBLIC"""
        )
        with cluster.connect(database, user=role) as session:
            for name, result in (("<>", "true"), ("=", "false"), ("+", None)):
                kind = "text" if result else "bigint"
                returns = "boolean" if result else "bigint"
                session.execute(
                    f"""CREATE FUNCTION trap.spring_{kind}_{returns}_{ord(name[0])}(a {kind}, b {kind}) RETURNS {returns}
                        LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trap.caught VALUES (current_user);
                        RETURN {result or 'a'}; END $$;
                        CREATE OPERATOR trap.{name} (LEFTARG = {kind}, RIGHTARG = {kind},
                            FUNCTION = trap.spring_{kind}_{returns}_{ord(name[0])})"""
                )
            session.execute("SET search_path = trap, pg_catalog; CREATE TABLE trap.bait (a int); DROP TABLE trap.bait")
        assert owner.execute("SELECT who FROM trap.caught").fetchall() == []
        assert ("CREATE TABLE", "trap.bait") in [event[:2] for event in events(owner)]
        owner.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")
