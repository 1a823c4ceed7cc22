//! Which API server, and who asks it: a kubeconfig found where the task runs. On a remote host without one named, that is
//! kubeadm's `admin.conf`. All files a kubeconfig names are read there, too, so nothing of it is needed on the controller.

use super::client::{Line, Proxy, basic};
use super::identity::{self, Identity, Proof, certificate_until, token_until};
use super::place::Place;
use super::plugin::Plugin;
use super::road::Tunnel;
use super::session::Source;
use super::way::Way;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::uri::Uri;
use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;
use kube::Config;
use kube::config::{AuthInfo, Cluster, KubeConfigOptions, Kubeconfig};
use muster_engine::module::Failure;
use serde_json::Value as Json;
use std::net::IpAddr;

/// What a control plane host keeps for its administrators.
pub(crate) const ADMIN: &str = "/etc/kubernetes/admin.conf";
/// Where a pod finds who it is.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A configuration, and what belongs to it.
pub(crate) struct Found {
    /// Without credentials that run out: those come from `source`.
    pub config: Config,
    pub line: Line,
    pub source: Source,
    pub identity: Identity,
}

/// Finds the configuration.
///
/// # Errors
/// There is none, it cannot be read, or it needs what cannot be had where the task runs.
pub(crate) async fn find(way: &Way, place: &Place) -> Result<Found, Failure> {
    let named = match &way.kubeconfig {
        Json::Object(_) => {
            Some((parsed(&way.kubeconfig.to_string(), "kubeconfig")?, "the task's kubeconfig".to_string()))
        }
        Json::String(paths) => Some(files(paths, place).await?),
        Json::Null if way.host.is_some() => None,
        Json::Null => usual(place).await?,
        _ => return Err(Failure::new("`kubeconfig` is a path or a mapping")),
    };
    let mut found = match (named, &way.host) {
        (Some((kubeconfig, from)), _) => of(&kubeconfig, from, way, place).await?,
        (None, Some(host)) => {
            let identity = Identity { from: "the task's `host`".into(), ..Identity::default() };
            let config = Config::new(url(host)?);
            Found { config, line: Line::default(), source: Source::Fixed, identity }
        }
        (None, None) => in_pod(place, SERVICE_ACCOUNT).await?,
    };
    told(&mut found, way, place).await?;
    let listed = found.config.proxy_url.take().map(|url| url.to_string());
    found.line.proxy = proxy(way, listed.as_deref(), &found.config.cluster_url, place)?;
    found.line.host = (!place.here).then(|| Tunnel(std::sync::Arc::clone(&place.road)));
    found.identity.url = found.config.cluster_url.to_string().trim_end_matches('/').to_string();
    found.identity.proxy = found.line.proxy.as_ref().map(Proxy::shown);
    Ok(found)
}

fn url(text: &str) -> Result<Uri, Failure> {
    text.trim_end_matches('/')
        .parse()
        .map_err(|error| Failure::new(format!("host: `{text}` is no URL: {error}")))
}

/// The kubeconfig nobody named: what kubectl would take here; on a remote host kubeadm's. None in a pod without one.
async fn usual(place: &Place) -> Result<Option<(Kubeconfig, String)>, Failure> {
    let script = format!(
        "if [ -n \"$KUBECONFIG\" ]; then printf '%s' \"$KUBECONFIG\"; elif {own} [ -f \"$HOME/.kube/config\" ]; then printf '%s' \"$HOME/.kube/config\"; elif [ -e {ADMIN} ] || ! [ -x /etc/kubernetes ] && [ -d /etc/kubernetes ]; then printf '%s' {ADMIN}; fi",
        own = if place.here { "" } else { "[ ! -e /etc/kubernetes/admin.conf ] &&" },
    );
    let seen = place.run(&script, vec![]).await?;
    let paths = seen.out();
    if !paths.is_empty() {
        return files(&paths, place).await.map(Some);
    }
    match place.variable("KUBERNETES_SERVICE_HOST") {
        Some(_) => Ok(None),
        None => Err(Failure::new(format!(
            "no kubeconfig on {}: give `kubeconfig`, set K8S_AUTH_KUBECONFIG, or delegate the task to a control plane host, where {ADMIN} is",
            place.host
        ))),
    }
}

