//! What flags and settings say where a playbook is silent. A flag stands above a setting.

use crate::cli::Options;
use crate::exit::Exit;
use crate::given::Passwords;
use crate::session::Session;
use muster_engine::diagnostic::Class;
use muster_engine::plan::{Defaults, FactCache};
use muster_engine::template::{Value, from_json};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// The release of Ansible whose language this is.
const LANGUAGE: [u8; 3] = [2, 19, 0];
/// How many hosts Ansible works on at once when nobody says.
const ANSIBLE_FORKS: u32 = 5;

/// The defaults of a run.
pub fn of(session: &Session, options: &Options, passwords: Passwords) -> Defaults {
    let (settings, base) = (&session.settings, Defaults::default());
    let (connect, escalate) = (&options.connect, &options.escalate);
    let unset = session.as_ansible.then_some(ANSIBLE_FORKS);
    let forks = options.forks.or(settings.forks).or(unset);
    Defaults {
        connection: connect.connection.clone().or_else(|| settings.transport.clone()),
        user: connect.remote_user.clone().or_else(|| settings.remote_user.clone()),
        port: settings.remote_port,
        private_key: connect.private_key.clone().or_else(|| settings.private_key_file.clone()),
        password: passwords.connection,
        ssh_arguments: ssh_arguments(session, options),
        host_key_checking: settings.host_key_checking,
        timeout: Duration::from_secs(connect.timeout.unwrap_or(settings.timeout)),
        escalate: escalate.escalate || settings.become_,
        become_same_user: settings.become_allow_same_user,
        me: Some(me()),
        become_method: escalate.become_method.clone().or_else(|| Some(settings.become_method.clone())),
        become_user: escalate.become_user.clone().or_else(|| Some(settings.become_user.clone())),
        become_password: passwords.escalation,
        check_mode: options.check,
        become_flags: settings.become_flags.clone(),
        become_exe: settings.become_exe.clone(),
        flush_cache: options.flush_cache,
        diff: options.show.diff || settings.diff_always,
        forks: forks.and_then(|forks| usize::try_from(forks).ok()).unwrap_or(base.forks).max(1),
        verbosity: settings.verbosity.saturating_add(options.show.verbose),
        force_handlers: options.force_handlers || settings.force_handlers,
        any_errors_fatal: settings.any_errors_fatal,
        gathering: settings.gathering,
        gather_subset: settings.gather_subset.clone(),
        gather_timeout: settings.gather_timeout,
        strategy: settings.strategy,
        step: options.select.step,
        debugger: settings.enable_task_debugger,
        debugger_ignores_errors: settings.task_debugger_ignore_errors,
        task_timeout: i64::try_from(settings.task_timeout).ok().filter(|seconds| *seconds > 0),
        poll_interval: i64::try_from(settings.poll_interval).unwrap_or(base.poll_interval),
        managed: settings.ansible_managed.as_deref().map(Arc::from),
        broken_conditionals: settings.allow_broken_conditionals,
        no_log: settings.no_log,
        stop_at_mistakes: stops_at_mistakes(session),
        inject_facts: settings.inject_facts_as_vars,
        executable: settings.executable.clone(),
        error_on_missing_handler: settings.error_on_missing_handler,
        private_role_vars: settings.private_role_vars,
        special: special(session),
        ..base
    }
}

/// Whether a mistake that fails a task for certain stops the run before it begins.
pub fn stops_at_mistakes(session: &Session) -> bool {
    session.settings.stop_at_mistakes.unwrap_or(!session.as_ansible)
}

/// Where facts are kept between runs.
///
/// # Errors
/// The settings want a cache that there is none of, or do not say where it is.
pub fn fact_cache(session: &Session) -> Result<Option<FactCache>, Exit> {
    let settings = &session.settings;
    let stop = |message: String, help: &str| {
        Err(session.stop(Class::Error, "muster::settings::fact_caching", message, help))
    };
    let name = settings.fact_caching.as_str();
    match (name.strip_prefix("ansible.builtin.").unwrap_or(name), &settings.fact_caching_connection) {
        ("memory", _) => Ok(None),
        ("jsonfile", Some(dir)) => Ok(Some(FactCache {
            dir: dir.clone(),
            prefix: settings.fact_caching_prefix.clone(),
            timeout: Duration::from_secs(settings.fact_caching_timeout),
        })),
        ("jsonfile", None) => {
            let message =
                "`fact_caching = jsonfile` needs `fact_caching_connection`, the directory of the files";
            stop(message.into(), "set it in `[defaults]`, or ANSIBLE_CACHE_PLUGIN_CONNECTION")
        }
        _ => stop(
            format!("`fact_caching = {name}` is not supported"),
            "use `jsonfile`, or `memory` to keep none",
        ),
    }
}

/// ssh's arguments in the order in which ssh would see them; the flag replaces the setting.
fn ssh_arguments(session: &Session, options: &Options) -> Vec<String> {
    let (settings, connect) = (&session.settings, &options.connect);
    let given = [
        settings.ssh_args.as_ref(),
        connect.ssh_common_args.as_ref().or(settings.ssh_common_args.as_ref()),
        connect.ssh_extra_args.as_ref().or(settings.ssh_extra_args.as_ref()),
    ];
    let tries = settings.ssh_retries.saturating_add(1);
    let retries = (tries > 1).then(|| format!("-o ConnectionAttempts={tries}"));
    given.into_iter().flatten().cloned().chain(retries).collect()
}

/// Special variables that only this side of the program knows.
fn special(session: &Session) -> Vec<(Arc<str>, Value)> {
    let [major, minor, revision] = LANGUAGE;
    let full = format!("{major}.{minor}.{revision}");
    let version = json!({"full": full, "major": major, "minor": minor, "revision": revision, "string": full});
    let file = session.settings.file.as_ref().map(|file| file.display().to_string());
    let all = [
        ("ansible_version", version),
        ("ansible_config_file", json!(file)),
        ("ansible_playbook_python", json!(crate::python::own(session))),
    ];
    all.into_iter().map(|(name, value)| (Arc::from(name), from_json(&value))).collect()
}

/// Who runs this, as Python's `getpass.getuser` has it.
fn me() -> String {
    let names = ["LOGNAME", "USER", "LNAME", "USERNAME"];
    let set = names.iter().filter_map(|name| std::env::var(name).ok()).find(|name| !name.is_empty());
    set.unwrap_or_else(muster_connections::user)
}
