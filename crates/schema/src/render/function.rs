//! Functions, procedures and aggregates.

use super::{is_set, name, text, texts};
use crate::definition::{Definition, Kind};
use crate::sql::{dollar_quoted, ident, literal};

/// `CREATE OR REPLACE FUNCTION …`; an aggregate without `OR REPLACE`'s promise to keep what depends on it.
pub(crate) fn create_function(definition: &Definition) -> String {
    match definition.kind {
        Kind::Aggregate => create_aggregate(definition),
        _ => create_routine(definition),
    }
}

/// Whether a body is the standard's (parsed when it is created) and not a string.
pub(crate) fn is_sql_body(definition: &Definition) -> bool {
    let body = text(&definition.attributes, "body").unwrap_or_default();
    text(&definition.attributes, "language") == Some("sql")
        && (body.starts_with("BEGIN ATOMIC") || body.starts_with("RETURN "))
}

fn create_routine(definition: &Definition) -> String {
    let attributes = &definition.attributes;
    let kind = if definition.kind == Kind::Procedure {
        "PROCEDURE"
    } else {
        "FUNCTION"
    };
    let mut lines = vec![format!(
        "CREATE OR REPLACE {kind} {}({})",
        name(definition),
        text(attributes, "arguments").unwrap_or_default()
    )];
    if let Some(result) = text(attributes, "returns").filter(|_| definition.kind == Kind::Function) {
        lines.push(format!("RETURNS {result}"));
    }
    let language = text(attributes, "language").unwrap_or("sql");
    lines.push(format!("LANGUAGE {}", ident(language)));
    let transforms = texts(attributes, "transforms");
    if !transforms.is_empty() {
        let list: Vec<String> = transforms.iter().map(|name| format!("FOR TYPE {name}")).collect();
        lines.push(format!("TRANSFORM {}", list.join(", ")));
    }
    let mut words = Vec::new();
    if is_set(attributes, "window") {
        words.push("WINDOW".to_owned());
    }
    words.extend(text(attributes, "volatility").map(str::to_ascii_uppercase));
    for (flag, word) in [
        ("leakproof", "LEAKPROOF"),
        ("strict", "STRICT"),
        ("security_definer", "SECURITY DEFINER"),
    ] {
        if is_set(attributes, flag) {
            words.push(word.to_owned());
        }
    }
    words.extend(text(attributes, "parallel").map(|word| format!("PARALLEL {}", word.to_ascii_uppercase())));
    words.extend(text(attributes, "cost").map(|cost| format!("COST {cost}")));
    words.extend(text(attributes, "rows").map(|rows| format!("ROWS {rows}")));
    words.extend(text(attributes, "support").map(|function| format!("SUPPORT {function}")));
    if !words.is_empty() {
        lines.push(words.join(" "));
    }
    lines.extend(texts(attributes, "settings").into_iter().map(setting));
    let body = text(attributes, "body").unwrap_or_default();
    lines.push(match text(attributes, "library") {
        Some(library) => format!("AS {}, {}", literal(library), literal(body)),
        None if is_sql_body(definition) => body.to_owned(),
        None => format!("AS {}", dollar_quoted(body)),
    });
    lines.join("\n")
}

/// Settings whose value is a list of names, stored as it is to be written (`GUC_LIST_QUOTE` in the server's source).
const LISTS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

fn setting(stored: &str) -> String {
    let (name, value) = stored.split_once('=').unwrap_or((stored, ""));
    let written = match LISTS.contains(&name) && !value.is_empty() {
        true => value.to_owned(),
        false => literal(value),
    };
    let name: Vec<String> = name.split('.').map(ident).collect();
    format!("SET {} TO {written}", name.join("."))
}

fn create_aggregate(definition: &Definition) -> String {
    let attributes = &definition.attributes;
    let arguments = match definition.arguments.as_deref() {
        None | Some("") => "*",
        Some(arguments) => arguments,
    };
    let mut options = Vec::new();
    for (name, option) in [
        ("transition", "SFUNC"),
        ("state_type", "STYPE"),
        ("state_space", "SSPACE"),
        ("final", "FINALFUNC"),
        ("final_modify", "FINALFUNC_MODIFY"),
        ("combine", "COMBINEFUNC"),
        ("serialize", "SERIALFUNC"),
        ("deserialize", "DESERIALFUNC"),
        ("moving_transition", "MSFUNC"),
        ("moving_inverse", "MINVFUNC"),
        ("moving_state_type", "MSTYPE"),
        ("moving_state_space", "MSSPACE"),
        ("moving_final", "MFINALFUNC"),
        ("moving_final_modify", "MFINALFUNC_MODIFY"),
    ] {
        options.extend(text(attributes, name).map(|value| format!("{option} = {value}")));
    }
    options.extend(text(attributes, "sort_operator").map(|name| format!("SORTOP = OPERATOR({name})")));
    for (name, option) in [
        ("final_extra", "FINALFUNC_EXTRA"),
        ("moving_final_extra", "MFINALFUNC_EXTRA"),
    ] {
        if is_set(attributes, name) {
            options.push(option.to_owned());
        }
    }
    for (name, option) in [("initial_value", "INITCOND"), ("moving_initial_value", "MINITCOND")] {
        options.extend(text(attributes, name).map(|value| format!("{option} = {}", literal(value))));
    }
    options.extend(text(attributes, "parallel").map(|word| format!("PARALLEL = {}", word.to_ascii_uppercase())));
    if text(attributes, "aggregate_kind") == Some("hypothetical set") {
        options.push("HYPOTHETICAL".to_owned());
    }
    format!(
        "CREATE AGGREGATE {}({arguments}) (\n    {}\n)",
        name(definition),
        options.join(",\n    ")
    )
}
