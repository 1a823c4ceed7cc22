//! Discovery: what is served, in the plain form (a document a group and version) and in the aggregated one (all at once), which
//! a client asks for by Accept.

use axum::body::Body;
use hyper::Response;
use serde_json::{Map, Value, json};

use crate::answer::{add_header, json_response, respond};
use crate::object::{items, text};
use crate::resource::{GroupVersion, Resource, Subresource, served};
use crate::status::Failure;
use crate::store::Store;

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// The answer to a path of discovery; none for another path.
pub fn answer(
    store: &Store,
    path: &str,
    accept: &str,
    address: &str,
) -> Option<Result<Response<Body>, Failure>> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let all = served(store);
    let aggregated = accept.split(',').any(|entry| entry.trim() == AGGREGATED);
    let plain =
        |body: Option<Value>| body.map(|body| json_response(200, &body)).ok_or_else(|| unknown(&all, path));
    let vary = |mut response: Response<Body>| {
        add_header(&mut response, "vary", "Accept");
        response
    };
    Some(match parts.as_slice() {
        ["api"] if aggregated => Ok(whole(&all, store, true)),
        ["apis"] if aggregated => Ok(whole(&all, store, false)),
        ["api"] => Ok(vary(json_response(
            200,
            &json!({
                "kind": "APIVersions",
                "versions": ["v1"],
                "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
            }),
        ))),
        ["apis"] => {
            let groups: Vec<Value> =
                names(&all, store).into_iter().map(|group| group_of(&all, store, &group)).collect();
            Ok(vary(json_response(
                200,
                &json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}),
            )))
        }
        ["api", version] => plain(list(&all, "", version)),
        ["apis", group] => {
            let known = names(&all, store).iter().any(|known| known == group);
            let body = known.then(|| {
                let mut body = json!({"kind": "APIGroup", "apiVersion": "v1"});
                if let (Value::Object(body), Value::Object(group)) = (&mut body, group_of(&all, store, group))
                {
                    body.extend(group);
                }
                body
            });
            plain(body)
        }
        ["apis", group, version] => match down(store, group, version) {
            Some(failure) => Err(failure),
            None => plain(list(&all, group, version)),
        },
        _ => return None,
    })
}

/// The refusal of a group whose aggregated API server is not reached.
#[must_use]
pub fn down(store: &Store, group: &str, version: &str) -> Option<Failure> {
    let service = store.get("apiservices.apiregistration.k8s.io", "", &format!("{version}.{group}"))?;
    service.pointer("/spec/service")?.get("name")?;
    if items(service, "/status/conditions")
        .any(|entry| text(entry, "/type") == "Available" && text(entry, "/status") == "True")
    {
        return None;
    }
    Some(Failure { form: crate::status::Form::Plain, ..Failure::new(503, "", "service unavailable\n") })
}

fn unknown(all: &[GroupVersion], path: &str) -> Failure {
    let group = path.split('/').nth(2).unwrap_or_default();
    let known = path.starts_with("/api/") || all.iter().any(|list| list.group == group);
    if known { Failure::no_resource() } else { Failure::no_page() }
}

/// The groups besides the core, in their order; those of aggregated API servers come with them.
fn names(all: &[GroupVersion], store: &Store) -> Vec<String> {
    let mut names: Vec<String> =
        all.iter().map(|list| list.group.clone()).filter(|group| !group.is_empty()).collect();
    names.extend(remote(store).into_iter().map(|(group, _)| group));
    let mut seen: Vec<String> = Vec::new();
    names.retain(|name| {
        let new = !seen.contains(name);
        seen.push(name.clone());
        new
    });
    names
}

/// The group versions of APIServices that another server answers for.
fn remote(store: &Store) -> Vec<(String, String)> {
    store
        .list("apiservices.apiregistration.k8s.io", None)
        .filter(|service| service.pointer("/spec/service/name").is_some())
        .map(|service| (text(service, "/spec/group").to_owned(), text(service, "/spec/version").to_owned()))
        .collect()
}

