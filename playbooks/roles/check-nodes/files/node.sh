# Says how a node is, one `key=value` a line. Reads only. Needs a POSIX shell and what busybox has; what cannot be found
# out is left out, and a check on it then says "unknown".
# Words: `unit NAME`, `minutes N` (how far back restarts count), `hours N` (and the kernel's messages), `pattern NAME=REGEX`,
# `certificates GLOB`, `kubeconfigs GLOB`, `component NAME`, `resolve NAME`, `config PATH` (of the kubelet), `container KIND`.
# No private key leaves the machine: whether one belongs to its certificate is told here.
# Read whole before it runs, so that nothing it starts can eat the rest of it.
node() {
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
say() { printf '%s=%s\n' "$1" "$2"; }
told() { [ -n "$2" ] && say "$1" "$2"; }
has() { command -v "$1" >/dev/null 2>&1; }
first() { head -n 1 "$1" 2>/dev/null; }
# What may hang ends after ten seconds.
brief() { if has timeout; then timeout 10 "$@"; else "$@"; fi; }
given=$(for word in "$@"; do printf '%s\n' "$word"; done)
wanted() { printf '%s\n' "$given" | sed -n "s/^$1 //p"; }
minutes=$(wanted minutes)
hours=$(wanted hours)
say now "$(date +%s)"

# Units: what systemd says of them, and how often it had to start them again of late.
wanted unit | while read -r name; do
  has systemctl || continue
  shown=$(brief systemctl show "$name.service" -p LoadState -p ActiveState -p SubState -p UnitFileState 2>/dev/null)
  printf '%s\n' "$shown" | sed -n "s/^\([A-Za-z]*\)=/unit.$name.\1=/p"
  case $shown in *LoadState=not-found*) continue ;; esac
  has journalctl || continue
  # A restart has this number among systemd's messages.
  again=$(brief journalctl -q --no-pager -o cat --since "-${minutes}min" UNIT="$name.service" MESSAGE_ID=5eb03494b6584870a536b337290809b3 2>/dev/null) || continue
  say "unit.$name.restarts" "$(printf '%s' "$again" | grep -c .)"
  told "unit.$name.said" "$(brief journalctl -q --no-pager -o cat -p err -n 1 -u "$name" 2>/dev/null | cut -c1-300 | tail -n 1)"
done

# A page: `STATUS BODY`, or what went wrong. Over TLS nobody is verified: these are the machine's own ports.
page() {
  if has curl; then
    curl -sSk -m 10 -w '\n%{http_code}' "$1" 2>&1 | awk '{l[NR] = $0} END {
      if (l[NR] == "000") {print l[1]} else {printf "%s", l[NR]; for (i = 1; i < NR && i < 20; i++) printf " %s", l[i]; print ""}}' | cut -c1-300
  elif has wget; then
    brief wget -q -S --no-check-certificate -T 10 -O - "$1" 2>&1 | awk '/HTTP\// && !c {c = $2; next} /^  [A-Za-z-]*:/ {next} {b = b " " $0} END {print (c ? c b : b)}' | cut -c1-300
  elif has bash && has timeout; then
    case $1 in https:*) return ;; esac
    at=${1#http://}
    timeout 10 bash -c 'exec 3<>"/dev/tcp/$0/$1" && printf "GET /%s HTTP/1.0\r\n\r\n" "$2" >&3 && cat <&3' "${at%%:*}" "$(echo "$at" | sed 's/^[^:]*:\([0-9]*\).*/\1/')" "${at#*/}" 2>&1 |
      tr -d '\r' | awk 'NR == 1 && /^HTTP/ {printf "%s", $2; next} NR == 1 {print; exit} b {printf " %s", $0} $0 == "" {b = 1} END {print ""}' | cut -c1-300
  fi
}
# An older program has no /livez.
alive() {
  answer=$(page "$1/livez")
  case $answer in 404*) answer=$(page "$1/$2") ;; esac
  printf '%s' "$answer"
}

