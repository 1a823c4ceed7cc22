//! `ansible.builtin.apt_repository`: one line in the sources of apt. All `.list` files come in, parsed line by line; the
//! files that change go out, and new lists are fetched. What was written is taken back when they cannot be had.

use super::apt::update;
use crate::files::File;
use crate::files::pattern::raised;
use crate::tool::{self, print_files, read_files};
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// `ansible.builtin.apt_repository`.
pub(super) struct AptRepository;

/// What a task gives to [`AptRepository`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Args {
    repo: String,
    state: String,
    mode: Option<Json>,
    update_cache: bool,
    update_cache_retries: u32,
    update_cache_retry_max_delay: u64,
    filename: Option<String>,
}

/// What is to be done.
#[derive(Debug)]
pub(super) struct Change {
    args: Args,
    /// Paths, what is there now, and the new text; nothing takes the file away.
    writes: Vec<(String, Option<String>, Option<String>)>,
    output: Output,
}

/// One line of a file of sources.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    valid: bool,
    enabled: bool,
    source: String,
    comment: String,
}

/// A file of sources.
#[derive(Clone, Debug)]
struct List {
    path: String,
    text: Option<String>,
    lines: Vec<Line>,
}

impl Line {
    fn parse(line: &str) -> Self {
        let line = line.trim();
        let (enabled, line) = match line.strip_prefix('#') {
            Some(rest) => (false, rest),
            None => (true, line),
        };
        let (source, comment) = match line.char_indices().skip(1).find(|(_, c)| *c == '#') {
            Some((at, _)) if !line.starts_with('#') => {
                (line.get(..at).unwrap_or(""), line.get(at + 1..).unwrap_or("").trim())
            }
            _ => (line, ""),
        };
        let words: Vec<&str> = source.split_whitespace().collect();
        let valid = matches!(words.first(), Some(&("deb" | "deb-src")));
        let source = if valid { words.join(" ") } else { source.trim().to_string() };
        Self { valid, enabled, source, comment: comment.to_string() }
    }

    fn written(&self) -> String {
        let off = if self.enabled { "" } else { "# " };
        let comment = if self.comment.is_empty() { String::new() } else { format!(" # {}", self.comment) };
        format!("{off}{}{comment}\n", self.source)
    }
}

impl List {
    fn new(path: String, text: Option<String>) -> Self {
        let lines = text.as_deref().unwrap_or("").lines().map(Line::parse).collect();
        Self { path, text, lines }
    }

    fn written(&self) -> Option<String> {
        (!self.lines.is_empty()).then(|| self.lines.iter().map(Line::written).collect())
    }
}

/// The name of the file that a new source goes to.
fn file_name(source: &str, wanted: Option<&str>) -> String {
    let name = wanted.map(str::to_string).unwrap_or_else(|| {
        let bare = options_cut(source);
        let word = bare.split_whitespace().find(|word| !matches!(*word, "deb" | "deb-src")).unwrap_or("");
        let word = word.split_once("://").map_or(word, |(_, rest)| rest);
        let word = word.split_once('@').map_or(word, |(_, rest)| rest);
        let plain: String = word.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).collect();
        plain.split_whitespace().collect::<Vec<_>>().join("_")
    });
    format!("{name}.list")
}

/// A source without its options in brackets.
fn options_cut(source: &str) -> String {
    match (source.find('['), source.find(']')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}{}", source.get(..open).unwrap_or(""), source.get(close + 1..).unwrap_or(""))
        }
        _ => source.to_string(),
    }
}

