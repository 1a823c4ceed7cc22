//! What `ansible.cfg` and `ANSIBLE_*` variables say. One table names every setting that has a meaning here, with its
//! type and default: it is the parser and the documentation. The environment stands above the file, and what has no
//! meaning here is warned about by name, never passed over.

mod file;
mod kinds;
mod unsupported;

pub use kinds::{Duplicates, ResultFormat, Text};
pub use muster_engine::plan::Gathering;

use crate::report::Format;
use kinds::Setting;
use muster_engine::diagnostic::{Class, Diagnostic, Diagnostics};
use muster_engine::inventory::GroupNames;
use muster_engine::playbook::Strategy;
use std::path::{Path, PathBuf};

/// One line of the table: how a setting is called and what it is.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Its variables in the environment, the strongest first.
    pub env: &'static [&'static str],
    /// Its sections and keys in the file.
    pub ini: &'static [(&'static str, &'static str)],
    /// What it takes.
    pub kind: &'static str,
    /// What it is when nobody sets it.
    pub default: &'static str,
    /// What it does.
    pub doc: &'static str,
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ty = $default:literal,
        env [$($env:literal)*], ini [$($section:literal $key:literal)*];)*) => {
        /// Every setting, typed.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Settings {
            $($(#[doc = $doc])+ pub $name: $kind,)*
            /// The file they were read from.
            pub file: Option<PathBuf>,
        }

        /// Every setting that has a meaning here.
        pub const TABLE: &[Entry] = &[$(Entry {
            name: stringify!($name),
            env: &[$($env),*],
            ini: &[$(($section, $key)),*],
            kind: <$kind as Setting>::KIND,
            default: $default,
            doc: concat!($($doc),+),
        }),*];

        impl Settings {
            fn read(world: &World<'_>, file: Option<&file::File>, found: &mut Diagnostics) -> Self {
                let mut entries = TABLE.iter();
                Self {
                    $($name: setting(entries.next(), world, file, found),)*
                    file: file.map(|file| file.path.clone()),
                }
            }
        }
    };
}

