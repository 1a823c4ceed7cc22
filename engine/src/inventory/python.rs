//! Values of INI files: Python literals, as Ansible reads them. Text comes in, a node's kind goes out; whatever is no
//! literal is text. Nesting is limited, so no text overflows the stack.

use crate::node::{Kind, Mapping, Node};
use crate::source::Span;
use std::sync::Arc;

/// Deepest nesting.
const DEPTH: usize = 100;

/// The value of a text: a literal, or the text itself.
pub(super) fn value(text: &str, span: Span) -> Node {
    let mut reader = Reader { rest: text.trim_start_matches([' ', '\t']), span };
    let literal = reader.bare().filter(|_| {
        reader.skip();
        reader.rest.is_empty()
    });
    literal.unwrap_or_else(|| Node { span, kind: Kind::Str(text.into()) })
}

struct Reader<'a> {
    rest: &'a str,
    span: Span,
}

impl<'a> Reader<'a> {
    fn node(&self, kind: Kind) -> Node {
        Node { span: self.span, kind }
    }

    /// Passes blanks and a comment.
    fn skip(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\x0c']);
        if self.rest.starts_with('#') {
            self.rest = "";
        }
    }

    fn take(&mut self, text: &str) -> bool {
        self.skip();
        let after = self.rest.strip_prefix(text);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// An expression, or several with commas: a tuple without its brackets.
    fn bare(&mut self) -> Option<Node> {
        let first = self.expression(0)?;
        if !self.take(",") {
            return Some(first);
        }
        let mut items = vec![first];
        loop {
            self.skip();
            if self.rest.is_empty() {
                return Some(self.node(Kind::Seq(items.into())));
            }
            items.push(self.expression(0)?);
            self.skip();
            if !self.take(",") && !self.rest.is_empty() {
                return None;
            }
        }
    }

    fn expression(&mut self, depth: usize) -> Option<Node> {
        if depth > DEPTH {
            return None;
        }
        self.skip();
        match self.rest.chars().next()? {
            '[' => {
                self.take("[");
                let items = self.items("]", depth)?.0;
                Some(self.node(Kind::Seq(items.into())))
            }
            '(' => {
                self.take("(");
                let (mut items, comma) = self.items(")", depth)?;
                if items.len() == 1 && !comma {
                    return items.pop();
                }
                Some(self.node(Kind::Seq(items.into())))
            }
            '{' => {
                self.take("{");
                self.braces(depth)
            }
            '-' | '+' => {
                let minus = self.rest.starts_with('-');
                self.rest = self.rest.get(1..)?;
                self.skip();
                let kind = self.number()?;
                let kind = if minus { negative(kind) } else { kind };
                Some(self.node(kind))
            }
            '.' if self.take("...") => Some(self.node(Kind::Str("...".into()))),
            c if c.is_ascii_digit() || c == '.' => {
                let kind = self.number()?;
                Some(self.node(kind))
            }
            _ => self.word(),
        }
    }

    /// Items up to a closing bracket, and whether a comma stood behind the last.
    fn items(&mut self, close: &str, depth: usize) -> Option<(Vec<Node>, bool)> {
        let mut items = vec![];
        let mut comma = false;
        loop {
            if self.take(close) {
                return Some((items, comma));
            }
            if !items.is_empty() && !comma {
                return None;
            }
            items.push(self.expression(depth + 1)?);
            comma = self.take(",");
        }
    }

    /// A dict or a set.
    fn braces(&mut self, depth: usize) -> Option<Node> {
        let mut pairs: Vec<(Node, Node)> = vec![];
        if self.take("}") {
            return Some(self.node(Kind::Map(Arc::default())));
        }
        let first = self.expression(depth + 1)?;
        if !self.take(":") {
            if !self.take(",") {
                return self.take("}").then(|| self.node(Kind::Seq([first].into())));
            }
            let mut items = vec![first];
            items.extend(self.items("}", depth)?.0);
            let mut unique: Vec<Node> = vec![];
            for item in items {
                if !unique.iter().any(|other| same(other, &item)) {
                    unique.push(item);
                }
            }
            return Some(self.node(Kind::Seq(unique.into())));
        }
        let mut key = first;
        loop {
            if matches!(key.kind, Kind::Map(_) | Kind::Seq(_)) {
                return None;
            }
            let value = self.expression(depth + 1)?;
            match pairs.iter_mut().find(|(other, _)| same(other, &key)) {
                Some((_, old)) => *old = value,
                None => pairs.push((key, value)),
            }
            let comma = self.take(",");
            if self.take("}") {
                return Some(self.node(Kind::Map(Arc::new(Mapping(pairs)))));
            }
            if !comma {
                return None;
            }
            key = self.expression(depth + 1)?;
            if !self.take(":") {
                return None;
            }
        }
    }

    fn number(&mut self) -> Option<Kind> {
        let bytes = self.rest.as_bytes();
        let mut end = 0;
        while let Some(byte) = bytes.get(end) {
            let exponent = matches!(byte, b'+' | b'-')
                && !self.rest.starts_with("0x")
                && !self.rest.starts_with("0X")
                && end > 0
                && matches!(bytes.get(end - 1), Some(b'e' | b'E'));
            if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') || exponent) {
                break;
            }
            end += 1;
        }
        let (word, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        number(word)
    }

    /// A name that is a literal, or strings side by side.
    fn word(&mut self) -> Option<Node> {
        for (name, kind) in [("True", Kind::Bool(true)), ("False", Kind::Bool(false)), ("None", Kind::Null)] {
            if let Some(rest) = self.rest.strip_prefix(name)
                && !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '\'' || c == '"')
            {
                self.rest = rest;
                return Some(self.node(kind));
            }
        }
        if let Some(rest) = self.rest.strip_prefix("set") {
            self.rest = rest;
            return (self.take("(") && self.take(")")).then(|| self.node(Kind::Seq([].into())));
        }
        let mut text = String::new();
        let mut kinds: Option<bool> = None;
        loop {
            let bytes = self.string(&mut text)?;
            if kinds.is_some_and(|kind| kind != bytes) {
                return None;
            }
            kinds = Some(bytes);
            self.skip();
            let more = self.rest.starts_with(['\'', '"', 'r', 'R', 'b', 'B', 'u', 'U']);
            if !more {
                break;
            }
        }
        let kind = Kind::Str(text.into());
        Some(match kinds {
            Some(true) => self.node(Kind::Unsafe(Arc::new(self.node(kind)))),
            _ => self.node(kind),
        })
    }

