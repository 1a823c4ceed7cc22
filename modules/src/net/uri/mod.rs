//! `ansible.builtin.uri`: an HTTP request from the target, by the curl (or wget) that is there. Arguments become a script
//! ([`request`]); what it prints becomes `status`, `content`, `json` and the headers, as Ansible names them.

mod request;

use crate::command::words::pattern;
use crate::files::facts::Look;
use crate::net::unreached;
use muster_engine::connection::Completed;
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Reason, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::time::Instant;

/// `ansible.builtin.uri`.
pub struct Uri;

/// What a task gives to [`Uri`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Args {
    url: String,
    method: Option<String>,
    body: Option<Json>,
    body_format: String,
    headers: Map,
    status_code: Vec<i64>,
    return_content: bool,
    dest: Option<String>,
    src: Option<String>,
    remote_src: bool,
    creates: Option<String>,
    removes: Option<String>,
    follow_redirects: String,
    validate_certs: bool,
    timeout: u64,
    url_username: Option<String>,
    url_password: Option<String>,
    force_basic_auth: bool,
    force: bool,
    client_cert: Option<String>,
    client_key: Option<String>,
    ca_path: Option<String>,
    ciphers: Vec<String>,
    use_proxy: bool,
    use_netrc: bool,
    use_gssapi: bool,
    unix_socket: Option<String>,
    http_agent: String,
    decompress: bool,
    mode: Option<Json>,
    owner: Option<String>,
    group: Option<String>,
}

impl Module for Uri {
    const NAME: &'static str = "ansible.builtin.uri";
    const SPEC: Spec = Spec::new("Makes an HTTP request from the target, with the curl or wget that is there.", &[
        Opt::new("url", Kind::Str, "The address.").required(),
        Opt::new("method", Kind::Str, "The method, one word.").default("GET"),
        Opt::new("body", Kind::Raw, "What to send: text, or a value that `body_format` writes."),
        Opt::new("body_format", Kind::Str, "How a value is written; it sets the content type too. `form-multipart` is refused.")
            .choices(&["form-urlencoded", "json", "raw", "form-multipart"])
            .default("raw"),
        Opt::new("headers", Kind::Dict, "Headers to send.").default("{}"),
        Opt::new("status_code", Kind::List, "The codes that are a success.").elements(Kind::Int).default("[200]"),
        Opt::new("return_content", Kind::Bool, "Whether the answer's body is in the result.").default("false"),
        Opt::new("dest", Kind::Path, "A file or directory of the target for the body."),
        Opt::new("src", Kind::Path, "A file to send as the body, of the target with `remote_src`, else of UTF-8 from beside the playbook."),
        Opt::new("remote_src", Kind::Bool, "Whether `src` is on the target.").default("false"),
        Opt::new("creates", Kind::Path, "A path or glob on the target; when it exists, nothing is asked."),
        Opt::new("removes", Kind::Path, "A path or glob on the target; when it does not exist, nothing is asked."),
        Opt::new("follow_redirects", Kind::Str, "Which redirects to follow: `safe` those of GET and HEAD.")
            .choices(&["all", "no", "none", "safe", "urllib2", "yes"])
            .default("safe"),
        Opt::new("validate_certs", Kind::Bool, "Whether the server's certificate must be good.").default("true"),
        Opt::new("timeout", Kind::Int, "Seconds to wait for a connection, and for any byte after.").default("30"),
        Opt::new("url_username", Kind::Str, "The user to log in as.").aliases(&["user"]),
        Opt::new("url_password", Kind::Str, "The password.").aliases(&["password"]).no_log(),
        Opt::new("force_basic_auth", Kind::Bool, "Whether they are sent at once as a header.").default("false"),
        Opt::new("force", Kind::Bool, "Whether caches are passed by.").default("false"),
        Opt::new("client_cert", Kind::Path, "A certificate of the target for TLS, PEM."),
        Opt::new("client_key", Kind::Path, "Its key, where it is not in the same file."),
        Opt::new("ca_path", Kind::Path, "The authorities that the server's certificate is checked against, PEM."),
        Opt::new("ciphers", Kind::List, "TLS ciphers to offer.").elements(Kind::Str).default("[]"),
        Opt::new("use_proxy", Kind::Bool, "Whether the proxy of the target's environment is used.").default("true"),
        Opt::new("use_netrc", Kind::Bool, "Whether logins of `~/.netrc` are used.").default("true"),
        Opt::new("use_gssapi", Kind::Bool, "Refused when true.").default("false"),
        Opt::new("unix_socket", Kind::Path, "A socket of the target to talk through."),
        Opt::new("unredirected_headers", Kind::List, "Taken and not needed: curl keeps logins to the first host.")
            .elements(Kind::Str)
            .default("[]"),
        Opt::new("http_agent", Kind::Str, "The name to give.").default("ansible-httpget"),
        Opt::new("decompress", Kind::Bool, "Whether packed answers are asked for and unpacked.").default("true"),
        Opt::new("mode", Kind::Raw, "The mode of `dest`."),
        Opt::new("owner", Kind::Str, "The owner of `dest`."),
        Opt::new("group", Kind::Str, "The group of `dest`."),
    ])
    .examples("- uri:\n    url: https://127.0.0.1:6443/readyz\n    validate_certs: false\n    return_content: true\n  register: api\n");
    type Args = Args;
    type Change = Args;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Args>, Failure> {
        let method = args.method.as_deref().unwrap_or("GET").to_uppercase();
        if method.is_empty() || !method.chars().all(|c| c.is_ascii_uppercase()) {
            let wrong = "Parameter 'method' needs to be a single word in uppercase, like GET or POST.";
            return Err(Failure::new(wrong));
        }
        if args.use_gssapi {
            return Err(Failure::new("use_gssapi is not supported; use a script with `curl --negotiate`"));
        }
        if !args.url.contains(':') {
            let message = format!("unknown url type: '{}'", args.url);
            return Err(Failure::new(message).with("status", -1).with("url", args.url.as_str()));
        }
        let foreseen = Output::new(false)
            .with("skipped", true)
            .with("msg", "This action (uri) does not support check mode.");
        if !cx.check_mode {
            for (path, wanted, how) in
                [(&args.creates, false, "exists"), (&args.removes, true, "does not exist")]
            {
                let Some(path) = path else { continue };
                let look = format!("for f in {}; do [ -e \"$f\" ] && exit 0; done; exit 1", pattern(path));
                if cx.sh(look).await?.succeeded() != wanted {
                    let said = format!("skipped, since '{path}' {how}");
                    let output =
                        Output::new(false).with("stdout", said.clone()).with("stdout_lines", json!([said]));
                    return Ok(Check::Done(output));
                }
            }
        }
        Ok(Check::Would { change: Args { method: Some(method), ..args.clone() }, foreseen })
    }

