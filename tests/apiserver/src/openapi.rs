//! OpenAPI v3: no schemas, but which kinds take `fieldValidation` and `dryRun`, which kubectl looks up before it applies; with
//! that it leaves the checking of fields to the server.

use serde_json::{Map, Value, json};

use crate::resource::GroupVersion;

/// The name of the document of a group and version: `api/v1` or `apis/apps/v1`.
#[must_use]
pub fn document_name(list: &GroupVersion) -> String {
    let root = if list.group.is_empty() { "api" } else { "apis" };
    format!("{root}/{}", list.api_version())
}

/// The index of the documents.
#[must_use]
pub fn index(served: &[GroupVersion]) -> Value {
    let mut names = vec!["api".to_owned(), "apis".to_owned(), "version".to_owned()];
    names.extend(served.iter().map(document_name));
    let entry = |name: String| {
        let hash = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, name.as_bytes())
            .simple()
            .to_string()
            .to_uppercase();
        let url = json!({"serverRelativeURL": format!("/openapi/v3/{name}?hash={hash}")});
        (name, url)
    };
    let paths: Map<String, Value> = names.into_iter().map(entry).collect();
    json!({"paths": paths})
}

/// The document of a group and version.
#[must_use]
pub fn document(list: Option<&GroupVersion>, version: &str) -> Value {
    let mut paths = Map::new();
    for resource in list.into_iter().flat_map(|list| &list.resources) {
        let root = list.map(document_name).unwrap_or_default();
        let space = if resource.namespaced { "/namespaces/{namespace}" } else { "" };
        let kind = json!({"group": resource.group, "version": resource.version, "kind": resource.kind});
        let parameter = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string"}});
        let operation = |action: &str| {
            json!({
                "x-kubernetes-action": action,
                "x-kubernetes-group-version-kind": kind,
                "parameters": [parameter("dryRun"), parameter("fieldManager"), parameter("fieldValidation")],
            })
        };
        paths.insert(format!("/{root}{space}/{}", resource.plural), json!({"post": operation("post")}));
        let one = json!({"patch": operation("patch"), "put": operation("put")});
        paths.insert(format!("/{root}{space}/{}/{{name}}", resource.plural), one);
    }
    json!({"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": version}, "paths": paths, "components": {"schemas": {}}})
}
