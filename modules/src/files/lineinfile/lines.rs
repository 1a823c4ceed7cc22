//! Lines and the wish for one of them. Bytes come in and go out; a line's end belongs to the line, and a file that is
//! not UTF-8 keeps its bytes.

use crate::files::pattern::{Flags, Pattern, raised};
use muster_engine::module::Failure;

/// What is wanted of the lines.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wish<'a> {
    pub regexp: Option<&'a str>,
    pub search_string: Option<&'a str>,
    pub line: Option<&'a str>,
    pub insertafter: Option<&'a str>,
    pub insertbefore: Option<&'a str>,
    pub backrefs: bool,
    pub firstmatch: bool,
}

/// What came of it.
#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    /// The new content, if it changed.
    pub content: Option<Vec<u8>>,
    pub message: String,
    /// How many lines were removed.
    pub found: usize,
}

/// The lines of a text, each with its end.
fn split(content: &[u8]) -> Vec<&[u8]> {
    content.split_inclusive(|byte| *byte == b'\n').collect()
}

fn bare(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |at| at + 1);
    line.get(..end).unwrap_or(line)
}

fn holds(line: &[u8], text: &str) -> bool {
    let text = text.as_bytes();
    text.is_empty() || line.windows(text.len()).any(|window| window == text)
}

fn compile(text: &str) -> Result<Pattern, Failure> {
    Pattern::bytes(text, Flags::default()).map_err(raised)
}

fn matches(pattern: &Pattern, line: &[u8]) -> Result<bool, Failure> {
    pattern.matches(&Pattern::spread(line)).map_err(Failure::new)
}

impl Wish<'_> {
    /// Refuses what does not go together.
    pub fn validate(&self, present: bool) -> Result<(), Failure> {
        if present && self.backrefs && self.regexp.is_none() {
            return Err(Failure::new("regexp is required with backrefs=true"));
        }
        if present && self.line.is_none() {
            return Err(Failure::new("line is required with state=present"));
        }
        if !present && self.regexp.is_none() && self.search_string.is_none() && self.line.is_none() {
            let message = "one of line, search_string, or regexp is required with state=absent";
            return Err(Failure::new(message));
        }
        Ok(())
    }

    /// A word about a pattern that matches every line.
    pub fn warning(&self) -> Option<String> {
        let (what, more) = if self.regexp == Some("") {
            let more = " If this is desired, use '^' to match every line in the file and avoid this warning.";
            ("regular expression", more)
        } else if self.search_string == Some("") {
            ("search string", "")
        } else {
            return None;
        };
        Some(format!(
            "The {what} is an empty string, which will match every line in the file. This may have unintended \
             consequences, such as replacing the last line in the file rather than appending.{more}"
        ))
    }

    /// The lines without those that are not wanted.
    pub fn absent(&self, content: &[u8]) -> Result<Outcome, Failure> {
        let regexp = self.regexp.map(compile).transpose()?;
        let mut kept = Vec::with_capacity(content.len());
        let mut found = 0;
        for line in split(content) {
            let unwanted = match (&regexp, self.search_string) {
                (Some(regexp), _) => matches(regexp, line)?,
                (None, Some(text)) => holds(line, text),
                (None, None) => bare(line) == self.line.unwrap_or("").as_bytes(),
            };
            if unwanted {
                found += 1;
            } else {
                kept.extend_from_slice(line);
            }
        }
        let message = if found > 0 { format!("{found} line(s) removed") } else { String::new() };
        Ok(Outcome { content: (found > 0).then_some(kept), message, found })
    }

    /// The lines with the one that is wanted.
    pub fn present(&self, content: &[u8]) -> Result<Outcome, Failure> {
        let lines = split(content);
        let wanted = self.line.unwrap_or("");
        let place = self.place(&lines)?;
        let mut ended = wanted.as_bytes().to_vec();
        ended.push(b'\n');
        let unchanged = Outcome { content: None, message: String::new(), found: 0 };
        match place {
            Place::Nowhere => Ok(unchanged),
            Place::At(at, text) => {
                let mut text = text.unwrap_or_else(|| wanted.as_bytes().to_vec());
                if !text.ends_with(b"\n") {
                    text.push(b'\n');
                }
                if lines.get(at).is_some_and(|line| *line == text) {
                    return Ok(unchanged);
                }
                let parts = [joined(lines.get(..at)), text, joined(lines.get(at + 1..))];
                Ok(Outcome { content: Some(parts.concat()), message: "line replaced".into(), found: 0 })
            }
            Place::Before(at) => {
                let mut head = joined(lines.get(..at));
                if at == lines.len() && !head.is_empty() && !head.ends_with(b"\n") && !head.ends_with(b"\r") {
                    head.push(b'\n');
                }
                let parts = [head, ended, joined(lines.get(at..))];
                Ok(Outcome { content: Some(parts.concat()), message: "line added".into(), found: 0 })
            }
        }
    }

    /// Where the wanted line goes.
    fn place(&self, lines: &[&[u8]]) -> Result<Place, Failure> {
        let wanted = self.line.unwrap_or("").as_bytes();
        if let Some((at, text)) = self.matching(lines)? {
            return Ok(Place::At(at, text));
        }
        let (after, before) = match (self.insertafter, self.insertbefore) {
            (None, None) => (Some("EOF"), None),
            other => other,
        };
        let anchor = match (after, before) {
            (Some(text), _) if text != "EOF" && text != "BOF" => Some(compile(text)?),
            (None, Some(text)) if text != "BOF" => Some(compile(text)?),
            _ => None,
        };
        let (mut exact, mut anchored) = (None, None);
        for (at, line) in lines.iter().enumerate() {
            if bare(line) == wanted {
                exact = Some(at);
            } else if let Some(anchor) = &anchor
                && matches(anchor, line)?
            {
                anchored = Some(if after.is_some() { at + 1 } else { at });
                if self.firstmatch {
                    break;
                }
            }
        }
        if let Some(at) = exact {
            return Ok(Place::At(at, None));
        }
        if self.backrefs {
            return Ok(Place::Nowhere);
        }
        if after == Some("BOF") || before == Some("BOF") {
            return Ok(Place::Before(0));
        }
        Ok(match anchored {
            // The line is already where it would go.
            Some(at) if after.is_some() && lines.get(at).is_some_and(|line| bare(line) == wanted) => {
                Place::Nowhere
            }
            Some(at) => Place::Before(at),
            None => Place::Before(lines.len()),
        })
    }

    /// The line that `regexp` or `search_string` finds, and what it becomes when that is not simply `line`.
    fn matching(&self, lines: &[&[u8]]) -> Result<Option<Match>, Failure> {
        let mut last = None;
        if let Some(text) = self.regexp {
            let regexp = compile(text)?;
            for (at, line) in lines.iter().enumerate() {
                if matches(&regexp, line)? {
                    last = Some(at);
                    if self.firstmatch {
                        break;
                    }
                }
            }
            let Some(at) = last.filter(|_| self.backrefs) else { return Ok(last.map(|at| (at, None))) };
            let spread = Pattern::spread(lines.get(at).copied().unwrap_or_default());
            let captures = regexp.captures(&spread).map_err(Failure::new)?;
            let Some(captures) = captures else { return Ok(None) };
            let text = regexp.expand(&captures, self.line.unwrap_or("")).map_err(raised)?;
            return Ok(Some((at, Some(Pattern::gather(&text)))));
        }
        if let Some(text) = self.search_string {
            let holding = |line: &&[u8]| holds(line, text);
            last = if self.firstmatch {
                lines.iter().position(holding)
            } else {
                lines.iter().rposition(holding)
            };
        }
        Ok(last.map(|at| (at, None)))
    }
}

