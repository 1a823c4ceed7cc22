"""Runs every case below with Ansible's own modules and writes what they answered and left behind.

Usage: PYTHONPATH=<site-packages of the `ansible` package> /usr/bin/python3 observe.py [part of a name], as root, on
Debian with python3-apt. A case has `tools` (programs found first), `files` below its directory, an `etc` of its own in
a mount namespace, or a `world` of packages (world.sh).
"""
import json, os, pathlib, shutil, subprocess, sys, tempfile

HERE = pathlib.Path(__file__).parent
CASES = {}
HOMES = {"apt": "ansible.modules.apt", "apt_repository": "ansible.modules.apt_repository", "dnf": None, "iptables": "ansible.modules.iptables",
         "pip": "ansible.modules.pip", "rpm_key": "ansible.modules.rpm_key",
         "sysctl": "ansible_collections.ansible.posix.plugins.modules.sysctl", "mount": "ansible_collections.ansible.posix.plugins.modules.mount",
         "firewalld": "ansible_collections.ansible.posix.plugins.modules.firewalld",
         **{m: "ansible_collections.community.general.plugins.modules." + m for m in ("modprobe", "timezone", "locale_gen", "ufw", "ini_file")},
         **{m: "ansible.modules." + m for m in ("sysvinit", "debconf", "dpkg_selections")}}


def case(name, module, args, **more):
    CASES[name] = {"module": module, "args": args, **more}


STATUS = "var/lib/dpkg/status"
apt = lambda name, args, **more: case("apt-" + name, "apt", args, world=True, vary=["stdout", "stdout_lines", "stderr", "stderr_lines", "cache_update_time", "msg*", "diff*"], look={
    "alpha": "root/usr/share/alpha/version", "beta": "root/usr/share/beta/version", "spare": "root/usr/share/spare/version"}, **more)
apt("present-already", {"name": "alpha"})
apt("present-new", {"name": "beta"})
apt("present-new-check", {"name": "beta"}, check=True)
apt("present-new-diff", {"name": "spare"}, diff=True)
apt("present-many", {"name": ["alpha", "beta", "spare"]})
apt("present-comma", {"name": "alpha,beta"})
apt("alias-pkg", {"pkg": "spare"})
apt("latest", {"name": "alpha", "state": "latest"})
apt("latest-check", {"name": "alpha", "state": "latest"}, check=True)
apt("latest-already", {"name": "tool", "state": "latest"})
apt("version", {"name": "alpha=1.2"})
apt("version-same", {"name": "alpha=1.0"})
apt("version-wildcard", {"name": "alpha=1.*"})
apt("version-wildcard-installed", {"name": "tool=1*"})
apt("version-at-least", {"name": "alpha>=1.1"})
apt("version-at-least-already", {"name": "alpha>=0.9"})
apt("version-at-least-too-much", {"name": "alpha>=3"})
apt("version-none", {"name": "alpha=7"})
apt("version-tilde", {"name": "beta=1.0~rc1"})
apt("version-twice", {"name": "alpha=1=2"})
apt("unknown", {"name": "nosuch"})
apt("pattern", {"name": "be*"})
apt("pattern-none", {"name": "zz*"})
apt("pattern-absent", {"name": "a*", "state": "absent"})
apt("virtual-many", {"name": "mailer"})
apt("virtual-one", {"name": "single"})
apt("absent", {"name": "alpha", "state": "absent"})
apt("absent-check", {"name": "alpha", "state": "absent"}, check=True)
apt("absent-already", {"name": "beta", "state": "absent"})
apt("absent-unknown", {"name": "nosuch", "state": "absent"})
apt("absent-purge", {"name": "alpha", "state": "absent", "purge": True})
apt("absent-version-other", {"name": "alpha=9", "state": "absent"})
apt("absent-autoremove", {"name": "tool", "state": "absent", "autoremove": True})
apt("downgrade-refused", {"name": "alpha=1.0"}, prepare="apt-get -qq -y install alpha=2.0")
apt("downgrade", {"name": "alpha=1.0", "allow_downgrade": True}, prepare="apt-get -qq -y install alpha=2.0")
apt("only-upgrade-new", {"name": "beta", "only_upgrade": True})
apt("only-upgrade", {"name": "alpha", "only_upgrade": True, "state": "latest"})
apt("unmet", {"name": "broken"})
apt("held", {"name": "alpha", "state": "latest"}, prepare="apt-mark hold alpha")
apt("held-allowed", {"name": "alpha", "state": "latest", "allow_change_held_packages": True}, prepare="apt-mark hold alpha")
apt("upgrade", {"upgrade": "yes", "force_apt_get": True})
apt("upgrade-dist-check", {"upgrade": "dist"}, check=True)
apt("upgrade-nothing", {"upgrade": "dist"}, prepare="apt-get -qq -y install alpha")
apt("upgrade-star", {"name": "*", "state": "latest"})
apt("upgrade-star-and-more", {"name": ["*", "alpha"], "state": "latest"})
apt("autoremove", {"autoremove": True}, prepare="apt-get -qq -y remove tool; apt-mark auto lib")
apt("autoremove-nothing", {"autoremove": True})
apt("autoclean", {"autoclean": True, "autoremove": True})
apt("deb", {"deb": "$TMP/loose/extra.deb"})
apt("deb-check", {"deb": "$TMP/repo/spare-1.0.deb"}, check=True)
apt("deb-installed", {"deb": "$TMP/repo/alpha-1.0.deb"})
apt("deb-older", {"deb": "$TMP/repo/alpha-1.0.deb"}, prepare="apt-get -qq -y install alpha=2.0")
apt("deb-unmet", {"deb": "$TMP/repo/broken-1.0.deb"})
apt("deb-missing", {"deb": "$TMP/none.deb"})
apt("deb-absent", {"deb": "$TMP/loose/extra.deb", "state": "absent"})
apt("update-cache-check", {"update_cache": True}, check=True)
apt("update-cache-and-install", {"update_cache": True, "name": "spare"})
apt("cache-valid", {"cache_valid_time": 999999999})
apt("cache-valid-and-install", {"cache_valid_time": 999999999, "name": "beta"})
apt("fixed", {"state": "fixed", "name": "beta"})
apt("nothing-asked", {})
apt("two-asked", {"name": "alpha", "upgrade": "dist"})
apt("no-recommends", {"name": "beta", "install_recommends": False})

