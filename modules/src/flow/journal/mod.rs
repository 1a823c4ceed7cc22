//! `journal`: what an operation of many steps has begun and done, kept on the controller so that a run that was broken off
//! can be run again. It holds what the world cannot tell: whose id it was, where the snapshot lies. Never a secret.

mod book;

use crate::operator;
use book::{Book, Line, Mark};
use jiff::Timestamp;
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// `journal`.
#[derive(Clone, Default)]
pub struct Journal {
    /// Those of this run: open, and so nobody else's, until the process ends.
    books: Arc<Mutex<HashMap<PathBuf, Book>>>,
}

/// What a task gives to [`Journal`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    operation: String,
    target: String,
    cluster: String,
    state: State,
    step: Option<String>,
    data: Map,
    directory: Option<String>,
    operator: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Read,
    Begun,
    Done,
    Failed,
    Closed,
}

/// A line to be written.
#[derive(Debug)]
pub struct Change {
    args: Args,
    path: PathBuf,
}

/// Words in the name of a value that nobody may keep.
const SECRETS: [&str; 7] =
    ["token", "password", "passphrase", "secret", "private_key", "certificate_key", "api_key"];

impl Module for Journal {
    const NAME: &'static str = "journal";
    const SPEC: Spec = Spec::new(
        "Keeps what an operation of many steps has begun and done, on the controller, for the run that goes on with it.",
        &[
            Opt::new("operation", Kind::Str, "What is done: `replace-control-plane`.").required(),
            Opt::new("target", Kind::Str, "To what: `cp2`.").required(),
            Opt::new("cluster", Kind::Str, "Where: an id that no other cluster has.").required(),
            Opt::new(
                "state",
                Kind::Str,
                "`begun`, `done` and `failed` write a line about `step`; `closed` puts the journal away; `read` only reads.",
            )
            .choices(&["read", "begun", "done", "failed", "closed"])
            .default("read"),
            Opt::new("step", Kind::Str, "The step."),
            Opt::new(
                "data",
                Kind::Dict,
                "What a later run must know of it. Names that speak of secrets are refused.",
            )
            .default("{}"),
            Opt::new(
                "directory",
                Kind::Path,
                "Where journals are, on the controller; `muster/journal` in XDG_STATE_HOME (`~/.local/state`) unless given.",
            ),
            Opt::new("operator", Kind::Str, "Who does it; `user@machine` unless given."),
        ],
    )
    .required_if(&[("state", "begun", &["step"]), ("state", "done", &["step"]), ("state", "failed", &["step"])])
    .examples(
        "- journal: &upgrade\n    operation: upgrade\n    target: \"{{ inventory_hostname }}\"\n    cluster: \"{{ etcd.cluster_id }}\"\n  register: journal\n\
         - block:\n    - journal: {<<: *upgrade, step: drain, state: begun}\n    - command: kubectl drain {{ inventory_hostname }}\n    - journal: {<<: *upgrade, step: drain, state: done}\n  when: \"'drain' not in journal.done\"\n",
    );
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, _cx: &Context) -> Result<Check<Change>, Failure> {
        if let Some(name) = args.data.keys().find(|name| speaks_of_a_secret(name)) {
            return Err(Failure::new(format!(
                "`data.{name}` is not written: a journal lies about for long, and its name says that it is a secret"
            )));
        }
        let path = args.path()?;
        let mut lines = {
            let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
            books.get(&path).map(|book| book.lines.clone())
        };
        if lines.is_none() {
            let path = path.clone();
            lines = Some(blocking(move || book::look(&path)).await?);
        }
        let lines = lines.unwrap_or_default();
        if args.state == State::Read {
            return Ok(Check::Done(output(&path, &lines)));
        }
        let foreseen = output(&path, &lines);
        Ok(Check::Would { change: Change { args: args.clone(), path }, foreseen })
    }

    async fn apply(&self, change: Change, _cx: &Context) -> Result<Output, Failure> {
        let books = Arc::clone(&self.books);
        let (path, lines) = blocking(move || write(&books, &change)).await?;
        Ok(output(&path, &lines))
    }
}

