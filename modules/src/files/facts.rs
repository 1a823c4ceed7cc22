//! What is at a path on a host. A [`Look`] says what to find out and becomes one script; its answer becomes [`Facts`].
//! Looking changes nothing. A path that cannot be looked at is [`Found::Not`] with the reason.

use super::script::{self, Answer, quote, reason, word};
use muster_engine::module::{Context, Failure, Map};
use serde_json::{Value as Json, json};

/// What `stat` says of one thing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stat {
    /// The whole of `st_mode`.
    pub mode: u32,
    pub links: u64,
    pub inode: u64,
    pub device: u64,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    pub blocks: u64,
    pub block_size: u64,
    pub rdev: u64,
    pub atime: f64,
    pub mtime: f64,
    pub ctime: f64,
    /// The owner's name, if the id has one.
    pub owner: Option<String>,
    pub group: Option<String>,
}

impl Stat {
    fn kind(&self) -> u32 {
        self.mode & 0o170_000
    }

    pub fn is_dir(&self) -> bool {
        self.kind() == 0o040_000
    }

    pub fn is_file(&self) -> bool {
        self.kind() == 0o100_000
    }

    pub fn is_link(&self) -> bool {
        self.kind() == 0o120_000
    }

    /// Whether it is of the kind with that number: the type bits of `st_mode`.
    pub fn is_kind(&self, bits: u32) -> bool {
        self.kind() == bits
    }

    /// The permission bits.
    pub fn bits(&self) -> u32 {
        self.mode & 0o7777
    }

    /// What Ansible's `state` calls it.
    pub fn state(&self) -> &'static str {
        if self.is_link() {
            "link"
        } else if self.is_dir() {
            "directory"
        } else if self.links > 1 {
            "hard"
        } else {
            "file"
        }
    }

    /// What a new thing of a kind will be, made by the user who runs commands in the nearest directory there is.
    pub fn fresh(facts: &Facts, kind: u32, bits: u32) -> Self {
        let inherits = facts.near_stat.as_ref().filter(|above| above.bits() & 0o2000 != 0);
        let sticky = if inherits.is_some() && kind == 0o040_000 { 0o2000 } else { 0 };
        Self {
            mode: kind | (bits & !facts.umask) | sticky,
            uid: facts.uid,
            gid: inherits.map_or(facts.gid, |above| above.gid),
            links: 1,
            ..Self::default()
        }
    }

    /// Reads a line that `stat -c "$F"` printed.
    pub fn parse(line: &str) -> Option<Self> {
        let mut parts = line.split('|');
        let numbers: Vec<&str> = parts.next()?.split(' ').collect();
        let number = |i: usize| numbers.get(i)?.parse::<u64>().ok();
        let hex = |i: usize| u64::from_str_radix(numbers.get(i)?, 16).ok();
        let seconds: Vec<&str> = parts.next()?.split(' ').collect();
        let mut time = |i: usize| {
            let whole: f64 = seconds.get(i)?.parse().ok()?;
            let fraction = parts.next()?.split_once('.').map_or("", |(_, after)| after);
            let digits: String = fraction.chars().take_while(char::is_ascii_digit).collect();
            Some(whole + 1e-9 * format!("{digits:0<9}").parse::<f64>().unwrap_or(0.0))
        };
        let (atime, mtime, ctime) = (time(0)?, time(1)?, time(2)?);
        let name = |text: Option<&str>, id: &str| {
            text.filter(|name| !name.is_empty() && *name != "UNKNOWN" && *name != id).map(str::to_string)
        };
        let (major, minor) = (hex(9)?, hex(10)?);
        Some(Self {
            mode: u32::try_from(hex(0)?).ok()?,
            links: number(1)?,
            inode: number(2)?,
            device: number(3)?,
            uid: u32::try_from(number(4)?).ok()?,
            gid: u32::try_from(number(5)?).ok()?,
            size: number(6)?,
            blocks: number(7)?,
            block_size: number(8)?,
            rdev: (minor & 0xff)
                | ((major & 0xfff) << 8)
                | ((minor & !0xff) << 12)
                | ((major & !0xfff) << 32),
            atime,
            mtime,
            ctime,
            owner: name(parts.next(), numbers.get(4)?),
            group: name(parts.next(), numbers.get(5)?),
        })
    }

    /// The keys that Ansible adds to every result that names a path.
    pub fn describe(&self, into: &mut Map, follows_to_nothing: bool) {
        if follows_to_nothing {
            return;
        }
        let name = |name: &Option<String>, id: u32| name.clone().unwrap_or_else(|| id.to_string());
        into.insert("uid".into(), self.uid.into());
        into.insert("gid".into(), self.gid.into());
        into.insert("owner".into(), name(&self.owner, self.uid).into());
        into.insert("group".into(), name(&self.group, self.gid).into());
        into.insert("mode".into(), octal(self.bits()).into());
        into.insert("state".into(), self.state().into());
        into.insert("size".into(), self.size.into());
    }
}

