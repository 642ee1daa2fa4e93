//! A question as words, values and commas.

/// A word, a value, or a comma.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// As it is written, quotes taken off.
    pub(super) text: String,
    lower: String,
    is_quoted: bool,
}

impl Token {
    fn new(text: String, is_quoted: bool) -> Token {
        let lower = text.to_lowercase();
        Token { text, lower, is_quoted }
    }

    /// A word that the question does not have.
    pub(super) fn made(word: &str) -> Token {
        Token::new(word.to_owned(), false)
    }

    /// The word in lower case; nothing for what stands in quotes.
    pub(super) fn word(&self) -> &str {
        if self.is_quoted { "" } else { &self.lower }
    }

    pub(super) fn is_comma(&self) -> bool {
        !self.is_quoted && self.text == ","
    }

    /// Whether it stands in quotes, or is no word of a language: letters and digits mixed, or a code in capitals.
    pub(super) fn is_value(&self) -> bool {
        let has = |test: fn(char) -> bool| self.text.chars().any(test);
        let is_code = has(char::is_numeric) && has(char::is_alphabetic) && has(char::is_uppercase);
        self.is_quoted || is_code
    }

    /// A whole number, in figures or as a word.
    pub(super) fn number(&self) -> Option<u64> {
        const WORDS: &[&str] = &[
            "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        ];
        let word = self.word();
        let named = WORDS.iter().position(|one| *one == word).map(|at| at as u64 + 1);
        named.or_else(|| word.parse().ok())
    }
}

/// Cuts a question into tokens. Other signs than commas go, a hyphen or point within a word stays.
pub(super) fn tokens(question: &str) -> Vec<Token> {
    let characters: Vec<char> = question.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let c = characters[at];
        if let Some(end) = quoted_until(&characters, at) {
            found.push(Token::new(characters[at + 1..end].iter().collect(), true));
            at = end + 1;
        } else if c.is_alphanumeric() {
            let start = at;
            while at < characters.len() && belongs(&characters, at) {
                at += 1;
            }
            let text: String = characters[start..at].iter().collect();
            found.push(Token::new(
                text.strip_suffix("'s").map_or(text.clone(), str::to_owned),
                false,
            ));
        } else {
            if [',', ';'].contains(&c) {
                found.push(Token::new(",".to_owned(), false));
            }
            at += 1;
        }
    }
    found
}

/// Where the quotes end that begin here.
fn quoted_until(characters: &[char], at: usize) -> Option<usize> {
    let end = match characters[at] {
        '"' => '"',
        '“' => '”',
        '‘' => '’',
        '\'' if at == 0 || !characters[at - 1].is_alphanumeric() => '\'',
        _ => return None,
    };
    let found = characters.iter().skip(at + 1).position(|&c| c == end)?;
    (found > 0).then_some(at + 1 + found)
}

/// Whether a character belongs to the word it is in: a sign does between two letters or digits.
fn belongs(characters: &[char], at: usize) -> bool {
    let c = characters[at];
    let next_is_one = characters.get(at + 1).is_some_and(|next| next.is_alphanumeric());
    c.is_alphanumeric() || c == '_' || (['-', '.', '\'', '’', '/', ':', '&'].contains(&c) && next_is_one)
}
