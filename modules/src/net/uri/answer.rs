//! What came back: what the script printed becomes `status`, `content`, `json` and the headers, as Ansible names them, and a file
//! where the task wants one.

use super::Args;
use crate::command::words::quote;
use crate::files::facts::{Facts, Look, Seen};
use crate::files::write::{From, Write};
use crate::net::unreached;
use muster_engine::connection::Completed;
use muster_engine::module::{Context, Failure, Map, Output, Reason};
use serde_json::{Value as Json, json};

/// An answer, and what a task is to make of it.
pub(super) struct Answer {
    result: Map,
    status: i64,
    /// Whether it is one that the task wants.
    good: bool,
    said: String,
    /// The body, kept apart on the target, and the name that the answer gives it.
    kept: Option<(String, String)>,
    /// The name that the address gives it.
    name: String,
    error: String,
}

impl Answer {
    /// Takes apart what the script printed.
    pub fn read(args: &Args, done: &Completed, elapsed: u64, led: bool) -> Self {
        let mut rest = done.stdout.as_slice();
        let mut line = || {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            let text = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).trim().to_string();
            rest = rest.get(end + 1..).unwrap_or_default();
            text
        };
        let (code, status, url, size) = (line(), line(), line(), line());
        let (head, body) = rest.split_at_checked(size.parse().unwrap_or(0)).unwrap_or((rest, &[]));
        let error = done.err().into_owned();
        let status = if code == "0" { status.parse::<i64>().unwrap_or(-1) } else { -1 };
        let mut result = headers(&String::from_utf8_lossy(head), !(200..300).contains(&status));
        let reason = result
            .shift_remove("\n")
            .and_then(|reason| reason.as_str().map(str::to_string))
            .unwrap_or_default();
        let url = if url.is_empty() { args.url.clone() } else { url };
        let shown = without_login(&url);
        let ours = json!({
            // A question asked again with a login counts as led on for curl.
            "redirected": led || shown.trim_end_matches('/') != args.url.trim_end_matches('/'),
            "url": shown,
            "status": status,
            "elapsed": elapsed,
            "changed": false,
        });
        result.extend(ours.as_object().cloned().unwrap_or_default());
        let text = String::from_utf8_lossy(body);
        let kind = result.get("content_type").and_then(Json::as_str).unwrap_or("").to_string();
        let kind = kind.split(';').next().unwrap_or("").trim();
        let is_json = ["json", "javascript"].iter().any(|sub| kind.rsplit(['/', '+']).next() == Some(sub));
        if is_json {
            result.extend(serde_json::from_str::<Json>(&text).ok().map(|json| ("json".to_string(), json)));
        }
        let good = args.status_code.contains(&status);
        // What is no success is an exception to Ansible, which has no cookies and keeps its text elsewhere.
        let exceptional = !(200..300).contains(&status);
        if exceptional {
            result.shift_remove("cookies");
            result.shift_remove("cookies_string");
        }
        if args.return_content && status != -1 {
            result.insert("content".into(), text.as_ref().into());
        } else if exceptional && good && !is_json {
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
        let said = match good {
            true => said,
            false => {
                format!("Status code was {status} and not {}: {said}", wanted(args))
            }
        };
        let kept = error.lines().find_map(|line| line.strip_prefix("muster: kept ")?.split_once(' '));
        let kept = kept.map(|(file, name)| (file.to_string(), name.to_string()));
        let name = url.split(['?', '#']).next().unwrap_or("").rsplit('/').next().unwrap_or("").to_string();
        Self { result, status, good, said, kept, name, error }
    }

