//! Refusals as the API server words them: a `Status` with code, reason, message and details, or plain text where the real one
//! gives that. Everything that says no in this crate says it with a `Failure`.

use serde_json::{Map, Value, json};

use crate::resource::Resource;

/// A refusal: what the answer to the request will be.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The HTTP status.
    pub code: u16,
    /// The machine-readable reason, empty where the server gives none.
    pub reason: &'static str,
    /// The message.
    pub message: String,
    /// The details, none where the server leaves them out.
    pub details: Option<Value>,
    /// Seconds for a Retry-After header.
    pub retry_after: Option<u32>,
    /// A `continue` token that the metadata carry.
    pub token: Option<String>,
    /// How the body is written.
    pub form: Form,
}

/// How a refusal is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A Status as JSON.
    #[default]
    Status,
    /// A Status as JSON, sent with `X-Content-Type-Options: nosniff`, as refusals of authorization are.
    Guarded,
    /// The message alone as plain text.
    Plain,
    /// A Status without kind and apiVersion, called plain text, as a timeout is.
    Bare,
}

/// One cause in the details of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Its reason, such as `FieldValueInvalid`.
    pub reason: &'static str,
    /// The field it is about.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

impl Cause {
    /// A cause about a field.
    #[must_use]
    pub fn new(reason: &'static str, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason, field: field.into(), message: message.into() }
    }

    /// A value that may not be.
    #[must_use]
    pub fn invalid(field: impl Into<String>, value: &Value, why: &str) -> Self {
        Self::new("FieldValueInvalid", field, format!("Invalid value: {value}: {why}"))
    }

    /// A value that must be there.
    #[must_use]
    pub fn required(field: impl Into<String>, why: &str) -> Self {
        let message =
            if why.is_empty() { "Required value".to_owned() } else { format!("Required value: {why}") };
        Self::new("FieldValueRequired", field, message)
    }

    /// A value out of a closed list.
    #[must_use]
    pub fn unsupported(field: impl Into<String>, value: &str, known: &[&str]) -> Self {
        let known: Vec<String> = known.iter().map(|known| format!("{known:?}")).collect();
        let message = format!("Unsupported value: {value}: supported values: {}", known.join(", "));
        Self::new("FieldValueNotSupported", field, message)
    }

    /// A value that may not be given.
    #[must_use]
    pub fn forbidden(field: impl Into<String>, why: &str) -> Self {
        Self::new("FieldValueForbidden", field, format!("Forbidden: {why}"))
    }

    fn value(&self) -> Value {
        let mut value = Map::new();
        if !self.reason.is_empty() {
            value.insert("reason".into(), self.reason.into());
        }
        value.insert("message".into(), self.message.clone().into());
        if !self.field.is_empty() {
            value.insert("field".into(), self.field.clone().into());
        }
        Value::Object(value)
    }
}