fn write(
    books: &Mutex<HashMap<PathBuf, Book>>,
    Change { args, path }: &Change,
) -> Result<(PathBuf, Vec<Line>), book::Trouble> {
    let mut books = books.lock().unwrap_or_else(PoisonError::into_inner);
    if !books.contains_key(path) {
        books.insert(path.clone(), Book::open(path)?);
    }
    let Some(mut book) = books.remove(path) else { return Ok((path.clone(), vec![])) };
    let mark = match args.state {
        State::Begun => Mark::Begun,
        State::Failed => Mark::Failed,
        State::Done | State::Closed | State::Read => Mark::Done,
    };
    let time = Timestamp::now();
    let written = book.append(Line {
        time,
        step: args.step.clone().unwrap_or_else(|| args.operation.clone()),
        mark,
        operator: operator::named(args.operator.as_deref()),
        version: env!("CARGO_PKG_VERSION").into(),
        pid: std::process::id(),
        data: args.data.clone(),
    });
    let lines = book.lines.clone();
    if let (State::Closed, Ok(())) = (args.state, &written) {
        return Ok((book.close(time)?, lines));
    }
    books.insert(path.clone(), book);
    written.map(|()| (path.clone(), lines))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, book::Trouble> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| Failure::new(format!("the journal's thread was lost: {error}")))?;
    done.map_err(|trouble| Failure::new(trouble.to_string()))
}

fn speaks_of_a_secret(name: &str) -> bool {
    let name = name.to_lowercase().replace('-', "_");
    // The id of a token is public: `kubeadm token list` shows it to everybody.
    !name.ends_with("_id") && SECRETS.iter().any(|word| name.contains(word))
}

impl Args {
    /// The journal's file: one for each cluster, operation and target.
    fn path(&self) -> Result<PathBuf, Failure> {
        let directory = match &self.directory {
            Some(given) => PathBuf::from(given),
            None => state_home()?.join("muster/journal"),
        };
        let safe = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' };
        let name = format!("{}-{}-{}", self.cluster, self.operation, self.target);
        Ok(directory.join(format!("{}.jsonl", name.chars().map(safe).collect::<String>())))
    }
}

/// Where programs of this user keep what outlives a run.
fn state_home() -> Result<PathBuf, Failure> {
    let given = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
    given.or_else(|| Some(std::env::home_dir()?.join(".local/state"))).ok_or_else(|| {
        Failure::new("there is no home directory for the journal: set XDG_STATE_HOME, or give `directory`")
    })
}

/// What the lines come to: the last mark of each step counts, data adds up.
fn output(path: &std::path::Path, lines: &[Line]) -> Output {
    let (mut steps, mut data) = (Map::new(), Map::new());
    for line in lines {
        data.extend(line.data.clone());
        let mut kept = steps.get(&line.step).and_then(|step| step.get("data")).cloned().unwrap_or(json!({}));
        if let Some(kept) = kept.as_object_mut() {
            kept.extend(line.data.clone());
        }
        let said = json!({"mark": line.mark, "time": line.time, "operator": line.operator, "data": kept});
        steps.insert(line.step.clone(), said);
    }
    let of = |mark: Mark| -> Json {
        let mark = json!(mark);
        steps
            .iter()
            .filter(|(_, step)| step.get("mark") == Some(&mark))
            .map(|(name, _)| name.clone())
            .collect()
    };
    Output::new(false)
        .with("path", path.display().to_string())
        .with("resumed", !lines.is_empty())
        .with("begun", of(Mark::Begun))
        .with("done", of(Mark::Done))
        .with("failed_steps", of(Mark::Failed))
        .with("steps", steps)
        .with("data", data)
        .with("since", lines.first().map(|line| line.time.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_speak_of_secrets_are_refused_and_public_ids_are_not() {
        for name in ["token", "join_token", "certificate-key", "PASSWORD", "tls_private_key"] {
            assert!(speaks_of_a_secret(name), "{name}");
        }
        for name in ["token_id", "member_id", "snapshot", "peer_urls", "keys_seen"] {
            assert!(!speaks_of_a_secret(name), "{name}");
        }
    }

    #[test]
    fn a_file_is_named_by_cluster_operation_and_target_and_stays_in_its_directory() {
        let args = Args {
            operation: "replace".into(),
            target: "../cp2".into(),
            cluster: "ab12".into(),
            directory: Some("/x".into()),
            ..Args::default()
        };
        assert_eq!(args.path().unwrap(), PathBuf::from("/x/ab12-replace-.._cp2.jsonl"));
    }
}
