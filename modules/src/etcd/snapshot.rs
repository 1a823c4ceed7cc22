//! `etcd_snapshot`: a backup of etcd's data as a file on the host. It is taken from a member that follows, only where there
//! is room, checked against the hash at its own end, and put in its place whole or not at all; nothing is overwritten.

use super::client::{self, Client, Way, complaint};
use super::world::{Seen, World};
use crate::command::words::{expanded, quote};
use crate::options::options;
use crate::tool;
use jiff::Timestamp;
use muster_engine::connection::Command;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use std::time::Duration;

/// `etcd_snapshot`.
pub struct EtcdSnapshot;

/// What a task gives to [`EtcdSnapshot`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    dest: String,
    cluster_name: String,
    free_factor: f64,
    snapshot_timeout: f64,
    #[serde(flatten)]
    way: Way,
}

/// A snapshot that can be taken.
#[derive(Debug)]
pub struct Change {
    client: Client,
    path: String,
    /// Whom to ask, one after another: `(title, endpoint)`.
    members: Vec<(String, String)>,
    seconds: f64,
}

const OWN: [Opt; 4] = [
    Opt::new("dest", Kind::Path, "The file, or a directory that is there (or ends in `/`): then the name tells cluster, time and revision.")
        .required()
        .aliases(&["path"]),
    Opt::new("cluster_name", Kind::Str, "What the cluster is called in that name.").default("kubernetes"),
    Opt::new("free_factor", Kind::Float, "How many times the database's size must be free there.").default("1.2"),
    Opt::new("snapshot_timeout", Kind::Float, "Seconds the snapshot may take.").default("600"),
];

/// `etcdctl` inside the container writes where kubeadm mounts the host's directory at the same path.
const SHARED: &str = "/var/lib/etcd";

/// Of the file `$t`: its size `$s`, the hash `$h` of all but its last 32 bytes, and those, which hold that hash, as `$w`.
pub const HASHED: &str = r#"s=$(wc -c < "$t") || exit 1
s=$((s))
h=$(head -c $((s > 32 ? s - 32 : 0)) "$t" | sha256sum | cut -d ' ' -f 1)
w=$(tail -c 32 "$t" | od -A n -v -t x1 | tr -d ' \n')
"#;

/// Puts the file `$t`, if it is whole, at `$p`.
const KEEP: &str = r#"if [ $((s % 512)) -ne 32 ] || [ "$h" != "$w" ]; then
  mv -f "$t" "$p.bad"; echo "size $s, hash $h, expected $w: kept as $p.bad" >&2; exit 92
fi
chmod 0600 "$t"; sync
if [ -e "$p" ]; then rm -f "$t"; echo "$p is there already" >&2; exit 93; fi
mv "$t" "$p" || exit 1
echo "size=$s"; echo "sha256=$h"
"#;

impl Module for EtcdSnapshot {
    const NAME: &'static str = "etcd_snapshot";
    const SPEC: Spec =
        Spec::new("Saves a verified snapshot of etcd to a file on the host.", options![OWN, client::OPTIONS])
            .examples("- etcd_snapshot:\n    dest: /var/backups/etcd/\n  become: true\n  register: backup\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let client = Client::find(&args.way, cx).await?;
        let world = World::look(&client, cx).await?;
        let members = candidates(&world);
        let Some((first, _)) = members.first() else {
            return Err(Failure::new(format!(
                "no member answers: nothing to take a snapshot of\n\n{}",
                world.table()
            )));
        };
        let statuses = || world.members.iter().filter_map(|seen| seen.status.as_ref());
        let size = statuses().map(|status| status.db_size).max().unwrap_or_default();
        let revision = statuses().map(|status| status.header.revision).max().unwrap_or_default();
        let place = Place::look(&args.dest, cx).await?;
        let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        let path = match place.directory {
            true => format!(
                "{}/etcd-{}-{stamp}-rev{revision}.db",
                place.path.trim_end_matches('/'),
                args.cluster_name
            ),
            false => place.path.clone(),
        };
        if place.exists {
            return Err(Failure::new(format!(
                "{path} is there already and is not overwritten: give another `dest`, or a directory"
            )));
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "sizes of disks"
        )]
        let needed = (size as f64 * args.free_factor.max(1.0)) as u64;
        if place.free < needed {
            return Err(Failure::new(format!(
                "{} has {} MiB free, the snapshot needs {} MiB ({} times the database's {} MiB): make room or give another `dest`",
                place.path,
                place.free >> 20,
                (needed >> 20) + 1,
                args.free_factor,
                size >> 20
            )));
        }
        let foreseen = Output::new(true)
            .with("path", path.as_str())
            .with("member", first.as_str())
            .with("cluster_id", world.cluster.to_string())
            .with("revision", revision);
        Ok(Check::Would {
            change: Change { client, path, members, seconds: args.snapshot_timeout },
            foreseen,
        })
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        let mut tried = vec![];
        for (title, endpoint) in &change.members {
            match change.take(endpoint, cx).await? {
                Ok(output) => {
                    return Ok(change.client.states_its_road(output.with("member", title.as_str())));
                }
                Err(why) => tried.push(format!("{title}: {why}")),
            }
        }
        Err(Failure::new(format!("no snapshot could be taken. {}", tried.join("; "))))
    }
}

