-- What search reads: passages with their vectors, terms for the lexical score, and foreign keys.
-- All of it is derived from the recorded definitions and rebuilt, never dumped.

CREATE TABLE schema_monitor._document (
    incarnation     uuid NOT NULL DEFAULT schema_monitor._incarnation(),
    object_id       bigint NOT NULL,
    length          integer NOT NULL,
    PRIMARY KEY (object_id, incarnation)
);
COMMENT ON TABLE schema_monitor._document IS 'relations whose terms are indexed';
COMMENT ON COLUMN schema_monitor._document.incarnation IS 'installation it belongs to';
COMMENT ON COLUMN schema_monitor._document.object_id IS 'the relation';
COMMENT ON COLUMN schema_monitor._document.length IS 'sum of the weights of its terms';

CREATE TABLE schema_monitor._passage (
    incarnation     uuid NOT NULL DEFAULT schema_monitor._incarnation(),
    object_id       bigint NOT NULL,
    column_number   smallint NOT NULL,
    column_name     text,
    passage         text NOT NULL,
    passage_hash    bytea NOT NULL,
    PRIMARY KEY (object_id, column_number, incarnation)
);
COMMENT ON TABLE schema_monitor._passage IS 'texts to embed; what schema_embeddings has otherwise is stale';
COMMENT ON COLUMN schema_monitor._passage.incarnation IS 'installation it belongs to';
COMMENT ON COLUMN schema_monitor._passage.object_id IS 'the relation';
COMMENT ON COLUMN schema_monitor._passage.column_number IS 'attnum of the column; 0 for the relation itself';
COMMENT ON COLUMN schema_monitor._passage.column_name IS 'name of the column';
COMMENT ON COLUMN schema_monitor._passage.passage IS 'the text';
COMMENT ON COLUMN schema_monitor._passage.passage_hash IS 'SHA-256 of the text';

CREATE TABLE schema_monitor._posting (
    incarnation     uuid NOT NULL DEFAULT schema_monitor._incarnation(),
    term            text COLLATE "C" NOT NULL,
    object_id       bigint NOT NULL,
    weight          integer NOT NULL,
    PRIMARY KEY (term, object_id, incarnation)
);
CREATE INDEX _posting_object ON schema_monitor._posting (object_id);
COMMENT ON TABLE schema_monitor._posting IS 'terms of each relation';
COMMENT ON COLUMN schema_monitor._posting.incarnation IS 'installation it belongs to';
COMMENT ON COLUMN schema_monitor._posting.term IS 'word of the name, the columns or the comments, stemmed';
COMMENT ON COLUMN schema_monitor._posting.object_id IS 'the relation';
COMMENT ON COLUMN schema_monitor._posting.weight IS 'occurrences, those in the name weighing more';

CREATE TABLE schema_monitor._reference (
    incarnation     uuid NOT NULL DEFAULT schema_monitor._incarnation(),
    object_id       bigint NOT NULL,
    referenced_id   bigint NOT NULL,
    PRIMARY KEY (object_id, referenced_id, incarnation)
);
CREATE INDEX _reference_referenced ON schema_monitor._reference (referenced_id);
COMMENT ON TABLE schema_monitor._reference IS 'which relation references which by a foreign key';
COMMENT ON COLUMN schema_monitor._reference.incarnation IS 'installation it belongs to';
COMMENT ON COLUMN schema_monitor._reference.object_id IS 'relation with the foreign key';
COMMENT ON COLUMN schema_monitor._reference.referenced_id IS 'relation it points to';

-- Columns that may be seen of relations that may not be seen whole.
CREATE VIEW schema_monitor._visible_column WITH (security_barrier) AS
SELECT v.object_id, a.attnum AS column_number
FROM schema_monitor._visible_relation AS v
JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) v.oid
WHERE NOT v.whole
  AND a.attnum OPERATOR(pg_catalog.>) 0
  AND NOT a.attisdropped
  AND pg_catalog.has_column_privilege(v.oid, a.attnum, 'SELECT, INSERT, UPDATE, REFERENCES');
COMMENT ON VIEW schema_monitor._visible_column IS
    'columns the effective user may see of relations it may not see whole';

