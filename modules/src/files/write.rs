//! Writing a file at once or not at all. A [`Write`] says where, with which owner and mode, and what must hold before;
//! it becomes one script that reads the content from standard input. The temporary file lies in the directory of the
//! destination and has its final owner, mode and context before it takes the destination's place.

use super::attributes::{Plan, Wanted};
use super::facts::{Facts, Seen, Stat};
use super::script::{self, Answer, quote, word};
use muster_engine::module::{Context, Failure};
use std::sync::Arc;

/// A file to write.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    /// The final path, absolute or as the host's commands see it: nothing in it is expanded.
    pub path: String,
    /// The path that the result speaks of; a link at it may lead to `path`.
    pub shown: String,
    /// Where the bytes come from.
    pub from: From,
    /// The owner, group and permission bits it gets.
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub bits: u32,
    /// Attributes and context, set where it lies in the end.
    pub labels: Plan,
    /// Keeps a copy of what is there.
    pub backup: bool,
    /// A command that must succeed on the new file, `%s` being its name.
    pub validate: Option<String>,
    pub unsafe_writes: bool,
    /// Makes the directories above.
    pub parents: bool,
    /// Commands of the module's own, run before anything else.
    pub first: String,
}

/// Where the bytes come from.
#[derive(Clone, Debug)]
pub(crate) enum From {
    /// From here.
    Bytes(Arc<[u8]>),
    /// From a file on the host, as it is named there.
    Remote(String),
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// The copy of what was there.
    pub backup: Option<String>,
    /// The temporary file's name.
    pub temporary: String,
    /// What is at the shown path now.
    pub seen: Seen,
}

/// Why nothing was written.
#[derive(Clone, Debug)]
pub(crate) enum Refused {
    /// The command to validate failed.
    Invalid { rc: i32, out: String, err: String },
    /// Anything else.
    Failed(Failure),
}

impl std::convert::From<Refused> for Failure {
    /// In the words of what refused it.
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid { err, .. } => Self::new(err),
            Refused::Failed(failure) => failure,
        }
    }
}

impl From {
    fn stdin(&self) -> Option<Arc<[u8]>> {
        match self {
            Self::Bytes(bytes) => Some(Arc::clone(bytes)),
            Self::Remote(_) => None,
        }
    }
}

impl Write {
    /// Writes bytes where a look found a file, keeping its owner and mode, or nothing; then what a task wants.
    ///
    /// # Errors
    /// There is no such user or group, or the mode cannot be read.
    pub fn over(
        facts: &Facts,
        wanted: &Wanted,
        bytes: impl Into<Arc<[u8]>>,
    ) -> Result<(Self, Plan), Failure> {
        let now = facts.seen.end().cloned();
        let base = now.clone().unwrap_or_else(|| Stat::fresh(facts, 0o100_000, 0o666));
        let plan = wanted.against(&base, facts)?;
        let keep = |old: u32, mine: u32| (now.is_some() && old != mine).then_some(old);
        let write = Self {
            path: facts.real_path().to_string(),
            shown: facts.path.clone(),
            from: From::Bytes(bytes.into()),
            uid: plan.uid.or(keep(base.uid, facts.uid)),
            gid: plan.gid.or(keep(base.gid, facts.gid)),
            bits: plan.mode.unwrap_or_else(|| base.bits()),
            labels: plan.clone(),
            backup: false,
            validate: None,
            unsafe_writes: wanted.unsafe_writes(facts),
            parents: false,
            first: String::new(),
        };
        Ok((write, plan))
    }

