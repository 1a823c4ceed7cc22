# A client of etcd: every 50 ms it writes another key to whichever member answers and reads it again. Number and time (ms) of
# each write that was acknowledged are noted in the file `acknowledged`, what was read otherwise than written in `misread`.
endpoints=https://cp1:2379,https://cp2:2379,https://cp3:2379
export ETCDCTL_API=3
ask() {
    etcdctl --endpoints=$endpoints --cacert=ca.crt --cert=healthcheck-client.crt --key=healthcheck-client.key \
        --dial-timeout=500ms --command-timeout=1s "$@" 2>/dev/null
}
for ((i = 1; ; i++)); do
    if ask put "key-$i" "$i" >/dev/null; then
        echo "$i $(date +%s%3N)" >>acknowledged
        if read=$(ask get "key-$i" --print-value-only) && [ "$read" != "$i" ]; then echo "$i: $read" >>misread; fi
    fi
    sleep 0.05
done
