# The verbs of this house. `just` lists them.

_list:
    @just --list --unsorted

# What continuous integration runs.
ci:
    .ci/run

# Whether it compiles.
check:
    cargo check --workspace --all-targets

# Tests whose name holds a text.
test *NAME:
    cargo test --workspace {{NAME}}

# Formats and lints.
tidy:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# Writes the generated pages under docs/reference again.
docs:
    UPDATE=1 cargo test --test docs reference

# Accepts changed snapshots after looking at them.
review:
    cargo insta review

# This machine, checked by the shipped playbook.
preflight:
    cargo run --release -- check preflight

# Fifty hosts on this machine, against other tools.
bench:
    benches/fleet/run

# `check nodes` on five hundred hosts.
bench-nodes:
    benches/nodes/run
