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

// pg_stats has rows of columns only that the caller may read.
const VALUES: &str = "
    SELECT r.object_id, a.attnum, r.schema_name, r.name, a.attname,
        (SELECT pg_catalog.array_agg(v.value)
         FROM pg_catalog.unnest(s.most_common_vals::pg_catalog.text::pg_catalog.text[]) WITH ORDINALITY AS v(value, ordinal)
         WHERE v.ordinal OPERATOR(pg_catalog.<=) $2 AND pg_catalog.octet_length(v.value) OPERATOR(pg_catalog.<=) $3)
    FROM schema_monitor._visible_relation AS r
    JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) r.oid AND NOT c.relrowsecurity
    JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid OPERATOR(pg_catalog.=) r.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
    JOIN pg_catalog.pg_stats AS s
        ON s.schemaname OPERATOR(pg_catalog.=) r.schema_name AND s.tablename OPERATOR(pg_catalog.=) r.name
        AND s.attname OPERATOR(pg_catalog.=) a.attname
        -- of a partitioned table those of all partitions
        AND s.inherited OPERATOR(pg_catalog.=) (c.relkind OPERATOR(pg_catalog.=) 'p'::\"char\")
    WHERE ($1 IS NULL OR r.object_id OPERATOR(pg_catalog.=) ANY ($1))
      AND t.typcategory OPERATOR(pg_catalog.=) 'S'::\"char\"
      AND schema_monitor._sees_passage(r.oid, a.attnum)
      AND s.most_common_vals IS NOT NULL";

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
    query::read(VALUES, &[relations.into(), MOST_VALUES.into(), LONGEST.into()], |row| {
        let (schema, table) = (row.text(2).unwrap_or_default(), row.text(3).unwrap_or_default());
        if wanted.covers(&schema, &table, &row.name(4)) {
            found.insert((row.i64(0), row.i16(1)), row.texts(5).unwrap_or_default());
        }
        Ok(())
    })?;
    Ok(found)
}
