//! What of the schema a prompt needs, read from the catalog of this moment with the caller's rights.

use retrieve::{Format, Frame, Table, TableColumn, TableReference, pack, sanitize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::find::{Survey, survey};
use super::gather::Filter;
use super::join::{Guesses, join_paths};
use super::name::{self, Named};
use crate::error::{Error, Result};
use crate::pg::lookup::quoted;
use crate::pg::query::{self, Row};
use crate::pg::{Oid, guc};

/// Tokens the shortest table takes, about: where the budget has fewer for each, the whole schema cannot fit.
const LEAST_FOR_TABLE: usize = 12;

/// Tokens a table takes where only some of its columns are told, about: so many tables are looked for.
const FOR_TABLE: usize = 40;

/// Most tables that are looked for.
const MOST_TABLES: usize = 200;

/// Tables, the best ones, that are joined with each other, with what lies between them.
const JOINED: usize = 3;

/// Longest comment that is told, in characters.
const MAX_COMMENT: usize = 200;

/// Most values of an enum that are told.
const MAX_VALUES: usize = 20;

/// Most business terms that are told, and the longest in characters.
const MAX_TERMS: usize = 10;
const MAX_TERM: usize = 60;

/// Longest condition of a CHECK that is told, in characters.
const MAX_CHECK: usize = 200;

/// The part of the schema that a question needs, in at most so many tokens.
///
/// The given tables where there are any; else the whole schema where it fits; else the tables that search finds, the
/// best of them joined with each other.
pub fn context(question: &str, max_tokens: usize, format: Format, tables: Option<&[String]>) -> Result<String> {
    let named = tables.map(name::resolve).transpose()?;
    let _pinned = guc::Pinned::search_path();
    let (count, version) = count_and_version()?;
    let fits = count.saturating_mul(LEAST_FOR_TABLE) <= max_tokens;
    let is_asked = !question.trim().is_empty();
    if !is_asked && named.is_none() && !fits {
        return Err(too_large(count));
    }
    let survey = match is_asked {
        true => survey(
            question,
            (max_tokens / FOR_TABLE).clamp(10, MOST_TABLES),
            &Filter::default(),
        )?,
        false => Survey::default(),
    };
    let mut frame = Frame {
        version,
        tables: count,
        joins: Vec::new(),
        terms: terms(&survey),
        answerable: is_asked.then_some(survey.answerable),
    };
    let chosen = match named {
        Some(named) => {
            frame.joins = joins(&named, question)?.0;
            named
        }
        None => {
            let hits: Vec<i64> = survey.hits.iter().map(|hit| hit.object_id).collect();
            let (joins, order) = around(&hits, question)?;
            frame.joins = joins;
            order
        }
    };
    if tables.is_none() && fits {
        let all = name::all()?;
        let text = pack(&read(&all, &survey)?, &frame, format, usize::MAX);
        if retrieve::estimate_tokens(&text) <= max_tokens {
            return Ok(text);
        }
        if !is_asked {
            return Err(too_large(count));
        }
    }
    Ok(pack(&read(&chosen, &survey)?, &frame, format, max_tokens))
}

/// Terms of the question with what they stand for, the surest of each.
fn terms(survey: &Survey) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for entry in &survey.taught {
        let term = sanitize(&entry.term, MAX_TERM);
        if found.iter().all(|(known, _)| *known != term) && found.len() < MAX_TERMS {
            found.push((term, sanitize(&entry.mapping, MAX_CHECK)));
        }
    }
    found
}

fn too_large(tables: usize) -> Error {
    Error::Argument {
        what: "a question, and the whole schema does not fit",
        reason: format!("The schema has {tables} tables that you may see. Ask a question, or name tables."),
    }
}

fn count_and_version() -> Result<(usize, i64)> {
    let sql = "
        SELECT (SELECT pg_catalog.count(*) FROM schema_monitor._visible_document AS d),
            (SELECT coalesce(pg_catalog.max(v.version), 0) FROM schema_monitor.versions AS v)";
    let mut found = (0, 0);
    query::read_often(sql, &[], |row| {
        found = (row.i64(0) as usize, row.i64(1));
        Ok(())
    })?;
    Ok(found)
}