settings! {
    /// Inventory files, directories or host lists.
    inventory: Vec<Text> = "/etc/ansible/hosts", env ["ANSIBLE_INVENTORY"], ini ["defaults" "inventory"];
    /// Endings of files that an inventory directory may hold besides sources.
    inventory_ignore: Vec<String> = ".pyc,.pyo,.swp,.bak,~,.rpm,.md,.txt,.rst,.orig,.cfg,.retry",
        env ["ANSIBLE_INVENTORY_IGNORE"],
        ini ["defaults" "inventory_ignore_extensions" "inventory" "ignore_extensions"];
    /// Whether an inventory source that cannot be read ends the run.
    any_unparsed_is_failed: bool = "false", env ["ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED"],
        ini ["inventory" "any_unparsed_is_failed"];
    /// Whether what an inventory script writes to stderr is shown although it went well.
    script_stderr: bool = "true", env ["ANSIBLE_INVENTORY_PLUGIN_SCRIPT_STDERR"],
        ini ["inventory_plugin_script" "always_show_stderr"];
    /// Whether it ends the run that no inventory source can be read.
    unparsed_is_failed: bool = "false", env ["ANSIBLE_INVENTORY_UNPARSED_FAILED"],
        ini ["inventory" "unparsed_is_failed"];
    /// Whether it is warned of that no inventory source could be read.
    unparsed_warning: bool = "true", env ["ANSIBLE_INVENTORY_UNPARSED_WARNING"],
        ini ["inventory" "inventory_unparsed_warning"];
    /// Whether it is warned of that there are no hosts but the implicit localhost.
    localhost_warning: bool = "true", env ["ANSIBLE_LOCALHOST_WARNING"], ini ["defaults" "localhost_warning"];
    /// Letters of group names that no variable may have: warned of (never), passed over (ignore), or made `_` with a
    /// warning (always) or without (silently).
    force_valid_group_names: GroupNames = "never", env ["ANSIBLE_TRANSFORM_INVALID_GROUP_CHARS"],
        ini ["defaults" "force_valid_group_names"];
    /// The kinds of inventory sources, in the order in which they are tried.
    enable_plugins: Vec<String> = "host_list,script,auto,yaml,ini,toml", env ["ANSIBLE_INVENTORY_ENABLED"],
        ini ["inventory" "enable_plugins"];
    /// How many hosts are worked on at once; many, unless called as ansible-playbook (5).
    forks: Option<u32> = "", env ["ANSIBLE_FORKS"], ini ["defaults" "forks"];
    /// The user to log in as.
    remote_user: Option<String> = "", env ["ANSIBLE_REMOTE_USER"], ini ["defaults" "remote_user"];
    /// The port to connect to.
    remote_port: Option<u16> = "", env ["ANSIBLE_REMOTE_PORT"], ini ["defaults" "remote_port"];
    /// The key to log in with.
    private_key_file: Option<PathBuf> = "", env ["ANSIBLE_PRIVATE_KEY_FILE"],
        ini ["defaults" "private_key_file"];
    /// Whether host keys must be known.
    host_key_checking: Option<bool> = "", env ["ANSIBLE_HOST_KEY_CHECKING" "ANSIBLE_SSH_HOST_KEY_CHECKING"],
        ini ["defaults" "host_key_checking" "ssh_connection" "host_key_checking"];
    /// Seconds that connecting may take.
    timeout: u64 = "10", env ["ANSIBLE_TIMEOUT" "ANSIBLE_SSH_TIMEOUT"],
        ini ["defaults" "timeout" "ssh_connection" "timeout"];
    /// The kind of connection.
    transport: Option<String> = "", env ["ANSIBLE_TRANSPORT"], ini ["defaults" "transport"];
    /// Arguments of ssh.
    ssh_args: Option<String> = "", env ["ANSIBLE_SSH_ARGS"], ini ["ssh_connection" "ssh_args"];
    /// Arguments of ssh that are common to all its programs.
    ssh_common_args: Option<String> = "", env ["ANSIBLE_SSH_COMMON_ARGS"],
        ini ["ssh_connection" "ssh_common_args"];
    /// More arguments of ssh.
    ssh_extra_args: Option<String> = "", env ["ANSIBLE_SSH_EXTRA_ARGS"],
        ini ["ssh_connection" "ssh_extra_args"];
    /// How often connecting is tried again.
    ssh_retries: u32 = "0", env ["ANSIBLE_SSH_RETRIES"], ini ["connection" "retries" "ssh_connection" "retries"];
    /// The POSIX shell of targets.
    executable: String = "/bin/sh", env ["ANSIBLE_EXECUTABLE"], ini ["defaults" "executable"];
    /// Where roles are looked for, besides beside the playbook.
    roles_path: Vec<PathBuf> = "~/.ansible/roles:/usr/share/ansible/roles:/etc/ansible/roles",
        env ["ANSIBLE_ROLES_PATH"], ini ["defaults" "roles_path"];
    /// Where collections are looked for.
    collections_path: Vec<PathBuf> = "~/.ansible/collections:/usr/share/ansible/collections",
        env ["ANSIBLE_COLLECTIONS_PATH"], ini ["defaults" "collections_path"];
    /// The directory that commands without a playbook take for a playbook's.
    playbook_dir: Option<PathBuf> = "", env ["ANSIBLE_PLAYBOOK_DIR"], ini ["defaults" "playbook_dir"];
    /// Where modules of one's own are looked for, besides beside the playbook.
    library: Vec<PathBuf> = "~/.ansible/plugins/modules:/usr/share/ansible/plugins/modules",
        env ["ANSIBLE_LIBRARY"], ini ["defaults" "library"];
    /// Where filters of one's own are looked for, besides beside the playbook and in roles.
    filter_plugins: Vec<PathBuf> = "~/.ansible/plugins/filter:/usr/share/ansible/plugins/filter",
        env ["ANSIBLE_FILTER_PLUGINS"], ini ["defaults" "filter_plugins"];
    /// Where tests of one's own are looked for.
    test_plugins: Vec<PathBuf> = "~/.ansible/plugins/test:/usr/share/ansible/plugins/test",
        env ["ANSIBLE_TEST_PLUGINS"], ini ["defaults" "test_plugins"];
    /// Where lookups of one's own are looked for.
    lookup_plugins: Vec<PathBuf> = "~/.ansible/plugins/lookup:/usr/share/ansible/plugins/lookup",
        env ["ANSIBLE_LOOKUP_PLUGINS"], ini ["defaults" "lookup_plugins"];
    /// Where action plugins of one's own are looked for, besides beside the playbook and in roles.
    action_plugins: Vec<PathBuf> = "~/.ansible/plugins/action:/usr/share/ansible/plugins/action",
        env ["ANSIBLE_ACTION_PLUGINS"], ini ["defaults" "action_plugins"];
    /// Where what Python modules import is looked for, besides beside the playbook and in roles.
    module_utils: Vec<PathBuf> = "~/.ansible/plugins/module_utils:/usr/share/ansible/plugins/module_utils",
        env ["ANSIBLE_MODULE_UTILS"], ini ["defaults" "module_utils"];
    /// The directory `ansible` of the ansible-core whose modules are used, in place of the one that would be found.
    ansible_core: Option<PathBuf> = "", env ["MUSTER_ANSIBLE_CORE"], ini ["muster" "ansible_core"];
    /// Whether a task that is certain to fail keeps the playbook from running; yes, unless called as
    /// ansible-playbook.
    stop_at_mistakes: Option<bool> = "", env ["MUSTER_STOP_AT_MISTAKES"], ini ["muster" "stop_at_mistakes"];
    /// The Python of targets, or auto for the first that is found there.
    interpreter_python: String = "auto", env ["ANSIBLE_PYTHON_INTERPRETER"], ini ["defaults" "interpreter_python"];
    /// How many files a Python module may have open; 0 leaves the limit as it is.
    python_module_rlimit_nofile: u64 = "0", env ["ANSIBLE_PYTHON_MODULE_RLIMIT_NOFILE"],
        ini ["defaults" "python_module_rlimit_nofile"];
    /// Where Python modules make their temporary directories on targets.
    remote_tmp: String = "~/.ansible/tmp", env ["ANSIBLE_REMOTE_TEMP" "ANSIBLE_REMOTE_TMP"],
        ini ["defaults" "remote_tmp"];
    /// Under what Python modules write to the target's syslog.
    syslog_facility: String = "LOG_USER", env ["ANSIBLE_SYSLOG_FACILITY"], ini ["defaults" "syslog_facility"];
    /// Whether Python modules write nothing there.
    no_target_syslog: bool = "false", env ["ANSIBLE_NO_TARGET_SYSLOG"], ini ["defaults" "no_target_syslog"];
    /// For what Python modules give tracebacks: never, always, error, warning, deprecated.
    display_traceback: Vec<String> = "never", env ["ANSIBLE_DISPLAY_TRACEBACK"],
        ini ["defaults" "display_traceback"];
    /// Whether tasks run as another user.
    become_: bool = "false", env ["ANSIBLE_BECOME"], ini ["privilege_escalation" "become"];
    /// How to become another user.
    become_method: String = "sudo", env ["ANSIBLE_BECOME_METHOD"], ini ["privilege_escalation" "become_method"];
    /// The user to become.
    become_user: String = "root", env ["ANSIBLE_BECOME_USER"], ini ["privilege_escalation" "become_user"];
    /// Whether it is done although that is the user who logged in.
    become_allow_same_user: bool = "false", env ["ANSIBLE_BECOME_ALLOW_SAME_USER"],
        ini ["privilege_escalation" "become_allow_same_user"];
    /// The program that does it.
    become_exe: Option<String> = "", env ["ANSIBLE_BECOME_EXE"], ini ["privilege_escalation" "become_exe"];
    /// Its flags.
    become_flags: Option<String> = "", env ["ANSIBLE_BECOME_FLAGS"],
        ini ["privilege_escalation" "become_flags"];
    /// Whether the password for becoming another user is asked for.
    become_ask_pass: bool = "false", env ["ANSIBLE_BECOME_ASK_PASS"],
        ini ["privilege_escalation" "become_ask_pass"];
    /// A file that holds that password.
    become_password_file: Option<PathBuf> = "", env ["ANSIBLE_BECOME_PASSWORD_FILE"],
        ini ["defaults" "become_password_file"];
    /// Whether the password to log in with is asked for.
    ask_pass: bool = "false", env ["ANSIBLE_ASK_PASS"], ini ["defaults" "ask_pass"];
    /// A file that holds the password to log in with.
    connection_password_file: Option<PathBuf> = "", env ["ANSIBLE_CONNECTION_PASSWORD_FILE"],
        ini ["defaults" "connection_password_file"];
    /// Whether the vault password is asked for.
    ask_vault_pass: bool = "false", env ["ANSIBLE_ASK_VAULT_PASS"], ini ["defaults" "ask_vault_pass"];
    /// A file (or program) that gives the vault password.
    vault_password_file: Option<PathBuf> = "", env ["ANSIBLE_VAULT_PASSWORD_FILE"],
        ini ["defaults" "vault_password_file"];
    /// Vault ids and where their passwords are.
    vault_identity_list: Vec<String> = "", env ["ANSIBLE_VAULT_IDENTITY_LIST"],
        ini ["defaults" "vault_identity_list"];
    /// The id of a vault password that is given without one.
    vault_identity: String = "default", env ["ANSIBLE_VAULT_IDENTITY"], ini ["defaults" "vault_identity"];
    /// The id that `muster vault` encrypts with.
    vault_encrypt_identity: Option<String> = "", env ["ANSIBLE_VAULT_ENCRYPT_IDENTITY"],
        ini ["defaults" "vault_encrypt_identity"];
    /// Whether only the password of the id that a vault names is tried.
    vault_id_match: bool = "false", env ["ANSIBLE_VAULT_ID_MATCH"], ini ["defaults" "vault_id_match"];
    /// The editor of `muster vault edit` and `create`.
    editor: String = "vi", env ["ANSIBLE_EDITOR" "EDITOR"], ini ["defaults" "editor"];
    /// The pager of `muster vault view`.
    pager: String = "less", env ["ANSIBLE_PAGER" "PAGER"], ini ["defaults" "pager"];
    /// Tags to run.
    run_tags: Vec<String> = "", env ["ANSIBLE_RUN_TAGS"], ini ["tags" "run"];
    /// Tags to skip.
    skip_tags: Vec<String> = "", env ["ANSIBLE_SKIP_TAGS"], ini ["tags" "skip"];
    /// The strategy of plays that name none.
    strategy: Strategy = "linear", env ["ANSIBLE_STRATEGY"], ini ["defaults" "strategy"];
    /// Whether a person at the terminal is asked about tasks that fail.
    enable_task_debugger: bool = "false", env ["ANSIBLE_ENABLE_TASK_DEBUGGER"],
        ini ["defaults" "enable_task_debugger"];
    /// Whether nobody is asked about failures that their task ignores.
    task_debugger_ignore_errors: bool = "true", env ["ANSIBLE_TASK_DEBUGGER_IGNORE_ERRORS"],
        ini ["defaults" "task_debugger_ignore_errors"];
    /// Whether one host's failure ends the play for all.
    any_errors_fatal: bool = "false", env ["ANSIBLE_ANY_ERRORS_FATAL"], ini ["defaults" "any_errors_fatal"];
    /// Whether an undefined variable is an error; it always is.
    error_on_undefined_vars: bool = "true", env ["ANSIBLE_ERROR_ON_UNDEFINED_VARS"],
        ini ["defaults" "error_on_undefined_vars"];
    /// Whether handlers run on hosts where a task failed.
    force_handlers: bool = "false", env ["ANSIBLE_FORCE_HANDLERS"], ini ["defaults" "force_handlers"];
    /// Whether a missing handler is an error.
    error_on_missing_handler: bool = "true", env ["ANSIBLE_ERROR_ON_MISSING_HANDLER"],
        ini ["defaults" "error_on_missing_handler"];
    /// Whether the variables of roles that do not say `public` are their own.
    private_role_vars: Option<bool> = "", env ["ANSIBLE_PRIVATE_ROLE_VARS"], ini ["defaults" "private_role_vars"];
    /// When facts are gathered.
    gathering: Gathering = "implicit", env ["ANSIBLE_GATHERING"], ini ["defaults" "gathering"];
    /// What a mapping with a key twice is: warn, error or ignore.
    duplicate_dict_key: Duplicates = "warn", env ["ANSIBLE_DUPLICATE_YAML_DICT_KEY"],
        ini ["defaults" "duplicate_dict_key"];
    /// Where facts are kept from one run to the next: memory (nowhere) or jsonfile.
    fact_caching: String = "memory", env ["ANSIBLE_CACHE_PLUGIN"], ini ["defaults" "fact_caching"];
    /// The directory of kept facts.
    fact_caching_connection: Option<PathBuf> = "", env ["ANSIBLE_CACHE_PLUGIN_CONNECTION"],
        ini ["defaults" "fact_caching_connection"];
    /// What the names of files of kept facts begin with.
    fact_caching_prefix: String = "", env ["ANSIBLE_CACHE_PLUGIN_PREFIX"], ini ["defaults" "fact_caching_prefix"];
    /// Seconds that facts are kept; 0 for ever.
    fact_caching_timeout: u64 = "86400", env ["ANSIBLE_CACHE_PLUGIN_TIMEOUT"],
        ini ["defaults" "fact_caching_timeout"];
    /// Which facts are gathered.
    gather_subset: Vec<String> = "", env ["ANSIBLE_GATHER_SUBSET"], ini ["defaults" "gather_subset"];
    /// Seconds that gathering may take.
    gather_timeout: Option<u64> = "", env ["ANSIBLE_GATHER_TIMEOUT"], ini ["defaults" "gather_timeout"];
    /// Whether facts are variables too.
    inject_facts_as_vars: bool = "true", env ["ANSIBLE_INJECT_FACT_VARS"],
        ini ["defaults" "inject_facts_as_vars"];
    /// Seconds a task may take; 0 for any time.
    task_timeout: u64 = "0", env ["ANSIBLE_TASK_TIMEOUT"], ini ["defaults" "task_timeout"];
    /// Seconds between two looks at an asynchronous task.
    poll_interval: u64 = "15", env ["ANSIBLE_POLL_INTERVAL"], ini ["defaults" "poll_interval"];
    /// What `ansible_managed` is in templates: text with `{file}`, `{host}`, `{uid}` and strftime's directives.
    ansible_managed: Option<String> = "", env [], ini ["defaults" "ansible_managed"];
    /// Whether conditions may be what is no boolean.
    allow_broken_conditionals: bool = "false", env ["ANSIBLE_ALLOW_BROKEN_CONDITIONALS"],
        ini ["defaults" "allow_broken_conditionals"];
    /// Whether results are hidden.
    no_log: bool = "false", env ["ANSIBLE_NO_LOG"], ini ["defaults" "no_log"];
    /// Whether the names of lost hosts are written to a file.
    retry_files_enabled: bool = "false", env ["ANSIBLE_RETRY_FILES_ENABLED"],
        ini ["defaults" "retry_files_enabled"];
    /// The directory of that file.
    retry_files_save_path: Option<PathBuf> = "", env ["ANSIBLE_RETRY_FILES_SAVE_PATH"],
        ini ["defaults" "retry_files_save_path"];
    /// How many `-v`.
    verbosity: u8 = "0", env ["ANSIBLE_VERBOSITY"], ini ["defaults" "verbosity"];
    /// Whether skipped hosts are shown.
    display_skipped_hosts: bool = "true", env ["ANSIBLE_DISPLAY_SKIPPED_HOSTS"],
        ini ["defaults" "display_skipped_hosts"];
    /// Whether hosts on which nothing changed are shown.
    display_ok_hosts: bool = "true", env ["ANSIBLE_DISPLAY_OK_HOSTS"], ini ["defaults" "display_ok_hosts"];
    /// Whether failures go to stderr.
    display_failed_stderr: bool = "false", env ["ANSIBLE_DISPLAY_FAILED_STDERR"],
        ini ["defaults" "display_failed_stderr"];
    /// A file to which a run's output is also written.
    log_path: Option<PathBuf> = "", env ["ANSIBLE_LOG_PATH"], ini ["defaults" "log_path"];
    /// What lines a run shows: default, debug, minimal, oneline or yaml.
    stdout_callback: String = "default", env ["ANSIBLE_STDOUT_CALLBACK"], ini ["defaults" "stdout_callback"];
    /// How results are written: json, yaml, or (ours) konvoy.
    callback_result_format: Option<ResultFormat> = "", env ["ANSIBLE_CALLBACK_RESULT_FORMAT"],
        ini ["defaults" "callback_result_format"];
    /// Whether results are indented.
    callback_format_pretty: Option<bool> = "", env ["ANSIBLE_CALLBACK_FORMAT_PRETTY"],
        ini ["defaults" "callback_format_pretty"];
    /// Whether `ansible` shows results as `stdout_callback` says.
    load_callback_plugins: bool = "false", env ["ANSIBLE_LOAD_CALLBACK_PLUGINS"],
        ini ["defaults" "bin_ansible_callbacks"];
    /// Whether `set_stats` are shown at the end.
    show_custom_stats: bool = "false", env ["ANSIBLE_SHOW_CUSTOM_STATS"], ini ["defaults" "show_custom_stats"];
    /// Whether banners say that nothing may change.
    check_mode_markers: bool = "false", env ["ANSIBLE_CHECK_MODE_MARKERS"],
        ini ["defaults" "check_mode_markers"];
    /// Whether it is said what will go in later releases.
    deprecation_warnings: bool = "true", env ["ANSIBLE_DEPRECATION_WARNINGS"],
        ini ["defaults" "deprecation_warnings"];
    /// Whether a line says that a host begins a task.
    show_per_host_start: bool = "false", env ["ANSIBLE_SHOW_PER_HOST_START"],
        ini ["defaults" "show_per_host_start"];
    /// Whether a failure says where its task is written.
    show_task_path_on_failure: bool = "false", env ["ANSIBLE_SHOW_TASK_PATH_ON_FAILURE"],
        ini ["defaults" "show_task_path_on_failure"];
    /// Whether differences are shown.
    diff_always: bool = "false", env ["ANSIBLE_DIFF_ALWAYS"], ini ["diff" "always"];
    /// Lines around a difference.
    diff_context: usize = "3", env ["ANSIBLE_DIFF_CONTEXT"], ini ["diff" "context"];
    /// Colours even where there is no terminal.
    force_color: bool = "false", env ["ANSIBLE_FORCE_COLOR"], ini ["defaults" "force_color"];
    /// No colours.
    nocolor: bool = "false", env ["ANSIBLE_NOCOLOR"], ini ["defaults" "nocolor"];
}

