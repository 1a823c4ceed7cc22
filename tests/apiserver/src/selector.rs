//! Label and field selectors as lists and watches take them. A label selector that cannot be read and a field that is not
//! selectable are refused as the server does.

use serde_json::Value;

use crate::object::{items, label, name, namespace, text};
use crate::resource::Resource;
use crate::status::Failure;

/// What a list or watch selects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, bool, String)>,
}

/// One requirement on a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// The label is one of these values; one value is `=`.
    In(String, Vec<String>),
    /// The label is absent or none of these values.
    NotIn(String, Vec<String>),
    /// The label is there.
    Exists(String),
    /// The label is not there.
    Absent(String),
    /// The label is a number above (`true`) or below this one.
    Than(String, bool, i64),
}

impl Requirement {
    fn matches(&self, value: impl Fn(&str) -> Option<String>) -> bool {
        match self {
            Self::In(key, values) => value(key).is_some_and(|found| values.contains(&found)),
            Self::NotIn(key, values) => value(key).is_none_or(|found| !values.contains(&found)),
            Self::Exists(key) => value(key).is_some(),
            Self::Absent(key) => value(key).is_none(),
            Self::Than(key, above, limit) => value(key)
                .and_then(|found| found.parse::<i64>().ok())
                .is_some_and(|found| if *above { found > *limit } else { found < *limit }),
        }
    }
}

impl Selector {
    /// Reads both selectors of a request for a resource.
    pub fn read(resource: &Resource, labels: &str, fields: &str) -> Result<Self, Failure> {
        Ok(Self { labels: requirements(labels)?, fields: read_fields(resource, fields)? })
    }

    /// Whether everything is selected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether an object is selected.
    #[must_use]
    pub fn matches(&self, resource: &Resource, object: &Value) -> bool {
        self.labels.iter().all(|wanted| wanted.matches(|key| label(object, key).map(str::to_owned)))
            && self
                .fields
                .iter()
                .all(|(key, equal, value)| (field(resource, object, key) == *value) == *equal)
    }
}

/// Reads a label selector.
pub fn requirements(source: &str) -> Result<Vec<Requirement>, Failure> {
    let mut found = Vec::new();
    let mut rest = source.trim();
    while !rest.is_empty() {
        let (requirement, after) = requirement(rest)?;
        found.push(requirement);
        rest = after.trim_start();
        if rest.is_empty() {
            break;
        }
        let Some(next) = rest.strip_prefix(',') else {
            let word: String = rest.chars().take(1).collect();
            return Err(Failure::bad_request(format!("found '{word}', expected: ',' or 'end of string'")));
        };
        rest = next.trim_start();
    }
    Ok(found)
}

/// A word of a selector and what comes after it.
fn word(source: &str) -> (&str, &str) {
    let source = source.trim_start();
    let end =
        source.find(|found: char| found.is_whitespace() || "=!,()<>".contains(found)).unwrap_or(source.len());
    source.split_at(end)
}

fn requirement(source: &str) -> Result<(Requirement, &str), Failure> {
    if let Some(rest) = source.strip_prefix('!') {
        let (key, rest) = word(rest);
        return Ok((Requirement::Absent(key.to_owned()), rest));
    }
    let (key, rest) = word(source);
    if key.is_empty() {
        let found: String = rest.chars().take(1).collect();
        let message = format!("unable to parse requirement: found '{found}', expected: identifier");
        return Err(Failure::bad_request(message));
    }
    let key = key.to_owned();
    let rest = rest.trim_start();
    for (sign, equal) in [("==", true), ("!=", false), ("=", true)] {
        if let Some(rest) = rest.strip_prefix(sign) {
            let (value, rest) = word(rest);
            let values = vec![value.to_owned()];
            return Ok((
                if equal { Requirement::In(key, values) } else { Requirement::NotIn(key, values) },
                rest,
            ));
        }
    }
    for (sign, above) in [(">", true), ("<", false)] {
        if let Some(rest) = rest.strip_prefix(sign) {
            let (value, rest) = word(rest);
            let Ok(limit) = value.parse() else {
                let message = format!(
                    "values[0][{key}]: Invalid value: {value:?}: for 'Gt', 'Lt' operators, the value must be an integer"
                );
                return Err(Failure::bad_request(message));
            };
            return Ok((Requirement::Than(key, above, limit), rest));
        }
    }
    let (operator, after) = word(rest);
    match operator {
        "in" | "notin" => {
            let Some((list, rest)) =
                after.trim_start().strip_prefix('(').and_then(|list| list.split_once(')'))
            else {
                return Err(Failure::bad_request("unable to parse requirement: found '', expected: '('"));
            };
            let values = list.split(',').map(|value| value.trim().to_owned()).collect();
            let wanted =
                if operator == "in" { Requirement::In(key, values) } else { Requirement::NotIn(key, values) };
            Ok((wanted, rest))
        }
        "" => Ok((Requirement::Exists(key), rest)),
        other => Err(Failure::bad_request(format!(
            "unable to parse requirement: found '{other}', expected: in, notin, =, ==, !=, gt, lt"
        ))),
    }
}

