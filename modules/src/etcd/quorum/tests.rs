//! Every cluster of up to nine members: each member alive, dead or never started, and with or without a learner. What
//! quorum means is counted again here in another way: a group of voters decides if no group without it could.

use super::*;

const STATES: [(bool, bool); 3] = [(true, true), (true, false), (false, false)];

/// Every cluster of `n` voters and up to one learner.
fn clusters(n: u32) -> impl Iterator<Item = Vec<Voice>> {
    let learners = [None, Some((true, true)), Some((true, false)), Some((false, false))];
    (0..3_u64.pow(n)).flat_map(move |code| {
        learners.into_iter().map(move |learner| {
            let mut code = code;
            let mut members = vec![];
            for id in 0..u64::from(n) {
                let (started, alive) = STATES[(code % 3) as usize];
                code /= 3;
                members.push(Voice { id, started, learner: false, alive });
            }
            if let Some((started, alive)) = learner {
                members.push(Voice { id: 99, started, learner: true, alive });
            }
            members
        })
    })
}

/// Whether the living voters could decide alone: the others, all of them, could not.
fn decides(members: &[Voice]) -> bool {
    let (living, others): (Vec<&Voice>, Vec<&Voice>) =
        members.iter().filter(|m| !m.learner).partition(|m| m.alive);
    living.len() > others.len()
}

#[test]
fn a_member_goes_exactly_when_there_is_a_majority_before_and_after() {
    let mut seen = [0, 0];
    for members in (1..=9).flat_map(clusters) {
        for victim in &members {
            let rest: Vec<Voice> = members.iter().copied().filter(|m| m.id != victim.id).collect();
            let safe = decides(&members) && decides(&rest);
            let verdict = may_remove(&members, victim.id);
            assert_eq!(verdict.is_ok(), safe, "{members:?} without {victim:?}: {verdict:?}");
            seen[usize::from(safe)] += 1;
            match verdict {
                Ok(allowed) => {
                    assert!(allowed.after.has_quorum());
                    assert_eq!(allowed.after, Votes::of(&rest));
                    // The loss of somebody who lives is to be said, and only that.
                    assert_eq!(allowed.weakens, victim.alive && !victim.learner);
                    assert!(allowed.weakens || allowed.after.spare() >= allowed.now.spare());
                }
                Err(Refused::NoQuorumNow(_)) => assert!(!decides(&members)),
                Err(Refused::LastVoter) => assert_eq!(rest.iter().filter(|m| !m.learner).count(), 0),
                Err(Refused::NoQuorumAfter { .. }) => assert!(!decides(&rest) && decides(&members)),
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    assert!(seen[0] > 100_000 && seen[1] > 100_000, "{seen:?}");
}

#[test]
fn nobody_is_added_while_anybody_is_away() {
    for members in (1..=9).flat_map(clusters) {
        let voters: Vec<&Voice> = members.iter().filter(|m| !m.learner).collect();
        let whole = voters.iter().all(|m| m.alive) && members.iter().all(|m| m.started);
        let learner = members.iter().any(|m| m.learner);
        assert_eq!(may_add(&members, true).is_ok(), whole && !learner, "{members:?}");
        // A new voter does not live yet: with one member there would be a majority of two.
        assert_eq!(may_add(&members, false).is_ok(), whole && voters.len() > 1, "{members:?}");
        if let Ok(allowed) = may_add(&members, true) {
            assert_eq!(allowed.now, allowed.after, "a learner changes no arithmetic");
        }
    }
}

#[test]
fn a_learner_is_promoted_only_alive_and_into_a_majority() {
    for members in (1..=9).flat_map(clusters) {
        let Some(learner) = members.iter().find(|m| m.learner) else { continue };
        let promoted: Vec<Voice> = members.iter().map(|m| Voice { learner: false, ..*m }).collect();
        let safe = decides(&members) && learner.alive && decides(&promoted);
        assert_eq!(may_promote(&members, 99).is_ok(), safe, "{members:?}");
    }
}

#[test]
fn no_sequence_of_allowed_changes_ends_without_a_majority() {
    for mut members in (1..=5).flat_map(clusters).filter(|members| decides(members)) {
        while let Some(dead) =
            members.iter().find(|m| !m.alive && may_remove(&members, m.id).is_ok()).map(|m| m.id)
        {
            members.retain(|m| m.id != dead);
            assert!(decides(&members));
        }
        // All dead ones could go, one after another: with a majority alive none of them is ever in the way.
        assert!(members.iter().all(|m| m.alive), "{members:?}");
        members.retain(|m| !m.learner);
        assert!(may_add(&members, true).is_ok(), "{members:?}");
    }
}

#[test]
fn the_table_of_the_procedure_holds() {
    let cluster = |n: u64, dead: u64| -> Vec<Voice> {
        (0..n).map(|id| Voice { id, started: true, learner: false, alive: id >= dead }).collect()
    };
    let removal = |n, dead| {
        may_remove(&cluster(n, dead), 0).map(|allowed| (allowed.after.voters, allowed.after.quorum))
    };
    assert_eq!(removal(3, 1), Ok((2, 2)));
    assert_eq!(removal(4, 1), Ok((3, 2)));
    assert_eq!(removal(5, 1), Ok((4, 3)));
    assert_eq!(removal(5, 2), Ok((4, 3)));
    for (n, dead) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)] {
        let refused = removal(n, dead).unwrap_err();
        assert!(matches!(refused, Refused::NoQuorumNow(_)), "{n} members, {dead} dead: {refused}");
        assert!(!refused.forcible());
    }
    // A healthy member of three may go, but that is to be said.
    assert!(may_remove(&cluster(3, 0), 0).unwrap().weakens);
    assert!(!may_remove(&cluster(3, 1), 0).unwrap().weakens);
}
