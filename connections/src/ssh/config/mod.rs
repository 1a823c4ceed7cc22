//! What ssh's configuration says about a host. A [`Target`] comes in, with its own values and its `ssh` arguments
//! first, then `~/.ssh/config`, then `/etc/ssh/ssh_config`; [`Settings`] go out, complete and typed.

mod arguments;
mod file;
mod words;

pub(crate) use words::matches_list;

use arguments::Arguments;
use file::{Reader, Values};
use muster_engine::connection::Target;
use sha1::{Digest, Sha1};
use std::path::{Path, PathBuf};
use std::time::Duration;
use words::{Tokens, expand, expand_environment, tilde, time};

/// Who runs muster, and where.
#[derive(Clone, Debug)]
pub(crate) struct Me {
    /// The login name.
    pub user: String,
    /// The home directory.
    pub home: PathBuf,
    /// The user id.
    pub uid: u32,
    /// This machine's name.
    pub machine: String,
}

impl Me {
    /// From the system; the home directory may be given.
    pub(crate) fn here(home: Option<PathBuf>) -> Self {
        let uid = rustix::process::getuid().as_raw();
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let entry = passwd
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|fields| fields.get(2).is_some_and(|field| field.parse() == Ok(uid)));
        let field =
            |at: usize| entry.as_ref().and_then(|fields| fields.get(at)).map(|text| (*text).to_owned());
        let user = field(0).or_else(|| std::env::var("LOGNAME").ok()).or_else(|| std::env::var("USER").ok());
        let home = home
            .or_else(|| std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from))
            .or_else(|| field(5).map(PathBuf::from));
        Self {
            user: user.unwrap_or_else(|| uid.to_string()),
            home: home.unwrap_or_else(|| PathBuf::from("/")),
            uid,
            machine: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        }
    }

    /// The values of the tokens for a host.
    pub(crate) fn tokens(
        &self,
        original: &str,
        host: &str,
        port: &str,
        user: &str,
        alias: Option<&str>,
    ) -> Tokens {
        let short = self.machine.split('.').next().unwrap_or_default().to_owned();
        let hash = Sha1::digest(format!("{}{host}{port}{user}", self.machine));
        let hash = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        [
            ('C', hash),
            ('L', short),
            ('d', self.home.to_string_lossy().into_owned()),
            ('h', host.to_owned()),
            ('i', self.uid.to_string()),
            ('j', String::new()),
            ('k', alias.unwrap_or(original).to_owned()),
            ('l', self.machine.clone()),
            ('n', original.to_owned()),
            ('p', port.to_owned()),
            ('r', user.to_owned()),
            ('u', self.user.clone()),
        ]
        .into()
    }
}

/// The host that is asked about, as it was named.
pub(crate) struct Query<'a> {
    /// Its name.
    pub host: &'a str,
}

/// What is done with a host key that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// It must be known.
    Strict,
    /// A new one is accepted and written down; a changed one is not.
    AcceptNew,
    /// Any is accepted.
    Off,
}

/// Which agent is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Agent {
    /// The one that `SSH_AUTH_SOCK` names.
    Environment,
    /// The one at a path.
    At(PathBuf),
    /// None.
    None,
}

/// How the host is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Straight.
    Direct,
    /// Through these hosts, `[user@]host[:port]`, the first one first.
    Jump(Vec<String>),
    /// Through the input and output of a command.
    Command(String),
}

/// Everything ssh's configuration decides for one host.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub identities: Vec<PathBuf>,
    /// Whether the identities were named rather than being the defaults.
    pub identities_named: bool,
    pub identities_only: bool,
    pub certificates: Vec<PathBuf>,
    pub agent: Agent,
    pub route: Route,
    pub user_known_hosts: Vec<PathBuf>,
    pub global_known_hosts: Vec<PathBuf>,
    pub strictness: Strictness,
    pub alias: Option<String>,
    pub hash_known_hosts: bool,
    pub timeout: Option<Duration>,
    pub alive_interval: Option<Duration>,
    pub alive_count: usize,
    pub attempts: u32,
    pub methods: Vec<String>,
    /// Only addresses of this family: 4 or 6.
    pub family: Option<u8>,
    /// Variables of this machine's environment that go along, and such as are set for the host. It may refuse them.
    pub environment: Vec<(String, String)>,
    /// The configuration file in place of the usual ones, for the hosts on the way too.
    pub file: Option<PathBuf>,
}

const KNOWN_METHODS: [&str; 3] = ["publickey", "keyboard-interactive", "password"];

