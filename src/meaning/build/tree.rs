//! What a statement is joined of: relations around one, expressions written with what they are called there.

use intent::{Distinct, Joined, Source};
use retrieve::filled;
use std::collections::{BTreeSet, HashMap, HashSet};

use super::fact::Keys;
use crate::error::{Error, Result};
use crate::meaning::join::{Guesses, Join, Path, join_paths};
use crate::meaning::name::Named;
use crate::pg::lookup::quoted;

/// Ways to join that are looked at.
const MOST_PATHS: usize = 10;

/// An expression over columns of relations.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    /// With `$1`, `$2` … for the columns.
    pub(super) text: String,
    /// What those are.
    pub(super) columns: Vec<(Named, String)>,
}

/// An intent that no query can be made of.
pub(super) fn refused(reason: String) -> Error {
    Error::Argument {
        what: "an intent that can be a query",
        reason,
    }
}

impl Expression {
    pub(super) fn of(relation: Named, column: String) -> Expression {
        Expression {
            text: "$1".to_owned(),
            columns: vec![(relation, column)],
        }
    }

    pub(super) fn relations(&self) -> Vec<Named> {
        let mut found: Vec<Named> = Vec::new();
        for (relation, _) in &self.columns {
            if !found.contains(relation) {
                found.push(relation.clone());
            }
        }
        found
    }

    pub(super) fn only_relation(&self) -> Option<Named> {
        let mut relations = self.relations();
        (relations.len() == 1).then(|| relations.remove(0))
    }
}

/// Whether a join is by a foreign key or a column of that name.
pub(super) fn goes_by(join: &Join, name: &String) -> bool {
    join.constraints.contains(name) || join.columns.iter().any(|(a, b)| a == name || b == name)
}

/// The ways that go by most of the wanted keys or columns.
pub(super) fn chosen(trees: Vec<Tree>, via: &[String]) -> Vec<Tree> {
    let count = |tree: &Tree| {
        let is_used = |name: &&String| tree.path.joins.iter().any(|join| goes_by(join, name));
        via.iter().filter(is_used).count()
    };
    let most = trees.iter().map(count).max();
    trees.into_iter().filter(|tree| Some(count(tree)) == most).collect()
}

/// Relations joined to one, in an order in which each is joined to one before it.
pub(super) struct Tree {
    home: Named,
    pub(super) path: Path,
    keys: Keys,
    /// Relations of which a row of the first has one at most.
    single: HashSet<i64>,
}

impl Tree {
    /// The ways to join relations to one, the surest first.
    pub(super) fn of(home: &Named, others: &[Named]) -> Result<Vec<Tree>> {
        let mut relations = vec![home.clone()];
        for other in others {
            if !relations.contains(other) {
                relations.push(other.clone());
            }
        }
        let paths = join_paths(&relations, MOST_PATHS, Guesses::Everywhere, "")?;
        paths.into_iter().map(|path| Tree::along(home, path)).collect()
    }

    fn along(home: &Named, path: Path) -> Result<Tree> {
        let oids: BTreeSet<u32> = path.joins.iter().map(|join| join.to.oid).chain([home.oid]).collect();
        let keys = Keys::of(&oids.into_iter().collect::<Vec<_>>())?;
        let mut single = HashSet::from([home.object_id]);
        for join in &path.joins {
            let columns = join.columns.iter().map(|(_, column)| column.as_str());
            if single.contains(&join.from.object_id) && keys.are_unique(join.to.oid, columns) {
                single.insert(join.to.object_id);
            }
        }
        Ok(Tree {
            home: home.clone(),
            path,
            keys,
            single,
        })
    }

    pub(super) fn is_single(&self, relation: &Named) -> bool {
        self.single.contains(&relation.object_id)
    }

    fn aliases(&self) -> HashMap<i64, &str> {
        let joined = self
            .path
            .joins
            .iter()
            .map(|join| (join.to.object_id, join.to_alias.as_str()));
        joined.chain([(self.home.object_id, self.home.name.as_str())]).collect()
    }

    /// An expression with its columns as they are called here.
    pub(super) fn written(&self, expression: &Expression) -> String {
        let aliases = self.aliases();
        let name = |(relation, column): &(Named, String)| {
            let alias = aliases.get(&relation.object_id).copied().unwrap_or(&relation.name);
            format!("{}.{}", quoted(alias), quoted(column))
        };
        let names: Vec<String> = expression.columns.iter().map(name).collect();
        filled(&expression.text, &names)
    }

    pub(super) fn joins(&self) -> impl Iterator<Item = Joined> {
        self.path.joins.iter().map(joined)
    }

    /// How rows of the first relation are told apart, where joins repeat them, and the joins that lead to what figures are
    /// computed of.
    pub(super) fn distinct_where(&self, repeats: bool, computed: &[Named]) -> Result<Option<Distinct>> {
        if let Some(several) = computed.iter().find(|one| !self.is_single(one)) {
            return Err(refused(format!(
                "For a row of {} there are several of {}, so that a figure of both has no single value.",
                self.home.identity, several.identity
            )));
        }
        if !repeats {
            return Ok(None);
        }
        let Some(key) = self.keys.total(self.home.oid) else {
            return Err(refused(format!(
                "Rows of {} would be counted more than once, and nothing tells them apart. It has no primary key that you may see, and no unique one of columns that are NOT NULL.",
                self.home.identity
            )));
        };
        let mut wanted: HashSet<i64> = computed.iter().map(|one| one.object_id).collect();
        let mut joins = Vec::new();
        for join in self.path.joins.iter().rev() {
            if wanted.contains(&join.to.object_id) {
                wanted.insert(join.from.object_id);
                joins.push(joined(join));
            }
        }
        joins.reverse();
        Ok(Some(Distinct {
            key: key.iter().map(|column| quoted(column)).collect(),
            joins,
        }))
    }
}

fn joined(join: &Join) -> Joined {
    Joined {
        source: Source {
            identity: join.to.identity.clone(),
            alias: quoted(&join.to_alias),
            is_plain: join.to_alias == join.to.name,
        },
        condition: join.condition(),
    }
}
