//! Modules that are not built in: executables and scripts in `library`, Python modules there, in collections and in an
//! installed ansible-core. A name comes in; what the plan may use goes out, with nothing left to look for in the run.
//! Only ansible-core and collections that are installed on this machine are used; a target needs Python for a Python
//! module, and nothing else.

mod answer;
mod arguments;
mod imports;
mod interpreter;
mod own;
mod pack;
mod routing;
mod search;
mod style;
mod tree;

pub(crate) use routing::Routing;
pub use search::Bridge;
pub use tree::Packages;
pub(crate) use tree::Tree;

use interpreter::Discovered;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

/// Where modules and what they import are looked for, and what they are told, as the configuration has it.
#[derive(Clone, Debug)]
pub struct Ways {
    /// `collections_path`.
    pub collections: Vec<PathBuf>,
    /// `module_utils`.
    pub module_utils: Vec<PathBuf>,
    /// An ansible-core by its directory `ansible`, in place of the one that would be found.
    pub core: Option<PathBuf>,
    /// Where ansible-core may be.
    pub packages: Packages,
    /// `interpreter_python`.
    pub python: String,
    /// `remote_tmp`.
    pub remote_tmp: String,
    /// `syslog_facility`.
    pub syslog_facility: String,
    /// `no_target_syslog`.
    pub no_target_syslog: bool,
    /// `python_module_rlimit_nofile`; 0 leaves the limit as it is.
    pub open_files: u64,
    /// `display_traceback`: for what modules give tracebacks.
    pub tracebacks: Vec<String>,
    /// `action_plugins`.
    pub actions: Vec<PathBuf>,
}

impl Default for Ways {
    fn default() -> Self {
        Self {
            collections: vec![],
            module_utils: vec![],
            core: None,
            packages: Packages::default(),
            python: "auto".into(),
            remote_tmp: "~/.ansible/tmp".into(),
            syslog_facility: "LOG_USER".into(),
            no_target_syslog: false,
            open_files: 0,
            tracebacks: vec![],
            actions: vec![],
        }
    }
}

type Packed = HashMap<(PathBuf, Vec<PathBuf>), Arc<[u8]>>;

/// What all modules of a run share.
struct House {
    ways: Ways,
    tree: OnceLock<Option<Tree>>,
    known_arguments: OnceLock<String>,
    routing: Routing,
    packed: Mutex<Packed>,
    discovered: Discovered,
}

impl House {
    /// The ansible-core of this machine.
    fn tree(&self) -> Option<&Tree> {
        let find = || match &self.ways.core {
            Some(package) => Tree::at(package),
            None => Tree::find(&self.ways.packages),
        };
        self.tree.get_or_init(find).as_ref()
    }

    /// Whether the Python modules of ansible-core know something that they may be told about the run.
    fn known_arguments(&self, tree: &Tree) -> impl Fn(&str) -> bool {
        let read = || {
            let file = tree.package.join("module_utils/common/parameters.py");
            std::fs::read_to_string(file).unwrap_or_default()
        };
        let text = self.known_arguments.get_or_init(read);
        move |name| text.is_empty() || text.contains(&format!("'{name}'"))
    }

    /// That a module cannot run since there is no ansible-core.
    fn treeless(&self, path: &Path) -> String {
        format!(
            "{} is a Python module that needs ansible.module_utils, and no ansible-core was found on this machine",
            path.display()
        )
    }
}
