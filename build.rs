//! Builds again when a shipped playbook changes: they are embedded in the binary.

fn main() {
    println!("cargo::rerun-if-changed=playbooks");
}
