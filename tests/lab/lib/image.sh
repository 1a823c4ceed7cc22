# The image: a small Debian without Python, made once by debootstrap, kept outside of the repository, and made again when
# this file changes. Hosts are overlays on it.
# shellcheck shell=bash

SUITE=bookworm
MIRROR=${MUSTER_LAB_MIRROR:-http://deb.debian.org/debian}
PACKAGES=systemd,systemd-sysv,dbus,openssh-server,sudo,cron,iproute2,iputils-ping,procps,kmod,openssl,curl,ca-certificates
PACKAGES=$PACKAGES,conntrack,iptables,ebtables,ethtool,socat,etcd-server,etcd-client

# IMAGE: its directory.
image() {
    local cache=${MUSTER_LAB_CACHE:-/var/cache/muster-lab}
    IMAGE=$cache/$(cat "$LAB/lib/image.sh" <(echo "$MIRROR") | sha256sum | cut -c1-16)
    [ ! -d "$IMAGE" ] || return 0
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9
    if [ ! -d "$IMAGE" ]; then
        echo "lab: making the image $IMAGE" >&2
        rm -rf --one-file-system "$cache"/*.making
        if ! image_make "$IMAGE.making"; then
            ! mountpoint -q "$IMAGE.making/work" || umount "$IMAGE.making/work"
            die "the image could not be made: $cache/log says why"
        fi
    fi
    exec 9>&-
}

# In memory first: dpkg writes every file through to the disk otherwise, which takes longer than everything else.
image_make() { # DIRECTORY
    local work=$1/work tree=$1/work/tree
    mkdir -p "$work" "$cache/packages" && mount -t tmpfs -o mode=755 image "$work" || return
    debootstrap --variant=minbase --cache-dir="$cache/packages" --include="$PACKAGES" "$SUITE" "$tree" "$MIRROR" >"$cache/log" 2>&1 || return
    rm -rf "$tree"/var/lib/apt/lists/* "$tree"/usr/share/{doc,man,locale,info}/* "$tree"/etc/ssh/ssh_host_* "$tree/etc/hostname" \
        "$tree"/var/cache/apt/*.bin "$tree/etc/resolv.conf" || return
    : >"$tree/etc/machine-id"
    rm -f "$tree/var/lib/dbus/machine-id"
    chroot "$tree" useradd --create-home --shell /bin/bash lab || return
    # etcd is the kubelet's; timers and consoles would only take time.
    chroot "$tree" systemctl --quiet mask etcd.service getty.target console-getty.service systemd-journal-flush.service \
        apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer || return
    chroot "$tree" systemctl --quiet disable systemd-timesyncd.service 2>/dev/null
    chroot "$tree" systemctl --quiet enable systemd-networkd.service || return
    mkdir "$1/image" && cp -a "$tree/." "$1/image/" && umount "$work" && mv "$1/image" "$IMAGE" && rmdir "$work" "$1"
}