KERNEL = """case "$*" in
*-w*) for last; do :; done; echo "$last" >> $TMP/calls; [ -n "${last##*bad*}" ] || { echo "sysctl: setting key \\"bad\\": Invalid argument" >&2; exit 0; }; echo "$last" ;;
*-p*) echo "$*" >> $TMP/calls; [ ! -e $TMP/refuse ] || { echo 'sysctl: cannot stat /proc/sys/x: No such file or directory' >&2; exit 255; } ;;
*net.ipv4.ip_forward) echo 0 ;;
*net.ipv4.ip_local_port_range) printf '32768\\t60999\\n' ;;
*none*) exit 255 ;;
*) : ;;
esac"""
def sysctl(name, args, conf="# kernel\nvm.swappiness = 10\nnet.ipv4.ip_forward=1\n", **more):
    files = {"s.conf": conf} if conf is not None else {}
    files.update(more.pop("files", {}))
    case("sysctl-" + name, "sysctl", {"sysctl_file": "$TMP/s.conf", **args}, tools={"sysctl": KERNEL}, files=files, look={"s.conf": "s.conf", "calls": "calls"}, **more)


sysctl("new", {"name": "kernel.panic", "value": "3"})
sysctl("new-file", {"name": "kernel.panic", "value": "3"}, conf=None)
sysctl("change", {"name": "vm.swappiness", "value": 5})
sysctl("change-check", {"name": "vm.swappiness", "value": 5}, check=True)
sysctl("same-but-kernel-differs", {"name": "net.ipv4.ip_forward", "value": "1"})
sysctl("same-without-reload", {"name": "net.ipv4.ip_forward", "value": "yes", "reload": False})
sysctl("set", {"name": "net.ipv4.ip_forward", "value": True, "sysctl_set": True})
sysctl("set-without-reload", {"name": "net.ipv4.ip_forward", "value": "on", "sysctl_set": True, "reload": False})
sysctl("set-unknown", {"name": "none.there", "value": "1", "sysctl_set": True, "reload": False})
sysctl("set-refused", {"name": "net.bad", "value": "1", "sysctl_set": True})
sysctl("spaces-in-value", {"name": "net.ipv4.ip_local_port_range", "value": "32768 60999", "sysctl_set": True}, conf="net.ipv4.ip_local_port_range=32768 60999\n")
sysctl("absent", {"name": "vm.swappiness", "state": "absent"})
sysctl("absent-already", {"name": "vm.other", "state": "absent"})
sysctl("twice", {"name": "a.b", "value": "2"}, conf="a.b=1\na.b=3\n  c.d =4 \n; x=1\n")
sysctl("reload-refused", {"name": "a.b", "value": "2"}, files={"refuse": ""})
sysctl("reload-ignoring", {"name": "a.b", "value": "2", "ignoreerrors": True})
sysctl("blank-value", {"name": "a.b", "value": ""})
sysctl("no-value", {"name": "a.b"})

