"""The privilege matrix: what each role is shown, by each way of asking, against a file that people read.

`expected/privileges.txt` is written anew with SCHEMA_MONITOR_EXPECT=write; look at the difference before it is committed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from support import create_database, one, wait_indexed

from tools.cluster import Cluster

EXPECTED = Path(__file__).parent / "expected" / "privileges.txt"
PREFIX = "matrix_"

# Every object has a word of its own in its name, its columns and its comment, so that any trace of it is found.
SCHEMA = """
CREATE SCHEMA open; CREATE SCHEMA closed;
CREATE TABLE open.apple (id int PRIMARY KEY, apple_price int);
COMMENT ON TABLE open.apple IS 'apple comment'; COMMENT ON COLUMN open.apple.apple_price IS 'apple price comment';
CREATE TABLE open.banana (id int PRIMARY KEY, banana_public text, banana_secret text);
COMMENT ON COLUMN open.banana.banana_secret IS 'banana secret comment';
CREATE TABLE open.cherry (id int REFERENCES open.apple, cherry_owner text);
ALTER TABLE open.cherry ENABLE ROW LEVEL SECURITY;
CREATE POLICY cherry_policy ON open.cherry USING (cherry_owner = current_user);
CREATE VIEW open.damson AS SELECT id AS damson_id, banana_secret AS damson_alias FROM open.banana;
CREATE MATERIALIZED VIEW open.elder AS SELECT count(*) AS elder_count FROM open.apple;
CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE open.fig (fig_id int) SERVER nowhere;
CREATE FUNCTION open.grape(grape_argument int) RETURNS int LANGUAGE sql RETURN grape_argument;
REVOKE EXECUTE ON FUNCTION open.grape FROM PUBLIC;
CREATE TYPE open.hazel AS ENUM ('hazel_label'); REVOKE USAGE ON TYPE open.hazel FROM PUBLIC;
CREATE SEQUENCE open.iris;
CREATE TABLE closed.juniper (juniper_id int);
CREATE TABLE open.kiwi (kiwi_id int);
CREATE TABLE open.alembic_version (version_num text); INSERT INTO open.alembic_version VALUES ('mango');
"""
WORDS = ["apple", "banana", "cherry", "damson", "elder", "fig", "grape", "hazel", "iris", "juniper", "kiwi", "lemon", "mango"]

# role: what it is granted
ROLES = {
    "stranger": "",
    "usage_only": "GRANT USAGE ON SCHEMA open TO {r}",
    "no_usage": "GRANT SELECT ON ALL TABLES IN SCHEMA open TO {r}",
    "table_reader": "GRANT USAGE ON SCHEMA open TO {r}; GRANT SELECT ON open.apple TO {r}",
    "migrator": "GRANT USAGE ON SCHEMA open TO {r}; GRANT SELECT ON open.apple, open.alembic_version TO {r}",
    "column_reader": "GRANT USAGE ON SCHEMA open TO {r}; GRANT SELECT (id, banana_public) ON open.banana TO {r}",
    "view_reader": "GRANT USAGE ON SCHEMA open TO {r}; GRANT SELECT ON open.damson TO {r}",
    "matview_reader": "GRANT USAGE ON SCHEMA open TO {r}; GRANT SELECT ON open.elder TO {r}",
    "foreign_reader": "GRANT USAGE ON SCHEMA open TO {r}; GRANT SELECT ON open.fig TO {r}",
    "rls_reader": "GRANT USAGE ON SCHEMA open TO {r}; GRANT SELECT ON open.cherry TO {r}",
    "writer": "GRANT USAGE ON SCHEMA open TO {r}; GRANT INSERT ON open.apple TO {r}",
    "caller": "GRANT USAGE ON SCHEMA open TO {r}; GRANT EXECUTE ON FUNCTION open.grape TO {r}",
    "typist": "GRANT USAGE ON SCHEMA open TO {r}; GRANT USAGE ON TYPE open.hazel TO {r}; GRANT USAGE ON SEQUENCE open.iris TO {r}",
    "closed_reader": "GRANT SELECT ON closed.juniper TO {r}",
    "table_owner": "GRANT USAGE ON SCHEMA open TO {r}; ALTER TABLE open.kiwi OWNER TO {r}",
    "watcher": "GRANT pg_monitor TO {r}",
    "data_reader": "GRANT pg_read_all_data TO {r}",
}

ALL_WORDS = " ".join(WORDS)
# a way of asking: a query of one column
QUESTIONS = {
    "objects": "SELECT kind || ' ' || identity FROM schema_monitor.objects WHERE schema_name IN ('open', 'closed')",
    "changes": "SELECT DISTINCT change || ' ' || identity || coalesce(' ' || part, '') FROM schema_monitor.changes WHERE identity ~ '^(open|closed)[.]'",
    "diff": "SELECT DISTINCT change || ' ' || identity || coalesce(' ' || part, '') FROM schema_monitor.diff(0) WHERE identity ~ '^(open|closed)[.]'",
    "schema_at": "SELECT o ->> 'kind' || ' ' || (o ->> 'name') FROM jsonb_array_elements(schema_monitor.schema_at() -> 'objects') AS o WHERE o ->> 'schema' IN ('open', 'closed')",
    "diff_with": "SELECT DISTINCT change || ' ' || identity FROM schema_monitor.diff_with('{\"objects\": []}') WHERE identity ~ '^(open|closed)[.]'",
    "migration": "SELECT DISTINCT kind || ' ' || identity FROM schema_monitor.migration(0) WHERE identity ~ '^(open|closed)[.]'",
    "apply_migration": "SELECT statements::text FROM schema_monitor.apply_migration(1, 1)",
    "dependents": "SELECT kind || ' ' || identity FROM schema_monitor.dependents('open.apple'::regclass) WHERE identity !~ 'ask_'",
    "dependents of a column": "SELECT kind || ' ' || identity FROM schema_monitor.dependents('open.banana'::regclass, 'banana_secret') WHERE identity !~ 'ask_'",
    "classify": "SELECT action || ' ' || coalesce(relation, '') || ' ' || coalesce(dependents::text, '') FROM schema_monitor.classify('DROP TABLE open.cherry') WHERE action <> 'drop_table'",
    "migrations_applied": "SELECT tool || ' ' || revision || ' ' || relation FROM schema_monitor.migrations_applied()",
    "versions": "SELECT DISTINCT m.migration FROM schema_monitor.versions AS v CROSS JOIN unnest(v.migrations) AS m(migration)",
    "drift": "SELECT DISTINCT change || ' ' || identity || coalesce(' ' || part, '') FROM schema_monitor.drift()",
    "performance_since": "SELECT DISTINCT identity FROM schema_monitor.performance_since((SELECT max(version) FROM schema_monitor.versions))",
    "fingerprint_tree": "SELECT schema_monitor.fingerprint_tree()::text",
    "compare": "SELECT object_name FROM schema_monitor.compare('{}')",
    "search": f"SELECT identity || coalesce(' (' || column_name || ')', '') FROM schema_monitor.search('{ALL_WORDS}', 100)",
    "search columns": f"SELECT identity || ' ' || column_name FROM schema_monitor.search('{ALL_WORDS}', 100, '{{column}}')",
    "explain_search": f"SELECT DISTINCT identity || ' ' || coalesce(reason, '') FROM schema_monitor.explain_search('{ALL_WORDS}', 100) WHERE part = 'words'",
    "context": f"SELECT regexp_replace(line, '[0-9]+', 'n') FROM string_to_table(schema_monitor.context('{ALL_WORDS}', format => 'text'), E'\\n') AS line",
    "context of tables": "SELECT count(schema_monitor.context(NULL, tables => '{open.banana}'))::text",
    "join_path": "SELECT condition FROM schema_monitor.join_path('{open.cherry,open.apple}')",
    "validate_query": "SELECT concat_ws(' ', sqlstate, suggestions) FROM schema_monitor.validate_query('SELECT banana_secre FROM open.banana')",
    "validate_query of a secret": "SELECT concat_ws(' ', valid, sqlstate, message) FROM schema_monitor.validate_query('SELECT banana_secret FROM open.banana')",
    "validate_query of a wrong table": "SELECT suggestions::text FROM schema_monitor.validate_query('SELECT 1 FROM open.aple')",
    "build_query": "SELECT replace(sql, E'\\n', ' ') FROM schema_monitor.build_query('{\"metrics\": [{\"function\": \"count\", \"of\": \"open.banana.banana_secret\"}], \"dimensions\": [{\"of\": \"open.banana.banana_public\"}]}'::jsonb)",
    "build_query of a question": "SELECT concat_ws(' ', replace(sql, E'\\n', ' '), intent_used) FROM schema_monitor.build_query('number of bananas by banana secret', 0)",
    "optimize_query": "SELECT concat_ws(' ', rule, object) FROM schema_monitor.optimize_query('SELECT 1 FROM open.banana WHERE lower(banana_secret::text) = ''x'' OFFSET 1000')",
    "suggest_alternatives": "SELECT statement FROM schema_monitor.suggest_alternatives('SELECT banana_publc FROM open.banana')",
    "validate_request": "SELECT concat_ws(' ', path, rule, expected) FROM schema_monitor.validate_request('{\"banana_secre\": 1}', 'open.banana'::regclass)",
    "map_term": "SELECT mapping || ' ' || source FROM schema_monitor.map_term('apple price', threshold => 0.9)",
    "map_term of what was taught": "SELECT mapping || ' ' || source FROM schema_monitor.map_term('fruit', threshold => 1) WHERE source = 'learned'",
    "mapping_confidence": "SELECT (schema_monitor.mapping_confidence('fruit', 'open.banana.banana_secret') > 0.5)::text",
    "similar_terms": "SELECT similar_term || ' ' || mapping FROM schema_monitor.similar_terms('fruits')",
    "glossary": "SELECT term || ' ' || mapping || ' ' || stale FROM schema_monitor.glossary",
    "export_glossary": "SELECT line FROM string_to_table(schema_monitor.export_glossary('csv'), E'\n') AS line WHERE line <> ''",
    "learn": "SELECT schema_monitor.learn('taught', 'open.apple')::text",
    "forget": "SELECT schema_monitor.forget('nothing taught')::text",
    "import_glossary": "SELECT schema_monitor.import_glossary('[]')::text",
    "_term": "SELECT template FROM schema_monitor._term",
    "_term_object": "SELECT column_name FROM schema_monitor._term_object",
    "semantics": "SELECT concat_ws('.', object_name, column_name) || ' ' || semantic_type || ' ' || display_name FROM schema_monitor.semantics WHERE schema_name IN ('open', 'closed')",
    "set_semantics": "SELECT schema_monitor.set_semantics('open.apple', 'lookup')::text",
    "reset_semantics": "SELECT schema_monitor.reset_semantics('open.apple')::text",
    "_description": "SELECT display_name FROM schema_monitor._description",
    "_activity": "SELECT count(*)::text FROM schema_monitor._activity HAVING count(*) > 0",
    "schema_embeddings": "SELECT kind || ' ' || object_name || coalesce('.' || column_name, '') FROM schema_monitor.schema_embeddings",
    "fingerprint(regclass)": "SELECT count(schema_monitor.fingerprint('open.apple'::regclass))::text",
    "embed_query": "SELECT count(schema_monitor.embed_query('x'))::text",
    "status": "SELECT (version > 0)::text FROM schema_monitor.status()",
    "wait_until_indexed": "SELECT count(schema_monitor.wait_until_indexed('0'))::text",
    "check": "SELECT updated::text FROM schema_monitor.check()",
    "ddl_event": "SELECT (count(*) > 0)::text FROM schema_monitor.ddl_event",
    "_object": "SELECT identity FROM schema_monitor._object",
    "_passage": "SELECT passage FROM schema_monitor._passage",
    "_audit": "SELECT identity FROM schema_monitor._audit()",
}

# Whose errors repeat the name that was asked about: what they show is in the file.
REPEATING = {"context of tables", "join_path", "build_query", "optimize_query", "validate_query of a secret", "mapping_confidence", "learn", "set_semantics", "reset_semantics"}

Ask = Callable[[str, str], list[str]]


@pytest.fixture(scope="module")
def matrix(cluster: Cluster) -> Iterator[str]:
    """The schema, the roles, and a table that was dropped."""
    database = create_database(cluster)
    with cluster.connect(database) as connection:
        wait_indexed(connection)  # what the first version finds is no change
        connection.execute(SCHEMA)
        wait_indexed(connection)
        for role, grants in ROLES.items():
            connection.execute(f"CREATE ROLE {PREFIX}{role} LOGIN")  # type: ignore[arg-type]
            if grants:
                connection.execute(grants.format(r=PREFIX + role))  # type: ignore[arg-type]
        connection.execute(f"CREATE TABLE open.lemon (lemon_id int); ALTER TABLE open.lemon OWNER TO {PREFIX}table_owner")  # type: ignore[arg-type]
        wait_indexed(connection)
        connection.execute("SELECT schema_monitor.learn('fruit', 'open.banana.banana_secret'), schema_monitor.learn('fruit', 'open.apple.apple_price * 2'), schema_monitor.learn('fruit', 'open.lemon')")
        connection.execute("DROP TABLE open.lemon")
        connection.execute("CREATE ROLE matrix_passer LOGIN SUPERUSER")
        wait_indexed(connection)
        connection.execute("ALTER TABLE open.apple ALTER apple_price SET DEFAULT 1; ALTER TABLE open.banana ALTER banana_secret SET DEFAULT 'x'")
        wait_indexed(connection)
    yield database
    with cluster.connect(database) as connection:
        connection.execute("DROP OWNED BY " + ", ".join(PREFIX + role for role in ROLES) + " CASCADE")  # type: ignore[arg-type]
    cluster.psql(f"DROP DATABASE {database} WITH (FORCE)")
    with cluster.connect("postgres") as connection:
        connection.execute("DROP ROLE matrix_passer, " + ", ".join(PREFIX + role for role in ROLES))  # type: ignore[arg-type]


def answer(connection: psycopg.Connection[Any], question: str) -> list[str]:
    """The rows in order, or the error: its SQLSTATE, and all it says."""
    try:
        return sorted(str(value) for (value,) in connection.execute(question))  # type: ignore[arg-type]
    except psycopg.Error as error:
        said = (error.diag.message_primary, error.diag.message_detail, error.diag.message_hint)
        return [f"error {error.sqlstate}: " + " / ".join(part for part in said if part)]


def by_login(cluster: Cluster, database: str) -> Ask:
    def ask(role: str, question: str) -> list[str]:
        with cluster.connect(database, user=PREFIX + role) as connection:
            return answer(connection, question)

    return ask


def table_of(ask: Ask) -> str:
    """Role by role, question by question."""
    lines = []
    for role in ROLES:
        lines.append(f"== {role}: {ROLES[role].replace(' TO {r}', '').replace('{r}', 'it') or 'nothing'}")
        for name, question in QUESTIONS.items():
            rows = ask(role, question)
            lines.append(f"{name}: {'; '.join(rows) if rows else '-'}")
        lines.append("")
    return "\n".join(lines)


def test_what_each_role_is_shown(cluster: Cluster, matrix: str) -> None:
    got = table_of(by_login(cluster, matrix))
    if os.environ.get("SCHEMA_MONITOR_EXPECT") == "write":
        EXPECTED.write_text(got)
    assert got.splitlines() == EXPECTED.read_text().splitlines()


def test_no_trace_of_what_a_role_may_not_see(cluster: Cluster, matrix: str) -> None:
    """Independently of the file: PostgreSQL's own functions say which words may appear."""
    ask = by_login(cluster, matrix)
    with cluster.connect(matrix) as connection:
        for role in ROLES:
            # who may read all data reads our tables, too: that is what PostgreSQL's role is for
            asked = {name: text for name, text in QUESTIONS.items() if name not in REPEATING}
            questions = [text for name, text in asked.items() if role != "data_reader" or not name.startswith("_")]
            shown = " ".join(" ".join(ask(role, question)) for question in questions).lower()
            for word in WORDS:
                if word == "lemon":
                    allowed = role == "table_owner"  # gone: its last owner's
                elif word == "mango":
                    allowed = may_see(connection, PREFIX + role, "alembic_version")  # a row of it
                else:
                    allowed = may_see(connection, PREFIX + role, word)
                assert allowed or word not in shown.replace("open.apple'::regclass", ""), (role, word)
            if not may_see_column(connection, PREFIX + role, "banana", "banana_secret"):
                assert "banana_secret" not in shown and "banana secret" not in shown, role


