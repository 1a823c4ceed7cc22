//! What is known of a user before and after a change: the lines of passwd and shadow, the groups, the home directory and
//! the ssh key. One script prints it all; [`Seen`] is what was read.

use super::{Args, quote};
use crate::files::script::{self, Answer, word};
use crate::system::account::ENTRY;
use muster_engine::module::{Context, Failure};

/// The line of passwd.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    pub password: String,
    pub uid: i64,
    pub gid: i64,
    pub comment: String,
    pub home: String,
    pub shell: String,
}

/// The line of shadow; -1 for what is not set.
#[derive(Clone, Debug, Default)]
pub(super) struct Shadow {
    pub min: i64,
    pub max: i64,
    pub warn: i64,
    pub expire: i64,
}

/// A group that an argument names.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub name: String,
    pub gid: i64,
}

/// The ssh key.
#[derive(Clone, Debug, Default)]
pub(super) struct Key {
    pub path: String,
    pub exists: bool,
    pub public_exists: bool,
    pub fingerprint: String,
    pub public: Option<String>,
}

/// Everything found out.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub user: Option<Entry>,
    pub shadow: Option<Shadow>,
    /// The groups that name the user as a member.
    pub member_of: Vec<String>,
    /// Whom `group` and then `groups` name.
    pub named: Vec<Option<Group>>,
    /// Whether there is a group of the user's own name.
    pub own_group: bool,
    /// The home directory that is wanted, expanded.
    pub home: String,
    pub home_exists: bool,
    pub home_has_parent: bool,
    pub key: Key,
    /// The shell that is asked for, with what `~` stands for.
    pub shell: Option<String>,
    /// Whether the host has useradd; else it has what busybox has.
    pub has_useradd: bool,
}

/// Looks.
pub(super) async fn look(args: &Args, cx: &Context) -> Result<Seen, Failure> {
    let answer = script::run(cx, &format!("{ENTRY}{}exit 0\n", look_script(args))).await?;
    Seen::read(answer)
}

/// The script that looks.
pub(super) fn look_script(args: &Args) -> String {
    let name = quote(&args.name);
    let own = if args.is_local() { "own" } else { "entry" };
    let mut out = format!(
        "n={name}; l=$({own} passwd \"$n\"); put \"$l\"; put \"$(entry shadow \"$n\" 2>/dev/null)\"\n\
         if has getent; then getent group; else cat /etc/group; fi | while IFS=: read -r a b c d; do\n\
         case ,$d, in *,\"$n\",*) printf '%s\\n' \"$a\" ;; esac; done; put ''\n\
         put \"$(entry group \"$n\")\"\n"
    );
    for group in args.group.iter().chain(args.groups.iter().flatten()).map(|name| name.trim()) {
        out.push_str(&format!("put \"$(entry group {})\"\n", quote(group)));
    }
    let home = args.home.as_deref().map_or_else(|| "${l%:*}; h=${h##*:}".to_string(), word);
    out.push_str(&format!(
        "put ''; put end\nh={home}; put \"$h\"; a=; [ -e \"$h\" ] && a=e; [ -d \"${{h%/*}}/\" ] && a=${{a}}p; put \"$a\"\n"
    ));
    if args.generate_ssh_key == Some(true) {
        out.push_str(&format!(
            "{}a=; [ -e \"$k\" ] && a=e; [ -e \"$k.pub\" ] && a=${{a}}p; put \"$k\"; put \"$a\"\n\
             if [ -e \"$k\" ]; then put \"$(ssh-keygen -l -f \"$k\" 2>&1)\"; else put ''; fi; put \"$(cat -- \"$k.pub\" 2>/dev/null)\"\n",
            key_path(args)
        ));
    } else {
        out.push_str("put ''; put ''; put ''; put ''\n");
    }
    out.push_str("if has useradd; then put useradd; else put adduser; fi\n");
    if let Some(shell) = &args.shell {
        out.push_str(&format!("put {}\n", word(shell)));
    }
    out
}

/// Sets `$k` to the key's path; the line of passwd is in `$l`.
pub(super) fn key_path(args: &Args) -> String {
    let file =
        args.ssh_key_file.as_deref().map_or_else(|| quote(&format!(".ssh/id_{}", args.ssh_key_type)), word);
    format!("k={file}; a=${{l%:*}}; a=${{a##*:}}; case $k in /*) ;; *) k=${{a%/}}/$k ;; esac\n")
}

impl Seen {
    /// Reads what [`look_script`] printed.
    pub(super) fn read(mut answer: Answer) -> Result<Self, Failure> {
        let mut seen = Self { user: Entry::parse(&answer.field()?), ..Self::default() };
        let shadow = answer.field()?;
        let fields: Vec<&str> = shadow.split(':').collect();
        if let (Some(user), [_, password, ..]) = (&mut seen.user, fields.as_slice()) {
            let number = |i: usize| fields.get(i).and_then(|text| text.parse().ok()).unwrap_or(-1);
            seen.shadow = Some(Shadow { min: number(3), max: number(4), warn: number(5), expire: number(7) });
            if user.password.len() <= 1 {
                user.password = (*password).to_string();
            }
        }
        seen.member_of = answer.field()?.lines().map(str::to_string).collect();
        seen.own_group = !answer.field()?.is_empty();
        loop {
            // A name that nobody has is an empty line; the list ends with a word of its own.
            let line = answer.field()?;
            if line == "end" {
                seen.named.pop();
                break;
            }
            let mut fields = line.split(':');
            let name = fields.next().unwrap_or("").to_string();
            let gid = fields.nth(1).and_then(|gid| gid.parse().ok());
            seen.named.push(gid.map(|gid| Group { name, gid }));
        }
        seen.home = answer.field()?;
        let about = answer.field()?;
        (seen.home_exists, seen.home_has_parent) = (about.contains('e'), about.contains('p'));
        let path = answer.field()?;
        let about = answer.field()?;
        let fingerprint = answer.field()?.trim().to_string();
        let public = answer.field()?.trim().to_string();
        seen.key = Key {
            path,
            exists: about.contains('e'),
            public_exists: about.contains('p'),
            fingerprint,
            public: about.contains('p').then_some(public),
        };
        seen.has_useradd = answer.field()? == "useradd";
        seen.shell = answer.next();
        Ok(seen)
    }
}

impl Entry {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.trim_end_matches('\n').split(':').skip(1).map(str::to_string);
        Some(Self {
            password: fields.next()?,
            uid: fields.next()?.parse().ok()?,
            gid: fields.next()?.parse().ok()?,
            comment: fields.next()?,
            home: fields.next()?,
            shell: fields.next()?,
        })
    }
}
