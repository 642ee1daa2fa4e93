//! A question in words → a statement: what there is for its phrases is gathered, [`intent`] thinks, and what it thinks of
//! is built and checked like any intent.

use intent::{Facts, Interpretation, Meaning, Reading, interpret, phrases, read};
use retrieve::{SEMANTICS, Semantic, sanitize};
use schema::texts_in;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Built, build, rounded};
use crate::error::{Error, Result};
use crate::index::Near;
use crate::meaning::gather::{Filter, by_vectors, by_words, documents, taught};
use crate::meaning::semantic::semantics;
use crate::meaning::value::common_values;
use crate::meaning::{find, graph};
use crate::pg::lookup::quoted;
use crate::pg::{guc, query};

/// Relations that are thought about: in a small schema all.
const FEW: i64 = 80;

/// In a large one the best by the whole question, by the words of each phrase, and those of the nearest columns of each.
const BY_QUESTION: usize = 25;
const BY_WORDS: usize = 10;
const NEAREST: usize = 40;

/// Relations that are thought about at most, those that lie between included.
const MOST_RELATIONS: usize = 200;

/// Longest comment that is read, in characters.
const MAX_COMMENT: usize = 300;

/// Labels of an enum that are read.
const MAX_LABELS: i32 = 50;

/// Other statements that are told.
const MOST_ALTERNATIVES: usize = 3;

/// What a question came to.
#[derive(Debug, Default)]
pub struct Answer {
    /// The statement; `None` where it is refused.
    pub built: Option<Built>,
    /// What was understood.
    pub intent: Option<intent::Intent>,
    /// How sure it is that this is meant, from 0 to 1.
    pub confidence: f64,
    /// What each phrase was taken for.
    pub mappings: Vec<Value>,
    /// Other statements that may be meant.
    pub alternatives: Vec<Value>,
    /// Why it is refused, or what to look at.
    pub message: Option<String>,
}

/// The statement that answers a question for figures; none where that is less sure than the threshold.
///
/// # Errors
/// A cancelled statement, an ended session; what is wrong with a setting. A question that is not understood is an answer
/// with a message.
pub fn answer(question: &str, threshold: f64) -> Result<Answer> {
    let refused = |message: String| Answer {
        message: Some(message),
        ..Answer::default()
    };
    let reading = match read(question, today()?) {
        Ok(reading) => reading,
        Err(reason) => return Ok(refused(reason)),
    };
    let found = {
        let _pinned = guc::Pinned::search_path();
        interpret(question, &reading, &gather(question, &reading)?)
    };
    if found.is_empty() {
        return Ok(refused("Nothing in the schema that you may see fits it.".to_owned()));
    }
    let mut answer = Answer::default();
    for one in found {
        if answer.alternatives.len() == MOST_ALTERNATIVES {
            break;
        }
        let is_first = answer.intent.is_none();
        let built = match build(one.intent.clone()) {
            Ok(built) => built,
            Err(error) if error.is_interrupt() => return Err(error),
            // What PostgreSQL does not take is no interpretation.
            Err(_) => continue,
        };
        let confidence = rounded(f64::from(one.confidence) * built.confidence);
        if is_first {
            answer.confidence = confidence;
            answer.mappings = one.taken.iter().map(taken).collect();
            answer.message = message(&one, confidence, threshold);
            answer.intent = Some(one.intent);
            answer.alternatives.extend(built.alternatives.iter().cloned());
            answer.built = (confidence >= threshold).then_some(built);
        } else if confidence >= threshold.min(answer.confidence / 2.0) {
            let intent = serde_json::to_value(&one.intent).unwrap_or_default();
            answer
                .alternatives
                .push(json!({ "sql": built.sql, "intent": intent, "confidence": confidence }));
        }
    }
    match answer.intent.is_none() {
        true => Ok(refused("What it may mean cannot be joined or computed.".to_owned())),
        false => Ok(answer),
    }
}

