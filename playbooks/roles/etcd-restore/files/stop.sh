# Stops the API server and etcd on this host by putting their manifests aside; nothing is deleted. Arguments: directory of
# manifests, directory to put them in. Prints `changed` where anything was running or in its place.
set -eu
manifests=$1 aside=$2
changed=
umask 077
mkdir -p "$aside"
for pod in kube-apiserver etcd; do
  if [ -e "$manifests/$pod.yaml" ]; then
    mv "$manifests/$pod.yaml" "$aside/$pod.yaml"
    changed=yes
  fi
done
running() { crictl ps --name "^($1)\$" --state running -q 2>/dev/null || true; }
seconds=0
while [ -n "$(running 'etcd|kube-apiserver')" ] || pgrep -x etcd >/dev/null 2>&1; do
  changed=yes
  # A kubelet that stands still stops nothing.
  if [ "$seconds" -ge 40 ] || ! systemctl is-active --quiet kubelet; then
    for id in $(running 'etcd|kube-apiserver'); do crictl stop "$id" >/dev/null 2>&1 || true; done
  fi
  if [ "$seconds" -ge 60 ]; then
    echo "etcd or the API server still runs after 60 s, though their manifests are in $aside: end them by hand, and run this again" >&2
    exit 1
  fi
  sleep 1
  seconds=$((seconds + 1))
done
[ -z "$changed" ] || echo changed
