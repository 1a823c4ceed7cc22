//! The token step: what minijinja's parser refuses and Jinja's takes (unary plus, tuples without parentheses), and
//! backslashes of playbook strings, which stay as written. A text comes in, [`Edit`]s go out.

use super::edits::Edit;
use minijinja::machinery::{Span, Token, tokenize};
use minijinja::syntax::SyntaxConfig;
use std::ops::Range;

fn range(span: &Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

/// The text with plain blanks in place of others (no-break spaces come with what is copied from pages) between the tokens of
/// its tags, as many bytes; nothing if there are none.
pub fn spaced(source: &str, bare: bool, syntax: &SyntaxConfig) -> Option<String> {
    let odd = |c: char| c.is_whitespace() && !c.is_ascii();
    if !source.contains(odd) {
        return None;
    }
    let (variable, block) = (syntax.variable_delimiters(), syntax.block_delimiters());
    let mut out = String::with_capacity(source.len());
    let (mut inside, mut quote) = (bare, None);
    for (at, c) in source.char_indices() {
        let rest = source.get(at..).unwrap_or("");
        if !bare && quote.is_none() {
            match inside {
                false => inside = rest.starts_with(variable.0) || rest.starts_with(block.0),
                true => inside = !(rest.starts_with(variable.1) || rest.starts_with(block.1)),
            }
        }
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (None, '"' | '\'') if inside => quote = Some(c),
            _ => {}
        }
        match inside && quote.is_none() && odd(c) {
            true => out.extend(std::iter::repeat_n(' ', c.len_utf8())),
            false => out.push(c),
        }
    }
    Some(out)
}

/// The edits; `backslash` says that backslashes in string literals of `{{ }}` are literal.
pub fn edits(source: &str, bare: bool, backslash: bool, syntax: &SyntaxConfig) -> Vec<Edit> {
    use Token as T;
    let tokens: Vec<_> = tokenize(source, bare, syntax.clone()).map_while(Result::ok).collect();
    let mut edits: Vec<Edit> = vec![];
    let (mut depth, mut in_variable, mut statement) = (0i32, false, "");
    let mut tuple: Option<(usize, bool)> = None; // where a bare tuple may start, and whether a comma was seen
    for (i, (token, span)) in tokens.iter().enumerate() {
        let next = || tokens.get(i + 1).map(|(_, span)| (span.start_offset as usize, false));
        let before = i.checked_sub(1).and_then(|last| tokens.get(last));
        let in_for = depth == 0 && statement == "for";
        let ends = matches!(token, T::VariableEnd | T::BlockEnd)
            || (in_for && matches!(token, T::Ident("if" | "recursive")));
        if ends && let Some((start, true)) = tuple.take() {
            let end = before.map_or(start, |(_, span)| span.end_offset as usize);
            edits.extend([(start..start, "(".into()), (end..end, ")".into())]);
        }
        match token {
            T::VariableStart => (depth, in_variable, statement, tuple) = (0, true, "", next()),
            T::VariableEnd => in_variable = false,
            T::BlockStart => {
                (depth, tuple) = (0, None);
                statement = match tokens.get(i + 1) {
                    Some((T::Ident(word), _)) => word,
                    _ => "",
                };
            }
            T::ParenOpen | T::BracketOpen | T::BraceOpen => depth += 1,
            T::ParenClose | T::BracketClose | T::BraceClose => depth -= 1,
            T::Ident("in") if in_for && tuple.is_none() => tuple = next(),
            T::Assign if statement == "set" && depth == 0 => tuple = next(),
            T::Comma if depth == 0 => {
                if let Some((_, comma)) = &mut tuple {
                    *comma = true;
                }
            }
            T::Plus if !before.is_some_and(|(token, _)| ends_operand(token)) => {
                edits.push((range(span), " ".into()));
            }
            T::Str(_) | T::String(_) if backslash && in_variable => {
                edits.extend(literal(source, range(span)));
            }
            _ => {}
        }
    }
    edits
}

/// Whether an operand may end with this token, so that a `+` after it is an addition.
fn ends_operand(token: &Token<'_>) -> bool {
    use Token as T;
    match token {
        T::Ident(word) => !matches!(*word, "and" | "or" | "not" | "in" | "is" | "if" | "else" | "elif"),
        T::ParenClose | T::BracketClose | T::BraceClose => true,
        T::Str(_) | T::String(_) | T::Int(_) | T::Int128(_) | T::Float(_) => true,
        _ => false,
    }
}

/// The literal with its backslashes doubled, if it has any.
fn literal(source: &str, at: Range<usize>) -> Option<Edit> {
    let text = source.get(at.clone())?;
    let quote = text.get(..1)?;
    let body = text.get(1..text.len().checked_sub(1)?)?;
    if !body.contains('\\') {
        return None;
    }
    let body = body.replace('\\', "\\\\").replace(quote, &format!("\\{quote}"));
    Some((at, format!("{quote}{body}{quote}").into()))
}
