//! From a business term to what it stands for.
//!
//! In this order, and each answer says which it came by: what was taught; columns that are called so; columns that mean
//! so; columns that may mean so; what the setting says.

use retrieve::{
    Formula, MOST_VIEWS, REWORDED, TermColumn, ValueKind, filled, formulas, label, phrase_key, rank_term, reworded,
};
use std::collections::{BTreeSet, HashMap, HashSet};

use super::super::find::find;
use super::super::gather::{Filter, by_vectors, by_words, documents};
use super::entry::{entries, key};
use super::template::{Template, parse};
use crate::error::Result;
use crate::index::Near;
use crate::pg::lookup::quoted;
use crate::pg::{guc, query};
use crate::settings;

/// Ways of putting a term otherwise that are asked for, too: each costs an embedding.
const WORDINGS: usize = 6;

/// Columns that are looked at for each wording, and relations by words all of whose columns are.
const COLUMNS_FOR_EACH: usize = 50;
const RELATIONS_BY_WORDS: usize = 15;

/// Relations in which a figure is computed, by how well they fit: their own columns before those of views that show them.
const COMPUTED_IN: usize = 50;

/// How sure a computed figure is.
const COMPUTED: f64 = 0.7;

/// Columns, the best ones, among which one may be called as a figure is.
const CALLED: usize = 10;

/// What a name is that says the same in the same words; less for each column more that has it.
const EXACT: f64 = 0.95;
const SHARED: f64 = 0.1;
const LEAST_EXACT: f64 = 0.6;

/// What the score of a column's relation counts, of 1, where the term's context is told.
const CONTEXT: f32 = 0.25;

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Somebody taught it.
    Learned,
    /// It is called so.
    Exact,
    /// It means so.
    Semantic,
    /// It may mean so.
    Fuzzy,
    /// `schema_monitor.static_terms` says so.
    Configured,
}

impl Source {
    /// As SQL tells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Learned => "learned",
            Source::Exact => "exact",
            Source::Semantic => "semantic",
            Source::Fuzzy => "fuzzy",
            Source::Configured => "configured",
        }
    }
}

/// What a term may stand for.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// A relation, a column or an expression.
    pub mapping: String,
    /// `exact`, `similar`, or `derived` for an expression.
    pub kind: &'static str,
    /// Where it came from.
    pub source: Source,
    /// From 0 to 1.
    pub confidence: f64,
}

/// What a term may stand for, best first. From `threshold` on a column means so; from half of it on it may.
pub fn map(term: &str, context: Option<&str>, most: usize, threshold: f64) -> Result<Vec<Mapping>> {
    let phrase = key(term)?;
    let mut found = learned(&phrase)?;
    let configured = configured(&phrase)?;
    {
        let _pinned = guc::Pinned::search_path();
        let guessed = guess(term, context)?;
        let known = |found: &[Mapping], one: &Mapping| found.iter().any(|other| other.mapping == one.mapping);
        // What is called so is no guess.
        let is_sure = |one: &&Mapping| one.source == Source::Exact || one.confidence >= threshold;
        let sure = guessed.iter().filter(is_sure);
        for one in sure {
            if !known(&found, one) {
                found.push(one.clone());
            }
        }
        if found.is_empty() {
            let unsure = guessed.into_iter().filter(|one| one.confidence >= threshold / 2.0);
            found.extend(unsure.map(|one| Mapping {
                source: Source::Fuzzy,
                ..one
            }));
        }
    }
    if found.is_empty() {
        found.extend(configured);
    }
    found.truncate(most);
    Ok(found)
}

fn kind(is_expression: bool) -> &'static str {
    if is_expression { "derived" } else { "exact" }
}

fn learned(phrase: &str) -> Result<Vec<Mapping>> {
    let taught = entries(Some(vec![phrase.to_owned()]))?;
    let live = taught.into_iter().filter(|entry| !entry.is_stale);
    Ok(live
        .map(|entry| Mapping {
            kind: kind(entry.is_expression),
            mapping: entry.mapping,
            source: Source::Learned,
            confidence: entry.confidence,
        })
        .collect())
}