-- The table of vectors has the dimension of the configured model, so it is made by a function: at
-- CREATE EXTENSION under its own name, and beside it while a server changes its model.
CREATE FUNCTION schema_monitor._create_embeddings(table_name text, dimensions integer) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF dimensions NOT BETWEEN 1 AND 16000 THEN
        RAISE EXCEPTION 'a vector has between 1 and 16000 dimensions, not %', dimensions
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    EXECUTE pg_catalog.format($ddl$
        CREATE TABLE schema_monitor.%1$I (
            incarnation     uuid NOT NULL DEFAULT schema_monitor._incarnation(),
            object_id       bigint NOT NULL,
            column_number   smallint NOT NULL,
            kind            text NOT NULL,
            schema_name     text NOT NULL,
            object_name     text NOT NULL,
            column_name     text,
            passage         text NOT NULL,
            passage_hash    bytea NOT NULL,
            model           bytea NOT NULL,
            embedded_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
            embedding       @extschema:vector@.vector(%2$s) NOT NULL,
            PRIMARY KEY (object_id, column_number, incarnation)
        )$ddl$, table_name, dimensions);
    -- pgvector indexes at most 2,000 dimensions of a vector; beyond that search compares them all.
    IF dimensions OPERATOR(pg_catalog.<=) 2000 THEN
        EXECUTE pg_catalog.format(
            'CREATE INDEX %2$I ON schema_monitor.%1$I USING hnsw (embedding @extschema:vector@.vector_cosine_ops)',
            table_name, table_name OPERATOR(pg_catalog.||) '_embedding');
    END IF;
    EXECUTE pg_catalog.format('ALTER TABLE schema_monitor.%I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE pg_catalog.format($ddl$
        CREATE POLICY visible ON schema_monitor.%I FOR SELECT USING (
            object_id IN (SELECT v.object_id FROM schema_monitor._visible_relation AS v WHERE v.whole)
            OR (object_id, column_number) IN (
                SELECT c.object_id, c.column_number FROM schema_monitor._visible_column AS c))
        $ddl$, table_name);
    EXECUTE pg_catalog.format('GRANT SELECT ON schema_monitor.%I TO PUBLIC', table_name);
    EXECUTE pg_catalog.format(
        'COMMENT ON TABLE schema_monitor.%I IS %L', table_name,
        'a vector for each relation (column_number 0) and each column; rows are shown by the rights on what they are about');
    EXECUTE pg_catalog.format('COMMENT ON COLUMN schema_monitor.%I.incarnation IS %L', table_name, 'installation it belongs to');
    EXECUTE pg_catalog.format('COMMENT ON COLUMN schema_monitor.%I.object_id IS %L', table_name, 'identity of the relation, as in the view objects');
    EXECUTE pg_catalog.format('COMMENT ON COLUMN schema_monitor.%I.column_number IS %L', table_name, 'attnum of the column; 0 for the relation itself');
    EXECUTE pg_catalog.format('COMMENT ON COLUMN schema_monitor.%I.kind IS %L', table_name, 'kind of the relation, or column');
    EXECUTE pg_catalog.format('COMMENT ON COLUMN schema_monitor.%I.schema_name IS %L', table_name, 'schema of the relation');
    EXECUTE pg_catalog.format('COMMENT ON COLUMN schema_monitor.%I.object_name IS %L', table_name, 'name of the relation');
    EXECUTE pg_catalog.format('COMMENT ON COLUMN schema_monitor.%I.column_name IS %L', table_name, 'name of the column');
    EXECUTE pg_catalog.format('COMMENT ON COLUMN schema_monitor.%I.passage IS %L', table_name, 'text that was embedded, without the model''s prefix');
    EXECUTE pg_catalog.format('COMMENT ON COLUMN schema_monitor.%I.passage_hash IS %L', table_name, 'SHA-256 of the passage');
    EXECUTE pg_catalog.format('COMMENT ON COLUMN schema_monitor.%I.model IS %L', table_name, 'SHA-256 of the model''s files');
    EXECUTE pg_catalog.format('COMMENT ON COLUMN schema_monitor.%I.embedded_at IS %L', table_name, 'when the vector was made');
    EXECUTE pg_catalog.format('COMMENT ON COLUMN schema_monitor.%I.embedding IS %L', table_name, 'unit vector of the passage');
