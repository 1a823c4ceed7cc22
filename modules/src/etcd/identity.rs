//! `etcd_identity`: which one control plane a word means. The inventory, Kubernetes and etcd each have a name for it; what
//! they have in common links them, and where that leads to two members nobody is taken for the other. It only reads.

use super::asks::Looks;
use super::client::{self, Client, THROUGH};
use super::member::{Member, host};
use super::world::World;
use crate::options::options;
use muster_engine::module::{Context, Failure, Kind, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::json;

/// `etcd_identity`.
pub(crate) struct EtcdIdentity;

/// What a task gives to [`EtcdIdentity`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Args {
    name: String,
    hosts: Vec<Known>,
    nodes: Vec<Known>,
}

/// A host of the inventory, or a Node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Known {
    /// What it is called there.
    pub name: String,
    /// Where it is.
    pub addresses: Vec<String>,
}

const KNOWN: &[Opt] = &[
    Opt::new("name", Kind::Str, "What it is called.").required(),
    Opt::new("addresses", Kind::List, "Where it is.").elements(Kind::Str).default("[]"),
];

const OWN: [Opt; 3] = [
    Opt::new(
        "name",
        Kind::Str,
        "The word: a name in the inventory or in Kubernetes, an address, a member's id, name or peer URL.",
    )
    .required(),
    Opt::new("hosts", Kind::List, "The control planes of the inventory.")
        .elements(Kind::Dict)
        .options(KNOWN)
        .default("[]"),
    Opt::new("nodes", Kind::List, "The Nodes; none where the API does not answer.")
        .elements(Kind::Dict)
        .options(KNOWN)
        .default("[]"),
];

impl Looks for EtcdIdentity {
    const NAME: &'static str = "etcd_identity";
    const SPEC: Spec = Spec::new(
        "Finds the one control plane that a name, an address or a member's id means in the inventory, in Kubernetes and in etcd.",
        options![OWN, client::OPTIONS, THROUGH],
    )
    .examples(
        "- etcd_identity:\n    name: cp2\n    hosts: [{name: cp2, addresses: [10.0.0.12]}]\n  become: true\n  register: victim\n",
    );
    type Args = Args;

    async fn look(args: &Args, _: &Client, world: &World, _: &Context) -> Result<Output, Failure> {
        let members: Vec<Member> = world.members.iter().map(|seen| seen.member.clone()).collect();
        let found = find(&args.name, &args.hosts, &args.nodes, &members);
        let found = found.map_err(|why| Failure::new(format!("{why}\n\n{}", world.table())))?;
        let member = found.member.map(
            |member| json!({"id": member.id.to_string(), "name": member.name, "peer_urls": member.peer_urls}),
        );
        let name = |known: Option<&Known>| known.map(|known| known.name.clone());
        Ok(Output::new(false)
            .with("name", found.name())
            .with("host", name(found.host))
            .with("node", name(found.node))
            .with("member", member)
            .with("addresses", found.addresses())
            .with("cluster_id", world.cluster.to_string()))
    }
}

/// One control plane, as far as it is known in each place.
#[derive(Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    /// In the inventory.
    pub host: Option<&'a Known>,
    /// In Kubernetes.
    pub node: Option<&'a Known>,
    /// In etcd; none when it was removed already.
    pub member: Option<&'a Member>,
}

impl Identity<'_> {
    /// What it is called from now on: as the inventory has it, or Kubernetes, or etcd.
    fn name(&self) -> String {
        let known = self.host.or(self.node).map(|known| known.name.clone());
        let member = self.member.map(|member| match member.name.as_str() {
            "" => member.id.to_string(),
            name => name.to_string(),
        });
        known.or(member).unwrap_or_default()
    }

    fn addresses(&self) -> Vec<String> {
        let known = self.host.into_iter().chain(self.node).flat_map(|known| known.addresses.clone());
        let peers =
            self.member.iter().flat_map(|member| member.peer_urls.iter().map(|url| host(url).to_string()));
        let mut all: Vec<String> = known.chain(peers).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Finds what a word means, beginning with what is called so and going on to what has a name or an address in common.
///
/// # Errors
/// Nothing is called so, or what it leads to is more than one machine.
pub fn find<'a>(
    word: &str,
    hosts: &'a [Known],
    nodes: &'a [Known],
    members: &'a [Member],
) -> Result<Identity<'a>, String> {
    let word = word.trim();
    let is = |known: &Known, words: &[String]| {
        words.iter().any(|word| *word == known.name || known.addresses.contains(word))
    };
    // An exact name first: a host called `abc` is no id.
    let named = hosts.iter().chain(nodes).any(|known| known.name == word);
    let means = |member: &Member, words: &[String]| {
        let exact = |word: &String| {
            member.name == *word || member.peer_urls.iter().any(|url| host(url) == word.as_str())
        };
        words.iter().any(exact) || (!named && member.is_called(word))
    };
    let mut words = vec![word.to_string()];
    let found = loop {
        let host: Vec<&Known> = hosts.iter().filter(|known| is(known, &words)).collect();
        let node: Vec<&Known> = nodes.iter().filter(|known| is(known, &words)).collect();
        let member: Vec<&Member> = members.iter().filter(|member| means(member, &words)).collect();
        let before = words.len();
        let more =
            host.iter().chain(&node).flat_map(|known| known.addresses.iter().chain([&known.name]).cloned());
        let peers = member.iter().flat_map(|member| {
            let peers = member.peer_urls.iter().map(|url| self::host(url).to_string());
            peers.chain(Some(member.name.clone()).filter(|name| !name.is_empty()))
        });
        let more: Vec<String> = more.chain(peers).collect();
        for next in more {
            if !words.contains(&next) {
                words.push(next);
            }
        }
        if words.len() == before {
            break (host, node, member);
        }
    };
    match (found.0.as_slice(), found.1.as_slice(), found.2.as_slice()) {
        ([], [], []) => Err(unknown(word, hosts, nodes)),
        (host, node, member) if host.len() < 2 && node.len() < 2 && member.len() < 2 => Ok(Identity {
            host: host.first().copied(),
            node: node.first().copied(),
            member: member.first().copied(),
        }),
        (host, node, member) => Err(format!(
            "`{word}` leads to more than one machine: names and addresses of the inventory, of Kubernetes and of etcd do not agree. Nothing is done before they do; a member can be named by its id\n\n{}",
            table(host, node, member)
        )),
    }
}

