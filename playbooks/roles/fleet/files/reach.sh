# Tries to reach other machines. Words: SELF SECONDS MTU, then one word a machine: "NAME ADDRESS MTU PORT...". Prints
# what could not be reached, as `key=value`; a key that is missing could not be tried.
# Read whole before it runs, so that nothing it starts can eat the rest of it.
reach() {
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
self=$1 seconds=$2 mtu=$3
shift 3
has() { command -v "$1" >/dev/null 2>&1; }
limited() { if has timeout; then timeout "$seconds" "$@"; else "$@"; fi; }

# How a try ended: open, refused, timeout, unreachable, unresolved.
try() {
  if has bash && has timeout; then said=$(timeout "$seconds" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>&1) && { echo open; return; }
  elif has curl; then said=$(curl -sS --connect-timeout "$seconds" -m "$seconds" "telnet://$1:$2" </dev/null 2>&1) && { echo open; return; }
  elif has nc; then said=$(limited nc -w "$seconds" "$1" "$2" </dev/null 2>&1) && { echo open; return; }
  else return
  fi
  case $said in
    *[Rr]efused*|*"Couldn't connect"*) echo refused ;;
    *'No route'*|*[Uu]nreachable*) echo unreachable ;;
    *'not known'*|*resolve*|*'bad address'*) echo unresolved ;;
    *) echo timeout ;;
  esac
}
one() { # NAME ADDRESS MTU PORT...
  name=$1 address=$2 peer=$3
  shift 3
  for port; do
    (
      how=$(try "$address" "${port%+}")
      case $how,$port in
        '',*) ;;
        open,*) echo "through $name:${port%+}" ;;
        refused,*+) echo "blocked $name:${port%+} (refused, though something listens there)" ;;
        refused,*) echo "through $name:${port%+}" ;;
        *) echo "blocked $name:${port%+} ($how)" ;;
      esac
    ) &
  done
  if has ping; then
    if limited ping -c 1 "$address" >/dev/null 2>&1; then
      echo "pinged $name"
      [ "$mtu" -gt 0 ] && [ "$peer" -gt 0 ] && [ "$mtu" -lt "$peer" ] && peer=$mtu
      case $address in *:*) head=48 ;; *) head=28 ;; esac
      if [ "$mtu" -gt 0 ] && [ "$peer" -gt 0 ] && ping -c 1 -M do -s 8 127.0.0.1 >/dev/null 2>&1; then
        if limited ping -c 1 -M do -s $((peer - head)) "$address" >/dev/null 2>&1; then echo "whole $name"
        else echo "cut $name ($peer bytes)"
        fi
      fi
    else echo "unpinged $name"
    fi
  fi
  wait
}
found=$(
  many=0
  for line; do
    [ "${line%% *}" != "$self" ] || continue
    # shellcheck disable=SC2086
    one $line &
    many=$((many + 1))
    [ $((many % 32)) = 0 ] && wait
  done
  wait
)
all() { printf '%s\n' "$found" | sed -n "s/^$1 //p" | sort | awk '{printf "%s%s", s, $0; s = ", "}'; }
some() { printf '%s\n' "$found" | grep -q "^$1 "; }
if some through || some blocked; then echo "blocked=$(all blocked)"; fi
if some pinged || some unpinged; then echo "unpinged=$(all unpinged)"; fi
if some whole || some cut; then echo "cut=$(all cut)"; fi
}
reach "$@" </dev/null
