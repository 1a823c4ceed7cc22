//! Words for a POSIX shell and out of one. Text comes in; quoted words that mean exactly that text, or the words
//! that a text is made of, go out. Nothing of a text is ever left for the shell to interpret but what the function
//! says: a leading `~`, `$NAME`, `${NAME}`, and for patterns `*`, `?`, `[`.

/// The word that is exactly this text.
pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The word that is this text with a leading `~` and `$NAME`, `${NAME}` as the target knows them; a variable that is
/// not set there stays as written.
pub(crate) fn expanded(text: &str) -> String {
    word(text, false)
}

/// As [`expanded`], with `*`, `?` and `[` left to the shell: the word becomes the paths that match.
pub(crate) fn pattern(text: &str) -> String {
    word(text, true)
}

fn word(text: &str, globs: bool) -> String {
    let (mut out, mut plain) = (String::new(), String::new());
    let mut rest = text;
    if let Some((home, after)) = home(text) {
        out.push_str(home);
        rest = after;
    }
    while let Some(c) = rest.chars().next() {
        if let Some((name, written, after)) = variable(rest) {
            flush(&mut out, &mut plain);
            let kept = written.replace('$', r"\$").replace('}', r"\}");
            out.push_str(&format!("\"${{{name}-{kept}}}\""));
            rest = after;
            continue;
        }
        if globs && matches!(c, '*' | '?' | '[' | ']' | '!' | '^' | '-') {
            flush(&mut out, &mut plain);
            out.push(c);
        } else {
            plain.push(c);
        }
        rest = rest.get(c.len_utf8()..).unwrap_or("");
    }
    flush(&mut out, &mut plain);
    if out.is_empty() { "''".into() } else { out }
}

fn flush(out: &mut String, plain: &mut String) {
    if !plain.is_empty() {
        out.push_str(&quote(plain));
        plain.clear();
    }
}

/// A leading `~` or `~user` and what follows it.
fn home(text: &str) -> Option<(&str, &str)> {
    // The slash goes with it: a quote before it would make the `~` plain.
    let end = text.find('/').map_or(text.len(), |slash| slash + 1);
    let (head, rest) = text.split_at_checked(end)?;
    let user = head.strip_prefix('~')?.trim_end_matches('/');
    let named = user.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    named.then_some((head, rest))
}

/// A leading `$NAME` or `${NAME}`: the name, how it is written, and what follows it.
fn variable(text: &str) -> Option<(&str, &str, &str)> {
    let after = text.strip_prefix('$')?;
    let (name, len) = match after.strip_prefix('{') {
        Some(braced) => {
            let end = braced.find('}')?;
            (braced.get(..end)?, end + 3)
        }
        None => {
            let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
            (after.get(..end)?, end + 1)
        }
    };
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if starts && plain { Some((name, text.get(..len)?, text.get(len..)?)) } else { None }
}

/// The words of a text as a POSIX shell sees them, without expansions and comments.
///
/// # Errors
/// A quote is left open, or the text ends with a backslash; the message is Python's.
pub(crate) fn split(text: &str) -> Result<Vec<String>, &'static str> {
    let (mut words, mut word) = (vec![], None::<String>);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(c) => word.push(c),
                        None => return Err("No closing quotation"),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => match chars.next() {
                            Some(c @ ('"' | '\\')) => word.push(c),
                            Some(c) => word.extend(['\\', c]),
                            None => return Err("No closing quotation"),
                        },
                        Some(c) => word.push(c),
                        None => return Err("No closing quotation"),
                    }
                }
            }
            '\\' => match chars.next() {
                Some(c) => word.get_or_insert_default().push(c),
                None => return Err("No escaped character"),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// What follows the first word of a text, as it is written.
pub(crate) fn after_first(text: &str) -> &str {
    let ends = text.char_indices().filter(|(_, c)| c.is_whitespace());
    let first = |end: &usize| text.get(..*end).is_some_and(|head| split(head).is_ok_and(|w| w.len() == 1));
    ends.map(|(at, _)| at).find(first).and_then(|end| text.get(end..)).unwrap_or("")
}

/// Words as one line that a shell would split into them again, as Python writes it.
pub(crate) fn join(words: &[String]) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "@%_-+=:,./".contains(c);
    let one = |word: &String| match word.as_str() {
        "" => "''".into(),
        plain if plain.chars().all(safe) => plain.to_string(),
        other => format!("'{}'", other.replace('\'', "'\"'\"'")),
    };
    words.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Text as Python prints bytes: `b'x'`.
pub(crate) fn bytes_repr(text: &str) -> String {
    let mark = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = format!("b{mark}");
    for byte in text.bytes() {
        match byte {
            b'\\' => out.push_str(r"\\"),
            b'\n' => out.push_str(r"\n"),
            b'\r' => out.push_str(r"\r"),
            b'\t' => out.push_str(r"\t"),
            b'\'' if mark == '\'' => out.push_str(r"\'"),
            b' '..=b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("\\x{other:02x}")),
        }
    }
    out.push(mark);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_word_is_exactly_its_text() {
        assert_eq!(quote("it's $x"), r"'it'\''s $x'");
        assert_eq!(expanded(""), "''");
    }

    #[test]
    fn only_home_and_variables_are_expanded() {
        assert_eq!(expanded("~/a b"), "~/'a b'");
        assert_eq!(expanded("a~$HOME/${X}*"), r#"'a~'"${HOME-\$HOME}"'/'"${X-\${X\}}"'*'"#);
        assert_eq!(expanded("$1 $ ${a-b}"), "'$1 $ ${a-b}'");
        assert_eq!(expanded("~$(reboot)"), "'~$(reboot)'");
    }

    #[test]
    fn a_pattern_leaves_globs_alone() {
        assert_eq!(pattern("/a b/*.[ch]"), "'/a b/'*'.'['ch']");
    }

    #[test]
    fn words_split_as_in_python() {
        assert_eq!(
            split(r#"a 'b c'd "e\"f\g" h\ i '' #x"#).unwrap(),
            ["a", "b cd", "e\"f\\g", "h i", "", "#x"]
        );
        assert_eq!(split("'a"), Err("No closing quotation"));
        assert_eq!(split("a\\"), Err("No escaped character"));
    }

    #[test]
    fn what_follows_the_first_word_is_kept_as_written() {
        assert_eq!(after_first("'a b.sh' $HOME 'c d'"), " $HOME 'c d'");
        assert_eq!(after_first("a.sh"), "");
    }

    #[test]
    fn bytes_print_as_in_python() {
        assert_eq!(bytes_repr("it's é"), r#"b"it's \xc3\xa9""#);
    }
}
