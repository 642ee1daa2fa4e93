-- Who may see what. Base tables have no grants; everything is read through these views, which belong to
-- the extension's owner and filter by the rights of the effective user: USAGE on the schema and some
-- privilege on the object, as information_schema does it.

-- Asked for every row of a search: the first call of a session reads the rights on all relations at once and later
-- calls look them up, until an access list, an owner or a role changes.
CREATE FUNCTION schema_monitor._sees_relation(relation oid) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', '_sees_relation_wrapper';
COMMENT ON FUNCTION schema_monitor._sees_relation(oid) IS
    'true where the effective user may see a relation, false where only some columns of it, NULL where nothing';

CREATE FUNCTION schema_monitor._sees_passage(relation oid, column_number smallint) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', '_sees_passage_wrapper';
COMMENT ON FUNCTION schema_monitor._sees_passage(oid, smallint) IS
    'whether the effective user may see what is about a relation (column_number 0) or a column';

CREATE VIEW schema_monitor._visible_relation WITH (security_barrier) AS
SELECT
    o.object_id, o.kind, o.class_id, o.oid, o.schema_name, o.name, o.identity, o.owner, o.structure, o.layout,
    o.access, o.first_version, o.last_version, schema_monitor._sees_relation(o.oid) AS whole
FROM schema_monitor._object AS o
WHERE o.dropped_version IS NULL
  AND o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
  AND o.kind OPERATOR(pg_catalog.=) ANY ('{table,foreign_table,view,materialized_view}'::pg_catalog.text[])
  AND schema_monitor._sees_relation(o.oid) IS NOT NULL;
COMMENT ON VIEW schema_monitor._visible_relation IS
    'relations that are there and that the effective user may see; whole where not only some columns of them';

CREATE VIEW schema_monitor._visible_object WITH (security_barrier) AS
SELECT
    r.object_id, r.kind, r.class_id, r.oid, r.schema_name, r.name, r.identity, r.owner, r.structure, r.layout,
    r.access, r.first_version, r.last_version, r.whole
FROM schema_monitor._visible_relation AS r
UNION ALL
SELECT
    o.object_id, o.kind, o.class_id, o.oid, o.schema_name, o.name, o.identity, o.owner, o.structure, o.layout,
    o.access, o.first_version, o.last_version, true
FROM schema_monitor._object AS o
WHERE o.dropped_version IS NULL
  AND o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
  AND o.kind OPERATOR(pg_catalog.<>) ALL ('{table,foreign_table,view,materialized_view}'::pg_catalog.text[])
  AND CASE
        WHEN (SELECT r.rolsuper FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) current_user)
            THEN true
        WHEN o.kind OPERATOR(pg_catalog.=) 'schema'
            THEN pg_catalog.has_schema_privilege(o.oid, 'USAGE, CREATE')
        WHEN o.kind OPERATOR(pg_catalog.=) 'extension'
            THEN true
        ELSE coalesce(
            pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace(pg_catalog.quote_ident(o.schema_name)), 'USAGE')
            AND CASE
                WHEN o.kind OPERATOR(pg_catalog.=) 'sequence'
                    THEN pg_catalog.has_sequence_privilege(o.oid, 'USAGE, SELECT, UPDATE')
                WHEN o.kind OPERATOR(pg_catalog.=) ANY ('{function,procedure,aggregate}'::pg_catalog.text[])
                    THEN pg_catalog.has_function_privilege(o.oid, 'EXECUTE')
                ELSE pg_catalog.has_type_privilege(o.oid, 'USAGE')
            END, false)
    END;
COMMENT ON VIEW schema_monitor._visible_object IS 'objects that are there and that the effective user may see';

CREATE VIEW schema_monitor.objects WITH (security_barrier) AS
SELECT
    v.object_id, v.kind, v.identity, CASE WHEN v.schema_name OPERATOR(pg_catalog.<>) '' THEN v.schema_name END AS schema_name, v.name AS object_name, v.owner,
    pg_catalog.encode(v.structure, 'hex') AS fingerprint, v.first_version, v.last_version, v.oid
FROM schema_monitor._visible_object AS v;
COMMENT ON VIEW schema_monitor.objects IS 'objects of the schema as last recorded, as far as you may see them';

-- A tool's table tells which migrations there are: who may read it may know. Of one that is gone, the extension's owner.
CREATE VIEW schema_monitor._visible_migration WITH (security_barrier) AS
SELECT
    m.tool, pg_catalog.format('%I.%I', m.schema_name, m.table_name) AS relation, m.revision, m.description, m.applied_at,
    m.version, m.withdrawn_version
FROM schema_monitor._migration AS m
LEFT JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) m.relation_oid
WHERE m.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
  AND coalesce(
        NOT c.relrowsecurity AND pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE')
            AND pg_catalog.has_table_privilege(c.oid, 'SELECT'),
        pg_catalog.pg_has_role(
            (SELECT e.extowner FROM pg_catalog.pg_extension AS e WHERE e.extname OPERATOR(pg_catalog.=) 'schema_monitor'),
            'USAGE'));
