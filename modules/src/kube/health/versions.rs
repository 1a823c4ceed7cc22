//! Versions that may run together: API servers within one minor version of each other, controller manager and scheduler not ahead of
//! them and one behind at most, kubelets and kube-proxy not ahead and three behind at most.

use super::row::{Found, Problem};
use super::world::{What, World};
use crate::kube::fields::{items, name, namespace, text};
use serde_json::Value as Json;

/// Major, minor and patch.
type Version = (u64, u64, u64);

/// How many minor versions a kubelet may be behind.
const KUBELET: u64 = 3;

/// The version of `v1.36.2+build`.
fn version(text: &str) -> Option<Version> {
    let bare = text.trim_start_matches('v').split(['+', '-']).next()?;
    let mut parts = bare.split('.').map(str::parse);
    let mut next = || parts.next()?.ok();
    Some((next()?, next()?, next().unwrap_or(0)))
}

/// The tag of `registry.k8s.io/kube-proxy:v1.36.2`, without a digest.
fn tag(image: &str) -> &str {
    let bare = image.split('@').next().unwrap_or(image);
    bare.rsplit('/').next().and_then(|last| last.split_once(':')).map_or("", |(_, tag)| tag)
}

/// A thing with a version.
struct Part {
    what: String,
    said: String,
    version: Version,
}

fn part(what: String, said: &str) -> Option<Part> {
    Some(Part { what, said: said.to_string(), version: version(said)? })
}

fn of_component(world: &World, component: &str) -> Result<Vec<Part>, String> {
    let is =
        |pod: &&Json| namespace(pod) == "kube-system" && text(pod, "/metadata/labels/component") == component;
    let pods = world.list(What::Pods)?.iter().filter(is);
    Ok(pods
        .filter_map(|pod| {
            let image = items(pod, "/spec/containers").next().map(|container| text(container, "/image"))?;
            part(name(pod).to_string(), tag(image))
        })
        .collect())
}

/// Versions that may not run together.
pub(super) fn skew(world: &World, wanted: Option<&str>) -> Found {
    let mut found = vec![];
    let mut servers = of_component(world, "kube-apiserver")?;
    if servers.is_empty() {
        servers.extend(part("the API server".into(), &world.version));
    }
    let by_version = |part: &&Part| part.version;
    let (Some(oldest), Some(newest)) =
        (servers.iter().min_by_key(by_version), servers.iter().max_by_key(by_version))
    else {
        return Err(format!("the server's version `{}` cannot be read", world.version));
    };
    if minors(oldest.version, newest.version).is_none_or(|behind| behind > 1) {
        let observed = format!("{} is {}, and {} is {}", oldest.what, oldest.said, newest.what, newest.said);
        found.push(Problem::new(
            observed,
            "kubeadm upgrade apply    # on the control planes that are behind, one minor version at a time",
        ));
    }
    for component in ["kube-controller-manager", "kube-scheduler"] {
        for one in of_component(world, component)? {
            judge(&one, oldest, 1, "kubeadm upgrade node    # on that control plane", &mut found);
        }
    }
    if let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()).and_then(version) {
        for one in servers.iter().filter(|one| one.version != wanted) {
            let observed =
                format!("{} is {}, not v{}.{}.{}", one.what, one.said, wanted.0, wanted.1, wanted.2);
            found.push(Problem::new(
                observed,
                "kubeadm upgrade apply    # or correct check_kubernetes_version",
            ));
        }
    }
    for node in world.list(What::Nodes)? {
        let said = text(node, "/status/nodeInfo/kubeletVersion");
        let own = name(node);
        let remedy = format!("kubeadm upgrade node    # on {own}, then upgrade and restart its kubelet");
        if let Some(kubelet) = part(format!("the kubelet of {own}"), said) {
            judge(&kubelet, oldest, KUBELET, &remedy, &mut found);
        }
    }
    let is_proxy = |set: &&Json| namespace(set) == "kube-system" && name(set) == "kube-proxy";
    if let Some(set) = world.list(What::DaemonSets)?.iter().find(is_proxy) {
        let image = text(set, "/spec/template/spec/containers/0/image");
        if let Some(proxy) = part("kube-proxy".into(), tag(image)) {
            judge(
                &proxy,
                oldest,
                KUBELET,
                "kubeadm upgrade apply    # which upgrades kube-proxy too",
                &mut found,
            );
        }
    }
    Ok(found)
}

/// How many minor versions the first is behind the second; none where it is ahead, or of another major one.
fn minors(behind: Version, ahead: Version) -> Option<u64> {
    if behind.0 == ahead.0 { ahead.1.checked_sub(behind.1) } else { None }
}

fn judge(one: &Part, server: &Part, most: u64, remedy: &str, found: &mut Vec<Problem>) {
    let observed = match minors(one.version, server.version) {
        Some(behind) if behind <= most => return,
        Some(behind) => format!(
            "{} is {}, {behind} minor versions behind {} ({})",
            one.what, one.said, server.what, server.said
        ),
        None => format!("{} is {}, ahead of {} ({})", one.what, one.said, server.what, server.said),
    };
    found.push(Problem::new(observed, remedy));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_tags_are_read_whatever_is_around_them() {
        assert_eq!(version("v1.36.2"), Some((1, 36, 2)));
        assert_eq!(version("1.30"), Some((1, 30, 0)));
        assert_eq!(version("v1.29.4+k3s1"), Some((1, 29, 4)));
        assert_eq!(version("latest"), None);
        assert_eq!(tag("registry.k8s.io:5000/kube-proxy:v1.36.2@sha256:0"), "v1.36.2");
        assert_eq!(tag("localhost:5000/kube-proxy"), "");
    }

    #[test]
    fn ahead_is_never_allowed_and_behind_is_counted_in_minors() {
        assert_eq!(minors((1, 33, 9), (1, 36, 0)), Some(3));
        assert_eq!(minors((1, 36, 9), (1, 36, 0)), Some(0));
        assert_eq!(minors((1, 37, 0), (1, 36, 9)), None);
        assert_eq!(minors((2, 0, 0), (1, 36, 0)), None);
    }
}
