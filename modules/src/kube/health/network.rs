//! The network plugin, known by its DaemonSet, and DNS. A plugin must be rolled out, and ready on every node that answers; DNS must
//! have all of its replicas and a service with somebody behind it.

use super::super::pod_status::status;
use super::Args;
use super::row::{Found, Problem};
use super::world::{Key, What, World};
use crate::kube::fields::{condition, is_true, name, namespace, number, text};
use serde_json::Value as Json;

/// Problems, and the workloads they are about.
pub(super) type Explained = (Found, Vec<Key>);

fn is_plugin(set: &&Json, known: &[String]) -> bool {
    known.iter().any(|known| known == name(set))
}

/// The plugin's name: `calico` of `calico-node`.
pub(super) fn plugin(world: &World, known: &[String]) -> Option<String> {
    let sets = world.list(What::DaemonSets).unwrap_or_default();
    let found = sets.iter().find(|set| is_plugin(set, known)).map(name)?;
    let short = ["-node", "-agent", "-net", "-ds", "-cni"].iter().find_map(|end| found.strip_suffix(end));
    Some(short.unwrap_or(found).trim_start_matches("kube-").to_string())
}

/// What is wrong with the network plugins.
pub(super) fn plugins(world: &World, args: &Args) -> Explained {
    let sets = match world.list(What::DaemonSets) {
        Ok(sets) => sets,
        Err(why) => return (Err(why), vec![]),
    };
    let sets: Vec<&Json> = sets.iter().filter(|set| is_plugin(set, &args.network_plugins)).collect();
    if sets.is_empty() {
        let remedy = "kubectl get daemonsets -A    # if the plugin is there under another name, add it to check_kubernetes_network_plugins";
        let none = Problem::new("no DaemonSet of a network plugin that is known", remedy);
        return (Ok(vec![none]), vec![]);
    }
    let keys: Vec<Key> = sets.iter().map(|set| Key::of(set)).collect();
    let found = sets.iter().map(|set| of_set(world, set)).collect::<Result<Vec<_>, _>>();
    let found = found.map(|found| found.into_iter().flatten().chain(tigera(world)).collect());
    (found, keys)
}

fn of_set(world: &World, set: &Json) -> Found {
    let key = Key::of(set);
    let (nodes, _) = (world.list(What::Nodes)?, world.list(What::Pods)?);
    let mut found = vec![];
    let remedy = format!("kubectl -n {} rollout status {}", key.namespace, key.typed());
    if number(set, "/status/observedGeneration") < number(set, "/metadata/generation") {
        found.push(Problem::new(format!("{key}: its last change has not been seen yet"), remedy.clone()));
    }
    let desired = number(set, "/status/desiredNumberScheduled");
    let updated = number(set, "/status/updatedNumberScheduled");
    if updated + world.lost(&key) < desired {
        found.push(Problem::new(
            format!("{key}: {updated} of {desired} pods are of the newest version"),
            remedy,
        ));
    }
    let wants = |node: &&Json| {
        let selector = set.pointer("/spec/template/spec/nodeSelector").and_then(Json::as_object);
        let labels = node.pointer("/metadata/labels");
        let has = |(key, value): (&String, &Json)| labels.and_then(|labels| labels.get(key)) == Some(value);
        !world.sick.contains(name(node)) && selector.is_none_or(|selector| selector.iter().all(has))
    };
    for node in nodes.iter().filter(wants).map(name) {
        let pod = world.pods_of(&key).find(|pod| text(pod, "/spec/nodeName") == node);
        match pod {
            Some(pod) if is_true(pod, "Ready") => {}
            Some(pod) => {
                let told = status(pod);
                let why = if told.why.is_empty() { String::new() } else { format!(" ({})", told.why) };
                let container =
                    if told.container.is_empty() { String::new() } else { format!(" -c {}", told.container) };
                let observed =
                    format!("{node}: {}/{} is not ready, {}{why}", key.namespace, name(pod), told.word);
                let remedy = format!("kubectl -n {} logs {}{container}", key.namespace, name(pod));
                found.push(Problem::new(observed, remedy).of_node(node));
            }
            None => {
                let remedy = format!("kubectl -n {} describe {}", key.namespace, key.typed());
                found.push(Problem::new(format!("{node}: no pod of {key}"), remedy).of_node(node));
            }
        }
    }
    Ok(found)
}

/// What Tigera's operator says of its components.
fn tigera(world: &World) -> Vec<Problem> {
    let all = world.list(What::TigeraStatus).unwrap_or_default();
    let bad = |status: &&Json| {
        is_true(status, "Degraded")
            || condition(status, "Available").is_some_and(|c| text(c, "/status") != "True")
    };
    let problem = |status: &Json| {
        let told = ["Degraded", "Available"].iter().find_map(|kind| condition(status, kind));
        let why = told.map(|c| format!("{} {}", text(c, "/reason"), text(c, "/message"))).unwrap_or_default();
        let own = name(status);
        Problem::new(
            format!("TigeraStatus {own}: {}", why.trim()),
            format!("kubectl describe tigerastatus {own}"),
        )
    };
    all.iter().filter(bad).map(problem).collect()
}

/// What is wrong with DNS.
pub(super) fn dns(world: &World) -> Explained {
    let (found, keys) = match resolvers(world) {
        Ok(both) => both,
        Err(why) => return (Err(why), vec![]),
    };
    (Ok(found), keys)
}

