//! Whatever is typed, nothing panics: 10,000 seeded mutations of the sites in `cases/` (playbooks, roles, variable
//! files, inventories) are loaded and planned. None of them runs. `SEED=n` tries one alone.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "runs are made from it elsewhere, plans alone here")]
mod support;

use muster_engine::diagnostic::Diagnostics;
use muster_engine::plan::{Defaults, Plan};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

const MUTATIONS: u64 = 10_000;

/// What is put in: marks of YAML, Jinja and INI, and words that mean something.
const PIECES: &[&str] = &[
    "",
    " ",
    "  ",
    "\n",
    "\t",
    ":",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "{{",
    "}}",
    "{%",
    "%}",
    "{{ x }}",
    "\"",
    "'",
    "\\",
    "|",
    ">",
    "&a ",
    "*a",
    "!unsafe ",
    "!vault |",
    "<<: ",
    "#",
    ",",
    "=",
    "~",
    "null",
    "true",
    "0",
    "-1",
    "1e999",
    "99999999999999999999",
    "é",
    "\u{1F600}",
    "\0",
    "---\n",
    "block:",
    "rescue:",
    "hosts:",
    "all",
    "[1:3]",
    "[x:children]",
    "[all:vars]",
    ":&",
    ":!",
    "import_tasks: site.yml",
    "include_role: {name: r}",
    "import_role: {name: r}",
    "meta: end_play",
    "loop:",
    "with_items:",
    "when:",
    "vars:",
    "tags:",
    "serial: ",
    "strategy: free",
    "name: ",
    "roles:",
    "{{ item }}",
    "| default(omit)",
    "set_fact:",
    "register: x",
    "notify: x",
    "listen: x",
    "range(3)",
    "vars_files:",
    "delegate_to: ",
];

/// A small generator of numbers, the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides.max(1)
    }

    fn place(&mut self, text: &str) -> usize {
        let at = self.roll(text.len() + 1);
        (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
    }

    /// One small change.
    fn change(&mut self, text: &mut String) {
        let (one, other) = (self.place(text), self.place(text));
        let (from, to) = (one.min(other), one.max(other));
        match self.roll(7) {
            0 | 1 => text.insert_str(one, PIECES[self.roll(PIECES.len())]),
            2 => text.replace_range(from..text.floor_char_boundary(to.min(from + 40)), ""),
            3 => {
                let part = text[from..to].to_string();
                text.insert_str(to, &part);
            }
            4 => self.lines(text, |lines, a, b| lines.swap(a, b)),
            5 => self.lines(text, |lines, a, _| lines[a].insert_str(0, "  ")),
            _ => self.lines(text, |lines, a, _| lines[a] = lines[a].trim_start().to_string()),
        }
    }

    fn lines(&mut self, text: &mut String, change: impl Fn(&mut Vec<String>, usize, usize)) {
        let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
        if !lines.is_empty() {
            let (a, b) = (self.roll(lines.len()), self.roll(lines.len()));
            change(&mut lines, a, b);
            *text = lines.join("\n") + "\n";
        }
    }
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if !["expected.json", "case.json"].iter().any(|name| path.ends_with(name)) {
            found.push(path);
        }
    }
}

/// The sites, without the one whose loops run commands where templates are rendered.
fn sites() -> Vec<(PathBuf, Vec<PathBuf>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut dirs: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    dirs.retain(|dir| {
        dir.join("hosts").is_file() && dir.join("site.yml").is_file() && !dir.ends_with("loops")
    });
    dirs.sort();
    let with_files = dirs.into_iter().map(|dir| {
        let mut found = vec![];
        files(&dir, &mut found);
        (dir, found)
    });
    with_files.collect()
}

fn try_one(seed: u64, sites: &[(PathBuf, Vec<PathBuf>)], place: &Path) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let (root, files) = &sites[dice.roll(sites.len())];
    let chosen = dice.roll(files.len());
    let place = place.join(seed.to_string());
    for (i, file) in files.iter().enumerate() {
        let mut text = std::fs::read_to_string(file).unwrap();
        if i == chosen {
            (0..=dice.roll(4)).for_each(|_| dice.change(&mut text));
        }
        let target = place.join(file.strip_prefix(root).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::write(target, text).unwrap();
    }
    let mut diagnostics = Diagnostics::default();
    let site = support::site_of(&place.join("hosts"), Defaults::default(), &mut diagnostics);
    let playbook = site.loader.playbook(&place.join("site.yml"), &mut diagnostics);
    let _ = Plan::build(site, &playbook);
    std::fs::remove_dir_all(place).unwrap();
}

#[test]
fn whatever_is_typed_nothing_panics() {
    let (sites, place) = (sites(), tempfile::tempdir().unwrap());
    let seeds = match std::env::var("SEED") {
        Ok(seed) => seed.parse().unwrap()..seed.parse::<u64>().unwrap() + 1,
        Err(_) => 0..MUTATIONS,
    };
    let (next, panicked) = (AtomicU64::new(seeds.start), Mutex::new(vec![]));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    if catch_unwind(AssertUnwindSafe(|| try_one(seed, &sites, place.path()))).is_err() {
                        panicked.lock().unwrap().push(seed);
                    }
                }
            });
        }
    });
    let panicked = panicked.into_inner().unwrap();
    assert!(panicked.is_empty(), "these seeds panic: {panicked:?}");
}