impl Failure {
    /// A refusal with a code, reason and message.
    #[must_use]
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, reason, message, details: None, retry_after: None, token: None, form: Form::Status }
    }

    /// The same with details.
    #[must_use]
    pub fn with(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// The same with causes in its details.
    #[must_use]
    pub fn causes(mut self, causes: &[Cause]) -> Self {
        let mut details = self.details.take().unwrap_or_else(|| json!({}));
        if let Value::Object(map) = &mut details {
            map.insert("causes".into(), causes.iter().map(Cause::value).collect());
        }
        self.details = Some(details);
        self
    }

    /// The same with a Retry-After, in the header and in the details.
    #[must_use]
    pub fn retry(mut self, seconds: u32) -> Self {
        let mut details = self.details.take().unwrap_or_else(|| json!({}));
        if let Value::Object(map) = &mut details {
            map.insert("retryAfterSeconds".into(), seconds.into());
        }
        self.details = Some(details);
        self.retry_after = Some(seconds);
        self
    }

    /// A request that cannot be understood.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// An error without a reason, as several of the server's own are.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    /// An object that is not there.
    #[must_use]
    pub fn not_found(resource: &Resource, name: &str) -> Self {
        let message = format!("{} {name:?} not found", resource.qualified());
        Self::new(404, "NotFound", message).with(details(name, &resource.group, &resource.plural))
    }

    /// A namespace that is not there.
    #[must_use]
    pub fn no_namespace(name: &str) -> Self {
        Self::new(404, "NotFound", format!("namespaces {name:?} not found")).with(details(
            name,
            "",
            "namespaces",
        ))
    }

    /// A resource that the group does not have.
    #[must_use]
    pub fn no_resource() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource").with(json!({}))
    }

    /// A path that leads nowhere.
    #[must_use]
    pub fn no_page() -> Self {
        Self { form: Form::Plain, ..Self::new(404, "", "404 page not found\n") }
    }

    /// A method the path does not have.
    #[must_use]
    pub fn no_method() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message).with(json!({}))
    }

    /// An object that exists already.
    #[must_use]
    pub fn exists(resource: &Resource, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", resource.qualified());
        Self::new(409, "AlreadyExists", message).with(details(name, &resource.group, &resource.plural))
    }

    /// A conflict over an object.
    #[must_use]
    pub fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", resource.qualified());
        Self::new(409, "Conflict", message).with(details(name, &resource.group, &resource.plural))
    }

    /// A precondition that does not hold; these name the kind, not the resource.
    #[must_use]
    pub fn precondition(resource: &Resource, name: &str, why: &str) -> Self {
        let message =
            format!("Operation cannot be fulfilled on {} {name:?}: {why}", resource.qualified_kind());
        Self::new(409, "Conflict", message).with(details(name, &resource.group, &resource.kind))
    }

    /// An object whose fields are wrong.
    #[must_use]
    pub fn invalid(group: &str, kind: &str, name: &str, causes: &[Cause]) -> Self {
        // A cause that is found twice is told once, though both stay among the causes.
        let mut told: Vec<String> = Vec::new();
        for cause in causes {
            let line = format!("{}: {}", cause.field, cause.message);
            if !told.contains(&line) {
                told.push(line);
            }
        }
        let told = match told.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let of = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let failure = Self::new(422, "Invalid", format!("{of} {name:?} is invalid: {told}"));
        failure.with(details(name, group, kind)).causes(causes)
    }

    /// Something that is understood and refused.
    #[must_use]
    pub fn forbidden(resource: &Resource, name: &str, why: &str) -> Self {
        let named = if name.is_empty() { String::new() } else { format!(" {name:?}") };
        let message = format!("{}{named} is forbidden: {why}", resource.qualified());
        Self::new(403, "Forbidden", message).with(details(name, &resource.group, &resource.plural))
    }

    /// History that is forgotten.
    #[must_use]
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// The body of the answer as JSON.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = Map::new();
        if self.form != Form::Bare {
            body.insert("kind".into(), "Status".into());
            body.insert("apiVersion".into(), "v1".into());
        }
        body.insert(
            "metadata".into(),
            self.token.as_ref().map_or_else(|| json!({}), |token| json!({"continue": token})),
        );
        body.insert("status".into(), "Failure".into());
        body.insert("message".into(), self.message.clone().into());
        if !self.reason.is_empty() {
            body.insert("reason".into(), self.reason.into());
        }
        if let Some(details) = &self.details {
            body.insert("details".into(), details.clone());
        }
        body.insert("code".into(), self.code.into());
        Value::Object(body)
    }
}

/// Details that name an object; what is empty is left out.
#[must_use]
pub fn details(name: &str, group: &str, kind: &str) -> Value {
    let mut details = Map::new();
    for (key, value) in [("name", name), ("group", group), ("kind", kind)] {
        if !value.is_empty() {
            details.insert(key.into(), value.into());
        }
    }
    Value::Object(details)
}
