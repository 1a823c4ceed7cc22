# Starts static pods whose manifests were put aside. Arguments: directory of manifests, where they were put, the pod, and for
# etcd the members it starts with as --initial-cluster, `new` or `existing`, and `force` to start a new cluster from its data.
set -eu
manifests=$1 aside=$2 pod=$3 cluster=${4-} state=${5-} force=${6-}
from=$aside/$pod.yaml
[ -e "$from" ] || from=$manifests/$pod.yaml
[ -e "$from" ] || { echo "there is no manifest of $pod, neither in $aside nor in $manifests" >&2; exit 1; }
umask 077
mkdir -p "$aside"
new=$aside/.$pod.yaml.new
if [ "$pod" = etcd ]; then
  awk -v cluster="$cluster" -v state="$state" -v force="$force" '
    /^ *- --initial-cluster-state=/ || /^ *- --force-new-cluster/ { next }
    /^ *- --initial-cluster=/ {
      indent = $0; sub(/- --initial-cluster=.*/, "", indent)
      print indent "- --initial-cluster=" cluster
      if (state == "existing") print indent "- --initial-cluster-state=existing"
      if (force == "force") print indent "- --force-new-cluster=true"
      next
    }
    { print }' "$from" >"$new"
else
  cat "$from" >"$new"
fi
if ! cmp -s "$new" "$manifests/$pod.yaml"; then
  # Beside the others first, under a name that the kubelet does not read, so that it appears whole.
  cp "$new" "$manifests/.$pod.muster"
  mv "$manifests/.$pod.muster" "$manifests/$pod.yaml"
  echo changed
fi
rm -f "$new"
systemctl is-active --quiet kubelet || { systemctl start kubelet; echo changed; }
