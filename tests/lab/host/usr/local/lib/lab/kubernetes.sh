# The files of a node, as kubeadm writes them. Read by the lab and by the hosts' kubeadm; ROOT is empty on a host.

KUBERNETES_VERSION=v1.36.2
ETCD_IMAGE=registry.k8s.io/etcd:3.4.23-0

# kubelet_files ROOT NODE ADDRESS ENDPOINT AUTHORITIES
kubelet_files() {
    mkdir -p "$1/var/lib/kubelet/pki" "$1/etc/kubernetes/pki" "$1/etc/kubernetes/manifests"
    [ "$5/ca.crt" -ef "$1/etc/kubernetes/pki/ca.crt" ] || cp "$5/ca.crt" "$1/etc/kubernetes/pki/ca.crt"
    pki_leaf "$5/ca" "$1/var/lib/kubelet/pki/client" "/O=system:nodes/CN=system:node:$2" clientAuth
    cat "$1/var/lib/kubelet/pki/client.crt" "$1/var/lib/kubelet/pki/client.key" >"$1/var/lib/kubelet/pki/kubelet-client-current.pem"
    rm "$1/var/lib/kubelet/pki/client.crt" "$1/var/lib/kubelet/pki/client.key"
    cat >"$1/etc/kubernetes/kubelet.conf" <<TEXT
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: $(base64 -w0 "$5/ca.crt")
    server: https://$4
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: system:node:$2
  name: system:node:$2@kubernetes
current-context: system:node:$2@kubernetes
kind: Config
preferences: {}
users:
- name: system:node:$2
  user:
    client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem
    client-key: /var/lib/kubelet/pki/kubelet-client-current.pem
TEXT
    cat >"$1/var/lib/kubelet/config.yaml" <<TEXT
apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous:
    enabled: false
  x509:
    clientCAFile: /etc/kubernetes/pki/ca.crt
cgroupDriver: systemd
clusterDNS:
- 10.96.0.10
clusterDomain: cluster.local
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
healthzBindAddress: 127.0.0.1
healthzPort: 10248
kind: KubeletConfiguration
rotateCertificates: true
staticPodPath: /etc/kubernetes/manifests
TEXT
    printf 'KUBELET_KUBEADM_ARGS="--node-ip=%s --pod-infra-container-image=registry.k8s.io/pause:3.10"\n' "$3" >"$1/var/lib/kubelet/kubeadm-flags.env"
}

# control_plane_files ROOT NODE ADDRESS ENDPOINT: all but etcd's manifest; the authorities are there
control_plane_files() {
    pki_control_plane "$1/etc/kubernetes/pki" "$2" "$3" "$4"
    authority=$1/etc/kubernetes/pki/ca
    kubeconfig "$1/etc/kubernetes/admin.conf" "$authority" "$4" kubernetes-admin /O=kubeadm:cluster-admins/CN=kubernetes-admin
    kubeconfig "$1/etc/kubernetes/super-admin.conf" "$authority" "$4" kubernetes-super-admin /O=system:masters/CN=kubernetes-super-admin
    kubeconfig "$1/etc/kubernetes/controller-manager.conf" "$authority" "$3:6443" system:kube-controller-manager /CN=system:kube-controller-manager
    kubeconfig "$1/etc/kubernetes/scheduler.conf" "$authority" "$3:6443" system:kube-scheduler /CN=system:kube-scheduler
    mkdir -p "$1/var/lib/etcd"
    chmod 700 "$1/var/lib/etcd"
    static_pod "$1" kube-apiserver "$3" "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint: $3:6443" "registry.k8s.io/kube-apiserver:$KUBERNETES_VERSION" <<TEXT
kube-apiserver
--advertise-address=$3
--client-ca-file=/etc/kubernetes/pki/ca.crt
--etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt
--etcd-certfile=/etc/kubernetes/pki/apiserver-etcd-client.crt
--etcd-keyfile=/etc/kubernetes/pki/apiserver-etcd-client.key
--etcd-servers=https://127.0.0.1:2379
--secure-port=6443
--service-account-issuer=https://kubernetes.default.svc.cluster.local
--service-account-key-file=/etc/kubernetes/pki/sa.pub
--service-account-signing-key-file=/etc/kubernetes/pki/sa.key
--service-cluster-ip-range=10.96.0.0/12
--tls-cert-file=/etc/kubernetes/pki/apiserver.crt
--tls-private-key-file=/etc/kubernetes/pki/apiserver.key
TEXT
    static_pod "$1" kube-controller-manager "$3" '' "registry.k8s.io/kube-controller-manager:$KUBERNETES_VERSION" <<TEXT
kube-controller-manager
--bind-address=127.0.0.1
--cluster-cidr=10.244.0.0/16
--kubeconfig=/etc/kubernetes/controller-manager.conf
--leader-elect=true
--root-ca-file=/etc/kubernetes/pki/ca.crt
--service-account-private-key-file=/etc/kubernetes/pki/sa.key
TEXT
    static_pod "$1" kube-scheduler "$3" '' "registry.k8s.io/kube-scheduler:$KUBERNETES_VERSION" <<TEXT
kube-scheduler
--bind-address=127.0.0.1
--kubeconfig=/etc/kubernetes/scheduler.conf
--leader-elect=true
TEXT
}

