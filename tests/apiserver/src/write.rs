//! Creating and replacing: the body is read and checked, the metadata are the server's, the rules of the kind are asked, and
//! only then is anything stored. A dry run goes the same way up to the store.

use hyper::HeaderMap;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::object::{items, name, namespace, now, set, suffix, take, terminating, text, uid};
use crate::read::{as_served, get};
use crate::resource::{self, Resource};
use crate::status::{Cause, Failure};
use crate::store::Store;
use crate::target::{Query, Target};
use crate::{admission, defaults, event, fields, schema, validate, yaml};

/// A request that writes: everything but its resource.
#[derive(Debug)]
pub struct Written<'a> {
    /// What it is about.
    pub target: &'a Target,
    /// Its query.
    pub query: &'a Query,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body.
    pub body: &'a [u8],
}

impl Written<'_> {
    /// Whether it is a dry run; an unknown value is refused.
    pub fn dry_run(&self, options: &str) -> Result<bool, Failure> {
        let given: Vec<&str> = self.query.all("dryRun").collect();
        dry_run(&given, options)
    }

    /// Who is written down as the manager of the fields.
    #[must_use]
    pub fn manager(&self) -> String {
        let given = self.query.get("fieldManager");
        if !given.is_empty() {
            return given.to_owned();
        }
        let agent = self.headers.get("user-agent").and_then(|agent| agent.to_str().ok()).unwrap_or("unknown");
        agent.split('/').next().unwrap_or_default().to_owned()
    }

    fn content_type(&self) -> &str {
        let header =
            self.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        header.split(';').next().unwrap_or_default().trim()
    }
}

/// Reads dry run values.
pub fn dry_run(given: &[&str], options: &str) -> Result<bool, Failure> {
    if given.iter().any(|value| *value != "All") {
        let cause = Cause::unsupported("dryRun", &json!(given).to_string(), &["All"]);
        return Err(Failure::invalid("meta.k8s.io", options, "", &[cause]));
    }
    Ok(!given.is_empty())
}

/// Reads the body as an object of a kind; `known` are the apiVersions in which it may come.
pub fn decode(store: &Store, written: &Written<'_>, known: &[&str], kind: &str) -> Result<Value, Failure> {
    let yaml = match written.content_type() {
        "" | "application/json" => false,
        "application/yaml" => true,
        _ => {
            let message = "the body of the request was in an unknown format - accepted media types include: \
                           application/json, application/yaml, application/vnd.kubernetes.protobuf";
            return Err(Failure::new(415, "UnsupportedMediaType", message));
        }
    };
    let source = String::from_utf8_lossy(written.body);
    let unreadable = |why: &str| {
        let shown = if source.is_empty() { "<empty>".into() } else { source.clone() };
        Failure::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: {why} ({shown})"
        ))
    };
    let object: Value = if yaml {
        yaml::read(&source).map_err(|why| unreadable(&why))?
    } else {
        serde_json::from_str(&source).map_err(|error| unreadable(&go_error(&error)))?
    };
    let (version, found) = (text(&object, "/apiVersion"), text(&object, "/kind"));
    if found.is_empty() && version.is_empty() {
        return Ok(object);
    }
    if found != kind {
        let as_kind = |why: String| {
            Failure::bad_request(format!(
                "{found} in version {version:?} cannot be handled as a {kind}: {why}"
            ))
        };
        let short = version.rsplit('/').next().unwrap_or_default();
        let package =
            known.first().and_then(|known| known.split_once('/')).map_or("core", |(group, _)| group);
        let package = package.split('.').next().unwrap_or_default();
        if resource::of_kind(store, version, found).is_some() || found == "DeleteOptions" {
            let message = format!("converting ({short}.{found}) to ({package}.{kind}): unknown conversion");
            return Err(as_kind(message));
        }
        let scheme = "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30";
        return Err(as_kind(format!(
            "no kind {found:?} is registered for version {version:?} in scheme {scheme:?}"
        )));
    }
    if !known.contains(&version) {
        let message = format!(
            "the API version in the data ({version}) does not match the expected API version ({})",
            known.join(", ")
        );
        return Err(Failure::bad_request(message));
    }
    Ok(object)
}

/// An error of the JSON reader in the words of the server.
pub fn go_error(error: &serde_json::Error) -> String {
    if error.is_eof() { "unexpected end of JSON input".to_owned() } else { error.to_string() }
}

/// Creates an object.
pub fn create(store: &mut Store, resource: &Resource, written: &Written<'_>) -> Result<Answer, Failure> {
    let dry_run = written.dry_run("CreateOptions")?;
    let api_version = resource.api_version();
    let mut object = decode(store, written, &[&api_version], &resource.kind)?;
    let warnings = fields::check(resource, &object, written.body, written.query.get("fieldValidation"))?;
    place(resource, &mut object, written.target)?;
    let mut object = if resource.plural == "events" { event::stored(resource, &object) } else { object };
    let (stored, more) = insert(store, resource, &mut object, dry_run, &written.manager())?;
    let mut answer = Answer::created(as_served(resource, &stored));
    answer.warnings = warnings.into_iter().chain(more).collect();
    Ok(answer)
}

