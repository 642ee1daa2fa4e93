-- What happened and what was: events as captured, objects with their identity, versions and changes.

CREATE TABLE schema_monitor.ddl_event (
    incarnation     uuid NOT NULL DEFAULT schema_monitor._incarnation(),
    xid             xid8 NOT NULL,
    ordinal         bigint NOT NULL,
    occurred_at     timestamptz,
    command_tag     text,
    object_type     text,
    class_id        oid,
    object_oid      oid,
    column_number   integer,
    schema_name     text,
    identity        text,
    dropped         boolean,
    session_role    text,
    "current_role"    text,
    application     text,
    statement       text,
    PRIMARY KEY (xid, ordinal, incarnation)
);
COMMENT ON TABLE schema_monitor.ddl_event IS 'every committed DDL as the event triggers saw it; append only';
COMMENT ON COLUMN schema_monitor.ddl_event.incarnation IS 'installation that captured it';
COMMENT ON COLUMN schema_monitor.ddl_event.xid IS 'top-level transaction';
COMMENT ON COLUMN schema_monitor.ddl_event.ordinal IS 'order within the session; not the order of commits';
COMMENT ON COLUMN schema_monitor.ddl_event.occurred_at IS 'start of the transaction';
COMMENT ON COLUMN schema_monitor.ddl_event.command_tag IS 'command as PostgreSQL names it';
COMMENT ON COLUMN schema_monitor.ddl_event.object_type IS 'type of the object as PostgreSQL names it';
COMMENT ON COLUMN schema_monitor.ddl_event.class_id IS 'catalog the object is in; NULL where the command gives none (GRANT)';
COMMENT ON COLUMN schema_monitor.ddl_event.object_oid IS 'OID of the object; NULL where the command gives none';
COMMENT ON COLUMN schema_monitor.ddl_event.column_number IS 'column the command was about, or 0';
COMMENT ON COLUMN schema_monitor.ddl_event.schema_name IS 'schema of the object';
COMMENT ON COLUMN schema_monitor.ddl_event.identity IS 'name of the object after the command; before it for a dropped one';
COMMENT ON COLUMN schema_monitor.ddl_event.dropped IS 'whether the command dropped the object';
COMMENT ON COLUMN schema_monitor.ddl_event.session_role IS 'role that logged in';
COMMENT ON COLUMN schema_monitor.ddl_event."current_role" IS 'role in force when the command ran';
COMMENT ON COLUMN schema_monitor.ddl_event.application IS 'application_name of the session';
COMMENT ON COLUMN schema_monitor.ddl_event.statement IS 'text of the statement, for commands that cannot carry a secret';

CREATE TABLE schema_monitor._version (
    incarnation     uuid NOT NULL DEFAULT schema_monitor._incarnation(),
    version         bigint NOT NULL,
    recorded_at     timestamptz NOT NULL,
    first_event_at  timestamptz,
    origin          text NOT NULL,
    structure       bytea NOT NULL,
    layout          bytea NOT NULL,
    access          bytea NOT NULL,
    objects         bigint NOT NULL,
    changes         bigint NOT NULL,
    impact          text NOT NULL,
    events          bigint NOT NULL,
    PRIMARY KEY (incarnation, version)
);
COMMENT ON TABLE schema_monitor._version IS 'recorded states of the schema';
COMMENT ON COLUMN schema_monitor._version.incarnation IS 'installation that recorded it';
COMMENT ON COLUMN schema_monitor._version.version IS 'number, rising by one';
COMMENT ON COLUMN schema_monitor._version.recorded_at IS 'when the comparison was made';
COMMENT ON COLUMN schema_monitor._version.first_event_at IS 'transaction start of the earliest event it covers';
COMMENT ON COLUMN schema_monitor._version.origin IS 'initial, captured (events told of it) or reconciled (a comparison found it)';
COMMENT ON COLUMN schema_monitor._version.structure IS 'SHA-256 of everything that is declared';
COMMENT ON COLUMN schema_monitor._version.layout IS 'SHA-256 of the order of columns';
COMMENT ON COLUMN schema_monitor._version.access IS 'SHA-256 of owners and privileges';
COMMENT ON COLUMN schema_monitor._version.objects IS 'number of objects';
COMMENT ON COLUMN schema_monitor._version.changes IS 'number of changes from the version before';
COMMENT ON COLUMN schema_monitor._version.impact IS 'highest impact among the changes';
COMMENT ON COLUMN schema_monitor._version.events IS 'number of captured events it covers';

