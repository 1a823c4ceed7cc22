//! The ansible-core that is installed on this machine, if one is: its modules, what they import, and the collections
//! beside it. Found by where Python's packages lie; Python itself is not asked.

use std::io::Read;
use std::path::{Path, PathBuf};

/// As much of a program as its first line may take.
const LINE: u64 = 512;

/// Where Python's packages may lie, as the environment has it.
#[derive(Clone, Debug, Default)]
pub struct Packages {
    /// `PYTHONPATH`.
    pub python_path: Vec<PathBuf>,
    /// `PATH`: the directories of Ansible's programs lead to its packages.
    pub path: Vec<PathBuf>,
    /// The home directory.
    pub home: Option<PathBuf>,
}

impl Packages {
    /// Whether an ansible-core is installed on this machine.
    #[must_use]
    pub fn has_core(&self, core: Option<&Path>) -> bool {
        core.map_or_else(|| Tree::find(self), Tree::at).is_some()
    }

    /// The Python that ansible-core runs with on this machine, or would: its own, or the first there is.
    #[must_use]
    pub fn python(&self, core: Option<&Path>) -> PathBuf {
        let tree = core.map_or_else(|| Tree::find(self), Tree::at);
        let prefix = tree.iter().filter_map(|tree| tree.package.ancestors().nth(4));
        let own = prefix.map(|prefix| prefix.join("bin")).chain(self.path.iter().cloned());
        let programs = own.flat_map(|dir| ["python", "python3"].map(|name| dir.join(name)));
        programs.into_iter().find(|program| program.is_file()).unwrap_or_else(|| "/usr/bin/python3".into())
    }
}

/// An installed ansible-core.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The directory `ansible`.
    pub package: PathBuf,
    /// Its version.
    pub version: String,
}

impl Tree {
    /// The first that is found.
    #[must_use]
    pub fn find(packages: &Packages) -> Option<Self> {
        let mut homes = packages.python_path.clone();
        for dir in &packages.path {
            let program = ["ansible-playbook", "ansible"].iter().map(|name| dir.join(name));
            // A program of another kind under that name (this one, say) leads nowhere.
            for interpreter in program.filter_map(|program| interpreter(&program)) {
                homes.extend(interpreter.parent().and_then(Path::parent).into_iter().flat_map(libraries));
                homes.extend(dir.parent().into_iter().flat_map(libraries));
            }
        }
        if let Some(home) = &packages.home {
            homes.extend(libraries(&home.join(".local")));
            for tools in [".local/share/pipx/venvs", ".local/share/uv/tools"] {
                homes.extend(entries(&home.join(tools)).iter().flat_map(|tool| libraries(tool)));
            }
        }
        for system in ["/usr/local", "/usr"] {
            homes.extend(libraries(Path::new(system)));
        }
        homes.iter().find_map(|home| Self::at(&home.join("ansible")))
    }

    /// The one in a directory.
    pub(crate) fn at(package: &Path) -> Option<Self> {
        let release = std::fs::read_to_string(package.join("release.py")).ok()?;
        let version = release.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
        package.join("module_utils/basic.py").is_file().then(|| Self {
            package: package.to_path_buf(),
            version: version.trim_matches(['\'', '"']).to_string(),
        })
    }

    /// The directory of the collections that were installed with it.
    #[must_use]
    pub fn collections(&self) -> PathBuf {
        self.package.with_file_name("ansible_collections")
    }
}

/// What runs a script, by its first line.
fn interpreter(program: &Path) -> Option<PathBuf> {
    let mut bytes = vec![];
    std::fs::File::open(program).ok()?.take(LINE).read_to_end(&mut bytes).ok()?;
    super::style::shebang(&bytes)?.first().map(PathBuf::from)
}

/// The package directories of a Python that is installed under a prefix.
fn libraries(prefix: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for lib in entries(&prefix.join("lib")) {
        let python = lib.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python3"));
        if python {
            found.extend(["site-packages", "dist-packages"].map(|name| lib.join(name)));
        }
    }
    found
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_leads_to_its_packages() {
        let dir = tempfile::tempdir().unwrap();
        let (bin, package) =
            (dir.path().join("bin"), dir.path().join("lib/python3.12/site-packages/ansible"));
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::create_dir_all(package.join("module_utils")).unwrap();
        std::fs::write(package.join("module_utils/basic.py"), "").unwrap();
        std::fs::write(package.join("release.py"), "__version__ = '2.99.1'\n").unwrap();
        std::fs::write(bin.join("ansible"), format!("#!{}/python\n", bin.display())).unwrap();
        let tree = Tree::find(&Packages { path: vec![bin], ..Packages::default() }).unwrap();
        assert_eq!((tree.version.as_str(), tree.package.as_path()), ("2.99.1", package.as_path()));
        assert!(tree.collections().ends_with("site-packages/ansible_collections"));
    }
}
