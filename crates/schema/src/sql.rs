//! The lexical level of SQL: enough to find names in what PostgreSQL prints, and to write names and texts.
//!
//! Definitions hold expressions and queries as PostgreSQL prints them with `search_path = pg_catalog`: every name
//! outside `pg_catalog` is qualified, and strings are standard-conforming. So two identifiers with a point between
//! them are a name, or a column of an alias; which of them is for the caller to know.

use std::borrow::Cow;

/// One token. White space and comments are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// An identifier or keyword: folded to lower case unless it was quoted.
    Word(Cow<'a, str>),
    /// A string constant with its quotes resolved.
    Text(Cow<'a, str>),
    /// Anything else: a number, or one character of an operator or punctuation.
    Other(&'a str),
}

/// The tokens of a text, each with where it starts and ends in bytes.
pub fn tokens(text: &str) -> Vec<(Token<'_>, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let start = at;
        let token = match c {
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '"' => {
                at = closing(text, at, '"');
                Token::Word(unquoted(&text[start..at], '"'))
            }
            '\'' => {
                at = closing(text, at, '\'');
                Token::Text(unquoted(&text[start..at], '\''))
            }
            // E'…' is what PostgreSQL prints for a string with a backslash
            'E' if text[at + 1..].starts_with('\'') => {
                at = closing_escaped(text, at + 1);
                Token::Text(Cow::Borrowed(&text[start..at]))
            }
            c if is_word_start(c) => {
                at = end_of(text, at, |c| is_word_start(c) || c.is_ascii_digit() || c == '$');
                let word = &text[start..at];
                Token::Word(match word.chars().any(|c| c.is_ascii_uppercase()) {
                    true => Cow::Owned(word.to_ascii_lowercase()),
                    false => Cow::Borrowed(word),
                })
            }
            c if c.is_ascii_digit() => {
                at = end_of(text, at, |c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
                Token::Other(&text[start..at])
            }
            c => {
                at += c.len_utf8();
                Token::Other(&text[start..at])
            }
        };
        found.push((token, start..at));
    }
    found
}

fn is_word_start(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic() || !c.is_ascii()
}

fn end_of(text: &str, from: usize, belongs: impl Fn(char) -> bool) -> usize {
    text[from..]
        .find(|c| !belongs(c))
        .map_or(text.len(), |length| from + length)
}

/// Behind the quote that closes the one at `from`; a doubled one does not.
fn closing(text: &str, from: usize, quote: char) -> usize {
    let mut at = from + 1;
    while let Some(length) = text[at..].find(quote) {
        at += length + 1;
        if !text[at..].starts_with(quote) {
            return at;
        }
        at += 1;
    }
    text.len()
}

fn closing_escaped(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = from + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'\'' if bytes.get(at + 1) == Some(&b'\'') => at += 2,
            b'\'' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

fn unquoted(text: &str, quote: char) -> Cow<'_, str> {
    let inner = text.strip_prefix(quote).unwrap_or(text);
    let inner = inner.strip_suffix(quote).unwrap_or(inner);
    match inner.contains(quote) {
        true => Cow::Owned(inner.replace(&format!("{quote}{quote}"), &quote.to_string())),
        false => Cow::Borrowed(inner),
    }
}

/// The two halves of a qualified name as it is written: `shop."Order"`.
pub fn qualified(text: &str) -> Option<(String, String)> {
    match tokens(text).as_slice() {
        [(Token::Word(schema), _), (Token::Other("."), _), (Token::Word(name), _)] => {
            Some((schema.to_string(), name.to_string()))
        }
        _ => None,
    }
}

/// The identifiers with points between them that a text begins with, and where they end in bytes: `o.customer_id = 1`
/// begins with o and customer_id.
pub fn leading_name(text: &str) -> (Vec<String>, usize) {
    let (mut names, mut end) = (Vec::new(), 0);
    let mut wants_name = true;
    for (token, range) in tokens(&text[..text.floor_char_boundary(MAX_NAME)]) {
        match token {
            Token::Word(name) if wants_name => {
                names.push(name.into_owned());
                end = range.end;
                wants_name = false;
            }
            Token::Other(".") if !wants_name => wants_name = true,
            _ => break,
        }
    }
    (names, end)
}

/// Longest text that a qualified name is looked for in, in bytes: three names of 63 bytes, quoted, and some room.
const MAX_NAME: usize = 512;

/// Every pair of identifiers with a point between them, those in string constants that are cast to a `reg…` type
/// included (`nextval('shop.order_id_seq'::regclass)`).
pub fn mentions(text: &str) -> Vec<(String, String)> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    for (at, (token, _)) in tokens.iter().enumerate() {
        let next = |ahead: usize| tokens.get(at + ahead).map(|(token, _)| token);
        match token {
            Token::Word(schema) => {
                if let (Some(Token::Other(".")), Some(Token::Word(name))) = (next(1), next(2)) {
                    found.push((schema.to_string(), name.to_string()));
                }
            }
            Token::Text(inner) if inner.contains('.') => found.extend(qualified(inner)),
            _ => {}
        }
    }
    found
}

/// Identifiers with points between them, unquoted, with where they stand; not those that a parenthesis follows, which are
/// functions and types.
pub fn dotted_names(text: &str) -> Vec<(Vec<String>, std::ops::Range<usize>)> {
    let tokens = tokens(text);
    let mut found: Vec<(Vec<String>, std::ops::Range<usize>)> = Vec::new();
    let mut is_open = false;
    for (token, range) in tokens {
        match token {
            Token::Word(word) => match found.last_mut().filter(|_| is_open) {
                Some((parts, whole)) => {
                    parts.push(word.into_owned());
                    whole.end = range.end;
                    is_open = false;
                }
                None => found.push((vec![word.into_owned()], range)),
            },
            Token::Other(".") => is_open = found.last().is_some_and(|(_, whole)| whole.end == range.start),
            Token::Other("(") => {
                let is_call =
                    |(_, whole): &(Vec<String>, std::ops::Range<usize>)| text[whole.end..range.start].trim().is_empty();
                if found.last().is_some_and(is_call) {
                    found.pop();
                }
                is_open = false;
            }
            _ => is_open = false,
        }
    }
    found
}

/// Whether every parenthesis and bracket that is closed was open.
pub fn is_balanced(text: &str) -> bool {
    let mut open = 0_i32;
    for (token, _) in tokens(text) {
        match token {
            Token::Other("(" | "[") => open += 1,
            Token::Other(")" | "]") => open -= 1,
            _ => (),
        }
        if open < 0 {
            return false;
        }
    }
    open == 0
}

/// Whether a word occurs as an identifier in a text as PostgreSQL prints it.
pub fn has_word(text: &str, word: &str) -> bool {
    text.contains(word.trim_matches('"')) && has_identifier(text, word)
}

/// Whether a word occurs as an identifier in a text as people write it, in capitals or not.
pub fn has_identifier(text: &str, word: &str) -> bool {
    tokens(text)
        .iter()
        .any(|(token, _)| matches!(token, Token::Word(found) if found == word))
}

/// The parts of a list at its commas, not those in parentheses, brackets or quotes.
pub fn split_list(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_i32, 0, Vec::new());
    for (token, range) in tokens(text) {
        match token {
            Token::Other("(" | "[") => depth += 1,
            Token::Other(")" | "]") => depth -= 1,
            Token::Other(",") if depth == 0 => {
                parts.push(text[start..range.start].trim());
                start = range.end;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

/// A body as it is printed for a function in the standard's form, without labels that say what goes without saying:
/// `'x'` is printed as `'x'::text`, and what that is read back as is printed as `'x'::text AS text`.
pub fn without_type_labels(body: &str) -> String {
    let tokens = tokens(body);
    let mut written = String::with_capacity(body.len());
    let mut from = 0;
    for (at, window) in tokens.windows(2).enumerate() {
        let ((Token::Word(word), as_at), (Token::Word(label), label_at)) = (&window[0], &window[1]) else {
            continue;
        };
        let start = tokens[..at].iter().rposition(|(token, _)| *token == Token::Other(":"));
        let Some(start) = start.filter(|_| word == "as") else {
            continue;
        };
        let type_name = body[tokens[start].1.end..as_at.start].trim();
        if internal_name(type_name) == Some(label.as_ref()) {
            written.push_str(body[from..as_at.start].trim_end());
            from = label_at.end;
        }
    }
    written.push_str(&body[from..]);
    written
}

/// What the grammar calls a type that has a name of several words or of the standard's.
fn internal_name(type_name: &str) -> Option<&str> {
    Some(match type_name {
        "smallint" => "int2",
        "integer" => "int4",
        "bigint" => "int8",
        "real" => "float4",
        "double precision" => "float8",
        "boolean" => "bool",
        "character varying" => "varchar",
        "character" => "bpchar",
        "timestamp with time zone" => "timestamptz",
        "timestamp without time zone" => "timestamp",
        "time with time zone" => "timetz",
        "time without time zone" => "time",
        other if other.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) => other,
        _ => return None,
    })
}

/// An identifier with quotes where it needs them, by the rule of PostgreSQL's `quote_ident()`.
pub fn ident(name: &str) -> String {
    let plain = name.starts_with(|c: char| c == '_' || c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit());
    match plain && KEYWORDS.binary_search(&name).is_err() {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// A list of identifiers.
pub fn idents<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(ident).collect::<Vec<_>>().join(", ")
}

/// A text as a string constant that means the same whatever `standard_conforming_strings` is.
pub fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    match doubled.contains('\\') {
        true => format!("E'{}'", doubled.replace('\\', "\\\\")),
        false => format!("'{doubled}'"),
    }
}

/// A text between dollar quotes whose tag does not occur in it.
pub fn dollar_quoted(text: &str) -> String {
    let mut tag = "$function$".to_owned();
    while text.contains(&tag) {
        tag.insert(tag.len() - 1, '_');
    }
    format!("{tag}{text}{tag}")
}

/// Keywords that are not unreserved (appendix C of the manual, PostgreSQL 16 to 18), sorted.
const KEYWORDS: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_table",
    "json_value",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "merge_action",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_an_expression_are_found() {
        let text = "round(s.\"T x\".qty * t.price, 2) || coalesce(a.b, '(x.y') -- z";
        let names: Vec<(String, &str)> = dotted_names(text)
            .into_iter()
            .map(|(parts, range)| (parts.join("|"), &text[range]))
            .collect();
        assert_eq!(
            names[..3],
            [
                ("s|T x|qty".to_owned(), "s.\"T x\".qty"),
                ("t|price".to_owned(), "t.price"),
                ("a|b".to_owned(), "a.b")
            ]
        );
        assert!(is_balanced("f(a[1])") && !is_balanced("a) + (b") && !is_balanced("(a") && is_balanced("')'"));
    }

    #[test]
    fn a_name_is_taken_off_the_beginning() {
        let names = |text| leading_name(text);
        assert_eq!(
            names("o.\"Customer Id\" = 1"),
            (vec!["o".to_owned(), "Customer Id".to_owned()], 15)
        );
        assert_eq!(names("Orders WHERE"), (vec!["orders".to_owned()], 6));
        assert_eq!(names("= 1"), (vec![], 0));
    }

    #[test]
    fn keywords_are_sorted() {
        assert!(KEYWORDS.is_sorted());
    }

    #[test]
    fn names_are_found_and_strings_are_not_taken_for_names() {
        let text = "SELECT o.id, 'x.y' AS \"A.b\" FROM shop.\"Order\" o WHERE (o.n > nextval('shop.s'::regclass))";
        let found = mentions(text);
        assert!(found.contains(&("shop".into(), "Order".into())));
        assert!(found.contains(&("shop".into(), "s".into())));
        assert!(!found.contains(&("A".into(), "b".into())));
        assert!(has_word(text, "Order") && !has_word(text, "order") && !has_word(text, "Ord"));
    }

    #[test]
    fn what_is_quoted_is_read_back() {
        for name in ["plain", "Größe", "a\"b", "order", "two words", "_x1", "1x", ""] {
            assert_eq!(tokens(&ident(name)).len(), 1);
            assert_eq!(
                qualified(&format!("s.{}", ident(name))),
                Some(("s".into(), name.into()))
            );
        }
        assert_eq!(ident("orders"), "orders");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\b"), "E'a\\\\b'");
        assert_eq!(dollar_quoted("$function$"), "$function_$$function$$function_$");
    }

    #[test]
    fn labels_that_a_cast_gives_by_itself_are_left_out() {
        assert_eq!(
            without_type_labels("SELECT t.a, 'q''s'::text AS text, 1::bigint AS int8, 2::bigint AS \"text\" FROM s.t"),
            "SELECT t.a, 'q''s'::text, 1::bigint, 2::bigint AS \"text\" FROM s.t"
        );
    }

    #[test]
    fn a_list_is_split_at_its_own_commas() {
        assert_eq!(split_list("lower(a, 'x,y'), (b || c)"), ["lower(a, 'x,y')", "(b || c)"]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken_apart_in_order_and_nothing_is_lost(text in ".*") {
            let mut end = 0;
            for (_, range) in tokens(&text) {
                proptest::prop_assert!(range.start >= end && range.end > range.start);
                proptest::prop_assert!(text[end..range.start].chars().all(char::is_whitespace));
                end = range.end;
            }
            proptest::prop_assert!(text[end..].chars().all(char::is_whitespace));
            mentions(&text);
            split_list(&text);
            without_type_labels(&text);
        }

        #[test]
        fn any_name_and_text_is_read_back_as_it_was_written(name in ".+", text in "[^\\\\]*") {
            let written = ident(&name);
            proptest::prop_assert_eq!(tokens(&written), vec![(Token::Word(name.into()), 0..written.len())]);
            let written = literal(&text);
            proptest::prop_assert_eq!(tokens(&written), vec![(Token::Text(text.into()), 0..written.len())]);
        }
    }
}
