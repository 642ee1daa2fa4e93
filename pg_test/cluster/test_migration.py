"""migration() and apply_migration(): from any version to any other, forwards and backwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from support import DATA, HISTORIES, PG, SCHEMAS, assert_healthy, create_database, load_schema, one, version, wait_indexed

from tools.cluster import Cluster

Connection = psycopg.Connection[Any]

# (what there is, what becomes of it): all that ALTER, CREATE and DROP can do to what the history records
STEPS: dict[str, tuple[str, str]] = {
    "columns": (
        "CREATE TABLE t (a int PRIMARY KEY, b text, c varchar(20) DEFAULT 'x', d timestamptz)",
        """ALTER TABLE t ADD e numeric(10,2) NOT NULL DEFAULT 0, ALTER b SET NOT NULL, ALTER c TYPE varchar(50),
           ALTER c DROP DEFAULT, ALTER d SET DEFAULT now(), ALTER b SET STORAGE external, ALTER b SET STATISTICS 100,
           ALTER b SET (n_distinct = 5)""",
    ),
    "a type that no cast leads to": (
        "CREATE TABLE t (a int, b boolean DEFAULT false, c text COLLATE \"C\")",
        """ALTER TABLE t ALTER a TYPE uuid USING NULL, ALTER b DROP DEFAULT, ALTER b TYPE timestamptz USING NULL,
           ALTER b SET DEFAULT now(), ALTER c TYPE text""",
    ),
    "a column that views, rules, policies and triggers use": (
        """CREATE TABLE t (a int, b int); CREATE VIEW v WITH (security_barrier) AS SELECT a, b + 1 AS c FROM t WHERE a > 0;
           CREATE VIEW w AS SELECT sum(a) AS s FROM v; COMMENT ON VIEW w IS 'sums'; GRANT SELECT ON w TO PUBLIC;
           CREATE MATERIALIZED VIEW m AS SELECT a FROM v; CREATE UNIQUE INDEX m_a ON m (a);
           CREATE POLICY p ON t USING (a < 100); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
           CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
           CREATE TRIGGER g BEFORE UPDATE OF a ON t FOR EACH ROW WHEN (new.a > 0) EXECUTE FUNCTION f();
           CREATE RULE r AS ON DELETE TO t WHERE old.a = 0 DO INSTEAD NOTHING;
           ALTER TABLE t ADD s int GENERATED ALWAYS AS (a * 2) STORED;
           CREATE INDEX i ON t (a) WHERE a > 5; ALTER TABLE t ADD CHECK (a <> 7)""",
        """DROP RULE r ON t; DROP TRIGGER g ON t; DROP POLICY p ON t; DROP VIEW v CASCADE; ALTER TABLE t DROP s;
           ALTER TABLE t ALTER a TYPE bigint; ALTER TABLE t ADD s bigint GENERATED ALWAYS AS (a * 2) STORED;
           CREATE VIEW v WITH (security_barrier) AS SELECT a, b + 1 AS c FROM t WHERE a > 0;
           CREATE VIEW w AS SELECT sum(a) AS s FROM v; COMMENT ON VIEW w IS 'sums'; GRANT SELECT ON w TO PUBLIC;
           CREATE MATERIALIZED VIEW m AS SELECT a FROM v; CREATE UNIQUE INDEX m_a ON m (a);
           CREATE POLICY p ON t USING (a < 100);
           CREATE TRIGGER g BEFORE UPDATE OF a ON t FOR EACH ROW WHEN (new.a > 0) EXECUTE FUNCTION f();
           CREATE RULE r AS ON DELETE TO t WHERE old.a = 0 DO INSTEAD NOTHING""",
    ),
    "views": (
        "CREATE TABLE t (a int, b text); CREATE VIEW v AS SELECT a FROM t; CREATE VIEW w AS SELECT * FROM v",
        """CREATE OR REPLACE VIEW v AS SELECT a, b FROM t; CREATE VIEW x AS SELECT b FROM v;
           ALTER VIEW w ALTER a SET DEFAULT 3; ALTER VIEW w SET (check_option = cascaded); ALTER VIEW v RENAME a TO z""",
    ),
    "a view gone under another": (
        "CREATE TABLE t (a int, b text); CREATE VIEW v AS SELECT a, b FROM t; CREATE VIEW w AS SELECT b FROM v",
        "DROP VIEW w, v; CREATE VIEW v AS SELECT b FROM t; CREATE VIEW w AS SELECT b FROM v; ALTER TABLE t DROP a",
    ),
    "enum values come": (
        "CREATE TYPE mood AS ENUM ('b', 'd'); CREATE TABLE t (m mood)",
        """ALTER TYPE mood ADD VALUE 'a' BEFORE 'b'; ALTER TYPE mood ADD VALUE 'c' BEFORE 'd'; ALTER TYPE mood ADD VALUE 'e'""",
    ),
    "an enum loses a value": (
        """CREATE TYPE mood AS ENUM ('a', 'b', 'c'); CREATE TABLE t (m mood DEFAULT 'a', n mood[] NOT NULL);
           CREATE INDEX i ON t (m) WHERE m = 'b'; CREATE VIEW v AS SELECT m FROM t WHERE m <> 'a';
           CREATE FUNCTION f(m mood) RETURNS mood LANGUAGE sql RETURN m; COMMENT ON TYPE mood IS 'how it is'""",
        """DROP VIEW v; DROP FUNCTION f; DROP INDEX i; ALTER TYPE mood RENAME TO mood_; CREATE TYPE mood AS ENUM ('a', 'b');
           ALTER TABLE t ALTER m DROP DEFAULT, ALTER m TYPE mood USING m::text::mood,
           ALTER n TYPE mood[] USING n::text[]::mood[]; ALTER TABLE t ALTER m SET DEFAULT 'a'; DROP TYPE mood_;
           CREATE INDEX i ON t (m) WHERE m = 'b'; CREATE VIEW v AS SELECT m FROM t WHERE m <> 'a';
           CREATE FUNCTION f(m mood) RETURNS mood LANGUAGE sql RETURN m; COMMENT ON TYPE mood IS 'how it is'""",
    ),
    "domains": (
        """CREATE DOMAIN d AS int CHECK (value > 0); CREATE TABLE t (a d);
           CREATE DOMAIN e AS text COLLATE "C" DEFAULT 'x' NOT NULL""",
        """ALTER DOMAIN d ADD CONSTRAINT small CHECK (value < 100) NOT VALID; ALTER DOMAIN d SET DEFAULT 1;
           ALTER DOMAIN d RENAME CONSTRAINT d_check TO positive; ALTER DOMAIN d SET NOT NULL; ALTER DOMAIN e DROP DEFAULT;
           ALTER DOMAIN e DROP NOT NULL; ALTER DOMAIN e RENAME TO f""",
    ),
    "composite and range types": (
        """CREATE TYPE p AS (x int, y text COLLATE "C"); CREATE TYPE r AS RANGE (subtype = float8, subtype_diff = float8mi);
           CREATE TYPE q AS (a p, b r)""",
        """ALTER TYPE q RENAME ATTRIBUTE b TO c; ALTER TYPE q ADD ATTRIBUTE d int, ALTER ATTRIBUTE c TYPE text;
           DROP TYPE r; CREATE TYPE r AS RANGE (subtype = int4, multirange_type_name = many_r)""",
    ),
    "constraints": (
        """CREATE TABLE a (x int PRIMARY KEY, y int UNIQUE, z int, w int);
           CREATE TABLE b (x int REFERENCES a, y int, CONSTRAINT k FOREIGN KEY (y) REFERENCES a (y) ON DELETE SET NULL);
           ALTER TABLE b ADD CONSTRAINT c CHECK (y > 0) NOT VALID""",
        """ALTER TABLE b VALIDATE CONSTRAINT c; ALTER TABLE b DROP CONSTRAINT k;
           ALTER TABLE b ADD CONSTRAINT k FOREIGN KEY (y) REFERENCES a (y) ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED;
           ALTER TABLE a ADD UNIQUE NULLS NOT DISTINCT (z) INCLUDE (w);
           ALTER TABLE a ADD EXCLUDE USING btree (w WITH =) WHERE (w > 0); ALTER TABLE a ADD CHECK (z > 0) NO INHERIT;
           ALTER TABLE a RENAME CONSTRAINT a_y_key TO y_once; COMMENT ON CONSTRAINT y_once ON a IS 'once'""",
    ),
    "a key others point to is made anew": (
        "CREATE TABLE a (x int PRIMARY KEY, y int); CREATE TABLE b (x int REFERENCES a); CREATE VIEW v AS SELECT x, y FROM a GROUP BY x",
        """DROP VIEW v; ALTER TABLE b DROP CONSTRAINT b_x_fkey; ALTER TABLE a DROP CONSTRAINT a_pkey;
           ALTER TABLE a ADD PRIMARY KEY (x) INCLUDE (y); ALTER TABLE b ADD FOREIGN KEY (x) REFERENCES a;
           CREATE VIEW v AS SELECT x, y FROM a GROUP BY x""",
    ),
    "tables that refer to each other": (
        "SELECT 1",
        """CREATE TABLE a (x int PRIMARY KEY, y int); CREATE TABLE b (x int PRIMARY KEY REFERENCES a, s int REFERENCES b);
           ALTER TABLE a ADD FOREIGN KEY (y) REFERENCES b; CREATE TABLE c (x int REFERENCES a)""",
    ),
    "indexes": (
        "CREATE TABLE t (a int, b text, c int, d tsvector)",
        """CREATE INDEX i1 ON t (a DESC NULLS LAST, lower(b), c); CREATE INDEX i2 ON t USING hash (b);
           CREATE UNIQUE INDEX i3 ON t (a) INCLUDE (c) NULLS NOT DISTINCT WITH (fillfactor = 70) WHERE b IS NOT NULL;
           CREATE INDEX i4 ON t (b text_pattern_ops, b COLLATE "POSIX"); CREATE INDEX i5 ON t USING gin (d);
           CREATE INDEX i6 ON t USING gist (d tsvector_ops (siglen = 100)); COMMENT ON INDEX i1 IS 'first';
           ALTER TABLE t CLUSTER ON i1; ALTER TABLE t ALTER a SET NOT NULL; CREATE UNIQUE INDEX i7 ON t (a);
           ALTER TABLE t REPLICA IDENTITY USING INDEX i7;
           CREATE STATISTICS s1 (ndistinct, mcv) ON a, b FROM t; CREATE STATISTICS s2 ON (a + c) FROM t;
           CREATE STATISTICS s3 ON a, (lower(b)) FROM t; COMMENT ON STATISTICS s1 IS 'together'""",
    ),
    "identity": (
        "CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT 2), b int NOT NULL, c int)",
        """ALTER TABLE t ALTER a DROP IDENTITY; ALTER TABLE t ALTER b ADD GENERATED BY DEFAULT AS IDENTITY (CACHE 10 CYCLE);
           ALTER TABLE t ADD d bigint GENERATED ALWAYS AS IDENTITY; ALTER TABLE t DROP c""",
    ),
    "sequences": (
        "CREATE TABLE t (a serial, b int); CREATE SEQUENCE s AS int; CREATE SEQUENCE u OWNED BY t.b",
        """ALTER SEQUENCE s AS bigint INCREMENT -1 MINVALUE -100 MAXVALUE 100 START -1; ALTER SEQUENCE u OWNED BY NONE;
           ALTER TABLE t ALTER b SET DEFAULT nextval('u'); ALTER TABLE t ALTER a DROP DEFAULT; DROP SEQUENCE t_a_seq;
           CREATE TABLE n (x bigserial PRIMARY KEY)""",
    ),
    "a sequence outlives its column": (
        "CREATE SEQUENCE s; CREATE TABLE t (a int DEFAULT nextval('s'), b int); ALTER SEQUENCE s OWNED BY t.a",
        "ALTER SEQUENCE s OWNED BY NONE; ALTER TABLE t DROP a; ALTER SEQUENCE s OWNED BY t.b",
    ),
    "functions": (
        """CREATE FUNCTION f(a int, b text DEFAULT 'x') RETURNS int LANGUAGE sql AS 'SELECT a';
           CREATE FUNCTION g() RETURNS int LANGUAGE sql RETURN 1; CREATE TABLE t (a int DEFAULT g(), CHECK (f(a) > 0));
           CREATE VIEW v AS SELECT g() AS x; CREATE PROCEDURE p(INOUT a int) LANGUAGE plpgsql AS 'BEGIN a := 1; END'""",
        """CREATE OR REPLACE FUNCTION f(a int, b text DEFAULT 'x') RETURNS int LANGUAGE sql STABLE STRICT COST 5
             SET search_path = pg_catalog, public SET work_mem = '4MB' AS 'SELECT a + 1';
           DROP VIEW v; ALTER TABLE t ALTER a DROP DEFAULT; DROP FUNCTION g();
           CREATE FUNCTION g() RETURNS bigint LANGUAGE sql SECURITY DEFINER PARALLEL SAFE LEAKPROOF IMMUTABLE RETURN 2;
           ALTER TABLE t ALTER a SET DEFAULT g(); CREATE VIEW v AS SELECT g() AS x;
           CREATE FUNCTION h(VARIADIC a int[]) RETURNS TABLE (x int, y text) ROWS 7 LANGUAGE sql
             BEGIN ATOMIC SELECT t.a, 'q''s' FROM t; END;
           CREATE OR REPLACE PROCEDURE p(INOUT a int) LANGUAGE plpgsql AS $$BEGIN a := 2; -- $function$
             END$$; COMMENT ON FUNCTION h IS 'many'; REVOKE EXECUTE ON FUNCTION h FROM PUBLIC;
           CREATE FUNCTION w() RETURNS int LANGUAGE internal WINDOW AS 'window_row_number'""",
    ),
    "aggregates": (
        "CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0')",
        """CREATE AGGREGATE mean(float8) (SFUNC = float8_accum, STYPE = float8[], FINALFUNC = float8_avg,
             COMBINEFUNC = float8_combine, INITCOND = '{0,0,0}', PARALLEL = SAFE, SSPACE = 100);
           CREATE AGGREGATE counted(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '0', MSFUNC = int8inc,
             MINVFUNC = int8dec, MSTYPE = int8, MINITCOND = '0');
           CREATE AGGREGATE middle(float8 ORDER BY anyelement) (SFUNC = ordered_set_transition, STYPE = internal,
             FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA);
           CREATE AGGREGATE least_of(int) (SFUNC = int4smaller, STYPE = int, SORTOP = <);
           DROP AGGREGATE total(int); CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '1');
           GRANT EXECUTE ON FUNCTION total(int) TO pg_monitor""",
    ),
    "triggers": (
        """CREATE TABLE t (a int, b int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
           CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f('one', '2')""",
        """ALTER TABLE t DISABLE TRIGGER x; CREATE CONSTRAINT TRIGGER y AFTER UPDATE ON t DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW WHEN (old.a <> new.a) EXECUTE FUNCTION f();
           CREATE TRIGGER z AFTER UPDATE ON t REFERENCING NEW TABLE AS n OLD TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION f();
           ALTER TABLE t ENABLE ALWAYS TRIGGER z; COMMENT ON TRIGGER z ON t IS 'last';
           CREATE VIEW v AS SELECT a FROM t; CREATE TRIGGER i INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION f()""",
    ),
    "policies and rules": (
        "CREATE TABLE t (a int, o name); CREATE POLICY p ON t TO pg_monitor USING (a > 0); CREATE RULE r AS ON UPDATE TO t DO ALSO NOTHING",
        """ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; ALTER POLICY p ON t TO PUBLIC;
           CREATE POLICY q ON t AS RESTRICTIVE FOR INSERT TO pg_monitor, CURRENT_USER WITH CHECK (o = current_user);
           CREATE OR REPLACE RULE r AS ON UPDATE TO t WHERE new.a = 0 DO INSTEAD DELETE FROM t WHERE t.a = old.a;
           ALTER TABLE t DISABLE RULE r; COMMENT ON POLICY q ON t IS 'own rows'""",
    ),
    "partitions": (
        """CREATE TABLE p (a int, b text DEFAULT 'x', c date NOT NULL) PARTITION BY RANGE (c);
           CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
           CREATE TABLE p2 PARTITION OF p FOR VALUES FROM ('2021-01-01') TO ('2022-01-01') PARTITION BY LIST (a);
           CREATE TABLE p21 PARTITION OF p2 FOR VALUES IN (1, 2); CREATE INDEX i ON p (b); ALTER TABLE p ADD CHECK (a > 0)""",
        """ALTER TABLE p ADD d int DEFAULT 5; ALTER TABLE p ALTER b TYPE varchar(90); ALTER TABLE p ADD PRIMARY KEY (a, c);
           ALTER TABLE p DETACH PARTITION p1; CREATE TABLE p3 (d int, b varchar(90) DEFAULT 'x', c date NOT NULL, a int NOT NULL, CONSTRAINT p_a_check CHECK (a > 0));
           ALTER TABLE p ATTACH PARTITION p3 DEFAULT; ALTER TABLE p21 ALTER b SET DEFAULT 'own'; DROP INDEX i;
           CREATE INDEX j ON p (d, a); CREATE INDEX own ON p21 (b); CREATE TABLE f (a int, c date, FOREIGN KEY (a, c) REFERENCES p);
           ALTER TABLE p RENAME b TO label; COMMENT ON COLUMN p21.label IS 'here only'""",
    ),
    "the whole of a partitioned table": (
        "SELECT 1",
        """CREATE TABLE p (a int GENERATED BY DEFAULT AS IDENTITY, k int, PRIMARY KEY (a, k)) PARTITION BY HASH (k);
           CREATE TABLE p0 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 0);
           CREATE TABLE p1 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 1); CREATE UNIQUE INDEX u ON p (k, a);
           CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
           CREATE TRIGGER t BEFORE INSERT ON p FOR EACH ROW EXECUTE FUNCTION f()""",
    ),
    "inheritance": (
        """CREATE TABLE base (a int, b text CHECK (b <> '')); CREATE TABLE child (c int) INHERITS (base);
           CREATE TABLE other (a int, b text CHECK (b <> ''))""",
        """ALTER TABLE base ADD d date; ALTER TABLE base ALTER a TYPE bigint; ALTER TABLE base RENAME b TO label;
           ALTER TABLE child NO INHERIT base; ALTER TABLE other ADD d date, ALTER a TYPE bigint; ALTER TABLE other RENAME b TO label;
           ALTER TABLE other RENAME CONSTRAINT other_b_check TO base_b_check; ALTER TABLE other INHERIT base;
           ALTER TABLE base ADD CONSTRAINT k CHECK (a > 0)""",
    ),
    "options of tables": (
        "CREATE TABLE t (a int) WITH (fillfactor = 70); CREATE TYPE tt AS (a int)",
        """ALTER TABLE t SET (fillfactor = 90, autovacuum_enabled = false); ALTER TABLE t SET UNLOGGED; ALTER TABLE t REPLICA IDENTITY FULL;
           ALTER TABLE t OF tt; CREATE UNLOGGED TABLE u (); CREATE TABLE "Mixed ""Name"" x" ("Group" int, "a b" text DEFAULT E'\\\\x')""",
    ),
    "schemas and access": (
        """CREATE SCHEMA one; CREATE TABLE one.t (a int, b int); CREATE SEQUENCE one.s; CREATE FUNCTION one.f() RETURNS int LANGUAGE sql RETURN 1;
           GRANT SELECT ON one.t TO test_reader""",
        """GRANT USAGE ON SCHEMA one TO test_reader WITH GRANT OPTION; GRANT SELECT (a), UPDATE (b) ON one.t TO PUBLIC;
           REVOKE SELECT ON one.t FROM test_reader; GRANT INSERT, TRUNCATE ON one.t TO test_reader WITH GRANT OPTION;
           ALTER TABLE one.t OWNER TO test_owner; GRANT USAGE ON SEQUENCE one.s TO test_reader;
           REVOKE EXECUTE ON FUNCTION one.f() FROM PUBLIC; ALTER SCHEMA one OWNER TO test_owner; ALTER FUNCTION one.f() OWNER TO test_owner;
           CREATE SCHEMA two AUTHORIZATION test_owner; CREATE TYPE two.e AS ENUM ('a'); REVOKE USAGE ON TYPE two.e FROM PUBLIC;
           COMMENT ON SCHEMA two IS 'the second'""",
    ),
    "extensions": (
        "CREATE SCHEMA x; CREATE EXTENSION citext SCHEMA x; CREATE TABLE t (a x.citext, b text)",
        "ALTER TABLE t ALTER a TYPE text; DROP EXTENSION citext; DROP SCHEMA x; CREATE EXTENSION pg_trgm; CREATE INDEX i ON t USING gin (b gin_trgm_ops)",
    ),
    "foreign tables": (
        """CREATE FOREIGN DATA WRAPPER test_wrapper; CREATE SERVER test_server FOREIGN DATA WRAPPER test_wrapper;
           CREATE FOREIGN TABLE ft (a int OPTIONS (x '1'), b text) SERVER test_server OPTIONS (path 'a')""",
        """ALTER FOREIGN TABLE ft OPTIONS (SET path 'b', ADD more 'it''s'); ALTER FOREIGN TABLE ft ALTER a OPTIONS (SET x '2');
           ALTER FOREIGN TABLE ft ADD c int NOT NULL, ALTER b TYPE varchar""",
    ),
    "generated columns": (
        "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 1) STORED, c int GENERATED ALWAYS AS (a) STORED); CREATE INDEX i ON t (b)",
        "DROP INDEX i; ALTER TABLE t DROP b; ALTER TABLE t ADD b int GENERATED ALWAYS AS (a + 2) STORED; CREATE INDEX i ON t (b); ALTER TABLE t ALTER c DROP EXPRESSION",
    ),
    "one name after another": (
        "CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t; CREATE TABLE gone (x int)",
        "DROP VIEW v; CREATE TABLE v (a int); ALTER TABLE t RENAME TO u; DROP TABLE gone; CREATE FUNCTION gone() RETURNS int LANGUAGE sql RETURN 1; ALTER TABLE u RENAME TO gone",
    ),
    "rename and alter at once": (
        """CREATE TABLE t (a int DEFAULT 1, b text); CREATE VIEW v AS SELECT a, b FROM t;
           CREATE FUNCTION f(x t) RETURNS int LANGUAGE sql RETURN (x).a; CREATE TABLE r (a int); ALTER TABLE t ADD UNIQUE (a);
           ALTER TABLE r ADD FOREIGN KEY (a) REFERENCES t (a)""",
        """CREATE SCHEMA far; ALTER TABLE t RENAME a TO z; ALTER TABLE t RENAME TO u; ALTER TABLE u SET SCHEMA far;
           ALTER TABLE far.u ALTER z SET DEFAULT 2, ADD q int, ALTER b SET NOT NULL; ALTER VIEW v RENAME b TO y""",
    ),
}

# one rename each: (what there is, the rename, how it is told)
RENAMES: list[tuple[str, str, str]] = [
    ("CREATE TABLE a (x int)", "ALTER TABLE a RENAME TO b", "table_renamed"),
    ("CREATE TABLE a (x int)", "ALTER TABLE a RENAME x TO y", "column_renamed"),
    ("CREATE TABLE a (x int, y int)", "ALTER TABLE a RENAME x TO z; ALTER TABLE a RENAME y TO x; ALTER TABLE a RENAME z TO y", "column_renamed"),
    ("CREATE TABLE a (x int CHECK (x > 0))", "ALTER TABLE a RENAME x TO y", "column_renamed"),
    ("CREATE TABLE a (x int DEFAULT 1, y int GENERATED ALWAYS AS (x + 1) STORED)", "ALTER TABLE a RENAME x TO z", "column_renamed"),
    ("CREATE TABLE a (x int); CREATE VIEW v AS SELECT x FROM a", "ALTER TABLE a RENAME x TO y", "column_renamed"),
    ("CREATE TABLE a (x int); CREATE VIEW v AS SELECT x FROM a WHERE x > 1 ORDER BY x", "ALTER TABLE a RENAME TO b", "table_renamed"),
    ("CREATE TABLE a (x int); CREATE INDEX i ON a (lower(x::text)) WHERE x > 0", "ALTER TABLE a RENAME x TO y", "column_renamed"),
    ("CREATE TABLE a (x int); CREATE INDEX i ON a (x)", "ALTER INDEX i RENAME TO j", "index_renamed"),
    ("CREATE TABLE a (x int PRIMARY KEY)", "ALTER INDEX a_pkey RENAME TO key", "constraint_renamed"),
    ("CREATE TABLE a (x int PRIMARY KEY)", "ALTER TABLE a RENAME CONSTRAINT a_pkey TO key", "constraint_renamed"),
    ("CREATE TABLE a (x int CONSTRAINT c CHECK (x > 0))", "ALTER TABLE a RENAME CONSTRAINT c TO d", "constraint_renamed"),
    ("CREATE TABLE a (x int UNIQUE); CREATE TABLE b (y int CONSTRAINT k REFERENCES a (x))", "ALTER TABLE b RENAME CONSTRAINT k TO l", "constraint_renamed"),
    ("CREATE TABLE a (x int UNIQUE); CREATE TABLE b (y int CONSTRAINT k REFERENCES a (x))", "ALTER TABLE a RENAME x TO z", "column_renamed"),
    ("CREATE TABLE a (x int UNIQUE); CREATE TABLE b (y int CONSTRAINT k REFERENCES a (x))", "ALTER TABLE a RENAME TO z", "table_renamed"),
    ("CREATE TYPE e AS ENUM ('p', 'q')", "ALTER TYPE e RENAME TO f", "enum_renamed"),
    ("CREATE TYPE e AS ENUM ('p', 'q'); CREATE TABLE a (x e DEFAULT 'p' CHECK (x <> 'q'))", "ALTER TYPE e RENAME TO f", "enum_renamed"),
    ("CREATE TYPE e AS ENUM ('p', 'q')", "ALTER TYPE e RENAME VALUE 'p' TO 'r'", "value_renamed"),
    ("CREATE TYPE e AS ENUM ('p', 'q'); CREATE TABLE a (x e DEFAULT 'p')", "ALTER TYPE e RENAME VALUE 'p' TO 'r'", "value_renamed"),
    ("CREATE DOMAIN d AS int CHECK (value > 0); CREATE TABLE a (x d)", "ALTER DOMAIN d RENAME TO g", "domain_renamed"),
    ("CREATE DOMAIN d AS int CONSTRAINT c CHECK (value > 0)", "ALTER DOMAIN d RENAME CONSTRAINT c TO g", "constraint_renamed"),
    ("CREATE TYPE p AS (x int, y int)", "ALTER TYPE p RENAME TO q", "composite_type_renamed"),
    ("CREATE TYPE p AS (x int, y int)", "ALTER TYPE p RENAME ATTRIBUTE x TO z", "column_renamed"),
    ("CREATE TYPE r AS RANGE (subtype = int8)", "ALTER TYPE r RENAME TO s", "range_type_renamed"),
    ("CREATE FUNCTION f(x int) RETURNS int LANGUAGE sql RETURN x", "ALTER FUNCTION f RENAME TO g", "function_renamed"),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1; CREATE TABLE a (x int DEFAULT f())", "ALTER FUNCTION f RENAME TO g", "function_renamed"),
    ("CREATE PROCEDURE f() LANGUAGE sql AS ''", "ALTER PROCEDURE f RENAME TO g", "procedure_renamed"),
    ("CREATE AGGREGATE f(int) (SFUNC = int4pl, STYPE = int)", "ALTER AGGREGATE f(int) RENAME TO g", "aggregate_renamed"),
    ("CREATE VIEW v AS SELECT 1 AS x", "ALTER VIEW v RENAME TO w", "view_renamed"),
    ("CREATE VIEW v AS SELECT 1 AS x", "ALTER VIEW v RENAME x TO y", "column_renamed"),
    ("CREATE MATERIALIZED VIEW v AS SELECT 1 AS x", "ALTER MATERIALIZED VIEW v RENAME TO w", "materialized_view_renamed"),
    ("CREATE SEQUENCE s", "ALTER SEQUENCE s RENAME TO t", "sequence_renamed"),
    ("CREATE TABLE a (x serial)", "ALTER SEQUENCE a_x_seq RENAME TO t", "sequence_renamed"),
    ("CREATE SCHEMA o; CREATE TABLE o.a (x int); CREATE VIEW o.v AS SELECT x FROM o.a", "ALTER SCHEMA o RENAME TO p", "schema_renamed"),
    ("CREATE SCHEMA o; CREATE TABLE a (x serial PRIMARY KEY)", "ALTER TABLE a SET SCHEMA o", "table_moved"),
    ("CREATE SCHEMA o; CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1", "ALTER FUNCTION f SET SCHEMA o", "function_moved"),
    ("CREATE TABLE a (x int); CREATE TABLE b (y int)", "ALTER TABLE a RENAME TO c; ALTER TABLE b RENAME TO a; ALTER TABLE c RENAME TO b", "table_renamed"),
    ("CREATE TABLE a (x int); CREATE POLICY p ON a", "ALTER POLICY p ON a RENAME TO q", "policy_renamed"),
    ("CREATE TABLE a (x int); CREATE RULE r AS ON UPDATE TO a DO ALSO NOTHING", "ALTER RULE r ON a RENAME TO q", "rule_renamed"),
    (
        "CREATE TABLE a (x int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'; CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()",
        "ALTER TRIGGER t ON a RENAME TO u", "trigger_renamed",
    ),
    ("CREATE TABLE a (x int, y int); CREATE STATISTICS s ON x, y FROM a", "ALTER STATISTICS s RENAME TO t", "statistics_renamed"),
    ("CREATE TABLE p (x int) PARTITION BY LIST (x); CREATE TABLE q PARTITION OF p FOR VALUES IN (1)", "ALTER TABLE p RENAME x TO y", "column_renamed"),
]  # fmt: skip


@pytest.fixture(scope="module")
def roles(cluster: Cluster) -> Iterator[None]:
    """Roles that statements name."""
    with cluster.connect("postgres") as connection:
        connection.execute("CREATE ROLE test_reader; CREATE ROLE test_owner")
    yield


@pytest.fixture
def fleeting(cluster: Cluster) -> Iterator[str]:
    """A database that is dropped at once: each has hundreds of files that the next checkpoint would write."""
    database = create_database(cluster)
    yield database
    cluster.psql(f"DROP DATABASE {database} WITH (FORCE)")


def statements(connection: Connection, start: int, end: int) -> list[str]:
    rows = connection.execute("SELECT statement FROM schema_monitor.migration(%s, %s) ORDER BY ordinal", (start, end))
    return [str(statement) for (statement,) in rows]


def there_and_back(connection: Connection, before: int, after: int) -> None:
    """Back to the version before and forth again; each ends with an error unless it leads exactly there."""
    for start, end in ((after, before), (before, after)):
        try:
            connection.execute("SELECT schema_monitor.apply_migration(%s, %s, confirm => true)", (start, end))
        except psycopg.Error as error:
            listed = "\n  ".join(statements(connection, start, end))
            raise AssertionError(f"{start} to {end}: {error}\n  {listed}") from error
        wait_indexed(connection)


@pytest.mark.parametrize("name", STEPS)
def test_what_was_done_is_undone_and_done_again(cluster: Cluster, fleeting: str, roles: None, name: str) -> None:
    start, change = STEPS[name]
    with cluster.connect(fleeting) as connection:
        connection.execute(start)  # type: ignore[arg-type]
        wait_indexed(connection)
        before = version(connection)
        connection.execute(change)  # type: ignore[arg-type]
        wait_indexed(connection)
        there_and_back(connection, before, version(connection))
    assert_healthy(cluster, fleeting)


def test_a_rename_stays_a_rename(cluster: Cluster) -> None:
    assert len(RENAMES) >= 40
    wrong = []
    for start, rename, told in RENAMES:
        database = create_database(cluster)
        with cluster.connect(database) as connection:
            connection.execute(start)  # type: ignore[arg-type]
            wait_indexed(connection)
            before = version(connection)
            connection.execute(rename)  # type: ignore[arg-type]
            wait_indexed(connection)
            after = version(connection)
            names = {row[0] for row in connection.execute("SELECT change FROM schema_monitor.diff(%s)", (before,))}
            both = [statements(connection, before, after), statements(connection, after, before)]
            only = all(" RENAME " in one or " SET SCHEMA " in one for list_ in both for one in list_)
            if told not in names or not all(both) or not only or any(name.endswith(("_added", "_dropped")) for name in names):
                wrong.append((rename, names, both))
            there_and_back(connection, before, after)
        with cluster.connect("postgres") as connection:
            connection.execute(f"DROP DATABASE {database}")
    assert not wrong, wrong


@pytest.mark.parametrize("name", HISTORIES)
def test_real_migrations_go_back_and_forth(data: None, cluster: Cluster, fleeting: str, name: str) -> None:
    """Every step, data aside: the tables are empty, since a column that was dropped comes back without its values."""
    done = 0
    with cluster.connect(fleeting) as connection:
        wait_indexed(connection)
        for step in sorted((DATA / "migrations" / name).glob("*_up.sql")):
            before = version(connection)
            cluster.psql(file=step, dbname=fleeting)
            wait_indexed(connection)
            after = version(connection)
            if before == after:
                continue
            empty(connection)
            there_and_back(connection, before, after)
            done += 1
    assert done >= 13, done


def empty(connection: Connection) -> None:
    rows = connection.execute(
        """SELECT format('%I.%I', schema_name, object_name) FROM schema_monitor.objects WHERE kind = 'table'"""
    ).fetchall()
    if rows:
        connection.execute("TRUNCATE " + ", ".join(str(name) for (name,) in rows) + " CASCADE")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [*SCHEMAS, "chinook", "northwind"])
def test_a_whole_schema_comes_and_goes(data: None, cluster: Cluster, fleeting: str, name: str) -> None:
    with cluster.connect(fleeting) as connection:
        wait_indexed(connection)
        before = version(connection)
        if name in SCHEMAS:
            load_schema(cluster, fleeting, name)
        else:
            for file in sorted((DATA / "schemas" / name).glob("*.sql")):
                cluster.psql(file=file, dbname=fleeting, arguments=("-v", "ON_ERROR_STOP=0"), check=False)
        wait_indexed(connection)
        after = version(connection)
        (objects,) = one(connection, "SELECT objects FROM schema_monitor.versions WHERE version = %s", after)
        assert objects > 10
        there_and_back(connection, before, after)


def test_rows_stay_where_a_statement_can_keep_them(connection: Connection) -> None:
    connection.execute("CREATE TABLE t (a int PRIMARY KEY, b text); INSERT INTO t SELECT g, g::text FROM generate_series(1, 100) g")
    wait_indexed(connection)
    before = version(connection)
    connection.execute(
        """ALTER TABLE t RENAME TO u; ALTER TABLE u RENAME b TO c; ALTER TABLE u ALTER c TYPE int USING c::int;
           ALTER TABLE u ADD d date; CREATE SCHEMA far; ALTER TABLE u SET SCHEMA far"""
    )
    wait_indexed(connection)
    there_and_back(connection, before, version(connection))
    assert one(connection, "SELECT count(*), sum(c) FROM far.u") == (100, 5050)
    flags = connection.execute(
        "SELECT statement, destroys_data, hazards FROM schema_monitor.migration(%s, %s)", (version(connection), before)
    ).fetchall()
    destroying = [(str(statement), hazards) for statement, destroys, hazards in flags if destroys]
    assert destroying == [("ALTER TABLE far.u DROP COLUMN d", ["ban_drop_column"])], destroying
    hazards = {name for _, _, names in flags for name in names}
    assert hazards == {"ban_drop_column", "renaming_table", "renaming_column", "moving_relation", "changing_column_type"}, hazards


def test_nothing_to_do_is_nothing(connection: Connection) -> None:
    wait_indexed(connection)
    now = version(connection)
    assert statements(connection, now, now) == []
    (done, fingerprint) = one(connection, "SELECT * FROM schema_monitor.apply_migration(%s, %s, true)", now, now)
    assert (done, fingerprint) == (0, one(connection, "SELECT schema_monitor.fingerprint()")[0])


def test_what_cannot_be_applied_is_refused_and_changes_nothing(cluster: Cluster, connection: Connection, database: str) -> None:
    connection.execute("CREATE TYPE mood AS ENUM ('a'); CREATE TABLE t (m mood); CREATE TABLE other (x int)")
    wait_indexed(connection)
    first = version(connection)
    connection.execute("ALTER TYPE mood ADD VALUE 'b'")
    connection.execute("ALTER TABLE t ALTER m SET DEFAULT 'b'")
    wait_indexed(connection)
    second = version(connection)
    fingerprint = one(connection, "SELECT schema_monitor.fingerprint()")

    def refused(sql: str, state: str, words: str) -> None:
        with pytest.raises(psycopg.Error) as caught:
            connection.execute(sql)  # type: ignore[arg-type]
        told = f"{caught.value} {caught.value.diag.message_detail}"
        assert (caught.value.sqlstate, words in told) == (state, True), (caught.value.sqlstate, told)
        assert one(connection, "SELECT schema_monitor.fingerprint()") == fingerprint

    refused(f"SELECT schema_monitor.apply_migration({second}, {first})", "22023", "confirm")
    refused(f"SELECT schema_monitor.apply_migration({first}, {second}, true)", "55000", f"not that of version {first}")
    refused("SELECT schema_monitor.apply_migration(1, 99, true)", "22023", "99")
    refused("SELECT * FROM schema_monitor.migration(1, 99)", "22023", "99")
    connection.execute("SET default_transaction_read_only = on")
    refused("SELECT schema_monitor.apply_migration(1, 1, true)", "25006", "recovery or in a read-only")
    connection.execute("RESET default_transaction_read_only")
    # back it goes; forth again it would use a value in the transaction that adds it
    connection.execute("SELECT schema_monitor.apply_migration(%s, %s, true)", (second, first))
    wait_indexed(connection)
    fingerprint = one(connection, "SELECT schema_monitor.fingerprint()")
    refused(f"SELECT schema_monitor.apply_migration({first}, {second}, true)", "55000", "add a value to an enum and use it")
    # a statement that fails names itself
    connection.execute("CREATE TABLE full_of_rows (a int)")
    wait_indexed(connection)
    before = version(connection)
    connection.execute("ALTER TABLE full_of_rows ADD b int NOT NULL")
    wait_indexed(connection)
    after = version(connection)
    connection.execute("SELECT schema_monitor.apply_migration(%s, %s, true)", (after, before))
    connection.execute("INSERT INTO full_of_rows VALUES (1)")
    wait_indexed(connection)
    fingerprint = one(connection, "SELECT schema_monitor.fingerprint()")
    refused(f"SELECT schema_monitor.apply_migration({before}, {after}, true)", "23502", "Statement 1 of 1: ALTER TABLE")
    assert_healthy(cluster, database)


def test_online_blocks_no_writer(connection: Connection) -> None:
    connection.execute("CREATE TABLE t (a int, b int); CREATE TABLE r (a int PRIMARY KEY)")
    wait_indexed(connection)
    before = version(connection)
    connection.execute("CREATE INDEX i ON t (a); ALTER TABLE t ADD CHECK (b > 0); ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r")
    wait_indexed(connection)
    after = version(connection)
    online = connection.execute(
        "SELECT statement, own_transaction FROM schema_monitor.migration(%s, %s, online => true)", (before, after)
    ).fetchall()
    text = "\n".join(str(statement) for statement, _ in online)
    assert "CREATE INDEX CONCURRENTLY i" in text and text.count("NOT VALID") == 2 and text.count("VALIDATE CONSTRAINT") == 2, text
    assert [statement for statement, own in online if own] == ["CREATE INDEX CONCURRENTLY i ON public.t USING btree (a int4_ops)"]
    connection.execute("SELECT schema_monitor.apply_migration(%s, %s, true)", (after, before))
    for statement, _ in online:
        connection.execute(statement)
    wait_indexed(connection)
    fingerprints = connection.execute(
        "SELECT fingerprint FROM schema_monitor.versions WHERE version IN (%s, %s)", (after, version(connection))
    ).fetchall()
    assert fingerprints[0] == fingerprints[1]


def test_who_sees_less_is_told_so_and_may_not_apply(cluster: Cluster, connection: Connection, database: str, roles: None) -> None:
    wait_indexed(connection)
    before = version(connection)
    connection.execute("CREATE TABLE open (a int); CREATE TABLE secret_thing (a int); GRANT SELECT ON open TO test_reader")
    wait_indexed(connection)
    after = version(connection)
    notices: list[str] = []
    with cluster.connect(database) as reader:
        reader.add_notice_handler(lambda diagnostic: notices.append(str(diagnostic.message_primary)))
        reader.execute("SET ROLE test_reader")
        text = "\n".join(statements(reader, before, after))
        assert "public.open" in text and "secret" not in text, text
        assert any("objects that you may not see are left out" in notice for notice in notices), notices
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as caught:
            reader.execute("SELECT schema_monitor.apply_migration(%s, %s, true)", (after, before))
        assert "secret" not in str(caught.value)