/// Puts an object in the namespace of its path; another one in its body is refused.
fn place(resource: &Resource, object: &mut Value, target: &Target) -> Result<(), Failure> {
    if !resource.namespaced {
        take(object, "/metadata/namespace");
        return Ok(());
    }
    let wanted = target.namespace.as_deref().unwrap_or_default();
    let given = namespace(object);
    if !given.is_empty() && given != wanted {
        let message = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Failure::bad_request(message));
    }
    set(object, "/metadata/namespace", wanted);
    Ok(())
}

/// Stores a new object after every check, and gives it with the warnings of admission.
pub fn insert(
    store: &mut Store,
    resource: &Resource,
    object: &mut Value,
    dry_run: bool,
    manager: &str,
) -> Result<(Value, Vec<String>), Failure> {
    let space = namespace(object).to_owned();
    if resource.namespaced {
        let found = store.get("namespaces", "", &space).ok_or_else(|| Failure::no_namespace(&space))?;
        if terminating(found) {
            let why =
                format!("unable to create new content in namespace {space} because it is being terminated");
            let cause = format!("namespace {space} is being terminated");
            let cause = Cause::new("NamespaceTerminating", "metadata.namespace", cause);
            return Err(Failure::forbidden(resource, name(object), &why).causes(&[cause]));
        }
    }
    let prefix = text(object, "/metadata/generateName").to_owned();
    if name(object).is_empty() && !prefix.is_empty() {
        set(object, "/metadata/name", format!("{prefix}{}", suffix()));
    }
    server_metadata(resource, object);
    defaults::fill(store, resource, object);
    schema::check(resource, object)?;
    let warnings = admission::review(store, resource, object)?;
    let causes = validate::new(resource, object);
    if !causes.is_empty() {
        return Err(Failure::invalid(&resource.group, &resource.kind, name(object), &causes));
    }
    let given = name(object).to_owned();
    if store.get(&resource.storage(), &space, &given).is_some() {
        return Err(Failure::exists(resource, &given));
    }
    crate::managed::updated(resource, None, object, manager, "");
    let stored = if dry_run { object.clone() } else { store.put(&resource.storage(), object.clone()) };
    Ok((stored, warnings))
}

/// The metadata of a new object, in the order in which the server writes them.
fn server_metadata(resource: &Resource, object: &mut Value) {
    let mut given = take(object, "/metadata").unwrap_or_default();
    let mut metadata = Map::new();
    for key in ["name", "generateName", "namespace"] {
        if let Some(value) = take(&mut given, &format!("/{key}")) {
            metadata.insert(key.into(), value);
        }
    }
    metadata.insert("uid".into(), uuid::Uuid::new_v4().to_string().into());
    if defaults::has_generation(resource) {
        metadata.insert("generation".into(), 1.into());
    }
    metadata.insert("creationTimestamp".into(), now().into());
    for key in ["labels", "annotations", "ownerReferences", "finalizers"] {
        let value = take(&mut given, &format!("/{key}"));
        let empty = |value: &Value| {
            value.as_array().is_some_and(Vec::is_empty)
                || value.as_object().is_some_and(Map::is_empty)
                || value.is_null()
        };
        if let Some(value) = value.filter(|value| !empty(value)) {
            metadata.insert(key.into(), value);
        }
    }
    set(object, "/metadata", Value::Object(metadata));
    let has_status = resource.subresource("status").is_some() && resource.plural != "nodes";
    if has_status && resource.plural != "pods" {
        take(object, "/status");
    }
    if let Value::Object(map) = object {
        map.insert("kind".into(), resource.kind.clone().into());
        map.insert("apiVersion".into(), resource.api_version().into());
    }
}

/// Replaces an object.
pub fn replace(store: &mut Store, resource: &Resource, written: &Written<'_>) -> Result<Answer, Failure> {
    let dry_run = written.dry_run("UpdateOptions")?;
    let api_version = resource.api_version();
    let mut object = decode(store, written, &[&api_version], &resource.kind)?;
    let warnings = fields::check(resource, &object, written.body, written.query.get("fieldValidation"))?;
    let wanted = written.target.name.as_deref().unwrap_or_default();
    if name(&object) != wanted {
        let message = format!(
            "the name of the object ({}) does not match the name on the URL ({wanted})",
            name(&object)
        );
        return Err(Failure::bad_request(message));
    }
    place(resource, &mut object, written.target)?;
    let old = get(store, resource, written.target)?;
    if text(&object, "/metadata/resourceVersion").is_empty() && defaults::demands_version(resource) {
        let cause = Cause::invalid("metadata.resourceVersion", &json!(0), "must be specified for an update");
        return Err(Failure::invalid(&resource.group, &resource.plural, wanted, &[cause]));
    }
    let object = if resource.plural == "events" { event::stored(resource, &object) } else { object };
    let stored = update(
        store,
        resource,
        &Update { old, dry_run, part: written.target.subresource.as_deref(), manager: &written.manager() },
        object,
    )?;
    Ok(Answer { warnings, ..Answer::ok(as_served(resource, &stored)) })
}

