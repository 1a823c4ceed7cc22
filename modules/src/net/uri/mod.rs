//! `ansible.builtin.uri`: an HTTP request from the target, by the curl (or wget) that is there. Arguments become a script
//! ([`request`]); what it prints becomes `status`, `content`, `json` and the headers, as Ansible names them.

mod answer;
mod body;
mod request;

use answer::Answer;
use body::Body;

use crate::command::words::pattern;
use crate::files::attributes::{Wanted, with_attributes};
use crate::files::facts::{Facts, Look};
use muster_engine::connection::Completed;
use muster_engine::module::{Check, Context, Failure, Kind, Manners, Map, Module, Opt, Output, Spec};
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
    #[serde(flatten)]
    wanted: Wanted,
}

impl Module for Uri {
    const NAME: &'static str = "ansible.builtin.uri";
    const SPEC: Spec = Spec::new("Makes an HTTP request from the target, with the curl or wget that is there.", with_attributes![
        Opt::new("url", Kind::Str, "The address.").required(),
        Opt::new("method", Kind::Str, "The method, one word.").default("GET"),
        Opt::new("body", Kind::Raw, "What to send: text, or a value that `body_format` writes."),
        Opt::new("body_format", Kind::Str, "How a value is written; it sets the content type too. `form-multipart` sends files of this machine.")
            .choices(&["form-urlencoded", "json", "raw", "form-multipart"])
            .default("raw"),
        Opt::new("headers", Kind::Dict, "Headers to send.").default("{}"),
        Opt::new("status_code", Kind::List, "The codes that are a success.").elements(Kind::Int).default("[200]"),
        Opt::new("return_content", Kind::Bool, "Whether the answer's body is in the result.").default("false"),
        Opt::new("dest", Kind::Path, "A file or directory of the target for the body."),
        Opt::new("src", Kind::Path, "A file to send as the body, of the target with `remote_src`, else from beside the playbook."),
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
    ])
    .exclusive(&[&["body", "src"]])
    .examples("- uri:\n    url: https://127.0.0.1:6443/readyz\n    validate_certs: false\n    return_content: true\n  register: api\n")
    .manners(Manners { works: Some(("ansible.legacy.uri", &[])), ..Manners::USUAL });
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
        if args.body_format == "raw" && args.body.as_ref().is_some_and(Json::is_object) {
            let why = "An unknown error occurred: can't concat str to bytes";
            let message = format!("Status code was -1 and not {}: {why}", answer::wanted(&args));
            return Err(Failure::new(message)
                .with("status", -1)
                .with("url", args.url)
                .with("elapsed", 0)
                .with("redirected", false));
        }
        let there = match &args.dest {
            Some(dest) => Some(Look::at(dest).run(cx).await?),
            None => None,
        };
        let is_file = |facts: &&Facts| facts.seen.is_file();
        let since = there.as_ref().filter(is_file).and_then(|facts| facts.seen.end()).map(|stat| stat.mtime);
        let mut body = Body::of(&args, &|name| body::read(name, cx))?;
        let start = Instant::now();
        let mut led = 0;
        let mut answer = loop {
            let done = ask(&args, body.as_ref(), since, cx).await?;
            let answer = Answer::read(&args, &done, start.elapsed().as_secs(), led > 0);
            let Some(next) = answer.leads_to(&args).filter(|_| led < MOST_REDIRECTS) else { break answer };
            if !next.keeps_body {
                body = None;
            }
            args = next.args;
            led += 1;
        };
        if let Some(there) = there {
            answer.become_file(&args, &there, cx).await?;
        }
        answer.judged()
    }
}

/// How often a request is led on elsewhere, as urllib bears it.
const MOST_REDIRECTS: usize = 10;

/// Asks once; what comes back is for [`Answer::read`].
async fn ask(
    args: &Args,
    body: Option<&Body>,
    since: Option<f64>,
    cx: &Context,
) -> Result<Completed, Failure> {
    let done = cx.exec(request::command(args, body, since)?).await?;
    match done.rc {
        request::NO_PROGRAM => Err(Failure::new(
            "the target has neither curl nor wget (install curl there, or use delegate_to: localhost)",
        )),
        request::NEEDS_CURL => Err(Failure::new(
            "the target has wget but no curl, and this request needs curl (install it there, or use delegate_to: localhost)",
        )),
        request::NO_SOURCE => {
            let src = args.src.clone().unwrap_or_default();
            Err(Failure::new(format!("Unable to open source file {src}")).with("elapsed", 0))
        }
        _ => Ok(done),
    }
}

impl Args {
    /// Whether a request that sends something is led on.
    fn follows(&self) -> bool {
        matches!(self.follow_redirects.as_str(), "all" | "yes" | "urllib2")
    }

    fn reads(&self) -> bool {
        matches!(self.method.as_deref().unwrap_or("GET"), "GET" | "HEAD")
    }
}

#[cfg(test)]
mod tests;
