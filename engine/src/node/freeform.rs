//! Arguments on one line: `src=a dest='b c'` and the free text of `command: ls -l`. Text comes in; pairs with the byte
//! range each was written in, and the rest, go out. Quotes and Jinja blocks keep words together, as Ansible splits them.

use std::ops::Range;

/// One `key=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The key.
    pub key: String,
    /// The value, unquoted.
    pub value: String,
    /// The bytes of the text it was written in.
    pub range: Range<usize>,
}

/// What a line of arguments says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freeform {
    /// The pairs; of two with one key only the last, in the place of the first.
    pub pairs: Vec<Pair>,
    /// The words that are not pairs, joined as they stood: Ansible's `_raw_params`.
    pub raw: Option<String>,
}

/// A quote or a Jinja block that is not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed at splitting arguments, either an unbalanced jinja2 block or quotes")]
pub struct Unbalanced;

/// The pairs that belong to `command` and its kin even where all other text is the command.
const COMMAND_OPTIONS: [&str; 8] =
    ["creates", "removes", "chdir", "executable", "warn", "stdin", "stdin_add_newline", "strip_empty_ends"];

/// Splits a text. With `raw`, only the options of `command` are pairs and all else is its text.
///
/// # Errors
/// A quote or a Jinja block is not closed.
pub fn parse(text: &str, raw: bool) -> Result<Freeform, Unbalanced> {
    let mut found = Freeform::default();
    let mut rest: Option<String> = None;
    for word in split(text)? {
        let decoded = unescape(&word.text);
        let free = match pair(&decoded) {
            Some((key, value)) if !raw || COMMAND_OPTIONS.contains(&key) => {
                let key = key.trim().to_owned();
                let new = Pair { value: unquote(value.trim()).to_owned(), range: word.range, key };
                match found.pairs.iter_mut().find(|old| old.key == new.key) {
                    Some(old) => *old = new,
                    None => found.pairs.push(new),
                }
                continue;
            }
            // Every `=` is escaped: only then is the decoded text kept.
            None if decoded.contains('=') => decoded.replace("\\=", "="),
            _ => word.text,
        };
        let joined = rest.get_or_insert_default();
        if !joined.is_empty() && !joined.ends_with('\n') {
            joined.push(' ');
        }
        joined.push_str(&free);
    }
    found.raw = rest;
    Ok(found)
}

/// The text without the pair of quotes around it.
#[must_use]
pub fn unquote(text: &str) -> &str {
    let inner = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    inner.filter(|inner| !inner.ends_with('\\')).unwrap_or(text)
}

/// Key and value around the first `=` that is neither escaped nor the first character.
fn pair(word: &str) -> Option<(&str, &str)> {
    let first = word.chars().next()?.len_utf8();
    let free = |(at, _): &(usize, &str)| *at >= first && !word.get(..*at).is_some_and(|b| b.ends_with('\\'));
    let (at, _) = word.match_indices('=').find(free)?;
    Some((word.get(..at)?, word.get(at + 1..)?))
}

/// A word, and where it was written.
struct Word {
    text: String,
    range: Range<usize>,
}

/// What is open while a text is read from left to right.
#[derive(Default)]
struct Split {
    words: Vec<Word>,
    quote: Option<char>,
    /// How many of each of [`BLOCKS`] are open.
    depths: [usize; 3],
}

const BLOCKS: [(&str, &str); 3] = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];

/// The words of a text, with the blanks and newlines that follow them.
fn split(text: &str) -> Result<Vec<Word>, Unbalanced> {
    let mut state = Split::default();
    let mut at = 0;
    let mut lines = text.split('\n').peekable();
    while let Some(line) = lines.next() {
        let mut continued = false;
        for (index, token) in line.split(' ').enumerate() {
            if token == "\\" && state.quote.is_none() {
                continued = true;
            } else {
                state.take(token, at, index == 0);
            }
            at += token.len() + 1;
        }
        if lines.peek().is_some() && !continued {
            state.extend("\n", at);
        }
    }
    let open = state.quote.is_some() || state.depths.iter().any(|depth| *depth > 0);
    if open { Err(Unbalanced) } else { Ok(state.words) }
}

