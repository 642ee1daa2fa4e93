//! Which name was meant where one is wrong: the nearest by spelling and by meaning among those the caller may see.

use embed::Purpose;
use pgrx::PgSqlErrorCode as Code;
use retrieve::likeness;
use std::collections::HashMap;

use super::name::{self, Named};
use crate::error::{Error, Result};
use crate::index;
use crate::pg::lookup::quoted;
use crate::pg::statement::{Fault, Source};
use crate::pg::{Oid, query};
use crate::{settings, worker};

/// Most names that are offered.
const OFFERED: usize = 5;

/// From this likeness on a name is a slip of the keyboard, and its meaning says nothing.
const MISSPELLED: f32 = 0.75;

/// What a relation gains that the statement can name as it did.
const AT_HAND: f32 = 0.2;

/// How far behind the best a candidate may be.
const WITHIN: f32 = 0.2;

/// What may have been meant at the place of the error, best first, as SQL to be put there; nothing where the error is
/// not about a name.
pub fn suggestions(sql: &str, fault: &Fault) -> Result<Vec<String>> {
    let (Error::Postgres { code, .. }, Some(position)) = (&fault.error, fault.position) else {
        return Ok(Vec::new());
    };
    let start = sql
        .char_indices()
        .nth(position as usize - 1)
        .map_or(sql.len(), |(at, _)| at);
    let (names, _) = schema::leading_name(&sql[start..]);
    let Some((last, qualifiers)) = names.split_last() else {
        return Ok(Vec::new());
    };
    let is_source = |one: &Source| one.name.as_deref() == Some(last.as_str());
    match *code {
        Code::ERRCODE_UNDEFINED_COLUMN => columns(last, qualifiers, &fault.sources),
        Code::ERRCODE_UNDEFINED_TABLE if fault.sources.iter().any(is_source) => relations(last, qualifiers.last()),
        // a qualifier that nothing in FROM goes by
        Code::ERRCODE_UNDEFINED_TABLE => qualified(last, qualifiers, &fault.sources),
        Code::ERRCODE_UNDEFINED_FUNCTION => functions(last),
        _ => Ok(Vec::new()),
    }
}

/// A candidate with how much speaks for it.
struct Scored {
    sql: String,
    score: f32,
}

/// A candidate that has nothing to do with the name is none, however few there are.
const LEAST: f32 = 0.2;

fn best(mut scored: Vec<Scored>) -> Vec<String> {
    scored.sort_by(|a, b| b.score.total_cmp(&a.score));
    let least = scored.first().map_or(0.0, |best| best.score - WITHIN);
    let mut found: Vec<String> = Vec::new();
    for one in scored.into_iter().filter(|one| one.score >= least) {
        if !found.contains(&one.sql) && found.len() < OFFERED {
            found.push(one.sql);
        }
    }
    found
}

/// Spelling and meaning as one number: a slip of the keyboard by its letters, anything else by both.
fn score(spelling: f32, meaning: Option<f32>) -> f32 {
    match meaning {
        Some(meaning) if spelling < MISSPELLED => (spelling + meaning) / 2.0,
        _ => spelling,
    }
}

