//! The lookup of web pages: fetched with this machine's `curl`. What is asked for, headers and passwords among it,
//! goes to curl's standard input, never to its command line; the page's text goes out, by lines or whole.

use super::{Request, Table};
use crate::template::arguments::entries;
use crate::template::{Value, fault, python};
use minijinja::Error;
use minijinja::value::ValueKind;
use std::io::Write;
use std::process::{Command, Stdio};

pub const TABLE: Table = &[("url", url)];

/// Options that have no meaning for curl here.
const UNKNOWN: [&str; 3] = ["use_gssapi", "ciphers", "unredirected_headers"];

fn url(request: &Request) -> Result<Vec<Value>, Error> {
    if let Some(name) = UNKNOWN.iter().find(|name| request.is(name, false)) {
        return Err(fault::error(format!("the option `{name}` is not supported")));
    }
    let mut out = vec![];
    for term in request.texts()? {
        let page = fetched(request, &term)?;
        if request.is("split_lines", true) {
            out.extend(page.lines().map(Value::from));
        } else {
            out.push(Value::from(page));
        }
    }
    Ok(out)
}

/// A line of curl's configuration.
fn line(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\r', "\\r");
    format!("{name} = \"{value}\"\n")
}

fn fetched(request: &Request, address: &str) -> Result<String, Error> {
    let text = |name: &str| request.option(name);
    let mut config = line("url", address);
    config += "silent\nshow-error\ngloboff\n";
    config += &line("max-time", &text("timeout")?.unwrap_or_else(|| "10".into()));
    config += &line("user-agent", &text("http_agent")?.unwrap_or_else(|| "ansible-httpget".into()));
    config += &line("write-out", "\n%{http_code}");
    if !request.is("validate_certs", true) {
        config += "insecure\n";
    }
    if !request.is("use_proxy", true) {
        config += &line("noproxy", "*");
    }
    if request.is("force", false) {
        config += &line("header", "Cache-Control: no-cache");
    }
    match text("follow_redirects")?.as_deref().unwrap_or("urllib2") {
        "no" | "none" | "false" | "False" => {}
        _ => config += "location\n",
    }
    for (name, option) in [("ca_path", "cacert"), ("unix_socket", "unix-socket")] {
        if let Some(value) = text(name)? {
            config += &line(option, &value);
        }
    }
    match (text("username")?, text("password")?) {
        (Some(user), password) => {
            config += &line("user", &format!("{user}:{}", password.unwrap_or_default()))
        }
        _ if request.is("use_netrc", true) => config += "netrc-optional\n",
        _ => {}
    }
    let headers = request.options.named("headers").filter(|headers| headers.kind() == ValueKind::Map);
    for (name, value) in headers.as_ref().map(entries).transpose()?.unwrap_or_default() {
        config += &line("header", &format!("{}: {}", python::text(&name)?, python::text(&value)?));
    }
    run(&config, &masked(address))
}

fn run(config: &str, shown: &str) -> Result<String, Error> {
    let failed = |why: &dyn std::fmt::Display| fault::error(format!("Failed lookup url for {shown}: {why}"));
    let mut child = Command::new("curl")
        .args(["--disable", "--config", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&format!("`curl` cannot be started on this machine: {error}")))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(config.as_bytes()).map_err(|error| failed(&error))?;
    }
    let done = child.wait_with_output().map_err(|error| failed(&error))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        return Err(failed(&said.trim().trim_start_matches("curl: ")));
    }
    let out = String::from_utf8_lossy(&done.stdout);
    let (page, code) = out.rsplit_once('\n').unwrap_or(("", &out));
    match code.parse::<u16>() {
        Ok(code) if code >= 400 => {
            Err(fault::error(format!("Received HTTP error for {shown}: HTTP Error {code}")))
        }
        _ => Ok(page.to_owned()),
    }
}

/// An address without its password.
fn masked(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let host = rest.find('/').unwrap_or(rest.len());
    match rest.get(..host).and_then(|authority| authority.rfind('@')) {
        Some(at) => format!("{scheme}://*****@{}", rest.get(at + 1..).unwrap_or_default()),
        None => address.to_owned(),
    }
}
