//! Whether conditions join what a query reads from, and what they cast.

use pgrx::pg_sys;
use std::collections::HashMap;
use std::ffi::CStr;

use super::fact::Cast;
use crate::pg::encoding::utf8;
use crate::pg::tree::{children, nodes, text};

/// Two relations of a query's FROM that no condition joins, however indirectly. A CROSS JOIN is meant, and what has
/// one row joins with anything.
///
/// # Safety
/// `query` is an analysed query, the last of `queries`, which are the ones around it.
pub(super) unsafe fn unjoined(query: &pg_sys::Query, queries: &[*mut pg_sys::Query]) -> Option<(String, String)> {
    let mut joined = Joined {
        query,
        groups: HashMap::new(),
        items: Vec::new(),
    };
    // SAFETY: as promised by the caller.
    unsafe {
        if query.jointree.is_null() {
            return None;
        }
        joined.add(query.jointree.cast());
        let counted: Vec<i32> = joined
            .items
            .clone()
            .into_iter()
            .filter(|at| counts(query, *at, queries))
            .collect();
        let first = *counted.first()?;
        let apart = counted.iter().find(|at| joined.root(**at) != joined.root(first))?;
        Some((name(query, first), name(query, *apart)))
    }
}

struct Joined<'a> {
    query: &'a pg_sys::Query,
    /// Range table indexes by another one of their group.
    groups: HashMap<i32, i32>,
    /// What is read from, in order.
    items: Vec<i32>,
}

impl Joined<'_> {
    fn root(&self, at: i32) -> i32 {
        let mut at = at;
        while let Some(above) = self.groups.get(&at) {
            at = *above;
        }
        at
    }

    fn join(&mut self, a: i32, b: i32) {
        let (a, b) = (self.root(a), self.root(b));
        if a != b {
            self.groups.insert(a, b);
        }
    }

    fn join_all(&mut self, items: &[i32]) {
        for pair in items.windows(2) {
            self.join(pair[0], pair[1]);
        }
    }

    /// # Safety
    /// `node` is part of the query's join tree.
    unsafe fn add(&mut self, node: *mut pg_sys::Node) {
        // SAFETY: as promised by the caller; a node is of the type its tag says.
        unsafe {
            match (*node).type_ {
                pg_sys::NodeTag::T_RangeTblRef => {
                    let at = (*node.cast::<pg_sys::RangeTblRef>()).rtindex;
                    self.items.push(at);
                    for other in outer(&*entry(self.query, at)) {
                        self.join(at, other);
                    }
                }
                pg_sys::NodeTag::T_JoinExpr => {
                    let join = &*node.cast::<pg_sys::JoinExpr>();
                    let left = self.items.len();
                    self.add(join.larg);
                    let right = self.items.len();
                    self.add(join.rarg);
                    if !join.quals.is_null() {
                        self.conditions(join.quals);
                    } else if let (Some(one), Some(other), false) = (
                        self.items.get(left).copied(),
                        self.items.get(right).copied(),
                        join.isNatural,
                    ) {
                        self.join(one, other); // a CROSS JOIN
                    }
                    if let (Some(first), 1..) = (self.items.get(left).copied(), join.rtindex) {
                        self.join(join.rtindex, first);
                    }
                }
                pg_sys::NodeTag::T_FromExpr => {
                    let from = &*node.cast::<pg_sys::FromExpr>();
                    nodes(from.fromlist).into_iter().for_each(|child| self.add(child));
                    self.conditions(from.quals);
                }
                _ => {}
            }
        }
    }

    /// # Safety
    /// `quals` is null or an expression of the query.
    unsafe fn conditions(&mut self, quals: *mut pg_sys::Node) {
        // SAFETY: as promised by the caller.
        unsafe {
            for condition in conjuncts(quals) {
                self.join_all(&named(condition, 0));
            }
        }
    }
}

/// What an entry that is LATERAL, as functions always are, takes from others beside it.
///
/// # Safety
/// The entry is one of an analysed query.
unsafe fn outer(entry: &pg_sys::RangeTblEntry) -> Vec<i32> {
    // SAFETY: as promised by the caller; what an entry is not made of is null.
    unsafe {
        let mut found = named(entry.functions.cast(), 0);
        found.extend(named(entry.tablefunc.cast(), 0));
        found.extend(named(entry.values_lists.cast(), 0));
        found.extend(named(entry.subquery.cast(), 1));
        found
    }
}

/// Range table indexes that an expression names, so many levels up. `pull_varnos()` would also give the outer joins that
/// can make a value NULL.
///
/// # Safety
/// `expression` is null or part of an analysed query.
unsafe fn named(expression: *mut pg_sys::Node, levels_up: i32) -> Vec<i32> {
    if expression.is_null() {
        return Vec::new();
    }
    // SAFETY: as promised by the caller; the list is one of Var nodes.
    unsafe {
        let variables = nodes(pg_sys::pull_vars_of_level(expression, levels_up));
        variables
            .into_iter()
            .map(|variable| (*variable.cast::<pg_sys::Var>()).varno)
            .collect()
    }
}

