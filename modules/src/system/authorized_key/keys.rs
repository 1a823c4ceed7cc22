//! The lines of an authorized_keys file. A line is options, a type, the key and a comment, or it is something else and
//! stays as it is; the key alone says whether two lines are the same. Text comes in and goes out.

use super::Args;
use muster_engine::module::Failure;

const TYPES: [&str; 23] = [
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "sk-ssh-ed25519@openssh.com",
    "sk-ssh-ed25519-cert-v01@openssh.com",
    "ssh-ed25519",
    "ssh-ed25519-cert-v01@openssh.com",
    "ssh-dss",
    "ssh-rsa",
    "ssh-xmss@openssh.com",
    "ssh-xmss-cert-v01@openssh.com",
    "rsa-sha2-256",
    "rsa-sha2-512",
    "ssh-rsa-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com",
    "rsa-sha2-512-cert-v01@openssh.com",
    "ssh-dss-cert-v01@openssh.com",
];

/// A key's parts; none of them for a line that is something else.
#[derive(Clone, Debug, PartialEq)]
struct Key {
    kind: String,
    options: Vec<String>,
    comment: String,
}

#[derive(Clone, Debug)]
struct Line {
    /// The key itself, or the whole line.
    id: String,
    key: Option<Key>,
    rank: usize,
}

/// The lines of a file.
#[derive(Debug)]
pub(super) struct Keys(Vec<Line>);

impl Keys {
    /// Reads a file. Of lines with the same key the last counts.
    pub fn parse(text: &str) -> Self {
        let mut lines: Vec<Line> = vec![];
        for (rank, text) in text.split_inclusive('\n').enumerate() {
            let line = match parse(text) {
                Some((id, key)) => Line { id, key: Some(key), rank },
                None => Line { id: text.to_string(), key: None, rank },
            };
            lines.retain(|known| known.id != line.id);
            lines.push(line);
        }
        Self(lines)
    }

    /// Makes the change that is asked for, and says whether it was one.
    pub fn change(&mut self, args: &Args, text: &str) -> Result<bool, Failure> {
        let (last, mut changed, mut kept) = (self.0.len(), false, vec![]);
        let wanted = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        for (rank, text) in wanted.enumerate() {
            let (id, mut key) =
                parse(text).ok_or_else(|| Failure::new(format!("invalid key specified: {text}")))?;
            if let Some(options) = &args.key_options {
                key.options = split(options);
            }
            if let Some(comment) = &args.comment {
                key.comment.clone_from(comment);
            }
            let now = self.0.iter().position(|line| line.id == id);
            let same = now.and_then(|at| self.0.get(at)).is_some_and(|line| line.key.as_ref() == Some(&key));
            match (args.state.as_str(), now) {
                ("absent", None) => {}
                ("absent", Some(at)) => {
                    self.0.remove(at);
                    changed = true;
                }
                _ => {
                    kept.push(id.clone());
                    if !same {
                        self.0.retain(|line| line.id != id);
                        self.0.push(Line { id, key: Some(key), rank: last + rank });
                        changed = true;
                    }
                }
            }
        }
        if args.exclusive && args.state == "present" {
            let before = self.0.len();
            self.0.retain(|line| kept.contains(&line.id));
            changed |= self.0.len() != before;
        }
        Ok(changed)
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let mut lines: Vec<&Line> = self.0.iter().collect();
        lines.sort_by_key(|line| line.rank);
        lines.into_iter().map(Line::text).collect()
    }
}

impl Line {
    fn text(&self) -> String {
        match &self.key {
            None => self.id.clone(),
            Some(key) => {
                let options =
                    if key.options.is_empty() { String::new() } else { key.options.join(",") + " " };
                format!("{options}{} {} {}\n", key.kind, self.id, key.comment)
            }
        }
    }
}

/// A line's key and what goes with it.
fn parse(text: &str) -> Option<(String, Key)> {
    let text = text.replace(r"\#", "#");
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.first() == Some(&"#") {
        return None;
    }
    let at = words.iter().position(|word| TYPES.contains(word))?;
    let (options, rest) = words.split_at(at);
    let [kind, id, comment @ ..] = rest else { return None };
    let key =
        Key { kind: (*kind).to_string(), options: split(&options.join(" ")), comment: comment.join(" ") };
    Some(((*id).to_string(), key))
}

/// Options, divided at commas that are not in quotes.
fn split(text: &str) -> Vec<String> {
    let (mut out, mut part, mut quote) = (vec![], String::new(), None);
    for c in text.chars() {
        match (c, quote) {
            (',', None) => out.push(std::mem::take(&mut part)),
            ('"' | '\'', None) => {
                quote = Some(c);
                part.push(c);
            }
            (c, Some(mark)) if c == mark => {
                quote = None;
                part.push(c);
            }
            (c, _) => part.push(c),
        }
    }
    out.push(part);
    out.retain(|part| !part.is_empty());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_have_options_with_commas_in_quotes() {
        let (id, key) = parse("from=\"a,b\",no-pty ssh-rsa AAAA me at home\n").unwrap();
        assert_eq!((id.as_str(), key.kind.as_str(), key.comment.as_str()), ("AAAA", "ssh-rsa", "me at home"));
        assert_eq!(key.options, ["from=\"a,b\"", "no-pty"]);
        assert!(parse("# ssh-rsa AAAA").is_none());
    }
}
