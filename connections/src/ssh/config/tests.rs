//! The resolver against `ssh -G` on many generated configurations, and what `ssh -G` cannot show.

use super::*;
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

fn target(host: &str, arguments: &[&str]) -> Target {
    Target {
        host: host.into(),
        kind: "ssh".into(),
        address: host.into(),
        port: None,
        user: None,
        password: None,
        private_key: None,
        passphrase: None,
        arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
        host_key_checking: None,
        timeout: Duration::from_secs(1),
        shell: "/bin/sh".into(),
    }
}

/// A small deterministic source of numbers.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

const HOSTS: [&str; 7] = ["web1", "web2", "db.example.com", "DB", "10.0.0.1", "bastion", "alice"];

fn option(dice: &mut Dice) -> String {
    let line = dice.pick(&[
        "HostName %h.example.com",
        "HostName=10.1.2.3",
        "hostname WEB.Example.COM",
        "HostName real%%h",
        "User alice",
        "USER   \"bob smith\"",
        "Port 2222",
        "Port = 2200",
        "IdentityFile /keys/one",
        "IdentityFile /keys/%r-%h-%p-%n",
        "IdentityFile \"/keys/with space\"",
        "IdentityFile none",
        "IdentityFile ~/.ssh/own # a comment",
        "CertificateFile /keys/cert",
        "IdentitiesOnly yes",
        "IdentitiesOnly no",
        "ProxyJump bastion",
        "ProxyJump alice@bastion:2222,other",
        "ProxyJump none",
        "ProxyCommand nc -X connect \"%h\" %p # not a comment",
        "ProxyCommand none",
        "UserKnownHostsFile /kh/one /kh/two",
        "UserKnownHostsFile \"/kh/a b\"",
        "GlobalKnownHostsFile /kh/global",
        "StrictHostKeyChecking accept-new",
        "StrictHostKeyChecking no",
        "StrictHostKeyChecking yes",
        "HostKeyAlias other-name",
        "HashKnownHosts yes",
        "ConnectTimeout 17",
        "ConnectTimeout 1m",
        "ServerAliveInterval 30",
        "ServerAliveCountMax 7",
        "ConnectionAttempts 4",
        "PasswordAuthentication no",
        "PubkeyAuthentication no",
        "KbdInteractiveAuthentication no",
        "PreferredAuthentications password,publickey",
        "AddressFamily inet6",
        "ForwardAgent yes",
        "Compression yes",
    ]);
    format!("    {line}\n")
}

fn block(dice: &mut Dice, include: &str) -> String {
    let head = match dice.roll(16) {
        0 => "Host *".to_owned(),
        1 => "Host web*".to_owned(),
        2 => "Host * !web1".to_owned(),
        3 => "Host web? db.*".to_owned(),
        4 => format!("Host {}", dice.pick(&HOSTS)),
        5 => "Match all".to_owned(),
        6 => "Match host *.example.com".to_owned(),
        7 => "Match originalhost web1,DB user alice".to_owned(),
        8 => "Match !host web1 exec \"test %h != 10.0.0.1\"".to_owned(),
        9 => "Match final host *.example.com".to_owned(),
        10 => "Match user alice,bob".to_owned(),
        11 => "Match exec false".to_owned(),
        12 => "Match localuser root,nobody host=web*,!web2".to_owned(),
        13 => "Match final all".to_owned(),
        14 => "Host=\"web1\" \"bastion\"".to_owned(),
        _ => format!("Include {include}"),
    };
    let mut text = format!("{head}\n");
    for _ in 0..dice.roll(5) {
        text.push_str(&option(dice));
    }
    if dice.roll(6) == 0 {
        text.push_str(&format!("    Include {include}\n"));
    }
    text
}

fn oracle(file: &Path, host: &str) -> Option<BTreeMap<String, Vec<String>>> {
    let done = Command::new("ssh").args(["-G", "-F", file.to_str().unwrap(), host]).output();
    let done = done.expect("ssh is needed for this test: install openssh-client");
    if !done.status.success() {
        return None;
    }
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&done.stdout).lines() {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        values.entry(key.to_owned()).or_default().push(value.to_owned());
    }
    Some(values)
}