LOADER = """echo "$*" >> $TMP/calls
case "$*" in *ext4*) echo "modprobe: FATAL: Module ext4 is in use." >&2; exit 1 ;; esac"""
def modprobe(name, args, etc=None, **more):
    more.setdefault("look", {k: k for k in ("calls", "etc/modules-load.d/muster1.conf", "etc/modprobe.d/muster1.conf", "etc/modules-load.d/z.conf", "etc/modprobe.d/z.conf")})
    case("modprobe-" + name, "modprobe", {"name": "muster1", **args}, tools={"modprobe": LOADER}, files={"proc/modules": "ext4 1 0 - Live 0x0\nmuster1 16384 0 - Live 0x0\n"}, etc=etc or {}, **more)


modprobe("already", {"params": "a=1"})
modprobe("absent", {"state": "absent"})
modprobe("absent-check", {"state": "absent"}, check=True)
modprobe("absent-refused", {"state": "absent", "name": "ext4"})
modprobe("persistent", {"persistent": "present"})
modprobe("persistent-already", {"persistent": "present"}, {"etc/modules-load.d/z.conf": "# my own\n  muster1  # here\n"})
modprobe("persistent-params", {"persistent": "present", "params": "a=1 b=2"},
         {"etc/modules-load.d/z.conf": "muster1\n", "etc/modprobe.d/z.conf": "options muster1 a=7\n"})
modprobe("persistent-absent", {"persistent": "absent"}, {"etc/modules-load.d/z.conf": "muster1\n", "etc/modprobe.d/z.conf": "options muster1 a=7\n"})
modprobe("persistent-absent-check", {"persistent": "absent"}, {"etc/modules-load.d/z.conf": "muster1\n"}, check=True)


def mount(name, args, fstab="# static\nUUID=1 / ext4 defaults 0 1\n/dev/vdb1 /srv/data ext4 noatime 0 2\n", **more):
    tools = {"mount": '[ "$*" != -v ] || { echo "proc on /proc type proc (rw)"; exit 0; }; echo "mount $*" >> $TMP/calls; case "$*" in *refuse*) echo "mount: no" >&2; exit 32 ;; esac', "umount": 'echo "umount $*" >> $TMP/calls'}
    case("mount-" + name, "mount", {"fstab": "$TMP/fstab", **args}, tools=tools, files={"fstab": fstab},
         look={"fstab": "fstab", "calls": "calls"}, **more)


M = {"path": "/srv/data", "src": "/dev/vdb1", "fstype": "ext4"}
mount("present-new", {"path": "/mnt/new place", "src": "tmpfs", "fstype": "tmpfs", "state": "present"})
mount("present-same", {**M, "opts": "noatime", "passno": "2", "state": "present"})
mount("present-changed", {**M, "state": "present"})
mount("present-changed-check", {**M, "state": "present"}, check=True)
mount("present-noboot", {**M, "opts": "ro", "boot": False, "state": "present"})
mount("present-noauto", {**M, "opts": "noauto", "state": "present"})
mount("present-swap", {"path": "none", "src": "/dev/b", "fstype": "swap", "state": "present"}, fstab="/dev/a none swap sw 0 0\n/dev/b none swap sw 0 0")
mount("mounted-new", {"path": "$TMP/a/b", "src": "tmpfs", "fstype": "tmpfs", "state": "mounted"})
mount("mounted-refused", {"path": "$TMP/refuse/b", "src": "tmpfs", "fstype": "tmpfs", "state": "mounted"})
mount("mounted-check", {"path": "$TMP/a/b", "src": "tmpfs", "fstype": "tmpfs", "state": "mounted"}, check=True)
mount("mounted-proc-already", {"path": "/proc", "src": "proc", "fstype": "proc", "state": "mounted"}, fstab="proc /proc proc defaults 0 0\n")
mount("mounted-proc-changed", {"path": "/proc", "src": "proc", "fstype": "proc", "opts": "ro", "state": "mounted"}, fstab="proc /proc proc defaults 0 0\n")
mount("absent", {"path": "/srv/data", "state": "absent"})
mount("absent-already", {"path": "/srv/other", "state": "absent"})
mount("absent-from-fstab", {"path": "/srv/data", "state": "absent_from_fstab"})
mount("absent-directory", {"path": "$TMP/gone", "state": "absent"}, fstab="x $TMP/gone ext4 ro 0 0\n")
mount("unmounted", {"path": "/proc", "state": "unmounted"})
mount("unmounted-already", {"path": "/srv/data", "state": "unmounted"})
mount("remounted", {"path": "/proc", "state": "remounted"})
mount("remounted-refused", {"path": "/refuse", "opts": "ro", "state": "remounted"})
mount("ephemeral", {"path": "$TMP/e", "src": "tmpfs", "fstype": "tmpfs", "opts": "size=1m", "state": "ephemeral"})
mount("ephemeral-other", {"path": "/proc", "src": "tmpfs", "fstype": "tmpfs", "state": "ephemeral"})
mount("needs-src", {"path": "/x", "state": "mounted"})

