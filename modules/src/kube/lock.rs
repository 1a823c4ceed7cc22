//! `cluster_lock`: one operation at a time on a cluster. A Lease in kube-system while the API answers, a file on the host
//! beside it when it does not; whoever finds either of them held by somebody else is refused and told by whom. The same
//! operator's same operation takes its own lock again: that is what going on with a broken-off run is.

use super::cluster::{Cluster, Clusters};
use super::request::{Refusal, Sent};
use super::way::{self, Way};
use crate::command::words::quote;
use crate::options::options;
use crate::{operator, tool};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Reason, Spec};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Duration;

/// `cluster_lock`.
pub struct ClusterLock {
    pub(crate) clusters: Clusters,
}

/// What a task gives to [`ClusterLock`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    state: State,
    operation: String,
    name: String,
    path: String,
    duration: i64,
    operator: Option<String>,
    take_over: Option<String>,
    #[serde(flatten)]
    way: Way,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Present,
    Absent,
}

/// Who holds a lock, for what, since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    holder: String,
    operation: String,
    acquired: Timestamp,
    renewed: Timestamp,
    /// Seconds after which it is no longer believed that the holder is at work.
    duration: i64,
}

/// Where a lock was found.
enum Found {
    /// The lease as the server has it, and who holds it: nobody, where its holder gave it back and let it be.
    Lease(Option<Held>, Json),
    /// The file on the host.
    File(Held),
}

/// What to do, decided.
pub struct Change {
    args: Args,
}

const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
const OPERATION: &str = "muster/operation";
/// An API that has not answered by then is one that does not.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a lease is read again that somebody changed in between.
const TRIES: usize = 5;
/// The exit code for a file that is there already.
const THERE: i32 = 93;

const OWN: [Opt; 7] = [
    Opt::new("state", Kind::Str, "Whether it is held.").choices(&["present", "absent"]).default("present"),
    Opt::new(
        "operation",
        Kind::Str,
        "What is done under it, for those who are refused: `replace control-plane cp2`.",
    )
    .required(),
    Opt::new("name", Kind::Str, "The lease in kube-system.").default("muster"),
    Opt::new("path", Kind::Path, "The file on the host.").default("/var/lib/muster/lock"),
    Opt::new("duration", Kind::Int, "Seconds without a renewal after which the holder is taken for lost.")
        .default("900"),
    Opt::new("operator", Kind::Str, "Who takes it; `user@machine` unless given."),
    Opt::new("take_over", Kind::Str, "The holder it may be taken from, named as the refusal did."),
];

impl Module for ClusterLock {
    const NAME: &'static str = "cluster_lock";
    const SPEC: Spec = Spec::new(
        "Holds a cluster for one operation: a Lease while its API answers, a file on the host when it does not.",
        options![OWN, way::OPTIONS],
    )
    .examples(
        "- block:\n    - cluster_lock: {operation: upgrade}\n      become: true\n    - include_role: {name: upgrade}\n  always:\n    - cluster_lock: {operation: upgrade, state: absent}\n      become: true\n",
    );
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let (api, found) = self.look(args, cx).await?;
        let foreseen = args.output(api.is_ok(), &found, true);
        match args.state {
            State::Present => {
                found.iter().filter_map(Found::held).try_for_each(|held| args.may_take(held))?
            }
            State::Absent if !found.iter().filter_map(Found::held).any(|held| args.is_mine(held)) => {
                return Ok(Check::Done(args.output(api.is_ok(), &found, false)));
            }
            State::Absent => {}
        }
        Ok(Check::Would { change: Change { args: args.clone() }, foreseen })
    }

    async fn apply(&self, Change { args }: Change, cx: &Context) -> Result<Output, Failure> {
        for _ in 0..TRIES {
            let (api, found) = self.look(&args, cx).await?;
            let done = match args.state {
                State::Present => args.take(api.as_ref(), &found, cx).await?,
                State::Absent => return args.release(api, &found, cx).await,
            };
            if let Some(output) = done {
                return Ok(output);
            }
        }
        Err(Failure::new(
            "the lock changed hands as often as it was tried to be taken: look who else is at work",
        ))
    }
}

impl Found {
    fn held(&self) -> Option<&Held> {
        match self {
            Self::Lease(held, _) => held.as_ref(),
            Self::File(held) => Some(held),
        }
    }
}

