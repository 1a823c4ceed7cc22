//! Filters of text: case, space, wrapping, quoting.

use super::Table;
use crate::template::arguments::{Args, integer};
use crate::template::{Value, fault, methods, python};
use minijinja::value::ValueKind;
use minijinja::{Error, State};

pub const TABLE: Table = &[
    ("string", |_, value, _| python::text(value).map(Value::from)),
    ("lower", |_, value, _| Ok(Value::from(python::text(value)?.to_lowercase()))),
    ("upper", |_, value, _| Ok(Value::from(python::text(value)?.to_uppercase()))),
    ("capitalize", |_, value, _| Ok(Value::from(methods::text::capitalized(&python::text(value)?)))),
    ("title", title),
    ("replace", replace),
    ("trim", trim),
    ("center", center),
    ("wordcount", |_, value, _| Ok(Value::from(words(&python::text(value)?)))),
    ("wordwrap", wordwrap),
    ("truncate", truncate),
    ("indent", indent),
    ("format", format),
    ("split", split),
    ("quote", |_, value, _| Ok(Value::from(quoted(&shown(value)?)))),
    ("comment", comment),
];

/// Text of a value; nothing for `None`.
fn shown(value: &Value) -> Result<String, Error> {
    if value.is_none() { Ok(String::new()) } else { python::text(value) }
}

fn title(_: &mut State<'_, '_>, value: &Value, _: &Args) -> Result<Value, Error> {
    let mut out = String::new();
    let mut start = true;
    for c in python::text(value)?.chars() {
        if start {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        start = c.is_whitespace() || "-({[<".contains(c);
    }
    Ok(Value::from(out))
}

fn replace(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let (text, old, new) = (python::text(value)?, args.need_text(0, "old")?, args.need_text(1, "new")?);
    let count = args.int(2, "count")?.and_then(|count| usize::try_from(count).ok());
    Ok(Value::from(match count {
        Some(count) => text.replacen(&old, &new, count),
        None => text.replace(&old, &new),
    }))
}

fn trim(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let text = python::text(value)?;
    Ok(Value::from(match args.text(0, "chars")? {
        Some(chars) => text.trim_matches(|c| chars.contains(c)),
        None => text.trim(),
    }))
}

fn center(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let width = args.int(0, "width")?.unwrap_or(80);
    Ok(Value::from(methods::text::centered(&python::text(value)?, usize::try_from(width).unwrap_or(0), ' ')))
}

fn words(text: &str) -> usize {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).count()
}

fn wordwrap(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let text = python::text(value)?;
    let width = usize::try_from(args.int(0, "width")?.unwrap_or(79)).unwrap_or(1).max(1);
    let breaks = args.truth(1, "break_long_words", true);
    let with = args.text(2, "wrapstring")?.unwrap_or_else(|| "\n".into());
    let hyphens = args.truth(3, "break_on_hyphens", true);
    let lines: Vec<String> =
        text.lines().map(|line| wrapped(line, width, breaks, hyphens).join(&with)).collect();
    Ok(Value::from(lines.join(&with)))
}

/// Blanks and words of a line, words cut after hyphens if wanted.
fn chunks(line: &str, hyphens: bool) -> Vec<String> {
    let mut out: Vec<String> = vec![];
    let mut last = None;
    for c in line.chars() {
        let blank = c.is_whitespace();
        let cut = hyphens && last == Some('-') && c.is_alphabetic();
        match out.last_mut() {
            Some(chunk) if last.is_some_and(|l: char| l.is_whitespace()) == blank && !cut => chunk.push(c),
            _ => out.push(c.into()),
        }
        last = Some(c);
    }
    out
}