/// The conditions that join some tables for a question, and those with what lies between them; nothing where they are not connected.
fn joins(tables: &[Named], question: &str) -> Result<(Vec<String>, Vec<Named>)> {
    let paths = match join_paths(tables, 1, Guesses::Between, question) {
        Ok(paths) => paths,
        Err(Error::NoJoinPath { .. } | Error::Argument { .. }) => return Ok((Vec::new(), Vec::new())),
        Err(error) => return Err(error),
    };
    let Some(path) = paths.first() else {
        return Ok((Vec::new(), Vec::new()));
    };
    let between = path
        .joins
        .iter()
        .flat_map(|join| [join.from.clone(), join.to.clone()])
        .collect();
    Ok((path.joins.iter().map(|join| join.condition()).collect(), between))
}

/// The hits in order, and after the best ones what joins them.
fn around(hits: &[i64], question: &str) -> Result<(Vec<String>, Vec<Named>)> {
    let known = name::by_ids(hits)?;
    let mut order: Vec<Named> = hits.iter().filter_map(|id| known.get(id).cloned()).collect();
    // The third, or the second, may be about something else.
    let mut found = (Vec::new(), Vec::new());
    for most in (2..=JOINED.min(order.len())).rev() {
        found = joins(&order[..most], question)?;
        if !found.0.is_empty() {
            break;
        }
    }
    let (conditions, between) = found;
    let mut at = JOINED.min(order.len());
    for one in between {
        if !order[..at].contains(&one) {
            order.retain(|other| *other != one);
            order.insert(at, one);
            at += 1;
        }
    }
    Ok((conditions, order))
}

const COLUMNS: &str = "
    SELECT
        a.attrelid, a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
        d.description,
        (SELECT pg_catalog.array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum AS e
         WHERE e.enumtypid OPERATOR(pg_catalog.=) a.atttypid)
    FROM pg_catalog.pg_attribute AS a
    LEFT JOIN pg_catalog.pg_description AS d
        ON d.objoid OPERATOR(pg_catalog.=) a.attrelid
        AND d.classoid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.objsubid OPERATOR(pg_catalog.=) a.attnum
    WHERE a.attrelid OPERATOR(pg_catalog.=) ANY ($1)
      AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
      AND schema_monitor._sees_passage(a.attrelid, a.attnum)
    ORDER BY a.attrelid, a.attnum";

// Whoever sees only some of the columns is not told what is said of the whole.
const RELATIONS: &str = "
    SELECT r.oid, r.kind, CASE WHEN r.whole THEN d.description END
    FROM schema_monitor._visible_relation AS r
    LEFT JOIN pg_catalog.pg_description AS d
        ON d.objoid OPERATOR(pg_catalog.=) r.oid
        AND d.classoid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.objsubid OPERATOR(pg_catalog.=) 0
    WHERE r.oid OPERATOR(pg_catalog.=) ANY ($1)";