/// Resolves a target.
pub(crate) fn resolve(target: &Target, me: &Me) -> Result<Settings, String> {
    let arguments = Arguments::read(&target.arguments, me)?;
    let query = Query { host: &target.address };
    let mut values = Values::default();
    if let Some(user) = &target.user {
        values.set("user", user.clone());
    }
    if let Some(port) = target.port {
        values.set("port", port.to_string());
    }
    if let Some(key) = &target.private_key {
        values.add("identityfile", vec![key.to_string_lossy().into_owned()]);
    }
    for (key, words) in arguments.values {
        values.add(&key, words);
    }
    let read = |values: &mut Values, last: bool| -> Result<bool, String> {
        let mut reader = Reader { me, query: &query, values, last, again: false };
        match &arguments.file {
            Some(file) if file.as_os_str() == "none" => {}
            Some(file) => reader.file(file, true)?,
            None => {
                reader.file(&me.home.join(".ssh/config"), false)?;
                reader.file(Path::new("/etc/ssh/ssh_config"), false)?;
            }
        }
        Ok(reader.again)
    };
    let again = read(&mut values, false)?;
    let host = host_name(&values, &query)?;
    if again {
        values.set("hostname", host.clone());
        read(&mut values, true)?;
    }
    settings(target, me, &values, host, arguments.file)
}

fn host_name(values: &Values, query: &Query<'_>) -> Result<String, String> {
    let host = match values.word("hostname") {
        Some(name) => expand(name, &[('h', query.host.to_owned())].into())?,
        None => query.host.to_owned(),
    };
    let address = host.parse::<std::net::IpAddr>().is_ok();
    Ok(if address { host } else { host.to_ascii_lowercase() })
}

fn settings(
    target: &Target,
    me: &Me,
    values: &Values,
    host: String,
    file: Option<PathBuf>,
) -> Result<Settings, String> {
    let port = match values.word("port") {
        Some(port) => {
            port.parse().ok().filter(|port| *port > 0).ok_or_else(|| format!("`{port}` is no port"))?
        }
        None => 22,
    };
    let user = values.word("user").unwrap_or(&me.user).to_owned();
    let alias = values.word("hostkeyalias").map(str::to_owned);
    let tokens = me.tokens(&target.address, &host, &port.to_string(), &user, alias.as_deref());
    let path = |text: &str| -> Result<PathBuf, String> {
        Ok(tilde(&expand_environment(&expand(text, &tokens)?)?, &me.home))
    };
    let files = |key: &str, default: &[&str]| -> Result<Vec<PathBuf>, String> {
        let words: Vec<&str> = match values.words(key) {
            Some(words) => words.iter().map(String::as_str).collect(),
            None => default.to_vec(),
        };
        words.into_iter().filter(|word| *word != "none").map(path).collect()
    };
    let (identities, identities_named) = identities(values, me, &path)?;
    let route = route(values, &tokens)?;
    let number = |key: &str, default: u64| -> Result<u64, String> {
        values
            .word(key)
            .map_or(Ok(default), |word| word.parse().map_err(|_| format!("`{key} {word}` is no number")))
    };
    let seconds = |key: &str| -> Result<Option<Duration>, String> {
        match values.word(key) {
            None => Ok(None),
            Some("none") => Ok(None),
            Some(word) => time(word)
                .map(|time| Some(time).filter(|time| !time.is_zero()))
                .ok_or_else(|| format!("`{key} {word}` is no time")),
        }
    };
    Ok(Settings {
        host,
        port,
        user,
        identities,
        identities_named,
        identities_only: flag(values, "identitiesonly", false)?,
        certificates: values
            .all("certificatefile")
            .filter(|word| *word != "none")
            .map(path)
            .collect::<Result<_, _>>()?,
        agent: match values.word("identityagent") {
            None | Some("SSH_AUTH_SOCK") => Agent::Environment,
            Some("none") => Agent::None,
            Some(word) => match word.strip_prefix('$').filter(|name| !name.starts_with('{')) {
                Some(name) => std::env::var_os(name).map_or(Agent::None, |path| Agent::At(path.into())),
                None => Agent::At(path(word)?),
            },
        },
        route,
        user_known_hosts: files("userknownhostsfile", &["~/.ssh/known_hosts", "~/.ssh/known_hosts2"])?,
        global_known_hosts: files(
            "globalknownhostsfile",
            &["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"],
        )?,
        strictness: strictness(target, values)?,
        alias,
        hash_known_hosts: flag(values, "hashknownhosts", false)?,
        timeout: seconds("connecttimeout")?,
        alive_interval: seconds("serveraliveinterval")?,
        alive_count: usize::try_from(number("serveralivecountmax", 3)?).unwrap_or(3),
        attempts: u32::try_from(number("connectionattempts", 1)?).unwrap_or(1).max(1),
        methods: methods(values)?,
        family: match values.word("addressfamily") {
            Some("inet") => Some(4),
            Some("inet6") => Some(6),
            _ => None,
        },
        environment: environment(values, std::env::vars_os()),
        file,
    })
}

