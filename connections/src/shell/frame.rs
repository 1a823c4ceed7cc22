//! The words around a command in a long-lived shell, and finding its end again. A command comes in, one write goes
//! out; output comes in, what the command said and its exit code go out. The mark is a random text that is never in
//! the shell's memory while the command runs, so no output can forge it.

use muster_engine::connection::Command;
use rand::Rng;

/// Most standard input that goes through the shell's own words.
pub(crate) const SMALL_INPUT: usize = 64 * 1024;
/// Most bytes kept of each output unless the command says otherwise.
pub(crate) const DEFAULT_CAP: usize = 64 * 1024 * 1024;

/// The text that ends a command's output: a record separator and 128 random bits in hex.
#[derive(Clone, Debug)]
pub(crate) struct Mark(String);

impl Mark {
    /// A new one.
    pub(crate) fn new() -> Self {
        Self(format!("{:032x}", rand::rng().random::<u128>()))
    }

    /// Its letters, without the separator.
    pub(crate) fn letters(&self) -> &str {
        &self.0
    }

    fn starts(&self, bytes: &[u8]) -> bool {
        match bytes.split_first() {
            Some((0x1e, rest)) => {
                let n = rest.len().min(self.0.len());
                rest.get(..n) == self.0.as_bytes().get(..n)
            }
            _ => false,
        }
    }
}

/// Quotes a text for a POSIX shell.
pub(crate) fn quote(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    push_quoted(&mut out, text.as_bytes());
    String::from_utf8(out).unwrap_or_default()
}

fn push_quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'\'');
    let mut rest = bytes;
    while let Some(at) = memchr::memchr(b'\'', rest) {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        out.extend_from_slice(b"'\\''");
        rest = after.get(1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out.push(b'\'');
}

/// How a shell's two outputs reach us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Streams {
    /// Two streams; descriptor 3 is the real standard error.
    Two,
    /// One stream (a terminal): standard error is kept in an unlinked file, written as 4, read as 5.
    One,
}

/// What makes a fresh shell ready: its own chatter goes nowhere, and it says its process id after the mark.
pub(crate) fn boot(mark: &Mark, streams: Streams) -> String {
    let m = mark.letters();
    match streams {
        Streams::Two => {
            format!("exec 3>&2 2>/dev/null; printf '\\036{m} %d\\n' $$; printf '\\036{m}\\n' >&3\n")
        }
        Streams::One => {
            let file = format!("${{TMPDIR:-/tmp}}/.muster-{}", Mark::new().letters());
            format!(
                "exec 2>/dev/null; muster_umask=$(umask); umask 077; exec 4>\"{file}\" 5<\"{file}\"; \
                 rm -f \"{file}\"; umask \"$muster_umask\"; unset muster_umask; \
                 printf '\\036{m} %d\\n' $$; printf '\\036{m}\\n'\n"
            )
        }
    }
}

/// One command as one write: a subshell around the quoted script, then the mark on both streams.
pub(crate) fn frame(command: &Command, mark: &Mark, streams: Streams) -> Vec<u8> {
    let input = command.stdin.as_deref().unwrap_or_default();
    let mut out = Vec::with_capacity(command.script.len() + input.len() + 256);
    if !input.is_empty() {
        out.extend_from_slice(b"printf %s ");
        push_quoted(&mut out, input);
        out.push(b'|');
    }
    out.push(b'(');
    push_environment(&mut out, &command.environment);
    out.extend_from_slice(b"eval ");
    push_quoted(&mut out, command.script.as_bytes());
    out.push(b')');
    if input.is_empty() {
        out.extend_from_slice(b"</dev/null");
    }
    let m = mark.letters();
    let tail = match streams {
        Streams::Two => {
            format!(" 2>&3 3>&-;printf '\\036{m} %d\\n' $?;printf '\\036{m}\\n' >&3\n")
        }
        Streams::One => {
            format!(" 2>&4 4>&- 5<&-;printf '\\036{m} %d\\n' $?;cat <&5;printf '\\036{m}\\n'\n")
        }
    };
    out.extend_from_slice(tail.as_bytes());
    out
}

