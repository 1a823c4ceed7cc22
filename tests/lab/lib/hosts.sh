# A host: an overlay on the image, run by systemd-nspawn in a control group of its own. Its directory in the lab has
# root (the overlay), disk (what it wrote), console (what it said), and its power is its control group.
# shellcheck shell=bash

# FUNCTION HOST ADDRESS ROLE for every host, all at once.
each_host() {
    local host address role job jobs=()
    while read -r host address role; do
        "$1" "$host" "$address" "$role" </dev/null &
        jobs+=($!)
    done <"$RUN/hosts"
    for job in "${jobs[@]}"; do wait "$job" || die "$1 failed"; done
}

address_of() { awk -v host="$1" '$1 == host { print $2 }' "$RUN/hosts"; }
role_of() { awk -v host="$1" '$1 == host { print $3 }' "$RUN/hosts"; }

# The key that opens all hosts, and how ssh finds them.
keys_make() {
    ssh-keygen -q -t ed25519 -N '' -C lab -f "$RUN/key"
    cat >"$RUN/ssh_config" <<TEXT
Host *
    IdentityFile $RUN/key
    IdentitiesOnly yes
    UserKnownHostsFile $RUN/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    ConnectTimeout 5
    LogLevel ERROR
TEXT
}

host_make() { # HOST ADDRESS ROLE
    local at=$RUN/$1 root=$RUN/$1/root
    mkdir -p "$at/root" "$at/disk" "$at/work"
    mount -t overlay overlay -o "lowerdir=$IMAGE,upperdir=$at/disk,workdir=$at/work" "$root"
    cp -r "$LAB/host/." "$root/"
    chmod 440 "$root/etc/sudoers.d/lab"
    chmod 755 "$root"/usr/local/bin/*
    ln -sf control-plane-stand-in "$root/usr/local/bin/kube-scheduler"
    ln -sf control-plane-stand-in "$root/usr/local/bin/kube-controller-manager"
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants" "$root/etc/kubernetes/manifests"
    ln -sf ../kubelet.service ../containerd.service "$root/etc/systemd/system/multi-user.target.wants/"
    echo "$1" >"$root/etc/hostname"
    tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
    # The way out ends at this machine, which answers for the names of the lab.
    printf '[Match]\nName=host0\n[Network]\nAddress=%s/24\nGateway=%s.1\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n' "$2" "${2%.*}" \
        >"$root/etc/systemd/network/10-lab.network"
    echo "nameserver ${2%.*}.1" >"$root/etc/resolv.conf"
    { printf '127.0.0.1 localhost\n::1 localhost\n' && awk '{ print $2, $1 }' "$RUN/hosts"; } >"$root/etc/hosts"
    local home
    for home in root home/lab; do
        mkdir -p "$root/$home/.ssh"
        cp "$RUN/key.pub" "$root/$home/.ssh/authorized_keys"
        chmod 700 "$root/$home/.ssh"
    done
    chown -R 1000:1000 "$root/home/lab/.ssh"
    ssh-keygen -q -t ed25519 -N '' -C "$1" -f "$root/etc/ssh/ssh_host_ed25519_key"
    echo "$1,$2 $(cut -d' ' -f1,2 "$root/etc/ssh/ssh_host_ed25519_key.pub")" >>"$RUN/known_hosts"
}

host_boot() { # HOST
    local host=$1
    [ "$(host_state "$host")" = off ] || die "$host runs"
    cgroup_make "$host"
    (
        trap - EXIT INT TERM
        cgroup_enter "$host"
        set +e
        export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
        for again in 1 1 0; do
            while :; do
                cable_remove "$host"
                began=$SECONDS
                setsid systemd-nspawn --quiet --boot --directory="$RUN/$host/root" --machine="$NAME-$host" --hostname="$host" \
                    --register=no --keep-unit --network-bridge="mu-$NAME" --bind="$RUN/cluster:/var/lib/lab-cluster" \
                    --link-journal=no --resolv-conf=off --timezone=off --console=pipe
                # It asked to be started again; otherwise it was switched off from within.
                [ $? = 133 ] || break
            done
            # Making the cable fails now and then, when many are made at once: "File exists".
            [ $again = 1 ] && [ $((SECONDS - began)) -lt 2 ] || break
        done
        cable_remove "$host"
    ) </dev/null >>"$RUN/$host/console" 2>&1 9>&- &
    [ "${verb:-}" = up ] || host_wait "$host"
}

# Until sshd answers.
host_wait() { # HOST
    local address try
    address=$(address_of "$1")
    for try in {1..300}; do
        if timeout 1 "$BASH" -c "exec 3<>/dev/tcp/$address/22 && read -r banner <&3" 2>/dev/null; then
            return 0
        fi
        [ "$try" -lt 20 ] || [ "$(host_state "$1")" != off ] || break
        sleep 0.1
    done
    tail -n 20 "$RUN/$1/console" >&2
    die "$1 does not answer at $address"
}

host_ssh() { # HOST [COMMAND...]
    local host=$1
    shift
    exec ssh -F "$RUN/ssh_config" "root@$(address_of "$host")" "$@"
}

host_state() { # HOST
    local events=$CGROUP/$NAME/$1/cgroup.events
    if ! grep -qs 'populated 1' "$events"; then
        echo off
    elif grep -q 'frozen 1' "$events"; then
        echo stalled
    elif ! ip link show "vb-$NAME-$1" 2>/dev/null | grep -q ',UP'; then
        echo unplugged
    elif [ -e "$RUN/$1/delay.pid" ]; then
        echo slow
    else
        echo up
    fi
}

host_stall() { echo 1 >"$CGROUP/$NAME/$1/cgroup.freeze" && until [ "$(host_state "$1")" = stalled ]; do sleep 0.05; done; }
host_thaw() { echo 0 >"$CGROUP/$NAME/$1/cgroup.freeze"; }

host_kill() { # HOST
    local group=$CGROUP/$NAME/$1
    [ -d "$group" ] || return 0
    echo 1 >"$group/cgroup.kill"
    until grep -q 'populated 0' "$group/cgroup.events"; do sleep 0.02; done
    cable_remove "$1"
    rmdir "/run/systemd/nspawn/propagate/$NAME-$1" 2>/dev/null || true
    cgroup_remove "$1"
}

host_wipe() { # HOST
    local root=$RUN/$1/root pid
    for pid in $(find "$CGROUP/$NAME/$1" -name cgroup.procs -exec cat {} + 2>/dev/null); do
        [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != etcd ] || kill -9 "$pid"
    done
    rm -rf --one-file-system "$root/var/lib/etcd/member"
}

host_renew() { # HOST
    local address
    address=$(address_of "$1")
    host_kill "$1"
    umount "$RUN/$1/root"
    rm -rf --one-file-system "${RUN:?}/$1"
    sed -i "/^$1,/d" "$RUN/known_hosts"
    image
    host_make "$1" "$address" "$(role_of "$1")"
    host_boot "$1"
}

# Where systemd has its own hierarchy beside cgroup2, a host needs a place of its own there too.
cgroup_trees() { # HOST
    echo "$CGROUP/$NAME${1:+/$1}"
    [ ! -d /sys/fs/cgroup/systemd ] || echo "/sys/fs/cgroup/systemd/muster-lab/$NAME${1:+/$1}"
}
cgroup_make() { cgroup_trees "$1" | xargs mkdir -p; }
cgroup_enter() {
    local tree
    for tree in $(cgroup_trees "$1"); do echo "$BASHPID" >"$tree/cgroup.procs"; done
}
cgroup_remove() { # HOST, or nothing for all of the lab
    local tree
    for tree in $(cgroup_trees "$1"); do
        [ ! -d "$tree" ] || find "$tree" -depth -type d -exec rmdir {} \;
    done
}
