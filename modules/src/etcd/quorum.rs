//! The arithmetic of an etcd cluster, and nothing else: who votes, who lives, and from that whether a member may be
//! removed, added or promoted. Members come in, an [`Allowed`] or a [`Refused`] with its reason goes out. No verdict
//! lets a cluster go from a majority that lives to one that does not.

use std::fmt;

/// One member, as far as votes go. A member whose health is unknown is not alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voice {
    /// The member's id.
    pub id: u64,
    /// Whether it has ever been up: an added member has no name until then, but counts.
    pub started: bool,
    /// Whether it only listens.
    pub learner: bool,
    /// Whether it answers and is in touch with its leader.
    pub alive: bool,
}

/// How a cluster stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Votes {
    /// Members that vote, dead ones too.
    pub voters: usize,
    /// How many must live for the cluster to write: more than half of the voters.
    pub quorum: usize,
    /// Voters that live.
    pub alive: usize,
}

impl Votes {
    /// How these members stand.
    #[must_use]
    pub fn of(members: &[Voice]) -> Self {
        let voters = members.iter().filter(|m| !m.learner).count();
        let alive = members.iter().filter(|m| !m.learner && m.alive).count();
        Self { voters, quorum: voters / 2 + 1, alive }
    }

    /// Whether the cluster can write.
    #[must_use]
    pub fn has_quorum(&self) -> bool {
        self.voters > 0 && self.alive >= self.quorum
    }

    /// How many more voters may die before it cannot write; none when it already cannot.
    #[must_use]
    pub fn spare(&self) -> Option<usize> {
        self.has_quorum().then(|| self.alive - self.quorum)
    }
}

impl fmt::Display for Votes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { voters, quorum, alive } = self;
        write!(f, "{alive} of {voters} voters alive, {quorum} needed")?;
        match self.spare() {
            Some(spare) => write!(f, ", tolerates {spare} more"),
            None => write!(f, ", no quorum"),
        }
    }
}

/// A change that keeps the quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// How it is.
    pub now: Votes,
    /// How it will be.
    pub after: Votes,
    /// Whether the cluster will tolerate less than it does now, or loses a member that lives: then somebody must have
    /// said yes to exactly this.
    pub weakens: bool,
}

/// Why a change must not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no majority now: the change is a write, and nothing can be written.
    NoQuorumNow(Votes),
    /// There would be no majority afterwards.
    NoQuorumAfter {
        /// How it is.
        now: Votes,
        /// How it would be.
        after: Votes,
    },
    /// It is the only voter.
    LastVoter,
    /// A voter does not answer: etcd adds nobody then, and it would leave one more to lose.
    DeadVoter(u64),
    /// A member that was added before has not started.
    Unstarted(u64),
    /// There is a learner already.
    Learner(u64),
    /// What is to be promoted does not answer.
    DeadLearner(u64),
    /// There is no such member.
    Unknown(u64),
}

impl Refused {
    /// Whether saying yes to it can be meant. A majority that is lost cannot be talked back.
    #[must_use]
    pub fn forcible(&self) -> bool {
        matches!(self, Self::NoQuorumAfter { .. } | Self::Unstarted(_) | Self::Learner(_))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoQuorumNow(now) => write!(
                f,
                "the cluster has lost its quorum ({now}), and a change of members is itself a write. Bring a member back; if too many are lost for good, `muster run etcd-restore` makes a new cluster of the data of the one with the highest raft index. Delete no member's data directory"
            ),
            Self::NoQuorumAfter { now, after } => {
                write!(f, "the cluster would lose its quorum: now {now}; afterwards {after}")
            }
            Self::LastVoter => write!(f, "it is the only voter: without it there is no cluster"),
            Self::DeadVoter(id) => write!(
                f,
                "voter {id:x} does not answer, and etcd adds no member while a voter is away: bring it back or remove it first"
            ),
            Self::Unstarted(id) => write!(
                f,
                "member {id:x} was added and has never started: start it, or remove it by its id first"
            ),
            Self::Learner(id) => {
                write!(f, "member {id:x} is still a learner: promote it or remove it first")
            }
            Self::DeadLearner(id) => write!(f, "learner {id:x} does not answer: it cannot vote yet"),
            Self::Unknown(id) => write!(f, "there is no member {id:x}"),
        }
    }
}

/// Whether the member may be removed. A member that is not there is [`Refused::Unknown`]; callers for whom that is success ask
/// first.
///
/// # Errors
/// Why not.
pub fn may_remove(members: &[Voice], id: u64) -> Result<Allowed, Refused> {
    let now = Votes::of(members);
    let victim = members.iter().find(|m| m.id == id).ok_or(Refused::Unknown(id))?;
    if !now.has_quorum() {
        return Err(Refused::NoQuorumNow(now));
    }
    let left: Vec<Voice> = members.iter().copied().filter(|m| m.id != id).collect();
    let after = Votes::of(&left);
    if after.voters == 0 && !victim.learner {
        return Err(Refused::LastVoter);
    }
    if !after.has_quorum() {
        return Err(Refused::NoQuorumAfter { now, after });
    }
    // One that lives holds a copy of the data, whatever the votes say: of two, the second is worth asking about.
    Ok(Allowed { now, after, weakens: victim.alive && !victim.learner })
}

/// Whether one more member may be added, as a learner or at once as a voter.
///
/// # Errors
/// Why not.
pub fn may_add(members: &[Voice], learner: bool) -> Result<Allowed, Refused> {
    let now = Votes::of(members);
    if !now.has_quorum() {
        return Err(Refused::NoQuorumNow(now));
    }
    if let Some(unstarted) = members.iter().find(|m| !m.started) {
        return Err(Refused::Unstarted(unstarted.id));
    }
    if let Some(dead) = members.iter().find(|m| !m.learner && !m.alive) {
        return Err(Refused::DeadVoter(dead.id));
    }
    if let Some(other) = members.iter().find(|m| m.learner).filter(|_| learner) {
        return Err(Refused::Learner(other.id));
    }
    let voters = now.voters + usize::from(!learner);
    let after = Votes { voters, quorum: voters / 2 + 1, alive: now.alive };
    if !after.has_quorum() {
        return Err(Refused::NoQuorumAfter { now, after });
    }
    Ok(Allowed { now, after, weakens: after.spare() < now.spare() })
}

/// Whether a learner may become a voter.
///
/// # Errors
/// Why not.
pub fn may_promote(members: &[Voice], id: u64) -> Result<Allowed, Refused> {
    let now = Votes::of(members);
    let learner = members.iter().find(|m| m.id == id).ok_or(Refused::Unknown(id))?;
    if !now.has_quorum() {
        return Err(Refused::NoQuorumNow(now));
    }
    if !learner.alive || !learner.started {
        return Err(Refused::DeadLearner(id));
    }
    let promoted: Vec<Voice> =
        members.iter().map(|m| Voice { learner: m.learner && m.id != id, ..*m }).collect();
    let after = Votes::of(&promoted);
    if !after.has_quorum() {
        return Err(Refused::NoQuorumAfter { now, after });
    }
    Ok(Allowed { now, after, weakens: after.spare() < now.spare() })
}

#[cfg(test)]
mod tests;
