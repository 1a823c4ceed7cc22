//! A place that looks as if ansible-core was installed in it, with a stand-in for its Python: a directory and the program
//! come in, files go into it. Tests of several crates share it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Writes a file that may be run, with the directories above it.
pub fn write(dir: &Path, path: &str, text: &str) {
    let path = dir.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Puts the package and `bin/python` there; gives the package's directory.
pub fn install(dir: &Path, python: &str) -> PathBuf {
    write(dir, "lib/python3/site-packages/ansible/release.py", "__version__ = '2.99.1'\n");
    write(dir, "lib/python3/site-packages/ansible/module_utils/basic.py", "");
    write(dir, "bin/python", python);
    dir.join("lib/python3/site-packages/ansible")
}