/// Permission bits as Ansible prints them: `0644`.
pub(crate) fn octal(bits: u32) -> String {
    format!("0{bits:03o}")
}

/// What came of looking at a path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found {
    /// It is there.
    Is(Stat),
    /// It is not, or cannot be seen: the reason.
    Not(String),
}

impl Found {
    pub fn parse(field: &str) -> Self {
        match field.strip_prefix('!') {
            Some(said) => Self::Not(reason(said).to_string()),
            None => {
                Stat::parse(field).map_or_else(|| Self::Not(format!("unreadable stat: {field}")), Self::Is)
            }
        }
    }

    pub fn stat(&self) -> Option<&Stat> {
        match self {
            Self::Is(stat) => Some(stat),
            Self::Not(_) => None,
        }
    }
}

/// What the shell function `look` prints of one path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    /// The thing itself, a link not followed.
    pub this: Found,
    /// Where a link leads, as written in it.
    pub target: String,
    /// Where a link leads in the end, absolute.
    pub real: String,
    /// What is there.
    pub followed: Option<Found>,
    pub readable: bool,
    pub writable: bool,
    pub executable: bool,
}

impl Seen {
    /// Whether who asks may not see what is there, or whether it is.
    pub fn is_hidden(&self) -> bool {
        let hidden = |found: &Found| matches!(found, Found::Not(why) if why == "Permission denied");
        hidden(&self.this) || self.followed.as_ref().is_some_and(hidden)
    }

    /// Reads what `look` printed.
    pub fn read(answer: &mut Answer) -> Result<Self, Failure> {
        let this = Found::parse(&answer.field()?);
        let target = answer.field()?;
        let real = answer.field()?;
        let followed = answer.field()?;
        let access = answer.field()?;
        Ok(Self {
            this,
            target,
            real,
            followed: (!followed.is_empty()).then(|| Found::parse(&followed)),
            readable: access.contains('r'),
            writable: access.contains('w'),
            executable: access.contains('x'),
        })
    }

    /// The thing itself, a link not followed.
    pub fn stat(&self) -> Option<&Stat> {
        self.this.stat()
    }

    /// What is there in the end, a link followed.
    pub fn end(&self) -> Option<&Stat> {
        match &self.followed {
            Some(found) => found.stat(),
            None => self.this.stat(),
        }
    }

    /// Whether there is something in the end: `os.path.exists`.
    pub fn exists(&self) -> bool {
        self.end().is_some()
    }

    pub fn is_link(&self) -> bool {
        self.followed.is_some()
    }

    pub fn is_dir(&self) -> bool {
        self.end().is_some_and(Stat::is_dir)
    }

    pub fn is_file(&self) -> bool {
        self.end().is_some_and(Stat::is_file)
    }

    /// What Ansible's `state` calls it, `absent` for nothing.
    pub fn state(&self) -> &'static str {
        self.stat().map_or("absent", Stat::state)
    }

    /// Adds the keys that Ansible adds to every result that names a path.
    pub fn describe(&self, result: &mut Map) {
        if let Some(stat) = self.stat() {
            stat.describe(result, !self.exists());
        }
    }
}

/// Where content is wanted in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    No,
    /// Of a regular file, a link followed, if it is at most so long.
    UpTo(u64),
    All,
}

/// What to find out about a path.
#[derive(Clone, Debug)]
pub(crate) struct Look<'a> {
    word: String,
    inside: Option<&'a str>,
    checksum: Option<&'a str>,
    content: Content,
    owner: Option<&'a str>,
    group: Option<&'a str>,
    labels: bool,
    more: &'a str,
    then: &'a str,
}

impl<'a> Look<'a> {
    /// Looks at a path, as an argument has it.
    pub fn at(path: &'a str) -> Self {
        Self {
            word: word(path),
            inside: None,
            checksum: None,
            content: Content::No,
            owner: None,
            group: None,
            labels: false,
            more: "",
            then: "",
        }
    }

    /// Looks at a name below a path; nothing in the name is expanded.
    pub fn below(path: &'a str, name: &str) -> Self {
        let mut look = Self::at(path);
        look.word.push_str(&quote(&format!("/{name}")));
        look
    }

    /// If the path is a directory (or ends like one), look at this name in it instead.
    pub fn inside(mut self, name: Option<&'a str>) -> Self {
        self.inside = name;
        self
    }

    /// With the checksum of a regular file: `sha1`, `md5`, `sha256`, ….
    pub fn checksum(mut self, algorithm: &'a str) -> Self {
        self.checksum = Some(algorithm);
        self
    }

    /// With the file's content.
    pub fn content(mut self, content: Content) -> Self {
        self.content = content;
        self
    }

