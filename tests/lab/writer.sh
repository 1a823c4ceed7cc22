# A client of etcd: writes another key every 50 ms to whichever member answers, and notes number and time (ms) of each write
# that was acknowledged in the file `acknowledged`.
endpoints=https://cp1:2379,https://cp2:2379,https://cp3:2379
export ETCDCTL_API=3
for ((i = 1; ; i++)); do
    if etcdctl --endpoints=$endpoints --cacert=ca.crt --cert=healthcheck-client.crt --key=healthcheck-client.key \
        --dial-timeout=500ms --command-timeout=1s put "key-$i" "$i" >/dev/null 2>&1; then
        echo "$i $(date +%s%3N)" >>acknowledged
    fi
    sleep 0.05
done