    async fn apply(&self, mut args: Args, cx: &Context) -> Result<Output, Failure> {
        if let Some(src) = args.src.take_if(|_| !args.remote_src) {
            let path = cx.find("files", &src)?;
            let text = std::fs::read_to_string(&path).map_err(|error| {
                Failure::new(format!(
                    "could not send {}: {error}; a file of the target can be anything",
                    path.display()
                ))
            })?;
            (args.body, args.body_format) = (Some(text.into()), "raw".into());
        }
        let command = request::command(&args)?;
        let start = Instant::now();
        let done = cx.exec(command).await?;
        let elapsed = start.elapsed().as_secs();
        match done.rc {
            request::NO_PROGRAM => Err(Failure::new(
                "the target has neither curl nor wget (install curl there, or use delegate_to: localhost)",
            )),
            request::NEEDS_CURL => Err(Failure::new(
                "the target has wget but no curl, and this request needs curl (install it there, or use delegate_to: localhost)",
            )),
            _ => {
                let mut output = answer(&args, &done, elapsed)?;
                if let Some(path) = output.result.get("path").and_then(Json::as_str).map(str::to_string) {
                    Look::at(&path).run(cx).await?.seen.describe(&mut output.result);
                }
                Ok(output)
            }
        }
    }
}

/// What the script printed, in its parts.
fn answer(args: &Args, done: &Completed, elapsed: u64) -> Result<Output, Failure> {
    let mut rest = done.stdout.as_slice();
    let mut line = || {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let text = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).trim().to_string();
        rest = rest.get(end + 1..).unwrap_or_default();
        text
    };
    let (code, status, url, redirects, size) = (line(), line(), line(), line(), line());
    let (head, body) = rest.split_at_checked(size.parse().unwrap_or(0)).unwrap_or((rest, &[]));
    let error = done.err();
    let status = if code == "0" { status.parse::<i64>().unwrap_or(-1) } else { -1 };
    let mut result = headers(&String::from_utf8_lossy(head));
    let reason =
        result.remove("\n").and_then(|reason| reason.as_str().map(str::to_string)).unwrap_or_default();
    let ours = json!({
        "redirected": redirects.parse::<u64>().is_ok_and(|n| n > 0),
        "url": if url.is_empty() { args.url.as_str() } else { url.as_str() },
        "status": status,
        "elapsed": elapsed,
        "changed": false,
    });
    result.extend(ours.as_object().cloned().unwrap_or_default());
    let text = String::from_utf8_lossy(body);
    let kind = result.get("content_type").and_then(Json::as_str).unwrap_or("").to_string();
    let kind = kind.split(';').next().unwrap_or("").trim();
    if kind.ends_with("/json") || kind.ends_with("+json") {
        result.extend(serde_json::from_str::<Json>(&text).ok().map(|json| ("json".to_string(), json)));
    }
    let good = args.status_code.contains(&status);
    // What is no success is an exception to Ansible, which has no cookies and keeps its text elsewhere.
    let exceptional = !(200..300).contains(&status);
    if exceptional {
        result.remove("cookies");
        result.remove("cookies_string");
    }
    if args.return_content && status != -1 {
        result.insert("content".into(), text.as_ref().into());
    } else if exceptional && good {
        result.insert("body".into(), text.as_ref().into());
    }
    if let Some(place) = result.get("location").and_then(Json::as_str).map(|place| joined(&url, place)) {
        result.insert("location".into(), place.into());
    }
    let size = result.get("content_length").and_then(Json::as_str).unwrap_or("unknown");
    let said = match status {
        -1 => unreached(&error),
        200..=299 => format!("OK ({size} bytes)"),
        _ => format!("HTTP Error {status}: {reason}"),
    };
    if !good {
        let wanted: Vec<String> = args.status_code.iter().map(ToString::to_string).collect();
        let message = format!("Status code was {status} and not [{}]: {said}", wanted.join(", "));
        result.insert("msg".into(), message.into());
        return Err(Failure { reason: Reason::Failed, result });
    }
    if args.dest.is_some() {
        let Some(path) = error.lines().find_map(|line| line.strip_prefix("muster: kept ")) else {
            let message = format!("could not write the answer to dest: {}", error.trim());
            return Err(Failure::new(message).with("status", status));
        };
        result.insert("path".into(), path.into());
        result.insert("changed".into(), true.into());
    }
    result.insert("msg".into(), said.into());
    Ok(Output { result, vars: None })
}