/// The pod that muster runs in: its service account.
async fn in_pod(place: &Place, dir: &str) -> Result<Found, Failure> {
    let variable = |name: &str| {
        place
            .variable(name)
            .ok_or_else(|| Failure::new(format!("{name} is not set: this is no pod of a cluster")))
    };
    let (host, port) = (variable("KUBERNETES_SERVICE_HOST")?, variable("KUBERNETES_SERVICE_PORT")?);
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let mut config = Config::new(url(&format!("https://{host}:{port}"))?);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let authority = place.read("the pod's authority", &format!("{dir}/ca.crt")).await?;
    config.root_cert = Some(certificates(&text(authority)));
    let namespace = place.read("the pod's namespace", &format!("{dir}/namespace")).await?;
    config.default_namespace = text(namespace).trim().to_string();
    let file = format!("{dir}/token");
    let identity = Identity { from: "the pod's service account".into(), ..Identity::default() };
    Ok(Found { config, line: Line::default(), source: Source::File(file), identity })
}

/// One kubeconfig, or several joined as kubectl joins them.
async fn files(paths: &str, place: &Place) -> Result<(Kubeconfig, String), Failure> {
    let mut merged: Option<(Kubeconfig, String)> = None;
    for path in paths.split(':').filter(|path| !path.is_empty()) {
        let (next, from) = file(path, place).await?;
        merged = Some(match merged {
            None => (next, from),
            Some((first, before)) => (
                first.merge(next).map_err(|error| Failure::new(format!("{from}: {error}")))?,
                format!("{before}, {from}"),
            ),
        });
    }
    merged.ok_or_else(|| Failure::new("`kubeconfig` is empty"))
}

/// A kubeconfig of the host. Names of files in it are meant from where it lies.
async fn file(path: &str, place: &Place) -> Result<(Kubeconfig, String), Failure> {
    let from = format!("{path} on {}", place.host);
    let text = place.read("the kubeconfig", path).await?;
    let mut kubeconfig = parsed(&String::from_utf8_lossy(&text), &from)?;
    let dir = path.rsplit_once('/').map_or(".", |(dir, _)| dir);
    let placed = |file: &mut Option<String>| {
        if let Some(name) = file.as_mut().filter(|name| !name.starts_with('/') && !name.is_empty()) {
            *name = format!("{dir}/{name}");
        }
    };
    for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        placed(&mut cluster.certificate_authority);
    }
    for user in kubeconfig.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
        placed(&mut user.client_certificate);
        placed(&mut user.client_key);
        placed(&mut user.token_file);
        // A program without a slash is looked for in the path.
        if let Some(exec) =
            user.exec.as_mut().filter(|exec| exec.command.iter().any(|name| name.contains('/')))
        {
            placed(&mut exec.command);
        }
    }
    Ok((kubeconfig, from))
}

fn parsed(text: &str, from: &str) -> Result<Kubeconfig, Failure> {
    Kubeconfig::from_yaml(text).map_err(|error| Failure::new(format!("{from} is no kubeconfig: {error}")))
}