fn unknown(word: &str, hosts: &[Known], nodes: &[Known]) -> String {
    let mut names: Vec<&str> = hosts.iter().chain(nodes).map(|known| known.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let near = muster_engine::diagnostic::nearest(word, names.iter().copied());
    let near = near.map_or_else(String::new, |near| format!(" Did you mean `{near}`?"));
    format!(
        "`{word}` is no control plane of the inventory, no Node and no member of etcd.{near} Known are {}",
        names.join(", ")
    )
}

/// Who says what.
fn table(hosts: &[&Known], nodes: &[&Known], members: &[&Member]) -> String {
    let known = |place: &'static str, known: &Known| {
        [place.to_string(), known.name.clone(), known.addresses.join(" ")]
    };
    let member = |member: &&Member| {
        let name = if member.name.is_empty() { "(never started)" } else { &member.name };
        ["etcd".to_string(), name.to_string(), format!("{} {}", member.peer_urls.join(" "), member.id)]
    };
    let rows: Vec<[String; 3]> = hosts
        .iter()
        .map(|one| known("inventory", one))
        .chain(nodes.iter().map(|one| known("Kubernetes", one)))
        .chain(members.iter().map(member))
        .collect();
    let width = rows.iter().map(|[_, name, _]| name.len()).max().unwrap_or_default();
    let line = |[place, name, rest]: &[String; 3]| format!("  {place:<10}  {name:width$}  {rest}");
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::member::Id;
    use super::*;

    fn known(name: &str, address: &str) -> Known {
        Known { name: name.into(), addresses: vec![address.into()] }
    }

    fn member(id: u64, name: &str, address: &str) -> Member {
        let peer_urls = vec![format!("https://{address}:2380")];
        Member { id: Id(id), name: name.into(), peer_urls, ..Member::default() }
    }

    fn cluster() -> (Vec<Known>, Vec<Known>, Vec<Member>) {
        let hosts = vec![known("cp1", "198.51.100.1"), known("cp2", "198.51.100.2")];
        let nodes = vec![known("cp1", "10.0.0.1"), known("cp2", "10.0.0.2")];
        (hosts, nodes, vec![member(0xa1, "cp1", "10.0.0.1"), member(0xa2, "cp2", "10.0.0.2")])
    }

    #[test]
    fn a_name_an_address_or_an_id_means_the_same_machine() {
        let (hosts, nodes, members) = cluster();
        for word in ["cp2", "198.51.100.2", "10.0.0.2", "a2", "0xa2", "https://10.0.0.2:2380"] {
            let found = find(word, &hosts, &nodes, &members).unwrap();
            assert_eq!(found.member.unwrap().id, Id(0xa2), "{word}");
            assert_eq!(
                (found.name().as_str(), found.host.is_some(), found.node.is_some()),
                ("cp2", true, true)
            );
            assert_eq!(found.addresses(), ["10.0.0.2", "198.51.100.2"]);
        }
    }

    #[test]
    fn one_that_was_removed_is_known_by_the_inventory_and_one_that_never_started_by_its_address() {
        let (hosts, _, mut members) = cluster();
        members.pop();
        assert_eq!(find("cp2", &hosts, &[], &members).unwrap().member, None);
        let hosts = vec![known("cp2", "10.0.0.2")];
        members.push(member(0xa3, "", "10.0.0.2"));
        assert_eq!(find("cp2", &hosts, &[], &members).unwrap().member.unwrap().id, Id(0xa3));
    }

    #[test]
    fn names_that_contradict_addresses_mean_nobody() {
        // The inventory calls cp2 what etcd knows as cp1.
        let hosts = vec![known("cp2", "10.0.0.1")];
        let (_, nodes, members) = cluster();
        for word in ["cp2", "10.0.0.1", "a1", "a2"] {
            let said = find(word, &hosts, &nodes, &members).unwrap_err();
            assert!(said.contains("leads to more than one machine"), "{word}: {said}");
            assert!(said.contains("  inventory   cp2  10.0.0.1"), "{said}");
            assert!(said.contains("  etcd        cp2  https://10.0.0.2:2380 a2"), "{said}");
        }
    }

    #[test]
    fn what_nobody_knows_is_said_with_what_was_meant() {
        let (hosts, nodes, members) = cluster();
        let said = find("cp22", &hosts, &nodes, &members).unwrap_err();
        assert!(said.contains("Did you mean `cp2`?") && said.contains("Known are cp1, cp2"), "{said}");
    }
}
