//! What a module is told: the task's arguments and, beside them, what Ansible tells every module about the run.

use super::Ways;
use super::own::Own;
use muster_engine::module::{Context, Map, python_str};
use serde_json::{Value as Json, json};

/// The file systems that Ansible says SELinux treats in their own way.
const SPECIAL: [&str; 6] = ["fuse", "nfs", "vboxsf", "ramfs", "9p", "vfat"];

/// The arguments with what Ansible tells every module. A Python module of an older ansible-core knows fewer things, and
/// minds those it does not know.
pub(super) fn full(
    own: &Own,
    ways: &Ways,
    knows: impl Fn(&str) -> bool,
    version: &str,
    mut args: Map,
    cx: &Context,
) -> Map {
    let ours = json!({
        "_ansible_check_mode": cx.check_mode,
        "_ansible_no_log": cx.no_log || ways.no_target_syslog,
        "_ansible_debug": false,
        "_ansible_diff": cx.diff,
        "_ansible_verbosity": cx.verbosity,
        "_ansible_version": version,
        "_ansible_module_name": own.called,
        "_ansible_syslog_facility": ways.syslog_facility,
        "_ansible_selinux_special_fs": SPECIAL,
        "_ansible_socket": null,
        "_ansible_shell_executable": cx.road.target().shell,
        "_ansible_keep_remote_files": false,
        "_ansible_tmpdir": null,
        "_ansible_remote_tmp": ways.remote_tmp,
        "_ansible_ignore_unknown_opts": false,
        "_ansible_target_log_info": null,
        "_ansible_tracebacks_for": ways.tracebacks,
    });
    if let Json::Object(ours) = ours {
        args.extend(ours.into_iter().filter(|(key, _)| knows(key.trim_start_matches("_ansible_"))));
    }
    args
}

/// Arguments as `k=v` text, quoted for a shell.
pub(super) fn pairs(args: &Map) -> String {
    let pair = |(key, value): (&String, &Json)| {
        let text = python_str(value);
        let quoted = shlex::try_quote(&text).map_or_else(|_| text.clone(), std::borrow::Cow::into_owned);
        format!("{key}={quoted} ")
    };
    args.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_quoted_for_a_shell_and_written_as_python_writes_them() {
        let args = json!({"a": "x y", "b": true, "c": 3, "d": null, "e": ["f"]});
        assert_eq!(pairs(args.as_object().unwrap()), "a='x y' b=True c=3 d=None e=\"['f']\" ");
    }
}
