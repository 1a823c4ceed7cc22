//! Which pods of a node go, which stay and which forbid it: kubectl's filters, in its order, with its words. A pod and what a
//! person allowed come in; a [`Verdict`] goes out. All refusals are told together, by class.

use super::pod::Pod;
use std::collections::BTreeMap;

/// What a person allows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowed {
    /// Pods that no controller makes again.
    pub unmanaged: bool,
    /// DaemonSets' pods, which stay.
    pub daemonsets: bool,
    /// The loss of what is in emptyDir volumes.
    pub local_data: bool,
}

/// Why a pod is worth mentioning, in the order of the filters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Its DaemonSet cannot be found: what the server said.
    Orphan(String),
    DaemonSet,
    LocalStorage,
    Unmanaged,
}

const UNMANAGED: &str =
    "Pods not managed by ReplicationController, ReplicaSet, Job, DaemonSet or StatefulSet";

impl Class {
    /// A short name for results.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Orphan(_) => "orphaned",
            Self::DaemonSet => "daemonset",
            Self::LocalStorage => "local_storage",
            Self::Unmanaged => "unmanaged",
        }
    }

    /// Why it forbids the drain.
    pub fn refusal(&self) -> String {
        match self {
            Self::Orphan(said) => format!("cannot delete {said}"),
            Self::DaemonSet => {
                "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore)".into()
            }
            Self::LocalStorage => {
                "cannot delete Pods with local storage (use --delete-emptydir-data to override)".into()
            }
            Self::Unmanaged => format!("cannot delete {UNMANAGED} (use --force to override)"),
        }
    }

    /// What is said where it is allowed.
    pub fn warning(&self) -> String {
        match self {
            Self::Orphan(said) => said.clone(),
            Self::DaemonSet => "ignoring DaemonSet-managed Pods".into(),
            Self::LocalStorage => "deleting Pods with local storage".into(),
            Self::Unmanaged => format!("deleting {UNMANAGED}"),
        }
    }
}

/// What becomes of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is evicted; what it loses, or who will not make it again.
    Goes(Vec<Class>),
    /// It stays, and nothing is said: its kubelet runs it.
    Mirror,
    /// It stays: it would come again at once.
    Ignored,
    /// It forbids the drain.
    Refused(Class),
}

/// Judges a pod; `orphan` is what the server says of its DaemonSet when that is not to be found.
pub(super) fn judge(pod: &Pod, allowed: Allowed, orphan: Option<&str>) -> Verdict {
    let mut said = vec![];
    if pod.owner().is_some_and(|owner| owner.kind == "DaemonSet") && !pod.is_finished() {
        match orphan {
            Some(why) if allowed.unmanaged => said.push(Class::Orphan(why.to_string())),
            Some(why) => return Verdict::Refused(Class::Orphan(why.to_string())),
            None if allowed.daemonsets => return Verdict::Ignored,
            None => return Verdict::Refused(Class::DaemonSet),
        }
    }
    if pod.is_mirror() {
        return Verdict::Mirror;
    }
    if !pod.empty_dirs().is_empty() && !pod.is_finished() {
        if !allowed.local_data {
            return Verdict::Refused(Class::LocalStorage);
        }
        said.push(Class::LocalStorage);
    }
    if pod.owner().is_none() && !pod.is_finished() {
        if !allowed.unmanaged {
            return Verdict::Refused(Class::Unmanaged);
        }
        said.push(Class::Unmanaged);
    }
    Verdict::Goes(said)
}

/// A pod and what becomes of it.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    pub pod: Pod,
    pub verdict: Verdict,
}

/// The pods of a node, judged.
#[derive(Clone, Debug, Default)]
pub(super) struct Sorted(pub Vec<Judged>);

/// Pods by class.
type Classes = BTreeMap<Class, Vec<String>>;

impl Sorted {
    /// Those that go.
    pub fn going(&self) -> impl Iterator<Item = &Pod> {
        self.0.iter().filter(|one| matches!(one.verdict, Verdict::Goes(_))).map(|one| &one.pod)
    }

    /// What forbids it, all of it.
    pub fn refusals(&self) -> Classes {
        let mut classes = Classes::new();
        for one in &self.0 {
            if let Verdict::Refused(class) = &one.verdict {
                classes.entry(class.clone()).or_default().push(one.pod.to_string());
            }
        }
        classes
    }

