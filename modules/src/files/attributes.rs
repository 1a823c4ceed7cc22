//! `mode`, `owner`, `group`, `attributes` and the SELinux context, which every module that makes files takes. What is
//! wanted and what there is come in; a [`Plan`] goes out: what to set, and the difference as Ansible shows it.

use super::facts::{Facts, Id, Labels, Look, Stat, octal};
use super::mode::{self, Current};
use super::script::quote;
use muster_engine::module::{Failure, Map};
use serde::Deserialize;
use serde_json::Value as Json;

/// The options of [`Wanted`] behind a module's own.
macro_rules! with_attributes {
    ($($option:expr),* $(,)?) => {{
        &[
            $($option,)*
            Opt::new("mode", Kind::Raw, "The permissions: octal digits in quotes (`\"0644\"`) or symbolic (`u+rwX,g-w`)."),
            Opt::new("owner", Kind::Str, "The user, by name or id, that shall own it."),
            Opt::new("group", Kind::Str, "The group, by name or id, that shall own it."),
            Opt::new("seuser", Kind::Str, "The user of its SELinux context."),
            Opt::new("serole", Kind::Str, "The role of its SELinux context."),
            Opt::new("selevel", Kind::Str, "The level of its SELinux context."),
            Opt::new("setype", Kind::Str, "The type of its SELinux context."),
            Opt::new("attributes", Kind::Str, "The attributes it shall have, as `lsattr` prints them; `+` adds, `-` takes away.").aliases(&["attr"]),
            Opt::new("unsafe_writes", Kind::Bool, "Writes into the file itself where it cannot be replaced at once; `ANSIBLE_UNSAFE_WRITES` of the host's environment unless given.").usual("false"),
        ]
    }};
}
pub(crate) use with_attributes;

/// What a task wants of a path, apart from its content.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    pub mode: Option<Json>,
    #[serde(default)]
    pub owner: Option<String>,
    #[serde(default)]
    pub group: Option<String>,
    #[serde(default)]
    pub attributes: Option<String>,
    #[serde(default)]
    pub seuser: Option<String>,
    #[serde(default)]
    pub serole: Option<String>,
    #[serde(default)]
    pub setype: Option<String>,
    #[serde(default)]
    pub selevel: Option<String>,
    #[serde(default)]
    pub unsafe_writes: Option<bool>,
}

/// What to set.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub mode: Option<u32>,
    /// The attributes as `chattr` takes them: `=d`, `+i`, `-i`.
    pub attributes: Option<String>,
    /// The whole SELinux context.
    pub context: Option<String>,
    /// The parts of the difference.
    pub before: Map,
    pub after: Map,
}

impl Plan {
    /// Whether all is as wanted.
    pub fn is_empty(&self) -> bool {
        self.uid.is_none()
            && self.gid.is_none()
            && self.mode.is_none()
            && self.attributes.is_none()
            && self.context.is_none()
    }

    /// The commands that set it, each for the paths that `paths` stands for.
    pub fn commands(&self, paths: &str) -> Vec<String> {
        let mut out = vec![];
        // Changing the owner clears set-id bits, so the mode comes last. Five digits: GNU keeps a
        // directory's set-id bits otherwise.
        match (self.uid, self.gid) {
            (Some(uid), Some(gid)) => out.push(format!("chown -h {uid}:{gid} -- {paths}")),
            (Some(uid), None) => out.push(format!("chown -h {uid} -- {paths}")),
            (None, Some(gid)) => out.push(format!("chgrp -h {gid} -- {paths}")),
            (None, None) => {}
        }
        if let Some(bits) = self.mode {
            out.push(format!("chmod {bits:05o} -- {paths}"));
        }
        out.extend(self.labels(paths));
        out
    }

    /// Those of the commands that a file must have its final place for.
    pub fn labels(&self, paths: &str) -> Vec<String> {
        let context = self.context.as_ref().map(|context| format!("chcon -h -- {} {paths}", quote(context)));
        // A host without chattr keeps its attributes; one word on standard error is a failure.
        let attributes = self.attributes.as_ref().map(|flags| {
            format!(
                "{{ ! command -v chattr >/dev/null 2>&1 || {{ x=$(chattr {} {paths} 2>&1) && [ -z \"$x\" ]; }} || \
                 {{ printf 'chattr failed: %s\\n' \"$x\" >&2; false; }}; }}",
                quote(flags)
            )
        });
        context.into_iter().chain(attributes).collect()
    }
}

impl<'a> Look<'a> {
    /// With what is needed to tell what of `wanted` is to be set.
    pub fn wanted(self, wanted: &'a Wanted) -> Self {
        let labels = wanted.attributes.is_some() || wanted.context().iter().any(Option::is_some);
        self.ids(wanted.owner.as_deref(), wanted.group.as_deref()).labels(labels)
    }
}

