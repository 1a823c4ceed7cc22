//! Which program makes a user as wanted, and with which words. Arguments and what was seen come in, a [`Call`] comes out
//! (or nothing, when all is so); here are also the parts of the result that depend on both.

use super::look::{Entry, Group, Seen};
use super::{Args, quote};
use muster_engine::module::{Failure, Output};

/// One call of a program, and what goes with it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub program: &'static str,
    /// Its words, quoted.
    pub words: Vec<String>,
    /// Whether it has something to do, apart from the password.
    pub needed: bool,
    /// Whether the password is set.
    pub password: bool,
    /// More commands after it: groups and end of a local account, groups of busybox.
    pub after: Vec<String>,
}

impl Call {
    fn new(program: &'static str) -> Self {
        Self { program, words: vec![], needed: true, password: false, after: vec![] }
    }

    fn flag(&mut self, flag: &str) {
        self.words.push(flag.to_string());
    }

    fn pair(&mut self, flag: &str, value: impl ToString) {
        self.words.extend([flag.to_string(), quote(&value.to_string())]);
    }
}

/// Adds what Ansible warns of.
pub(super) fn warnings(args: &Args, mut output: Output) -> Output {
    if args.groups.is_none() && args.append {
        output = output.warn(
            "'append' is set, but no 'groups' are specified. Use 'groups' for appending new groups.This will change to an error in Ansible 2.14.",
        );
    }
    if args.password.as_deref().is_some_and(|text| !text.is_empty() && !is_hash(text)) {
        output = output.warn(
            "The input password appears not to have been hashed. The 'password' argument must be encrypted for this module to work properly.",
        );
    }
    output
}

/// Whether a password looks like a hash, or like one that nobody can have.
fn is_hash(text: &str) -> bool {
    if matches!(text, "*" | "!" | "*************") {
        return true;
    }
    let fields: Vec<&str> = text.split('$').collect();
    let (Some(kind), Some(last)) = (fields.get(1), fields.last().filter(|_| fields.len() >= 3)) else {
        return false;
    };
    let length = match *kind {
        "1" => 22,
        "5" | "y" => 43,
        "6" => 86,
        _ => last.len(),
    };
    !text.contains([':', '*', '!'])
        && last.len() == length
        && last.chars().all(|c| c.is_ascii_alphanumeric() || "./=".contains(c))
}

/// The result with the word that stands for a password.
pub(super) fn secret(args: &Args, output: Output) -> Output {
    if args.password.is_some() { output.with("password", "NOT_LOGGING_PASSWORD") } else { output }
}

/// The result with how the user is.
pub(super) fn described(args: &Args, user: &Entry, output: Output) -> Output {
    let output = output
        .with("uid", user.uid)
        .with("group", user.gid)
        .with("comment", user.comment.as_str())
        .with("home", user.home.as_str())
        .with("shell", user.shell.as_str());
    match &args.groups {
        Some(groups) => output.with("groups", groups.join(",")),
        None => output,
    }
}

/// The result with the ssh key.
pub(super) fn with_key(args: &Args, seen: &Seen, mut output: Output, foreseen: bool) -> Output {
    if args.generate_ssh_key != Some(true) {
        return output;
    }
    let key = &seen.key;
    for (there, kind, path) in [
        (key.exists, "private", key.path.clone()),
        (key.public_exists, "public", format!("{}.pub", key.path)),
    ] {
        if there && args.force {
            output = output.warn(format!("Overwriting existing ssh key {kind} file \"{path}\""));
        } else if there {
            output = output.warn(format!(
                "Found existing ssh key {kind} file \"{path}\", no force, so skipping ssh-keygen generation"
            ));
            break;
        }
    }
    let public = if foreseen && !key.public_exists { None } else { key.public.clone() };
    output
        .with("ssh_fingerprint", key.fingerprint.as_str())
        .with("ssh_key_file", key.path.as_str())
        .with("ssh_public_key", public)
}

fn group_of(args: &Args, seen: &Seen) -> Result<Option<Group>, Failure> {
    let Some(name) = &args.group else { return Ok(None) };
    match seen.named.first() {
        Some(Some(group)) => Ok(Some(group.clone())),
        _ => Err(Failure::new(format!("Group {name} does not exist"))),
    }
}

/// The groups as an argument has them, each with what it names.
fn groups_of<'a>(args: &'a Args, seen: &Seen) -> Result<Option<Vec<(&'a str, Group)>>, Failure> {
    let Some(groups) = &args.groups else { return Ok(None) };
    let found = seen.named.iter().skip(usize::from(args.group.is_some()));
    let mut out: Vec<(&str, Group)> = vec![];
    for (name, found) in groups.iter().map(|name| name.trim()).zip(found) {
        let Some(group) = found.clone() else {
            if name.is_empty() {
                continue;
            }
            return Err(Failure::new(format!("Group {name} does not exist")));
        };
        if !out.iter().any(|(_, known)| known.gid == group.gid) {
            out.push((name, group));
        }
    }
    Ok(Some(out))
}

