//! A type that holds every value of the old one: what was written fits, what was read may be larger.

use serde_json::Value;

use super::{Subject, Verdict, medium};
use crate::change::ChangeKind;

pub(super) fn judge(subject: &Subject<'_>) -> Option<Verdict> {
    let name = |value: &Value| value.get("type").and_then(Value::as_str).map(str::to_owned);
    let (from, to) = (name(subject.before)?, name(subject.after)?);
    let collation = subject.before.get("collation") != subject.after.get("collation");
    (subject.what == ChangeKind::TypeChanged && !collation && holds(&to, &from))
        .then(|| medium("every old value fits; readers may meet longer or larger ones than they can take"))
}

/// Types whose number in parentheses is the most they hold.
const LIMITED: [&str; 6] = [
    "numeric",
    "character varying",
    "character",
    "bit varying",
    "time",
    "interval",
];

/// Whether each value of type `narrow` is one of type `wide`, both as `format_type` writes them.
pub(super) fn holds(wide: &str, narrow: &str) -> bool {
    let ((wide, wide_limits), (narrow, narrow_limits)) = (split(wide), split(narrow));
    let base = &wide;
    if wide == narrow {
        return match (wide_limits.as_slice(), narrow_limits.as_slice()) {
            (wide, narrow) if wide == narrow => true,
            // of other types than these the number is no upper limit: vector(3) holds no vector(2), bit(8) no bit(4)
            _ if !LIMITED.iter().any(|name| base.starts_with(name)) => false,
            ([], _) => true,
            (_, []) => false,
            // numeric(precision, scale): as many digits before the point and after it
            (wide, narrow) => {
                let digits = |limits: &[i64]| (limits[0] - limits.get(1).unwrap_or(&0), *limits.get(1).unwrap_or(&0));
                let ((whole, fraction), (had, had_fraction)) = (digits(wide), digits(narrow));
                whole >= had && fraction >= had_fraction
            }
        };
    }
    let wider: &[&str] = match narrow.as_str() {
        "smallint" => &["integer", "bigint", "numeric", "real", "double precision"],
        "integer" => &["bigint", "numeric", "double precision"],
        "bigint" => &["numeric"],
        "real" => &["double precision"],
        "character varying" | "character" => &["text"],
        "date" => &["timestamp without time zone"],
        "json" => &["text"],
        _ => &[],
    };
    wide_limits.is_empty() && wider.contains(&wide.as_str())
}

/// A type's name without what is in its parentheses, and the numbers there.
fn split(name: &str) -> (String, Vec<i64>) {
    let parts = name.split_once('(').and_then(|(before, rest)| {
        let (inside, after) = rest.split_once(')')?;
        let limits = inside
            .split(',')
            .map(|number| number.trim().parse().ok())
            .collect::<Option<_>>()?;
        Some((format!("{before}{after}"), limits))
    });
    parts.unwrap_or_else(|| (name.to_owned(), Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::holds;
    use crate::impact::example::judged;
    use crate::{ChangeKind, Impact, Kind, PartKind};
    use serde_json::json;

    #[test]
    fn what_holds_what() {
        for (wide, narrow) in [
            ("bigint", "integer"),
            ("text", "character varying(20)"),
            ("character varying(30)", "character varying(20)"),
            ("numeric(12,2)", "numeric(10,2)"),
            ("numeric", "numeric(10,2)"),
            ("timestamp without time zone", "timestamp(3) without time zone"),
            ("bigint[]", "bigint[]"),
        ] {
            assert!(holds(wide, narrow), "{wide} {narrow}");
        }
        for (wide, narrow) in [
            ("integer", "bigint"),
            ("numeric(12,4)", "numeric(10,1)"),
            ("numeric(10,2)", "numeric(10,0)"),
            ("character varying(20)", "text"),
            ("text", "integer"),
            ("real", "integer"),
            ("numeric(4,0)", "bigint"),
            ("vector(1024)", "vector(384)"),
            ("bit(16)", "bit(8)"),
            ("vector", "geometry(2)"),
        ] {
            assert!(!holds(wide, narrow), "{wide} {narrow}");
        }
    }

    #[test]
    fn is_medium() {
        let (before, after) = (json!({"type": "integer"}), json!({"type": "bigint"}));
        let told = judged(
            ChangeKind::TypeChanged,
            Kind::Table,
            Some(PartKind::Column),
            before,
            after,
        );
        assert_eq!(told, ("type_widened", Impact::Medium));
    }
}