impl Module for AptRepository {
    const NAME: &'static str = "ansible.builtin.apt_repository";
    const SPEC: Spec = Spec::new("Adds and removes a line in the sources of apt.", &[
        Opt::new("repo", Kind::Str, "The source, as a line of `sources.list`.").required(),
        Opt::new("state", Kind::Str, "Whether it shall be there.").choices(&["absent", "present"]).default("present"),
        Opt::new("mode", Kind::Raw, "The permissions of a new file."),
        Opt::new("update_cache", Kind::Bool, "Fetches new lists after a change.").aliases(&["update-cache"]).default("true"),
        Opt::new("update_cache_retries", Kind::Int, "How often fetching lists is tried.").default("5"),
        Opt::new("update_cache_retry_max_delay", Kind::Int, "The longest pause between two tries, in seconds.").default("12"),
        Opt::new("filename", Kind::Str, "The file in `sources.list.d`, without `.list`."),
        Opt::new("install_python_apt", Kind::Bool, "Of no effect: nothing has to be installed for this module.").default("true"),
        Opt::new("validate_certs", Kind::Bool, "Of no effect: only Launchpad was asked over HTTPS.").default("true"),
        Opt::new("codename", Kind::Str, "The release of a PPA; PPAs are not supported."),
    ])
    .examples("- apt_repository:\n    repo: deb [signed-by=/etc/apt/keyrings/k8s.gpg] https://pkgs.example.org/deb stable main\n    filename: k8s\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        if args.repo.is_empty() {
            return Err(Failure::new("Please set argument 'repo' to a non-empty value"));
        }
        if args.repo.starts_with("ppa:") {
            return Err(Failure::new(format!(
                "`{}`: PPAs are not supported here: give the `deb` line of the archive, and its key as a file with `signed-by`",
                args.repo
            )));
        }
        let wanted = Line::parse(&args.repo);
        if !wanted.valid || !wanted.enabled {
            let said = args.repo.trim();
            let said = said.strip_prefix('#').unwrap_or(said);
            let said = said.find('#').filter(|at| *at > 0).and_then(|at| said.get(..at)).unwrap_or(said);
            return Err(Failure::new(format!("Invalid repository string: {said}")));
        }
        let script = format!(
            "eval \"$(apt-config shell l Dir::Etc::sourcelist/f d Dir::Etc::sourceparts/d)\"\nprintf '%s\\0%s\\0' \"$l\" \"${{d%/}}\"\n{}exit 0\n",
            print_files("\"$l\" \"${d%/}\"/*.list")
        );
        let seen = tool::ask(cx, &["apt-config"], &script).await?;
        let mut files = read_files(&seen.stdout);
        if files.is_empty() {
            return Err(Failure::new("Module apt_repository is not supported on target."));
        }
        let (default, parts) = files.remove(0);
        let before: Vec<List> = files.into_iter().map(|(path, text)| List::new(path, Some(text))).collect();
        let mut after = before.clone();
        let mut found = false;
        for list in &mut after {
            match args.state.as_str() {
                "absent" => {
                    list.lines.retain(|line| !(line.valid && line.enabled && line.source == wanted.source))
                }
                _ => {
                    for line in
                        list.lines.iter_mut().filter(|line| line.valid && line.source == wanted.source)
                    {
                        (line.enabled, found) = (true, true);
                    }
                }
            }
        }
        if args.state == "present" && !found {
            let name = file_name(&wanted.source, args.filename.as_deref());
            if name == ".list" {
                // A source without an address.
                return Err(raised("list index out of range".into()));
            }
            let path = if name.contains('/') { name } else { format!("{parts}/{name}") };
            let path = if path == "/.list" { default } else { path };
            let line = Line { comment: String::new(), ..wanted };
            match after.iter_mut().find(|list| list.path == path) {
                Some(list) => list.lines.push(line),
                None => after.push(List { path, text: None, lines: vec![line] }),
            }
        }
        let old = |path: &str| before.iter().find(|list| list.path == path).and_then(List::written);
        let changed: Vec<&List> = after.iter().filter(|list| list.written() != old(&list.path)).collect();
        let (mut added, mut removed, mut diff) = (vec![], vec![], vec![]);
        for list in &changed {
            let (was, is) = (old(&list.path), list.written());
            match (&was, &is) {
                (None, Some(_)) => added.push(list.path.clone()),
                (Some(_), None) => removed.push(list.path.clone()),
                _ => continue,
            }
            let header =
                |text: &Option<String>| if text.is_some() { list.path.as_str() } else { "/dev/null" };
            if cx.diff {
                diff.push(json!({
                    "before": was.clone().unwrap_or_default(), "after": is.clone().unwrap_or_default(),
                    "before_header": header(&was), "after_header": header(&is),
                }));
            }
        }
        let output = Output::new(!changed.is_empty())
            .with("repo", args.repo.as_str())
            .with("sources_added", added)
            .with("sources_removed", removed)
            .with("state", args.state.as_str())
            .with("diff", diff);
        if changed.is_empty() {
            return Ok(Check::Done(output));
        }
        // As Ansible's module does: whatever file there is gets its lines in order.
        let writes = after.iter().filter(|list| list.written() != list.text);
        let writes = writes.map(|list| (list.path.clone(), list.text.clone(), list.written())).collect();
        Ok(Check::Would {
            change: Change { args: args.clone(), writes, output: output.clone() },
            foreseen: output,
        })
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        let Change { args, writes, output } = change;
        for (path, before, text) in &writes {
            let mode = args.mode.clone().filter(|_| before.is_none());
            put(path, text.clone(), mode, cx).await?;
        }
        if !args.update_cache {
            return Ok(output);
        }
        let fetched = update(args.update_cache_retries, args.update_cache_retry_max_delay, 60, cx).await;
        if let Err(failure) = fetched {
            for (path, before, _) in writes {
                put(&path, before, None, cx).await?;
            }
            return Err(failure);
        }
        Ok(output)
    }
}

/// Gives a file this text, or takes it away.
async fn put(path: &str, text: Option<String>, mode: Option<Json>, cx: &Context) -> Result<(), Failure> {
    match text {
        Some(text) => File::look(path, "", cx).await?.write(text, mode, false, cx).await.map(drop),
        None => {
            let done = cx.sh(format!("rm -f -- {}", crate::command::words::quote(path))).await?;
            if done.succeeded() { Ok(()) } else { Err(Failure::new(done.err().trim())) }
        }
    }
}