END
$function$;
COMMENT ON FUNCTION schema_monitor._create_embeddings(text, integer) IS 'makes a table of vectors with its HNSW index';

-- Another dimension: an empty table takes the place of the old one in one transaction. Tables made after
-- CREATE EXTENSION become members of the extension, so that DROP EXTENSION takes them along.
CREATE FUNCTION schema_monitor._replace_embeddings(dimensions integer) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    ALTER EXTENSION schema_monitor DROP TABLE schema_monitor.schema_embeddings;
    DROP TABLE schema_monitor.schema_embeddings;
    PERFORM schema_monitor._create_embeddings('schema_embeddings', dimensions);
    ALTER EXTENSION schema_monitor ADD TABLE schema_monitor.schema_embeddings;
END
$function$;
COMMENT ON FUNCTION schema_monitor._replace_embeddings(integer) IS
    'replaces the table of vectors by an empty one of another dimension';

-- What search() reads. Rights are applied by _visible_relation, before anything is cut.
CREATE VIEW schema_monitor._searchable WITH (security_barrier) AS
SELECT v.object_id, v.kind, v.oid, v.schema_name, v.name, v.identity, v.whole, d.length
FROM schema_monitor._visible_relation AS v
JOIN schema_monitor._document AS d ON d.object_id OPERATOR(pg_catalog.=) v.object_id
WHERE d.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation();
COMMENT ON VIEW schema_monitor._searchable IS 'relations that search() can find and the effective user may see';

-- Terms of a relation name its columns and comments: for whom sees it whole. Rights are looked up once for both
-- arms; the one without a term says how many documents there are and how long they are together.
CREATE VIEW schema_monitor._visible_term WITH (security_barrier) AS
WITH visible AS MATERIALIZED (
    SELECT s.object_id, s.kind, s.schema_name, s.whole, s.length FROM schema_monitor._searchable AS s
)
SELECT
    NULL::text COLLATE "C" AS term, v.kind, v.schema_name, NULL::bigint AS object_id, NULL::integer AS weight,
    NULL::integer AS length, pg_catalog.count(*) AS documents, pg_catalog.sum(v.length) AS total_length
FROM visible AS v
GROUP BY v.kind, v.schema_name
UNION ALL
SELECT p.term, v.kind, v.schema_name, p.object_id, p.weight, v.length, NULL, NULL
FROM schema_monitor._posting AS p
JOIN visible AS v ON v.object_id OPERATOR(pg_catalog.=) p.object_id
WHERE p.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
  AND v.whole;
COMMENT ON VIEW schema_monitor._visible_term IS
    'terms of relations the effective user may see whole and, without a term, how many relations that user may see';

CREATE VIEW schema_monitor._visible_reference WITH (security_barrier) AS
SELECT r.object_id, r.referenced_id
FROM schema_monitor._reference AS r
JOIN schema_monitor._visible_one AS a ON a.object_id OPERATOR(pg_catalog.=) r.object_id
JOIN schema_monitor._visible_one AS b ON b.object_id OPERATOR(pg_catalog.=) r.referenced_id
WHERE r.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
  AND a.whole;
COMMENT ON VIEW schema_monitor._visible_reference IS
    'foreign keys between relations the effective user may see: for a few identities';

CREATE VIEW schema_monitor._visible_passage WITH (security_barrier) AS
SELECT p.object_id, p.column_number, p.column_name, p.passage
FROM schema_monitor._passage AS p
JOIN schema_monitor._visible_one AS v ON v.object_id OPERATOR(pg_catalog.=) p.object_id
WHERE p.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
  AND (v.whole
       OR (p.column_number OPERATOR(pg_catalog.<>) 0
           AND coalesce(
               pg_catalog.has_column_privilege(v.oid, p.column_number, 'SELECT, INSERT, UPDATE, REFERENCES'), false)));
COMMENT ON VIEW schema_monitor._visible_passage IS
    'passages about what the effective user may see: for a few identities';
