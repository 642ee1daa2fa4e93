//! How relations are joined: trees over declared foreign keys, else over what names suggest.

use retrieve::{Asked, Edge, Inferred, MAX_TERMINALS, are_connected, asked, terms, trees, words_asked};
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use super::graph::{self, Key};
use super::name::{self, Named, numbered};
use crate::error::{Error, Result};
use crate::pg::guc;

/// One join of a path.
#[derive(Clone, Debug)]
pub struct Join {
    /// The relation that is there already.
    pub from: Named,
    /// What it is called in the condition: its name, with a number where that is taken.
    pub from_alias: String,
    /// The relation that is joined to it.
    pub to: Named,
    /// What that is called.
    pub to_alias: String,
    /// Columns of both that must be equal.
    pub columns: Vec<(String, String)>,
    /// The foreign keys: two where both sides refer to the same third relation; none for a guess by names.
    pub constraints: Vec<String>,
    /// How sure the join is: 1 where it is declared.
    pub confidence: f32,
}

impl Join {
    /// The condition as SQL.
    pub fn condition(&self) -> String {
        let ident = crate::pg::lookup::quoted;
        let (from, to) = (ident(&self.from_alias), ident(&self.to_alias));
        let equal = |(a, b): &(String, String)| format!("{from}.{} = {to}.{}", ident(a), ident(b));
        self.columns.iter().map(equal).collect::<Vec<_>>().join(" AND ")
    }
}

/// Whether columns on both sides are called the same, or one has the name of the other's relation in its own.
fn is_called_as_referred(from: &Named, to: &Named, columns: &[(String, String)]) -> bool {
    let (from, to) = (terms(&from.name), terms(&to.name));
    columns.iter().any(|(own, other)| {
        let (own, other) = (terms(own), terms(other));
        let has = |column: &[String], relation: &[String]| {
            !relation.is_empty() && relation.iter().all(|term| column.contains(term))
        };
        own == other || has(&own, &to) || has(&other, &from)
    })
}

/// How many thousandths of a question's words are in names of columns: a synonym is less than a word.
fn thousandths_asked<'a>(columns: impl Iterator<Item = &'a (String, String)>, asked: &[Asked]) -> u32 {
    let names = columns.flat_map(|(own, other)| [own.as_str(), other.as_str()]);
    match asked.is_empty() {
        true => 0,
        false => (words_asked(names, asked) * 1_000.0).round() as u32,
    }
}

/// A way to join all of the relations, in an order in which each join adds one.
#[derive(Clone, Debug)]
pub struct Path {
    /// The joins; none for a single relation.
    pub joins: Vec<Join>,
}

impl Path {
    /// The product of the joins' confidences.
    pub fn confidence(&self) -> f32 {
        self.joins.iter().map(|join| join.confidence).product()
    }

    /// How many of its declared keys are called otherwise than what they refer to.
    fn roles(&self) -> usize {
        let is_role =
            |join: &&Join| !join.constraints.is_empty() && !is_called_as_referred(&join.from, &join.to, &join.columns);
        self.joins.iter().filter(is_role).count()
    }

    /// How many words of a question are in the names of the columns that it joins by.
    fn asked(&self, asked: &[Asked]) -> u32 {
        thousandths_asked(self.joins.iter().flat_map(|join| &join.columns), asked)
    }

    /// How many of its joins are of relations that were given next to each other.
    fn neighbours(&self, given: &[Named]) -> usize {
        let pairs: BTreeSet<[i64; 2]> = given
            .windows(2)
            .map(|pair| sorted(pair[0].object_id, pair[1].object_id))
            .collect();
        let is_pair = |join: &&Join| pairs.contains(&sorted(join.from.object_id, join.to.object_id));
        self.joins.iter().filter(is_pair).count()
    }
}

fn sorted(a: i64, b: i64) -> [i64; 2] {
    [a.min(b), a.max(b)]
}

