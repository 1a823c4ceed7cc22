//! `etcdctl`: any call of etcdctl where the task runs, with the certificates that are there. Words come in, what etcdctl
//! printed goes out, as JSON where it prints JSON. Calls that only read run in check mode too; others then do not run.

use super::client::{self, Client, THROUGH, Way, refusal};
use crate::command::words;
use crate::kube::Clusters;
use crate::options::options;
use crate::tool;
use muster_engine::connection::Completed;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::Value as Json;

/// `etcdctl`.
pub struct Etcdctl {
    pub(crate) clusters: Clusters,
}

/// What a task gives to [`Etcdctl`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    _raw_params: Option<String>,
    argv: Option<Vec<String>>,
    #[serde(flatten)]
    way: Way,
}

/// A call that may change something.
#[derive(Debug)]
pub struct Call {
    client: Client,
    argv: Vec<String>,
}

/// The beginnings of calls that change nothing.
const READING: &[&[&str]] = &[
    &["get"],
    &["version"],
    &["member", "list"],
    &["endpoint"],
    &["alarm", "list"],
    &["snapshot", "status"],
    &["lease", "list"],
    &["lease", "timetolive"],
    &["user", "get"],
    &["user", "list"],
    &["role", "get"],
    &["role", "list"],
    &["auth", "status"],
];

/// Calls that change who the cluster is made of: [`super::EtcdMember`] makes them, and asks the arithmetic first.
const MEMBERSHIP: &[&[&str]] = &[&["member", "remove"], &["member", "add"], &["member", "promote"]];

const OWN: [Opt; 2] = [
    Opt::new("_raw_params", Kind::Str, "The free-form text: the words of the call, quoted as for a shell."),
    Opt::new("argv", Kind::List, "The words of the call as a list.").elements(Kind::Str),
];

impl Module for Etcdctl {
    const NAME: &'static str = "etcdctl";
    const SPEC: Spec = Spec::new(
        "Calls etcdctl on the host: the program there, or the one in etcd's container; without either the one in an etcd pod.",
        options![OWN, client::OPTIONS, THROUGH],
    )
    .free_form("_raw_params")
    .exclusive(&[&["_raw_params", "argv"]])
    .one_of(&[&["_raw_params", "argv"]])
    .examples(
        "- name: who is in the cluster\n  etcdctl: member list\n  become: true\n  register: members\n\
         - name: how many keys there are\n  etcdctl:\n    argv: [get, /registry/, --prefix, --count-only]\n  become: true\n",
    );
    type Args = Args;
    type Change = Call;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Call>, Failure> {
        let argv = match (&args._raw_params, &args.argv) {
            (Some(text), _) => words::split(text).map_err(Failure::new)?,
            (None, argv) => argv.clone().unwrap_or_default(),
        };
        if argv.is_empty() {
            return Err(Failure::new("no etcdctl command given"));
        }
        if begins(&argv, MEMBERSHIP) {
            return Err(Failure::new(format!(
                "`etcdctl {}` is not run unguarded: `etcd_member` does it, and refuses what would cost the quorum",
                argv.join(" ")
            )));
        }
        let client = Client::find_anywhere(&args.way, &self.clusters, cx).await?;
        let call = Call { client, argv };
        match begins(&call.argv, READING) {
            true => Ok(Check::Done(call.run(false, cx).await?)),
            false => {
                let foreseen = Output::new(true).with("cmd", call.shown());
                Ok(Check::Would { change: call, foreseen })
            }
        }
    }

    async fn apply(&self, call: Call, cx: &Context) -> Result<Output, Failure> {
        call.run(true, cx).await
    }
}

fn begins(argv: &[String], listed: &[&[&str]]) -> bool {
    let words: Vec<&str> = argv.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    listed.iter().any(|beginning| words.starts_with(beginning))
}

impl Call {
    fn shown(&self) -> Json {
        std::iter::once("etcdctl").chain(self.argv.iter().map(String::as_str)).collect()
    }

    async fn run(&self, changes: bool, cx: &Context) -> Result<Output, Failure> {
        let mut words: Vec<&str> = self.argv.iter().map(String::as_str).collect();
        let formatted = words.iter().any(|word| *word == "-w" || word.starts_with("--write-out"));
        if !changes && !formatted {
            words.extend(["-w", "json"]);
        }
        let done = self.client.ask(&self.client.endpoints, &words, cx).await?;
        if !done.succeeded() {
            let failure = refusal(&words, &done).with("cmd", self.shown());
            return Err(failure.with("via", self.client.via));
        }
        Ok(self.output(&done, changes))
    }

    fn output(&self, done: &Completed, changed: bool) -> Output {
        let (out, err) = (done.out(), done.err());
        let mut output = Output::new(changed)
            .with("cmd", self.shown())
            .with("rc", done.rc)
            .with("via", self.client.via)
            .with("endpoints", self.client.endpoints.clone());
        output.result.extend(tool::streams(out.trim_end(), err.trim_end()));
        match serde_json::from_str::<Json>(out.trim()) {
            Ok(json) => output.with("json", json),
            Err(_) => output,
        }
    }
}
