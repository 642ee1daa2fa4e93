//! What the conditions of a query compare, as far as an index could help.
//!
//! A condition can be put in the place of another: the tree is changed and PostgreSQL writes the statement anew, so what is
//! left of it stays as it was, whatever its text looked like.

use pgrx::pg_sys;
use std::ffi::{CStr, CString};

use super::joined::{conjuncts, entry};
use crate::pg::encoding::utf8;
use crate::pg::tree::{nodes, text};

/// Stands in a statement that PostgreSQL wrote for what takes its place.
pub const PLACE: &str = "'schema_monitor place'::text IS NOT NULL";

/// What stands between a column and what it is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrapping {
    /// Nothing.
    None,
    /// One of PostgreSQL's own functions on the column itself, by its name, with its constant arguments as text.
    Function(String, Vec<String>),
    /// A cast, to a type; whether PostgreSQL put it there.
    Cast(String, bool),
    /// Any other expression.
    Expression,
}

/// What a column is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Other {
    /// A value; its text, where it is not NULL.
    Constant(Option<String>),
    /// A parameter or an expression without columns.
    Value,
    /// A column of another relation.
    Column(u32, i16),
    /// Anything else.
    Rest,
}

/// A comparison with a column of a relation.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// OID of the relation.
    pub relation: u32,
    /// Number of the column.
    pub column: i16,
    /// Its type.
    pub type_oid: u32,
    /// What stands before the comparison.
    pub wrapping: Wrapping,
    /// The left side as an index over an expression would have it: without the name of the relation.
    pub expression: String,
    /// The operator's name: `=`, `~~` for LIKE …
    pub operator: String,
    /// What it is compared with.
    pub other: Other,
    /// For a range that says the same as a wrapped column: the statement with [`PLACE`] for the condition, and what the
    /// column is called there.
    pub statement: Option<(String, String)>,
}

/// Conditions of which one is enough, over several relations.
#[derive(Clone, Debug)]
pub struct Alternatives {
    /// OIDs of the relations, in the order of the conditions.
    pub relations: Vec<u32>,
    /// The statement with each of the conditions alone, where both together give what the statement gives.
    pub statements: Option<Vec<String>>,
}

/// What of a statement an index could help.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// Comparisons all of which must be true.
    pub comparisons: Vec<Comparison>,
    /// Conditions of which one is enough.
    pub alternatives: Vec<Alternatives>,
    /// How many rows are skipped: NULL for a number that is not constant.
    pub offset: Option<Option<i64>>,
}

/// Collects the conditions of a query.
///
/// # Safety
/// `query` is an analysed query, the last of `queries`, which are the ones around it.
pub(super) unsafe fn conditions(query: &pg_sys::Query, queries: &[*mut pg_sys::Query], found: &mut Conditions) {
    let Some(&whole) = queries.first() else { return };
    // SAFETY: as promised by the caller; a node is of the type its tag says.
    unsafe {
        if !query.limitOffset.is_null() {
            found.offset = Some(whole_number(query.limitOffset));
        }
        let mut open: Vec<*mut pg_sys::Node> = vec![query.jointree.cast()];
        while let Some(node) = open.pop() {
            if node.is_null() {
                continue;
            }
            let quals = match (*node).type_ {
                pg_sys::NodeTag::T_FromExpr => {
                    let from = &mut *node.cast::<pg_sys::FromExpr>();
                    open.extend(nodes(from.fromlist));
                    &raw mut from.quals
                }
                pg_sys::NodeTag::T_JoinExpr => {
                    let join = &mut *node.cast::<pg_sys::JoinExpr>();
                    open.extend([join.larg, join.rarg]);
                    &raw mut join.quals
                }
                _ => continue,
            };
            let reader = Reader {
                query,
                whole,
                depth: queries.len() as i32,
                quals,
            };
            for condition in conjuncts(*quals) {
                reader.condition(condition, found);
            }
        }
    }
}