/// The conditions all of which must be true.
///
/// # Safety
/// `quals` is null or an expression.
pub(super) unsafe fn conjuncts(quals: *mut pg_sys::Node) -> Vec<*mut pg_sys::Node> {
    // SAFETY: as promised by the caller; a node is of the type its tag says.
    unsafe {
        if quals.is_null() {
            return Vec::new();
        }
        if (*quals).type_ == pg_sys::NodeTag::T_BoolExpr {
            let all = &*quals.cast::<pg_sys::BoolExpr>();
            if all.boolop == pg_sys::BoolExprType::AND_EXPR {
                return nodes(all.args).into_iter().flat_map(|one| conjuncts(one)).collect();
            }
        }
        vec![quals]
    }
}

/// What a query reads from under a number.
///
/// # Safety
/// `at` is an index into the query's range table.
pub(super) unsafe fn entry(query: &pg_sys::Query, at: i32) -> *mut pg_sys::RangeTblEntry {
    // SAFETY: as promised by the caller; indexes count from 1.
    unsafe { (*(*query.rtable).elements.add(at as usize - 1)).ptr_value.cast() }
}

/// # Safety
/// As for [`entry`].
unsafe fn name(query: &pg_sys::Query, at: i32) -> String {
    // SAFETY: as promised by the caller; every entry has a name.
    unsafe { text((*(*entry(query, at)).eref).aliasname).unwrap_or_default() }
}

/// Whether it has rows that can multiply.
///
/// # Safety
/// As for [`entry`] and [`unjoined`].
unsafe fn counts(query: &pg_sys::Query, at: i32, queries: &[*mut pg_sys::Query]) -> bool {
    use pg_sys::RTEKind as K;
    // SAFETY: as promised by the caller.
    unsafe {
        let entry = &*entry(query, at);
        match entry.rtekind {
            K::RTE_RELATION => true,
            K::RTE_SUBQUERY => !has_one_row(&*entry.subquery),
            K::RTE_CTE => {
                let around = queries.len().checked_sub(1 + entry.ctelevelsup as usize);
                let list = around.map_or(std::ptr::null_mut(), |around| (*queries[around]).cteList);
                let named = nodes(list)
                    .into_iter()
                    .map(|one| &*one.cast::<pg_sys::CommonTableExpr>())
                    .find(|one| text(one.ctename) == text(entry.ctename));
                // a recursive one that is being analysed has no query yet
                named.is_some_and(|one| {
                    let inner = one.ctequery;
                    !inner.is_null()
                        && (*inner).type_ == pg_sys::NodeTag::T_Query
                        && !has_one_row(&*inner.cast::<pg_sys::Query>())
                })
            }
            _ => false,
        }
    }
}

/// Whether a query gives one row whatever the tables hold.
fn has_one_row(query: &pg_sys::Query) -> bool {
    let is_total = query.hasAggs && query.groupClause.is_null() && query.groupingSets.is_null();
    // SAFETY: the join tree of an analysed SELECT is there, and a list's length is read.
    let reads_nothing = unsafe {
        query.setOperations.is_null() && (query.jointree.is_null() || nodes((*query.jointree).fromlist).is_empty())
    };
    is_total || reads_nothing
}

/// Columns that conditions of a query cast implicitly.
///
/// # Safety
/// `query` is an analysed query.
pub(super) unsafe fn casts(query: &pg_sys::Query) -> Vec<Cast> {
    let mut found = Vec::new();
    let mut open: Vec<*mut pg_sys::Node> = vec![query.jointree.cast()];
    while let Some(node) = open.pop() {
        // SAFETY: as promised by the caller; a node is of the type its tag says.
        unsafe {
            // a subquery is looked through by itself
            if node.is_null() || (*node).type_ == pg_sys::NodeTag::T_Query {
                continue;
            }
            if (*node).type_ == pg_sys::NodeTag::T_FuncExpr {
                found.extend(cast_of(query, &*node.cast::<pg_sys::FuncExpr>()));
            }
            open.extend(children(node));
        }
    }
    found
}

/// # Safety
/// The call is part of a condition of the query.
unsafe fn cast_of(query: &pg_sys::Query, call: &pg_sys::FuncExpr) -> Option<Cast> {
    // SAFETY: as promised by the caller; the name of a type is a zero-terminated string.
    unsafe {
        let argument = *nodes(call.args).first()?;
        if call.funcformat != pg_sys::CoercionForm::COERCE_IMPLICIT_CAST || (*argument).type_ != pg_sys::NodeTag::T_Var
        {
            return None;
        }
        let column = &*argument.cast::<pg_sys::Var>();
        if column.varlevelsup != 0 || column.varattno <= 0 || column.vartype == call.funcresulttype {
            return None;
        }
        let entry = entry(query, column.varno);
        if (*entry).rtekind != pg_sys::RTEKind::RTE_RELATION {
            return None;
        }
        let name = text(pg_sys::get_rte_attribute_name(entry, column.varattno))?;
        let to = utf8(CStr::from_ptr(pg_sys::format_type_be(call.funcresulttype)).to_bytes());
        Some(Cast { column: name, to })
    }
}