impl Held {
    fn of_lease(lease: &Json) -> Option<Self> {
        let spec = |key: &str| lease.pointer(&format!("/spec/{key}"));
        let time = |key: &str| spec(key).and_then(Json::as_str).and_then(|text| text.parse().ok());
        let holder = spec("holderIdentity").and_then(Json::as_str).filter(|holder| !holder.is_empty())?;
        let acquired = time("acquireTime").or_else(|| time("renewTime")).unwrap_or(Timestamp::UNIX_EPOCH);
        let operation = lease.pointer("/metadata/annotations").and_then(|all| all.get(OPERATION));
        Some(Self {
            holder: holder.to_string(),
            operation: operation.and_then(Json::as_str).unwrap_or("something else").to_string(),
            acquired,
            renewed: time("renewTime").unwrap_or(acquired),
            duration: spec("leaseDurationSeconds").and_then(Json::as_i64).unwrap_or_default(),
        })
    }

    fn lease(&self, name: &str, version: Option<&str>) -> Json {
        let micro = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        let mut metadata = json!({
            "name": name, "namespace": "kube-system", "annotations": { OPERATION: self.operation },
        });
        if let (Some(version), Some(metadata)) = (version, metadata.as_object_mut()) {
            metadata.insert("resourceVersion".into(), version.into());
        }
        json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata,
            "spec": {
                "holderIdentity": self.holder,
                "acquireTime": micro(self.acquired),
                "renewTime": micro(self.renewed),
                "leaseDurationSeconds": self.duration,
            },
        })
    }

    fn expired(&self) -> Option<SignedDuration> {
        let over = Timestamp::now().duration_since(self.renewed) - SignedDuration::from_secs(self.duration);
        over.is_positive().then_some(over)
    }
}

impl ClusterLock {
    /// The locks that are there, and the cluster where its API answers; else why it does not.
    async fn look(
        &self,
        args: &Args,
        cx: &Context,
    ) -> Result<(Result<Arc<Cluster>, String>, Vec<Found>), Failure> {
        let mut found: Vec<Found> = args.file(cx).await?.map(Found::File).into_iter().collect();
        let asked = async {
            let cluster = self.clusters.of(&args.way, cx).await?;
            let lease = cluster.get(&format!("{LEASES}/{}", args.name)).await;
            Ok::<_, Failure>((cluster, lease))
        };
        let api = match tokio::time::timeout(PATIENCE, asked).await {
            Err(_) => Err(format!("it did not answer in {} s", PATIENCE.as_secs())),
            // A wrong cluster is no cluster that is away.
            Ok(Err(failure))
                if failure.reason == Reason::Unreachable || failure.result.contains_key("cluster_uid") =>
            {
                return Err(failure);
            }
            Ok(Err(failure)) => Err(failure.message().to_string()),
            Ok(Ok((cluster, Ok(lease)))) => {
                found.push(Found::Lease(Held::of_lease(&lease), lease));
                Ok(cluster)
            }
            Ok(Ok((cluster, Err(refusal)))) if refusal.is(404) => Ok(cluster),
            Ok(Ok((_, Err(refusal)))) if is_away(&refusal) => Err(refusal.to_string()),
            Ok(Ok((_, Err(refusal)))) => return Err(refusal.into()),
        };
        Ok((api, found))
    }
}

/// Whether it is the server that fails, and not the request.
fn is_away(refusal: &Refusal) -> bool {
    refusal.code.is_none_or(|code| code >= 500)
}

impl Args {
    fn operator(&self) -> String {
        operator::named(self.operator.as_deref())
    }

    fn is_mine(&self, held: &Held) -> bool {
        held.holder == self.operator() && held.operation == self.operation
    }

    /// Whether a lock that is there stands in the way.
    fn may_take(&self, held: &Held) -> Result<(), Failure> {
        if self.is_mine(held) || self.take_over.as_deref() == Some(held.holder.as_str()) {
            return Ok(());
        }
        let Held { holder, operation, acquired, renewed, .. } = held;
        let ago = |time: Timestamp| span(Timestamp::now().duration_since(time));
        let state = match held.expired() {
            None => format!("It was last heard from {} ago", ago(*renewed)),
            Some(over) => format!(
                "It was last heard from {} ago and has expired {} ago: that run was broken off, or its machine sleeps",
                ago(*renewed),
                span(over)
            ),
        };
        let next = match (*holder == self.operator(), held.expired()) {
            (true, _) => format!("Finish that first: `muster {operation}`"),
            (false, None) => "Wait until it is through, or ask its operator".to_string(),
            (false, Some(_)) => {
                "Ask its operator; what that run had done is in the journal on that machine".to_string()
            }
        };
        Err(Failure::new(format!(
            "the cluster is held by {holder} for `{operation}` since {} ({} ago). {state}. {next}. Only when that run is known to have ended for good: `--take-over {holder}` (`-e replace_take_over={holder}`)",
            acquired.strftime("%F %T UTC"),
            ago(*acquired),
        ))
        .with("holder", holder.as_str())
        .with("operation", operation.as_str())
        .with("acquired", acquired.to_string())
        .with("renewed", renewed.to_string())
        .with("expired", held.expired().is_some()))
    }

