//! Python's regular expressions. A pattern as Python's `re` reads it comes in; it searches text as Python would. For
//! bytes ([`Pattern::bytes`]) every byte is one character and only ASCII counts as letters, so files that are not
//! UTF-8 are searched as exactly as others.

use fancy_regex::{Captures, Regex, RegexBuilder};
use muster_engine::module::Failure;
use std::borrow::Cow;

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    bytes: bool,
    multiline: bool,
}

/// The failure of a module whose pattern does not compile, as Ansible words what Python raises.
pub(crate) fn raised(error: String) -> Failure {
    Failure::new(format!("Task failed: Module failed: {error}"))
}

/// How a pattern is read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flags {
    /// `^` and `$` match at every line.
    pub multiline: bool,
    /// `.` matches a line's end too.
    pub dotall: bool,
}

impl Pattern {
    /// A pattern for bytes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn bytes(text: &str, flags: Flags) -> Result<Self, String> {
        let spread: String = text.bytes().map(char::from).collect();
        Self::compile(&spread, flags, true)
    }

    /// A pattern for text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn text(text: &str, flags: Flags) -> Result<Self, String> {
        Self::compile(text, flags, false)
    }

    /// A pattern for bytes or for text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(bytes: bool, text: &str, flags: Flags) -> Result<Self, String> {
        if bytes { Self::bytes(text, flags) } else { Self::text(text, flags) }
    }

    fn compile(text: &str, flags: Flags, bytes: bool) -> Result<Self, String> {
        let (translated, multiline) = Translator::new(text, flags, bytes).run()?;
        let regex = RegexBuilder::new(&translated)
            .backtrack_limit(100_000_000)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { regex, bytes, multiline })
    }

    /// Whether `^` and `$` match at every line.
    pub fn multiline(&self) -> bool {
        self.multiline
    }

    /// Bytes as the text this pattern searches; other text stays as it is.
    pub fn spread(bytes: &[u8]) -> Cow<'_, str> {
        match std::str::from_utf8(bytes) {
            Ok(text) if text.is_ascii() => Cow::Borrowed(text),
            _ => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
        }
    }

    /// The bytes again.
    pub fn gather(text: &str) -> Vec<u8> {
        text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
    }

    /// Whether it matches somewhere.
    pub fn matches(&self, text: &str) -> Result<bool, String> {
        self.regex.is_match(text).map_err(|error| error.to_string())
    }

    /// The first match.
    pub fn captures<'t>(&self, text: &'t str) -> Result<Option<Captures<'t, str>>, String> {
        self.regex.captures(text).map_err(|error| error.to_string())
    }

    /// All matches replaced, and how many there were.
    ///
    /// # Errors
    /// The template is wrong, whether anything matches or not.
    pub fn replace_all(&self, text: &str, template: &str) -> Result<(String, usize), String> {
        self.fill(template, &|_| Some(""))?;
        let (mut out, mut last, mut count) = (String::with_capacity(text.len()), 0, 0);
        for captures in self.regex.captures_iter(text) {
            let captures = captures.map_err(|error| error.to_string())?;
            let Some(whole) = captures.get(0) else { continue };
            out.push_str(text.get(last..whole.start()).unwrap_or(""));
            out.push_str(&self.expand(&captures, template)?);
            last = whole.end();
            count += 1;
        }
        out.push_str(text.get(last..).unwrap_or(""));
        Ok((out, count))
    }

    /// A template with `\1`, `\g<name>` and escapes filled in, as `match.expand` does.
    ///
    /// # Errors
    /// It names a group that there is not, or ends in a backslash.
    pub fn expand(&self, captures: &Captures<'_, str>, template: &str) -> Result<String, String> {
        self.fill(template, &|group| match group {
            Group::Number(number) => captures.get(number).map(|m| m.as_str()),
            Group::Name(name) => captures.name(name).map(|m| m.as_str()),
        })
    }

    /// A template with what `matched` gives for its groups.
    fn fill<'t>(
        &self,
        template: &str,
        matched: &dyn Fn(Group<'_>) -> Option<&'t str>,
    ) -> Result<String, String> {
        let spread: Cow<'_, str> =
            if self.bytes { Self::spread(template.as_bytes()) } else { template.into() };
        let length = spread.chars().count();
        // Where the backslash is that stands this many characters before the end.
        let position = |left: &str| length - left.chars().count();
        let group = |name: &str, at: usize| match name.parse::<usize>() {
            Ok(number) if number < self.regex.captures_len() => {
                Ok(matched(Group::Number(number)).unwrap_or(""))
            }
            Ok(number) => Err(format!("invalid group reference {number} at position {at}")),
            Err(_) if self.regex.capture_names().flatten().any(|known| known == name) => {
                Ok(matched(Group::Name(name)).unwrap_or(""))
            }
            Err(_) => Err(format!("unknown group name '{name}'")),
        };
        let mut out = String::new();
        let mut rest = spread.as_ref();
        while let Some((before, after)) = rest.split_once('\\') {
            out.push_str(before);
            let mut chars = after.chars();
            let at = position(after);
            let Some(c) = chars.next() else {
                return Err(format!("bad escape (end of pattern) at position {}", at - 1));
            };
            rest = chars.as_str();
            match c {
                'g' => {
                    let inner = rest.strip_prefix('<').and_then(|r| r.split_once('>'));
                    let (name, left) = inner.ok_or_else(|| format!("missing < at position {}", at + 1))?;
                    out.push_str(group(name, at + 2)?);
                    rest = left;
                }
                '0' => {
                    let end = rest.find(|c: char| !matches!(c, '0'..='7')).unwrap_or(rest.len()).min(2);
                    let (digits, left) = rest.split_at(end);
                    let code = u32::from_str_radix(&format!("0{digits}"), 8).unwrap_or(0);
                    out.push(char::from_u32(code).unwrap_or('\0'));
                    rest = left;
                }
                '1'..='9' => {
                    let two = rest.chars().next().filter(char::is_ascii_digit);
                    let name = two.map_or_else(|| c.to_string(), |d| format!("{c}{d}"));
                    rest = rest.get(two.map_or(0, char::len_utf8)..).unwrap_or("");
                    out.push_str(group(&name, at)?);
                }
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                'f' => out.push('\x0c'),
                'v' => out.push('\x0b'),
                'a' => out.push('\x07'),
                'b' => out.push('\x08'),
                '\\' => out.push('\\'),
                c if c.is_ascii_alphabetic() => {
                    return Err(format!("bad escape \\{c} at position {}", at - 1));
                }
                c => {
                    out.push('\\');
                    out.push(c);
                }
            }
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// A group that a template names.
enum Group<'a> {
    Number(usize),
    Name(&'a str),
}

/// What a repetition would repeat.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Item,
    Repetition,
}

/// Rewrites what Python and the engine here read differently, and finds what Python would not read.
struct Translator {
    chars: Vec<char>,
    at: usize,
    multiline: bool,
    dotall: bool,
    bytes: bool,
    /// Spaces and comments do not count: what is wrong is then left for the engine to say.
    verbose: bool,
    /// Where the groups begin that are open.
    open: Vec<usize>,
    before: Before,
    out: String,
}

impl Translator {
    fn new(text: &str, flags: Flags, bytes: bool) -> Self {
        let chars = text.chars().collect();
        let Flags { multiline, dotall } = flags;
        let (open, before) = (vec![], Before::Nothing);
        Self { chars, at: 0, multiline, dotall, bytes, verbose: false, open, before, out: String::new() }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek(0)?;
        self.at += 1;
        Some(c)
    }

    /// The pattern, and whether lines count in it.
    fn run(mut self) -> Result<(String, bool), String> {
        let whole: String = self.chars.iter().collect();
        // Flags at the start hold for the whole pattern; `$` depends on one of them.
        if let Some(letters) = whole.strip_prefix("(?").and_then(|r| r.split_once(')')).map(|(l, _)| l) {
            let flags = !letters.is_empty() && letters.chars().all(|c| "aiLmsux".contains(c));
            self.multiline |= flags && letters.contains('m');
            self.verbose = flags && letters.contains('x');
        }
        while let Some(c) = self.take() {
            let begun = self.at - 1;
            let before = std::mem::replace(&mut self.before, Before::Item);
            match c {
                '\\' => self.escape(false)?,
                '[' => self.class()?,
                '(' => {
                    self.before = Before::Nothing;
                    self.group(begun);
                }
                ')' => {
                    if self.open.pop().is_none() && !self.verbose {
                        return Err(format!("unbalanced parenthesis at position {begun}"));
                    }
                    self.out.push(c);
                }
                '|' | '^' => {
                    self.before = Before::Nothing;
                    self.out.push(c);
                }
                '*' | '+' | '?' => {
                    self.before = Before::Repetition;
                    match before {
                        _ if self.verbose => self.out.push(c),
                        Before::Nothing => return Err(format!("nothing to repeat at position {begun}")),
                        Before::Repetition => return Err(format!("multiple repeat at position {begun}")),
                        Before::Item => self.out.push(c),
                    }
                    // Lazy, or possessive.
                    if let Some(c) = self.peek(0).filter(|c| matches!(c, '?' | '+')) {
                        self.at += 1;
                        self.out.push(c);
                    }
                }
                '{' => self.brace(),
                '}' => self.out.push_str("\\}"),
                ']' => self.out.push_str("\\]"),
                '$' if !self.multiline => self.out.push_str(r"(?=\n?\z)"),
                c => self.out.push(c),
            }
        }
        if let Some(begun) = self.open.last().filter(|_| !self.verbose) {
            return Err(format!("missing ), unterminated subpattern at position {begun}"));
        }
        let flags = match (self.multiline, self.dotall) {
            (true, true) => "(?ms)",
            (true, false) => "(?m)",
            (false, true) => "(?s)",
            (false, false) => "",
        };
        Ok((format!("{flags}{}", self.out), self.multiline))
    }

    fn group(&mut self, begun: usize) {
        self.out.push('(');
        self.open.push(begun);
        if self.peek(0) != Some('?') {
            return;
        }
        if self.peek(1) == Some('#') {
            self.out.pop();
            self.open.pop();
            self.before = Before::Item;
            while self.take().is_some_and(|c| c != ')') {}
            return;
        }
        let letters: String =
            self.chars.iter().skip(self.at + 1).take_while(|c| "aiLmsux-".contains(**c)).collect();
        let end = self.peek(1 + letters.len());
        if !letters.is_empty() && matches!(end, Some(')' | ':')) {
            self.at += 2 + letters.len();
            let kept: String = letters.chars().filter(|c| "imsx-".contains(*c)).collect();
            let kept = kept.trim_end_matches('-');
            if end == Some(')') {
                self.open.pop();
            }
            match (kept.is_empty(), end) {
                (true, Some(')')) => {
                    self.out.pop();
                }
                (_, end) => self.out.push_str(&format!("?{kept}{}", end.unwrap_or(')'))),
            }
        } else {
            self.at += 1;
            self.out.push('?');
        }
    }

    /// A brace repeats only if it reads `{m}`, `{m,}`, `{,n}` or `{m,n}`; else it is itself.
    fn brace(&mut self) {
        let inner: String = self.chars.iter().skip(self.at).take_while(|c| **c != '}').collect();
        let closed = self.peek(inner.chars().count()) == Some('}');
        let number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
        let repeats = closed
            && !inner.is_empty()
            && inner.split_once(',').map_or_else(|| number(&inner), |(a, b)| number(a) && number(b));
        if !repeats {
            return self.out.push_str("\\{");
        }
        self.at += inner.len() + 1;
        let least = if inner.starts_with(',') { "0" } else { "" };
        self.out.push_str(&format!("{{{least}{inner}}}"));
    }

    fn escape(&mut self, within: bool) -> Result<(), String> {
        let begun = self.at.saturating_sub(1);
        let c = self.take().ok_or_else(|| format!("bad escape (end of pattern) at position {begun}"))?;
        let ascii = self.bytes;
        let literal = |code: u32| format!("\\x{{{code:X}}}");
        let piece = match c {
            'd' if ascii => if within { "0-9" } else { "[0-9]" }.to_string(),
            'w' if ascii => if within { "0-9A-Za-z_" } else { "[0-9A-Za-z_]" }.to_string(),
            's' if ascii => if within { r"\t-\r\x20" } else { r"[\t-\r\x20]" }.to_string(),
            'D' if ascii => "[^0-9]".to_string(),
            'W' if ascii => "[^0-9A-Za-z_]".to_string(),
            'S' if ascii => r"[^\t-\r\x20]".to_string(),
            'd' | 'w' | 's' | 'D' | 'W' | 'S' => format!("\\{c}"),
            'b' if within => r"\x08".to_string(),
            'b' | 'B' if ascii => boundary(c == 'B'),
            'b' | 'B' => format!("\\{c}"),
            'A' if !within => r"\A".to_string(),
            'Z' if !within => r"\z".to_string(),
            'a' => r"\x07".to_string(),
            'f' | 'n' | 'r' | 't' | 'v' => format!("\\{c}"),
            'x' | 'u' | 'U' => {
                let length = match c {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                let digits: String = self.chars.iter().skip(self.at).take(length).collect();
                let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == length);
                self.at += length;
                literal(code.ok_or_else(|| format!("incomplete escape \\{c}{digits}"))?)
            }
            '0'..='9' => {
                let digits: String =
                    std::iter::once(c).chain(self.chars.iter().skip(self.at).copied()).take(3).collect();
                let octal = digits.chars().take_while(|d| matches!(d, '0'..='7')).count();
                if c == '0' || octal == 3 || within {
                    let code = u32::from_str_radix(digits.get(..octal).unwrap_or("0"), 8)
                        .map_err(|_| format!("bad escape \\{c}"))?;
                    self.at += octal.saturating_sub(1);
                    literal(code)
                } else {
                    let count = digits.chars().take(2).take_while(char::is_ascii_digit).count();
                    self.at += count - 1;
                    format!("(?:\\{})", digits.get(..count).unwrap_or("1"))
                }
            }
            c if c.is_ascii_alphabetic() => return Err(format!("bad escape \\{c} at position {begun}")),
            c => literal(u32::from(c)),
        };
        self.out.push_str(&piece);
        Ok(())
    }

    fn class(&mut self) -> Result<(), String> {
        let begun = self.at.saturating_sub(1);
        self.out.push('[');
        if self.peek(0) == Some('^') {
            self.at += 1;
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let c = self.take().ok_or_else(|| format!("unterminated character set at position {begun}"))?;
            match c {
                ']' if !first => break,
                '\\' => self.escape(true)?,
                // A dash joins only two ends; anywhere else it is itself.
                '-' if first || self.peek(0) == Some(']') => self.out.push_str("\\-"),
                '-' => self.out.push('-'),
                c if c.is_ascii_alphanumeric() || !c.is_ascii() => self.out.push(c),
                c => self.out.push_str(&format!("\\x{{{:X}}}", u32::from(c))),
            }
            first = false;
        }
        self.out.push(']');
        Ok(())
    }
}

/// Where a word of ASCII letters begins or ends (or does not).
fn boundary(not: bool) -> String {
    let word = "[0-9A-Za-z_]";
    match not {
        false => format!("(?:(?<={word})(?!{word})|(?<!{word})(?={word}))"),
        true => format!("(?:(?<={word})(?={word})|(?<!{word})(?!{word}))"),
    }
}

#[cfg(test)]
mod tests;
