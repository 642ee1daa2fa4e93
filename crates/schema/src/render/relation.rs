//! Tables, views and sequences.

use serde_json::Value;

use super::{constraint, is_not_valid, is_set, name, option_names, options, text, texts};
use crate::attributes::Attributes;
use crate::definition::{Definition, Kind, Part, PartKind};
use crate::sql::ident;

/// `CREATE TABLE …` with columns, defaults and all constraints that need no other table and are valid. A partition is
/// made as a table by itself, to be attached. `sequence_of` gives the sequence of an identity column.
pub(crate) fn create_table<'a>(
    definition: &Definition,
    sequence_of: &impl Fn(&Part) -> Option<&'a Definition>,
) -> String {
    let attributes = &definition.attributes;
    let is_partition = text(attributes, "partition_of").is_some();
    let mut lines: Vec<String> = definition
        .parts_of(PartKind::Column)
        .map(|part| {
            // the columns of a partition have the identity of its parent
            let identity = (!is_partition).then(|| sequence_of(part)).flatten();
            column(part, identity, definition.kind, is_partition)
        })
        .collect();
    lines.extend(
        definition
            .parts_of(PartKind::Constraint)
            .filter(|part| is_inline(definition, part))
            .map(constraint),
    );
    let kind = match (definition.kind, is_set(attributes, "unlogged")) {
        (Kind::ForeignTable, _) => "FOREIGN TABLE",
        (_, true) => "UNLOGGED TABLE",
        _ => "TABLE",
    };
    let body = match lines.is_empty() {
        true => "()".to_owned(),
        false => format!("(\n    {}\n)", lines.join(",\n    ")),
    };
    let mut written = format!("CREATE {kind} {} {body}", name(definition));
    let parents = texts(attributes, "inherits");
    if !parents.is_empty() {
        written.push_str(&format!(" INHERITS ({})", parents.join(", ")));
    }
    if let Some(key) = text(attributes, "partition_key") {
        written.push_str(&format!(" PARTITION BY {key}"));
    }
    if let Some(server) = text(attributes, "server") {
        written.push_str(&format!(" SERVER {}", ident(server)));
        let stored = texts(attributes, "foreign_options");
        if !stored.is_empty() {
            written.push_str(&format!(" OPTIONS ({})", foreign_options(&stored)));
        }
    }
    written.push_str(&storage_clauses(attributes));
    written
}

/// Whether a constraint is written in `CREATE TABLE`. PostgreSQL leaves out a unique constraint on the columns of
/// another key there.
pub(crate) fn is_inline(definition: &Definition, part: &Part) -> bool {
    let is_key = |one: &Part| matches!(one.text("kind"), Some("primary key" | "unique"));
    let columns = |one: &Part| texts(&one.attributes, "columns").join("\0");
    let doubles = part.text("kind") == Some("unique")
        && definition
            .parts_of(PartKind::Constraint)
            .any(|other| other.name != part.name && is_key(other) && columns(other) == columns(part));
    part.text("kind") != Some("foreign key") && !is_not_valid(part) && !doubles
}

fn storage_clauses(attributes: &Attributes) -> String {
    let mut written = String::new();
    if let Some(method) = text(attributes, "access_method").filter(|method| *method != "heap") {
        written.push_str(&format!(" USING {}", ident(method)));
    }
    let stored = texts(attributes, "options");
    if !stored.is_empty() {
        written.push_str(&format!(" WITH ({})", options(&stored)));
    }
    if let Some(tablespace) = text(attributes, "tablespace") {
        written.push_str(&format!(" TABLESPACE {}", ident(tablespace)));
    }
    written
}

/// A column as it stands in `CREATE TABLE` and behind `ADD COLUMN`.
pub(crate) fn column(part: &Part, identity: Option<&Definition>, of: Kind, is_partition: bool) -> String {
    let attributes = &part.attributes;
    let mut written = format!("{} {}", ident(&part.name), text(attributes, "type").unwrap_or("text"));
    let stored = texts(attributes, "foreign_options");
    if of == Kind::ForeignTable && !stored.is_empty() {
        written.push_str(&format!(" OPTIONS ({})", foreign_options(&stored)));
    }
    if let Some(storage) = text(attributes, "storage") {
        written.push_str(&format!(" STORAGE {}", storage_word(storage)));
    }
    if let Some(method) = text(attributes, "compression") {
        written.push_str(&format!(" COMPRESSION {}", compression_word(method)));
    }
    if let Some(collation) = text(attributes, "collation") {
        written.push_str(&format!(" COLLATE {collation}"));
    }
    if let Some(default) = text(attributes, "default") {
        written.push_str(&format!(" DEFAULT {default}"));
    }
    if let (Some(kind), Some(expression)) = (text(attributes, "generated"), text(attributes, "expression")) {
        let kind = if kind == "virtual" { "VIRTUAL" } else { "STORED" };
        written.push_str(&format!(" GENERATED ALWAYS AS ({expression}) {kind}"));
    }
    if text(attributes, "identity").is_some() && !is_partition {
        written.push(' ');
        written.push_str(&identity_clause(part, identity));
    }
    if is_set(attributes, "not_null") {
        written.push_str(" NOT NULL");
    }
    written
}

