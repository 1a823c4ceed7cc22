# Listens on ports that are free, for others to try. Words: SECONDS ADDRESS PORT... Prints each port, with + where every
# try will be answered, and the process that listens. Ends by itself.
# Read whole before it runs, so that nothing it starts can eat the rest of it.
all() {
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
seconds=$1 address=$2
shift 2
has() { command -v "$1" >/dev/null 2>&1; }
case $address in *[!0-9.]*) address= ;; esac
listen() {
  has timeout || exit 1
  if has socat; then exec timeout "$seconds" socat -u "TCP-LISTEN:$1,fork,reuseaddr${address:+,bind=$address}" OPEN:/dev/null
  elif has ncat; then exec timeout "$seconds" ncat -lk ${address:+"$address"} "$1"
  elif nc -h 2>&1 | grep -q -- '-[a-zA-Z46]*k'; then exec timeout "$seconds" nc -lk ${address:+"$address"} "$1"
  elif has busybox && busybox nc 2>&1 | grep -q -- -ll; then exec timeout "$seconds" busybox nc -ll -p "$1" -e true
  else exit 1
  fi
}
for port; do
  taken=$( (ss -Hlnt "sport = :$port" || netstat -lnt | grep ":$port ") 2>/dev/null)
  if [ -n "$taken" ]; then echo "$port+"; continue; fi
  (listen "$port") </dev/null >/dev/null 2>&1 &
  started="$started $port:$!"
done
[ -n "$started" ] && sleep 0.2 2>/dev/null
for one in $started; do
  if kill -0 "${one#*:}" 2>/dev/null; then echo "${one%:*}+ ${one#*:}"; else echo "${one%:*}"; fi
done
}
all "$@" </dev/null
