//! A statement with wrong names → the valid ones it may have been meant to be.

use std::collections::{HashSet, VecDeque};

use super::suggest::suggestions;
use crate::error::Result;
use crate::pg::encoding::{server_text, utf8};
use crate::pg::statement::{Wish, analyse};

/// Statements that are analysed before it is given up.
const MOST_TRIES: usize = 40;

/// Names that are put right in one statement.
const MOST_CHANGES: usize = 5;

/// What may have been meant for each of them.
const MOST_NAMES: usize = 3;

/// A valid statement.
pub struct Repair {
    /// The statement.
    pub sql: String,
    /// What was put in the place of what, in order: `fullname -> full_name`.
    pub changes: Vec<String>,
}

/// A statement on the way there.
struct Attempt {
    sql: String,
    changes: Vec<String>,
}

/// Valid statements that differ by as few names as possible, the likeliest first; none where names are not what is wrong,
/// and none for a statement that is valid as it is.
///
/// # Errors
/// A cancelled statement, an ended session.
pub fn repair(sql: &[u8], most: usize) -> Result<Vec<Repair>> {
    let mut open = VecDeque::from([Attempt {
        sql: utf8(sql),
        changes: Vec::new(),
    }]);
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for _ in 0..MOST_TRIES {
        let Some(attempt) = open.pop_front() else { break };
        let fault = match analyse(&server_text(&attempt.sql), Wish::Own) {
            Ok(_) => {
                if !attempt.changes.is_empty() {
                    found.push(Repair {
                        sql: attempt.sql,
                        changes: attempt.changes,
                    });
                }
                if found.len() == most {
                    break;
                }
                continue;
            }
            Err(fault) if fault.error.is_interrupt() => return Err(fault.error),
            Err(fault) => fault,
        };
        if attempt.changes.len() == MOST_CHANGES {
            continue;
        }
        let names = suggestions(&attempt.sql, &fault)?;
        for name in names.into_iter().take(MOST_NAMES) {
            open.extend(
                attempt
                    .with(fault.position, &name)
                    .filter(|next| seen.insert(next.sql.clone())),
            );
        }
    }
    Ok(found)
}

impl Attempt {
    /// The same with another name at a position.
    fn with(&self, position: Option<i32>, name: &str) -> Option<Attempt> {
        let before = usize::try_from(position? - 1).ok()?;
        let start = self.sql.char_indices().nth(before)?.0;
        let (_, length) = schema::leading_name(&self.sql[start..]);
        let old = self.sql.get(start..start + length)?;
        let mut changes = self.changes.clone();
        changes.push(format!("{old} -> {name}"));
        Some(Attempt {
            sql: format!("{}{name}{}", &self.sql[..start], &self.sql[start + length..]),
            changes,
        })
    }
}
