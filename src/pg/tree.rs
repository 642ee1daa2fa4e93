//! Reading the nodes of parse trees and queries: lists, texts, and the children of a node, one level at a time.
//!
//! PostgreSQL's walkers call back for each child, and a callback that walks on is a recursion through guarded frames of
//! Rust that needs several times the stack PostgreSQL itself needs for the same expression. These callbacks only collect, and
//! whoever walks keeps a list of what is left to look at.

use pgrx::pg_sys;
use pgrx::prelude::*;
use std::ffi::{CStr, c_char, c_void};

use crate::pg::encoding::utf8;

type Nodes = Vec<*mut pg_sys::Node>;

/// Children of a node of a raw parse tree.
///
/// # Safety
/// `node` is part of a raw parse tree.
pub(super) unsafe fn raw_children(node: *mut pg_sys::Node) -> Nodes {
    let mut found = Nodes::new();
    // SAFETY: as promised by the caller; the context is what the callback expects.
    unsafe { pg_sys::raw_expression_tree_walker_impl(node, Some(collect), std::ptr::from_mut(&mut found).cast()) };
    found
}

/// Children of a node of an analysed query, those of a query included.
///
/// # Safety
/// `node` is part of an analysed query.
pub(super) unsafe fn children(node: *mut pg_sys::Node) -> Nodes {
    let mut found = Nodes::new();
    let context = std::ptr::from_mut(&mut found).cast();
    // SAFETY: as promised by the caller; the context is what the callback expects.
    unsafe {
        match (*node).type_ {
            pg_sys::NodeTag::T_Query => pg_sys::query_tree_walker_impl(node.cast(), Some(collect), context, 0),
            _ => pg_sys::expression_tree_walker_impl(node, Some(collect), context),
        };
    }
    found
}

/// # Safety
/// `list` is a list of nodes, or null.
pub(super) unsafe fn nodes(list: *mut pg_sys::List) -> Vec<*mut pg_sys::Node> {
    // SAFETY: as promised by the caller; indices below the length are cells of the list.
    unsafe {
        let length = if list.is_null() { 0 } else { (*list).length };
        (0..length as usize)
            .map(|at| (*(*list).elements.add(at)).ptr_value.cast())
            .collect()
    }
}

/// # Safety
/// `text` is null or zero-terminated.
pub(super) unsafe fn text(text: *const c_char) -> Option<String> {
    // SAFETY: as promised by the caller.
    (!text.is_null()).then(|| utf8(unsafe { CStr::from_ptr(text) }.to_bytes()))
}

/// # Safety
/// `found` is a `Nodes`.
#[pg_guard]
unsafe extern "C-unwind" fn collect(node: *mut pg_sys::Node, found: *mut c_void) -> bool {
    if !node.is_null() {
        // SAFETY: as promised by the caller.
        unsafe { (*found.cast::<Nodes>()).push(node) };
    }
    false
}
