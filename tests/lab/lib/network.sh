# The network of a lab: a bridge of its own, with this machine at .1; no road leads out. A host's cable is `vb-LAB-HOST`.
# shellcheck shell=bash

# SUBNET: three numbers that no other link here has; taken by putting them on the bridge, one lab at a time.
network_up() {
    local third
    exec 9>/run/muster-lab/lock
    flock 9
    for third in {1..250}; do
        SUBNET=10.77.$third
        ip -4 -oneline address | grep -q " $SUBNET\." || break
    done
    ip link add "mu-$NAME" type bridge forward_delay 0
    ip address add "$SUBNET.1/24" dev "mu-$NAME"
    ip link set "mu-$NAME" up
    exec 9>&-
    echo "$SUBNET" >"$RUN/subnet"
}

# Who answers for names, at this machine's end of the bridge: for the hosts, and as the cluster's own would for its API. Of every
# other name it says that there is none.
names_up() {
    awk '{ print $2, $1 }' "$RUN/hosts" >"$RUN/names"
    setsid dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --user=root --listen-address="$SUBNET.1" --bind-interfaces \
        --no-resolv --no-hosts --addn-hosts="$RUN/names" --host-record=kubernetes.default.svc.cluster.local,10.96.0.1 '--local=/#/' \
        </dev/null >>"$RUN/names.log" 2>&1 9>&- &
    echo $! >"$RUN/names.pid"
}

network_down() {
    [ ! -e "$RUN/names.pid" ] || kill "$(cat "$RUN/names.pid")" 2>/dev/null || true
    ! ip link show "mu-$NAME" >/dev/null 2>&1 || ip link delete "mu-$NAME"
}

# systemd-nspawn makes a host's cable; the machine takes it away when the power goes, but some time later.
cable_remove() { # HOST
    slow_stop "$1"
    ip link delete "vb-$NAME-$1" 2>/dev/null || true
}

host_unplug() { ip link set "vb-$NAME-$1" down; }
host_plug() { ip link set "vb-$NAME-$1" up; }

# The cable is taken off the bridge and led through a process that keeps every packet for a while. (The kernel can do
# the same with tc's netem, where it was built with it.)
host_slow() { # HOST MILLISECONDS
    local ms=${2:?how many milliseconds}
    [[ $ms =~ ^[0-9]+$ ]] || die "milliseconds are a number: not $ms"
    slow_stop "$1"
    [ "$ms" -gt 0 ] || return 0
    ip link add "va-$NAME-$1" type veth peer name "vd-$NAME-$1"
    ip link set "vd-$NAME-$1" master "mu-$NAME" up
    ip link set "vb-$NAME-$1" nomaster
    ip link set "va-$NAME-$1" up
    setsid python3 "$LAB/delay.py" "vb-$NAME-$1" "va-$NAME-$1" "$ms" </dev/null >>"$RUN/$1/console" 2>&1 &
    echo $! >"$RUN/$1/delay.pid"
}

slow_stop() { # HOST
    [ -e "$RUN/$1/delay.pid" ] || return 0
    kill "$(cat "$RUN/$1/delay.pid")" 2>/dev/null || true
    rm -f "$RUN/$1/delay.pid"
    ip link delete "va-$NAME-$1" 2>/dev/null || true
    ip link set "vb-$NAME-$1" master "mu-$NAME" 2>/dev/null || true
}
