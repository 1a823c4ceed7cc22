//! `get_url`: a file from the web comes to a place on the host, fetched by the curl or wget that is there ([`fetch`]). It
//! is fetched beside, checked, and only then takes its place.

mod fetch;

pub(super) use fetch::{masked, name_of};

use super::attributes::{Wanted, with_attributes};
use super::facts::{Facts, Look, Seen};
use super::script::{self, quote};
use super::write::{From, Write};
use fetch::{Fetched, Request};
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::Value as Json;

/// The module.
#[derive(Debug)]
pub(super) struct GetUrl;

/// Its arguments.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Args {
    url: String,
    dest: String,
    backup: bool,
    checksum: String,
    timeout: u64,
    #[serde(default)]
    headers: Option<Map>,
    #[serde(default)]
    tmp_dest: Option<String>,
    force: bool,
    http_agent: String,
    use_proxy: bool,
    validate_certs: bool,
    #[serde(default)]
    url_username: Option<String>,
    #[serde(default)]
    url_password: Option<String>,
    force_basic_auth: bool,
    use_gssapi: bool,
    #[serde(default)]
    client_cert: Option<String>,
    #[serde(default)]
    client_key: Option<String>,
    decompress: bool,
    #[serde(default)]
    ciphers: Option<Vec<String>>,
    use_netrc: bool,
    #[serde(flatten)]
    wanted: Wanted,
}

/// What `apply` must know.
#[derive(Debug)]
pub(super) enum Change {
    /// The file is there, owner or mode is not right.
    Attributes { path: String, commands: Vec<String>, output: Output },
    /// It is to be fetched.
    Fetch { args: Box<Args>, facts: Box<Facts>, checksum: Option<(String, String)>, force: bool },
}

impl Module for GetUrl {
    const NAME: &'static str = "ansible.builtin.get_url";
    const SPEC: Spec = Spec::new(
        "Fetches a file from the web to the host.",
        with_attributes![
            Opt::new("url", Kind::Str, "The address.").required(),
            Opt::new("dest", Kind::Path, "Where it goes; in a directory it keeps its name.").required(),
            Opt::new("backup", Kind::Bool, "Keeps a copy of what is there before a change.").default("false"),
            Opt::new("checksum", Kind::Str, "What it must have: `sha256:` and the digest, or the address of a list of digests.").default(""),
            Opt::new("timeout", Kind::Int, "Seconds to wait for a connection, and for any byte after.").default("10"),
            Opt::new("headers", Kind::Dict, "Headers to send."),
            Opt::new("tmp_dest", Kind::Path, "The directory on the host to fetch it to first."),
            Opt::new("unredirected_headers", Kind::List, "Taken and not needed: curl keeps logins to the first host.")
                .elements(Kind::Str)
                .default("[]"),
            Opt::new("decompress", Kind::Bool, "Whether packed answers are unpacked.").default("true"),
            Opt::new("ciphers", Kind::List, "TLS ciphers to offer.").elements(Kind::Str),
            Opt::new("use_netrc", Kind::Bool, "Whether logins of `~/.netrc` are used.").default("true"),
            Opt::new("force", Kind::Bool, "Fetches it even if it is not newer.").default("false"),
            Opt::new("http_agent", Kind::Str, "The name to give.").default("ansible-httpget"),
            Opt::new("use_proxy", Kind::Bool, "Whether the proxy of the host's environment is used.").default("true"),
            Opt::new("validate_certs", Kind::Bool, "Whether the server's certificate must be good.").default("true"),
            Opt::new("url_username", Kind::Str, "The user to log in as.").aliases(&["username"]),
            Opt::new("url_password", Kind::Str, "The password.").aliases(&["password"]).no_log(),
            Opt::new("force_basic_auth", Kind::Bool, "Whether they are sent at once as a header.").default("false"),
            Opt::new("client_cert", Kind::Path, "A certificate of the host for TLS, PEM."),
            Opt::new("client_key", Kind::Path, "Its key, where it is not in the same file."),
            Opt::new("use_gssapi", Kind::Bool, "Refused when true.").default("false"),
        ],
    )
    .examples("- get_url:\n    url: https://example.com/etcd.tar.gz\n    dest: /var/cache/etcd.tar.gz\n    checksum: sha256:https://example.com/SHA256SUMS\n");
    type Args = Args;
    type Change = Change;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Change>, Failure> {
        if args.use_gssapi {
            return Err(Failure::new("use_gssapi is not supported; use a script with `curl --negotiate`"));
        }
        if !args.url.contains(':') {
            let message = format!("unknown url type: '{}'", args.url);
            return Err(Failure::new(message)
                .with("status", -1)
                .with("url", args.url.as_str())
                .with("elapsed", 0));
        }
        if !args.dest.contains('/') {
            return Err(with_result(Failure::new("Destination  does not exist"), args, &args.dest));
        }
        let early = async |message: &str| {
            let mut failure = with_result(Failure::new(message), args, &args.dest);
            Look::at(&args.dest).run(cx).await?.seen.describe(&mut failure.result);
            Err(failure)
        };
        let mut checksum = None;
        if !args.checksum.is_empty() {
            let format = "The checksum parameter has to be in format <algorithm>:<checksum>";
            let Some((algorithm, digest)) = args.checksum.split_once(':') else { return early(format).await };
            if !["md5", "sha1", "sha224", "sha256", "sha384", "sha512"].contains(&algorithm) {
                let message = format!(
                    "checksum algorithm {algorithm} is not supported; it can be md5, sha1, sha224, sha256, sha384 or sha512"
                );
                return early(&message).await;
            }
            let digest = match fetch::is_url(digest) {
                true => listed(args, digest, cx).await?,
                false => digest.to_string(),
            };
            let digest: String = digest
                .chars()
                .filter(|c| c.is_alphanumeric() || *c == '_')
                .collect::<String>()
                .to_lowercase();
            if digest.is_empty() || !digest.chars().all(|c| c.is_ascii_hexdigit()) {
                return early("The checksum format is invalid").await;
            }
            checksum = Some((algorithm.to_string(), digest));
        }
        let algorithm = checksum.as_ref().map_or("sha1", |(algorithm, _)| algorithm);
        let facts = Look::at(&args.dest).wanted(&args.wanted).checksum(algorithm).run(cx).await?;
        let there = facts.seen.exists() && !facts.seen.is_dir();
        let mut force = args.force;
        if let (true, false, Some((_, digest))) = (there, args.force, &checksum) {
            if facts.checksum.as_ref() == Some(digest) {
                return same(args, &facts);
            }
            force = true;
        }
        let change = Change::Fetch { args: Box::new(args.clone()), facts: Box::new(facts), checksum, force };
        if !cx.check_mode {
            return Ok(Check::Would { change, foreseen: Output::new(true) });
        }
        let Change::Fetch { facts, .. } = change else { return Ok(Check::Done(Output::new(false))) };
        let fetched = fetch::fetch(&request(args, &args.url, &facts, force, true), cx).await?;
        if let Some(output) = not_new(args, &facts, &fetched) {
            return Ok(Check::Done(output));
        }
        fetched.must_be_good(args, &facts)?;
        let (path, now) = place(args, &facts, &fetched, cx).await?;
        writable(args, &now, &path, &fetched)?;
        let mut output = fetched.result(args, &path).with("checksum_dest", now.checksum.clone());
        output = output.with("changed", fetched.sha1 != now.checksum.clone().unwrap_or_default());
        now.seen.describe(&mut output.result);
        Ok(Check::Done(output))
    }

