-- What people taught: which business terms stand for which columns, and what columns and tables are.
-- Ordinary tables that are dumped; base tables have no grants.

CREATE TABLE schema_monitor._term (
    incarnation     uuid NOT NULL DEFAULT schema_monitor._incarnation(),
    term_id         bigint NOT NULL,
    term            text NOT NULL,
    phrase          text COLLATE "C" NOT NULL,
    template        text NOT NULL,
    confidence      double precision NOT NULL,
    successes       integer NOT NULL DEFAULT 1,
    taught_by       text NOT NULL,
    taught_at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (term_id, incarnation)
);
CREATE INDEX _term_phrase ON schema_monitor._term (phrase);
COMMENT ON TABLE schema_monitor._term IS 'business terms with what they stand for';
COMMENT ON COLUMN schema_monitor._term.incarnation IS 'installation it belongs to';
COMMENT ON COLUMN schema_monitor._term.term_id IS 'number';
COMMENT ON COLUMN schema_monitor._term.term IS 'the term as it was taught';
COMMENT ON COLUMN schema_monitor._term.phrase IS 'stems of its words, by which it is found';
COMMENT ON COLUMN schema_monitor._term.template IS 'an expression with $1, $2 for the columns of _term_object; $1 alone for one column or relation';
COMMENT ON COLUMN schema_monitor._term.confidence IS 'from 0 to 1, raised each time it is taught again';
COMMENT ON COLUMN schema_monitor._term.successes IS 'times it was taught';
COMMENT ON COLUMN schema_monitor._term.taught_by IS 'role that taught it last';
COMMENT ON COLUMN schema_monitor._term.taught_at IS 'when it was taught last';

CREATE TABLE schema_monitor._term_object (
    incarnation     uuid NOT NULL DEFAULT schema_monitor._incarnation(),
    term_id         bigint NOT NULL,
    ordinal         integer NOT NULL,
    object_id       bigint NOT NULL,
    column_number   smallint NOT NULL,
    column_name     text,
    PRIMARY KEY (term_id, ordinal, incarnation)
);
CREATE INDEX _term_object_object ON schema_monitor._term_object (object_id);
COMMENT ON TABLE schema_monitor._term_object IS 'columns and relations that a term stands for, by their identity, so that they follow a rename';
COMMENT ON COLUMN schema_monitor._term_object.incarnation IS 'installation it belongs to';
COMMENT ON COLUMN schema_monitor._term_object.term_id IS 'the term';
COMMENT ON COLUMN schema_monitor._term_object.ordinal IS 'its number in the template';
COMMENT ON COLUMN schema_monitor._term_object.object_id IS 'the relation';
COMMENT ON COLUMN schema_monitor._term_object.column_number IS 'attnum of the column, 0 for the relation itself or, after a restore, until the name is looked up';
COMMENT ON COLUMN schema_monitor._term_object.column_name IS 'name of the column when last seen; NULL for the relation itself';

SELECT pg_catalog.pg_extension_config_dump('schema_monitor._term', '');
SELECT pg_catalog.pg_extension_config_dump('schema_monitor._term_object', '');

-- Where each part of a term is now. Of a relation that is gone, the extension's owner and the last owner are told.
CREATE VIEW schema_monitor._visible_term_object WITH (security_barrier) AS
SELECT
    t.term_id, t.ordinal, t.object_id, o.oid, o.identity, a.attnum AS column_number,
    coalesce(a.attname::pg_catalog.text, t.column_name) AS column_name,
    o.dropped_version IS NOT NULL OR (t.column_name IS NOT NULL AND a.attnum IS NULL) AS stale
FROM schema_monitor._term_object AS t
JOIN schema_monitor._object AS o
    ON o.object_id OPERATOR(pg_catalog.=) t.object_id AND o.incarnation OPERATOR(pg_catalog.=) t.incarnation
LEFT JOIN pg_catalog.pg_attribute AS a
    ON a.attrelid OPERATOR(pg_catalog.=) o.oid AND o.dropped_version IS NULL AND t.column_name IS NOT NULL
    AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
    AND CASE WHEN t.column_number OPERATOR(pg_catalog.>) 0 THEN a.attnum OPERATOR(pg_catalog.=) t.column_number
             ELSE a.attname::pg_catalog.text OPERATOR(pg_catalog.=) t.column_name END
WHERE t.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
  AND CASE
        WHEN o.dropped_version IS NULL AND (t.column_name IS NULL OR a.attnum IS NOT NULL)
            THEN schema_monitor._sees_passage(o.oid, coalesce(a.attnum, 0::pg_catalog.int2))
        -- the name of a column that is gone may have been masked
        WHEN o.dropped_version IS NULL
            THEN pg_catalog.has_function_privilege('schema_monitor.check(boolean)', 'EXECUTE')
        ELSE o.object_id IN (SELECT h.object_id FROM schema_monitor._visible_history AS h) END;
COMMENT ON VIEW schema_monitor._visible_term_object IS 'what terms stand for, as far as the effective user may see it';

