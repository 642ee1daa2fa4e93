//! Triggers, policies, rules and extended statistics of relations.

use schema::{Part, PartKind, Privileges};

use super::relation::{of, qualified};
use super::{Definitions, Reading, flag, set, set_if};
use crate::error::Result;
use crate::pg::lookup::quoted;
use crate::pg::query;
use crate::pg::subtransaction::undone;

/// `pg_trigger`'s OID.
const TRIGGER_CLASS: u32 = 2620;
/// `pg_policy`'s OID.
const POLICY_CLASS: u32 = 3256;
/// `pg_rewrite`'s OID.
const RULE_CLASS: u32 = 2618;
/// `pg_statistic_ext`'s OID.
const STATISTICS_CLASS: u32 = 3381;

// What PostgreSQL clones to partitions is told by the parent's.
const TRIGGERS: &str = "
    SELECT t.oid, t.tgrelid, t.tgname, t.tgenabled, pg_catalog.pg_get_triggerdef(t.oid)
    FROM pg_catalog.pg_trigger AS t
    WHERE NOT t.tgisinternal
      AND t.tgparentid OPERATOR(pg_catalog.=) 0
      AND ($1 IS NULL OR t.tgrelid OPERATOR(pg_catalog.=) ANY ($1))";

const POLICIES: &str = "
    SELECT
        p.oid, p.polrelid, p.polname, p.polcmd, p.polpermissive, p.polroles,
        pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)
    FROM pg_catalog.pg_policy AS p
    WHERE $1 IS NULL OR p.polrelid OPERATOR(pg_catalog.=) ANY ($1)";

const RULES: &str = "
    SELECT r.oid, r.ev_class, r.rulename, r.ev_enabled, pg_catalog.pg_get_ruledef(r.oid)
    FROM pg_catalog.pg_rewrite AS r
    WHERE r.rulename OPERATOR(pg_catalog.<>) '_RETURN'
      AND r.oid OPERATOR(pg_catalog.>=) 16384
      AND ($1 IS NULL OR r.ev_class OPERATOR(pg_catalog.=) ANY ($1))";

const STATISTICS: &str = "
    SELECT
        s.oid, s.stxrelid, s.stxname, n.nspname, s.stxkind::text, s.stxkeys,
        pg_catalog.pg_get_statisticsobjdef_expressions(s.oid)
    FROM pg_catalog.pg_statistic_ext AS s
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) s.stxnamespace
    WHERE $1 IS NULL OR s.stxrelid OPERATOR(pg_catalog.=) ANY ($1)";

/// Reads them for the relations found.
pub(super) fn read(reading: &mut Reading<'_>, found: &mut Definitions) -> Result<()> {
    let relations = reading.scope.relations();
    query::read(TRIGGERS, &[relations.clone().into()], |row| {
        let name = row.name(2);
        let prefixes = [
            format!("CREATE TRIGGER {} ", quoted(&name)),
            format!("CREATE CONSTRAINT TRIGGER {} ", quoted(&name)),
        ];
        let own = row.text(4).map(|text| without(&text, &prefixes));
        let mut part = Part::new(PartKind::Trigger, name, row.oid(0));
        set_if(
            &mut part.attributes,
            "definition",
            anonymous(reading, row.oid(1), own, " ON ")?,
        );
        enabled(&mut part, row.char(3));
        add(reading, found, row.oid(1), TRIGGER_CLASS, part);
        Ok(())
    })?;
    query::read(POLICIES, &[relations.clone().into()], |row| {
        let mut part = Part::new(PartKind::Policy, row.name(2), row.oid(0));
        let attributes = &mut part.attributes;
        let command = match row.char(3) {
            'r' => "select",
            'a' => "insert",
            'w' => "update",
            'd' => "delete",
            _ => "all",
        };
        set(attributes, "command", command);
        flag(attributes, "restrictive", !row.bool(4));
        set_if(attributes, "using", row.text(6));
        set_if(attributes, "with_check", row.text(7));
        part.access = roles(reading, &row.oids(5));
        add(reading, found, row.oid(1), POLICY_CLASS, part);
        Ok(())
    })?;
    // As with views, printing a rule locks what it names.
    let mut rules = Vec::new();
    undone(|| {
        query::read(RULES, &[relations.clone().into()], |row| {
            rules.push((row.oid(0), row.oid(1), row.name(2), row.char(3), row.text(4)));
            Ok(())
        })
    })?;
    for (oid, relation, name, state, text) in rules {
        let prefix = format!("CREATE RULE {} AS", quoted(&name));
        let own = text.map(|text| without(&text, &[prefix]));
        let mut part = Part::new(PartKind::Rule, name, oid);
        set_if(
            &mut part.attributes,
            "definition",
            anonymous(reading, relation, own, " TO ")?,
        );
        enabled(&mut part, state);
        add(reading, found, relation, RULE_CLASS, part);
    }
    query::read(STATISTICS, &[relations.into()], |row| {
        let relation = row.oid(1);
        if of(found, relation).is_none() {
            return Ok(());
        }
        let columns = super::constraint::columns(reading, found, relation, &row.i16s(5))?;
        let mut part = Part::new(PartKind::Statistics, row.name(2), row.oid(0));
        set(&mut part.attributes, "schema", row.name(3));
        set_if(&mut part.attributes, "kinds", row.text(4));
        set(&mut part.attributes, "columns", columns);
        set_if(&mut part.attributes, "expressions", row.texts(6));
        add(reading, found, relation, STATISTICS_CLASS, part);
        Ok(())
    })
}

fn add(reading: &Reading<'_>, found: &mut Definitions, relation: u32, class: u32, mut part: Part) {
    set_if(&mut part.attributes, "comment", reading.comment(class, part.number, 0));
    if let Some(definition) = of(found, relation) {
        definition.parts.push(part);
    }
}

fn enabled(part: &mut Part, state: char) {
    let state = match state {
        'D' => "disabled",
        'R' => "replica",
        'A' => "always",
        _ => return,
    };
    set(&mut part.attributes, "enabled", state);
}

/// Roles of a policy as privileges; 0 is PUBLIC.
fn roles(reading: &mut Reading<'_>, oids: &[u32]) -> Privileges {
    let name = |oid: &u32| {
        if *oid == 0 {
            "PUBLIC".to_owned()
        } else {
            reading.lookup.role(*oid)
        }
    };
    oids.iter().map(name).map(|role| (role, "policy".to_owned())).collect()
}

fn without(text: &str, prefixes: &[String]) -> String {
    prefixes
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix.as_str()))
        .unwrap_or(text)
        .trim()
        .to_owned()
}

/// The text without the name of the relation it belongs to, so that renaming that is one change and not
/// one more for each trigger.
fn anonymous(reading: &mut Reading<'_>, relation: u32, text: Option<String>, before: &str) -> Result<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    let name = qualified(reading, relation)?;
    Ok(Some(text.replacen(&format!("{before}{name}"), before.trim_end(), 1)))
}
