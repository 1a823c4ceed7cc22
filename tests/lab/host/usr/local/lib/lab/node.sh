# What the kubelet tells the API server: that its node is there and how it is, that it lives, and how its static pods are.
# Read by the kubelet; STATE and MANIFESTS are its directories. A real kubelet renews its lease every ten seconds.

CONF=/etc/kubernetes/kubelet.conf
NODE=$(hostname)
RENEWS=2
REPORTS=10

node_report() {
    local known='' now next=0
    . /usr/local/lib/lab/api.sh
    . /usr/local/lib/lab/kubernetes.sh
    until node_register; do sleep 1; done
    echo "I \"Successfully registered node\" node=\"$NODE\""
    # By itself: a report takes its time on a busy machine.
    while :; do
        node_lease
        sleep "$RENEWS"
    done &
    trap 'kill $(jobs -p); exit 0' TERM
    while :; do
        now=$(node_state)
        if [ "$now" != "$known" ] || [ "$SECONDS" -ge "$next" ]; then
            node_status && node_pods && known=$now && next=$((SECONDS + REPORTS))
        fi
        sleep "$RENEWS" &
        wait $!
    done
}

node_address() { ip -4 -oneline address show scope global | awk '{ sub("/.*", "", $4); print $4; exit }'; }

node_register() {
    local address status=0
    address=$(node_address)
    api "$CONF" POST /api/v1/nodes application/json >/dev/null <<TEXT || status=$?
{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "$NODE",
  "labels": {"beta.kubernetes.io/arch": "amd64", "beta.kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "kubernetes.io/hostname": "$NODE", "kubernetes.io/os": "linux"},
  "annotations": {"node.alpha.kubernetes.io/ttl": "0", "volumes.kubernetes.io/controller-managed-attach-detach": "true",
    "kubeadm.alpha.kubernetes.io/cri-socket": "unix:///run/containerd/containerd.sock", "projectcalico.org/IPv4Address": "$address/24"}},
  "spec": {}, "status": {"addresses": [{"type": "InternalIP", "address": "$address"}, {"type": "Hostname", "address": "$NODE"}],
  "conditions": [{"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "[container runtime status check may not have completed yet]", "lastHeartbeatTime": "$(api_now)", "lastTransitionTime": "$(api_now)"}]}}
TEXT
    # One of this name may be there: from before a restart, or from a host that had the name.
    [ $status = 0 ] || [ $status = 9 ]
}

node_lease() {
    local at=/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases status=0
    api "$CONF" PATCH "$at/$NODE" application/merge-patch+json <<<"{\"spec\": {\"holderIdentity\": \"$NODE\", \"renewTime\": \"$(api_now_micro)\"}}" >/dev/null || status=$?
    [ $status = 4 ] || return 0
    api "$CONF" POST "$at" application/json >/dev/null <<TEXT || true
{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "$NODE", "namespace": "kube-node-lease"},
  "spec": {"holderIdentity": "$NODE", "leaseDurationSeconds": 40, "renewTime": "$(api_now_micro)"}}
TEXT
}

# All that a report depends on, in one line.
node_state() {
    local at
    runtime_answers && printf 'runtime %s ' "$(runtime_condition RuntimeReady)" "$(runtime_condition NetworkReady)"
    for at in "$STATE"/*/; do
        [ -e "$at/id" ] && printf '%s ' "$at" "$(cat "$at/id" "$at/attempt" "$at/manifest")" "$(pod_is "$(basename "$at")")"
    done
}

# Running, and whether it is ready: etcd and the API server are asked.
pod_is() { # POD
    systemctl -q is-active "cri-$1.service" || { echo 'false Exited' && return; }
    case $1 in
    etcd) curl -sf -m 2 -o /dev/null http://127.0.0.1:2381/health && echo 'true Running' || echo 'false Running' ;;
    kube-apiserver) [ ! -e /run/lab-apiserver/unready ] && echo 'true Running' || echo 'false Running' ;;
    *) echo 'true Running' ;;
    esac
}

node_status() {
    local object before ready=True reason=KubeletReady message='kubelet is posting ready status' now since conditions='' kind memory disk
    local runtime_is runtime_why runtime_said
    object=$(api "$CONF" GET "/api/v1/nodes/$NODE") || return 1
    before=$(api_condition Ready <<<"$object")
    runtime_answers || {
        ready=False reason=KubeletNotReady
        message='[container runtime is down, PLEG is not healthy: pleg was last seen active 3m0s ago; threshold is 3m0s]'
    }
    for kind in Network:'container runtime network' Runtime:'container runtime'; do
        { read -r runtime_is && read -r runtime_why && read -r runtime_said; } < <(runtime_condition "${kind%%:*}Ready") || true
        [ "$ready" = True ] && [ "$runtime_is" = false ] || continue
        ready=False reason=KubeletNotReady
        message="${kind#*:} not ready: ${kind%%:*}Ready=false reason:$runtime_why message:$runtime_said"
    done
    now=$(api_now)
    since=", \"lastTransitionTime\": \"$now\""
    for kind in MemoryPressure:KubeletHasSufficientMemory:'kubelet has sufficient memory available' \
        DiskPressure:KubeletHasNoDiskPressure:'kubelet has no disk pressure' PIDPressure:KubeletHasSufficientPID:'kubelet has sufficient PID available'; do
        IFS=: read -r kind condition_reason condition_message <<<"$kind"
        conditions+="{\"type\": \"$kind\", \"status\": \"False\", \"reason\": \"$condition_reason\", \"message\": \"$condition_message\", \"lastHeartbeatTime\": \"$now\""
        [ "$(api_condition "$kind" <<<"$object")" = False ] || conditions+=$since
        conditions+='}, '
    done
    [ "$before" != "$ready" ] || since=
    conditions+="{\"type\": \"Ready\", \"status\": \"$ready\", \"reason\": \"$reason\", \"message\": \"$message\", \"lastHeartbeatTime\": \"$now\"$since}"
    memory=$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)
    disk=$(df -k --output=size / | tail -1 | tr -d ' ')
    api_patch "$CONF" "/api/v1/nodes/$NODE/status" >/dev/null <<TEXT
{"status": {"conditions": [$conditions],
  "addresses": [{"type": "InternalIP", "address": "$(node_address)"}, {"type": "Hostname", "address": "$NODE"}],
  "capacity": {"cpu": "$(nproc)", "memory": "${memory}Ki", "ephemeral-storage": "${disk}Ki", "hugepages-2Mi": "0", "pods": "110"},
  "allocatable": {"cpu": "$(nproc)", "memory": "$((memory - 102400))Ki", "ephemeral-storage": "$((disk * 922))", "hugepages-2Mi": "0", "pods": "110"},
  "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
  "images": [{"names": ["registry.k8s.io/pause:3.10.1"], "sizeBytes": 320448}],
  "nodeInfo": {"architecture": "amd64", "bootID": "$(cat /proc/sys/kernel/random/boot_id)", "containerRuntimeVersion": "containerd://2.1.4", "kernelVersion": "$(uname -r)",
    "kubeProxyVersion": "", "kubeletVersion": "$KUBERNETES_VERSION", "machineID": "$(cat /etc/machine-id)", "operatingSystem": "linux",
    "osImage": "$(. /etc/os-release && echo "$PRETTY_NAME")", "systemUUID": "$(cat /etc/machine-id)"}}}
TEXT
}

# Each static pod has a mirror; a mirror without one goes.
node_pods() {
    local at=/api/v1/namespaces/kube-system/pods uid manifest pod known status again=0
    uid=$(api "$CONF" GET "/api/v1/nodes/$NODE" | api_text uid) || return 0
    known=$(api "$CONF" GET "$at?fieldSelector=spec.nodeName=$NODE" | grep -o "\"name\": *\"[a-z0-9-]*-$NODE\"" | cut -d'"' -f4 | sort -u)
    for manifest in "$MANIFESTS"/*.yaml; do
        pod=$(basename "$manifest" .yaml)
        [ -e "$STATE/$pod/id" ] || continue
        status=0
        pod_status "$pod" | api_patch "$CONF" "$at/$pod-$NODE/status" >/dev/null || status=$?
        [ $status = 4 ] || continue
        mirror "$pod" "$uid" <"$manifest" | api "$CONF" POST "$at" application/yaml >/dev/null || continue
        pod_status "$pod" | api_patch "$CONF" "$at/$pod-$NODE/status" >/dev/null
    done
    for pod in $known; do
        manifest=$MANIFESTS/${pod%-"$NODE"}.yaml
        # One whose manifest has changed is made again next time.
        [ -e "$manifest" ] && [ "$(cat "$STATE/${pod%-"$NODE"}/manifest" 2>/dev/null)" = "$(cat "$STATE/${pod%-"$NODE"}/mirrored" 2>/dev/null)" ] && continue
        api "$CONF" DELETE "$at/$pod" application/json >/dev/null <<<'{"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}'
        again=1
    done
    return $again
}

# The manifest as the kubelet sends it.
mirror() { # POD UID <MANIFEST
    local hash
    hash=$(cut -c1-32 "$STATE/$1/manifest")
    cp "$STATE/$1/manifest" "$STATE/$1/mirrored"
    awk -v name="$1-$NODE" -v node="$NODE" -v uid="$2" -v hash="$hash" -v seen="$(api_now)" '
        function annotations() {
            print "    kubernetes.io/config.hash: \"" hash "\"\n    kubernetes.io/config.mirror: \"" hash "\""
            print "    kubernetes.io/config.seen: \"" seen "\"\n    kubernetes.io/config.source: file"
        }
        /^metadata:/ { print; inside = 1; next }
        /^spec:/ {
            if (!done) { print "  annotations:"; annotations() }
            print "  ownerReferences:\n  - {apiVersion: v1, kind: Node, name: " node ", uid: " uid ", controller: true}"
            print; print "  nodeName: " node "\n  tolerations:\n  - {effect: NoExecute, operator: Exists}"; inside = 0; next
        }
        inside && /^  annotations:/ { print; annotations(); done = 1; next }
        inside && /^  name:/ { print "  name: " name; next }
        /^status:/ { exit }
        { print }'
}

pod_status() { # POD
    local at=$STATE/$1 is ready phase state started address now
    read -r ready is <<<"$(pod_is "$1")"
    address=$(node_address)
    now=$(api_now)
    started=$(date -u -d "@$(cat "$at/created")" +%FT%TZ)
    state="{\"running\": {\"startedAt\": \"$started\"}, \"waiting\": null}"
    [ "$is" = Running ] || state='{"running": null, "waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}}'
    phase=False
    [ "$ready" = false ] || phase=True
    # The time of a transition is that of the last change of this line.
    [ "$(cut -d' ' -f1 "$at/ready" 2>/dev/null)" = "$phase" ] || echo "$phase $now" >"$at/ready"
    read -r _ now <"$at/ready"
    cat <<TEXT
{"status": {"phase": "Running", "hostIP": "$address", "hostIPs": [{"ip": "$address"}], "podIP": "$address", "podIPs": [{"ip": "$address"}], "startTime": "$started",
  "conditions": [{"type": "PodReadyToStartContainers", "status": "True", "lastTransitionTime": "$started"}, {"type": "Initialized", "status": "True", "lastTransitionTime": "$started"},
    {"type": "Ready", "status": "$phase", "lastTransitionTime": "$now"}, {"type": "ContainersReady", "status": "$phase", "lastTransitionTime": "$now"},
    {"type": "PodScheduled", "status": "True", "lastTransitionTime": "$started"}],
  "containerStatuses": [{"name": "$1", "image": "$(cat "$at/image")", "imageID": "$(cat "$at/image")", "containerID": "containerd://$(cat "$at/id")", "ready": $ready,
    "started": $([ "$is" = Running ] && echo true || echo false), "restartCount": $(cat "$at/attempt"), "lastState": {}, "state": $state}]}}
TEXT
}
