# The API server of a lab: the double of tests/apiserver on this machine's end of the bridge, the address that kubeadm
# calls the control plane endpoint. Port 6443 of each control plane leads to it (see host/usr/local/bin/kube-apiserver).
# It signs with an authority of its own: the kubeconfig it writes is the admin.conf of every control plane.
# shellcheck shell=bash

apiserver_start() {
    [ -e "$RUN/cluster/apiserver" ] || return 0
    local host address role end=$((SECONDS + 20))
    [ -e "$RUN/objects.yaml" ] || apiserver_objects >"$RUN/objects.yaml"
    rm -f "$RUN/cluster/admin.conf"
    setsid "$(cat "$RUN/cluster/apiserver")" --listen "$(cat "$RUN/cluster/endpoint")" --kubeconfig "$RUN/cluster/admin.conf" \
        --empty --objects "$RUN/objects.yaml" </dev/null >>"$RUN/apiserver.log" 2>&1 9>&- &
    echo $! >"$RUN/apiserver.pid"
    until [ -s "$RUN/cluster/admin.conf" ]; do
        kill -0 "$(cat "$RUN/apiserver.pid")" 2>/dev/null && [ "$SECONDS" -lt "$end" ] ||
            die "the API server did not start: $(tail -n 3 "$RUN/apiserver.log")"
        sleep 0.1
    done
    while read -r host address role; do
        [ "$role" != control-plane ] || install -m 600 "$RUN/cluster/admin.conf" "$RUN/$host/root/etc/kubernetes/admin.conf"
    done <"$RUN/hosts"
}

apiserver_stop() {
    [ -e "$RUN/apiserver.pid" ] || return 0
    kill "$(cat "$RUN/apiserver.pid")" 2>/dev/null || true
    rm -f "$RUN/apiserver.pid"
}

# The nodes and static pods of the hosts, Ready, and what kubeadm keeps about its cluster.
apiserver_objects() {
    local host address role pod created
    created=$(date -u +%FT%TZ)
    for pod in default kube-system kube-public kube-node-lease; do
        printf -- '---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: %s\n' "$pod"
        [ "$pod" != kube-system ] || printf '  uid: %s\n' "$(cat "$RUN/cluster/uid")"
    done
    cat <<TEXT
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kubeadm-config, namespace: kube-system}
data:
  ClusterConfiguration: |
    apiVersion: kubeadm.k8s.io/v1beta4
    certificatesDir: /etc/kubernetes/pki
    clusterName: $NAME
    controlPlaneEndpoint: $(cat "$RUN/cluster/endpoint")
    etcd:
      local:
        dataDir: /var/lib/etcd
    kind: ClusterConfiguration
    kubernetesVersion: $KUBERNETES_VERSION
    networking:
      dnsDomain: cluster.local
      podSubnet: 10.244.0.0/16
      serviceSubnet: 10.96.0.0/12
TEXT
    while read -r host address role; do
        [ "$role" != spare ] || continue
        cat <<TEXT
---
apiVersion: v1
kind: Node
metadata:
  name: $host
  labels: {kubernetes.io/hostname: $host, kubernetes.io/os: linux$([ "$role" = node ] || echo ', node-role.kubernetes.io/control-plane: ""')}
spec: {}
status:
  addresses:
  - {type: InternalIP, address: $address}
  - {type: Hostname, address: $host}
  conditions:
  - {type: Ready, status: "True", reason: KubeletReady, message: kubelet is posting ready status, lastHeartbeatTime: "$created", lastTransitionTime: "$created"}
  nodeInfo: {architecture: amd64, kubeletVersion: $KUBERNETES_VERSION, containerRuntimeVersion: "containerd://2.1.4", operatingSystem: linux, osImage: Debian GNU/Linux 12 (bookworm)}
TEXT
        [ "$role" = control-plane ] || continue
        for pod in etcd kube-apiserver kube-controller-manager kube-scheduler; do
            cat <<TEXT
---
apiVersion: v1
kind: Pod
metadata:
  name: $pod-$host
  namespace: kube-system
  labels: {component: $pod, tier: control-plane}
  annotations: {kubernetes.io/config.source: file, kubernetes.io/config.mirror: $host-$pod}
spec:
  nodeName: $host
  hostNetwork: true
  priorityClassName: system-node-critical
  containers:
  - {name: $pod, image: "registry.k8s.io/$pod:$KUBERNETES_VERSION"}
status:
  phase: Running
  hostIP: $address
  podIP: $address
  conditions:
  - {type: Ready, status: "True", lastTransitionTime: "$created"}
  containerStatuses:
  - {name: $pod, ready: true, restartCount: 0, image: "registry.k8s.io/$pod:$KUBERNETES_VERSION", state: {running: {startedAt: "$created"}}}
TEXT
        done
    done <"$RUN/hosts"
}
