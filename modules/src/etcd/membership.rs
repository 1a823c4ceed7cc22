//! `etcd_member`: one member added, promoted or removed. The cluster is read whole, the arithmetic of [`quorum`] decides, the
//! cluster is read again right before the write. What is already so is no change, so a broken-off run can be run again.

use super::client::{self, Client, Way, complaint, refusal};
use super::member::{Id, Member, Members};
use super::quorum::{self, Allowed, Refused};
use super::world::{Seen, World, votes_json};
use crate::options::options;
use muster_engine::module::{Check, Context, Failure, Kind, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::json;
use std::time::{Duration, Instant};

/// `etcd_member`.
pub struct EtcdMember;

/// What a task gives to [`EtcdMember`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    state: State,
    id: Option<String>,
    name: Option<String>,
    peer_urls: Option<Vec<String>>,
    learner: bool,
    force: bool,
    wait_timeout: f64,
    #[serde(flatten)]
    way: Way,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Present,
    Promoted,
    Absent,
}

/// What is to be done, decided.
#[derive(Debug)]
pub struct Change {
    args: Args,
    client: Client,
    /// The cluster the decision was made on.
    cluster: Id,
}

/// The variable that must hold the cluster's id for `force` to count.
const CONFIRM: &str = "muster_etcd_confirm";
/// Between two tries of a change that etcd will take in a moment.
const PAUSE: Duration = Duration::from_secs(1);

const OWN: [Opt; 7] = [
    Opt::new("state", Kind::Str, "`present` adds it, `promoted` makes a learner vote, `absent` removes it.")
        .choices(&["present", "promoted", "absent"])
        .default("present"),
    Opt::new("id", Kind::Str, "The member's id in hexadecimal, as etcdctl prints it."),
    Opt::new("name", Kind::Str, "The member's name; also its peer URL or that URL's host, to find it."),
    Opt::new("peer_urls", Kind::List, "Where its peers find it; needed to add it.")
        .elements(Kind::Str)
        .aliases(&["peer_url"]),
    Opt::new("learner", Kind::Bool, "Whether it is added as a learner, which costs no quorum while it starts.").default("true"),
    Opt::new(
        "force",
        Kind::Bool,
        "Whether a change that weakens the cluster is made. The variable `muster_etcd_confirm` must then hold the cluster's id. A cluster without a quorum is never changed.",
    )
    .default("false"),
    Opt::new("wait_timeout", Kind::Float, "Seconds to wait for what etcd will take in a moment: a learner that catches up, voters that are in touch.")
        .default("60"),
];