    /// The script.
    ///
    /// # Errors
    /// The command to validate does not name the file.
    pub fn script(&self) -> Result<String, Failure> {
        let mut out = format!("p={}\ns={}\n", quote(&self.path), quote(&self.shown));
        out.push_str("case $p in */*) d=${p%/*}; [ -n \"$d\" ] || d=/ ;; *) d=. ;; esac\n");
        if self.parents {
            out.push_str("e=$(mkdir -p -- \"$d\" 2>&1) || die \"$e\"\n");
        }
        out.push_str(&self.first);
        out.push_str("m=$(umask); umask 077; t=\ntrap 'rm -f -- \"$t\"' EXIT; trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM\n");
        let elsewhere = if self.unsafe_writes { "t=$(mktemp) || exit 1" } else { "e=$t; t=; die \"$e\"" };
        out.push_str(&format!("t=$(mktemp \"$d/.ansible_tmpXXXXXX\" 2>&1) || {{ {elsewhere}; }}\n"));
        match &self.from {
            From::Bytes(bytes) => out.push_str(&format!(
                "cat > \"$t\" || die 'the file could not be written'\n\
                 [ \"$(($(wc -c < \"$t\")))\" -eq {} ] || die 'the content arrived incomplete'\n",
                bytes.len()
            )),
            From::Remote(path) => {
                let path = quote(path);
                out.push_str(&format!(
                    "e=$(cat -- {path} 2>&1 > \"$t\") || die \"$e\"\n\
                     touch -r {path} -- \"$t\" 2>/dev/null\n"
                ));
            }
        }
        // What a list of access rights and extended attributes say stays; a system without them says nothing.
        out.push_str(
            "[ -f \"$p\" ] && [ ! -L \"$p\" ] && cp --attributes-only --preserve=mode,xattr -- \"$p\" \"$t\" 2>/dev/null\n",
        );
        // The owner that a file has is kept where that may be done; one that a task asks for is a must.
        let kept = Plan { uid: self.uid, gid: self.gid, ..Plan::default() };
        let asked =
            Plan { uid: self.labels.uid, gid: self.labels.gid, mode: Some(self.bits), ..Plan::default() };
        if (kept.uid, kept.gid) != (asked.uid, asked.gid) {
            out.extend(kept.commands("\"$t\"").iter().map(|command| format!("{command} 2>/dev/null\n")));
        }
        for command in asked.commands("\"$t\"") {
            out.push_str(&format!("e=$({command} 2>&1) || die \"$e\"\n"));
        }
        if let Some(command) = &self.validate {
            out.push_str(&validation(command, &self.path)?);
        }
        let backup = "b=$s.$$.$(date +%Y-%m-%d@%H:%M:%S~); e=$(cp -p -- \"$s\" \"$b\" 2>&1) || die \"Could not make backup of $s to $b: $e\"";
        out.push_str("b= c=\n");
        if self.backup {
            out.push_str(&format!("[ -e \"$s\" ] && {{ {backup}; }}\n"));
        }
        out.push_str(
            "if [ -d /sys/fs/selinux ] && command -v chcon >/dev/null 2>&1; then\n\
             if [ -e \"$p\" ]; then chcon --reference=\"$p\" -- \"$t\" 2>/dev/null; else c=1; fi\nfi\n",
        );
        let into = if self.unsafe_writes {
            "{ e=$( { cat -- \"$t\" > \"$p\"; } 2>&1) || die \"$e\"; rm -f -- \"$t\"; }"
        } else {
            "die \"$e\""
        };
        out.push_str(&format!(
            "n=$t; e=$(mv -f -- \"$t\" \"$p\" 2>&1) || {into}\nt=; trap - EXIT HUP INT TERM\n"
        ));
        out.push_str(
            "[ -n \"$c\" ] && command -v restorecon >/dev/null 2>&1 && restorecon -- \"$p\" 2>/dev/null\n",
        );
        for command in self.labels.labels("\"$p\"") {
            out.push_str(&format!("{command} || exit 90\n"));
        }
        out.push_str("put ok; put \"$b\"; put \"$n\"; look \"$s\"; exit 0\n");
        Ok(out)
    }

    /// Writes.
    pub async fn run(&self, cx: &Context) -> Result<Written, Refused> {
        let script = self.script().map_err(Refused::Failed)?;
        let done = script::exec(cx, &script, self.from.stdin()).await.map_err(Refused::Failed)?;
        let mut answer = Answer::new(done.stdout.clone());
        match answer.next().as_deref() {
            Some("ok") if done.succeeded() => Written::read(&mut answer).map_err(Refused::Failed),
            Some("unstarted") => Err(Refused::Failed(unstarted(&answer.next().unwrap_or_default()))),
            Some("invalid") => Err(Refused::Invalid {
                rc: answer.next().and_then(|rc| rc.parse().ok()).unwrap_or(1),
                out: answer.next().unwrap_or_default(),
                err: done.err().into_owned(),
            }),
            _ => Err(Refused::Failed(self.unplaced(script::failure(&done)))),
        }
    }
}

