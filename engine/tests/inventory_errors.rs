//! What is said about sources that are wrong, all at once and each with its place, and how an inventory grows.
//! The files of `tests/inventory_errors` come in; their diagnostics are compared with the file `said`
//! (written anew when `EXPECT=1` is set).

use muster_engine::diagnostic::{Class, Diagnostic, Diagnostics, Severity};
use muster_engine::inventory::{Inventory, LoadOptions, Pattern, VarsDir};
use muster_engine::secret::Secret;
use muster_engine::source::Sources;
use muster_engine::template::{Layer, Value, Variable, Vars};
use muster_engine::vault::{self, Secrets};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventory_errors")
}

fn load(path: &Path, options: &LoadOptions) -> (Inventory, Diagnostics, Arc<Sources>) {
    let sources: Arc<Sources> = Arc::default();
    let mut diagnostics = Diagnostics::default();
    let inputs = [path.to_string_lossy().into_owned()];
    let inventory = Inventory::load(&sources, &inputs, options, &mut diagnostics);
    (inventory, diagnostics, sources)
}

fn shown(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let severity = if diagnostic.severity == Severity::Warning { "warning" } else { "error" };
    let place = |label: &muster_engine::diagnostic::Label| {
        let place = sources.place(label.span);
        format!("{}:{}", place.line, place.column)
    };
    let places: Vec<String> = diagnostic.labels.iter().map(place).collect();
    let help = diagnostic.help.as_ref().map(|help| format!("\n      {help}")).unwrap_or_default();
    let text = format!("  {severity} {} {}{help}", places.join(","), diagnostic.message);
    text.replace(&root().to_string_lossy().into_owned(), "DIR")
}

#[test]
fn everything_wrong_is_said_at_once_with_its_place() {
    let mut files: Vec<PathBuf> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with("said"))
        .collect();
    files.push(root().join("missing"));
    files.sort();
    let mut said = String::new();
    for file in files {
        let (_, diagnostics, sources) = load(&file, &LoadOptions::default());
        said += &format!("{}\n", file.file_name().unwrap().to_string_lossy());
        for diagnostic in &diagnostics.0 {
            said += &(shown(diagnostic, &sources) + "\n");
        }
    }
    if std::env::var_os("EXPECT").is_some() {
        fs::write(root().join("said"), &said).unwrap();
    }
    let expected = fs::read_to_string(root().join("said")).unwrap();
    assert!(said == expected, "expected\n{expected}found\n{said}");
}

#[test]
fn a_source_that_fails_leaves_nothing_behind_and_may_be_a_warning() {
    let options = LoadOptions { unparsed_is_failed: false, ..LoadOptions::default() };
    let (inventory, diagnostics, _) = load(&root().join("many.yml"), &options);
    assert!(inventory.is_empty());
    assert!(!diagnostics.has_errors() && diagnostics.0.len() > 3);
    let (_, diagnostics, _) = load(&root().join("many.yml"), &LoadOptions::default());
    assert_eq!(diagnostics.class(), Some(Class::Parse));
}

#[test]
fn without_sources_there_is_only_the_implicit_localhost() {
    let inventory = Inventory::default();
    assert_eq!(inventory.hosts().count(), 0);
    let select = |text: &str| inventory.select(&Pattern::parse(text)).unwrap();
    assert!(select("all").hosts.is_empty() && select("all").unmatched.is_empty());
    assert_eq!(select("localhost").hosts, ["localhost".into()]);
    assert_eq!(select("web,::1").hosts, ["::1".into()]);
    assert_eq!(select("web").unmatched, ["web"]);
    let host = inventory.host("127.0.0.1").unwrap();
    assert!(host.implicit && host.vars.get("ansible_connection").is_some());
    assert!(inventory.group_names("localhost").is_empty());
}

#[test]
fn an_empty_term_and_a_broken_regular_expression_are_refused() {
    let inventory = Inventory::default();
    for pattern in ["!", "all:&", "~(", "all,!~["] {
        assert!(inventory.select(&Pattern::parse(pattern)).is_err(), "{pattern}");
    }
}

#[test]
fn a_limit_leaves_what_both_name_and_may_come_from_a_file() {
    let (inventory, ..) = list("a,b,c,d,");
    let within = |pattern: &str, limit: &str| {
        let limit = Pattern::limit(limit).unwrap();
        inventory.select_within(&Pattern::parse(pattern), &limit).unwrap()
    };
    assert_eq!(within("all", "c,a").hosts, ["a".into(), "c".into()]);
    assert_eq!(within("d,a", "!a").hosts, ["d".into()]);
    assert_eq!(within("a", "nope").unmatched, ["nope"]);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("retry");
    fs::write(&file, "b\n\n c \n!c\n").unwrap();
    assert_eq!(within("all", &format!("@{}", file.display())).hosts, ["b".into()]);
    assert!(Pattern::limit("@/nowhere/at/all").is_err());
}

fn list(hosts: &str) -> (Inventory, Diagnostics, Arc<Sources>) {
    load(Path::new(hosts), &LoadOptions::default())
}

fn known(pairs: &[(&str, i64)]) -> Vars {
    Vars(pairs.iter().map(|(key, value)| ((*key).into(), Variable::Known(Value::from(*value)))).collect())
}