struct Reader<'a> {
    query: &'a pg_sys::Query,
    whole: *mut pg_sys::Query,
    /// How many queries there are from the whole to this one.
    depth: i32,
    /// Where the conditions hang that are being read.
    quals: *mut *mut pg_sys::Node,
}

impl Reader<'_> {
    /// # Safety
    /// `condition` is one of the query's.
    unsafe fn condition(&self, condition: *mut pg_sys::Node, found: &mut Conditions) {
        // SAFETY: as promised by the caller; a node is of the type its tag says.
        unsafe {
            match (*condition).type_ {
                pg_sys::NodeTag::T_OpExpr => {
                    let call = &*condition.cast::<pg_sys::OpExpr>();
                    if let [left, right] = nodes(call.args)[..] {
                        self.compare(condition, call.opno, left, right, found);
                        // What is compared the other way round is the same for "=" and what has a commutator.
                        let turned = pg_sys::get_commutator(call.opno);
                        if turned != pg_sys::InvalidOid {
                            self.compare(condition, turned, right, left, found);
                        }
                    }
                }
                pg_sys::NodeTag::T_ScalarArrayOpExpr => {
                    let call = &*condition.cast::<pg_sys::ScalarArrayOpExpr>();
                    if let ([left, right], true) = (&nodes(call.args)[..], call.useOr) {
                        self.compare(condition, call.opno, *left, *right, found);
                    }
                }
                pg_sys::NodeTag::T_BoolExpr => {
                    let all = &*condition.cast::<pg_sys::BoolExpr>();
                    if all.boolop == pg_sys::BoolExprType::OR_EXPR {
                        found.alternatives.extend(self.alternatives(condition, nodes(all.args)));
                    }
                }
                _ => {}
            }
        }
    }

    /// # Safety
    /// Both sides are those of the condition.
    unsafe fn compare(
        &self,
        condition: *mut pg_sys::Node,
        operator: pg_sys::Oid,
        left: *mut pg_sys::Node,
        right: *mut pg_sys::Node,
        found: &mut Conditions,
    ) {
        // SAFETY: as promised by the caller; names from the system caches are zero-terminated, or null.
        unsafe {
            let Some((relation, column)) = self.only_column(left) else {
                return;
            };
            let other = self.other(right);
            if matches!(other, Other::Rest) {
                return;
            }
            let wrapping = wrapping(left);
            let is_wrapped = matches!(wrapping, Wrapping::Function(..) | Wrapping::Cast(..));
            let is_one = (*condition).type_ == pg_sys::NodeTag::T_OpExpr && matches!(other, Other::Constant(Some(_)));
            let can_be_range = is_wrapped && is_one && is_own(operator);
            found.comparisons.push(Comparison {
                relation,
                column: (*column).varattno,
                type_oid: (*column).vartype.to_u32(),
                expression: alone(left, relation),
                operator: text(pg_sys::get_opname(operator)).unwrap_or_default(),
                statement: if can_be_range {
                    self.with_place(condition, column)
                } else {
                    None
                },
                wrapping,
                other,
            });
        }
    }

    /// The only column that an expression is over, with its relation.
    ///
    /// # Safety
    /// `node` is an expression of the query.
    unsafe fn only_column(&self, node: *mut pg_sys::Node) -> Option<(u32, *mut pg_sys::Var)> {
        // SAFETY: as promised by the caller; the list is one of Var nodes.
        unsafe {
            let variables = nodes(pg_sys::pull_vars_of_level(node, 0));
            let [variable] = variables[..] else { return None };
            let variable = variable.cast::<pg_sys::Var>();
            let is_outer = (1..self.depth).any(|level| pg_sys::contain_vars_of_level(node, level));
            if is_outer || (*variable).varattno <= 0 || pg_sys::contain_subplans(node) {
                return None;
            }
            let entry = &*entry(self.query, (*variable).varno);
            let is_table = entry.rtekind == pg_sys::RTEKind::RTE_RELATION;
            is_table.then(|| (entry.relid.to_u32(), variable))
        }
    }

    /// # Safety
    /// `node` is an expression of the query.
    unsafe fn other(&self, node: *mut pg_sys::Node) -> Other {
        // SAFETY: as promised by the caller; a node is of the type its tag says.
        unsafe {
            let node = computed(node);
            if (*node).type_ == pg_sys::NodeTag::T_Const {
                return Other::Constant(constant(&*node.cast::<pg_sys::Const>()));
            }
            if let Some((relation, column)) = self.only_column(node) {
                return Other::Column(relation, (*column).varattno);
            }
            let is_free =
                nodes(pg_sys::pull_vars_of_level(node, 0)).is_empty() && !pg_sys::contain_volatile_functions(node);
            match is_free {
                true => Other::Value,
                false => Other::Rest,
            }
        }
    }

    /// The statement with a place for a condition, and what a column is called in it.
    ///
    /// # Safety
    /// `condition` is one of those that are being read, `column` a column in it.
    unsafe fn with_place(&self, condition: *mut pg_sys::Node, column: *mut pg_sys::Var) -> Option<(String, String)> {
        // SAFETY: as promised by the caller.
        unsafe {
            let placed = self.with(condition, not_null(marker()))?;
            let named = self.with(condition, not_null(column.cast()))?;
            let (before, after) = placed.split_once(PLACE)?;
            let called = named
                .strip_prefix(before)?
                .strip_suffix(after)?
                .strip_suffix(" IS NOT NULL")?;
            Some((placed.clone(), called.to_owned()))
        }
    }

    /// The statement with another condition in the place of one, as PostgreSQL writes it.
    ///
    /// # Safety
    /// `condition` is one of those that are being read.
    unsafe fn with(&self, condition: *mut pg_sys::Node, instead: *mut pg_sys::Node) -> Option<String> {
        // SAFETY: as promised by the caller; what hangs there is put back before anything else is done with the tree.
        unsafe {
            let all = *self.quals;
            let kept = conjuncts(all)
                .into_iter()
                .map(|one| if one == condition { instead } else { one });
            let mut list = std::ptr::null_mut();
            for one in kept {
                list = pg_sys::lappend(list, one.cast());
            }
            *self.quals = match nodes(list)[..] {
                [one] => one,
                _ => pg_sys::makeBoolExpr(pg_sys::BoolExprType::AND_EXPR, list, -1).cast(),
            };
            let written = pg_sys::pg_get_querydef(self.whole, false);
            *self.quals = all;
            text(written)
        }
    }

    /// # Safety
    /// `condition` is one of those that are being read, an OR of the arms.
    unsafe fn alternatives(&self, condition: *mut pg_sys::Node, arms: Vec<*mut pg_sys::Node>) -> Option<Alternatives> {
        // SAFETY: as promised by the caller.
        unsafe {
            let mut relations = Vec::new();
            for arm in &arms {
                let variables = nodes(pg_sys::pull_vars_of_level(*arm, 0));
                let variable = variables.first()?.cast::<pg_sys::Var>();
                let same = variables
                    .iter()
                    .all(|one| (*one.cast::<pg_sys::Var>()).varno == (*variable).varno);
                let entry = &*entry(self.query, (*variable).varno);
                if !same || entry.rtekind != pg_sys::RTEKind::RTE_RELATION {
                    return None;
                }
                relations.push(entry.relid.to_u32());
            }
            if relations.windows(2).all(|pair| pair[0] == pair[1]) {
                return None;
            }
            // Rows that both give are there once, which is the same only where each is there once anyway.
            let query = self.query;
            let is_whole = std::ptr::eq(query, self.whole);
            let is_distinct = !query.distinctClause.is_null() && !query.hasDistinctOn;
            let is_plain = query.sortClause.is_null()
                && query.limitCount.is_null()
                && query.limitOffset.is_null()
                && query.cteList.is_null()
                && query.rowMarks.is_null()
                && !pg_sys::contain_volatile_functions(query.targetList.cast());
            let are_inner = !has_outer_join(query.jointree.cast());
            let statements =
                match is_whole && is_distinct && is_plain && are_inner && !query.hasAggs && !query.hasWindowFuncs {
                    true => arms.iter().map(|arm| self.with(condition, *arm)).collect(),
                    false => None,
                };
            Some(Alternatives { relations, statements })
        }
    }
}