CREATE TABLE schema_monitor._object (
    incarnation     uuid NOT NULL DEFAULT schema_monitor._incarnation(),
    object_id       bigint NOT NULL,
    kind            text NOT NULL,
    class_id        oid NOT NULL,
    oid             oid NOT NULL,
    schema_name     text NOT NULL,
    name            text NOT NULL,
    identity        text NOT NULL,
    owner           text NOT NULL,
    structure       bytea NOT NULL,
    layout          bytea NOT NULL,
    access          bytea NOT NULL,
    column_numbers  smallint[] NOT NULL,
    first_version   bigint NOT NULL,
    last_version    bigint NOT NULL,
    dropped_version bigint,
    PRIMARY KEY (object_id, incarnation)
);
CREATE INDEX _object_oid ON schema_monitor._object (oid, class_id) WHERE dropped_version IS NULL;
COMMENT ON TABLE schema_monitor._object IS 'identity and present state of each object that is or was';
COMMENT ON COLUMN schema_monitor._object.incarnation IS 'installation it belongs to';
COMMENT ON COLUMN schema_monitor._object.object_id IS 'identity, kept through renames and rewrites';
COMMENT ON COLUMN schema_monitor._object.kind IS 'kind of object';
COMMENT ON COLUMN schema_monitor._object.class_id IS 'catalog it is in now';
COMMENT ON COLUMN schema_monitor._object.oid IS 'OID it has now';
COMMENT ON COLUMN schema_monitor._object.schema_name IS 'schema; itself for a schema, empty for an extension';
COMMENT ON COLUMN schema_monitor._object.name IS 'name, for functions with the types of their arguments';
COMMENT ON COLUMN schema_monitor._object.identity IS 'qualified name, quoted where needed';
COMMENT ON COLUMN schema_monitor._object.owner IS 'owner; the last one for what was dropped';
COMMENT ON COLUMN schema_monitor._object.structure IS 'SHA-256 of everything that is declared';
COMMENT ON COLUMN schema_monitor._object.layout IS 'SHA-256 of the order of columns';
COMMENT ON COLUMN schema_monitor._object.access IS 'SHA-256 of owner and privileges';
COMMENT ON COLUMN schema_monitor._object.column_numbers IS 'numbers of its columns (attnum), in order';
COMMENT ON COLUMN schema_monitor._object.first_version IS 'version it appeared in';
COMMENT ON COLUMN schema_monitor._object.last_version IS 'version that last changed it';
COMMENT ON COLUMN schema_monitor._object.dropped_version IS 'version it was gone in';

CREATE TABLE schema_monitor._definition (
    incarnation     uuid NOT NULL DEFAULT schema_monitor._incarnation(),
    object_id       bigint NOT NULL,
    version         bigint NOT NULL,
    definition      jsonb,
    PRIMARY KEY (object_id, version, incarnation)
);
CREATE INDEX _definition_partition_of ON schema_monitor._definition (((definition OPERATOR(pg_catalog.->) 'attributes') OPERATOR(pg_catalog.->>) 'partition_of'))
    WHERE ((definition OPERATOR(pg_catalog.->) 'attributes') OPERATOR(pg_catalog.->>) 'partition_of') IS NOT NULL;
COMMENT ON TABLE schema_monitor._definition IS 'each object as it was declared from a version on';
COMMENT ON COLUMN schema_monitor._definition.incarnation IS 'installation that recorded it';
COMMENT ON COLUMN schema_monitor._definition.object_id IS 'the object';
COMMENT ON COLUMN schema_monitor._definition.version IS 'first version it was declared so';
COMMENT ON COLUMN schema_monitor._definition.definition IS 'definition; NULL from the version on in which the object was gone';

CREATE TABLE schema_monitor._change (
    incarnation     uuid NOT NULL DEFAULT schema_monitor._incarnation(),
    version         bigint NOT NULL,
    ordinal         integer NOT NULL,
    change          text NOT NULL,
    object_id       bigint NOT NULL,
    part            text,
    before          jsonb,
    after           jsonb,
    impact          text NOT NULL,
    rules           text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (version, ordinal, incarnation)
);
COMMENT ON TABLE schema_monitor._change IS 'differences between each version and the one before';
COMMENT ON COLUMN schema_monitor._change.incarnation IS 'installation that recorded it';
COMMENT ON COLUMN schema_monitor._change.version IS 'version that has it';
COMMENT ON COLUMN schema_monitor._change.ordinal IS 'order within the version';
COMMENT ON COLUMN schema_monitor._change.change IS 'what happened, as <noun>_<verb>';
COMMENT ON COLUMN schema_monitor._change.object_id IS 'object it happened to or in';
COMMENT ON COLUMN schema_monitor._change.part IS 'name of the column, constraint, index … it happened to';
COMMENT ON COLUMN schema_monitor._change.before IS 'what differs, as it was';
COMMENT ON COLUMN schema_monitor._change.after IS 'what differs, as it is';
COMMENT ON COLUMN schema_monitor._change.impact IS 'low, medium, high or breaking';
COMMENT ON COLUMN schema_monitor._change.rules IS 'rules that say so, the deciding one first';

