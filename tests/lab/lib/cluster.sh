# The cluster: kubeadm's files on the control planes before they boot, so that all members of etcd start at once.
# $RUN/cluster is what the API server would keep for kubeadm (tokens, uploaded certificates): every host sees it.
# shellcheck shell=bash

cluster_make() { # APISERVER GRACE
    local store=$RUN/cluster host address role members=''
    mkdir -p "$store/tokens" "$store/members" "$store/ca"
    cp /proc/sys/kernel/random/uuid "$store/uid"
    echo "$SUBNET.1:6443" >"$store/endpoint"
    pki_authorities "$store/ca"
    cp "$store/ca/ca.crt" "$store/ca.crt"
    chmod 700 "$store/ca"
    if [ -n "$1" ]; then
        echo "$1" >"$store/apiserver"
        echo "$2" >"$store/grace"
        echo "$SUBNET.1:6444" >"$store/backend"
        kubeconfig "$RUN/admin.conf" "$store/ca/ca" "$SUBNET.1:6443" kubernetes-admin /O=kubeadm:cluster-admins/CN=kubernetes-admin
    fi
    each_host node_make
    while read -r host address role; do
        [ "$role" != control-plane ] || members=$members${members:+,}$host=https://$address:2380
    done <"$RUN/hosts"
    # The manifests are those of one `kubeadm init` and its joins; this makes them one new cluster, once.
    members_so_far=
    while read -r host address role; do
        [ "$role" = control-plane ] || continue
        echo "$address" >"$store/members/$host"
        members_so_far=$members_so_far${members_so_far:+,}$host=https://$address:2380
        etcd_manifest "$RUN/$host/root" "$host" "$address" "$members_so_far"
        printf '%s\n' "--initial-cluster=$members" --initial-cluster-state=new >"$RUN/$host/root/var/lib/lab/etcd-first-start"
    done <"$RUN/hosts"
}

# What `kubeadm init`, `kubeadm join --control-plane` or `kubeadm join` leaves on a host.
node_make() { # HOST ADDRESS ROLE
    local root=$RUN/$1/root store=$RUN/cluster
    mkdir -p "$root/var/lib/lab"
    [ "$3" != spare ] || return 0
    kubelet_files "$root" "$1" "$2" "$(cat "$store/endpoint")" "$store/ca"
    [ "$3" = control-plane ] || return 0
    mkdir -p "$root/etc/kubernetes/pki"
    cp -r "$store/ca/." "$root/etc/kubernetes/pki/"
    control_plane_files "$root" "$1" "$2" "$(cat "$store/endpoint")"
}

first_running() {
    local host address role
    while read -r host address role; do
        if [ "$role" = control-plane ] && [ "$(host_state "$host")" = up ]; then
            echo "$host"
            return
        fi
    done <"$RUN/hosts"
    die "no control plane runs"
}

ETCDCTL='ETCDCTL_API=3 etcdctl --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/healthcheck-client.crt --key=/etc/kubernetes/pki/etcd/healthcheck-client.key'

etcdctl_on() { # HOST ARGUMENT...
    local host=$1
    shift
    ssh -F "$RUN/ssh_config" "root@$(address_of "$host")" "$ETCDCTL${*:+ ${*@Q}}" </dev/null
}

# Until every member is healthy.
etcd_wait() {
    local first members end=$((SECONDS + 30))
    first=$(first_running)
    members=$(grep -c ' control-plane$' "$RUN/hosts")
    until [ "$(etcdctl_on "$first" --command-timeout=2s endpoint health --cluster 2>&1 | grep -c 'is healthy')" = "$members" ]; do
        if [ "$SECONDS" -gt "$end" ]; then
            etcdctl_on "$first" --command-timeout=2s endpoint health --cluster >&2 || true
            die "etcd is not healthy after half a minute"
        fi
        sleep 0.2
    done
}

inventory() {
    local group host address role
    echo '# The hosts of the lab, as Konvoy writes an inventory.'
    for group in control-plane node spare; do
        [ "$group" != spare ] || grep -q ' spare$' "$RUN/hosts" || continue
        printf '%s:\n  hosts:\n' "$group"
        while read -r host address role; do
            [ "$role" != "$group" ] || printf '    %s:\n      ansible_host: %s\n      node_pool: %s\n' "$host" "$address" "${role/#node/worker}"
        done <"$RUN/hosts"
    done
    cat <<TEXT
bastion: {}
all:
  vars:
    order: sorted
    ansible_user: lab
    ansible_port: 22
    ansible_ssh_private_key_file: $RUN/key
    ansible_ssh_common_args: -o UserKnownHostsFile=$RUN/known_hosts -o StrictHostKeyChecking=yes
    control_plane_endpoint: $(cat "$RUN/cluster/endpoint")
TEXT
}