fn wrapped(line: &str, width: usize, breaks: bool, hyphens: bool) -> Vec<String> {
    let size = |text: &str| text.chars().count();
    let mut lines = vec![String::new()];
    for mut chunk in chunks(line, hyphens) {
        loop {
            let first = lines.len() == 1;
            let Some(current) = lines.last_mut() else { break };
            if current.is_empty() && chunk.trim().is_empty() && !first {
                break; // a line does not begin with blanks
            }
            if size(current) + size(&chunk) <= width {
                current.push_str(&chunk);
                break;
            }
            if size(&chunk) > width && breaks && !chunk.trim().is_empty() {
                let room = width.saturating_sub(size(current)).max(usize::from(current.is_empty()));
                let head: String = chunk.chars().take(room).collect();
                chunk = chunk.chars().skip(room).collect();
                current.push_str(&head);
                lines.push(String::new());
                continue;
            }
            if current.is_empty() {
                current.push_str(&chunk);
                break;
            }
            lines.push(String::new());
        }
    }
    let lines = lines.iter().map(|line| line.trim_end().to_string());
    let mut lines: Vec<String> = lines.collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fn truncate(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let text = python::text(value)?;
    let number = |at, name, otherwise| args.int(at, name).map(|n| n.unwrap_or(otherwise));
    let most = usize::try_from(number(0, "length", 255)?).unwrap_or(0);
    let leeway = usize::try_from(number(3, "leeway", 5)?).unwrap_or(0);
    let end = args.text(2, "end")?.unwrap_or_else(|| "...".into());
    if text.chars().count() <= most + leeway {
        return Ok(Value::from(text));
    }
    let keep = most.saturating_sub(end.chars().count());
    let head: String = text.chars().take(keep).collect();
    let whole = args.truth(1, "killwords", false);
    let head =
        if whole { head.as_str() } else { head.rsplit_once(' ').map_or(head.as_str(), |(head, _)| head) };
    Ok(Value::from(head.to_string() + &end))
}

fn indent(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let text = python::text(value)?;
    let by = match args.get(0, "width") {
        Some(width) if width.kind() == ValueKind::String => python::text(&width)?,
        Some(width) => " ".repeat(usize::try_from(integer(&width)?).unwrap_or(0)),
        None => "    ".into(),
    };
    let (first, blank) = (args.truth(1, "first", false), args.truth(2, "blank", false));
    let mut out = String::new();
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let wanted = if i == 0 { first } else { blank || !line.is_empty() };
        out.push_str(if wanted { &by } else { "" });
        out.push_str(line);
    }
    Ok(Value::from(out))
}

fn format(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let text = python::text(value)?;
    let named = args.pairs();
    if !named.is_empty() && !args.given.is_empty() {
        return Err(fault::error("can't handle positional and keyword arguments at the same time"));
    }
    let arguments = match named.is_empty() {
        true => Value::from(minijinja::value::Tuple::from(args.given.clone())),
        false => Value::from_pairs(named),
    };
    python::printf(&text, &arguments).map(Value::from)
}

fn split(state: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    if value.kind() != ValueKind::String {
        let kind = python::type_name(value);
        return Err(fault::error(format!("'{kind}' object has no attribute 'split'")));
    }
    methods::call(state, value, "split", &args.given)
}

/// Text as one word of a POSIX shell.
pub fn quoted(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    match text {
        "" => "''".into(),
        text if text.chars().all(safe) => text.into(),
        text => format!("'{}'", text.replace('\'', "'\"'\"'")),
    }
}

fn comment(_: &mut State<'_, '_>, value: &Value, args: &Args) -> Result<Value, Error> {
    let text = python::text(value)?;
    let style = args.text(0, "style")?.unwrap_or_else(|| "plain".into());
    let (beginning, decoration, end) = match style.as_str() {
        "plain" => ("", "# ", ""),
        "erlang" => ("", "% ", ""),
        "c" => ("", "// ", ""),
        "cblock" => ("/*", " * ", " */"),
        "xml" => ("<!--", " - ", "-->"),
        other => return Err(fault::error(format!("Invalid style '{other}'."))),
    };
    let own = |name: &str, otherwise: &str| {
        args.named(name).map_or_else(|| Ok(otherwise.to_string()), |value| python::text(&value))
    };
    let count = |name: &str| {
        args.named(name).map_or(Ok(1), |value| integer(&value)).map(|n| usize::try_from(n).unwrap_or(0))
    };
    let newline = own("newline", "\n")?;
    let decoration = own("decoration", decoration)?;
    let bare = decoration.trim_end();
    let (prefix, postfix) = (own("prefix", bare)?, own("postfix", bare)?);
    let mut out = String::new();
    let beginning = own("beginning", beginning)?;
    if !beginning.is_empty() {
        out += &(beginning + &newline);
    }
    if !prefix.is_empty() {
        out += &(prefix + &newline).repeat(count("prefix_count")?);
    }
    for (i, line) in text.split(newline.as_str()).enumerate() {
        out += if i > 0 { &newline } else { "" };
        out += if line.is_empty() { bare } else { &decoration };
        out += line;
    }
    out += &(newline.clone() + &postfix).repeat(count("postfix_count")?);
    let end = own("end", end)?;
    if !end.is_empty() {
        out += &(newline + &end);
    }
    Ok(Value::from(out))
}
