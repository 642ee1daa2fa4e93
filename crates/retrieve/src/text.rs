//! Text from the catalog is data.
//!
//! A comment or a name may have been written by anybody. Before it goes into a passage or an answer it
//! is cut to a length and freed of what could disguise it or act: control characters and the Unicode
//! characters that reorder or hide text.

/// At most `limit` characters of `text`, with control, bidirectional and zero-width characters replaced
/// by spaces and runs of white space by one.
pub fn sanitize(text: &str, limit: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(limit * 4));
    let mut length = 0;
    for c in text.chars() {
        let c = if c.is_control() || c.is_whitespace() || hides(c) {
            ' '
        } else {
            c
        };
        if c == ' ' && (clean.is_empty() || clean.ends_with(' ')) {
            continue;
        }
        if length == limit {
            break;
        }
        clean.push(c);
        length += 1;
    }
    clean.truncate(clean.trim_end().len());
    clean
}

/// Characters that reorder, join or hide text (Unicode Standard Annex #9 and the format controls).
fn hides(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
        | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hidden_survives() {
        assert_eq!(sanitize("a\u{202E}b\n\n\tc\u{0}\u{200B}d", 100), "a b c d");
        assert_eq!(sanitize("éééé", 2), "éé");
        assert_eq!(sanitize(" \u{1b}[31m ", 10), "[31m");
    }
}
