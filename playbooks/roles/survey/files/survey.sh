# Says what a machine is like, one `key=value` a line. Reads only. Needs a POSIX shell and what busybox has; what cannot
# be found out is left out, and a check on it then says "unknown".
# Words: `disk PATH`, `port`..., `command NAME`, `module NAME`, `sysctl KEY`, `kconfig NAME`, `path PATH`, `process NAME`,
# `subnet NAME=CIDR`, `inner NAME` (routes to parts of that subnet are its own), `ignore INTERFACE`, `address IP`,
# `resolve NAME`, `url URL`.
# Read whole before it runs, so that nothing it starts can eat the rest of it.
survey() {
now() {
  t=$(date +%s.%N 2>/dev/null)
  case $t in *[!0-9.]*|*.|'') date +%s ;; *) echo "$t" ;; esac
}
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
echo "clock.begin=$(now)"
say() { printf '%s=%s\n' "$1" "$2"; }
told() { [ -n "$2" ] && say "$1" "$2"; }
has() { command -v "$1" >/dev/null 2>&1; }
first() { head -n 1 "$1" 2>/dev/null; }
# A look that may hang, such as at a dead network file system, ends after ten seconds.
brief() { if has timeout; then timeout 10 "$@"; else "$@"; fi; }

wanted() { # the values given for one kind of word
  kind=$1
  printf '%s\n' "$given" | sed -n "s/^$kind //p"
}
given=$(for word in "$@"; do printf '%s\n' "$word"; done)

# Who asks, and the system.
say uid "$(id -u)"
say user "$(id -un 2>/dev/null || id -u)"
told sudo "$SUDO_USER"
told python "$( (python3 --version || python --version) 2>/dev/null | head -n 1)"
say hostname "$(hostname 2>/dev/null || uname -n)"
say kernel "$(uname -r)"
say machine "$(uname -m)"
say system "$(uname -s)"
if [ -r /etc/os-release ]; then
  (. /etc/os-release; say os.id "$ID"; say os.version "$VERSION_ID"; say os.name "${PRETTY_NAME:-$ID $VERSION_ID}"; say os.like "$ID_LIKE")
fi
told init "$(first /proc/1/comm)"
# What kind of container this is, if it is one; its kernel, clock and modules are those of the machine around it.
container=$(first /run/systemd/container)
[ -n "$container" ] || container=$(tr '\0' '\n' </proc/1/environ 2>/dev/null | sed -n 's/^container=//p' | head -n 1)
[ -n "$container" ] || { [ ! -e /.dockerenv ] || container=docker; }
say container "$container"
say machine_id "$(first /etc/machine-id)"
say product_uuid "$(first /sys/class/dmi/id/product_uuid | tr A-F a-f)"

# Processors and memory.
told cpus "$(nproc 2>/dev/null || grep -c '^processor' /proc/cpuinfo)"
told cpu.flags "$(sed -n 's/^\(flags\|Features\)[^:]*: *//p' /proc/cpuinfo | head -n 1)"
told memory_mb "$(awk '/^MemTotal:/ {print int($2 / 1024)}' /proc/meminfo)"
told memory_available_mb "$(awk '/^MemAvailable:/ {print int($2 / 1024)}' /proc/meminfo)"
if [ -r /proc/swaps ]; then say swap "$(awk 'NR > 1 {printf "%s%s (%d MiB)", s, $1, $3 / 1024; s = ", "}' /proc/swaps)"; fi

# Directories: the file system each would be on.
wanted disk | while read -r path; do
  at=$path
  while [ ! -e "$at" ] && [ "$at" != / ]; do at=$(dirname "$at"); done
  if [ -L "$path" ]; then say "disk.$path.link" "$(readlink "$path")"; else say "disk.$path.link" ''; fi
  line=$(brief df -kP "$at" 2>/dev/null | tail -n 1)
  [ -n "$line" ] || continue
  mount=$(echo "$line" | awk '{print $6}')
  say "disk.$path.mount" "$mount"
  say "disk.$path.free_mib" "$(echo "$line" | awk '{print int($4 / 1024)}')"
  say "disk.$path.used_percent" "$(echo "$line" | awk '{sub("%", "", $5); print $5}')"
  inodes=$(brief df -iP "$at" 2>/dev/null | tail -n 1 | awk '{sub("%", "", $5); print $5}')
  case $inodes in ''|-) inodes=0 ;; esac
  say "disk.$path.inodes_percent" "$inodes"
  told "disk.$path.type" "$(awk -v m="$mount" '$2 == m {t = $3} END {print t}' /proc/mounts)"
  told "disk.$path.options" "$(awk -v m="$mount" '$2 == m {t = $4} END {print t}' /proc/mounts)"
  if has xfs_info; then told "disk.$path.ftype" "$(brief xfs_info "$mount" 2>/dev/null | sed -n 's/.*ftype=\([01]\).*/\1/p' | head -n 1)"; fi
