//! The command lines of `muster drain` and `muster uncordon`: kubectl's flags with kubectl's meanings, and ours. argv comes in,
//! values go out; each becomes a variable of the shipped playbook.

use super::Options;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value as Json, json};
use std::path::PathBuf;

/// `muster drain`.
#[derive(Debug, Args)]
#[command(mut_arg("timeout", |arg| arg.long("connect-timeout")))]
pub struct Drain {
    /// Which.
    #[command(flatten)]
    pub nodes: Nodes,
    /// Shows what would become of each pod, and changes nothing.
    #[arg(long)]
    pub plan: bool,
    /// Leaves pods of DaemonSets where they are.
    #[arg(long)]
    pub ignore_daemonsets: bool,
    /// Lets go of pods with emptyDir volumes, whose content is lost.
    #[arg(long)]
    pub delete_emptydir_data: bool,
    /// The name that --delete-emptydir-data had before.
    #[arg(long, hide = true)]
    pub delete_local_data: bool,
    /// Lets go of pods that nobody makes again.
    #[arg(long)]
    pub force: bool,
    /// Seconds pods get to end; their own if negative.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub grace_period: Option<i64>,
    /// How long all of it may take: 90s, 15m, 1h30m, or seconds; 0 for ever [default: 15m].
    #[arg(id = "within", long = "timeout", value_name = "DURATION", value_parser = seconds)]
    pub within: Option<u64>,
    /// How long to wait, when the pods are gone, until their volumes are detached; 0 does not wait [default: 5m].
    #[arg(long, value_name = "DURATION", value_parser = seconds)]
    pub volumes_timeout: Option<u64>,
    /// Only pods that these labels select.
    #[arg(long, value_name = "SELECTOR")]
    pub pod_selector: Option<String>,
    /// Deletes pods instead of evicting them, past their disruption budgets.
    #[arg(long)]
    pub disable_eviction: bool,
    /// With --disable-eviction: a pod that may go past its budget, as namespace/name; may be given again.
    #[arg(long, value_name = "POD", requires = "disable_eviction")]
    pub past_budget: Vec<String>,
    /// What becomes of the cordon when the node could not be drained.
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub on_failure: OnFailure,
    /// Drains the last node that takes its pods, or the only control plane, all the same.
    #[arg(long)]
    pub allow_last: bool,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: Cluster,
    /// How.
    #[command(flatten)]
    pub options: Options,
}

/// `muster uncordon`.
#[derive(Debug, Args)]
pub struct Uncordon {
    /// Which.
    #[command(flatten)]
    pub nodes: Nodes,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: Cluster,
    /// How.
    #[command(flatten)]
    pub options: Options,
}

/// Which nodes.
#[derive(Debug, Args)]
pub struct Nodes {
    /// The node: its name, an address of it, or its name in the inventory.
    #[arg(required_unless_present = "selector")]
    pub node: Option<String>,
    /// All nodes that these labels select, one after another; all are cordoned first.
    #[arg(long, value_name = "SELECTOR", conflicts_with = "node")]
    pub selector: Option<String>,
}

/// Which cluster; without either the control planes of the inventory know, or else this machine's kubeconfig.
#[derive(Debug, Args)]
pub struct Cluster {
    /// A kubeconfig of this machine, also where the inventory has control planes.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
}

/// What becomes of the cordon of a node that could not be drained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnFailure {
    /// It stays, as with kubectl.
    #[default]
    Leave,
    /// It is taken back.
    Uncordon,
}