    /// Where a request that sends something is led on: by 307 and 308 as it was, else without its body, and mostly to be read.
    pub fn leads_to(&self, args: &Args) -> Option<Next> {
        if args.reads() || !args.follows() || !matches!(self.status, 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let url = self.result.get("location").and_then(Json::as_str)?.to_string();
        let keeps_body = matches!(self.status, 307 | 308);
        let mut next = Args { url, ..args.clone() };
        if matches!((self.status, args.method.as_deref()), (302 | 303, _) | (301, Some("POST"))) {
            next.method = Some("GET".into());
        }
        let elsewhere = host(&next.url) != host(&args.url);
        next.headers.retain(|name, _| {
            let name = name.to_lowercase();
            (keeps_body || !matches!(name.as_str(), "content-type" | "content-length" | "transfer-encoding"))
                && !(elsewhere && matches!(name.as_str(), "authorization" | "cookie"))
        });
        if elsewhere {
            (next.url_username, next.url_password) = (None, None);
        }
        if !keeps_body {
            (next.body, next.src) = (None, None);
        }
        Some(Next { args: next, keeps_body })
    }

    /// Puts the body where the task wants it, and says what is there.
    ///
    /// # Errors
    /// It cannot be written there.
    pub async fn become_file(&mut self, args: &Args, there: &Facts, cx: &Context) -> Result<(), Failure> {
        let Some(dest) = args.dest.as_deref().filter(|_| self.status != -1) else { return Ok(()) };
        let named = self.kept.as_ref().map(|(_, name)| name.clone()).filter(|name| !name.is_empty());
        let named = named.unwrap_or_else(|| self.name.clone());
        let named = if named.is_empty() { "index.html".to_string() } else { named };
        let inside = there.seen.is_dir().then_some(named.as_str());
        let mut now = Look::at(dest).inside(inside).wanted(&args.wanted).run(cx).await?;
        if self.good && self.status != 304 {
            let Some((file, _)) = self.kept.take() else {
                let why = format!("could not write the answer to dest: {}", self.error.trim());
                return Err(self.failing(&why));
            };
            let written = put(&file, args, &now, cx).await;
            cx.sh(format!("rm -f -- {}", quote(&file))).await?;
            now.seen = written.map_err(|failure| {
                let why =
                    format!("failed to copy {file} to {}: {}. {}", now.path, failure.message(), self.said);
                self.failing(&why)
            })?;
            self.result.insert("changed".into(), true.into());
        }
        self.result.insert("path".into(), now.path.as_str().into());
        now.seen.describe(&mut self.result);
        Ok(())
    }

    fn failing(&self, why: &str) -> Failure {
        let mut result = self.result.clone();
        result.insert("msg".into(), why.into());
        Failure { reason: Reason::Failed, result }
    }

    /// The task's end: a failure where the status is none that it wants.
    ///
    /// # Errors
    /// The status is none that the task wants.
    pub fn judged(mut self) -> Result<Output, Failure> {
        if !self.good {
            return Err(self.failing(&self.said));
        }
        self.result.insert("msg".into(), self.said.into());
        Ok(Output { result: self.result, vars: None })
    }
}

/// What is asked next.
pub(super) struct Next {
    pub args: Args,
    pub keeps_body: bool,
}

/// The host and port of an address.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or("");
    host.rsplit('@').next().unwrap_or(host)
}

/// An address without the login in it.
pub(super) fn without_login(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_string() };
    let (_, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    format!("{scheme}://{}{path}", host(url))
}

/// The statuses that a task wants, as Python shows a list of them.
pub(super) fn wanted(args: &Args) -> String {
    let codes: Vec<String> = args.status_code.iter().map(ToString::to_string).collect();
    format!("[{}]", codes.join(", "))
}

/// Replaces the file by one on the target.
async fn put(file: &str, args: &Args, now: &Facts, cx: &Context) -> Result<Seen, Failure> {
    let (mut write, _) = Write::over(now, &args.wanted, Vec::new())?;
    write.from = From::Remote(file.to_string());
    let written = write.run(cx).await?;
    Ok(written.seen)
}

/// A place that an answer names, seen from its address.
pub(super) fn joined(url: &str, place: &str) -> String {
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
/// header has. Of an exception's headers the last of a name counts.
fn headers(text: &str, exceptional: bool) -> Map {
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
            Some(before) if !exceptional => format!("{before}, {value}"),
            _ => value.to_string(),
        };
        found.insert(name, joined.into());
    }
    let pairs: Vec<String> =
        cookies.iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or(""))).collect();
    found.insert("cookies_string".into(), pairs.join("; ").into());
    found.insert("cookies".into(), Json::Object(cookies));
    found
}
