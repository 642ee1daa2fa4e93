"""The setting mask: columns that nobody is told of but who manages the extension."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from support import create_database, one, wait_indexed

from tools.cluster import Cluster

SCHEMA = """
CREATE TABLE emp (id int PRIMARY KEY, hired_on date, base_salary numeric CHECK (base_salary > 0), ssn text);
COMMENT ON COLUMN emp.base_salary IS 'monthly remuneration in euros';
CREATE TABLE citizen (ssn text PRIMARY KEY, born_on date);
"""
HIDDEN = ("salary", "remuneration")


@pytest.fixture
def masked(cluster: Cluster) -> Iterator[tuple[str, psycopg.Connection[Any], psycopg.Connection[Any]]]:
    """A database where salaries, and employees' numbers, are masked; its owner, and a role that may read everything."""
    database = create_database(cluster, extension=False)
    with cluster.connect(database) as admin:
        admin.execute(SCHEMA)  # type: ignore[arg-type]
        admin.execute("DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO clerk")
        admin.execute(f"ALTER DATABASE {database} SET schema_monitor.mask = '*SALARY*, emp.ssn'")  # type: ignore[arg-type]
    with cluster.connect(database) as admin, cluster.connect(database, user="clerk") as clerk:
        admin.execute("CREATE EXTENSION schema_monitor CASCADE")
        wait_indexed(admin)
        yield database, admin, clerk
        admin.execute("DROP OWNED BY clerk; DROP ROLE clerk")


ASKED = [
    "SELECT row_to_json(s)::text FROM schema_monitor.search('salary remuneration ssn of employees', 50) AS s",
    "SELECT row_to_json(s)::text FROM schema_monitor.search('salary remuneration ssn of employees', 50, '{column}') AS s",
    "SELECT row_to_json(s)::text FROM schema_monitor.explain_search('salary remuneration ssn of employees', 50, '{column}') AS s",
    "SELECT schema_monitor.context('salary of employees')",
    "SELECT schema_monitor.context(NULL, tables => '{emp}')",
    "SELECT schema_monitor.context('salary', format => 'json')",
    "SELECT row_to_json(m)::text FROM schema_monitor.map_term('base salary', threshold => 0) AS m",
    "SELECT passage || column_name FROM schema_monitor.schema_embeddings",
    "SELECT suggestions::text FROM schema_monitor.validate_query('SELECT base_salry FROM emp')",
]


def test_whoever_does_not_manage_is_told_nothing(masked: tuple[str, psycopg.Connection[Any], psycopg.Connection[Any]]) -> None:
    _, admin, clerk = masked
    for sql in ASKED:
        told = str(clerk.execute(sql).fetchall()).lower()  # type: ignore[arg-type]
        assert not any(word in told for word in HIDDEN) and '"object_name":"emp","column_name":"ssn"' not in told, (sql, told)
        assert "hired_on" in told or "context" not in sql, (sql, told)
    tuples = "SELECT object_name, column_name FROM schema_monitor.search('social security number ssn', 50, '{column}') WHERE column_name = 'ssn'"
    assert clerk.execute(tuples).fetchall() == [("citizen", "ssn")], "masked by table.column"
    assert set(admin.execute(tuples).fetchall()) == {("citizen", "ssn"), ("emp", "ssn")}
    admin.execute("SELECT schema_monitor.learn('tax file', 'emp.ssn')")
    glossary = "SELECT mapping, stale FROM schema_monitor.glossary"
    admin.execute("ALTER TABLE emp DROP ssn")
    wait_indexed(admin)
    assert admin.execute(glossary).fetchall() == [("public.emp.ssn", True)] and clerk.execute(glossary).fetchall() == [], "nor what it was called"
    assert "ssn" in str(clerk.execute("SELECT schema_monitor.context(NULL, tables => '{citizen}')").fetchall()), "masked in emp alone"
    assert one(clerk, "SELECT count(*) FROM schema_monitor.search('employee hired', 1) WHERE object_name = 'emp'") == (1,)
    with pytest.raises(psycopg.errors.UndefinedColumn):
        clerk.execute("SELECT schema_monitor.mapping_confidence('pay', 'emp.base_salary')")
    assert one(admin, "SELECT column_name FROM schema_monitor.search('base salary', 1, '{column}')") == ("base_salary",)
    assert "base_salary numeric, -- monthly remuneration" in one(admin, "SELECT schema_monitor.context(NULL, tables => '{emp}')")[0]


def test_who_manages_and_the_setting_decide_at_once(masked: tuple[str, psycopg.Connection[Any], psycopg.Connection[Any]]) -> None:
    database, admin, clerk = masked
    seen = "SELECT count(*) FROM schema_monitor.schema_embeddings WHERE column_name = 'base_salary'"
    assert one(clerk, seen) == (0,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        clerk.execute("SET schema_monitor.mask = ''")
    admin.execute("GRANT EXECUTE ON FUNCTION schema_monitor.check(boolean) TO clerk")
    assert one(clerk, seen) == (1,)
    admin.execute("REVOKE EXECUTE ON FUNCTION schema_monitor.check(boolean) FROM clerk")
    assert one(clerk, seen) == (0,)
    admin.execute("ALTER TABLE emp RENAME base_salary TO base_pay; ALTER TABLE emp RENAME hired_on TO salary_since")
    assert one(clerk, "SELECT array_agg(column_name::text ORDER BY 1) FROM schema_monitor.schema_embeddings WHERE object_name = 'emp' AND column_number IN (2, 3)") == (["base_salary"],), "by the name of now"
    wait_indexed(admin)
    assert one(clerk, "SELECT array_agg(column_name::text) FROM schema_monitor.schema_embeddings WHERE object_name = 'emp' AND column_number IN (2, 3)") == (["base_pay"],)
    # an own passage and words were made without it
    assert "salary since" not in one(admin, "SELECT passage FROM schema_monitor.schema_embeddings WHERE object_name = 'emp' AND column_number = 0")[0]


def test_a_setting_that_cannot_be_read_is_an_error(masked: tuple[str, psycopg.Connection[Any], psycopg.Connection[Any]]) -> None:
    _, admin, _ = masked
    admin.execute("SET schema_monitor.mask = 'a.b.c.d'")
    with pytest.raises(psycopg.errors.InvalidParameterValue) as caught:
        admin.execute("SELECT * FROM schema_monitor.search('employee')")
    assert "a.b.c.d" in str(caught.value.diag.message_detail)