fn number(layers: &[Layer], name: &str) -> Option<i64> {
    match layers.iter().find_map(|layer| layer.get(name))? {
        Variable::Known(value) => i64::try_from(value.clone()).ok(),
        Variable::Written(node) => node.to_json().as_i64(),
    }
}

#[test]
fn a_run_grows_its_own_copy() {
    let (mut inventory, ..) = list("a,b,");
    let before = inventory.clone();
    assert!(inventory.add_host("c", &["web", "db"], known(&[("x", 1)])));
    assert!(!inventory.add_host("c", &["web"], known(&[("x", 1)])));
    assert!(inventory.add_host("c", &["web"], known(&[("x", 2)])));
    assert!(inventory.add_host("a", &["web"], Vars::default()));
    assert_eq!(inventory.group_names("c"), ["db".into(), "web".into()]);
    assert_eq!(inventory.group_names("a"), ["web".into()]);
    assert_eq!(inventory.group_names("b"), ["ungrouped".into()]);
    assert_eq!(number(&inventory.layers("c", &[]), "x"), Some(2));
    assert_eq!(inventory.groups()["web"], ["c".into(), "a".into()]);
    assert_eq!(inventory.groups()["all"], ["c".into(), "b".into(), "a".into()]);
    assert_eq!(inventory.add_group("site", &["top"], &["b"]), Ok(true));
    assert_eq!(inventory.add_group("site", &["top"], &["b"]), Ok(false));
    assert!(inventory.add_group("top", &["site"], &[]).is_err());
    assert_eq!(inventory.group("site").unwrap().depth, 2);
    assert_eq!(before.len(), 2);
    assert!(before.group("web").is_none() && before.host("c").is_none());
}

#[test]
fn an_added_host_takes_the_variables_of_files_beside_the_sources() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
        fs::write(dir.path().join(name), text).unwrap();
    };
    write("hosts", "a\n");
    write("group_vars/web.yml", "x: 1\n");
    write("host_vars/new.yml", "y: 2\n");
    write("play/group_vars/all.yml", "z: 3\n");
    write("play/group_vars/web/broken.yml", "- 4\n");
    let (mut inventory, _, sources) = load(&dir.path().join("hosts"), &LoadOptions::default());
    inventory.add_host("new", &["web"], Vars::default());
    let play = VarsDir::new(dir.path().join("play"), sources.clone(), Arc::default());
    let layers = inventory.layers("new", std::slice::from_ref(&play));
    let numbers = ["x", "y", "z"].map(|name| number(&layers, name));
    assert_eq!(numbers, [Some(1), Some(2), Some(3)]);
    assert_eq!(number(&inventory.layers("localhost", std::slice::from_ref(&play)), "z"), Some(3));
    let said = play.take_diagnostics();
    assert_eq!(said.0.len(), 1);
    assert_eq!(sources.place(said.0[0].labels[0].span).line, 1);
    let names = inventory.all_names(std::slice::from_ref(&play));
    assert!(["x", "y", "z", "ansible_connection"].iter().all(|name| names.contains(*name)));
}

#[test]
fn a_vaulted_file_is_opened_and_its_text_is_never_kept() {
    let dir = tempfile::tempdir().unwrap();
    let password = Secret::new("open");
    let seal = |text: &str| vault::encrypt(text.as_bytes(), &password, None).unwrap();
    fs::create_dir(dir.path().join("group_vars")).unwrap();
    fs::write(dir.path().join("hosts"), "[web]\na\n[db]\na\n").unwrap();
    fs::write(dir.path().join("group_vars/web.yml"), seal("port: 5432\n")).unwrap();
    fs::write(dir.path().join("group_vars/db.yml"), seal("hush: [hidden")).unwrap();
    let secrets = Arc::new(Secrets::new(vec![("default".into(), password.clone())]));
    let options = LoadOptions { secrets, ..LoadOptions::default() };
    let (inventory, _, sources) = load(&dir.path().join("hosts"), &options);
    let layers = inventory.layers("a", &[]);
    assert_eq!(number(&layers, "port"), Some(5432));
    let Some(Variable::Written(node)) = layers.iter().find_map(|layer| layer.get("port")) else { panic!() };
    assert!(sources.get(node.span.source).text.starts_with("$ANSIBLE_VAULT"));
    let said = inventory.take_diagnostics();
    assert!(said.has_errors() && !format!("{said:?}").contains("hidden"));
    let (inventory, ..) = load(&dir.path().join("hosts"), &LoadOptions::default());
    assert_eq!(number(&inventory.layers("a", &[]), "port"), None);
    assert!(inventory.take_diagnostics().has_errors());
}

#[test]
fn a_vaulted_source_is_read_with_its_password_and_refused_without() {
    let dir = tempfile::tempdir().unwrap();
    let password = Secret::new("open");
    let file = dir.path().join("hosts");
    fs::write(&file, vault::encrypt(b"web: {hosts: {a: {x: 1}}}", &password, None).unwrap()).unwrap();
    let secrets = Arc::new(Secrets::new(vec![("default".into(), password)]));
    let (inventory, said, _) = load(&file, &LoadOptions { secrets, ..LoadOptions::default() });
    assert!(!said.has_errors(), "{said:?}");
    assert_eq!(number(&inventory.layers("a", &[]), "x"), Some(1));
    let (inventory, said, _) = load(&file, &LoadOptions::default());
    assert!(inventory.is_empty() && said.has_errors());
}