/// What the setting says of a term, as far as that is there and the caller may see it.
fn configured(phrase: &str) -> Result<Option<Mapping>> {
    let terms = settings::static_terms()?;
    let Some((_, mapping)) = terms.iter().find(|(term, _)| phrase_key(term) == phrase) else {
        return Ok(None);
    };
    match parse(mapping) {
        Ok(template) => Ok(Some(Mapping {
            mapping: template.mapping(),
            kind: kind(template.text != "$1"),
            source: Source::Configured,
            confidence: 0.5,
        })),
        Err(error) if error.is_interrupt() => Err(error),
        Err(_) => Ok(None),
    }
}

/// How sure it is that a term stands for something: as it was taught, else as its names and meaning say; 0 for nothing.
pub fn confidence(term: &str, template: &Template) -> Result<f64> {
    let mapping = template.mapping();
    let of = |found: &[Mapping]| {
        found
            .iter()
            .find(|one| one.mapping == mapping)
            .map(|one| one.confidence)
    };
    let taught = learned(&key(term)?)?;
    if let Some(confidence) = of(&taught) {
        return Ok(confidence);
    }
    let _pinned = guc::Pinned::search_path();
    Ok(of(&guess(term, None)?).unwrap_or(0.0))
}

/// A column that may be what is meant.
struct Candidate {
    object_id: i64,
    identity: String,
    column: TermColumn,
}

/// What names and meaning say, best first.
fn guess(term: &str, context: Option<&str>) -> Result<Vec<Mapping>> {
    let wordings: Vec<String> = std::iter::once(term.to_owned())
        .chain(reworded(term, WORDINGS))
        .collect();
    let (similarities, relations) = similarities(&wordings)?;
    let ordinary: Vec<f32> = similarities.values().copied().collect();
    let mut wanted: BTreeSet<i64> = BTreeSet::new();
    let mut nearest: Vec<(&Place, &f32)> = similarities.iter().collect();
    nearest.sort_by(|a, b| b.1.total_cmp(a.1).then(a.0.cmp(b.0)));
    wanted.extend(
        nearest
            .iter()
            .take(COLUMNS_FOR_EACH * wordings.len())
            .map(|(place, _)| place.0),
    );
    for wording in &wordings {
        wanted.extend(by_words(wording, RELATIONS_BY_WORDS)?);
    }
    let shown = shown(wanted.iter().copied().collect())?;
    wanted.extend(shown.values().map(|(relation, _)| *relation));
    let candidates = candidates(wanted.into_iter().collect(), &similarities, &shown)?;
    let columns: Vec<TermColumn> = candidates.iter().map(|one| one.column.clone()).collect();
    let mut fits = rank_term(&wordings, &columns, &ordinary);
    if let Some(context) = context {
        let about = find(context, RELATIONS_BY_WORDS, &Filter::default())?;
        let favoured: HashMap<i64, f32> = about.iter().map(|hit| (hit.object_id, hit.score())).collect();
        for fit in &mut fits {
            let score = favoured.get(&candidates[fit.column].object_id).copied().unwrap_or(0.0);
            fit.confidence = (fit.confidence * (1.0 - CONTEXT) + CONTEXT * score).clamp(0.0, 1.0);
        }
        fits.sort_by(|a, b| b.is_exact.cmp(&a.is_exact).then(b.confidence.total_cmp(&a.confidence)));
    }
    let exact = fits.iter().filter(|fit| fit.is_exact).count();
    let mut found: Vec<Mapping> = fits
        .iter()
        .map(|fit| Mapping {
            mapping: candidates[fit.column].identity.clone(),
            kind: if fit.is_exact { "exact" } else { "similar" },
            source: if fit.is_exact { Source::Exact } else { Source::Semantic },
            confidence: match fit.is_exact {
                true => (EXACT - SHARED * (exact as f64 - 1.0)).max(LEAST_EXACT),
                false => EXACT * f64::from(fit.confidence),
            },
        })
        .collect();
    for (computed, formula) in computed(term, &candidates, &relations)? {
        // Where a column near the top is called so, it is that; else it is computed, if nothing is called as the term is.
        let called = fits
            .iter()
            .take(CALLED)
            .position(|fit| formula.is_called(&candidates[fit.column].column.name));
        found.insert(called.map_or(exact, |at| at + 1).min(found.len()), computed);
    }
    // What comes later is no surer.
    let mut most = 1.0_f64;
    for one in &mut found {
        most = most.min(one.confidence);
        one.confidence = most;
    }
    Ok(found)
}

