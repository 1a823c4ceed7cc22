//! What has no meaning here. Settings of Python, of plugins and of programs that are not used are accepted in silence
//! where nothing changes by them; what would change a run is warned about or refused by name.

use super::{TABLE, World, file::File};
use muster_engine::diagnostic::{Class, Diagnostic, Diagnostics, nearest};

/// Keys that may be set to anything, as what they are about works the same or does not exist here.
const HARMLESS: [&str; 25] = [
    "action_warnings",
    "agnostic_become_prompt",
    "callbacks_enabled",
    "command_warnings",
    "control_path",
    "control_path_dir",
    "cow_selection",
    "cowpath",
    "cowsay_enabled_stencils",
    "devel_warning",
    "display_args_to_stdout",
    "home",
    "internal_poll_interval",
    "jinja2_native",
    "keep_remote_files",
    "local_tmp",
    "module_compression",
    "nocows",
    "pipelining",
    "scp_if_ssh",
    "sftp_batch_mode",
    "special_context_filesystems",
    "ssh_executable",
    "system_warnings",
    "transfer_method",
];

/// Sections about programs that do not exist here.
const ELSEWHERE: [&str; 6] =
    ["galaxy", "colors", "persistent_connection", "paramiko_connection", "netconf_connection", "selinux"];

/// Variables of the environment that would change what a run does, and do not.
const CHANGING: [&str; 3] =
    ["ANSIBLE_CONNECTION_PLUGINS", "ANSIBLE_HOST_PATTERN_MISMATCH", "ANSIBLE_STRATEGY_PLUGINS"];

/// Says what is set and has no meaning here.
pub fn warn(world: &World<'_>, file: Option<&File>, found: &mut Diagnostics) {
    let merge = |text: Option<String>| text.is_some_and(|text| text == "merge");
    if merge((world.env)("ANSIBLE_HASH_BEHAVIOUR")) {
        found.push(refused());
    }
    for name in world.names.iter().filter(|name| CHANGING.contains(&name.as_str())) {
        let message = format!("`{name}` has no meaning here and is passed over");
        found.push(Diagnostic::warning("muster::settings::unsupported", message));
    }
    let Some(file) = file else { return };
    for (section, key) in file.keys() {
        let known = |(s, k): &(&str, &str)| *s == section && *k == key;
        if key == "hash_behaviour" {
            if merge(file.get(&section, &key)) {
                found.push(refused().file(&file.path));
            }
        } else if !TABLE.iter().flat_map(|entry| entry.ini).any(known)
            && !HARMLESS.contains(&key.as_str())
            && !ELSEWHERE.contains(&section.as_str())
        {
            found.push(unknown(&section, &key, file));
        }
    }
}

fn unknown(section: &str, key: &str, file: &File) -> Diagnostic {
    let message = format!("`{key}` in `[{section}]` has no meaning here and is passed over");
    let warning = Diagnostic::warning("muster::settings::unsupported", message).file(&file.path);
    let names = TABLE.iter().flat_map(|entry| entry.ini).map(|(_, key)| *key);
    match nearest(key, names) {
        Some(near) if near == key => {
            let section = TABLE.iter().flat_map(|entry| entry.ini).find(|(_, key)| *key == near);
            warning.help(format!("it belongs in `[{}]`", section.map_or("", |(section, _)| section)))
        }
        Some(near) => warning.help(format!("did you mean `{near}`?")),
        None => warning,
    }
}

fn refused() -> Diagnostic {
    Diagnostic::error(
        Class::Usage,
        "muster::settings::hash_behaviour",
        "`hash_behaviour = merge` is not supported: it changes what every playbook means",
    )
    .help("take the setting away, and merge where it is meant with the filter `combine(recursive=True)`")
}