/// What a kubeconfig says of one context, with the content of files in their place.
async fn of(kubeconfig: &Kubeconfig, from: String, way: &Way, place: &Place) -> Result<Found, Failure> {
    let (context, mut cluster, user, mut auth) = chosen(kubeconfig, &from, way)?;
    let what = |what: &str| format!("{what} of {from}:");
    if let Some(path) = cluster.certificate_authority.take() {
        let pem = place.read(&what("the authority"), &path).await?;
        cluster.certificate_authority_data.get_or_insert(STANDARD.encode(pem));
    }
    let mut proof = Proof::Nothing;
    let certificate = auth.client_certificate.take();
    let file = |path: &Option<String>| {
        path.as_ref().map_or_else(|| from.clone(), |path| format!("{path} on {}", place.host))
    };
    if let Some(path) = certificate.as_ref().filter(|_| auth.client_certificate_data.is_none()) {
        let pem = place.read(&what("the client certificate"), path).await?;
        auth.client_certificate_data = Some(STANDARD.encode(pem));
    }
    if let Some(path) = auth.client_key.take().filter(|_| auth.client_key_data.is_none()) {
        let pem = place.read(&what("the client key"), &path).await?;
        auth.client_key_data = Some(STANDARD.encode(pem).into());
    }
    let who = identity::shown(user.as_deref(), &from);
    let mut source = Source::Fixed;
    if let Some(data) = &auth.client_certificate_data {
        proof = Proof::Certificate { file: file(&certificate), until: certificate_until(data) };
    } else if auth.username.is_some() && auth.password.is_some() {
        proof = Proof::Password { file: from.clone() };
    } else if auth.token.is_some() {
        let token = plain(&auth).and_then(|auth| auth.get("token")?.as_str().and_then(token_until));
        proof = Proof::Token { file: from.clone(), until: token };
    } else if let Some(path) = auth.token_file.take() {
        source = Source::File(path);
    } else if let Some(exec) = auth.exec.take() {
        source = Source::Plugin(Plugin::new(&exec, &cluster, &who)?);
    } else if let Some(provider) = auth.auth_provider.as_ref().filter(|one| one.name != "oidc") {
        return Err(Failure::new(format!(
            "{who} has the auth-provider `{}`, which kubectl itself has not known since 1.26: use the program that took its place (`exec`)",
            provider.name
        )));
    }
    (auth.exec, auth.token_file) = (None, None);
    let bare = Kubeconfig {
        clusters: vec![kube::config::NamedCluster {
            name: context.cluster.clone(),
            cluster: Some(cluster),
            ..Default::default()
        }],
        auth_infos: vec![kube::config::NamedAuthInfo {
            name: "user".into(),
            auth_info: Some(auth),
            ..Default::default()
        }],
        contexts: vec![kube::config::NamedContext {
            name: "context".into(),
            context: Some(kube::config::Context { user: Some("user".into()), ..context }),
            ..Default::default()
        }],
        current_context: Some("context".into()),
        ..Kubeconfig::default()
    };
    let config = Config::from_custom_kubeconfig(bare, &KubeConfigOptions::default())
        .await
        .map_err(|error| Failure::new(format!("{from} cannot be used: {error}")))?;
    let identity = Identity { from, user, proof, ..Identity::default() };
    Ok(Found { config, line: Line::default(), source, identity })
}

/// The fields of a user in plain; only ever looked at for dates.
fn plain(auth: &AuthInfo) -> Option<Json> {
    serde_json::to_value(auth).ok()
}

type Chosen = (kube::config::Context, Cluster, Option<String>, AuthInfo);

/// The context that a task means, its cluster and its user.
fn chosen(kubeconfig: &Kubeconfig, from: &str, way: &Way) -> Result<Chosen, Failure> {
    let names: Vec<&str> = kubeconfig.contexts.iter().map(|named| named.name.as_str()).collect();
    let has = match names.is_empty() {
        true => "it has none".to_string(),
        false => format!("it has {}", names.join(", ")),
    };
    let name =
        way.context.as_deref().or(kubeconfig.current_context.as_deref()).filter(|name| !name.is_empty());
    let Some(name) = name else {
        return Err(Failure::new(format!(
            "{from} says no current-context: give `context` ({has}), or `kubectl config use-context NAME`"
        )));
    };
    let context = kubeconfig.contexts.iter().find(|named| named.name == name);
    let Some(context) = context.and_then(|named| named.context.clone()) else {
        return Err(Failure::new(format!("there is no context `{name}` in {from}: {has}")));
    };
    let cluster = kubeconfig.clusters.iter().find(|named| named.name == context.cluster);
    let Some(cluster) = cluster.and_then(|named| named.cluster.clone()) else {
        return Err(Failure::new(format!(
            "the context `{name}` of {from} is for the cluster `{}`, which is not in it",
            context.cluster
        )));
    };
    let user = context.user.clone().filter(|user| !user.is_empty());
    let auth = match &user {
        None => AuthInfo::default(),
        Some(user) => match kubeconfig.auth_infos.iter().find(|named| named.name == *user) {
            Some(named) => named.auth_info.clone().unwrap_or_default(),
            None => {
                return Err(Failure::new(format!(
                    "the context `{name}` of {from} is for the user `{user}`, who is not in it"
                )));
            }
        },
    };
    Ok((context, cluster, user, auth))
}

