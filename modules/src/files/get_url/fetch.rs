//! Fetching to a temporary file on the host. A [`Request`] becomes one script; curl reads headers and logins from its
//! standard input, so nothing secret is in the process list. wget does for requests that have none.

use super::Args;
use crate::files::facts::Facts;
use crate::files::script::{self, Answer, quote, word};
use crate::net::unreached;
use crate::net::urllib::{self, moment};
use muster_engine::module::{Context, Failure, Output, python_str};
use serde_json::Value as Json;
use std::time::Instant;

/// What is asked for.
pub(super) struct Request<'a> {
    pub args: &'a Args,
    pub url: &'a str,
    pub head: bool,
    pub force: bool,
    /// The time of what is there.
    pub since: Option<f64>,
    pub algorithm: &'a str,
}

/// What came.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    pub status: i64,
    pub file: String,
    pub sha1: String,
    pub md5: String,
    pub digest: String,
    pub elapsed: u64,
    url: String,
    headers: String,
    said: String,
}

/// Fetches.
pub(super) async fn fetch(request: &Request<'_>, cx: &Context) -> Result<Fetched, Failure> {
    let args = request.args;
    let directory = args.tmp_dest.as_deref().map_or_else(|| "\"${TMPDIR:-/tmp}\"".to_string(), word);
    let plain = args.headers.as_ref().is_none_or(|headers| headers.is_empty())
        && args.url_username.is_none()
        && args.client_cert.is_none()
        && !request.head;
    let mut words = String::new();
    for (flag, path) in [("--cert", &args.client_cert), ("--key", &args.client_key)] {
        if let Some(path) = path {
            words.push_str(&format!(" {flag} {}", word(path)));
        }
    }
    let since = request.since.and_then(moment);
    let (url, agent) = (quote(request.url), quote(&args.http_agent));
    let insecure = if args.validate_certs { "" } else { " --no-check-certificate" };
    let header = since
        .as_ref()
        .map_or_else(String::new, |at| format!(" --header {}", quote(&format!("If-Modified-Since: {at}"))));
    let wget = match plain {
        true => format!(
            "case $(wget --help 2>&1) in *BusyBox*) T= ;; *) T='-T {}' ;; esac\n\
             wget -S $T -U {agent}{insecure}{header} -O \"$f\" {url} 2>\"$d/e\" </dev/null; r=$?\n\
             sed -n 's/^  *//;s/^wget: server returned error: //;/^HTTP\\//p;/^[A-Za-z-]*: /p' \"$d/e\" >\"$d/h\"\ngrep -q '^HTTP/' \"$d/h\" && r=0\n\
             printf '%s\\n%s\\n' \"$(sed -n 's/^HTTP[^ ]* \\([0-9]*\\).*/\\1/p' \"$d/h\" | tail -n 1)\" {url} >\"$d/w\"",
            args.timeout
        ),
        false => "die 'the host has wget but no curl, and this request needs curl (install it there)'".into(),
    };
    let file = request.url.strip_prefix("file://").map_or_else(String::new, |path| {
        format!("if e=$(cat -- {} 2>&1 >\"$f\"); then r=0; else r=1; printf '%s' \"$e\" >\"$d/e\"; fi; printf '0\\n\\n' >\"$d/w\"; printf 'content-length: %s\\n' $(($(wc -c <\"$f\"))) >\"$d/h\"\n", quote(path))
    });
    let web = format!(
        "if command -v curl >/dev/null 2>&1; then\n\
         curl -q -sS -K - -D \"$d/h\" -o \"$f\" -w '%{{http_code}}\\n%{{url_effective}}\\n'{words} >\"$d/w\" 2>\"$d/e\"; r=$?\n{}\
         elif command -v wget >/dev/null 2>&1; then\n{wget}\n\
         else die 'the host has neither curl nor wget (install curl there)'; fi\n",
        // curl writes the headers where the content would go.
        if request.head { ": >\"$f\"\n" } else { "" }
    );
    let script = format!(
        "umask 077; t={directory}\n\
         [ -d \"$t\" ] || {{ [ -e \"$t\" ] && die \"$t is a file but should be a directory.\"; die \"$t directory does not exist.\"; }}\n\
         d=$(mktemp -d \"$t/muster.XXXXXXXX\") || exit 1; f=$d/file; : >\"$f\"; : >\"$d/e\"; : >\"$d/h\"\n{}\
         put \"$f\"; put \"$r\"; put \"$(cat \"$d/w\")\"; put \"$(cat \"$d/h\")\"; put \"$(cat \"$d/e\")\"\n\
         sum sha1 \"$f\"; sum md5 \"$f\"; sum {} \"$f\"\n[ \"$r\" = 0 ] && {} || rm -rf -- \"$d\"\nexit 0\n",
        if file.is_empty() { web } else { file },
        quote(request.algorithm),
        if request.head { "false" } else { "true" },
    );
    let start = Instant::now();
    let done = script::exec(cx, &script, Some(config(request, since).into_bytes().into())).await?;
    if !done.succeeded() {
        return Err(script::failure(&done));
    }
    let mut answer = Answer::new(done.stdout);
    let (file, rc, told) = (answer.field()?, answer.field()?, answer.field()?);
    let (headers, said) = (answer.field()?, answer.field()?);
    let mut told = told.lines();
    let status = told.next().and_then(|code| code.trim().parse().ok()).unwrap_or(-1);
    let url = told.next().filter(|url| !url.is_empty()).unwrap_or(request.url).to_string();
    Ok(Fetched {
        status: if rc == "0" { status } else { -1 },
        file,
        sha1: answer.field()?,
        md5: answer.field()?,
        digest: answer.field()?,
        elapsed: start.elapsed().as_secs(),
        url,
        headers,
        said,
    })
}

