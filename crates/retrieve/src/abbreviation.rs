//! What people shorten names to when they name tables.
//!
//! Only abbreviations that stand for one word in practice; what depends on the company is learned
//! elsewhere. Collected from the naming guides of ISO/IEC 11179 style data standards and from public
//! schemas.

/// Abbreviation and what it stands for.
const ABBREVIATIONS: &[(&str, &str)] = &[
    ("acct", "account"),
    ("accts", "accounts"),
    ("addr", "address"),
    ("addl", "additional"),
    ("adj", "adjustment"),
    ("agmt", "agreement"),
    ("alloc", "allocation"),
    ("amt", "amount"),
    ("appt", "appointment"),
    ("asgn", "assignment"),
    ("attr", "attribute"),
    ("auth", "authorization"),
    ("avg", "average"),
    ("bal", "balance"),
    ("bldg", "building"),
    ("cat", "category"),
    ("cd", "code"),
    ("cfg", "configuration"),
    ("chg", "change"),
    ("cntry", "country"),
    ("cmt", "comment"),
    ("cnt", "count"),
    ("conf", "configuration"),
    ("config", "configuration"),
    ("ctgry", "category"),
    ("ctry", "country"),
    ("cur", "currency"),
    ("curr", "currency"),
    ("cust", "customer"),
    ("dept", "department"),
    ("desc", "description"),
    ("descr", "description"),
    ("dest", "destination"),
    ("disc", "discount"),
    ("div", "division"),
    ("dlv", "delivery"),
    ("dlvr", "delivery"),
    ("dob", "birth date"),
    ("doc", "document"),
    ("dt", "date"),
    ("dtl", "detail"),
    ("emp", "employee"),
    ("equip", "equipment"),
    ("evt", "event"),
    ("exp", "expense"),
    ("fname", "first name"),
    ("freq", "frequency"),
    ("grp", "group"),
    ("hdr", "header"),
    ("hist", "history"),
    ("hr", "human resources"),
    ("img", "image"),
    ("inv", "inventory"),
    ("lang", "language"),
    ("lname", "last name"),
    ("loc", "location"),
    ("max", "maximum"),
    ("mfg", "manufacturing"),
    ("mfr", "manufacturer"),
    ("mgr", "manager"),
    ("min", "minimum"),
    ("msg", "message"),
    ("mst", "master"),
    ("mstr", "master"),
    ("mth", "month"),
    ("nbr", "number"),
    ("num", "number"),
    ("obs", "observation"),
    ("opt", "option"),
    ("ord", "order"),
    ("org", "organization"),
    ("orig", "original"),
    ("param", "parameter"),
    ("pct", "percent"),
    ("perf", "performance"),
    ("pmt", "payment"),
    ("po", "purchase order"),
    ("pos", "position"),
    ("pref", "preference"),
    ("prev", "previous"),
    ("prj", "project"),
    ("prod", "product"),
    ("proj", "project"),
    ("promo", "promotion"),
    ("pur", "purchase"),
    ("pwd", "password"),
    ("pymt", "payment"),
    ("rcv", "receive"),
    ("recv", "receive"),
    ("rqst", "request"),
    ("rtn", "return"),
    ("qry", "query"),
    ("qty", "quantity"),
    ("rcpt", "receipt"),
    ("rec", "record"),
    ("ref", "reference"),
    ("req", "request"),
    ("resp", "response"),
    ("rev", "revenue"),
    ("rpt", "report"),
    ("sched", "schedule"),
    ("seq", "sequence"),
    ("shp", "shipping"),
    ("spec", "specification"),
    ("src", "source"),
    ("stat", "status"),
    ("std", "standard"),
    ("subcat", "subcategory"),
    ("supp", "supplier"),
    ("svc", "service"),
    ("tot", "total"),
    ("trx", "transaction"),
    ("txn", "transaction"),
    ("typ", "type"),
    ("uom", "unit of measure"),
    ("upd", "update"),
    ("usr", "user"),
    ("util", "utilization"),
    ("val", "value"),
    ("vend", "vendor"),
    ("wh", "warehouse"),
    ("whse", "warehouse"),
    ("wk", "week"),
    ("xref", "cross reference"),
    ("yr", "year"),
];

/// What a lower-case word stands for, if it is an abbreviation.
pub(crate) fn expand(word: &str) -> Option<&'static str> {
    let at = ABBREVIATIONS.iter().find(|(short, _)| *short == word)?;
    Some(at.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_abbreviation_is_listed_twice() {
        let mut shorts: Vec<_> = ABBREVIATIONS.iter().map(|(short, _)| short).collect();
        shorts.sort_unstable();
        let all = shorts.len();
        shorts.dedup();
        assert_eq!(shorts.len(), all);
    }

    #[test]
    fn words_stay_words() {
        assert_eq!(expand("cust"), Some("customer"));
        assert_eq!(expand("customer"), None);
    }
}
