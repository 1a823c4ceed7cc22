//! The command line of `muster ad-hoc`: one module on the hosts of a pattern. The letters and meanings are those of the
//! program `ansible`; what comes out are the [`Options`] that playbooks have too.

use super::{Connect, Escalate, Options, Select, Show, Site};
use clap::Args;
use std::path::PathBuf;

/// `muster ad-hoc`.
#[derive(Clone, Debug, Args)]
pub struct AdHoc {
    /// The hosts.
    #[arg(value_name = "PATTERN")]
    pub pattern: String,
    /// The module.
    #[arg(short = 'm', long, value_name = "MODULE", default_value = "command")]
    pub module_name: String,
    /// Its arguments: k=v words, free-form text, or a JSON object.
    #[arg(short = 'a', long = "args", value_name = "ARGS", default_value = "", allow_hyphen_values = true)]
    pub module_args: String,
    /// Runs it in the background, for as many seconds at most.
    #[arg(short = 'B', long, value_name = "SECONDS")]
    pub background: Option<u64>,
    /// Seconds between two looks at what runs in the background.
    #[arg(short = 'P', long, value_name = "SECONDS")]
    pub poll: Option<u64>,
    /// Seconds the module may take.
    #[arg(long, value_name = "SECONDS")]
    pub task_timeout: Option<u64>,
    /// One line per host.
    #[arg(short, long)]
    pub one_line: bool,
    /// A directory of results; refused.
    #[arg(short, long, value_name = "DIR", hide = true)]
    pub tree: Option<PathBuf>,
    /// Lists hosts and runs nothing.
    #[arg(long)]
    pub list_hosts: bool,
    /// The directory that roles, files, group_vars and host_vars are beside.
    #[arg(long, value_name = "DIR")]
    pub playbook_dir: Option<PathBuf>,
    /// Which hosts and variables.
    #[command(flatten)]
    pub site: Site,
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
    /// Forgets cached facts.
    #[arg(long)]
    pub flush_cache: bool,
    /// Directories with modules of one's own, separated by colons; may be given again.
    #[arg(short = 'M', long, value_name = "PATHS")]
    pub module_path: Vec<String>,
}

impl AdHoc {
    /// What a playbook's run would have been told.
    #[must_use]
    pub fn options(&self) -> Options {
        Options {
            site: self.site.clone(),
            select: Select { list_hosts: self.list_hosts, ..Select::default() },
            connect: self.connect.clone(),
            escalate: self.escalate.clone(),
            show: self.show.clone(),
            forks: self.forks,
            check: self.check,
            force_handlers: false,
            flush_cache: self.flush_cache,
            module_path: self.module_path.clone(),
        }
    }
}
