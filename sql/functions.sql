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

CREATE FUNCTION schema_monitor._fingerprint_tree() RETURNS text
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', '_fingerprint_tree_wrapper';
COMMENT ON FUNCTION schema_monitor._fingerprint_tree() IS 'see fingerprint_tree';

CREATE FUNCTION schema_monitor.fingerprint_tree() RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$ SELECT schema_monitor._fingerprint_tree()::pg_catalog.jsonb $function$;
COMMENT ON FUNCTION schema_monitor.fingerprint_tree() IS
    'fingerprints of the database, each schema and each object, read now: what compare() on another server wants';

CREATE FUNCTION schema_monitor._compare(fingerprint_tree text, OUT difference text, OUT kind text, OUT schema_name text, OUT object_name text)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', '_compare_wrapper';
COMMENT ON FUNCTION schema_monitor._compare(text) IS 'see compare';

CREATE FUNCTION schema_monitor.compare(fingerprint_tree jsonb,
    OUT difference text, OUT kind text, OUT schema_name text, OUT object_name text)
RETURNS SETOF record
LANGUAGE sql VOLATILE STRICT SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT c.difference, c.kind, c.schema_name, c.object_name
    FROM schema_monitor._compare(fingerprint_tree::pg_catalog.text) AS c
$function$;
COMMENT ON FUNCTION schema_monitor.compare(jsonb) IS
    'where this database is other than the one whose fingerprint_tree() is given: here, there (only in one of them), structure, layout or access';

CREATE FUNCTION schema_monitor._diff(from_version bigint, to_version bigint,
    OUT change text, OUT kind text, OUT identity text, OUT part text, OUT before text, OUT after text,
    OUT impact text, OUT rules text[], OUT reasons text[])
RETURNS SETOF record
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME', '_diff_wrapper';
COMMENT ON FUNCTION schema_monitor._diff(bigint, bigint) IS 'see diff';

CREATE FUNCTION schema_monitor.diff(from_version bigint, to_version bigint DEFAULT NULL,
    OUT change text, OUT kind text, OUT identity text, OUT part text, OUT before jsonb, OUT after jsonb,
    OUT impact text, OUT rules text[], OUT reasons text[])
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT d.change, d.kind, d.identity, d.part, d.before::pg_catalog.jsonb, d.after::pg_catalog.jsonb, d.impact, d.rules, d.reasons
    FROM schema_monitor._diff(
        from_version,
        coalesce(to_version, (SELECT pg_catalog.max(v.version) FROM schema_monitor.versions AS v))) AS d
$function$;
COMMENT ON FUNCTION schema_monitor.diff(bigint, bigint) IS
    'what is other in the second version (the standing one by default) than in the first, as far as you may see it; version 0 is the empty schema';

CREATE FUNCTION schema_monitor._diff_with(schema text,
    OUT change text, OUT kind text, OUT identity text, OUT part text, OUT before text, OUT after text,
    OUT impact text, OUT rules text[], OUT reasons text[])
RETURNS SETOF record
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME', '_diff_with_wrapper';
COMMENT ON FUNCTION schema_monitor._diff_with(text) IS 'see diff_with';

CREATE FUNCTION schema_monitor.diff_with(schema jsonb,
    OUT change text, OUT kind text, OUT identity text, OUT part text, OUT before jsonb, OUT after jsonb,
    OUT impact text, OUT rules text[], OUT reasons text[])
RETURNS SETOF record
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT d.change, d.kind, d.identity, d.part, d.before::pg_catalog.jsonb, d.after::pg_catalog.jsonb, d.impact, d.rules, d.reasons
    FROM schema_monitor._diff_with(schema::pg_catalog.text) AS d
$function$;
COMMENT ON FUNCTION schema_monitor.diff_with(jsonb) IS
    'what is other here, in the standing version, than in the schema_at() of another database, matched by name';

-- No search_path of its own: names in the statements are looked up as they would be when they are run.
CREATE FUNCTION schema_monitor.classify(sql text,
    OUT ordinal integer, OUT statement text, OUT action text, OUT relation text, OUT column_name text, OUT lock text,
    OUT blocks text, OUT work text, OUT estimated_seconds double precision, OUT destroys_data boolean,
    OUT dependents bigint, OUT hazards text[], OUT reasons text[], OUT instead text[])
