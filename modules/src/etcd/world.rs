//! A whole etcd cluster as it is now: every member of the list asked for itself, at once. A client comes in, a [`World`] goes
//! out: who answers, who leads, whether all tell the same list. It only reads, and a member that hangs costs one time limit.

use super::client::{Client, complaint};
use super::member::{self, Alarm, Id, Member, Members, Status};
use super::quorum::{Voice, Votes};
use futures_util::future::join_all;
use muster_engine::module::{Context, Failure, Output, Reason};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// How often a cluster that could have a leader and has none is looked at again, a second apart: an election is on.
const ELECTIONS: usize = 5;

/// One member and what it said when asked.
#[derive(Clone, Debug)]
pub struct Seen {
    /// As the list has it.
    pub member: Member,
    /// Its own state; nothing if it did not answer.
    pub status: Option<Status>,
    /// The list as this member has it.
    pub list: Option<Members>,
    /// Why it did not answer.
    pub error: Option<String>,
}

/// A cluster.
#[derive(Clone, Debug)]
pub struct World {
    /// Its id.
    pub cluster: Id,
    /// Its members in the order of the list.
    pub members: Vec<Seen>,
    /// Alarms that are raised; none are known without a leader.
    pub alarms: Vec<Alarm>,
}

impl World {
    /// Looks at the cluster, and again while an election is on.
    ///
    /// # Errors
    /// No member can be asked for the list.
    pub async fn look(client: &Client, cx: &Context) -> Result<Self, Failure> {
        let mut world = Self::once(client, cx).await?;
        for _ in 0..ELECTIONS {
            if world.leader().is_some() || !world.votes().has_quorum() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            world = Self::once(client, cx).await?;
        }
        if let Some(leader) = world.leader() {
            let endpoints = leader.member.client_urls.clone();
            let listed = client.ask(&endpoints, &["alarm", "list", "-w", "json"], cx).await?;
            world.alarms = member::alarms(&listed.out()).unwrap_or_default();
        }
        Ok(world)
    }

    async fn once(client: &Client, cx: &Context) -> Result<Self, Failure> {
        let list = Self::list(client, cx).await?;
        let asked = list.members.iter().map(|member| Seen::ask(member, client, cx));
        let members = join_all(asked).await.into_iter().collect::<Result<_, Failure>>()?;
        Ok(Self { cluster: list.header.cluster_id, members, alarms: vec![] })
    }

    /// The list as the first endpoint that answers has it: a dead one, or a learner, must not hide it.
    async fn list(client: &Client, cx: &Context) -> Result<Members, Failure> {
        let mut refused = None;
        for endpoint in &client.endpoints {
            match client.read(std::slice::from_ref(endpoint), &["member", "list"], cx).await {
                Ok(list) => return Ok(list),
                Err(failure) if failure.reason == Reason::Unreachable => return Err(failure),
                Err(failure) => refused = refused.or(Some(failure)),
            }
        }
        Err(refused.unwrap_or_else(|| Failure::new("no endpoint of etcd is given")))
    }

    /// The member that leads, if those who answer follow one.
    #[must_use]
    pub fn leader(&self) -> Option<&Seen> {
        let term = self.members.iter().filter_map(|seen| seen.status.as_ref()).map(|s| s.raft_term).max()?;
        let status = self
            .members
            .iter()
            .filter_map(|seen| seen.status.as_ref())
            .find(|status| status.raft_term == term && status.leader != Id::default())?;
        self.members.iter().find(|seen| seen.member.id == status.leader && seen.status.is_some())
    }