def may_see(connection: psycopg.Connection[Any], role: str, word: str) -> bool:
    """USAGE on the schema and any privilege on the object, by PostgreSQL's word."""
    (allowed,) = one(
        connection,
        """SELECT coalesce((
               SELECT has_schema_privilege(%(role)s, n.oid, 'USAGE') AND (
                   has_table_privilege(%(role)s, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
                   OR has_any_column_privilege(%(role)s, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
                   OR (c.relkind = 'S' AND has_sequence_privilege(%(role)s, c.oid, 'USAGE, SELECT, UPDATE')))
               FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
               WHERE c.relname = %(word)s AND n.nspname IN ('open', 'closed')),
           (SELECT has_schema_privilege(%(role)s, n.oid, 'USAGE') AND has_function_privilege(%(role)s, p.oid, 'EXECUTE')
            FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE p.proname = %(word)s),
           (SELECT has_schema_privilege(%(role)s, n.oid, 'USAGE') AND has_type_privilege(%(role)s, t.oid, 'USAGE')
            FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace WHERE t.typname = %(word)s))""".replace(
            "%(role)s", sql.Literal(role).as_string(connection)
        ).replace("%(word)s", sql.Literal(word).as_string(connection)),
    )
    return bool(allowed)


def may_see_column(connection: psycopg.Connection[Any], role: str, table: str, column: str) -> bool:
    question = "SELECT has_column_privilege(%s, %s, %s, 'SELECT, INSERT, UPDATE, REFERENCES')"
    return bool(one(connection, question, role, f"open.{table}", column)[0])


