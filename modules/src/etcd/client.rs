//! How etcdctl is run for a host: the program in its path, or inside the etcd container by crictl, or in an etcd pod through the
//! Kubernetes API; with kubeadm's certificates where they are and nothing else is given. A task's options come in, answers of
//! etcdctl go out. No key ever leaves its host.

use super::pod::Pod;
use crate::command::words::quote;
use crate::kube::Clusters;
use crate::tool;
use muster_engine::connection::{Command, Completed};
use muster_engine::module::{Context, Failure, Kind, Opt, Output};
use serde::Deserialize;
use std::time::Duration;

/// Where etcd listens unless a task says otherwise.
const PORT: &str = "127.0.0.1:2379";

/// What every module here takes besides its own options.
pub const OPTIONS: [Opt; 5] = [
    Opt::new(
        "endpoints",
        Kind::List,
        "Where etcd's clients go, as seen from the host; this host's own member unless given.",
    )
    .elements(Kind::Str)
    .aliases(&["endpoint"]),
    Opt::new(
        "cacert",
        Kind::Path,
        "The authority of etcd's certificates, a file on the host; kubeadm's where it is.",
    )
    .aliases(&["ca_cert", "ca"]),
    Opt::new("cert", Kind::Path, "The client certificate, a file on the host; kubeadm's where it is.")
        .aliases(&["client_cert"]),
    Opt::new("key", Kind::Path, "The key of that certificate.").aliases(&["client_key"]),
    Opt::new("command_timeout", Kind::Float, "Seconds one call of etcdctl may take.").default("5"),
];

/// What modules take that may find an etcd pod themselves where the host has no etcdctl.
pub const THROUGH: [Opt; 2] = [
    Opt::new(
        "kubeconfig",
        Kind::Raw,
        "A kubeconfig, for where the host has neither etcdctl nor etcd: an etcd pod is used then. The usual one unless given.",
    ),
    Opt::new("context", Kind::Str, "The context of it to use."),
];

/// How a task says where etcd is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Way {
    endpoints: Option<Vec<String>>,
    cacert: Option<String>,
    cert: Option<String>,
    key: Option<String>,
    command_timeout: f64,
    #[serde(flatten)]
    kube: crate::kube::Way,
}

/// etcdctl for one host, found.
#[derive(Clone, Debug)]
pub struct Client {
    /// The words before etcdctl's own: `etcdctl`, or `crictl exec ID etcdctl`.
    program: String,
    /// The pod that has it, where the host has none.
    pod: Option<Pod>,
    /// How it is reached, for results: `etcdctl`, `crictl exec` or `kubernetes exec`.
    pub via: &'static str,
    /// Where the member beside it listens, or what the task gave.
    pub endpoints: Vec<String>,
    tls: Vec<String>,
    patience: f64,
}

/// Prints how etcdctl can be run and which of kubeadm's files can be read.
const LOOK: &str = r#"if c=$(command -v etcdctl); then echo "program=$c"
elif command -v crictl >/dev/null 2>&1; then
  i=$(crictl ps --name '^etcd$' --state running -q 2>/dev/null | head -n 1)
  [ -n "$i" ] && echo "container=$i"
fi
d=/etc/kubernetes/pki/etcd
if [ -e "$d" ]; then
  if [ -r "$d/ca.crt" ]; then echo "cacert=$d/ca.crt"; fi
  for n in healthcheck-client server peer; do
    if [ -r "$d/$n.crt" ] && [ -r "$d/$n.key" ]; then echo "cert=$d/$n.crt"; echo "key=$d/$n.key"; break; fi
    if [ -e "$d/$n.crt" ] || ! [ -x "$d" ]; then echo "unreadable=$d/$n.key"; fi
  done
fi
exit 0
"#;

impl Client {
    /// Finds out how to run etcdctl on the host.
    ///
    /// # Errors
    /// There is neither etcdctl nor a running container of etcd, or the keys cannot be read.
    pub async fn find(way: &Way, cx: &Context) -> Result<Self, Failure> {
        Self::on_host(way, cx).await?.ok_or_else(|| nowhere(cx))
    }

