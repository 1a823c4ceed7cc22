//! Which API server, with which credentials: a kubeconfig found where the task runs. On a remote host without one named, that
//! is kubeadm's `admin.conf`. Files a kubeconfig names are read there too, so nothing of it is needed on the controller.

use super::way::Way;
use crate::command::words::{expanded, quote};
use crate::tool;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use muster_engine::module::{Context, Failure};
use serde_json::Value as Json;

/// What a control plane host keeps for its administrators.
const ADMIN: &str = "/etc/kubernetes/admin.conf";

/// A configuration and where it came from.
pub(crate) struct Found {
    pub config: Config,
    /// For messages: `/etc/kubernetes/admin.conf on cp1`.
    pub from: String,
}

/// Whether a task runs on this machine and may use what is here.
pub(crate) fn is_here(cx: &Context) -> bool {
    &*cx.road.target().kind == "local"
}

/// Finds the configuration.
///
/// # Errors
/// There is none, it cannot be read, or it needs what cannot be had where the task runs.
pub(crate) async fn find(way: &Way, cx: &Context) -> Result<Found, Failure> {
    if way.proxy_headers.as_ref().is_some_and(|headers| headers.as_object().is_none_or(|map| !map.is_empty()))
    {
        return Err(Failure::new("`proxy_headers` is not supported: give the proxy's user in its URL"));
    }
    let (kubeconfig, from) = match &way.kubeconfig {
        Json::Object(_) => {
            (read(&way.kubeconfig.to_string(), "kubeconfig")?, "the task's kubeconfig".to_string())
        }
        Json::String(path) => file(path, cx).await?,
        Json::Null => match usual(way, cx).await? {
            Some(found) => found,
            None => {
                let Found { config, from } = bare(way)?;
                return Ok(Found { config: overridden(config, way, cx).await?, from });
            }
        },
        _ => return Err(Failure::new("`kubeconfig` is a path or a mapping")),
    };
    let mut kubeconfig = kubeconfig;
    inline(&mut kubeconfig, cx).await?;
    let options = KubeConfigOptions { context: way.context.clone(), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|error| Failure::new(format!("{from} cannot be used: {error}")))?;
    let config = overridden(config, way, cx).await?;
    Ok(Found { config, from })
}

/// The kubeconfig nobody named: what kubectl would take here; on a remote host kubeadm's.
async fn usual(way: &Way, cx: &Context) -> Result<Option<(Kubeconfig, String)>, Failure> {
    if way.host.is_some() {
        return Ok(None);
    }
    let script = format!(
        "if [ -n \"$KUBECONFIG\" ]; then printf '%s' \"$KUBECONFIG\"; elif {own} [ -f \"$HOME/.kube/config\" ]; then printf '%s' \"$HOME/.kube/config\"; elif [ -e {ADMIN} ] || ! [ -x /etc/kubernetes ] && [ -d /etc/kubernetes ]; then printf '%s' {ADMIN}; fi",
        own = if is_here(cx) { "" } else { "[ ! -e /etc/kubernetes/admin.conf ] &&" },
    );
    let seen = tool::ask(cx, &[], &script).await?;
    let paths = seen.out();
    if paths.is_empty() {
        if is_here(cx) && Config::incluster().is_ok() {
            return Ok(None);
        }
        return Err(Failure::new(format!(
            "no kubeconfig on {}: give `kubeconfig`, set K8S_AUTH_KUBECONFIG, or delegate the task to a control plane host, where {ADMIN} is",
            cx.road.target().host
        )));
    }
    let mut merged: Option<(Kubeconfig, String)> = None;
    for path in paths.split(':').filter(|path| !path.is_empty()) {
        let (next, from) = file(path, cx).await?;
        merged = Some(match merged {
            None => (next, from),
            Some((first, before)) => (
                first.merge(next).map_err(|error| Failure::new(format!("{from}: {error}")))?,
                format!("{before}, {from}"),
            ),
        });
    }
    Ok(merged)
}

/// A configuration without a kubeconfig: the task's own URL and credentials, or the pod muster runs in.
fn bare(way: &Way) -> Result<Found, Failure> {
    let Some(host) = &way.host else {
        let config = Config::incluster().map_err(|error| Failure::new(error.to_string()))?;
        return Ok(Found { config, from: "the pod's service account".into() });
    };
    let url = host.parse().map_err(|error| Failure::new(format!("host: `{host}` is no URL: {error}")))?;
    Ok(Found { config: Config::new(url), from: "the task's `host`".into() })
}