# The kubelet.
config=$(wanted config)
setting() { [ -r "$config" ] && sed -n "s/^$1: *//p" "$config" | tr -d "\"'" | head -n 1; }
flag() { # of the kubelet, as it runs
  for p in /proc/[0-9]*; do
    [ "$(first "$p/comm")" = kubelet ] || continue
    tr '\0' '\n' <"$p/cmdline" 2>/dev/null | sed -n "s/^--$1[= ]*//p" | head -n 1
    return
  done
}
if [ -r "$config" ]; then
  driver=$(flag cgroup-driver)
  [ -n "$driver" ] || driver=$(setting cgroupDriver)
  say kubelet.driver "${driver:-cgroupfs}"
fi
dns=$([ -r "$config" ] && awk '/^clusterDNS:/ {on = 1; next} on && /^ *- / {print $2; next} on {exit}' "$config" | tr -d "\"'")
told kubelet.dns "$(printf '%s' "$dns" | tr '\n' ' ')"
told kubelet.domain "$(setting clusterDomain)"
told kubelet.name "$(flag hostname-override)"
port=$(setting healthzPort)
told kubelet.healthz "$(page "http://127.0.0.1:${port:-10248}/healthz")"
if has kubelet; then told kubelet.version "$(brief kubelet --version 2>/dev/null | awk '{print $2}')"; fi
# kube-proxy, where it runs.
if grep -qx kube-proxy /proc/[0-9]*/comm 2>/dev/null; then
  say proxy.runs yes
  told proxy.healthz "$(alive http://127.0.0.1:10256 healthz)"
else say proxy.runs no
fi

# The container runtime, by its socket.
socket=$(setting containerRuntimeEndpoint)
[ -n "$socket" ] || for at in /run/containerd/containerd.sock /var/run/crio/crio.sock /run/cri-dockerd.sock; do
  [ ! -S "$at" ] || { socket=unix://$at; break; }
done
told cri.socket "$socket"
case $socket in *containerd*) say cri.unit containerd ;; *crio*) say cri.unit crio ;; *cri-dockerd*) say cri.unit cri-docker ;; esac
# What it says, without the warnings of crictl about itself.
cri() {
  spoken=$(brief crictl ${socket:+-r "$socket"} "$@" 2>&1)
  ended=$?
  printf '%s\n' "$spoken" | sed -e '/^time=.* level=warning /d' -e '/^time=.* level=info /d' -e '/^WARN\[/d' -e '/^INFO\[/d'
  return "$ended"
}
runs=
if has crictl; then
  say cri.tool yes
  if info=$(cri info); then
    runs=yes
    say cri.info "$(printf '%s' "$info" | tr -d '\n')"
    said=$(cri runtime-config)
    case $said in
      *SYSTEMD*) say cri.driver systemd ;;
      *CGROUPFS*) say cri.driver cgroupfs ;;
      *)
        case $info in
          *'"systemdCgroup": true'* | *'"SystemdCgroup": true'* | *'"systemdCgroup":true'* | *'"SystemdCgroup":true'*) say cri.driver systemd ;;
          *'"systemdCgroup": false'* | *'"SystemdCgroup": false'* | *'"systemdCgroup":false'* | *'"SystemdCgroup":false'*) say cri.driver cgroupfs ;;
        esac ;;
    esac
    told cri.version "$(cri version | sed -n 's/^Runtime\(Name\|Version\): *//p' | paste -sd' ' - 2>/dev/null)"
  else say cri.error "$(printf '%s' "${info:-crictl said nothing for ten seconds}" | tail -n 1 | sed 's/^time=.* msg="\(.*\)"$/\1/; s/^FATA\[[0-9]*\] *//; s/\\"/"/g' | cut -c1-300)"
  fi
else say cri.tool no
fi

# Static pods: their manifests, whether their containers run, whether they answer.
manifests=$(setting staticPodPath)
manifests=${manifests:-/etc/kubernetes/manifests}
if ls "$manifests" >/dev/null 2>&1 || [ ! -e "$manifests" ]; then
  say manifests.directory "$manifests"
  for file in "$manifests"/*; do
    # The kubelet passes over names that begin with a dot.
    if [ -f "$file" ] && has base64; then say "manifest.${file##*/}" "$(base64 <"$file" | tr -d '\n')"; fi
  done
