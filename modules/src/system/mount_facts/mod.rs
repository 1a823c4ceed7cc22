//! `ansible.builtin.mount_facts`: mounts from the tables that a task prefers. One script prints the tables and what names
//! devices; a second one asks the sizes of the mounts that passed the filters, each within the time it may take.

mod sources;

use super::setup::{matches, sizes};
use crate::command::words::quote;
use crate::tool;
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sources::Found;
use std::collections::HashMap;
use std::convert::Infallible;

/// `ansible.builtin.mount_facts`.
pub struct MountFacts;

/// What a task gives to [`MountFacts`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    devices: Option<Vec<String>>,
    fstypes: Option<Vec<String>>,
    sources: Option<Vec<String>>,
    mount_binary: Json,
    timeout: Option<f64>,
    on_timeout: String,
    include_aggregate_mounts: Option<bool>,
}

const STATIC: [&str; 3] = ["/etc/fstab", "/etc/vfstab", "/etc/filesystems"];
const DYNAMIC: [&str; 3] = ["/etc/mtab", "/proc/mounts", "/etc/mnttab"];

impl Module for MountFacts {
    const NAME: &'static str = "ansible.builtin.mount_facts";
    const SPEC: Spec = Spec::new(
        "Gathers mounts from fstab, the kernel or other tables, with their sizes.",
        &[
            Opt::new("devices", Kind::List, "Shell patterns; only mounts of such devices.")
                .elements(Kind::Str),
            Opt::new("fstypes", Kind::List, "Shell patterns; only mounts of such types.").elements(Kind::Str),
            Opt::new(
                "sources",
                Kind::List,
                "Files, `mount`, or `all`, `static` and `dynamic` for the usual ones.",
            )
            .elements(Kind::Str),
            Opt::new("mount_binary", Kind::Raw, "The program that lists mounts where no file does.")
                .default("mount"),
            Opt::new("timeout", Kind::Float, "Seconds that one mount may take to tell its size."),
            Opt::new("on_timeout", Kind::Str, "What becomes of a mount that takes longer.")
                .choices(&["error", "warn", "ignore"])
                .default("error"),
            Opt::new(
                "include_aggregate_mounts",
                Kind::Bool,
                "Whether mounts that hide each other are listed too.",
            ),
        ],
    )
    .examples("- mount_facts:\n    fstypes: [nfs, nfs4]\n    timeout: 10\n    on_timeout: ignore\n");
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        if let Some(seconds) = args.timeout.filter(|seconds| *seconds <= 0.0) {
            return Err(Failure::new(format!(
                "argument 'timeout' must be a positive number or null, not {seconds:?}"
            )));
        }
        let program = match &args.mount_binary {
            Json::Null => None,
            Json::String(program) if program.is_empty() => None,
            Json::String(program) => Some(program.as_str()),
            other => {
                return Err(Failure::new(format!(
                    "argument 'mount_binary' must be a string or null, not {}",
                    other.to_string().replace('"', "'")
                )));
            }
        };
        let (sources, mut warnings) = args.sources()?;
        let told = Told::ask(&sources, program, args, cx).await?;
        let mut mounts = told.mounts(&sources, program.is_some());
        mounts.retain(|(_, found)| args.takes(&told, found));
        let sizes = args.sizes(&mounts, &told, &mut warnings, cx).await?;
        let mut listed = vec![];
        for ((source, found), about) in mounts.into_iter().zip(sizes) {
            let mut fields = found.fields;
            fields.extend(about);
            fields.insert("ansible_context".into(), json!({"source": source, "source_data": found.line}));
            listed.push((source, found.point, Json::Object(fields)));
        }
        Ok(Check::Done(args.output(listed, warnings)))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

impl Args {
    /// The sources, one after the other, and what is to be said of them.
    fn sources(&self) -> Result<(Vec<String>, Vec<String>), Failure> {
        let all = vec!["all".to_string()];
        let mut sources: Vec<String> = vec![];
        for source in self.sources.as_ref().filter(|sources| !sources.is_empty()).unwrap_or(&all) {
            match source.as_str() {
                "" => return Err(Failure::new("sources contains an empty string")),
                "dynamic" => sources.extend(DYNAMIC.map(str::to_string)),
                "static" => sources.extend(STATIC.map(str::to_string)),
                "all" => sources.extend(DYNAMIC.into_iter().chain(STATIC).map(str::to_string)),
                other => sources.push(other.to_string()),
            }
        }
        let repeated = sources.iter().enumerate().any(|(at, one)| sources.iter().take(at).any(|o| o == one));
        let listed = sources.iter().map(|one| format!("'{one}'")).collect::<Vec<_>>().join(", ");
        let warning = format!(
            "mount_facts option 'sources' contains duplicate entries, repeat sources will be ignored: [{listed}]"
        );
        Ok((sources, if repeated { vec![warning] } else { vec![] }))
    }

