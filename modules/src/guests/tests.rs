//! The site's plugins with a stand-in for Python: a program that speaks as `host.py` does, and notes that it was started.

use super::*;
use muster_engine::template::Guests as _;

#[path = "../../tests/actions/installed.rs"]
mod installed;

const STAND_IN: &str = r#"#!/bin/sh
touch "$(dirname "$0")/started"
read -r setup
echo '{"ready": true}'
while read -r line; do
    case $line in
    *'"do":"knows"'*'"name":"twice"'*) echo '{"known": true}' ;;
    *'"do":"knows"'*) echo '{"known": false}' ;;
    *'"name":"fails"'*) echo '{"error": "no luck", "undefined": true}' ;;
    *)
        echo '{"ask": ["x"], "plain": false}'
        read -r answer
        echo "{\"value\": [$answer, $line]}"
        ;;
    esac
done
"#;

/// A site with a plugin, and a place where Python would be.
fn site() -> (tempfile::TempDir, Places) {
    let dir = tempfile::tempdir().unwrap();
    let core = Some(installed::install(dir.path(), STAND_IN));
    let write = |path: &str, text: &str| installed::write(dir.path(), path, text);
    write("site/filter_plugins/text.py", "def filters(): return {'twice': 1, 'other': 2}\n");
    write("site/roles/web/lookup_plugins/names.py", "");
    (dir, Places { core, ..Places::default() })
}

fn guests(dir: &Path, places: Places) -> Guests {
    let guests = Guests::new(places);
    guests.beside(&dir.join("site"));
    guests
}

#[test]
fn no_python_is_started_for_a_name_that_no_file_holds() {
    let (dir, places) = site();
    let guests = guests(dir.path(), places);
    assert!(!guests.knows(Kind::Filter, "thrice"));
    assert!(!guests.knows(Kind::Lookup, "text"));
    assert!(!dir.path().join("bin/started").exists());
    assert!(!guests.knows(Kind::Filter, "other"), "what the file does not give is no filter");
    assert!(dir.path().join("bin/started").exists());
}

#[test]
fn a_plugin_is_called_and_told_the_variables_that_it_asks_for() {
    let (dir, places) = site();
    let guests = guests(dir.path(), places);
    assert!(guests.knows(Kind::Filter, "twice"));
    let answer = |question: &Json| json!({"value": question["ask"][0]});
    let told = guests.call(json!({"do": "call", "name": "twice"}), &answer).unwrap();
    assert_eq!(told[0], json!({"value": "x"}));
    assert_eq!(told[1]["dirs"], json!([]), "directories are told once");
    let fault = guests.call(json!({"do": "call", "name": "fails"}), &answer).unwrap_err();
    assert_eq!((fault.message.as_str(), fault.undefined), ("no luck", true));
}

#[test]
fn a_plugin_may_need_another_while_it_runs() {
    let (dir, places) = site();
    let guests = guests(dir.path(), places);
    let inner = |_: &Json| json!({"value": 1});
    let answer = |_: &Json| guests.call(json!({"do": "call", "name": "inner"}), &inner).unwrap();
    let told = guests.call(json!({"do": "call", "name": "outer"}), &answer).unwrap();
    assert_eq!(told[0][0], json!({"value": 1}));
}

#[test]
fn without_ansible_core_it_is_said_which_file_needs_it() {
    let (dir, places) = site();
    let guests = guests(dir.path(), Places { core: Some("/nonexistent".into()), ..places });
    assert!(!guests.knows(Kind::Filter, "twice"));
    let why = guests.absent(Kind::Filter, "twice").unwrap();
    assert!(why.contains("filter_plugins/text.py") && why.contains("ansible-core"), "{why}");
    assert_eq!(guests.absent(Kind::Filter, "misspelt"), None);
    assert!(guests.absent(Kind::Lookup, "names").unwrap().contains("roles/web/lookup_plugins"));
}

#[test]
fn a_python_that_breaks_off_is_said_to() {
    let (dir, places) = site();
    std::fs::write(
        dir.path().join("bin/python"),
        "#!/bin/sh\necho '{\"broken\": \"ImportError: jinja2\"}'\n",
    )
    .unwrap();
    let guests = guests(dir.path(), places);
    assert!(!guests.knows(Kind::Filter, "twice"));
    assert!(guests.absent(Kind::Filter, "twice").unwrap().contains("ImportError: jinja2"));
}
