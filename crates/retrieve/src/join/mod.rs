//! The smallest trees of joins that connect relations.
//!
//! Relations are nodes, foreign keys edges. A smallest connecting tree is a Steiner tree; those of few terminals are
//! found exactly by dynamic programming over subsets (Dreyfus and Wagner, "The Steiner problem in graphs", 1971), here
//! with all trees of the least cost kept instead of one, for two ways that tie are two meanings. Between the same two
//! relations one edge stands for all keys: which of them are meant is for the caller to list.

mod infer;
mod name;
mod shared;

pub use infer::{Attribute, Inferred, Keyed, infer};
pub(crate) use name::REFERRED_TO;
pub use shared::shared;

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Most relations one tree connects: time grows as 3 to this power.
pub const MAX_TERMINALS: usize = 8;

/// Relations times splits of the terminals from which on only one tree is looked for.
const MUCH: usize = 100_000;

/// What a declared foreign key costs as a join.
pub const DECLARED_COST: u32 = 1_000;

/// A possible join of two relations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// One relation.
    pub a: i64,
    /// The other.
    pub b: i64,
    /// What using it costs: [`DECLARED_COST`] for a declared key, more for a guess.
    pub cost: u32,
}

/// A tree as pairs of relations, each pair joining one that is there already to one that is new.
pub type Tree = Vec<(i64, i64)>;

/// A tree on the way: its edges, each with the smaller relation first.
type Branches = BTreeSet<(i64, i64)>;

/// All that is kept of one subset of terminals and one node: the least cost, and trees of it.
#[derive(Clone, Default)]
struct Best {
    cost: u32,
    trees: Vec<Branches>,
}

impl Best {
    /// Whether a tree of that cost would be kept.
    fn wants(&self, cost: u32, most: usize) -> bool {
        self.trees.is_empty() || cost < self.cost || (cost == self.cost && self.trees.len() < most)
    }
}

/// The cheapest trees that connect the terminals, at most `most`; each begins at the first terminal.
///
/// The order is that of the relations' numbers, so the same graph gives the same answer.
///
/// # Errors
/// The terminals by connected component where there is more than one.
///
/// # Panics
/// With more than [`MAX_TERMINALS`] terminals.
pub fn trees(terminals: &[i64], edges: &[Edge], most: usize) -> Result<Vec<Tree>, Vec<Vec<i64>>> {
    assert!(terminals.len() <= MAX_TERMINALS, "too many relations to connect");
    let graph = Graph::of(terminals, edges);
    let groups = graph.components(terminals);
    if groups.len() > 1 {
        return Err(groups);
    }
    let Some((root, others)) = terminals.split_first() else {
        return Ok(Vec::new());
    };
    if others.is_empty() {
        return Ok(vec![Vec::new()]);
    }
    let found = graph.connect(*root, others, graph.affordable(others.len(), most));
    Ok(found.into_iter().map(|branches| ordered(*root, &branches)).collect())
}

/// Whether the edges connect the terminals with each other.
pub fn are_connected(terminals: &[i64], edges: &[Edge]) -> bool {
    Graph::of(terminals, edges).components(terminals).len() <= 1
}

/// Neighbours with costs; relations that cannot lie on a tree are left out.
struct Graph(BTreeMap<i64, BTreeMap<i64, u32>>);

impl Graph {
    fn of(terminals: &[i64], edges: &[Edge]) -> Graph {
        let mut neighbours: BTreeMap<i64, BTreeMap<i64, u32>> =
            terminals.iter().map(|id| (*id, BTreeMap::new())).collect();
        for edge in edges.iter().filter(|edge| edge.a != edge.b) {
            for (from, to) in [(edge.a, edge.b), (edge.b, edge.a)] {
                let cost = neighbours.entry(from).or_default().entry(to).or_insert(edge.cost);
                *cost = edge.cost.min(*cost);
            }
        }
        // A relation with one neighbour is on no smallest tree unless it is wanted; without it the next may be such.
        let mut ends: Vec<i64> = neighbours.keys().copied().collect();
        while let Some(id) = ends.pop() {
            if terminals.contains(&id) || neighbours.get(&id).is_none_or(|to| to.len() > 1) {
                continue;
            }
            for other in neighbours.remove(&id).unwrap_or_default().into_keys() {
                if let Some(to) = neighbours.get_mut(&other) {
                    to.remove(&id);
                }
                ends.push(other);
            }
        }
        Graph(neighbours)
    }

