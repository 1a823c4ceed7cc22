"""Runs every task below with Ansible and writes what it answered and left behind as cases.

Usage: python observe.py (with the `ansible-playbook` of the whole `ansible` package on the path), as root, umask 022. It
makes and removes users and groups whose names begin with `muster-`, and their crontabs.
"""
import http.server, os, pathlib, sys, threading

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "files"))
import observe as base
from observe import F, D, L, P, case, d

base.CASES.clear()

# find
TREE = {"t/a.conf": F("one\n", mtime=1000), "t/b.txt": F("two words\nthree\n", mode="0600"), "t/.hid": F("h"), "t/sub/c.conf": F("x" * 2000),
        "t/sub/deep/d.conf": F("dd\n", mode="0640"), "t/l": L("a.conf"), "t/ld": L("sub"), "t/empty": D()}
fi = lambda name, args, before=TREE, **k: case("find-" + name, "find", {"paths": d + "/t", **args}, before, **k)
fi("plain", {})
fi("pattern", {"patterns": "*.conf"})
fi("patterns-recurse", {"patterns": ["*.conf", "*.txt"], "excludes": "c.*", "recurse": True})
fi("regex", {"patterns": r"^[ab]\.(conf|txt)$", "use_regex": True})
fi("regex-excludes", {"excludes": ".*conf", "use_regex": True, "recurse": True})
fi("any-hidden", {"file_type": "any", "hidden": True, "recurse": True})
fi("directories", {"file_type": "directory", "recurse": True})
fi("links", {"file_type": "link"})
fi("follow", {"recurse": True, "follow": True, "patterns": "c.conf"})
fi("depth", {"recurse": True, "depth": 2})
fi("age", {"age": "1d"})
fi("age-young", {"age": "-1d"})
fi("age-bad", {"age": "old"})
fi("size", {"size": "1k", "recurse": True})
fi("size-small", {"size": "-10b", "recurse": True})
fi("mode", {"mode": "0600"})
fi("mode-any", {"mode": "u=rw,g=r", "exact_mode": False, "recurse": True})
fi("mode-number", {"mode": 384})
fi("contains", {"contains": "^two", "recurse": True})
fi("contains-none", {"contains": "words"})
fi("contains-whole", {"contains": r"words\nth", "read_whole_file": True})
fi("checksum", {"get_checksum": True, "checksum_algorithm": "sha256", "patterns": "*.conf"})
fi("missing", {"paths": [d + "/none", d + "/t/a.conf", d + "/t"]})
fi("limit", {"limit": 1, "patterns": "a*"})
fi("limit-bad", {"limit": 0})
fi("check", {}, check=True)
fi("slash", {"paths": d + "/t//"})