    /// One string with its prefix; says whether it is a bytes literal.
    fn string(&mut self, text: &mut String) -> Option<bool> {
        let end = self.rest.find(['\'', '"'])?;
        let (prefix, rest) = self.rest.split_at_checked(end)?;
        let (raw, bytes) = match &*prefix.to_ascii_lowercase() {
            "" | "u" => (false, false),
            "r" => (true, false),
            "b" => (false, true),
            "rb" | "br" => (true, true),
            _ => return None,
        };
        let one = rest.get(..1)?;
        let triple = one.repeat(3);
        let quote = if rest.starts_with(&triple) { &*triple } else { one };
        let mut rest = rest.get(quote.len()..)?;
        loop {
            if let Some(after) = rest.strip_prefix(quote) {
                self.rest = after;
                return Some(bytes);
            }
            let c = rest.chars().next()?;
            rest = rest.get(c.len_utf8()..)?;
            if c != '\\' {
                text.push(c);
            } else if raw {
                let next = rest.chars().next()?;
                text.extend(['\\', next]);
                rest = rest.get(next.len_utf8()..)?;
            } else {
                rest = escape(rest, text, bytes)?;
            }
        }
    }
}

/// What stands behind a backslash; gives the rest.
fn escape<'a>(rest: &'a str, text: &mut String, bytes: bool) -> Option<&'a str> {
    let c = rest.chars().next()?;
    let after = rest.get(c.len_utf8()..)?;
    let hex = |digits: usize| {
        let (digits, rest) = after.split_at_checked(digits)?;
        let code = digits.bytes().all(|b| b.is_ascii_hexdigit()).then_some(digits)?;
        Some((char::from_u32(u32::from_str_radix(code, 16).ok()?)?, rest))
    };
    let simple = match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'v' => '\x0b',
        '\\' | '\'' | '"' => c,
        'x' | 'u' | 'U' if c == 'x' || !bytes => {
            let (c, rest) = hex(match c {
                'x' => 2,
                'u' => 4,
                _ => 8,
            })?;
            text.push(c);
            return Some(rest);
        }
        '0'..='7' => {
            let digits = rest.bytes().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
            let (digits, rest) = rest.split_at_checked(digits)?;
            text.push(char::from_u32(u32::from_str_radix(digits, 8).ok()?)?);
            return Some(rest);
        }
        'N' if !bytes => return None,
        c => {
            text.push('\\');
            c
        }
    };
    text.push(simple);
    Some(after)
}

fn number(word: &str) -> Option<Kind> {
    let doubled = word.contains("__") || word.ends_with('_') || word.starts_with('_');
    if word.is_empty() || doubled || word.contains("_.") || word.contains("._") {
        return None;
    }
    let clean = word.replace('_', "");
    let lower = clean.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            let valid = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
            return valid.then(|| i64::from_str_radix(digits, radix).ok()).flatten().map(Kind::Int);
        }
    }
    if lower.bytes().all(|b| b.is_ascii_digit()) {
        let zeros = lower.starts_with('0') && lower.bytes().any(|b| b != b'0');
        if zeros {
            return None;
        }
        return Some(lower.parse().map_or_else(|_| Kind::BigInt(lower.as_str().into()), Kind::Int));
    }
    // What JSON has no word for becomes text.
    if let Some(imaginary) = lower.strip_suffix('j') {
        let whole = imaginary
            .parse::<f64>()
            .ok()
            .filter(|_| imaginary.starts_with(|c: char| c.is_ascii_digit() || c == '.'));
        return whole.map(|number| Kind::Str(format!("{number}j").into()));
    }
    let float = lower.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'+' | b'-'));
    let digits = lower.bytes().any(|b| b.is_ascii_digit());
    (float && digits).then(|| lower.parse().ok()).flatten().map(Kind::Float)
}

fn negative(kind: Kind) -> Kind {
    match kind {
        Kind::Int(value) => Kind::Int(-value),
        Kind::Float(value) => Kind::Float(-value),
        Kind::BigInt(digits) if &*digits == "9223372036854775808" => Kind::Int(i64::MIN),
        Kind::BigInt(digits) => Kind::BigInt(format!("-{digits}").into()),
        other => other,
    }
}

/// Whether Python takes two keys for one.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.kind, &b.kind) {
        (Kind::Str(a), Kind::Str(b)) => a == b,
        (Kind::Int(a), Kind::Int(b)) => a == b,
        (Kind::Bool(a), Kind::Bool(b)) => a == b,
        (Kind::Int(int), Kind::Bool(bool)) | (Kind::Bool(bool), Kind::Int(int)) => *int == i64::from(*bool),
        (Kind::Null, Kind::Null) => true,
        _ => false,
    }
}
