-- Last: the table of vectors, what searches it, rights, and the event triggers.

SELECT schema_monitor._create_embeddings('schema_embeddings', coalesce(schema_monitor._model_dimensions(), 384));

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA schema_monitor FROM PUBLIC;
GRANT USAGE ON SCHEMA schema_monitor TO PUBLIC;
GRANT SELECT ON
    schema_monitor.objects, schema_monitor.versions, schema_monitor.changes, schema_monitor._visible_object,
    schema_monitor._visible_relation, schema_monitor._visible_document, schema_monitor._visible_posting,
    schema_monitor._visible_reference, schema_monitor._visible_passage, schema_monitor._visible_history,
    schema_monitor._visible_definition, schema_monitor._visible_migration, schema_monitor._visible_statistic,
    schema_monitor._visible_term, schema_monitor._visible_term_object, schema_monitor.glossary,
    schema_monitor._visible_description, schema_monitor._visible_activity, schema_monitor.semantics
TO PUBLIC;
GRANT EXECUTE ON FUNCTION
    schema_monitor._incarnation(), schema_monitor.fingerprint(), schema_monitor._fingerprint_of_relation(oid),
    schema_monitor.fingerprint(regclass), schema_monitor._embed(text, boolean),
    schema_monitor.embed_query(text), schema_monitor.embed_passage(text),
    schema_monitor.search(text, integer, text[], text[]), schema_monitor.explain_search(text, integer, text[], text[]),
    schema_monitor._diff(bigint, bigint), schema_monitor.diff(bigint, bigint), schema_monitor._diff_with(text),
    schema_monitor.classify(text), schema_monitor._escaped(text),
    schema_monitor.dependents(regclass, text),
    schema_monitor._migration(bigint, bigint, boolean), schema_monitor.migration(bigint, bigint, boolean),
    schema_monitor.apply_migration(bigint, bigint, boolean),
    schema_monitor.diff_with(jsonb), schema_monitor.schema_at(bigint), schema_monitor.version_at(timestamptz),
    schema_monitor.context(text, integer, text, text[]),
    schema_monitor.join_path(text[], integer, text), schema_monitor.build_query(jsonb),
    schema_monitor.build_query(text, double precision), schema_monitor.validate_query(text, boolean, bigint),
    schema_monitor.optimize_query(text),
    schema_monitor.suggest_alternatives(text, integer), schema_monitor.validate_request(jsonb, regclass),
    schema_monitor.map_term(text, text, integer, double precision), schema_monitor.mapping_confidence(text, text),
    schema_monitor.similar_terms(text, double precision, integer), schema_monitor._mappings(), schema_monitor._semantics(),
    schema_monitor.export_glossary(text),
    schema_monitor.performance_since(bigint), schema_monitor.migrations_applied(), schema_monitor.drift(),
    schema_monitor._sees_relation(oid), schema_monitor._sees_passage(oid, smallint)
TO PUBLIC;
-- Teaching (learn, forget, import_glossary, set_semantics, reset_semantics) is for whom the owner names, too: what is taught, others believe.
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