    /// Whether a mount passes the filters.
    fn takes(&self, told: &Told, found: &Found) -> bool {
        let any = |patterns: &Option<Vec<String>>, text: &str| match patterns {
            Some(patterns) if !patterns.is_empty() => patterns.iter().any(|pattern| matches(pattern, text)),
            _ => true,
        };
        let field = |key: &str| found.fields.get(key).and_then(Json::as_str).unwrap_or("");
        any(&self.devices, told.device(field("device"))) && any(&self.fstypes, field("fstype"))
    }

    /// The size and the uuid of each mount.
    async fn sizes(
        &self,
        mounts: &[(String, Found)],
        told: &Told,
        warnings: &mut Vec<String>,
        cx: &Context,
    ) -> Result<Vec<Map>, Failure> {
        let limit = self.timeout.map(|seconds| format!("timeout {seconds} ")).unwrap_or_default();
        let mut script = String::from(
            "u() { command -v udevadm >/dev/null 2>&1 && udevadm info --query property --name \"$1\" 2>/dev/null | sed -n 's/^ID_FS_UUID=//p' | sed -n 1p; }\n",
        );
        for (_, found) in mounts {
            let device = found.fields.get("device").and_then(Json::as_str).unwrap_or("");
            let udev = match device.starts_with('/') && told.uuid(device).is_none() {
                true => format!("$(u {})", quote(device)),
                false => String::new(),
            };
            script.push_str(&format!(
                "s=$(LC_ALL=C {limit}stat -f -c '%s %S %b %a %c %d' -- {} 2>/dev/null); printf '%s|%s|%s\\n' $? \"$s\" \"{udev}\"\n",
                quote(&found.point)
            ));
        }
        let asked = tool::run(cx, script).await?;
        let text = asked.out();
        let mut lines = text.lines();
        let mut all = vec![];
        for (_, found) in mounts {
            let mut parts = lines.next().unwrap_or("").splitn(3, '|');
            let (rc, size, udev) = (parts.next(), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
            if rc == Some("124") && self.timeout.is_some() {
                let fstype = found.fields.get("fstype").and_then(Json::as_str).unwrap_or("");
                let message =
                    format!("Timed out getting mount size for mount {} (type {fstype})", found.point);
                match self.on_timeout.as_str() {
                    "error" => return Err(Failure::new(message)),
                    "warn" => warnings.push(message),
                    _ => {}
                }
            }
            let device = found.fields.get("device").and_then(Json::as_str).unwrap_or("");
            let mut about = sizes(size);
            let uuid = device.strip_prefix("UUID=").or_else(|| told.uuid(device));
            let uuid = uuid.or(Some(udev).filter(|uuid| !uuid.is_empty()));
            about.insert("uuid".into(), json!(uuid));
            all.push(about);
        }
        Ok(all)
    }

    fn output(&self, mounts: Vec<(String, String, Json)>, mut warnings: Vec<String>) -> Output {
        let mut points = Map::new();
        let mut by_source: Vec<(&str, Vec<&str>)> = vec![];
        for (source, point, fields) in &mounts {
            points.entry(point.clone()).or_insert_with(|| fields.clone());
            match by_source.iter_mut().find(|(known, _)| known == source) {
                Some((_, list)) => list.push(point),
                None => by_source.push((source, vec![point])),
            }
        }
        let repeats =
            |list: &[&str]| (1..list.len()).any(|at| list.iter().take(at).any(|p| Some(p) == list.get(at)));
        let repeated: Vec<String> = by_source
            .iter()
            .filter(|(_, list)| repeats(list))
            .map(|(source, list)| format!("{source} (['{}'])", list.join("', '")))
            .collect();
        if !repeated.is_empty() && self.include_aggregate_mounts.is_none() {
            warnings.push(format!(
                "mount_facts: ignoring repeat mounts in the following sources: {}. You can disable this warning by configuring the 'include_aggregate_mounts' option as True or False.",
                repeated.join(", ")
            ));
        }
        let all: Vec<Json> = match self.include_aggregate_mounts {
            Some(true) => mounts.iter().map(|(_, _, fields)| fields.clone()).collect(),
            _ => vec![],
        };
        let facts = json!({"mount_points": points, "aggregate_mounts": all});
        let output = Output::default().with("ansible_facts", facts);
        warnings.into_iter().fold(output, Output::warn)
    }
}

/// What the target told.
struct Told {
    /// The real path and the content of each source.
    files: Vec<(String, String)>,
    /// What the program printed, if it was asked.
    program: String,
    /// The uuids of devices.
    uuids: HashMap<String, String>,
}

impl Told {
    async fn ask(
        sources: &[String],
        program: Option<&str>,
        args: &Args,
        cx: &Context,
    ) -> Result<Self, Failure> {
        let mut script = String::from("z() { printf '%s\\0' \"$1\"; }\nn=\n");
        for source in sources {
            let path = quote(source);
            // A link into /proc/self leads to another process each time it is followed.
            script.push_str(&format!(
                "z \"$(readlink -f -- {path} 2>/dev/null | sed 's,^/proc/[0-9]*/,/proc/self/,')\"\nc=$([ -f {path} ] && cat -- {path} 2>/dev/null); z \"$c\"\n"
            ));
            if DYNAMIC.contains(&source.as_str()) {
                script.push_str("n=$n$c\n");
            }
        }
        let dynamic = sources.iter().any(|source| DYNAMIC.contains(&source.as_str()));
        let named = sources.iter().any(|source| source == "mount");
        match program.filter(|_| dynamic || named) {
            Some(program) => {
                let program = quote(program);
                let limit = args.timeout.map(|seconds| format!("timeout {seconds} ")).unwrap_or_default();
                let when = if named { "true" } else { "[ -z \"$n\" ]" };
                script.push_str(&format!(
                    "if {when}; then b=$(command -v {program}) || {{ printf 'Failed to find required executable \"%s\" in paths: %s\\n' {program} \"$PATH\" >&2; exit 95; }}\n\
                     m=$({limit}\"$b\" 2>/dev/null); r=$?; [ $r -eq 0 ] || [ $r -eq 124 ] || {{ printf \"Failed to execute %s: Command '%s' returned non-zero exit status %s.\\n\" \"$b\" \"$b\" $r >&2; exit 95; }}\n\
                     z \"$m\"; else z ''; fi\n"
                ));
            }
            None => script.push_str("z ''\n"),
        }
        script.push_str(
            "for l in /dev/disk/by-uuid/*; do [ -e \"$l\" ] && printf '%s %s\\n' \"$(readlink -f -- \"$l\")\" \"${l##*/}\"; done\n\
             command -v lsblk >/dev/null 2>&1 && lsblk --list --noheadings --paths --output NAME,UUID --exclude 2 2>/dev/null\nexit 0\n",
        );
        let done = tool::ask(cx, &[], &script).await?;
        if done.rc == 95 {
            return Err(Failure::new(done.err().trim()));
        }
        let text = done.out();
        let mut fields = text.split('\0');
        let mut next = || fields.next().unwrap_or("").to_string();
        let files = sources.iter().map(|_| (next(), next())).collect();
        let program = next();
        let mut uuids = HashMap::new();
        for line in next().lines() {
            if let [device, uuid] = line.split_whitespace().collect::<Vec<_>>().as_slice() {
                uuids.entry((*device).to_string()).or_insert_with(|| (*uuid).to_string());
            }
        }
        Ok(Self { files, program, uuids })
    }

