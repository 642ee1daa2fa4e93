//! Whether two texts of a definition say the same, but for what has another name now.

use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

use super::Objects;
use crate::attributes::Attributes;
use crate::definition::PartKind;
use crate::sql::{Token, tokens};

/// The words that mean something else before than after.
pub(super) struct Renames {
    words: HashSet<(String, String)>,
    labels: HashSet<(String, String)>,
}

impl Renames {
    /// Those of everything that stays: `present` are the objects, `kept` the parts with their names before and after.
    pub(super) fn between(
        present: &Objects,
        before: &Objects,
        after: &Objects,
        kept: &BTreeMap<(i64, PartKind, String), String>,
    ) -> Renames {
        let mut words = HashSet::new();
        let mut labels = HashSet::new();
        let mut note = |from: &str, to: &str| {
            if from != to {
                words.insert((from.to_owned(), to.to_owned()));
            }
        };
        for id in present.keys() {
            let (old, new) = (&before[id], &after[id]);
            note(&old.name, &new.name);
            note(
                old.schema.as_deref().unwrap_or_default(),
                new.schema.as_deref().unwrap_or_default(),
            );
        }
        for ((_, kind, from), to) in kept {
            match kind {
                PartKind::Column => note(from, to),
                PartKind::Value if from != to => drop(labels.insert((from.clone(), to.clone()))),
                _ => {}
            }
        }
        Renames { words, labels }
    }

    /// Whether two texts are the same but for the renames. What a view calls a column stays when the column gets
    /// another name, so `b AS a` is what becomes of `a`.
    pub(super) fn same(&self, before: &str, after: &str) -> bool {
        if before == after {
            return true;
        }
        if self.words.is_empty() && self.labels.is_empty() {
            return false;
        }
        let (old, new) = (tokens(before), tokens(after));
        let is_as = |token: Option<&(Token<'_>, _)>| matches!(token, Some((Token::Word(word), _)) if word == "as");
        let (mut i, mut j) = (0, 0);
        while i < old.len() && j < new.len() {
            let (a, b) = (&old[i].0, &new[j].0);
            if a != b && !self.stand_for(a, b) {
                // an alias that one side has: the word before it was renamed
                if is_as(new.get(j)) && matches!(new.get(j + 1), Some((Token::Word(_), _))) && j > 0 && i > 0 {
                    j += 2;
                    continue;
                }
                if is_as(old.get(i)) && matches!(old.get(i + 1), Some((Token::Word(_), _))) && j > 0 && i > 0 {
                    i += 2;
                    continue;
                }
                return false;
            }
            i += 1;
            j += 1;
        }
        let rest = |tokens: &[(Token<'_>, std::ops::Range<usize>)], at: usize| {
            at == tokens.len() || (at + 2 == tokens.len() && is_as(tokens.get(at)))
        };
        rest(&old, i) && rest(&new, j)
    }

    fn stand_for(&self, before: &Token<'_>, after: &Token<'_>) -> bool {
        match (before, after) {
            (Token::Word(a), Token::Word(b)) => self.words.contains(&(a.to_string(), b.to_string())),
            (Token::Text(a), Token::Text(b)) => {
                self.labels.contains(&(a.to_string(), b.to_string())) || (a.contains('.') && a != b && self.same(a, b))
            }
            _ => false,
        }
    }

    /// Takes over every attribute that differs by nothing but renames.
    pub(super) fn settle(&self, present: &mut Attributes, target: &Attributes) {
        let names: Vec<String> = present.iter().map(|(name, _)| name.to_owned()).collect();
        for name in names.iter().filter(|name| *name != "comment") {
            if let (Some(old), Some(new)) = (present.get(name), target.get(name))
                && old != new
                && self.same_value(old, new)
            {
                let new = new.clone();
                present.insert(name.clone().into(), new);
            }
        }
        // Labels that were renamed, whatever else became of the list.
        if let Some(Value::Array(list)) = present.get_mut("values") {
            for label in list {
                let known = label
                    .as_str()
                    .and_then(|old| self.labels.iter().find(|(from, _)| from == old));
                if let Some((_, new)) = known {
                    *label = Value::from(new.as_str());
                }
            }
        }
    }

    fn same_value(&self, old: &Value, new: &Value) -> bool {
        match (old, new) {
            (Value::String(a), Value::String(b)) => self.same(a, b),
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || self.same_element(a, b))
            }
            _ => false,
        }
    }

    /// Elements are bare names of columns, or texts.
    fn same_element(&self, old: &Value, new: &Value) -> bool {
        let (Some(a), Some(b)) = (old.as_str(), new.as_str()) else {
            return false;
        };
        let pair = (a.to_owned(), b.to_owned());
        self.words.contains(&pair) || self.labels.contains(&pair) || self.same(a, b)
    }
}
