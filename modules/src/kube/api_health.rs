//! `k8s_api_health`: whether the API answers on each way to it: livez and readyz with the checks that fail, the version, how long it
//! took, and which cluster is at the other end. It only reads and never fails for what it finds.

use super::cluster::{Cluster, Clusters};
use super::request::Refusal;
use super::way::{self, Way};
use crate::options::joined;
use futures_util::future::join_all;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::convert::Infallible;
use std::time::{Duration, Instant};

/// `k8s_api_health`.
pub struct K8sApiHealth {
    pub(crate) clusters: Clusters,
}

/// What a task gives to [`K8sApiHealth`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    urls: Vec<String>,
    timeout: f64,
    #[serde(flatten)]
    way: Way,
}

const OWN: [Opt; 2] = [
    Opt::new(
        "urls",
        Kind::List,
        "Other ways to the same API, asked with the same credentials: an API server's own address.",
    )
    .elements(Kind::Str)
    .default("[]"),
    Opt::new("timeout", Kind::Float, "Seconds each way may take.").default("10"),
];
const OPTIONS: [Opt; 18] = joined(OWN, way::OPTIONS);

impl Module for K8sApiHealth {
    const NAME: &'static str = "k8s_api_health";
    const SPEC: Spec = Spec::new("Finds whether a Kubernetes API answers, on each way to it, and with what checks failing.", &OPTIONS)
        .examples(
            "- k8s_api_health:\n    urls: [\"https://10.0.0.10:6443\"]\n  register: api\n\n- check:\n    id: API\n    that: api.problems | length == 0\n    observed: \"{{ api.observed }}\"\n    required: livez and readyz are ok on every way\n    remedy: \"{{ api.remedy }}\"\n",
        );
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        let mut ways = vec![args.way.clone()];
        ways.extend(args.urls.iter().map(|url| Way { elsewhere: Some(url.clone()), ..args.way.clone() }));
        let asked = join_all(ways.iter().map(|way| self.ask(way, args.timeout.clamp(0.1, 3600.0), cx))).await;
        let problems: Vec<&(String, String)> = asked.iter().flat_map(|seen| &seen.problems).collect();
        let lines = |of: fn(&(String, String)) -> &String| {
            let mut lines: Vec<&str> = vec![];
            for text in problems.iter().map(|both| of(both).as_str()) {
                if !lines.contains(&text) {
                    lines.push(text);
                }
            }
            lines.join("\n")
        };
        let uids: Json = asked.iter().filter_map(|seen| seen.uid.as_deref()).map(Json::from).collect();
        let observed = match problems.is_empty() {
            true => asked.iter().map(Seen::line).collect::<Vec<_>>().join("\n"),
            false => lines(|(observed, _)| observed),
        };
        let output = Output::new(false)
            .with("answers", asked.first().is_some_and(|seen| seen.version.is_some()))
            .with(
                "problems",
                problems.iter().map(|(observed, _)| Json::from(observed.as_str())).collect::<Json>(),
            )
            .with("observed", observed)
            .with("remedy", lines(|(_, remedy)| remedy))
            .with("uids", uids)
            .with("paths", asked.iter().map(Seen::json).collect::<Json>());
        Ok(Check::Done(output))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

/// What one way told.
#[derive(Default)]
struct Seen {
    url: String,
    version: Option<String>,
    uid: Option<String>,
    /// Checks that fail: `readyz/etcd`.
    failing: Vec<String>,
    seconds: f64,
    /// What is wrong, and what to type.
    problems: Vec<(String, String)>,
}

impl Seen {
    fn line(&self) -> String {
        format!("{} {} in {:.0} ms", self.url, self.version.as_deref().unwrap_or(""), self.seconds * 1000.0)
    }

    fn json(&self) -> Json {
        json!({
            "url": self.url, "answers": self.version.is_some(), "version": self.version, "uid": self.uid,
            "failing": self.failing, "seconds": (self.seconds * 1000.0).round() / 1000.0,
            "problems": self.problems.iter().map(|(observed, _)| observed).collect::<Vec<_>>(),
        })
    }
}

impl K8sApiHealth {
    async fn ask(&self, way: &Way, seconds: f64, cx: &Context) -> Seen {
        let begun = Instant::now();
        let named = way.elsewhere.clone().unwrap_or_else(|| "the API".into());
        let asked = async {
            let cluster = self.clusters.of(way, cx).await.map_err(|failure| failure.message().to_string())?;
            look(&cluster).await.map_err(|refusal| refusal.to_string())
        };
        let answer = tokio::time::timeout(Duration::from_secs_f64(seconds), asked).await;
        let silent = Err(format!("no answer in {seconds} s: is the host up, is etcd?"));
        match answer.unwrap_or(silent) {
            Ok(seen) => Seen { seconds: begun.elapsed().as_secs_f64(), ..seen },
            Err(why) => {
                let remedy = "crictl ps -a --name 'kube-apiserver|etcd'; journalctl -u kubelet -n 50    # on a control plane, as root";
                let observed = match way.elsewhere {
                    Some(_) => format!("{named}: {why}"),
                    None => why,
                };
                Seen { url: named, problems: vec![(observed, remedy.into())], ..Seen::default() }
            }
        }
    }
}

/// Asks on one way.
async fn look(cluster: &Cluster) -> Result<Seen, Refusal> {
    let version = cluster.get("/version").await?;
    let version = version.get("gitVersion").and_then(Json::as_str).unwrap_or("").to_string();
    let mut seen = Seen { url: cluster.url.clone(), version: Some(version), ..Seen::default() };
    for kind in ["livez", "readyz"] {
        let Err(refusal) = cluster.get(&format!("/{kind}?verbose")).await else { continue };
        let text = refusal.body.as_str().unwrap_or("");
        let failing = text.lines().filter_map(|line| line.strip_prefix("[-]")?.split_whitespace().next());
        let failing: Vec<String> = failing.map(|check| format!("{kind}/{check}")).collect();
        let told = if failing.is_empty() {
            refusal.message.clone()
        } else {
            format!("{} failed", failing.join(", "))
        };
        let remedy = format!(
            "kubectl --server {} get --raw '/{kind}?verbose'    # then the log of that kube-apiserver",
            seen.url
        );
        seen.problems.push((format!("{}: {told}", seen.url), remedy));
        seen.failing.extend(failing);
    }
    let space = cluster.get("/api/v1/namespaces/kube-system").await;
    match space {
        Ok(space) => seen.uid = space.pointer("/metadata/uid").and_then(Json::as_str).map(str::to_string),
        // Who may not read it is told so where it counts: the cluster is unknown.
        Err(refusal) if refusal.is(403) => {}
        Err(refusal) => {
            let remedy = format!("kubectl --server {} get namespace kube-system", seen.url);
            seen.problems.push((format!("{}: {refusal}", seen.url), remedy));
        }
    }
    Ok(seen)
}