/// A kubeconfig of the host.
async fn file(path: &str, cx: &Context) -> Result<(Kubeconfig, String), Failure> {
    let from = format!("{path} on {}", cx.road.target().host);
    let seen = tool::run(cx, format!("cat -- {}", expanded(path))).await?;
    if !seen.succeeded() {
        let why = seen.err();
        let hint = match why.contains("ermission denied") {
            true => ": set `become: true`, or give another `kubeconfig`",
            false => "",
        };
        return Err(Failure::new(format!("cannot read the kubeconfig {from}: {}{hint}", why.trim())));
    }
    let mut kubeconfig = read(&seen.out(), &from)?;
    // Names of files in it are meant from where it lies.
    let dir = path.rsplit_once('/').map_or(".", |(dir, _)| dir);
    let place = |file: &mut Option<String>| {
        if let Some(name) = file.as_mut().filter(|name| !name.starts_with('/') && !name.is_empty()) {
            *name = format!("{dir}/{name}");
        }
    };
    for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        place(&mut cluster.certificate_authority);
    }
    for user in kubeconfig.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
        place(&mut user.client_certificate);
        place(&mut user.client_key);
        place(&mut user.token_file);
    }
    Ok((kubeconfig, from))
}

fn read(text: &str, from: &str) -> Result<Kubeconfig, Failure> {
    Kubeconfig::from_yaml(text).map_err(|error| Failure::new(format!("{from} is no kubeconfig: {error}")))
}

/// Puts the content of files in their place, and refuses what only the host itself could run.
async fn inline(kubeconfig: &mut Kubeconfig, cx: &Context) -> Result<(), Failure> {
    if is_here(cx) {
        return Ok(());
    }
    for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        if let Some(path) = cluster.certificate_authority.take() {
            cluster.certificate_authority_data = Some(content(&path, cx).await?);
        }
    }
    for user in kubeconfig.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
        if let Some(path) = user.client_certificate.take() {
            user.client_certificate_data = Some(content(&path, cx).await?);
        }
        if let Some(path) = user.client_key.take() {
            user.client_key_data = Some(content(&path, cx).await?.into());
        }
        if let Some(path) = user.token_file.take() {
            let token = STANDARD.decode(content(&path, cx).await?).unwrap_or_default();
            user.token = Some(String::from_utf8_lossy(&token).trim().to_string().into());
        }
        if user.exec.is_some() {
            return Err(Failure::new(format!(
                "the kubeconfig of {} gets its credentials from a program: that runs only on the controller. Delegate the task to localhost, or give `api_key`",
                cx.road.target().host
            )));
        }
    }
    Ok(())
}

/// A file of the host in base64.
async fn content(path: &str, cx: &Context) -> Result<String, Failure> {
    let seen = tool::run(cx, format!("cat -- {}", quote(path))).await?;
    match seen.succeeded() {
        true => Ok(STANDARD.encode(&seen.stdout)),
        false => Err(Failure::new(format!(
            "cannot read {path} on {}: {}",
            cx.road.target().host,
            seen.err().trim()
        ))),
    }
}

/// What the task says besides its kubeconfig.
async fn overridden(mut config: Config, way: &Way, cx: &Context) -> Result<Config, Failure> {
    if let Some(host) = way.elsewhere.as_ref().or(way.host.as_ref()) {
        config.cluster_url =
            host.parse().map_err(|error| Failure::new(format!("host: `{host}` is no URL: {error}")))?;
    }
    if let Some(proxy) = &way.proxy {
        config.proxy_url = Some(proxy.parse().map_err(|_| Failure::new("proxy: this is no URL"))?);
    }
    if let Some(checked) = way.validate_certs {
        config.accept_invalid_certs = !checked;
    }
    if let Some(path) = &way.ca_cert {
        let pem = STANDARD.decode(content(path, cx).await?).unwrap_or_default();
        let text = String::from_utf8_lossy(&pem).into_owned();
        config.root_cert = Some(certificates(&text));
    }
    let user = &mut config.auth_info;
    if let Some(token) = &way.api_key {
        user.token = Some(token.clone().into());
        (user.token_file, user.exec) = (None, None);
    }
    if let (Some(name), Some(password)) = (&way.username, &way.password) {
        user.username = Some(name.clone());
        user.password = Some(password.clone().into());
    }
    if let (Some(cert), Some(key)) = (&way.client_cert, &way.client_key) {
        user.client_certificate_data = Some(content(cert, cx).await?);
        user.client_key_data = Some(content(key, cx).await?.into());
        (user.client_certificate, user.client_key) = (None, None);
    }
    if let Some(name) = &way.impersonate_user {
        user.impersonate = Some(name.clone());
    }
    if let Some(groups) = &way.impersonate_groups {
        user.impersonate_groups = Some(groups.clone());
    }
    Ok(config)
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