/// What `SendEnv` chooses of an environment, then what `SetEnv` says.
fn environment(
    values: &Values,
    here: impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
) -> Vec<(String, String)> {
    let mut wanted: Vec<&str> = vec![];
    for word in values.every("sendenv") {
        match word.strip_prefix('-') {
            Some(gone) => wanted.retain(|pattern| !matches_list(pattern, gone)),
            None => wanted.push(word),
        }
    }
    let here = here.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut sent: Vec<_> =
        here.filter(|(name, _)| wanted.iter().any(|pattern| matches_list(name, pattern))).collect();
    sent.sort();
    let set = values.every("setenv").filter_map(|word| word.split_once('='));
    sent.extend(set.map(|(name, value)| (name.to_owned(), value.to_owned())));
    sent
}

fn identities(
    values: &Values,
    me: &Me,
    path: &impl Fn(&str) -> Result<PathBuf, String>,
) -> Result<(Vec<PathBuf>, bool), String> {
    let named: Vec<&str> = values.all("identityfile").collect();
    if !named.is_empty() {
        let files = named.into_iter().filter(|word| !word.eq_ignore_ascii_case("none")).map(path);
        return Ok((files.collect::<Result<_, _>>()?, true));
    }
    let usual = ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa"];
    Ok((usual.iter().map(|name| me.home.join(".ssh").join(name)).collect(), false))
}

fn route(values: &Values, tokens: &Tokens) -> Result<Route, String> {
    let command = values.word("proxycommand").filter(|word| !word.eq_ignore_ascii_case("none"));
    let jump = values.word("proxyjump").filter(|word| !word.eq_ignore_ascii_case("none"));
    if let Some(command) = command {
        return Ok(Route::Command(expand(command, tokens)?));
    }
    match jump {
        Some(jump) => {
            let jump = expand(jump, tokens)?;
            Ok(Route::Jump(jump.split(',').map(|hop| hop.trim().to_owned()).collect()))
        }
        None => Ok(Route::Direct),
    }
}

fn strictness(target: &Target, values: &Values) -> Result<Strictness, String> {
    match (target.host_key_checking, values.word("stricthostkeychecking")) {
        (Some(false), _) => Ok(Strictness::Off),
        (_, Some("no" | "off" | "false")) => Ok(Strictness::Off),
        (_, Some("accept-new")) => Ok(Strictness::AcceptNew),
        (_, None | Some("yes" | "ask" | "true")) => Ok(Strictness::Strict),
        (_, Some(word)) => {
            Err(format!("`StrictHostKeyChecking {word}` is none of yes, no, ask, accept-new, off"))
        }
    }
}

fn methods(values: &Values) -> Result<Vec<String>, String> {
    let preferred = values.word("preferredauthentications").map(|list| list.split(',').collect::<Vec<_>>());
    let preferred = preferred.unwrap_or_else(|| KNOWN_METHODS.to_vec());
    let mut methods = Vec::new();
    for method in preferred {
        let on = match method {
            "publickey" => match values.word("pubkeyauthentication") {
                Some("unbound" | "host-bound") => true,
                _ => flag(values, "pubkeyauthentication", true)?,
            },
            "password" => flag(values, "passwordauthentication", true)?,
            "keyboard-interactive" => match values.word("kbdinteractiveauthentication") {
                Some(_) => flag(values, "kbdinteractiveauthentication", true)?,
                None => flag(values, "challengeresponseauthentication", true)?,
            },
            _ => false,
        };
        if on {
            methods.push(method.to_owned());
        }
    }
    Ok(methods)
}

fn flag(values: &Values, key: &str, default: bool) -> Result<bool, String> {
    match values.word(key) {
        None => Ok(default),
        Some("yes" | "true") => Ok(true),
        Some("no" | "false") => Ok(false),
        Some(word) => Err(format!("`{key} {word}` is neither yes nor no")),
    }
}

#[cfg(test)]
mod tests;
