//! `ansible.builtin.pip`: packages of Python, by the target's own pip, in a virtual environment or not. pip itself says
//! whether it changed anything; only check mode compares what is wished for with what is installed.

use super::version::order;
use crate::command::words::{expanded, quote, split};
use crate::tool::{run, streams};
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use std::cmp::Ordering;

/// `ansible.builtin.pip`.
pub(super) struct Pip;

/// What a task gives to [`Pip`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Args {
    state: String,
    name: Option<Vec<String>>,
    version: Option<String>,
    requirements: Option<String>,
    virtualenv: Option<String>,
    virtualenv_site_packages: bool,
    virtualenv_command: String,
    virtualenv_python: Option<String>,
    extra_args: Option<String>,
    editable: bool,
    chdir: Option<String>,
    executable: Option<String>,
    umask: Option<String>,
    break_system_packages: bool,
}

/// What a task wishes for: a name with extras, and conditions on its version; or a text only pip understands.
#[derive(Clone, Debug, PartialEq)]
struct Wish {
    name: String,
    conditions: Vec<(String, String)>,
    plain: bool,
}

/// The exit codes that say there is no pip, and that no environment could be made.
const NO_PIP: i32 = 94;
const NO_ENVIRONMENT: i32 = 93;

const OPERATORS: [&str; 8] = ["===", ">=", "<=", "==", "!=", "~=", ">", "<"];

impl Wish {
    fn parse(text: &str) -> Self {
        let text = text.trim();
        let at = text.find(['<', '>', '=', '!', '~']).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(at).unwrap_or((text, ""));
        let condition = |part: &str| {
            let part = part.trim();
            let operator = OPERATORS.iter().find(|operator| part.starts_with(**operator))?;
            Some(((*operator).to_string(), part.strip_prefix(operator)?.trim().to_string()))
        };
        let conditions: Option<Vec<(String, String)>> =
            rest.split(',').filter(|part| !part.trim().is_empty()).map(condition).collect();
        let simple = |c: char| c.is_ascii_alphanumeric() || "-_.[], ".contains(c);
        match conditions {
            Some(conditions) if !name.is_empty() && name.chars().all(simple) => {
                Self { name: name.trim().to_string(), conditions, plain: true }
            }
            _ => Self { name: text.to_string(), conditions: vec![], plain: false },
        }
    }

    /// As Python's packaging writes it.
    fn written(&self) -> String {
        let mut conditions: Vec<String> =
            self.conditions.iter().map(|(operator, version)| format!("{operator}{version}")).collect();
        conditions.sort();
        format!("{}{}", self.name, conditions.join(","))
    }

    /// Whether an installed package, `name==version`, is one of those wished for.
    fn is_met_by(&self, line: &str) -> bool {
        let plain = |name: &str| {
            let parts: Vec<&str> = name.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
            parts.join("-").to_lowercase()
        };
        let Some((name, version)) = line.split_once("==").filter(|_| self.plain) else { return false };
        let own = self.name.split('[').next().unwrap_or("");
        plain(name) == plain(own)
            && self.conditions.iter().all(|(operator, wanted)| holds(version, operator, wanted))
    }
}

/// Whether a version fulfils a condition.
fn holds(version: &str, operator: &str, wanted: &str) -> bool {
    let trimmed = |text: &str| text.trim_end_matches(".0").to_string();
    let compared = order(&trimmed(version), &trimmed(wanted));
    let below = |prefix: &str| version == prefix || version.starts_with(&format!("{prefix}."));
    match (operator, wanted.strip_suffix(".*")) {
        ("==", Some(prefix)) => below(prefix),
        ("!=", Some(prefix)) => !below(prefix),
        ("==" | "===", None) => compared == Ordering::Equal,
        ("!=", None) => compared != Ordering::Equal,
        (">=", _) => compared != Ordering::Less,
        ("<=", _) => compared != Ordering::Greater,
        (">", _) => compared == Ordering::Greater,
        ("<", _) => compared == Ordering::Less,
        ("~=", _) => {
            compared != Ordering::Less && wanted.rsplit_once('.').is_some_and(|(prefix, _)| below(prefix))
        }
        _ => false,
    }
}

