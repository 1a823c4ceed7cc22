# Prints what facts are made of: sections, each begun by a line that is \001 and a name, after whatever the
# last one ended with. POSIX sh and busybox.
s() { printf '\n\001%s\n' "$1"; }
f() { [ -r "$2" ] && { s "$1"; cat "$2" 2>/dev/null; echo; }; }
has() { command -v "$1" >/dev/null 2>&1; }
lim() { if has timeout; then timeout "$wait" "$@"; else "$@"; fi; }
s environ; cat /proc/self/environ 2>/dev/null || env | tr '\n' '\000'; echo
LC_ALL=C LANG=C PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin; export LC_ALL LANG PATH
s uname; uname -s; uname -r; uname -v; uname -m; uname -n
n=$(uname -n); s names
if has getent; then set -- $(getent hosts "$n" 2>/dev/null); if [ -n "$1" ]; then getent hosts "$1" 2>/dev/null; fi
else grep -w -e "$n" /etc/hosts 2>/dev/null; fi
s bits; getconf LONG_BIT 2>/dev/null
y=$(date +%Y)
s date; date '+%Y|%m|%A|%w|%W|%d|%H|%M|%S|%s|%N|%Z|%z'; date -u '+%Y-%m-%d|%H:%M:%S'
for m in 01 07; do t=$(date -d "$y-$m-01 12:00:00" +%s 2>/dev/null) && date -d "@$t" '+%Z|%z' 2>/dev/null; done
s ids; id -u; id -ru 2>/dev/null || id -u; id -g; id -rg 2>/dev/null || id -g; id -un
u=$(id -un); s passwd; getent passwd "$u" 2>/dev/null || grep "^$u:" /etc/passwd
for p in os-release debian_version lsb-release redhat-release centos-release oracle-release alpine-release SuSE-release \
  system-release arch-release gentoo-release openwrt_release altlinux-release; do f "etc-$p" "/etc/$p"; done
f etc-os-release-usr /usr/lib/os-release
if has lsb_release; then s lsb; lim lsb_release -a 2>/dev/null; fi
for p in /var/lib/dbus/machine-id /etc/machine-id; do if [ -r $p ]; then f machine-id $p; break; fi; done
for p in uptime loadavg cmdline meminfo cpuinfo swaps modules mounts; do f "$p" "/proc/$p"; done
f proc1 /proc/1/comm; f cgroup1 /proc/1/cgroup; f resolv /etc/resolv.conf; f fips /proc/sys/crypto/fips_enabled
f systemd-container /run/systemd/container
s environ1; (tr '\000' '\n' </proc/1/environ) 2>/dev/null | grep '^container='
f iscsi /etc/iscsi/initiatorname.iscsi; f hostnqn /etc/nvme/hostnqn
s init; readlink /sbin/init 2>/dev/null
s there
for p in /run/systemd/system /etc/init /sbin/openrc /etc/init.d /etc/dinit.d /.dockerenv /run/.containerenv /proc/vz /proc/bc \
  /proc/lve /proc/xen /dev/kvm /sys/kernel/security/apparmor /sys/fs/selinux/enforce /usr/bin/rpm-ostree /run/ostree-booted \
  /usr/bin/yum /usr/bin/dnf-3 /usr/bin/dnf5 /usr/bin/dnf /usr/bin/apt-get /usr/bin/zypper /usr/sbin/urpmi /usr/bin/pacman /bin/opkg /sbin/apk \
  /usr/bin/emerge /usr/bin/xbps-install /usr/bin/swupd; do [ -e $p ] && echo $p; done
for p in systemctl initctl python3 python; do has $p && echo "$p"; done
f xen-capabilities /proc/xen/capabilities
if [ -e /sys/fs/selinux/enforce ]; then s selinux; cat /sys/fs/selinux/enforce; echo; cat /sys/fs/selinux/policyvers 2>/dev/null; echo
  sed -n 's/^SELINUX=//p;s/^SELINUXTYPE=/type=/p' /etc/selinux/config 2>/dev/null; fi