/// What the task says besides its kubeconfig.
async fn told(found: &mut Found, way: &Way, place: &Place) -> Result<(), Failure> {
    let Found { config, identity, source, .. } = found;
    if let Some(host) = way.elsewhere.as_ref().or(way.host.as_ref()) {
        config.cluster_url = url(host)?;
    }
    if let Some(checked) = way.validate_certs {
        config.accept_invalid_certs = !checked;
    }
    if let Some(path) = &way.ca_cert {
        let pem = place.read("`ca_cert`", path).await?;
        config.root_cert = Some(certificates(&String::from_utf8_lossy(&pem)));
    }
    let user = &mut config.auth_info;
    if let (Some(cert), Some(key)) = (&way.client_cert, &way.client_key) {
        let pem = STANDARD.encode(place.read("`client_cert`", cert).await?);
        let file = format!("{cert} on {}", place.host);
        identity.proof = Proof::Certificate { file, until: certificate_until(&pem) };
        user.client_certificate_data = Some(pem);
        user.client_key_data = Some(STANDARD.encode(place.read("`client_key`", key).await?).into());
        *source = Source::Fixed;
    }
    if let (Some(name), Some(password)) = (&way.username, &way.password) {
        user.username = Some(name.clone());
        user.password = Some(password.clone().into());
        identity.proof = Proof::Password { file: "the task".into() };
        *source = Source::Fixed;
    }
    if let Some(token) = &way.api_key {
        (user.username, user.password) = (None, None);
        user.token = Some(token.clone().into());
        identity.proof = Proof::Token { file: "the task's `api_key`".into(), until: token_until(token) };
        *source = Source::Fixed;
    }
    if let Some(name) = &way.impersonate_user {
        user.impersonate = Some(name.clone());
    }
    if let Some(groups) = &way.impersonate_groups {
        user.impersonate_groups = Some(groups.clone());
    }
    Ok(())
}

/// The proxy on the way: the task's, the kubeconfig's, or the environment's unless it makes an exception.
fn proxy(way: &Way, listed: Option<&str>, url: &Uri, place: &Place) -> Result<Option<Proxy>, Failure> {
    let host = url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let excepted = |list: &Option<String>| list.as_deref().is_some_and(|list| is_excepted(host, list));
    let of = |lower: &str, upper: &str| place.variable(lower).or_else(|| place.variable(upper));
    let said = way.proxy.as_deref().or(listed).filter(|_| !excepted(&way.no_proxy)).map(str::to_string);
    let local = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    let ambient = || {
        let exceptions = way.no_proxy.clone().or_else(|| of("no_proxy", "NO_PROXY"));
        let https = url.scheme_str() != Some("http");
        let found = if https { of("https_proxy", "HTTPS_PROXY") } else { of("http_proxy", "HTTP_PROXY") };
        found.filter(|_| !local && !excepted(&exceptions))
    };
    let ambient = if way.proxy.is_none() && listed.is_none() { ambient() } else { None };
    let Some(found) = said.or(ambient) else { return Ok(None) };
    Proxy::new(&found, headers(way)?).map(Some)
}

/// What the proxy is told besides, by `proxy_headers`.
fn headers(way: &Way) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    let said = way.proxy_headers.clone().unwrap_or_default();
    let of = |key: &str| said.get(key).and_then(Json::as_str);
    if let Some(agent) = of("user_agent") {
        let value = HeaderValue::from_str(agent);
        headers.insert(
            "user-agent",
            value.map_err(|_| Failure::new("proxy_headers: `user_agent` is no header"))?,
        );
    }
    for (key, header) in [("basic_auth", "authorization"), ("proxy_basic_auth", "proxy-authorization")] {
        if let Some(login) = of(key) {
            headers.insert(header, basic(login)?);
        }
    }
    Ok(headers)
}

