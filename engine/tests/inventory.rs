//! Inventories as Ansible reads them: each directory of `tests/inventory` holds sources and what ansible-core said about
//! them (`expect.sh` asks it). Sources come in; hosts, groups, variables and selections must be the same.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot read its cases has failed"
)]

use muster_engine::diagnostic::{Diagnostics, Severity};
use muster_engine::inventory::{Inventory, LoadOptions, Pattern, VarsDir};
use muster_engine::source::Sources;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventory")
}

fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    cases
}

struct Loaded {
    inventory: Inventory,
    play: Vec<VarsDir>,
    said: Vec<String>,
}

fn load(case: &Path) -> Loaded {
    let sources: Arc<Sources> = Arc::default();
    let options = LoadOptions::default();
    let mut diagnostics = Diagnostics::default();
    let input = |line: &str| match case.join(line) {
        path if path.exists() => path.to_string_lossy().into_owned(),
        _ => line.to_owned(),
    };
    let inputs: Vec<String> = fs::read_to_string(case.join("inputs")).unwrap().lines().map(input).collect();
    let inventory = Inventory::load(&sources, &inputs, &options, &mut diagnostics);
    let play = case.join("play");
    let play: Vec<VarsDir> = play
        .is_dir()
        .then(|| VarsDir::new(play, sources.clone(), options.secrets.clone()))
        .into_iter()
        .collect();
    inventory.hosts().for_each(|host| drop(inventory.layers(host, &play)));
    diagnostics.0.extend(inventory.take_diagnostics().0);
    let said = diagnostics.0.iter().filter(|found| matches!(found.severity, Severity::Error(_)));
    let said = said.map(|found| found.message.clone()).collect();
    Loaded { inventory, play, said }
}

/// What differs between what was expected and what there is, as `path: expected, found`.
fn differences(path: &str, expected: &Value, found: &Value, into: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let at = format!("{path}.{key}");
                differences(
                    &at,
                    a.get(key).unwrap_or(&Value::Null),
                    b.get(key).unwrap_or(&Value::Null),
                    into,
                );
                if a.contains_key(key) != b.contains_key(key) {
                    into.push(format!(
                        "{at}: expected there {}, found {}",
                        a.contains_key(key),
                        b.contains_key(key)
                    ));
                }
            }
        }
        _ if expected == found => {}
        // JSON readers differ in the last bit.
        (Value::Number(a), Value::Number(b)) if a.is_f64() && a.to_string()[..15] == b.to_string()[..15] => {}
        _ => into.push(format!("{path}: expected {expected}, found {found}")),
    }
}

#[test]
fn hosts_groups_and_variables_are_those_ansible_sees() {
    let mut wrong = vec![];
    for case in cases().iter().filter(|case| case.join("list.json").exists()) {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let Loaded { inventory, play, said } = load(case);
        wrong.extend(said.into_iter().map(|said| format!("{name}: {said}")));
        let text = fs::read_to_string(case.join("list.json")).unwrap();
        let mut expected: Value = serde_json::from_str(&text).unwrap();
        expected["_meta"].as_object_mut().unwrap().remove("profile");
        differences(&name, &expected, &inventory.list(&play), &mut wrong);
        let graph = fs::read_to_string(case.join("graph")).unwrap();
        if graph != inventory.graph("all") {
            wrong.push(format!("{name}: expected\n{graph}found\n{}", inventory.graph("all")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn patterns_select_the_hosts_ansible_selects() {
    let mut wrong = vec![];
    let mut asked = 0;
    for case in cases().iter().filter(|case| case.join("selected").exists()) {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let inventory = load(case).inventory;
        let expected = fs::read_to_string(case.join("selected")).unwrap();
        let mut lines = expected.lines().peekable();
        while let Some(pattern) = lines.next() {
            let mut expected: Vec<&str> = vec![];
            while let Some(line) = lines.next_if(|line| line.starts_with("  ")) {
                expected.push(line.trim());
            }
            asked += 1;
            let selection = inventory.select(&Pattern::parse(pattern)).unwrap();
            let warnings = selection.warnings().map(|warning| format!("! {warning}"));
            let found: Vec<String> =
                warnings.chain(selection.hosts.iter().map(ToString::to_string)).collect();
            if found != expected {
                wrong.push(format!("{name}: {pattern}\n  expected {expected:?}\n  found    {found:?}"));
            }
        }
    }
    assert!(asked > 100, "only {asked} patterns were asked");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A generator of pseudo-random numbers, the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below.max(1) as u64).unwrap()
    }
}

/// A text with a few bytes put in, taken out, doubled or moved.
fn mutated(text: &str, dice: &mut Dice) -> String {
    const BITS: [&str; 24] = [
        "[",
        "]",
        ":",
        "{",
        "}",
        "\n",
        "=",
        "'",
        "\"",
        "#",
        "\\",
        "\t",
        "-",
        "&a ",
        "*a",
        "<<: ",
        "!",
        "~",
        ",",
        "[1:3]",
        "\n[g:vars]\n",
        "\n[g:children]\n",
        "\u{e9}",
        "\0",
    ];
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(chars.len() + 1);
        match dice.roll(4) {
            0 => drop(chars.splice(at..at, BITS[dice.roll(BITS.len())].chars())),
            1 => drop(chars.drain(at..(at + dice.roll(6)).min(chars.len()))),
            2 => {
                let part: Vec<char> = chars[at..(at + dice.roll(30)).min(chars.len())].to_vec();
                let to = dice.roll(chars.len() + 1);
                chars.splice(to..to, part);
            }
            _ if at < chars.len() => chars[at] = char::from(b' ' + u8::try_from(dice.roll(95)).unwrap()),
            _ => {}
        }
    }
    chars.into_iter().collect()
}

#[test]
fn no_broken_source_and_no_broken_pattern_panics() {
    let mut dice = Dice(0x5eed_2019);
    let sources: Vec<(String, String)> = cases()
        .iter()
        .flat_map(|case| fs::read_dir(case).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| path.is_file() && !path.ends_with("list.json"))
        .filter_map(|path| {
            Some((path.extension().unwrap_or_default().to_str()?.to_owned(), fs::read_to_string(path).ok()?))
        })
        .filter(|(extension, text)| !text.starts_with("#!") && text.len() < 4000 && extension.len() < 5)
        .collect();
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..10_000 {
        let (extension, text) = &sources[dice.roll(sources.len())];
        let text = mutated(text, &mut dice);
        if text.starts_with("#!") || text.contains('\0') && dice.roll(2) == 0 {
            continue;
        }
        let file = dir.path().join(format!("hosts.{extension}"));
        let file = if extension.is_empty() { dir.path().join("hosts") } else { file };
        fs::write(&file, &text).unwrap();
        let all: Arc<Sources> = Arc::default();
        let mut diagnostics = Diagnostics::default();
        let inputs = [file.to_string_lossy().into_owned()];
        let inventory = Inventory::load(&all, &inputs, &LoadOptions::default(), &mut diagnostics);
        for label in diagnostics.0.iter().flat_map(|found| &found.labels) {
            assert!(!all.place(label.span).path.as_os_str().is_empty());
        }
        inventory.hosts().take(20).for_each(|host| drop(inventory.layers(host, &[])));
        drop(inventory.list(&[]));
        for line in text.lines().take(8) {
            drop(inventory.select(&Pattern::parse(line)));
        }
    }
}