    /// With the ids of a user and a group.
    pub fn ids(mut self, owner: Option<&'a str>, group: Option<&'a str>) -> Self {
        (self.owner, self.group) = (owner, group);
        self
    }

    /// With the attributes of the file system and the SELinux context.
    pub fn labels(mut self, wanted: bool) -> Self {
        self.labels = wanted;
        self
    }

    /// With a piece of script of the module's own, run with the path in `$p`; it must print exactly one field.
    pub fn more(mut self, script: &'a str) -> Self {
        self.more = script;
        self
    }

    /// With a piece of script that prints any number of fields, left in [`Facts::rest`]; not together with content.
    pub fn then(mut self, script: &'a str) -> Self {
        self.then = script;
        self
    }

    /// The script.
    pub fn script(&self) -> String {
        let mut out = format!("p={}\n", self.word);
        if let Some(name) = self.inside {
            let name = quote(name);
            out.push_str(&format!(
                "i=\ncase $p in */) i=/ p=$p{name} ;; *) [ -d \"$p\" ] && i=d p=$p/{name} ;; esac\n\
                 [ \"$i\" = / ] && [ -d \"$p\" ] && i=d p=$p/{name}\n"
            ));
        }
        out.push_str("put \"$p\"; put \"$i\"; look \"$p\"\n");
        out.push_str(
            "case $p in */*) d=${p%/*}; [ -n \"$d\" ] || d=/ ;; *) d=. ;; esac\n\
             a=; [ -e \"$d\" ] && a=e; [ -w \"$d\" ] && a=${a}w\n\
             case ${ANSIBLE_UNSAFE_WRITES-} in 1|[yY]|[tT]|[yY][eE][sS]|[oO][nN]|[tT][rR][uU][eE]) a=${a}u ;; esac\n\
             put \"$d\"; put \"$a\"\n\
             while [ ! -e \"$d\" ] && [ \"$d\" != . ]; do case $d in */*) d=${d%/*}; [ -n \"$d\" ] || d=/ ;; *) d=. ;; esac; done\n\
             put \"$d\"; put \"$(LC_ALL=C stat -L -c \"$F\" -- \"$d\" 2>&1)\"\n\
             put \"$(umask)\"; put \"$(id -u)\"; put \"$(id -g)\"\n",
        );
        for (name, database) in [(self.owner, "passwd"), (self.group, "group")] {
            match name {
                Some(name) => out.push_str(&id_script(name, database)),
                None => out.push_str("put ''\n"),
            }
        }
        match self.checksum {
            Some(algorithm) => out.push_str(&format!("sum {} \"$p\"\n", quote(algorithm))),
            None => out.push_str("put ''\n"),
        }
        out.push_str(match self.labels {
            true => {
                "a=$(lsattr -d -- \"$p\" 2>/dev/null) || a=\n\
                 c=; [ -d /sys/fs/selinux ] && c=$(LC_ALL=C stat -c %C -- \"$p\" 2>/dev/null)\n\
                 put \"${a%% *} $c\"\n"
            }
            false => "put ''\n",
        });
        match self.more {
            "" => out.push_str("put ''\n"),
            more => out.push_str(&format!("{more}\n")),
        }
        let cat = "{ put c; cat -- \"$p\"; exit; }";
        match self.content {
            Content::No => {}
            Content::All => out.push_str(&format!("if [ -f \"$p\" ] && [ -r \"$p\" ]; then {cat}; fi\n")),
            Content::UpTo(most) => out.push_str(&format!(
                "if [ -f \"$p\" ] && [ -r \"$p\" ] && [ \"$(stat -L -c %s -- \"$p\")\" -le {most} ]; then {cat}; fi\n"
            )),
        }
        out.push_str("put -\n");
        out.push_str(self.then);
        out
    }

    /// Looks.
    pub async fn run(&self, cx: &Context) -> Result<Facts, Failure> {
        Facts::read(script::run(cx, &self.script()).await?)
    }
}

/// Prints `id` of a user or group, `id!` if it is a number that nobody has, nothing for an unknown name.
fn id_script(name: &str, database: &str) -> String {
    let word = quote(name);
    let number = name.parse::<u32>().is_ok();
    let column = if number { "$i" } else { "$n" };
    let unknown = if number { format!("{word}!") } else { "''".into() };
    format!(
        "a=$(getent {database} {word} 2>/dev/null) || a=$(while IFS= read -r l; do n=${{l%%:*}}; i=${{l#*:*:}}; i=${{i%%:*}}; \
         [ \"{column}\" = {word} ] && printf %s \"$l\" && break; done < /etc/{database})\n\
         if [ -n \"$a\" ]; then a=${{a#*:*:}}; put \"${{a%%:*}}\"; else put {unknown}; fi\n"
    )
}

