//! The command line. argv comes in, an [`Invocation`] of values goes out. The letters and meanings of `run` are
//! ansible-playbook's, and called by that name the program takes ansible-playbook's whole argument vector, as it takes ansible-vault's.

mod adhoc;
mod drain;
mod replace;
mod vault;

pub use adhoc::AdHoc;
pub use drain::{Drain, Uncordon};
pub use replace::Replace;
pub use vault::{EncryptString, Vault, VaultAction, VaultPasswords};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What was asked for.
#[derive(Debug, Parser)]
#[command(name = "muster", version, propagate_version = true, about, max_term_width = 100)]
pub struct Invocation {
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
    /// Whether the program was called by one of Ansible's names.
    #[arg(skip)]
    pub as_ansible: bool,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Runs playbooks.
    #[command(visible_alias = "playbook")]
    Run(Run),
    /// Runs a shipped check: preflight, nodes, kubernetes, ...
    Check(Check),
    /// Replaces a node of a cluster.
    #[command(subcommand)]
    Replace(Replace),
    /// Runs one module on hosts.
    AdHoc(AdHoc),
    /// Empties a node of its pods, or shows what that would do.
    Drain(Drain),
    /// Lets pods come to a node again.
    Uncordon(Uncordon),
    /// Shows the plan of playbooks and touches nothing.
    Plan(Plan),
    /// Shows hosts, groups and variables.
    Inventory(Inventory),
    /// Encrypts, decrypts and edits files of secrets.
    Vault(Vault),
    /// Shows what a module takes.
    Doc(Doc),
    /// Lists, shows and writes out the shipped playbooks.
    Playbooks(Playbooks),
    /// Prints completions for a shell.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// `muster run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Playbooks, in the order to run them.
    #[arg(required = true, value_name = "PLAYBOOK")]
    pub playbooks: Vec<PathBuf>,
    /// How.
    #[command(flatten)]
    pub options: Options,
}

/// `muster check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The check's name; `muster playbooks list` shows them all.
    pub name: String,
    /// How.
    #[command(flatten)]
    pub options: Options,
}

/// `muster plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// Playbooks.
    #[arg(required = true, value_name = "PLAYBOOK")]
    pub playbooks: Vec<PathBuf>,
    /// As what the plan is printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: PlanFormat,
    /// How it would be run.
    #[command(flatten)]
    pub options: Options,
}

/// As what a plan is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For a person.
    #[default]
    Text,
    /// For Graphviz.
    Dot,
    /// For Markdown.
    Mermaid,
    /// For a program.
    Json,
}

/// `muster inventory`.
#[derive(Debug, Args)]
pub struct Inventory {
    /// Shows everything.
    #[arg(long)]
    pub list: bool,
    /// Shows one host's variables.
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// Shows groups as a tree.
    #[arg(long)]
    pub graph: bool,
    /// The group a graph begins with.
    #[arg(value_name = "PATTERN")]
    pub pattern: Option<String>,
    /// As YAML rather than JSON.
    #[arg(short = 'y', long)]
    pub yaml: bool,
    /// As TOML; refused.
    #[arg(long, hide = true)]
    pub toml: bool,
    /// Forgets cached facts; none are shown.
    #[arg(long, hide = true)]
    pub flush_cache: bool,
    /// Variables in the graph too.
    #[arg(long)]
    pub vars: bool,
    /// Groups' variables where they are written, not per host.
    #[arg(long)]
    pub export: bool,
    /// A file to write to.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The directory beside which group_vars and host_vars lie.
    #[arg(long, value_name = "DIR")]
    pub playbook_dir: Option<PathBuf>,
    /// Which hosts.
    #[command(flatten)]
    pub site: Site,
    /// How talkative.
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
}

/// `muster doc`.
#[derive(Debug, Args)]
pub struct Doc {
    /// The module.
    pub module: Option<String>,
    /// Lists all modules.
    #[arg(short, long)]
    pub list: bool,
    /// Shows what of ansible.cfg and the environment has a meaning here.
    #[arg(long, conflicts_with_all = ["module", "list"])]
    pub settings: bool,
    /// As JSON.
    #[arg(short, long)]
    pub json: bool,
}

/// `muster playbooks`.
#[derive(Debug, Args)]
pub struct Playbooks {
    /// What to do with them.
    #[command(subcommand)]
    pub action: PlaybooksAction,
}

