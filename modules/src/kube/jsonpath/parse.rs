//! A template read: text and actions in braces, each a chain of steps. What is wrong is said in the words of kubectl, which people
//! look up.

/// One step, or a chain of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// An action: each step goes on from what the one before found.
    Chain(Vec<Node>),
    Text(String),
    Field(String),
    /// `[from:to:step]`, or one element.
    Slice(Slice),
    Filter(Filter),
    Int(i64),
    Float(f64),
    Bool(bool),
    Wildcard,
    Recursive,
    Union(Vec<Node>),
    Range,
    End,
    /// A word that means nothing; an error only when it is reached.
    Word(String),
}

/// Which elements of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slice {
    pub from: i64,
    pub to: Option<i64>,
    /// That `to` is only the one after `from`.
    pub single: bool,
    pub step: Option<i64>,
}

/// Which elements of a list, by what they hold.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filter {
    pub left: Box<Node>,
    /// An operator and what it compares with; without it, whether there is anything.
    pub right: Option<(String, Box<Node>)>,
}

/// Reads a template.
pub(super) fn template(text: &str) -> Result<Vec<Node>, String> {
    let mut reader = Reader { text: text.chars().collect(), at: 0 };
    let mut nodes = vec![];
    while reader.at < reader.text.len() {
        let begun = reader.at;
        while reader.peek().is_some_and(|c| c != '{') {
            reader.at += 1;
        }
        if reader.at > begun {
            nodes.push(Node::Text(reader.since(begun)));
        }
        if reader.next() == Some('{') {
            nodes.push(reader.action()?);
        }
    }
    Ok(nodes)
}

/// What one pair of braces would hold.
fn inner(text: &str) -> Result<Node, String> {
    let mut nodes = template(&format!("{{{text}}}"))?;
    match nodes.is_empty() {
        true => Err("unclosed action".into()),
        false => Ok(nodes.swap_remove(0)),
    }
}

struct Reader {
    text: Vec<char>,
    at: usize,
}

fn is_terminator(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}')
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += usize::from(c.is_some());
        c
    }

    fn since(&self, begun: usize) -> String {
        self.text.get(begun..self.at).unwrap_or_default().iter().collect()
    }

    fn begins(&self, word: &str) -> bool {
        word.chars().enumerate().all(|(offset, c)| self.text.get(self.at + offset) == Some(&c))
    }

    /// From behind a brace to behind its end.
    fn action(&mut self) -> Result<Node, String> {
        let mut chain = vec![];
        loop {
            if self.begins("}") {
                self.at += 1;
                return Ok(Node::Chain(chain));
            }
            if self.begins("[?(") {
                chain.push(self.filter()?);
                continue;
            }
            if self.begins("..") {
                self.at += 2;
                chain.push(Node::Recursive);
                if self.peek().is_some_and(is_word) {
                    chain.push(self.field());
                }
                continue;
            }
            match self.next() {
                None | Some('\n' | '\r') => return Err("unclosed action".into()),
                Some(' ' | '@' | '$') => {}
                Some('[') => self.array(&mut chain)?,
                Some(quote @ ('"' | '\'')) => chain.push(self.quoted(quote)?),
                Some('.') => chain.push(self.field()),
                Some(c) if c == '+' || c == '-' || c.is_ascii_digit() => {
                    self.at -= 1;
                    chain.push(self.number()?);
                }
                Some(c) if is_word(c) => {
                    self.at -= 1;
                    chain.push(self.word());
                }
                Some(c) => {
                    return Err(format!("unrecognized character in action: U+{:04X} '{c}'", u32::from(c)));
                }
            }
        }
    }

    /// The text up to what ends a name; a backslash takes the next character as it is.
    fn name(&mut self) -> String {
        let begun = self.at;
        while let Some(c) = self.peek().filter(|c| !is_terminator(*c)) {
            self.at += 1 + usize::from(c == '\\');
        }
        self.at = self.at.min(self.text.len());
        self.since(begun)
    }

    fn field(&mut self) -> Node {
        match self.name().as_str() {
            "*" => Node::Wildcard,
            name => Node::Field(name.replace('\\', "")),
        }
    }

    fn word(&mut self) -> Node {
        let begun = self.at;
        while self.peek().is_some_and(|c| !is_terminator(c)) {
            self.at += 1;
        }
        match self.since(begun).as_str() {
            "range" => Node::Range,
            "end" => Node::End,
            "true" => Node::Bool(true),
            "false" => Node::Bool(false),
            word => Node::Word(word.to_string()),
        }
    }

    fn number(&mut self) -> Result<Node, String> {
        let begun = self.at;
        self.at += usize::from(matches!(self.peek(), Some('+' | '-')));
        while self.peek().is_some_and(|c| c == '.' || c.is_ascii_digit()) {
            self.at += 1;
        }
        let text = self.since(begun);
        if let Ok(number) = text.parse() {
            return Ok(Node::Int(number));
        }
        text.parse().map(Node::Float).map_err(|_| format!("cannot parse number {text}"))
    }

    fn quoted(&mut self, quote: char) -> Result<Node, String> {
        let begun = self.at - 1;
        loop {
            match self.next() {
                None | Some('\n') => return Err("unterminated quoted string".into()),
                Some(c) if c == quote && self.text.get(self.at - 2) != Some(&'\\') => break,
                Some(_) => {}
            }
        }
        let whole = self.since(begun);
        unquoted(&whole).map(Node::Text).ok_or_else(|| format!("unquote string {whole} error invalid syntax"))
    }

    fn array(&mut self, chain: &mut Vec<Node>) -> Result<(), String> {
        let begun = self.at;
        loop {
            match self.next() {
                None | Some('\n') => return Err("unterminated array".into()),
                Some(']') => break,
                Some(_) => {}
            }
        }
        let text: String = self.text.get(begun..self.at - 1).unwrap_or_default().iter().collect();
        let text = if text == "*" { ":" } else { text.as_str() };
        if text.contains(',') {
            let parts = text.split(',').map(|part| inner(&format!("[{}]", part.trim_matches(' '))));
            chain.push(Node::Union(parts.collect::<Result<_, _>>()?));
            return Ok(());
        }
        let key = text
            .strip_prefix('\'')
            .and_then(|rest| rest.strip_suffix('\''))
            .filter(|key| !key.contains('\''));
        match key {
            // The dots of a key in quotes are steps, too: kubectl wants them escaped.
            Some(key) => match inner(&format!(".{key}"))? {
                Node::Chain(steps) => chain.extend(steps),
                step => chain.push(step),
            },
            None => chain.push(Node::Slice(slice(text)?)),
        }
        Ok(())
    }

    fn filter(&mut self) -> Result<Node, String> {
        self.at += 3;
        let begun = self.at;
        let (mut quote, mut closed) = (None, false);
        loop {
            match self.next() {
                None | Some('\n') => return Err("unterminated filter".into()),
                Some(c @ ('"' | '\'')) => match quote {
                    None => quote = Some(c),
                    Some(open) if open == c && self.text.get(self.at - 2) != Some(&'\\') => closed = true,
                    Some(_) => {}
                },
                Some(')') if quote.is_some() == closed => break,
                Some(_) => {}
            }
        }
        let text: String = self.text.get(begun..self.at - 1).unwrap_or_default().iter().collect();
        if self.next() != Some(']') {
            return Err("unclosed array expect ]".into());
        }
        let is_operator = |c: char| matches!(c, '!' | '<' | '>' | '=');
        let compared = text.find(is_operator).filter(|at| *at > 0).and_then(|at| {
            let (left, rest) = text.split_at(at);
            let end = rest.find(|c| !is_operator(c))?;
            let (operator, right) = rest.split_at(end);
            Some((left, operator, right))
        });
        Ok(Node::Filter(match compared {
            None => Filter { left: Box::new(inner(&text)?), right: None },
            Some((left, operator, right)) => Filter {
                left: Box::new(inner(left)?),
                right: Some((operator.to_string(), Box::new(inner(right)?))),
            },
        }))
    }
}

