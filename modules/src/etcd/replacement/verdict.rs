//! The verdict itself: a [`World`] and the wish come in, the [`Way`] through or a [`Refused`] goes out. Nothing is asked of
//! anybody here, so every cluster can be tried.

use super::Args;
use crate::etcd::member::{Id, host};
use crate::etcd::quorum::{self, Refused as Impossible, Voice, Votes};
use crate::etcd::world::{Seen, World};

/// The playbook for a cluster that has lost its majority.
const RESTORE: &str = "muster run etcd-restore";

/// What is asked.
pub struct Question<'a> {
    pub args: &'a Args,
    pub world: &'a World,
}

/// How it can be done.
#[derive(Debug)]
pub struct Way<'a> {
    /// The member that goes; none when it is gone.
    pub member: Option<&'a Seen>,
    /// Who should lead when it leads now.
    pub heir: Option<&'a Seen>,
    /// The successor's member, once it votes and lives.
    pub joined: Option<&'a Seen>,
    /// Members that a broken join of the successor left.
    pub leftovers: Vec<&'a Seen>,
    /// Other voters that are dead: etcd lets nobody join before they are gone.
    pub waits_for: Vec<&'a Seen>,
    /// The votes now, after the removal and after the join, as a table.
    pub arithmetic: String,
    /// What is worth knowing and stops nobody.
    pub notes: Vec<String>,
}

/// Why not.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    pub why: String,
    /// What to type.
    pub next: Option<String>,
    pub arithmetic: Option<String>,
}

