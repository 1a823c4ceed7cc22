//! Settings from files and variables: which one wins, and what is said of those without a meaning.

use super::*;
use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;

fn load(cfg: &str, env: &[(&str, &str)]) -> (Settings, Diagnostics, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ansible.cfg"), cfg).unwrap();
    let env: HashMap<String, String> = env.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let names: Vec<String> = env.keys().cloned().collect();
    let world = World {
        env: &|name| env.get(name).cloned(),
        names: &names,
        dir: dir.path(),
        home: Some(Path::new("/home/me")),
    };
    let (settings, found) = Settings::load(&world);
    (settings, found, dir.path().to_path_buf())
}

#[test]
fn the_environment_stands_above_the_file_and_the_file_above_defaults() {
    let cfg = "[defaults]\nforks = 20 ; many\nremote_user=core\n[privilege_escalation]\nbecome: yes\n";
    let (settings, found, _) = load(cfg, &[("ANSIBLE_FORKS", "7")]);
    assert_eq!(found, Diagnostics::default());
    assert_eq!(
        (settings.forks, settings.remote_user.as_deref(), settings.become_),
        (Some(7), Some("core"), true)
    );
    assert_eq!((settings.timeout, settings.become_method.as_str()), (10, "sudo"));
}

#[test]
fn paths_start_at_the_file_they_are_written_in() {
    let cfg = "[defaults]\ninventory = hosts,inv/\nroles_path = roles:~/r:/abs\nprivate_key_file=~/.ssh/k\n";
    let (settings, _, dir) = load(cfg, &[]);
    let inventory: Vec<String> = settings.inventory.into_iter().map(|text| text.0).collect();
    assert_eq!(inventory, [dir.join("hosts").to_string_lossy(), dir.join("inv/").to_string_lossy()]);
    assert_eq!(settings.roles_path, [dir.join("roles"), PathBuf::from("/home/me/r"), PathBuf::from("/abs")]);
    assert_eq!(settings.private_key_file, Some(PathBuf::from("/home/me/.ssh/k")));
    let (settings, ..) = load("[defaults]\ninventory = a,b,\n", &[]);
    assert_eq!(settings.inventory, [Text("a,b,".into())]);
}

#[test]
fn what_is_wrong_is_said_all_at_once() {
    let cfg = "[defaults]\nforks = many\nfork = 3\nhash_behaviour = merge\npipelining = true\n[ssh_connection]\nremote_user=x\n";
    let (settings, found, _) = load(cfg, &[("ANSIBLE_GATHERING", "clever")]);
    assert_eq!(settings.forks, None);
    let said: Vec<&str> = found.0.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "`forks` is `many`, which is not a number that makes sense here",
            "`ANSIBLE_GATHERING` is `clever`, which is not implicit, explicit or smart",
            "`fork` in `[defaults]` has no meaning here and is passed over",
            "`hash_behaviour = merge` is not supported: it changes what every playbook means",
            "`remote_user` in `[ssh_connection]` has no meaning here and is passed over",
        ]
    );
    assert_eq!(found.0[2].help.as_deref(), Some("did you mean `forks`?"));
    assert_eq!(found.0[4].help.as_deref(), Some("it belongs in `[defaults]`"));
    assert_eq!(found.class(), Some(Class::Usage));
}

#[test]
fn a_file_that_anybody_could_have_written_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ansible.cfg"), "[defaults]\nforks=9\n").unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let world = World { env: &|_| None, names: &[], dir: dir.path(), home: None };
    let (settings, found) = Settings::load(&world);
    assert_eq!((settings.forks, found.0.len()), (None, 1));
}

#[test]
fn every_setting_has_a_default_of_its_type_and_a_sentence() {
    let world = World { env: &|_| None, names: &[], dir: Path::new("/nowhere"), home: None };
    let (_, found) = Settings::load(&world);
    assert_eq!(found, Diagnostics::default());
    assert!(TABLE.iter().all(|entry| entry.doc.trim().ends_with('.') && !entry.kind.is_empty()));
}
