//! An order in which what is needed comes first.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use super::Statement;
use crate::definition::Definition;
use crate::render;
use crate::sql::mentions;

/// Statements that belong together, what they make or take, and what that uses.
pub(super) struct Node {
    /// Where it stands among those that do not need each other: lower first.
    pub rank: (u32, i32),
    /// Decides among those of one rank.
    pub name: String,
    pub provides: Vec<(String, String)>,
    pub requires: BTreeSet<(String, String)>,
    pub statements: Vec<Statement>,
}

/// Which kind goes first among what does not need each other.
pub(super) mod rank {
    pub const EXTENSION: u32 = 5;
    pub const TYPE: u32 = 10;
    pub const SEQUENCE: u32 = 20;
    pub const FUNCTION: u32 = 30;
    pub const TABLE: u32 = 40;
    pub const ALTERED: u32 = 50;
    pub const OWNED: u32 = 55;
    pub const KEY: u32 = 60;
    pub const FOREIGN_KEY: u32 = 65;
    pub const VIEW: u32 = 70;
    pub const VIEW_DETAIL: u32 = 75;
    pub const RULE: u32 = 80;
    pub const FLAG: u32 = 90;
}

/// Which way the arrows point.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// What is used comes before what uses it.
    Creating,
    /// What uses comes before what it uses.
    Dropping,
}

/// The statements of all nodes. Where nodes need each other in a circle, the one of the lowest rank goes first.
pub(super) fn ordered(mut nodes: Vec<Node>, direction: Direction) -> Vec<Statement> {
    let mut by_name: HashMap<&(String, String), Vec<usize>> = HashMap::new();
    for (at, node) in nodes.iter().enumerate() {
        for name in &node.provides {
            by_name.entry(name).or_default().push(at);
        }
    }
    let mut waits_for: Vec<usize> = vec![0; nodes.len()];
    let mut lets_go: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        let used: BTreeSet<usize> = node
            .requires
            .iter()
            .filter_map(|name| by_name.get(name))
            .flatten()
            .copied()
            .filter(|other| *other != at)
            .collect();
        for other in used {
            let (first, then) = match direction {
                Direction::Creating => (other, at),
                Direction::Dropping => (at, other),
            };
            lets_go[first].push(then);
            waits_for[then] += 1;
        }
    }
    let key = |nodes: &[Node], at: usize| Reverse((nodes[at].rank, nodes[at].name.clone(), at));
    let mut ready: BinaryHeap<_> = (0..nodes.len())
        .filter(|at| waits_for[*at] == 0)
        .map(|at| key(&nodes, at))
        .collect();
    let mut waiting: BTreeSet<usize> = (0..nodes.len()).collect();
    let mut statements = Vec::new();
    while !waiting.is_empty() {
        let next = match ready.pop() {
            Some(Reverse((_, _, at))) => at,
            None => *waiting
                .iter()
                .min_by_key(|at| (nodes[**at].rank, nodes[**at].name.clone()))
                .unwrap_or(&0),
        };
        if !waiting.remove(&next) {
            continue;
        }
        statements.append(&mut nodes[next].statements);
        for other in std::mem::take(&mut lets_go[next]) {
            waits_for[other] = waits_for[other].saturating_sub(1);
            if waits_for[other] == 0 && waiting.contains(&other) {
                ready.push(key(&nodes, other));
            }
        }
    }
    statements
}

/// Schema and name, as nodes provide and require them.
pub(super) fn key(definition: &Definition) -> (String, String) {
    (definition.schema.clone().unwrap_or_default(), definition.name.clone())
}

/// A node that makes or alters an object others may name.
pub(super) fn node(rank: u32, new: &Definition, uses: &str, statements: Vec<Statement>) -> Node {
    let requires: BTreeSet<_> = mentions(uses).into_iter().collect();
    Node {
        rank: (rank, 0),
        name: render::signature(new),
        provides: vec![key(new)],
        requires,
        statements,
    }
}
