//! The order in which things below a directory are met: of each directory files before directories, then what is below
//! each of these. A walk's paths come in as the host lists them; each thing goes out with how many were examined by then,
//! since all of a directory are examined at once.

use super::{Entry, normal};
use crate::files::facts::Stat;
use std::collections::HashMap;

/// A thing and what was examined before the next directory.
#[derive(Clone, Debug)]
pub(super) struct Met {
    pub entry: Entry,
    pub examined: usize,
}

/// All things, in order.
pub(super) fn met(entries: Vec<(String, Stat)>) -> Vec<Met> {
    let above = |path: &str| path.rsplit_once('/').map_or(String::new(), |(above, _)| above.to_string());
    let Some(top) = entries.first().map(|(path, _)| above(path)) else { return vec![] };
    let mut below: HashMap<String, Vec<(String, Stat)>> = HashMap::new();
    for (path, stat) in entries {
        below.entry(above(&path)).or_default().push((path, stat));
    }
    let (mut out, mut next) = (vec![], vec![top]);
    while let Some(directory) = next.pop() {
        let Some(mut here) = below.remove(&directory) else { continue };
        // A link that is followed has things below it too.
        let goes_on = |(path, stat): &(String, Stat)| stat.is_dir() || below.contains_key(path);
        here.sort_by_key(goes_on);
        let examined = out.len() + here.len();
        next.extend(here.iter().rev().filter(|thing| goes_on(thing)).map(|(path, _)| path.clone()));
        out.extend(
            here.into_iter().map(|(path, stat)| Met { entry: Entry { path: normal(&path), stat }, examined }),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_before_directories_and_directories_one_after_the_other() {
        let (file, dir) = (0o100_644, 0o040_755);
        let listed = [
            ("/t/b", dir),
            ("/t/b/x", dir),
            ("/t/b/x/1", file),
            ("/t/b/2", file),
            ("/t/3", file),
            ("/t/a", dir),
            ("/t/a/4", file),
        ];
        let entries =
            listed.iter().map(|(path, mode)| ((*path).to_string(), Stat { mode: *mode, ..Stat::default() }));
        let met: Vec<(String, usize)> =
            met(entries.collect()).into_iter().map(|met| (met.entry.path, met.examined)).collect();
        let expected = [
            ("/t/3", 3),
            ("/t/b", 3),
            ("/t/a", 3),
            ("/t/b/2", 5),
            ("/t/b/x", 5),
            ("/t/b/x/1", 6),
            ("/t/a/4", 7),
        ];
        assert_eq!(met, expected.map(|(path, n)| (path.to_string(), n)));
    }
}