impl Wanted {
    /// These, but with another mode.
    pub fn with_mode(&self, mode: Option<Json>) -> Self {
        Self { mode, ..self.clone() }
    }

    /// Whether a file may be written into where it cannot be replaced.
    pub fn unsafe_writes(&self, facts: &Facts) -> bool {
        self.unsafe_writes.unwrap_or(facts.unsafe_writes)
    }

    /// The parts of the SELinux context that are given, in their order.
    fn context(&self) -> [Option<&str>; 4] {
        [&self.seuser, &self.serole, &self.setype, &self.selevel].map(|part| part.as_deref())
    }

    /// The attributes and the context to set, and their part of the difference. A host without SELinux has no context,
    /// and what is wanted of it counts for nothing.
    fn label(&self, labels: &Labels, plan: &mut Plan) {
        if let Some(wanted) = self.attributes.as_deref() {
            let sign = wanted.chars().next().filter(|c| matches!(c, '+' | '-')).unwrap_or('=');
            let flags = wanted.trim_start_matches(['+', '-']);
            if labels.flags != flags || sign == '-' {
                let set = format!("{sign}{flags}");
                plan.before.insert("attributes".into(), labels.flags.as_str().into());
                plan.after.insert("attributes".into(), set.as_str().into());
                plan.attributes = Some(set);
            }
        }
        let now: Vec<&str> = labels.context.splitn(4, ':').collect();
        if now.len() < 3 {
            return;
        }
        let wanted = self.context();
        let becomes: Vec<&str> = now
            .iter()
            .zip(wanted)
            .map(|(now, wanted)| wanted.filter(|part| *part != "_default").unwrap_or(now))
            .collect();
        if becomes != now {
            plan.before.insert("secontext".into(), now.clone().into());
            plan.after.insert("secontext".into(), becomes.clone().into());
            plan.context = Some(becomes.join(":"));
        }
    }

    /// What to set on something that is as `stat` says.
    ///
    /// # Errors
    /// There is no such user or group, or the mode cannot be read.
    pub fn against(&self, stat: &Stat, facts: &Facts) -> Result<Plan, Failure> {
        let mut plan = Plan::default();
        let ids =
            [("owner", &self.owner, facts.owner, stat.uid), ("group", &self.group, facts.group, stat.gid)];
        for (key, wanted, id, now) in ids {
            let Some(name) = wanted.as_deref().filter(|name| !name.is_empty()) else { continue };
            let id = match id {
                Id::Known(id) | Id::Unnamed(id) => id,
                Id::Unknown => {
                    let (program, what) = if key == "owner" { ("chown", "user") } else { ("chgrp", "group") };
                    return Err(facts.fail(format!("{program} failed: failed to look up {what} {name}")));
                }
            };
            if id != now {
                plan.before.insert(key.into(), now.into());
                plan.after.insert(key.into(), id.into());
                *(if key == "owner" { &mut plan.uid } else { &mut plan.gid }) = Some(id);
            }
        }
        if let Some(mode) = self.mode.as_ref().filter(|mode| !mode.is_null()) {
            let now = Current { bits: stat.bits(), directory: stat.is_dir(), umask: facts.umask };
            let bits = mode::apply(mode, now).map_err(|details| {
                facts.fail("mode must be in octal or symbolic form").with("details", details)
            })?;
            // A link has no mode of its own.
            if bits != stat.bits() && !stat.is_link() {
                plan.before.insert("mode".into(), octal(stat.bits()).into());
                plan.after.insert("mode".into(), octal(bits).into());
                plan.mode = Some(bits);
            }
        }
        self.label(&facts.labels, &mut plan);
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(wanted: &Wanted, flags: &str, context: &str) -> Plan {
        let mut plan = Plan::default();
        wanted.label(&Labels { flags: flags.into(), context: context.into() }, &mut plan);
        plan
    }

    #[test]
    fn attributes_are_compared_as_lsattr_prints_them() {
        let wanted = |text: &str| Wanted { attributes: Some(text.into()), ..Wanted::default() };
        assert!(labelled(&wanted("e"), "e", "").is_empty());
        assert!(labelled(&wanted("+e"), "e", "").is_empty());
        assert_eq!(labelled(&wanted("d"), "e", "").attributes.as_deref(), Some("=d"));
        assert_eq!(labelled(&wanted("-i"), "i", "").attributes.as_deref(), Some("-i"));
    }

    #[test]
    fn a_context_counts_only_where_there_is_one() {
        let wanted = Wanted { setype: Some("etc_t".into()), ..Wanted::default() };
        assert!(labelled(&wanted, "", "").is_empty());
        let plan = labelled(&wanted, "", "u:object_r:tmp_t:s0:c1");
        assert_eq!(plan.context.as_deref(), Some("u:object_r:etc_t:s0:c1"));
        assert!(plan.commands("'/x'")[0].starts_with("chcon -h -- 'u:object_r:etc_t:s0:c1' '/x'"));
    }
}