/// The environment and the directories that settings depend on.
pub struct World<'a> {
    /// A variable of the environment.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// All their names.
    pub names: &'a [String],
    /// The current directory.
    pub dir: &'a Path,
    /// The home directory.
    pub home: Option<&'a Path>,
}

impl Settings {
    /// Everything that is set, and what is wrong with it.
    #[must_use]
    pub fn load(world: &World<'_>) -> (Self, Diagnostics) {
        let mut found = Diagnostics::default();
        let file = file::File::find(world, &mut found);
        let settings = Self::read(world, file.as_ref(), &mut found);
        unsupported::warn(world, file.as_ref(), &mut found);
        (settings, found)
    }

    /// How results are written; called as ansible-playbook, as Ansible writes them.
    #[must_use]
    pub fn format(&self, as_ansible: bool) -> Format {
        match self.callback_result_format {
            Some(ResultFormat::Json) => Format::Json,
            Some(ResultFormat::Yaml) => Format::Yaml,
            Some(ResultFormat::Konvoy) => Format::Konvoy,
            None if as_ansible => Format::Json,
            None => Format::Konvoy,
        }
    }
}

/// One setting: of the environment, of the file, or its default.
fn setting<T: Setting>(
    entry: Option<&Entry>,
    world: &World<'_>,
    file: Option<&file::File>,
    found: &mut Diagnostics,
) -> T {
    let Some(entry) = entry else { return T::default() };
    let from_env = entry.env.iter().find_map(|name| Some((*name, (world.env)(name)?)));
    let from_file = file.and_then(|file| entry.ini.iter().find_map(|(s, k)| Some((*k, file.get(s, k)?))));
    let dir = file.and_then(|file| file.path.parent()).unwrap_or(world.dir);
    let (name, text, dir, path) = match (from_env, from_file) {
        (Some((name, text)), _) => (name, text, world.dir, None),
        (None, Some((key, text))) => (key, text, dir, file.map(|file| file.path.clone())),
        (None, None) => (entry.name, entry.default.to_string(), world.dir, None),
    };
    // A number that is set to nothing is not set.
    let text = if text.is_empty() && T::KIND == "integer" { entry.default.to_string() } else { text };
    let base = kinds::Base { dir, home: world.home };
    let default = || T::from_text(entry.default, &base).unwrap_or_default();
    match T::from_text(&text, &base) {
        Ok(value) => value,
        // An empty variable of the environment is as good as none where it cannot be a value.
        Err(_) if path.is_none() && text.is_empty() => default(),
        Err(wanted) => {
            let message = format!("`{name}` is `{text}`, which is not {wanted}");
            let wrong = Diagnostic::error(Class::Usage, "muster::settings::wrong_value", message)
                .help(format!("{} Its default is `{}`.", entry.doc.trim(), entry.default));
            found.push(match path {
                Some(path) => wrong.file(path),
                None => wrong,
            });
            default()
        }
    }
}

#[cfg(test)]
mod tests;