    /// Finds out how to run etcdctl on the host, or in an etcd pod of its cluster.
    ///
    /// # Errors
    /// As [`Client::find`], and the API does not help either.
    pub async fn find_anywhere(way: &Way, clusters: &Clusters, cx: &Context) -> Result<Self, Failure> {
        if let Some(client) = Self::on_host(way, cx).await? {
            return Ok(client);
        }
        let nowhere = nowhere(cx);
        if way.cacert.is_some() || way.cert.is_some() || way.key.is_some() {
            return Err(nowhere);
        }
        let pod = Pod::find(clusters, &way.kube, cx).await.map_err(|failure| {
            let message = format!("{}. Through the Kubernetes API: {}", nowhere.message(), failure.message());
            nowhere.with("msg", message)
        })?;
        let endpoints = way
            .endpoints
            .clone()
            .filter(|list| !list.is_empty())
            .unwrap_or_else(|| vec![format!("https://{PORT}")]);
        let tls = pod.tls();
        Ok(Self {
            program: String::new(),
            pod: Some(pod),
            via: "kubernetes exec",
            endpoints,
            tls,
            patience: way.command_timeout.max(0.1),
        })
    }

    /// Finds out how to run etcdctl for a look that need not be from the host's own member: on the host, or, from this machine or
    /// where the task names a kubeconfig, in an etcd pod. A control plane without an etcd that runs is told so: that another
    /// one's runs is no answer there.
    ///
    /// # Errors
    /// As [`Client::find_anywhere`].
    pub async fn find_from_afar(way: &Way, clusters: &Clusters, cx: &Context) -> Result<Self, Failure> {
        let named = !way.kube.kubeconfig.is_null() || way.kube.context.is_some();
        match named || &*cx.road.target().kind == "local" {
            true => Self::find_anywhere(way, clusters, cx).await,
            false => Self::find(way, cx).await,
        }
    }

    /// A result with how etcdctl was reached: `via`, and the `pod` where it was one.
    #[must_use]
    pub fn states_its_road(&self, output: Output) -> Output {
        let output = output.with("via", self.via);
        match &self.pod {
            Some(pod) => output.with("pod", pod.name.as_str()),
            None => output,
        }
    }

    async fn on_host(way: &Way, cx: &Context) -> Result<Option<Self>, Failure> {
        let seen = tool::ask(cx, &[], LOOK).await?;
        let text = seen.out();
        let told = |key: &str| tool::told(&text, key).map(str::to_string);
        let (program, via) = match (told("program"), told("container")) {
            (Some(program), _) => (format!("ETCDCTL_API=3 {}", quote(&program)), "etcdctl"),
            (None, Some(id)) => (format!("crictl exec {} etcdctl", quote(&id)), "crictl exec"),
            (None, None) => return Ok(None),
        };
        let found = |given: &Option<String>, key: &str| given.clone().or_else(|| told(key));
        let cert = found(&way.cert, "cert");
        if cert.is_none()
            && way.key.is_none()
            && let Some(file) = told("unreadable")
        {
            return Err(Failure::new(format!(
                "{file} cannot be read on {}: etcd's keys are root's. Set `become: true` on the task",
                cx.host
            )));
        }
        let files =
            [("cacert", found(&way.cacert, "cacert")), ("cert", cert), ("key", found(&way.key, "key"))];
        let tls: Vec<String> =
            files.iter().filter_map(|(flag, file)| Some(format!("--{flag}={}", file.as_deref()?))).collect();
        let endpoints =
            way.endpoints.clone().filter(|list| !list.is_empty()).unwrap_or_else(|| {
                vec![format!("{}://{PORT}", if tls.is_empty() { "http" } else { "https" })]
            });
        let patience = way.command_timeout.max(0.1);
        Ok(Some(Self { program, pod: None, via, endpoints, tls, patience }))
    }

    /// The same with more time for each call: for what takes as long as the database is big.
    #[must_use]
    pub fn patient(&self, seconds: f64) -> Self {
        Self { patience: self.patience.max(seconds), ..self.clone() }
    }