    /// Takes it, or renews it. Nothing comes back where somebody was faster: then it is looked at again.
    async fn take(
        &self,
        api: Result<&Arc<Cluster>, &String>,
        found: &[Found],
        cx: &Context,
    ) -> Result<Option<Output>, Failure> {
        found.iter().filter_map(Found::held).try_for_each(|held| self.may_take(held))?;
        let now = Timestamp::now();
        let mine = found.iter().filter_map(Found::held).find(|held| self.is_mine(held));
        let held = Held {
            holder: self.operator(),
            operation: self.operation.clone(),
            acquired: mine.map_or(now, |held| held.acquired),
            renewed: now,
            duration: self.duration.max(1),
        };
        let file = found.iter().any(|one| matches!(one, Found::File(_)));
        // A file that is there is kept up too: it was taken when the API was away, and may be looked for again.
        if (file || api.is_err()) && !self.write_file(&held, file, cx).await? {
            return Ok(None);
        }
        if let Ok(cluster) = api {
            let lease = found.iter().find_map(|one| match one {
                Found::Lease(_, lease) => Some(lease),
                Found::File(_) => None,
            });
            let version = lease.and_then(|lease| lease.pointer("/metadata/resourceVersion")?.as_str());
            let body = held.lease(&self.name, version);
            let (method, path) = match version {
                Some(_) => (Method::PUT, format!("{LEASES}/{}", self.name)),
                None => (Method::POST, LEASES.to_string()),
            };
            match cluster.send(method, &path, Some((Sent::Json, &body))).await {
                Ok(_) => {}
                Err(refusal) if refusal.is(409) || refusal.is(404) => return Ok(None),
                Err(refusal) => return Err(refusal.into()),
            }
        }
        let output = self.output(api.is_ok(), found, mine.is_none());
        Ok(Some(match api {
            Ok(_) => output,
            Err(why) => output.with("api", why.as_str()),
        }))
    }

    /// Gives it back; what is somebody else's stays.
    async fn release(
        &self,
        api: Result<Arc<Cluster>, String>,
        found: &[Found],
        cx: &Context,
    ) -> Result<Output, Failure> {
        let mut output = self.output(api.is_ok(), found, true);
        for one in found.iter().filter(|one| one.held().is_some_and(|held| self.is_mine(held))) {
            match (one, &api) {
                (Found::File(_), _) => {
                    let script = format!("rm -f -- {}", quote(&self.path));
                    tool::ask(cx, &[], &script).await?;
                }
                (Found::Lease(_, lease), Ok(cluster)) => {
                    let of = |key: &str| lease.pointer(&format!("/metadata/{key}")).cloned();
                    let body = json!({
                        "apiVersion": "v1", "kind": "DeleteOptions",
                        "preconditions": {"uid": of("uid"), "resourceVersion": of("resourceVersion")},
                    });
                    let path = format!("{LEASES}/{}", self.name);
                    match cluster.send(Method::DELETE, &path, Some((Sent::Json, &body))).await {
                        Ok(_) => {}
                        Err(refusal) if refusal.is(404) || refusal.is(409) => {}
                        Err(refusal) => return Err(refusal.into()),
                    }
                }
                (Found::Lease(..), Err(_)) => {}
            }
        }
        if let Err(why) = api {
            output = output.with("api", why);
        }
        Ok(output)
    }

    fn output(&self, api: bool, found: &[Found], changed: bool) -> Output {
        let file = found.iter().any(|one| matches!(one, Found::File(_)));
        Output::new(changed)
            .with("holder", self.operator())
            .with("operation", self.operation.as_str())
            .with("via", if api { "lease" } else { "file" })
            .with("file", (file || !api).then_some(self.path.as_str()))
    }

