//! What was taught, as far as the caller may see it.

use pgrx::datum::DatumWithOid;
use retrieve::{LONGEST_PHRASE, asked, filled, phrase_key};
use std::collections::BTreeMap;

use super::super::owner::{as_owner, caller};
use super::template::Template;
use crate::error::{Error, Result};
use crate::pg::lookup::quoted;
use crate::pg::{guc, query};
use crate::settings;

/// A term with what it stands for.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number.
    pub term_id: i64,
    /// The term as it was taught.
    pub term: String,
    /// What it is known by.
    pub phrase: String,
    /// Whether it stands for an expression.
    pub is_expression: bool,
    /// What it stands for, with the names of now.
    pub mapping: String,
    /// The relations of that, and the column of each.
    pub places: Vec<(i64, Option<i16>)>,
    /// From 0 to 1.
    pub confidence: f64,
    /// Whether something of it is gone.
    pub is_stale: bool,
}

const ENTRIES: &str = "
    SELECT t.term_id, t.term, t.phrase, t.template, t.confidence
    FROM schema_monitor._visible_term AS t
    WHERE ($1 IS NULL OR t.phrase OPERATOR(pg_catalog.=) ANY ($1))
    ORDER BY t.phrase, t.confidence DESC, t.term_id";

const PARTS: &str = "
    SELECT p.term_id, p.object_id, p.identity, p.column_number, p.column_name, p.stale
    FROM schema_monitor._visible_term_object AS p
    WHERE ($1 IS NULL OR p.term_id OPERATOR(pg_catalog.=) ANY ($1))
    ORDER BY p.term_id, p.ordinal";

/// The terms of some phrases, or all, the surest first.
pub fn entries(phrases: Option<Vec<String>>) -> Result<Vec<Entry>> {
    if phrases.as_ref().is_some_and(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let mut found: Vec<(Entry, String)> = Vec::new();
    query::read_often(ENTRIES, &[phrases.clone().into()], |row| {
        let entry = Entry {
            term_id: row.i64(0),
            term: row.text(1).unwrap_or_default(),
            phrase: row.text(2).unwrap_or_default(),
            is_expression: row.text(3).is_some_and(|template| template != "$1"),
            mapping: String::new(),
            places: Vec::new(),
            confidence: row.f64(4),
            is_stale: false,
        };
        found.push((entry, row.text(3).unwrap_or_default()));
        Ok(())
    })?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Option<Vec<i64>> = phrases.map(|_| found.iter().map(|(entry, _)| entry.term_id).collect());
    let mut names: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    let mut places: BTreeMap<i64, (Vec<(i64, Option<i16>)>, bool)> = BTreeMap::new();
    query::read_often(PARTS, &[ids.into()], |row| {
        let (id, identity) = (row.i64(0), row.text(2).unwrap_or_default());
        let column = row.text(4);
        let place = places.entry(id).or_default();
        place.0.push((row.i64(1), column.is_some().then(|| row.i16(3))));
        place.1 |= row.bool(5);
        let name = column.map_or_else(|| identity.clone(), |column| format!("{identity}.{}", quoted(&column)));
        names.entry(id).or_default().push(name);
        Ok(())
    })?;
    for (entry, template) in &mut found {
        entry.mapping = filled(template, names.get(&entry.term_id).map_or(&[], Vec::as_slice));
        (entry.places, entry.is_stale) = places.remove(&entry.term_id).unwrap_or_default();
    }
    Ok(found.into_iter().map(|(entry, _)| entry).collect())
}

/// What a term is known by. Refuses one without words.
pub fn key(term: &str) -> Result<String> {
    let key = phrase_key(term);
    match !key.is_empty() && term.len() <= MAX_TERM && !term.contains(char::is_control) {
        true => Ok(key),
        false => Err(Error::Argument {
            what: "a term",
            reason: "It has no words, more than 200 bytes, or a control character.".to_owned(),
        }),
    }
}

/// The same of a term that is to be found in questions.
fn taught_key(term: &str) -> Result<String> {
    let key = key(term)?;
    match !asked(term).is_empty() && key.split(' ').count() <= LONGEST_PHRASE {
        true => Ok(key),
        false => Err(Error::Argument {
            what: "a term that can be found in a question",
            reason: format!("It says nothing, or has more than {LONGEST_PHRASE} words."),
        }),
    }
}

/// Longest term that is taken, in bytes.
const MAX_TERM: usize = 200;

const SAME: &str = "
    SELECT t.term_id
    FROM schema_monitor._term AS t
    WHERE t.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
      AND t.phrase OPERATOR(pg_catalog.=) $1
      AND t.template OPERATOR(pg_catalog.=) $2
      AND (SELECT pg_catalog.array_agg(p.object_id ORDER BY p.ordinal) FROM schema_monitor._visible_term_object AS p
           WHERE p.term_id OPERATOR(pg_catalog.=) t.term_id) OPERATOR(pg_catalog.=) $3
      AND (SELECT pg_catalog.array_agg(coalesce(p.column_number, 0::smallint) ORDER BY p.ordinal)
           FROM schema_monitor._visible_term_object AS p
           WHERE p.term_id OPERATOR(pg_catalog.=) t.term_id) OPERATOR(pg_catalog.=) $4";

const CONFIRM: &str = "
    UPDATE schema_monitor._term AS t
    SET confidence = CASE WHEN $2 IS NULL THEN least(1.0, t.confidence OPERATOR(pg_catalog.+) $3) ELSE $2 END,
        successes = t.successes OPERATOR(pg_catalog.+) 1, taught_by = $4, taught_at = pg_catalog.now()
    WHERE t.term_id OPERATOR(pg_catalog.=) $1
      AND t.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
    RETURNING t.confidence";

const INSERT_TERM: &str = "
    INSERT INTO schema_monitor._term (term_id, term, phrase, template, confidence, taught_by)
    SELECT coalesce(pg_catalog.max(t.term_id), 0) OPERATOR(pg_catalog.+) 1, $1, $2, $3, $4, $5
    FROM schema_monitor._term AS t
    WHERE t.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
    RETURNING term_id";

const INSERT_PARTS: &str = "
    INSERT INTO schema_monitor._term_object (term_id, ordinal, object_id, column_number, column_name)
    SELECT $1, p.ordinal, p.object_id, p.column_number, p.column_name
    FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4))
        WITH ORDINALITY AS p(object_id, column_number, column_name, ordinal)";

