# The API server of a lab: the double of tests/apiserver, with the lab's own authority. It listens on port 6444 of this
# machine's end of the bridge; port 6443 of each control plane leads there (see host/usr/local/bin/kube-apiserver), and port
# 6443 of this end, the control plane endpoint of kubeadm, is balanced over the control planes.
# shellcheck shell=bash

API_FILES=$RUN/api

apiserver_start() {
    [ -e "$RUN/cluster/apiserver" ] || return 0
    [ ! -e "$RUN/apiserver.pid" ] || ! kill -0 "$(cat "$RUN/apiserver.pid")" 2>/dev/null || die "the API server runs"
    local host address role backends='' options=() end=$((SECONDS + 20))
    [ -e "$RUN/objects.yaml" ] || apiserver_objects >"$RUN/objects.yaml"
    while read -r host address role; do
        options+=(--name "$host" --name "$address")
        [ "$role" = node ] || backends+=${backends:+,}$address:6443
    done <"$RUN/hosts"
    rm -f "$RUN/apiserver.ready"
    setsid "$(cat "$RUN/cluster/apiserver")" --listen "$(cat "$RUN/cluster/backend")" --hosts "$(cat "$RUN/cluster/grace")" \
        --ca "$RUN/cluster/ca/ca.crt" --ca-key "$RUN/cluster/ca/ca.key" --name 10.96.0.1 --name 127.0.0.1 \
        --name kubernetes.default.svc.cluster.local "${options[@]}" --balance "$(cat "$RUN/cluster/endpoint")=$backends" \
        --objects "$RUN/objects.yaml" --state "$RUN/state.json" --kubeconfig "$RUN/apiserver.ready" \
        --exec "$LAB/lab" --name "$NAME" in-pod </dev/null >>"$RUN/apiserver.log" 2>&1 9>&- &
    echo $! >"$RUN/apiserver.pid"
    until [ -s "$RUN/apiserver.ready" ]; do
        kill -0 "$(cat "$RUN/apiserver.pid")" 2>/dev/null && [ "$SECONDS" -lt "$end" ] ||
            die "the API server did not start: $(tail -n 3 "$RUN/apiserver.log")"
        sleep 0.1
    done
    # The first time the hosts are not there yet: nodes_wait waits for them.
    [ "${verb:-}" = up ] || api_wait
}

apiserver_stop() {
    [ -e "$RUN/apiserver.pid" ] || return 0
    local pid
    pid=$(cat "$RUN/apiserver.pid")
    kill "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    rm -f "$RUN/apiserver.pid"
}

# Until it answers at the control plane endpoint.
api_wait() {
    local end=$((SECONDS + 60))
    until api "$RUN/admin.conf" GET /readyz >/dev/null; do
        [ "$SECONDS" -lt "$end" ] || die "the API server does not answer at $(cat "$RUN/cluster/endpoint"): $(tail -n 3 "$RUN/apiserver.log")"
        sleep 0.2
    done
}

# Until every host is a node that is ready, with its network; then the control planes are marked as kubeadm does.
nodes_wait() {
    [ -e "$RUN/cluster/apiserver" ] || return 0
    local host address role status wanted='' end=$((SECONDS + 120))
    api_wait
    while read -r host address role; do
        [ "$role" = spare ] || wanted="$wanted $host"
    done <"$RUN/hosts"
    for host in $wanted; do
        until status=$(api "$RUN/admin.conf" GET "/api/v1/nodes/$host") && [ "$(api_condition Ready <<<"$status")" = True ] &&
            [ "$(api_condition NetworkUnavailable <<<"$status")" = False ]; do
            [ "$SECONDS" -lt "$end" ] || die "the node $host is not ready: $(host_ssh "$host" journalctl --no-pager -n 5 -u kubelet)"
            sleep 0.2
        done
        [ "$(role_of "$host")" != control-plane ] || mark_control_plane "$RUN/admin.conf" "$host"
    done
}

# What the API server runs for `kubectl exec` and, with no command, for logs.
in_pod() { # NAMESPACE POD NODE CONTAINER [COMMAND...]
    local node=$3 container=$4 find
    grep -q "^$node " "$RUN/hosts" || die "no host $node"
    shift 4
    find="id=\$(crictl ps --all --quiet --name '^$container\$') && [ -n \"\$id\" ] || { echo 'the lab runs no container $container here' >&2; exit 126; }"
    if [ $# = 0 ]; then
        host_ssh "$node" "$find; [ -z '${PREVIOUS-}' ] || exit 1; crictl logs \$id"
    else
        host_ssh "$node" "$find; exec crictl exec \$id ${*@Q}"
    fi
}

# What kubeadm keeps about its cluster, besides what every cluster has.
apiserver_objects() {
    local endpoint
    endpoint=$(cat "$RUN/cluster/endpoint")
    cat <<TEXT
apiVersion: v1
kind: Namespace
metadata:
  name: kube-system
  uid: $(cat "$RUN/cluster/uid")
  labels: {kubernetes.io/metadata.name: kube-system}
spec: {finalizers: [kubernetes]}
status: {phase: Active}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kubeadm-config, namespace: kube-system}
data:
  ClusterConfiguration: |
    apiServer: {}
    apiVersion: kubeadm.k8s.io/v1beta4
    caCertificateValidityPeriod: 87600h0m0s
    certificateValidityPeriod: 8760h0m0s
    certificatesDir: /etc/kubernetes/pki
    clusterName: $NAME
    controlPlaneEndpoint: $endpoint
    controllerManager: {}
    dns: {}
    encryptionAlgorithm: ECDSA-P256
    etcd:
      local:
        dataDir: /var/lib/etcd
    imageRepository: registry.k8s.io
    kind: ClusterConfiguration
    kubernetesVersion: $KUBERNETES_VERSION
    networking:
      dnsDomain: cluster.local
      podSubnet: 10.244.0.0/16
      serviceSubnet: 10.96.0.0/12
    proxy: {}
    scheduler: {}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cluster-info, namespace: kube-public}
data:
  kubeconfig: |
    apiVersion: v1
    clusters:
    - cluster:
        certificate-authority-data: $(base64 -w0 "$RUN/cluster/ca.crt")
        server: https://$endpoint
      name: ""
    contexts: null
    current-context: ""
    kind: Config
    users: null
TEXT
}
