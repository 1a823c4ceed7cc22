//! `ansible.builtin.service_facts`: every service and its state, as the fact `services`.

use muster_engine::module::{Check, Context, Failure, Map, Module, Output, Spec};
use serde_json::{Value as Json, json};
use std::convert::Infallible;

/// What a unit's list tells that its file's status does not outweigh.
const BAD: [&str; 3] = ["not-found", "masked", "failed"];

/// `ansible.builtin.service_facts`.
pub struct ServiceFacts;

/// A login that is not root's may have no directory of system programs in its path.
const LOOK: &str = r#"PATH=$PATH:/sbin:/usr/sbin:/usr/local/sbin
has() { command -v "$1" >/dev/null 2>&1; }
printf 'scripts\n'
if has service && ! has chkconfig && ! has rc-status; then service --status-all 2>/dev/null </dev/null
elif has rc-service && [ -d /etc/init.d ]; then for f in /etc/init.d/*; do [ -x "$f" ] || continue; n=${f##*/}
  case $n in README|rc|rcS|functions|skeleton|*.sh) continue;; esac
  if rc-service "$n" status >/dev/null 2>&1 </dev/null; then echo "openrc $n running"; else echo "openrc $n stopped"; fi
done; fi
if [ -d /run/systemd/system ] && has systemctl; then
  printf 'units\n'; u=$(systemctl list-units --no-pager --type service --all --plain --no-legend); printf '%s\n' "$u"
  printf 'files\n'; f=$(systemctl list-unit-files --no-pager --type service --all --no-legend); printf '%s\n' "$f"
  k=' '; while read -r n rest; do k="$k$n "; done <<END
$u
END
  set --; while read -r n rest; do case $n in ''|*@.service) continue;; esac
    case $k in *" $n "*) ;; *) set -- "$@" "$n";; esac; done <<END
$f
END
  [ $# -eq 0 ] || { printf 'asked\n'; printf '%s\n' "$@"; printf 'shown\n'; systemctl show --property=ActiveState -- "$@"; }
fi
exit 0
"#;

impl Module for ServiceFacts {
    const NAME: &'static str = "ansible.builtin.service_facts";
    const SPEC: Spec =
        Spec::new("Lists the services of the target and their states as `ansible_facts.services`.", &[])
            .examples("- service_facts:\n");
    type Args = Map;
    type Change = Infallible;

    async fn check(&self, _args: &Map, cx: &Context) -> Result<Check<Infallible>, Failure> {
        let listed = cx.sh(LOOK).await?;
        let facts = json!({ "services": services(&listed.out()) });
        Ok(Check::Done(Output::default().with("ansible_facts", facts)))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

fn services(text: &str) -> Map {
    let (mut found, mut part) = (Map::new(), "");
    let (mut asked, mut shown) = (vec![], vec![]);
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match (part, words.as_slice()) {
            (_, [word @ ("scripts" | "units" | "files" | "asked" | "shown")]) => part = word,
            ("scripts", ["[", sign @ ("+" | "-"), "]", name]) => {
                let state = if *sign == "+" { "running" } else { "stopped" };
                found.insert((*name).into(), json!({"name": name, "state": state, "source": "sysv"}));
            }
            ("scripts", ["openrc", name, state]) => {
                found.insert((*name).into(), json!({"name": name, "state": state, "source": "openrc"}));
            }
            ("units", [name, fields @ ..]) if name.ends_with(".service") => {
                let said = fields.split_last().map_or(&[][..], |(_, said)| said);
                let bad = BAD.iter().find(|bad| said.contains(*bad));
                let status = bad.or(fields.get(1)).copied().unwrap_or("unknown");
                let state = if fields.get(2) == Some(&"running") { "running" } else { "stopped" };
                let entry = json!({"name": name, "state": state, "status": status, "source": "systemd"});
                found.insert((*name).into(), entry);
            }
            ("files", [name, status, ..]) => match found.get_mut(*name).and_then(Json::as_object_mut) {
                Some(entry)
                    if entry.get("status").and_then(Json::as_str).is_some_and(|was| BAD.contains(&was)) => {}
                Some(entry) => {
                    entry.insert("status".into(), (*status).into());
                }
                None => {
                    let entry =
                        json!({"name": name, "state": "unknown", "status": status, "source": "systemd"});
                    found.insert((*name).into(), entry);
                }
            },
            ("asked", [name]) => asked.push((*name).to_string()),
            ("shown", [line]) => shown.extend(line.strip_prefix("ActiveState=").map(str::to_string)),
            _ => {}
        }
    }
    for (name, state) in asked.iter().zip(shown) {
        if let Some(entry) = found.get_mut(name).and_then(Json::as_object_mut) {
            entry.insert("state".into(), state.into());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_their_files_are_one_service() {
        let text = "scripts\n [ + ]  ssh\n [ - ]  rsync\nunits\nkubelet.service loaded active running kubelet: The Agent\n\
            gone.service not-found inactive dead gone.service\nbad.service loaded failed failed Bad\n\
            once.service loaded active exited Once\nfiles\nkubelet.service enabled enabled\nbad.service enabled enabled\n\
            getty@.service enabled enabled\nidle.service static -\nasked\nidle.service\nshown\nActiveState=inactive\n";
        let found = services(text);
        let is = |name: &str, state: &str, status: &str| {
            assert_eq!(
                found[name],
                json!({"name": name, "state": state, "status": status, "source": "systemd"})
            );
        };
        assert_eq!(found["ssh"], json!({"name": "ssh", "state": "running", "source": "sysv"}));
        assert_eq!(found["rsync"]["state"], "stopped");
        is("kubelet.service", "running", "enabled");
        is("gone.service", "stopped", "not-found");
        is("bad.service", "stopped", "failed");
        is("once.service", "stopped", "active");
        is("getty@.service", "unknown", "enabled");
        is("idle.service", "inactive", "static");
    }
}