# group
G = "muster-g1"
gone = "userdel -f muster-u1; groupdel muster-u1; groupdel muster-g1; groupdel muster-g2; groupdel muster-g3"
gr = lambda name, args, prepare="", **k: case("group-" + name, "group", {"name": G, **args}, prepare=prepare, shows="getent group muster-g1 muster-g2", **{"finally": gone}, **k)
gr("new", {"gid": 47110})
gr("new-check", {"gid": 47110}, check=True)
gr("new-system", {"system": True}, vary=["gid", "(shown)"])
gr("same", {"gid": 47110}, "groupadd -g 47110 muster-g1")
gr("other-gid", {"gid": 47111}, "groupadd -g 47110 muster-g1")
gr("other-gid-check", {"gid": 47111}, "groupadd -g 47110 muster-g1", check=True)
gr("gid-taken", {"gid": 47110}, "groupadd -g 47110 muster-g2")
gr("gid-shared", {"gid": 47110, "non_unique": True}, "groupadd -g 47110 muster-g2")
gr("unique-without-gid", {"non_unique": True})
gr("absent", {"state": "absent"}, "groupadd -g 47110 muster-g1")
gr("absent-check", {"state": "absent"}, "groupadd -g 47110 muster-g1", check=True)
gr("absent-already", {"state": "absent"})
gr("absent-used", {"state": "absent"}, "groupadd -g 47110 muster-g1; useradd -M -u 47110 -g 47110 muster-u1")
gr("range", {"gid_min": 47200, "gid_max": 47210})
gr("local-force", {"local": True, "force": True})
gr("bad-name", {"name": "muster g:1"})
# user
U = "muster-u1"
show = "getent passwd muster-u1 | cut -d: -f1,3-; id -Gn muster-u1; getent shadow muster-u1 | cut -d: -f2,4-; ls -ldn {dir}/home {dir}/home/.x 2>/dev/null | cut -d' ' -f1,3,4"
base_u = "groupadd -g 47110 muster-g1; groupadd -g 47112 muster-g2; groupadd -g 47113 muster-g3; "
us = lambda name, args, prepare="", shows=show, **k: case("user-" + name, "user", {"name": U, **args}, prepare=base_u + prepare, shows=shows, **{"finally": gone}, **k)
old = "useradd -u 47110 -g 47110 -M -d {dir}/home -c old -s /bin/sh muster-u1; "
HASH = "$6$saltsalt$" + "a" * 86
us("new", {"uid": 47110, "home": d + "/home", "comment": "A B's", "shell": "/bin/sh"})
us("new-check", {"uid": 47110}, check=True)
us("new-groups", {"uid": 47110, "group": "muster-g1", "groups": ["muster-g2", "muster-g3"], "create_home": False, "home": d + "/home"})
us("new-gid-as-group", {"uid": 47110, "group": "47112", "create_home": False})
us("new-skeleton", {"uid": 47110, "home": d + "/home", "skeleton": d + "/skel"}, before={"skel/.x": F("x")})
us("new-parents", {"group": "muster-g1", "uid": 47110, "home": d + "/home/inner", "skeleton": d + "/skel"}, before={"skel/.x": F("x")})
us("new-password", {"uid": 47110, "password": HASH, "create_home": False, "home": "/nonexistent"})
us("new-password-locked", {"uid": 47110, "password": HASH, "password_lock": True, "create_home": False})
us("new-plain-password", {"uid": 47110, "password": "secret", "create_home": False})
us("new-system", {"system": True, "uid": 471, "create_home": False, "shell": "/sbin/nologin", "home": "/var/lib/x"})
us("new-expires", {"uid": 47110, "expires": 1422403387, "create_home": False})
us("new-no-group", {"group": "muster-none"})
us("new-ages", {"uid": 47110, "create_home": False, "password_expire_max": 90, "password_expire_min": 1, "password_expire_warn": 14})
us("uid-taken", {"uid": 0})
us("same", {"uid": 47110, "home": d + "/home", "shell": "/bin/sh", "create_home": False}, old)
us("makes-home", {"home": d + "/home", "skeleton": d + "/skel"}, old, before={"skel/.x": F("x")})
us("makes-home-check", {"home": d + "/home"}, old, check=True)
us("changes", {"uid": 47111, "group": "muster-g2", "comment": "new", "shell": "/bin/bash", "create_home": False}, old)
us("changes-check", {"uid": 47111, "comment": "new", "create_home": False}, old, check=True)
us("groups", {"groups": ["muster-g3"], "create_home": False}, old + "usermod -G muster-g2 muster-u1")
us("groups-append", {"groups": "muster-g3", "append": True, "create_home": False}, old + "usermod -G muster-g2 muster-u1")
us("groups-append-same", {"groups": "muster-g2", "append": True, "create_home": False}, old + "usermod -G muster-g2 muster-u1")
us("groups-none", {"groups": [], "create_home": False}, old + "usermod -G muster-g2 muster-u1")
us("groups-same", {"groups": ["muster-g2", "muster-g3"], "create_home": False}, old + "usermod -G muster-g2,muster-g3 muster-u1")
us("groups-unknown", {"groups": ["muster-none"], "create_home": False}, old)
us("append-alone", {"append": True, "create_home": False}, old)
us("password", {"password": HASH, "create_home": False}, old)
us("password-same", {"password": HASH, "create_home": False}, old + "usermod -p '" + HASH + "' muster-u1")
us("password-on-create", {"password": HASH, "update_password": "on_create", "create_home": False}, old)
us("lock", {"password_lock": True, "create_home": False}, old + "usermod -p '" + HASH + "' muster-u1")
us("unlock", {"password_lock": False, "create_home": False}, old + "usermod -p '!" + HASH + "' muster-u1")
us("expires", {"expires": 1422403387, "create_home": False}, old)
us("expires-same", {"expires": 1422403387, "create_home": False}, old + "usermod -e 2015-01-28 muster-u1")
us("expires-never", {"expires": -1, "create_home": False}, old + "usermod -e 2015-01-28 muster-u1")
us("ages", {"password_expire_max": 90, "create_home": False}, old)
us("ages-same", {"password_expire_max": 90, "create_home": False}, old + "chage -M 90 muster-u1")
us("move-home", {"home": d + "/there", "move_home": True}, old + "mkdir {dir}/home; touch {dir}/home/.x; chown 47110:47110 {dir}/home; ", shows=show + "; ls -A {dir}/there")
us("ssh-key", {"generate_ssh_key": True, "ssh_key_type": "ed25519", "ssh_key_comment": "c"}, old + "mkdir {dir}/home; ", shows="ls -ln {dir}/home/.ssh | cut -d' ' -f1,3,4; cut -d' ' -f1,3 {dir}/home/.ssh/id_ed25519.pub; rm -r {dir}/home/.ssh", vary=["ssh_fingerprint", "ssh_public_key"])
us("ssh-key-there", {"generate_ssh_key": True}, old + "mkdir -p {dir}/home/.ssh; echo k > {dir}/home/.ssh/id_rsa")
us("absent", {"state": "absent"}, old)
us("absent-check", {"state": "absent"}, old, check=True)
us("absent-remove", {"state": "absent", "remove": True}, old + "mkdir {dir}/home; chown 47110 {dir}/home", vary=["stderr"])
us("absent-already", {"state": "absent"})
us("local-umask", {"local": True, "umask": "022"})