fn group_of(all: &[GroupVersion], store: &Store, group: &str) -> Value {
    let mut versions: Vec<Value> = all
        .iter()
        .filter(|list| list.group == group)
        .map(|list| json!({"groupVersion": list.api_version(), "version": list.version}))
        .collect();
    for (_, version) in remote(store).iter().filter(|(of, _)| of == group) {
        versions.push(json!({"groupVersion": format!("{group}/{version}"), "version": version}));
    }
    json!({"name": group, "versions": versions, "preferredVersion": versions.first()})
}

fn list(all: &[GroupVersion], group: &str, version: &str) -> Option<Value> {
    let list = all.iter().find(|list| list.group == group && list.version == version)?;
    let mut resources: Vec<Value> = Vec::new();
    for resource in &list.resources {
        resources.push(plain(resource));
        resources.extend(resource.subresources.iter().map(|part| plain_part(resource, part)));
    }
    Some(
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": list.api_version(), "resources": resources}),
    )
}

fn plain(resource: &Resource) -> Value {
    let mut entry = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": resource.verbs,
    });
    if let Value::Object(map) = &mut entry {
        lists(map, resource);
        if let Some(hash) = &resource.hash {
            map.insert("storageVersionHash".into(), hash.clone().into());
        }
    }
    entry
}

fn lists(map: &mut Map<String, Value>, resource: &Resource) {
    for (key, list) in [("shortNames", &resource.short_names), ("categories", &resource.categories)] {
        if !list.is_empty() {
            map.insert(key.into(), json!(list));
        }
    }
}

fn plain_part(resource: &Resource, part: &Subresource) -> Value {
    let mut entry = json!({
        "name": format!("{}/{}", resource.plural, part.name),
        "singularName": "",
        "namespaced": resource.namespaced,
    });
    if let Value::Object(map) = &mut entry {
        for (key, value) in [("group", &part.group), ("version", &part.version)] {
            if let Some(value) = value {
                map.insert(key.into(), value.clone().into());
            }
        }
        map.insert("kind".into(), part.kind.clone().into());
        map.insert("verbs".into(), json!(part.verbs));
    }
    entry
}

fn whole(all: &[GroupVersion], store: &Store, core: bool) -> Response<Body> {
    let groups = if core { vec![String::new()] } else { names(all, store) };
    let of = |group: &String| {
        let mut versions: Vec<Value> = all
            .iter()
            .filter(|list| list.group == *group)
            .map(|list| {
                let resources: Vec<Value> =
                    list.resources.iter().map(|resource| aggregated(resource)).collect();
                json!({"version": list.version, "resources": resources, "freshness": "Current"})
            })
            .collect();
        for (_, version) in remote(store).iter().filter(|(of, _)| of == group) {
            versions.push(json!({"version": version, "freshness": "Stale"}));
        }
        let metadata = if group.is_empty() { json!({}) } else { json!({"name": group}) };
        json!({"metadata": metadata, "versions": versions})
    };
    let body = json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": groups.iter().map(of).collect::<Vec<_>>(),
    });
    let text = body.to_string();
    let mut response = respond(200, AGGREGATED, text.clone());
    response.headers_mut().remove("cache-control");
    add_header(&mut response, "cache-control", "public");
    let tag =
        uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, text.as_bytes()).simple().to_string().to_uppercase();
    add_header(&mut response, "etag", &format!("{tag:?}"));
    add_header(&mut response, "vary", "Accept");
    response
}

fn aggregated(resource: &Resource) -> Value {
    let scope = if resource.namespaced { "Namespaced" } else { "Cluster" };
    let kind =
        |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
    let own = if resource.custom() {
        kind(&resource.group, &resource.version, &resource.kind)
    } else {
        kind("", "", &resource.kind)
    };
    let mut entry = json!({
        "resource": resource.plural,
        "responseKind": own,
        "scope": scope,
        "singularResource": resource.singular,
        "verbs": resource.verbs,
    });
    if let Value::Object(map) = &mut entry {
        lists(map, resource);
        let parts: Vec<Value> = resource
            .subresources
            .iter()
            .map(|part| {
                let group = part.group.as_deref().unwrap_or_default();
                let version = part.version.as_deref().unwrap_or_default();
                json!({"subresource": part.name, "responseKind": kind(group, version, &part.kind), "verbs": part.verbs})
            })
            .collect();
        if !parts.is_empty() {
            map.insert("subresources".into(), json!(parts));
        }
    }
    entry
}