/// The id of a user or group that an argument names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id {
    /// Somebody has it.
    Known(u32),
    /// A number that nobody has.
    Unnamed(u32),
    /// A name that nobody has.
    Unknown,
}

impl Id {
    fn parse(field: &str) -> Self {
        match field.strip_suffix('!') {
            Some(number) => number.parse().map_or(Self::Unknown, Self::Unnamed),
            None => field.parse().map_or(Self::Unknown, Self::Known),
        }
    }
}

/// What a file has beside its mode.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Labels {
    /// The attributes as `lsattr` prints them, without dashes.
    pub flags: String,
    /// The SELinux context; empty on a host without.
    pub context: String,
}

impl Labels {
    fn parse(field: &str) -> Self {
        let (flags, context) = field.split_once(' ').unwrap_or((field, ""));
        let context = if context == "?" { "" } else { context };
        Self { flags: flags.replace('-', ""), context: context.to_string() }
    }
}

/// Everything found out about a path.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The path, expanded.
    pub path: String,
    /// Whether the path given is a directory that is there, and `path` is in it.
    pub inside: bool,
    pub seen: Seen,
    /// The directory it is in: its path, and whether it exists and may be written.
    pub parent: String,
    pub parent_exists: bool,
    pub parent_writable: bool,
    /// Whether the host's environment asks for writing into files that cannot be replaced.
    pub unsafe_writes: bool,
    /// The nearest directory above that exists.
    pub near: String,
    pub near_stat: Option<Stat>,
    pub umask: u32,
    /// Who runs commands.
    pub uid: u32,
    pub gid: u32,
    /// Whom `owner` and `group` name.
    pub owner: Id,
    pub group: Id,
    /// The checksum of a readable regular file, if asked for.
    pub checksum: Option<String>,
    /// Attributes and context, if asked for.
    pub labels: Labels,
    /// What the module's own script printed.
    pub more: String,
    /// The content, if asked for and there is any.
    pub content: Option<Vec<u8>>,
    /// What [`Look::then`] printed.
    pub rest: Answer,
}

impl Facts {
    /// Reads all that a [`Look`] printed.
    pub fn read(mut answer: Answer) -> Result<Self, Failure> {
        let mut facts = Self::read_one(&mut answer)?;
        match answer.field()?.as_str() {
            "c" => facts.content = Some(answer.rest()),
            _ => facts.rest = Answer::new(answer.rest()),
        }
        Ok(facts)
    }

    /// Reads what each of many [`Look`]s without content printed.
    pub fn read_many(mut answer: Answer, count: usize) -> Result<Vec<Self>, Failure> {
        let mut out = Vec::with_capacity(count);
        for _ in 0..count {
            out.push(Self::read_one(&mut answer)?);
            answer.field()?;
        }
        Ok(out)
    }

    fn read_one(answer: &mut Answer) -> Result<Self, Failure> {
        let path = answer.field()?;
        let inside = answer.field()? == "d";
        let seen = Seen::read(answer)?;
        let parent = answer.field()?;
        let about = answer.field()?;
        let near = answer.field()?;
        let near_stat = Found::parse(&answer.field()?).stat().cloned();
        let umask = u32::from_str_radix(answer.field()?.trim(), 8).unwrap_or(0o022);
        let uid = answer.field()?.trim().parse().unwrap_or(0);
        let gid = answer.field()?.trim().parse().unwrap_or(0);
        let owner = Id::parse(&answer.field()?);
        let group = Id::parse(&answer.field()?);
        let checksum = Some(answer.field()?).filter(|sum| !sum.is_empty());
        let labels = Labels::parse(&answer.field()?);
        let more = answer.field()?;
        Ok(Self {
            path,
            inside,
            seen,
            parent,
            parent_exists: about.contains('e'),
            parent_writable: about.contains('w'),
            unsafe_writes: about.contains('u'),
            labels,
            umask,
            uid,
            gid,
            owner,
            group,
            checksum,
            near,
            near_stat,
            more,
            content: None,
            rest: Answer::new(vec![]),
        })
    }

    /// Where writing goes: the path, or where a link at it leads.
    pub fn real_path(&self) -> &str {
        if self.seen.is_link() && self.seen.real.starts_with('/') { &self.seen.real } else { &self.path }
    }

    /// A failure that names the path and what is there, as Ansible's `fail_json(path=…)` does.
    pub fn fail(&self, message: impl Into<String>) -> Failure {
        let mut failure = Failure::new(message).with("path", self.path.as_str());
        self.seen.describe(&mut failure.result);
        failure
    }
}

/// The `path` of a difference, before and after.
pub(crate) fn path_diff(path: &str) -> (Map, Map) {
    let one = || match json!({ "path": path }) {
        Json::Object(map) => map,
        _ => Map::new(),
    };
    (one(), one())
}

#[cfg(test)]
mod tests;