const CONSTRAINTS: &str = "
    SELECT
        k.conrelid, k.contype, k.confrelid, k.conkey, k.confkey,
        CASE WHEN k.contype OPERATOR(pg_catalog.=) 'c' THEN pg_catalog.pg_get_expr(k.conbin, k.conrelid) END
    FROM pg_catalog.pg_constraint AS k
    WHERE k.conrelid OPERATOR(pg_catalog.=) ANY ($1)
      AND k.contype OPERATOR(pg_catalog.=) ANY ('{p,f,c}'::\"char\"[])
      AND schema_monitor._sees_relation(k.conrelid)
      -- FOREIGN KEY (…, PERIOD …) of PostgreSQL 18 is no equality
      AND (k.contype OPERATOR(pg_catalog.<>) 'f'
           OR coalesce(pg_catalog.to_jsonb(k.*) OPERATOR(pg_catalog.->>) 'conperiod', 'false') OPERATOR(pg_catalog.=) 'false')
    ORDER BY k.conrelid, k.contype, k.conname";

/// A constraint as the catalog has it.
struct Constraint {
    relation: u32,
    kind: char,
    target: u32,
    own: Vec<i16>,
    other: Vec<i16>,
    expression: Option<String>,
}

/// The tables as they are declared now, in the given order.
fn read(tables: &[Named], survey: &Survey) -> Result<Vec<Table>> {
    let oids = || tables.iter().map(|one| Oid::from(one.oid)).collect::<Vec<_>>();
    let mut found: BTreeMap<u32, Table> = BTreeMap::new();
    let ids: HashMap<u32, &Named> = tables.iter().map(|one| (one.oid, one)).collect();
    query::read_often(RELATIONS, &[oids().into()], |row| {
        let table = found.entry(row.oid(0)).or_default();
        table.identity = ids.get(&row.oid(0)).map(|one| one.identity.clone()).unwrap_or_default();
        table.kind = row.text(1).unwrap_or_default();
        table.comment = comment(row.text(2));
        Ok(())
    })?;
    let mut seen: HashMap<(u32, i16), String> = HashMap::new();
    query::read_often(COLUMNS, &[oids().into()], |row| {
        if let (Some(table), Some(named)) = (found.get_mut(&row.oid(0)), ids.get(&row.oid(0))) {
            let relevance = survey
                .columns
                .get(&(named.object_id, row.i16(1)))
                .copied()
                .unwrap_or(f32::MIN);
            seen.insert((row.oid(0), row.i16(1)), row.name(2));
            table.columns.push(column(row, relevance));
        }
        Ok(())
    })?;
    let mut constraints = Vec::new();
    query::read_often(CONSTRAINTS, &[oids().into()], |row| {
        constraints.push(Constraint {
            relation: row.oid(0),
            kind: row.char(1),
            target: row.oid(2),
            own: row.i16s(3),
            other: row.i16s(4),
            expression: row.text(5),
        });
        Ok(())
    })?;
    let targets: BTreeSet<u32> = constraints
        .iter()
        .map(|one| one.target)
        .filter(|oid| *oid != 0)
        .collect();
    let targets: Vec<u32> = targets.into_iter().collect();
    seen.extend(name::columns(&targets)?);
    let referred = referred(targets)?;
    for one in constraints {
        let Some(table) = found.get_mut(&one.relation) else {
            continue;
        };
        // One that names what the caller may not see is not told.
        let own = names(&seen, one.relation, &one.own);
        let other = names(&seen, one.target, &one.other);
        let (Some(own), Some(other)) = (own, other) else {
            continue;
        };
        match (one.kind, referred.get(&one.target), one.expression) {
            ('p', ..) => table.primary_key = own,
            ('f', Some(identity), _) => table.references.push(TableReference {
                columns: own,
                table: identity.clone(),
                referenced: other,
            }),
            ('c', _, Some(expression)) if expression.chars().count() <= MAX_CHECK => {
                table.checks.push(sanitize(&expression, MAX_CHECK));
            }
            _ => (),
        }
    }
    Ok(tables.iter().filter_map(|one| found.remove(&one.oid)).collect())
}

/// The names of columns of a relation as SQL, a whole row and system columns left out; `None` where one was not seen.
fn names(seen: &HashMap<(u32, i16), String>, relation: u32, numbers: &[i16]) -> Option<Vec<String>> {
    let name = |number: &i16| seen.get(&(relation, *number)).map(|name| quoted(name));
    numbers.iter().filter(|number| **number > 0).map(name).collect()
}

fn comment(text: Option<String>) -> Option<String> {
    text.map(|text| sanitize(&text, MAX_COMMENT))
        .filter(|text| !text.is_empty())
}

fn column(row: &Row<'_>, relevance: f32) -> TableColumn {
    let mut values = row.texts(6).unwrap_or_default();
    let more = values.len().saturating_sub(MAX_VALUES);
    values.truncate(MAX_VALUES);
    let mut values: Vec<String> = values.iter().map(|value| sanitize(value, MAX_COMMENT)).collect();
    if more > 0 {
        values.push(format!("and {more} more"));
    }
    TableColumn {
        name: quoted(&row.name(2)),
        type_name: row.text(3).unwrap_or_default(),
        not_null: row.bool(4),
        comment: comment(row.text(5)),
        values,
        relevance,
    }
}

/// Identities of the tables that foreign keys refer to.
fn referred(oids: Vec<u32>) -> Result<HashMap<u32, String>> {
    let sql = "
        SELECT r.oid, r.identity FROM schema_monitor._visible_relation AS r WHERE r.oid OPERATOR(pg_catalog.=) ANY ($1)";
    let oids: Vec<Oid> = oids.into_iter().map(Oid::from).collect();
    let mut found = HashMap::new();
    query::read_often(sql, &[oids.into()], |row| {
        found.insert(row.oid(0), row.text(1).unwrap_or_default());
        Ok(())
    })?;
    Ok(found)
}
