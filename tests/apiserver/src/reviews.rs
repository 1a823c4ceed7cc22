//! Reviews, which are asked and never stored: who am I, may I, is this token good. They are answered from the table of users.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::auth::{Object, User, Users};
use crate::object::{items, now, set, text};
use crate::resource::Resource;
use crate::status::{Cause, Failure, details};
use crate::store::Store;
use crate::target::Target;
use crate::write::{Written, decode};

/// The answer to a review; none for another resource.
pub fn answer(
    store: &Store,
    users: &Users,
    user: &User,
    resource: &Resource,
    written: &Written<'_>,
) -> Option<Result<Answer, Failure>> {
    let asked = matches!(resource.group.as_str(), "authorization.k8s.io" | "authentication.k8s.io");
    asked.then(|| {
        let mut review = decode(store, written, &[&resource.api_version()], &resource.kind)?;
        set(&mut review, "/metadata", json!({}));
        review_of(users, user, resource, &mut review)?;
        let mut whole = json!({"kind": resource.kind, "apiVersion": resource.api_version()});
        if let (Value::Object(whole), Value::Object(rest)) = (&mut whole, review) {
            for (key, value) in rest {
                whole.entry(key).or_insert(value);
            }
        }
        Ok(Answer::created(whole))
    })
}

fn review_of(users: &Users, user: &User, resource: &Resource, review: &mut Value) -> Result<(), Failure> {
    match resource.kind.as_str() {
        "SelfSubjectReview" => {
            set(review, "/metadata/creationTimestamp", now());
            set(review, "/status/userInfo", info(user));
        }
        "TokenReview" => {
            let token = text(review, "/spec/token");
            if token.is_empty() {
                return Err(Failure::bad_request("token is required for TokenReview in authentication"));
            }
            let status = match users.of_token(token) {
                Some(user) => json!({"authenticated": true, "user": info(user)}),
                None => json!({"user": {}, "error": "invalid bearer token"}),
            };
            set(review, "/status", status);
        }
        "SelfSubjectRulesReview" => {
            set(review, "/spec", json!({}));
            set(review, "/status", rules(users, user));
        }
        _ => {
            let asked = if resource.kind == "SelfSubjectAccessReview" { user.clone() } else { named(review) };
            set(review, "/status", access(users, &asked, review)?);
        }
    }
    Ok(())
}

fn info(user: &User) -> Value {
    let mut info = json!({"username": user.name});
    if !user.uid.is_empty() {
        set(&mut info, "/uid", user.uid.clone());
    }
    set(&mut info, "/groups", json!(user.groups));
    info
}

/// The user a SubjectAccessReview asks about.
fn named(review: &Value) -> User {
    let groups = items(review, "/spec/groups").filter_map(Value::as_str).map(str::to_owned).collect();
    User { name: text(review, "/spec/user").to_owned(), uid: String::new(), groups }
}

fn access(users: &Users, user: &User, review: &Value) -> Result<Value, Failure> {
    let allowed = if let Some(wanted) = review.pointer("/spec/nonResourceAttributes") {
        users.allows(user, text(wanted, "/verb"), Object::Path(text(wanted, "/path")))
    } else if let Some(wanted) = review.pointer("/spec/resourceAttributes") {
        let some = |key: &str| Some(text(wanted, key).to_owned()).filter(|value| !value.is_empty());
        let target = Target {
            group: text(wanted, "/group").to_owned(),
            version: text(wanted, "/version").to_owned(),
            plural: text(wanted, "/resource").to_owned(),
            namespace: some("/namespace"),
            name: some("/name"),
            subresource: some("/subresource"),
            ..Target::default()
        };
        users.allows(user, text(wanted, "/verb"), Object::Resource(&target))
    } else {
        let message = "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified";
        let cause = Cause::new("FieldValueInvalid", "spec.resourceAttributes", message);
        let failure = Failure::invalid("authorization.k8s.io", "", "", &[cause.clone()]);
        return Err(failure.with(details("", "authorization.k8s.io", "")).causes(&[cause]));
    };
    Ok(if allowed && user.is_admin() {
        let reason = "RBAC: allowed by ClusterRoleBinding \"cluster-admin\" of ClusterRole \"cluster-admin\" to Group \"system:masters\"";
        json!({"allowed": true, "reason": reason})
    } else {
        json!({"allowed": allowed})
    })
}

fn rules(users: &Users, user: &User) -> Value {
    let mut resources = vec![
        json!({"verbs": ["create"], "apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]}),
        json!({"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]}),
    ];
    if user.is_admin() {
        resources.insert(0, json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}));
    }
    for rule in
        users.rules.iter().filter(|rule| rule.subject == user.name || user.groups.contains(&rule.subject))
    {
        resources.push(json!({"verbs": rule.verbs, "apiGroups": ["*"], "resources": rule.resources}));
    }
    let open = ["/healthz", "/livez", "/readyz", "/version", "/version/"];
    let found = [
        "/api",
        "/api/*",
        "/apis",
        "/apis/*",
        "/healthz",
        "/livez",
        "/openapi",
        "/openapi/*",
        "/readyz",
        "/version",
        "/version/",
    ];
    json!({
        "resourceRules": resources,
        "nonResourceRules": [
            {"verbs": ["get"], "nonResourceURLs": open},
            {"verbs": ["get"], "nonResourceURLs": found},
        ],
        "incomplete": false,
    })
}