/// A place that an answer names, seen from its address.
fn joined(url: &str, place: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://").filter(|_| !place.contains("://")) else {
        return place.to_string();
    };
    let rest = rest.split(['?', '#']).next().unwrap_or("");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if place.starts_with("//") {
        format!("{scheme}:{place}")
    } else if place.starts_with('/') {
        format!("{scheme}://{host}{place}")
    } else {
        let above = path.rsplit_once('/').map_or(String::new(), |(above, _)| format!("{above}/"));
        format!("{scheme}://{host}/{above}{place}")
    }
}

/// The headers of the last answer, with names as Ansible writes them, cookies, and the reason under a name that no
/// header has.
fn headers(text: &str) -> Map {
    let mut found = Map::new();
    let mut cookies = Map::new();
    for line in text.lines().map(|line| line.trim_end_matches('\r')) {
        if line.starts_with("HTTP/") {
            found.clear();
            found.insert("\n".into(), line.splitn(3, ' ').nth(2).unwrap_or("").into());
            continue;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        let (name, value) = (name.trim().to_lowercase().replace('-', "_"), value.trim());
        if name == "set_cookie" {
            let pair = value.split(';').next().and_then(|pair| pair.split_once('='));
            cookies.extend(pair.map(|(name, value)| (name.trim().to_string(), value.trim().into())));
        }
        let joined = match found.get(&name).and_then(Json::as_str) {
            Some(before) => format!("{before}, {value}"),
            None => value.to_string(),
        };
        found.insert(name, joined.into());
    }
    let pairs: Vec<String> =
        cookies.iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or(""))).collect();
    found.insert("cookies_string".into(), pairs.join("; ").into());
    found.insert("cookies".into(), Json::Object(cookies));
    found
}

#[cfg(test)]
mod tests;
