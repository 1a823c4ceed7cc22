//! YAML text to nodes: places, types of scalars, limits, and what is refused.

use super::*;
use crate::diagnostic::Severity;
use serde_json::{Value, json};

fn load(text: &str) -> (Sources, Result<Vec<Node>, Diagnostic>, Diagnostics) {
    let sources = Sources::default();
    let id = sources.add("x.yml", text);
    let mut warnings = Diagnostics::default();
    let result = parse(&sources, id, Limits::default(), &mut warnings);
    (sources, result, warnings)
}

fn value(text: &str) -> Value {
    let (_, result, _) = load(text);
    result.unwrap_or_else(|error| panic!("{text:?}: {error:?}"))[0].to_json()
}

fn error(text: &str) -> (String, String) {
    let (sources, result, _) = load(text);
    let error = result.expect_err(text);
    let place = sources.place(error.labels[0].span);
    (error.message.replace("YAML parsing failed: ", ""), format!("{}:{}", place.line, place.column))
}

/// The text each node was written as, by path.
fn written(text: &str, path: &[&str]) -> String {
    let (sources, result, _) = load(text);
    let mut node = result.unwrap()[0].clone();
    for step in path {
        node = match (&node.kind, step.parse::<usize>()) {
            (Kind::Seq(items), Ok(index)) => items[index].clone(),
            (Kind::Map(map), _) => map.get(step).unwrap().clone(),
            _ => panic!("no {step}"),
        };
    }
    let source = sources.get(node.span.source);
    source.text[node.span.start as usize..node.span.end as usize].to_owned()
}

#[test]
fn a_block_scalar_may_end_with_the_text() {
    assert_eq!(value("a: |\n  x"), json!({"a": "x"}));
    assert_eq!(value("a: >-\n  x\n  y"), json!({"a": "x y"}));
    assert_eq!(value("a: |+\n  x\n"), json!({"a": "x\n"}));
    assert_eq!(written("a: |\n  x", &["a"]), "|\n  x");
}

#[test]
fn scalars_are_read_as_yaml_1_1() {
    let table = [
        ("yes", json!(true)),
        ("Off", json!(false)),
        ("y", json!("y")),
        ("~", Value::Null),
        ("", Value::Null),
        ("0644", json!(420)),
        ("0o644", json!("0o644")),
        ("089", json!("089")),
        ("0x1F", json!(31)),
        ("-0b11", json!(-3)),
        ("1_000", json!(1000)),
        ("1:30", json!(90)),
        ("1:30.5", json!(90.5)),
        ("1e3", json!("1e3")),
        ("1.0e+3", json!(1000.0)),
        (".5", json!(0.5)),
        ("1.", json!(1.0)),
        ("1.2.3", json!("1.2.3")),
        ("10.0.0.1", json!("10.0.0.1")),
        ("2024-02-29", json!("2024-02-29")),
        ("2024-2-9", json!("2024-2-9")),
        ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
        ("0xFFFFFFFFFFFFFFFF", json!(18_446_744_073_709_551_615_u64)),
        ("'yes'", json!("yes")),
        ("!!str 1", json!("1")),
        ("!!int '1'", json!(1)),
        ("! 1", json!("1")),
        ("!!binary aGk=", json!("hi")),
        ("!unsafe '{{ x }}'", json!("{{ x }}")),
        ("!unsafe 'true'", json!(true)),
        ("|\n  a\n  b\n", json!("a\nb\n")),
        (">-\n  a\n  b\n", json!("a b")),
    ];
    for (text, expected) in table {
        assert_eq!(value(text), expected, "{text}");
    }
    let (_, documents, _) =
        load("- 123456789012345678901234567890\n- 0x10000000000000000000000000000000000\n- 2024-01-01");
    let items = documents.unwrap()[0].as_seq().unwrap().to_vec();
    assert!(matches!(&items[0].kind, Kind::BigInt(d) if &**d == "123456789012345678901234567890"));
    assert!(matches!(&items[1].kind, Kind::BigInt(d) if &**d == "87112285931760246646623899502532662132736"));
    assert!(matches!(&items[2].kind, Kind::Date(_)));
}

#[test]
fn errors_say_where_and_what() {
    let table = [
        ("a: 2024-13-01\n", "no such day", "1:4"),
        ("a: 2024-01-01 25:00:00\n", "no such day", "1:4"),
        ("a: =\n", "no value for the tag", "1:4"),
        ("a: 1: 2\n", "Colons in unquoted values", "1:5"),
        ("a:\n\t- b\n", "Tabs are usually invalid", "2:1"),
        ("a: {{ b }}\n", "missing quotes around a template block", "1:4"),
        ("é: {{ b }}c\n", "missing quotes around a template block", "1:4"),
        ("a: \"x\" y\n", "must end with the same quote.", "1:4"),
        ("a: 'x' in 'y'\n", "and not contain that quote", "1:4"),
        ("a: @x\n", "cannot start any token", "1:4"),
        ("[1]: 2\n", "unhashable key", "1:1"),
        ("*foo\n", "undefined alias `*foo`", "1:1"),
        ("a: &x [*x]\n", "recursive alias", "1:8"),
        ("a: &x 1\nb: &x 2\n", "duplicate anchor", "2:4"),
        ("a: !foo 1\n", "tag `!foo`", "1:4"),
        ("a: !vault [1]\n", "tag `!vault`", "1:4"),
        ("<<: 1\n", "`<<` takes a mapping", "1:5"),
        ("a: \x01\n", "control character", "1:4"),
        ("- a\nb: c\n", "did not find expected '-' indicator", "2:1"),
        ("%FOO\n", "unknown directive", "1:5"),
    ];
    for (text, message, place) in table {
        let (got, at) = error(text);
        assert!(got.contains(message), "{text:?}: {got}");
        assert_eq!(at, place, "{text:?}: {got}");
    }
}

