//! What an answer looks like on the wire: which form a client accepts (JSON, YAML, a Table, metadata only), and the response
//! with the headers that the server sends.

use axum::body::Body;
use hyper::Response;
use serde_json::{Value, json};

use crate::resource::Resource;
use crate::status::{Failure, Form};
use crate::{table, yaml};

/// How a client wants to see objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// As they are.
    #[default]
    Whole,
    /// As a Table for people.
    Table,
    /// Only their metadata.
    Metadata,
}

/// What a client accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accept {
    /// How objects are seen.
    pub view: View,
    /// Whether YAML is wanted.
    pub yaml: bool,
}

/// An answer that is no refusal.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The object.
    pub body: Value,
    /// Warnings for the client.
    pub warnings: Vec<String>,
}

impl Answer {
    /// An object with status 200.
    #[must_use]
    pub fn ok(body: Value) -> Self {
        Self { status: 200, body, warnings: Vec::new() }
    }

    /// An object with status 201.
    #[must_use]
    pub fn created(body: Value) -> Self {
        Self { status: 201, body, warnings: Vec::new() }
    }

    /// The bare success with which several requests are answered.
    #[must_use]
    pub fn success(status: u16, details: Option<Value>) -> Self {
        let mut body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"});
        if let (Value::Object(map), Some(details)) = (&mut body, details) {
            map.insert("details".into(), details);
        }
        if let (Value::Object(map), 201) = (&mut body, status) {
            map.insert("code".into(), 201.into());
        }
        Self { status, body, warnings: Vec::new() }
    }
}

impl Accept {
    /// Reads an Accept header for objects; the first form that can be given is taken.
    pub fn read(header: &str) -> Result<Self, Failure> {
        if header.is_empty() {
            return Ok(Self::default());
        }
        let mut unknown_view = false;
        for entry in header.split(',') {
            let mut parts = entry.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            let yaml = match media {
                "application/json" | "*/*" | "application/*" => false,
                "application/yaml" => true,
                _ => continue,
            };
            let parameter = |key: &str| {
                let mut found = entry.split(';').skip(1).filter_map(|part| part.trim().split_once('='));
                found.find(|(name, _)| *name == key).map(|(_, value)| value)
            };
            let view = match (parameter("as"), parameter("g"), parameter("v")) {
                (None, ..) => View::Whole,
                (Some("Table"), Some("meta.k8s.io"), Some("v1" | "v1beta1")) => View::Table,
                (
                    Some("PartialObjectMetadata" | "PartialObjectMetadataList"),
                    Some("meta.k8s.io"),
                    Some("v1" | "v1beta1"),
                ) => View::Metadata,
                _ => {
                    unknown_view = true;
                    continue;
                }
            };
            return Ok(Self { view, yaml });
        }
        let known = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
        if unknown_view {
            return Err(Failure::new(
                406,
                "NotAcceptable",
                format!("only the following media types are accepted: {known}"),
            ));
        }
        let streams = "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";
        let message = format!("406: Not Acceptable\n\nAvailable representations: {known}, {streams}");
        Err(Failure::new(406, "NotAcceptable", message).with(json!({})))
    }

    /// An object or list as this client sees it.
    #[must_use]
    pub fn show(self, resource: &Resource, body: Value, with_object: &str) -> Value {
        if body.get("kind").is_some_and(|kind| kind == "Status") {
            return body;
        }
        match self.view {
            View::Whole => body,
            View::Metadata => metadata_only(body),
            View::Table => table::of(resource, &body, with_object),
        }
    }
}

/// The metadata of an object or of the objects of a list.
#[must_use]
pub fn metadata_only(body: Value) -> Value {
    let partial = |object: &Value| {
        let metadata = object.get("metadata").cloned().unwrap_or_default();
        json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
    };
    match body.get("items").and_then(Value::as_array) {
        Some(items) => {
            // Items of a list carry no kind, and so it is here.
            let items: Vec<Value> = items.iter().map(partial).collect();
            let metadata = body.get("metadata").cloned().unwrap_or_default();
            json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items})
        }
        None => partial(&body),
    }
}

/// A response with a body of JSON.
#[must_use]
pub fn json_response(status: u16, body: &Value) -> Response<Body> {
    respond(status, "application/json", serde_json::to_vec(body).unwrap_or_default())
}

/// A response with any body and the headers that all of them have.
#[must_use]
pub fn respond(status: u16, content_type: &str, body: impl Into<Body>) -> Response<Body> {
    let response = Response::builder()
        .status(status)
        .header("audit-id", uuid::Uuid::new_v4().to_string())
        .header("cache-control", "no-cache, private")
        .header("content-type", content_type);
    response.body(body.into()).unwrap_or_default()
}

/// A header added to a response; a value that cannot be one is left out.
pub fn add_header(response: &mut Response<Body>, name: &'static str, value: &str) {
    if let Ok(value) = value.parse() {
        response.headers_mut().append(name, value);
    }
}

/// The response for an answer that shows an object as this client wants it.
#[must_use]
pub fn shown(accept: Accept, answer: &Answer) -> Response<Body> {
    let mut response = if accept.yaml {
        respond(answer.status, "application/yaml", yaml::write(&answer.body))
    } else {
        json_response(answer.status, &answer.body)
    };
    for warning in &answer.warnings {
        add_header(&mut response, "warning", &format!("299 - {warning:?}"));
    }
    response
}

/// The response for a refusal.
#[must_use]
pub fn refused(failure: &Failure) -> Response<Body> {
    const PLAIN: &str = "text/plain; charset=utf-8";
    let mut response = match failure.form {
        Form::Plain => respond(failure.code, PLAIN, failure.message.clone()),
        Form::Bare => respond(failure.code, PLAIN, serde_json::to_vec(&failure.body()).unwrap_or_default()),
        Form::Status | Form::Guarded => json_response(failure.code, &failure.body()),
    };
    if matches!(failure.form, Form::Plain | Form::Guarded) {
        add_header(&mut response, "x-content-type-options", "nosniff");
    }
    if let Some(seconds) = failure.retry_after {
        add_header(&mut response, "retry-after", &seconds.to_string());
    }
    response
}