    async fn apply(&self, change: Change, cx: &Context) -> Result<Output, Failure> {
        let (args, facts, checksum, force) = match change {
            Change::Attributes { path, commands, mut output } => {
                let lines: String =
                    commands.iter().map(|command| format!("{command} || exit 90\n")).collect();
                let mut answer = script::run(cx, &format!("{lines}look {}\n", quote(&path))).await?;
                Seen::read(&mut answer)?.describe(&mut output.result);
                return Ok(output);
            }
            Change::Fetch { args, facts, checksum, force } => (args, facts, checksum, force),
        };
        let mut wish = request(&args, &args.url, &facts, force, false);
        wish.algorithm = checksum.as_ref().map_or("sha1", |(algorithm, _)| algorithm);
        let fetched = fetch::fetch(&wish, cx).await?;
        if let Some(output) = not_new(&args, &facts, &fetched) {
            return Ok(output);
        }
        fetched.must_be_good(&args, &facts)?;
        let done = put(&args, &facts, checksum.as_ref(), &fetched, cx).await;
        fetched.forget(cx).await?;
        done
    }
}

/// Puts what was fetched in its place, unless the same is there.
async fn put(
    args: &Args,
    facts: &Facts,
    checksum: Option<&(String, String)>,
    fetched: &Fetched,
    cx: &Context,
) -> Result<Output, Failure> {
    let (path, now) = place(args, facts, fetched, cx).await?;
    writable(args, &now, &path, fetched)?;
    let mut output = fetched.result(args, &path).with("checksum_dest", now.checksum.clone());
    if let Some((_, digest)) = checksum.filter(|(_, digest)| *digest != fetched.digest) {
        let (file, is) = (&fetched.file, &fetched.digest);
        let mut failure =
            Failure::new(format!("The checksum for {file} did not match {digest}; it was {is}."));
        output.result.shift_remove("msg");
        failure.result.extend(output.result);
        now.seen.describe(&mut failure.result);
        return Err(failure.with("changed", false));
    }
    let differs = now.checksum.as_deref() != Some(fetched.sha1.as_str());
    let seen = if differs {
        let (mut write, _) = Write::over(&now, &args.wanted, Vec::new())?;
        write.from = From::Remote(fetched.file.clone());
        write.backup = args.backup && now.seen.exists();
        let written = write.run(cx).await?;
        if let Some(name) = written.backup {
            output = output.with("backup_file", name);
        }
        output = output.with("changed", true);
        written.seen
    } else {
        let plan = args.wanted.against(&now.seen.end().cloned().unwrap_or_default(), &now)?;
        let commands = plan.commands(&quote(now.real_path()));
        let lines: String = commands.iter().map(|command| format!("{command} || exit 90\n")).collect();
        output = output.with("changed", !plan.is_empty());
        Seen::read(&mut script::run(cx, &format!("{lines}look {}\n", quote(&now.path))).await?)?
    };
    seen.describe(&mut output.result);
    Ok(output.with("md5sum", fetched.md5.as_str()).with("status_code", fetched.code()))
}