RETURNS SETOF record
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME', 'classify_wrapper';
COMMENT ON FUNCTION schema_monitor.classify(text) IS
    'what statements would do that are not run: lock, who waits, how much work and for how long roughly, what is lost, how many depend on it, hazards by name and what to do instead';

CREATE FUNCTION schema_monitor._migration(from_version bigint, to_version bigint, online boolean,
    OUT ordinal integer, OUT statement text, OUT kind text, OUT identity text, OUT destroys_data boolean,
    OUT own_transaction boolean, OUT note text)
RETURNS SETOF record
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME', '_migration_wrapper';
COMMENT ON FUNCTION schema_monitor._migration(bigint, bigint, boolean) IS 'see migration';

CREATE FUNCTION schema_monitor.migration(from_version bigint, to_version bigint DEFAULT NULL, online boolean DEFAULT false,
    OUT ordinal integer, OUT statement text, OUT kind text, OUT identity text, OUT destroys_data boolean,
    OUT own_transaction boolean, OUT hazards text[], OUT note text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT m.ordinal, m.statement, m.kind, m.identity, m.destroys_data, m.own_transaction,
        -- what only sets something for the session is no schema change to classify
        CASE WHEN NOT pg_catalog.starts_with(m.statement, 'SET ') THEN (
            SELECT coalesce(pg_catalog.array_agg(DISTINCT h.name), '{}')
            FROM schema_monitor.classify(m.statement) AS c
            CROSS JOIN LATERAL pg_catalog.unnest(c.hazards) AS h(name)) END,
        m.note
    FROM schema_monitor._migration(
        from_version,
        coalesce(to_version, (SELECT pg_catalog.max(v.version) FROM schema_monitor.versions AS v)),
        coalesce(online, false)) AS m
$function$;
COMMENT ON FUNCTION schema_monitor.migration(bigint, bigint, boolean) IS
    'the statements, in order, that make the first version into the second (the standing one by default), backwards too; online builds indexes and checks constraints without blocking writers';

CREATE FUNCTION schema_monitor.apply_migration(from_version bigint, to_version bigint, confirm boolean DEFAULT false,
    OUT statements bigint, OUT fingerprint text)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'apply_migration_wrapper';
COMMENT ON FUNCTION schema_monitor.apply_migration(bigint, bigint, boolean) IS
    'runs migration() in the present transaction, as you, and fails as a whole unless structure and access are then those of the second version';

CREATE FUNCTION schema_monitor.schema_at(version bigint DEFAULT NULL) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT pg_catalog.jsonb_build_object(
        'version', v.version,
        'recorded_at', v.recorded_at,
        'fingerprint', v.fingerprint,
        'objects', coalesce((
            SELECT pg_catalog.jsonb_agg(o.definition ORDER BY o.definition OPERATOR(pg_catalog.->>) 'kind',
                o.definition OPERATOR(pg_catalog.->>) 'schema', o.definition OPERATOR(pg_catalog.->>) 'name',
                o.definition OPERATOR(pg_catalog.->>) 'arguments')
            FROM (
                SELECT DISTINCT ON (d.object_id) d.definition
                FROM schema_monitor._visible_definition AS d
                WHERE d.version OPERATOR(pg_catalog.<=) v.version
                ORDER BY d.object_id, d.version DESC) AS o
            WHERE o.definition IS NOT NULL), '[]'))
    FROM schema_monitor.versions AS v
    WHERE v.version OPERATOR(pg_catalog.=) coalesce(
        schema_at.version, (SELECT pg_catalog.max(l.version) FROM schema_monitor.versions AS l))
$function$;
COMMENT ON FUNCTION schema_monitor.schema_at(bigint) IS
    'the definitions of a version (the standing one by default), as far as you may see them; NULL for a version that is not kept';

CREATE FUNCTION schema_monitor.version_at(moment timestamptz) RETURNS bigint
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT pg_catalog.max(v.version) FROM schema_monitor.versions AS v
    WHERE v.recorded_at OPERATOR(pg_catalog.<=) moment
$function$;
COMMENT ON FUNCTION schema_monitor.version_at(timestamptz) IS
    'the version that stood at a moment; NULL before the first that is kept';

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

CREATE FUNCTION schema_monitor.explain_search(query text, max_results integer DEFAULT 10, kinds text[] DEFAULT NULL,
    schemas text[] DEFAULT NULL,
    OUT rank integer, OUT identity text, OUT column_name text, OUT part text, OUT score double precision, OUT reason text)
RETURNS SETOF record
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'explain_search_wrapper';
COMMENT ON FUNCTION schema_monitor.explain_search(text, integer, text[], text[]) IS
    'what the scores of search() are made of: a row for each part of each hit; a score is 1 / (1 + exp(-sum of its parts))';

-- Names are looked up where the caller says, so these have no search_path of their own; they pin it afterwards.
CREATE FUNCTION schema_monitor.join_path(tables text[], max_paths integer DEFAULT 3, question text DEFAULT '',
    OUT path integer, OUT step integer, OUT from_table text, OUT from_alias text, OUT to_table text, OUT to_alias text,
    OUT condition text, OUT constraint_name text, OUT confidence double precision)
RETURNS SETOF record
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME', 'join_path_wrapper';
COMMENT ON FUNCTION schema_monitor.join_path(text[], integer, text) IS
    'the fewest joins that connect tables, by foreign keys, else as names suggest (no constraint_name, less confidence); several paths where they tie, first the one whose columns the question names';

CREATE FUNCTION schema_monitor.context(question text, max_tokens integer DEFAULT 4000, format text DEFAULT 'ddl',
    tables text[] DEFAULT NULL) RETURNS text
LANGUAGE c STABLE
AS 'MODULE_PATHNAME', 'context_wrapper';
COMMENT ON FUNCTION schema_monitor.context(text, integer, text, text[]) IS
    'the part of the schema that a question needs, for a prompt: the whole where it fits, else the tables found, their joins, keys, comments and most relevant columns; as ddl, text or json';

CREATE FUNCTION schema_monitor.validate_query(sql text, read_only boolean DEFAULT false, since_version bigint DEFAULT NULL,
    OUT valid boolean, OUT sqlstate text, OUT message text, OUT detail text, OUT hint text, OUT "position" integer,
    OUT suggestions text[], OUT warnings jsonb)
RETURNS SETOF record
LANGUAGE c STABLE
AS 'MODULE_PATHNAME', 'validate_query_wrapper';
COMMENT ON FUNCTION schema_monitor.validate_query(text, boolean, bigint) IS
    'whether one SELECT, INSERT, UPDATE, DELETE or MERGE is valid as you would run it here; it is analysed and never run. With names that were likely meant, and warnings';

CREATE FUNCTION schema_monitor.build_query(intent jsonb,
    OUT sql text, OUT prepared text, OUT parameters text[], OUT confidence double precision, OUT intent_used jsonb,
    OUT mappings jsonb, OUT alternatives jsonb)
RETURNS SETOF record
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME', 'build_query_wrapper';
COMMENT ON FUNCTION schema_monitor.build_query(jsonb) IS
    'a checked SELECT for an intent: metrics, dimensions, filters, time, order, limit; joins are found and never count a row twice; with the same prepared, and other ways to join';

CREATE FUNCTION schema_monitor.build_query(question text, threshold double precision DEFAULT 0.3,
    OUT sql text, OUT prepared text, OUT parameters text[], OUT confidence double precision, OUT intent_used jsonb,
    OUT mappings jsonb, OUT alternatives jsonb, OUT message text)
RETURNS SETOF record
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME', 'build_query_for_wrapper';
COMMENT ON FUNCTION schema_monitor.build_query(text, double precision) IS
    'a checked SELECT for a question for figures, such as "top 5 customers by revenue last year", with what its words were taken for and what else may be meant; without one, and with a message, below the threshold';

CREATE FUNCTION schema_monitor.optimize_query(sql text,
    OUT rule text, OUT object text, OUT message text, OUT reason text, OUT statement text, OUT rewritten text)
RETURNS SETOF record
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME', 'optimize_query_wrapper';
COMMENT ON FUNCTION schema_monitor.optimize_query(text) IS
    'what would make a statement faster, from the indexes and statistics there are: functions and casts on columns, missing indexes, leading wildcards, OR across tables, OFFSET; with the statement that creates what lacks, and the statement written otherwise where that gives the same. Nothing is run';

CREATE FUNCTION schema_monitor.validate_request(document jsonb, relation regclass,
    OUT path text, OUT rule text, OUT sqlstate text, OUT message text, OUT expected text)
RETURNS SETOF record
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME', 'validate_request_wrapper';
COMMENT ON FUNCTION schema_monitor.validate_request(jsonb, regclass) IS
    'what of a JSON document, or a list of them, a table would not take: unknown columns, missing values, wrong types, violated checks; no row is read or written';

CREATE FUNCTION schema_monitor.suggest_alternatives(sql text, max_results integer DEFAULT 3,
    OUT rank integer, OUT statement text, OUT changes text[])
RETURNS SETOF record
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME', 'suggest_alternatives_wrapper';
COMMENT ON FUNCTION schema_monitor.suggest_alternatives(text, integer) IS
    'valid statements that one with wrong names may have been meant to be, the likeliest first, with what was put in the place of what; nothing is run';

-- Mappings are looked up where the caller says.
CREATE FUNCTION schema_monitor.map_term(term text, context text DEFAULT NULL, max_results integer DEFAULT 5,
    threshold double precision DEFAULT 0.5,
    OUT rank integer, OUT mapping text, OUT kind text, OUT source text, OUT confidence double precision)
RETURNS SETOF record
LANGUAGE c STABLE
AS 'MODULE_PATHNAME', 'map_term_wrapper';
COMMENT ON FUNCTION schema_monitor.map_term(text, text, integer, double precision) IS
    'what a business term stands for, best first: what was taught, columns called so, columns that mean so; below the threshold, down to half of it, those that may; then schema_monitor.static_terms';

CREATE FUNCTION schema_monitor.mapping_confidence(term text, mapping text) RETURNS double precision
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME', 'mapping_confidence_wrapper';
COMMENT ON FUNCTION schema_monitor.mapping_confidence(text, text) IS
    'how sure it is, from 0 to 1, that a term stands for a table, a column or an expression';

CREATE FUNCTION schema_monitor.similar_terms(term text, threshold double precision DEFAULT 0.6,
    max_results integer DEFAULT 5,
    OUT similar_term text, OUT similarity double precision, OUT mapping text, OUT confidence double precision)
RETURNS SETOF record
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'similar_terms_wrapper';
COMMENT ON FUNCTION schema_monitor.similar_terms(text, double precision, integer) IS
    'taught terms that are like a term in letters, words or meaning, with what they stand for';

CREATE FUNCTION schema_monitor.learn(term text, mapping text, confidence double precision DEFAULT NULL)
RETURNS double precision
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'learn_wrapper';
COMMENT ON FUNCTION schema_monitor.learn(text, text, double precision) IS
    'teaches that a term stands for a table, a column or an expression over columns that you may see; each time again raises its confidence';

CREATE FUNCTION schema_monitor.forget(term text, mapping text DEFAULT NULL) RETURNS bigint
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'forget_wrapper';
COMMENT ON FUNCTION schema_monitor.forget(text, text) IS
    'forgets what a term was taught to stand for, or one mapping of it; gives how many there were';

CREATE FUNCTION schema_monitor._mappings(OUT term_id bigint, OUT mapping text, OUT stale boolean)
RETURNS SETOF record
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', '_mappings_wrapper';
COMMENT ON FUNCTION schema_monitor._mappings() IS 'what taught terms stand for, by the names of now';

CREATE VIEW schema_monitor.glossary WITH (security_barrier) AS
SELECT t.term, m.mapping, t.confidence, t.successes, t.taught_by, t.taught_at, m.stale
FROM schema_monitor._visible_term AS t
JOIN schema_monitor._mappings() AS m ON m.term_id OPERATOR(pg_catalog.=) t.term_id;
COMMENT ON VIEW schema_monitor.glossary IS
    'business terms that were taught, as far as you may see what they stand for; stale where that is gone';

CREATE FUNCTION schema_monitor.export_glossary(format text DEFAULT 'json') RETURNS text
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'export_glossary_wrapper';
COMMENT ON FUNCTION schema_monitor.export_glossary(text) IS 'the glossary as json or csv, without what is stale';

CREATE FUNCTION schema_monitor.import_glossary(content text, format text DEFAULT 'json') RETURNS bigint
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'import_glossary_wrapper';
COMMENT ON FUNCTION schema_monitor.import_glossary(text, text) IS
    'teaches every line of a glossary in json or csv, or none of them; gives how many there were';

CREATE FUNCTION schema_monitor._semantics(OUT object_id bigint, OUT kind text, OUT schema_name text, OUT object_name text,
    OUT column_name text, OUT semantic_type text, OUT display_name text, OUT confidence double precision, OUT reason text,
    OUT tags text[], OUT described boolean)
RETURNS SETOF record
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', '_semantics_wrapper';
COMMENT ON FUNCTION schema_monitor._semantics() IS 'what tables and columns are, for the view semantics';

CREATE VIEW schema_monitor.semantics WITH (security_barrier) AS
SELECT s.kind, s.schema_name, s.object_name, s.column_name, s.semantic_type, s.display_name, s.confidence, s.reason, s.tags,
    s.described, a.moved_at AS last_write_seen
FROM schema_monitor._semantics() AS s
LEFT JOIN schema_monitor._visible_activity AS a
    ON a.object_id OPERATOR(pg_catalog.=) s.object_id AND s.column_name IS NULL;
COMMENT ON VIEW schema_monitor.semantics IS
    'what each table is for and each column is, with how sure that is and why, as far as you may see them; described where somebody said so';

CREATE FUNCTION schema_monitor.set_semantics(object text, semantic_type text DEFAULT NULL, display_name text DEFAULT NULL,
    tags text[] DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'set_semantics_wrapper';
COMMENT ON FUNCTION schema_monitor.set_semantics(text, text, text, text[]) IS
    'says what a table or a column is, in the place of what is guessed; what is NULL stays as it was';

CREATE FUNCTION schema_monitor.reset_semantics(object text) RETURNS boolean
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'reset_semantics_wrapper';
COMMENT ON FUNCTION schema_monitor.reset_semantics(text) IS 'forgets what was said of a table or a column; whether there was anything';

CREATE FUNCTION schema_monitor.performance_since(version bigint,
    OUT identity text, OUT measure text, OUT statement bigint, OUT before double precision, OUT after double precision)
RETURNS SETOF record
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'performance_since_wrapper';
COMMENT ON FUNCTION schema_monitor.performance_since(bigint) IS
    'how the relations that a version changed were read before it and are since: scans, share of sequential ones, rows read by each, mean time of statements that name them where pg_stat_statements is there';

CREATE FUNCTION schema_monitor.migrations_applied(
    OUT tool text, OUT revision text, OUT description text, OUT applied_at timestamptz, OUT version bigint,
    OUT withdrawn_version bigint, OUT relation text)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT m.tool, m.revision, m.description, m.applied_at, m.version, m.withdrawn_version, m.relation
    FROM schema_monitor._visible_migration AS m
    ORDER BY m.version, m.applied_at, m.revision
$function$;
COMMENT ON FUNCTION schema_monitor.migrations_applied() IS
    'what the tables of Alembic, dbmate, Rails, golang-migrate, Flyway, Django, Diesel, sqlx, Prisma, Liquibase and Sequelize said, and the version each migration made, as far as you may read those tables';

CREATE FUNCTION schema_monitor.drift(
    OUT change text, OUT kind text, OUT identity text, OUT part text, OUT before jsonb, OUT after jsonb,
    OUT impact text, OUT rules text[], OUT reasons text[])
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT d.change, d.kind, d.identity, d.part, d.before, d.after, d.impact, d.rules, d.reasons
    FROM (
        SELECT pg_catalog.max(greatest(m.version, m.withdrawn_version)) AS version
        FROM schema_monitor._visible_migration AS m) AS last
    -- of what was forgotten the first version that is kept is as near as one can come
    CROSS JOIN LATERAL schema_monitor.diff(
        greatest(last.version, (SELECT pg_catalog.min(v.version) FROM schema_monitor.versions AS v))) AS d
    WHERE last.version IS NOT NULL
      AND d.identity OPERATOR(pg_catalog.<>) ALL (SELECT m.relation FROM schema_monitor._visible_migration AS m)
$function$;
COMMENT ON FUNCTION schema_monitor.drift() IS
    'what changed since the last migration of a tool, made outside it; no row where there is no tool';
