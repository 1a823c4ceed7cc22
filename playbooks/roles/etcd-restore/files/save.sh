# Saves a snapshot of this host's own member, which may have no quorum: whole, and checked against the hash at its end, or not
# at all. Arguments: the file, the data directory. One that is there is kept.
set -eu
file=$1 data=$2
[ ! -e "$file" ] || exit 0
umask 077
mkdir -p "$(dirname "$file")"
if command -v etcdctl >/dev/null 2>&1; then
  etcdctl=etcdctl part=$file.part
else
  # Inside of the container, the data directory is what both see.
  etcdctl="crictl exec $(crictl ps --name '^etcd$' --state running -q | head -n 1) etcdctl" part=$data/.muster-snapshot.db
fi
pki=/etc/kubernetes/pki/etcd
cert=healthcheck-client
[ -e "$pki/$cert.crt" ] || cert=server
rm -f "$part"
ETCDCTL_API=3 $etcdctl --endpoints=https://127.0.0.1:2379 --cacert="$pki/ca.crt" --cert="$pki/$cert.crt" --key="$pki/$cert.key" \
  --command-timeout=600s snapshot save "$part" >&2
[ "$part" = "$file.part" ] || mv "$part" "$file.part"
size=$(($(wc -c <"$file.part")))
hash=$(head -c $((size - 32)) "$file.part" | sha256sum | cut -d ' ' -f 1)
wanted=$(tail -c 32 "$file.part" | od -A n -v -t x1 | tr -d ' \n')
if [ $((size % 512)) -ne 32 ] || [ "$hash" != "$wanted" ]; then
  echo "the snapshot is broken: it says $wanted of itself and is $hash; it is kept as $file.part" >&2
  exit 1
fi
sync
mv "$file.part" "$file"
echo "changed $size"