/// Everything that curl is told, one option a line.
fn config(request: &Request<'_>, since: Option<String>) -> String {
    let args = request.args;
    let quoted = |text: &str| {
        text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\r', "\\r")
    };
    let mut out = String::new();
    let mut put = |key: &str, value: &str| out.push_str(&format!("{key} = \"{}\"\n", quoted(value)));
    put("url", request.url);
    put("user-agent", &args.http_agent);
    for (key, value) in args.headers.iter().flatten() {
        put("header", &format!("{key}: {}", python_str(value)));
    }
    let given = |name: &str| args.headers.iter().flatten().any(|(key, _)| key.eq_ignore_ascii_case(name));
    for (name, value) in urllib::usual(given) {
        put("header", &format!("{name}: {value}"));
    }
    if let Some(at) = since {
        put("header", &format!("If-Modified-Since: {at}"));
    }
    if request.force {
        put("header", "cache-control: no-cache");
    }
    for key in ["connect-timeout", "speed-time"] {
        put(key, &args.timeout.max(1).to_string());
    }
    put("speed-limit", "1");
    if let Some(user) = &args.url_username {
        put("user", &format!("{user}:{}", args.url_password.as_deref().unwrap_or("")));
        put(if args.force_basic_auth { "basic" } else { "anyauth" }, "");
    }
    if let Some(ciphers) = args.ciphers.as_ref().filter(|ciphers| !ciphers.is_empty()) {
        put("ciphers", &ciphers.join(":"));
    }
    if !args.use_proxy {
        put("noproxy", "*");
    }
    let flags = [
        ("location", true),
        ("head", request.head),
        ("insecure", !args.validate_certs),
        ("compressed", args.decompress),
        ("netrc-optional", args.use_netrc),
    ];
    let flags: String = flags.iter().filter(|(_, on)| *on).map(|(flag, _)| format!("{flag}\n")).collect();
    out.replace(" = \"\"\n", "\n") + &flags
}

impl Fetched {
    fn header(&self, name: &str) -> Option<&str> {
        let is =
            |line: &&str| line.split_once(':').is_some_and(|(key, _)| key.trim().eq_ignore_ascii_case(name));
        self.headers.lines().rfind(is)?.split_once(':').map(|(_, value)| value.trim())
    }

    /// What Ansible says of it.
    pub fn message(&self) -> String {
        let reason = self.headers.lines().rfind(|line| line.starts_with("HTTP/"));
        let reason = reason.and_then(|line| line.splitn(3, ' ').nth(2)).unwrap_or("").trim();
        match self.status {
            -1 => unreached(&self.said),
            0 | 200..=299 => {
                let size = self.header("content-length");
                format!("OK ({} bytes)", size.unwrap_or("unknown"))
            }
            status => format!("HTTP Error {status}: {reason}"),
        }
    }

    /// The code, which a file has none of.
    pub fn code(&self) -> Json {
        if self.status == 0 { Json::Null } else { self.status.into() }
    }

