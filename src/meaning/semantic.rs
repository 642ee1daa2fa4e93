//! What columns and tables are: guessed from types, keys, names and statistics, unless somebody said it.

use retrieve::{
    ColumnFacts, Guess, PURPOSES, SEMANTICS, Semantic, TableFacts, column_semantic, display_name, sanitize,
    table_purpose,
};
use std::collections::{BTreeMap, HashMap};

use super::description;
use super::term::{self, Part};
use crate::error::{Error, Result};
use crate::pg::{guc, query};

/// Longest display name and tag, in characters, and most tags.
const MAX_NAME: usize = 100;
const MAX_TAGS: usize = 20;

/// A row of the view `semantics`.
#[derive(Clone, Debug)]
pub struct Row {
    /// The relation.
    pub object_id: i64,
    /// `column`, or the kind of the relation.
    pub kind: String,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub relation: String,
    /// The column; `None` for the relation.
    pub column: Option<String>,
    /// What it is: a [`Semantic`] for a column, a purpose for a relation.
    pub semantic_type: String,
    /// What people would call it.
    pub display_name: String,
    /// How sure that is.
    pub confidence: f32,
    /// By what it was seen.
    pub reason: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Whether somebody said it.
    pub is_described: bool,
}

// A column whose values a CHECK lists is one whose CHECK is about it alone and compares with a list or texts.
const COLUMNS: &str = "
    SELECT r.object_id, a.attnum, a.attname, pg_catalog.format_type(coalesce(nullif(t.typbasetype, 0), t.oid), a.atttypmod),
        coalesce(b.typcategory, t.typcategory),
        EXISTS (
            SELECT FROM pg_catalog.pg_index AS i
            WHERE i.indrelid OPERATOR(pg_catalog.=) r.oid AND i.indisunique
              AND (i.indisprimary OR i.indnkeyatts OPERATOR(pg_catalog.=) 1)
              AND a.attnum OPERATOR(pg_catalog.=) ANY (i.indkey::pg_catalog.int2[])),
        EXISTS (
            SELECT FROM pg_catalog.pg_constraint AS k
            WHERE k.conrelid OPERATOR(pg_catalog.=) r.oid AND k.contype OPERATOR(pg_catalog.=) 'f'::\"char\"
              AND a.attnum OPERATOR(pg_catalog.=) ANY (k.conkey)),
        EXISTS (
            SELECT FROM pg_catalog.pg_constraint AS k
            WHERE k.conrelid OPERATOR(pg_catalog.=) r.oid AND k.contype OPERATOR(pg_catalog.=) 'c'::\"char\"
              AND k.conkey OPERATOR(pg_catalog.=) ARRAY[a.attnum]
              AND pg_catalog.pg_get_expr(k.conbin, k.conrelid) OPERATOR(pg_catalog.~) '= ANY|= ''|OR '),
        CASE WHEN r.whole THEN (
            SELECT s.n_distinct FROM pg_catalog.pg_stats AS s
            WHERE s.schemaname OPERATOR(pg_catalog.=) r.schema_name AND s.tablename OPERATOR(pg_catalog.=) r.name
              AND s.attname OPERATOR(pg_catalog.=) a.attname AND NOT s.inherited) END
    FROM schema_monitor._visible_relation AS r
    JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid OPERATOR(pg_catalog.=) r.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
    LEFT JOIN pg_catalog.pg_type AS b ON b.oid OPERATOR(pg_catalog.=) t.typbasetype
    WHERE schema_monitor._sees_passage(r.oid, a.attnum)
      AND ($1 IS NULL OR r.object_id OPERATOR(pg_catalog.=) ANY ($1))
    ORDER BY r.object_id, a.attnum";

