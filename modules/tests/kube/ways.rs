//! Ways to a cluster: programs, files and proxies that lead to it, and what is said when one does not. Every error names the file,
//! the user, the date and what to do.

use super::proxy::Proxy;
use super::{Bench, bench, far};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use muster_apiserver::{Cluster, Double, Shown};
use muster_engine::module::{Failure, Map, Output};
use serde_json::{Value as Json, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Asks for the nodes.
async fn nodes(bench: &Bench, args: Json) -> Result<Map, Failure> {
    let mut args = args;
    args["kind"] = "Node".into();
    bench.run("k8s_info", &args).await.map(|output: Output| output.result)
}

async fn refused(bench: &Bench, args: Json) -> String {
    nodes(bench, args).await.unwrap_err().message().to_string()
}

/// A kubeconfig for the double whose user is `anna`, with these lines.
fn kubeconfig(double: &Double, name: &str, user: &str) -> String {
    let path = double.directory().join(name);
    let usual = std::fs::read_to_string(double.kubeconfig()).unwrap();
    let (head, _) = usual.split_once("users:").unwrap();
    let head = head.replace("kubernetes-admin", "anna");
    std::fs::write(&path, format!("{head}users:\n- name: anna\n  user:\n{user}")).unwrap();
    path.display().to_string()
}

fn program(dir: &Path, text: &str) -> String {
    let path = dir.join("login");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

const EXEC: &str = "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      interactiveMode: Never\n      provideClusterInfo: true\n      command: ./login\n      args: [get-token]\n      env: [{name: REALM, value: shop}]\n";

#[tokio::test]
async fn a_program_gives_credentials_once_and_again_when_they_run_out() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let (dir, log) = (double.directory(), double.directory().join("asked"));
    let give = |expires: &str, token: &str| {
        program(
            dir,
            &format!(
                "echo \"$1 $REALM\" >> {}; printf '%s' \"$KUBERNETES_EXEC_INFO\" > {}\necho '{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{{\"token\":\"{token}\"{expires}}}}}'",
                log.display(),
                dir.join("info").display()
            ),
        );
    };
    give("", "admin-token");
    let config = kubeconfig(&double, "exec.conf", EXEC);
    let registry = muster_modules::builtin();
    let module = registry.get("k8s_info").unwrap();
    let args = || json!({"kind": "Node", "kubeconfig": config}).as_object().unwrap().clone();
    for bench in [bench(), far()] {
        std::fs::write(&log, "").unwrap();
        module.run(args(), &bench.context()).await.unwrap();
        module.run(args(), &bench.context()).await.unwrap();
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "get-token shop\n");
    }
    let info: Json = serde_json::from_str(&std::fs::read_to_string(dir.join("info")).unwrap()).unwrap();
    assert_eq!(info["spec"]["cluster"]["server"], double.url());
    // The server knows the token no more: the program is asked again, once.
    double.add_token("second", muster_apiserver::User::new("anna", &["system:masters"]));
    double.change(|_| ());
    give("", "second");
    double.plant(
        muster_apiserver::Planted::always(muster_apiserver::Fault::Refuse(muster_apiserver::Failure::new(
            401,
            "Unauthorized",
            "Unauthorized",
        )))
        .on("GET", "/api/v1/nodes")
        .times(1),
    );
    std::fs::write(&log, "").unwrap();
    module.run(args(), &bench().context()).await.unwrap();
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "get-token shop\n");
}

#[tokio::test]
async fn a_program_that_is_missing_fails_or_talks_nonsense_is_named() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let hint = format!("{EXEC}      installHint: \"apt-get install login-tool\"\n");
    let config = json!({"kubeconfig": kubeconfig(&double, "exec.conf", &hint)});
    let said = refused(&bench(), config.clone()).await;
    assert!(
        said.contains("the user anna of ") && said.contains("no such program. apt-get install login-tool"),
        "{said}"
    );
    program(double.directory(), "echo 'the SSO session has expired' >&2; exit 4");
    let said = refused(&far(), config.clone()).await;
    assert!(
        said.contains("with code 4: the SSO session has expired. Its own login has expired: log in again"),
        "{said}"
    );
    program(double.directory(), "echo '{\"status\": {\"token\": \"s3cret\"'");
    let said = refused(&bench(), config.clone()).await;
    assert!(said.contains("printed no ExecCredential") && !said.contains("s3cret"), "{said}");
    program(double.directory(), "echo '{\"status\": {\"token\": \"s3cret\"}}'");
    let said = refused(&bench(), config.clone()).await;
    assert!(
        said.contains("does not accept what `")
            && said.contains("login` gave for the user anna")
            && !said.contains("s3cret"),
        "{said}"
    );
}

