//! What columns are.

use super::{Guess, guess};
use crate::words::words_of;

/// What a column is to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Semantic {
    /// A figure that is added up or averaged.
    Metric,
    /// What figures are grouped and filtered by.
    Dimension,
    /// A day or a moment.
    Date,
    /// What tells rows apart, or refers to one.
    Identifier,
    /// Words for people.
    Text,
    /// Yes or no.
    Boolean,
    /// A document.
    Json,
    /// A place.
    Geo,
    /// An embedding.
    Vector,
}

impl Semantic {
    /// As SQL tells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Semantic::Metric => "metric",
            Semantic::Dimension => "dimension",
            Semantic::Date => "date",
            Semantic::Identifier => "identifier",
            Semantic::Text => "text",
            Semantic::Boolean => "boolean",
            Semantic::Json => "json",
            Semantic::Geo => "geo",
            Semantic::Vector => "vector",
        }
    }
}

/// Every value of [`Semantic`].
pub const SEMANTICS: [Semantic; 9] = [
    Semantic::Metric,
    Semantic::Dimension,
    Semantic::Date,
    Semantic::Identifier,
    Semantic::Text,
    Semantic::Boolean,
    Semantic::Json,
    Semantic::Geo,
    Semantic::Vector,
];

/// A column as far as it matters here.
#[derive(Clone, Debug, Default)]
pub struct ColumnFacts {
    /// Its name.
    pub name: String,
    /// The name of its type, or of what a domain is over.
    pub type_name: String,
    /// `pg_type.typcategory` of that.
    pub category: char,
    /// Part of the primary key, or unique by itself.
    pub is_key: bool,
    /// Part of a foreign key.
    pub is_reference: bool,
    /// Whether its values are listed, by an enum or a CHECK.
    pub is_listed: bool,
    /// `pg_stats.n_distinct`: how many values it has, or minus the share of rows that differ.
    pub distinct: Option<f32>,
}

const GEO_TYPES: &[&str] = &["geography", "geometry", "raster"];
const VECTOR_TYPES: &[&str] = &["halfvec", "sparsevec", "vector"];
const DOCUMENT_TYPES: &[&str] = &["hstore", "json", "jsonb", "xml"];

const GEO: &[&str] = &["latitude", "lat", "longitude", "lon", "lng"];
const FLAG: &[&str] = &["flag", "is", "has", "can", "should"];
const MEASURE: &[&str] = &[
    "amount",
    "area",
    "average",
    "balance",
    "budget",
    "capacity",
    "cost",
    "count",
    "credit",
    "debit",
    "discount",
    "distance",
    "duration",
    "fee",
    "gain",
    "height",
    "hours",
    "income",
    "length",
    "loss",
    "maximum",
    "minimum",
    "minutes",
    "ms",
    "percent",
    "percentage",
    "points",
    "population",
    "price",
    "profit",
    "quantity",
    "rate",
    "rating",
    "ratio",
    "revenue",
    "salary",
    "sales",
    "score",
    "seconds",
    "size",
    "speed",
    "stock",
    "tax",
    "temperature",
    "total",
    "units",
    "value",
    "volume",
    "wage",
    "weight",
    "width",
    "year to date",
];
const GROUPING: &[&str] = &[
    "brand",
    "category",
    "channel",
    "city",
    "class",
    "code",
    "color",
    "colour",
    "continent",
    "country",
    "county",
    "currency",
    "department",
    "gender",
    "genre",
    "grade",
    "group",
    "kind",
    "language",
    "level",
    "locale",
    "method",
    "month",
    "nationality",
    "phase",
    "position",
    "postal",
    "priority",
    "province",
    "quarter",
    "rank",
    "region",
    "role",
    "season",
    "sector",
    "segment",
    "sex",
    "size",
    "stage",
    "state",
    "status",
    "style",
    "team",
    "territory",
    "tier",
    "timezone",
    "title",
    "type",
    "unit",
    "version",
    "week",
    "weekday",
    "year",
    "zip",
];
const WORDS: &[&str] = &[
    "address",
    "biography",
    "body",
    "comment",
    "content",
    "description",
    "email",
    "line",
    "message",
    "name",
    "note",
    "notes",
    "path",
    "phone",
    "remark",
    "review",
    "subject",
    "summary",
    "text",
    "url",
    "website",
];
const TIME: &[&str] = &["date", "datetime", "day", "time", "timestamp"];
const IDENTIFIER: &[&str] = &[
    "guid",
    "id",
    "identifier",
    "key",
    "number",
    "reference",
    "rowguid",
    "uuid",
];

/// Values up to which a column is taken for one that rows are grouped by.
const FEW: f32 = 50.0;