/// What to do with the shipped playbooks.
#[derive(Debug, Subcommand)]
pub enum PlaybooksAction {
    /// Lists them.
    List,
    /// Prints one.
    Show {
        /// Its name.
        name: String,
    },
    /// Writes all of them, with their roles, to a directory.
    Eject {
        /// The directory; it must be empty or not exist.
        dir: PathBuf,
    },
}

/// Which hosts, which variables, and how vaults are opened.
#[derive(Clone, Debug, Default, Args)]
pub struct Site {
    /// Inventory file, directory, or comma-separated hosts; may be given again.
    #[arg(short, long, visible_alias = "inventory-file", value_name = "INVENTORY")]
    pub inventory: Vec<String>,
    /// Only hosts that also match this pattern.
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Option<String>,
    /// Variables above all others: k=v, YAML, JSON, or @file; may be given again.
    #[arg(short, long, value_name = "VARS")]
    pub extra_vars: Vec<String>,
    /// How vaults are opened.
    #[command(flatten)]
    pub vault: VaultPasswords,
}

/// How playbooks are run.
#[derive(Clone, Debug, Default, Args)]
pub struct Options {
    /// Which hosts and variables.
    #[command(flatten)]
    pub site: Site,
    /// Which tasks.
    #[command(flatten)]
    pub select: Select,
    /// How hosts are reached.
    #[command(flatten)]
    pub connect: Connect,
    /// As whom.
    #[command(flatten)]
    pub escalate: Escalate,
    /// What is shown.
    #[command(flatten)]
    pub show: Show,
    /// How many hosts are worked on at once.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub forks: Option<u32>,
    /// Changes nothing, and says what would change.
    #[arg(short = 'C', long)]
    pub check: bool,
    /// Runs handlers even on hosts where a task failed.
    #[arg(long)]
    pub force_handlers: bool,
    /// Forgets cached facts.
    #[arg(long)]
    pub flush_cache: bool,
    /// Directories with modules of one's own, separated by colons; may be given again.
    #[arg(short = 'M', long, value_name = "PATHS")]
    pub module_path: Vec<String>,
}

/// Which tasks run, or what is shown of them instead.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Selection")]
pub struct Select {
    /// Only tasks with one of these tags.
    #[arg(short, long, value_name = "TAGS")]
    pub tags: Vec<String>,
    /// Not tasks with one of these tags.
    #[arg(long, value_name = "TAGS")]
    pub skip_tags: Vec<String>,
    /// Begins at the task of this name.
    #[arg(long, value_name = "TASK")]
    pub start_at_task: Option<String>,
    /// Asks before each task.
    #[arg(long)]
    pub step: bool,
    /// Lists hosts and runs nothing.
    #[arg(long)]
    pub list_hosts: bool,
    /// Lists tasks and runs nothing.
    #[arg(long)]
    pub list_tasks: bool,
    /// Lists tags and runs nothing.
    #[arg(long)]
    pub list_tags: bool,
    /// Only reads the playbooks.
    #[arg(long)]
    pub syntax_check: bool,
}

/// How hosts are reached.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Connection")]
pub struct Connect {
    /// The kind of connection: ssh or local.
    #[arg(short, long, value_name = "KIND")]
    pub connection: Option<String>,
    /// The user to log in as.
    #[arg(short = 'u', long = "user", value_name = "USER")]
    pub remote_user: Option<String>,
    /// The key to log in with.
    #[arg(long = "private-key", visible_alias = "key-file", value_name = "FILE")]
    pub private_key: Option<PathBuf>,
    /// Seconds that connecting may take.
    #[arg(short = 'T', long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
    /// Asks for the password to log in with.
    #[arg(short = 'k', long, conflicts_with = "connection_password_file")]
    pub ask_pass: bool,
    /// A file that holds the password to log in with.
    #[arg(long, visible_alias = "conn-pass-file", value_name = "FILE")]
    pub connection_password_file: Option<PathBuf>,
    /// Arguments of ssh, for example '-o ProxyCommand=...'.
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub ssh_common_args: Option<String>,
    /// More arguments of ssh.
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub ssh_extra_args: Option<String>,
    /// Arguments of sftp; refused, as files travel through the ssh session itself.
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true, hide = true)]
    pub sftp_extra_args: Option<String>,
    /// Arguments of scp; refused, as files travel through the ssh session itself.
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true, hide = true)]
    pub scp_extra_args: Option<String>,
}

