//! Passages, terms and references of relations.

use retrieve::{Column, Relation, passages, terms_of};
use schema::{Definition, Fingerprint, PartKind};
use std::collections::BTreeMap;

use super::embedding::{Place, follow, readmit};
use crate::error::Result;
use crate::pg::query;

const FORGET: &str = "
    WITH gone AS (
        SELECT g.object_id FROM pg_catalog.unnest($1) AS g(object_id)
    ), passage AS (
        DELETE FROM schema_monitor._passage AS p USING gone
        WHERE p.object_id OPERATOR(pg_catalog.=) gone.object_id
          AND p.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
    ), posting AS (
        DELETE FROM schema_monitor._posting AS p USING gone
        WHERE p.object_id OPERATOR(pg_catalog.=) gone.object_id
          AND p.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
    ), reference AS (
        DELETE FROM schema_monitor._reference AS r USING gone
        WHERE r.object_id OPERATOR(pg_catalog.=) gone.object_id
          AND r.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
    )
    DELETE FROM schema_monitor._document AS d USING gone
    WHERE d.object_id OPERATOR(pg_catalog.=) gone.object_id
      AND d.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()";

const INSERT_DOCUMENTS: &str = "
    INSERT INTO schema_monitor._document (object_id, relation, kind, schema_name, name, identity, length)
    SELECT n.object_id, o.oid, o.kind, o.schema_name, o.name, o.identity, n.length
    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS n(object_id, length)
    JOIN schema_monitor._object AS o ON o.object_id OPERATOR(pg_catalog.=) n.object_id
    WHERE o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()";

const INSERT_PASSAGES: &str = "
    INSERT INTO schema_monitor._passage (object_id, column_number, column_name, passage, passage_hash)
    SELECT n.object_id, n.column_number, n.column_name, n.passage, n.passage_hash
    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5)) AS n(object_id, column_number, column_name, passage, passage_hash)";

const INSERT_POSTINGS: &str = "
    INSERT INTO schema_monitor._posting (term, object_id, weight)
    SELECT n.term, n.object_id, n.weight FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3)) AS n(term, object_id, weight)";

// A foreign key names what it points to; that has an identity by now.
const INSERT_REFERENCES: &str = "
    INSERT INTO schema_monitor._reference (object_id, referenced_id)
    SELECT DISTINCT n.object_id, o.object_id
    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS n(object_id, identity)
    JOIN schema_monitor._object AS o ON o.identity OPERATOR(pg_catalog.=) n.identity
    WHERE o.dropped_version IS NULL
      AND o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND o.class_id OPERATOR(pg_catalog.=) 1259";

/// Brings passages, terms and references up to date with the given definitions.
pub fn refresh(present: &[i64], gone: &[i64], definitions: &BTreeMap<i64, &Definition>) -> Result<()> {
    let touched: Vec<i64> = present.iter().chain(gone).copied().collect();
    if touched.is_empty() {
        return Ok(());
    }
    query::execute(FORGET, &[touched.clone().into()])?;
    write(definitions)?;
    follow(Place::Served, Some(&touched))
}

/// The rows of one refresh, column by column.
#[derive(Default)]
struct Rows {
    documents: (Vec<i64>, Vec<i32>),
    postings: (Vec<String>, Vec<i64>, Vec<i32>),
    references: (Vec<i64>, Vec<String>),
    ids: Vec<i64>,
    columns: Vec<i16>,
    names: Vec<Option<String>>,
    passages: Vec<String>,
    hashes: Vec<Vec<u8>>,
}

fn write(definitions: &BTreeMap<i64, &Definition>) -> Result<()> {
    let mut rows = Rows::default();
    for (object_id, definition) in definitions.iter().filter(|(_, definition)| is_searched(definition)) {
        rows.add(*object_id, definition);
    }
    if rows.ids.is_empty() {
        return Ok(());
    }
    query::execute(INSERT_DOCUMENTS, &[rows.documents.0.into(), rows.documents.1.into()])?;
    query::execute(
        INSERT_POSTINGS,
        &[rows.postings.0.into(), rows.postings.1.into(), rows.postings.2.into()],
    )?;
    query::execute(
        INSERT_PASSAGES,
        &[
            rows.ids.into(),
            rows.columns.into(),
            rows.names.into(),
            rows.passages.into(),
            rows.hashes.into(),
        ],
    )?;
    if !rows.references.0.is_empty() {
        query::execute(INSERT_REFERENCES, &[rows.references.0.into(), rows.references.1.into()])?;
    }
    Ok(())
}

/// Partitions are found through their parent.
fn is_searched(definition: &Definition) -> bool {
    definition.kind.is_table_like() && !definition.attributes.contains_key("partition_of")
}

impl Rows {
    fn add(&mut self, object_id: i64, definition: &Definition) {
        let relation = Relation {
            schema: definition.schema.as_deref().unwrap_or(""),
            name: &definition.name,
            comment: definition.comment(),
            columns: definition
                .parts_of(PartKind::Column)
                .map(|column| Column {
                    number: column.number as i16,
                    name: &column.name,
                    comment: column.text("comment"),
                })
                .collect(),
        };
        let (weights, length) = terms_of(&relation);
        self.documents.0.push(object_id);
        self.documents.1.push(length as i32);
        for (term, weight) in weights {
            self.postings.0.push(term);
            self.postings.1.push(object_id);
            self.postings.2.push(weight as i32);
        }
        for constraint in definition.parts_of(PartKind::Constraint) {
            if let Some(referenced) = constraint.text("references") {
                self.references.0.push(object_id);
                self.references.1.push(referenced.to_owned());
            }
        }
        for passage in passages(&relation) {
            let column = relation.columns.iter().find(|column| column.number == passage.column);
            self.ids.push(object_id);
            self.columns.push(passage.column);
            self.names.push(column.map(|column| column.name.to_owned()));
            self.hashes
                .push(Fingerprint::of_text(&passage.text).as_bytes().to_vec());
            self.passages.push(passage.text);
        }
    }
}

const EVERYTHING: &str = "
    SELECT o.object_id, d.definition::text
    FROM schema_monitor._object AS o
    JOIN schema_monitor._definition AS d
        ON d.object_id OPERATOR(pg_catalog.=) o.object_id
        AND d.incarnation OPERATOR(pg_catalog.=) o.incarnation
    WHERE o.dropped_version IS NULL
      AND o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND d.version OPERATOR(pg_catalog.=) (
          SELECT pg_catalog.max(l.version) FROM schema_monitor._definition AS l
          WHERE l.object_id OPERATOR(pg_catalog.=) o.object_id
            AND l.incarnation OPERATOR(pg_catalog.=) o.incarnation)";

/// Derives everything anew from the recorded definitions: for `check(force => true)`, and when a newer
/// version of the library derives it otherwise.
pub fn rebuild() -> Result<()> {
    let mut recorded: BTreeMap<i64, Definition> = BTreeMap::new();
    query::write(EVERYTHING, &[], |row| {
        let text = row.text(1).unwrap_or_default();
        let definition = serde_json::from_str(&text).map_err(|error| crate::error::Error::Content {
            place: "schema_monitor._definition",
            reason: error.to_string(),
        })?;
        recorded.insert(row.i64(0), definition);
        Ok(())
    })?;
    let ids: Vec<i64> = recorded.keys().copied().collect();
    let definitions: BTreeMap<i64, &Definition> = recorded.iter().map(|(id, definition)| (*id, definition)).collect();
    readmit()?;
    refresh(&ids, &[], &definitions)
}