# cron
cr = lambda name, args, tab="", shows="crontab -l -u muster-u1 2>/dev/null", **k: case("cron-" + name, "cron", {"name": "job a", "user": U, **args},
    prepare="useradd -M muster-u1; " + (f"printf '%s' '{tab}' | crontab -u muster-u1 -" if tab else ""), shows=shows, **{"finally": "crontab -r -u muster-u1; userdel -f muster-u1; rm -f /etc/cron.d/muster-c1"}, **k)
A = "#Ansible: job a\n0 1 * * * old\n"
B = "X=1\n# by hand\n5 5 * * * hand\n#Ansible: job b\n1 1 * * * b\n"
cr("new", {"minute": "0", "hour": "5,2", "job": "ls -alh > /dev/null"}, diff=True)
cr("new-check", {"job": "ls"}, check=True, diff=True)
cr("added", {"job": "it%s"}, B, diff=True)
cr("same", {"minute": "0", "hour": "1", "job": "old"}, B + A, diff=True)
cr("change", {"special_time": "daily", "job": "new"}, A + B, diff=True)
cr("change-disabled", {"job": "new", "disabled": True}, B + A)
cr("named", {"minute": "5", "hour": "5", "job": "hand"}, B)
cr("absent", {"state": "absent"}, B + A, diff=True)
cr("absent-check", {"state": "absent"}, B + A, check=True, diff=True)
cr("absent-already", {"state": "absent"}, B)
cr("special-and-time", {"special_time": "daily", "hour": "1", "job": "x"})
cr("no-job", {})
cr("env", {"name": "PATH", "job": "/bin", "env": True}, B, diff=True)
cr("env-after", {"name": "Y", "job": "2", "env": True, "insertafter": "X"}, B)
cr("env-before", {"name": "Y", "job": "2", "env": True, "insertbefore": "X"}, B)
cr("env-change", {"name": "X", "job": "2", "env": True}, B)
cr("env-absent", {"name": "X", "state": "absent", "env": True}, B)
cr("env-none", {"name": "Y", "job": "2", "env": True, "insertafter": "Z"}, B)
cr("env-space", {"name": "a b", "job": "2", "env": True}, B)
cr("insert-without-env", {"job": "2", "insertafter": "X"}, B)
cr("lines", {"job": "a\nb"}, vary=["msg", "stderr", "stderr_lines"])
cr("backup", {"job": "x", "backup": True}, B, vary=["backup_file"])
cr("user-unknown", {"user": "muster-none", "job": "x"}, vary=["msg", "stderr", "stderr_lines"])
fs = "cat {dir}/c1; stat -c %a {dir}/c1"
cr("file", {"cron_file": d + "/c1", "job": "x", "hour": "3"}, shows=fs, diff=True)
cr("file-change", {"cron_file": d + "/c1", "job": "x"}, shows=fs, before={"c1": F("#Ansible: job a\n* * * * * root old\n", mode="0600")})
cr("file-no-end", {"cron_file": d + "/c1", "job": "x"}, shows=fs, before={"c1": F("#Ansible: job a\n* * * * * muster-u1 x")})
cr("file-absent-last", {"cron_file": d + "/c1", "state": "absent"}, shows="ls {dir}", before={"c1": F("#Ansible: job a\n* * * * * root old\n")}, diff=True)
cr("file-absent-check", {"cron_file": d + "/c1", "state": "absent"}, shows="ls {dir}", before={"c1": F("#Ansible: job a\n* * * * * root old\n")}, check=True)
cr("file-name", {"cron_file": "muster-c1", "job": "x"}, shows="cat /etc/cron.d/muster-c1")
cr("file-odd-name", {"cron_file": d + "/c.1", "job": "x"}, shows="cat {dir}/c.1")

