//! The text of fstab with an entry and without one, and the kernel's own list of mounts. Lines that are not about the
//! entry stay byte for byte.

use std::collections::HashMap;

/// The six fields of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub src: String,
    pub name: String,
    pub fstype: String,
    pub opts: String,
    pub dump: String,
    pub passno: String,
}

/// A field as fstab has it: no space, ampersand or backslash.
fn escaped(field: &str) -> String {
    field.replace('\\', "\\134").replace(' ', "\\040").replace('&', "\\046")
}

impl Entry {
    fn fields(&self) -> [String; 6] {
        [&self.src, &self.name, &self.fstype, &self.opts, &self.dump, &self.passno]
            .map(|field| escaped(field))
    }
}

/// Lines with their ends; the last one gets one.
fn lines(text: &str) -> impl Iterator<Item = String> {
    text.split_inclusive('\n')
        .map(|line| if line.ends_with('\n') { line.to_string() } else { format!("{line}\n") })
}

/// Whether fields are about another mount than the one of that path. Swap areas all have the path `none`.
fn is_other(fields: &[&str], name: &str, src: Option<&str>) -> bool {
    let (there, at, kind) = (fields.first(), fields.get(1), fields.get(2));
    let swap = at == Some(&"none") && kind == Some(&"swap");
    at != Some(&escaped(name).as_str()) || (swap && src.is_some() && there.copied() != src)
}

/// The text with this entry, if it has to change.
pub(super) fn with(text: &str, entry: &Entry) -> Option<String> {
    let new = entry.fields();
    let (mut out, mut exists, mut changed) = (String::new(), false, false);
    for line in lines(text) {
        let bare = line.split('#').next().unwrap_or("");
        let fields: Vec<&str> = bare.split_whitespace().collect();
        if line.trim().starts_with('#')
            || !(4..=6).contains(&fields.len())
            || is_other(&fields, &entry.name, Some(&entry.src))
        {
            out.push_str(&line);
            continue;
        }
        exists = true;
        let old = |at: usize| fields.get(at).copied().unwrap_or("");
        // A field that is missing is not the same as one that is `0`.
        let same = (0..6).all(|at| new.get(at).is_some_and(|field| field == old(at)));
        if same {
            out.push_str(&line);
        } else {
            changed = true;
            out.push_str(&format!("{}\n", new.join(" ")));
        }
    }
    if !exists {
        out.push_str(&format!("{}\n", new.join(" ")));
        changed = true;
    }
    changed.then_some(out)
}

/// The text without the entry of that path, if there is one.
pub(super) fn without(text: &str, name: &str, src: Option<&str>) -> Option<String> {
    let goes = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        !line.trim().starts_with('#') && fields.len() == 6 && !is_other(&fields, name, src)
    };
    let all = text.split_inclusive('\n');
    all.clone().any(|line| goes(&line)).then(|| all.filter(|line| !goes(line)).collect())
}

/// What the kernel has mounted: the source of each path, which for a bind mount is the directory it shows.
pub(super) fn mounts(text: &str) -> HashMap<String, String> {
    struct Record {
        parent: u64,
        root: String,
        path: String,
        src: String,
    }
    let mut records: Vec<(u64, Record)> = vec![];
    for line in text.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
        let text = |at: usize| fields.get(at).copied().unwrap_or("").to_string();
        let (Some(id), Some(parent)) = (number(0), number(1)) else { continue };
        records.push((
            id,
            Record { parent, root: text(3), path: text(4), src: text(fields.len().saturating_sub(2)) },
        ));
    }
    let mut found = HashMap::new();
    for (_, record) in &records {
        let above = records.iter().find(|(id, _)| *id == record.parent && record.parent != 1);
        let src = match above {
            Some((_, above)) => {
                let below = record
                    .root
                    .strip_prefix(&above.root)
                    .filter(|rest| above.root.len() > 1 && rest.starts_with('/'));
                let root = below.unwrap_or(&record.root);
                if above.path == "/" { root.to_string() } else { format!("{}{root}", above.path) }
            }
            None => record.src.clone(),
        };
        found.insert(record.path.clone(), src);
    }
    found
}
