//! Comments, owners and privileges: at last, when everything is there under its name.

use super::Statement;
use super::pair::Plan;
use super::same::find;
use crate::access::Access;
use crate::definition::{Definition, Kind, PartKind};
use crate::render::{self, text};

/// The statements that give everything its comment, its owner and its privileges.
pub(super) fn comments_and_access(plan: &Plan<'_>) -> Vec<Statement> {
    let mut comments = Vec::new();
    let mut owners = Vec::new();
    let mut grants = Vec::new();
    for (id, new) in plan.after {
        let present = plan.present.get(id);
        comments.extend(of_object(present, new));
        // An extension belongs to who made it, and a sequence of a column to the owner of the table.
        let follows =
            new.kind == Kind::Extension || (new.kind == Kind::Sequence && text(&new.attributes, "owned_by").is_some());
        let had = present.map(|present| &present.access);
        if !follows && had.is_none_or(|access| access.owner != new.access.owner) {
            owners.push(Statement::new(new, render::owner(new)));
        }
        if new.kind == Kind::Extension {
            continue;
        }
        let fresh = Access {
            owner: new.access.owner.clone(),
            ..Access::default()
        };
        let list = render::grants(had.unwrap_or(&fresh), new);
        grants.extend(list.into_iter().map(|sql| Statement::new(new, sql)));
        let known: Vec<_> = present
            .into_iter()
            .flat_map(|one| one.parts_of(PartKind::Column))
            .collect();
        let list = render::column_grants(&known, new);
        grants.extend(list.into_iter().map(|sql| Statement::new(new, sql)));
    }
    comments.into_iter().chain(owners).chain(grants).collect()
}

fn of_object(present: Option<&Definition>, new: &Definition) -> Vec<Statement> {
    let mut statements = Vec::new();
    if present.and_then(Definition::comment) != new.comment() {
        statements.push(Statement::new(new, render::comment(new, None, new.comment())));
    }
    for part in &new.parts {
        let known = present.and_then(|present| find(present, part.kind, &part.name));
        let (before, after) = (known.and_then(|part| part.text("comment")), part.text("comment"));
        if before != after {
            statements.push(Statement::new(new, render::comment(new, Some(part), after)));
        }
    }
    statements
}