/// Our settings in the words of `ssh -G`, to be compared with its answer.
fn compare(settings: &Settings, theirs: &BTreeMap<String, Vec<String>>, me: &Me, original: &str) {
    let first = |key: &str| theirs.get(key).and_then(|all| all.first()).cloned();
    let yes = |on: bool| Some(if on { "yes" } else { "no" }.to_owned());
    assert_eq!(Some(settings.host.clone()), first("hostname"), "hostname");
    assert_eq!(Some(settings.port.to_string()), first("port"), "port");
    assert_eq!(Some(settings.user.clone()), first("user"), "user");
    assert_eq!(yes(settings.identities_only), first("identitiesonly"), "identitiesonly");
    assert_eq!(settings.alias, first("hostkeyalias"), "hostkeyalias");
    assert_eq!(yes(settings.hash_known_hosts), first("hashknownhosts"), "hashknownhosts");
    assert_eq!(Some(settings.attempts.to_string()), first("connectionattempts"));
    assert_eq!(Some(settings.alive_count.to_string()), first("serveralivecountmax"));
    let seconds =
        |time: Option<Duration>, none: &str| Some(time.map_or(none.to_owned(), |t| t.as_secs().to_string()));
    assert_eq!(seconds(settings.timeout, "none"), first("connecttimeout"), "connecttimeout");
    assert_eq!(seconds(settings.alive_interval, "0"), first("serveraliveinterval"), "serveraliveinterval");
    let strict = match settings.strictness {
        Strictness::Strict => ["true", "ask"].as_slice(),
        Strictness::AcceptNew => &["accept-new"],
        Strictness::Off => &["false"],
    };
    assert!(strict.contains(&first("stricthostkeychecking").unwrap().as_str()), "{theirs:?}");
    let port = settings.port.to_string();
    let tokens = me.tokens(original, &settings.host, &port, &settings.user, settings.alias.as_deref());
    let path = |text: &str| tilde(&expand(text, &tokens).unwrap(), &me.home);
    let theirs_of = |key: &str| -> Vec<PathBuf> {
        theirs.get(key).into_iter().flatten().filter(|text| *text != "none").map(|text| path(text)).collect()
    };
    if settings.identities_named {
        assert_eq!(settings.identities, theirs_of("identityfile"), "identityfile");
    } else {
        let names: Vec<_> = settings.identities.iter().filter(|path| !path.ends_with("id_xmss")).collect();
        let usual: Vec<_> =
            theirs_of("identityfile").into_iter().filter(|path| !path.ends_with("id_xmss")).collect();
        assert_eq!(names, usual.iter().collect::<Vec<_>>(), "usual identityfile");
    }
    assert_eq!(settings.certificates, theirs_of("certificatefile"), "certificatefile");
    let joined =
        |files: &[PathBuf]| files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(" ");
    let known = |key: &str| first(key).map(|text| text.replace("~/", &format!("{}/", me.home.display())));
    assert_eq!(Some(joined(&settings.user_known_hosts)), known("userknownhostsfile"), "userknownhostsfile");
    assert_eq!(
        Some(joined(&settings.global_known_hosts)),
        known("globalknownhostsfile"),
        "globalknownhostsfile"
    );
    match &settings.route {
        Route::Direct => {
            assert!(first("proxyjump").is_none() && first("proxycommand").is_none(), "{theirs:?}")
        }
        Route::Jump(hops) => assert_eq!(Some(hops.join(",")), first("proxyjump"), "proxyjump"),
        Route::Command(command) => {
            assert_eq!(command, &expand(&first("proxycommand").unwrap(), &tokens).unwrap(), "proxycommand");
        }
    }
    let on = |method: &str, key: &str| {
        let listed =
            first("preferredauthentications").is_none_or(|list| list.split(',').any(|one| one == method));
        let on = listed && first(key).is_some_and(|value| value != "no" && value != "false");
        assert_eq!(settings.methods.iter().any(|own| own == method), on, "{method}");
    };
    on("password", "passwordauthentication");
    on("publickey", "pubkeyauthentication");
    on("keyboard-interactive", "kbdinteractiveauthentication");
}

#[test]
fn generated_configurations_resolve_as_ssh_does() {
    let dir = tempfile::TempDir::new().unwrap();
    let (file, included) = (dir.path().join("config"), dir.path().join("more.conf"));
    let pattern = dir.path().join("*.conf");
    let me = Me::here(None);
    let mut dice = Dice(42);
    let mut agreed = 0;
    for round in 0..400 {
        let mut text = String::new();
        for _ in 0..dice.roll(3) {
            text.push_str(&option(&mut dice));
        }
        for _ in 0..1 + dice.roll(5) {
            text.push_str(&block(&mut dice, pattern.to_str().unwrap()));
        }
        fs::write(&file, &text).unwrap();
        let more = format!("{}{}", option(&mut dice), block(&mut dice, "/nonexistent/*"));
        fs::write(&included, &more).unwrap();
        let host = dice.pick(&HOSTS);
        let Some(theirs) = oracle(&file, host) else { continue };
        let argument = format!("-F {}", file.display());
        let ours = resolve(&target(host, &[&argument]), &me);
        let shown = format!("round {round}, ssh -G {host}\n{text}--- included\n{more}");
        let settings = ours.unwrap_or_else(|why| panic!("{why}\n{shown}"));
        let result = std::panic::catch_unwind(|| compare(&settings, &theirs, &me, host));
        assert!(result.is_ok(), "{shown}");
        agreed += 1;
    }
    assert!(agreed > 300, "only {agreed} configurations could be compared");
}

