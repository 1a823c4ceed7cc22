//! Roles: where they are found and what is read of them.

use super::Site;
use crate::diagnostic::Diagnostics;
use crate::playbook::{Role, RoleFrom};
use crate::source::Span;
use std::sync::Arc;

fn role(site: &Site, name: &str, from: &RoleFrom, within: Option<&str>) -> (Option<Arc<Role>>, String) {
    let loader = site.loader(&[]);
    let source = loader.sources.add("asker", name);
    let span = Span { source, start: 0, end: 1 };
    let mut diagnostics = Diagnostics::default();
    let within = within.map(|path| site.path().join(path));
    let role = loader.role(name, from, site.path(), within.as_deref(), span, &mut diagnostics);
    let mut second = Diagnostics::default();
    let again = loader.role(name, from, site.path(), within.as_deref(), span, &mut second);
    assert_eq!(diagnostics, second, "said again to whoever asks again");
    assert_eq!(role.is_some(), again.is_some());
    if let (Some(role), Some(again)) = (&role, &again) {
        assert!(Arc::ptr_eq(role, again), "read once");
    }
    (role, site.said(&loader, &diagnostics))
}

fn names(role: &Role) -> Vec<String> {
    let sorted = |layer: &crate::template::Layer| {
        layer
            .0
            .iter()
            .map(|(name, value)| {
                format!(
                    "{name}={}",
                    format!("{value:?}")
                        .rsplit_once("Int(")
                        .map_or("?", |(_, n)| n.trim_end_matches([')', ' ', '}']))
                )
            })
            .collect::<Vec<_>>()
    };
    sorted(&role.vars)
}

#[test]
fn a_role_is_read_whole() {
    let site = Site::new(&[
        ("roles/web/tasks/main.yml", "- debug:\n- meta: end_role\n"),
        ("roles/web/handlers/main.yaml", "- name: restart\n  debug:\n  listen: web\n"),
        ("roles/web/defaults/main.json", "{\"port\": 80}"),
        ("roles/web/vars/main/a.yml", "x: 1\ny: 1\n"),
        ("roles/web/vars/main/b/c.yml", "y: 2\n"),
        ("roles/web/vars/main/.hidden.yml", "y: 3\n"),
        ("roles/web/vars/main/old.yml~", "y: 3\n"),
        (
            "roles/web/meta/main.yml",
            "allow_duplicates: yes\ncollections: [a.b]\ngalaxy_info: {author: x}\ndependencies:\n- base\n- {role: net, when: x, size: 1}\n\
             - {src: 'git+https://example.com/r/tls.git,v1', vars: {a: b}}\n",
        ),
        (
            "roles/web/meta/argument_specs.yml",
            "argument_specs:\n  main: {short_description: hi, options: {a: {type: str}}}\n",
        ),
    ]);
    let (role, said) = role(&site, "web", &RoleFrom::default(), None);
    assert_eq!(said, "warning playbook::reserved 1:2 Found variable using reserved name 'port'.\n");
    let role = role.unwrap();
    assert_eq!((role.tasks.len(), role.handlers.len(), role.defaults.0.len()), (2, 1, 1));
    assert_eq!(names(&role), ["x=1", "y=2"]);
    assert!(role.allow_duplicates && role.dir.is_absolute());
    assert_eq!(role.collections, ["a.b"]);
    let dependencies: Vec<_> = role.dependencies.iter().map(|role| role.name.as_str().unwrap()).collect();
    assert_eq!(dependencies, ["base", "net", "tls"]);
    assert_eq!(role.dependencies[1].params.0.len(), 1);
    assert_eq!(role.dependencies[1].keywords.when.len(), 1);
    assert!(role.dependencies[2].params.is_empty());
    let spec = role.argspec.as_ref().unwrap();
    assert_eq!((spec.entry.as_ref(), spec.short_description.as_deref()), ("main", Some("hi")));
}

#[test]
fn other_files_than_main_may_be_asked_for() {
    let site = Site::new(&[
        ("roles/r/tasks/main.yml", "- debug:\n"),
        ("roles/r/tasks/stop.yml", "- debug:\n- debug:\n"),
        ("roles/r/vars/prod.yml", "x: 1\n"),
        ("roles/r/meta/main.yml", "argument_specs: {stop: {options: {}}}\n"),
    ]);
    let from = RoleFrom { tasks: Some("stop".into()), vars: Some("prod.yml".into()), ..RoleFrom::default() };
    let (found, said) = role(&site, "r", &from, None);
    assert_eq!((said.as_str(), found.as_ref().unwrap().tasks.len()), ("", 2));
    assert_eq!(found.unwrap().argspec.as_ref().unwrap().entry.as_ref(), "stop");
    let wrong = RoleFrom { tasks: Some("stopp".into()), ..RoleFrom::default() };
    let (found, said) = role(&site, "r", &wrong, None);
    assert!(found.is_none());
    assert_eq!(
        said,
        "4 playbook::role 1:1 could not find specified file in role `r`: tasks/stopp\n    did you mean `stop`?\n"
    );
    let out = RoleFrom { tasks: Some("../../x".into()), ..RoleFrom::default() };
    site.write("roles/x.yml", "[]");
    assert!(role(&site, "r", &out, None).1.contains("as it is not inside the expected role path"));
}

