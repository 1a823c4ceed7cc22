# What this control plane host knows of etcd, as lines of `name=value`. Changes nothing. Arguments: data directory, directory
# of manifests, directory where a restore has put manifests aside.
data=$1 manifests=$2 aside=$3
say() { printf '%s=%s\n' "$1" "$2"; }
field() { printf '%s' "$1" | sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p" | head -n 1; }
hex() { [ -z "$1" ] || printf '%x' "$1"; }

file=
for found in "$manifests/etcd.yaml" "$aside/etcd.yaml"; do
  if [ -e "$found" ]; then file=$found; break; fi
done
say manifest "$file"
if [ -n "$file" ]; then
  flag() { sed -n "s/^ *- --$1=//p" "$file" | head -n 1; }
  say name "$(flag name)"
  say peer "$(flag initial-advertise-peer-urls)"
  say flags_data "$(flag data-dir)"
fi
if [ -e /etc/kubernetes/kubelet.conf ]; then say fresh no; else say fresh yes; fi
if command -v kubeadm >/dev/null 2>&1; then say kubeadm yes; else say kubeadm no; fi
if systemctl is-active --quiet kubelet 2>/dev/null; then say kubelet active; else say kubelet stopped; fi
pki=/etc/kubernetes/pki/etcd
[ ! -r "$pki/ca.crt" ] || say authority "$(sha256sum <"$pki/ca.crt" | cut -c 1-16)"
[ ! -d "$data/member/wal" ] || say stored yes

# The restore needs a program on the host: while etcd stands still there is no container to run one in.
tool=
if command -v etcdutl >/dev/null 2>&1; then tool=etcdutl
elif command -v etcdctl >/dev/null 2>&1 && ETCDCTL_API=3 etcdctl snapshot restore --help >/dev/null 2>&1; then tool=etcdctl
fi
say tool "$tool"
if [ -n "$tool" ] && ETCDCTL_API=3 "$tool" snapshot restore --help 2>&1 | grep -q bump-revision; then say bump yes; else say bump no; fi

etcdctl=
if command -v etcdctl >/dev/null 2>&1; then etcdctl=etcdctl
elif command -v crictl >/dev/null 2>&1; then
  id=$(crictl ps --name '^etcd$' --state running -q 2>/dev/null | head -n 1)
  [ -z "$id" ] || etcdctl="crictl exec $id etcdctl"
fi
[ -n "$etcdctl" ] || exit 0
cert=healthcheck-client
[ -e "$pki/$cert.crt" ] || cert=server
ask() {
  ETCDCTL_API=3 $etcdctl --endpoints=https://127.0.0.1:2379 --cacert="$pki/ca.crt" --cert="$pki/$cert.crt" --key="$pki/$cert.key" \
    --dial-timeout=3s --command-timeout=5s "$@" 2>/dev/null
}
if status=$(ask endpoint status -w json) && [ -n "$status" ]; then
  say running yes
  say cluster "$(hex "$(field "$status" cluster_id)")"
  say member "$(hex "$(field "$status" member_id)")"
  leader=$(field "$status" leader)
  say leader "$(hex "${leader:-0}")"
  say term "$(field "$status" raftTerm)"
  say index "$(field "$status" raftIndex)"
  say revision "$(field "$status" revision)"
  say size "$(field "$status" dbSize)"
  say version "$(printf '%s' "$status" | sed -n 's/.*"version":"\([^"]*\)".*/\1/p')"
  # The count is of all of them, whatever the limit.
  say keys "$(field "$(ask get '' --from-key --keys-only --limit=1 --consistency=s -w json)" count)"
  # A leader that was there a moment ago may be gone: only a read that needs a quorum tells.
  if ask get muster-quorum --consistency=l >/dev/null; then say quorum yes; else say quorum no; fi
elif [ -e "$data/member/snap/db" ] && [ "$etcdctl" = etcdctl ]; then
  say revision "$(field "$(ETCDCTL_API=3 timeout 10 etcdctl snapshot status "$data/member/snap/db" -w json 2>/dev/null)" revision)"
fi
exit 0
