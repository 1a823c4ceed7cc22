//! `ansible.posix.mount`: a file system, in fstab and mounted. The text of fstab and the kernel's mounts come in; the new
//! text and the commands go out. What was written is taken back when mounting fails.

mod fstab;

use crate::command::words::{expanded, quote};
use crate::files::File;
use crate::tool;
use fstab::Entry;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::json;

/// `ansible.posix.mount`.
pub struct Mount;

/// What a task gives to [`Mount`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    path: String,
    src: Option<String>,
    fstype: Option<String>,
    opts: Option<String>,
    opts_no_log: bool,
    dump: Option<String>,
    passno: Option<String>,
    fstab: Option<String>,
    boot: bool,
    backup: bool,
    state: String,
}

/// What is to be done, in this order.
#[derive(Debug)]
pub struct Change {
    /// The entry that mounting speaks of.
    entry: Entry,
    args: Args,
    /// Makes the directory.
    directory: bool,
    /// fstab and its new text.
    write: Option<String>,
    fstab: File,
    /// What then happens to the mount.
    act: Act,
    output: Output,
}

/// What happens to a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Nothing,
    Mount,
    Remount,
    Unmount,
    /// Unmounts and removes the directory.
    Remove {
        mounted: bool,
    },
}

impl Module for Mount {
    const NAME: &'static str = "ansible.posix.mount";
    const SPEC: Spec = Spec::new("Mounts and unmounts file systems, and keeps fstab.", &[
        Opt::new("boot", Kind::Bool, "Whether it is mounted at boot.").default("true"),
        Opt::new("dump", Kind::Str, "The fifth field of fstab.").default("'0'"),
        Opt::new("fstab", Kind::Str, "The file; `/etc/fstab` by default."),
        Opt::new("fstype", Kind::Str, "The type of file system."),
        Opt::new("path", Kind::Path, "Where it is mounted.").aliases(&["name"]).required(),
        Opt::new("opts", Kind::Str, "Options of the mount."),
        Opt::new("opts_no_log", Kind::Bool, "Whether the options are a secret.").default("false"),
        Opt::new("passno", Kind::Str, "The sixth field of fstab.").default("'0'"),
        Opt::new("src", Kind::Path, "The device or the remote path."),
        Opt::new("backup", Kind::Bool, "Keeps a copy of fstab before a change.").default("false"),
        Opt::new("state", Kind::Str, "`present` and `absent_from_fstab` touch only fstab, `ephemeral` and `unmounted` only the mount, `mounted` and `absent` both.")
            .required()
            .choices(&["absent", "absent_from_fstab", "mounted", "present", "unmounted", "remounted", "ephemeral"]),
    ])
    .required_if(&[
        ("state", "mounted", &["src", "fstype"]),
        ("state", "present", &["src", "fstype"]),
        ("state", "ephemeral", &["src", "fstype"]),
    ])
    .examples("- ansible.posix.mount:\n    path: /srv/data\n    src: /dev/vdb1\n    fstype: ext4\n    state: mounted\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        if args.opts_no_log && !cx.no_log {
            return Err(Failure::new("`opts_no_log` is not supported here: set `no_log: true` on the task"));
        }
        let table = args.fstab.clone().unwrap_or_else(|| "/etc/fstab".into());
        // `mount` knows the file behind a loop device; the kernel's list does not.
        let same = match (args.state.as_str(), &args.src) {
            ("ephemeral", Some(src)) => format!(
                "s={}; case \"\n$(mount -v 2>/dev/null)\" in *\"\n$s on $m \"*) a=${{a}}s ;; esac",
                expanded(src)
            ),
            _ => ":".into(),
        };
        let question = format!(
            "m={}; a=; [ -e \"$m\" ] && a=e; [ -L \"$m\" ] || {{ [ -d \"$m\" ] && [ \"$(stat -c %d:%i -- \"$m\")\" != x ] && \
             {{ [ \"$(stat -c %d -- \"$m\")\" != \"$(stat -c %d -- \"$m/..\")\" ] || [ \"$(stat -c %i -- \"$m\")\" = \"$(stat -c %i -- \"$m/..\")\" ]; }} && a=${{a}}m; }}\n{same}\n\
             put \"$a$(echo; cat /proc/self/mountinfo 2>/dev/null)\"",
            expanded(&args.path)
        );
        let fstab = File::look(&table, &question, cx).await?;
        let (about, kernel) = fstab.answer().split_once('\n').unwrap_or((fstab.answer(), ""));
        let (exists, is_mount, is_same) = (about.contains('e'), about.contains('m'), about.contains('s'));
        let mut entry = Entry {
            src: args.src.clone().unwrap_or_default(),
            name: args.path.clone(),
            fstype: args.fstype.clone().unwrap_or_default(),
            opts: args.opts.clone().unwrap_or_else(|| "defaults".into()),
            dump: args.dump.clone().unwrap_or_else(|| "0".into()),
            passno: args.passno.clone().unwrap_or_else(|| "0".into()),
        };
        let (mut boot, mut warnings) = ("yes", vec![]);
        if args.boot && entry.opts.split(',').any(|opt| opt == "noauto") {
            warnings.push("Ignore the 'boot' due to 'opts' contains 'noauto'.");
        } else if !args.boot {
            boot = "no";
            entry.opts.push_str(",noauto");
        }
        let text = fstab.text();
        let mounts = fstab::mounts(kernel);
        let source = mounts.get(&args.path);
        let mounted = is_mount || source.is_some();
        let from_there = is_mount || source == Some(&entry.src);
        let src = args.src.as_deref();
        let (mut write, mut act, mut directory) = (None, Act::Nothing, false);
        let mut changed;
        match args.state.as_str() {
            "absent_from_fstab" | "absent" => {
                write = fstab::without(&text, &args.path, src);
                changed = write.is_some();
                if changed && args.state == "absent" {
                    act = Act::Remove { mounted };
                }
            }
            "unmounted" => {
                changed = mounted;
                act = if mounted { Act::Unmount } else { Act::Nothing };
            }
            "present" => {
                write = fstab::with(&text, &entry);
                changed = write.is_some();
            }
            "remounted" => (changed, act) = (true, Act::Remount),
            state => {
                directory = !exists;
                let lasting = state == "mounted";
                write = if lasting { fstab::with(&text, &entry) } else { None };
                changed = write.is_some();
                if !from_there {
                    (changed, act) = (true, Act::Mount);
                } else if lasting && changed {
                    act = Act::Remount;
                } else if !lasting && (source == Some(&entry.src) || is_same) {
                    (changed, act) = (true, Act::Remount);
                } else if !lasting {
                    return Err(Failure::new(
                        "Ephemeral mount point is already mounted with a different source than the specified one. Failing in order to prevent an unwanted unmount or override operation. Try replacing this command with a \"state: unmounted\" followed by a \"state: ephemeral\", or use a different destination path.",
                    ));
                }
            }
        }
        let mut output = Output::new(changed)
            .with("name", entry.name.as_str())
            .with("opts", entry.opts.as_str())
            .with("dump", entry.dump.as_str())
            .with("passno", entry.passno.as_str())
            .with("fstab", table)
            .with("boot", boot)
            .with("backup_file", "");
        for (key, value) in [("src", &args.src), ("fstype", &args.fstype)] {
            if let Some(value) = value {
                output = output.with(key, value.as_str());
            }
        }
        for warning in warnings {
            output = output.warn(warning);
        }
        if !changed {
            return Ok(Check::Done(output));
        }
        let change =
            Change { entry, args: args.clone(), directory, write, fstab, act, output: output.clone() };
        Ok(Check::Would { change, foreseen: output })
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        let before = change.fstab.text();
        let (act, wrote) = (change.act, change.write.is_some());
        let mut output = change.output.clone();
        let mut made = String::new();
        if change.directory {
            made = change.make_directory(cx).await?;
        }
        if let Some(text) = change.write.clone() {
            let backup = change.fstab.write(text, None, change.args.backup, cx).await?;
            let shown = matches!(change.args.state.as_str(), "mounted" | "present");
            if let Some(name) = backup.filter(|_| shown) {
                output = output.with("backup_file", json!(name));
            }
        }
        let Some(script) = change.script() else { return Ok(output) };
        let done = tool::ask(cx, &["mount", "umount"], &script).await?;
        if done.succeeded() {
            return Ok(output);
        }
        let (path, said) = (&change.args.path, format!("{}{}", done.out(), done.err()));
        let message = match (act, done.rc) {
            (Act::Remove { .. }, 97) => format!("Error rmdir {path}: {}", said.trim_end()),
            (Act::Remove { .. } | Act::Unmount, _) => format!("Error unmounting {path}: {said}"),
            (Act::Remount, 98) => "Options were specified with remounted, but the remount command failed. Failing in order to prevent an unexpected mount result. Try replacing this command with a \"state: unmounted\" followed by a \"state: mounted\" using the full desired mount options instead.".into(),
            (Act::Remount, _) if change.args.state == "remounted" => format!("Error remounting {path}: {said}"),
            _ => {
                if wrote {
                    File::replace(change.fstab.path(), before, cx).await?;
                }
                for directory in made.lines() {
                    cx.sh(format!("rmdir -- {}", quote(directory))).await?;
                }
                format!("Error mounting {path}: {said}")
            }
        };
        Err(Failure::new(message))
    }
}

