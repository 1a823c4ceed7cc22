//! Where Python lies on this machine, if it does: for modules that are Python, and for the variable that names it. The
//! environment comes in, directories and a program go out; nothing is run.

use crate::session::Session;
use muster_modules::bridge::Packages;

/// Where packages may lie.
pub fn packages() -> Packages {
    let paths = |name: &str| std::env::var_os(name).map(|paths| std::env::split_paths(&paths).collect());
    Packages {
        python_path: paths("PYTHONPATH").unwrap_or_default(),
        path: paths("PATH").unwrap_or_default(),
        home: std::env::home_dir(),
    }
}

/// `ansible_playbook_python`: the Python that ansible-core runs with here, or would.
pub fn own(session: &Session) -> String {
    packages().python(session.settings.ansible_core.as_deref()).display().to_string()
}

/// How the `ansible-inventory` of this machine is called, if ansible-core is installed here.
pub fn ansible_inventory(session: &Session) -> Vec<String> {
    let packages = packages();
    let core = session.settings.ansible_core.as_deref();
    if !packages.has_core(core) {
        return vec![];
    }
    let python = packages.python(core).display().to_string();
    [&python, "-m", "ansible", "inventory"].map(String::from).to_vec()
}
