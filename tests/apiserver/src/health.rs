//! What is no resource: /version, the root, and the health endpoints with their single checks. A check fails where a test says
//! so by its name.

use axum::body::Body;
use hyper::Response;
use serde_json::{Value, json};

use crate::answer::{add_header, json_response, respond};
use crate::double::Versions;
use crate::resource::served;
use crate::status::Failure;
use crate::store::Store;
use crate::target::Query;

/// The hooks that run at the start, each with a check of its own.
const HOOKS: &[&str] = &[
    "poststarthook/start-apiserver-admission-initializer",
    "poststarthook/generic-apiserver-start-informers",
    "poststarthook/priority-and-fairness-config-consumer",
    "poststarthook/priority-and-fairness-filter",
    "poststarthook/storage-object-count-tracker-hook",
    "poststarthook/start-apiextensions-informers",
    "poststarthook/start-apiextensions-controllers",
    "poststarthook/crd-informer-synced",
    "poststarthook/start-system-namespaces-controller",
    "poststarthook/peer-endpoint-reconciler-controller",
    "poststarthook/start-cluster-authentication-info-controller",
    "poststarthook/start-kube-apiserver-identity-lease-controller",
    "poststarthook/start-kube-apiserver-identity-lease-garbage-collector",
    "poststarthook/storage-readiness",
    "poststarthook/start-legacy-token-tracking-controller",
    "poststarthook/start-service-ip-repair-controllers",
    "poststarthook/rbac/bootstrap-roles",
    "poststarthook/scheduling/bootstrap-system-priority-classes",
    "poststarthook/priority-and-fairness-config-producer",
    "poststarthook/bootstrap-controller",
    "poststarthook/start-kubernetes-service-cidr-controller",
    "poststarthook/start-kube-aggregator-informers",
    "poststarthook/apiservice-status-local-available-controller",
    "poststarthook/apiservice-status-remote-available-controller",
    "poststarthook/apiservice-registration-controller",
    "poststarthook/apiservice-wait-for-first-sync",
    "poststarthook/apiservice-discovery-controller",
    "poststarthook/kube-apiserver-autoregistration",
    "autoregister-completion",
    "poststarthook/apiservice-openapi-controller",
    "poststarthook/apiservice-openapiv3-controller",
];

const PLAIN: &str = "text/plain; charset=utf-8";

/// The answer to a path that is no resource's and no discovery's.
pub fn answer(
    store: &Store,
    path: &str,
    query: &Query,
    failing: &[String],
    versions: &Versions,
) -> Result<Response<Body>, Failure> {
    let trimmed = path.trim_matches('/');
    let (kind, check) = trimmed.split_once('/').unwrap_or((trimmed, ""));
    match kind {
        "" => Ok(json_response(200, &json!({"paths": paths(store)}))),
        "version" if check.is_empty() => Ok(json_response(200, &version(versions))),
        "healthz" | "livez" | "readyz" => health(kind, check, query, failing),
        "openapi" if check == "v3" => {
            let documents: serde_json::Map<String, Value> = paths(store)
                .into_iter()
                .filter(|path| path == "/version" || path.starts_with("/api"))
                .map(|path| {
                    let name = path.trim_matches('/').to_owned();
                    let hash = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, name.as_bytes())
                        .simple()
                        .to_string()
                        .to_uppercase();
                    let url = json!({"serverRelativeURL": format!("/openapi/v3/{name}?hash={hash}")});
                    (name, url)
                })
                .collect();
            let mut response = respond(200, PLAIN, json!({"paths": documents}).to_string());
            add_header(&mut response, "last-modified", "Thu, 01 Jan 2026 00:00:00 GMT");
            Ok(response)
        }
        "openapi" if check.starts_with("v3/") => {
            // A document without schemas: clients that would validate against it find nothing to say.
            let info = json!({"title": "Kubernetes", "version": versions.git});
            Ok(json_response(200, &json!({"openapi": "3.0.0", "info": info, "paths": {}})))
        }
        "metrics" if check.is_empty() => Ok(respond(
            200,
            "text/plain; version=0.0.4",
            format!("apiserver_storage_objects {}\n", store.revision()),
        )),
        _ => Err(Failure::no_page()),
    }
}

fn version(versions: &Versions) -> Value {
    let (major, minor) = (versions.major(), versions.minor());
    let before =
        minor.parse::<u32>().map_or_else(|_| minor.clone(), |minor| minor.saturating_sub(1).to_string());
    json!({
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": before,
        "gitVersion": versions.git,
        "gitCommit": "0000000000000000000000000000000000000000",
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "go1.26.6",
        "compiler": "gc",
        "platform": "linux/amd64",
    })
}

fn paths(store: &Store) -> Vec<String> {
    let mut paths: Vec<String> = [
        "/.well-known/openid-configuration",
        "/api",
        "/apis",
        "/apis/",
        "/healthz",
        "/livez",
        "/metrics",
        "/openapi/v2",
        "/openapi/v3",
        "/readyz",
        "/version",
    ]
    .map(str::to_owned)
    .to_vec();
    for list in served(store) {
        if list.group.is_empty() {
            paths.push("/api/v1".to_owned());
        } else {
            paths.push(format!("/apis/{}", list.group));
            paths.push(format!("/apis/{}", list.api_version()));
        }
    }
    for kind in ["healthz", "livez", "readyz"] {
        paths.extend(["ping", "log", "etcd"].map(|check| format!("/{kind}/{check}")));
    }
    paths.sort();
    paths.dedup();
    paths
}

fn checks(kind: &str) -> Vec<&'static str> {
    let mut checks = vec!["ping", "log"];
    if kind == "readyz" {
        checks.extend(["etcd", "etcd-readiness", "informer-sync"]);
    } else {
        checks.extend(["loopback-serving-certificate", "etcd"]);
    }
    checks.extend(HOOKS);
    if kind == "readyz" {
        checks.push("shutdown");
    }
    checks
}

fn health(kind: &str, check: &str, query: &Query, failing: &[String]) -> Result<Response<Body>, Failure> {
    let all = checks(kind);
    let fails = |check: &str| failing.iter().any(|failing| failing == check);
    if !check.is_empty() {
        if !all.contains(&check) {
            return Err(Failure::no_page());
        }
        if fails(check) {
            let message = "internal server error: reason withheld\n".to_owned();
            return Err(Failure { form: crate::status::Form::Plain, ..Failure::new(500, "", message) });
        }
        return Ok(respond(200, PLAIN, "ok"));
    }
    let excluded: Vec<&str> = query.all("exclude").collect();
    let mut lines = String::new();
    let mut bad = false;
    for check in &all {
        if excluded.contains(check) {
            lines.push_str(&format!("[+]{check} excluded: ok\n"));
        } else if fails(check) {
            bad = true;
            lines.push_str(&format!("[-]{check} failed: reason withheld\n"));
        } else {
            lines.push_str(&format!("[+]{check} ok\n"));
        }
    }
    for unknown in excluded.iter().filter(|excluded| !all.contains(excluded)) {
        lines.push_str(&format!("warn: some health checks cannot be excluded: no matches for {unknown:?}\n"));
    }
    if bad {
        lines.push_str(&format!("{kind} check failed\n"));
        return Err(Failure { form: crate::status::Form::Plain, ..Failure::new(500, "", lines) });
    }
    lines.push_str(&format!("{kind} check passed\n"));
    let mut response = respond(200, PLAIN, if query.has("verbose") { lines } else { "ok".to_owned() });
    add_header(&mut response, "x-content-type-options", "nosniff");
    Ok(response)
}