/// The packages of a list whose texts were cut at commas: what begins with an operator belongs to what is before it.
fn recovered(names: &[String]) -> Vec<String> {
    let (mut out, mut inside): (Vec<String>, bool) = (vec![], false);
    for part in names.iter().flat_map(|name| name.split(',')) {
        let continues = OPERATORS.iter().any(|operator| part.trim_start().starts_with(operator));
        match out.last_mut() {
            Some(last) if continues || inside => last.push_str(&format!(",{part}")),
            _ => out.push(part.to_string()),
        }
        inside = (inside || part.contains('[')) && !part.contains(']');
    }
    out
}

impl Module for Pip {
    const NAME: &'static str = "ansible.builtin.pip";
    const SPEC: Spec = Spec::new("Installs and removes packages of Python.", &[
        Opt::new("state", Kind::Str, "`latest` upgrades, `forcereinstall` installs again.")
            .choices(&["present", "absent", "latest", "forcereinstall"])
            .default("present"),
        Opt::new("name", Kind::List, "Packages, with conditions on their versions, or URLs.").elements(Kind::Str),
        Opt::new("version", Kind::Str, "The version of the one package."),
        Opt::new("requirements", Kind::Str, "A file of requirements on the target."),
        Opt::new("virtualenv", Kind::Path, "A virtual environment; made if it is not there."),
        Opt::new("virtualenv_site_packages", Kind::Bool, "Whether a new environment sees the system's packages.").default("false"),
        Opt::new("virtualenv_command", Kind::Path, "What makes an environment: `python3 -m venv`.").default("virtualenv"),
        Opt::new("virtualenv_python", Kind::Str, "The Python of a new environment."),
        Opt::new("extra_args", Kind::Str, "More words for pip."),
        Opt::new("editable", Kind::Bool, "Installs so that the source may still change.").default("false"),
        Opt::new("chdir", Kind::Path, "The directory to run in."),
        Opt::new("executable", Kind::Path, "The pip: a path, or a name such as `pip3.11`."),
        Opt::new("umask", Kind::Str, "The umask of what is installed, octal."),
        Opt::new("break_system_packages", Kind::Bool, "Whether packages of the system may be touched.").default("false"),
    ])
    .one_of(&[&["name", "requirements"]])
    .exclusive(&[&["name", "requirements"], &["executable", "virtualenv"]])
    .examples("- pip:\n    name: kubernetes>=29\n    virtualenv: /opt/tools\n    virtualenv_command: python3 -m venv\n");
    type Args = Args;
    type Change = Args;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Args>, Failure> {
        let wishes = args.wishes()?;
        if !cx.check_mode {
            return Ok(Check::Would { change: args.clone(), foreseen: Output::new(true) });
        }
        let certain = args.extra_args.is_some()
            || args.editable
            || args.requirements.is_some()
            || args.state == "latest";
        let script = format!(
            "{}{}\"$pip\" list --format=freeze </dev/null || exit $?\n",
            args.place(),
            args.find(false)
        );
        let seen =
            run(cx, if certain { format!("{}{}", args.place(), args.find(false)) } else { script }).await?;
        if seen.rc == NO_ENVIRONMENT || (certain && seen.succeeded()) {
            return Ok(Check::Done(Output::new(true)));
        }
        let (out, err) = (seen.out(), seen.err());
        if !seen.succeeded() {
            return Err(Failure::new(err.trim()));
        }
        let (pip, listed) = out.split_once('\n').unwrap_or((&out, ""));
        let differs =
            |wish: &Wish| match (args.state.as_str(), listed.lines().any(|line| wish.is_met_by(line))) {
                ("present", there) => !there,
                ("absent", there) => there,
                _ => false,
            };
        let mut output =
            Output::new(wishes.iter().any(differs)).with("cmd", format!("{pip} list --format=freeze"));
        output.result.extend(streams(listed, &err));
        Ok(Check::Done(output))
    }

