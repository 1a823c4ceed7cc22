//! Which path a kind has: `apps/v1` and `Deployment` come in, `/apis/apps/v1/namespaces/NS/deployments` goes out. Kinds are
//! asked of the server group by group, so that one aggregated API that is down hides none of the others.

use super::request::Refusal;
use serde_json::Value as Json;

/// One kind the server has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    /// `v1`, `apps/v1`.
    pub api_version: String,
    pub kind: String,
    pub plural: String,
    pub namespaced: bool,
    /// Other names: the singular one and short ones.
    pub names: Vec<String>,
    /// Its subresources: `scale`, `eviction`.
    pub subresources: Vec<String>,
}

impl Resource {
    /// The path of all objects, or of those in a namespace.
    pub fn path(&self, namespace: Option<&str>) -> String {
        let root = root(&self.api_version);
        match namespace.filter(|ns| self.namespaced && !ns.is_empty()) {
            Some(namespace) => format!("{root}/namespaces/{}/{}", encoded(namespace), self.plural),
            None => format!("{root}/{}", self.plural),
        }
    }

    /// The path of one object.
    pub fn object(&self, namespace: Option<&str>, name: &str) -> String {
        format!("{}/{}", self.path(namespace), encoded(name))
    }

    /// Has an object of a list say what it is, which the list does not.
    pub fn is_said_in(&self, object: &mut Json) {
        if let Some(map) = object.as_object_mut() {
            map.insert("kind".into(), self.kind.clone().into());
            map.insert("apiVersion".into(), self.api_version.clone().into());
        }
    }

    /// Whether a word means this kind: the kind itself, its plural, singular or short name.
    fn is_called(&self, word: &str) -> bool {
        self.kind.eq_ignore_ascii_case(word)
            || self.plural.eq_ignore_ascii_case(word)
            || self.names.iter().any(|name| name.eq_ignore_ascii_case(word))
    }
}

/// `/api/v1`, `/apis/apps/v1`.
pub(crate) fn root(api_version: &str) -> String {
    let kind = if api_version.contains('/') { "apis" } else { "api" };
    format!("/{kind}/{api_version}")
}

/// The path of the pods of a namespace.
pub(crate) fn pods(namespace: &str) -> String {
    format!("/api/v1/namespaces/{}/pods", encoded(namespace))
}

/// The path of a pod.
pub(crate) fn pod(namespace: &str, name: &str) -> String {
    format!("{}/{}", pods(namespace), encoded(name))
}

/// A part of a path: names of Kubernetes need no more than this.
pub(crate) fn encoded(part: &str) -> String {
    let mut out = String::new();
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                out.push(char::from(byte))
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A query: `?a=b&c=d`, or nothing.
pub(crate) fn query(pairs: &[(&str, &str)]) -> String {
    let joined: Vec<String> = pairs
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| format!("{key}={}", encoded(value)))
        .collect();
    if joined.is_empty() { String::new() } else { format!("?{}", joined.join("&")) }
}

/// The kinds of one `APIResourceList`.
pub(crate) fn listed(list: &Json) -> Vec<Resource> {
    let api_version = list.get("groupVersion").and_then(Json::as_str).unwrap_or("v1");
    let entries: Vec<&Json> = list.get("resources").and_then(Json::as_array).into_iter().flatten().collect();
    let text = |entry: &Json, key: &str| entry.get(key).and_then(Json::as_str).unwrap_or("").to_string();
    let mut found: Vec<Resource> = vec![];
    for entry in &entries {
        let name = text(entry, "name");
        if name.contains('/') {
            continue;
        }
        let mut names: Vec<String> = entry
            .get("shortNames")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(|name| name.as_str().map(str::to_string))
            .collect();
        names.push(text(entry, "singularName"));
        let prefix = format!("{name}/");
        let subresources = entries
            .iter()
            .filter_map(|other| other.get("name")?.as_str()?.strip_prefix(&prefix).map(str::to_string))
            .collect();
        found.push(Resource {
            api_version: api_version.to_string(),
            kind: text(entry, "kind"),
            plural: name,
            namespaced: entry.get("namespaced").and_then(Json::as_bool).unwrap_or(false),
            names: names.into_iter().filter(|name| !name.is_empty()).collect(),
            subresources,
        });
    }
    found
}

/// The kind of a list that a word means.
pub(crate) fn called<'l>(list: &'l [Resource], word: &str) -> Option<&'l Resource> {
    list.iter().find(|one| one.kind == word).or_else(|| list.iter().find(|one| one.is_called(word)))
}

/// That nobody serves a kind.
pub(crate) fn unknown(api_version: &str, kind: &str) -> Refusal {
    Refusal {
        code: Some(404),
        reason: None,
        message: format!(
            "Failed to find exact match for {api_version}.{kind} by [kind, name, singularName, shortNames]"
        ),
        body: Json::Null,
        ..Refusal::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_kind_is_found_by_all_its_names_and_knows_its_paths() {
        let list = listed(&json!({"groupVersion": "apps/v1", "resources": [
            {"name": "deployments", "singularName": "deployment", "namespaced": true, "kind": "Deployment", "shortNames": ["deploy"]},
            {"name": "deployments/scale", "kind": "Scale", "namespaced": true},
        ]}));
        for word in ["Deployment", "deployment", "deployments", "deploy"] {
            assert_eq!(called(&list, word).unwrap().plural, "deployments", "{word}");
        }
        let found = called(&list, "Deployment").unwrap();
        assert_eq!(found.subresources, ["scale"]);
        assert_eq!(
            found.object(Some("kube-system"), "coredns"),
            "/apis/apps/v1/namespaces/kube-system/deployments/coredns"
        );
        assert_eq!(found.path(None), "/apis/apps/v1/deployments");
        assert_eq!(
            query(&[("labelSelector", "a in (b, c)"), ("limit", "")]),
            "?labelSelector=a%20in%20%28b%2C%20c%29"
        );
    }
}
