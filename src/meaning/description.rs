//! What people say of tables and columns, written as what they teach is: with the owner's rights, after the caller's were
//! looked at.

use super::owner::{as_owner, caller};
use super::term::Part;
use crate::error::Result;
use crate::pg::{guc, query};

const WHICH: &str = "
    d.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND d.object_id OPERATOR(pg_catalog.=) $1
      AND CASE WHEN $2 IS NULL THEN d.column_name IS NULL
               ELSE d.description_id IN (
                   SELECT v.description_id FROM schema_monitor._visible_description AS v
                   WHERE v.object_id OPERATOR(pg_catalog.=) $1 AND v.column_number OPERATOR(pg_catalog.=) $2) END";

const UPDATE: &str = "
    UPDATE schema_monitor._description AS d
    SET semantic_type = coalesce($3, d.semantic_type), display_name = coalesce($4, d.display_name),
        tags = coalesce($5, d.tags), described_by = $6, described_at = pg_catalog.now()
    WHERE ";

const INSERT: &str = "
    INSERT INTO schema_monitor._description (description_id, object_id, column_number, column_name, semantic_type,
        display_name, tags, described_by)
    SELECT coalesce(pg_catalog.max(d.description_id), 0) OPERATOR(pg_catalog.+) 1, $1, coalesce($2, 0::pg_catalog.int2), $7,
        $3, $4, $5, $6
    FROM schema_monitor._description AS d
    WHERE d.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()";

/// Notes what is said of something; what is `None` stays as it was.
pub fn write(
    part: &Part,
    semantic_type: Option<String>,
    display_name: Option<String>,
    tags: Option<Vec<String>>,
) -> Result<()> {
    let who = caller()?;
    let (number, name) = (
        part.column.as_ref().map(|one| one.0),
        part.column.as_ref().map(|one| one.1.clone()),
    );
    let _pinned = guc::Pinned::search_path();
    as_owner(|| {
        query::execute(
            "LOCK TABLE schema_monitor._description IN SHARE UPDATE EXCLUSIVE MODE",
            &[],
        )?;
        let arguments = [
            part.relation.object_id.into(),
            number.into(),
            semantic_type.clone().into(),
            display_name.clone().into(),
            tags.clone().into(),
            who.clone().into(),
        ];
        if query::execute(&[UPDATE, WHICH].concat(), &arguments)? > 0 {
            return Ok(());
        }
        let arguments = [
            part.relation.object_id.into(),
            number.into(),
            semantic_type.into(),
            display_name.into(),
            tags.into(),
            who.into(),
            name.into(),
        ];
        query::execute(INSERT, &arguments).map(drop)
    })
}

/// Forgets what was said of something; whether there was anything.
pub fn forget(part: &Part) -> Result<bool> {
    let number = part.column.as_ref().map(|one| one.0);
    let _pinned = guc::Pinned::search_path();
    let sql = ["DELETE FROM schema_monitor._description AS d WHERE ", WHICH].concat();
    as_owner(|| Ok(query::execute(&sql, &[part.relation.object_id.into(), number.into()])? > 0))
}
