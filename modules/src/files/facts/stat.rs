//! What `stat` says of one thing on a host: a line of its output comes in, numbers, names and Ansible's keys for results go out.

use super::Facts;
use muster_engine::module::Map;

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