/// Days since 1970; nothing for never.
fn day(expires: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "a moment in seconds")]
    (expires >= 0.0).then(|| (expires as i64).div_euclid(86_400))
}

fn date(expires: f64) -> Result<String, Failure> {
    let Some(day) = day(expires) else { return Ok(String::new()) };
    let moment = jiff::Timestamp::from_second(day * 86_400)
        .map_err(|error| Failure::new(format!("Invalid value for 'expires' {expires}: {error}")))?;
    Ok(moment.strftime("%Y-%m-%d").to_string())
}

/// How a user is made.
pub(super) fn addition(args: &Args, seen: &Seen) -> Result<Call, Failure> {
    let group = group_of(args, seen)?;
    let groups = groups_of(args, seen)?.unwrap_or_default();
    if !seen.has_useradd && !args.is_local() {
        return Ok(busybox(args, &groups));
    }
    let mut call = Call::new(if args.is_local() { "luseradd" } else { "useradd" });
    if let Some(uid) = args.uid {
        call.pair("-u", uid);
        if args.non_unique {
            call.flag("-o");
        }
    }
    if let Some(user) = &args.seuser {
        call.pair("-Z", user);
    }
    match (&args.group, group) {
        (Some(name), Some(_)) => call.pair("-g", name),
        _ if seen.own_group => call.flag(if args.is_local() { "-n" } else { "-N" }),
        _ => {}
    }
    if !groups.is_empty() {
        let names: Vec<&str> = groups.iter().map(|(name, _)| *name).collect();
        match args.is_local() {
            true => call.after.extend(names.iter().map(|name| joining("-M", &args.name, name))),
            false => call.pair("-G", names.join(",")),
        }
    }
    if let Some(comment) = &args.comment {
        call.pair("-c", comment);
    }
    if args.home.is_some() {
        call.pair("-d", &seen.home);
    }
    if let Some(shell) = &args.shell {
        call.words.extend(["-s".into(), crate::files::script::word(shell)]);
    }
    if let Some(expires) = args.expires {
        match args.is_local() {
            true => call
                .after
                .insert(0, format!("lchage -E {} -- {}", day(expires).unwrap_or(-1), quote(&args.name))),
            false => call.pair("-e", date(expires)?),
        }
    }
    if let Some(days) = args.password_expire_account_disable {
        call.pair("-f", days);
    }
    if args.create_home {
        if !args.is_local() {
            call.flag("-m");
        }
        if let Some(skeleton) = &args.skeleton {
            call.pair("-k", skeleton);
        }
        if let Some(umask) = &args.umask {
            call.pair("-K", format!("UMASK={umask}"));
        }
    } else {
        call.flag("-M");
    }
    if args.system {
        call.flag("-r");
    }
    for (key, limit) in [("UID_MIN", args.uid_min), ("UID_MAX", args.uid_max)] {
        if let Some(limit) = limit {
            call.pair("-K", format!("{key}={limit}"));
        }
    }
    call.password = args.password.is_some();
    Ok(call)
}

fn busybox(args: &Args, groups: &[(&str, Group)]) -> Call {
    let mut call = Call::new("adduser");
    call.flag("-D");
    let uid = args.uid.map(|uid| uid.to_string());
    for (flag, value) in [("-u", &uid), ("-G", &args.group), ("-g", &args.comment), ("-k", &args.skeleton)] {
        if let Some(value) = value {
            call.pair(flag, value);
        }
    }
    for (flag, path) in [("-h", &args.home), ("-s", &args.shell)] {
        if let Some(path) = path {
            call.words.extend([flag.to_string(), crate::files::script::word(path)]);
        }
    }
    if !args.create_home {
        call.flag("-H");
    }
    if args.system {
        call.flag("-S");
    }
    call.after.extend(
        groups.iter().map(|(_, group)| format!("addgroup {} {}", quote(&args.name), quote(&group.name))),
    );
    call.password = args.password.is_some();
    call
}

fn joining(flag: &str, user: &str, group: &str) -> String {
    format!("lgroupmod {flag} {} -- {}", quote(user), quote(group))
}

