-- Who depends on a relation or a column, along PostgreSQL's own records and by name where there are none.

CREATE FUNCTION schema_monitor._escaped(name text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$ SELECT pg_catalog.regexp_replace(name, '([^[:alnum:]_])', '\\\1', 'g') $function$;
COMMENT ON FUNCTION schema_monitor._escaped(text) IS 'a name as a regular expression that matches just it';

CREATE FUNCTION schema_monitor.dependents(relation regclass, column_name text DEFAULT NULL,
    OUT depth integer, OUT kind text, OUT identity text, OUT path text[])
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH RECURSIVE start AS (
        SELECT c.oid, c.relname, c.reltype, coalesce(a.attnum, 0)::integer AS attnum
        FROM pg_catalog.pg_class AS c
        LEFT JOIN pg_catalog.pg_attribute AS a
            ON a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attname OPERATOR(pg_catalog.=) column_name
            AND NOT a.attisdropped
        WHERE c.oid OPERATOR(pg_catalog.=) relation::pg_catalog.oid
          AND schema_monitor._sees_relation(c.oid) IS NOT NULL
          AND (column_name IS NULL OR a.attnum IS NOT NULL)
    ), reached AS (
        SELECT 0 AS depth, 1259::oid AS class, s.oid AS id, s.attnum AS sub, NULL::oid AS shown_class, 0::oid AS shown, 0 AS shown_sub,
            ARRAY[]::text[] AS path, s.oid AS owner
        FROM start AS s
        UNION ALL
        SELECT 0, 1247::oid, s.reltype, 0, NULL::oid, 0::oid, 0, ARRAY[]::text[], s.oid
        FROM start AS s
        WHERE s.attnum OPERATOR(pg_catalog.=) 0 AND s.reltype OPERATOR(pg_catalog.<>) 0
        UNION ALL
        SELECT r.depth OPERATOR(pg_catalog.+) 1, n.class, n.id, n.sub, n.shown_class, n.shown, n.shown_sub,
            r.path OPERATOR(pg_catalog.||) i.identity, n.owner
        FROM reached AS r
        JOIN pg_catalog.pg_depend AS d
            ON d.refclassid OPERATOR(pg_catalog.=) r.class AND d.refobjid OPERATOR(pg_catalog.=) r.id
            AND (r.sub OPERATOR(pg_catalog.=) 0 OR d.refobjsubid OPERATOR(pg_catalog.=) r.sub)
            AND d.deptype OPERATOR(pg_catalog.=) ANY ('{n,a}'::"char"[])
        CROSS JOIN LATERAL (
            -- a view is what its rule is of, a generated column what its expression is of
            SELECT 1259::oid AS class, w.ev_class AS id, 0 AS sub,
                CASE WHEN w.rulename OPERATOR(pg_catalog.=) '_RETURN' THEN 1259::oid ELSE 2618::oid END AS shown_class,
                CASE WHEN w.rulename OPERATOR(pg_catalog.=) '_RETURN' THEN w.ev_class ELSE w.oid END AS shown, 0 AS shown_sub,
                w.ev_class AS owner
            FROM pg_catalog.pg_rewrite AS w
            WHERE d.classid OPERATOR(pg_catalog.=) 2618 AND w.oid OPERATOR(pg_catalog.=) d.objid
            UNION ALL
            SELECT 1259::oid, f.adrelid, f.adnum, 1259::oid, f.adrelid, f.adnum, f.adrelid
            FROM pg_catalog.pg_attrdef AS f
            JOIN pg_catalog.pg_attribute AS a
                ON a.attrelid OPERATOR(pg_catalog.=) f.adrelid AND a.attnum OPERATOR(pg_catalog.=) f.adnum
            WHERE d.classid OPERATOR(pg_catalog.=) 2604 AND f.oid OPERATOR(pg_catalog.=) d.objid
              -- a default is its own column's
              AND NOT (d.refclassid OPERATOR(pg_catalog.=) 1259 AND f.adrelid OPERATOR(pg_catalog.=) d.refobjid
                       AND f.adnum OPERATOR(pg_catalog.=) d.refobjsubid)
            UNION ALL
            SELECT 2606::oid, k.oid, 0, 2606::oid, k.oid, 0, k.conrelid
            FROM pg_catalog.pg_constraint AS k
            WHERE d.classid OPERATOR(pg_catalog.=) 2606 AND k.oid OPERATOR(pg_catalog.=) d.objid
              AND k.contype OPERATOR(pg_catalog.<>) 'n'
            UNION ALL
            SELECT 2620::oid, t.oid, 0, 2620::oid, t.oid, 0, t.tgrelid
            FROM pg_catalog.pg_trigger AS t
            WHERE d.classid OPERATOR(pg_catalog.=) 2620 AND t.oid OPERATOR(pg_catalog.=) d.objid AND NOT t.tgisinternal
            UNION ALL
            SELECT 3256::oid, p.oid, 0, 3256::oid, p.oid, 0, p.polrelid
            FROM pg_catalog.pg_policy AS p
            WHERE d.classid OPERATOR(pg_catalog.=) 3256 AND p.oid OPERATOR(pg_catalog.=) d.objid
            UNION ALL
            -- a partition is part of what it is a partition of; a row type and an index are part of their relation
            SELECT 1259::oid, c.oid, d.objsubid, 1259::oid, c.oid, d.objsubid, coalesce(x.indrelid, c.oid)
            FROM pg_catalog.pg_class AS c
            LEFT JOIN pg_catalog.pg_index AS x ON x.indexrelid OPERATOR(pg_catalog.=) c.oid
            WHERE d.classid OPERATOR(pg_catalog.=) 1259 AND c.oid OPERATOR(pg_catalog.=) d.objid
              AND c.relkind OPERATOR(pg_catalog.<>) 't'
            UNION ALL
            SELECT d.classid, d.objid, 0, d.classid, d.objid, 0, NULL::oid
            WHERE d.classid OPERATOR(pg_catalog.=) ANY ('{1255,3381,6106,6237}'::oid[])
        ) AS n
        CROSS JOIN LATERAL pg_catalog.pg_identify_object(n.shown_class, n.shown, n.shown_sub) AS i
        WHERE r.depth OPERATOR(pg_catalog.<) 32
          AND i.identity OPERATOR(pg_catalog.<>) ALL (r.path)
    ), told AS (
        SELECT DISTINCT ON (r.shown_class, r.shown, r.shown_sub) r.depth, i.type AS kind, i.identity, r.path
        FROM reached AS r
        CROSS JOIN start AS s
        CROSS JOIN LATERAL pg_catalog.pg_identify_object(r.shown_class, r.shown, r.shown_sub) AS i
        WHERE r.shown_class IS NOT NULL
          -- what is part of the relation goes with the whole of it
          AND (s.attnum OPERATOR(pg_catalog.<>) 0 OR r.owner IS NULL OR r.owner OPERATOR(pg_catalog.<>) s.oid)
          AND CASE
                WHEN r.owner IS NOT NULL THEN schema_monitor._sees_relation(r.owner)
                WHEN r.shown_class OPERATOR(pg_catalog.=) 1255 THEN pg_catalog.has_function_privilege(r.shown, 'EXECUTE')
                ELSE true
              END
        ORDER BY r.shown_class, r.shown, r.shown_sub, r.depth
    ), named AS (
        -- a body that is a string is recorded nowhere: its words are looked at
        SELECT 1 AS depth, i.type OPERATOR(pg_catalog.||) ' (by name)' AS kind, i.identity, ARRAY[i.identity] AS path
        FROM start AS s
        CROSS JOIN pg_catalog.pg_proc AS p
        CROSS JOIN LATERAL pg_catalog.pg_identify_object(1255, p.oid, 0) AS i
        WHERE p.oid OPERATOR(pg_catalog.>=) 16384
          AND p.prosqlbody IS NULL
          AND p.prosrc OPERATOR(pg_catalog.~*) ('\m' OPERATOR(pg_catalog.||) schema_monitor._escaped(s.relname::text) OPERATOR(pg_catalog.||) '\M')
          AND (column_name IS NULL OR p.prosrc OPERATOR(pg_catalog.~*)
               ('\m' OPERATOR(pg_catalog.||) schema_monitor._escaped(column_name) OPERATOR(pg_catalog.||) '\M'))
          AND p.pronamespace OPERATOR(pg_catalog.<>) 'schema_monitor'::pg_catalog.regnamespace
          AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
    )
    SELECT t.depth, t.kind, t.identity, t.path FROM told AS t
    UNION ALL
    SELECT n.depth, n.kind, n.identity, n.path FROM named AS n
    ORDER BY 1, 2, 3
$function$;
COMMENT ON FUNCTION schema_monitor.dependents(regclass, text) IS
    'what depends on a relation, or on a column of it, directly (depth 1) or by others, with the path; functions whose body is a string are found by name';