/// # Safety
/// `node` is null or part of a join tree.
unsafe fn has_outer_join(node: *mut pg_sys::Node) -> bool {
    // SAFETY: as promised by the caller; a node is of the type its tag says.
    unsafe {
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            if node.is_null() {
                continue;
            }
            match (*node).type_ {
                pg_sys::NodeTag::T_FromExpr => open.extend(nodes((*node.cast::<pg_sys::FromExpr>()).fromlist)),
                pg_sys::NodeTag::T_JoinExpr => {
                    let join = &*node.cast::<pg_sys::JoinExpr>();
                    if join.jointype != pg_sys::JoinType::JOIN_INNER {
                        return true;
                    }
                    open.extend([join.larg, join.rarg]);
                }
                _ => {}
            }
        }
        false
    }
}

/// What stands between a column and what its expression is compared with.
///
/// # Safety
/// `node` is an expression over one column.
unsafe fn wrapping(node: *mut pg_sys::Node) -> Wrapping {
    // SAFETY: as promised by the caller; a node is of the type its tag says.
    unsafe {
        match (*node).type_ {
            pg_sys::NodeTag::T_Var => Wrapping::None,
            // The same bytes under another name: an index on the column serves.
            pg_sys::NodeTag::T_RelabelType => wrapping((*node.cast::<pg_sys::RelabelType>()).arg.cast()),
            pg_sys::NodeTag::T_FuncExpr => {
                let call = &*node.cast::<pg_sys::FuncExpr>();
                let arguments = nodes(call.args);
                let is_constant = |one: &*mut pg_sys::Node| (**one).type_ == pg_sys::NodeTag::T_Const;
                let on_column = arguments
                    .iter()
                    .all(|one| is_constant(one) || (**one).type_ == pg_sys::NodeTag::T_Var);
                if !on_column || !is_own(call.funcid) {
                    return Wrapping::Expression;
                }
                let cast = |implicit| Wrapping::Cast(type_name(call.funcresulttype), implicit);
                match call.funcformat {
                    pg_sys::CoercionForm::COERCE_IMPLICIT_CAST => cast(true),
                    pg_sys::CoercionForm::COERCE_EXPLICIT_CAST => cast(false),
                    _ => {
                        let name = text(pg_sys::get_func_name(call.funcid)).unwrap_or_default();
                        let constants = arguments.into_iter().filter(is_constant);
                        let constants = constants.filter_map(|one| constant(&*one.cast::<pg_sys::Const>()));
                        Wrapping::Function(name, constants.collect())
                    }
                }
            }
            pg_sys::NodeTag::T_CoerceViaIO => {
                let cast = &*node.cast::<pg_sys::CoerceViaIO>();
                let is_implicit = cast.coerceformat == pg_sys::CoercionForm::COERCE_IMPLICIT_CAST;
                match (*cast.arg).type_ {
                    pg_sys::NodeTag::T_Var => Wrapping::Cast(type_name(cast.resulttype), is_implicit),
                    _ => Wrapping::Expression,
                }
            }
            _ => Wrapping::Expression,
        }
    }
}

