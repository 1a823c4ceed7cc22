//! Who asks, and what they may: users by client certificate (CN and O, as kubeadm makes them) or bearer token, impersonation,
//! and a small table of rules in place of RBAC. 401 is only for a token that is wrong; no credentials are system:anonymous.

use hyper::HeaderMap;

use crate::resource::Resource;
use crate::status::{Failure, Form, details};
use crate::target::Target;

/// Someone who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The uid, empty for one by certificate.
    pub uid: String,
    /// The groups.
    pub groups: Vec<String>,
}

impl User {
    /// A user with groups, authenticated.
    #[must_use]
    pub fn new(name: &str, groups: &[&str]) -> Self {
        let mut groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        groups.push("system:authenticated".to_owned());
        Self { name: name.to_owned(), uid: String::new(), groups }
    }

    /// The one without credentials.
    #[must_use]
    pub fn anonymous() -> Self {
        let groups = vec!["system:unauthenticated".to_owned()];
        Self { name: "system:anonymous".to_owned(), uid: String::new(), groups }
    }

    /// Whether everything is allowed.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.groups.iter().any(|group| group == "system:masters" || group == "kubeadm:cluster-admins")
    }

    /// Whether credentials were given.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.groups.iter().any(|group| group == "system:authenticated")
    }
}

/// What a user of no special group may do with resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The user or group.
    pub subject: String,
    /// The verbs, `*` for all.
    pub verbs: Vec<String>,
    /// The resources as `pods`, `pods/log`, `deployments.apps`, `*` for all.
    pub resources: Vec<String>,
    /// The namespaces; none for the whole cluster.
    pub namespaces: Vec<String>,
}

/// The users and what they may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Users {
    /// The bearer tokens that are known.
    pub tokens: Vec<(String, User)>,
    /// What those outside of system:masters may.
    pub rules: Vec<Rule>,
}

/// The path of a request that is no resource's, or the resource it is for.
#[derive(Clone, Copy, Debug)]
pub enum Object<'a> {
    /// A path.
    Path(&'a str),
    /// A resource.
    Resource(&'a Target),
}

impl Users {
    /// The admin and the viewer that every double knows, by the tokens `admin-token` and `viewer-token`.
    #[must_use]
    pub fn usual() -> Self {
        let known = |name: &str, groups: &[&str]| User { uid: name.to_owned(), ..User::new(name, groups) };
        let tokens = vec![
            ("admin-token".to_owned(), known("admin", &["system:masters"])),
            ("viewer-token".to_owned(), known("viewer", &[])),
        ];
        Self { tokens, rules: Vec::new() }
    }

    /// The one who sends these headers over a connection with this client certificate; a bearer token that is not known here
    /// may be one of the cluster's own.
    pub fn authenticate(
        &self,
        headers: &HeaderMap,
        certificate: Option<&User>,
        of_cluster: impl FnOnce(&str) -> Option<User>,
    ) -> Result<User, Failure> {
        let unauthorized = || Failure::new(401, "Unauthorized", "Unauthorized");
        if let Some(user) = certificate {
            return self.impersonated(headers, user.clone());
        }
        let header = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let user = match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                let token = token.trim();
                self.of_token(token).cloned().or_else(|| of_cluster(token)).ok_or_else(unauthorized)?
            }
            _ => User::anonymous(),
        };
        self.impersonated(headers, user)
    }

    /// The user of a token.
    #[must_use]
    pub fn of_token(&self, token: &str) -> Option<&User> {
        self.tokens.iter().find(|(known, _)| known == token).map(|(_, user)| user)
    }

    fn impersonated(&self, headers: &HeaderMap, user: User) -> Result<User, Failure> {
        let Some(name) = headers.get("impersonate-user").and_then(|value| value.to_str().ok()) else {
            return Ok(user);
        };
        if !user.is_admin() {
            // The verb that the message names depends on the request, so its place is marked for `authorize`.
            return Ok(User { uid: IMPERSONATES.to_owned(), ..user });
        }
        let groups: Vec<&str> =
            headers.get_all("impersonate-group").iter().filter_map(|value| value.to_str().ok()).collect();
        Ok(User::new(name, &groups))
    }

    /// Refuses what the user may not.
    pub fn authorize(&self, user: &User, verb: &str, object: Object<'_>) -> Result<(), Failure> {
        let impersonates = user.uid == IMPERSONATES;
        if !impersonates && self.allows(user, verb, object) {
            return Ok(());
        }
        let verb = if impersonates { format!("impersonate-on:user-info:{verb}") } else { verb.to_owned() };
        Err(match object {
            Object::Path(path) => {
                let message = format!("forbidden: User {:?} cannot {verb} path {path:?}", user.name);
                let failure = Failure::new(403, "Forbidden", message).with(serde_json::json!({}));
                Failure { form: Form::Guarded, ..failure }
            }
            Object::Resource(target) => refusal(user, &verb, target),
        })
    }

    /// Whether the user may do this.
    #[must_use]
    pub fn allows(&self, user: &User, verb: &str, object: Object<'_>) -> bool {
        if user.is_admin() {
            return true;
        }
        match object {
            Object::Path(path) => open(path) || (user.is_authenticated() && discovery(path)),
            Object::Resource(target) => {
                let reviews = matches!(
                    target.plural.as_str(),
                    "selfsubjectaccessreviews" | "selfsubjectrulesreviews" | "selfsubjectreviews"
                );
                (reviews && verb == "create" && user.is_authenticated())
                    || self.rules.iter().any(|rule| rule.covers(user, verb, target))
            }
        }
    }
}

const IMPERSONATES: &str = "\u{0}impersonates";

impl Rule {
    fn covers(&self, user: &User, verb: &str, target: &Target) -> bool {
        let resource =
            Resource { group: target.group.clone(), plural: target.plural.clone(), ..Resource::default() };
        let wanted = match &target.subresource {
            Some(part) => format!("{}/{part}", resource.qualified()),
            None => resource.qualified(),
        };
        let has = |list: &[String], wanted: &str| list.iter().any(|known| known == "*" || known == wanted);
        (self.subject == user.name || user.groups.contains(&self.subject))
            && has(&self.verbs, verb)
            && has(&self.resources, &wanted)
            && (self.namespaces.is_empty()
                || target.namespace.as_ref().is_some_and(|space| self.namespaces.contains(space)))
    }
}

/// Paths that need no credentials.
pub(crate) fn open(path: &str) -> bool {
    matches!(path, "/healthz" | "/livez" | "/readyz" | "/version" | "/version/")
}

/// Paths for everyone with credentials.
fn discovery(path: &str) -> bool {
    ["/api", "/apis", "/openapi"].iter().any(|root| path == *root || path.starts_with(&format!("{root}/")))
}

fn refusal(user: &User, verb: &str, target: &Target) -> Failure {
    let resource =
        Resource { group: target.group.clone(), plural: target.plural.clone(), ..Resource::default() };
    let part = target
        .subresource
        .as_ref()
        .map_or_else(|| target.plural.clone(), |part| format!("{}/{part}", target.plural));
    let place = match &target.namespace {
        Some(namespace) if target.plural != "namespaces" => format!("in the namespace {namespace:?}"),
        _ => "at the cluster scope".to_owned(),
    };
    let name = target.name.as_deref().unwrap_or_default();
    let why = format!(
        "User {:?} cannot {verb} resource {part:?} in API group {:?} {place}",
        user.name, target.group
    );
    let failure =
        Failure::forbidden(&resource, name, &why).with(details(name, &target.group, &target.plural));
    Failure { form: Form::Guarded, ..failure }
}