# etcd_manifest ROOT NODE ADDRESS MEMBERS: MEMBERS as etcd's --initial-cluster; more than one means that it joins them
etcd_manifest() {
    state=
    case $4 in *,*) state=--initial-cluster-state=existing ;; esac
    static_pod "$1" etcd "$3" "kubeadm.kubernetes.io/etcd.advertise-client-urls: https://$3:2379" "$ETCD_IMAGE" <<TEXT
etcd
--advertise-client-urls=https://$3:2379
--cert-file=/etc/kubernetes/pki/etcd/server.crt
--client-cert-auth=true
--data-dir=/var/lib/etcd
--experimental-initial-corrupt-check=true
--initial-advertise-peer-urls=https://$3:2380
--initial-cluster=$4${state:+
$state}
--key-file=/etc/kubernetes/pki/etcd/server.key
--listen-client-urls=https://127.0.0.1:2379,https://$3:2379
--listen-metrics-urls=http://127.0.0.1:2381
--listen-peer-urls=https://$3:2380
--name=$2
--peer-cert-file=/etc/kubernetes/pki/etcd/peer.crt
--peer-client-cert-auth=true
--peer-key-file=/etc/kubernetes/pki/etcd/peer.key
--peer-trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt
--snapshot-count=10000
--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt
TEXT
}

# static_pod ROOT NAME ADDRESS ANNOTATION IMAGE <COMMAND: a manifest, put in its place whole
static_pod() {
    manifest=$1/etc/kubernetes/manifests/$2.yaml
    {
        printf 'apiVersion: v1\nkind: Pod\nmetadata:\n'
        [ -z "$4" ] || printf '  annotations:\n    %s\n' "$4"
        printf '  labels:\n    component: %s\n    tier: control-plane\n  name: %s\n  namespace: kube-system\nspec:\n  containers:\n  - command:\n' "$2" "$2"
        sed 's/^/    - /'
        printf '    image: %s\n    imagePullPolicy: IfNotPresent\n    name: %s\n    volumeMounts:\n' "$5" "$2"
        printf '    - mountPath: /etc/kubernetes/pki\n      name: pki\n'
        [ "$2" != etcd ] || printf '    - mountPath: /var/lib/etcd\n      name: etcd-data\n'
        printf '  hostNetwork: true\n  priorityClassName: system-node-critical\n  volumes:\n'
        printf '  - hostPath:\n      path: /etc/kubernetes/pki\n      type: DirectoryOrCreate\n    name: pki\n'
        [ "$2" != etcd ] || printf '  - hostPath:\n      path: /var/lib/etcd\n      type: DirectoryOrCreate\n    name: etcd-data\n'
        printf 'status: {}\n'
    } >"$manifest.new"
    chmod 600 "$manifest.new"
    mv "$manifest.new" "$manifest"
}

# mark_control_plane KUBECONFIG NODE: labels and taint; api.sh is read
mark_control_plane() {
    api "$1" PATCH "/api/v1/nodes/$2" application/strategic-merge-patch+json >/dev/null <<TEXT
{"metadata": {"labels": {"node-role.kubernetes.io/control-plane": "", "node.kubernetes.io/exclude-from-external-load-balancers": ""}},
  "spec": {"taints": [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]}}
TEXT
}
