//! What there is for a question: relations that have its words, vectors near to its own, terms that were taught,
//! values that are stored.

use embed::Purpose;
use pgrx::datum::DatumWithOid;
use retrieve::{Asked, Corpus, Matches, Posting, asked, bm25, phrase_key, phrase_keys};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::term::{Entry, entries};
use super::value::common_values;
use crate::error::{Error, Result};
use crate::index::{self, Nearest};
use crate::pg::query;
use crate::settings;
use crate::worker;

/// What the asker wants to see of what may be seen.
#[derive(Default)]
pub struct Filter {
    /// Kinds of relation; `None` for all.
    pub kinds: Option<Vec<String>>,
    /// Whether columns are listed instead of relations.
    pub columns: bool,
    /// Schemas; `None` for all.
    pub schemas: Option<Vec<String>>,
}

impl Filter {
    fn arguments(&self) -> [DatumWithOid<'static>; 2] {
        [self.kinds.clone().into(), self.schemas.clone().into()]
    }
}

/// A phrase of a question that is known to stand for something beside the schema's own words.
pub(super) struct Known {
    /// The stems of its words, with spaces between them.
    phrase: String,
    /// What it is, for people.
    pub told: String,
    /// The relations that it stands for, and the column of each.
    pub places: Vec<(i64, Option<i16>)>,
    /// From 0 to 1.
    pub confidence: f32,
}

/// Terms in the question that were taught, and that stand for something that is there.
pub(super) fn taught(question: &str) -> Result<Vec<Entry>> {
    let mut found = entries(Some(phrase_keys(question)))?;
    found.retain(|entry| !entry.is_stale);
    found.truncate(MOST_KNOWN);
    Ok(found)
}

/// Most taught terms, and most stored values, that count in a question.
const MOST_KNOWN: usize = 64;

/// How sure it is that the column is meant in which alone a phrase of the question is stored; less for each other that has it.
const STORED: f32 = 0.5;

/// Shortest phrase that is looked for among stored values, in characters.
const SHORTEST_VALUE: usize = 3;

/// What was taught, and what `schema_monitor.value_columns` lets be known of what is stored.
pub(super) fn known(question: &str, taught: &[Entry]) -> Result<Vec<Known>> {
    let of_entry = |entry: &Entry| Known {
        phrase: entry.phrase.clone(),
        told: format!("{} (taught)", entry.term),
        places: entry.places.clone(),
        confidence: entry.confidence as f32,
    };
    let mut found: Vec<Known> = taught.iter().map(of_entry).collect();
    found.extend(stored(question)?);
    Ok(found)
}

/// The phrases of a question that are stored in columns.
fn stored(question: &str) -> Result<Vec<Known>> {
    let values = match common_values(None) {
        // A setting that cannot be read is no reason not to answer.
        Err(Error::Setting { .. }) => return Ok(Vec::new()),
        other => other?,
    };
    let phrases: HashSet<String> = phrase_keys(question).into_iter().collect();
    // A stem begins as its word does: most values need not be taken apart.
    let beginnings: HashSet<char> = phrases.iter().filter_map(|phrase| phrase.chars().next()).collect();
    let begins = |value: &str| {
        let first = value.chars().find(|character| character.is_alphanumeric());
        first.is_some_and(|first| first.to_lowercase().any(|first| beginnings.contains(&first)))
    };
    let mut found: BTreeMap<String, (String, BTreeSet<(i64, i16)>)> = BTreeMap::new();
    for (place, values) in values {
        for value in values.into_iter().filter(|value| begins(value)) {
            let phrase = phrase_key(&value);
            if phrase.chars().count() >= SHORTEST_VALUE && phrases.contains(&phrase) && !asked(&value).is_empty() {
                let (told, places) = found.entry(phrase).or_insert_with(|| (value.clone(), BTreeSet::new()));
                *told = value.min(std::mem::take(told));
                places.insert(place);
            }
        }
    }
    let known = |(phrase, (told, places)): (String, (String, BTreeSet<(i64, i16)>))| Known {
        phrase,
        told: format!("{told} (stored)"),
        confidence: STORED / places.len() as f32,
        places: places
            .into_iter()
            .map(|(relation, column)| (relation, Some(column)))
            .collect(),
    };
    Ok(found.into_iter().map(known).take(MOST_KNOWN).collect())
}

/// What a known phrase begins with where it is looked up, before its number: nothing in the schema is called so.
pub(super) const KNOWN: &str = "=";

fn pseudo_term(number: usize) -> String {
    format!("{KNOWN}{number}")
}

/// A known phrase stands for the last of its words, or is one word more of the question; what it means has that.
pub(super) fn by_known(known: &[Known], asked: &[Asked]) -> Vec<Asked> {
    let more = asked.iter().map(|one| one.word + 1).max().unwrap_or(0);
    let word = |one: &Known| {
        let last = one.phrase.rsplit(' ').next().unwrap_or("");
        let own = asked.iter().find(|one| one.term == last && one.weight >= 1.0);
        own.map_or(more, |own| own.word)
    };
    let asked = |(number, one): (usize, &Known)| Asked {
        term: pseudo_term(number),
        word: word(one),
        weight: one.confidence,
    };
    known.iter().enumerate().map(asked).collect()
}

/// Similarities by the model that the vectors are of; `None` where none can be computed, which is no error: then the words
/// decide. When the model changes, the news of it comes a moment after the vectors.
pub(super) fn by_vectors(
    question: &str,
    filter: &Filter,
    documents: i64,
    max_results: usize,
) -> Result<Option<Nearest>> {
    match nearest(question, filter, documents, max_results) {
        Err(Error::Embedder(_) | Error::EmbedderTimeout(_) | Error::Embed(_)) => Ok(None),
        other => other.map(Some),
    }
}