done

# The kernel: control groups, configuration, modules, settings.
if [ -r /sys/fs/cgroup/cgroup.controllers ]; then
  say cgroup.version 2
  say cgroup.controllers "$(cat /sys/fs/cgroup/cgroup.controllers)"
elif [ -r /proc/cgroups ]; then
  say cgroup.version 1
  say cgroup.controllers "$(awk '$1 !~ /^#/ && $4 == 1 {printf "%s ", $1}' /proc/cgroups)"
fi
release=$(uname -r)
for file in /proc/config.gz "/boot/config-$release" "/usr/src/linux-$release/.config" /usr/src/linux/.config \
  "/usr/lib/modules/$release/config" "/usr/lib/ostree-boot/config-$release" "/usr/lib/kernel/config-$release" \
  "/usr/src/linux-headers-$release/.config" "/lib/modules/$release/build/.config"; do
  [ -r "$file" ] || continue
  case $file in *.gz) config=$(zcat "$file" 2>/dev/null) ;; *) config=$(cat "$file") ;; esac
  [ -n "$config" ] || continue
  say kconfig.file "$file"
  enabled=$(printf '%s\n' "$config" | sed -n 's/^CONFIG_\([A-Z0-9_]*\)=[ym]$/\1/p')
  missing=
  # A name may be several, any of which will do: A|B.
  for name in $(wanted kconfig); do
    printf '%s\n' "$enabled" | grep -Eqx "$name" || missing="$missing $name"
  done
  say kconfig.missing "${missing# }"
  break
done
wanted module | while read -r name; do
  if [ -d "/sys/module/$name" ] || grep -q "^$name " /proc/modules 2>/dev/null; then say "module.$name" loaded
  elif grep -q "/$name\.ko" "/lib/modules/$release/modules.builtin" 2>/dev/null; then say "module.$name" built-in
  elif has modprobe && modprobe -n -q "$name" 2>/dev/null; then say "module.$name" loadable
  elif [ "$name" = br_netfilter ] && [ -d /proc/sys/net/bridge ]; then say "module.$name" built-in
  elif printf '%s\n' "$config" | grep -Eqx "CONFIG_$(echo "$name" | tr a-z A-Z)(_FS)?=y"; then say "module.$name" built-in
  elif [ -d "/lib/modules/$release" ] || ! [ -e /proc/modules ]; then say "module.$name" missing
  else say "module.$name" "missing: there is no /lib/modules/$release"
  fi
done
wanted sysctl | while read -r key; do
  file=/proc/sys/$(echo "$key" | tr . /)
  if [ -r "$file" ]; then say "sysctl.$key" "$(first "$file" | tr '\t' ' ')"
  elif [ ! -e "$file" ]; then say "sysctl.$key" absent
  fi
done

# Programs, files, services.
wanted command | while read -r name; do say "command.$name" "$(command -v "$name" 2>/dev/null || echo missing)"; done
wanted path | while read -r path; do
  if [ -d "$path" ]; then
    if files=$(ls -A "$path" 2>/dev/null); then
      if [ -n "$files" ]; then say "path.$path" directory; else say "path.$path" empty; fi
    fi
  elif [ -e "$path" ] || [ -L "$path" ]; then say "path.$path" file
  elif ls -d "$(dirname "$path")" >/dev/null 2>&1 && [ ! -x "$(dirname "$path")" ]; then :
  else say "path.$path" absent
  fi
done
names=$(cat /proc/[0-9]*/comm 2>/dev/null | sort -u)
wanted process | while read -r name; do
  if printf '%s\n' "$names" | grep -qx "$name"; then say "process.$name" running; else say "process.$name" absent; fi