fn push_environment(out: &mut Vec<u8>, environment: &[(String, String)]) {
    for (name, value) in environment {
        out.extend_from_slice(b"export ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        push_quoted(out, value.as_bytes());
        out.push(b';');
    }
}

/// A script with its environment in front, for a shell of its own. The first line tells the mark and the process
/// id, so that the end of an escalation and the group to kill are known.
pub(crate) fn alone(command: &Command, mark: &Mark, streams: Streams) -> String {
    let mut line = format!("printf '\\036{} %d\\n' $$", mark.letters());
    if streams == Streams::Two {
        line.push_str(" >&2");
    }
    line.push('\n');
    line.push_str(&script(command));
    line
}

/// A script with its environment in front.
pub(crate) fn script(command: &Command) -> String {
    let mut environment = Vec::new();
    push_environment(&mut environment, &command.environment);
    format!("{}{}", String::from_utf8_lossy(&environment), command.script)
}

/// Whether a script must not share a shell: what it puts in the background could write into the next command's
/// output, and `$$` would be the shell's own process.
pub(crate) fn wants_own(script: &str) -> bool {
    let bytes = script.as_bytes();
    let mut from = 0;
    while let Some(at) = bytes.get(from..).and_then(|rest| memchr::memchr2(b'&', b'$', rest)) {
        let at = from + at;
        let before = at.checked_sub(1).and_then(|i| bytes.get(i));
        let after = bytes.get(at + 1);
        if bytes.get(at) == Some(&b'$') {
            if after == Some(&b'$') {
                return true;
            }
            from = at + 1;
        } else if after == Some(&b'&') {
            from = at + 2;
        } else if matches!(before, Some(b'>' | b'<')) || after == Some(&b'>') {
            from = at + 1;
        } else {
            return true;
        }
    }
    false
}

/// Whether a script takes users away or renames them, which a system refuses while a process of theirs runs.
pub(crate) fn removes_users(script: &str) -> bool {
    ["userdel", "deluser", "usermod"].iter().any(|program| script.contains(program))
}

/// Gathers one output up to the mark.
#[derive(Debug)]
pub(crate) struct Gathered {
    /// What was said, at most the cap.
    pub kept: Vec<u8>,
    /// How many bytes were dropped over the cap.
    pub dropped: u64,
    /// The number after the mark, once the mark was seen.
    pub end: Option<i64>,
    cap: usize,
    /// The beginning of what may become the mark.
    carry: Vec<u8>,
}

impl Gathered {
    /// Nothing yet.
    pub(crate) fn new(cap: usize) -> Self {
        Self { kept: Vec::new(), dropped: 0, end: None, cap, carry: Vec::new() }
    }

    /// Whether the mark was seen.
    pub(crate) fn ended(&self) -> bool {
        self.end.is_some()
    }

    /// Keeps bytes that need no search.
    pub(crate) fn keep(&mut self, bytes: &[u8]) {
        let room = self.cap.saturating_sub(self.kept.len());
        let (kept, over) = bytes.split_at(room.min(bytes.len()));
        self.kept.extend_from_slice(kept);
        self.dropped = self.dropped.saturating_add(over.len() as u64);
    }

    /// Takes a chunk; gives what followed the mark when the mark is in it.
    pub(crate) fn take(&mut self, chunk: &[u8], mark: &Mark) -> Option<Vec<u8>> {
        if self.carry.is_empty() {
            return self.search(chunk, mark);
        }
        let mut whole = std::mem::take(&mut self.carry);
        whole.extend_from_slice(chunk);
        self.search(&whole, mark)
    }

    fn search(&mut self, bytes: &[u8], mark: &Mark) -> Option<Vec<u8>> {
        let mut from = 0;
        while let Some(found) = bytes.get(from..).and_then(|rest| memchr::memchr(0x1e, rest)) {
            let at = from + found;
            let candidate = bytes.get(at..).unwrap_or_default();
            if mark.starts(candidate) {
                let number = candidate.get(33..).unwrap_or_default();
                match memchr::memchr(b'\n', number) {
                    Some(end) => {
                        self.keep(bytes.get(..at).unwrap_or_default());
                        let text = String::from_utf8_lossy(number.get(..end).unwrap_or_default());
                        self.end = Some(text.trim().parse().unwrap_or(0));
                        return Some(number.get(end + 1..).unwrap_or_default().to_vec());
                    }
                    // A mark is never longer than its number; more than that without an end is output.
                    None if number.len() < 24 => {
                        self.keep(bytes.get(..at).unwrap_or_default());
                        self.carry = candidate.to_vec();
                        return None;
                    }
                    None => {}
                }
            }
            from = at + 1;
        }
        self.keep(bytes);
        None
    }

    /// What was held back as the beginning of a mark is output after all.
    pub(crate) fn flush(&mut self) {
        let carry = std::mem::take(&mut self.carry);
        self.keep(&carry);
    }
}

#[cfg(test)]
mod tests;