impl Change {
    /// Makes the directory and those above it; gives those that were new, the innermost first.
    async fn make_directory(&self, cx: &Context) -> Result<String, Failure> {
        let done = tool::ask(
            cx,
            &[],
            &format!(
                "m={}; d=$m\nwhile [ ! -e \"$d\" ]; do printf '%s\\n' \"$d\"; case $d in */*) d=${{d%/*}}; [ -n \"$d\" ] || d=/ ;; *) d=. ;; esac; done\nmkdir -p -- \"$m\"\n",
                expanded(&self.args.path)
            ),
        )
        .await?;
        match done.succeeded() {
            true => Ok(done.out().into_owned()),
            false => Err(Failure::new(format!("Error making dir {}: {}", self.args.path, done.err().trim()))),
        }
    }

    /// The commands that change the mount.
    fn script(&self) -> Option<String> {
        let path = expanded(&self.args.path);
        let ephemeral = self.args.state == "ephemeral";
        let mut how = String::new();
        if ephemeral {
            how.push_str(&format!(" -t {}", quote(&self.entry.fstype)));
            if self.entry.opts != "defaults" {
                how.push_str(&format!(" -o {}", quote(&self.entry.opts)));
            }
            how.push_str(&format!(" {}", expanded(&self.entry.src)));
        } else if let Some(table) = self.args.fstab.as_deref().filter(|table| *table != "/etc/fstab") {
            how.push_str(&format!(" -T {}", quote(table)));
        }
        match self.act {
            Act::Nothing => None,
            Act::Mount => Some(format!("mount{how} {path}\n")),
            Act::Unmount => Some(format!("umount {path}\n")),
            Act::Remove { mounted } => {
                let unmount = if mounted { format!("umount {path} || exit 96\n") } else { String::new() };
                Some(format!("{unmount}if [ -e {path} ]; then rmdir -- {path} || exit 97; fi\nexit 0\n"))
            }
            Act::Remount => {
                let special = self.args.state == "remounted" && self.entry.opts != "defaults";
                // Without the word, a bind mount that is to be read-only takes the whole file system beneath along.
                let binds = self.entry.opts.split(',').any(|opt| matches!(opt, "bind" | "rbind"));
                let options = match special || binds {
                    true => format!("remount,{}", self.entry.opts),
                    false => "remount".into(),
                };
                let then = match special {
                    true => "exit 98".to_string(),
                    false => format!("{{ umount {path} && mount{how} {path}; }}"),
                };
                Some(format!("mount -o {}{how} {path} >/dev/null 2>&1 || {then}\n", quote(&options)))
            }
        }
    }
}