done
if [ -r /etc/ufw/ufw.conf ]; then say ufw "$(sed -n 's/^ENABLED=//p' /etc/ufw/ufw.conf)"; elif [ ! -e /etc/ufw/ufw.conf ]; then say ufw absent; fi
if has getenforce; then say selinux "$(getenforce)"
elif [ -r /sys/fs/selinux/enforce ]; then if [ "$(first /sys/fs/selinux/enforce)" = 1 ]; then say selinux Enforcing; else say selinux Permissive; fi
else say selinux Disabled
fi
policy=
for file in /etc/selinux/*/active/modules/*/container /var/lib/selinux/*/active/modules/*/container; do [ -e "$file" ] && policy=$file; done
say selinux.container "$policy"
sockets=
for socket in /run/containerd/containerd.sock /var/run/crio/crio.sock /run/cri-dockerd.sock; do
  [ -S "$socket" ] && grep -q " 00010000 .* $(readlink -f "$socket")\$\| 00010000 .* $socket\$" /proc/net/unix 2>/dev/null && sockets="$sockets $socket"
done
say runtimes "${sockets# }"

# Time.
synchronized=
if has timedatectl; then synchronized=$(brief timedatectl show -p NTPSynchronized --value 2>/dev/null); fi
if [ -z "$synchronized" ] || [ "$synchronized" = no ]; then
  if has chronyc; then
    case $(brief chronyc -n tracking 2>/dev/null | sed -n 's/^Leap status *: *//p') in
      Normal|Insert*|Delete*) synchronized=yes ;; 'Not synch'*) synchronized=no ;;
    esac
  elif has ntpq; then
    brief ntpq -pn 2>/dev/null | grep -q '^\*' && synchronized=yes
  fi
fi
told clock.synchronized "$synchronized"

# Names.
if has getent; then say hostname.address "$(brief getent hosts "$(hostname 2>/dev/null || uname -n)" | awk '{printf "%s%s", s, $1; s = " "}')"; fi
if [ -r /etc/resolv.conf ]; then
  say resolv.nameservers "$(awk '$1 == "nameserver" {printf "%s%s", s, $2; s = " "}' /etc/resolv.conf)"
  say resolv.search "$(awk '$1 == "search" {$1 = ""; s = $0} END {print substr(s, 2)}' /etc/resolv.conf)"
fi
[ -r /run/systemd/resolve/resolv.conf ] && say resolv.upstream "$(awk '$1 == "nameserver" {printf "%s%s", s, $2; s = " "}' /run/systemd/resolve/resolv.conf)"
wanted resolve | while read -r name; do
  if has getent; then say "resolve.$name" "$(brief getent hosts "$name" | awk '{print $1; exit}')"
  elif has nslookup; then say "resolve.$name" "$(brief nslookup "$name" 2>/dev/null | awk '/^Name/ {n = 1} n && /^Address/ {print $NF; exit}')"
  fi
done

# Network. Addresses become numbers in $number; a network's two ends are $low and $high.
number() {
  case $1 in *[!0-9.]*|'') return 1 ;; *.*.*.*) ;; *) return 1 ;; esac
  o=$IFS; IFS=.; set -- $1; IFS=$o
  number=$(( ($1 << 24) + ($2 << 16) + ($3 << 8) + $4 ))
}
ends() {
  case $1 in */*) bits=${1#*/} ;; *) bits=32 ;; esac
  number "${1%/*}" || return 1
  size=$((1 << (32 - bits)))
  low=$((number / size * size))
  high=$((low + size - 1))
}
meets() { # whether two networks have an address in common
  ends "$1" || return 1
  l=$low h=$high
  ends "$2" || return 1
  [ "$l" -le "$high" ] && [ "$low" -le "$h" ]
}
within() { # whether the first network is a part of the second
  ends "$1" || return 1
  l=$low h=$high
  ends "$2" || return 1
  [ "$low" -le "$l" ] && [ "$h" -le "$high" ]
}
if has ip; then
  say default_route "$(ip route show default 2>/dev/null | head -n 1)$(ip -6 route show default 2>/dev/null | head -n 1)"
  say addresses "$(ip -o addr show 2>/dev/null | awk '$3 ~ /^inet/ {printf "%s%s", s, $4; s = " "}')"
  routes=$(ip -4 route show 2>/dev/null | awk '$1 != "default" && $1 ~ /^[0-9]/ {d = ""; for (i = 2; i < NF; i++) if ($i == "dev") d = $(i + 1); v = 0; for (i = 2; i < NF; i++) if ($i == "via") v = 1; print $1, d, v}')
else
  say default_route "$(awk '$2 == "00000000" && $8 == "00000000" {print "dev " $1; exit}' /proc/net/route 2>/dev/null)"
  routes=