/// Whether a function or an operator is PostgreSQL's own.
fn is_own(object: pg_sys::Oid) -> bool {
    object.to_u32() < pg_sys::FirstNormalObjectId
}

/// # Safety
/// `of` is the OID of a type.
unsafe fn type_name(of: pg_sys::Oid) -> String {
    // SAFETY: as promised by the caller; the name is zero-terminated.
    unsafe { utf8(CStr::from_ptr(pg_sys::format_type_be(of)).to_bytes()) }
}

/// A constant that PostgreSQL itself casts, as `2025` to numeric, as what it is then; anything else as it is. Nobody else's
/// cast is run.
///
/// # Safety
/// `node` is an expression of an analysed query.
unsafe fn computed(node: *mut pg_sys::Node) -> *mut pg_sys::Node {
    // SAFETY: as promised by the caller; a node is of the type its tag says, and folding works on a copy.
    unsafe {
        if (*node).type_ != pg_sys::NodeTag::T_FuncExpr {
            return node;
        }
        let call = &*node.cast::<pg_sys::FuncExpr>();
        let is_folded = is_own(call.funcid) && call.funcformat == pg_sys::CoercionForm::COERCE_IMPLICIT_CAST;
        match nodes(call.args)[..] {
            [argument] if is_folded && (*argument).type_ == pg_sys::NodeTag::T_Const => {
                pg_sys::eval_const_expressions(std::ptr::null_mut(), node)
            }
            _ => node,
        }
    }
}

