use super::*;
use crate::fact::{Column, Facts, Reference, Table};
use crate::model::Operator;
use crate::reading::read;
use jiff::civil::date;

fn table(name: &str, label: Option<usize>) -> Table {
    Table {
        identity: format!("shop.{name}"),
        schema: "shop".to_owned(),
        name: name.to_owned(),
        comment: String::new(),
        similarity: Vec::new(),
        is_base: true,
        label,
        has_names: label.is_some(),
        has_key: true,
    }
}

fn column(table: usize, of: &str, name: &str, semantic: Semantic) -> Column {
    Column {
        table,
        identity: format!("shop.{of}.{name}"),
        name: name.to_owned(),
        comment: String::new(),
        semantic,
        is_number: semantic == Semantic::Metric,
        is_time: semantic == Semantic::Date,
        is_needed: true,
        is_key: false,
        refers: None,
        values: Vec::new(),
        similarity: Vec::new(),
    }
}

/// Orders of customers, with lines; nothing is known of meaning but words.
fn shop() -> Facts {
    let mut facts = Facts {
        tables: vec![
            table("customer", Some(0)),
            table("orders", None),
            table("order_line", None),
        ],
        columns: vec![
            column(0, "customer", "name", Semantic::Text),
            column(0, "customer", "newsletter", Semantic::Boolean),
            column(1, "orders", "customer_id", Semantic::Identifier),
            column(1, "orders", "order_date", Semantic::Date),
            column(1, "orders", "updated_at", Semantic::Date),
            column(1, "orders", "status", Semantic::Dimension),
            column(2, "order_line", "quantity", Semantic::Metric),
            column(2, "order_line", "unit_price", Semantic::Metric),
        ],
        references: vec![Reference { from: 1, to: 0 }, Reference { from: 2, to: 1 }],
        meanings: Vec::new(),
    };
    facts.columns[2].refers = Some(0);
    facts.columns[5].values = vec!["open".to_owned(), "paid".to_owned()];
    facts
}

fn first(question: &str, facts: &Facts) -> Interpretation {
    let reading = read(question, date(2026, 11, 27)).expect(question);
    interpret(question, &reading, facts).remove(0)
}

#[test]
fn phrases_are_taken_for_what_fits_together() {
    let facts = shop();
    let found = first("total quantity by customer", &facts).intent;
    assert_eq!(
        (found.metrics[0].function, found.metrics[0].of.as_str()),
        (Function::Sum, "shop.order_line.quantity")
    );
    assert_eq!(found.dimensions[0].of, "shop.customer");
    let found = first("orders per month in 2025", &facts).intent;
    assert_eq!(
        (found.metrics[0].function, found.metrics[0].of.as_str()),
        (Function::Count, "shop.orders")
    );
    let time = found.time.expect("a time");
    assert_eq!(
        (time.of.as_str(), time.from.as_deref()),
        ("shop.orders.order_date", Some("2025-01-01"))
    );
    let found = first("customer with the highest quantity", &facts).intent;
    assert_eq!(
        (found.dimensions[0].of.as_str(), found.limit),
        ("shop.customer", Some(1))
    );
}

#[test]
fn years_that_are_numbers_are_years() {
    let facts = Facts {
        tables: vec![table("film", Some(0))],
        columns: vec![
            column(0, "film", "title", Semantic::Text),
            column(0, "film", "release_year", Semantic::Metric),
            column(0, "film", "last_update", Semantic::Date),
        ],
        ..Facts::default()
    };
    let found = first("number of films per year", &facts).intent;
    assert_eq!(found.dimensions[0].of, "shop.film.release_year");
    assert!(found.time.is_none() && found.filters.is_empty());
    let found = first("number of films since 2020", &facts).intent;
    assert_eq!(
        (found.filters[0].operator, &found.filters[0].value),
        (Operator::GreaterOrEqual, &serde_json::json!(2020))
    );
    let found = first("number of films in 2024", &facts).intent;
    assert_eq!(
        (found.filters[0].operator, &found.filters[0].value),
        (Operator::Equal, &serde_json::json!(2024))
    );
    let found = first("number of films between 2020 and 2022", &facts).intent;
    assert_eq!(
        (found.filters[0].operator, &found.filters[0].value),
        (Operator::Between, &serde_json::json!([2020, 2022]))
    );
    let found = first("number of films before 2020", &facts).intent;
    assert_eq!(
        (found.filters[0].operator, &found.filters[0].value),
        (Operator::Less, &serde_json::json!(2020))
    );
    let mut sellers = facts.clone();
    sellers.columns[1] = column(0, "film", "sales_last_year", Semantic::Metric);
    let found = first("number of films in 2024", &sellers).intent;
    assert!(
        found.filters.is_empty() && found.time.is_some(),
        "a figure of a year is no year"
    );
    let time = first("number of films per month", &facts).intent.time.expect("a time");
    assert_eq!(time.of, "shop.film.last_update", "a month is none of a year's");
    let orders = first("number of orders per year", &shop()).intent;
    assert!(orders.time.is_some(), "dates where there are such");
}

#[test]
fn words_that_are_values_say_which_rows_count() {
    let facts = shop();
    let found = first("number of open orders", &facts);
    assert_eq!(found.intent.filters[0].of, "shop.orders.status");
    assert_eq!(found.intent.filters[0].value, "open");
    let found = first("number of customers with the newsletter", &facts);
    assert_eq!(
        (found.intent.filters[0].of.as_str(), found.left.len()),
        ("shop.customer.newsletter", 0)
    );
    let lost = first("number of orders with the wormhole", &facts);
    assert_eq!(lost.left, ["wormhole"]);
    assert!(lost.confidence < 0.5 && lost.confidence < found.confidence);
}

#[test]
fn figures_are_computed_where_no_column_has_them_and_what_was_taught_leads() {
    let mut facts = shop();
    assert_eq!(
        first("revenue by status", &facts).intent.metrics[0].of,
        "shop.order_line.quantity * shop.order_line.unit_price"
    );
    facts.meanings.push(Meaning {
        phrase: MEASURE_AT,
        table: 2,
        column: Some(7),
        expression: None,
        confidence: 0.9,
    });
    assert_eq!(
        first("revenue by status", &facts).intent.metrics[0].of,
        "shop.order_line.unit_price"
    );
    assert!(first("velocity of swallows", &shop()).confidence < 0.3);
    assert!(
        interpret(
            "orders",
            &read("orders", date(2026, 1, 1)).expect("a reading"),
            &Facts::default()
        )
        .is_empty()
    );
}