    async fn file(&self, cx: &Context) -> Result<Option<Held>, Failure> {
        let path = quote(&self.path);
        let script = format!("[ -e {path} ] || exit 0\ncat -- {path}");
        let seen = tool::ask(cx, &[], &script).await?;
        if !seen.succeeded() {
            return Err(Failure::new(format!(
                "cannot read the lock {} on {}: {}",
                self.path,
                cx.host,
                seen.err().trim()
            )));
        }
        match seen.out().trim() {
            "" => Ok(None),
            text => serde_json::from_str(text).map(Some).map_err(|error| {
                Failure::new(format!(
                    "the lock {} on {} cannot be read: {error}. When nobody is at work on the cluster, remove it",
                    self.path, cx.host
                ))
            }),
        }
    }

    /// Writes the file, whole or not at all. Whether it was ours to write: where none was, none may have come.
    async fn write_file(&self, held: &Held, there: bool, cx: &Context) -> Result<bool, Failure> {
        let text = serde_json::to_string(held).unwrap_or_default();
        let put = match there {
            true => "mv -f -- \"$t\" \"$p\"".to_string(),
            // A link is made only where there is nothing: of two that try, one fails.
            false => format!(
                "ln -- \"$t\" \"$p\" 2>/dev/null || {{ rm -f -- \"$t\"; exit {THERE}; }}\nrm -f -- \"$t\""
            ),
        };
        let script = format!(
            "umask 077\np={}\nt=\"$p.$$\"\nmkdir -p -- \"$(dirname -- \"$p\")\" || exit 1\nprintf '%s\\n' {} > \"$t\" || exit 1\nsync\n{put}\n",
            quote(&self.path),
            quote(&text),
        );
        let done = tool::ask(cx, &[], &script).await?;
        match done.rc {
            0 => Ok(true),
            THERE => Ok(false),
            _ => Err(Failure::new(format!(
                "cannot write the lock {} on {}: {}",
                self.path,
                cx.host,
                done.err().trim()
            ))),
        }
    }
}

/// `3 min`, `2 h`: as a person says it.
fn span(time: SignedDuration) -> String {
    match time.as_secs().max(0) {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(holder: &str, operation: &str, ago: i64) -> Held {
        let then = Timestamp::now() - SignedDuration::from_secs(ago);
        Held {
            holder: holder.into(),
            operation: operation.into(),
            acquired: then,
            renewed: then,
            duration: 900,
        }
    }

    fn args(take_over: Option<&str>) -> Args {
        Args {
            operation: "replace control-plane cp2".into(),
            operator: Some("ann@desk".into()),
            take_over: take_over.map(str::to_string),
            ..Args::default()
        }
    }

    #[test]
    fn only_the_same_operation_of_the_same_operator_goes_on() {
        let mine = "replace control-plane cp2";
        assert!(args(None).may_take(&held("ann@desk", mine, 5000)).is_ok());
        let other = args(None).may_take(&held("ann@desk", "drain w1", 5)).unwrap_err();
        assert!(other.message().contains("Finish that first: `muster drain w1`"), "{}", other.message());
        let other = args(None).may_take(&held("bob@desk", mine, 5)).unwrap_err();
        assert!(other.message().contains("held by bob@desk for `replace control-plane cp2` since"));
        assert!(other.message().contains("--take-over bob@desk"));
        assert_eq!(other.result["expired"], false);
    }

    #[test]
    fn a_lock_that_has_expired_is_still_somebody_s_until_he_is_named() {
        let lost = held("bob@desk", "drain w1", 1000);
        let said = args(None).may_take(&lost).unwrap_err();
        assert!(said.message().contains("has expired 100 s ago"), "{}", said.message());
        assert_eq!(said.result["expired"], true);
        assert!(args(Some("eve@desk")).may_take(&lost).is_err());
        assert!(args(Some("bob@desk")).may_take(&lost).is_ok());
    }

    #[test]
    fn a_lease_says_the_same_as_it_was_told() {
        let held = held("ann@desk", "drain w1", 0);
        let lease = held.lease("muster", Some("12"));
        let read = Held::of_lease(&lease).unwrap();
        assert_eq!((&read.holder, &read.operation, read.duration), (&held.holder, &held.operation, 900));
        assert_eq!(read.renewed.as_microsecond(), held.renewed.as_microsecond());
        assert_eq!(lease["metadata"]["resourceVersion"], "12");
        assert_eq!(Held::of_lease(&json!({"spec": {"holderIdentity": ""}})), None);
    }
}