    /// How many trees of one cost can be kept on the way: one where the graph is large and the terminals are many.
    fn affordable(&self, others: usize, most: usize) -> usize {
        match self.0.len().saturating_mul(3_usize.pow(others as u32)) {
            ..MUCH => most.max(1),
            MUCH.. => 1,
        }
    }

    /// The terminals by connected component, in their order.
    fn components(&self, terminals: &[i64]) -> Vec<Vec<i64>> {
        let mut groups: Vec<Vec<i64>> = Vec::new();
        let mut group_of: HashMap<i64, usize> = HashMap::new();
        for terminal in terminals {
            let group = *group_of.entry(*terminal).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[group].push(*terminal);
            let mut open = vec![*terminal];
            while let Some(id) = open.pop() {
                for other in self.0.get(&id).into_iter().flatten().map(|(other, _)| *other) {
                    if group_of.insert(other, group).is_none() {
                        open.push(other);
                    }
                }
            }
        }
        groups
    }

    /// The cheapest trees over the root and the others, which must be connected.
    fn connect(&self, root: i64, others: &[i64], most: usize) -> Vec<Branches> {
        let full = (1_usize << others.len()) - 1;
        let mut best: Vec<BTreeMap<i64, Best>> = vec![BTreeMap::new(); full + 1];
        for (at, terminal) in others.iter().enumerate() {
            let alone = Best {
                cost: 0,
                trees: vec![Branches::new()],
            };
            best[1 << at].insert(*terminal, alone);
        }
        for subset in 1..=full {
            let mut here = std::mem::take(&mut best[subset]);
            // Two trees that meet in a node: each split once.
            let mut part = (subset - 1) & subset;
            while part > subset - part {
                for (id, one) in &best[part] {
                    if let Some(two) = best[subset - part].get(id) {
                        join(here.entry(*id).or_default(), one, two, most);
                    }
                }
                part = (part - 1) & subset;
            }
            self.grow(&mut here, most);
            best[subset] = here;
        }
        best[full].remove(&root).map_or_else(Vec::new, |best| best.trees)
    }

    /// Lets the trees of one subset grow along edges, cheapest first (Dijkstra).
    fn grow(&self, best: &mut BTreeMap<i64, Best>, most: usize) {
        let mut open: BTreeSet<(u32, i64)> = best.iter().map(|(id, best)| (best.cost, *id)).collect();
        while let Some((cost, id)) = open.pop_first() {
            let grown = best[&id].clone();
            if grown.cost < cost {
                continue; // reached on a cheaper way meanwhile
            }
            for (other, price) in self.0.get(&id).into_iter().flatten() {
                if !best.entry(*other).or_default().wants(cost + price, most) {
                    continue;
                }
                let edge = (id.min(*other), id.max(*other));
                let longer = Best {
                    cost: cost + price,
                    trees: grown.trees.iter().map(|tree| with(tree, edge)).collect(),
                };
                if merge(best.entry(*other).or_default(), longer, most) {
                    open.insert((cost + price, *other));
                }
            }
        }
    }
}

fn with(tree: &Branches, edge: (i64, i64)) -> Branches {
    let mut tree = tree.clone();
    tree.insert(edge);
    tree
}

/// Adds the unions of two sets of trees that meet.
fn join(into: &mut Best, one: &Best, two: &Best, most: usize) {
    let cost = one.cost + two.cost;
    if !into.wants(cost, most) {
        return;
    }
    let unions = one.trees.iter().flat_map(|a| two.trees.iter().map(move |b| a | b));
    let trees = unions.take(most).collect();
    merge(into, Best { cost, trees }, most);
}

/// Keeps the cheaper of both, or both where they tie; whether anything became better.
fn merge(into: &mut Best, other: Best, most: usize) -> bool {
    if into.trees.is_empty() || other.cost < into.cost {
        *into = other;
        into.trees.truncate(most);
        return true;
    }
    if other.cost > into.cost {
        return false;
    }
    let before = into.trees.len();
    for tree in other.trees {
        if into.trees.len() < most && !into.trees.contains(&tree) {
            into.trees.push(tree);
        }
    }
    into.trees.len() > before
}

