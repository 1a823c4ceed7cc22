//! Deleting: options in the body beat the query, preconditions, grace periods of pods, finalizers and propagation. An object
//! that something still holds stays with a deletionTimestamp; the controllers end it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::object::{items, name, namespace, number, set, stamp, terminating, text, uid};
use crate::read::{as_served, get, list};
use crate::resource::Resource;
use crate::status::{Cause, Failure, details};
use crate::store::Store;
use crate::target::Query;
use crate::write::{Written, dry_run};

/// How something is deleted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// The grace period in seconds; none for the one of the object.
    pub grace: Option<i64>,
    /// Whether nothing is done.
    pub dry_run: bool,
    /// `Foreground`, `Background` or `Orphan`.
    pub propagation: Option<String>,
    /// The uid the object must have.
    pub uid: Option<String>,
    /// The resourceVersion the object must have.
    pub version: Option<String>,
}

impl Options {
    /// Reads DeleteOptions.
    pub fn read(body: &Value) -> Result<Self, Failure> {
        let given: Vec<&str> = items(body, "/dryRun").filter_map(Value::as_str).collect();
        let some = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let options = Self {
            grace: number(body, "/gracePeriodSeconds"),
            dry_run: dry_run(&given, "DeleteOptions")?,
            propagation: some("/propagationPolicy"),
            uid: some("/preconditions/uid"),
            version: some("/preconditions/resourceVersion"),
        };
        options.check()
    }

    fn of_query(query: &Query) -> Result<Self, Failure> {
        let given: Vec<&str> = query.all("dryRun").collect();
        let propagation = query.get("propagationPolicy");
        let options = Self {
            grace: query.number("gracePeriodSeconds")?,
            dry_run: dry_run(&given, "DeleteOptions")?,
            propagation: (!propagation.is_empty()).then(|| propagation.to_owned()),
            ..Self::default()
        };
        options.check()
    }

    fn check(self) -> Result<Self, Failure> {
        match self.propagation.as_deref() {
            None | Some("Foreground" | "Background" | "Orphan") => Ok(self),
            Some(other) => {
                let known = ["Foreground", "Background", "Orphan", "nil"];
                let cause = Cause::unsupported("propagationPolicy", &format!("{other:?}"), &known);
                Err(Failure::invalid("meta.k8s.io", "DeleteOptions", "", &[cause]))
            }
        }
    }

    /// Refuses an object that is not the one that was meant.
    pub fn hold(&self, resource: &Resource, object: &Value) -> Result<(), Failure> {
        if let Some(wanted) = self.uid.as_deref().filter(|wanted| *wanted != uid(object)) {
            let why = format!(
                "the UID in the precondition ({wanted}) does not match the UID in record ({}). \
                 The object might have been deleted and then recreated",
                uid(object)
            );
            return Err(Failure::precondition(resource, name(object), &why));
        }
        let is = text(object, "/metadata/resourceVersion");
        if let Some(wanted) = self.version.as_deref().filter(|wanted| *wanted != is) {
            let why = format!(
                "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({is}). \
                 The object might have been modified"
            );
            return Err(Failure::precondition(resource, name(object), &why));
        }
        Ok(())
    }
}

/// The options of a request: those of the body alone where there is one, else those of the query.
pub fn options(written: &Written<'_>) -> Result<Options, Failure> {
    if written.body.is_empty() {
        return Options::of_query(written.query);
    }
    let source = String::from_utf8_lossy(written.body);
    let body = crate::yaml::read(&source)
        .map_err(|why| Failure::bad_request(format!("couldn't get version/kind; json parse error: {why}")))?;
    Options::read(&body)
}

