//! A task's request as a script for the target: curl reads everything, secrets included, from its standard input, so
//! nothing of it is in the process list. Without curl, wget makes plain requests.

use super::Args;
use crate::command::words::{expanded, quote};
use base64::Engine as _;
use muster_engine::connection::Command;
use muster_engine::module::Failure;
use serde_json::Value as Json;

/// The exit code when the target has no program for it, and when it has only wget and that is not enough.
pub(super) const NO_PROGRAM: i32 = 94;
pub(super) const NEEDS_CURL: i32 = 95;

/// The command: it prints curl's code, then status, final address and redirects, then the sizes of the headers, then
/// headers and body.
pub(super) fn command(args: &Args) -> Result<Command, Failure> {
    let body = body(args)?;
    let headers = headers(args, body.is_some())?;
    let plain = body.is_none()
        && args.method.as_deref().unwrap_or("GET") == "GET"
        && args.url_username.is_none()
        && args.client_cert.is_none()
        && args.unix_socket.is_none();
    // Certificates and sockets are paths of the target, which its shell expands; they are no secrets.
    let mut words = String::new();
    for (flag, path) in [
        ("--cert", &args.client_cert),
        ("--key", &args.client_key),
        ("--cacert", &args.ca_path),
        ("--unix-socket", &args.unix_socket),
    ] {
        if let Some(path) = path {
            words.push_str(&format!(" {flag} {}", expanded(path)));
        }
    }
    if let Some(path) = &args.src {
        words.push_str(&format!(" --data-binary @{}", expanded(path)));
    }
    let insecure = if args.validate_certs { "" } else { " --no-check-certificate" };
    // A header may hold a token, and wget would show it among its words.
    let wget = if plain && args.headers.is_empty() {
        format!(
            "wget -S -T {} -U {}{insecure} -O \"$d/b\" {} 2>\"$d/e\"; r=$?\n\
             sed -n 's/^  *//;/^HTTP\\//p;/^[A-Za-z-]*: /p' \"$d/e\" >\"$d/h\"\n\
             [ -s \"$d/h\" ] && r=0\nprintf '%s\\n' $r; sed -n 's/^HTTP[^ ]* \\([0-9]*\\).*/\\1/p' \"$d/h\" | tail -n 1; echo {}; echo 0",
            args.timeout,
            quote(&args.http_agent),
            quote(&args.url),
            quote(&args.url),
        )
    } else {
        format!("exit {NEEDS_CURL}")
    };
    let script = format!(
        "umask 077; d=$(mktemp -d \"${{TMPDIR:-/tmp}}/muster.XXXXXXXX\") || exit 1\ntrap 'rm -rf \"$d\"' EXIT\n\
         trap 'exit 143' HUP INT TERM\n: >\"$d/h\"; : >\"$d/b\"\n\
         if command -v curl >/dev/null 2>&1; then\n\
         curl -q -sS -K - -D \"$d/h\" -o \"$d/b\" -w '%{{http_code}}\\n%{{url_effective}}\\n%{{num_redirects}}\\n'{words} >\"$d/w\" 2>\"$d/e\"; r=$?\n\
         printf '%s\\n' $r; cat \"$d/w\"\n\
         elif command -v wget >/dev/null 2>&1; then\n{wget}\nelse exit {NO_PROGRAM}; fi\n\
         wc -c <\"$d/h\"; cat \"$d/h\" \"$d/b\"; cat \"$d/e\" >&2\n{}exit 0\n",
        args.dest.as_deref().map(|dest| keep(args, dest)).unwrap_or_default(),
    );
    Ok(Command::new(script).stdin(config(args, &headers, body.as_deref()).into_bytes()))
}

/// The name that the answer gives the file.
const NAMED: &str = r#"n=$(sed -n 's/^[Cc]ontent-[Dd]isposition:.*filename="\{0,1\}\([^";]*\).*/\1/p' "$d/h" | tr -d '\r' | tail -n 1)"#;

/// Puts the body where the task wants it, if the status is right; what is said goes to standard error's last line.
fn keep(args: &Args, dest: &str) -> String {
    let codes: Vec<String> = args.status_code.iter().map(ToString::to_string).collect();
    let name = args.url.split(['?', '#']).next().unwrap_or("").rsplit('/').next().unwrap_or("");
    let name = quote(if name.is_empty() { "index.html" } else { name });
    let mut own = String::new();
    if let Some(mode) = args.mode.as_ref().map(|mode| mode.as_str().map_or(mode.to_string(), str::to_string))
    {
        own.push_str(&format!("chmod {} \"$t\" && ", quote(&mode)));
    }
    for (program, who) in [("chown", &args.owner), ("chgrp", &args.group)] {
        if let Some(who) = who {
            own.push_str(&format!("{program} {} \"$t\" && ", quote(who)));
        }
    }
    format!(
        "t={}; if [ -d \"$t\" ]; then\n\
         {NAMED}; n=${{n##*/}}\n\
         if [ -n \"$n\" ]; then t=$t/$n; else t=$t/{name}; fi; fi\n\
         s=$(sed -n 1p \"$d/w\" 2>/dev/null || echo 200)\ncase \" {} \" in *\" $s \"*)\numask 022\n\
         if cat \"$d/b\" >\"$t\" && {own}true; then printf '\\nmuster: kept %s\\n' \"$t\" >&2; else printf '\\nmuster: not kept\\n' >&2; fi;; esac\n",
        expanded(dest),
        codes.join(" "),
    )
}