/// The edges in an order in which each joins a new relation to those before it.
fn ordered(root: i64, branches: &Branches) -> Tree {
    let mut reached = vec![root];
    let mut tree = Tree::with_capacity(branches.len());
    let mut at = 0;
    while let Some(from) = reached.get(at).copied() {
        for (a, b) in branches {
            let to = if *a == from { *b } else { *a };
            if (*a == from || *b == from) && !reached.contains(&to) {
                reached.push(to);
                tree.push((from, to));
            }
        }
        at += 1;
    }
    tree
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(pairs: &[(i64, i64)]) -> Vec<Edge> {
        let edge = |(a, b): &(i64, i64)| Edge {
            a: *a,
            b: *b,
            cost: DECLARED_COST,
        };
        pairs.iter().map(edge).collect()
    }

    #[test]
    fn neighbours_join_and_distant_ones_go_through_what_lies_between() {
        let graph = edges(&[(1, 2), (2, 3), (3, 4), (2, 9)]);
        assert_eq!(trees(&[1, 2], &graph, 4), Ok(vec![vec![(1, 2)]]));
        assert_eq!(trees(&[4, 1], &graph, 4), Ok(vec![vec![(4, 3), (3, 2), (2, 1)]]));
        assert_eq!(trees(&[7], &graph, 4), Ok(vec![vec![]]));
        assert_eq!(trees(&[], &graph, 4), Ok(vec![]));
    }

    #[test]
    fn a_hub_beats_a_detour_and_ties_are_all_told() {
        // three ends around 10, and a longer way around the outside
        let star = edges(&[(1, 10), (2, 10), (3, 10), (1, 20), (20, 2), (2, 30), (30, 3)]);
        assert_eq!(trees(&[1, 2, 3], &star, 4), Ok(vec![vec![(1, 10), (10, 2), (10, 3)]]));
        let diamond = edges(&[(1, 5), (5, 2), (1, 6), (6, 2)]);
        let both = vec![vec![(1, 5), (5, 2)], vec![(1, 6), (6, 2)]];
        assert_eq!(trees(&[1, 2], &diamond, 4), Ok(both.clone()));
        assert_eq!(trees(&[1, 2], &diamond, 1), Ok(both[..1].to_vec()));
    }

    #[test]
    fn a_declared_detour_can_beat_a_guess() {
        let mut graph = edges(&[(1, 2), (2, 3)]);
        graph.push(Edge {
            a: 1,
            b: 3,
            cost: 2_500,
        });
        assert_eq!(trees(&[1, 3], &graph, 4), Ok(vec![vec![(1, 2), (2, 3)]]));
        graph.push(Edge {
            a: 3,
            b: 1,
            cost: 1_500,
        });
        assert_eq!(trees(&[1, 3], &graph, 4), Ok(vec![vec![(1, 3)]]));
    }

    #[test]
    fn what_is_not_connected_is_told_by_groups() {
        let graph = edges(&[(1, 2), (3, 4), (5, 5)]);
        assert!(are_connected(&[1, 2], &graph) && !are_connected(&[1, 3], &graph));
        assert_eq!(trees(&[1, 3, 2, 5], &graph, 4), Err(vec![vec![1, 2], vec![3], vec![5]]));
    }

    #[test]
    fn the_dynamic_programme_agrees_with_trying_every_tree() {
        // a fixed, irregular graph of 7 relations: every subset of edges that connects the terminals is tried
        let graph = edges(&[(1, 2), (2, 3), (3, 4), (4, 5), (5, 1), (2, 6), (6, 4), (6, 7), (7, 3)]);
        for terminals in [vec![1, 3, 7], vec![5, 2, 7], vec![1, 2, 3, 4], vec![1, 4, 7, 2]] {
            let mut smallest = usize::MAX;
            for subset in 0_u32..1 << graph.len() {
                let chosen: Vec<Edge> = graph
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| subset >> at & 1 == 1)
                    .map(|(_, edge)| *edge)
                    .collect();
                if Graph::of(&terminals, &chosen).components(&terminals).len() == 1 {
                    smallest = smallest.min(chosen.len());
                }
            }
            let found = trees(&terminals, &graph, 8).expect("they are connected");
            assert!(
                found.iter().all(|tree| tree.len() == smallest),
                "{terminals:?}: {found:?}, not {smallest}"
            );
        }
    }

    #[test]
    fn many_terminals_in_a_large_graph_take_no_time() {
        let pairs: Vec<(i64, i64)> = (1..2_000)
            .flat_map(|at| [(at, at / 2), (at, (at * 7 + 1) % 200)])
            .collect();
        let terminals: Vec<i64> = (0..MAX_TERMINALS as i64).map(|at| at * 17).collect();
        let start = std::time::Instant::now();
        assert!(trees(&terminals, &edges(&pairs), 3).is_ok());
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
}
