//! What is in columns, as far as ANALYZE stored it and `schema_monitor.value_columns` says it may be told.
//!
//! Statistics are read as they are now and with the caller's rights; nothing is stored a second time. Tables with row-level
//! security are left out even for who may read all of their rows.

use std::collections::HashMap;

use crate::error::Result;
use crate::pg::query;
use crate::settings;

/// Values of one column that are looked at, and the longest of them in bytes.
const MOST_VALUES: i32 = 100;
const LONGEST: i32 = 200;

// pg_stats has rows of columns only that the caller may read. It is asked for one column at a time, as it would look at
// every statistic there is otherwise: OFFSET keeps its conditions in.
const VALUES: &str = "
    SELECT r.object_id, a.attnum, r.schema_name, r.name, a.attname,
        (SELECT pg_catalog.array_agg(v.value)
         FROM pg_catalog.unnest(s.most_common_vals::pg_catalog.text::pg_catalog.text[]) WITH ORDINALITY AS v(value, ordinal)
         WHERE v.ordinal OPERATOR(pg_catalog.<=) $2 AND pg_catalog.octet_length(v.value) OPERATOR(pg_catalog.<=) $3)
    FROM schema_monitor._visible_relation AS r
    JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) r.oid AND NOT c.relrowsecurity
    JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid OPERATOR(pg_catalog.=) r.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
        AND pg_catalog.lower(a.attname::pg_catalog.text) OPERATOR(pg_catalog.~~) ANY ($4)
    JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
    CROSS JOIN LATERAL (
        SELECT p.most_common_vals
        FROM pg_catalog.pg_stats AS p
        WHERE p.schemaname OPERATOR(pg_catalog.=) r.schema_name::pg_catalog.name
          AND p.tablename OPERATOR(pg_catalog.=) r.name::pg_catalog.name
          AND p.attname OPERATOR(pg_catalog.=) a.attname
          -- of a partitioned table those of all partitions
          AND p.inherited OPERATOR(pg_catalog.=) (c.relkind OPERATOR(pg_catalog.=) 'p'::\"char\")
          AND p.most_common_vals IS NOT NULL
        OFFSET 0
    ) AS s
    WHERE ($1 IS NULL OR r.object_id OPERATOR(pg_catalog.=) ANY ($1))
      AND t.typcategory OPERATOR(pg_catalog.=) 'S'::\"char\"
      AND schema_monitor._sees_passage(r.oid, a.attnum)";

/// The most common values of columns of some relations, or of all, by relation and number of the column.
///
/// # Errors
/// A setting that cannot be read.
pub fn common_values(relations: Option<Vec<i64>>) -> Result<HashMap<(i64, i16), Vec<String>>> {
    let wanted = settings::value_columns()?;
    let mut found = HashMap::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let arguments = [
        relations.into(),
        MOST_VALUES.into(),
        LONGEST.into(),
        wanted.sieve().into(),
    ];
    query::read_often(VALUES, &arguments, |row| {
        let (schema, table) = (row.text(2).unwrap_or_default(), row.text(3).unwrap_or_default());
        if wanted.covers(&schema, &table, &row.name(4)) {
            found.insert((row.i64(0), row.i16(1)), row.texts(5).unwrap_or_default());
        }
        Ok(())
    })?;
    Ok(found)
}
