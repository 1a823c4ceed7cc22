# Keeps the data of etcd under another name, whole; nothing is deleted. Arguments: data directory, the other name, `rename` or
# `copy` (where etcd goes on from it). Done already: no change.
set -eu
data=$1 kept=$2 how=$3
[ -e "$data/member" ] && [ ! -e "$kept" ] || exit 0
if pgrep -x etcd >/dev/null 2>&1; then
  echo "etcd runs: its data is left alone" >&2
  exit 1
fi
umask 077
if [ "$how" = copy ]; then
  rm -rf "$kept.part"
  cp -a "$data" "$kept.part"
  mv -T "$kept.part" "$kept"
elif mountpoint -q "$data" 2>/dev/null; then
  # A disk of its own cannot be renamed: its content moves within it.
  kept=$data/$(basename "$kept")
  [ ! -e "$kept" ] || exit 0
  mkdir "$kept"
  mv "$data/member" "$kept/member"
else
  mv -T "$data" "$kept"
  mkdir "$data"
fi
sync
echo changed