s chroot; a=$(stat -L -c '%d %i' / 2>/dev/null); b=$(stat -L -c '%d %i' /proc/1/root/. 2>/dev/null)
if [ -z "$b" ]; then stat -c '%i' / ; elif [ "$a" = "$b" ]; then echo same; else echo other; fi
if has capsh; then s caps; lim capsh --print 2>/dev/null; fi
for p in /etc/ssh/ssh_host_*_key.pub /etc/openssh/ssh_host_*_key.pub; do
  [ -r "$p" ] && { k=${p##*ssh_host_}; s "key-${k%_key.pub}"; cat "$p"; }; done
if [ -d "$facts" ]; then for p in "$facts"/*.fact; do [ -e "$p" ] || [ -L "$p" ] || continue
  k=${p##*/}; s "local-${k%.fact}"; printf '%s\n' "$p"
  if [ ! -e "$p" ]; then printf '\002gone\n'; elif [ -x "$p" ] && [ -f "$p" ]; then
    { e=$(lim "$p" 2>&1 >&3); r=$?; } 3>&1; printf '\n\002%s\002%s\n' $r "$e"; else cat "$p" 2>/dev/null; fi; done; fi
if has python3; then s python; python3 -V 2>&1; p=$(command -v python3); readlink -f "$p" >/dev/null 2>&1 && echo "$p"; fi
if [ -d /run/systemd/system ] && has systemctl; then s systemd; systemctl --version 2>/dev/null; fi
s nproc; nproc 2>/dev/null
if [ -n "$hardware" ]; then
  for p in /sys/devices/virtual/dmi/id/* /sys/class/dmi/id/*; do [ -f "$p" ] && [ -r "$p" ] && { s "dmi-${p##*/}"; cat "$p" 2>/dev/null; }; done
  s statvfs; while read -r dev at type rest; do case $dev in /*|*:/*) at=$(printf '%b' "$at")
    lim stat -f -c '%s %S %b %a %c %d %n' "$at" 2>/dev/null;; esac; done </proc/mounts
  if has findmnt; then s findmnt; lim findmnt --list --noheadings --notruncate 2>/dev/null; fi
  if has lsblk; then s uuids; lim lsblk -l -n -p -o NAME,UUID 2>/dev/null; fi
  for d in /sys/block/*; do [ -d "$d" ] || continue; s "block-${d##*/}"
    readlink -f "$d" | sed 's/^/path=/'
    for k in removable size queue/rotational queue/logical_block_size queue/discard_granularity queue/scheduler device/vendor device/model \
      device/sas_address device/sas_device_handle; do [ -r "$d/$k" ] && printf '%s=%s\n' "$k" "$(cat "$d/$k" 2>/dev/null)"; done
    for h in "$d"/holders/*; do [ -e "$h" ] && printf 'holder=%s %s\n' "${h##*/}" "$(cat "$h/dm/name" 2>/dev/null)"; done
    for p in "$d"/*/partition; do [ -r "$p" ] || continue; p=${p%/partition}
      printf 'partition=%s %s %s %s\n' "${p##*/}" "$(cat "$p/start")" "$(cat "$p/size")" "$(cat "$d/queue/logical_block_size")"; done
  done
  s links; for k in id uuid label; do for p in /dev/disk/by-$k/*; do [ -e "$p" ] && echo "$k ${p##*/} $(basename "$(readlink -f "$p")")"; done; done
  if [ "$(id -u)" = 0 ] && has vgs; then
    s vgs; lim vgs --noheadings --nosuffix --units g --separator , 2>/dev/null
    s lvs; lim lvs --noheadings --nosuffix --units g --separator , 2>/dev/null
    s pvs; lim pvs --noheadings --nosuffix --units g --separator , 2>/dev/null; fi
fi
if [ -n "$network" ]; then
  for d in /sys/class/net/*; do [ -d "$d" ] || continue; s "net-${d##*/}"
    for k in address mtu operstate type flags speed bonding/slaves bonding/mode bridge/stp_state bridge/bridge_id; do
      v=$(cat "$d/$k" 2>/dev/null) && printf '%s=%s\n' "$k" "$v"; done
    [ -e "$d/device" ] && echo "device=$(basename "$(readlink -f "$d/device")")"
    [ -e "$d/device/driver/module" ] && echo "module=$(basename "$(readlink -f "$d/device/driver/module")")"
    for p in "$d"/brif/*; do [ -e "$p" ] && echo "port=${p##*/}"; done
  done
  if has ip; then s addr; ip -o addr show 2>/dev/null || ip addr show
    s route4; ip -4 route get 8.8.8.8 2>/dev/null; s route6; ip -6 route get 2404:6800:400a:800::1012 2>/dev/null
    s local4; ip -4 route show table local 2>/dev/null; s local6; ip -6 route show table local 2>/dev/null
  else s ifconfig; ifconfig -a 2>/dev/null; f proute /proc/net/route; f inet6 /proc/net/if_inet6; fi
fi
exit 0
