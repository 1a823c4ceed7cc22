//! What apt and dpkg know: one script asks, [`Seen`] is what it answered. Sections begin with a line `@name`; the only
//! thing that may change is the lists, and those only when a refresh is asked for.

use super::super::version::Wish;
use super::{Args, LOCKED, STALE, deb, run};
use crate::command::words::quote;
use muster_engine::connection::Completed;
use muster_engine::module::{Context, Failure};
use std::collections::{HashMap, HashSet};

/// What every command of apt runs with: its words in plain English, its questions unasked.
pub(super) const ENVIRONMENT: &str = "export DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical LANG=C LC_ALL=C LC_MESSAGES=C LC_CTYPE=C LANGUAGE=C\n";

/// The exit code that says there is no apt-get.
const NONE: i32 = 94;

/// One package as the lists and dpkg know it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Package {
    /// The version that is installed.
    pub installed: Option<String>,
    /// Whether files of it are left, installed or not.
    pub has_files: bool,
    /// Whether it is installed only because another needs it.
    pub auto: bool,
    /// The version that would be installed.
    pub candidate: Option<String>,
    /// All versions, the latest first.
    pub versions: Vec<String>,
    /// The packages that provide it.
    pub providers: Vec<String>,
}

/// Everything that was found out.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// When lists were fetched last, and what time it is there.
    pub lists_from: i64,
    pub now: i64,
    /// Whether lists were fetched by this look.
    pub updated: bool,
    /// What went wrong before they were.
    pub warnings: Vec<String>,
    pub apt_get: String,
    pub aptitude: Option<String>,
    packages: HashMap<String, Package>,
    /// What patterns of names stand for.
    pub names: HashMap<String, Vec<String>>,
    pub debs: Vec<deb::File>,
}

impl Seen {
    /// Asks.
    ///
    /// # Errors
    /// There is no apt-get, lists cannot be fetched, or the road fails.
    pub async fn look(args: &Args, refresh: bool, cx: &Context) -> Result<Self, Failure> {
        let done = run(cx, script(args, refresh, cx.check_mode)).await?;
        match done.rc {
            0 => Ok(Self::read(&done.out())),
            _ => Err(refused(&done, args.update_cache_retries)),
        }
    }

    /// Whether lists are wanted and too old.
    pub fn is_stale(&self, args: &Args) -> bool {
        let wanted = args.update_cache == Some(true) || args.cache_valid_time > 0;
        wanted && self.lists_from.saturating_add_unsigned(args.cache_valid_time) < self.now
    }

    /// The package of that name, if it has any version.
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.get(name).filter(|package| !package.versions.is_empty())
    }

    /// The packages that provide a name.
    pub fn providers(&self, name: &str) -> &[String] {
        self.packages.get(name).map_or(&[], |package| &package.providers)
    }

    fn read(text: &str) -> Self {
        let mut seen = Self::default();
        let (mut section, mut native, mut at) = (String::new(), String::new(), String::new());
        let mut auto = HashSet::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix('@') {
                let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                section = name.to_string();
                match name {
                    "native" => native = format!(":{rest}"),
                    "apt-get" => seen.apt_get = rest.to_string(),
                    "aptitude" => seen.aptitude = Some(rest.to_string()).filter(|path| !path.is_empty()),
                    "time" => {
                        let mut times = rest.split(' ').map(|time| time.parse().unwrap_or(0));
                        let before: i64 = times.next().unwrap_or(0);
                        seen.lists_from = times.next().unwrap_or(0);
                        seen.now = times.next().unwrap_or(0);
                        seen.updated = before != seen.lists_from;
                    }
                    "warn" => seen.warnings.push(rest.to_string()),
                    "pattern" => at = rest.to_string(),
                    "deb" => seen.debs.push(deb::File::new(rest)),
                    "refused" => {
                        if let Some(file) = seen.debs.last_mut() {
                            file.refused = Some(rest.to_string());
                        }
                    }
                    _ => {}
                }
                if name == "pattern" {
                    seen.names.entry(at.clone()).or_default();
                }
                continue;
            }
            match section.as_str() {
                "pattern" => seen.names.entry(at.clone()).or_default().push(line.to_string()),
                "dpkg" => seen.status(line, &native),
                "auto" => _ = auto.insert(line.to_string()),
                "policy" => seen.policy(line, &mut at),
                "provides" => {
                    if let Some((name, provider)) = line.split_once(' ') {
                        let list = &mut seen.packages.entry(name.to_string()).or_default().providers;
                        if !list.iter().any(|known| known == provider) {
                            list.push(provider.to_string());
                        }
                    }
                }
                "deb" | "simulated" | "refused" => {
                    if let Some(file) = seen.debs.last_mut() {
                        file.read(&section, line);
                    }
                }
                _ => {}
            }
        }
        for name in auto {
            seen.packages.entry(name).or_default().auto = true;
        }
        // A package of the target's own architecture is known with and without it.
        let plain: Vec<(String, Package)> = seen
            .packages
            .iter()
            .map(|(name, package)| (format!("{name}{native}"), package.clone()))
            .collect();
        seen.packages.extend(plain);
        seen
    }

    /// Reads a line of dpkg-query: status, name, architecture, version.
    fn status(&mut self, line: &str, native: &str) {
        let mut fields = line.split('\t');
        let (Some(status), Some(name), Some(arch), Some(version)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return;
        };
        let own = arch == "all" || format!(":{arch}") == native;
        let key = if own { name.to_string() } else { format!("{name}:{arch}") };
        let package = self.packages.entry(key).or_default();
        package.has_files = matches!(status, "installed" | "config-files") || package.has_files;
        if status == "installed" {
            package.installed = Some(version.to_string());
        }
    }

    /// Reads a line of `apt-cache policy`.
    fn policy(&mut self, line: &str, at: &mut String) {
        let Some(fact) = line.strip_prefix(' ') else {
            *at = line.trim_end_matches(':').to_string();
            return;
        };
        let package = self.packages.entry(at.clone()).or_default();
        if let Some(version) = fact.strip_prefix(" Candidate: ") {
            package.candidate = Some(version.to_string()).filter(|version| version != "(none)");
        }
        let entry = fact
            .strip_prefix("*** ")
            .or_else(|| fact.strip_prefix("    "))
            .filter(|rest| !rest.starts_with(' '));
        if let Some(version) = entry.and_then(|rest| rest.split(' ').next()) {
            package.versions.push(version.to_string());
        }
    }
}