    async fn apply(&self, args: Args, cx: &Context) -> Result<Output, Failure> {
        let words = args.words()?;
        let frozen = args.requirements.is_some()
            || args
                .name
                .iter()
                .flatten()
                .any(|name| ["svn+", "git+", "hg+", "bzr+"].iter().any(|vcs| name.starts_with(vcs)));
        let freeze = |name: &str| match frozen {
            true => format!("{name}=$(\"$pip\" list --format=freeze 2>/dev/null </dev/null)\n"),
            false => String::new(),
        };
        let quoted: String = words.iter().map(|word| format!(" {}", quote(word))).collect();
        let script = format!(
            "{}{}{}\"$pip\"{quoted} </dev/null; r=$?\n{}[ \"$before\" = \"$after\" ] || printf '\\0frozen'\nexit $r\n",
            args.place(),
            args.find(true),
            freeze("before"),
            freeze("after"),
        );
        let done = run(cx, script).await?;
        let (out, err) = (done.out(), done.err());
        let (out, differs) = match out.strip_suffix("\0frozen") {
            Some(out) => (out, true),
            None => (&*out, false),
        };
        if done.rc == NO_PIP {
            return Err(Failure::new(err.trim()));
        }
        let (head, out) = out.split_once('\n').unwrap_or(("", out));
        let (pip, made) = head.split_once('\t').unwrap_or((head, ""));
        let cmd: Vec<String> = std::iter::once(pip.to_string()).chain(words).collect();
        let gone = done.rc == 1
            && args.state == "absent"
            && (out.contains("not installed") || err.contains("not installed"));
        if !done.succeeded() && !gone {
            let said = if out.is_empty() { String::new() } else { format!("stdout: {out}") };
            let complained = if err.is_empty() { String::new() } else { format!("\n:stderr: {err}") };
            return Err(Failure::new(format!("{said}{complained}")).with("cmd", cmd));
        }
        let changed = match args.state.as_str() {
            "absent" => out.contains("Successfully uninstalled"),
            _ if frozen => differs,
            _ => out.contains("Successfully installed"),
        };
        let mut output = Output::new(changed || made == "made")
            .with("cmd", cmd)
            .with("name", args.name.clone())
            .with("version", args.version.clone())
            .with("state", args.state.as_str())
            .with("requirements", args.requirements.clone())
            .with("virtualenv", args.environment());
        output.result.extend(streams(out, &err));
        Ok(output)
    }
}

impl Args {
    fn wishes(&self) -> Result<Vec<Wish>, Failure> {
        if self
            .umask
            .as_deref()
            .is_some_and(|umask| u32::from_str_radix(umask.trim_start_matches("0o"), 8).is_err())
        {
            return Err(Failure::new("umask must be an octal integer"));
        }
        if self.state == "latest" && self.version.is_some() {
            return Err(Failure::new("version is incompatible with state=latest"));
        }
        let mut wishes: Vec<Wish> = recovered(self.name.as_deref().unwrap_or_default())
            .iter()
            .map(|name| Wish::parse(name))
            .collect();
        let Some(version) = &self.version else { return Ok(wishes) };
        if wishes.len() > 1 {
            return Err(Failure::new(
                "'version' argument is ambiguous when installing multiple package distributions. Please specify version restrictions next to each package in 'name' argument.",
            ));
        }
        if let Some(wish) = wishes.first_mut() {
            if !wish.conditions.is_empty() {
                return Err(Failure::new(
                    "The 'version' argument conflicts with any version specifier provided along with a package name. Please keep the version specifier, but remove the 'version' argument.",
                ));
            }
            let operator =
                if version.trim_start().starts_with(|c: char| c.is_ascii_digit()) { "==" } else { "" };
            *wish = Wish::parse(&format!("{}{operator}{version}", wish.name));
        }
        Ok(wishes)
    }

    /// The words for pip.
    fn words(&self) -> Result<Vec<String>, Failure> {
        let verb: &[&str] = match self.state.as_str() {
            "absent" => &["uninstall", "-y"],
            "latest" => &["install", "-U"],
            "forcereinstall" => &["install", "-U", "--force-reinstall"],
            _ => &["install"],
        };
        let mut words: Vec<String> = verb.iter().map(ToString::to_string).collect();
        let mut extra = split(self.extra_args.as_deref().unwrap_or("")).map_err(Failure::new)?;
        if self.editable && !extra.iter().any(|word| word == "-e") {
            extra.push("-e".into());
        }
        words.extend(extra);
        words.extend(self.wishes()?.iter().map(Wish::written));
        if let Some(file) = &self.requirements {
            words.extend(["-r".to_string(), file.clone()]);
        }
        Ok(words)
    }