/// The best cosine of each column and of each relation over all wordings; none where there is no model to ask.
fn similarities(wordings: &[String]) -> Result<(HashMap<Place, f32>, HashMap<i64, f32>)> {
    let (mut columns, mut relations) = (HashMap::new(), HashMap::new());
    let documents = documents()?;
    let of_columns = Filter {
        columns: true,
        ..Filter::default()
    };
    for (at, wording) in wordings.iter().enumerate() {
        let Some(near) = by_vectors(wording, &of_columns, documents, COLUMNS_FOR_EACH)? else {
            break;
        };
        for Near {
            object_id,
            column,
            similarity,
        } in near.found
        {
            let similarity = if at == 0 { similarity } else { REWORDED * similarity };
            let best = match column {
                0 => relations.entry(object_id).or_insert(similarity),
                _ => columns.entry((object_id, column)).or_insert(similarity),
            };
            *best = best.max(similarity);
        }
    }
    Ok((columns, relations))
}

const COLUMNS: &str = "
    SELECT p.object_id, p.column_number, p.identity, p.name, p.column_name, p.passage, t.typcategory,
        EXISTS (
            SELECT FROM pg_catalog.pg_constraint AS k
            WHERE k.conrelid OPERATOR(pg_catalog.=) r.oid
              AND k.contype OPERATOR(pg_catalog.=) ANY ('{p,f}'::\"char\"[])
              AND p.column_number OPERATOR(pg_catalog.=) ANY (k.conkey))
    FROM schema_monitor._visible_passage AS p
    JOIN schema_monitor._visible_relation AS r ON r.object_id OPERATOR(pg_catalog.=) p.object_id
    JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid OPERATOR(pg_catalog.=) r.oid AND a.attnum OPERATOR(pg_catalog.=) p.column_number
    JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
    WHERE p.object_id OPERATOR(pg_catalog.=) ANY ($1)
    ORDER BY p.object_id, p.column_number";

// Columns of views that show a column of the same name and type, where there is one only; what is aggregated is another.
const SHOWN: &str = "
    SELECT v.object_id, a.attnum, pg_catalog.min(t.object_id), pg_catalog.min(f.attnum)
    FROM schema_monitor._visible_relation AS v
    JOIN pg_catalog.pg_rewrite AS w
        ON w.ev_class OPERATOR(pg_catalog.=) v.oid
        AND pg_catalog.strpos(w.ev_action::pg_catalog.text, ':hasAggs true') OPERATOR(pg_catalog.=) 0
    JOIN pg_catalog.pg_depend AS d
        ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass
        AND d.objid OPERATOR(pg_catalog.=) w.oid
        AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.refobjid OPERATOR(pg_catalog.<>) v.oid
    JOIN pg_catalog.pg_attribute AS f
        ON f.attrelid OPERATOR(pg_catalog.=) d.refobjid AND f.attnum OPERATOR(pg_catalog.=) d.refobjsubid
    JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid OPERATOR(pg_catalog.=) v.oid AND a.attname OPERATOR(pg_catalog.=) f.attname
        AND a.atttypid OPERATOR(pg_catalog.=) f.atttypid
    JOIN schema_monitor._visible_relation AS t ON t.oid OPERATOR(pg_catalog.=) d.refobjid
    WHERE v.object_id OPERATOR(pg_catalog.=) ANY ($1) AND v.kind OPERATOR(pg_catalog.~~) '%view'
    GROUP BY v.object_id, a.attnum
    HAVING pg_catalog.count(DISTINCT (t.object_id, f.attnum)) OPERATOR(pg_catalog.=) 1";

/// A column: its relation and number.
type Place = (i64, i16);

/// The columns that views among some relations, and views that these show, show under the same name, by the views' columns.
fn shown(relations: Vec<i64>) -> Result<HashMap<Place, Place>> {
    let mut found = HashMap::new();
    let mut asked: BTreeSet<i64> = relations.iter().copied().collect();
    let mut frontier = relations;
    for _ in 0..MOST_VIEWS {
        let mut next = Vec::new();
        query::read_often(SHOWN, &[frontier.into()], |row| {
            found.insert((row.i64(0), row.i16(1)), (row.i64(2), row.i16(3)));
            if asked.insert(row.i64(2)) {
                next.push(row.i64(2));
            }
            Ok(())
        })?;
        if next.is_empty() {
            break;
        }
        frontier = next;
    }
    Ok(found)
}

/// All columns of some relations.
fn candidates(
    relations: Vec<i64>,
    similarities: &HashMap<Place, f32>,
    shown: &HashMap<Place, Place>,
) -> Result<Vec<Candidate>> {
    let mut found: Vec<Candidate> = Vec::new();
    let mut places: Vec<Place> = Vec::new();
    query::read(COLUMNS, &[relations.into()], |row| {
        let place = (row.i64(0), row.i16(1));
        let name = row.text(4).unwrap_or_default();
        let passage = row.text(5).unwrap_or_default();
        places.push(place);
        found.push(Candidate {
            object_id: place.0,
            identity: format!("{}.{}", row.text(2).unwrap_or_default(), quoted(&name)),
            column: TermColumn {
                relation: row.text(3).unwrap_or_default(),
                comment: passage.split_once(": ").map_or("", |(_, said)| said).to_owned(),
                kind: match row.char(6) {
                    'N' => ValueKind::Number,
                    'D' => ValueKind::Time,
                    'S' => ValueKind::Text,
                    _ => ValueKind::Other,
                },
                is_key: row.bool(7),
                is_label: false,
                shows: None,
                similarity: similarities.get(&place).copied(),
                name,
            },
        });
        Ok(())
    })?;
    let at: HashMap<Place, usize> = places.iter().enumerate().map(|(at, place)| (*place, at)).collect();
    for (one, place) in found.iter_mut().zip(&places) {
        one.column.shows = shown.get(place).and_then(|shown| at.get(shown)).copied();
    }
    for columns in found.chunk_by_mut(|a, b| a.object_id == b.object_id) {
        let is_text = |one: &&mut Candidate| one.column.kind == ValueKind::Text;
        let mut texts: Vec<&mut Candidate> = columns.iter_mut().filter(is_text).collect();
        let names: Vec<String> = texts.iter().map(|one| one.column.name.clone()).collect();
        let relation = texts.first().map(|one| one.column.relation.clone()).unwrap_or_default();
        if let Some(label) = label(&relation, &names) {
            texts[label].column.is_label = true;
        }
    }
    Ok(found)
}

/// The term as something that is computed of columns of one relation, the best one that has them.
fn computed(
    term: &str,
    candidates: &[Candidate],
    relations: &HashMap<i64, f32>,
) -> Result<Vec<(Mapping, &'static Formula)>> {
    let shows: HashSet<i64> = candidates
        .iter()
        .filter(|one| one.column.shows.is_some())
        .map(|one| one.object_id)
        .collect();
    let mut order: Vec<i64> = candidates.iter().map(|one| one.object_id).collect();
    order.dedup();
    order.sort_by(|a, b| {
        let score = |id: &i64| relations.get(id).copied().unwrap_or(0.0);
        let shows = |id: &i64| shows.contains(id);
        shows(a)
            .cmp(&shows(b))
            .then(score(b).total_cmp(&score(a)))
            .then(a.cmp(b))
    });
    let mut found = Vec::new();
    for formula in formulas(term) {
        for relation in order.iter().take(COMPUTED_IN) {
            let columns: Vec<&Candidate> = candidates.iter().filter(|one| one.object_id == *relation).collect();
            let names: Vec<&str> = columns.iter().map(|one| one.column.name.as_str()).collect();
            if let Some(operands) = formula.operands_among(&names) {
                let names: Vec<String> = operands.iter().map(|at| columns[*at].identity.clone()).collect();
                let mapping = Mapping {
                    mapping: filled(formula.template, &names),
                    kind: "derived",
                    source: Source::Semantic,
                    confidence: COMPUTED,
                };
                found.push((mapping, formula));
                break;
            }
        }
    }
    Ok(found)
}