/// The line found, and what it becomes when that is not simply `line`.
type Match = (usize, Option<Vec<u8>>);

/// Where a line goes.
#[derive(Debug)]
enum Place {
    Nowhere,
    /// In place of this one; with another text than `line` itself.
    At(usize, Option<Vec<u8>>),
    /// Before this one, or at the end.
    Before(usize),
}

fn joined(lines: Option<&[&[u8]]>) -> Vec<u8> {
    lines.unwrap_or_default().concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(wish: Wish<'_>, before: &str) -> Option<String> {
        wish.present(before.as_bytes()).unwrap().content.map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_line_is_put_where_the_wish_says() {
        let line = Wish { line: Some("x"), ..Wish::default() };
        for (wish, before, after) in [
            (line, "a\n", Some("a\nx\n")),
            (line, "a", Some("a\nx\n")),
            (line, "", Some("x\n")),
            (line, "x\na\n", None),
            (line, "a\nx", Some("a\nx\n")),
            (Wish { insertafter: Some("a"), ..line }, "a\nb\na\nc\n", Some("a\nb\na\nx\nc\n")),
            (Wish { insertafter: Some("a"), firstmatch: true, ..line }, "a\nb\na\n", Some("a\nx\nb\na\n")),
            (Wish { insertbefore: Some("b"), ..line }, "a\nb\n", Some("a\nx\nb\n")),
            (Wish { insertbefore: Some("BOF"), ..line }, "a\n", Some("x\na\n")),
            (Wish { insertafter: Some("none"), ..line }, "a\n", Some("a\nx\n")),
            (Wish { insertafter: Some("a"), ..line }, "a", Some("a\nx\n")),
            (Wish { regexp: Some("^b"), ..line }, "a\nb1\nb2\n", Some("a\nb1\nx\n")),
            (Wish { regexp: Some("^b"), firstmatch: true, ..line }, "b1\nb2\n", Some("x\nb2\n")),
            (Wish { search_string: Some("="), ..line }, "a=1\nb\n", Some("x\nb\n")),
            (Wish { regexp: Some("^z"), backrefs: true, ..line }, "a\n", None),
        ] {
            assert_eq!(present(wish, before).as_deref(), after, "{wish:?} on {before:?}");
        }
    }

    #[test]
    fn groups_of_the_pattern_fill_the_line() {
        let wish =
            Wish { regexp: Some(r"^(\w+)=(.*)$"), line: Some(r"\1=<\2>"), backrefs: true, ..Wish::default() };
        assert_eq!(present(wish, "a=b\n").as_deref(), Some("a=<b>\n"));
    }

    #[test]
    fn unwanted_lines_are_counted() {
        let wish = Wish { regexp: Some("^#"), ..Wish::default() };
        let outcome = wish.absent(b"#a\nb\n#\xff\n").unwrap();
        assert_eq!(outcome.content.as_deref(), Some(&b"b\n"[..]));
        assert_eq!((outcome.message.as_str(), outcome.found), ("2 line(s) removed", 2));
    }
}
