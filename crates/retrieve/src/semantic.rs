//! What columns and tables are, in the terms of who asks for figures: read off types, keys, names and statistics.

use crate::words::{phrase, readable, words_of};

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

/// What a table is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Something that happens, with figures.
    Fact,
    /// Something that facts are about.
    Dimension,
    /// Which of one thing belongs to which of another.
    Bridge,
    /// What happened, for the record.
    Log,
    /// Codes with what they mean.
    Lookup,
    /// How something was before.
    History,
}

impl Purpose {
    /// As SQL tells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Fact => "fact",
            Purpose::Dimension => "dimension",
            Purpose::Bridge => "bridge",
            Purpose::Log => "log",
            Purpose::Lookup => "lookup",
            Purpose::History => "history",
        }
    }
}

/// Every value of [`Purpose`].
pub const PURPOSES: [Purpose; 6] = [
    Purpose::Fact,
    Purpose::Dimension,
    Purpose::Bridge,
    Purpose::Log,
    Purpose::Lookup,
    Purpose::History,
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

/// A guess with how sure it is, from 0 to 1, and why.
#[derive(Clone, Debug)]
pub struct Guess<T> {
    /// What it is.
    pub what: T,
    /// How sure that is: a rule of thumb.
    pub confidence: f32,
    /// By what it was seen.
    pub reason: String,
}

fn guess<T>(what: T, confidence: f32, reason: impl Into<String>) -> Guess<T> {
    Guess {
        what,
        confidence,
        reason: reason.into(),
    }
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

/// A table as far as it matters here.
#[derive(Clone, Debug, Default)]
pub struct TableFacts {
    /// Its name.
    pub name: String,
    /// How many columns it has.
    pub columns: usize,
    /// How many of them are metrics.
    pub metrics: usize,
    /// How many are dates.
    pub dates: usize,
    /// How many foreign keys it has.
    pub references: usize,
    /// How many foreign keys refer to it.
    pub referenced: usize,
    /// How many columns of its primary key are part of a foreign key.
    pub key_references: usize,
    /// How many columns its primary key has.
    pub key: usize,
}

/// What a table is for.
pub fn table_purpose(table: &TableFacts) -> Guess<Purpose> {
    use Purpose as P;
    let words: Vec<String> = phrase(&table.name).into_iter().map(|word| word.stem).collect();
    let has = |list: &[&'static str]| list.iter().copied().find(|one| words.iter().any(|word| word == one));
    let named = |word: &str| format!("its name says \"{word}\"");
    if let Some(word) = has(&["histori", "archiv", "snapshot", "revis"]) {
        return guess(P::History, 0.9, named(word));
    }
    if table.key > 1 && table.key_references == table.key && table.references > 1 && table.columns <= table.key + 2 {
        return guess(P::Bridge, 0.95, "its key is made of foreign keys");
    }
    if let Some(word) =
        has(&["log", "audit", "event", "activ", "trace", "visit", "view", "click"]).filter(|_| table.referenced == 0)
    {
        return guess(P::Log, 0.8, named(word));
    }
    let is_small = table.columns <= 4 && table.metrics == 0 && table.references == 0;
    if is_small && (table.referenced > 0 || has(&["type", "status", "categori", "code", "lookup", "kind"]).is_some()) {
        return guess(P::Lookup, 0.8, "it is small, without figures, and referred to");
    }
    match (table.metrics > 0, table.references, table.referenced) {
        (true, references, referenced) if references > 0 && references >= referenced => {
            guess(P::Fact, 0.8, "it has figures, and refers to other tables")
        }
        (true, 0, 0) if table.dates > 0 => guess(P::Fact, 0.5, "it has figures and dates"),
        (_, _, referenced) if referenced > 0 => guess(P::Dimension, 0.8, "other tables refer to it"),
        (false, references, _) if references > 1 => {
            guess(P::Bridge, 0.5, "it refers to several tables and has no figures")
        }
        _ => guess(P::Dimension, 0.4, "nothing says otherwise"),
    }
}

/// What people would call something: its words, the first with a capital.
pub fn display_name(name: &str) -> String {
    let words = readable(name);
    let mut characters = words.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
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

    #[test]
    fn tables_are_what_their_keys_say() {
        let table = |name: &str, columns, metrics, dates, references, referenced, (key_references, key)| TableFacts {
            name: name.to_owned(),
            columns,
            metrics,
            dates,
            references,
            referenced,
            key_references,
            key,
        };
        for (facts, wanted) in [
            (table("order_line", 6, 2, 0, 2, 0, (1, 2)), Purpose::Fact),
            (table("customer", 9, 0, 1, 0, 4, (0, 1)), Purpose::Dimension),
            (table("product", 25, 6, 3, 4, 14, (0, 1)), Purpose::Dimension),
            (table("sales_order_header", 26, 4, 4, 8, 2, (0, 1)), Purpose::Fact),
            (table("student_course", 2, 0, 0, 2, 0, (2, 2)), Purpose::Bridge),
            (table("product_category", 2, 0, 0, 0, 1, (0, 1)), Purpose::Lookup),
            (table("price_history", 5, 1, 2, 1, 0, (1, 2)), Purpose::History),
            (table("page_views", 5, 0, 1, 1, 0, (0, 1)), Purpose::Log),
        ] {
            assert_eq!(table_purpose(&facts).what, wanted, "{}", facts.name);
        }
    }

    #[test]
    fn names_are_what_people_would_say() {
        assert_eq!(display_name("cust_ord_hdr"), "Customer order header");
        assert_eq!(display_name("__"), "");
    }
}
