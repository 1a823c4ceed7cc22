//! Vaults that ansible-vault made are opened; with the wrong password, or broken, they say so.

use super::*;
use std::os::unix::fs::PermissionsExt as _;

const WHOLE: &str = include_str!("testdata/whole-1.1");
const WITH_ID: &str = include_str!("testdata/whole-1.2");
const INLINE: &str = include_str!("testdata/inline.yml");

fn secrets(passwords: &[(&str, &str)]) -> Secrets {
    let mut secrets = Secrets::default();
    passwords.iter().for_each(|(id, text)| secrets.push(*id, Secret::new(*text)));
    secrets
}

#[test]
fn what_ansible_vault_encrypted_is_decrypted() {
    let both = secrets(&[("default", "correct horse"), ("prod", "other")]);
    for text in [WHOLE, WITH_ID] {
        assert!(is_encrypted(text));
        assert_eq!(both.decrypt(text).unwrap(), "name: value\nsecret: é\n");
    }
    let inline: String = INLINE.lines().skip(1).map(|line| format!("{}\n", line.trim())).collect();
    assert_eq!(both.decrypt(&inline).unwrap(), "inline text");
    assert_eq!(
        both.keys.lock().unwrap().len(),
        3,
        "the password of the named id is tried first, and only it"
    );
}

#[test]
fn another_id_than_the_named_one_may_fit() {
    assert!(secrets(&[("dev", "no"), ("test", "other")]).decrypt(WITH_ID).is_ok());
}

#[test]
fn a_vault_says_with_what_it_can_be_closed_again() {
    let opened = secrets(&[("dev", "no"), ("test", "other")]).open(WITH_ID).ok().unwrap();
    assert_eq!((opened.id.as_deref(), opened.password.reveal()), (Some("prod"), "other"));
    assert_eq!(secrets(&[("x", "correct horse")]).open(WHOLE).ok().unwrap().id, None);
}

#[test]
fn ids_that_must_match_leave_other_passwords_untried() {
    let wrong = |passwords, text| secrets(passwords).only_named(true).decrypt(text).is_err();
    assert!(wrong(&[("test", "other")], WITH_ID) && !wrong(&[("prod", "other")], WITH_ID));
    assert!(wrong(&[("test", "correct horse")], WHOLE) && !wrong(&[("default", "correct horse")], WHOLE));
}

#[test]
fn wrong_passwords_and_changed_data_are_told_from_no_vault() {
    let one = secrets(&[("default", "nope")]);
    assert_eq!(one.decrypt(WITH_ID), Err(Error::WrongPassword { id: Some("prod".into()) }));
    assert_eq!(secrets(&[]).decrypt(WHOLE), Err(Error::NoPassword));
    assert_eq!(one.decrypt("a: b"), Err(Error::NotVault));
    assert_eq!(one.decrypt("$ANSIBLE_VAULT;1.1;AES\n00"), Err(Error::Cipher("AES".into())));
    assert!(matches!(one.decrypt("$ANSIBLE_VAULT;1.1;AES256\nzz"), Err(Error::Malformed(_))));
    assert!(matches!(one.decrypt("$ANSIBLE_VAULT;1.1;AES256\n3030"), Err(Error::Malformed(_))));
    assert!(matches!(one.decrypt("$ANSIBLE_VAULT"), Err(Error::Malformed(_))));
    // The last digit of the body is the last digit of the ciphertext.
    let changed = format!("{}{}", &WHOLE.trim_end()[..WHOLE.trim_end().len() - 1], '9');
    let right = secrets(&[("default", "correct horse")]);
    assert!(matches!(right.decrypt(&changed), Err(Error::WrongPassword { .. } | Error::Malformed(_))));
    assert!(!format!("{right:?}").contains("horse"));
}

#[test]
fn encrypted_text_comes_back() {
    let password = Secret::new("pw");
    for (plain, id) in [("", None), ("exactly 16 bytes", Some("prod")), ("é\n", Some("default"))] {
        let text = encrypt(plain.as_bytes(), &password, id).unwrap();
        let version = if id == Some("prod") { "1.2;AES256;prod\n" } else { "1.1;AES256\n" };
        assert!(text.starts_with(&format!("$ANSIBLE_VAULT;{version}")));
        assert!(text.lines().all(|line| line.len() <= WIDTH));
        assert_eq!(secrets(&[("x", "pw")]).decrypt(&text).unwrap(), plain);
    }
}

#[test]
fn passwords_come_from_files_and_scripts() {
    let dir = tempfile::tempdir().unwrap();
    let script = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let file = dir.path().join("pw");
    std::fs::write(&file, " a b \n").unwrap();
    assert_eq!(from_file(&file, None, &Secrets::default()).unwrap().reveal(), "a b");
    let plain = script("ask.sh", "#!/bin/sh\necho \"args:$*\"\n");
    assert_eq!(from_file(&plain, Some("prod"), &Secrets::default()).unwrap().reveal(), "args:");
    let client = script("ask-client.sh", "#!/bin/sh\n[ \"$2\" = prod ] || exit 2\necho \"args:$*\"\n");
    assert_eq!(
        from_file(&client, Some("prod"), &Secrets::default()).unwrap().reveal(),
        "args:--vault-id prod"
    );
    let unknown = from_file(&client, Some("dev"), &Secrets::default());
    assert!(matches!(unknown, Err(PasswordError::UnknownId { .. })));
    let empty = script("empty", "#!/bin/sh\n");
    assert!(matches!(from_file(&empty, None, &Secrets::default()), Err(PasswordError::Invalid { .. })));
    let none = from_file(&dir.path().join("none"), None, &Secrets::default());
    assert!(matches!(none, Err(PasswordError::Read { .. })));
    let sealed = dir.path().join("sealed");
    std::fs::write(&sealed, encrypt(b"inner\n", &Secret::new("pw"), None).unwrap()).unwrap();
    assert_eq!(from_file(&sealed, None, &secrets(&[("x", "pw")])).unwrap().reveal(), "inner");
}