CREATE VIEW schema_monitor._visible_term WITH (security_barrier) AS
SELECT t.term_id, t.term, t.phrase, t.template, t.confidence, t.successes, t.taught_by, t.taught_at
FROM schema_monitor._term AS t
WHERE t.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
  AND (SELECT pg_catalog.count(*) FROM schema_monitor._term_object AS e
       WHERE e.term_id OPERATOR(pg_catalog.=) t.term_id AND e.incarnation OPERATOR(pg_catalog.=) t.incarnation)
    OPERATOR(pg_catalog.=)
      (SELECT pg_catalog.count(*) FROM schema_monitor._visible_term_object AS v WHERE v.term_id OPERATOR(pg_catalog.=) t.term_id);
COMMENT ON VIEW schema_monitor._visible_term IS 'terms all parts of which the effective user may see';

CREATE TABLE schema_monitor._description (
    incarnation     uuid NOT NULL DEFAULT schema_monitor._incarnation(),
    description_id  bigint NOT NULL,
    object_id       bigint NOT NULL,
    column_number   smallint NOT NULL,
    column_name     text,
    semantic_type   text,
    display_name    text,
    tags            text[],
    described_by    text NOT NULL,
    described_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (description_id, incarnation)
);
CREATE INDEX _description_object ON schema_monitor._description (object_id);
COMMENT ON TABLE schema_monitor._description IS 'what people said tables and columns are, in the place of what is guessed';
COMMENT ON COLUMN schema_monitor._description.incarnation IS 'installation it belongs to';
COMMENT ON COLUMN schema_monitor._description.description_id IS 'number';
COMMENT ON COLUMN schema_monitor._description.object_id IS 'the relation';
COMMENT ON COLUMN schema_monitor._description.column_number IS 'attnum of the column, 0 for the relation itself or, after a restore, until the name is looked up';
COMMENT ON COLUMN schema_monitor._description.column_name IS 'name of the column when last seen; NULL for the relation itself';
COMMENT ON COLUMN schema_monitor._description.semantic_type IS 'what it is; NULL where that is guessed';
COMMENT ON COLUMN schema_monitor._description.display_name IS 'what people call it; NULL where that is guessed';
COMMENT ON COLUMN schema_monitor._description.tags IS 'words to find it by; NULL for none';
COMMENT ON COLUMN schema_monitor._description.described_by IS 'role that said so last';
COMMENT ON COLUMN schema_monitor._description.described_at IS 'when it was said last';
SELECT pg_catalog.pg_extension_config_dump('schema_monitor._description', '');

CREATE VIEW schema_monitor._visible_description WITH (security_barrier) AS
SELECT d.description_id, d.object_id, o.oid, a.attnum AS column_number, d.semantic_type, d.display_name, d.tags
FROM schema_monitor._description AS d
JOIN schema_monitor._object AS o
    ON o.object_id OPERATOR(pg_catalog.=) d.object_id AND o.incarnation OPERATOR(pg_catalog.=) d.incarnation
LEFT JOIN pg_catalog.pg_attribute AS a
    ON a.attrelid OPERATOR(pg_catalog.=) o.oid AND d.column_name IS NOT NULL
    AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
    AND CASE WHEN d.column_number OPERATOR(pg_catalog.>) 0 THEN a.attnum OPERATOR(pg_catalog.=) d.column_number
             ELSE a.attname::pg_catalog.text OPERATOR(pg_catalog.=) d.column_name END
WHERE d.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
  AND o.dropped_version IS NULL
  AND (d.column_name IS NULL OR a.attnum IS NOT NULL)
  AND schema_monitor._sees_passage(o.oid, coalesce(a.attnum, 0::pg_catalog.int2));
COMMENT ON VIEW schema_monitor._visible_description IS 'what was said of what the effective user may see and is there';

CREATE TABLE schema_monitor._activity (
    incarnation     uuid NOT NULL DEFAULT schema_monitor._incarnation(),
    object_id       bigint NOT NULL,
    writes          bigint NOT NULL,
    moved_at        timestamptz,
    PRIMARY KEY (object_id, incarnation)
);
COMMENT ON TABLE schema_monitor._activity IS 'counters of rows written, as last sampled';
COMMENT ON COLUMN schema_monitor._activity.incarnation IS 'installation it belongs to';
COMMENT ON COLUMN schema_monitor._activity.object_id IS 'the table';
COMMENT ON COLUMN schema_monitor._activity.writes IS 'rows inserted, updated and deleted since statistics began';
COMMENT ON COLUMN schema_monitor._activity.moved_at IS 'the last sample at which that had moved; NULL while it has not been seen to';

CREATE VIEW schema_monitor._visible_activity WITH (security_barrier) AS
SELECT w.object_id, w.moved_at
FROM schema_monitor._activity AS w
JOIN schema_monitor._visible_relation AS o ON o.object_id OPERATOR(pg_catalog.=) w.object_id AND o.whole
WHERE w.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation();
COMMENT ON VIEW schema_monitor._visible_activity IS 'when tables that the effective user may see were last seen to be written to';