impl Drain {
    /// The variables of the playbook.
    #[must_use]
    pub fn variables(&self) -> Map<String, Json> {
        let mut all = self.nodes.variables(&self.cluster);
        for (name, given) in [
            ("plan", self.plan),
            ("ignore_daemonsets", self.ignore_daemonsets),
            ("delete_emptydir_data", self.delete_emptydir_data || self.delete_local_data),
            ("force", self.force),
            ("disable_eviction", self.disable_eviction),
            ("allow_last", self.allow_last),
        ] {
            if given {
                all.insert(format!("drain_{name}"), json!(true));
            }
        }
        let on_failure = match self.on_failure {
            OnFailure::Leave => "leave",
            OnFailure::Uncordon => "uncordon",
        };
        for (name, value) in [
            ("grace_period", self.grace_period.map(Json::from)),
            ("timeout", self.within.map(Json::from)),
            ("volumes_timeout", self.volumes_timeout.map(Json::from)),
            ("pod_selectors", self.pod_selector.as_ref().map(|selector| json!([selector]))),
            ("past_budgets", self.disable_eviction.then(|| json!(self.past_budget))),
            ("on_failure", Some(json!(on_failure))),
        ] {
            if let Some(value) = value {
                all.insert(format!("drain_{name}"), value);
            }
        }
        all
    }
}

impl Nodes {
    /// The variables of the playbook that say which nodes of which cluster.
    #[must_use]
    pub fn variables(&self, cluster: &Cluster) -> Map<String, Json> {
        let said = [
            ("drain_node", json!(self.node)),
            ("drain_selector", json!(self.selector)),
            ("drain_kubeconfig", json!(cluster.kubeconfig)),
            ("drain_context", json!(cluster.context)),
        ];
        let said = said.into_iter().filter(|(_, value)| !value.is_null());
        said.map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// Seconds, from a number with units as kubectl takes it, or without as seconds.
fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || "a duration is 90s, 15m, 1h30m, or a number of seconds".to_string();
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let (mut total, mut rest) = (0_u64, text);
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = rest.split_at_checked(digits).ok_or_else(wrong)?;
        let factor = match unit.chars().next() {
            Some('h') => 3600,
            Some('m') => 60,
            Some('s') => 1,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        total = number.checked_mul(factor).and_then(|more| total.checked_add(more)).ok_or_else(wrong)?;
        rest = unit.get(1..).unwrap_or("");
    }
    if text.is_empty() { Err(wrong()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::super::{Invocation, Verb};
    use super::*;
    use std::ffi::OsString;

    fn drain(line: &str) -> Drain {
        match Invocation::from_argv(line.split(' ').map(OsString::from)).unwrap().verb {
            Verb::Drain(drain) => drain,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn kubectl_s_flags_become_variables_and_both_timeouts_are_to_be_had() {
        let asked = drain(
            "muster drain w1 --ignore-daemonsets --delete-local-data --grace-period -1 --timeout 1h30m --pod-selector app=web \
             --connect-timeout 3 -i hosts -C",
        );
        assert_eq!(
            Json::Object(asked.variables()),
            json!({"drain_node": "w1", "drain_ignore_daemonsets": true, "drain_delete_emptydir_data": true, "drain_grace_period": -1,
                "drain_timeout": 5400, "drain_pod_selectors": ["app=web"], "drain_on_failure": "leave"})
        );
        assert_eq!((asked.options.connect.timeout, asked.options.check), (Some(3), true));
        let several = drain("muster drain --selector pool=blue,!gpu --volumes-timeout 90s");
        assert_eq!(several.variables()["drain_selector"], json!("pool=blue,!gpu"));
        assert_eq!(several.variables()["drain_volumes_timeout"], json!(90));
        for line in ["muster drain", "muster drain w1 --selector pool=blue"] {
            assert!(Invocation::from_argv(line.split(' ').map(OsString::from)).is_err(), "{line}");
        }
        let past = drain("muster drain w1 --disable-eviction --past-budget shop/web --on-failure uncordon");
        assert_eq!(past.variables()["drain_past_budgets"], json!(["shop/web"]));
        assert_eq!(past.variables()["drain_on_failure"], json!("uncordon"));
    }

    #[test]
    fn durations_are_kubectl_s_or_seconds() {
        for (text, expected) in [
            ("90", Some(90)),
            ("0", Some(0)),
            ("15m", Some(900)),
            ("1h0m5s", Some(3605)),
            ("", None),
            ("5d", None),
            ("m", None),
            ("1m5", None),
            ("-1s", None),
        ] {
            assert_eq!(seconds(text).ok(), expected, "{text}");
        }
    }
}