CREATE TABLE schema_monitor._migration (
    incarnation     uuid NOT NULL DEFAULT schema_monitor._incarnation(),
    relation_oid    oid NOT NULL,
    schema_name     text NOT NULL,
    table_name      text NOT NULL,
    revision        text NOT NULL,
    version         bigint NOT NULL,
    tool            text NOT NULL,
    description     text,
    applied_at      timestamptz,
    withdrawn_version bigint,
    PRIMARY KEY (schema_name, table_name, revision, version, incarnation)
);
COMMENT ON TABLE schema_monitor._migration IS 'what the tables of migration tools said, by the version that stood';
COMMENT ON COLUMN schema_monitor._migration.incarnation IS 'installation that recorded it';
COMMENT ON COLUMN schema_monitor._migration.relation_oid IS 'the tool''s table; 0 until it is found again after a restore';
COMMENT ON COLUMN schema_monitor._migration.schema_name IS 'schema of the tool''s table';
COMMENT ON COLUMN schema_monitor._migration.table_name IS 'name of that table';
COMMENT ON COLUMN schema_monitor._migration.revision IS 'the migration, as the tool calls it';
COMMENT ON COLUMN schema_monitor._migration.version IS 'version that stood when it was first seen: the one it made';
COMMENT ON COLUMN schema_monitor._migration.tool IS 'the tool';
COMMENT ON COLUMN schema_monitor._migration.description IS 'what the tool says of it';
COMMENT ON COLUMN schema_monitor._migration.applied_at IS 'when, as the tool says';
COMMENT ON COLUMN schema_monitor._migration.withdrawn_version IS 'version that stood when it was there no more';

CREATE TABLE schema_monitor._statistic (
    incarnation     uuid NOT NULL DEFAULT schema_monitor._incarnation(),
    object_id       bigint NOT NULL,
    version         bigint NOT NULL,
    measured_at     timestamptz NOT NULL,
    live_rows       double precision NOT NULL,
    sequential_scans bigint NOT NULL,
    sequential_rows bigint NOT NULL,
    index_scans     bigint NOT NULL,
    statements      jsonb,
    PRIMARY KEY (object_id, version, incarnation)
);
COMMENT ON TABLE schema_monitor._statistic IS 'what the server had counted of a relation when a version changed it';
COMMENT ON COLUMN schema_monitor._statistic.incarnation IS 'installation that recorded it';
COMMENT ON COLUMN schema_monitor._statistic.object_id IS 'the relation';
COMMENT ON COLUMN schema_monitor._statistic.version IS 'the version';
COMMENT ON COLUMN schema_monitor._statistic.measured_at IS 'when';
COMMENT ON COLUMN schema_monitor._statistic.live_rows IS 'estimated number of rows';
COMMENT ON COLUMN schema_monitor._statistic.sequential_scans IS 'sequential scans until then';
COMMENT ON COLUMN schema_monitor._statistic.sequential_rows IS 'rows that they read';
COMMENT ON COLUMN schema_monitor._statistic.index_scans IS 'index scans until then';
COMMENT ON COLUMN schema_monitor._statistic.statements IS 'calls and milliseconds of statements that name it, by their number in pg_stat_statements';

CREATE TABLE schema_monitor._state (
    incarnation     uuid PRIMARY KEY DEFAULT schema_monitor._incarnation(),
    stamp           text,
    drained         pg_snapshot,
    checked_at      timestamptz,
    reconciled_at   timestamptz,
    model           bytea,
    model_name      text,
    notified        bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE schema_monitor._state IS 'where the monitor of this database stands; one row, whose lock monitors take turns by';
COMMENT ON COLUMN schema_monitor._state.incarnation IS 'installation it belongs to';
COMMENT ON COLUMN schema_monitor._state.stamp IS 'system, database and extension the OIDs belong to; another one re-binds by name';
COMMENT ON COLUMN schema_monitor._state.drained IS 'snapshot of the last comparison: events visible in it are covered';
COMMENT ON COLUMN schema_monitor._state.checked_at IS 'last comparison';
COMMENT ON COLUMN schema_monitor._state.reconciled_at IS 'last comparison of everything';
COMMENT ON COLUMN schema_monitor._state.model IS 'SHA-256 of the model whose vectors are served';
COMMENT ON COLUMN schema_monitor._state.model_name IS 'name of that model';
COMMENT ON COLUMN schema_monitor._state.notified IS 'last version announced as searchable';
INSERT INTO schema_monitor._state DEFAULT VALUES;

-- What people taught us and what was is dumped; what can be derived is not.
SELECT pg_catalog.pg_extension_config_dump('schema_monitor._version', '');
SELECT pg_catalog.pg_extension_config_dump('schema_monitor._object', '');
SELECT pg_catalog.pg_extension_config_dump('schema_monitor._definition', '');
SELECT pg_catalog.pg_extension_config_dump('schema_monitor._change', '');
SELECT pg_catalog.pg_extension_config_dump('schema_monitor._migration', '');
