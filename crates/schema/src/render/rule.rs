//! Triggers, policies, rules and extended statistics.

use super::{is_set, name, statistics_name, text, texts};
use crate::definition::{Definition, Part};
use crate::sql::{Token, ident, idents, tokens};

/// `CREATE TRIGGER …`. The stored text lacks its name and that of its relation.
pub(crate) fn create_trigger(definition: &Definition, part: &Part) -> String {
    let stored = part.text("definition").unwrap_or_default();
    let (event, rest) = around(stored, "on");
    // PostgreSQL prints deferrability for constraint triggers only.
    let constraint = tokens(rest)
        .iter()
        .any(|(token, _)| matches!(token, Token::Word(word) if word == "deferrable"));
    let kind = if constraint { "CONSTRAINT TRIGGER" } else { "TRIGGER" };
    format!(
        "CREATE {kind} {} {event} {} {rest}",
        ident(&part.name),
        name(definition)
    )
}

/// When a trigger or rule fires, as `ALTER TABLE` says it; `None` where nothing has to be said after creation.
pub(crate) fn trigger_state(part: &Part, word: &str) -> String {
    let state = match part.text("enabled") {
        Some("disabled") => "DISABLE",
        Some("replica") => "ENABLE REPLICA",
        Some("always") => "ENABLE ALWAYS",
        _ => "ENABLE",
    };
    format!("{state} {word} {}", ident(&part.name))
}

/// `CREATE RULE …`.
pub(crate) fn create_rule(definition: &Definition, part: &Part) -> String {
    let stored = part.text("definition").unwrap_or_default();
    let (event, rest) = around(stored, "to");
    format!(
        "CREATE RULE {} AS {event} {} {rest}",
        ident(&part.name),
        name(definition)
    )
}

/// A text up to and with the first keyword, and what follows it.
fn around<'a>(text: &'a str, keyword: &str) -> (&'a str, &'a str) {
    for (token, range) in tokens(text) {
        let written = &text[range.clone()];
        if matches!(&token, Token::Word(word) if word == keyword) && !written.starts_with('"') {
            return (text[..range.end].trim(), text[range.end..].trim());
        }
    }
    (text, "")
}

/// `CREATE POLICY …`.
pub(crate) fn create_policy(definition: &Definition, part: &Part) -> String {
    let attributes = &part.attributes;
    let mut written = format!("CREATE POLICY {} ON {}", ident(&part.name), name(definition));
    if is_set(attributes, "restrictive") {
        written.push_str(" AS RESTRICTIVE");
    }
    let command = text(attributes, "command").unwrap_or("all");
    written.push_str(&format!(" FOR {}", command.to_ascii_uppercase()));
    let role = |role: &String| if role == "PUBLIC" { role.clone() } else { ident(role) };
    let roles: Vec<String> = part.access.keys().map(role).collect();
    if !roles.is_empty() {
        written.push_str(&format!(" TO {}", roles.join(", ")));
    }
    if let Some(expression) = text(attributes, "using") {
        written.push_str(&format!(" USING ({expression})"));
    }
    if let Some(expression) = text(attributes, "with_check") {
        written.push_str(&format!(" WITH CHECK ({expression})"));
    }
    written
}

/// `CREATE STATISTICS …`.
pub(crate) fn create_statistics(definition: &Definition, part: &Part) -> String {
    let attributes = &part.attributes;
    let stored = text(attributes, "kinds").unwrap_or_default();
    let kinds: Vec<&str> = [("d", "ndistinct"), ("f", "dependencies"), ("m", "mcv")]
        .into_iter()
        .filter(|(letter, _)| stored.contains(letter))
        .map(|(_, word)| word)
        .collect();
    let columns = texts(attributes, "columns");
    let expressions: Vec<String> = texts(attributes, "expressions")
        .into_iter()
        .map(|expression| format!("({expression})"))
        .collect();
    let list = match (columns.is_empty(), expressions.is_empty()) {
        (false, true) => idents(columns),
        (true, _) => expressions.join(", "),
        (false, false) => format!("{}, {}", idents(columns), expressions.join(", ")),
    };
    // statistics on a single expression have no kinds
    let kinds = match kinds.is_empty() || stored == "{e}" {
        true => String::new(),
        false => format!(" ({})", kinds.join(", ")),
    };
    format!(
        "CREATE STATISTICS {}{kinds} ON {list} FROM {}",
        statistics_name(definition, part),
        name(definition)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Kind, PartKind};
    use serde_json::json;

    fn part(kind: PartKind, definition: &str) -> Part {
        let mut part = Part::new(kind, "t".into(), 1);
        part.attributes.insert("definition".into(), json!(definition));
        part
    }

    #[test]
    fn the_relation_is_put_back_where_it_was_left_out() {
        let table = Definition::new(Kind::Table, Some("s".into()), "orders".into());
        let trigger = part(
            PartKind::Trigger,
            "AFTER UPDATE OF \"on\" ON DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION s.f()",
        );
        assert_eq!(
            create_trigger(&table, &trigger),
            "CREATE CONSTRAINT TRIGGER t AFTER UPDATE OF \"on\" ON s.orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW \
             EXECUTE FUNCTION s.f()"
        );
        let rule = part(PartKind::Rule, "ON INSERT TO DO INSTEAD NOTHING");
        assert_eq!(
            create_rule(&table, &rule),
            "CREATE RULE t AS ON INSERT TO s.orders DO INSTEAD NOTHING"
        );
    }
}