    /// The command line that asks `endpoints` these words, for the host's shell.
    #[must_use]
    pub fn line(&self, endpoints: &[String], words: &[&str]) -> String {
        let words: String =
            self.words(endpoints, words).iter().map(|word| format!(" {}", quote(word))).collect();
        format!("{}{words}", self.program)
    }

    /// The words of a call, behind the program's name.
    fn words(&self, endpoints: &[String], words: &[&str]) -> Vec<String> {
        // A member that is not there must not cost more than its share: dialling gives up earlier than the call.
        let dial = (self.patience / 2.0).clamp(0.1, 5.0);
        let mut all = vec![format!("--endpoints={}", endpoints.join(","))];
        all.extend(self.tls.clone());
        all.extend([format!("--dial-timeout={dial}s"), format!("--command-timeout={}s", self.patience)]);
        all.extend(words.iter().map(|word| (*word).to_string()));
        all
    }

    /// Asks these endpoints.
    ///
    /// # Errors
    /// The road fails; what etcdctl refuses is an answer.
    pub async fn ask(
        &self,
        endpoints: &[String],
        words: &[&str],
        cx: &Context,
    ) -> Result<Completed, Failure> {
        // etcdctl does not count all it waits for: a call that is far over its time is ended.
        let most = Duration::from_secs_f64(self.patience * 4.0 + 10.0);
        if let Some(pod) = &self.pod {
            let asked = pod.ask(self.words(endpoints, words));
            return tokio::time::timeout(most, asked).await.map_err(|_| {
                Failure::new(format!(
                    "etcdctl in the pod {} gave no answer in {} s",
                    pod.name,
                    most.as_secs()
                ))
            })?;
        }
        let mut command = Command::new(self.line(endpoints, words));
        command.cap = Some(8 << 20);
        command.timeout = Some(cx.timeout.map_or(most, |timeout| timeout.min(most)));
        cx.exec(command).await
    }

    /// Asks and reads the JSON of the answer.
    ///
    /// # Errors
    /// The road fails, etcdctl refuses, or its answer cannot be read.
    pub async fn read<T: serde::de::DeserializeOwned>(
        &self,
        endpoints: &[String],
        words: &[&str],
        cx: &Context,
    ) -> Result<T, Failure> {
        let words: Vec<&str> = words.iter().copied().chain(["-w", "json"]).collect();
        let done = self.ask(endpoints, &words, cx).await?;
        if !done.succeeded() {
            return Err(refusal(&words, &done));
        }
        serde_json::from_slice(&done.stdout).map_err(|error| {
            Failure::new(format!("etcdctl {} answered what cannot be read: {error}", words.join(" ")))
                .with("stdout", done.out().into_owned())
        })
    }
}

/// That the host has no etcdctl.
fn nowhere(cx: &Context) -> Failure {
    Failure::new(format!(
        "there is no way to etcd on {}: no `etcdctl` in its path and no running container called `etcd` (`crictl ps --name etcd`). Delegate the task to a control plane host, or install etcdctl there",
        cx.host
    ))
}

/// What etcd itself said: etcdctl's last line of complaint, without its log.
#[must_use]
pub fn complaint(done: &Completed) -> String {
    let err = done.err();
    let said = err.lines().rev().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('{'));
    let said = said.unwrap_or_else(|| err.trim());
    said.trim_start_matches("Error: ").trim_start_matches("etcdserver: ").to_string()
}

/// The failure of a call.
#[must_use]
pub fn refusal(words: &[&str], done: &Completed) -> Failure {
    let said = complaint(done);
    let hint = match said.as_str() {
        text if text.contains("context deadline exceeded") => {
            ": nobody answered in time. Is etcd running on this host (`crictl ps --name etcd`, `systemctl status kubelet`), and is there a quorum?"
        }
        text if text.contains("unhealthy cluster") => {
            ": etcd has not been in touch with all voters for 5 seconds. Look at `etcd_health`"
        }
        _ => "",
    };
    let words: Vec<&str> = words.iter().copied().filter(|word| *word != "-w" && *word != "json").collect();
    tool::failed(
        format!("etcdctl {}: {said}{hint}", words.join(" ")),
        Some(done.rc),
        &done.out(),
        &done.err(),
    )
}
