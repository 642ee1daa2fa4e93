-- Who may see what. Base tables have no grants; everything is read through these views, which belong to
-- the extension's owner and filter by the rights of the effective user: USAGE on the schema and some
-- privilege on the object, as information_schema does it.

-- Whether a role's rights depend only on owner, schema and access list, so that one relation of each
-- combination answers for all of them: in a database of 10,000 tables a handful of lookups, not 10,000.
CREATE VIEW schema_monitor._accessible_relation WITH (security_barrier) AS
WITH alike AS MATERIALIZED (
    SELECT
        c.relowner, c.relnamespace, c.relacl IS NULL AS by_default, coalesce(c.relacl, '{}') AS acl,
        pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE') AS usable,
        pg_catalog.pg_has_role(c.relowner, 'USAGE')
            OR pg_catalog.has_table_privilege(
                pg_catalog.min(c.oid),
                'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') AS whole
    FROM pg_catalog.pg_class AS c
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm')
    GROUP BY 1, 2, 3, 4
)
SELECT c.oid, a.whole
FROM pg_catalog.pg_class AS c
JOIN alike AS a
    ON a.relowner OPERATOR(pg_catalog.=) c.relowner
    AND a.relnamespace OPERATOR(pg_catalog.=) c.relnamespace
    AND a.by_default OPERATOR(pg_catalog.=) (c.relacl IS NULL)
    AND a.acl OPERATOR(pg_catalog.=) coalesce(c.relacl, '{}')
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm')
  AND a.usable
  AND (a.whole OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'));
COMMENT ON VIEW schema_monitor._accessible_relation IS
    'relations the effective user may see; whole where not only by the privileges of some columns';

-- Two views show the same relations to the same roles and differ in how they find out: _visible_relation looks at all
-- at once, for questions about everything; _visible_one asks PostgreSQL about each row, for questions about few.
CREATE VIEW schema_monitor._visible_relation WITH (security_barrier) AS
SELECT
    o.object_id, o.kind, o.class_id, o.oid, o.schema_name, o.name, o.identity, o.owner, o.structure, o.layout,
    o.access, o.first_version, o.last_version, true AS whole
FROM schema_monitor._object AS o
WHERE o.dropped_version IS NULL
  AND o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
  AND o.kind IN ('table', 'foreign_table', 'view', 'materialized_view')
  AND (SELECT r.rolsuper FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) current_user)
UNION ALL
SELECT
    o.object_id, o.kind, o.class_id, o.oid, o.schema_name, o.name, o.identity, o.owner, o.structure, o.layout,
    o.access, o.first_version, o.last_version, a.whole
FROM schema_monitor._object AS o
JOIN schema_monitor._accessible_relation AS a ON a.oid OPERATOR(pg_catalog.=) o.oid
WHERE o.dropped_version IS NULL
  AND o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
  AND o.kind IN ('table', 'foreign_table', 'view', 'materialized_view')
  AND NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) current_user);
COMMENT ON VIEW schema_monitor._visible_relation IS 'relations that are there and that the effective user may see';

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
  AND o.kind NOT IN ('table', 'foreign_table', 'view', 'materialized_view')
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
                WHEN o.kind IN ('function', 'procedure', 'aggregate')
                    THEN pg_catalog.has_function_privilege(o.oid, 'EXECUTE')
                ELSE pg_catalog.has_type_privilege(o.oid, 'USAGE')
            END, false)
    END;
COMMENT ON VIEW schema_monitor._visible_object IS 'objects that are there and that the effective user may see';

CREATE VIEW schema_monitor._visible_one WITH (security_barrier) AS
SELECT s.object_id, s.kind, s.oid, s.schema_name, s.name, s.identity, s.whole
FROM (
    SELECT
        o.object_id, o.kind, o.oid, o.schema_name, o.name, o.identity, c.usable,
        pg_catalog.pg_has_role(c.relowner, 'USAGE')
            OR pg_catalog.has_table_privilege(
                c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') AS whole
    FROM schema_monitor._object AS o
    CROSS JOIN LATERAL (
        SELECT r.oid, r.relowner, pg_catalog.has_schema_privilege(r.relnamespace, 'USAGE') AS usable
        FROM pg_catalog.pg_class AS r
        WHERE r.oid OPERATOR(pg_catalog.=) o.oid) AS c
    WHERE o.dropped_version IS NULL
      AND o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND o.kind IN ('table', 'foreign_table', 'view', 'materialized_view')
) AS s
WHERE s.usable
  AND (s.whole OR pg_catalog.has_any_column_privilege(s.oid, 'SELECT, INSERT, UPDATE, REFERENCES'));
COMMENT ON VIEW schema_monitor._visible_one IS
    'relations that are there and that the effective user may see, asked row by row: for a few identities';

CREATE VIEW schema_monitor.objects WITH (security_barrier) AS
SELECT
    v.object_id, v.kind, v.identity, nullif(v.schema_name, '') AS schema_name, v.name AS object_name, v.owner,
    pg_catalog.encode(v.structure, 'hex') AS fingerprint, v.first_version, v.last_version, v.oid
FROM schema_monitor._visible_object AS v;
COMMENT ON VIEW schema_monitor.objects IS 'objects of the schema as last recorded, as far as you may see them';

CREATE VIEW schema_monitor.versions WITH (security_barrier) AS
SELECT
    v.version, v.recorded_at, v.first_event_at, v.origin, pg_catalog.encode(v.structure, 'hex') AS fingerprint,
    pg_catalog.encode(v.layout, 'hex') AS layout_fingerprint, pg_catalog.encode(v.access, 'hex') AS access_fingerprint,
    v.objects, v.changes, v.impact, v.events
FROM schema_monitor._version AS v
WHERE v.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation();
COMMENT ON VIEW schema_monitor.versions IS 'recorded states of the schema, oldest first by number';

-- What was dropped has no privileges any more: its last owner and the extension's owner see it.
CREATE VIEW schema_monitor.changes WITH (security_barrier) AS
SELECT
    c.version, c.ordinal, c.change, o.kind, o.identity, c.part, c.before, c.after, c.impact, o.object_id, v.recorded_at
FROM schema_monitor._change AS c
JOIN schema_monitor._version AS v
    ON v.version OPERATOR(pg_catalog.=) c.version AND v.incarnation OPERATOR(pg_catalog.=) c.incarnation
JOIN schema_monitor._object AS o
    ON o.object_id OPERATOR(pg_catalog.=) c.object_id AND o.incarnation OPERATOR(pg_catalog.=) c.incarnation
WHERE c.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
  AND CASE
        WHEN o.dropped_version IS NULL
            THEN o.object_id IN (SELECT s.object_id FROM schema_monitor._visible_object AS s WHERE s.whole)
        ELSE EXISTS (
            SELECT FROM pg_catalog.pg_roles AS r
            WHERE (r.rolname OPERATOR(pg_catalog.=) o.owner
                   OR r.oid OPERATOR(pg_catalog.=) (
                       SELECT e.extowner FROM pg_catalog.pg_extension AS e
                       WHERE e.extname OPERATOR(pg_catalog.=) 'schema_monitor'))
              AND pg_catalog.pg_has_role(r.oid, 'USAGE'))
    END;
COMMENT ON VIEW schema_monitor.changes IS 'what each version changed, as far as you may see the objects';
