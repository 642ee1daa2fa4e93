//! Passages, terms and references of relations.

use retrieve::{Column, Relation, passages, terms_of};
use schema::{Definition, Fingerprint, Kind, Mask, Part, PartKind, checked_values};
use std::collections::{BTreeMap, HashMap};

use super::embedding::{Place, follow, readmit};
use crate::error::Result;
use crate::pg::query;
use crate::settings;

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

// Relations with a column of one of the enums.
const OF_ENUMS: &str = "
    SELECT DISTINCT o.object_id
    FROM schema_monitor._object AS t
    JOIN pg_catalog.pg_attribute AS a ON a.atttypid OPERATOR(pg_catalog.=) t.oid
    JOIN schema_monitor._object AS o ON o.oid OPERATOR(pg_catalog.=) a.attrelid
    WHERE t.object_id OPERATOR(pg_catalog.=) ANY ($1)
      AND t.kind OPERATOR(pg_catalog.=) 'enum'
      AND o.class_id OPERATOR(pg_catalog.=) 1259
      AND o.dropped_version IS NULL
      AND t.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()";

const LABELS: &str = "
    SELECT o.object_id, a.attnum,
        (SELECT pg_catalog.array_agg(l.enumlabel::text ORDER BY l.enumsortorder)
         FROM (
             SELECT e.enumlabel, e.enumsortorder FROM pg_catalog.pg_enum AS e
             WHERE e.enumtypid OPERATOR(pg_catalog.=) a.atttypid
             ORDER BY e.enumsortorder
             LIMIT 30) AS l)
    FROM schema_monitor._object AS o
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) o.oid
    JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) a.atttypid AND t.typtype OPERATOR(pg_catalog.=) 'e'
    WHERE o.object_id OPERATOR(pg_catalog.=) ANY ($1)
      AND o.class_id OPERATOR(pg_catalog.=) 1259
      AND a.attnum OPERATOR(pg_catalog.>) 0
      AND o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()";

/// Brings passages, terms and references up to date with the given definitions, and those of the relations whose columns
/// are of an enum among them. Gives the identities of all whose passages may be others now.
pub fn refresh(present: &[i64], gone: &[i64], definitions: &BTreeMap<i64, &Definition>) -> Result<Vec<i64>> {
    let mut of_enums = Vec::new();
    // Which relations have a column of a type is asked of all columns there are.
    if definitions.values().any(|definition| definition.kind == Kind::Enum) {
        query::write(OF_ENUMS, &[present.into()], |row| {
            of_enums.push(row.i64(0));
            Ok(())
        })?;
    }
    of_enums.retain(|id| !definitions.contains_key(id));
    let recorded = recorded(Some(of_enums))?;
    let touched: Vec<i64> = present.iter().chain(gone).chain(recorded.keys()).copied().collect();
    if touched.is_empty() {
        return Ok(touched);
    }
    query::execute(FORGET, &[touched.clone().into()])?;
    let definitions = definitions.iter().map(|(id, definition)| (*id, *definition));
    write(&definitions.chain(recorded.iter().map(|(id, one)| (*id, one))).collect())?;
    follow(Place::Served, Some(&touched))?;
    Ok(present.iter().chain(recorded.keys()).copied().collect())
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
    let searched = || definitions.iter().filter(|(_, definition)| is_searched(definition));
    let mut labels: HashMap<(i64, i16), Vec<String>> = HashMap::new();
    let ids: Vec<i64> = searched().map(|(id, _)| *id).collect();
    query::write(LABELS, &[ids.into()], |row| {
        labels.insert((row.i64(0), row.i16(1)), row.texts(2).unwrap_or_default());
        Ok(())
    })?;
    // A session says what is wrong with the setting; the monitor goes on with what can be read of it.
    let mask = Mask::readable(&settings::mask_text());
    let mut rows = Rows::default();
    for (object_id, definition) in searched() {
        rows.add(*object_id, definition, &labels, &mask);
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
    /// What is masked is found by its own passage alone, which is shown to whoever manages the extension.
    fn add(&mut self, object_id: i64, definition: &Definition, labels: &HashMap<(i64, i16), Vec<String>>, mask: &Mask) {
        let checked = checked_values(definition);
        let values = |column: &Part| {
            let labels = labels.get(&(object_id, column.number as i16));
            let labels = labels.into_iter().flatten().map(String::as_str);
            let texts = checked.iter().filter(|(name, _)| *name == column.name);
            labels
                .chain(texts.flat_map(|(_, texts)| texts.iter().map(String::as_str)))
                .collect()
        };
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
                    values: values(column),
                })
                .collect(),
        };
        let is_masked = |column: &Column<'_>| mask.covers(relation.schema, relation.name, column.name);
        let shown = Relation {
            columns: relation
                .columns
                .iter()
                .filter(|column| !is_masked(column))
                .cloned()
                .collect(),
            ..relation.clone()
        };
        let (weights, length) = terms_of(&shown);
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
        let own = passages(&shown).into_iter().take(1);
        for passage in own.chain(passages(&relation).into_iter().skip(1)) {
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

const RECORDED: &str = "
    SELECT o.object_id, d.definition::text
    FROM schema_monitor._object AS o
    JOIN schema_monitor._definition AS d
        ON d.object_id OPERATOR(pg_catalog.=) o.object_id
        AND d.incarnation OPERATOR(pg_catalog.=) o.incarnation
    WHERE ($1 IS NULL OR o.object_id OPERATOR(pg_catalog.=) ANY ($1))
      AND o.dropped_version IS NULL
      AND o.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND d.version OPERATOR(pg_catalog.=) (
          SELECT pg_catalog.max(l.version) FROM schema_monitor._definition AS l
          WHERE l.object_id OPERATOR(pg_catalog.=) o.object_id
            AND l.incarnation OPERATOR(pg_catalog.=) o.incarnation)";

/// The recorded definitions of what is, all of them or of some objects.
fn recorded(ids: Option<Vec<i64>>) -> Result<BTreeMap<i64, Definition>> {
    let mut recorded = BTreeMap::new();
    if ids.as_ref().is_some_and(Vec::is_empty) {
        return Ok(recorded);
    }
    query::write(RECORDED, &[ids.into()], |row| {
        let text = row.text(1).unwrap_or_default();
        let definition = serde_json::from_str(&text).map_err(|error| crate::error::Error::Content {
            place: "schema_monitor._definition",
            reason: error.to_string(),
        })?;
        recorded.insert(row.i64(0), definition);
        Ok(())
    })?;
    Ok(recorded)
}

/// Derives everything anew from the recorded definitions: for `check(force => true)`, and when a newer
/// version of the library derives it otherwise.
pub fn rebuild() -> Result<()> {
    let recorded = recorded(None)?;
    let ids: Vec<i64> = recorded.keys().copied().collect();
    let definitions: BTreeMap<i64, &Definition> = recorded.iter().map(|(id, definition)| (*id, definition)).collect();
    readmit()?;
    refresh(&ids, &[], &definitions).map(drop)
}
