# Whether a snapshot is whole: the hash of it is its last 32 bytes. Argument: the file. A copy of a member's own database has none.
set -eu
size=$(($(wc -c <"$1")))
hash=$(head -c $((size - 32)) "$1" | sha256sum | cut -d ' ' -f 1)
wanted=$(tail -c 32 "$1" | od -A n -v -t x1 | tr -d ' \n')
[ $((size % 512)) -eq 32 ] && [ "$hash" = "$wanted" ] || { echo "$1 is no whole snapshot of etcd" >&2; exit 1; }