/// Where the file goes.
struct Place {
    path: String,
    directory: bool,
    exists: bool,
    free: u64,
}

impl Place {
    async fn look(dest: &str, cx: &Context) -> Result<Self, Failure> {
        let script = format!(
            "p={}\nprintf 'path=%s\\n' \"$p\"\ncase $p in */) d=$p; echo directory=yes;; *) if [ -d \"$p\" ]; then d=$p; echo directory=yes; else d=$(dirname -- \"$p\"); [ ! -e \"$p\" ] || echo exists=yes; fi;; esac\nwhile [ ! -e \"$d\" ]; do d=$(dirname -- \"$d\"); done\ndf -Pk -- \"$d\" | awk 'NR == 2 {{ print \"free=\" $4 }}'\n",
            expanded(dest)
        );
        let seen = tool::ask(cx, &[], &script).await?;
        let text = seen.out();
        let told = |key: &str| tool::told(&text, key);
        let free: u64 = told("free").and_then(|kib| kib.trim().parse().ok()).unwrap_or_default();
        Ok(Self {
            path: told("path").unwrap_or(dest).to_string(),
            directory: told("directory").is_some(),
            exists: told("exists").is_some(),
            free: free.saturating_mul(1024),
        })
    }
}

/// Whom to ask, best first: voters that follow, then the leader, then anybody who answers; learners never.
fn candidates(world: &World) -> Vec<(String, String)> {
    let leader = world.leader().map(|seen| seen.member.id);
    let mut answering: Vec<&Seen> =
        world.members.iter().filter(|seen| seen.status.is_some() && !seen.member.learner).collect();
    answering.sort_by_key(|seen| (!world.lives(seen), Some(seen.member.id) == leader));
    answering
        .iter()
        .filter_map(|seen| Some((seen.member.title(), seen.member.client_urls.first()?.clone())))
        .collect()
}

impl Change {
    /// Takes the snapshot from one member; the inner error says why another one may do better.
    async fn take(&self, endpoint: &str, cx: &Context) -> Result<Result<Output, String>, Failure> {
        let client = self.client.patient(self.seconds);
        let endpoints = [endpoint.to_string()];
        let inside = client.via != "etcdctl";
        let path = quote(&self.path);
        let saved =
            if inside { format!("{SHARED}/.muster-snapshot.db") } else { format!("{}.part", self.path) };
        let script = format!(
            "umask 077\np={path}\nt=\"$p.part\"\nmkdir -p -- \"$(dirname -- \"$p\")\" || exit 1\nrm -f \"$t\"\n{} >&2 || {{ rc=$?; rm -f {}; exit $rc; }}\n{}{HASHED}{KEEP}",
            client.line(&endpoints, &["snapshot", "save", &saved]),
            quote(&saved),
            if inside { format!("mv {} \"$t\" || exit 1\n", quote(&saved)) } else { String::new() },
        );
        let mut command = Command::new(script);
        command.timeout = Some(Duration::from_secs_f64(self.seconds + 30.0));
        let done = cx.exec(command).await?;
        if done.rc == 93 {
            return Err(Failure::new(complaint(&done)));
        }
        if !done.succeeded() {
            return Ok(Err(complaint(&done)));
        }
        let text = done.out();
        let told = |key: &str| tool::told(&text, key);
        let size: u64 = told("size").and_then(|size| size.parse().ok()).unwrap_or_default();
        Ok(Ok(Output::new(true)
            .with("path", self.path.as_str())
            .with("size", size)
            .with("sha256", told("sha256"))
            .with("verified", true)))
    }
}