/// Whether an object with these labels is selected by the `selector` of a workload or budget (matchLabels and
/// matchExpressions). An empty selector selects all, a missing one nothing.
#[must_use]
pub fn selects(selector: Option<&Value>, object: &Value) -> bool {
    let Some(selector) = selector.filter(|selector| selector.is_object()) else { return false };
    let labels = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    let mut labels = labels.map(|(key, value)| label(object, key) == value.as_str());
    let expressions = items(selector, "/matchExpressions").map(|expression| {
        let key = text(expression, "/key").to_owned();
        let values = items(expression, "/values").filter_map(Value::as_str).map(str::to_owned).collect();
        let wanted = match text(expression, "/operator") {
            "In" => Requirement::In(key, values),
            "NotIn" => Requirement::NotIn(key, values),
            "Exists" => Requirement::Exists(key),
            _ => Requirement::Absent(key),
        };
        wanted.matches(|key| label(object, key).map(str::to_owned))
    });
    labels.all(|holds| holds) && expressions.into_iter().all(|holds| holds)
}

/// A label selector of a workload in one line, as tables and the scale subresource show it.
#[must_use]
pub fn line(selector: Option<&Value>) -> String {
    let Some(selector) = selector else { return String::new() };
    let labels = selector.get("matchLabels").unwrap_or(selector).as_object();
    let mut parts: Vec<String> = labels
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| value.as_str().map(|value| format!("{key}={value}")))
        .collect();
    parts.sort();
    for expression in items(selector, "/matchExpressions") {
        let values: Vec<&str> = items(expression, "/values").filter_map(Value::as_str).collect();
        let key = text(expression, "/key");
        parts.push(match text(expression, "/operator") {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "Exists" => key.to_owned(),
            _ => format!("!{key}"),
        });
    }
    parts.join(",")
}

fn read_fields(resource: &Resource, source: &str) -> Result<Vec<(String, bool, String)>, Failure> {
    let mut found = Vec::new();
    for part in source.split(',').filter(|part| !part.is_empty()) {
        let (key, equal, value) = if let Some((key, value)) = part.split_once("!=") {
            (key, false, value)
        } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            (key, true, value)
        } else {
            let message = format!("invalid selector: '{source}'; can't understand '{part}'");
            return Err(Failure::bad_request(message));
        };
        if !selectable(resource).contains(&key) && !["metadata.name", "metadata.namespace"].contains(&key) {
            return Err(Failure::bad_request(format!("field label not supported: {key}")));
        }
        found.push((key.to_owned(), equal, value.to_owned()));
    }
    Ok(found)
}

/// The fields of a resource that a field selector may name, besides its name and namespace.
fn selectable(resource: &Resource) -> &'static [&'static str] {
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
        ("", "nodes") => &["spec.unschedulable"],
        ("", "namespaces") => &["status.phase"],
        ("", "secrets") => &["type"],
        ("", "services") => &["spec.clusterIP", "spec.type"],
        ("", "replicationcontrollers") | ("apps", "replicasets") => &["status.replicas"],
        ("batch", "jobs") => &["status.successful"],
        ("certificates.k8s.io", _) => &["spec.signerName"],
        ("", "events") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ("events.k8s.io", "events") => &[
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "regarding.apiVersion",
            "regarding.resourceVersion",
            "regarding.fieldPath",
            "reason",
            "reportingController",
            "type",
        ],
        _ => &[],
    }
}

/// The value of a selectable field; a missing one is the empty text, or what the server takes it for.
fn field(resource: &Resource, object: &Value, key: &str) -> String {
    match key {
        "metadata.name" => return name(object).to_owned(),
        "metadata.namespace" => return namespace(object).to_owned(),
        "source" => return text(object, "/source/component").to_owned(),
        _ => {}
    }
    // Events are stored in the form of the core group.
    let key = key.replacen("regarding.", "involvedObject.", 1);
    let found = object.pointer(&format!("/{}", key.replace('.', "/")));
    match found {
        Some(Value::String(value)) => value.clone(),
        Some(Value::Bool(value)) => value.to_string(),
        Some(Value::Number(value)) => value.to_string(),
        _ if key == "spec.unschedulable" || key == "spec.hostNetwork" => "false".to_owned(),
        _ if resource.plural == "pods" && key == "spec.schedulerName" => "default-scheduler".to_owned(),
        _ => String::new(),
    }
}