/// How sure a term is that was taught once.
const TAUGHT_ONCE: f64 = 0.8;

/// Notes that a term stands for something, or that it does so indeed; gives how sure that is now. `confidence` sets it.
pub fn learn(term: &str, template: &Template, confidence: Option<f64>) -> Result<f64> {
    let phrase = taught_key(term)?;
    let who = caller()?;
    let objects: Vec<i64> = template.parts.iter().map(|part| part.relation.object_id).collect();
    let number = |part: &super::template::Part| part.column.as_ref().map_or(0, |(number, _)| *number);
    let numbers: Vec<i16> = template.parts.iter().map(number).collect();
    let names: Vec<Option<String>> = template
        .parts
        .iter()
        .map(|part| Some(part.column.as_ref()?.1.clone()))
        .collect();
    let _pinned = guc::Pinned::search_path();
    as_owner(|| {
        // One at a time; what the monitor forgets meanwhile does not wait.
        query::execute("LOCK TABLE schema_monitor._term IN SHARE UPDATE EXCLUSIVE MODE", &[])?;
        let same: [DatumWithOid<'_>; 4] = [
            phrase.as_str().into(),
            template.text.as_str().into(),
            objects.clone().into(),
            numbers.clone().into(),
        ];
        // Not by the statement's snapshot: what was taught since it began counts, too.
        let mut known = None;
        query::write(SAME, &same, |row| {
            known = Some(row.i64(0));
            Ok(())
        })?;
        let mut now = None;
        if let Some(id) = known {
            let arguments = [
                id.into(),
                confidence.into(),
                settings::learning_step().into(),
                who.as_str().into(),
            ];
            query::write(CONFIRM, &arguments, |row| {
                now = Some(row.f64(0));
                Ok(())
            })?;
        }
        if let Some(now) = now {
            return Ok(now);
        }
        let confidence = confidence.unwrap_or(TAUGHT_ONCE);
        let arguments = [
            term.trim().into(),
            phrase.as_str().into(),
            template.text.as_str().into(),
            confidence.into(),
            who.into(),
        ];
        let mut id = 0;
        query::write(INSERT_TERM, &arguments, |row| {
            id = row.i64(0);
            Ok(())
        })?;
        query::execute(INSERT_PARTS, &[id.into(), objects.into(), numbers.into(), names.into()])?;
        Ok(confidence)
    })
}

const FORGET: &str = "
    WITH part AS (
        DELETE FROM schema_monitor._term_object AS p
        WHERE p.term_id OPERATOR(pg_catalog.=) ANY ($1)
          AND p.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()
    )
    DELETE FROM schema_monitor._term AS t
    WHERE t.term_id OPERATOR(pg_catalog.=) ANY ($1)
      AND t.incarnation OPERATOR(pg_catalog.=) schema_monitor._incarnation()";

/// Forgets some entries; gives how many there were.
pub fn forget(ids: Vec<i64>) -> Result<u64> {
    let _pinned = guc::Pinned::search_path();
    as_owner(|| query::execute(FORGET, &[ids.into()]))
}
