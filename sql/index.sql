-- What search reads: passages with their vectors, terms for the lexical score, and foreign keys.
-- All of it is derived from the recorded definitions and rebuilt, never dumped.

CREATE TABLE schema_monitor._document (
    incarnation     uuid NOT NULL DEFAULT schema_monitor._incarnation(),
    object_id       bigint NOT NULL,
    relation        oid NOT NULL,
    kind            text NOT NULL,
    schema_name     text NOT NULL,
    name            text NOT NULL,
    identity        text NOT NULL,
    length          integer NOT NULL,
    PRIMARY KEY (object_id, incarnation)
);
COMMENT ON TABLE schema_monitor._document IS 'relations whose terms are indexed';
COMMENT ON COLUMN schema_monitor._document.incarnation IS 'installation it belongs to';
COMMENT ON COLUMN schema_monitor._document.object_id IS 'identity of the relation';
COMMENT ON COLUMN schema_monitor._document.relation IS 'OID of the relation, no regclass: a subscriber may not have it';
COMMENT ON COLUMN schema_monitor._document.kind IS 'table, foreign_table, view or materialized_view';
COMMENT ON COLUMN schema_monitor._document.schema_name IS 'schema it is in';
COMMENT ON COLUMN schema_monitor._document.name IS 'its name';
COMMENT ON COLUMN schema_monitor._document.identity IS 'its name with the schema, quoted where needed';
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

