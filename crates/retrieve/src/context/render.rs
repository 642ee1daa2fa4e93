//! Tables as text.

use serde_json::{Value, json};

use super::{Format, Frame, Part, TableColumn};

pub(super) fn render(parts: &[Part<'_>], frame: &Frame, format: Format) -> String {
    match format {
        Format::Ddl => {
            let mut text = head(parts, frame, "-- ");
            parts.iter().for_each(|part| text.push_str(&ddl(part)));
            text
        }
        Format::Text => {
            let mut text = head(parts, frame, "");
            parts.iter().for_each(|part| text.push_str(&line(part)));
            text
        }
        Format::Json => {
            let tables: Vec<Value> = parts.iter().map(object).collect();
            let mut value = json!({
                "schema_version": frame.version,
                "tables_in_schema": frame.tables,
                "joins": frame.joins,
                "tables": tables,
            });
            if !frame.terms.is_empty() {
                let terms: serde_json::Map<String, Value> = frame
                    .terms
                    .iter()
                    .map(|(term, mapping)| (term.clone(), mapping.as_str().into()))
                    .collect();
                value["terms"] = terms.into();
            }
            if let Some(probability) = frame.answerable {
                value["answerable"] = ((f64::from(probability) * 100.0).round() / 100.0).into();
            }
            value.to_string()
        }
    }
}

fn head(parts: &[Part<'_>], frame: &Frame, before: &str) -> String {
    let mut text = format!(
        "{before}Schema version {}, {} of {} tables.\n",
        frame.version,
        parts.len(),
        frame.tables
    );
    if frame.is_unlikely() {
        text.push_str(&format!("{before}Nothing here seems to answer the question.\n"));
    }
    if !frame.joins.is_empty() {
        text.push_str(&format!("{before}Joins: {}\n", frame.joins.join("; ")));
    }
    if !frame.terms.is_empty() {
        let terms: Vec<String> = frame
            .terms
            .iter()
            .map(|(term, mapping)| format!("{term} = {mapping}"))
            .collect();
        text.push_str(&format!("{before}Terms: {}\n", terms.join("; ")));
    }
    text
}

fn left_out(part: &Part<'_>) -> usize {
    part.table.columns.len() - part.columns.len()
}

fn shown<'a>(part: &'a Part<'_>) -> impl Iterator<Item = &'a TableColumn> {
    part.columns.iter().map(|at| &part.table.columns[*at])
}

/// What is told of a column beside name and type.
fn remark(column: &TableColumn) -> String {
    let values = (!column.values.is_empty()).then(|| format!("one of {}", column.values.join(", ")));
    let remarks: Vec<String> = column.comment.iter().cloned().chain(values).collect();
    remarks.join("; ")
}

fn ddl(part: &Part<'_>) -> String {
    let table = part.table;
    let mut items: Vec<(String, String)> = shown(part)
        .map(|column| {
            let not_null = if column.not_null { " NOT NULL" } else { "" };
            (
                format!("{} {}{not_null}", column.name, column.type_name),
                remark(column),
            )
        })
        .collect();
    if !table.primary_key.is_empty() {
        items.push((format!("PRIMARY KEY ({})", table.primary_key.join(", ")), String::new()));
    }
    for key in &table.references {
        let (own, other) = (key.columns.join(", "), key.referenced.join(", "));
        items.push((
            format!("FOREIGN KEY ({own}) REFERENCES {} ({other})", key.table),
            String::new(),
        ));
    }
    items.extend(
        table
            .checks
            .iter()
            .map(|check| (format!("CHECK {check}"), String::new())),
    );
    let kind = table.kind.replace('_', " ").to_uppercase();
    let mut text = format!("CREATE {kind} {} (", table.identity);
    if let Some(comment) = &table.comment {
        text.push_str(&format!(" -- {comment}"));
    }
    text.push('\n');
    let last = items.len().saturating_sub(1);
    for (at, (item, remark)) in items.iter().enumerate() {
        let comma = if at < last { "," } else { "" };
        let remark = if remark.is_empty() {
            String::new()
        } else {
            format!(" -- {remark}")
        };
        text.push_str(&format!("  {item}{comma}{remark}\n"));
    }
    if left_out(part) > 0 {
        text.push_str(&format!("  -- {} more columns\n", left_out(part)));
    }
    text.push_str(");\n");
    text
}

fn line(part: &Part<'_>) -> String {
    let table = part.table;
    let columns: Vec<String> = shown(part)
        .map(|column| {
            let mut text = format!("{} {}", column.name, column.type_name);
            if table.primary_key.contains(&column.name) {
                text.push_str(" pk");
            }
            for key in table.references.iter().filter(|key| key.columns.contains(&column.name)) {
                let at = key.columns.iter().position(|own| *own == column.name).unwrap_or(0);
                text.push_str(&format!(
                    " -> {}.{}",
                    key.table,
                    key.referenced.get(at).map_or("", String::as_str)
                ));
            }
            let remark = remark(column);
            if !remark.is_empty() {
                text.push_str(&format!(" [{remark}]"));
            }
            text
        })
        .collect();
    let comment = table
        .comment
        .as_ref()
        .map_or_else(String::new, |comment| format!(" [{comment}]"));
    let more = if left_out(part) > 0 {
        format!(", {} more", left_out(part))
    } else {
        String::new()
    };
    format!("{}{comment}: {}{more}\n", table.identity, columns.join(", "))
}

fn object(part: &Part<'_>) -> Value {
    let table = part.table;
    let columns: Vec<Value> = shown(part)
        .map(|column| {
            let mut value = json!({ "name": column.name, "type": column.type_name });
            if column.not_null {
                value["not_null"] = true.into();
            }
            if let Some(comment) = &column.comment {
                value["comment"] = comment.as_str().into();
            }
            if !column.values.is_empty() {
                value["values"] = column.values.clone().into();
            }
            value
        })
        .collect();
    let references: Vec<Value> = table
        .references
        .iter()
        .map(|key| json!({ "columns": key.columns, "references": key.table, "referenced_columns": key.referenced }))
        .collect();
    let mut value = json!({ "name": table.identity, "kind": table.kind, "columns": columns });
    if let Some(comment) = &table.comment {
        value["comment"] = comment.as_str().into();
    }
    for (name, list) in [("primary_key", &table.primary_key), ("checks", &table.checks)] {
        if !list.is_empty() {
            value[name] = list.clone().into();
        }
    }
    if !references.is_empty() {
        value["foreign_keys"] = references.into();
    }
    if left_out(part) > 0 {
        value["columns_left_out"] = left_out(part).into();
    }
    value
}