/// Everything that curl is told, one option a line.
fn config(args: &Args, headers: &[(String, String)], body: Option<&str>) -> String {
    let mut lines = vec![];
    let mut put = |key: &str, value: &str| lines.push(format!("{key} = {}", quoted(value)));
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept")) {
        // curl would say what it accepts.
        put("header", "Accept:");
    }
    let method = args.method.as_deref().unwrap_or("GET");
    put("url", &args.url);
    match method {
        "HEAD" => {}
        other => put("request", other),
    }
    for (name, value) in headers {
        // An empty value is written with a semicolon, or curl would leave the header out.
        put("header", &if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") });
    }
    if let Some(body) = body {
        put("data-binary", body);
    }
    put("user-agent", &args.http_agent);
    let seconds = args.timeout.max(1).to_string();
    put("connect-timeout", &seconds);
    put("speed-time", &seconds);
    put("speed-limit", "1");
    if let (Some(user), false) = (&args.url_username, args.force_basic_auth) {
        put("user", &format!("{user}:{}", args.url_password.as_deref().unwrap_or("")));
    }
    if !args.ciphers.is_empty() {
        put("ciphers", &args.ciphers.join(":"));
    }
    if !args.use_proxy {
        put("noproxy", "*");
    }
    let mut flags = vec![];
    let reads = matches!(method, "GET" | "HEAD");
    match args.follow_redirects.as_str() {
        "all" | "yes" | "urllib2" => flags.push("location"),
        "safe" if reads => flags.push("location"),
        _ => {}
    }
    flags.extend((method == "HEAD").then_some("head"));
    flags.extend((!args.validate_certs).then_some("insecure"));
    flags.extend(args.decompress.then_some("compressed"));
    flags.extend(args.use_netrc.then_some("netrc-optional"));
    lines.extend(flags.into_iter().map(str::to_string));
    lines.join("\n") + "\n"
}

/// A value of curl's configuration.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    let escaped = escaped.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t");
    format!("\"{escaped}\"")
}

fn headers(args: &Args, body: bool) -> Result<Vec<(String, String)>, Failure> {
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    let mut headers: Vec<(String, String)> = args.headers.iter().map(|(k, v)| (k.clone(), text(v))).collect();
    if let Some((name, _)) =
        headers.iter().find(|(name, value)| format!("{name}{value}").contains(['\n', '\r']))
    {
        return Err(Failure::new(format!("the header {name} goes over more than one line")));
    }
    let has =
        |headers: &[(String, String)], name: &str| headers.iter().any(|(k, _)| k.eq_ignore_ascii_case(name));
    let kind = match args.body_format.as_str() {
        "json" => Some("application/json"),
        "form-urlencoded" => Some("application/x-www-form-urlencoded"),
        _ => None,
    };
    if let (Some(kind), true, false) = (kind, body, has(&headers, "content-type")) {
        headers.push(("Content-Type".into(), kind.into()));
    }
    if args.force_basic_auth && !has(&headers, "authorization") {
        let pair = format!(
            "{}:{}",
            args.url_username.as_deref().unwrap_or(""),
            args.url_password.as_deref().unwrap_or("")
        );
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        headers.push(("Authorization".into(), format!("Basic {encoded}")));
    }
    if args.force {
        headers.push(("cache-control".into(), "no-cache".into()));
    }
    Ok(headers)
}

fn body(args: &Args) -> Result<Option<String>, Failure> {
    let Some(body) = args.body.as_ref().filter(|body| !body.is_null()) else { return Ok(None) };
    match (args.body_format.as_str(), body) {
        ("form-multipart", _) => Err(Failure::new(
            "body_format: form-multipart is not supported; send the form with a script or form-urlencoded",
        )),
        (_, Json::String(text)) => Ok(Some(text.clone())),
        ("form-urlencoded", body) => form(body).map(Some),
        ("json", body) => Ok(Some(python_json(body))),
        (_, body) => Ok(Some(body.to_string())),
    }
}

fn form(body: &Json) -> Result<String, Failure> {
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    let mut pairs: Vec<(String, String)> = vec![];
    let mut add = |key: &str, value: &Json| match value {
        Json::Array(items) => pairs.extend(items.iter().map(|item| (key.to_string(), text(item)))),
        other => pairs.push((key.to_string(), text(other))),
    };
    match body {
        Json::Object(map) => map.iter().for_each(|(key, value)| add(key, value)),
        Json::Array(items) => {
            for item in items {
                let Some([key, value]) = item.as_array().map(Vec::as_slice) else {
                    return Err(Failure::new("failed to parse body as form_urlencoded: pairs are needed"));
                };
                add(&text(key), value);
            }
        }
        _ => return Err(Failure::new("failed to parse body as form_urlencoded: a mapping is needed")),
    }
    let pair = |(key, value): &(String, String)| format!("{}={}", encoded(key), encoded(value));
    Ok(pairs.iter().map(pair).collect::<Vec<_>>().join("&"))
}

fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b' ' => "+".to_string(),
        b if b.is_ascii_alphanumeric() || b"_.-~".contains(&b) => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// JSON with a space after `,` and `:`, as Python writes it.
fn python_json(value: &Json) -> String {
    match value {
        Json::Array(items) => format!("[{}]", items.iter().map(python_json).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => {
            let pair = |(key, value): (&String, &Json)| {
                format!("{}: {}", Json::from(key.as_str()), python_json(value))
            };
            format!("{{{}}}", map.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