impl Split {
    fn take(&mut self, token: &str, at: usize, first: bool) {
        if token.is_empty() && !first {
            return self.extend(" ", at);
        }
        let (quoted, inside) = (self.quote.is_some(), self.depths.iter().any(|depth| *depth > 0));
        let mut before = None;
        for c in token.chars() {
            if matches!(c, '"' | '\'') && before != Some('\\') {
                match self.quote {
                    Some(open) if open == c => self.quote = None,
                    Some(_) => {}
                    None => self.quote = Some(c),
                }
            }
            before = Some(c);
        }
        for (depth, (open, close)) in self.depths.iter_mut().zip(BLOCKS) {
            *depth = (*depth + token.matches(open).count()).saturating_sub(token.matches(close).count());
        }
        let range = at..at + token.len();
        if !inside && !quoted {
            if !token.is_empty() {
                self.words.push(Word { text: token.to_owned(), range });
            }
            return;
        }
        if let Some(word) = self.words.last_mut() {
            if !first {
                word.text.push(' ');
            }
            word.text.push_str(token);
            word.range.end = range.end;
        }
    }

    /// Adds blank text to the last word.
    fn extend(&mut self, blank: &str, at: usize) {
        match self.words.last_mut() {
            Some(word) => word.text.push_str(blank),
            None => self.words.push(Word { text: blank.to_owned(), range: at..at }),
        }
    }
}

/// Python's escapes, decoded: `\n`, `\x41`, `\u00e9`. Others stay.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(rest.get(..at).unwrap_or(""));
        rest = rest.get(at + 1..).unwrap_or("");
        let code = rest.chars().next();
        let hex = |len: usize| {
            let digits = rest.get(1..=len).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
            Some((char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, len + 1))
        };
        let decoded = match code {
            Some(c @ ('\\' | '\'' | '"')) => Some((c, 1)),
            Some('a') => Some(('\u{7}', 1)),
            Some('b') => Some(('\u{8}', 1)),
            Some('f') => Some(('\u{c}', 1)),
            Some('n') => Some(('\n', 1)),
            Some('r') => Some(('\r', 1)),
            Some('t') => Some(('\t', 1)),
            Some('v') => Some(('\u{b}', 1)),
            Some('x') => hex(2),
            Some('u') => hex(4),
            Some('U') => hex(8),
            _ => None,
        };
        match decoded {
            Some((c, len)) => {
                out.push(c);
                rest = rest.get(len..).unwrap_or("");
            }
            None => out.push('\\'),
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    type Observed = (String, bool, Option<Vec<(String, String)>>);

    #[test]
    fn lines_split_as_ansible_splits_them() {
        let cases: Vec<Observed> = serde_json::from_str(include_str!("testdata/freeform.json")).unwrap();
        for (text, raw, expected) in cases {
            let found = parse(&text, raw).ok().map(|found| {
                let mut all: Vec<_> = found.pairs.into_iter().map(|p| (p.key, p.value)).collect();
                if let Some(raw) = found.raw {
                    all.retain(|(key, _)| key != "_raw_params");
                    all.push(("_raw_params".to_owned(), raw));
                }
                all.sort();
                all
            });
            let expected = expected.map(|mut all| {
                all.sort();
                all
            });
            assert_eq!(found, expected, "{text:?} raw={raw}");
        }
    }

    #[test]
    fn pairs_know_where_they_were_written() {
        let text = "src='a b'  dest={{ c d }}\nmode=1";
        let written: Vec<&str> =
            parse(text, false).unwrap().pairs.into_iter().map(|p| &text[p.range]).collect();
        assert_eq!(written, ["src='a b'", "dest={{ c d }}", "mode=1"]);
    }
}