impl Module for EtcdMember {
    const NAME: &'static str = "etcd_member";
    const SPEC: Spec = Spec::new(
        "Adds, promotes and removes members of an etcd cluster, and refuses what would cost its quorum.",
        options![OWN, client::OPTIONS],
    )
    .one_of(&[&["id", "name", "peer_urls"]])
    .required_if(&[("state", "present", &["peer_urls"])])
    .examples(
        "- name: take the dead member out\n  etcd_member:\n    name: cp2\n    state: absent\n  become: true\n\
         - name: add its successor as a learner\n  etcd_member:\n    name: cp4\n    peer_urls: [\"https://10.0.0.14:2380\"]\n  become: true\n",
    );
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        let client = Client::find(&args.way, cx).await?;
        let world = World::look(&client, cx).await?;
        Ok(match args.decide(&world, cx)? {
            Verdict::Already(member) => Check::Done(args.output(&world, member.as_ref(), false)),
            Verdict::Go(member, allowed) => {
                let foreseen = args
                    .output(&world, member.as_ref(), true)
                    .with("votes_after", votes_json(&allowed.after))
                    .with("diff", args.diff(&world, member.as_ref()));
                let change = Change { args: args.clone(), client, cluster: world.cluster };
                Check::Would { change, foreseen }
            }
        })
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        let Change { args, client, cluster } = change;
        let until = Instant::now() + Duration::from_secs_f64(args.wait_timeout.max(0.0));
        loop {
            // The world again: nothing is written on what was true a moment ago.
            let world = World::look(&client, cx).await?;
            if world.cluster != cluster {
                return Err(Failure::new(format!(
                    "another cluster answers now: {} instead of {cluster}",
                    world.cluster
                )));
            }
            let member = match args.decide(&world, cx)? {
                Verdict::Already(member) => return args.settled(&client, member, cx).await,
                Verdict::Go(member, _) => member,
            };
            match args.write(&world, member.as_ref(), &client, cx).await? {
                Written::Done(member) => return args.settled(&client, member, cx).await,
                Written::NotYet(why) if Instant::now() + PAUSE >= until => {
                    return Err(args.refused(
                        &world,
                        &format!("etcd did not take it in {} s: {why}", args.wait_timeout),
                    ));
                }
                Written::NotYet(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

enum Verdict {
    /// It is so already.
    Already(Option<Member>),
    /// It may be done, to that member where there is one.
    Go(Option<Member>, Allowed),
}

enum Written {
    Done(Option<Member>),
    /// etcd will take it in a moment.
    NotYet(String),
}

impl Args {
    /// The one member that is meant, if it is there.
    fn meant<'w>(&self, world: &'w World) -> Result<Option<&'w Seen>, Failure> {
        let by_url = |urls: &[String]| -> Vec<&'w Seen> {
            world.members.iter().filter(|s| urls.iter().any(|url| s.member.peer_urls.contains(url))).collect()
        };
        if let (State::Present, Some(urls)) = (self.state, &self.peer_urls) {
            let there = by_url(urls);
            let namesake =
                self.name.as_ref().and_then(|name| world.members.iter().find(|s| s.member.name == *name));
            return match (there.first(), namesake) {
                (None, Some(other)) => Err(self.refused(
                    world,
                    &format!("{} has that name at another address: remove it first", other.member.title()),
                )),
                (found, _) => Ok(found.copied()),
            };
        }
        let mut found: Vec<&Seen> = match (&self.id, &self.name, &self.peer_urls) {
            (Some(id), ..) => {
                let wanted = Id::read(id).ok_or_else(|| {
                    Failure::new(format!(
                        "`{id}` is no member id: 16 hexadecimal digits, as `etcdctl member list` prints them"
                    ))
                })?;
                world.members.iter().filter(|seen| seen.member.id == wanted).collect()
            }
            (None, Some(name), _) => world.called(name),
            (None, None, urls) => by_url(urls.as_deref().unwrap_or_default()),
        };
        // A member that has not started has no name: its peer URL tells.
        if let (true, None, Some(urls)) = (found.is_empty(), &self.id, &self.peer_urls) {
            found = by_url(urls);
        }
        match found.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            many => {
                Err(self.refused(world, &format!("{} members could be meant: say which by `id`", many.len())))
            }
        }
    }

    /// What is to be done, if anything, and whether it may be.
    fn decide(&self, world: &World, cx: &Context) -> Result<Verdict, Failure> {
        if let Some(why) = world.disagreement() {
            return Err(self.refused(world, &why));
        }
        let seen = self.meant(world)?;
        let member = seen.map(|seen| seen.member.clone());
        let voices = world.voices();
        let verdict = match (self.state, &member) {
            (State::Absent, None) | (State::Present, Some(_)) => return Ok(Verdict::Already(member)),
            (State::Promoted, Some(found)) if !found.learner => return Ok(Verdict::Already(member)),
            (State::Promoted, None) => {
                return Err(self.refused(world, "there is no such member to promote"));
            }
            (State::Promoted, Some(found)) => quorum::may_promote(&voices, found.id.0),
            (State::Present, None) => quorum::may_add(&voices, self.learner),
            (State::Absent, Some(found)) => {
                let corrupt =
                    world.alarms.iter().find(|alarm| alarm.kind == "CORRUPT" && alarm.member != found.id);
                if let Some(alarm) = corrupt {
                    let why =
                        format!("{} has raised CORRUPT: no other member may go before it", alarm.member);
                    return Err(self.refused(world, &why));
                }
                quorum::may_remove(&voices, found.id.0)
            }
        };
        let allowed = match verdict {
            Ok(allowed) if !allowed.weakens => allowed,
            Ok(allowed) => {
                let why =
                    format!("the cluster would be weaker: now {}; afterwards {}", allowed.now, allowed.after);
                self.confirmed(world, &why, cx)?;
                allowed
            }
            Err(refused) if refused.forcible() => {
                self.confirmed(world, &refused.to_string(), cx)?;
                let now = world.votes();
                let after = if let Refused::NoQuorumAfter { after, .. } = refused { after } else { now };
                Allowed { now, after, weakens: true }
            }
            Err(refused) => return Err(self.refused(world, &refused.to_string())),
        };
        if world.leader().is_none() {
            return Err(
                self.refused(world, "there is no leader to take the change: wait for the election to end")
            );
        }
        Ok(Verdict::Go(member, allowed))
    }