cr("file-crontab", {"cron_file": "/etc/crontab", "job": "x"})

# assemble
FR = {"s/b": F("two"), "s/a": F("one\n"), "s/.h": F("hid\n"), "s/c.conf": F("three\n"), "s/d": D()}
asm = lambda name, args, more={}, **k: case("assemble-" + name, "assemble", {"src": d + "/s", "dest": P, **args}, {**FR, **more}, **k)
asm("new", {})
asm("same", {"regexp": "a"}, {"f": F("one\n")})
asm("over", {"delimiter": "# ---", "mode": "0600"}, {"f": F("old")})
asm("delimiter-escape", {"delimiter": "\\n==\\n", "ignore_hidden": True})
asm("regexp", {"regexp": r"\.conf$"})
asm("mode-only", {"regexp": "a", "mode": "0600"}, {"f": F("one\n")})
asm("backup", {"backup": True}, {"f": F("old")})
asm("validate", {"validate": "grep -q one %s"})
asm("validate-fails", {"validate": "grep -q nothing %s"}, vary=["msg"])
asm("validate-odd", {"validate": "true"})
asm("check", {}, check=True)
asm("missing", {"src": d + "/none"})
asm("is-file", {"src": d + "/s/a"})
case("assemble-local", "assemble", {"src": "frag", "dest": P, "remote_src": False}, {"local/files/frag/1": F("a"), "local/files/frag/2": F("b\n")}, diff=True, vary=["src", "diff"])
# get_url
W = {"www/f.txt": F("hello\n"), "www/SUMS": F("0" * 40 + "  other\nf572d396fae9206628714fb2ce00f72e94f2258f *f.txt\n")}
gu = lambda name, args, more={}, vary=(), **k: case("get_url-" + name, "get_url", {"url": "{url}/f.txt", "dest": P, **args}, {**W, **more}, vary=["elapsed", "src", *vary], **k)
gu("new", {"mode": "0600"})
gu("directory", {"dest": d + "/d"}, {"d": D()})
gu("same", {}, {"f": F("hello\n", mtime=1000)})
gu("not-newer", {}, {"f": F("mine\n", mtime=2000000000)})
gu("older", {}, {"f": F("old", mtime=1000)}, ["src"])
gu("force", {"force": True, "backup": True}, {"f": F("old")})
gu("checksum", {"checksum": "sha1:f572d396fae9206628714fb2ce00f72e94f2258f"})
gu("checksum-there", {"checksum": "sha1:f572d396fae9206628714fb2ce00f72e94f2258f"}, {"f": F("hello\n")})
gu("checksum-there-mode", {"checksum": "sha1:f572d396fae9206628714fb2ce00f72e94f2258f", "mode": "0600"}, {"f": F("hello\n")})
gu("checksum-url", {"checksum": "sha1:{url}/SUMS"})
gu("checksum-wrong", {"checksum": "sha1:" + "0" * 40}, vary=["msg"])
gu("checksum-odd", {"checksum": "sha1"})
gu("checksum-not-hex", {"checksum": "sha1:xyz"})
gu("checksum-unlisted", {"url": "{url}/SUMS", "checksum": "sha1:{url}/SUMS"})
gu("missing", {"url": "{url}/none"})
gu("no-directory", {"dest": d + "/no/f"})
gu("check", {}, check=True, **{"finally": "true"})
gu("refused", {"url": "http://127.0.0.1:1/x"}, vary=["msg"])
gu("file", {"url": "file://" + d + "/www/f.txt"}, vary=["msg", "status_code"])