exec((HERE / "more.py").read_text()) if (HERE / "more.py").exists() else None


def put(top, files):
    for name, text in files.items():
        path = top / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        else:
            path.write_text(text.replace("$TMP", str(top)))


def lines(result):
    for key in ("stdout", "stderr"):
        if isinstance(result.get(key), str):
            result.setdefault(key + "_lines", result[key].splitlines())


def observe(name, one):
    top = pathlib.Path(tempfile.mkdtemp()).resolve()
    try:
        fill = lambda value: json.loads(json.dumps(value).replace("$TMP", str(top)))
        (top / "bin").mkdir()
        for tool, text in one.get("tools", {}).items():
            (top / "bin" / tool).write_text("#!/bin/sh\n" + text.replace("$TMP", str(top)) + "\n")
            (top / "bin" / tool).chmod(0o755)
        env = {**os.environ, "PATH": f"{top}/bin:{os.environ['PATH']}"}
        if one.get("world"):
            subprocess.run(["sh", str(HERE / "world.sh"), str(top)], check=True)
            env.update(APT_CONFIG=f"{top}/apt.conf", DPKG_ADMINDIR=f"{top}/var/lib/dpkg", DPKG_ROOT=f"{top}/root")
        put(top, one.get("files", {}))
        if one.get("prepare"):
            subprocess.run(one["prepare"], shell=True, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=top)
        args = {"ANSIBLE_MODULE_ARGS": {**fill(one["args"]), "_ansible_check_mode": one.get("check", False), "_ansible_diff": one.get("diff", False)}}
        command = [sys.executable, "-m", one.get("real") or HOMES[one["module"]], json.dumps(args)]
        if "etc" in one:
            shutil.copytree("/etc", top / "etc", symlinks=True)
            put(top, one["etc"])
            command = ["unshare", "-m", "sh", "-c", f'mount --bind {top}/etc /etc && {{ [ ! -d {top}/proc ] || mount --bind {top}/proc /proc; }} && exec "$@"', "sh", *command]
        done = subprocess.run(command, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        try:
            result = json.loads(done.stdout.strip().splitlines()[-1])
        except (IndexError, ValueError):
            return print("no answer:", name, done.stdout[-300:], done.stderr[-600:])
        for key in ("invocation", "exception", "deprecations", "ansible_facts", "warnings") if not one.get("warnings") else ("invocation", "exception", "deprecations"):
            result.pop(key, None)
        lines(result)
        result.pop("failed") if result.get("failed") is False else None
        text = lambda path: "-> " + os.readlink(path) if path.is_symlink() else (path.read_text().replace(str(top), "$TMP") if path.is_file() else None)
        after = {path: text(top / path) for path in one.get("look", {}).values()}
        for key in one.get("vary", []):
            # A starred name varies only where it holds what a program printed.
            star, key = key.endswith("*"), key.rstrip("*")
            if key in result and (not star or (key == "msg" and ("failed:" in str(result[key]) or "Reading package" in str(result[key]))) or (key == "diff" and result[key] and result[key] != {})):
                result[key] = "*"
        expect = json.loads(json.dumps(result).replace(str(top), "$TMP"))
        kept = {key: value for key, value in one.items() if key not in ("look", "vary", "real", "warnings")}
        (HERE / f"{name}.json").write_text(json.dumps({**kept, "expect": expect, "after": after}, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    finally:
        shutil.rmtree(top, ignore_errors=True)


only = sys.argv[1] if len(sys.argv) > 1 else ""
for name, one in CASES.items():
    if only in name:
        observe(name, one)
