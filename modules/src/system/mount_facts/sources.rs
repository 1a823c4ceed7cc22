//! The files and the program that list mounts, each in its own format: fstab and mtab, Solaris's and AIX's tables, what
//! `mount` prints. Their text comes in, mounts in the order of the lines go out; text of another format gives none.

use muster_engine::module::Map;
use regex::Regex;
use serde_json::json;

/// One mount as a source has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub point: String,
    pub line: String,
    pub fields: Map,
}

impl Found {
    fn new(point: &str, line: &str, fields: serde_json::Value) -> Self {
        let fields = if let serde_json::Value::Object(fields) = fields { fields } else { Map::new() };
        Self { point: point.into(), line: line.into(), fields }
    }
}

/// The mounts of a file: the first format that fits all of its lines.
pub(super) fn of_file(text: &str) -> Vec<Found> {
    let lines: Vec<&str> = text.trim().lines().collect();
    if lines.is_empty() {
        return vec![];
    }
    vfstab(&lines).or_else(|| mnttab(&lines)).or_else(|| fstab(&lines)).unwrap_or_else(|| filesystems(&lines))
}

/// Lines that say something.
fn told<'a>(lines: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn vfstab(lines: &[&str]) -> Option<Vec<Found>> {
    let mut found = vec![];
    for line in lines.iter().filter(|line| told(&[line]).next().is_some()) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [device, fsck, mount, fstype, pass, boot, options, ..] = fields.as_slice() else { return None };
        let pass = pass.parse::<i64>().map_or_else(|_| json!(pass), |pass| json!(pass));
        found.push(Found::new(
            mount,
            line,
            json!({
                "device": device, "device_to_fsck": fsck, "mount": mount, "fstype": fstype,
                "passno": pass, "mount_at_boot": boot, "options": options,
            }),
        ));
    }
    Some(found)
}

fn mnttab(lines: &[&str]) -> Option<Vec<Found>> {
    let (mut found, mut dated) = (vec![], false);
    for line in lines {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [device, mount, fstype, options, time, ..] = fields.as_slice() else { return None };
        dated |= time.len() == 10;
        let time = time.parse::<i64>().ok()?;
        let fields =
            json!({"device": device, "mount": mount, "fstype": fstype, "options": options, "time": time});
        found.push(Found::new(mount, line, fields));
    }
    dated.then_some(found)
}

fn fstab(lines: &[&str]) -> Option<Vec<Found>> {
    let mut found = vec![];
    for line in told(lines) {
        let fields: Vec<String> = line.split_whitespace().map(unescaped).collect();
        let [device, mount, fstype, options, more @ ..] = fields.as_slice() else { return None };
        let mut entry = Found::new(
            mount,
            line,
            json!({"device": device, "mount": mount, "fstype": fstype, "options": options}),
        );
        for (key, number) in ["dump", "passno"].into_iter().zip(more) {
            entry.fields.insert(key.into(), number.parse::<i64>().ok()?.into());
        }
        found.push(entry);
    }
    Some(found)
}

/// AIX's stanzas; a line that is none means that the file is something else.
fn filesystems(lines: &[&str]) -> Vec<Found> {
    let mut stanzas: Vec<Vec<&str>> = vec![];
    for line in lines.iter().filter(|line| !line.starts_with('*') && !line.trim().is_empty()) {
        match (line.trim_end().ends_with(':'), line.contains('='), stanzas.last_mut()) {
            (true, ..) => stanzas.push(vec![line]),
            (false, true, Some(stanza)) => stanza.push(line),
            _ => return vec![],
        }
    }
    let entry = |stanza: &Vec<&str>| {
        let mount = stanza.first().map_or("", |line| line.get(..line.len() - 1).unwrap_or(line));
        let pairs = stanza.iter().skip(1).filter_map(|line| line.split_once('='));
        let attributes: Map =
            pairs.map(|(key, value)| (key.trim().to_string(), value.trim().into())).collect();
        let named =
            |key: &str| attributes.get(key).and_then(|value| value.as_str()).filter(|v| !v.is_empty());
        let device = [named("nodename"), named("dev")].into_iter().flatten().collect::<Vec<_>>().join(":");
        let device = if device.is_empty() { "unknown".into() } else { device };
        let fstype = named("vfs").unwrap_or("unknown").to_string();
        let fields = json!({"mount": mount, "device": device, "fstype": fstype, "attributes": attributes});
        Found::new(mount, &stanza.join("\n"), fields)
    };
    stanzas.iter().map(entry).collect()
}