    fn uuid(&self, device: &str) -> Option<&str> {
        self.uuids.get(device).map(String::as_str)
    }

    /// A device by its uuid; every other is what it is.
    fn device<'a>(&'a self, device: &'a str) -> &'a str {
        let wanted = device.strip_prefix("UUID=");
        let found = wanted.and_then(|wanted| self.uuids.iter().find(|(_, uuid)| *uuid == wanted));
        found.map_or(device, |(device, _)| device)
    }

    /// All mounts with their sources, each file once however many names it has.
    fn mounts(&self, sources: &[String], fallback: bool) -> Vec<(String, Found)> {
        let mut seen: Vec<&str> = vec![];
        let (mut mounts, mut dynamic, mut known) = (vec![], false, false);
        for (source, (real, content)) in sources.iter().zip(&self.files) {
            dynamic |= DYNAMIC.contains(&source.as_str());
            if seen.contains(&source.as_str()) || seen.contains(&real.as_str()) {
                continue;
            }
            let found = if source == "mount" {
                seen.push(source);
                sources::of_program(&self.program)
            } else {
                seen.push(if real.is_empty() { source } else { real });
                sources::of_file(content)
            };
            known |= !found.is_empty() && (source == "mount" || DYNAMIC.contains(&source.as_str()));
            mounts.extend(found.into_iter().map(|found| (source.clone(), found)));
        }
        if fallback && dynamic && !known {
            let found = sources::of_program(&self.program).into_iter();
            mounts.extend(found.map(|found| ("mount".to_string(), found)));
        }
        mounts
    }
}