#[tokio::test]
async fn credentials_that_are_over_are_named_with_their_file_user_and_date() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let expired = double.kubeconfig_expired("kubernetes-admin").unwrap();
    let claims = URL_SAFE_NO_PAD.encode(r#"{"sub":"anna","exp":1700000000}"#);
    let old = kubeconfig(&double, "old.conf", &format!("    token: head.{claims}.s3cret\n"));
    let unknown = kubeconfig(&double, "unknown.conf", "    token: nobodys\n");
    let nothing = double.kubeconfig_anonymous().unwrap();
    let yesterday = jiff::Timestamp::now().as_second() - 86_400;
    let day = jiff::Timestamp::from_second(yesterday).unwrap().strftime("%Y-%m-%d").to_string();
    for (config, said) in [
        (
            expired.display().to_string(),
            vec![
                "The client certificate of the user kubernetes-admin in ",
                "kubernetes-admin.conf on testhost expired on ",
                &day,
                "kubeadm certs renew",
                "delegate the task to a control plane host",
            ],
        ),
        (
            old,
            vec![
                "The token of the user anna in ",
                "old.conf on testhost expired on 2023-11-14 22:13:20 UTC",
                "kubectl create token",
            ],
        ),
        (unknown, vec!["The server does not know the token of the user anna in ", "unknown.conf"]),
        (
            nothing.display().to_string(),
            vec!["nobody.conf on testhost gives no credentials of the user nobody"],
        ),
    ] {
        for bench in [bench(), far()] {
            let message = refused(&bench, json!({"kubeconfig": config})).await;
            for part in &said {
                assert!(message.contains(part), "{part} is not in: {message}");
            }
            assert!(!message.contains("s3cret"));
        }
    }
}

#[tokio::test]
async fn a_server_s_certificate_is_told_apart_by_what_is_wrong_with_it() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let config = json!({"kubeconfig": double.kubeconfig()});
    for (shown, said) in [
        (Shown::Expired, vec!["The server's certificate expired on 20", "kubeadm certs renew apiserver"]),
        (Shown::OtherName, vec!["it names elsewhere.example.com.", "certSANs", "tls-server-name"]),
        (Shown::Stranger, vec!["is of another authority than the one in ", "another cluster"]),
    ] {
        double.show_certificate(shown).unwrap();
        for bench in [bench(), far()] {
            let message = refused(&bench, config.clone()).await;
            for part in &said {
                assert!(message.contains(part), "{part} is not in: {message}");
            }
        }
    }
    double.show_certificate(Shown::OtherName).unwrap();
    let mut unchecked = config.clone();
    unchecked["validate_certs"] = json!(false);
    assert!(nodes(&bench(), unchecked).await.is_ok());
    let unknown =
        refused(&bench(), json!({"host": "https://no-such-host.invalid:6443", "api_key": "x"})).await;
    assert!(
        unknown.contains("The name in https://no-such-host.invalid:6443 is not known to DNS here"),
        "{unknown}"
    );
    let closed = refused(&far(), json!({"host": "https://127.0.0.1:1", "api_key": "x"})).await;
    assert!(closed.contains("Nothing listens there"), "{closed}");
}

#[tokio::test]
async fn a_context_that_is_not_there_is_said_with_those_that_are() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let said = refused(&bench(), json!({"kubeconfig": double.kubeconfig(), "context": "prod"})).await;
    assert!(
        said.starts_with("there is no context `prod` in ")
            && said.ends_with(": it has kubernetes-admin@kubernetes"),
        "{said}"
    );
    let text = std::fs::read_to_string(double.kubeconfig())
        .unwrap()
        .replace("\n    user: kubernetes-admin\n", "\n    user: ghost\n");
    let path = double.directory().join("ghost.conf");
    std::fs::write(&path, text).unwrap();
    let said = refused(&bench(), json!({"kubeconfig": path})).await;
    assert!(said.contains("is for the user `ghost`, who is not in it"), "{said}");
}