fn nearest(question: &str, filter: &Filter, documents: i64, max_results: usize) -> Result<Nearest> {
    let timeout = settings::embedder_timeout();
    let nearest = |embedded: worker::Embedded| {
        let (kinds, schemas) = (filter.kinds.as_deref(), filter.schemas.as_deref());
        index::nearest(
            embedded.vector,
            &embedded.model,
            kinds,
            schemas,
            filter.columns,
            documents,
            max_results,
        )
    };
    let embedded = worker::embed(Purpose::Query, question, timeout)?;
    let model = embedded.model;
    let found = nearest(embedded)?;
    match worker::configured_model() {
        Ok(configured) if found.found.is_empty() && configured.hash != model => {
            nearest(worker::embed_by(configured.hash, Purpose::Query, question, timeout)?)
        }
        _ => Ok(found),
    }
}

/// How many relations can be found by words.
pub(super) fn documents() -> Result<i64> {
    let count = "SELECT pg_catalog.count(*) FROM schema_monitor._visible_document AS d";
    Ok(query::one(count, &[], |row| row.i64(0))?.unwrap_or(0))
}

/// The relations that have most of a text's words, best first.
pub(super) fn by_words(text: &str, most: usize) -> Result<Vec<i64>> {
    let (matches, _) = lexical_scores(&asked(text), &[], &Filter::default())?;
    let mut documents: Vec<i64> = matches.documents().collect();
    documents.sort_by(|a, b| matches.score(*b).total_cmp(&matches.score(*a)).then(a.cmp(b)));
    documents.truncate(most);
    Ok(documents)
}

const CORPUS: &str = "
    SELECT pg_catalog.count(*), pg_catalog.sum(d.length)
    FROM schema_monitor._visible_document AS d
    WHERE ($1 IS NULL OR d.kind OPERATOR(pg_catalog.=) ANY ($1))
      AND ($2 IS NULL OR d.schema_name OPERATOR(pg_catalog.=) ANY ($2))";

const POSTINGS: &str = "
    SELECT p.term, p.object_id, p.weight, p.length
    FROM schema_monitor._visible_posting AS p
    WHERE p.term OPERATOR(pg_catalog.=) ANY ($3)
      AND ($1 IS NULL OR p.kind OPERATOR(pg_catalog.=) ANY ($1))
      AND ($2 IS NULL OR p.schema_name OPERATOR(pg_catalog.=) ANY ($2))";

const LENGTHS: &str = "
    SELECT d.object_id, d.length
    FROM schema_monitor._visible_document AS d
    WHERE d.object_id OPERATOR(pg_catalog.=) ANY ($3)
      AND ($1 IS NULL OR d.kind OPERATOR(pg_catalog.=) ANY ($1))
      AND ($2 IS NULL OR d.schema_name OPERATOR(pg_catalog.=) ANY ($2))";

/// What a known phrase weighs where it stands, as occurrences: as much as a word of a relation's name.
const KNOWN_WEIGHT: u32 = 3;

/// The relations that known phrases stand for, as if they had them.
fn postings_of_known(asked: &[Asked], known: &[Known], filter: &Filter) -> Result<Vec<Posting>> {
    let ids: Vec<i64> = known.iter().flat_map(|one| &one.places).map(|(id, _)| *id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut lengths: HashMap<i64, u32> = HashMap::new();
    let [kinds, schemas] = filter.arguments();
    query::read_often(LENGTHS, &[kinds, schemas, ids.into()], |row| {
        lengths.insert(row.i64(0), row.i32(1) as u32);
        Ok(())
    })?;
    let mut postings = Vec::new();
    for (number, one) in known.iter().enumerate() {
        let term = pseudo_term(number);
        let documents: HashSet<i64> = one.places.iter().map(|(id, _)| *id).collect();
        for (document, length) in documents.into_iter().filter_map(|id| Some((id, *lengths.get(&id)?))) {
            let of_term = asked.iter().enumerate().filter(|(_, one)| one.term == term);
            postings.extend(of_term.map(|(at, _)| Posting {
                asked: at,
                document,
                weight: KNOWN_WEIGHT,
                length,
            }));
        }
    }
    Ok(postings)
}

/// BM25 of each relation that has one of the terms, and how many relations may be seen.
pub(super) fn lexical_scores(asked: &[Asked], known: &[Known], filter: &Filter) -> Result<(Matches, i64)> {
    // Two words can have the same synonym.
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, one) in asked.iter().enumerate() {
        places.entry(&one.term).or_default().push(at);
    }
    let terms: Vec<String> = places.keys().map(|term| (*term).to_owned()).collect();
    let mut postings = postings_of_known(asked, known, filter)?;
    let [kinds, schemas] = filter.arguments();
    query::read_often(POSTINGS, &[kinds, schemas, terms.into()], |row| {
        let term = row.text(0).unwrap_or_default();
        for at in places.get(term.as_str()).into_iter().flatten() {
            postings.push(Posting {
                asked: *at,
                document: row.i64(1),
                weight: row.i32(2) as u32,
                length: row.i32(3) as u32,
            });
        }
        Ok(())
    })?;
    let (mut documents, mut length) = (0, 0);
    query::read_often(CORPUS, &filter.arguments(), |row| {
        (documents, length) = (row.i64(0), row.i64(1));
        Ok(())
    })?;
    let corpus = Corpus {
        documents: documents as u64,
        mean_length: length as f32 / documents.max(1) as f32,
    };
    Ok((bm25(asked, &postings, corpus), documents))
}
