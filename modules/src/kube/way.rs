//! How a task says which Kubernetes API it means, with the names kubernetes.core has for it. The options come in; a
//! [`Way`] with what the environment (`K8S_AUTH_*`) adds goes out.

use muster_engine::module::{Kind, Opt};
use serde::Deserialize;
use serde_json::Value as Json;

/// What every module here takes besides its own options.
pub(crate) const OPTIONS: [Opt; 16] = [
    Opt::new(
        "kubeconfig",
        Kind::Raw,
        "A kubeconfig: its path where the task runs, or its content as a mapping.",
    ),
    Opt::new("context", Kind::Str, "The context of it to use."),
    Opt::new("host", Kind::Str, "The API's URL, instead of the kubeconfig's."),
    Opt::new("api_key", Kind::Str, "A bearer token.").no_log(),
    Opt::new("username", Kind::Str, "A user, for what asks for one."),
    Opt::new("password", Kind::Str, "That user's password.").no_log(),
    Opt::new("client_cert", Kind::Path, "A client certificate, a file where the task runs.")
        .aliases(&["cert_file"]),
    Opt::new("client_key", Kind::Path, "The key of that certificate.").aliases(&["key_file"]).no_log(),
    Opt::new("ca_cert", Kind::Path, "The authority of the API's certificate.").aliases(&["ssl_ca_cert"]),
    Opt::new("validate_certs", Kind::Bool, "Whether the API's certificate is checked.")
        .aliases(&["verify_ssl"]),
    Opt::new("proxy", Kind::Str, "A proxy's URL, for tasks on the controller."),
    Opt::new("no_proxy", Kind::Str, "Of no effect with `proxy` given; else the environment's counts."),
    Opt::new("proxy_headers", Kind::Dict, "Not supported; refused where it is given.").no_log(),
    Opt::new("persist_config", Kind::Bool, "Of no effect: the kubeconfig is never written."),
    Opt::new("impersonate_user", Kind::Str, "A user to act as."),
    Opt::new("impersonate_groups", Kind::List, "Groups to act as.").elements(Kind::Str),
];

/// Which API is meant.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Way {
    pub kubeconfig: Json,
    pub context: Option<String>,
    pub host: Option<String>,
    pub api_key: Option<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub client_cert: Option<String>,
    pub client_key: Option<String>,
    pub ca_cert: Option<String>,
    pub validate_certs: Option<bool>,
    pub proxy: Option<String>,
    pub proxy_headers: Option<Json>,
    pub impersonate_user: Option<String>,
    pub impersonate_groups: Option<Vec<String>>,
    /// Another URL of the same API, asked as the kubeconfig says all else; no task writes it.
    #[serde(skip)]
    pub elsewhere: Option<String>,
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Way")
            .field("context", &self.context)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl Way {
    /// With what the environment says where the task says nothing; `variable` reads the environment of the place the task
    /// runs in.
    pub fn filled(mut self, variable: impl Fn(&str) -> Option<String>) -> Self {
        let of = |name: &str| variable(&format!("K8S_AUTH_{name}")).filter(|value| !value.is_empty());
        if self.kubeconfig.is_null() {
            self.kubeconfig = of("KUBECONFIG").map_or(Json::Null, Json::from);
        }
        for (field, name) in [
            (&mut self.context, "CONTEXT"),
            (&mut self.host, "HOST"),
            (&mut self.api_key, "API_KEY"),
            (&mut self.username, "USERNAME"),
            (&mut self.password, "PASSWORD"),
            (&mut self.client_cert, "CERT_FILE"),
            (&mut self.client_key, "KEY_FILE"),
            (&mut self.ca_cert, "SSL_CA_CERT"),
            (&mut self.proxy, "PROXY"),
            (&mut self.impersonate_user, "IMPERSONATE_USER"),
        ] {
            if field.is_none() {
                *field = of(name);
            }
        }
        if self.validate_certs.is_none() {
            self.validate_certs = of("VERIFY_SSL")
                .map(|word| !matches!(word.to_lowercase().as_str(), "no" | "false" | "0" | "off"));
        }
        if self.impersonate_groups.is_none() {
            self.impersonate_groups =
                of("IMPERSONATE_GROUPS").map(|list| list.split(',').map(str::to_string).collect());
        }
        self
    }

    /// What tells two ways apart: equal keys share one client. It holds secrets and is never shown.
    pub fn key(&self) -> String {
        let Self {
            kubeconfig,
            context,
            host,
            api_key,
            username,
            password,
            client_cert,
            client_key,
            ca_cert,
            validate_certs,
            proxy,
            proxy_headers: _,
            impersonate_user,
            impersonate_groups,
            elsewhere,
        } = self;
        format!(
            "{kubeconfig}\0{context:?}\0{host:?}\0{api_key:?}\0{username:?}\0{password:?}\0{client_cert:?}\0{client_key:?}\0{ca_cert:?}\0{validate_certs:?}\0{proxy:?}\0{impersonate_user:?}\0{impersonate_groups:?}\0{elsewhere:?}"
        )
    }
}
