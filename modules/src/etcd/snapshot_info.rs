//! `etcd_snapshot_info`: whether a file on the host is a whole snapshot of etcd, by the hash at its end, and what is in it, where
//! something there can tell. It only reads; a file that is missing or broken is an answer.

use super::snapshot::HASHED;
use crate::command::words::expanded;
use crate::tool;
use muster_engine::connection::Command;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::Value as Json;
use std::convert::Infallible;
use std::time::Duration;

/// `etcd_snapshot_info`.
pub struct EtcdSnapshotInfo;

/// What a task gives to [`EtcdSnapshotInfo`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    path: String,
    timeout: f64,
}

/// Tells of the file `$t`: what it is, and what the first program that can read it says of what is in it. A container of etcd
/// sees what is below `/var/lib/etcd`, where kubeadm mounts it.
const TELL: &str = r#"[ -f "$t" ] || { echo exists=no; exit 0; }
[ -r "$t" ] || { echo "$t cannot be read" >&2; exit 1; }
echo exists=yes
echo "taken=$(date -u -r "$t" +%Y-%m-%dT%H:%M:%SZ 2>/dev/null)"
"#;
const ASK: &str = r#"echo "size=$s"; echo "sha256=$h"
if [ $((s % 512)) -ne 32 ] || [ "$h" != "$w" ]; then echo "verified=no"; echo "expected=$w"; exit 0; fi
echo verified=yes
for c in etcdutl etcdctl; do
  command -v "$c" >/dev/null 2>&1 || continue
  if o=$(ETCDCTL_API=3 "$c" snapshot status "$t" -w json 2>/dev/null); then echo "via=$c"; echo "status=$o"; exit 0; fi
done
case $t in /var/lib/etcd/*) ;; *) exit 0 ;; esac
command -v crictl >/dev/null 2>&1 || exit 0
i=$(crictl ps --name '^etcd$' --state running -q 2>/dev/null | head -n 1)
[ -n "$i" ] || exit 0
for c in etcdutl etcdctl; do
  if o=$(crictl exec "$i" "$c" snapshot status "$t" -w json 2>/dev/null); then echo "via=crictl exec"; echo "status=$o"; exit 0; fi
done
exit 0
"#;

impl Module for EtcdSnapshotInfo {
    const NAME: &'static str = "etcd_snapshot_info";
    const SPEC: Spec = Spec::new(
        "Tells whether a file on the host is a whole snapshot of etcd, and of which revision.",
        &[
            Opt::new("path", Kind::Path, "The file.").required().aliases(&["dest"]),
            Opt::new("timeout", Kind::Float, "Seconds that reading it may take.").default("600"),
        ],
    )
    .examples(
        "- etcd_snapshot_info:\n    path: /var/backups/etcd/snapshot.db\n  become: true\n  register: snapshot\n\n- assert:\n    that: snapshot.verified\n",
    );
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        let mut command = Command::new(format!("t={}\n{TELL}{HASHED}{ASK}", expanded(&args.path)));
        command.timeout = Some(Duration::from_secs_f64(args.timeout.clamp(1.0, 86400.0)));
        let done = cx.exec(command).await?;
        if !done.succeeded() {
            let message = format!("{}: {}", args.path, done.err().trim());
            return Err(tool::failed(message, Some(done.rc), &done.out(), &done.err()));
        }
        let text = done.out();
        let told = |key: &str| tool::told(&text, key).filter(|value| !value.is_empty());
        let output = Output::new(false).with("path", args.path.as_str());
        if told("exists") == Some("no") {
            return Ok(Check::Done(output.with("exists", false).with("verified", false)));
        }
        let output = output
            .with("exists", true)
            .with("verified", told("verified") == Some("yes"))
            .with("size", told("size").and_then(|size| size.parse::<u64>().ok()))
            .with("sha256", told("sha256"))
            .with("taken", told("taken"));
        let output = match told("expected") {
            Some(expected) => output.with("expected", expected),
            None => output,
        };
        let status: Json =
            told("status").and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        let of = |key: &str| status.get(key).cloned();
        Ok(Check::Done(
            output
                .with("via", told("via"))
                .with("revision", of("revision"))
                .with("keys", of("totalKey"))
                .with("db_size", of("totalSize"))
                .with("hash", of("hash")),
        ))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}