impl Write {
    /// A failure in Ansible's words, where no file could be made beside the one to write.
    fn unplaced(&self, failure: Failure) -> Failure {
        let said = failure.message();
        if !said.starts_with("mktemp: ") {
            return failure;
        }
        let (above, name) = self.path.rsplit_once('/').unwrap_or((".", &self.path));
        let why = script::os_error(said, &format!("{above}/.ansible_tmp{name}"));
        let lead = format!("The destination directory '{above}' is not writable by the current user");
        Failure::new(format!("Task failed: Module failed: {lead}: {why}"))
    }
}

impl Written {
    fn read(answer: &mut Answer) -> Result<Self, Failure> {
        let backup = Some(answer.field()?).filter(|name| !name.is_empty());
        let temporary = answer.field()?;
        Ok(Self { backup, temporary, seen: Seen::read(answer)? })
    }
}

/// The failure of a command to validate that there is no program for.
fn unstarted(command: &str) -> Failure {
    let mut failure = Failure::new("Error executing command.").with("rc", 2).with("cmd", command);
    for key in ["stdout", "stderr"] {
        failure = failure.with(key, "").with(&format!("{key}_lines"), serde_json::json!([]));
    }
    failure
}

/// Runs the command on the temporary file, which keeps the ending of the destination's name.
fn validation(command: &str, path: &str) -> Result<String, Failure> {
    if !command.contains("%s") {
        return Err(Failure::new(format!("validate must contain %s: {command}")));
    }
    let words = shlex::split(command)
        .ok_or_else(|| Failure::new(format!("validate has a quote that is not closed: {command}")))?;
    let words: Vec<String> = words.iter().map(|text| placed(text)).collect();
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rfind('.').filter(|at| *at > 0).and_then(|at| name.get(at..)).unwrap_or("");
    let rename = match ending {
        "" => String::new(),
        ending => format!("e=$(mv -- \"$t\" \"$t\"{0} 2>&1) || die \"$e\"; t=$t{0}\n", quote(ending)),
    };
    let (first, shown) = (words.first().map_or("''", String::as_str), words.join("' '"));
    Ok(format!(
        "{rename}command -v {first} >/dev/null 2>&1 || {{ put unstarted; put {shown}; exit 91; }}\n\
         o=$({}); r=$?\n[ \"$r\" -eq 0 ] || {{ put invalid; put \"$r\"; put \"$o\"; exit 91; }}\n",
        words.join(" ")
    ))
}

/// One word of the command, `%s` being the temporary file.
fn placed(text: &str) -> String {
    let pieces: Vec<String> = text.split("%s").map(|piece| piece.replace("%%", "%")).collect();
    let quoted = pieces.iter().enumerate().map(|(i, piece)| match (piece.as_str(), i) {
        ("", _) => String::new(),
        (piece, 0) => word(piece),
        (piece, _) => quote(piece),
    });
    let joined = quoted.collect::<Vec<_>>().join("\"$t\"");
    if joined.is_empty() { "''".into() } else { joined }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_to_validate_gets_the_files_name_as_one_word() {
        let script = validation("visudo -c 'a b' --file=%s $(x)", "/etc/s.conf").unwrap();
        assert!(script.contains(r#"o=$('visudo' '-c' 'a b' '--file='"$t" '$(x)')"#), "{script}");
        assert!(script.contains("t=$t'.conf'"));
        assert!(!validation("true %s", "/etc/sudoers").unwrap().contains("mv --"));
        assert!(!validation("true %s", "/etc/.hidden").unwrap().contains("mv --"));
    }

    #[test]
    fn a_directory_that_takes_no_file_is_named() {
        let write = Write {
            path: "/ro/f".into(),
            shown: "/ro/f".into(),
            from: From::Bytes(Arc::from(&b""[..])),
            uid: None,
            gid: None,
            bits: 0o644,
            labels: Plan::default(),
            backup: false,
            validate: None,
            unsafe_writes: false,
            parents: false,
            first: String::new(),
        };
        let said = "mktemp: failed to create file via template '/ro/.ansible_tmpXXXXXX': Permission denied";
        assert_eq!(
            write.unplaced(Failure::new(said)).message(),
            "Task failed: Module failed: The destination directory '/ro' is not writable by the current user: \
             [Errno 13] Permission denied: b'/ro/.ansible_tmpf'"
        );
        assert_eq!(write.unplaced(Failure::new("another")).message(), "another");
    }

    #[test]
    fn a_command_to_validate_must_name_the_file() {
        let failure = validation("true", "/x").unwrap_err();
        assert_eq!(failure.message(), "validate must contain %s: true");
    }
}