    /// Whether somebody said yes to exactly this cluster.
    fn confirmed(&self, world: &World, why: &str, cx: &Context) -> Result<(), Failure> {
        let cluster = world.cluster.to_string();
        if !self.force {
            return Err(self.refused(
                world,
                &format!("{why}. If this is meant: `force: true` and `-e {CONFIRM}={cluster}`"),
            ));
        }
        let said = cx.scope.get(CONFIRM)?.map(|value| value.to_string());
        match said.as_deref().map(str::trim) == Some(cluster.as_str()) {
            true => Ok(()),
            false => Err(self.refused(
                world,
                &format!("{why}. `force` counts only with the cluster's own id: `-e {CONFIRM}={cluster}`"),
            )),
        }
    }

    /// A refusal, with the members below it.
    fn refused(&self, world: &World, why: &str) -> Failure {
        let verb = match self.state {
            State::Present => "add",
            State::Promoted => "promote",
            State::Absent => "remove",
        };
        let whom = self
            .id
            .as_deref()
            .or(self.name.as_deref())
            .or_else(|| self.peer_urls.as_ref().and_then(|urls| urls.first()).map(String::as_str));
        let message = format!("will not {verb} member {}: {why}\n\n{}", whom.unwrap_or("?"), world.table());
        Failure::new(message)
            .with("members", world.members_json())
            .with("votes", world.votes_json())
            .with("cluster_id", world.cluster.to_string())
    }

    fn output(&self, world: &World, member: Option<&Member>, changed: bool) -> Output {
        let output = Output::new(changed)
            .with("cluster_id", world.cluster.to_string())
            .with("members", world.members_json())
            .with("votes", world.votes_json());
        let Some(member) = member else { return output };
        output.with("member", json!({
            "id": member.id.to_string(), "name": member.name, "peer_urls": member.peer_urls, "learner": member.learner,
        }))
    }

    fn diff(&self, world: &World, member: Option<&Member>) -> serde_json::Value {
        let line = |member: &Member, learner: bool| {
            format!("{} {}{}\n", member.id, member.peer_urls.join(","), if learner { " learner" } else { "" })
        };
        let before: String = world.members.iter().map(|s| line(&s.member, s.member.learner)).collect();
        let gone = |m: &Member| self.state == State::Absent && member.is_some_and(|v| v.id == m.id);
        let learns = |m: &Member| {
            m.learner && !(self.state == State::Promoted && member.is_some_and(|v| v.id == m.id))
        };
        let mut after: String = world
            .members
            .iter()
            .map(|s| &s.member)
            .filter(|m| !gone(m))
            .map(|m| line(m, learns(m)))
            .collect();
        if let (State::Present, Some(urls)) = (self.state, &self.peer_urls) {
            after.push_str(&format!(
                "(new) {}{}\n",
                urls.join(","),
                if self.learner { " learner" } else { "" }
            ));
        }
        json!({ "before": before, "after": after })
    }

