#!/bin/sh
# Writes what ansible-inventory and ansible (ansible-core 2.19, on PATH) say about every case, or about those named:
# list.json, graph and selected. The cases' own files are `inputs`, one -i a line, and `patterns`, one a line.
cd "$(dirname "$0")" || exit 1
unset ANSIBLE_CONFIG
export ANSIBLE_NOCOLOR=1 ANSIBLE_HOME="${TMPDIR:-/tmp}/muster-expect" LC_ALL=C.UTF-8
said=$(mktemp)
trap 'rm -f "$said" "$said.hosts"' EXIT
for case in ${*:-*/}; do
    (
        cd "$case" || exit 1
        set --
        while read -r input; do set -- "$@" -i "$input"; done <inputs
        play=
        [ -d play ] && play='--playbook-dir play'
        # shellcheck disable=SC2086
        ansible-inventory "$@" $play --list >list.json 2>/dev/null
        ansible-inventory "$@" --graph >graph 2>/dev/null
        [ -f patterns ] || exit 0
        while IFS= read -r pattern; do
            echo "$pattern"
            ansible "$@" --list-hosts -- "$pattern" 2>"$said" | sed -n 's/^    /  /p' >"$said.hosts"
            sed -n 's/^\[WARNING\]: \(Could not match\|Use \[x\)/  ! \1/p' "$said"
            cat "$said.hosts"
        done <patterns >selected
    )
done
