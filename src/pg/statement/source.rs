//! What a statement reads from and writes to as it is written, whether it is there or not.

use pgrx::pg_sys;

use crate::pg::tree::{nodes, raw_children, text};

/// A relation, or whatever else is read from, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The schema, if it is given.
    pub schema: Option<String>,
    /// Its name; `None` for a subquery.
    pub name: Option<String>,
    /// What it is called in the statement.
    pub alias: Option<String>,
    /// The name of a WITH query, which is read from by that name.
    pub is_with: bool,
}

impl Source {
    /// What columns are qualified by.
    pub fn called(&self) -> Option<&str> {
        self.alias.as_deref().or(self.name.as_deref())
    }
}

/// # Safety
/// `statement` is a raw statement.
pub(super) unsafe fn sources(statement: *mut pg_sys::Node) -> Vec<Source> {
    let mut found = Vec::new();
    let mut open = vec![statement];
    while let Some(node) = open.pop() {
        // SAFETY: as promised by the caller; children of a raw tree are parts of it.
        unsafe {
            found.extend(source(node));
            open.extend(raw_children(node));
        }
    }
    found
}

/// # Safety
/// `node` is part of a raw statement.
unsafe fn source(node: *mut pg_sys::Node) -> Option<Source> {
    // SAFETY: as promised by the caller; a node is of the type its tag says.
    let (schema, name, alias, is_with) = unsafe {
        match (*node).type_ {
            pg_sys::NodeTag::T_RangeVar => {
                let range = &*node.cast::<pg_sys::RangeVar>();
                (text(range.schemaname), text(range.relname), alias(range.alias), false)
            }
            pg_sys::NodeTag::T_RangeSubselect => {
                (None, None, alias((*node.cast::<pg_sys::RangeSubselect>()).alias), false)
            }
            pg_sys::NodeTag::T_RangeFunction => {
                (None, None, alias((*node.cast::<pg_sys::RangeFunction>()).alias), false)
            }
            pg_sys::NodeTag::T_CommonTableExpr => (
                None,
                text((*node.cast::<pg_sys::CommonTableExpr>()).ctename),
                None,
                true,
            ),
            _ => return None,
        }
    };
    Some(Source {
        schema,
        name,
        alias,
        is_with,
    })
}

/// # Safety
/// `alias` is null or a node of a parse tree.
unsafe fn alias(alias: *const pg_sys::Alias) -> Option<String> {
    // SAFETY: as promised by the caller.
    unsafe {
        if alias.is_null() {
            None
        } else {
            text((*alias).aliasname)
        }
    }
}

/// Where a SELECT asks for `*`, in bytes.
///
/// # Safety
/// `statement` is a raw statement.
pub(super) unsafe fn star(statement: *mut pg_sys::Node) -> Option<usize> {
    // SAFETY: as promised by the caller; a node is of the type its tag says.
    unsafe {
        if (*statement).type_ != pg_sys::NodeTag::T_SelectStmt {
            return None;
        }
        for target in nodes((*statement.cast::<pg_sys::SelectStmt>()).targetList) {
            let value = (*target.cast::<pg_sys::ResTarget>()).val;
            if value.is_null() || (*value).type_ != pg_sys::NodeTag::T_ColumnRef {
                continue;
            }
            let column = &*value.cast::<pg_sys::ColumnRef>();
            let last = nodes(column.fields).last().copied();
            if last.is_some_and(|last| (*last).type_ == pg_sys::NodeTag::T_A_Star) {
                return Some(column.location.max(0) as usize);
            }
        }
        None
    }
}