/// Whether a list as in `NO_PROXY` has a host: by name, as a part of a domain, by address or network.
fn is_excepted(host: &str, list: &str) -> bool {
    let address: Option<IpAddr> = host.parse().ok();
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let name = entry.trim_start_matches("*.").trim_start_matches('.').to_lowercase();
        let network = entry.parse::<IpNet>().ok().zip(address).is_some_and(|(net, ip)| net.contains(&ip));
        let host = host.to_lowercase();
        entry == "*"
            || network
            || host == name
            || host.strip_suffix(&name).is_some_and(|rest| rest.ends_with('.'))
    })
}

/// The certificates of a PEM text.
fn certificates(pem: &str) -> Vec<Vec<u8>> {
    let blocks = pem.split("-----BEGIN CERTIFICATE-----").skip(1);
    let body = |block: &str| {
        let text: String = block.split("-----END").next().unwrap_or("").split_whitespace().collect();
        STANDARD.decode(text).ok()
    };
    blocks.filter_map(body).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::place::tests::here;
    use crate::kube::request::send;
    use crate::kube::session::Session;
    use muster_apiserver::{Cluster, Double, User};

    #[tokio::test]
    async fn a_pod_asks_as_its_service_account_and_reads_its_token_again() {
        let double = Double::start(Cluster::healthy()).await.unwrap();
        double.add_token("first", User::new("system:serviceaccount:shop:runner", &["system:masters"]));
        let dir = tempfile::tempdir().unwrap();
        for (file, text) in [
            ("ca.crt", double.authority().to_string()),
            ("namespace", "shop".into()),
            ("token", "first\n".into()),
        ] {
            std::fs::write(dir.path().join(file), text).unwrap();
        }
        let pair = |name: &str, value: String| (name.to_string(), value);
        let place = here(vec![
            pair("KUBERNETES_SERVICE_HOST", double.address().ip().to_string()),
            pair("KUBERNETES_SERVICE_PORT", double.address().port().to_string()),
        ]);
        let found = in_pod(&place, &dir.path().display().to_string()).await.unwrap();
        assert_eq!(found.config.default_namespace, "shop");
        let session = Session::open(found, place.clone()).await.unwrap();
        let (client, who) = session.client().await.unwrap();
        assert!(send(&client, http::Method::GET, "/api/v1/nodes", None).await.is_ok());
        assert!(matches!(who.proof, Proof::Token { file, .. } if file.ends_with("/token on here")));
        // The kubelet puts a new one there.
        double.add_token("second", User::new("system:serviceaccount:shop:runner", &["system:masters"]));
        std::fs::write(dir.path().join("token"), "second").unwrap();
        let (client, _) = session.renewed().await.unwrap().unwrap();
        assert!(send(&client, http::Method::GET, "/api/v1/nodes", None).await.is_ok());
        std::fs::remove_file(dir.path().join("ca.crt")).unwrap();
        let missing = in_pod(&place, &dir.path().display().to_string()).await.err().unwrap();
        assert!(missing.message().contains("cannot read the pod's authority"), "{}", missing.message());
    }

    #[test]
    fn an_exception_is_a_name_a_domain_an_address_or_a_network() {
        for (host, list, excepted) in [
            ("api.example.com", "example.com", true),
            ("api.example.com", ".example.com, other", true),
            ("notexample.com", "example.com", false),
            ("10.1.2.3", "10.0.0.0/8", true),
            ("10.1.2.3", "192.168.0.0/16,10.1.2.3", true),
            ("11.1.2.3", "10.0.0.0/8", false),
            ("anything", "*", true),
            ("anything", "", false),
        ] {
            assert_eq!(is_excepted(host, list), excepted, "{host} in {list}");
        }
    }
}
