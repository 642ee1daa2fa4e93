-- What must hold before anything of ours is made, and the identity of this installation.

DO $bootstrap$
BEGIN
    IF pg_catalog.current_setting('server_version_num')::integer OPERATOR(pg_catalog.<) 160000 THEN
        RAISE EXCEPTION 'schema_monitor needs PostgreSQL 16 or later'
            USING ERRCODE = 'feature_not_supported';
    END IF;
    IF pg_catalog.getdatabaseencoding() OPERATOR(pg_catalog.<>) ALL
        ('{UTF8,SQL_ASCII,LATIN1,LATIN2,LATIN9,WIN1250,WIN1251,WIN1252,KOI8R,EUC_JP,EUC_KR,EUC_CN}'::pg_catalog.name[]) THEN
        RAISE NOTICE 'schema_monitor has not been tried with database encoding %', pg_catalog.getdatabaseencoding();
    END IF;
    -- CREATE EXTENSION takes a schema that is already there: it must be empty, or somebody else's
    -- objects would sit where our functions look.
    IF EXISTS (
        SELECT FROM pg_catalog.pg_depend AS d
        WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
          AND d.refobjid OPERATOR(pg_catalog.=) 'schema_monitor'::pg_catalog.regnamespace
          AND d.deptype OPERATOR(pg_catalog.=) 'n'
          AND d.classid OPERATOR(pg_catalog.<>) 'pg_catalog.pg_extension'::pg_catalog.regclass
    ) THEN
        RAISE EXCEPTION 'schema "schema_monitor" already exists and is not empty'
            USING ERRCODE = 'duplicate_schema',
                  HINT = 'Rename or drop that schema, then create the extension again.';
    END IF;
    -- Keys that a restored dump or a replication stream could collide with carry this number. It is the
    -- body of an immutable function, so that capture reads no table of ours to know it.
    EXECUTE pg_catalog.format(
        'CREATE FUNCTION schema_monitor._incarnation() RETURNS uuid
         LANGUAGE sql IMMUTABLE PARALLEL SAFE AS %L',
        pg_catalog.format('SELECT %L::uuid', pg_catalog.gen_random_uuid()));
END
$bootstrap$;

COMMENT ON FUNCTION schema_monitor._incarnation() IS
    'identity of this installation of the extension; a restored database has another one';