COMMENT ON VIEW schema_monitor._visible_migration IS 'migrations of tools whose tables the effective user may read';

CREATE VIEW schema_monitor.versions WITH (security_barrier) AS
SELECT
    v.version, v.recorded_at, v.first_event_at, v.origin, pg_catalog.encode(v.structure, 'hex') AS fingerprint,
    pg_catalog.encode(v.layout, 'hex') AS layout_fingerprint, pg_catalog.encode(v.access, 'hex') AS access_fingerprint,
    v.objects, v.changes, v.impact, v.events, a.migrations,
    CASE
        WHEN v.version OPERATOR(pg_catalog.>=) (SELECT pg_catalog.min(m.version) FROM schema_monitor._visible_migration AS m)
            THEN s.version IS NULL
    END AS outside_tool
FROM schema_monitor._version AS v
-- both are distinct by version: where nobody asks for them, the planner leaves them out
LEFT JOIN (
    SELECT m.version,
        pg_catalog.array_agg(pg_catalog.concat(m.tool, ' ', m.revision) ORDER BY m.applied_at, m.revision) AS migrations
    FROM schema_monitor._visible_migration AS m
    GROUP BY m.version
) AS a ON a.version OPERATOR(pg_catalog.=) v.version
LEFT JOIN (
    SELECT m.version FROM schema_monitor._visible_migration AS m
    UNION
    SELECT m.withdrawn_version FROM schema_monitor._visible_migration AS m
) AS s ON s.version OPERATOR(pg_catalog.=) v.version
WHERE v.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation();
COMMENT ON VIEW schema_monitor.versions IS 'recorded states of the schema, oldest first by number';

-- What was dropped has no privileges any more: its last owner and the extension's owner see it.
CREATE VIEW schema_monitor._visible_history WITH (security_barrier) AS
SELECT o.object_id
FROM schema_monitor._visible_object AS o
WHERE o.whole
UNION ALL
SELECT o.object_id
FROM schema_monitor._object AS o
WHERE o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
  AND o.dropped_version IS NOT NULL
  AND EXISTS (
      SELECT FROM pg_catalog.pg_roles AS r
      WHERE (r.rolname OPERATOR(pg_catalog.=) o.owner
             OR r.oid OPERATOR(pg_catalog.=) (
                 SELECT e.extowner FROM pg_catalog.pg_extension AS e
                 WHERE e.extname OPERATOR(pg_catalog.=) 'schema_monitor'))
        AND pg_catalog.pg_has_role(r.oid, 'USAGE'));
COMMENT ON VIEW schema_monitor._visible_history IS 'objects, also those that are gone, whose history the effective user may see';

-- Within CASE an IN is no join: what may be seen is found once and looked up, whatever the planner expects of it.
CREATE VIEW schema_monitor.changes WITH (security_barrier) AS
SELECT
    c.version, c.ordinal, c.change, o.kind, o.identity, c.part, c.before, c.after, c.impact, c.rules, o.object_id, v.recorded_at
FROM schema_monitor._change AS c
JOIN schema_monitor._version AS v
    ON v.version OPERATOR(pg_catalog.=) c.version AND v.incarnation OPERATOR(pg_catalog.=) c.incarnation
JOIN schema_monitor._object AS o
    ON o.object_id OPERATOR(pg_catalog.=) c.object_id AND o.incarnation OPERATOR(pg_catalog.=) c.incarnation
WHERE c.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
  AND CASE WHEN c.object_id IS NOT NULL THEN c.object_id IN (SELECT h.object_id FROM schema_monitor._visible_history AS h) END;
COMMENT ON VIEW schema_monitor.changes IS 'what each version changed, as far as you may see the objects';

CREATE VIEW schema_monitor._visible_definition WITH (security_barrier) AS
SELECT d.object_id, d.version, d.definition
FROM schema_monitor._definition AS d
WHERE d.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
  AND CASE WHEN d.object_id IS NOT NULL THEN d.object_id IN (SELECT h.object_id FROM schema_monitor._visible_history AS h) END;
COMMENT ON VIEW schema_monitor._visible_definition IS 'how objects were declared, as far as the effective user may see them';

CREATE VIEW schema_monitor._visible_statistic WITH (security_barrier) AS
SELECT s.object_id, s.version, s.measured_at, s.live_rows, s.sequential_scans, s.sequential_rows, s.index_scans,
    -- other people's statements are shown to whom pg_stat_statements shows them
    CASE WHEN pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN s.statements END AS statements
FROM schema_monitor._statistic AS s
JOIN schema_monitor._visible_relation AS o ON o.object_id OPERATOR(pg_catalog.=) s.object_id AND o.whole
WHERE s.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation();
COMMENT ON VIEW schema_monitor._visible_statistic IS 'what was counted of relations that the effective user may see';
