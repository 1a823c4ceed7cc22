//! `ansible.builtin.hostname`: the host's name, now and after a restart. hostnamectl sets it under systemd; elsewhere
//! `hostname` does and /etc/hostname keeps it. A look finds both names; what differs is set.

use crate::files::script::{self, quote};
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::json;

/// `ansible.builtin.hostname`.
pub struct Hostname;

/// What a task gives to [`Hostname`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    name: String,
    #[serde(rename = "use")]
    strategy: Option<String>,
}

/// The commands that set it, and the answer.
#[derive(Debug)]
pub struct Change {
    script: String,
    output: Output,
}

impl Module for Hostname {
    const NAME: &'static str = "ansible.builtin.hostname";
    const SPEC: Spec = Spec::new(
        "Sets the host's name.",
        &[
            Opt::new("name", Kind::Str, "The name.").required(),
            Opt::new(
                "use",
                Kind::Str,
                "What sets it: `systemd` (and `debian`), or `alpine` for /etc/hostname; others are refused.",
            )
            .choices(&[
                "alpine", "debian", "freebsd", "generic", "macos", "macosx", "darwin", "openbsd", "openrc",
                "redhat", "sles", "solaris", "systemd",
            ]),
        ],
    )
    .examples("- hostname: {name: \"{{ inventory_hostname }}\"}\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let systemd = match args.strategy.as_deref() {
            Some("systemd" | "debian") => "true",
            Some("alpine") => "false",
            Some(other) => {
                return Err(Failure::new(format!(
                    "use: {other} is not supported here; it can be systemd, debian or alpine"
                )));
            }
            None => "[ -d /run/systemd/system ] && command -v hostnamectl >/dev/null 2>&1",
        };
        let script = format!(
            "export LC_ALL=C\nask() {{ o=$(hostnamectl \"$1\" status 2>&1) || die \"Command failed rc=$?, out=, err=$o\"; put \"$o\"; }}\n\
             if {systemd}; then put systemd; ask --transient; ask --static\n\
             else put file; put \"$(hostname)\"; put \"$(cat /etc/hostname 2>/dev/null)\"; fi\nput \"$(hostname -f 2>/dev/null || hostname)\"\n"
        );
        let mut answer = script::run(cx, &script).await?;
        let systemd = answer.field()? == "systemd";
        let (current, permanent) = (answer.field()?.trim().to_string(), answer.field()?.trim().to_string());
        let full = answer.field()?.trim().to_string();
        let name = args.name.as_str();
        let quoted = quote(name);
        let mut script = String::new();
        if permanent != name {
            script.push_str(&match systemd {
                true => set(&format!("hostnamectl --pretty --static set-hostname {quoted}")),
                false => format!("e=$( {{ printf '%s\\n' {quoted} > /etc/hostname; }} 2>&1) || die \"failed to update hostname: $e\"\n"),
            });
        }
        if current != name {
            script.push_str(&match systemd {
                true => set(&format!("hostnamectl --transient set-hostname {quoted}")),
                false => set(&format!("hostname {quoted}")),
            });
        }
        let changed = !script.is_empty();
        if changed && systemd && name.len() > 64 {
            let message = "name cannot be longer than 64 characters on systemd servers, try a shorter name";
            return Err(Failure::new(message));
        }
        // The resolver is asked under the old name: a new one that is not known to it is its own full name.
        let full = if changed { name.to_string() } else { full };
        let mut output = Output::new(changed).with("name", name).with(
            "ansible_facts",
            json!({
                "ansible_hostname": name.split('.').next(),
                "ansible_nodename": name,
                "ansible_fqdn": full,
                "ansible_domain": full.split_once('.').map_or("", |(_, domain)| domain),
            }),
        );
        if !changed {
            return Ok(Check::Done(output));
        }
        let before = if current == name { permanent } else { current };
        let diff =
            json!({"after": format!("hostname = {name}\n"), "before": format!("hostname = {before}\n")});
        output = output.with("diff", diff);
        Ok(Check::Would { change: Change { script, output: output.clone() }, foreseen: output })
    }

    async fn apply(&self, Change { script, output }: Change, cx: &Context) -> Result<Output, Failure> {
        script::run(cx, &script).await.map_err(|failure| {
            match failure.message().strip_prefix("failed to update hostname: ") {
                Some(said) => {
                    let why = script::os_error(said, "/etc/hostname").replace("b'", "'");
                    Failure::new(format!("failed to update hostname: {why}"))
                }
                None => failure,
            }
        })?;
        Ok(output)
    }
}

fn set(command: &str) -> String {
    format!("e=$({command} 2>&1) || die \"Command failed rc=$?, out=, err=$e\"\n")
}
