//! What was taught and said of columns follows them.

use crate::error::Result;
use crate::pg::query;

/// A column has its number from the moment it is made, its name until it is renamed; after a restore only the name is
/// known.
macro_rules! follow {
    ($table:literal) => {
        concat!(
            "
    UPDATE schema_monitor.",
            $table,
            " AS t
    SET column_number = a.attnum, column_name = a.attname::text
    FROM schema_monitor._object AS o, pg_catalog.pg_attribute AS a
    WHERE t.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND t.object_id OPERATOR(pg_catalog.=) ANY ($1)
      AND t.column_name IS NOT NULL
      AND o.object_id OPERATOR(pg_catalog.=) t.object_id AND o.incarnation OPERATOR(pg_catalog.=) t.incarnation
      AND o.dropped_version IS NULL
      AND a.attrelid OPERATOR(pg_catalog.=) o.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
      AND CASE WHEN t.column_number OPERATOR(pg_catalog.>) 0 THEN a.attnum OPERATOR(pg_catalog.=) t.column_number
               ELSE a.attname::text OPERATOR(pg_catalog.=) t.column_name END
      AND (a.attnum OPERATOR(pg_catalog.<>) t.column_number OR a.attname::text OPERATOR(pg_catalog.<>) t.column_name)"
        )
    };
}

const FOLLOW: [&str; 2] = [follow!("_term_object"), follow!("_description")];

const RENUMBER: [&str; 2] = [
    "UPDATE schema_monitor._term_object AS t SET column_number = 0
     WHERE t.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
       AND t.object_id OPERATOR(pg_catalog.=) ANY ($1)",
    "UPDATE schema_monitor._description AS d SET column_number = 0
     WHERE d.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
       AND d.object_id OPERATOR(pg_catalog.=) ANY ($1)",
];

/// Of relations that were made anew the columns are known by name alone.
pub(super) fn renumber(relations: &[i64]) -> Result<()> {
    if relations.is_empty() {
        return Ok(());
    }
    for statement in RENUMBER {
        query::execute(statement, &[relations.into()])?;
    }
    Ok(())
}

/// Notes the present names and numbers of the columns of some relations wherever something was taught or said of them.
pub(super) fn follow(relations: &[i64]) -> Result<()> {
    for statement in FOLLOW {
        query::execute(statement, &[relations.into()])?;
    }
    Ok(())
}