#[tokio::test]
async fn a_proxy_is_gone_through_unless_an_exception_is_made() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let proxy = Proxy::start().await;
    let config = double.kubeconfig().display().to_string();
    let mut passed = 0;
    for scheme in ["http", "socks5"] {
        let url = format!("{scheme}://anna:s3cret@{}", proxy.address);
        for bench in [bench(), far()] {
            nodes(&bench, json!({"kubeconfig": config, "proxy": url})).await.unwrap();
            assert!(proxy.passed() > passed, "{scheme}");
            passed = proxy.passed();
        }
        nodes(&bench(), json!({"kubeconfig": config, "proxy": url, "no_proxy": "10.0.0.0/8,127.0.0.0/8"}))
            .await
            .unwrap();
        assert_eq!(proxy.passed(), passed);
    }
    let open = format!("http://{}", proxy.address);
    let headers =
        json!({"kubeconfig": config, "proxy": open, "proxy_headers": {"proxy_basic_auth": "anna:s3cret"}});
    nodes(&bench(), headers).await.unwrap();
    assert!(proxy.passed() > passed);
    let wrong = format!("http://anna:wr0ng@{}", proxy.address);
    let said = refused(&bench(), json!({"kubeconfig": config, "proxy": wrong})).await;
    assert!(
        said.contains(&format!("through the proxy http://{}", proxy.address)) && !said.contains("wr0ng"),
        "{said}"
    );
    // What the kubeconfig itself says counts, too.
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text
        .replace("    server:", &format!("    proxy-url: http://anna:s3cret@{}\n    server:", proxy.address));
    let path = double.directory().join("proxied.conf");
    std::fs::write(&path, text).unwrap();
    let passed = proxy.passed();
    nodes(&bench(), json!({"kubeconfig": path})).await.unwrap();
    assert!(proxy.passed() > passed);
}

#[tokio::test]
async fn who_is_acted_as_is_told_to_the_server_on_every_road() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    for bench in [bench(), far()] {
        let args = json!({"kubeconfig": double.kubeconfig(), "impersonate_user": "viewer", "impersonate_groups": ["none"]});
        let said = refused(&bench, args).await;
        assert!(said.contains("User \"viewer\" cannot list resource \"nodes\""), "{said}");
    }
}

#[tokio::test]
async fn the_environment_names_what_the_task_does_not() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let token = double.kubeconfig_with_token("admin", "admin-token").unwrap().display().to_string();
    let set = |pairs: &[(&str, &str)]| {
        let environment =
            pairs.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect();
        Bench { environment, ..far() }
    };
    assert!(nodes(&set(&[("K8S_AUTH_KUBECONFIG", &token)]), json!({})).await.is_ok());
    let url = double.url();
    let bare =
        [("K8S_AUTH_HOST", url.as_str()), ("K8S_AUTH_API_KEY", "admin-token"), ("K8S_AUTH_VERIFY_SSL", "no")];
    assert!(nodes(&set(&bare), json!({})).await.is_ok());
    let said =
        refused(&set(&[("K8S_AUTH_KUBECONFIG", &token), ("K8S_AUTH_CONTEXT", "prod")]), json!({})).await;
    assert!(said.contains("there is no context `prod`"), "{said}");
    let said =
        refused(&set(&[("K8S_AUTH_KUBECONFIG", &token), ("K8S_AUTH_IMPERSONATE_USER", "viewer")]), json!({}))
            .await;
    assert!(said.contains("User \"viewer\""), "{said}");
}

#[tokio::test]
async fn files_of_a_kubeconfig_are_read_where_it_lies() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    std::fs::write(double.directory().join("token"), "admin-token\n").unwrap();
    let config = kubeconfig(&double, "file.conf", "    tokenFile: token\n");
    for bench in [bench(), far()] {
        assert!(nodes(&bench, json!({"kubeconfig": config})).await.is_ok());
    }
    std::fs::remove_file(double.directory().join("token")).unwrap();
    let said = refused(&far(), json!({"kubeconfig": config})).await;
    assert!(
        said.contains("cannot read the token ") && said.contains("/token on testhost: No such file"),
        "{said}"
    );
}

#[tokio::test]
async fn one_client_and_one_look_at_the_kinds_serve_a_whole_run() {
    let double = Double::start(Cluster::healthy()).await.unwrap();
    let registry = muster_modules::builtin();
    let config = double.kubeconfig().display().to_string();
    for (module, args) in [
        ("k8s_info", json!({"kind": "Node"})),
        ("k8s_info", json!({"kind": "Pod", "namespace": "kube-system"})),
        ("k8s_label", json!({"name": "worker-0", "labels": {"a": "b"}})),
        ("k8s", json!({"kind": "Namespace", "name": "shop"})),
    ] {
        let mut args = args.as_object().unwrap().clone();
        args.insert("kubeconfig".into(), config.clone().into());
        registry.get(module).unwrap().run(args, &bench().context()).await.unwrap();
    }
    let paths: Vec<String> = double.requests().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths.iter().filter(|path| *path == "/api/v1").count(), 1, "{paths:?}");
    // Kinds once, nodes, pods, a node looked at and changed, a namespace looked for and made.
    assert_eq!(paths.len(), 7, "{paths:?}");
}