/// What is asked of the fetching program.
fn request<'a>(args: &'a Args, url: &'a str, facts: &Facts, force: bool, head: bool) -> Request<'a> {
    let there = facts.seen.end().filter(|stat| !stat.is_dir() && !force);
    Request { args, url, head, force, since: there.map(|stat| stat.mtime), algorithm: "sha1" }
}

/// The answer when the host has the newest already.
fn not_new(args: &Args, facts: &Facts, fetched: &Fetched) -> Option<Output> {
    if fetched.status != 304 {
        return None;
    }
    let mut output = Output::new(false)
        .with("url", fetch::masked(&args.url))
        .with("dest", facts.path.as_str())
        .with("msg", fetched.message())
        .with("status_code", 304)
        .with("elapsed", fetched.elapsed);
    facts.seen.describe(&mut output.result);
    Some(output)
}

/// The file it becomes, looked at.
async fn place(
    args: &Args,
    facts: &Facts,
    fetched: &Fetched,
    cx: &Context,
) -> Result<(String, Facts), Failure> {
    let path = match facts.seen.is_dir() {
        true => format!("{}/{}", facts.path.trim_end_matches('/'), fetched.name()),
        false => facts.path.clone(),
    };
    let now = Look::at(&args.dest)
        .inside(facts.seen.is_dir().then(|| fetched.name()).as_deref())
        .wanted(&args.wanted)
        .checksum("sha1")
        .run(cx)
        .await?;
    Ok((path, now))
}

fn writable(args: &Args, now: &Facts, path: &str, fetched: &Fetched) -> Result<(), Failure> {
    let message = match (now.seen.exists(), now.parent_exists) {
        (true, _) if !now.seen.writable => format!("Destination {path} is not writable"),
        (false, false) => format!("Destination {} does not exist", now.parent),
        (false, true) if !now.parent_writable => format!("Destination {} is not writable", now.parent),
        _ => return Ok(()),
    };
    let mut failure = Failure::new(message);
    let mut result = fetched.result(args, path).result;
    result.shift_remove("msg");
    failure.result.extend(result);
    Err(failure.with("changed", false).with("checksum_dest", now.checksum.clone()))
}

/// The file is there with the right content.
fn same(args: &Args, facts: &Facts) -> Result<Check<Change>, Failure> {
    let stat = facts.seen.end().cloned().unwrap_or_default();
    let plan = args.wanted.against(&stat, facts)?;
    let message = if plan.is_empty() {
        "file already exists"
    } else {
        "file already exists but file attributes changed"
    };
    let mut output = Output::new(!plan.is_empty());
    output.result.extend(with_result(Failure::new(message), args, &facts.path).result);
    output = output.with("changed", !plan.is_empty());
    facts.seen.describe(&mut output.result);
    if plan.is_empty() {
        return Ok(Check::Done(output));
    }
    let path = facts.real_path().to_string();
    let commands = plan.commands(&quote(&path));
    Ok(Check::Would {
        change: Change::Attributes { path, commands, output: output.clone() },
        foreseen: output,
    })
}

/// The keys that are there before anything was fetched.
fn with_result(failure: Failure, args: &Args, dest: &str) -> Failure {
    failure
        .with("changed", false)
        .with("checksum_dest", Json::Null)
        .with("checksum_src", Json::Null)
        .with("dest", dest)
        .with("elapsed", 0)
        .with("url", fetch::masked(&args.url))
}

/// The digest for the file in a list of digests.
async fn listed(args: &Args, url: &str, cx: &Context) -> Result<String, Failure> {
    let request = Request { args, url, head: false, force: args.force, since: None, algorithm: "sha1" };
    let fetched = fetch::fetch(&request, cx).await?;
    if fetched.status != 200 && !url.starts_with("file:") {
        let mut failure = fetched.failure(url, &args.dest);
        Look::at(&args.dest).run(cx).await?.seen.describe(&mut failure.result);
        return Err(failure);
    }
    let text = fetched.text(cx).await?;
    fetched.forget(cx).await?;
    let name = fetch::name_of(&args.url);
    fetch::digest_in(&text, &name).ok_or_else(|| {
        Failure::new(format!("Unable to find a checksum for file '{name}' in '{}'", fetch::masked(url)))
    })
}
