# Makes new data of etcd from a snapshot, for a cluster of this one member. Arguments: snapshot, data directory, name, peer URL,
# token, tool, `bump` where the revision is to be lifted. The data is put in its place whole; what is there already is kept.
set -eu
snapshot=$1 data=$2 name=$3 peer=$4 token=$5 tool=$6 bump=$7
# The token is written down beside the data: the second run knows its own work by it.
if [ -e "$data/member" ]; then
  if [ "$(cat "$data/.muster-restore" 2>/dev/null)" = "$token" ]; then exit 0; fi
  echo "$data is not empty, and not from this restore" >&2
  exit 1
fi
new=$data/.muster-restoring
rm -rf "$new"
set -- snapshot restore "$snapshot" --name "$name" --initial-cluster "$name=$peer" --initial-advertise-peer-urls "$peer" \
  --initial-cluster-token "$token" --data-dir "$new"
[ "$bump" != bump ] || set -- "$@" --bump-revision 1000000000 --mark-compacted
umask 077
mkdir -p "$data"
ETCDCTL_API=3 "$tool" "$@" >&2
printf '%s\n' "$token" >"$data/.muster-restore"
mv "$new/member" "$data/member"
rmdir "$new" 2>/dev/null || rm -rf "$new"
sync
echo changed
