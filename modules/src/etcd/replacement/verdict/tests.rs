//! The table of situations, one cluster each: done or refused as those who run clusters say.

use super::super::Successor;
use super::*;
use crate::etcd::member::{Alarm, Member, Status};

/// Members `cp1`.. of which the last `dead` do not answer; the first leads while there is a majority.
fn cluster(members: u64, dead: u64) -> World {
    let alive = members - dead;
    let leads = alive > members / 2;
    let seen = |n: u64| {
        let member = Member {
            id: Id(0xa0 + n),
            name: format!("cp{n}"),
            peer_urls: vec![format!("https://10.0.0.{n}:2380")],
            client_urls: vec![format!("https://10.0.0.{n}:2379")],
            learner: false,
        };
        let status = Status {
            leader: if leads { Id(0xa1) } else { Id(0) },
            raft_term: 2,
            raft_index: 100 + n,
            raft_applied_index: 100 + n,
            ..Status::default()
        };
        Seen { member, status: (n <= alive).then_some(status), list: None, error: None }
    };
    World { cluster: Id(0xc1), members: (1..=members).map(seen).collect(), alarms: vec![] }
}

fn replace(n: u64) -> Args {
    Args {
        name: format!("cp{n}"),
        member_id: Some(format!("{:x}", 0xa0 + n)),
        successor: Successor { name: format!("cp{n}"), addresses: vec![format!("10.0.0.{n}")] },
        joins: true,
        ..Args::default()
    }
}

fn answer<'a>(args: &'a Args, world: &'a World) -> Result<Way<'a>, Refused> {
    let question = Question { args, world };
    question.answer()
}

fn refused(args: &Args, world: &World) -> Refused {
    answer(args, world).unwrap_err()
}

#[test]
fn the_last_dead_member_is_replaced_or_refused_as_the_table_says() {
    for (members, dead, done) in [
        (1, 1, false),
        (2, 1, false),
        (3, 1, true),
        (3, 2, false),
        (4, 1, true),
        (4, 2, false),
        (5, 1, true),
        (5, 2, true),
        (5, 3, false),
        (7, 3, true),
        (7, 4, false),
    ] {
        let world = cluster(members, dead);
        let args = replace(members);
        match answer(&args, &world) {
            Ok(way) => {
                assert!(done, "{members} members, {dead} dead");
                assert_eq!(way.member.unwrap().member.name, format!("cp{members}"));
                assert_eq!(way.waits_for.len() as u64, dead - 1);
            }
            Err(refused) => {
                assert!(!done, "{members} members, {dead} dead: {}", refused.why);
                assert!(refused.why.contains("lost its quorum"), "{}", refused.why);
                let next = refused.next.unwrap();
                assert!(
                    next.contains("`muster run etcd-restore`") && next.contains("Delete no data directory"),
                    "{next}"
                );
            }
        }
    }
}

#[test]
fn a_refusal_names_the_survivor_and_shows_the_arithmetic() {
    let refused = refused(&replace(3), &cluster(4, 2));
    assert!(
        refused.next.unwrap().contains("a2 (cp2, https://10.0.0.2:2380) has the highest raft index (102)")
    );
    assert_eq!(
        refused.arithmetic.unwrap(),
        "               VOTERS  ALIVE  NEEDED  MAY LOSE\n  now               4      2       3  no quorum\n  cp3 removed       3      2       2         0\n  cp3 joined        4      3       3         0"
    );
}

#[test]
fn the_only_member_and_one_that_lives_are_refused_each_with_its_way() {
    let only = refused(&Args { planned: true, ..replace(1) }, &cluster(1, 0));
    assert!(only.why.contains("the only voter"), "{}", only.why);
    let alive = refused(&replace(2), &cluster(3, 0));
    assert!(alive.why.contains("is alive") && alive.next.unwrap().contains("--planned"));
    let world = cluster(3, 0);
    let args = Args { planned: true, ..replace(1) };
    let way = answer(&args, &world).unwrap();
    assert_eq!(way.heir.unwrap().member.name, "cp3", "the one that has applied most");
}

