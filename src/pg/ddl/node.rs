//! Reading the nodes of a parse tree.

use pgrx::pg_sys;

use crate::pg::lookup::quoted;
use crate::pg::tree::{nodes, raw_children, text};

/// # Safety
/// `relation` is null or a node of a parse tree.
pub(super) unsafe fn name_of(relation: *const pg_sys::RangeVar) -> Option<String> {
    // SAFETY: as promised by the caller.
    unsafe {
        if relation.is_null() {
            return None;
        }
        let own = quoted(&text((*relation).relname)?);
        Some(match text((*relation).schemaname) {
            Some(schema) => format!("{}.{own}", quoted(&schema)),
            None => own,
        })
    }
}

/// # Safety
/// `node` is a list of String nodes.
pub(super) unsafe fn name_of_list(node: *mut pg_sys::Node) -> Option<String> {
    // SAFETY: as promised by the caller; the function quotes each part.
    unsafe { text(pg_sys::NameListToQuotedString(node.cast())) }
}

/// # Safety
/// `node` is a list of String nodes.
pub(super) unsafe fn name_without_last(node: *mut pg_sys::Node) -> Option<String> {
    // SAFETY: as promised by the caller.
    unsafe {
        let names = nodes(node.cast());
        let (_, rest) = names.split_last()?;
        let quoted: Option<Vec<String>> = rest
            .iter()
            .map(|name| text((*name.cast::<pg_sys::String>()).sval).map(|name| quoted(&name)))
            .collect();
        Some(quoted?.join("."))
    }
}

/// Storage parameters that take the weaker lock (manual, ALTER TABLE, "SET ( storage_parameter )").
///
/// # Safety
/// `list` is a list of DefElem nodes.
pub(super) unsafe fn are_gentle(list: *mut pg_sys::List) -> bool {
    // SAFETY: as promised by the caller.
    unsafe {
        nodes(list).into_iter().all(|option| {
            let option = &*option.cast::<pg_sys::DefElem>();
            let name = text(option.defname).unwrap_or_default();
            name.contains("autovacuum")
                || matches!(
                    name.as_str(),
                    "fillfactor"
                        | "parallel_workers"
                        | "toast_tuple_target"
                        | "vacuum_index_cleanup"
                        | "vacuum_truncate"
                        | "n_distinct"
                )
        })
    }
}

/// OID and modifier of a type that is there.
///
/// # Safety
/// `type_name` is a node of a parse tree.
pub(super) unsafe fn type_of(type_name: *const pg_sys::TypeName) -> Option<(u32, i32)> {
    let mut modifier = -1;
    // SAFETY: as promised by the caller; the tuple is released before its OID is used.
    unsafe {
        let tuple = pg_sys::LookupTypeName(std::ptr::null_mut(), type_name, &mut modifier, true);
        if tuple.is_null() {
            return None;
        }
        let oid = pg_sys::typeTypeId(tuple);
        pg_sys::ReleaseSysCache(tuple);
        Some((oid.to_u32(), modifier))
    }
}

/// # Safety
/// As for [`type_of`].
pub(super) unsafe fn has_constrained_domain(type_name: *const pg_sys::TypeName) -> bool {
    // SAFETY: as promised by the caller.
    unsafe { type_of(type_name).is_some_and(|(oid, _)| pg_sys::DomainHasConstraints(oid.into())) }
}

/// Names of the functions an expression calls.
///
/// # Safety
/// `node` is a raw expression or null.
pub(super) unsafe fn calls(node: *mut pg_sys::Node) -> Vec<String> {
    let mut called = Vec::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        // SAFETY: as promised by the caller; children of a raw tree are parts of it.
        unsafe {
            if node.is_null() {
                continue;
            }
            if (*node).type_ == pg_sys::NodeTag::T_FuncCall {
                let call = &*node.cast::<pg_sys::FuncCall>();
                let last = nodes(call.funcname)
                    .last()
                    .and_then(|name| text((*name.cast::<pg_sys::String>()).sval));
                called.extend(last);
            }
            open.extend(raw_children(node));
        }
    }
    called
}