/// Where joins that nobody declared are looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Guesses {
    /// Among the relations that are asked for.
    Between,
    /// Among all of the same schemas, whose columns are all read for it.
    Everywhere,
    /// Everywhere, and where that connects nothing by any column that the relations asked for have in common. Such a join
    /// multiplies rows.
    Everything,
}

/// Ways that are looked at to choose the first ones from.
const TIES: usize = 8;

/// The ways to join relations that need the fewest joins, the surest first, at most `most`. Where several are as sure, those
/// come first whose columns have more words of the question, keys that are called as what they refer to come before those
/// that say another role, and joins of relations that were given next to each other before others. A relation that is
/// given twice is joined to itself.
///
/// # Errors
/// [`Error::NoJoinPath`] where nothing connects them all.
pub fn join_paths(relations: &[Named], most: usize, guesses: Guesses, question: &str) -> Result<Vec<Path>> {
    let _pinned = guc::Pinned::search_path();
    let mut terminals: Vec<i64> = Vec::new();
    for relation in relations {
        if !terminals.contains(&relation.object_id) {
            terminals.push(relation.object_id);
        }
    }
    if terminals.len() > MAX_TERMINALS {
        return Err(Error::Argument {
            what: "a list of relations that can be connected",
            reason: format!(
                "It names {}, and at most {MAX_TERMINALS} are connected at once.",
                terminals.len()
            ),
        });
    }
    let ties = most.max(TIES);
    let declared = graph::declared(&terminals)?;
    let (found, guesses) = match trees(&terminals, &declared, ties) {
        // no relation in between
        Ok(found) if found.iter().all(|tree| tree.len() < terminals.len()) => (found, Vec::new()),
        Ok(_) => with_guesses(
            relations,
            &terminals,
            &declared,
            graph::inferred_between(&terminals)?,
            ties,
        )?,
        Err(_) => {
            let mut found = match guesses {
                Guesses::Between => graph::inferred_between(&terminals)?,
                Guesses::Everywhere | Guesses::Everything => graph::inferred(relations)?,
            };
            if guesses == Guesses::Everything && !are_connected(&terminals, &edges(&declared, &found)) {
                found.extend(graph::in_common(&terminals)?);
            }
            with_guesses(relations, &terminals, &declared, found, ties)?
        }
    };
    let ids: BTreeSet<i64> = found
        .iter()
        .flatten()
        .flat_map(|(a, b)| [*a, *b])
        .chain(terminals)
        .collect();
    let known: HashMap<i64, Named> = name::by_ids(&ids.into_iter().collect::<Vec<_>>())?;
    let options = Options {
        keys: graph::keys(&known.values().map(|one| one.oid).collect::<Vec<_>>())?,
        columns: name::columns(&known.values().map(|one| one.oid).collect::<Vec<_>>())?,
        guesses,
        known,
    };
    let asked = asked(question);
    let mut paths = Vec::new();
    for tree in &found {
        paths.extend(options.paths(tree, relations, &asked, ties));
    }
    if paths.is_empty() && !found.is_empty() {
        // what was recorded is not there any more, or not for the caller
        return Err(unconnected(
            relations,
            &[relations.iter().map(|one| one.object_id).collect()],
        ));
    }
    paths.sort_by_cached_key(|path| {
        let asked = Reverse(path.asked(&asked));
        (asked, path.roles(), Reverse(path.neighbours(relations)))
    });
    // stable: what is as sure stays in that order
    paths.sort_by(|a, b| b.confidence().total_cmp(&a.confidence()));
    paths.truncate(most);
    Ok(paths)
}

type Found = (Vec<retrieve::Tree>, Vec<Inferred>);

/// Declared keys and guesses together.
fn edges(declared: &[Edge], guesses: &[Inferred]) -> Vec<Edge> {
    let guessed = guesses.iter().map(|one| Edge {
        a: one.from,
        b: one.to,
        cost: graph::cost(one.confidence),
    });
    declared.iter().copied().chain(guessed).collect()
}