/// `1`, `-1`, `1:3`, `::2`.
fn slice(text: &str) -> Result<Slice, String> {
    let invalid = || format!("invalid array index {text}");
    let mut parts = text.split(':');
    let number = |part: Option<&str>| match part {
        None | Some("") => Ok(None),
        Some(part) => {
            let digits = part.strip_prefix('-').unwrap_or(part);
            match digits.is_empty() || digits.chars().any(|c| !c.is_ascii_digit()) {
                true => Err(invalid()),
                false => part.parse().map(Some).map_err(|_| format!("array index {part} is not a number")),
            }
        }
    };
    let (from, second, third) = (parts.next(), parts.next(), parts.next());
    if parts.next().is_some() {
        return Err(invalid());
    }
    let (from, to, step) = (number(from)?, number(second)?, number(third)?);
    let first = from.unwrap_or(0);
    // Without a colon the element after the first is where it ends.
    let single = second.is_none();
    Ok(Slice { from: first, to: if single { Some(first + 1) } else { to }, single, step })
}

/// The text of a string in quotes, with Go's escapes.
fn unquoted(whole: &str) -> Option<String> {
    let quote = whole.chars().next()?;
    let text = whole.strip_prefix(quote)?.strip_suffix(quote)?;
    let (mut out, mut chars) = (String::new(), text.chars());
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let escaped = chars.next()?;
        out.push(match escaped {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'v' => '\u{b}',
            '\\' | '"' | '\'' => escaped,
            'x' => code(&mut chars, 2, 16)?,
            'u' => code(&mut chars, 4, 16)?,
            'U' => code(&mut chars, 8, 16)?,
            '0'..='7' => {
                let mut rest = chars.clone();
                let (second, third) = (rest.next()?, rest.next()?);
                chars = rest;
                char::from_u32(u32::from_str_radix(&format!("{escaped}{second}{third}"), 8).ok()?)?
            }
            _ => return None,
        });
    }
    Some(out)
}

fn code(chars: &mut std::str::Chars<'_>, digits: usize, radix: u32) -> Option<char> {
    let text: String = chars.by_ref().take(digits).collect();
    let whole = text.len() == digits;
    u32::from_str_radix(&text, radix).ok().filter(|_| whole).and_then(char::from_u32)
}
