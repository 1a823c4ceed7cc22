//! The command line of `muster replace`: which node, what takes its place, and what its operator has said yes to. Each
//! flag is a variable of the shipped playbook; [`Replace::asked`] says which.

use super::Options;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value as Json, json};

/// What is replaced.
#[derive(Clone, Debug, Subcommand)]
pub enum Replace {
    /// Replaces a control plane and its member of etcd, without ever risking the quorum.
    ControlPlane(ControlPlane),
    /// Replaces a worker.
    Worker(Worker),
}

/// `muster replace control-plane`.
#[derive(Clone, Debug, Args)]
pub struct ControlPlane {
    /// Which, and how.
    #[command(flatten)]
    pub node: Node,
    /// The id of its member of etcd, as `etcdctl member list` prints it; `--yes` needs it.
    #[arg(long, value_name = "ID")]
    pub member_id: Option<String>,
    /// It still lives: drain it, let another member lead, reset it.
    #[arg(long)]
    pub planned: bool,
    /// Wipes what an earlier node left on the new host.
    #[arg(long)]
    pub reset: bool,
    /// Goes on where another operator's run was given up; names that operator as the refusal did.
    #[arg(long, value_name = "HOLDER")]
    pub take_over: Option<String>,
}

/// `muster replace worker`.
#[derive(Clone, Debug, Args)]
pub struct Worker {
    /// Which, and how.
    #[command(flatten)]
    pub node: Node,
}

/// What both take.
#[derive(Clone, Debug, Args)]
pub struct Node {
    /// The node: its name in the inventory or in Kubernetes, its address, or the id of its member of etcd.
    #[arg(value_name = "NODE")]
    pub node: String,
    /// The host of the inventory that takes its place; the same one, made anew, unless given.
    #[arg(long, value_name = "HOST")]
    pub with: Option<String>,
    /// Shows all that would be done, and touches nothing.
    #[arg(long)]
    pub plan: bool,
    /// Asks nothing: for scripts.
    #[arg(long)]
    pub yes: bool,
    /// The old machine is destroyed, or its power is off for good.
    #[arg(long)]
    pub fenced: bool,
    /// How the new host joins: over ssh, by a command that is printed for somebody to run there, or not now.
    #[arg(long, value_enum, default_value_t)]
    pub join: Join,
    /// As playbooks are run.
    #[command(flatten)]
    pub options: Options,
}

/// How a new host joins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Join {
    /// muster runs `kubeadm join` on it.
    #[default]
    Ssh,
    /// The command is printed, and what it does is waited for.
    Print,
    /// It does not; the old one is only taken out.
    None,
}

impl Replace {
    /// The shipped playbook that does it, what it is told, and how it is run.
    #[must_use]
    pub fn asked(&self) -> (&'static str, Map<String, Json>, &Options) {
        let (playbook, node, more) = match self {
            Self::ControlPlane(asked) => {
                let more = json!({
                    "replace_member_id": asked.member_id,
                    "replace_planned": asked.planned,
                    "replace_reset": asked.reset,
                    "replace_take_over": asked.take_over,
                });
                ("replace-control-plane", &asked.node, more)
            }
            Self::Worker(asked) => ("replace-worker", &asked.node, json!({})),
        };
        let join = node.join.to_possible_value().map(|value| value.get_name().to_string());
        let common = json!({
            "replace_node": node.node,
            "replace_with": node.with,
            "replace_plan": node.plan,
            "replace_yes": node.yes,
            "replace_fenced": node.fenced,
            "replace_join": join,
        });
        let said = [common, more].into_iter().filter_map(|part| match part {
            Json::Object(part) => Some(part),
            _ => None,
        });
        // What was not said is left to the playbook's own defaults, and so to the inventory.
        let vars = said.flatten().filter(|(_, value)| !value.is_null() && *value != json!(false)).collect();
        (playbook, vars, &node.options)
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::{Invocation, Verb};
    use serde_json::json;

    #[test]
    fn flags_become_variables_and_what_was_not_said_none() {
        let line = "muster replace control-plane cp2 --with cp4 --yes --member-id 8e9e05c52164694d --fenced";
        let argv = line.split(' ').map(std::ffi::OsString::from);
        let Verb::Replace(asked) = Invocation::from_argv(argv).unwrap().verb else { panic!("not replace") };
        let (playbook, vars, _) = asked.asked();
        assert_eq!(playbook, "replace-control-plane");
        assert_eq!(
            serde_json::Value::Object(vars),
            json!({
                "replace_node": "cp2", "replace_with": "cp4", "replace_yes": true, "replace_fenced": true,
                "replace_join": "ssh", "replace_member_id": "8e9e05c52164694d",
            })
        );
    }
}