    /// What is worth saying of what is allowed, as one sentence; empty where there is nothing.
    pub fn warning(&self) -> String {
        let mut classes = Classes::new();
        for one in &self.0 {
            let said = match &one.verdict {
                Verdict::Goes(said) => said.as_slice(),
                Verdict::Ignored => &[Class::DaemonSet],
                _ => &[],
            };
            for class in said {
                classes.entry(class.clone()).or_default().push(one.pod.to_string());
            }
        }
        let said: Vec<String> =
            classes.iter().map(|(class, pods)| format!("{}: {}", class.warning(), pods.join(", "))).collect();
        said.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json, json};

    fn pod(name: &str, owner: Option<&str>, change: impl FnOnce(&mut Json)) -> Pod {
        let mut object =
            json!({"metadata": {"namespace": "n", "name": name}, "status": {"phase": "Running"}});
        if let Some(kind) = owner {
            object["metadata"]["ownerReferences"] =
                json!([{"kind": "Cluster", "name": "x"}, {"kind": kind, "name": "o", "controller": true}]);
        }
        change(&mut object);
        Pod(object)
    }

    fn none(_: &mut Json) {}
    fn cache(pod: &mut Json) {
        pod["spec"]["volumes"] = json!([{"name": "cache", "emptyDir": {}}]);
    }
    fn finished(pod: &mut Json) {
        cache(pod);
        pod["status"]["phase"] = json!("Succeeded");
    }
    fn mirror(pod: &mut Json) {
        cache(pod);
        pod["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    }

    #[test]
    fn the_first_filter_that_says_no_counts() {
        let strict = Allowed::default();
        let force = Allowed { unmanaged: true, ..strict };
        let all = Allowed { unmanaged: true, daemonsets: true, local_data: true };
        let refused = Verdict::Refused;
        for (pod, allowed, orphan, expected) in [
            (pod("a", Some("ReplicaSet"), none), strict, None, Verdict::Goes(vec![])),
            (pod("a", Some("DaemonSet"), cache), strict, None, refused(Class::DaemonSet)),
            (pod("a", Some("DaemonSet"), cache), all, None, Verdict::Ignored),
            (pod("a", Some("DaemonSet"), finished), strict, None, Verdict::Goes(vec![])),
            (pod("a", Some("DaemonSet"), none), strict, Some("gone"), refused(Class::Orphan("gone".into()))),
            (
                pod("a", Some("DaemonSet"), none),
                force,
                Some("gone"),
                Verdict::Goes(vec![Class::Orphan("gone".into())]),
            ),
            (pod("a", Some("Node"), mirror), strict, None, Verdict::Mirror),
            (pod("a", None, cache), force, None, refused(Class::LocalStorage)),
            (pod("a", None, cache), all, None, Verdict::Goes(vec![Class::LocalStorage, Class::Unmanaged])),
            (pod("a", None, none), strict, None, refused(Class::Unmanaged)),
            (pod("a", None, finished), strict, None, Verdict::Goes(vec![])),
        ] {
            assert_eq!(judge(&pod, allowed, orphan), expected, "{:?} {allowed:?}", pod.0);
        }
    }

    #[test]
    fn refusals_and_warnings_are_told_by_class_in_one_go() {
        let allowed = Allowed { daemonsets: true, ..Allowed::default() };
        let judged = |pod: Pod| Judged { verdict: judge(&pod, allowed, None), pod };
        let sorted = Sorted(vec![
            judged(pod("bare", None, none)),
            judged(pod("ds", Some("DaemonSet"), none)),
            judged(pod("data", Some("StatefulSet"), cache)),
            judged(pod("more", Some("StatefulSet"), cache)),
        ]);
        let refusals: Vec<(&str, String)> =
            sorted.refusals().iter().map(|(class, pods)| (class.name(), pods.join(", "))).collect();
        assert_eq!(
            refusals,
            [("local_storage", "n/data, n/more".into()), ("unmanaged", "n/bare".to_string())]
        );
        assert_eq!(sorted.warning(), "ignoring DaemonSet-managed Pods: n/ds");
    }
}
