use super::*;
use jiff::civil::date;

fn reading(question: &str) -> Reading {
    read(question, date(2026, 11, 27)).expect(question)
}

#[test]
fn shapes_of_questions() {
    let told = |question: &str| {
        let found = reading(question);
        (found.function, found.measure, found.groups, found.limit)
    };
    let groups = |groups: &[&str]| groups.iter().map(|&group| group.to_owned()).collect::<Vec<_>>();
    for (question, function, measure, by, limit) in [
        (
            "How many articles are there per brand?",
            Some(Function::Count),
            "articles",
            &["brand"][..],
            None,
        ),
        (
            "total order value by city of delivery",
            Some(Function::Sum),
            "order value",
            &["city of delivery"],
            None,
        ),
        ("top 5 buyers by order value", None, "order value", &["buyers"], Some(5)),
        (
            "average discount on order lines by brand, top 2",
            Some(Function::Avg),
            "discount on order lines",
            &["brand"],
            Some(2),
        ),
        (
            "vendor with the longest lead time",
            None,
            "lead time",
            &["vendor"],
            Some(1),
        ),
        (
            "sellers with the highest bonus, top 3",
            None,
            "bonus",
            &["sellers"],
            Some(3),
        ),
        ("heaviest article", None, "weight", &["article"], Some(1)),
        (
            "most expensive article by list price",
            None,
            "list price",
            &["article"],
            Some(1),
        ),
        (
            "highest base salary in each unit",
            Some(Function::Max),
            "base salary",
            &["unit"],
            None,
        ),
        (
            "quantity ordered from each vendor",
            None,
            "quantity ordered",
            &["vendor"],
            None,
        ),
        (
            "revenue by region and by product line",
            None,
            "revenue",
            &["region", "product line"],
            None,
        ),
        ("the 3 largest invoices", Some(Function::Max), "invoices", &[], Some(3)),
        (
            "number of different cities",
            Some(Function::CountDistinct),
            "cities",
            &[],
            None,
        ),
    ] {
        assert_eq!(
            told(question),
            (function, measure.to_owned(), groups(by), limit),
            "{question}"
        );
    }
    let found = reading("orders with the voucher WELCOME5");
    assert_eq!(
        (found.measure.as_str(), found.conditions, found.values),
        ("orders", groups(&["voucher WELCOME5"]), groups(&["WELCOME5"]))
    );
    let found = reading("number of songs in the genre 'Jazz'");
    assert_eq!(
        (found.measure.as_str(), found.conditions),
        ("songs", groups(&["genre Jazz"]))
    );
    assert_eq!(reading("bottom 3 shops by revenue").descending, Some(false));
}

#[test]
fn spans_of_time() {
    for (question, from, to, grain) in [
        ("orders in 2025", Some(date(2025, 1, 1)), Some(date(2026, 1, 1)), None),
        (
            "How many orders were placed in each month of 2025?",
            Some(date(2025, 1, 1)),
            Some(date(2026, 1, 1)),
            Some(Grain::Month),
        ),
        (
            "monthly sales last year",
            Some(date(2025, 1, 1)),
            Some(date(2026, 1, 1)),
            Some(Grain::Month),
        ),
        (
            "gross pay in October 2025",
            Some(date(2025, 10, 1)),
            Some(date(2025, 11, 1)),
            None,
        ),
        (
            "visits per day this week",
            Some(date(2026, 11, 23)),
            Some(date(2026, 11, 30)),
            Some(Grain::Day),
        ),
        (
            "sales last quarter by region",
            Some(date(2026, 7, 1)),
            Some(date(2026, 10, 1)),
            None,
        ),
        ("sales in Q1 2024", Some(date(2024, 1, 1)), Some(date(2024, 4, 1)), None),
        ("orders since 2024-05-03", Some(date(2024, 5, 3)), None, None),
        ("orders before May 2024", None, Some(date(2024, 5, 1)), None),
        (
            "orders between 2020 and 2022 by status",
            Some(date(2020, 1, 1)),
            Some(date(2023, 1, 1)),
            None,
        ),
        (
            "orders in the last 30 days",
            Some(date(2026, 10, 29)),
            Some(date(2026, 11, 28)),
            None,
        ),
        (
            "revenue between March and August 2012",
            Some(date(2012, 3, 1)),
            Some(date(2012, 9, 1)),
            None,
        ),
        ("staff hired per year", None, None, Some(Grain::Year)),
        ("credit per bookkeeping month", None, None, None),
    ] {
        let found = reading(question);
        assert_eq!((found.from, found.to, found.grain), (from, to, grain), "{question}");
    }
    assert_eq!(reading("orders in 2025 by status").measure, "orders");
    assert!(read("orders since 9999-12-31 or in the last 9999 years", date(2026, 11, 27)).is_err());
}

#[test]
fn odd_questions_are_harmless() {
    let today = date(2026, 11, 27);
    for question in [
        "",
        "?",
        "the",
        "by by by",
        "how many",
        "top 5",
        "with the most",
        "'",
        "\"\" per \"x\"",
        "average",
        "each each",
    ] {
        let _ = read(question, today);
    }
    assert!(read("", today).is_err() && read("the of", today).is_ok());
    assert!(read(&"x ".repeat(2_000), today).is_err());
    assert_eq!(reading("orders of 'it is, by far'").values, ["it is, by far"]);
    for end in 0..40 {
        let question: String = "💥 top 3 größte „Kunden“ by 'ä per".chars().take(end).collect();
        let _ = read(&question, today);
    }
}