    /// The name it has in a directory.
    pub fn name(&self) -> String {
        let given = self.header("content-disposition").and_then(|text| {
            let value = text.split(';').find_map(|part| part.trim().strip_prefix("filename="))?;
            value.trim_matches('"').rsplit('/').next().filter(|name| !name.is_empty()).map(str::to_string)
        });
        given.unwrap_or_else(|| name_of(&self.url))
    }

    /// Fails unless the file came.
    pub fn must_be_good(&self, args: &Args, facts: &Facts) -> Result<(), Failure> {
        if matches!(self.status, 0 | 200) {
            return Ok(());
        }
        let mut failure = self.failure(&args.url, &facts.path);
        facts.seen.describe(&mut failure.result);
        Err(failure)
    }

    /// Why nothing came.
    pub fn failure(&self, url: &str, dest: &str) -> Failure {
        let failure = match self.status {
            -1 => Failure::new(self.message()),
            status => {
                Failure::new("Request failed").with("status_code", status).with("response", self.message())
            }
        };
        failure.with("url", masked(url)).with("dest", dest).with("elapsed", self.elapsed)
    }

    /// The result as far as it is known.
    pub fn result(&self, args: &Args, dest: &str) -> Output {
        Output::new(false)
            .with("checksum_src", self.sha1.as_str())
            .with("dest", dest)
            .with("elapsed", self.elapsed)
            .with("url", masked(&args.url))
            .with("src", self.file.as_str())
            .with("msg", self.message())
    }

    /// What it holds.
    pub async fn text(&self, cx: &Context) -> Result<String, Failure> {
        let done = script::run(cx, &format!("cat -- {}\n", quote(&self.file))).await?;
        Ok(String::from_utf8_lossy(&done.rest()).into_owned())
    }

    /// Removes the temporary file.
    pub async fn forget(&self, cx: &Context) -> Result<(), Failure> {
        let above = self.file.strip_suffix("/file").unwrap_or(&self.file);
        script::run(cx, &format!("rm -rf -- {}\n", quote(above))).await.map(|_| ())
    }
}

/// Whether a text is an address.
pub(super) fn is_url(text: &str) -> bool {
    ["http:", "https:", "ftp:", "file:"].iter().any(|scheme| text.starts_with(scheme))
}

/// The last part of an address.
pub(in crate::files) fn name_of(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or("");
    let path =
        path.split_once("://").map_or(path, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
    match path.rsplit('/').next() {
        Some(name) if !name.is_empty() => name.to_string(),
        _ => "index.html".into(),
    }
}

/// An address without the login in it.
pub(in crate::files) fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_string() };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match host.rsplit_once('@').filter(|(login, _)| login.contains(':')) {
        Some((_, host)) => format!("{scheme}://****:****@{host}{path}"),
        None => url.to_string(),
    }
}

/// The digest that a list has for a name: alone, as `sha256sum` writes it, or as BSD does.
pub(super) fn digest_in(text: &str, name: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    if let [only] = lines.as_slice()
        && only.split_whitespace().count() == 1
    {
        return Some((*only).to_string());
    }
    lines.iter().find_map(|line| {
        if let Some((head, digest)) = line.rsplit_once('=')
            && let Some((_, path)) = head.trim_end().strip_suffix(')').and_then(|head| head.split_once('('))
        {
            return (path == name).then(|| digest.trim().to_string());
        }
        let (digest, path) = line.split_once(char::is_whitespace)?;
        let path = path.trim_start();
        let path = path.strip_prefix('*').unwrap_or(path).trim_start_matches(['.', '/']);
        (path == name).then(|| digest.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_digests_is_read_in_every_form() {
        for text in [
            "abc\n",
            "fff  other\nabc  f.tgz\n",
            "abc *f.tgz\nfff x\n",
            "abc  ./f.tgz\n1 2\n",
            "SHA256 (f.tgz) = abc\nx y\n",
        ] {
            assert_eq!(digest_in(text, "f.tgz").as_deref(), Some("abc"), "{text}");
        }
        assert_eq!(digest_in("fff other\nabc g\n", "f.tgz"), None);
    }

    #[test]
    fn addresses_give_names_and_hide_passwords() {
        assert_eq!(name_of("http://h/a/b.tgz?x=/1"), "b.tgz");
        assert_eq!(name_of("http://h"), "index.html");
        assert_eq!(masked("http://u:p@h/x"), "http://****:****@h/x");
    }
}
