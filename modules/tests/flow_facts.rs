//! Facts of this machine, through the same script that goes to a target.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod flow_support;

use flow_support::{context, run};
use serde_json::{Value as Json, json};

async fn facts(args: Json) -> Json {
    let dir = tempfile::tempdir().unwrap();
    let cx = context(dir.path(), &args, &json!({}));
    let registry = muster_modules::builtin();
    let output = run(registry.get("setup").unwrap().as_ref(), &args, &cx).await.unwrap();
    output.result["ansible_facts"].clone()
}

#[tokio::test]
async fn setup_tells_what_the_machine_is() {
    let facts = facts(json!({})).await;
    for name in [
        "all_ipv4_addresses",
        "architecture",
        "cmdline",
        "date_time",
        "default_ipv4",
        "devices",
        "distribution",
        "distribution_version",
        "dns",
        "env",
        "fqdn",
        "hostname",
        "interfaces",
        "kernel",
        "memory_mb",
        "mounts",
        "os_family",
        "pkg_mgr",
        "processor_vcpus",
        "selinux",
        "service_mgr",
        "user_id",
        "virtualization_type",
    ] {
        assert!(facts.get(format!("ansible_{name}")).is_some(), "no {name}");
    }
    assert_eq!(facts["ansible_system"], "Linux");
    assert!(facts["ansible_memtotal_mb"].as_i64().unwrap() > 0);
    assert_eq!(facts["gather_subset"], json!(["all"]));
    if let Ok(path) = std::env::var("FACTS_OUT") {
        std::fs::write(path, facts.to_string()).unwrap();
    }
}

#[tokio::test]
async fn setup_gives_only_what_is_asked_for() {
    let some = facts(json!({"gather_subset": ["!all", "!min", "network"]})).await;
    assert!(some.get("ansible_interfaces").is_some() && some.get("ansible_memtotal_mb").is_none());
    let filtered = facts(json!({"filter": ["ansible_kern*", "hostname"]})).await;
    let mut names: Vec<&String> = filtered.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["ansible_hostname", "ansible_kernel", "ansible_kernel_version"]);
}

#[tokio::test]
async fn setup_reads_facts_of_the_hosts_own() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("site.fact"), r#"{"rack": 7}"#).unwrap();
    let facts = facts(json!({"fact_path": dir.path().to_str().unwrap(), "gather_subset": ["local"]})).await;
    assert_eq!(facts["ansible_local"], json!({"site": {"rack": 7}}));
}

#[tokio::test]
async fn an_unknown_subset_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let args = json!({"gather_subset": ["nosuch"]});
    let cx = context(dir.path(), &args, &json!({}));
    let registry = muster_modules::builtin();
    let failure = run(registry.get("setup").unwrap().as_ref(), &args, &cx).await.unwrap_err();
    assert!(failure.message().starts_with("Bad subset 'nosuch' given to Ansible."), "{}", failure.message());
}
