//! Package files for `apt: deb=`: what is in them, and which packages they need that are not there. The script piece
//! comes out of the arguments; its lines become [`File`]s.

use super::super::version::order;
use super::{Args, Failure};
use crate::command::words::{expanded, quote};
use std::cmp::Ordering;
use std::collections::HashMap;

/// One package file.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    pub path: String,
    /// What dpkg-deb said when it could not be read.
    pub refused: Option<String>,
    fields: HashMap<String, String>,
    /// What apt-get would install with it, with versions.
    brings: Vec<(String, String)>,
    /// What it said is unmet.
    unmet: Option<String>,
    /// The version that is installed.
    installed: Option<String>,
}

/// Whether the argument is a URL.
pub(super) fn is_remote(deb: &str) -> bool {
    deb.contains("://")
}

/// The piece of script that looks at the files. A file that has to be fetched stays only if a change may follow.
pub(super) fn look(debs: &str, args: &Args, check_mode: bool) -> String {
    let mut out = String::new();
    let files: Vec<String> = if is_remote(debs) {
        let name = debs.rsplit('/').next().map(|name| name.split(['?', '#']).next().unwrap_or(name));
        let name = name.filter(|name| !name.is_empty()).unwrap_or("package.deb");
        let keep = if check_mode { "trap 'rm -rf \"$t\"' EXIT\n" } else { "" };
        out.push_str(&format!(
            "t=$(mktemp -d) || exit 98\n{keep}chmod 755 \"$t\"; f=$t/{}\n\
             o=$(/usr/lib/apt/apt-helper download-file {} \"$f\" 2>&1) || {{ rm -rf \"$t\"; printf 'Failure downloading %s, %s\\n' {} \"$o\" >&2; exit 98; }}\n",
            quote(name), quote(debs), quote(debs)
        ));
        vec!["\"$f\"".into()]
    } else {
        debs.split(',').map(expanded).collect()
    };
    let recommends = match args.install_recommends {
        Some(true) => " -o APT::Install-Recommends=yes",
        _ => " -o APT::Install-Recommends=no",
    };
    for file in files {
        out.push_str(&format!(
            r#"f={file}
echo "@deb $f"
if e=$(dpkg-deb -f "$f" Package Version Architecture Depends Pre-Depends Recommends 2>&1); then
  printf '%s\n' "$e"
  n=$(dpkg-deb -f "$f" Package); r=$(dpkg-deb -f "$f" Architecture)
  q=$n; [ "$r" = all ] || q=$n:$r
  echo "Installed: $(dpkg-query -W -f '${{db:Status-Status}} ${{Version}}\n' "$q" 2>/dev/null | sed -n 's/^installed //p')"
  case $f in */*) g=$f ;; *) g=./$f ;; esac
  echo @simulated; apt-get install -s -q -y --allow-downgrades --reinstall{recommends} "$g" </dev/null 2>&1
  for n in $(dpkg-deb -f "$f" Depends Pre-Depends Recommends | sed 's/^[A-Za-z-]*: //; s/([^)]*)//g; s/[,|]/ /g; s/:any//g'); do set -- "$@" "$n"; done
else echo "@refused $e"; fi
"#
        ));
    }
    out
}

impl File {
    pub fn new(path: &str) -> Self {
        Self { path: path.to_string(), ..Self::default() }
    }

    /// Reads a line of a section.
    pub fn read(&mut self, section: &str, line: &str) {
        if section != "simulated" {
            if let Some((name, value)) = line.split_once(": ") {
                if name == "Installed" && !value.is_empty() {
                    self.installed = Some(value.to_string());
                }
                self.fields.insert(name.to_string(), value.to_string());
            }
            return;
        }
        if let Some(inst) = line.strip_prefix("Inst ") {
            let mut words = inst.split(' ');
            let name = words.next().unwrap_or("");
            let version = words.find_map(|word| word.strip_prefix('(')).unwrap_or("");
            self.brings.push((name.to_string(), version.to_string()));
        } else if let Some((_, wanted)) = line.split_once("Depends: ") {
            let wanted = wanted.split(" but ").next().unwrap_or(wanted);
            self.unmet.get_or_insert_with(|| wanted.to_string());
        }
    }

    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// Whether exactly this version is installed.
    pub fn is_installed(&self) -> bool {
        self.installed
            .as_deref()
            .is_some_and(|version| order(version, self.field("Version")) == Ordering::Equal)
    }

    /// Refuses a file that cannot be installed.
    ///
    /// # Errors
    /// It is no package, it is older than what is installed, or what it needs is not to be had.
    pub fn installable(&self, args: &Args) -> Result<(), Failure> {
        if let Some(said) = &self.refused {
            let why = match said.contains("No such file") {
                true => format!("E:Could not open file {} - open (2: No such file or directory)", self.path),
                false => "E:Invalid archive signature".into(),
            };
            return Err(Failure::new(format!("Unable to install package: {why}")));
        }
        let later = self
            .installed
            .as_deref()
            .is_some_and(|now| order(now, self.field("Version")) == Ordering::Greater);
        match (&self.unmet, later) {
            _ if args.force => Ok(()),
            (_, true) if !args.allow_downgrade => Err(Failure::new("A later version is already installed")),
            (Some(wanted), _) => Err(Failure::new(format!("Dependency is not satisfiable: {wanted}\n"))),
            _ => Ok(()),
        }
    }

    /// The packages it names that have to come with it; all that come, if it names none of them.
    pub fn needs(&self) -> Vec<String> {
        let own = self.field("Package");
        let named: Vec<&str> = ["Depends", "Pre-Depends"]
            .iter()
            .flat_map(|field| self.field(field).split([',', '|']))
            .filter_map(|item| item.trim().split([' ', ':', '(']).next())
            .collect();
        let comes: Vec<&str> =
            self.brings.iter().map(|(name, _)| name.as_str()).filter(|name| *name != own).collect();
        let direct: Vec<String> =
            comes.iter().filter(|name| named.contains(name)).map(ToString::to_string).collect();
        if direct.is_empty() { comes.iter().map(ToString::to_string).collect() } else { direct }
    }

    /// The words of its `Recommends`, as they are.
    pub fn recommends(&self) -> impl Iterator<Item = String> {
        self.field("Recommends").split_whitespace().map(str::to_string)
    }
}