/// Relations the statement names, with what they are called there.
fn in_scope(sources: &[Source]) -> Result<Vec<(Named, String)>> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| !source.is_with) {
        let (Some(own), Some(called)) = (&source.name, source.called()) else {
            continue;
        };
        let written = match &source.schema {
            Some(schema) => format!("{}.{}", quoted(schema), quoted(own)),
            None => quoted(own),
        };
        match name::resolve(&[written]) {
            Ok(named) => found.extend(named.into_iter().map(|one| (one, called.to_owned()))),
            Err(Error::NoRelation { .. }) => (),
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn columns(wrong: &str, qualifiers: &[String], sources: &[Source]) -> Result<Vec<String>> {
    let scope = in_scope(sources)?;
    let qualifier = qualifiers.last();
    let oids: Vec<u32> = scope
        .iter()
        .filter(|(_, called)| qualifier.is_none_or(|qualifier| qualifier == called))
        .map(|(named, _)| named.oid)
        .collect();
    let meanings = meanings_of_columns(wrong, &oids)?;
    let mut scored = Vec::new();
    for ((relation, number), column) in name::columns(&oids)? {
        let sql = match qualifiers {
            [] => quoted(&column),
            some => [some, std::slice::from_ref(&column)]
                .concat()
                .iter()
                .map(|part| quoted(part))
                .collect::<Vec<_>>()
                .join("."),
        };
        let score = score(likeness(wrong, &column), meanings.get(&(relation, number)).copied());
        if score >= LEAST {
            scored.push(Scored { sql, score });
        }
    }
    Ok(best(scored))
}

/// The names that the sources go by, most like the qualifier first, each where it has such a column.
fn qualified(column: &str, qualifiers: &[String], sources: &[Source]) -> Result<Vec<String>> {
    let Some(wrong) = qualifiers.last() else {
        return Ok(Vec::new());
    };
    let scope = in_scope(sources)?;
    let columns = name::columns(&scope.iter().map(|(named, _)| named.oid).collect::<Vec<_>>())?;
    let scored = scope.iter().map(|(named, called)| {
        let has_it = columns
            .iter()
            .any(|((relation, _), name)| *relation == named.oid && name == column);
        let like = likeness(wrong, called).max(likeness(wrong, &named.name));
        Scored {
            sql: format!("{}.{}", quoted(called), quoted(column)),
            score: like + if has_it { 1.0 } else { 0.0 },
        }
    });
    Ok(best(scored.collect()))
}

const RELATIONS: &str = "
    SELECT r.object_id, r.schema_name, r.name, r.identity, pg_catalog.pg_table_is_visible(r.oid)
    FROM schema_monitor._visible_relation AS r";

/// Relations, first those that are found without their schema, or that are in the one that is given.
fn relations(wrong: &str, schema: Option<&String>) -> Result<Vec<String>> {
    let meanings = meanings_of_relations(wrong)?;
    let mut scored = Vec::new();
    query::read(RELATIONS, &[], |row| {
        let name = row.text(2).unwrap_or_default();
        let is_at_hand = match schema {
            Some(schema) => row.text(1).as_ref() == Some(schema),
            None => row.bool(4),
        };
        let score = score(likeness(wrong, &name), meanings.get(&row.i64(0)).copied());
        if score < LEAST {
            return Ok(());
        }
        scored.push(Scored {
            score: score + if is_at_hand { AT_HAND } else { 0.0 },
            sql: match schema {
                None if is_at_hand => quoted(&name),
                _ => row.text(3).unwrap_or_default(),
            },
        });
        Ok(())
    })?;
    Ok(best(scored))
}

const FUNCTIONS: &str = "
    SELECT DISTINCT p.proname FROM pg_catalog.pg_proc AS p
    WHERE pg_catalog.pg_function_is_visible(p.oid) AND p.prorettype OPERATOR(pg_catalog.<>) 2279
      AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')";

fn functions(wrong: &str) -> Result<Vec<String>> {
    let mut scored = Vec::new();
    query::read(FUNCTIONS, &[], |row| {
        let name = row.name(0);
        let score = likeness(wrong, &name);
        if score >= MISSPELLED && name != wrong {
            scored.push(Scored {
                sql: quoted(&name),
                score,
            });
        }
        Ok(())
    })?;
    Ok(best(scored))
}

/// The vector of a name by the model that the stored ones are of; `None` where there is no embedder to ask.
fn vector_of(name: &str) -> Result<Option<worker::Embedded>> {
    let words = retrieve::readable(name);
    match worker::embed(Purpose::Query, &words, settings::embedder_timeout()) {
        Ok(embedded) => Ok(Some(embedded)),
        Err(Error::Embedder(_) | Error::EmbedderTimeout(_) | Error::Embed(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn meanings_of_columns(name: &str, relations: &[u32]) -> Result<HashMap<(u32, i16), f32>> {
    let oids: Vec<Oid> = relations.iter().map(|oid| Oid::from(*oid)).collect();
    match vector_of(name)? {
        Some(embedded) if !oids.is_empty() => index::columns_near(embedded.vector, &embedded.model, oids),
        _ => Ok(HashMap::new()),
    }
}

fn meanings_of_relations(name: &str) -> Result<HashMap<i64, f32>> {
    match vector_of(name)? {
        Some(embedded) => index::relations_near(embedded.vector, &embedded.model),
        None => Ok(HashMap::new()),
    }
}