/// # Safety
/// `value` is part of an analysed query.
unsafe fn constant(value: &pg_sys::Const) -> Option<String> {
    // SAFETY: as promised by the caller; the output function of a type takes its values.
    unsafe {
        if value.constisnull {
            return None;
        }
        let (mut output, mut is_varlena) = (pg_sys::InvalidOid, false);
        pg_sys::getTypeOutputInfo(value.consttype, &raw mut output, &raw mut is_varlena);
        text(pg_sys::OidOutputFunctionCall(output, value.constvalue))
    }
}

/// # Safety
/// `node` is a LIMIT or OFFSET of an analysed query.
unsafe fn whole_number(node: *mut pg_sys::Node) -> Option<i64> {
    // SAFETY: as promised by the caller; a node is of the type its tag says.
    unsafe {
        let node = computed(node);
        if (*node).type_ != pg_sys::NodeTag::T_Const {
            return None;
        }
        constant(&*node.cast::<pg_sys::Const>()).and_then(|text| text.parse().ok())
    }
}

/// An expression over columns of one relation as an index would have it.
///
/// # Safety
/// `node` is an expression of an analysed query.
unsafe fn alone(node: *mut pg_sys::Node, relation: u32) -> String {
    // SAFETY: as promised by the caller; the copy's columns are made those of a query over that relation alone.
    unsafe {
        let copy: *mut pg_sys::Node = pg_sys::copyObjectImpl(node.cast()).cast();
        for variable in nodes(pg_sys::pull_vars_of_level(copy, 0)) {
            let variable = variable.cast::<pg_sys::Var>();
            (*variable).varno = 1;
            // as what it is written is read first
            (*variable).varnosyn = 1;
            (*variable).varattnosyn = (*variable).varattno;
            (*variable).varnullingrels = std::ptr::null_mut();
        }
        let context = pg_sys::deparse_context_for(c"t".as_ptr(), relation.into());
        text(pg_sys::deparse_expression(copy, context, false, false)).unwrap_or_default()
    }
}

/// A text that stands in no statement.
///
/// # Safety
/// Called where memory can be taken.
unsafe fn marker() -> *mut pg_sys::Node {
    let value = CString::new("schema_monitor place").unwrap_or_default();
    // SAFETY: as promised by the caller; the text is copied.
    unsafe {
        let datum = pg_sys::Datum::from(pg_sys::cstring_to_text(value.as_ptr()));
        pg_sys::makeConst(
            pg_sys::TEXTOID,
            -1,
            pg_sys::DEFAULT_COLLATION_OID,
            -1,
            datum,
            false,
            false,
        )
        .cast()
    }
}

/// # Safety
/// `node` is an expression.
unsafe fn not_null(node: *mut pg_sys::Node) -> *mut pg_sys::Node {
    // SAFETY: as promised by the caller; the node is zeroed and then filled.
    unsafe {
        let test = pg_sys::palloc0(size_of::<pg_sys::NullTest>()).cast::<pg_sys::NullTest>();
        (*test).xpr.type_ = pg_sys::NodeTag::T_NullTest;
        (*test).arg = node.cast();
        (*test).nulltesttype = pg_sys::NullTestType::IS_NOT_NULL;
        (*test).location = -1;
        test.cast()
    }
}