/// How a user that is there is changed.
pub(super) fn modification(args: &Args, seen: &Seen, user: &Entry) -> Result<Option<Call>, Failure> {
    let group = group_of(args, seen)?;
    let groups = groups_of(args, seen)?;
    let usual = seen.has_useradd || args.is_local();
    let mut call = Call::new(if args.is_local() { "lusermod" } else { "usermod" });
    if let Some(uid) = args.uid.filter(|uid| *uid != user.uid) {
        call.pair("-u", uid);
        if args.non_unique {
            call.flag("-o");
        }
    }
    if let Some(group) = group.filter(|group| group.gid != user.gid) {
        call.pair("-g", group.gid);
    }
    if let Some(groups) = &groups {
        let names: Vec<&str> = groups.iter().map(|(_, group)| group.name.as_str()).collect();
        let missing: Vec<&str> =
            names.iter().copied().filter(|name| !seen.member_of.iter().any(|is| is == name)).collect();
        let surplus: Vec<&str> = seen
            .member_of
            .iter()
            .map(String::as_str)
            .filter(|name| !names.contains(name) && !args.append)
            .collect();
        if !(missing.is_empty() && surplus.is_empty()) {
            if args.is_local() {
                call.after.extend(missing.iter().map(|group| joining("-M", &args.name, group)));
                call.after.extend(surplus.iter().map(|group| joining("-m", &args.name, group)));
            } else if usual {
                if args.append {
                    call.flag("-a");
                }
                call.pair("-G", names.join(","));
            } else {
                let member =
                    |verb: &str, group: &str| format!("{verb} {} {}", quote(&args.name), quote(group));
                call.after.extend(missing.iter().map(|group| member("addgroup", group)));
                call.after.extend(surplus.iter().map(|group| member("delgroup", group)));
            }
        }
    }
    if let Some(comment) = args.comment.as_ref().filter(|comment| **comment != user.comment) {
        call.pair("-c", comment);
    }
    if args.home.is_some() && seen.home != user.home {
        call.pair("-d", &seen.home);
        if args.move_home {
            call.flag("-m");
        }
    }
    if let Some(shell) =
        args.shell.as_ref().filter(|shell| seen.shell.as_ref().unwrap_or(shell) != &user.shell)
    {
        call.words.extend(["-s".into(), crate::files::script::word(shell)]);
    }
    if let Some(expires) = args.expires {
        let now = seen.shadow.as_ref().map_or(0, |shadow| shadow.expire);
        let differs = match day(expires) {
            None => now >= 0,
            Some(day) => now < 0 || day != now,
        };
        if differs && args.is_local() {
            call.after.push(format!("lchage -E {} -- {}", day(expires).unwrap_or(-1), quote(&args.name)));
        } else if differs {
            call.pair("-e", date(expires)?);
        }
    }
    if let Some(days) = args.password_expire_account_disable {
        call.pair("-f", days);
    }
    let bare = |text: &str| text.trim_start_matches('!').to_string();
    call.password = args.update_password == "always"
        && args.password.as_ref().is_some_and(|password| bare(password) != bare(&user.password));
    let locked = user.password.starts_with('!');
    match args.password_lock {
        Some(true) if !locked && !call.password => call.flag("-L"),
        Some(false) if locked && !call.password => call.flag("-U"),
        _ => {}
    }
    if !usual {
        // Busybox changes nothing else of a user.
        call.words.clear();
    }
    call.needed = !call.words.is_empty();
    Ok((call.needed || call.password || !call.after.is_empty()).then_some(call))
}

/// How a user is removed.
pub(super) fn removal(args: &Args) -> Call {
    let mut call = Call::new(if args.is_local() { "luserdel" } else { "userdel" });
    if args.force && !args.is_local() {
        call.flag("-f");
    }
    if args.remove {
        call.flag("-r");
    }
    call
}

/// The words for `chage`, if the ages of the password are not as wanted.
pub(super) fn aging(args: &Args, seen: &Seen) -> Option<String> {
    // A new user's are not known yet; `chage` is then called with all of them.
    let is = |now: fn(&super::look::Shadow) -> i64| seen.shadow.as_ref().map(now);
    if seen.user.is_some() && seen.shadow.is_none() {
        return None;
    }
    let mut words = String::new();
    for (flag, wanted, now) in [
        ("-m", args.password_expire_min, is(|shadow| shadow.min)),
        ("-M", args.password_expire_max, is(|shadow| shadow.max)),
        ("-W", args.password_expire_warn, is(|shadow| shadow.warn)),
    ] {
        if let Some(days) = wanted.filter(|days| Some(*days) != now) {
            words.push_str(&format!(" {flag} {days}"));
        }
    }
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_told_from_a_plain_password() {
        for (text, expected) in [
            ("secret", false),
            ("*", true),
            ("!", true),
            ("$1$salt$abcdefghijklmnopqrstuv", true),
            ("$6$salt$short", false),
            ("$6$salt", false),
            ("$2b$10$abc", true),
        ] {
            assert_eq!(is_hash(text), expected, "{text}");
        }
    }

    #[test]
    fn an_end_is_a_day() {
        assert_eq!(date(1_422_403_387.0).unwrap(), "2015-01-28");
        assert_eq!(date(-1.0).unwrap(), "");
    }
}