CREATE TABLE schema_monitor._quarantine (
    incarnation     uuid NOT NULL DEFAULT schema_monitor._incarnation(),
    passage_hash    bytea NOT NULL,
    model           bytea NOT NULL,
    reason          text NOT NULL,
    left_out_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (passage_hash, model, incarnation)
);
COMMENT ON TABLE schema_monitor._quarantine IS 'passages that a model must not be run on';
COMMENT ON COLUMN schema_monitor._quarantine.incarnation IS 'installation it belongs to';
COMMENT ON COLUMN schema_monitor._quarantine.passage_hash IS 'SHA-256 of the passage';
COMMENT ON COLUMN schema_monitor._quarantine.model IS 'SHA-256 of the model''s files';
COMMENT ON COLUMN schema_monitor._quarantine.reason IS 'what happened when it was run';
COMMENT ON COLUMN schema_monitor._quarantine.left_out_at IS 'when that was noted';

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
            relation        oid NOT NULL,
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
    -- Where there are many vectors, search compares those of relations all the same.
    EXECUTE pg_catalog.format(
        'CREATE INDEX %2$I ON schema_monitor.%1$I (object_id) WHERE column_number OPERATOR(pg_catalog.=) 0',
        table_name, table_name OPERATOR(pg_catalog.||) '_relation');
    EXECUTE pg_catalog.format('ALTER TABLE schema_monitor.%I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE pg_catalog.format(
        'CREATE POLICY visible ON schema_monitor.%I FOR SELECT
         USING (schema_monitor._sees_passage(relation, column_number))', table_name);
    EXECUTE pg_catalog.format('GRANT SELECT ON schema_monitor.%I TO PUBLIC', table_name);
    EXECUTE pg_catalog.format(
        'COMMENT ON TABLE schema_monitor.%I IS %L', table_name,
        'a vector for each relation (column_number 0) and each column; rows are shown by the rights on what they are about');
    EXECUTE pg_catalog.format('COMMENT ON COLUMN schema_monitor.%I.incarnation IS %L', table_name, 'installation it belongs to');
    EXECUTE pg_catalog.format('COMMENT ON COLUMN schema_monitor.%I.object_id IS %L', table_name, 'identity of the relation, as in the view objects');
    EXECUTE pg_catalog.format('COMMENT ON COLUMN schema_monitor.%I.relation IS %L', table_name, 'OID of the relation');
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

-- A model is changed in two steps: its vectors are made in a table beside the one that is searched, which then takes
-- its place in one transaction. Tables made after CREATE EXTENSION become members of the extension, so that
-- DROP EXTENSION takes them along.
CREATE FUNCTION schema_monitor._begin_embeddings(dimensions integer) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM schema_monitor._abandon_embeddings();
    PERFORM schema_monitor._create_embeddings('_next_embeddings', dimensions);
    ALTER EXTENSION schema_monitor ADD TABLE schema_monitor._next_embeddings;
END
$function$;
COMMENT ON FUNCTION schema_monitor._begin_embeddings(integer) IS
    'makes an empty table for the vectors of another model, beside the one that is searched';

CREATE FUNCTION schema_monitor._abandon_embeddings() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF pg_catalog.to_regclass('schema_monitor._next_embeddings') IS NOT NULL THEN
        ALTER EXTENSION schema_monitor DROP TABLE schema_monitor._next_embeddings;
        DROP TABLE schema_monitor._next_embeddings;
    END IF;
END
$function$;
COMMENT ON FUNCTION schema_monitor._abandon_embeddings() IS
    'drops the table of a model that was wanted and is not wanted any more';

CREATE FUNCTION schema_monitor._swap_embeddings() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    suffix text;
BEGIN
    ALTER EXTENSION schema_monitor DROP TABLE schema_monitor.schema_embeddings;
    DROP TABLE schema_monitor.schema_embeddings;
    ALTER TABLE schema_monitor._next_embeddings RENAME TO schema_embeddings;
    FOREACH suffix IN ARRAY '{_pkey,_embedding,_relation}'::text[] LOOP
        EXECUTE pg_catalog.format(
            'ALTER INDEX IF EXISTS schema_monitor.%I RENAME TO %I',
            '_next_embeddings' OPERATOR(pg_catalog.||) suffix, 'schema_embeddings' OPERATOR(pg_catalog.||) suffix);
    END LOOP;
END
$function$;
COMMENT ON FUNCTION schema_monitor._swap_embeddings() IS
    'puts the table of the new model in the place of the one that was searched';

-- What search() reads. Rights are applied here, before anything is cut.
CREATE VIEW schema_monitor._visible_document WITH (security_barrier) AS
SELECT d.object_id, d.kind, d.schema_name, d.length
FROM schema_monitor._document AS d
WHERE d.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
  AND schema_monitor._sees_relation(d.relation) IS NOT NULL;
COMMENT ON VIEW schema_monitor._visible_document IS 'relations that search() can find and the effective user may see';

-- Terms of a relation name its columns and comments: for whom sees it whole.
CREATE VIEW schema_monitor._visible_posting WITH (security_barrier) AS
SELECT p.term, p.object_id, d.kind, d.schema_name, p.weight, d.length
FROM schema_monitor._posting AS p
JOIN schema_monitor._document AS d
    ON d.object_id OPERATOR(pg_catalog.=) p.object_id AND d.incarnation OPERATOR(pg_catalog.=) p.incarnation
WHERE p.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
  AND schema_monitor._sees_relation(d.relation);
COMMENT ON VIEW schema_monitor._visible_posting IS 'terms of relations the effective user may see whole';

CREATE VIEW schema_monitor._visible_reference WITH (security_barrier) AS
SELECT r.object_id, r.referenced_id
FROM schema_monitor._reference AS r
JOIN schema_monitor._document AS a
    ON a.object_id OPERATOR(pg_catalog.=) r.object_id AND a.incarnation OPERATOR(pg_catalog.=) r.incarnation
JOIN schema_monitor._document AS b
    ON b.object_id OPERATOR(pg_catalog.=) r.referenced_id AND b.incarnation OPERATOR(pg_catalog.=) r.incarnation
WHERE r.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
  AND schema_monitor._sees_relation(a.relation)
  AND schema_monitor._sees_relation(b.relation) IS NOT NULL;
COMMENT ON VIEW schema_monitor._visible_reference IS 'foreign keys between relations the effective user may see';

CREATE VIEW schema_monitor._visible_passage WITH (security_barrier) AS
SELECT p.object_id, d.kind, d.identity, d.schema_name, d.name, p.column_number, p.column_name, p.passage
FROM schema_monitor._passage AS p
JOIN schema_monitor._document AS d
    ON d.object_id OPERATOR(pg_catalog.=) p.object_id AND d.incarnation OPERATOR(pg_catalog.=) p.incarnation
WHERE p.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
  AND schema_monitor._sees_passage(d.relation, p.column_number);
COMMENT ON VIEW schema_monitor._visible_passage IS 'passages about what the effective user may see';
