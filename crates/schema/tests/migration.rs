//! What a migration promises whatever the server: nothing for nothing, renames as renames, dependents made anew.

use schema::{Cast, Definition, Kind, Objects, Options, Part, PartKind, migrate};
use serde_json::{Value, json};

fn part(kind: PartKind, number: u32, name: &str, attributes: &[(&'static str, Value)]) -> Part {
    let mut part = Part::new(kind, name.into(), number);
    for (name, value) in attributes {
        part.attributes.insert((*name).into(), value.clone());
    }
    part
}

fn table(name: &str, columns: &[(u32, &str, &str)]) -> Definition {
    let mut table = Definition::new(Kind::Table, Some("shop".into()), name.into());
    table.access.owner = "ann".into();
    for (number, name, type_name) in columns {
        let column = part(PartKind::Column, *number, name, &[("type", json!(type_name))]);
        table.parts.push(column);
    }
    table
}

fn view(name: &str, columns: &[&str], query: &str) -> Definition {
    let mut view = Definition::new(Kind::View, Some("shop".into()), name.into());
    view.access.owner = "ann".into();
    view.attributes.insert("query".into(), json!(query));
    for (number, name) in (1..).zip(columns) {
        view.parts
            .push(part(PartKind::Column, number, name, &[("type", json!("integer"))]));
    }
    view
}

fn objects(list: Vec<Definition>) -> Objects {
    (1..).zip(list).collect()
}

fn statements(before: &Objects, after: &Objects) -> Vec<String> {
    let options = Options {
        server_version: 18,
        online: false,
        cast: &|_, _| Cast::Assignment,
        recreated: Default::default(),
    };
    migrate(before, after, &options)
        .into_iter()
        .map(|statement| statement.sql)
        .collect()
}

#[test]
fn the_same_schema_needs_nothing() {
    let all = objects(vec![
        table("item", &[(1, "id", "integer"), (2, "label", "text")]),
        view("seen", &["id"], "SELECT id FROM shop.item"),
    ]);
    assert!(statements(&all, &all).is_empty());
}

#[test]
fn a_rename_is_told_from_another_query_by_what_was_renamed() {
    let before = objects(vec![
        table("item", &[(1, "id", "integer")]),
        view("seen", &["id"], "SELECT id FROM shop.item WHERE (id > 1)"),
    ]);
    let after = objects(vec![
        table("thing", &[(1, "number", "integer")]),
        view(
            "seen",
            &["id"],
            "SELECT number AS id FROM shop.thing WHERE (number > 1)",
        ),
    ]);
    assert_eq!(
        statements(&before, &after),
        [
            "ALTER TABLE shop.item RENAME TO thing",
            "ALTER TABLE shop.thing RENAME COLUMN id TO number"
        ]
    );
    let mut other = after.clone();
    let query = json!("SELECT number AS id FROM shop.thing WHERE (number > 2)");
    if let Some(view) = other.get_mut(&2) {
        view.attributes.insert("query".into(), query);
    }
    let told = statements(&before, &other);
    assert!(
        told.iter()
            .any(|sql| sql.starts_with("CREATE OR REPLACE VIEW shop.seen")),
        "{told:?}"
    );
}

#[test]
fn names_are_swapped_by_way_of_a_third() {
    let before = objects(vec![table("a", &[(1, "x", "text")]), table("b", &[(1, "y", "text")])]);
    let after = objects(vec![table("b", &[(1, "x", "text")]), table("a", &[(1, "y", "text")])]);
    assert_eq!(
        statements(&before, &after),
        [
            "ALTER TABLE shop.a RENAME TO a__old1",
            "ALTER TABLE shop.b RENAME TO a",
            "ALTER TABLE shop.a__old1 RENAME TO b",
        ]
    );
}

#[test]
fn what_reads_a_column_is_made_anew_around_its_change_of_type() {
    let with = |type_name: &str| {
        objects(vec![
            table("item", &[(1, "id", "integer"), (2, "price", type_name)]),
            view("dear", &["price"], "SELECT price FROM shop.item"),
            view("dearest", &["price"], "SELECT price FROM shop.dear"),
            view("other", &["id"], "SELECT id FROM shop.item"),
        ])
    };
    assert_eq!(
        statements(&with("integer"), &with("bigint")),
        [
            "DROP VIEW shop.dearest",
            "DROP VIEW shop.dear",
            "ALTER TABLE shop.item ALTER COLUMN price TYPE bigint",
            "CREATE VIEW shop.dear AS SELECT price FROM shop.item",
            "CREATE VIEW shop.dearest AS SELECT price FROM shop.dear",
            "ALTER VIEW shop.dear OWNER TO ann",
            "ALTER VIEW shop.dearest OWNER TO ann",
        ]
    );
}

#[test]
fn tables_in_a_circle_go_when_their_keys_have_gone() {
    let key = |number: u32, to: &str| {
        let attributes = [
            ("kind", json!("foreign key")),
            ("columns", json!(["x"])),
            ("references", json!(to)),
            ("referenced_columns", json!(["x"])),
        ];
        part(PartKind::Constraint, number, "fk", &attributes)
    };
    let (mut a, mut b) = (table("a", &[(1, "x", "integer")]), table("b", &[(1, "x", "integer")]));
    a.parts.push(key(10, "shop.b"));
    b.parts.push(key(11, "shop.a"));
    let told = statements(&objects(vec![a, b]), &Objects::new());
    assert_eq!(
        told,
        [
            "ALTER TABLE shop.a DROP CONSTRAINT fk",
            "ALTER TABLE shop.b DROP CONSTRAINT fk",
            "DROP TABLE shop.a",
            "DROP TABLE shop.b",
        ]
    );
}

#[test]
fn what_comes_is_made_in_the_order_in_which_it_is_needed() {
    let mut schema = Definition::new(Kind::Schema, None, "shop".into());
    schema.access.owner = "ann".into();
    let mut extension = Definition::new(Kind::Extension, None, "citext".into());
    extension.attributes.insert("schema".into(), json!("shop"));
    let mut mood = Definition::new(Kind::Enum, Some("shop".into()), "mood".into());
    mood.access.owner = "ann".into();
    mood.attributes.insert("values".into(), json!(["good", "it's bad"]));
    let mut sequence = Definition::new(Kind::Sequence, Some("shop".into()), "item_id_seq".into());
    sequence.attributes.insert("owned_by".into(), json!("shop.item.id"));
    let mut item = table("item", &[(1, "id", "integer"), (2, "mood", "shop.mood")]);
    let default = json!("nextval('shop.item_id_seq'::regclass)");
    item.parts[0].attributes.insert("default".into(), default);
    let attributes = [("method", json!("btree")), ("columns", json!(["mood"]))];
    item.parts.push(part(PartKind::Index, 9, "item_mood", &attributes));
    let seen = view("seen", &["id"], "SELECT id FROM shop.item");
    let told = statements(
        &Objects::new(),
        &objects(vec![seen, item, sequence, mood, extension, schema]),
    );
    let starts = [
        "CREATE SCHEMA shop",
        "CREATE EXTENSION citext WITH SCHEMA shop",
        "CREATE TYPE shop.mood AS ENUM ('good', 'it''s bad')",
        "CREATE SEQUENCE shop.item_id_seq ",
        "CREATE TABLE shop.item (",
        "ALTER SEQUENCE shop.item_id_seq OWNED BY shop.item.id",
        "CREATE INDEX item_mood ON shop.item USING btree (mood)",
        "CREATE VIEW shop.seen AS SELECT id FROM shop.item",
    ];
    for (start, sql) in starts.iter().zip(&told) {
        assert!(sql.starts_with(start), "{sql} where {start} is expected");
    }
    let owners = told[starts.len()..].iter();
    assert!(
        owners.clone().count() == 4 && owners.clone().all(|sql| sql.contains(" OWNER TO ann")),
        "{told:?}"
    );
}
