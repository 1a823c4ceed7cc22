//! A file that goes to the target, is used there once, and is gone again, all in one command: its bytes are the
//! command's standard input. The directory is the user's own (0700) and is removed however the command ends.

use super::words;
use muster_engine::connection::Command;

/// A file for one use on the target.
pub(crate) struct Sent<'a> {
    /// Its name in a directory of its own.
    pub name: &'a str,
    /// What it holds.
    pub bytes: Vec<u8>,
    /// A second, small file in that directory.
    pub beside: Option<(&'a str, Vec<u8>)>,
}

impl Sent<'_> {
    /// The command that runs `script` with `$d` as the directory and `$f` as the file; it has no standard input.
    pub(crate) fn command(self, script: &str) -> Command {
        let name = words::quote(self.name);
        let (mut input, mut small) = (vec![], String::new());
        if let Some((name, bytes)) = self.beside {
            // dd takes byte by byte, so nothing of the next file is read into a buffer and lost.
            let (name, count) = (words::quote(name), bytes.len());
            small = format!("dd bs=1 count={count} of=\"$d\"/{name} 2>/dev/null || exit 1\n");
            input = bytes;
        }
        input.extend(self.bytes);
        Command::new(format!(
            "u=$(umask); umask 077\nd=$(mktemp -d \"${{TMPDIR:-/tmp}}/muster.XXXXXXXX\") || exit 1\n\
             trap 'rm -rf \"$d\"' EXIT\ntrap 'exit 129' HUP\ntrap 'exit 130' INT\ntrap 'exit 143' TERM\n\
             f=$d/{name}\n{small}cat > \"$f\" || exit 1\nchmod u+x \"$f\"\n\
             (exec </dev/null; umask \"$u\"; {script})\n"
        ))
        .stdin(input)
    }
}