    /// Asks etcd for the change.
    async fn write(
        &self,
        world: &World,
        member: Option<&Member>,
        client: &Client,
        cx: &Context,
    ) -> Result<Written, Failure> {
        let id = member.map(|member| member.id.to_string()).unwrap_or_default();
        let urls = format!("--peer-urls={}", self.peer_urls.as_deref().unwrap_or_default().join(","));
        let words: Vec<&str> = match self.state {
            State::Absent => {
                self.hand_over(world, member, client, cx).await?;
                vec!["member", "remove", &id]
            }
            State::Promoted => vec!["member", "promote", &id],
            State::Present => {
                let mut words = vec!["member", "add", self.name.as_deref().unwrap_or(&urls), &urls];
                words.extend(self.learner.then_some("--learner"));
                words
            }
        };
        // The one that is to go is not asked.
        let others = world
            .endpoints()
            .into_iter()
            .filter(|url| member.is_none_or(|m| self.state != State::Absent || !m.client_urls.contains(url)));
        let endpoints: Vec<String> = others.collect();
        // etcdctl 3.4 falls over its own answer to a promotion in any format but the plain one.
        let format: &[&str] = if self.state == State::Promoted { &[] } else { &["-w", "json"] };
        let done = client.ask(&endpoints, &[&words[..], format].concat(), cx).await?;
        if done.succeeded() {
            let answer: Members = serde_json::from_slice(&done.stdout).unwrap_or_default();
            return Ok(Written::Done(answer.member.or_else(|| member.cloned())));
        }
        let said = complaint(&done);
        match () {
            () if self.state == State::Absent && said.contains("member not found") => Ok(Written::Done(None)),
            // Both pass by themselves: voters are in touch again, the learner has caught up.
            () if said.contains("unhealthy cluster")
                || said.contains("in sync with leader")
                || said.contains("leader changed")
                || said.contains("timed out")
                || said.contains("deadline exceeded") =>
            {
                Ok(Written::NotYet(said))
            }
            () => Err(refusal(&words, &done)),
        }
    }

    /// Lets another member lead before the leader goes: no election is lost over it.
    async fn hand_over(
        &self,
        world: &World,
        member: Option<&Member>,
        client: &Client,
        cx: &Context,
    ) -> Result<(), Failure> {
        let (Some(leader), Some(member)) = (world.leader(), member) else { return Ok(()) };
        if leader.member.id != member.id {
            return Ok(());
        }
        let applied = |seen: &&Seen| seen.status.as_ref().map(|s| s.raft_applied_index);
        let heir = world
            .members
            .iter()
            .filter(|seen| seen.member.id != member.id && !seen.member.learner && world.lives(seen))
            .max_by_key(applied);
        let Some(heir) = heir else { return Ok(()) };
        let id = heir.member.id.to_string();
        let done = client.ask(&leader.member.client_urls, &["move-leader", &id], cx).await?;
        match done.succeeded() {
            true => Ok(()),
            false => Err(refusal(&["move-leader", &id], &done)),
        }
    }

    /// The answer after a change: the cluster as it is now, and what a new member must be told.
    async fn settled(
        &self,
        client: &Client,
        member: Option<Member>,
        cx: &Context,
    ) -> Result<Output, Failure> {
        let world = World::look(client, cx).await?;
        if let (State::Absent, Some(gone)) = (self.state, &member)
            && world.members.iter().any(|seen| seen.member.id == gone.id)
        {
            return Err(self.refused(&world, "etcd said that it was removed, and it is still listed"));
        }
        let output = self.output(&world, member.as_ref(), true).with("votes_after", world.votes_json());
        let name = |seen: &Seen| match (seen.member.name.as_str(), &self.name) {
            ("", Some(name)) if member.as_ref().is_some_and(|m| m.id == seen.member.id) => name.clone(),
            (name, _) => name.to_string(),
        };
        let pairs = world.members.iter().flat_map(|seen| {
            let name = name(seen);
            seen.member.peer_urls.iter().map(move |url| format!("{name}={url}")).collect::<Vec<_>>()
        });
        let initial: Vec<String> = pairs.collect();
        Ok(match self.state {
            State::Present => output.with("initial_cluster", initial.join(",")),
            _ => output,
        })
    }
}