/// Why a look or an update failed.
fn refused(done: &Completed, tries: u32) -> Failure {
    let err = done.err();
    let said = err.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join(", ");
    let reason = if said.is_empty() { "unknown reason" } else { &said };
    match done.rc {
        NONE => Failure::new(
            "the target has no apt-get: `apt` is for Debian and its kin, `package` takes what is there",
        ),
        STALE => Failure::new(format!("Failed to update apt cache after {tries} retries: {reason}")),
        LOCKED => Failure::new(format!("Failed to lock apt for exclusive operation: {said}")),
        rc => Failure::new(said).with("rc", rc),
    }
}

/// Fetches lists.
///
/// # Errors
/// They cannot be had, or somebody holds the lock for too long.
pub(in crate::packages) async fn update(
    tries: u32,
    most: u64,
    patience: u64,
    cx: &Context,
) -> Result<(), Failure> {
    let done = run(cx, format!("{ENVIRONMENT}{}exit 0\n", fetch(tries, most, patience))).await?;
    if done.succeeded() { Ok(()) } else { Err(refused(&done, tries)) }
}

fn script(args: &Args, refresh: bool, check_mode: bool) -> String {
    let mut out = format!(
        "{ENVIRONMENT}a=$(command -v apt-get) || exit {NONE}\n\
         since() {{ for f in /var/lib/apt/periodic/update-success-stamp /var/lib/apt/lists; do [ -e $f ] && stat -c %Y $f && return; done; echo 0; }}\n\
         before=$(since)\n"
    );
    if refresh {
        out.push_str(&fetch(args.update_cache_retries, args.update_cache_retry_max_delay, args.lock_timeout));
    }
    out.push_str(
        "echo \"@apt-get $a\"\necho \"@aptitude $(command -v aptitude)\"\necho \"@time $before $(since) $(date +%s)\"\n\
         echo \"@native $(dpkg --print-architecture)\"\nset --\n",
    );
    for wish in args.package.iter().map(|text| Wish::parse(text.trim())) {
        let plain = |c: char| c.is_ascii_alphanumeric() || "+.-*?[]!:".contains(c);
        if wish.name.is_empty() || wish.name == "*" || !wish.name.chars().all(plain) {
            continue;
        }
        if wish.is_pattern() {
            let (name, shown) = (&wish.name, quote(&format!("@pattern {}", wish.name)));
            out.push_str(&format!(
                "echo {shown}\nfor n in $(apt-cache pkgnames); do case $n in {name}) echo \"$n\"; set -- \"$@\" \"$n\" ;; esac; done\n"
            ));
        } else {
            out.push_str(&format!("set -- \"$@\" {}\n", quote(&wish.name)));
        }
    }
    if let Some(debs) = &args.deb {
        out.push_str(&deb::look(debs, args, check_mode));
    }
    let release =
        args.default_release.as_ref().map(|name| format!(" -o APT::Default-Release={}", quote(name)));
    let release = release.unwrap_or_default();
    out.push_str(&format!(
        r#"[ $# -gt 0 ] || exit 0
policy() {{ p=$(apt-cache{release} policy "$@") || exit 97; printf '@policy\n%s\n' "$p"; }}
known() {{ echo @dpkg; dpkg-query -W -f '${{db:Status-Status}}\t${{Package}}\t${{Architecture}}\t${{Version}}\n' "$@" 2>/dev/null; }}
known "$@"
echo @auto
# What apt-mark would say; it reads every package there is to say it.
eval "$(apt-config shell x Dir::State::extended_states/f)"
[ ! -r "$x" ] || awk -v want=" $* " -v native="$(dpkg --print-architecture)" '/^Package:/{{p=$2}} /^Architecture:/{{a=$2}}
  /^Auto-Installed: 1/{{n=a==native?p:p":"a; if(index(want," "n" "))print n}}' "$x"
policy "$@"
none=$(printf '%s\n' "$p" | awk '/^[^ ]/{{if(n!=""&&!v)print n; n=substr($0,1,length($0)-1); v=0}} /^ \*\*\* |^     [^ ]/{{v=1}} END{{if(n!=""&&!v)print n}}')
set --
for n in $none; do
  for o in $(apt-cache{release} showpkg "$n" 2>/dev/null | sed -n '/^Reverse Provides:/,$p' | sed 1d | cut -d' ' -f1 | sort -u); do
    set -- "$@" "$o"; echo @provides; echo "$n $o"
  done
done
if [ $# -gt 0 ]; then known "$@"; policy "$@"; fi
exit 0
"#
    ));
    out
}

/// Fetches lists: again after a pause that grows when something could not be had, at once when only a lock is held.
fn fetch(tries: u32, most: u64, patience: u64) -> String {
    format!(
        r#"u=0 w=1 limit=$(($(date +%s) + {patience}))
while :; do
  [ $u -lt {tries} ] || {{ printf '%s\n' "$e" >&2; exit {STALE}; }}
  e=$(apt-get update -q -o APT::Update::Error-Mode=any 2>&1 >/dev/null </dev/null) && case $e in *'Failed to fetch'*) false ;; esac && break
  case $e in *'Could not get lock'*|*'Unable to lock'*)
    [ "$(date +%s)" -lt $limit ] || {{ printf '%s\n' "$e" >&2; exit {LOCKED}; }}
    sleep 1; continue ;;
  esac
  u=$((u + 1)); d=$w; [ $d -le {most} ] || d={most}; w=$((w * 2))
  echo "@warn Failed to update cache after $u retries due to $(printf %s "$e" | tr '\n' ' '), retrying"
  sleep $d
  echo "@warn Sleeping for $d seconds, before attempting to refresh the cache again"
done
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "@apt-get /usr/bin/apt-get\n@aptitude \n@time 5 9 100\n@native amd64\n@pattern ab*\nabc\nabd\n@dpkg\n\
        installed\tabc\tamd64\t1.0\nconfig-files\tabd\tall\t2.0\n@auto\nabc\n@policy\nabc:\n  Installed: 1.0\n  Candidate: 1.1\n  \
        Version table:\n     1.1 500\n        500 http://x y Packages\n *** 1.0 100\n        100 /var/lib/dpkg/status\nvirt:\n  \
        Installed: (none)\n  Candidate: (none)\n  Version table:\n@provides\nvirt abc\n";

    #[test]
    fn an_answer_is_read() {
        let seen = Seen::read(TEXT);
        assert_eq!((seen.lists_from, seen.now, seen.updated, &seen.aptitude), (9, 100, true, &None));
        assert_eq!(seen.names["ab*"], ["abc", "abd"]);
        let abc = seen.package("abc").unwrap();
        assert_eq!((abc.installed.as_deref(), abc.candidate.as_deref()), (Some("1.0"), Some("1.1")));
        assert_eq!((abc.versions.as_slice(), abc.auto), (["1.1".to_string(), "1.0".into()].as_slice(), true));
        assert_eq!(seen.package("abc:amd64"), Some(abc));
        assert_eq!((seen.package("virt"), seen.providers("virt")), (None, ["abc".to_string()].as_slice()));
    }

    #[test]
    fn lists_are_stale_when_they_are_wanted_and_old() {
        let seen = Seen { lists_from: 100, now: 200, ..Seen::default() };
        let wanted = |cache_valid_time| Args { cache_valid_time, ..Args::default() };
        assert!(!seen.is_stale(&wanted(0)) && seen.is_stale(&wanted(99)) && !seen.is_stale(&wanted(100)));
        assert!(seen.is_stale(&Args { update_cache: Some(true), ..Args::default() }));
    }
}
