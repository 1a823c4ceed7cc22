//! `ansible.builtin.service_facts`: every service and its state, as the fact `services`.

use muster_engine::module::{Check, Context, Failure, Map, Module, Output, Spec};
use serde_json::{Value as Json, json};
use std::convert::Infallible;

/// `ansible.builtin.service_facts`.
pub struct ServiceFacts;

const LOOK: &str = r"printf 'scripts\n'
if [ -d /etc/init.d ]; then for f in /etc/init.d/*; do [ -x $f ] || continue; n=${f##*/}
  case $n in README|rc|rcS|functions|skeleton|*.sh) continue;; esac
  if command -v rc-service >/dev/null 2>&1; then if rc-service $n status >/dev/null 2>&1 </dev/null; then echo openrc $n running; else echo openrc $n stopped; fi
  elif [ ! -d /run/systemd/system ]; then if $f status >/dev/null 2>&1 </dev/null; then echo sysv $n running; else echo sysv $n stopped; fi; fi
done; fi
if [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; then
  printf 'units\n'; systemctl list-units --no-pager --type service --all --plain --no-legend
  printf 'files\n'; systemctl list-unit-files --no-pager --type service --all --plain --no-legend
fi
exit 0
";

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
        Ok(Check::Done(Output::new(false).with("ansible_facts", facts)))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

fn services(text: &str) -> Map {
    let (mut found, mut part) = (Map::new(), "");
    for line in text.lines() {
        let words: Vec<&str> = line.trim_start_matches(['●', ' ', '*']).split_whitespace().collect();
        match (part, words.as_slice()) {
            (_, ["scripts"]) => part = "scripts",
            (_, ["units"]) => part = "units",
            (_, ["files"]) => part = "files",
            ("scripts", [source, name, state]) => {
                found.insert((*name).into(), json!({"name": name, "state": state, "source": source}));
            }
            ("units", [name, load, active, sub, ..]) => {
                let state = match (*active, *sub) {
                    (_, "running") => "running",
                    ("active", _) => "active",
                    ("failed", _) => "failed",
                    ("inactive", _) => "inactive",
                    _ => "stopped",
                };
                let state = if *load == "not-found" || state == "active" { "stopped" } else { state };
                let status = if *load == "not-found" { "not-found" } else { "unknown" };
                let entry = json!({"name": name, "state": state, "status": status, "source": "systemd"});
                found.insert((*name).into(), entry);
            }
            ("files", [name, status, ..]) => match found.get_mut(*name).and_then(Json::as_object_mut) {
                Some(entry) => {
                    entry.insert("status".into(), (*status).into());
                }
                None => {
                    let state =
                        if *status == "static" || name.contains('@') { "unknown" } else { "inactive" };
                    let entry = json!({"name": name, "state": state, "status": status, "source": "systemd"});
                    found.insert((*name).into(), entry);
                }
            },
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_their_files_are_one_service() {
        let text = "scripts\nsysv ssh running\nunits\nkubelet.service loaded active running kubelet: The Agent\n\
            ● gone.service not-found inactive dead gone.service\nfiles\nkubelet.service enabled enabled\ngetty@.service enabled enabled\n";
        let found = services(text);
        assert_eq!(found["ssh"], json!({"name": "ssh", "state": "running", "source": "sysv"}));
        let kubelet =
            json!({"name": "kubelet.service", "state": "running", "status": "enabled", "source": "systemd"});
        assert_eq!(found["kubelet.service"], kubelet);
        assert_eq!(found["gone.service"]["status"], "not-found");
        assert_eq!(found["getty@.service"]["state"], "unknown");
    }
}