    /// Whether a member answers and follows the leader, if there is one to follow.
    #[must_use]
    pub fn lives(&self, seen: &Seen) -> bool {
        match (&seen.status, self.leader()) {
            (Some(status), Some(leader)) => status.leader == leader.member.id,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    /// The members as far as votes go.
    #[must_use]
    pub fn voices(&self) -> Vec<Voice> {
        let voice = |seen: &Seen| Voice {
            id: seen.member.id.0,
            started: !seen.member.name.is_empty(),
            learner: seen.member.learner,
            alive: self.lives(seen),
        };
        self.members.iter().map(voice).collect()
    }

    /// How the votes stand.
    #[must_use]
    pub fn votes(&self) -> Votes {
        Votes::of(&self.voices())
    }

    /// Where the voters that live can be asked, the leader first; learners answer next to nothing.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        let leader = self.leader().map(|seen| seen.member.id);
        let mut living: Vec<&Seen> =
            self.members.iter().filter(|seen| self.lives(seen) && !seen.member.learner).collect();
        living.sort_by_key(|seen| Some(seen.member.id) != leader);
        living.iter().flat_map(|seen| seen.member.client_urls.iter().cloned()).collect()
    }

    /// What those who answer do not agree on: the cluster they are in, or its members.
    #[must_use]
    pub fn disagreement(&self) -> Option<String> {
        let ours: Vec<Id> = sorted(self.members.iter().map(|seen| seen.member.id));
        self.members.iter().find_map(|seen| {
            let list = seen.list.as_ref()?;
            let theirs = sorted(list.members.iter().map(|m| m.id));
            let who = seen.member.title();
            if list.header.cluster_id != self.cluster {
                return Some(format!(
                    "{who} is in cluster {}, this one is {}: the cluster may have been split",
                    list.header.cluster_id, self.cluster
                ));
            }
            let shown = |ids: &[Id]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            (theirs != ours)
                .then(|| format!("{who} lists the members {}, others list {}", shown(&theirs), shown(&ours)))
        })
    }

    /// The members a word may mean: an id, a name, a peer URL or its host.
    #[must_use]
    pub fn called(&self, word: &str) -> Vec<&Seen> {
        let exact: Vec<&Seen> = self.members.iter().filter(|seen| seen.member.name == word).collect();
        match exact.is_empty() {
            false => exact,
            true => self.members.iter().filter(|seen| seen.member.is_called(word)).collect(),
        }
    }

    /// The members as a table for a person, a line each.
    #[must_use]
    pub fn table(&self) -> String {
        let leader = self.leader().map(|seen| seen.member.id);
        let mut rows = vec![["ID", "NAME", "PEER", "STATE"].map(String::from)];
        for seen in &self.members {
            let mut state = match (seen.member.name.is_empty(), self.lives(seen), &seen.status) {
                (true, ..) => "never started".to_string(),
                (_, true, _) => "alive".to_string(),
                (_, _, Some(_)) => "answers, but follows nobody".to_string(),
                _ => "does not answer".to_string(),
            };
            if seen.member.learner {
                state.push_str(", learner");
            }
            if leader == Some(seen.member.id) {
                state.push_str(", leader");
            }
            rows.push([
                seen.member.id.to_string(),
                if seen.member.name.is_empty() { "-".into() } else { seen.member.name.clone() },
                seen.member.peer_urls.join(","),
                state,
            ]);
        }
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or_default()
        };
        let widths = [width(0), width(1), width(2)];
        let line = |[id, name, peer, state]: &[String; 4]| {
            let [a, b, c] = widths;
            format!("  {id:a$}  {name:b$}  {peer:c$}  {state}")
        };
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The votes as a result has them.
    #[must_use]
    pub fn votes_json(&self) -> Json {
        votes_json(&self.votes())
    }

    /// A result with what is said of every cluster: its id, its votes, who leads, alarms, and its members as a table.
    #[must_use]
    pub fn told(&self, output: Output) -> Output {
        output
            .with("cluster_id", self.cluster.to_string())
            .with("votes", self.votes_json())
            .with("leader", self.leader().map(|seen| seen.member.id.to_string()))
            .with("alarms", self.alarms.iter().map(Json::from).collect::<Json>())
            .with("table", self.table())
    }

    /// The members as a result has them.
    #[must_use]
    pub fn members_json(&self) -> Json {
        let leader = self.leader().map(|seen| seen.member.id);
        self.members
            .iter()
            .map(|seen| {
                json!({
                    "id": seen.member.id.to_string(),
                    "name": seen.member.name,
                    "peer_urls": seen.member.peer_urls,
                    "client_urls": seen.member.client_urls,
                    "learner": seen.member.learner,
                    "started": !seen.member.name.is_empty(),
                    "alive": self.lives(seen),
                    "leader": leader == Some(seen.member.id),
                })
            })
            .collect()
    }
}

/// Votes as a result has them.
#[must_use]
pub fn votes_json(votes: &Votes) -> Json {
    json!({
        "voters": votes.voters,
        "alive": votes.alive,
        "needed": votes.quorum,
        "has_quorum": votes.has_quorum(),
        "tolerance": votes.spare(),
    })
}

fn sorted(ids: impl Iterator<Item = Id>) -> Vec<Id> {
    let mut ids: Vec<Id> = ids.collect();
    ids.sort_unstable();
    ids
}

impl Seen {
    async fn ask(member: &Member, client: &Client, cx: &Context) -> Result<Self, Failure> {
        let mut seen = Self { member: member.clone(), status: None, list: None, error: None };
        // One that never started has nowhere to be asked.
        if member.client_urls.is_empty() {
            seen.error = Some("it has never started".into());
            return Ok(seen);
        }
        let done = client.ask(&member.client_urls, &["endpoint", "status", "-w", "json"], cx).await?;
        match member::status(&done.out()).filter(|_| done.succeeded()) {
            Some(status) => seen.status = Some(status),
            None => {
                seen.error = Some(complaint(&done));
                return Ok(seen);
            }
        }
        seen.list = client.read(&member.client_urls, &["member", "list"], cx).await.ok();
        Ok(seen)
    }
}
