//! What a task may ask of its own connection where no variable says it: `ansible_connection`, `ansible_user` and their like
//! have the value that the keywords, the command line and the configuration give. Only a task's names have them: not
//! `vars`, not `hostvars`.

use super::names::HostNames;
use super::target;
use crate::playbook::Setting;
use crate::template::{Names as _, Value, Variable};
use std::sync::Arc;

/// Names that mean the same, the one that is looked for first in front.
const NAMES: &[&[&str]] = &[
    &["ansible_connection"],
    &["ansible_host", "ansible_ssh_host"],
    &["ansible_user", "ansible_ssh_user"],
    &["ansible_port", "ansible_ssh_port"],
    &["ansible_private_key_file", "ansible_ssh_private_key_file"],
    &["ansible_timeout", "ansible_ssh_timeout"],
    &["ansible_pipelining", "ansible_ssh_pipelining"],
    &["ansible_shell_executable"],
    &["ansible_module_compression"],
];

/// Those that have a value here.
pub(super) fn names(names: &HostNames) -> impl Iterator<Item = Arc<str>> {
    let all = NAMES.iter().copied().flatten().filter(|name| value(names, name).is_some());
    all.map(|name| Arc::from(*name))
}

/// Whether a name is such a one, and no variable says it.
pub(super) fn is_unsaid(names: &HostNames, name: &str) -> bool {
    NAMES.iter().any(|alike| alike.contains(&name)) && names.clone().without_a_road().get(name).is_none()
}

/// The value of such a name, in a task.
pub(super) fn value(names: &HostNames, name: &str) -> Option<Variable> {
    let task = names.task.as_ref()?;
    let alike = NAMES.iter().find(|alike| alike.contains(&name))?;
    let below = names.clone().without_a_road();
    if let Some(said) = alike.iter().find_map(|other| below.get(other)) {
        return Some(said);
    }
    if let Some(to) = &names.delegate {
        let there = HostNames::new(names.world.clone(), names.scene.clone(), to.clone(), names.task.clone());
        return value(&there, name);
    }
    let (defaults, keywords) = (&names.world.site.defaults, &task.keywords);
    let scope = below.scope();
    let word = |keyword: Option<&Setting<String>>| {
        target::setting(keyword, &scope, "str", |text| Some(text.to_string())).ok().flatten()
    };
    let value: Value = match *alike.first()? {
        "ansible_connection" => {
            let kind = word(keywords.connection.as_ref()).or_else(|| defaults.connection.clone());
            kind.filter(|kind| kind != "smart").unwrap_or_else(|| "ssh".into()).into()
        }
        "ansible_host" => (&*names.host).into(),
        "ansible_user" => word(keywords.remote_user.as_ref()).or_else(|| defaults.user.clone())?.into(),
        // The keyword counts for the connection, and is not told.
        "ansible_port" => i64::from(defaults.port?).into(),
        "ansible_private_key_file" => defaults.private_key.as_ref()?.display().to_string().into(),
        "ansible_timeout" => defaults.timeout.as_secs().into(),
        "ansible_pipelining" => false.into(),
        "ansible_shell_executable" => defaults.executable.clone().into(),
        _ => "ZIP_DEFLATED".into(),
    };
    Some(Variable::Known(value))
}