/// What `mount` prints on Linux, on BSD and on AIX.
const PRINTED: [&str; 3] = [
    r"^(?P<device>\S+) on (?P<mount>\S+) type (?P<fstype>\S+) \((?P<options>.+)\)$",
    r"^(?P<device>\S+) on (?P<mount>\S+) \((?P<fstype>[^,]+?)(?:\s*,\s*(?P<options>.+))?\)$",
    r"^(?P<node>\S*)\s+(?P<device>\S+)\s+(?P<mount>\S+)\s+(?P<fstype>\S+)\s+(?P<time>\S+\s+\d+\s+\d+:\d+)\s+(?P<options>.*)$",
];

/// The mounts that `mount` printed.
pub(super) fn of_program(text: &str) -> Vec<Found> {
    let lines: Vec<&str> = text.lines().collect();
    for (kind, pattern) in PRINTED.into_iter().enumerate() {
        let Ok(regex) = Regex::new(pattern) else { continue };
        let counted = |(at, line): &(usize, &&str)| match kind {
            0 => true,
            1 => !line.starts_with("map "),
            _ => *at > 1,
        };
        let fits = lines.iter().enumerate().filter(counted).all(|(_, line)| regex.is_match(line));
        if !fits || (kind == 2 && lines.len() <= 2) {
            continue;
        }
        let entry = |line: &&str| {
            let captures = regex.captures(line)?;
            let mut fields = Map::new();
            for name in regex.capture_names().flatten() {
                if let Some(part) = captures.name(name) {
                    fields.insert(name.into(), part.as_str().into());
                }
            }
            if let Some(node) = fields.remove("node").filter(|node| node.as_str() != Some(""))
                && let (Some(node), Some(device)) =
                    (node.as_str(), fields.get("device").and_then(|d| d.as_str()))
            {
                let device = format!("{node}:{device}");
                fields.insert("device".into(), device.into());
            }
            let point = fields.get("mount")?.as_str()?.to_string();
            Some(Found { point, line: (*line).to_string(), fields })
        };
        return lines.iter().filter_map(entry).collect();
    }
    vec![]
}

/// `\040` and the like, as tables write what would divide fields.
fn unescaped(field: &str) -> String {
    let mut out: Vec<u8> = vec![];
    let mut rest = field.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after
            .get(..3)
            .filter(|digits| *first == b'\\' && digits.iter().all(|d| (b'0'..=b'7').contains(d)));
        match digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<String>().ok()) {
            Some(digits) => {
                out.push(u8::from_str_radix(&digits, 8).unwrap_or(b'?'));
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(found: &[Found]) -> Vec<(&str, &str)> {
        found.iter().map(|one| (one.point.as_str(), one.fields["device"].as_str().unwrap())).collect()
    }

    #[test]
    fn every_table_is_told_by_its_columns() {
        let fstab = of_file("# a\n/dev/vda1 / ext4 defaults 0 1\nUUID=x /a\\040b xfs ro\n");
        assert_eq!(points(&fstab), [("/", "/dev/vda1"), ("/a b", "UUID=x")]);
        assert_eq!(fstab[0].fields["passno"], 1);
        assert_eq!(fstab[1].fields.get("dump"), None);
        let vfstab = of_file("/dev/dsk/a /dev/rdsk/a / ufs 1 no -\n");
        assert_eq!(points(&vfstab), [("/", "/dev/dsk/a")]);
        let mnttab = of_file("rpool / zfs dev=1 1534234000\n");
        assert_eq!(mnttab[0].fields["time"], 1_534_234_000);
        let aix = of_file("* text\n/home:\n\tdev = /dev/hd1\n\tvfs = jfs2\n\tnodename = n\n");
        assert_eq!(points(&aix), [("/home", "n:/dev/hd1")]);
        assert!(of_file("ext4\nxfs\n").is_empty());
    }

    #[test]
    fn what_the_program_prints_is_read() {
        let linux = of_program("proc on /proc type proc (rw,nosuid)\n/dev/a on / type ext4 (rw)\n");
        assert_eq!(points(&linux), [("/proc", "proc"), ("/", "/dev/a")]);
        let bsd = of_program("/dev/a on / (ufs, local)\nmap x on /y (autofs, nobrowse)\n");
        assert_eq!(bsd[0].fields["options"], "local");
        let aix = of_program(
            "node mounted over vfs date options\n---- ---\n     /dev/hd4 / jfs2 Mar 10 09:52 rw,log=/dev/hd8\nn /x /y nfs3 Mar 10 09:52 ro\n",
        );
        assert_eq!(points(&aix), [("/", "/dev/hd4"), ("/y", "n:/x")]);
    }
}