# unarchive
PACK = "cd {dir} && mkdir -p s/sub && printf one > s/a && printf two > s/sub/b && chmod 640 s/a && touch -d @1000000 s/a s/sub/b s/sub s; "
un = lambda name, args, prepare, arc="x.tgz", **k: case("unarchive-" + name, "unarchive", {"src": d + "/" + arc, "dest": d + "/d", "remote_src": True, **args}, {"d": D(), **k.pop("before", {})},
    prepare=prepare.replace("@", PACK), shows="cd {dir}/d && find . | sort | xargs stat -c '%n %a %u'; rm -rf {dir}/s {dir}/x.*", **{"finally": "true"}, **{"vary": ["extract_results"], **k})
TGZ = "@tar -czf x.tgz s; "
un("tgz", {}, TGZ)
un("tgz-list", {"list_files": True}, TGZ)
un("tgz-same", {}, TGZ + "tar -xzf x.tgz -C d")
un("tgz-changed", {}, TGZ + "tar -xzf x.tgz -C d; echo more >> d/s/a")
un("tgz-mode", {"mode": "u=rwX,go=", "owner": "daemon"}, TGZ)
un("tgz-exclude", {"exclude": ["s/sub"]}, TGZ)
un("tgz-include", {"include": ["s/a"]}, TGZ)
un("tgz-strip", {"extra_opts": ["--strip-components=1"], "list_files": True}, TGZ)
un("tgz-check", {}, TGZ, check=True)
un("tar", {}, "@tar -cf x.tar s", "x.tar")
un("bz2", {}, "@tar -cjf x.tbz s", "x.tbz")
un("xz", {}, "@tar -cJf x.txz s", "x.txz")
un("zst", {}, "@tar --zstd -cf x.zst s", "x.zst")
un("creates", {"creates": d + "/d"}, TGZ)
un("missing", {}, "")
un("empty", {}, ": > {dir}/x.tgz")
un("no-directory", {"dest": d + "/none"}, TGZ)
un("not-an-archive", {}, "echo text > {dir}/x.tgz", vary=["msg"])
un("both", {"include": ["a"], "exclude": ["b"]}, TGZ)
case("unarchive-local", "unarchive", {"src": "x.tgz", "dest": d + "/d"}, {"d": D(), "local/files/x.tgz": {"base64": "H4sIAAAAAAAAA+3OQQqDMBAF0BwlR9A2xPO4KXYlaHr/hixdtCCoCO9t/jAzi/8Kx+uqnFLLapvVo83PnPq+7Yc8pBC7E7qFz1rGJcawzHP59ffvflPT++oGAAAAAAAAAAAA7PEFTSSMqQAoAAA="}}, vary=["src", "extract_results"], **{"finally": "true"})

# git
REPO = "export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'; cd {dir}; " \
    "git init -q -b main r; cd r; echo one > f; git add f; git commit -qm one; git tag v1; git checkout -q -b side; echo side > f; git commit -qam side; git checkout -q main; echo two > f; git commit -qam two; cd ..; "
gi = lambda name, args, more="", **k: case("git-" + name, "git", {"repo": d + "/r", "dest": d + "/c", **args}, prepare=REPO + more,
    shows=k.pop("shows", None) or "cd {dir}/c 2>/dev/null && git rev-parse HEAD && git rev-parse --abbrev-ref HEAD && cat f; cd {dir}; rm -rf r c", **{"finally": "true"}, **k)
CL = "git clone -q file://{dir}/r c; "
gi("clone", {})
gi("clone-tag", {"version": "v1"})
gi("clone-branch", {"version": "side"})
gi("clone-depth", {"depth": 1, "version": "side"})
gi("clone-check", {}, check=True)
gi("clone-not", {"clone": False})
gi("clone-bare", {"bare": True})
gi("clone-unknown", {"version": "nothing"}, without=["cmd"], vary=["msg", "stderr", "stderr_lines", "stdout", "stdout_lines", "rc"])
gi("missing", {"repo": d + "/none"}, without=["cmd"], vary=["msg", "stderr", "stderr_lines", "stdout", "stdout_lines", "rc"])
gi("same", {}, CL)
gi("update", {}, CL + "cd r; echo three > f; git commit -qam three; ")
gi("update-check", {}, CL + "cd r; echo three > f; git commit -qam three; ", check=True)
gi("update-not", {"update": False}, CL + "cd r; echo three > f; git commit -qam three; ")
gi("to-tag", {"version": "v1"}, CL)
gi("to-branch", {"version": "side"}, CL)
gi("to-sha", {"version": "HEAD"}, CL + "cd c; git checkout -q v1; ")
gi("changed", {}, CL + "echo mine > c/f; ")
gi("changed-force", {"force": True}, CL + "echo mine > c/f; ")
gi("other-url", {"repo": d + "/r2"}, CL + "cp -r r r2; ", shows="rm -rf {dir}/r {dir}/r2 {dir}/c")
gi("no-dest", {"dest": None})