#[test]
fn roles_are_searched_where_ansible_searches() {
    let site = Site::new(&[
        ("roles/near/tasks/main.yml", "[]"),
        ("more-roles/far/tasks/main.yml", "[]"),
        ("beside/tasks/main.yml", "[]"),
        ("elsewhere/asker/tasks/main.yml", "[]"),
        ("elsewhere/neighbour/tasks/main.yml", "[]"),
        ("collections/ansible_collections/ns/coll/roles/one/tasks/main.yml", "[]"),
        ("collections/ansible_collections/ns/coll/roles/two/tasks/main.yml", "[]"),
    ]);
    let inside = "collections/ansible_collections/ns/coll/roles/one";
    let cases = [
        ("near", None, "near"),
        ("far", None, "far"),
        ("beside", None, "beside"),
        ("neighbour", Some("elsewhere/asker"), "neighbour"),
        ("ns.coll.one", None, "ns.coll.one"),
        ("two", Some(inside), "ns.coll.two"),
    ];
    for (name, within, expected) in cases {
        let (role, _) = role(&site, name, &RoleFrom::default(), within);
        assert_eq!(role.unwrap_or_else(|| panic!("{name}")).name.as_ref(), expected);
    }
    let (missing, said) = role(&site, "naer", &RoleFrom::default(), None);
    assert!(missing.is_none());
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [
            "1 playbook::role 1:1 the role 'naer' was not found in roles:more-roles:.",
            "    did you mean `near`?"
        ]
    );
}

#[test]
fn what_is_wrong_in_a_role_is_said_at_its_place() {
    let site = Site::new(&[
        ("roles/bad/tasks/main.yml", "debug: x\n"),
        ("roles/bad/vars/main.yml", "- a\n"),
        ("roles/bad/handlers/main.yml", "- meta: end_role\n"),
        ("roles/bad/meta/main.yml", "dependencis: []\n"),
        ("roles/bad/meta/argument_specs.yaml", "argument_specs: [a]\n"),
    ]);
    let (_, said) = role(&site, "bad", &RoleFrom::default(), None);
    insta::assert_snapshot!(said, @"
    4 playbook::vars 1:1 `roles/bad/vars/main.yml` must contain a dictionary of variables, not a list
        write `name: value`, one on each line
    4 playbook::keyword 1:1 'dependencis' is not a valid attribute for a RoleMetadata
        did you mean `dependencies`?
    4 playbook::tasks 1:1 `roles/bad/tasks/main.yml` must be a list of tasks, not a mapping
        begin each task with `- `
    4 playbook::meta 1:9 cannot execute `end_role` from a handler
    4 playbook::argspec 1:17 `argument_specs` must be a dictionary, not a list
    ");
}

#[test]
fn vaulted_files_are_read_and_their_values_never_told() {
    use crate::secret::Secret;
    use crate::vault::{Secrets, encrypt};
    let vaulted = |text: &str| encrypt(text.as_bytes(), &Secret::new("open"), None).unwrap();
    let site = Site::new(&[
        ("vars.yml", &vaulted("password: hunter2\n")),
        ("site.yml", &vaulted("- hosts: all\n  strategy: free\n  become: hunter2\n")),
    ]);
    let mut loader = site.loader(&[]);
    loader.secrets = Arc::new(Secrets::new(vec![("default".to_owned(), Secret::new("open"))]));
    let mut diagnostics = Diagnostics::default();
    let vars = loader.vars(&site.path().join("vars.yml"), &mut diagnostics).unwrap();
    assert!(vars.get("password").is_some() && diagnostics.0.is_empty());
    let playbook = loader.playbook(&site.path().join("site.yml"), &mut diagnostics);
    assert_eq!(playbook.plays[0].strategy, Some(crate::playbook::Strategy::Free));
    assert!(loader.sources.get(diagnostics.0[0].labels[0].span.source).sealed);
    let said = site.said(&loader, &diagnostics);
    assert!(said.contains("a string could not be converted") && !said.contains("hunter2"), "{said}");

    let locked = site.loader(&[]);
    let mut diagnostics = Diagnostics::default();
    assert!(locked.vars(&site.path().join("vars.yml"), &mut diagnostics).is_none());
    assert!(
        site.said(&locked, &diagnostics)
            .starts_with("4 playbook::vault - cannot decrypt variables file `vars.yml`")
    );
}

#[test]
fn a_file_that_was_missing_is_tried_again() {
    let site = Site::new(&[]);
    let loader = site.loader(&[]);
    let path = site.path().join("late.yml");
    let mut diagnostics = Diagnostics::default();
    assert!(loader.tasks(&path, false, &mut diagnostics).is_none());
    site.write("late.yml", "- debug:\n");
    assert_eq!(loader.tasks(&path, false, &mut diagnostics).unwrap().len(), 1);
}