impl<'a> Question<'a> {
    /// The verdict.
    pub fn answer(&self) -> Result<Way<'a>, Refused> {
        let (args, world) = (self.args, self.world);
        self.agreed()?;
        let member = self.member()?;
        let arithmetic = self.arithmetic(member);
        let refused =
            |why: String, next: Option<String>| Refused { why, next, arithmetic: Some(arithmetic.clone()) };
        let voices = world.voices();
        if let Some(seen) = member {
            quorum::may_remove(&voices, seen.member.id.0)
                .map_err(|why| self.impossible(&why, &arithmetic))?;
            if world.lives(seen) && !seen.member.learner && !args.planned {
                let next = format!(
                    "if it is meant to go although it is well: `muster replace control-plane {} --planned` (it is drained, another member leads, it is reset). If only the machine is ill, mend it: etcd has all of it",
                    args.name
                );
                return Err(refused(
                    format!("its member of etcd {} is alive", seen.member.title()),
                    Some(next),
                ));
            }
        } else if !world.votes().has_quorum() {
            return Err(self.impossible(&Impossible::NoQuorumNow(world.votes()), &arithmetic));
        }
        self.alarmed(member, &arithmetic)?;
        if world.leader().is_none() {
            return Err(refused(
                "etcd has no leader now".into(),
                Some("wait for the election to end, then run this again".into()),
            ));
        }
        let others = move || {
            world.members.iter().filter(move |seen| member.is_none_or(|m| m.member.id != seen.member.id))
        };
        let (leftovers, strange): (Vec<&Seen>, Vec<&Seen>) = others()
            .filter(|seen| seen.member.name.is_empty() || seen.member.learner)
            .partition(|seen| self.is_successor(seen));
        if let Some(seen) = strange.first().filter(|_| args.joins) {
            let id = seen.member.id;
            let why = format!(
                "{} was added and does not vote: while it is there, nobody else can join",
                seen.member.title()
            );
            return Err(refused(
                why,
                Some(format!("`muster replace control-plane {id} --join none` takes it out")),
            ));
        }
        let joined = others().find(|seen| {
            self.is_successor(seen)
                && !seen.member.learner
                && !seen.member.name.is_empty()
                && world.lives(seen)
        });
        let taken = others().find(|seen| {
            args.joins
                && member.is_some()
                && joined.is_none_or(|j| j.member.id != seen.member.id)
                && !leftovers.iter().any(|l| l.member.id == seen.member.id)
                && self.is_successor(seen)
        });
        if let Some(seen) = taken.or(joined.filter(|_| member.is_some() && args.joins)) {
            let why = format!("{} is a member already: {}", args.successor.name, seen.member.title());
            return Err(refused(why, Some("name a machine that is in no cluster: `--with HOST`; or `--join none` to take the old one out only".into())));
        }
        let waits_for: Vec<&Seen> = others()
            .filter(|seen| !seen.member.learner && !seen.member.name.is_empty() && !world.lives(seen))
            .collect();
        if let Some(seen) = waits_for.iter().find(|seen| member.is_none() && self.is_successor(seen)) {
            let why = format!("{} has joined and does not answer any more", seen.member.title());
            return Err(refused(why, Some("bring it back. If it is lost too, move the journal of the earlier run away and run this again: it is replaced like any other".into())));
        }
        let applied = |seen: &&Seen| seen.status.as_ref().map(|status| status.raft_applied_index);
        let heir = others().filter(|seen| !seen.member.learner && world.lives(seen)).max_by_key(applied);
        let notes = self.notes(member, &waits_for);
        Ok(Way { member, heir, joined, leftovers, waits_for, arithmetic, notes })
    }

    /// The member that goes, as it is now.
    fn member(&self) -> Result<Option<&'a Seen>, Refused> {
        let Some(text) = self.args.member_id.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let id = Id::read(text).ok_or_else(|| Refused {
            why: format!(
                "`{text}` is no member id: 16 hexadecimal digits, as `etcdctl member list` prints them"
            ),
            next: None,
            arithmetic: None,
        })?;
        Ok(self.world.members.iter().find(|seen| seen.member.id == id))
    }

    /// All who answer, and all hosts that were asked, speak of one cluster and list the same members.
    fn agreed(&self) -> Result<(), Refused> {
        let split = |why: String| {
            Refused {
            why: format!("{why}. The members do not agree who they are"),
            next: Some("compare `etcdctl member list` on each control plane; nothing is changed before all of them say the same".into()),
            arithmetic: None,
        }
        };
        if let Some(why) = self.world.disagreement() {
            return Err(split(why));
        }
        let ours: Vec<String> = sorted(self.world.members.iter().map(|seen| seen.member.id.to_string()));
        let cluster = self.world.cluster.to_string();
        for view in &self.args.views {
            let text = |key: &str| view.get(key).and_then(serde_json::Value::as_str);
            let Some(theirs) = text("cluster_id") else { continue };
            let who = text("host").unwrap_or("another host");
            if theirs != cluster {
                return Err(split(format!("{who} is in cluster {theirs}, this one is {cluster}")));
            }
            let listed = view.get("members").and_then(serde_json::Value::as_array);
            let ids =
                sorted(listed.into_iter().flatten().filter_map(|m| Some(m.get("id")?.as_str()?.to_string())));
            if ids != ours {
                return Err(split(format!(
                    "{who} lists the members {}, others list {}",
                    ids.join(" "),
                    ours.join(" ")
                )));
            }
        }
        Ok(())
    }

    fn alarmed(&self, member: Option<&Seen>, arithmetic: &str) -> Result<(), Refused> {
        let of = |kind: &str| self.world.alarms.iter().find(|alarm| alarm.kind == kind);
        let refused = |why: String, next: &str| {
            Err(Refused { why, next: Some(next.to_string()), arithmetic: Some(arithmetic.to_string()) })
        };
        if let Some(alarm) = of("CORRUPT").filter(|alarm| member.is_none_or(|m| m.member.id != alarm.member))
        {
            return refused(
                format!("member {} has raised CORRUPT: no other member may go before it", alarm.member),
                &format!("`muster replace control-plane {} --planned`", alarm.member),
            );
        }
        match of("NOSPACE") {
            Some(alarm) => refused(
                format!(
                    "member {} has raised NOSPACE: writes fail, and a change of members is a write",
                    alarm.member
                ),
                "`muster run etcd-defrag`, then run this again",
            ),
            None => Ok(()),
        }
    }

    /// What the arithmetic forbids, and where to go instead.
    fn impossible(&self, why: &Impossible, arithmetic: &str) -> Refused {
        let survivor = self
            .world
            .members
            .iter()
            .filter_map(|seen| Some((seen.status.as_ref()?.raft_index, seen)))
            .max_by_key(|(index, _)| *index);
        let survivor = survivor.map_or_else(String::new, |(index, seen)| {
            format!(" Of those that answer, {} has the highest raft index ({index})", seen.member.title())
        });
        let restore = format!(
            "bring a member back if any machine can be. If not, `{RESTORE}` makes a new cluster of the data of one survivor. Delete no data directory before.{survivor}"
        );
        let (why, next) = match why {
            Impossible::NoQuorumNow(now) => (
                format!(
                    "the cluster has lost its quorum ({now}): a removal is itself a write, and needs {} votes",
                    now.quorum
                ),
                Some(restore),
            ),
            Impossible::LastVoter => (
                "it is the only voter: without it there is no cluster".to_string(),
                Some(format!(
                    "add a second control plane first and replace this one then. If it is lost for good, `{RESTORE}` brings it back from a snapshot"
                )),
            ),
            other => (other.to_string(), Some(restore)),
        };
        Refused { why, next, arithmetic: Some(arithmetic.to_string()) }
    }

    /// Whether a member is the successor's: by its name, its address, or because nobody knew it before.
    fn is_successor(&self, seen: &Seen) -> bool {
        let Args { successor, known, .. } = self.args;
        let named = !successor.name.is_empty() && seen.member.name == successor.name;
        let there =
            seen.member.peer_urls.iter().any(|url| successor.addresses.iter().any(|a| a == host(url)));
        let new = !known.is_empty() && !known.contains(&seen.member.id.to_string());
        named || there || (new && (seen.member.name.is_empty() || seen.member.learner))
    }

    fn notes(&self, member: Option<&Seen>, waits_for: &[&Seen]) -> Vec<String> {
        let (args, voices) = (self.args, self.world.voices());
        let mut notes = vec![];
        let voters = Votes::of(&without(&voices, member)).voters + usize::from(args.joins);
        if args.joins && member.is_some() && voters > 2 && voters.is_multiple_of(2) {
            notes.push(format!(
                "{voters} voters tolerate no more than {}: `--join none` stops with those",
                voters - 1
            ));
        }
        if let Some(dead) = waits_for.first().filter(|_| args.joins) {
            notes.push(format!(
                "{} is dead too: etcd lets nobody join before it is gone. This run stops before the join; replace it next (`muster replace control-plane {}`), then run this again",
                dead.member.title(),
                dead.member.name
            ));
        }
        notes
    }

    /// How the votes stand now, without the member, and with its successor.
    fn arithmetic(&self, member: Option<&Seen>) -> String {
        let now = self.world.voices();
        let left = without(&now, member);
        let mut rows = vec![("now".to_string(), Votes::of(&now))];
        if member.is_some() {
            rows.push((format!("{} removed", self.args.name), Votes::of(&left)));
        }
        let there = |voice: &&Voice| {
            voice.alive
                && !voice.learner
                && self.world.members.iter().any(|s| s.member.id.0 == voice.id && self.is_successor(s))
        };
        if self.args.joins && !left.iter().any(|voice| there(&voice)) {
            let mut joined: Vec<Voice> = left
                .into_iter()
                .filter(|voice| {
                    !self.world.members.iter().any(|s| s.member.id.0 == voice.id && self.is_successor(s))
                })
                .collect();
            joined.push(Voice { id: 0, started: true, learner: false, alive: true });
            let name =
                if self.args.successor.name.is_empty() { "another" } else { &self.args.successor.name };
            rows.push((format!("{name} joined"), Votes::of(&joined)));
        }
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let mut table = format!("  {:width$}  VOTERS  ALIVE  NEEDED  MAY LOSE", "");
        for (name, votes) in rows {
            let spare = votes.spare().map_or_else(|| "no quorum".to_string(), |spare| spare.to_string());
            let Votes { voters, alive, quorum } = votes;
            table.push_str(&format!("\n  {name:width$}  {voters:>6}  {alive:>5}  {quorum:>6}  {spare:>8}"));
        }
        table
    }
}

fn without(voices: &[Voice], member: Option<&Seen>) -> Vec<Voice> {
    voices.iter().copied().filter(|voice| member.is_none_or(|m| m.member.id.0 != voice.id)).collect()
}

fn sorted(ids: impl Iterator<Item = String>) -> Vec<String> {
    let mut ids: Vec<String> = ids.collect();
    ids.sort_unstable();
    ids
}

#[cfg(test)]
mod tests;