fn taken(one: &intent::Taken) -> Value {
    json!({ "phrase": one.phrase, "mapping": one.mapping, "confidence": rounded(f64::from(one.confidence)) })
}

/// What whoever asks must know: what of the question was left out, or why there is no statement.
fn message(one: &Interpretation, confidence: f64, threshold: f64) -> Option<String> {
    let left = one
        .left
        .iter()
        .map(|phrase| format!("\"{phrase}\""))
        .collect::<Vec<_>>()
        .join(", ");
    if confidence < threshold {
        let weakest = one.taken.iter().min_by(|a, b| a.confidence.total_cmp(&b.confidence));
        let because = match (left.is_empty(), weakest) {
            (false, _) => format!("Nothing was found for {left}."),
            (true, Some(weakest)) => format!("\"{}\" is most like {}, and not very.", weakest.phrase, weakest.mapping),
            (true, None) => String::new(),
        };
        return Some(
            format!("The best guess has a confidence of {confidence}, below {threshold}. {because}")
                .trim_end()
                .to_owned(),
        );
    }
    (!left.is_empty()).then(|| format!("Left out: {left}."))
}

/// Today, where the session is.
fn today() -> Result<jiff::civil::Date> {
    let text = query::one(
        "SELECT pg_catalog.to_char(pg_catalog.now(), 'YYYY-MM-DD')",
        &[],
        |row| row.text(0),
    )?;
    let parsed = text.flatten().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| Error::Content {
        place: "today",
        reason: "the clock is beyond the calendar".to_owned(),
    })
}

/// Cosines of passages to phrases, by relation and number of the column.
type Similarities = HashMap<(i64, i16), Vec<Option<f32>>>;

/// What of the schema matters to the phrases of a question.
fn gather(question: &str, reading: &Reading) -> Result<Facts> {
    let texts = phrases(question, reading);
    let documents = documents()?;
    let (similarities, nearest) = similarities(&texts, documents)?;
    let wanted = match documents <= FEW {
        true => None,
        false => Some(near(&texts, nearest)?),
    };
    facts(&texts, &similarities, wanted)
}

/// The cosines, and the relations of the nearest passages.
fn similarities(texts: &[String], documents: i64) -> Result<(Similarities, BTreeSet<i64>)> {
    let mut found = Similarities::new();
    let mut relations = BTreeSet::new();
    for (number, text) in texts.iter().enumerate() {
        let Some(near) = by_vectors(text, &Filter::default(), documents, NEAREST)? else {
            break;
        };
        let near = near.found;
        let mut order: Vec<&Near> = near.iter().collect();
        order.sort_by(|a, b| {
            b.similarity
                .total_cmp(&a.similarity)
                .then(a.object_id.cmp(&b.object_id))
        });
        relations.extend(order.iter().take(NEAREST).map(|near| near.object_id));
        for one in near {
            let own = found
                .entry((one.object_id, one.column))
                .or_insert_with(|| vec![None; texts.len()]);
            own[number] = Some(one.similarity);
        }
    }
    Ok((found, relations))
}

/// Relations that may have to do with the phrases, and those that lie between them.
fn near(texts: &[String], mut relations: BTreeSet<i64>) -> Result<Vec<i64>> {
    for (number, text) in texts.iter().enumerate() {
        if number == 0 {
            let hits = find(text, BY_QUESTION, &Filter::default())?;
            relations.extend(hits.iter().map(|hit| hit.object_id));
            continue;
        }
        relations.extend(by_words(text, BY_WORDS)?);
    }
    let between = graph::around(relations.iter().copied().collect())?;
    for (a, b) in between {
        if relations.len() >= MOST_RELATIONS {
            break;
        }
        relations.extend([a, b]);
    }
    Ok(relations.into_iter().collect())
}

