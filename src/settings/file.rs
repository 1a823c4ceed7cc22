//! Which `ansible.cfg` counts, and what it says. The first of `ANSIBLE_CONFIG`, the current directory, the home
//! directory and `/etc/ansible` is read; one that anybody could have written is not.

use super::World;
use configparser::ini::Ini;
use muster_engine::diagnostic::{Class, Diagnostic, Diagnostics};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A settings file.
pub struct File {
    /// Where it is, absolute.
    pub path: PathBuf,
    ini: Ini,
}

impl File {
    /// The file that counts.
    pub fn find(world: &World<'_>, found: &mut Diagnostics) -> Option<Self> {
        let path = Self::search(world, found)?;
        match read(&path) {
            Ok(ini) => Some(Self { path, ini }),
            Err(why) => {
                let message = format!("the settings file cannot be read: {why}");
                found.push(
                    Diagnostic::error(Class::Usage, "muster::settings::unreadable", message).file(path),
                );
                None
            }
        }
    }

    fn search(world: &World<'_>, found: &mut Diagnostics) -> Option<PathBuf> {
        if let Some(named) = (world.env)("ANSIBLE_CONFIG").filter(|name| !name.is_empty()) {
            let path = world.dir.join(named);
            let path = if path.is_dir() { path.join("ansible.cfg") } else { path };
            if path.exists() {
                return Some(path);
            }
        }
        let here = world.dir.join("ansible.cfg");
        if here.exists() {
            let open = std::fs::metadata(world.dir).is_ok_and(|dir| dir.permissions().mode() & 0o002 != 0);
            if !open {
                return Some(here);
            }
            let message = "this directory can be written to by anybody, so its `ansible.cfg` is not read";
            found.push(
                Diagnostic::warning("muster::settings::world_writable", message)
                    .file(here)
                    .help("chmod o-w . or name the file in ANSIBLE_CONFIG"),
            );
        }
        let home = world.home.map(|home| home.join(".ansible.cfg"));
        home.into_iter().chain([PathBuf::from("/etc/ansible/ansible.cfg")]).find(|path| path.exists())
    }

    /// The text under a section and key.
    pub fn get(&self, section: &str, key: &str) -> Option<String> {
        self.ini.get(section, key)
    }

    /// Every section and key, sorted.
    pub fn keys(&self) -> Vec<(String, String)> {
        let sections = self.ini.get_map_ref().iter();
        let mut keys: Vec<_> = sections
            .flat_map(|(section, keys)| keys.keys().map(|key| (section.clone(), key.clone())))
            .collect();
        keys.sort();
        keys
    }
}

fn read(path: &Path) -> Result<Ini, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut ini = Ini::new();
    ini.set_comment_symbols(&['#', ';']);
    ini.set_inline_comment_symbols(Some(&[]));
    ini.set_multiline(true);
    ini.read(without_comments(&text))?;
    Ok(ini)
}

/// Without what follows a blank and a semicolon, which is a comment.
fn without_comments(text: &str) -> String {
    let line = |line: &str| match line.find(" ;").or_else(|| line.find("\t;")) {
        Some(at) => line.get(..at).unwrap_or(line).to_string(),
        None => line.to_string(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}
