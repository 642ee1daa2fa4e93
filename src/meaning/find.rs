//! From a question to the right relations and columns, as far as the asker may see them.
//!
//! SQL gathers what the asker may see — postings of the question's terms, the nearest vectors, foreign keys — through
//! views that filter by rights before anything is cut; [`retrieve`] ranks. Document frequencies and means are those of
//! what is visible, so what is not leaves no trace in the scores.

use retrieve::{
    Asked, Candidate, ColumnWords, KeyColumn, Matches, Parts, Place, Ranked, Ranking, Weights, answerable, asked,
    probability, rank_columns,
};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::gather::{Filter, KNOWN, Known, by_known, by_vectors, known, lexical_scores, taught};
use super::graph;
use super::term::Entry;
use crate::error::Result;
use crate::index::{Near, Nearest};
use crate::pg::query;

/// A hit.
pub struct Hit {
    /// The relation.
    pub object_id: i64,
    /// The column that matched better than its relation, or the column asked for; 0 for none.
    pub column: i16,
    /// What its place among the hits is made of.
    pub parts: Parts,
    /// What makes the parts of one question comparable with those of another: with it the best hit has the logit of the
    /// probability that the question can be answered.
    pub level: f32,
    /// Cosine of its or its best column's passage.
    pub similarity: Option<f32>,
    /// BM25 of the relation.
    pub lexical: f32,
    /// Terms of the question that the relation has, a synonym in the place of its word.
    pub terms: Vec<String>,
    /// The relation it gains from by a foreign key.
    pub neighbour: Option<i64>,
    /// The column of the best hit that refers to it, where the question speaks of that.
    pub referred: Option<String>,
}

impl Hit {
    /// How likely it is that the question can be answered, and by this: from 0 to 1.
    pub fn score(&self) -> f32 {
        probability(self.level + self.parts.sum())
    }
}

/// Hits, best first.
pub fn find(question: &str, max_results: usize, filter: &Filter) -> Result<Vec<Hit>> {
    let mut hits = with(question, max_results, filter, |finding| match filter.columns {
        true => finding.columns(
            &finding.ranked(max_results)?,
            WITH_COLUMNS.max(max_results),
            max_results,
        ),
        false => Ok(finding.relations(finding.ranked(max_results)?)),
    })?;
    hits.truncate(max_results);
    Ok(hits)
}

/// Relations and how much their columns have to do with the question.
#[derive(Default)]
pub struct Survey {
    /// Relations, best first.
    pub hits: Vec<Hit>,
    /// Scores of the columns of the best ones, by relation and number.
    pub columns: HashMap<(i64, i16), f32>,
    /// How likely it is that the question can be answered.
    pub answerable: f32,
    /// Terms of the question that were taught.
    pub taught: Vec<Entry>,
}

/// Relations together with their columns.
pub fn survey(question: &str, max_results: usize, filter: &Filter) -> Result<Survey> {
    with(question, max_results, filter, |finding| {
        let ranked = finding.ranked(max_results)?;
        // What comes far behind is told with its keys alone.
        let columns = finding.columns(&ranked, WITH_COLUMNS, usize::MAX)?;
        let mut hits = finding.relations(ranked);
        hits.truncate(max_results);
        Ok(Survey {
            answerable: probability(finding.answerable),
            taught: finding.taught.to_vec(),
            hits,
            columns: columns
                .iter()
                .map(|hit| ((hit.object_id, hit.column), hit.parts.sum()))
                .collect(),
        })
    })
}

