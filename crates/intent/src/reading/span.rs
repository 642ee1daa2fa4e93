//! When: "in 2025", "last month", "since May 2024", "between 2020 and 2022".

use jiff::ToSpan;
use jiff::civil::{Date, date};

/// A span of days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    /// Its first day.
    pub(super) from: Option<Date>,
    /// The first day that is not in it any more.
    pub(super) to: Option<Date>,
}

const MONTHS: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Words that may stand before a span and say nothing more.
const BEFORE: &[&str] = &["in", "during", "for", "of", "from", "on", "over", "within"];

/// Years that a bare number can be.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2199;

/// Why a question is refused whose span no calendar has.
fn beyond() -> String {
    "Its dates are beyond what the calendar has.".to_owned()
}

impl Span {
    /// The span that begins with these words, and how many words it takes.
    pub(super) fn at(words: &[&str], today: Date) -> Result<Option<(usize, Span)>, String> {
        let skip = usize::from(words.first().is_some_and(|word| BEFORE.contains(word)));
        if words.first() == Some(&"between") || words.first() == Some(&"from") {
            // The year stands once, behind the second.
            if let [_, first, "and" | "to" | "through" | "until", second, year, ..] = words
                && let (Some(first), Some(second), Ok(year)) = (month(first), month(second), year.parse::<i16>())
                && YEARS.contains(&year)
            {
                let span = Span {
                    from: months(year, first, 1)?.from,
                    to: months(year, second, 1)?.to,
                };
                return Ok(Some((5, span)));
            }
            if let Some((first, one)) = named(&words[1..], today)?
                && words
                    .get(1 + first)
                    .is_some_and(|word| ["and", "to", "until", "through", "till"].contains(word))
                && let Some((second, other)) = named(&words[2 + first..], today)?
            {
                let span = Span {
                    from: one.from,
                    to: other.to,
                };
                return Ok(Some((2 + first + second, span)));
            }
        }
        let open = |from, to| Span { from, to };
        if let Some(word) = words.first()
            && let Some((length, span)) = named(words.get(1..).unwrap_or_default(), today)?
        {
            let span = match *word {
                "since" => Some(open(span.from, None)),
                "after" => Some(open(span.to, None)),
                "before" => Some(open(None, span.from)),
                "until" | "till" | "through" => Some(open(None, span.to)),
                _ => None,
            };
            if let Some(span) = span {
                return Ok(Some((1 + length, span)));
            }
        }
        let the = usize::from(words.get(skip) == Some(&"the"));
        let Some((length, span)) = named(words.get(skip + the..).unwrap_or_default(), today)? else {
            return Ok(None);
        };
        // A bare number is a year only after a word that says so.
        let is_number = length == 1 && words[skip + the].parse::<i16>().is_ok();
        Ok((!is_number || skip > 0).then_some((skip + the + length, span)))
    }
}

/// A day, month, quarter or year with a name: how many words it takes.
fn named(words: &[&str], today: Date) -> Result<Option<(usize, Span)>, String> {
    let Some(&first) = words.first() else { return Ok(None) };
    let second = words.get(1).copied().unwrap_or("");
    let year = |word: &str| word.parse::<i16>().ok().filter(|year| YEARS.contains(year));
    if let Ok(day) = first.parse::<Date>() {
        return days(day, 1).map(|span| Some((1, span)));
    }
    if let Some(year) = year(first) {
        return months(year, 1, 12).map(|span| Some((1, span)));
    }
    if let Some(month) = month(first) {
        return Ok(match year(second) {
            Some(year) => Some((2, months(year, month, 1)?)),
            // "may" is a verb, too
            None if first == "may" || first == "march" => None,
            None => Some((1, months(today.year(), month, 1)?)),
        });
    }
    let quarter = first.strip_prefix('q').and_then(|number| number.parse::<i8>().ok());
    if let Some(quarter) = quarter.filter(|quarter| (1..=4).contains(quarter)) {
        let year = year(second);
        let span = months(year.unwrap_or(today.year()), 3 * quarter - 2, 3)?;
        return Ok(Some((1 + usize::from(year.is_some()), span)));
    }
    match first {
        "today" => return days(today, 1).map(|span| Some((1, span))),
        "yesterday" => {
            let yesterday = today.yesterday().map_err(|_| beyond())?;
            return days(yesterday, 1).map(|span| Some((1, span)));
        }
        _ => {}
    }
    let which = match first {
        "last" | "previous" | "past" => -1,
        "this" | "current" => 0,
        _ => return Ok(None),
    };
    if let Some(span) = around(second, which, today)? {
        return Ok(Some((2, span)));
    }
    let count: i32 = match second.parse() {
        Ok(count) if which == -1 && (1..=10_000).contains(&count) => count,
        _ => return Ok(None),
    };
    let unit = words.get(2).copied().unwrap_or("");
    let length = match unit.strip_suffix('s').unwrap_or(unit) {
        "day" => count.days(),
        "week" => count.weeks(),
        "month" => count.months(),
        "quarter" => (3 * count).months(),
        "year" => count.years(),
        _ => return Ok(None),
    };
    let tomorrow = today.tomorrow().map_err(|_| beyond())?;
    let span = Span {
        from: Some(tomorrow.checked_sub(length).map_err(|_| beyond())?),
        to: Some(tomorrow),
    };
    Ok(Some((3, span)))
}

/// The week, month, quarter or year of today, or the one before.
fn around(unit: &str, which: i8, today: Date) -> Result<Option<Span>, String> {
    let (year, month) = (today.year(), today.month());
    let first = |month: i8, length: i8| -> Result<Span, String> {
        let start = date(year, month, 1)
            .checked_add((i32::from(which) * i32::from(length)).months())
            .map_err(|_| beyond())?;
        months(start.year(), start.month(), length)
    };
    Ok(Some(match unit {
        "day" => days(today.checked_add(i32::from(which).days()).map_err(|_| beyond())?, 1)?,
        "week" => {
            let since_monday = i32::from(today.weekday().to_monday_zero_offset());
            let monday = today
                .checked_add((7 * i32::from(which) - since_monday).days())
                .map_err(|_| beyond())?;
            days(monday, 7)?
        }
        "month" => first(month, 1)?,
        "quarter" => first((month - 1) / 3 * 3 + 1, 3)?,
        "year" => first(1, 12)?,
        _ => return Ok(None),
    }))
}

fn month(word: &str) -> Option<i8> {
    let is = |name: &str| name == word || (word.len() >= 3 && word.len() <= 4 && name.starts_with(word));
    MONTHS
        .iter()
        .position(|name| is(name))
        .and_then(|at| i8::try_from(at + 1).ok())
}

fn days(first: Date, count: i32) -> Result<Span, String> {
    Ok(Span {
        from: Some(first),
        to: Some(first.checked_add(count.days()).map_err(|_| beyond())?),
    })
}

fn months(year: i16, month: i8, count: i8) -> Result<Span, String> {
    let first = Date::new(year, month, 1).map_err(|_| beyond())?;
    Ok(Span {
        from: Some(first),
        to: Some(first.checked_add(i32::from(count).months()).map_err(|_| beyond())?),
    })
}