fn with_guesses(
    relations: &[Named],
    terminals: &[i64],
    declared: &[Edge],
    guesses: Vec<Inferred>,
    most: usize,
) -> Result<Found> {
    match trees(terminals, &edges(declared, &guesses), most) {
        Ok(found) => Ok((found, guesses)),
        Err(groups) => Err(unconnected(relations, &groups)),
    }
}

fn unconnected(relations: &[Named], groups: &[Vec<i64>]) -> Error {
    let identity = |id: &i64| {
        relations
            .iter()
            .find(|one| one.object_id == *id)
            .map_or("", |one| one.identity.as_str())
    };
    let group = |ids: &Vec<i64>| ids.iter().map(identity).collect::<Vec<_>>().join(", ");
    Error::NoJoinPath {
        groups: groups.iter().map(group).collect(),
    }
}

/// What the steps of a tree can be.
struct Options {
    known: HashMap<i64, Named>,
    keys: Vec<Key>,
    guesses: Vec<Inferred>,
    columns: HashMap<(u32, i16), String>,
}

/// One way to join two relations.
#[derive(Clone)]
struct Choice {
    columns: Vec<(String, String)>,
    constraints: Vec<String>,
    confidence: f32,
    /// Which of both has the foreign key: the first (true) or the second; `None` where none is declared.
    first_refers: Option<bool>,
}

/// A join of two relations, and how.
type Step = (i64, i64, Choice);

impl Options {
    /// The ways to take the tree: where two keys lead from one relation to another, each is a way of its own. Where they are
    /// more than `most`, those stay that have most words of the question.
    fn paths(&self, tree: &retrieve::Tree, relations: &[Named], asked: &[Asked], most: usize) -> Vec<Path> {
        let mut steps: Vec<(i64, i64)> = tree.clone();
        let mut seen = BTreeSet::new();
        for relation in relations {
            if !seen.insert(relation.object_id) {
                steps.push((relation.object_id, relation.object_id));
            }
        }
        let mut paths = vec![Vec::new()];
        for (from, to) in steps {
            let choices = self.choices(from, to);
            paths = paths
                .iter()
                .flat_map(|path: &Vec<Step>| {
                    choices.iter().map(move |choice| {
                        let mut path = path.clone();
                        path.push((from, to, choice.clone()));
                        path
                    })
                })
                .collect();
            paths.sort_by_cached_key(|path| {
                let columns = path.iter().flat_map(|(_, _, choice)| &choice.columns);
                Reverse(thousandths_asked(columns, asked))
            });
            paths.truncate(most);
        }
        let wanted: Vec<i64> = relations.iter().map(|one| one.object_id).collect();
        paths
            .into_iter()
            .map(|steps| self.path(relations, shortened(steps, &wanted)))
            .collect()
    }

    /// The keys from one relation to another; the surest guesses where there is none.
    fn choices(&self, from: i64, to: i64) -> Vec<Choice> {
        let (Some(a), Some(b)) = (self.known.get(&from), self.known.get(&to)) else {
            return Vec::new();
        };
        let mut choices = Vec::new();
        for key in &self.keys {
            let pairs = key.from_columns.iter().cloned().zip(key.to_columns.iter().cloned());
            let (first_refers, columns) = if (key.from, key.to) == (a.oid, b.oid) {
                (true, pairs.collect())
            } else if (key.to, key.from) == (a.oid, b.oid) {
                (false, pairs.map(|(own, other)| (other, own)).collect())
            } else {
                continue;
            };
            choices.push(Choice {
                columns,
                constraints: vec![key.constraint.clone()],
                confidence: 1.0,
                first_refers: Some(first_refers),
            });
        }
        if choices.is_empty() {
            return self.guessed(a, b);
        }
        choices.sort_by_key(|choice| !is_called_as_referred(a, b, &choice.columns));
        choices
    }

