//! What a request is about: its path taken apart into resource, namespace, name and subresource, with the verb that
//! authorization and errors speak of, and its query. Nothing is looked up here.

use crate::status::Failure;

/// A request for a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The API group, empty for the core.
    pub group: String,
    /// The version.
    pub version: String,
    /// The plural name of the resource.
    pub plural: String,
    /// The namespace of the path.
    pub namespace: Option<String>,
    /// The name of the object.
    pub name: Option<String>,
    /// The subresource.
    pub subresource: Option<String>,
    /// What follows the subresource, for proxies.
    pub tail: String,
    /// Whether the old `/watch/` stands in the path.
    pub watch: bool,
}

impl Target {
    /// Takes a path apart; none for one that is no resource's, such as `/version` or `/apis/apps/v1`.
    #[must_use]
    pub fn read(path: &str) -> Option<Self> {
        let mut parts = path.split('/').skip(1).filter(|part| !part.is_empty()).map(decode);
        let mut target = Self::default();
        match parts.next()?.as_str() {
            "api" => target.version = parts.next()?,
            "apis" => {
                target.group = parts.next()?;
                target.version = parts.next()?;
            }
            _ => return None,
        }
        let mut rest: Vec<String> = parts.collect();
        if rest.first().is_some_and(|part| part == "watch") && rest.len() > 1 {
            rest.remove(0);
            target.watch = true;
        }
        let mut rest = rest.into_iter().peekable();
        let first = rest.next()?;
        if first == "namespaces" {
            let Some(namespace) = rest.next() else {
                return Some(Self { plural: first, ..target });
            };
            match rest.peek().map(String::as_str) {
                None => {
                    // A namespace itself; authorization looks at it as inside of itself.
                    return Some(Self {
                        plural: first,
                        namespace: Some(namespace.clone()),
                        name: Some(namespace),
                        ..target
                    });
                }
                Some("status" | "finalize") => {
                    let subresource = rest.next();
                    let name = Some(namespace.clone());
                    return Some(Self {
                        plural: first,
                        namespace: Some(namespace),
                        name,
                        subresource,
                        ..target
                    });
                }
                Some(_) => target.namespace = Some(namespace),
            }
            target.plural = rest.next()?;
        } else {
            target.plural = first;
        }
        target.name = rest.next();
        target.subresource = rest.next();
        target.tail = rest.collect::<Vec<_>>().join("/");
        Some(target)
    }

    /// The verb of a request with this method.
    #[must_use]
    pub fn verb(&self, method: &str, query: &Query) -> &'static str {
        let one = self.name.is_some();
        match method {
            "GET" | "HEAD" if one && !self.watch => "get",
            "GET" | "HEAD" if self.watch || query.is_true("watch") => "watch",
            "GET" | "HEAD" => "list",
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" if one => "delete",
            "DELETE" => "deletecollection",
            _ => "",
        }
    }

    /// The namespace in which the object lives; a namespace itself lives in none.
    #[must_use]
    pub fn space(&self) -> &str {
        if self.plural == "namespaces" { "" } else { self.namespace.as_deref().unwrap_or_default() }
    }
}

/// The query of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what follows the question mark.
    #[must_use]
    pub fn read(source: &str) -> Self {
        let pair = |part: &str| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(&key.replace('+', " ")), decode(&value.replace('+', " ")))
        };
        Self(source.split('&').filter(|part| !part.is_empty()).map(pair).collect())
    }

    /// The first value of a key, the empty text where it is not given.
    #[must_use]
    pub fn get(&self, key: &str) -> &str {
        self.0.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// Whether a key is given.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.all(key).next().is_some()
    }

    /// Every value of a key.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(found, _)| found == key).map(|(_, value)| value.as_str())
    }

    /// Whether a key says yes.
    #[must_use]
    pub fn is_true(&self, key: &str) -> bool {
        self.all(key).next().is_some_and(|value| !matches!(value, "false" | "0"))
    }

    /// The number of a key; what is no number is refused.
    pub fn number(&self, key: &str) -> Result<Option<i64>, Failure> {
        let value = self.get(key);
        if value.is_empty() {
            return Ok(None);
        }
        let refuse = |_| Failure::bad_request(format!("strconv.ParseInt: parsing {value:?}: invalid syntax"));
        value.parse().map(Some).map_err(refuse)
    }
}

/// A part of a URL with its percent signs undone.
#[must_use]
pub fn decode(source: &str) -> String {
    let mut bytes = Vec::with_capacity(source.len());
    let mut rest = source.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let hex: String = rest.by_ref().take(2).map(char::from).collect();
        match u8::from_str_radix(&hex, 16) {
            Ok(decoded) => bytes.push(decoded),
            Err(_) => bytes.extend([b'%'].into_iter().chain(hex.bytes())),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