#[test]
fn spans_are_the_bytes_that_were_written() {
    let text =
        "é: über\nlist:\n  - &a {x: 1}\n  - |\n    block\n\n# note\nmap:\n  k:\n    z: 'q'\n\nlast: *a\n";
    assert_eq!(written(text, &["é"]), "über");
    assert_eq!(written(text, &["list", "0"]), "&a {x: 1}");
    assert_eq!(written(text, &["list", "1"]), "|\n    block");
    assert_eq!(written(text, &["list"]), "- &a {x: 1}\n  - |\n    block");
    assert_eq!(written(text, &["map"]), "k:\n    z: 'q'");
    assert_eq!(written(text, &["last"]), "&a {x: 1}", "an alias is where its anchor is");
    assert_eq!(written("\u{feff}a: b\r\nc: d\r\n", &["c"]), "d");
    assert_eq!(written("a: !unsafe\n  b: c\nd: e\n", &["d"]), "e");
}

#[test]
fn merge_keys_give_way_to_own_keys_and_first_to_last() {
    let text = "a: &a {k: 1, l: 1}\nb: &b {k: 2, m: 2}\nc:\n  <<: [*a, *b]\n  l: 3\n";
    assert_eq!(value(text)["c"], json!({"k": 1, "m": 2, "l": 3}));
    assert_eq!(value("{'<<': 1}"), json!({"<<": 1}));
    assert_eq!(value("{=: 1}"), json!({"=": 1}));
    assert_eq!(value("!!set {a, b}"), json!(["a", "b"]));
}

#[test]
fn the_last_of_two_keys_counts_with_a_warning() {
    let (sources, result, warnings) = load("a: 1\nb: 2\na: 3\n1: x\ntrue: y\n");
    assert_eq!(result.unwrap()[0].to_json(), json!({"a": 3, "b": 2, "1": "y"}));
    let said: Vec<String> =
        warnings.0.iter().map(|w| format!("{} {}", sources.place(w.labels[0].span), w.message)).collect();
    let expected =
        ["x.yml:3:1 Found duplicate mapping key 'a'.", "x.yml:5:1 Found duplicate mapping key 'true'."];
    assert_eq!(said, expected);
    assert!(warnings.0.iter().all(|w| w.severity == Severity::Warning));
}

#[test]
fn documents_are_read_one_by_one() {
    let (_, result, _) = load("--- 1\n--- &a 2\n...\n---\n- &a x\n- *a\n");
    let all: Vec<Value> = result.unwrap().iter().map(Node::to_json).collect();
    assert_eq!(all, [json!(1), json!(2), json!(["x", "x"])]);
    assert_eq!(value("# nothing\n"), Value::Null);
    assert_eq!(value(""), Value::Null);
}

#[test]
fn bombs_and_depths_are_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert!(error(&bomb).0.contains("more than 5000000 nodes"));
    assert!(error(&"[".repeat(100_000)).0.contains("deeper than 200"));
    assert!(error(&"- ".repeat(100_000)).0.contains("deeper than 200"));
}

#[test]
fn a_scanner_that_panics_is_an_error_of_the_text() {
    assert!(error("[!x, a]").0.contains("gave up"));
}

#[test]
fn a_big_inventory_loads_quickly() {
    let mut text = "all:\n  hosts:\n".to_owned();
    for host in 0..20_000 {
        text.push_str(&format!("    host-{host}:\n      ansible_host: 10.0.0.1\n      n: {host}\n"));
    }
    text.push_str(&format!("long: [{}]\n", "é, ".repeat(100_000)));
    let start = std::time::Instant::now();
    let (_, result, _) = load(&text);
    assert!(result.is_ok());
    assert!(start.elapsed().as_secs() < 20, "a debug build on a busy machine took {:?}", start.elapsed());
}

#[test]
fn mangled_text_never_panics() {
    let seed = "- hosts: all\n  vars: {a: &x [1, 'é'], b: *x, <<: {c: !unsafe '{{ y }}'}}\n  tasks:\n  - shell: |\n      ls\n    when: \"a\"\n";
    let pieces = [
        "\t", "{", "}", "[", "]", ": ", "- ", "&x", "*x", "!", "!!int ", "'", "\"", "|", ">", "\n", "%", "é",
        "\u{feff}", "<<: ",
    ];
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..3_000 {
        let mut chars: Vec<char> = seed.chars().collect();
        for _ in 0..=random(4) {
            chars.insert(0, ' ');
            let at = random(chars.len());
            match random(3) {
                0 => drop(chars.remove(at)),
                1 => chars.truncate(at.max(1)),
                _ => drop(chars.splice(at..at, pieces[random(pieces.len())].chars())),
            }
        }
        let text: String = chars.into_iter().collect();
        let (sources, result, _) = load(&text);
        if let Err(error) = result {
            assert!(!error.labels.is_empty(), "{text:?}");
            let _ = sources.place(error.labels[0].span);
        }
    }
}