    fn guessed(&self, a: &Named, b: &Named) -> Vec<Choice> {
        let between = |one: &&Inferred| [(one.from, one.to), (one.to, one.from)].contains(&(a.object_id, b.object_id));
        let surest = self
            .guesses
            .iter()
            .filter(between)
            .map(|one| one.confidence)
            .fold(0.0, f32::max);
        let mut choices = Vec::new();
        for one in self
            .guesses
            .iter()
            .filter(between)
            .filter(|one| one.confidence >= surest)
        {
            let (own, other) = match one.from == a.object_id {
                true => (one.from_column, one.to_column),
                false => (one.to_column, one.from_column),
            };
            if let (Some(own), Some(other)) = (self.columns.get(&(a.oid, own)), self.columns.get(&(b.oid, other))) {
                choices.push(Choice {
                    columns: vec![(own.clone(), other.clone())],
                    constraints: Vec::new(),
                    confidence: one.confidence,
                    first_refers: None,
                });
            }
        }
        choices
    }

    fn path(&self, relations: &[Named], steps: Vec<Step>) -> Path {
        let mut aliases = Aliases::default();
        if let Some(first) = relations.first() {
            aliases.add(first);
        }
        let joins = steps.into_iter().map(|(from, to, choice)| {
            let (from, to) = (self.known[&from].clone(), self.known[&to].clone());
            Join {
                from_alias: aliases.of(&from),
                to_alias: aliases.add(&to),
                from,
                to,
                columns: choice.columns,
                constraints: choice.constraints,
                confidence: choice.confidence,
            }
        });
        Path { joins: joins.collect() }
    }
}

/// Leaves out relations in between that nobody asked for and that add nothing: where two relations refer to the same
/// key of a third, its row is there and there once, so their columns can be compared directly.
fn shortened(mut steps: Vec<Step>, wanted: &[i64]) -> Vec<Step> {
    while let Some((first, second)) = superfluous(&steps, wanted) {
        let (_, to, after) = steps.remove(second);
        let (from, _, before) = steps[first].clone();
        let pairs = before.columns.iter().filter_map(|(own, key)| {
            let other = after.columns.iter().find(|(other_key, _)| other_key == key);
            other.map(|(_, other)| (own.clone(), other.clone()))
        });
        let choice = Choice {
            columns: pairs.collect(),
            constraints: before.constraints.iter().chain(&after.constraints).cloned().collect(),
            confidence: before.confidence * after.confidence,
            first_refers: None,
        };
        steps[first] = (from, to, choice);
    }
    steps
}

/// Positions of the steps to and from a relation that can be left out.
fn superfluous(steps: &[Step], wanted: &[i64]) -> Option<(usize, usize)> {
    let keys = |columns: &mut dyn Iterator<Item = &String>| columns.cloned().collect::<BTreeSet<String>>();
    steps.iter().enumerate().find_map(|(first, (_, between, before))| {
        let mut onward = steps.iter().enumerate().filter(|(_, (from, ..))| from == between);
        let (second, (_, _, after)) = onward.next()?;
        let is_end = onward.next().is_none() && !wanted.contains(between);
        let same =
            keys(&mut before.columns.iter().map(|(_, key)| key)) == keys(&mut after.columns.iter().map(|(key, _)| key));
        let both_refer = (before.first_refers, after.first_refers) == (Some(true), Some(false));
        (is_end && same && both_refer).then_some((first, second))
    })
}

/// What relations are called within one path.
#[derive(Default)]
struct Aliases(Vec<(i64, String)>);

impl Aliases {
    /// A name for one more relation.
    fn add(&mut self, relation: &Named) -> String {
        let alias = numbered(&relation.name, |alias| self.0.iter().any(|(_, taken)| taken == alias));
        self.0.push((relation.object_id, alias.clone()));
        alias
    }

    /// The name of a relation that is there, the first where it is there twice.
    fn of(&self, relation: &Named) -> String {
        let found = self.0.iter().find(|(id, _)| *id == relation.object_id);
        found.map_or_else(|| relation.name.clone(), |(_, alias)| alias.clone())
    }
}
