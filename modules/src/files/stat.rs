//! `stat`: everything about a path on the host, under Ansible's keys.

use super::facts::{Found, Look, Stat as Facts};
use muster_engine::module::{Check, Context, Failure, Kind, Map, Module, Opt, Output, Spec};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::convert::Infallible;

/// The module.
#[derive(Debug)]
pub(super) struct Stat;

/// Its arguments.
#[derive(Debug, Deserialize)]
pub(super) struct Args {
    path: String,
    follow: bool,
    get_checksum: bool,
    get_mime: bool,
    get_attributes: bool,
    checksum_algorithm: String,
}

/// Prints what `file` and `lsattr` say, each on a line that begins with its name.
const MIME: &str = "m=$(file --mime-type --mime-encoding -- \"$p\" 2>/dev/null) || m=";
const ATTRIBUTES: &str = "x=$(lsattr -vd -- \"$p\" 2>/dev/null) || x=";

impl Module for Stat {
    const NAME: &'static str = "ansible.builtin.stat";
    const SPEC: Spec = Spec::new(
        "Says what is at a path.",
        &[
            Opt::new("path", Kind::Path, "The path.").aliases(&["dest", "name"]).required(),
            Opt::new("follow", Kind::Bool, "Follows a link.").default("false"),
            Opt::new("get_checksum", Kind::Bool, "With the checksum of a regular file.").default("true"),
            Opt::new("get_mime", Kind::Bool, "With the type that `file` tells, where there is `file`.")
                .aliases(&["mime", "mime_type", "mime-type"])
                .default("true"),
            Opt::new("get_attributes", Kind::Bool, "With the attributes that `lsattr` tells.")
                .aliases(&["attr", "attributes"])
                .default("true"),
            Opt::new("checksum_algorithm", Kind::Str, "The checksum's algorithm.")
                .aliases(&["checksum", "checksum_algo"])
                .default("sha1")
                .choices(&["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]),
        ],
    )
    .examples("- stat: {path: /etc/kubernetes/admin.conf}\n  register: conf\n");
    type Args = Args;
    type Change = Infallible;

    async fn check(&self, args: &Args, cx: &Context) -> Result<Check<Infallible>, Failure> {
        let mime = if args.get_mime { MIME } else { "m=" };
        let attributes = if args.get_attributes { ATTRIBUTES } else { "x=" };
        let more = format!("{mime}\n{attributes}\nput \"$m\n$x\"");
        let mut look = Look::at(&args.path).more(&more);
        if args.get_checksum {
            look = look.checksum(&args.checksum_algorithm);
        }
        let facts = look.run(cx).await?;
        let found = match &facts.seen.followed {
            Some(followed) if args.follow => followed,
            _ => &facts.seen.this,
        };
        let stat = match found {
            Found::Is(stat) => stat,
            Found::Not(why) if why == "No such file or directory" => {
                return Ok(Check::Done(Output::new(false).with("stat", json!({ "exists": false }))));
            }
            Found::Not(why) => return Err(Failure::new(why.as_str())),
        };
        let mut out = describe(&facts.path, stat);
        out.insert("readable".into(), facts.seen.readable.into());
        out.insert("writeable".into(), facts.seen.writable.into());
        out.insert("executable".into(), facts.seen.executable.into());
        if stat.is_link() {
            out.insert("lnk_source".into(), facts.real_path().into());
            out.insert("lnk_target".into(), facts.seen.target.as_str().into());
        }
        for (key, name) in [("pw_name", &stat.owner), ("gr_name", &stat.group)] {
            if let Some(name) = name {
                out.insert(key.into(), name.as_str().into());
            }
        }
        if let (true, Some(sum)) = (stat.is_file(), &facts.checksum) {
            out.insert("checksum".into(), sum.as_str().into());
        }
        let (mime, attributes) = facts.more.rsplit_once('\n').unwrap_or(("", ""));
        if args.get_mime {
            let (kind, charset) = mime_of(mime).unwrap_or(("unknown", "unknown"));
            out.insert("mimetype".into(), kind.into());
            out.insert("charset".into(), charset.into());
        }
        if args.get_attributes {
            let (version, flags) = attributes_of(attributes);
            out.insert("version".into(), version.map_or(Json::Null, Json::from));
            out.insert("attributes".into(), flags.chars().filter_map(attribute).map(Json::from).collect());
            out.insert("attr_flags".into(), flags.into());
        }
        Ok(Check::Done(Output::new(false).with("stat", Json::Object(out))))
    }

    async fn apply(&self, change: Infallible, _cx: &Context) -> Result<Output, Failure> {
        match change {}
    }
}

/// What `stat` and `find` say of one thing.
pub(super) fn describe(path: &str, stat: &Facts) -> Map {
    let mut out = Map::new();
    let mut put = |key: &str, value: Json| out.insert(key.to_string(), value);
    put("exists", true.into());
    put("path", path.into());
    put("mode", format!("{:04o}", stat.bits()).into());
    for (key, kind) in [
        ("isdir", 0o040_000),
        ("ischr", 0o020_000),
        ("isblk", 0o060_000),
        ("isreg", 0o100_000),
        ("isfifo", 0o010_000),
        ("islnk", 0o120_000),
        ("issock", 0o140_000),
    ] {
        put(key, stat.is_kind(kind).into());
    }
    put("uid", stat.uid.into());
    put("gid", stat.gid.into());
    put("size", stat.size.into());
    put("inode", stat.inode.into());
    put("dev", stat.device.into());
    put("nlink", stat.links.into());
    put("atime", stat.atime.into());
    put("mtime", stat.mtime.into());
    put("ctime", stat.ctime.into());
    for (class, shift) in [("usr", 6), ("grp", 3), ("oth", 0)] {
        for (letter, bit) in [("w", 2), ("r", 4), ("x", 1)] {
            put(&format!("{letter}{class}"), (stat.bits() & (bit << shift) != 0).into());
        }
    }
    put("isuid", (stat.bits() & 0o4000 != 0).into());
    put("isgid", (stat.bits() & 0o2000 != 0).into());
    put("blocks", stat.blocks.into());
    put("block_size", stat.block_size.into());
    put("device_type", stat.rdev.into());
    out
}

/// The type and character set in what `file` printed: `path: text/plain; charset=us-ascii`.
fn mime_of(text: &str) -> Option<(&str, &str)> {
    let (_, after) = text.rsplit_once(':')?;
    let (kind, charset) = after.split_once(';')?;
    Some((kind.trim(), charset.split_once('=')?.1.trim()))
}

/// The version and the set flags in what `lsattr -vd` printed: `123 -----a--e---- path`.
fn attributes_of(text: &str) -> (Option<&str>, String) {
    let mut words = text.split_whitespace();
    match (words.next(), words.next()) {
        (Some(version), Some(flags)) => (Some(version), flags.replace('-', "")),
        _ => (None, String::new()),
    }
}

/// What a flag of `lsattr` is called.
fn attribute(flag: char) -> Option<&'static str> {
    Some(match flag {
        'A' => "noatime",
        'a' => "append",
        'c' => "compressed",
        'C' => "nocow",
        'd' => "nodump",
        'D' => "dirsync",
        'e' => "extents",
        'E' => "encrypted",
        'h' => "blocksize",
        'i' => "immutable",
        'I' => "indexed",
        'j' => "journalled",
        'N' => "inline",
        's' => "zero",
        'S' => "synchronous",
        't' => "notail",
        'T' => "blockroot",
        'u' => "undelete",
        'X' => "compressedraw",
        'Z' => "compresseddirty",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_file_and_lsattr_print_is_read() {
        assert_eq!(mime_of("/a:b: text/plain; charset=us-ascii"), Some(("text/plain", "us-ascii")));
        assert_eq!(mime_of(""), None);
        assert_eq!(attributes_of("77 --------------e---- /x"), (Some("77"), "e".into()));
        assert_eq!(attributes_of(""), (None, String::new()));
    }
}