fn resolvers(world: &World) -> Result<(Vec<Problem>, Vec<Key>), String> {
    let is_dns = |object: &&Json| {
        namespace(object) == "kube-system"
            && (text(object, "/metadata/labels/k8s-app") == "kube-dns"
                || matches!(name(object), "coredns" | "kube-dns"))
    };
    let (deployments, sets) = (world.list(What::Deployments)?, world.list(What::DaemonSets)?);
    let all: Vec<&Json> = deployments.iter().chain(sets).filter(is_dns).collect();
    let mut found = vec![];
    if all.is_empty() {
        let remedy = "kubeadm init phase addon coredns    # on a control plane, if kubeadm made the cluster";
        return Ok((vec![Problem::new("no coredns in kube-system", remedy)], vec![]));
    }
    for workload in &all {
        let key = Key::of(workload);
        let (wanted, available) = super::workloads::counts(workload);
        if wanted == 0 {
            let remedy = format!("kubectl -n kube-system scale {} --replicas 2", key.typed());
            found.push(Problem::new(format!("{key} is scaled to 0"), remedy));
        } else if available + world.lost(&key) < wanted || available == 0 {
            let observed = format!(
                "{key}: {available} of {wanted} available{}",
                super::workloads::pods_told(world, &key)
            );
            let remedy = format!(
                "kubectl -n kube-system describe {}; kubectl -n kube-system logs {}",
                key.typed(),
                key.typed()
            );
            found.push(Problem::new(observed, remedy));
        }
    }
    // Pods that are not ready leave the service by themselves.
    if found.is_empty() && world.is_served("kube-system", "kube-dns") == Some(false) {
        let exists = world
            .list(What::Services)?
            .iter()
            .any(|s| namespace(s) == "kube-system" && name(s) == "kube-dns");
        let observed = match exists {
            true => {
                "the service kube-system/kube-dns has no ready endpoint: its selector matches no ready pod"
            }
            false => "there is no service kube-system/kube-dns, which every kubelet names to its pods",
        };
        found.push(Problem::new(observed, "kubectl -n kube-system describe service kube-dns"));
    }
    Ok((found, all.iter().map(|workload| Key::of(workload)).collect()))
}

/// The addresses of DNS: its service's, and its pods' that are ready.
pub(super) fn servers(world: &World) -> Vec<String> {
    let services = world.list(What::Services).unwrap_or_default();
    let service = services.iter().find(|one| namespace(one) == "kube-system" && name(one) == "kube-dns");
    let pods = world.list(What::Pods).unwrap_or_default().iter().filter(|pod| {
        namespace(pod) == "kube-system"
            && text(pod, "/metadata/labels/k8s-app") == "kube-dns"
            && is_true(pod, "Ready")
    });
    let addresses = service
        .map(|service| text(service, "/spec/clusterIP"))
        .into_iter()
        .chain(pods.map(|pod| text(pod, "/status/podIP")));
    addresses.filter(|address| !address.is_empty() && *address != "None").map(str::to_string).collect()
}

/// The cluster's domain, such as `cluster.local`: what CoreDNS serves, else what kubelets are told. Nothing where neither can be
/// read.
pub(super) fn domain(world: &World) -> Option<String> {
    let maps = world.list(What::ConfigMaps).unwrap_or_default();
    let held = |own: &str, key: &str| {
        let map = maps.iter().find(|map| name(map) == own)?;
        map.get("data")?.get(key)?.as_str()
    };
    let of_kubelets = || {
        let all = maps.iter().find(|map| name(map).starts_with("kubelet-config"))?;
        let text = all.get("data")?.get("kubelet")?.as_str()?;
        let line = text.lines().find_map(|line| line.strip_prefix("clusterDomain:"))?;
        Some(line.trim().trim_matches('"').to_string())
    };
    held("coredns", "Corefile").and_then(served).or_else(of_kubelets).filter(|domain| !domain.is_empty())
}

/// The domain that a Corefile has the plugin `kubernetes` serve: the first of its zones that is no reverse one, or of the server
/// block around it where it names none.
fn served(corefile: &str) -> Option<String> {
    let (mut depth, mut block) = (0_usize, vec![]);
    for line in corefile.lines() {
        let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        let zones = words.iter().copied().take_while(|word| *word != "{");
        match words.first() {
            Some(&"}") => depth = depth.saturating_sub(1),
            Some(_) if depth == 0 => block = zones.collect(),
            Some(&"kubernetes") => {
                let own: Vec<&str> = zones.skip(1).collect();
                let zones = if own.is_empty() { block.clone() } else { own };
                let plain =
                    |zone: &&str| zone.split(':').next().unwrap_or_default().trim_matches('.').to_string();
                let mut named =
                    zones.iter().map(plain).filter(|zone| !zone.is_empty() && !zone.ends_with(".arpa"));
                return named.next();
            }
            _ => {}
        }
        depth += usize::from(words.last() == Some(&"{"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corefile_tells_the_domain_of_its_cluster() {
        let kubeadm = ".:53 {\n    errors\n    health {\n       lameduck 5s\n    }\n    kubernetes corp.internal in-addr.arpa ip6.arpa {\n       pods insecure\n    }\n    forward . /etc/resolv.conf\n}\n";
        assert_eq!(served(kubeadm).as_deref(), Some("corp.internal"));
        let of_block = "# kubernetes nothing.example {\ncorp.internal:53 in-addr.arpa {\n    kubernetes\n}\n.:53 {\n    forward . 1.1.1.1\n}\n";
        assert_eq!(served(of_block).as_deref(), Some("corp.internal"));
        assert_eq!(served(".:53 {\n    kubernetes\n}\n"), None);
        assert_eq!(served(".:53 {\n    forward . 1.1.1.1\n}\n"), None);
    }
}