fi
option() { sed -n "s/^ *- *\"\{0,1\}--$1=\([^\"]*\)\"\{0,1\} *$/\1/p" "$manifests/$2.yaml" 2>/dev/null | head -n 1; }
local_() { case $1 in ''|0.0.0.0|::) echo 127.0.0.1 ;; *:*) echo "[$1]" ;; *) echo "$1" ;; esac; }
components=$(wanted component)
names=
for name in $components; do
  [ -e "$manifests/$name.yaml" ] || continue
  names="$names|$name"
  case $name in
    kube-apiserver) port=$(option secure-port "$name") && at=https://$(local_ "$(option bind-address "$name")"):${port:-6443} && path=healthz ;;
    kube-controller-manager) port=$(option secure-port "$name") && at=https://$(local_ "$(option bind-address "$name")"):${port:-10257} && path=healthz ;;
    kube-scheduler) port=$(option secure-port "$name") && at=https://$(local_ "$(option bind-address "$name")"):${port:-10259} && path=healthz ;;
    etcd) at=$(option listen-metrics-urls "$name") && at=${at%%,*} && at=${at:-http://127.0.0.1:2381} && path=health ;;
    *) continue ;;
  esac
  told "livez.$name" "$(alive "$at" "$path")"
  [ "$name" != kube-apiserver ] || told api.version "$(page "$at/version" | sed -n 's/.*"gitVersion": *"\([^"]*\)".*/\1/p')"
done
told api.image "$(sed -n 's/^ *image: *[^ ]*kube-apiserver:\(v[^ @]*\).*/\1/p' "$manifests/kube-apiserver.yaml" 2>/dev/null | head -n 1)"
if [ -e "$manifests/kube-apiserver.yaml" ]; then
  at=$(option advertise-address kube-apiserver) port=$(option secure-port kube-apiserver)
  [ -z "$at" ] || say api.address "$(local_ "$at"):${port:-6443}"
fi
told etcd.servers "$(option etcd-servers kube-apiserver)"
if [ -n "$runs" ] && [ -n "$names" ]; then
  if found=$(cri ps -a --name "^(${names#|})\$" -o json); then say cri.static "$(printf '%s' "$found" | tr -d '\n')"; fi
fi
# What runs, as namespace/name; and addresses that a network plugin keeps for pods that are gone.
if [ -n "$runs" ] && pods=$(cri pods --state ready -o json); then
  say cri.pods "$(printf '%s' "$pods" | tr '{}' '\n\n' | awk '
    /"io.kubernetes.pod.name"/ {
      n = s = $0; sub(/.*"io.kubernetes.pod.name": *"/, "", n); sub(/".*/, "", n)
      sub(/.*"io.kubernetes.pod.namespace": *"/, "", s); sub(/".*/, "", s); printf "%s%s/%s", d, s, n; d = " "
    }')"
fi
configs=
for file in /etc/cni/net.d/*.conf /etc/cni/net.d/*.conflist /etc/cni/net.d/*.json; do
  [ ! -f "$file" ] || configs="$configs ${file##*/}"
done
say cni.configs "${configs# }"
stale=
for dir in /var/lib/cni/networks/*/; do
  [ -d "$dir" ] || continue
  name=$(basename "$dir")
  grep -qs "\"name\": *\"$name\"" /etc/cni/net.d/* || stale="$stale $name"
done
say cni.stale "${stale# }"
if [ -n "$runs" ] && ids=$(cri pods -q --no-trunc); then
  leaked=0
  for file in /var/lib/cni/networks/*/*; do
    case ${file##*/} in *.*.*.*|*:*) ;; *) continue ;; esac
    printf '%s\n' "$ids" | grep -qx "$(first "$file" | tr -d '\r')" || leaked=$((leaked + 1))
  done
  say cni.leaked "$leaked"
fi

# Certificates, each on a line, and whether their keys belong to them.
block() { # the base64 letters of each block of a kind, one a line: KIND <PEM
  awk -v kind="$1" '/-----BEGIN / {on = ($0 ~ kind "-----"); t = ""; next} /-----END / {if (on) print t; on = 0; next} on {gsub(/[ \t\r]/, ""); t = t $0}'
}
hexed() { base64 -d 2>/dev/null | od -An -v -tx1 | tr -d ' \n'; }
# Whether the public half of the key in $2 is in the certificate in $1, both as base64. It is in both of their encodings.
belongs() {
  certificate=$(printf '%s' "$1" | hexed) key=$(printf '%s' "$2" | hexed) half=
  case $key in
    *2a8648ce3d*|*2b81040022*|*2b81040023*) # a point on a curve, at the end, if it is there
      case $key in
        *03420004*) half=04$(printf '%.128s' "${key##*03420004}") ;;
        *03620004*) half=04$(printf '%.192s' "${key##*03620004}") ;;
        *0381860004*) half=04$(printf '%.264s' "${key##*0381860004}") ;;
      esac ;;
    *0282010100*) half=$(printf '%.512s' "${key#*0282010100}") ;;
    *0282018100*) half=$(printf '%.768s' "${key#*0282018100}") ;;
    *0282020100*) half=$(printf '%.1024s' "${key#*0282020100}") ;;
  esac
  if [ -n "$half" ]; then case $certificate in *"$half"*) echo yes ;; *) echo no ;; esac
  elif has openssl; then
    half=$(printf -- '-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n' "$2" | openssl pkey -pubout 2>/dev/null) || return
    [ "$half" = "$(printf -- '-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n' "$1" | openssl x509 -noout -pubkey 2>/dev/null)" ] && echo yes || echo no
  fi
}
can=
if has base64 && has od && has awk; then can=yes; fi
pair() { # NAME, the certificates and the key as PEM
  letters=$(printf '%s\n' "$2" | block CERTIFICATE)
  if [ -z "$letters" ]; then say "certificate.$1" none; return; fi
  n=1
  printf '%s\n' "$letters" | while read -r one; do
    if [ $n = 1 ]; then say "certificate.$1" "$one"; else say "certificate.$1#$n" "$one"; fi
    n=$((n + 1))
  done
  key=$(printf '%s\n' "$3" | block 'PRIVATE KEY' | head -n 1)
  if [ -n "$key" ] && [ -n "$can" ]; then told "key.$1" "$(belongs "$(printf '%s\n' "$letters" | head -n 1)" "$key")"; fi
}
wanted certificates | while read -r glob; do
  for file in $glob; do
    [ -r "$file" ] || continue
    case $file in
      *.crt) if [ -r "${file%.crt}.key" ]; then key=$(cat "${file%.crt}.key"); else key=; fi ;;
      *) key=$(cat "$file") ;;
    esac
    pair "$file" "$(cat "$file")" "$key"
  done