#[test]
fn the_targets_own_values_come_first() {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("config");
    fs::write(&file, "User file\nPort 1\nIdentityFile /file\nConnectTimeout 9\n").unwrap();
    let arguments = format!("-F {} -o ConnectTimeout=3 -i /argument -l argument -p 2", file.display());
    let target = Target {
        user: Some("own".into()),
        port: Some(3),
        private_key: Some("/own".into()),
        host_key_checking: Some(false),
        ..target("h", &[&arguments, "-o StrictHostKeyChecking=yes"])
    };
    let settings = resolve(&target, &Me::here(None)).unwrap();
    assert_eq!((settings.user.as_str(), settings.port), ("own", 3));
    assert_eq!(settings.identities, ["/own", "/argument", "/file"].map(PathBuf::from));
    assert_eq!(settings.timeout, Some(Duration::from_secs(3)));
    assert_eq!(settings.strictness, Strictness::Off);
}

#[test]
fn chosen_variables_go_along_and_set_ones_come_last() {
    let mut values = Values::default();
    for line in ["SendEnv LANG LC_*", "SendEnv -LC_* FOO", "SendEnv LC_T*", "SetEnv A=1 B=2", "SetEnv C=3"] {
        values.option(line).unwrap();
    }
    let here = ["PATH", "LC_TIME", "LC_ALL", "LANG", "FOO"].map(|name| (name.into(), "x".into()));
    let sent = environment(&values, here.into_iter());
    let expected = [("FOO", "x"), ("LANG", "x"), ("LC_TIME", "x"), ("A", "1"), ("B", "2")];
    assert_eq!(sent, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn arguments_are_read_as_ssh_reads_them() {
    let me = Me::here(None);
    let resolved = |arguments: &[&str]| resolve(&target("h", arguments), &me);
    let settings = resolved(&["-F none", "-CqvvA -tt -oPort=7 -J a,b", "-o 'ProxyCommand=x %h'"]).unwrap();
    assert_eq!((settings.port, settings.route), (7, Route::Jump(vec!["a".into(), "b".into()])));
    let settings = resolved(&["-F none -o ProxyCommand=\"ssh -W %h:%p 'b c'\" -4"]).unwrap();
    assert_eq!(settings.route, Route::Command("ssh -W h:22 'b c'".into()));
    assert_eq!(settings.family, Some(4));
    for (bad, named) in [
        ("-Z", "-Z"),
        ("word", "word"),
        ("-o", "-o"),
        ("-p x", "x"),
        ("-L 1:a:2", "-L"),
        ("'", "quote"),
        ("-F /no/such/file", "/no/such/file"),
        ("-o IdentitiesOnly=maybe", "maybe"),
        ("-o User=%z -o IdentityFile=%z", "%z"),
    ] {
        let why = resolved(&[bad]).unwrap_err();
        assert!(why.contains(named), "{bad}: {why}");
    }
}

#[test]
fn mistakes_in_a_file_name_their_place() {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("config");
    let argument = format!("-F {}", file.display());
    for (text, why) in [
        ("Port 1\nMatch nonsense x\n", "config:2"),
        ("User \"open\nPort 1\n", "config:1"),
        ("Host a\n  Port\nHost h\n Port\n", "config:4"),
        (&format!("Include {}\n", file.display()), "nested deeper"),
    ] {
        fs::write(&file, text).unwrap();
        let said = resolve(&target("h", &[&argument]), &Me::here(None)).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn times_and_patterns() {
    for (text, seconds) in [("0", 0), ("90", 90), ("1m30s", 90), ("2h", 7200), ("1w", 604_800)] {
        assert_eq!(time(text), Some(Duration::from_secs(seconds)), "{text}");
    }
    for text in ["", "x", "1y", "m"] {
        assert_eq!(time(text), None, "{text}");
    }
    for (pattern, text, holds) in [
        ("*", "", true),
        ("a*b*c", "aXbYbZc", true),
        ("a?c", "ac", false),
        ("*.de", "a.b.de", true),
        ("a*", "ba", false),
    ] {
        assert_eq!(words::matches(text, pattern), holds, "{pattern} {text}");
    }
}