def test_the_role_in_force_counts_however_it_came_to_be(cluster: Cluster, matrix: str) -> None:
    """After SET ROLE of a superuser, and inside a SECURITY DEFINER function of the role's called by a superuser."""
    by_name = by_login(cluster, matrix)
    # what a function with a fixed role cannot do, and what says who is asking
    questions = {name: text for name, text in QUESTIONS.items() if name not in ("check", "wait_until_indexed")}
    with cluster.connect(matrix, user="matrix_passer") as passer, cluster.connect(matrix) as admin:
        for role in ("stranger", "table_reader", "column_reader", "table_owner", "watcher"):
            admin.execute(f"GRANT CREATE ON SCHEMA public TO {PREFIX}{role}")  # type: ignore[arg-type]
            for name, question in questions.items():
                expected = by_name(role, question)
                passer.execute(f"SET ROLE {PREFIX}{role}")  # type: ignore[arg-type]
                assert answer(passer, question) == expected, (role, name)
                passer.execute("RESET ROLE")
                if not expected or not expected[0].startswith("error"):
                    admin.execute(f"SET ROLE {PREFIX}{role}")  # type: ignore[arg-type]
                    admin.execute(
                        f"CREATE OR REPLACE FUNCTION public.ask_{role}() RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER "
                        f"AS $f$ BEGIN RETURN QUERY {question}; END $f$"  # type: ignore[arg-type]
                    )
                    admin.execute("RESET ROLE")
                    assert answer(passer, f"SELECT public.ask_{role}()") == expected, (role, name, "SECURITY DEFINER")


def test_a_revoke_counts_at_once(cluster: Cluster, matrix: str) -> None:
    """In a session that has asked before and keeps its plans."""
    role = f"{PREFIX}table_reader"
    with cluster.connect(matrix) as admin, cluster.connect(matrix, user=role) as reader:
        shown = {name: answer(reader, QUESTIONS[name]) for name in ("objects", "changes", "search", "search columns", "schema_embeddings")}
        assert all(any("apple" in row for row in rows) for rows in shown.values()), shown
        for take, give in (
            (f"REVOKE SELECT ON open.apple FROM {role}", f"GRANT SELECT ON open.apple TO {role}"),
            (f"REVOKE USAGE ON SCHEMA open FROM {role}", f"GRANT USAGE ON SCHEMA open TO {role}"),
        ):
            admin.execute(take)  # type: ignore[arg-type]
            for name in shown:
                assert not any("apple" in row for row in answer(reader, QUESTIONS[name])), (take, name)
            admin.execute(give)  # type: ignore[arg-type]
            wait_indexed(admin)
            assert {name: answer(reader, QUESTIONS[name]) for name in shown} == shown