/// As whom tasks run.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Privilege escalation")]
pub struct Escalate {
    /// Runs tasks as another user.
    #[arg(short = 'b', long = "become")]
    pub escalate: bool,
    /// How to become that user: sudo, su, doas.
    #[arg(long, value_name = "METHOD")]
    pub become_method: Option<String>,
    /// The user; root unless said otherwise.
    #[arg(long, value_name = "USER")]
    pub become_user: Option<String>,
    /// Asks for that user's password.
    #[arg(short = 'K', long, conflicts_with = "become_password_file")]
    pub ask_become_pass: bool,
    /// A file that holds that user's password.
    #[arg(long, visible_alias = "become-pass-file", value_name = "FILE")]
    pub become_password_file: Option<PathBuf>,
}

/// What is shown.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct Show {
    /// Shows more; up to six times.
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Shows differences of changed files.
    #[arg(short = 'D', long)]
    pub diff: bool,
    /// Lines for a person, or one JSON event a line.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub output: Output,
    /// When to use colours.
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// A check whose findings do not count; may be given again.
    #[arg(long, value_name = "ID")]
    pub ignore: Vec<String>,
}

/// What a run writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Lines for a person.
    #[default]
    Console,
    /// One JSON event a line.
    Json,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Invocation {
    /// Reads an argument vector.
    ///
    /// # Errors
    /// It is not one of ours, or help or the version was asked for.
    pub fn from_argv(argv: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut argv: Vec<OsString> = argv.into_iter().collect();
        let name = argv.first().and_then(|name| Path::new(name).file_name());
        let verb = match name.and_then(|name| name.to_str()) {
            Some("ansible") => Some("ad-hoc"),
            Some("ansible-inventory") => Some("inventory"),
            Some("ansible-playbook") => Some("run"),
            Some("ansible-vault") => Some("vault"),
            _ => None,
        };
        let as_ansible = verb.is_some_and(|verb| verb != "vault");
        if let Some(verb) = verb {
            argv.splice(..1, ["muster".into(), verb.into()]);
        }
        Ok(Self { as_ansible, ..Self::try_parse_from(argv)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn run(line: &str) -> Run {
        let argv = shell_words(line);
        match Invocation::from_argv(argv).unwrap().verb {
            Verb::Run(run) => run,
            other => panic!("{other:?}"),
        }
    }

    fn shell_words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Invocation::command().debug_assert();
    }

    #[test]
    fn called_ansible_playbook_it_takes_that_command_s_line() {
        let run = run(
            "/usr/bin/ansible-playbook -i a,b -i hosts site.yml -vvv -CD -b -e x=1 -e @f --ssh-common-args -J --tags t",
        );
        assert_eq!(run.playbooks, [PathBuf::from("site.yml")]);
        assert_eq!(run.options.site.inventory, ["a,b", "hosts"]);
        assert_eq!(run.options.site.extra_vars, ["x=1", "@f"]);
        assert_eq!((run.options.show.verbose, run.options.check, run.options.show.diff), (3, true, true));
        assert_eq!(run.options.connect.ssh_common_args.as_deref(), Some("-J"));
        assert!(run.options.escalate.escalate);
    }

    #[test]
    fn called_ansible_it_takes_that_command_s_line() {
        let line = shell_words("ansible all -m shell -a uptime -b -B 10 -P 0 -o -i hosts -f 2 -e x=1 -vv");
        let Verb::AdHoc(asked) = Invocation::from_argv(line).unwrap().verb else { panic!("not ad-hoc") };
        assert_eq!((&*asked.pattern, &*asked.module_name, &*asked.module_args), ("all", "shell", "uptime"));
        assert_eq!((asked.background, asked.poll, asked.one_line), (Some(10), Some(0), true));
        assert_eq!((asked.options().show.verbose, asked.options().forks), (2, Some(2)));
    }

    #[test]
    fn both_names_of_an_option_are_known() {
        let run = run(
            "muster playbook --key-file k --become-pass-file b --vault-pass-file v --inventory-file i p.yml",
        );
        assert_eq!(run.options.connect.private_key, Some(PathBuf::from("k")));
        assert_eq!(run.options.escalate.become_password_file, Some(PathBuf::from("b")));
        assert_eq!(run.options.site.vault.vault_password_file, [PathBuf::from("v")]);
        assert_eq!(run.options.site.inventory, ["i"]);
    }

    #[test]
    fn a_wrong_line_ends_with_two_as_argparse_does() {
        for line in ["muster run", "muster run --bogus x", "muster run -f 0 a.yml", "muster run -f x a.yml"] {
            assert_eq!(Invocation::from_argv(shell_words(line)).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
