//! A task's request as a script for the target: curl reads everything, secrets included, from its standard input, so
//! nothing of it is in the process list. Without curl, wget makes plain requests.

use super::Args;
use super::body::Body;
use crate::command::words::{expanded, quote};
use crate::net::urllib::{self, moment};
use base64::Engine as _;
use muster_engine::connection::Command;
use muster_engine::module::{Failure, python_str};

/// The exit code when the target has no program for it, and when it has only wget and that is not enough.
pub(super) const NO_PROGRAM: i32 = 94;
pub(super) const NEEDS_CURL: i32 = 95;
/// The exit code when the file to send cannot be read.
pub(super) const NO_SOURCE: i32 = 96;

/// The command: it prints curl's code, then status and final address, then the size of the headers, then
/// headers and body. `since` is when the file at `dest` was changed, in Unix seconds.
pub(super) fn command(args: &Args, body: Option<&Body>, since: Option<f64>) -> Result<Command, Failure> {
    let mut headers = headers(args, body)?;
    let since =
        since.filter(|_| !args.force).and_then(moment).map(|at| ("If-Modified-Since".to_string(), at));
    headers.extend(since.clone());
    let mut input = vec![];
    let mut before = String::new();
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
    let text = body.and_then(Body::text);
    if let Some(body) = body.filter(|_| text.is_none()) {
        // The rest of standard input is curl's configuration.
        before = format!("head -c {} >\"$d/u\"\n", body.bytes.len());
        words.push_str(" --data-binary @\"$d/u\"");
        input.extend(&body.bytes);
    }
    if let Some(path) = args.src.as_ref().filter(|_| args.remote_src) {
        before = format!("[ -r {0} ] || exit {NO_SOURCE}\n", expanded(path));
        words.push_str(&format!(" --data-binary @{}", expanded(path)));
    }
    let insecure = if args.validate_certs { "" } else { " --no-check-certificate" };
    let since =
        since.map_or(String::new(), |(name, at)| format!(" --header {}", quote(&format!("{name}: {at}"))));
    // Another header may hold a token, and wget would show it among its words.
    let wget = if plain && args.headers.is_empty() {
        format!(
            "wget -S -T {} -U {}{insecure}{since} -O \"$d/b\" {} 2>\"$d/e\"; r=$?\n\
             sed -n 's/^  *//;/^HTTP\\//p;/^[A-Za-z-]*: /p' \"$d/e\" >\"$d/h\"\n\
             [ -s \"$d/h\" ] && r=0\nprintf '%s\\n' $r; sed -n 's/^HTTP[^ ]* \\([0-9]*\\).*/\\1/p' \"$d/h\" | tail -n 1; echo {}",
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
         trap 'exit 143' HUP INT TERM\n: >\"$d/h\"; : >\"$d/b\"\n{before}\
         if command -v curl >/dev/null 2>&1; then\n\
         curl -q -sS -K - -D \"$d/h\" -o \"$d/b\" -w '%{{http_code}}\\n%{{url_effective}}\\n'{words} >\"$d/w\" 2>\"$d/e\"; r=$?\n\
         printf '%s\\n' $r; cat \"$d/w\"\n\
         elif command -v wget >/dev/null 2>&1; then\n{wget}\nelse exit {NO_PROGRAM}; fi\n\
         wc -c <\"$d/h\"; cat \"$d/h\" \"$d/b\"; cat \"$d/e\" >&2\n{}exit 0\n",
        if args.dest.is_some() { kept(args) } else { String::new() },
    );
    input.extend(config(args, &headers, text).into_bytes());
    Ok(Command::new(script).stdin(input))
}

/// The name that the answer gives the file.
const NAMED: &str = r#"n=$(sed -n 's/^[Cc]ontent-[Dd]isposition:.*filename="\{0,1\}\([^";]*\).*/\1/p' "$d/h" | tr -d '\r' | tail -n 1)"#;

/// Keeps the body apart if the status is right, for the file that it becomes: where, and by which name, is said on standard error.
/// What is an error for Ansible has no body then, unless its content is looked at.
fn kept(args: &Args) -> String {
    let codes: Vec<String> =
        args.status_code.iter().filter(|code| **code != 304).map(ToString::to_string).collect();
    let looked_at = if args.return_content {
        "true"
    } else {
        "grep -qiE '^content-type:.*[/+](json|javascript)' \"$d/h\""
    };
    format!(
        "s=$(sed -n 1p \"$d/w\" 2>/dev/null || echo 200)\ncase \" {} \" in *\" $s \"*)\n\
         {NAMED}\ncase $s in 2??) ;; *) {looked_at} || : >\"$d/b\" ;; esac\n\
         t=$(mktemp \"${{TMPDIR:-/tmp}}/muster.XXXXXXXX\") && cat \"$d/b\" >\"$t\" && printf '\\nmuster: kept %s %s\\n' \"$t\" \"${{n##*/}}\" >&2 ;; esac\n",
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
    // What sends something is led on elsewhere, by another method.
    let follows = args.reads() && (args.follows() || args.follow_redirects == "safe");
    flags.extend(follows.then_some("location"));
    // A login is told only to those who ask for it, in the way they ask for it.
    flags.extend((args.url_username.is_some() && !args.force_basic_auth).then_some("anyauth"));
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

fn headers(args: &Args, body: Option<&Body>) -> Result<Vec<(String, String)>, Failure> {
    let mut headers: Vec<(String, String)> =
        args.headers.iter().map(|(name, value)| (name.clone(), python_str(value))).collect();
    if let Some((name, _)) =
        headers.iter().find(|(name, value)| format!("{name}{value}").contains(['\n', '\r']))
    {
        return Err(Failure::new(format!("the header {name} goes over more than one line")));
    }
    let has =
        |headers: &[(String, String)], name: &str| headers.iter().any(|(k, _)| k.eq_ignore_ascii_case(name));
    if let (Some(kind), false) = (body.and_then(|body| body.kind.clone()), has(&headers, "content-type")) {
        headers.push(("Content-Type".into(), kind));
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
    let usual: Vec<_> = urllib::usual(|name| has(&headers, name)).collect();
    headers.extend(usual.into_iter().map(|(name, value)| (name.into(), value.into())));
    let sends = matches!(args.method.as_deref(), Some("POST" | "PUT" | "PATCH"));
    if sends && body.is_none() && args.src.is_none() && !has(&headers, "content-length") {
        headers.push(("Content-Length".into(), "0".into()));
    }
    if args.force {
        headers.push(("cache-control".into(), "no-cache".into()));
    }
    Ok(headers)
}