fi
# The cards that are hardware; in a container the one that the default route goes through.
cards=
for card in /sys/class/net/*; do [ -e "$card/device" ] && cards="$cards ${card##*/}"; done
[ -n "$cards" ] || cards=$(awk '$2 == "00000000" && $8 == "00000000" {print $1}' /proc/net/route 2>/dev/null)
macs= mtu=
for card in $cards; do
  mac=$(first "/sys/class/net/$card/address")
  case $mac in ''|00:00:00:00:00:00) ;; *) macs="$macs $mac" ;; esac
  one=$(first "/sys/class/net/$card/mtu")
  if [ -n "$one" ] && { [ -z "$mtu" ] || [ "$one" -lt "$mtu" ]; }; then mtu=$one; fi
done
say macs "${macs# }"
told mtu "$mtu"
wanted address | while read -r address; do
  say address "$address"
  if has ip; then
    case $(ip route get "$address" 2>/dev/null | head -n 1) in local*) say address.local yes ;; *) say address.local no ;; esac
  fi
done
ignored=$(wanted ignore)
wanted subnet | while read -r line; do
  name=${line%%=*} cidr=${line#*=} met=
  ends "$cidr" || continue
  other=$(wanted subnet | while read -r line; do
    [ "${line%%=*}" = "$name" ] || { meets "$cidr" "${line#*=}" && printf '%s, ' "the ${line%%=*} subnet ${line#*=}"; }
  done)
  met=$met$other
  inner=$(wanted inner | grep -Fx -- "$name")
  other=$(printf '%s\n' "$routes" | while read -r net card by; do
    [ -n "$net" ] || continue
    # The way to another machine's pods.
    if [ -n "$inner" ] && [ "$by" = 1 ] && within "$net" "$cidr"; then continue; fi
    for pattern in $ignored; do case $card in $pattern) continue 2 ;; esac; done
    meets "$cidr" "$net" && printf '%s, ' "the route $net dev $card"
  done)
  met=$met$other
  other=$(wanted address | while read -r address; do meets "$cidr" "$address" && printf '%s, ' "this machine's address $address"; done)
  met=$met$other
  say "subnet.$name" "${met%, }"
done

# Who listens: protocol/port:program, where the program can be seen.
if has ss; then
  say listen.tool ss
  ss -Hlntup 2>/dev/null | awk '{n = split($5, a, ":"); p = ""; if (match($0, /users:\(\("[^"]*"/)) p = substr($0, RSTART + 9, RLENGTH - 10)
    print "listen=" $1 "/" a[n] ":" p}' | sort -u
else
  say listen.tool /proc/net
  # Sockets by their inode, each with the program that holds it.
  held=$(ls -l /proc/[0-9]*/fd 2>/dev/null | awk '
    /^\/proc\// {split($1, a, "/"); f = "/proc/" a[3] "/comm"; p = ""; getline p < f; close(f); next}
    match($0, /socket:\[[0-9]+\]/) {print substr($0, RSTART + 8, RLENGTH - 9), p}')
  for kind in tcp tcp6 udp udp6; do
    [ -r "/proc/net/$kind" ] || continue
    case $kind in tcp*) state=0A ;; *) state=07 ;; esac
    awk -v s=$state 'NR > 1 && $4 == s {split($2, a, ":"); print a[2], $10}' "/proc/net/$kind" | while read -r hex inode; do
      printf 'listen=%s/%d:%s\n' "${kind%6}" "0x$hex" "$(printf '%s\n' "$held" | sed -n "s/^$inode //p" | head -n 1)"
    done
  done | sort -u
fi

# What has to be reached from here, by way of the proxy that the container runtime is told to use.
if [ -n "$(wanted url)" ]; then
  if has systemctl; then
    for word in $(systemctl show containerd crio -p Environment --value 2>/dev/null); do
      case $word in HTTP_PROXY=*|HTTPS_PROXY=*|NO_PROXY=*|http_proxy=*|https_proxy=*|no_proxy=*) export "${word?}" ;; esac
    done
  fi
  wanted url | while read -r url; do
    if has curl; then
      code=$(curl -sS -o /dev/null -w '%{http_code}' --connect-timeout 5 --max-time 15 "$url" 2>&1 | tr '\n' ' ')
    elif has wget; then
      code=$(wget -S -T 15 -O /dev/null "$url" 2>&1 | awk '/HTTP\// {c = $2} {l = $0} END {print (c ? c : l)}')
    else continue
    fi
    say "url.$url" "${code% }"
  done
fi
echo "clock.end=$(now)"
}
survey "$@" </dev/null