    /// The environment as it is named in answers.
    fn environment(&self) -> Option<String> {
        let name = self.virtualenv.clone()?;
        Some(match &self.chdir {
            Some(dir) if !name.starts_with('/') => format!("{}/{name}", dir.trim_end_matches('/')),
            _ => name,
        })
    }

    /// Where and how everything runs.
    fn place(&self) -> String {
        let mut out = format!(
            "export LC_ALL=C.UTF-8\ncd -- {} || exit {NO_PIP}\n",
            expanded(self.chdir.as_deref().unwrap_or("/tmp"))
        );
        if let Some(umask) = &self.umask {
            out.push_str(&format!("umask {}\n", quote(umask.trim_start_matches("0o"))));
        }
        if self.break_system_packages {
            out.push_str("export PIP_BREAK_SYSTEM_PACKAGES=1\n");
        }
        out
    }

    /// Finds pip, makes the environment if it may, and prints the path of pip and whether an environment was made.
    fn find(&self, make: bool) -> String {
        let Some(env) = self.environment() else {
            let named = self.executable.as_deref().unwrap_or("pip3");
            return format!(
                "pip=$(command -v {}) || {{ echo {} >&2; exit {NO_PIP}; }}\nprintf '%s\\n' \"$pip\"\n",
                expanded(named),
                quote(&format!("Unable to find any of {named} to use.  pip needs to be installed."))
            );
        };
        let mut command = self.virtualenv_command.clone();
        if self.virtualenv_site_packages {
            command.push_str(" --system-site-packages");
        }
        if let Some(python) = &self.virtualenv_python {
            command.push_str(&format!(" -p{}", quote(python)));
        }
        let words = split(&command).unwrap_or_default();
        // Its name alone is looked for; a path is run as it is.
        let first = words.first().map_or("", String::as_str);
        let needed = if first.contains('/') {
            String::new()
        } else {
            format!(
                "command -v {} >/dev/null 2>&1 || {{ echo \"Failed to find required executable \\\"{first}\\\" in paths: $PATH\" >&2; exit {NO_PIP}; }}\n",
                quote(first)
            )
        };
        let words: String = words.iter().map(|word| format!("{} ", expanded(word))).collect();
        let new = match make {
            true => format!(
                "{needed}o=$({words}\"$env\" 2>&1) || {{ printf '%s\\n' \"$o\" >&2; exit {NO_PIP}; }}; made=made"
            ),
            false => format!("exit {NO_ENVIRONMENT}"),
        };
        format!(
            "env={}; made= o=\n[ -e \"$env/bin/activate\" ] || {{ {new}; }}\npip=\n\
             for n in pip3 pip; do [ -n \"$pip\" ] || {{ [ -x \"$env/bin/$n\" ] && pip=$env/bin/$n; }}; done\n\
             [ -n \"$pip\" ] || {{ echo \"Unable to find pip in the virtualenv, $env, under any of these names: pip3, pip. Make sure pip is present in the virtualenv.\" >&2; exit {NO_PIP}; }}\n\
             PATH=$env/bin:$PATH; export PATH\nprintf '%s\\t%s\\n' \"$pip\" \"$made\"\n[ -z \"$o\" ] || printf '%s\\n' \"$o\"\n",
            expanded(&env)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cut_at_commas_are_put_together_again() {
        let names =
            ["django>1.11.1".to_string(), "<1.11.3".into(), "ipaddress".into(), "a[x".into(), "y]>1".into()];
        assert_eq!(recovered(&names), ["django>1.11.1,<1.11.3", "ipaddress", "a[x,y]>1"]);
    }

    #[test]
    fn conditions_hold_as_in_python() {
        for (wish, line, met) in [
            ("Foo_bar>=1.2,<2", "foo-bar==1.10", true),
            ("foo~=1.4.2", "foo==1.5.0", false),
            ("foo~=1.4.2", "foo==1.4.9", true),
            ("foo==1.*", "foo==1.9", true),
            ("foo==1.0", "foo==1", true),
            ("foo", "bar==1", false),
        ] {
            assert_eq!(Wish::parse(wish).is_met_by(line), met, "{wish} {line}");
        }
        assert_eq!(Wish::parse("django >1.11, <2").written(), "django<2,>1.11");
    }
}