done
wanted kubeconfigs | while read -r glob; do
  for file in $glob; do
    [ -r "$file" ] || continue
    told "server.$file" "$(sed -n 's/^ *server: *//p' "$file" | tr -d "\"'" | head -n 1)"
    inner() { sed -n "s/^ *$1: *//p" "$file" | tr -d "\"'" | head -n 1; }
    data=$(inner client-certificate-data)
    [ -n "$data" ] || continue
    pair "$file" "$(printf '%s' "$data" | base64 -d 2>/dev/null)" "$(inner client-key-data | base64 -d 2>/dev/null)"
  done
done

# The kernel: its messages of the last hours, what conntrack holds, who made packet filter rules, processes.
if log=$(dmesg 2>/dev/null) && [ -n "$log" ]; then :
elif has journalctl && log=$(brief journalctl -kq -b --no-pager -o short-monotonic 2>/dev/null) && [ -n "$log" ]; then :
else log=
fi
if [ -n "$log" ]; then
  since=$(awk -v h="$hours" '{print $1 - h * 3600}' /proc/uptime)
  log=$(printf '%s\n' "$log" | awk -v since="$since" '{
    sub(/^<[0-9]+>/, ""); if (match($0, /^\[ *[0-9]+\.[0-9]+\]/)) {t = substr($0, 2, RLENGTH - 2) + 0; if (t < since) next} print}')
  say kernel.log yes
  wanted pattern | while read -r line; do
    name=${line%%=*} regex=${line#*=}
    say "kernel.$name" "$(printf '%s\n' "$log" | grep -E -- "$regex" | awk '{l = $0} END {if (NR) print NR " times, last: " l}' | cut -c1-300)"
  done
elif [ -n "$(wanted container)" ]; then say kernel.log container
fi
told conntrack.count "$(first /proc/sys/net/netfilter/nf_conntrack_count)"
told conntrack.max "$(first /proc/sys/net/netfilter/nf_conntrack_max)"
told tasks.count "$(awk '{split($4, a, "/"); print a[2]}' /proc/loadavg 2>/dev/null)"
told tasks.max "$(awk 'NR == 1 || $1 < m {m = $1} END {print m}' /proc/sys/kernel/pid_max /proc/sys/kernel/threads-max 2>/dev/null)"
rules() { brief "$@" 2>/dev/null | grep -c '^-A'; }
legacy=0
# Asked only where there are tables, as asking makes some.
for family in ip ip6; do
  grep -q . "/proc/net/${family}_tables_names" 2>/dev/null || continue
  if has "${family}tables-legacy-save"; then legacy=$((legacy + $(rules "${family}tables-legacy-save")))
  elif has "${family}tables-save" && "${family}tables-save" --version 2>/dev/null | grep -q legacy; then legacy=$((legacy + $(rules "${family}tables-save")))
  fi
done
say iptables.legacy "$legacy"
if has iptables-nft-save; then
  nft=$(rules iptables-nft-save)
  if has ip6tables-nft-save; then nft=$((nft + $(rules ip6tables-nft-save))); fi
  say iptables.nft "$nft"
elif has iptables-save && iptables-save --version 2>/dev/null | grep -q nf_tables; then
  say iptables.nft "$(rules iptables-save)"
else say iptables.nft 0
fi

# Name servers: whether each says anything at all. Names: whether they have an address.
question() { # SERVER NAME: the answer's code and how many records it has, as `CODE RECORDS`; nothing if nobody can ask
  if has bash && has timeout && has od; then
    asked=$(printf '%s' "$2" | tr '.' '\n' | while read -r label || [ -n "$label" ]; do [ -z "$label" ] || printf '\\x%02x%s' "${#label}" "$label"; done)
    # A length of ten is a line's end, at which bash would make two packets of one: dd puts them together again.
    said=$(timeout 3 bash -c 'exec 3<>"/dev/udp/$0/53" && printf "\x4d\x75\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00$1\x00\x00\x01\x00\x01" | dd obs=512 >&3 && dd bs=4096 count=1 <&3' "$1" "$asked" 2>/dev/null |
      od -An -v -tx1 | tr -d '\n')
    if [ -z "$said" ]; then echo silent; else
      set -- $said
      echo "$((0x$4 & 15)) $((0x$7 * 256 + 0x$8))"
    fi
  elif has nslookup; then
    said=$(brief nslookup "$2" "$1" 2>&1)
    case $said in
      *'timed out'*|*'no servers'*|*'onnection refused'*|*'no response'*) echo silent ;;
      *NXDOMAIN*|*"can't find"*) echo "3 0" ;;
      *) echo "0 1" ;;
    esac
  fi
}
if [ -r /etc/resolv.conf ]; then
  for server in $(awk '$1 == "nameserver" {print $2}' /etc/resolv.conf | head -n 3); do
    told "nameserver.$server" "$(question "$server" "$(hostname 2>/dev/null || uname -n)")"
  done
fi
# The cluster's own, by every address that pods are given.
for server in $dns; do
  told "cluster.dns.$server" "$(question "$server" "kubernetes.default.svc.$(setting clusterDomain | grep . || echo cluster.local)")"
done
# By what name the kubelet finds its API server.
server=$(sed -n 's/^ *server: *https:..//p' /etc/kubernetes/kubelet.conf 2>/dev/null | tr -d "\"'" | head -n 1)
server=${server%:*}
case $server in *[!0-9.]*) case $server in \[*) server= ;; esac ;; *) server= ;; esac
{ wanted resolve; printf '%s\n' "$server"; } | sort -u | while read -r name; do
  [ -n "$name" ] || continue
  if has getent; then say "resolve.$name" "$(brief getent hosts "$name" | awk '{print $1; exit}')"
  elif has nslookup; then say "resolve.$name" "$(brief nslookup "$name" 2>/dev/null | awk '/^Name/ {n = 1} n && /^Address/ {print $NF; exit}')"
  fi
done
}
node "$@" </dev/null