/// `GENERATED … AS IDENTITY (…)`.
pub(crate) fn identity_clause(part: &Part, sequence: Option<&Definition>) -> String {
    let always = part.text("identity") == Some("always");
    let mut written = format!("GENERATED {} AS IDENTITY", if always { "ALWAYS" } else { "BY DEFAULT" });
    if let Some(sequence) = sequence {
        let options = sequence_options(&sequence.attributes, None);
        written.push_str(&format!(" (SEQUENCE NAME {} {options})", name(sequence)));
    }
    written
}

/// The word for a letter of `attstorage`.
pub(crate) fn storage_word(letter: &str) -> &'static str {
    match letter {
        "p" => "PLAIN",
        "e" => "EXTERNAL",
        "m" => "MAIN",
        _ => "EXTENDED",
    }
}

/// The word for a letter of `attcompression`.
pub(crate) fn compression_word(letter: &str) -> &'static str {
    if letter == "l" { "lz4" } else { "pglz" }
}

/// `OPTIONS (…)` of foreign tables: a name and a string.
fn foreign_options(stored: &[&str]) -> String {
    options(stored).replace("='", " '")
}

/// `CREATE VIEW` or `CREATE MATERIALIZED VIEW`.
pub(crate) fn create_view(definition: &Definition, replace: bool) -> String {
    let attributes = &definition.attributes;
    let (kind, storage) = match definition.kind {
        Kind::MaterializedView => ("MATERIALIZED VIEW", storage_clauses(attributes)),
        _ => {
            let stored = texts(attributes, "options");
            let with = match stored.is_empty() {
                true => String::new(),
                false => format!(" WITH ({})", options(&stored)),
            };
            (if replace { "OR REPLACE VIEW" } else { "VIEW" }, with)
        }
    };
    let query = text(attributes, "query").unwrap_or("SELECT");
    format!("CREATE {kind} {}{storage} AS {query}", name(definition))
}

/// `CREATE SEQUENCE …`.
pub(crate) fn create_sequence(definition: &Definition) -> String {
    let unlogged = if is_set(&definition.attributes, "unlogged") {
        "UNLOGGED "
    } else {
        ""
    };
    format!(
        "CREATE {unlogged}SEQUENCE {} {}",
        name(definition),
        sequence_options(&definition.attributes, Some("AS"))
    )
}

/// What a sequence is like, all of it; the type where `CREATE` and `ALTER SEQUENCE` take one.
pub(crate) fn sequence_options(attributes: &Attributes, with_type: Option<&str>) -> String {
    let number = |name: &str| attributes.get(name).and_then(Value::as_i64).unwrap_or(1);
    let mut words = Vec::new();
    if let (Some(word), Some(type_name)) = (with_type, text(attributes, "type")) {
        words.push(format!("{word} {type_name}"));
    }
    words.push(format!("INCREMENT BY {}", number("increment")));
    words.push(format!("MINVALUE {}", number("minimum")));
    words.push(format!("MAXVALUE {}", number("maximum")));
    words.push(format!("START WITH {}", number("start")));
    words.push(format!("CACHE {}", number("cache")));
    words.push(
        if is_set(attributes, "cycle") {
            "CYCLE"
        } else {
            "NO CYCLE"
        }
        .to_owned(),
    );
    words.join(" ")
}

/// `SET (…)` and `RESET (…)` that lead from some options to others.
pub(crate) fn relation_options(before: &[&str], after: &[&str]) -> Vec<String> {
    let name_of = |option: &str| {
        option
            .split_once('=')
            .map_or(option.to_owned(), |(name, _)| name.to_owned())
    };
    let kept: Vec<String> = after.iter().map(|option| name_of(option)).collect();
    let gone: Vec<&str> = before
        .iter()
        .copied()
        .filter(|option| !kept.contains(&name_of(option)))
        .collect();
    let new: Vec<&str> = after
        .iter()
        .copied()
        .filter(|option| !before.contains(option))
        .collect();
    let mut actions = Vec::new();
    if !gone.is_empty() {
        actions.push(format!("RESET ({})", option_names(&gone)));
    }
    if !new.is_empty() {
        actions.push(format!("SET ({})", options(&new)));
    }
    actions
}

/// `OPTIONS (DROP …, ADD …, SET …)` that leads from some foreign options to others.
pub(crate) fn foreign_option_changes(before: &[&str], after: &[&str]) -> Option<String> {
    let split = |option: &&str| {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        (name.to_owned(), value.to_owned())
    };
    let (old, new): (Vec<_>, Vec<_>) = (before.iter().map(split).collect(), after.iter().map(split).collect());
    let mut actions = Vec::new();
    for (name, _) in old
        .iter()
        .filter(|(name, _)| !new.iter().any(|(other, _)| other == name))
    {
        actions.push(format!("DROP {}", ident(name)));
    }
    for (name, value) in &new {
        let word = match old.iter().find(|(other, _)| other == name) {
            Some((_, known)) if known == value => continue,
            Some(_) => "SET",
            None => "ADD",
        };
        actions.push(format!("{word} {} {}", ident(name), crate::sql::literal(value)));
    }
    (!actions.is_empty()).then(|| format!("OPTIONS ({})", actions.join(", ")))
}