/// Gathers what there is for a question, and gives what `body` makes of it; nothing for a question without words.
fn with<R: Default>(
    question: &str,
    max_results: usize,
    filter: &Filter,
    body: impl FnOnce(&Finding<'_>) -> Result<R>,
) -> Result<R> {
    let mut asked = asked(question);
    if asked.is_empty() || max_results == 0 {
        return Ok(R::default());
    }
    let taught = taught(question)?;
    let known = known(question, &taught)?;
    asked.extend(by_known(&known, &asked));
    let (matches, documents) = lexical_scores(&asked, &known, filter)?;
    // Without a vector the words decide; status() says why.
    let nearest = by_vectors(question, filter, documents, max_results)?.unwrap_or_default();
    let own = nearest.found.iter().filter(|near| near.column == 0);
    let own: Vec<f32> = own.map(|near| near.similarity).collect();
    let top = nearest.found.iter().map(|near| near.similarity).max_by(f32::total_cmp);
    body(&Finding {
        asked: &asked,
        matches: &matches,
        taught: &taught,
        known: &known,
        filter,
        best: best(&nearest.found),
        nearest: &nearest,
        answerable: answerable(&asked, &matches, &own, top),
    })
}

/// The best similarity of each relation and which column has it.
fn best(nearest: &[Near]) -> HashMap<i64, (f32, i16)> {
    let mut best: HashMap<i64, (f32, i16)> = HashMap::new();
    for near in nearest {
        let entry = best.entry(near.object_id).or_insert((near.similarity, near.column));
        if near.similarity > entry.0 {
            *entry = (near.similarity, near.column);
        }
    }
    best
}

// Columns of some relations with what is embedded of them, which is their words and comment.
const COLUMNS: &str = "
    SELECT p.object_id, p.column_number, p.name, p.column_name, p.passage
    FROM schema_monitor._visible_passage AS p
    WHERE p.object_id OPERATOR(pg_catalog.=) ANY ($1) AND p.column_number OPERATOR(pg_catalog.<>) 0";

const SCHEMAS: &str = "
    SELECT d.object_id, d.schema_name
    FROM schema_monitor._visible_document AS d
    WHERE d.object_id OPERATOR(pg_catalog.=) ANY ($1)";

/// The schemas that relations are in.
fn schemas(relations: Vec<i64>) -> Result<HashMap<i64, String>> {
    let mut schemas = HashMap::new();
    query::read_often(SCHEMAS, &[relations.into()], |row| {
        schemas.insert(row.i64(0), row.text(1).unwrap_or_default());
        Ok(())
    })?;
    Ok(schemas)
}

/// Relations whose foreign keys are followed, for each that is wanted: the strongest, for a weak one lifts nobody.
const FOLLOWED_FOR_EACH: usize = 5;

/// Relations that are followed at least.
const LEAST_FOLLOWED: usize = 50;

/// Relations, the best ones, whose columns are compared word by word where columns are asked for.
const WITH_COLUMNS: usize = 40;

/// What was gathered for a question.
struct Finding<'a> {
    asked: &'a [Asked],
    matches: &'a Matches,
    taught: &'a [Entry],
    known: &'a [Known],
    filter: &'a Filter,
    nearest: &'a Nearest,
    best: HashMap<i64, (f32, i16)>,
    /// The logit of the probability that there is an answer.
    answerable: f32,
}

