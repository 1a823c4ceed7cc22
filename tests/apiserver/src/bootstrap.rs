//! What kubeadm sets up for those who join: bootstrap tokens, which are Secrets in kube-system, and the rights of nodes, of the
//! control plane's own clients and of whoever holds a token. A token whose time is over is none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use crate::auth::{Rule, User, Users};
use crate::object::text;
use crate::store::Store;

impl Users {
    /// The same, with the rights that kubeadm gives.
    #[must_use]
    pub fn of_kubeadm(mut self) -> Self {
        let rule = |subject: &str, verbs: &[&str], resources: &[&str], namespaces: &[&str]| {
            let owned = |list: &[&str]| list.iter().map(|entry| (*entry).to_owned()).collect();
            Rule {
                subject: subject.to_owned(),
                verbs: owned(verbs),
                resources: owned(resources),
                namespaces: owned(namespaces),
            }
        };
        let reads: &[&str] = &["get", "list", "watch"];
        let leases: &[&str] = &["leases.coordination.k8s.io"];
        let nodes: &[&str] = &["nodes", "nodes/status", "pods", "pods/status", "events"];
        self.rules.extend([
            rule("system:nodes", &["*"], nodes, &[]),
            rule("system:nodes", &["*"], leases, &["kube-node-lease"]),
            rule("system:nodes", reads, &["configmaps", "services"], &[]),
            rule("system:kube-scheduler", &["*"], leases, &["kube-system"]),
            rule("system:kube-controller-manager", &["*"], leases, &["kube-system"]),
            rule("system:bootstrappers", &["get"], &["configmaps"], &["kube-system", "kube-public"]),
            rule("system:bootstrappers", &["get"], &["secrets"], &["kube-system"]),
            rule("system:bootstrappers", &["get"], &["nodes"], &[]),
            rule("system:unauthenticated", &["get"], &["configmaps"], &["kube-public"]),
        ]);
        self
    }
}

/// The user of a bearer token that is a bootstrap token of this cluster.
#[must_use]
pub fn user(store: &Store, token: &str) -> Option<User> {
    let (id, secret) = token.split_once('.')?;
    let found = store.get("secrets", "kube-system", &format!("bootstrap-token-{id}"))?;
    let field = |key: &str| {
        let bytes = STANDARD.decode(text(found, &format!("/data/{key}"))).unwrap_or_default();
        String::from_utf8(bytes).unwrap_or_default()
    };
    let over = field("expiration").parse::<Timestamp>().is_ok_and(|end| end < Timestamp::now());
    let good = found.get("type").and_then(Value::as_str) == Some("bootstrap.kubernetes.io/token")
        && field("usage-bootstrap-authentication") == "true"
        && !over
        && field("token-secret") == secret;
    good.then(|| {
        let groups = field("auth-extra-groups");
        let mut all = vec!["system:bootstrappers"];
        all.extend(groups.split(',').filter(|group| !group.is_empty()));
        User::new(&format!("system:bootstrap:{id}"), &all)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bootstrap_token_is_a_user_until_its_time_is_over() {
        let code = |value: &str| STANDARD.encode(value);
        let mut secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token",
            "metadata": {"name": "bootstrap-token-abcdef", "namespace": "kube-system"},
            "data": {
                "token-secret": code("0123456789abcdef"), "usage-bootstrap-authentication": code("true"),
                "auth-extra-groups": code("system:bootstrappers:kubeadm:default-node-token"),
                "expiration": code("2999-01-01T00:00:00Z"),
            },
        });
        let mut store = Store::default();
        store.load("secrets", secret.clone());
        let user_of = |store: &Store, token: &str| user(store, token).map(|user| user.name);
        assert_eq!(user_of(&store, "abcdef.0123456789abcdef").as_deref(), Some("system:bootstrap:abcdef"));
        assert_eq!(user_of(&store, "abcdef.0123456789abcdee"), None);
        assert_eq!(user_of(&store, "abcdeg.0123456789abcdef"), None);
        crate::object::set(&mut secret, "/data/expiration", code("2001-01-01T00:00:00Z"));
        store.load("secrets", secret);
        assert_eq!(user_of(&store, "abcdef.0123456789abcdef"), None);
    }
}