/// What a column is.
pub fn column_semantic(column: &ColumnFacts) -> Guess<Semantic> {
    use Semantic as S;
    let words = words_of(&column.name);
    let has = |list: &[&'static str]| list.iter().copied().find(|one| words.iter().any(|word| word == one));
    let last = |list: &[&'static str]| {
        words
            .last()
            .and_then(|last| list.iter().copied().find(|one| one == last))
    };
    let named = |word: &str| format!("its name says \"{word}\"");
    let typed = || format!("its type is {}", column.type_name);
    let base = column.type_name.split(['(', ' ']).next().unwrap_or("");
    let base = base.rsplit('.').next().unwrap_or(base);
    if VECTOR_TYPES.contains(&base) {
        return guess(S::Vector, 1.0, typed());
    }
    if DOCUMENT_TYPES.contains(&base) {
        return guess(S::Json, 1.0, typed());
    }
    if GEO_TYPES.contains(&base) || column.category == 'G' {
        return guess(S::Geo, 1.0, typed());
    }
    if column.category == 'B' {
        return guess(S::Boolean, 1.0, typed());
    }
    if column.category == 'D' {
        return guess(S::Date, 1.0, typed());
    }
    if column.category == 'E' {
        return guess(S::Dimension, 0.95, "its values are an enum's");
    }
    if column.is_reference {
        return guess(S::Identifier, 0.95, "it refers to another table");
    }
    if base == "uuid" || (column.is_key && column.category == 'N') {
        return guess(
            S::Identifier,
            0.95,
            if column.is_key {
                "it is a key".to_owned()
            } else {
                typed()
            },
        );
    }
    if column.is_listed {
        return guess(S::Dimension, 0.9, "its values are listed by a CHECK");
    }
    if let Some(word) = last(&IDENTIFIER[..3]).or_else(|| last(&["key", "rowguid", "uuid"])) {
        return guess(S::Identifier, 0.85, named(word));
    }
    let few = column.distinct.is_some_and(|distinct| (1.0..=FEW).contains(&distinct));
    match column.category {
        'N' => {
            if let Some(word) = has(GEO) {
                return guess(S::Geo, 0.9, named(word));
            }
            if let Some(word) = has(FLAG).filter(|_| few || column.distinct.is_none()) {
                return guess(S::Boolean, 0.7, named(word));
            }
            if let Some(word) = last(MEASURE) {
                return guess(S::Metric, 0.9, named(word));
            }
            if let Some(word) = last(&["year"]) {
                return guess(S::Date, 0.7, named(word));
            }
            if let Some(word) = last(GROUPING).or_else(|| last(&["number"])) {
                return guess(S::Dimension, 0.75, named(word));
            }
            match base {
                "numeric" | "money" | "real" | "double" | "float4" | "float8" => guess(S::Metric, 0.8, typed()),
                _ if has(MEASURE).is_some() => guess(S::Metric, 0.75, named(has(MEASURE).unwrap_or_default())),
                _ if few => guess(S::Dimension, 0.6, "it has few values"),
                _ => guess(S::Metric, 0.55, typed()),
            }
        }
        'T' => guess(S::Metric, 0.8, typed()),
        'S' => {
            if let Some(word) = last(TIME) {
                return guess(S::Date, 0.6, named(word));
            }
            if column.is_key {
                return guess(S::Identifier, 0.85, "it is a key");
            }
            if let Some(word) = last(GROUPING) {
                return guess(S::Dimension, 0.85, named(word));
            }
            if let Some(word) = last(WORDS) {
                return guess(S::Text, 0.8, named(word));
            }
            if let Some(word) = last(IDENTIFIER) {
                return guess(S::Identifier, 0.7, named(word));
            }
            match few {
                true => guess(S::Dimension, 0.7, "it has few values"),
                false => guess(S::Text, 0.6, typed()),
            }
        }
        _ => guess(S::Text, 0.4, typed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, type_name: &str, category: char) -> ColumnFacts {
        ColumnFacts {
            name: name.to_owned(),
            type_name: type_name.to_owned(),
            category,
            ..ColumnFacts::default()
        }
    }

    #[test]
    fn columns_are_what_type_name_and_keys_say() {
        use Semantic as S;
        for (name, type_name, category, wanted) in [
            ("unit_prc", "numeric(10,2)", 'N', S::Metric),
            ("qty", "integer", 'N', S::Metric),
            ("orderqty", "smallint", 'N', S::Metric),
            ("fiscal_year", "integer", 'N', S::Date),
            ("status", "text", 'S', S::Dimension),
            ("ctry_cd", "character(2)", 'S', S::Dimension),
            ("full_name", "text", 'S', S::Text),
            ("placed_at", "timestamp with time zone", 'D', S::Date),
            ("customer_id", "integer", 'N', S::Identifier),
            ("is_active", "smallint", 'N', S::Boolean),
            ("latitude", "double precision", 'N', S::Geo),
            ("where", "public.geometry(Point,4326)", 'U', S::Geo),
            ("payload", "jsonb", 'U', S::Json),
            ("embedding", "public.vector(384)", 'U', S::Vector),
            ("took", "interval", 'T', S::Metric),
        ] {
            let found = column_semantic(&column(name, type_name, category));
            assert_eq!(found.what, wanted, "{name}: {}", found.reason);
            assert!((0.0..=1.0).contains(&found.confidence) && !found.reason.is_empty());
        }
        let mut key = column("code", "text", 'S');
        assert_eq!(column_semantic(&key).what, S::Dimension);
        key.is_key = true;
        assert_eq!(column_semantic(&key).what, S::Identifier);
        let mut text = column("mood", "text", 'S');
        assert_eq!(column_semantic(&text).what, S::Text);
        text.distinct = Some(4.0);
        assert_eq!(column_semantic(&text).what, S::Dimension);
    }
}