impl Finding<'_> {
    /// Ranks relations by the better of their own and their best column's similarity, their words, keys and schemas.
    fn ranked(&self, max_results: usize) -> Result<Vec<Ranked>> {
        let known = self.confidences(|(relation, _)| *relation);
        let ids: HashSet<i64> = self.best.keys().copied().chain(self.matches.documents()).collect();
        let mut candidates: Vec<Candidate> = ids
            .into_iter()
            .map(|id| Candidate {
                id,
                taught: known.get(&id).copied().unwrap_or(0.0),
                similarity: self.best.get(&id).map(|best| self.likely(*best)),
            })
            .collect();
        candidates.sort_unstable_by_key(|candidate| candidate.id);
        let weights = Weights::default();
        let followed = (FOLLOWED_FOR_EACH * max_results).max(LEAST_FOLLOWED);
        let alone = Ranking::new(&candidates, self.matches, &[], weights);
        let strong: Vec<i64> = alone.ranked().iter().take(followed).map(|one| one.id).collect();
        let edges = graph::around(strong.clone())?;
        let mut ranking = Ranking::new(&candidates, self.matches, &edges, weights);
        // Who asks of one schema gets what they asked for.
        if self.filter.schemas.as_ref().is_none_or(|schemas| schemas.len() > 1) {
            ranking.by_schema(&schemas(strong)?, self.matches);
        }
        if let Some(best) = ranking.ranked().first() {
            ranking.by_keys(&self.keys(best.id)?, self.asked);
        }
        Ok(ranking.into_ranked())
    }

    /// The similarity that a relation counts with. Where none of its columns was compared, the best of them lies between its
    /// own and the last that was: halfway, as far as anybody knows.
    fn likely(&self, (similarity, column): (f32, i16)) -> f32 {
        let last = self.nearest.last.filter(|last| column == 0 && *last > similarity);
        last.map_or(similarity, |last| f32::midpoint(similarity, last))
    }

    /// The columns of the foreign keys of a relation.
    fn keys(&self, relation: i64) -> Result<Vec<KeyColumn>> {
        let mut keys = graph::key_columns(vec![relation])?;
        for key in &mut keys {
            let mut near = self.nearest.found.iter();
            let own = near.find(|near| (near.object_id, near.column) == key.from);
            key.similarity = own.map(|near| near.similarity);
        }
        Ok(keys)
    }

    /// How sure it is that what is known of the question stands for something, by what `of` makes of its places.
    fn confidences<K: Eq + Hash>(&self, of: impl Fn(&(i64, Option<i16>)) -> K) -> HashMap<K, f32> {
        let mut found = HashMap::new();
        for one in self.known {
            for place in &one.places {
                let confidence: &mut f32 = found.entry(of(place)).or_default();
                *confidence = confidence.max(one.confidence);
            }
        }
        found
    }

    /// What is added to the parts of the hits, the best of which has the given ones.
    fn level(&self, best: Option<&Parts>) -> f32 {
        self.answerable - best.map_or(0.0, Parts::sum)
    }

    fn relations(&self, ranked: Vec<Ranked>) -> Vec<Hit> {
        let level = self.level(ranked.first().map(|best| &best.parts));
        let hit = |ranked: Ranked| {
            let (similarity, column) = self
                .best
                .get(&ranked.id)
                .map_or((None, 0), |(s, column)| (Some(*s), *column));
            Hit {
                neighbour: ranked.neighbour,
                referred: ranked.referred,
                ..self.hit((ranked.id, column), ranked.parts, level, similarity)
            }
        };
        ranked.into_iter().map(hit).collect()
    }

    fn hit(&self, (object_id, column): (i64, i16), parts: Parts, level: f32, similarity: Option<f32>) -> Hit {
        let term = |one: &retrieve::Match| {
            let term = &self.asked[one.asked].term;
            let number = term.strip_prefix(KNOWN).and_then(|number| number.parse::<usize>().ok());
            let known = number.and_then(|number| self.known.get(number));
            known.map_or_else(|| term.clone(), |known| known.told.clone())
        };
        Hit {
            object_id,
            column,
            parts,
            level,
            similarity,
            lexical: self.matches.score(object_id),
            terms: self.matches.of(object_id).iter().map(term).collect(),
            neighbour: None,
            referred: None,
        }
    }

    /// Ranks the columns of so many relations by their own similarity and words and by their relation.
    fn columns(&self, ranked: &[Ranked], relations: usize, max_results: usize) -> Result<Vec<Hit>> {
        let strong: Vec<i64> = ranked.iter().take(relations).map(|one| one.id).collect();
        // As if the best one's schema were the only one: what all have would count for keys.
        let schema = ranked.first().map_or(0.0, |best| best.parts.schema);
        let score = |one: &Ranked| (one.id, one.parts.sum() - schema);
        let relations: HashMap<i64, f32> = ranked.iter().map(score).collect();
        let near = self.nearest.found.iter();
        let similarities: HashMap<Place, f32> = near
            .map(|near| ((near.object_id, near.column), near.similarity))
            .collect();
        let known = self.confidences(|place| *place);
        let mut columns = Vec::new();
        query::read_often(COLUMNS, &[strong.clone().into()], |row| {
            let place = (row.i64(0), row.i16(1));
            let mut words = ColumnWords::new(
                place,
                (&row.text(2).unwrap_or_default(), &row.text(3).unwrap_or_default()),
                &row.text(4).unwrap_or_default(),
                similarities.get(&place).copied(),
                relations.get(&place.0).copied().unwrap_or(0.0),
            );
            if let Some(confidence) = known.get(&(place.0, Some(place.1))) {
                words = words.taught(*confidence);
            }
            columns.push(words);
            Ok(())
        })?;
        let ranked = rank_columns(self.asked, &columns, &graph::key_columns(strong)?);
        let level = self.level(ranked.first().map(|(_, parts)| parts));
        let hit =
            |(place, parts): ((i64, i16), Parts)| self.hit(place, parts, level, similarities.get(&place).copied());
        Ok(ranked.into_iter().take(max_results).map(hit).collect())
    }
}