/// A change of an object that exists.
#[derive(Debug)]
pub struct Update<'a> {
    /// The object before.
    pub old: Value,
    /// Whether nothing is stored.
    pub dry_run: bool,
    /// The subresource through which it comes.
    pub part: Option<&'a str>,
    /// Who changes it; empty where managed fields are the caller's affair.
    pub manager: &'a str,
}

/// Stores the new form of an object after every check and gives it as stored.
pub fn update(
    store: &mut Store,
    resource: &Resource,
    change: &Update<'_>,
    mut object: Value,
) -> Result<Value, Failure> {
    let Update { old, dry_run, part, manager } = change;
    let wanted = name(old);
    let (given, is) = (text(&object, "/metadata/resourceVersion"), text(old, "/metadata/resourceVersion"));
    if !given.is_empty() && given != is {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        return Err(Failure::conflict(resource, wanted, why));
    }
    if !uid(&object).is_empty() && uid(&object) != uid(old) {
        let key = crate::store::path(namespace(old), wanted);
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: /registry/{}/{key}, ResourceVersion: 0, AdditionalErrorMsg: \
             Precondition failed: UID in precondition: {}, UID in object meta: {}",
            resource.plural,
            uid(&object),
            uid(old)
        );
        return Err(Failure::conflict(resource, wanted, &why));
    }
    keep(resource, old, &mut object, *part);
    defaults::fill(store, resource, &mut object);
    schema::check(resource, &mut object)?;
    let causes = validate::changed(resource, old, &object);
    if !causes.is_empty() {
        return Err(Failure::invalid(&resource.group, &resource.kind, wanted, &causes));
    }
    let spec_changed = old.get("spec") != object.get("spec");
    if defaults::has_generation(resource) && spec_changed {
        let generation = old.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(1);
        set(&mut object, "/metadata/generation", generation + 1);
    }
    if !manager.is_empty() {
        crate::managed::updated(resource, Some(old), &mut object, manager, part.unwrap_or_default());
    }
    if *dry_run {
        return Ok(object);
    }
    let freed = terminating(&object) && items(&object, "/metadata/finalizers").next().is_none();
    let waits = resource.plural == "pods"
        && object.pointer("/metadata/deletionGracePeriodSeconds") != Some(&json!(0));
    let waits =
        waits || (resource.plural == "namespaces" && items(&object, "/spec/finalizers").next().is_some());
    if freed && !waits && resource.group != "events.k8s.io" {
        let gone = store.remove(&resource.storage(), namespace(old), wanted);
        return Ok(gone.map_or(object, |gone| as_served(resource, &gone)));
    }
    Ok(store.put(&resource.storage(), object))
}

/// Takes over from the old object what a request may not change, and drops what its subresource does not reach.
fn keep(resource: &Resource, old: &Value, object: &mut Value, part: Option<&str>) {
    for key in [
        "uid",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "resourceVersion",
    ] {
        let pointer = format!("/metadata/{key}");
        match old.pointer(&pointer) {
            Some(value) => set(object, &pointer, value.clone()),
            None => {
                take(object, &pointer);
            }
        }
    }
    for key in ["labels", "annotations", "ownerReferences", "finalizers"] {
        let pointer = format!("/metadata/{key}");
        let empty = object.pointer(&pointer).is_some_and(|value| {
            value.is_null()
                || value.as_array().is_some_and(Vec::is_empty)
                || value.as_object().is_some_and(Map::is_empty)
        });
        if empty {
            take(object, &pointer);
        }
    }
    match part {
        Some("status") => {
            let status = object.get("status").cloned();
            let metadata = object.get("metadata").cloned();
            *object = old.clone();
            for (key, value) in [("/status", status), ("/metadata", metadata)] {
                if let Some(value) = value {
                    set(object, key, value);
                }
            }
        }
        _ if resource.subresource("status").is_some() => match old.get("status") {
            Some(status) => set(object, "/status", status.clone()),
            None => {
                take(object, "/status");
            }
        },
        _ => {}
    }
    if let Value::Object(map) = object {
        map.insert("kind".into(), resource.kind.clone().into());
        map.insert("apiVersion".into(), resource.api_version().into());
    }
}
