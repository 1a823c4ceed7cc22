# What runs this control plane, as lines of `name=value`. Changes nothing.
manifests=/etc/kubernetes/manifests
say() { printf '%s=%s\n' "$1" "$2"; }
has_unit() { systemctl cat "$1.service" >/dev/null 2>&1; }
say kubelet "$(systemctl is-active kubelet 2>/dev/null)"
for unit in k3s rke2-server k0scontroller; do
  ! has_unit "$unit" || say unit "$unit"
done
for unit in k3s-agent rke2-agent k0sworker; do
  ! has_unit "$unit" || say agent "$unit"
done
[ ! -d /var/snap/microk8s/current ] || say unit microk8s
if [ -e "$manifests/etcd.yaml" ]; then say etcd pod; elif systemctl is-enabled --quiet etcd 2>/dev/null; then say etcd unit; fi
if [ -e "$manifests/kube-apiserver.yaml" ]; then
  say apiserver pod
  say etcd_servers "$(sed -n 's/^ *- --etcd-servers=//p' "$manifests/kube-apiserver.yaml" | head -n 1)"
  say addresses "$(hostname -I 2>/dev/null)"
elif [ -d /etc/eks ]; then say managed EKS
elif [ -e /etc/kubernetes/azure.json ] || [ -d /opt/azure/containers ]; then say managed AKS
elif [ -d /home/kubernetes/bin ]; then say managed GKE
fi
exit 0