const TABLES: &str = "
    SELECT r.object_id, r.identity, r.schema_name, r.name, r.kind,
        CASE WHEN schema_monitor._sees_passage(r.oid, 0::pg_catalog.int2)
            THEN pg_catalog.obj_description(r.oid, 'pg_class') END,
        r.whole AND EXISTS (
            SELECT FROM pg_catalog.pg_index AS i
            WHERE i.indrelid OPERATOR(pg_catalog.=) r.oid AND i.indisprimary AND i.indisvalid)
    FROM schema_monitor._visible_relation AS r
    JOIN schema_monitor._visible_document AS d ON d.object_id OPERATOR(pg_catalog.=) r.object_id
    WHERE ($1 IS NULL OR r.object_id OPERATOR(pg_catalog.=) ANY ($1))
    ORDER BY r.object_id";

const COLUMNS: &str = "
    SELECT r.object_id, a.attnum, a.attname, coalesce(b.typcategory, t.typcategory),
        coalesce(b.oid, t.oid) OPERATOR(pg_catalog.=) ANY ('{date,timestamp,timestamptz}'::pg_catalog.regtype[]::pg_catalog.oid[]),
        a.attnotnull,
        EXISTS (
            SELECT FROM pg_catalog.pg_index AS i
            WHERE i.indrelid OPERATOR(pg_catalog.=) r.oid AND i.indisprimary
              AND i.indkey::pg_catalog.int2[] OPERATOR(pg_catalog.=) ARRAY[a.attnum]),
        (SELECT pg_catalog.min(o.object_id) FROM pg_catalog.pg_constraint AS k
         JOIN schema_monitor._visible_relation AS o ON o.oid OPERATOR(pg_catalog.=) k.confrelid
         WHERE k.conrelid OPERATOR(pg_catalog.=) r.oid AND k.contype OPERATOR(pg_catalog.=) 'f'::\"char\"
           AND k.conkey OPERATOR(pg_catalog.=) ARRAY[a.attnum]),
        (SELECT pg_catalog.array_agg(e.enumlabel::pg_catalog.text ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum AS e
         WHERE e.enumtypid OPERATOR(pg_catalog.=) t.oid AND e.enumsortorder OPERATOR(pg_catalog.<=) $2),
        CASE WHEN coalesce(b.typcategory, t.typcategory) OPERATOR(pg_catalog.=) 'S'::\"char\" THEN ARRAY(
            SELECT pg_catalog.pg_get_expr(k.conbin, k.conrelid) FROM pg_catalog.pg_constraint AS k
            WHERE k.conrelid OPERATOR(pg_catalog.=) r.oid AND k.contype OPERATOR(pg_catalog.=) 'c'::\"char\"
              AND k.conkey OPERATOR(pg_catalog.=) ARRAY[a.attnum]
            UNION ALL
            SELECT pg_catalog.pg_get_expr(f.adbin, f.adrelid) FROM pg_catalog.pg_attrdef AS f
            WHERE f.adrelid OPERATOR(pg_catalog.=) r.oid AND f.adnum OPERATOR(pg_catalog.=) a.attnum
              AND a.attgenerated OPERATOR(pg_catalog.=) ''::\"char\") END,
        pg_catalog.col_description(r.oid, a.attnum)
    FROM schema_monitor._visible_relation AS r
    JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid OPERATOR(pg_catalog.=) r.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
    LEFT JOIN pg_catalog.pg_type AS b ON b.oid OPERATOR(pg_catalog.=) t.typbasetype
    WHERE ($1 IS NULL OR r.object_id OPERATOR(pg_catalog.=) ANY ($1))
      AND schema_monitor._sees_passage(r.oid, a.attnum)
    ORDER BY r.object_id, a.attnum";

/// Tables, columns, keys and taught terms of some relations, or of all that the caller may see.
fn facts(texts: &[String], similarities: &Similarities, wanted: Option<Vec<i64>>) -> Result<Facts> {
    let mut facts = Facts::default();
    let mut places: BTreeMap<i64, usize> = BTreeMap::new();
    let similarity = |id: i64, column: i16| similarities.get(&(id, column)).cloned().unwrap_or_default();
    query::read(TABLES, &[wanted.clone().into()], |row| {
        let id = row.i64(0);
        places.insert(id, facts.tables.len());
        facts.tables.push(intent::Table {
            identity: row.text(1).unwrap_or_default(),
            schema: row.text(2).unwrap_or_default(),
            name: row.text(3).unwrap_or_default(),
            is_base: !row.text(4).unwrap_or_default().ends_with("view"),
            comment: sanitize(&row.text(5).unwrap_or_default(), MAX_COMMENT),
            similarity: similarity(id, 0),
            label: None,
            has_names: false,
            has_key: row.bool(6),
        });
        Ok(())
    })?;
    let kinds: HashMap<(i64, String), String> = semantics(wanted.clone())?
        .into_iter()
        .filter_map(|row| Some(((row.object_id, row.column?), row.semantic_type)))
        .collect();
    let common = common_values(wanted.clone())?;
    let mut at: HashMap<(i64, i16), usize> = HashMap::new();
    query::read(COLUMNS, &[wanted.into(), MAX_LABELS.into()], |row| {
        let (id, number, name) = (row.i64(0), row.i16(1), row.name(2));
        let Some(&table) = places.get(&id) else { return Ok(()) };
        let kind = kinds.get(&(id, name.clone()));
        let kind = SEMANTICS
            .iter()
            .find(|one| kind.is_some_and(|kind| kind == one.as_str()));
        let mut values = row.texts(8).unwrap_or_default();
        values.extend(row.texts(9).unwrap_or_default().iter().flat_map(|text| texts_in(text)));
        values.extend(common.get(&(id, number)).into_iter().flatten().cloned());
        at.insert((id, number), facts.columns.len());
        facts.columns.push(intent::FactColumn {
            table,
            identity: format!("{}.{}", facts.tables[table].identity, quoted(&name)),
            comment: sanitize(&row.text(10).unwrap_or_default(), MAX_COMMENT),
            semantic: kind.copied().unwrap_or(Semantic::Text),
            is_number: row.char(3) == 'N',
            is_time: row.bool(4),
            is_needed: row.bool(5),
            is_key: row.bool(6),
            refers: (!row.is_null(7))
                .then(|| row.i64(7))
                .and_then(|other| places.get(&other).copied()),
            values,
            similarity: similarity(id, number),
            name,
        });
        Ok(())
    })?;
    for table in 0..facts.tables.len() {
        let own: Vec<usize> = (0..facts.columns.len())
            .filter(|at| facts.columns[*at].table == table)
            .collect();
        let is_text = |at: &&usize| {
            matches!(
                facts.columns[**at].semantic,
                Semantic::Text | Semantic::Dimension | Semantic::Identifier
            ) && !facts.columns[**at].is_number
        };
        let texts: Vec<usize> = own.iter().filter(is_text).copied().collect();
        let names: Vec<String> = texts.iter().map(|at| facts.columns[*at].name.clone()).collect();
        let called = retrieve::labels(&facts.tables[table].name, &names);
        facts.tables[table].label = called.first().filter(|_| called.len() == 1).map(|at| texts[*at]);
        facts.tables[table].has_names = !called.is_empty();
    }
    let keys = graph::around(places.keys().copied().collect())?;
    let keys: BTreeSet<(usize, usize)> = keys
        .into_iter()
        .filter_map(|(from, to)| Some((*places.get(&from)?, *places.get(&to)?)))
        .collect();
    facts.references = keys
        .into_iter()
        .map(|(from, to)| intent::Reference { from, to })
        .collect();
    for (number, text) in texts.iter().enumerate().skip(1) {
        for entry in taught(text)? {
            let place = entry
                .places
                .first()
                .and_then(|(id, column)| Some((*places.get(id)?, *column, *id)));
            let Some((table, column, id)) = place else { continue };
            facts.meanings.push(Meaning {
                phrase: number,
                table,
                column: column
                    .filter(|_| !entry.is_expression)
                    .and_then(|column| at.get(&(id, column)).copied()),
                expression: entry.is_expression.then(|| entry.mapping.clone()),
                confidence: entry.confidence as f32,
            });
        }
    }
    Ok(facts)
}
