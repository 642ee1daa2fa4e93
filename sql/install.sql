-- Last: the table of vectors, what searches it, rights, and the event triggers.

SELECT schema_monitor._create_embeddings('schema_embeddings', coalesce(schema_monitor._model_dimensions(), 384));

-- Both run with the caller's rights on the table itself, so that its row-level security filters and its
-- index can still be used: a security-barrier view would hide the index.
-- Exact: every vector the caller may see is compared.
CREATE FUNCTION schema_monitor._all_by_similarity(
    question @extschema:vector@.vector, model bytea, kinds text[], schemas text[],
    OUT object_id bigint, OUT column_number smallint, OUT similarity double precision)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN QUERY
    SELECT e.object_id, e.column_number, 1 OPERATOR(pg_catalog.-) (e.embedding OPERATOR(@extschema:vector@.<=>) question)
    FROM schema_monitor.schema_embeddings AS e
    WHERE e.model OPERATOR(pg_catalog.=) $2
      AND e.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND ($3 IS NULL OR e.object_id IN (
          SELECT s.object_id FROM schema_monitor._searchable AS s WHERE s.kind OPERATOR(pg_catalog.=) ANY ($3)))
      AND ($4 IS NULL OR e.schema_name OPERATOR(pg_catalog.=) ANY ($4));
END
$function$;
COMMENT ON FUNCTION schema_monitor._all_by_similarity(@extschema:vector@.vector, bytea, text[], text[]) IS
    'similarity of every vector the caller may see';

-- By the index: it goes on until enough rows have passed the filter, so rights and filters cost time and
-- never rows.
CREATE FUNCTION schema_monitor._nearest(
    question @extschema:vector@.vector, model bytea, kinds text[], schemas text[], most bigint,
    OUT object_id bigint, OUT column_number smallint, OUT similarity double precision)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET hnsw.iterative_scan = 'relaxed_order'
SET hnsw.ef_search = 200
SET hnsw.max_scan_tuples = 2000000
AS $function$
BEGIN
    RETURN QUERY
    SELECT e.object_id, e.column_number, 1 OPERATOR(pg_catalog.-) (e.embedding OPERATOR(@extschema:vector@.<=>) question)
    FROM schema_monitor.schema_embeddings AS e
    WHERE e.model OPERATOR(pg_catalog.=) $2
      AND e.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND ($3 IS NULL OR e.object_id IN (
          SELECT s.object_id FROM schema_monitor._searchable AS s WHERE s.kind OPERATOR(pg_catalog.=) ANY ($3)))
      AND ($4 IS NULL OR e.schema_name OPERATOR(pg_catalog.=) ANY ($4))
    ORDER BY e.embedding OPERATOR(@extschema:vector@.<=>) question
    LIMIT most;
END
$function$;
COMMENT ON FUNCTION schema_monitor._nearest(@extschema:vector@.vector, bytea, text[], text[], bigint) IS
    'the nearest vectors among those the caller may see';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA schema_monitor FROM PUBLIC;
GRANT USAGE ON SCHEMA schema_monitor TO PUBLIC;
GRANT SELECT ON
    schema_monitor.objects, schema_monitor.versions, schema_monitor.changes, schema_monitor._visible_object,
    schema_monitor._visible_relation,
    schema_monitor._searchable, schema_monitor._visible_term, schema_monitor._visible_reference,
    schema_monitor._visible_passage, schema_monitor._visible_column, schema_monitor._visible_one
TO PUBLIC;
GRANT EXECUTE ON FUNCTION
    schema_monitor._incarnation(), schema_monitor.fingerprint(), schema_monitor._fingerprint_of_relation(oid),
    schema_monitor.fingerprint(regclass), schema_monitor._fingerprint_tree(), schema_monitor._embed(text, boolean),
    schema_monitor.embed_query(text), schema_monitor.embed_passage(text),
    schema_monitor.search(text, integer, text[], text[]),
    schema_monitor._all_by_similarity(@extschema:vector@.vector, bytea, text[], text[]),
    schema_monitor._nearest(@extschema:vector@.vector, bytea, text[], text[], bigint)
TO PUBLIC;
-- Functions with the owner's rights are for nobody but whom the owner names, and for who watches servers.
GRANT EXECUTE ON FUNCTION schema_monitor.status(), schema_monitor.wait_until_indexed(interval) TO pg_monitor;

-- Some managed servers refuse event triggers; everything else works there, in the foreground.
CREATE FUNCTION schema_monitor._capture_commands() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'capture_commands_wrapper';
COMMENT ON FUNCTION schema_monitor._capture_commands() IS 'notes the objects a command made or changed';
CREATE FUNCTION schema_monitor._capture_drops() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'capture_drops_wrapper';
COMMENT ON FUNCTION schema_monitor._capture_drops() IS 'notes the objects a command dropped';

DO $triggers$
BEGIN
    CREATE EVENT TRIGGER schema_monitor_commands ON ddl_command_end
        EXECUTE FUNCTION schema_monitor._capture_commands();
    CREATE EVENT TRIGGER schema_monitor_drops ON sql_drop
        EXECUTE FUNCTION schema_monitor._capture_drops();
    COMMENT ON EVENT TRIGGER schema_monitor_commands IS 'captures schema changes for schema_monitor';
    COMMENT ON EVENT TRIGGER schema_monitor_drops IS 'captures dropped objects for schema_monitor';
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'schema_monitor may not create event triggers here: call schema_monitor.check() after schema changes';
END
$triggers$;