# authorized_key
K1, K2, K3 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB1 one@x", "ssh-rsa AAAAB3NzaC1yc2E2 two", "ssh-rsa AAAAB3NzaC1yc2E3 three words"
ak = lambda name, args, before={}, **k: case("authorized_key-" + name, "ansible.posix.authorized_key", {"user": "daemon", "path": d + "/k/keys", "key": K1, **args}, {"k": D(), **before}, **k)
KF = {"k/keys": F("# mine\n" + K2 + "\n" + "no-pty,from=\"a,b\" " + K3 + "\n", mode="0644")}
ak("new", {}, diff=True)
ak("new-check", {}, check=True, diff=True)
ak("added", {"key": K1 + "\n# c\n\n" + K2}, KF, diff=True)
ak("same", {"key": K2}, KF)
ak("options", {"key": K2, "key_options": "no-pty,command=\"a b\""}, KF)
ak("options-gone", {"key": K3}, KF)
ak("comment", {"key": K2, "comment": "other"}, KF)
ak("exclusive", {"exclusive": True}, KF, diff=True)
ak("absent", {"key": K2, "state": "absent"}, KF)
ak("absent-already", {"state": "absent"}, KF)
ak("invalid", {"key": "rubbish"}, KF)
ak("no-user", {"user": "muster-none"})
ak("dir-not-managed", {"manage_dir": False})
# known_hosts
HK, HK2, HE = "h ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQC1", "h ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQC2", "h ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGx"
import subprocess, tempfile
with tempfile.TemporaryDirectory() as made:
    def made_key(n, kind):
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", f"{made}/{n}"], check=True)
        return "h " + open(f"{made}/{n}.pub").read().strip()
    HK, HK2, HE = made_key(1, "rsa"), made_key(2, "rsa"), made_key(3, "ed25519")
kh = lambda name, args, text=None, **k: case("known_hosts-" + name, "known_hosts", {"name": "h", "path": P, **args}, {"f": F(text)} if text is not None else {}, **{"finally": "true"}, **k)
kh("new", {"key": HK})
kh("new-check", {"key": HK}, check=True)
kh("added", {"key": HE}, "other " + HK[2:] + "\n")
kh("other-type", {"key": HE}, HK + "\n")
kh("same", {"key": HK}, "# c\n" + HK + "\n")
kh("replaced", {"key": HK2}, "# c\n" + HK + "\nz " + HE[2:] + "\n")
kh("absent-key", {"key": HK, "state": "absent"}, HK + "\n" + HE + "\n")
kh("absent-other-key", {"key": HK2, "state": "absent"}, HE + "\n")
kh("absent-none", {"state": "absent"}, "z " + HE[2:] + "\n")
kh("absent-check", {"state": "absent"}, HK + "\n", check=True)
kh("no-key", {})
kh("wrong-host", {"key": "other " + HK[2:]})
kh("more-names", {"name": "a,b", "key": HK})

# hostname: only looks; setting it would change this machine's name
import socket
hn = lambda name, args, **k: case("hostname-" + name, "hostname", {"use": "alpine", **args}, keep=["ansible_facts"], vary=["diff", "ansible_facts"], **{"finally": "true"}, **k)
hn("check", {"name": "muster-other"}, check=True)

os.environ["PATH"] = "/opt/ansible-full/bin:" + os.environ["PATH"]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
only = sys.argv[1:]
if only:
    for name in list(base.CASES):
        if not any(name.startswith(word) for word in only):
            del base.CASES[name]
here = pathlib.Path(__file__).resolve().parent
base.main(here, f"http://127.0.0.1:{server.server_port}", keep=bool(only))