#[test]
fn hosts_that_do_not_agree_stop_everything() {
    let view = |cluster: &str, ids: &[&str]| {
        let members: Vec<_> = ids.iter().map(|id| serde_json::json!({"id": id})).collect();
        serde_json::json!({"host": "cp9", "cluster_id": cluster, "members": members})
    };
    let world = cluster(3, 1);
    for (view, said) in [
        (view("c2", &["a1"]), "cp9 is in cluster c2, this one is c1"),
        (view("c1", &["a1", "a2"]), "cp9 lists the members a1 a2, others list a1 a2 a3"),
    ] {
        let refused = refused(&Args { views: vec![view], ..replace(3) }, &world);
        assert!(refused.why.contains(said), "{}", refused.why);
    }
    let same = Args { views: vec![view("c1", &["a3", "a1", "a2"])], ..replace(3) };
    assert!(answer(&same, &world).is_ok());
}

#[test]
fn alarms_come_first() {
    let mut world = cluster(3, 1);
    world.alarms = vec![Alarm { member: Id(0xa1), kind: "NOSPACE" }];
    assert!(refused(&replace(3), &world).next.unwrap().contains("etcd-defrag"));
    world.alarms = vec![Alarm { member: Id(0xa1), kind: "CORRUPT" }];
    assert!(refused(&replace(3), &world).why.contains("no other member may go before it"));
    world.alarms = vec![Alarm { member: Id(0xa3), kind: "CORRUPT" }];
    assert!(answer(&replace(3), &world).is_ok());
}

/// The dead one is gone, and a join of its successor came as far as adding it.
fn half_joined(name: &str, learner: bool, address: &str) -> World {
    let mut world = cluster(2, 0);
    let member = Member {
        id: Id(0xb3),
        name: name.into(),
        peer_urls: vec![format!("https://{address}:2380")],
        client_urls: vec![],
        learner,
    };
    world.members.push(Seen { member, status: None, list: None, error: None });
    world
}

#[test]
fn what_a_broken_join_left_is_told_by_name_by_address_or_by_being_new() {
    for (world, known) in [
        (half_joined("", true, "10.0.0.3"), vec![]),
        (half_joined("cp3", true, "192.0.2.3"), vec![]),
        (half_joined("", true, "192.0.2.3"), vec!["a1".to_string(), "a2".to_string(), "a3".to_string()]),
    ] {
        let args = Args { known, ..replace(3) };
        let way = answer(&args, &world).unwrap();
        assert!(way.member.is_none() && way.joined.is_none());
        assert_eq!(way.leftovers.len(), 1);
    }
}

#[test]
fn somebody_else_s_leftover_must_go_first() {
    let world = half_joined("", true, "10.0.0.9");
    let refused = refused(&replace(3), &world);
    assert!(refused.next.unwrap().contains("`muster replace control-plane b3 --join none`"));
    let args = Args { member_id: Some("b3".into()), joins: false, ..replace(9) };
    assert!(answer(&args, &world).unwrap().member.is_some());
}

#[test]
fn a_successor_that_votes_has_joined_and_one_that_is_in_use_is_refused() {
    let mut world = cluster(3, 0);
    world.members[2].member.id = Id(0xb3);
    let args = replace(3);
    let way = answer(&args, &world).unwrap();
    assert_eq!((way.member.is_none(), way.joined.unwrap().member.id), (true, Id(0xb3)));
    let with = Successor { name: "cp1".into(), addresses: vec!["10.0.0.1".into()] };
    let refused = refused(&Args { successor: with, ..replace(3) }, &cluster(3, 1));
    assert!(refused.why.contains("cp1 is a member already"), "{}", refused.why);
}

#[test]
fn an_even_number_and_a_second_dead_voter_are_noted() {
    let (four, five) = (cluster(4, 1), cluster(5, 2));
    let notes = answer(&replace(4), &four).unwrap().notes;
    assert!(notes[0].contains("4 voters tolerate no more than 3"), "{notes:?}");
    let notes = answer(&replace(5), &five).unwrap().notes;
    assert!(notes[0].contains("`muster replace control-plane cp4`"), "{notes:?}");
}
