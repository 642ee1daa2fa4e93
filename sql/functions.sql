-- What may be called. Functions run with the rights of the caller and show what the caller may see; the
-- few that manage run with the owner's and nobody else may call them until the owner grants it.

CREATE FUNCTION schema_monitor.check("force" boolean DEFAULT false,
    OUT updated boolean, OUT message text, OUT version bigint, OUT fingerprint text, OUT changes bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'check_wrapper';
COMMENT ON FUNCTION schema_monitor.check(boolean) IS
    'compares the catalog with what is recorded, now, and brings history and index up to date; force reads and embeds everything again';

CREATE FUNCTION schema_monitor.status(
    OUT version bigint, OUT fingerprint text, OUT objects bigint, OUT embedded bigint, OUT pending bigint,
    OUT quarantined bigint, OUT model text, OUT dimensions integer, OUT launcher text, OUT monitor text, OUT embedder text,
    OUT last_event timestamptz, OUT last_check timestamptz, OUT lag bigint, OUT gap boolean, OUT last_error text)
RETURNS SETOF record
LANGUAGE c VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'status_wrapper';
COMMENT ON FUNCTION schema_monitor.status() IS
    'how things stand: version, objects, passages embedded, pending and left out, model, processes, events not yet covered (lag), last error';

CREATE FUNCTION schema_monitor.wait_until_indexed(timeout interval DEFAULT '30 s') RETURNS boolean
LANGUAGE c VOLATILE STRICT SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'wait_until_indexed_wrapper';
COMMENT ON FUNCTION schema_monitor.wait_until_indexed(interval) IS
    'true once every committed change is recorded and every object has a vector of the present model; false when the time is up';

CREATE FUNCTION schema_monitor.fingerprint() RETURNS text
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'fingerprint_wrapper';
COMMENT ON FUNCTION schema_monitor.fingerprint() IS
    'SHA-256 of everything declared in this database, read now: the same on every server that has the same schema';

CREATE FUNCTION schema_monitor._fingerprint_of_relation(relation oid) RETURNS text
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'fingerprint_of_relation_wrapper';
COMMENT ON FUNCTION schema_monitor._fingerprint_of_relation(oid) IS 'see fingerprint(regclass)';

CREATE FUNCTION schema_monitor.fingerprint(relation regclass) RETURNS text
LANGUAGE sql VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS $function$ SELECT schema_monitor._fingerprint_of_relation(relation::pg_catalog.oid) $function$;
COMMENT ON FUNCTION schema_monitor.fingerprint(regclass) IS 'SHA-256 of everything declared about a relation, read now';

CREATE FUNCTION schema_monitor._fingerprint_tree(
    OUT schema_name text, OUT structure text, OUT layout text, OUT access text)
RETURNS SETOF record
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', '_fingerprint_tree_wrapper';
COMMENT ON FUNCTION schema_monitor._fingerprint_tree() IS
    'fingerprints of each schema, read now; the database under the name *';

CREATE FUNCTION schema_monitor._audit(OUT identity text, OUT problem text)
RETURNS SETOF record
LANGUAGE c VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', '_audit_wrapper';
COMMENT ON FUNCTION schema_monitor._audit() IS
    'objects whose recorded state is not what a full reading of the catalog gives; no row when all is well';

CREATE FUNCTION schema_monitor._embed(text text, is_query boolean) RETURNS real[]
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME', '_embed_wrapper';
COMMENT ON FUNCTION schema_monitor._embed(text, boolean) IS 'see embed_query and embed_passage';

CREATE FUNCTION schema_monitor.embed_query(text text) RETURNS @extschema:vector@.vector
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $function$ SELECT schema_monitor._embed(text, true)::@extschema:vector@.vector $function$;
COMMENT ON FUNCTION schema_monitor.embed_query(text) IS 'vector of something asked, with the model''s prefix for queries';

CREATE FUNCTION schema_monitor.embed_passage(text text) RETURNS @extschema:vector@.vector
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $function$ SELECT schema_monitor._embed(text, false)::@extschema:vector@.vector $function$;
COMMENT ON FUNCTION schema_monitor.embed_passage(text) IS 'vector of something found, with the model''s prefix for passages';

CREATE FUNCTION schema_monitor._model_dimensions() RETURNS integer
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', '_model_dimensions_wrapper';
COMMENT ON FUNCTION schema_monitor._model_dimensions() IS 'dimension of the configured model; NULL where there is none';

CREATE FUNCTION schema_monitor.search(query text, max_results integer DEFAULT 10, kinds text[] DEFAULT NULL,
    schemas text[] DEFAULT NULL,
    OUT rank integer, OUT kind text, OUT identity text, OUT schema_name text, OUT object_name text,
    OUT column_name text, OUT score double precision, OUT vector_score double precision,
    OUT lexical_score double precision, OUT passage text)
RETURNS SETOF record
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'search_wrapper';
COMMENT ON FUNCTION schema_monitor.search(text, integer, text[], text[]) IS
    'relations a question is about, best first, as far as you may see them; with kinds => ''{column}'' columns';