/// Deletes one object.
pub fn one(store: &mut Store, resource: &Resource, written: &Written<'_>) -> Result<Answer, Failure> {
    let options = options(written)?;
    let object = get(store, resource, written.target)?;
    if resource.plural == "namespaces" && ["kube-system", "default", "kube-public"].contains(&name(&object)) {
        return Err(Failure::forbidden(resource, name(&object), "this namespace may not be deleted"));
    }
    options.hold(resource, &object)?;
    let (object, gone) = remove(store, resource, &object, &options);
    let whole = !gone || resource.plural == "pods" || options.propagation.as_deref() == Some("Foreground");
    Ok(if whole {
        Answer::ok(as_served(resource, &object))
    } else {
        let mut named = details(name(&object), &resource.group, &resource.plural);
        set(&mut named, "/uid", uid(&object));
        Answer::success(200, Some(named))
    })
}

/// Begins the deletion of an object, or ends it at once; gives the object and whether it is gone.
pub fn remove(store: &mut Store, resource: &Resource, object: &Value, options: &Options) -> (Value, bool) {
    let mut changed = object.clone();
    let mut held = items(object, "/metadata/finalizers").next().is_some();
    let finalizer = match options.propagation.as_deref() {
        Some("Foreground") => Some("foregroundDeletion"),
        Some("Orphan") if crate::defaults::owns(resource) => Some("orphan"),
        _ => None,
    };
    if let Some(finalizer) = finalizer.filter(|_| !terminating(object)) {
        let mut list: Vec<Value> = items(object, "/metadata/finalizers").cloned().collect();
        list.push(finalizer.into());
        set(&mut changed, "/metadata/finalizers", list);
        held = true;
    }
    let grace = if resource.plural == "pods" { grace_of(object, options) } else { 0 };
    if resource.plural == "namespaces" {
        held = held || items(object, "/spec/finalizers").next().is_some();
        set(&mut changed, "/status/phase", "Terminating");
    }
    if !held && grace == 0 {
        if !options.dry_run {
            store.remove(&resource.storage(), namespace(object), name(object));
        }
        return (changed, true);
    }
    let shorter = number(object, "/metadata/deletionGracePeriodSeconds").is_none_or(|left| grace < left);
    if !terminating(object) || (resource.plural == "pods" && shorter) {
        begin(&mut changed, resource, grace);
    }
    if !options.dry_run {
        changed = store.put(&resource.storage(), changed);
    }
    (changed, false)
}

/// Writes the marks of a deletion that has begun.
fn begin(object: &mut Value, resource: &Resource, grace: i64) {
    let at = Timestamp::now().saturating_add(SignedDuration::from_secs(grace)).unwrap_or(Timestamp::now());
    let began = terminating(object);
    set(object, "/metadata/deletionTimestamp", stamp(at));
    if resource.plural != "namespaces" {
        set(object, "/metadata/deletionGracePeriodSeconds", grace);
    }
    if !began && let Some(generation) = number(object, "/metadata/generation") {
        set(object, "/metadata/generation", generation + 1);
    }
}

/// The grace period of a pod: none for one that no kubelet looks after or that has ended.
fn grace_of(pod: &Value, options: &Options) -> i64 {
    let ended = matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
    if text(pod, "/spec/nodeName").is_empty() || ended {
        return 0;
    }
    let own = number(pod, "/spec/terminationGracePeriodSeconds").unwrap_or(30);
    options.grace.unwrap_or(own).max(i64::from(options.grace.is_some_and(|grace| grace < 0)))
}

/// Deletes what a collection request selects and gives the list.
pub fn many(store: &mut Store, resource: &Resource, written: &Written<'_>) -> Result<Answer, Failure> {
    let options = options(written)?;
    let mut found = list(store, resource, written.target, written.query)?;
    if let Some(items) = found.get_mut("items").and_then(Value::as_array_mut) {
        for item in items {
            let object = store.get(&resource.storage(), namespace(item), name(item)).cloned();
            if let Some(object) = object {
                let (mut changed, _) = remove(store, resource, &object, &options);
                if let Value::Object(map) = &mut changed {
                    map.shift_remove("kind");
                    map.shift_remove("apiVersion");
                }
                *item = changed;
            }
        }
    }
    if !options.dry_run {
        set(&mut found, "/metadata", json!({"resourceVersion": store.revision().to_string()}));
    }
    Ok(Answer::ok(found))
}
