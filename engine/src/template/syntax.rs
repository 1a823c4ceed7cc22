//! What is wrong with the syntax of a template, in Jinja's words: what minijinja's parser refused comes in with the text and
//! the place, a message goes out.

use super::python;
use minijinja::value::Value;

/// The words for what the parser refused in `source` at `at`, where `got` stood; `alone` is an expression without braces.
pub fn said(detail: &str, source: &str, at: Option<usize>, got: &str, alone: bool) -> String {
    let own = at.and_then(|at| {
        let unended = || unended(detail, source, at).filter(|_| alone);
        unlexed(detail, source, at).or_else(unended).or_else(|| unbalanced(source, at, alone))
    });
    own.unwrap_or_else(|| refused(detail, got, at.and_then(|at| source.get(..at)).unwrap_or("")))
}

/// What is no token.
fn unlexed(detail: &str, source: &str, at: usize) -> Option<String> {
    if !matches!(detail, "unexpected character" | "unexpected end of string") {
        return None;
    }
    let here = source.get(at..)?.trim_start();
    let before = source.get(..source.len() - here.len())?;
    let odd = python::repr(&Value::from(here.chars().next()?.to_string()));
    Some(format!("unexpected char {odd} at {}", before.chars().count()))
}

/// A bracket that closes what is not open: Jinja minds it before it minds the grammar.
fn unbalanced(source: &str, at: usize, alone: bool) -> Option<String> {
    let closer = source.get(at..)?.trim_start().chars().next().filter(|c| matches!(c, ')' | ']' | '}'))?;
    let before = source.get(..at)?;
    let tag = before.rfind("{{").max(before.rfind("{%")).map_or(0, |start| start + 2);
    let (mut open, mut quote) = (vec![], None);
    for c in before.get(tag..)?.chars() {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => open.push(')'),
            (None, '[') => open.push(']'),
            (None, '{') => open.push('}'),
            (None, ')' | ']' | '}') => _ = open.pop(),
            _ => {}
        }
    }
    match open.last() {
        // The end of a tag, which is not for here.
        None if closer == '}' && source.get(at..)?.trim_start().starts_with("}}") => None,
        None if alone => Some(format!("unexpected '{closer}'\n  line 1")),
        None => Some(format!("unexpected '{closer}'")),
        Some(wanted) if *wanted != closer => Some(format!("unexpected '{closer}', expected '{wanted}'")),
        Some(_) => None,
    }
}

/// An expression that ends too early, or does not end.
fn unended(detail: &str, source: &str, at: usize) -> Option<String> {
    match detail {
        "unexpected input after expression" => {
            let rest = source.get(at..)?.trim_start();
            Some(match rest.chars().next().filter(|_| !rest.starts_with("}}")) {
                Some(closer @ (')' | ']' | '}')) => format!("unexpected '{closer}'"),
                _ => "chunk after expression".into(),
            })
        }
        "unexpected end of input, expected expression" => Some("unexpected 'end of template'".into()),
        _ => {
            let wanted = match detail.strip_prefix("unexpected end of input, expected ")?.trim_matches('`') {
                "identifier" => "name",
                "]" => ",",
                other => other,
            };
            Some(format!("unexpected end of template, expected '{wanted}'."))
        }
    }
}

/// What the grammar has no place for; `before` is the text in front of it.
fn refused(detail: &str, got: &str, before: &str) -> String {
    let token = |words: &str| match words {
        "end of variable block" => "end of print statement".to_string(),
        "end of block" => "end of statement block".to_string(),
        "identifier" => "name".to_string(),
        "identifier or integer" => "name or number".to_string(),
        other => other.trim_matches('`').to_string(),
    };
    if let Some(tag) = detail.strip_prefix("unknown statement ") {
        return format!("Encountered unknown tag '{tag}'.");
    }
    let Some(rest) = detail.strip_prefix("unexpected ") else { return detail.to_string() };
    let (found, wanted) = rest.split_once(", expected ").map_or((rest, None), |(f, w)| (f, Some(w)));
    let seen = match found {
        "identifier" if !got.is_empty() => got.trim().to_string(),
        other => token(other),
    };
    match wanted {
        Some("end of variable block") if found == "end of input" => {
            "unexpected end of template, expected 'end of print statement'.".into()
        }
        _ if matches!(found, "end of string" | "character") => detail.to_string(),
        // Where nothing at all stands in the place of an expression.
        None if found.starts_with("end of ") && begins(before) => {
            format!("Expected an expression, got '{seen}'")
        }
        None => format!("unexpected '{seen}'"),
        Some("identifier or integer") => "expected name or number".to_string(),
        Some(wanted) => format!("expected token '{}', got '{seen}'", token(wanted)),
    }
}

/// Whether an expression would be the first of its tag, or of its part of one.
fn begins(before: &str) -> bool {
    let before = before.trim_end();
    let word = before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or("");
    let set = before.strip_suffix('=').is_some_and(|name| !name.ends_with(['=', '!', '<', '>']));
    let statement = before.rfind("{%") > before.rfind("{{");
    set || statement && matches!(word, "if" | "elif" | "in")
        || ["{{", "{{-", "{{+"].iter().any(|tag| before.ends_with(tag))
}
