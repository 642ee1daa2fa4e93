"""validate_request(): a document against a table, compared with what an INSERT of it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from support import create_database, wait_indexed

from tools.cluster import Cluster

SCHEMA = """
CREATE TYPE state AS ENUM ('open', 'shipped');
CREATE DOMAIN percent AS int CHECK (VALUE BETWEEN 0 AND 100);
CREATE FUNCTION public.is_even(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 % 2 = 0';
CREATE TABLE public.request (
    id int GENERATED ALWAYS AS IDENTITY, code varchar(3) NOT NULL, state state NOT NULL DEFAULT 'open', share percent,
    amount numeric(6, 2), placed_on date, tags text[], extra jsonb, "Mixed Name" int, ratio numeric GENERATED ALWAYS AS (amount * 2) STORED,
    pair int, CHECK (amount > 0), CONSTRAINT even CHECK (is_even(pair)), CONSTRAINT late CHECK (placed_on > '2020-01-01' OR code = 'old'),
    CONSTRAINT "100 / pair" CHECK (100 / pair <> 7)
);
"""


@pytest.fixture(scope="module")
def table(cluster: Cluster) -> Iterator[psycopg.Connection[Any]]:
    with cluster.connect(create_database(cluster)) as connection:
        connection.execute(SCHEMA)  # type: ignore[arg-type]
        wait_indexed(connection)
        yield connection


def violations(connection: psycopg.Connection[Any], document: Any, relation: str = "request") -> list[tuple[Any, ...]]:
    sql = "SELECT path, rule, sqlstate, expected, message FROM schema_monitor.validate_request(%s::jsonb, %s::regclass)"
    return connection.execute(sql, (document if isinstance(document, str) else json.dumps(document), relation)).fetchall()


GOOD: dict[str, Any] = {"code": "abc", "amount": 12.5, "placed_on": "2024-02-29", "tags": ["a", None], "extra": {"any": [1]}, "share": 40, "Mixed Name": 1, "pair": 4}
WRONG = [
    ({**GOOD, "cod": 1}, ("cod", "unknown_column", "42703", "code")),
    ({"amount": 1}, ("code", "required", "23502", "character varying(3)")),
    ({**GOOD, "code": None}, ("code", "not_null", "23502", "character varying(3)")),
    ({**GOOD, "code": "abcd"}, ("code", "type", "22001", "character varying(3)")),
    ({**GOOD, "state": "lost"}, ("state", "type", "22P02", "public.state: one of open, shipped")),
    ({**GOOD, "share": 101}, ("share", "type", "23514", "public.percent")),
    ({**GOOD, "share": "x"}, ("share", "type", "22P02", "public.percent")),
    ({**GOOD, "amount": 12345.6}, ("amount", "type", "22003", "numeric(6,2)")),
    ({**GOOD, "amount": "12345678901234567890123"}, ("amount", "type", "22003", "numeric(6,2)")),
    ({**GOOD, "amount": 10**400}, ("amount", "type", "22003", "numeric(6,2)")),
    ({**GOOD, "placed_on": "2023-02-29"}, ("placed_on", "type", "22008", "date")),
    ({**GOOD, "tags": "a"}, ("tags", "type", "22P02", "text[]")),
    ({**GOOD, "id": 5}, ("id", "generated", "428C9", "integer")),
    ({**GOOD, "ratio": 5}, ("ratio", "generated", "428C9", "numeric")),
    ({**GOOD, "amount": -1}, ("", "check", "23514", "(amount > (0)::numeric)")),
    ({**GOOD, "pair": 5}, ("", "check", "23514", "public.is_even(pair)")),
    ({**GOOD, "pair": 0}, ("", "check", "22012", "((100 / pair) <> 7)")),
    ({**GOOD, "placed_on": "2019-01-01"}, ("", "check", "23514", "((placed_on > '2020-01-01'::date) OR ((code)::text = 'old'::text))")),
]


def test_good_documents_pass_and_can_be_inserted(table: psycopg.Connection[Any]) -> None:
    for good in (GOOD, {"code": "x"}, {"code": "old", "placed_on": "1999-01-01"}, {"code": "x", "amount": None, "state": "shipped"}):
        assert violations(table, good) == [], good
        assert _insert(table, good) is None, good
    assert violations(table, [GOOD, {"code": "y"}]) == [] and violations(table, []) == []


@pytest.mark.parametrize("at", range(len(WRONG)))
def test_each_violation_is_named_and_an_insert_fails_with_its_sqlstate(table: psycopg.Connection[Any], at: int) -> None:
    document, wanted = WRONG[at]
    found = violations(table, document)
    assert [row[:4] for row in found] == [wanted], found
    assert _insert(table, document) == wanted[2]


def _insert(connection: psycopg.Connection[Any], document: dict[str, Any]) -> str | None:
    """The SQLSTATE with which an INSERT of the document fails."""
    columns = ", ".join('"' + key.replace('"', '""') + '"' for key in document)
    values = ", ".join(f'r."{key}"' for key in document)
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(f"INSERT INTO request ({columns}) SELECT {values} FROM jsonb_populate_record(NULL::request, %s) AS r", (json.dumps(document),))  # type: ignore[arg-type]
    except psycopg.Error as error:
        return error.sqlstate
    return None


def test_everything_wrong_is_told_with_its_path(table: psycopg.Connection[Any]) -> None:
    found = violations(table, [GOOD, {"state": "lost", "x": 1}, 7, None])
    assert [(row[0], row[1]) for row in found] == [("[1].x", "unknown_column"), ("[1].code", "required"), ("[1].state", "type"), ("[2]", "object"), ("[3]", "object")]
    assert violations(table, "3")[0][4] == "a row is an object, this is a number"
    assert violations(table, {"code": "x", "amount": 0.001})[0][1] == "check", "as the column rounds it"
    assert len(violations(table, [{}] * 5_000)) == 1_000


def test_domains_that_are_not_null_and_names_of_others(cluster: Cluster, table: psycopg.Connection[Any]) -> None:
    """Look-alikes of operators and functions in the caller's search_path are nobody's business."""
    table.execute("CREATE DOMAIN filled AS text NOT NULL; CREATE TABLE strict (a int, b filled, c text[] CHECK (array_length(c, 1) < 3))")
    table.execute("CREATE TABLE trapped (a int); CREATE SCHEMA trap; CREATE FUNCTION trap.array_length(text[], int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''trapped''; END'")
    wait_indexed(table)
    assert violations(table, {"a": 1, "b": "x"}, "strict") == []
    assert [row[:3] for row in violations(table, {"a": 1}, "strict")] == [("b", "required", "23502")]
    with table.transaction():
        table.execute("SET LOCAL search_path = trap, public")
        assert violations(table, {"b": "x", "c": ["1"]}, "strict") == []
        assert [row[1] for row in violations(table, {"b": "x", "c": ["1", "2", "3"]}, "strict")] == ["check"]


def test_many_unknown_keys_take_no_time(table: psycopg.Connection[Any]) -> None:
    table.execute("SET statement_timeout = '10s'")
    found = violations(table, {f"k{at}": 1 for at in range(100_000)})
    table.execute("RESET statement_timeout")
    assert len(found) == 1_000 and {row[1] for row in found} == {"unknown_column"}


def test_no_digit_is_lost(table: psycopg.Connection[Any]) -> None:
    table.execute("CREATE TABLE exact (a numeric CHECK (a <> 0.1234567890123456789012345), b bigint)")
    wait_indexed(table)
    assert violations(table, '{"a": 0.1234567890123456789012346, "b": 9223372036854775807}', "exact") == []
    assert [row[1] for row in violations(table, '{"a": 0.1234567890123456789012345}', "exact")] == ["check"]
    assert [row[:3] for row in violations(table, '{"b": 9223372036854775808}', "exact")] == [("b", "type", "22003")]


def test_it_writes_nothing_and_takes_no_lock_that_stays(table: psycopg.Connection[Any]) -> None:
    table.execute("CREATE TABLE written (a int); CREATE FUNCTION note(int) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.written VALUES ($1); RETURN true; END'")
    table.execute("CREATE TABLE tricky (a int CHECK (public.note(a)))")
    wait_indexed(table)
    with table.transaction():
        violations(table, {"a": 1}, "tricky")
        locks = table.execute("SELECT relation::regclass::text FROM pg_locks WHERE pid = pg_backend_pid() AND relation IN ('tricky'::regclass, 'written'::regclass)").fetchall()
        assert locks == []
    assert table.execute("SELECT count(*) FROM written").fetchall() == [(0,)]


def test_rights_and_wrong_relations(cluster: Cluster, table: psycopg.Connection[Any]) -> None:
    table.execute("DROP ROLE IF EXISTS request_reader; CREATE ROLE request_reader LOGIN")
    try:
        with cluster.connect(table.info.dbname, user="request_reader") as reader:
            with pytest.raises(psycopg.errors.UndefinedTable):
                violations(reader, {"code": "x"})
            table.execute("GRANT SELECT (code) ON request TO request_reader")
            assert [row[:2] for row in violations(reader, {"code": "x", "amount": -1})] == [("amount", "unknown_column")], "as if there were no more"
            table.execute("GRANT INSERT ON request TO request_reader")
            assert [row[:2] for row in violations(reader, {"code": "x", "amount": -1})] == [("", "check")]
    finally:
        table.execute("DROP OWNED BY request_reader; DROP ROLE request_reader")
    table.execute("CREATE INDEX request_code ON request (code)")
    for relation in ("request_code", "pg_toast.pg_toast_1255"):
        with pytest.raises(psycopg.errors.UndefinedTable):
            violations(table, {}, relation)
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        violations(table, [{}] * 10_001)
    assert table.execute("SELECT * FROM schema_monitor.validate_request(NULL, 'request')").fetchall() == []