// Whoever sees only some columns is told nothing of what others refer to.
const RELATIONS: &str = "
    SELECT r.object_id, r.kind, r.schema_name, r.name,
        (SELECT pg_catalog.count(*) FROM pg_catalog.pg_constraint AS k
         WHERE r.whole AND k.conrelid OPERATOR(pg_catalog.=) r.oid AND k.contype OPERATOR(pg_catalog.=) 'f'::\"char\"),
        (SELECT pg_catalog.count(*) FROM pg_catalog.pg_constraint AS k
         WHERE k.confrelid OPERATOR(pg_catalog.=) r.oid AND k.contype OPERATOR(pg_catalog.=) 'f'::\"char\"
           AND r.whole AND schema_monitor._sees_relation(k.conrelid)),
        coalesce((SELECT k.conkey FROM pg_catalog.pg_constraint AS k
         WHERE r.whole AND k.conrelid OPERATOR(pg_catalog.=) r.oid AND k.contype OPERATOR(pg_catalog.=) 'p'::\"char\"), '{}')
    FROM schema_monitor._visible_relation AS r
    WHERE ($1 IS NULL OR r.object_id OPERATOR(pg_catalog.=) ANY ($1))
    ORDER BY r.schema_name, r.name";

const DESCRIPTIONS: &str = "
    SELECT d.object_id, coalesce(d.column_number, 0::pg_catalog.int2), d.semantic_type, d.display_name, d.tags
    FROM schema_monitor._visible_description AS d";

struct Said {
    semantic_type: Option<String>,
    display_name: Option<String>,
    tags: Vec<String>,
}

/// What is known of relations, or of all that the caller may see: each relation, after it its columns.
pub fn semantics(of: Option<Vec<i64>>) -> Result<Vec<Row>> {
    let _pinned = guc::Pinned::search_path();
    let mut said: HashMap<(i64, i16), Said> = HashMap::new();
    query::read(DESCRIPTIONS, &[], |row| {
        let one = Said {
            semantic_type: row.text(2),
            display_name: row.text(3),
            tags: row.texts(4).unwrap_or_default(),
        };
        said.insert((row.i64(0), row.i16(1)), one);
        Ok(())
    })?;
    let mut columns: BTreeMap<i64, Vec<(i16, ColumnFacts, Guess<Semantic>)>> = BTreeMap::new();
    query::read(COLUMNS, &[of.clone().into()], |row| {
        let facts = ColumnFacts {
            name: row.name(2),
            type_name: row.text(3).unwrap_or_default(),
            category: row.char(4),
            is_key: row.bool(5),
            is_reference: row.bool(6),
            is_listed: row.bool(7),
            distinct: (!row.is_null(8)).then(|| row.f32(8)),
        };
        let guess = column_semantic(&facts);
        columns.entry(row.i64(0)).or_default().push((row.i16(1), facts, guess));
        Ok(())
    })?;
    let mut rows = Vec::new();
    query::read(RELATIONS, &[of.into()], |row| {
        let (object_id, kind) = (row.i64(0), row.text(1).unwrap_or_default());
        let (schema, relation) = (row.text(2).unwrap_or_default(), row.text(3).unwrap_or_default());
        let own = columns.remove(&object_id).unwrap_or_default();
        let is = |wanted: Semantic| own.iter().filter(|(.., guess)| guess.what == wanted).count();
        let key = row.i16s(6);
        let facts = TableFacts {
            name: relation.clone(),
            columns: own.len(),
            metrics: is(Semantic::Metric),
            dates: is(Semantic::Date),
            references: row.i64(4) as usize,
            referenced: row.i64(5) as usize,
            key_references: own
                .iter()
                .filter(|(number, facts, _)| key.contains(number) && facts.is_reference)
                .count(),
            key: key.len(),
        };
        let purpose = table_purpose(&facts);
        let row = |column: Option<String>, what: &str, confidence, reason: String, said: Option<&Said>| {
            let told = said.and_then(|said| said.semantic_type.clone());
            let is_told = told.is_some();
            Row {
                object_id,
                kind: if column.is_some() {
                    "column".to_owned()
                } else {
                    kind.clone()
                },
                schema: schema.clone(),
                relation: relation.clone(),
                semantic_type: told.unwrap_or_else(|| what.to_owned()),
                display_name: said
                    .and_then(|said| said.display_name.clone())
                    .unwrap_or_else(|| sanitize(&display_name(column.as_deref().unwrap_or(&relation)), MAX_NAME)),
                confidence: if is_told { 1.0 } else { confidence },
                reason: if is_told { "somebody said so".to_owned() } else { reason },
                tags: said.map(|said| said.tags.clone()).unwrap_or_default(),
                is_described: said.is_some(),
                column,
            }
        };
        rows.push(row(
            None,
            purpose.what.as_str(),
            purpose.confidence,
            purpose.reason,
            said.get(&(object_id, 0)),
        ));
        for (number, facts, guess) in own {
            let said = said.get(&(object_id, number));
            rows.push(row(
                Some(facts.name),
                guess.what.as_str(),
                guess.confidence,
                guess.reason,
                said,
            ));
        }
        Ok(())
    })?;
    Ok(rows)
}

/// What somebody says of a table or a column; what is `None` stays as it was.
#[derive(Debug, Default)]
pub struct Description {
    /// What it is.
    pub semantic_type: Option<String>,
    /// What people call it.
    pub display_name: Option<String>,
    /// Words to find it by.
    pub tags: Option<Vec<String>>,
}

/// Notes what somebody says of a table or a column.
///
/// # Errors
/// A name that is not there, an expression, an unknown type.
pub fn describe(object: &str, description: Description) -> Result<()> {
    let part = single(object)?;
    let Description {
        semantic_type,
        display_name,
        tags,
    } = description;
    if let Some(wanted) = &semantic_type {
        let known: Vec<&str> = match part.column {
            Some(_) => SEMANTICS.iter().map(|one| one.as_str()).collect(),
            None => PURPOSES.iter().map(|one| one.as_str()).collect(),
        };
        if !known.contains(&wanted.as_str()) {
            return Err(Error::Argument {
                what: "a semantic type",
                reason: format!(
                    "\"semantic_type\" of {} is one of {}.",
                    part.identity(),
                    known.join(", ")
                ),
            });
        }
    }
    let is_long = |text: &String| text.trim().is_empty() || text.chars().count() > MAX_NAME;
    if display_name.as_ref().is_some_and(is_long)
        || tags
            .as_ref()
            .is_some_and(|tags| tags.len() > MAX_TAGS || tags.iter().any(is_long))
    {
        return Err(Error::Argument {
            what: "a display name or tags",
            reason: format!("Each has 1 to {MAX_NAME} characters, and there are at most {MAX_TAGS} tags."),
        });
    }
    let display_name = display_name.map(|name| sanitize(&name, MAX_NAME));
    let tags = tags.map(|tags| tags.iter().map(|tag| sanitize(tag, MAX_NAME)).collect::<Vec<_>>());
    description::write(&part, semantic_type, display_name, tags)
}

/// Forgets what was said of a table or a column; whether there was anything.
pub fn forget(object: &str) -> Result<bool> {
    description::forget(&single(object)?)
}

/// The table or column of a name.
fn single(object: &str) -> Result<Part> {
    let mut template = term::parse(object)?;
    match (template.text.as_str(), template.parts.pop()) {
        ("$1", Some(part)) => Ok(part),
        _ => Err(Error::Argument {
            what: "a table or a column",
            reason: "An expression has no description.".to_owned(),
        }),
    }
}
