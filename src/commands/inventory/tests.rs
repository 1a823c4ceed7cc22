//! What `muster inventory` prints, from a small inventory.

use super::*;
use crate::cli::{Color, Site};

const HOSTS: &str = r#"
all:
  vars: {v: 1}
  children:
    web:
      hosts:
        h1: {a: "{{ v }}", l: [1, x], d: 2020-01-01, u: !unsafe "{{ x }}"}
        h2:
      vars: {w: yes}
    db:
      children: {pg: {hosts: {h3: {}}}}
    empty:
  hosts: {loose: {}}
"#;

fn view(hosts: &str, limit: Option<&str>, then: impl Fn(&mut View<'_>) -> String) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hosts.yml");
    std::fs::write(&file, hosts).unwrap();
    let session = Session::open(Color::Never, false).ok().unwrap();
    let site = Site { inventory: vec![file.display().to_string()], ..Site::default() };
    let given = Given::read(&session, &site).ok().unwrap();
    let limit = limit.map(|limit| {
        given.inventory.select(&Pattern::parse(limit)).unwrap().hosts.into_iter().collect::<HashSet<_>>()
    });
    let extra = given.extra.clone();
    let mut view =
        View { inventory: &given.inventory, beside: vec![], extra, limit, export: false, yaml: false };
    then(&mut view)
}

#[test]
fn a_graph_is_ansible_inventory_s() {
    let expected = "@all:
  |--@ungrouped:
  |  |--loose
  |  |  |--{v = 1}
  |--@web:
  |  |--h1
  |  |  |--{a = {{ v }}}
  |  |  |--{d = 2020-01-01}
  |  |  |--{l = [1, 'x']}
  |  |  |--{u = {{ x }}}
  |  |  |--{v = 1}
  |  |  |--{w = True}
  |  |--h2
  |  |  |--{v = 1}
  |  |  |--{w = True}
  |  |--{w = True}
  |--@db:
  |  |--@pg:
  |  |  |--h3
  |  |  |  |--{v = 1}
  |--@empty:
  |--{v = 1}
";
    assert_eq!(view(HOSTS, None, |view| view.graph("all", true).unwrap()), expected);
    assert_eq!(view(HOSTS, None, |view| view.graph("db", false).unwrap()), "@db:\n  |--@pg:\n  |  |--h3\n");
}

#[test]
fn a_limited_list_leaves_out_hosts_and_keeps_the_names_of_children() {
    let expected = r#"{
    "_meta": {
        "hostvars": {
            "h1": {
                "a": "{{ v }}",
                "d": "2020-01-01",
                "l": [
                    1,
                    "x"
                ],
                "u": {
                    "__ansible_unsafe": "{{ x }}"
                },
                "v": 1,
                "w": true
            }
        },
        "profile": "inventory_legacy"
    },
    "all": {
        "children": [
            "ungrouped",
            "web",
            "db",
            "empty"
        ]
    },
    "db": {
        "children": [
            "pg"
        ]
    },
    "web": {
        "hosts": [
            "h1"
        ]
    }
}
"#;
    assert_eq!(view(HOSTS, Some("h1"), |view| view.json_list()), expected);
}

#[test]
fn the_yaml_form_is_an_inventory_again() {
    let exported = |view: &mut View<'_>| {
        view.export = true;
        view.yaml_list()
    };
    let expected = "all:
  children:
    db:
      children:
        pg:
          hosts:
            h3: {}
    ungrouped:
      hosts:
        loose: {}
    web:
      hosts:
        h1:
          a: '{{ v }}'
          d: 2020-01-01
          l:
          - 1
          - x
          u: '{{ x }}'
        h2: {}
      vars:
        w: true
  vars:
    v: 1
";
    assert_eq!(view(HOSTS, None, exported), expected);
}

#[test]
fn a_vault_stays_a_vault() {
    let hosts =
        "all:\n  hosts:\n    q:\n      s: !vault |\n        $ANSIBLE_VAULT;1.1;AES256\n        3738\n";
    let yaml = view(hosts, None, |view| values::yaml(&view.host_vars("q")));
    assert_eq!(yaml, "s: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3738\n");
    let json = view(hosts, None, |view| values::json(&view.host_vars("q"), false));
    assert!(json.contains("\"__ansible_vault\": \"$ANSIBLE_VAULT;1.1;AES256\\n3738\\n\""), "{json}");
    assert!(view(hosts, None, |view| view.graph("all", true).unwrap()).contains("{s = <vault>}"));
}
