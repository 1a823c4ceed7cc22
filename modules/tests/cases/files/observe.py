"""Runs every task below with ansible-core and writes what it answered and left behind as cases.

Usage: python observe.py (with `ansible-playbook` on the path), as root, umask 022.
"""
import base64, json, os, pathlib, re, shutil, subprocess, tempfile

HERE = pathlib.Path(__file__).parent
F = lambda content="", **k: {"content": content, **k}
D = lambda **k: {"directory": True, **k}
L = lambda to: {"link": to}
CASES = {}


def case(name, module, args, before=None, **more):
    CASES[name] = {"module": module, "args": args, "before": before or {}, **more}


d = "{dir}"
P = d + "/f"
# stat
case("stat-file", "stat", {"path": P}, {"f": F("hello\n", mode="4640")})
case("stat-absent", "stat", {"path": d + "/no"})
case("stat-link", "stat", {"path": d + "/l"}, {"f": F("x"), "l": L("f")})
case("stat-link-follow", "stat", {"path": d + "/l", "follow": True}, {"f": F("x"), "l": L("f")})
case("stat-dangling", "stat", {"path": d + "/l"}, {"l": L("nowhere")})
case("stat-dangling-follow", "stat", {"path": d + "/l", "follow": True}, {"l": L("nowhere")})
case("stat-directory", "stat", {"path": d + "/a dir's"}, {"a dir's": D(mode="1777")})
case("stat-md5", "stat", {"path": P, "checksum_algorithm": "md5", "get_mime": False, "get_attributes": False}, {"f": F("x")})
case("stat-sha256", "stat", {"path": P, "checksum": "sha256"}, {"f": F("x")})
case("stat-under-file", "stat", {"path": P + "/g"}, {"f": F("x")})
# slurp
case("slurp-binary", "slurp", {"src": P}, {"f": {"base64": base64.b64encode(bytes(range(256))).decode()}})
case("slurp-absent", "slurp", {"src": P})
case("slurp-directory", "slurp", {"src": d})
case("slurp-empty", "slurp", {"path": P}, {"f": F("")})
# file
case("file-mode", "file", {"path": P, "mode": "0600"}, {"f": F("x")}, diff=True)
case("file-mode-check", "file", {"path": P, "mode": "0600"}, {"f": F("x")}, check=True, diff=True)
case("file-mode-same", "file", {"path": P, "mode": "0644"}, {"f": F("x")}, diff=True)
case("file-mode-symbolic", "file", {"path": P, "mode": "u+x,g-r,o=w"}, {"f": F("x")})
case("file-mode-X-directory", "file", {"path": d + "/d", "mode": "a-rwx,u+rwX,g+X"}, {"d": D(mode="2750")})
case("file-mode-int", "file", {"path": P, "mode": 0o640}, {"f": F("x")})
case("file-mode-bad", "file", {"path": P, "mode": "u~x"}, {"f": F("x")})
case("file-mode-clears-setgid", "file", {"path": d + "/d", "mode": "0755"}, {"d": D(mode="2755")})
case("file-owner-id", "file", {"path": P, "owner": "1", "group": 2}, {"f": F("x")}, diff=True)
case("file-owner-name", "file", {"path": P, "owner": "daemon", "group": "bin"}, {"f": F("x")})
case("file-owner-unknown", "file", {"path": P, "owner": "nobody-here"}, {"f": F("x")})
case("file-owner-unknown-check", "file", {"path": P, "owner": "4711"}, {"f": F("x")}, check=True)
case("file-absent-file", "file", {"path": P, "state": "absent"}, {"f": F("x")}, diff=True)
case("file-absent-tree", "file", {"path": d + "/d", "state": "absent"}, {"d/e/f": F("x"), "d/g": F()}, diff=True)
case("file-absent-already", "file", {"path": P, "state": "absent"}, diff=True)
case("file-absent-link", "file", {"path": d + "/l", "state": "absent"}, {"d/f": F(), "l": L("d")})
case("file-file-missing", "file", {"path": P, "state": "file"})
case("file-file-is-directory", "file", {"path": d + "/d", "state": "file"}, {"d": D()})
case("file-file-through-link", "file", {"path": d + "/l", "state": "file", "mode": "0600"}, {"f": F(), "l": L("f")})
case("file-directory-new", "file", {"path": d + "/a/b/c", "state": "directory", "mode": "0700"}, {"a": D()}, diff=True)
case("file-directory-new-check", "file", {"path": d + "/a/b", "state": "directory", "mode": "0700"}, check=True, diff=True)
case("file-directory-is-file", "file", {"path": P, "state": "directory"}, {"f": F()})
case("file-directory-same", "file", {"path": d + "/d", "state": "directory"}, {"d": D()}, diff=True)
case("file-directory-owner", "file", {"path": d + "/d/e", "state": "directory", "owner": "daemon"})
case("file-recurse", "file", {"path": d + "/d", "state": "directory", "recurse": True, "mode": "u=rwX,go=rX", "owner": "daemon"},
     {"d/e/f": F(mode="0600"), "d/x": F(mode="0700"), "d/l": L("x"), "out": F(mode="0600"), "d/m": L("../out")})
case("file-recurse-nofollow", "file", {"path": d + "/d", "state": "directory", "recurse": True, "follow": False, "mode": "0700"},
     {"d/x": F(), "out": F(), "d/m": L("../out")})
case("file-recurse-file", "file", {"path": P, "recurse": True}, {"f": F()})
case("file-src-without-state", "file", {"path": P, "src": "x"}, {"f": F()})
case("file-link-new", "file", {"path": d + "/l", "src": "f", "state": "link"}, {"f": F("x")}, diff=True)
case("file-link-change", "file", {"path": d + "/l", "src": "g", "state": "link"}, {"f": F(), "g": F(), "l": L("f")}, diff=True)
case("file-link-same", "file", {"path": d + "/l", "src": "f", "state": "link"}, {"f": F(), "l": L("f")})
case("file-link-missing-src", "file", {"path": d + "/l", "src": "nope", "state": "link"})
case("file-link-force-missing", "file", {"path": d + "/l", "src": "nope", "state": "link", "force": True})
case("file-link-over-file", "file", {"path": P, "src": d, "state": "link"}, {"f": F()})
case("file-link-over-file-force", "file", {"path": P, "src": "g", "state": "link", "force": True}, {"f": F(), "g": F()})
case("file-link-over-full-directory", "file", {"path": d + "/d", "src": d, "state": "link", "force": True}, {"d/f": F()})
case("file-link-to-directory-change", "file", {"path": d + "/l", "src": "b", "state": "link"}, {"a": D(), "b": D(), "l": L("a")})
case("file-link-check", "file", {"path": d + "/l", "src": "f", "state": "link"}, {"f": F()}, check=True)
case("file-link-mode-follow", "file", {"path": d + "/l", "src": "f", "state": "link", "mode": "0600"}, {"f": F()})
case("file-hard-new", "file", {"path": d + "/h", "src": P, "state": "hard"}, {"f": F("x")}, diff=True)
case("file-hard-same", "file", {"path": d + "/h", "src": P, "state": "hard"}, {"f": F("x"), "h": {"hard": "f"}})
case("file-hard-over-file", "file", {"path": d + "/h", "src": P, "state": "hard"}, {"f": F("x"), "h": F("y")})
case("file-hard-missing", "file", {"path": d + "/h", "src": P, "state": "hard"})
case("file-touch-new", "file", {"path": P, "state": "touch", "mode": "0600"})
case("file-touch-new-check", "file", {"path": P, "state": "touch"}, check=True, diff=True)
case("file-touch-again", "file", {"path": P, "state": "touch"}, {"f": F("x")})
case("file-touch-preserve", "file", {"path": P, "state": "touch", "modification_time": "preserve", "access_time": "preserve"}, {"f": F("x")}, diff=True)
case("file-times", "file", {"path": P, "state": "file", "modification_time": "202001020304.05"}, {"f": F("x")}, diff=True)
case("file-times-bad", "file", {"path": P, "state": "file", "modification_time": "yesterday"}, {"f": F("x")})
case("file-default-state-directory", "file", {"path": d + "/d", "mode": "0700"}, {"d": D()})
case("file-default-state-link", "file", {"path": d + "/l", "mode": "0600"}, {"f": F(), "l": L("f")})
# lineinfile
li = lambda name, args, content="a\nb\nc\n", **k: case("lineinfile-" + name, "lineinfile", {"path": P, **args}, {"f": F(content)} if content is not None else {}, **k)
li("append", {"line": "x"}, diff=True)
li("append-check", {"line": "x"}, check=True, diff=True)
li("there", {"line": "b"}, diff=True)
li("no-newline", {"line": "x"}, "a\nb")
li("regexp", {"regexp": "^b", "line": "B"})
li("regexp-none", {"regexp": "^z", "line": "B"})
li("regexp-last", {"regexp": "^[ab]", "line": "B"})
li("regexp-first", {"regexp": "^[ab]", "line": "B", "firstmatch": True})
li("search", {"search_string": "b", "line": "B"})
li("after", {"insertafter": "^a", "line": "x"})
li("after-there", {"insertafter": "^a", "line": "b"})
li("after-last", {"insertafter": "^c", "line": "x"})
li("before", {"insertbefore": "^b", "line": "x"})
li("before-bof", {"insertbefore": "BOF", "line": "x"})
li("before-none", {"insertbefore": "^z", "line": "x"})
li("both", {"regexp": "^z", "insertafter": "^a", "line": "x"})
li("backrefs", {"regexp": r"^(\w)=(.*)$", "line": r"\1 = '\g<2>'", "backrefs": True}, "a=1\nb=2\n")
li("backrefs-none", {"regexp": "^z(.)", "line": r"\1", "backrefs": True})
li("create", {"line": "x", "create": True, "mode": "0600"}, None, diff=True)
li("create-check", {"line": "x", "create": True}, None, check=True, diff=True)
li("missing", {"line": "x"}, None)
li("directory", {"path": d, "line": "x"})
li("absent-regexp", {"regexp": "^[ab]$", "state": "absent"}, diff=True)
li("absent-line", {"line": "b", "state": "absent"})
li("absent-none", {"line": "z", "state": "absent"})
li("absent-missing", {"line": "z", "state": "absent"}, None)
li("mode-too", {"line": "x", "mode": "0600"}, diff=True)
li("mode-only", {"line": "b", "mode": "0600"}, diff=True)
li("backup", {"line": "x", "backup": True})
li("validate", {"line": "x", "validate": "grep -q x %s"})
li("validate-fails", {"line": "x", "validate": "false %s"})
li("validate-no-place", {"line": "x", "validate": "true"})
li("through-link", {"path": d + "/l", "line": "x"}, None)
CASES["lineinfile-through-link"]["before"] = {"f": F("a\n", mode="0600"), "l": L("f")}
li("no-line", {"regexp": "x"})
li("empty-regexp", {"regexp": "", "line": "x"})
li("exclusive", {"insertafter": "a", "insertbefore": "b", "line": "x"})
li("keeps-owner", {"line": "x"}, None)
CASES["lineinfile-keeps-owner"]["before"] = {"f": F("a\n", mode="0640", uid=1)}
case("lineinfile-binary", "lineinfile", {"path": P, "regexp": "^b", "line": "ü"}, {"f": {"base64": base64.b64encode(b"a\xff\r\nb\xfe\n\x00c\n").decode()}})
# copy
case("copy-content", "copy", {"content": "hello\n", "dest": P}, diff=True)
case("copy-content-check", "copy", {"content": "new\n", "dest": P}, {"f": F("old\n")}, check=True, diff=True)
case("copy-content-same", "copy", {"content": "x", "dest": P}, {"f": F("x")}, diff=True)
case("copy-content-same-plain", "copy", {"content": "x", "dest": P}, {"f": F("x")})
case("copy-content-same-mode", "copy", {"content": "x", "dest": P, "mode": "0600"}, {"f": F("x")}, diff=True)
case("copy-content-json", "copy", {"content": {"a": [1, "é"], "b": None}, "dest": P})
case("copy-content-directory", "copy", {"content": "x", "dest": d + "/d"}, {"d": D()})
case("copy-content-slash", "copy", {"content": "x", "dest": d + "/d/"})
case("copy-neither", "copy", {"dest": P})
case("copy-both", "copy", {"dest": P, "src": "x", "content": "y"})
case("copy-keeps", "copy", {"content": "new", "dest": P}, {"f": F("old", mode="0640", uid=1)})
case("copy-mode-owner", "copy", {"content": "new", "dest": P, "mode": "u=rw,g=,o=", "owner": "daemon"}, {"f": F("old")})
case("copy-no-parent", "copy", {"content": "x", "dest": d + "/no/f"})
case("copy-backup", "copy", {"content": "new", "dest": P, "backup": True}, {"f": F("old")})
case("copy-no-force", "copy", {"content": "new", "dest": P, "force": False}, {"f": F("old")})
case("copy-validate", "copy", {"content": "new", "dest": d + "/a.conf", "validate": "grep -q new %s"})
case("copy-validate-fails", "copy", {"content": "new", "dest": P, "validate": "false %s"}, {"f": F("old")})
case("copy-over-link", "copy", {"content": "new", "dest": d + "/l"}, {"f": F("old", mode="0600"), "l": L("f")})
case("copy-over-link-follow", "copy", {"content": "new", "dest": d + "/l", "follow": True}, {"f": F("old", mode="0600"), "l": L("f")})
case("copy-link-follow-same", "copy", {"content": "old", "dest": d + "/l", "follow": True, "mode": "0600"}, {"f": F("old"), "l": L("f")})
case("copy-src", "copy", {"src": "s.txt", "dest": P}, {"local/files/s.txt": F("local\n")}, diff=True)
case("copy-src-to-directory", "copy", {"src": "s.txt", "dest": d + "/d"}, {"local/files/s.txt": F("local\n"), "d": D()})
case("copy-src-to-new-directory", "copy", {"src": "s.txt", "dest": d + "/n/m/", "directory_mode": "0700"}, {"local/files/s.txt": F("local\n")})
case("copy-src-preserve", "copy", {"src": "s.sh", "dest": P, "mode": "preserve"}, {"local/files/s.sh": F("x", mode="0750")})
case("copy-src-checksum-bad", "copy", {"src": "s.txt", "dest": P, "checksum": "0" * 40}, {"local/files/s.txt": F("x")})
case("copy-binary", "copy", {"src": "b", "dest": P}, {"local/files/b": {"base64": base64.b64encode(bytes(range(256)) * 10).decode()}, "f": F("x")}, diff=True)
T = {"local/files/t/a": F("a"), "local/files/t/sub/b": F("b", mode="0755"), "local/files/t/empty": D(), "local/files/t/l": L("a")}
case("copy-tree", "copy", {"src": "t", "dest": d + "/d"}, {**T, "d": D()})
case("copy-tree-inner", "copy", {"src": "t/", "dest": d + "/new", "mode": "0600", "directory_mode": "0711"}, T)
case("copy-tree-links", "copy", {"src": "t/", "dest": d + "/d", "local_follow": False}, {**T, "d/a": F("a"), "d/sub/b": F("old")})
case("copy-tree-check", "copy", {"src": "t/", "dest": d + "/d"}, {**T, "d": D()}, check=True)
case("copy-remote", "copy", {"src": d + "/s", "dest": P, "remote_src": True}, {"s": F("s", mode="0600")})
case("copy-remote-over", "copy", {"src": d + "/s", "dest": P, "remote_src": True}, {"s": F("s", mode="0600"), "f": F("old", mode="0640", uid=1)})
case("copy-remote-same", "copy", {"src": d + "/s", "dest": P, "remote_src": True, "mode": "0640"}, {"s": F("s"), "f": F("s")})
case("copy-remote-missing", "copy", {"src": d + "/s", "dest": P, "remote_src": True})
case("copy-remote-check", "copy", {"src": d + "/s", "dest": P, "remote_src": True}, {"s": F("s"), "f": F("old")}, check=True)
case("copy-remote-preserve", "copy", {"src": d + "/s", "dest": P, "remote_src": True, "mode": "preserve"}, {"s": F("s", mode="0750")})
case("copy-remote-tree", "copy", {"src": d + "/s", "dest": d + "/d", "remote_src": True}, {"s/a": F("a"), "s/sub/b": F("b", mode="0755"), "d/s/a": F("old")})
case("copy-remote-tree-new", "copy", {"src": d + "/s/", "dest": d + "/d", "remote_src": True}, {"s/a": F("a"), "s/sub/b": F("b"), "s/l": L("a")})
case("copy-remote-tree-mode", "copy", {"src": d + "/s/", "dest": d + "/d", "remote_src": True, "mode": "0700"}, {"s/a": F("a"), "s/sub/b": F("b")})
# template
tp = lambda name, text, args=None, before=None, **k: case("template-" + name, "template", {"src": "t.j2", "dest": P, **(args or {})}, {"local/templates/t.j2": F(text), **(before or {})}, **k)
tp("plain", "Hello {{ who }}\n{% for i in [1,2] %}\n{{ i }}\n{% endfor %}\n", vars={"who": "you"}, diff=True)
tp("same", "x {{ who }}\n", {"mode": "0600"}, {"f": F("x you\n")}, vars={"who": "you"})
tp("crlf", "a {{ 1 }}\nb\n", {"newline_sequence": "\r\n"})
tp("crlf-plain", "a\nb\n", {"newline_sequence": "\r\n"})
tp("crlf-source", "a {{ 1 }}\r\nb\r\n")
tp("strings", "[[ who ]] {{ who }}\n", {"variable_start_string": "[[", "variable_end_string": "]]"}, vars={"who": "you"})
tp("no-trim", "{% if true %}\na\n{% endif %}\n", {"trim_blocks": False})
tp("lstrip", "  {% if true %}\na\n  {% endif %}\n", {"lstrip_blocks": True})
tp("to-directory", "a\n", {"dest": d + "/d"}, {"d": D()})
tp("names", "{{ template_path }} {{ template_uid }} {{ ansible_managed }} {{ template_fullpath == template_destpath }}\n")
tp("undefined", "{{ nope }}\n", vary=["msg"])
tp("missing", "", {"src": "none.j2"}, vary=["msg"])
# fetch
case("fetch", "fetch", {"src": P, "dest": d + "/got"}, {"f": F("x")})
case("fetch-flat", "fetch", {"src": P, "dest": d + "/got/", "flat": True}, {"f": F("x")})
case("fetch-flat-same", "fetch", {"src": P, "dest": d + "/g", "flat": True}, {"f": F("x"), "g": F("x")})
case("fetch-missing", "fetch", {"src": P, "dest": d + "/got"})
case("fetch-missing-fine", "fetch", {"src": P, "dest": d + "/got", "fail_on_missing": False})
case("fetch-directory", "fetch", {"src": d + "/d", "dest": d + "/got"}, {"d": D()})
case("fetch-flat-directory", "fetch", {"src": P, "dest": d + "/d", "flat": True}, {"f": F("x"), "d": D()})
case("fetch-check", "fetch", {"src": P, "dest": d + "/got"}, {"f": F("x")}, check=True)
# tempfile
case("tempfile-missing", "tempfile", {"path": d + "/none"}, vary=["msg"])
case("tempfile-prefix", "tempfile", {"prefix": "a/b"})

# blockinfile
bi = lambda name, args, content="a\nb\n", **k: case("blockinfile-" + name, "blockinfile", {"path": P, **args}, {"f": F(content)} if content is not None else {}, **k)
M = "# BEGIN ANSIBLE MANAGED BLOCK\nold\n# END ANSIBLE MANAGED BLOCK\n"
bi("append", {"block": "x\ny"}, diff=True)
bi("append-check", {"block": "x\ny"}, check=True, diff=True)
bi("no-newline", {"block": "x\n"}, "a")
bi("update", {"block": "new\n"}, "a\n" + M + "b\n")
bi("same", {"block": "old\n"}, "a\n" + M + "b\n", diff=True)
bi("remove", {"state": "absent"}, "a\n" + M + "b\n", diff=True)
bi("remove-empty", {"block": ""}, "a\n" + M + "b\n")
bi("remove-none", {"state": "absent"})
bi("after", {"block": "x", "insertafter": "^a"})
bi("before", {"block": "x", "insertbefore": "^b"})
bi("bof", {"block": "x", "insertbefore": "BOF"})
bi("before-none", {"block": "x", "insertbefore": "^z"})
bi("marker", {"block": "x", "marker": "<!-- {mark} me -->", "marker_begin": "Start", "marker_end": "Stop"})
bi("newlines", {"block": "x", "insertafter": "^a", "append_newline": True, "prepend_newline": True})
bi("create", {"block": "x", "create": True, "mode": "0600"}, None)
bi("missing", {"block": "x"}, None)
bi("directory", {"path": d, "block": "x"})
bi("backup", {"block": "x", "backup": True})
bi("mode-too", {"block": "x", "mode": "0600"})
# replace
re_ = lambda name, args, content="a old b\nold\nc\n", **k: case("replace-" + name, "replace", {"path": P, **args}, {"f": F(content)} if content is not None else {}, **k)
re_("all", {"regexp": r"\bold\b", "replace": "new"}, diff=True)
re_("check", {"regexp": "old", "replace": "new"}, check=True, diff=True)
re_("none", {"regexp": "zzz", "replace": "new"}, diff=True)
re_("groups", {"regexp": r"^(\w) (old) (?P<last>\w)$", "replace": r"\g<last>-\1-\2"})
re_("remove", {"regexp": "^old\n"})
re_("after", {"regexp": "old", "replace": "new", "after": "b"})
re_("before", {"regexp": "old", "replace": "new", "before": "b"})
re_("between", {"regexp": "old", "replace": "new", "after": "a", "before": "b"})
re_("section-missing", {"regexp": "old", "replace": "new", "after": "zzz"})
re_("missing", {"regexp": "x"}, None)
re_("directory", {"path": d, "regexp": "x"})
re_("backup-mode", {"regexp": "old", "replace": "new", "backup": True, "mode": "0600"})
re_("utf8", {"regexp": r"(ü\w)", "replace": r"<\1>"}, "xüöy\n")

CALLBACK = '''
import json, os
from ansible.plugins.callback import CallbackBase
class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "lines"
    def put(self, result, kind):
        with open(os.environ["LINES"], "a") as out:
            out.write(json.dumps({"name": result._task.get_name(), "kind": kind, "result": result._result}, default=str) + "\\n")
    def v2_runner_on_ok(self, result): self.put(result, "ok")
    def v2_runner_on_failed(self, result, ignore_errors=False): self.put(result, "failed")
    def v2_runner_on_skipped(self, result): self.put(result, "skipped")
'''


def make(top, entries):
    for name, entry in entries.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if "link" in entry:
            path.symlink_to(entry["link"].replace("{dir}", str(top)))
            continue
        if "hard" in entry:
            os.link(top / entry["hard"], path)
            continue
        if entry.get("directory"):
            path.mkdir(exist_ok=True)
        elif "base64" in entry:
            path.write_bytes(base64.b64decode(entry["base64"]))
        else:
            path.write_bytes(entry["content"].encode())
        path.chmod(int(entry.get("mode", "0755" if path.is_dir() else "0644"), 8))
        if "mtime" in entry:
            os.utime(path, (entry["mtime"], entry["mtime"]))
        if "uid" in entry:
            os.lchown(path, entry["uid"], entry["uid"])


def found(top):
    out = {}
    for base, dirs, files in os.walk(top):
        for name in dirs + files:
            path = pathlib.Path(base, name)
            about = path.lstat()
            key = str(path.relative_to(top))
            key = "BACKUP" if "~" in key else key.replace(str(top)[1:], "{dir}")
            if "testhost/" in key and str(top)[1:].startswith(key.split("testhost/")[1]):
                continue
            entry = {}
            if path.is_symlink():
                entry["link"] = os.readlink(path).replace(str(top), "{dir}")
            else:
                entry["mode"] = "%04o" % (about.st_mode & 0o7777)
                if path.is_dir():
                    entry["directory"] = True
                else:
                    data = path.read_bytes()
                    try:
                        entry["content"] = data.decode().replace(str(top), "{dir}")
                    except UnicodeDecodeError:
                        entry["base64"] = base64.b64encode(data).decode()
            for k, v in (("uid", about.st_uid), ("gid", about.st_gid)):
                if v:
                    entry[k] = v
            out[key] = entry
    return dict(sorted(out.items()))


VARYING = {"inode", "dev", "atime", "mtime", "ctime", "blocks", "block_size", "version", "attributes", "attr_flags", "mimetype", "charset"}


def steady(value, top):
    if isinstance(value, str):
        value = value.replace(str(top), "{dir}")
        # The file that a template was rendered to has a name of its own; ours is the template's.
        value = re.sub(r"^/root/\.ansible/tmp/.*/", "{dir}/local/templates/", value)
        return "BACKUP" if "~" in value and "@" in value else value
    if isinstance(value, list):
        return [steady(v, top) for v in value]
    if isinstance(value, dict):
        out = {k.replace(str(top), "{dir}"): "*" if k in VARYING and (v is not None or k == "version") else steady(v, top) for k, v in value.items()}
        for k in ("directories", "files"):
            if isinstance(out.get(k), list):
                out[k] = sorted(out[k], key=lambda v: json.dumps(v))
        return out
    return value


def main(here=HERE, url=None, keep=False):
    os.umask(0o022)
    work = pathlib.Path(tempfile.mkdtemp()).resolve()
    try:
        (work / "plugins").mkdir()
        (work / "plugins/lines.py").write_text(CALLBACK)
        plays = []
        for name, one in CASES.items():
            top = work / name / "case"
            top.mkdir(parents=True)
            make(top, one["before"])
            (top / "local").mkdir(exist_ok=True) if "local" in str(list(one["before"])) else None
            site = lambda text: text.replace("{url}", url + "/" + name + "/case/www") if url else text
            put = lambda v: json.loads(site(json.dumps(v)).replace("{dir}", str(top)))
            task = {"name": name, (one["module"] if "." in one["module"] else "ansible.builtin." + one["module"]): put(one["args"]), "ignore_errors": True,
                    "check_mode": one.get("check", False), "diff": one.get("diff", False), "vars": one.get("vars", {})}
            play = work / name / "case" / "local" / "p.yml"
            if play.parent.exists():
                play.write_text(json.dumps([{"hosts": "testhost", "gather_facts": False, "tasks": [task]}]))
                plays.append(play)
            else:
                side = work / name / "p.yml"
                side.write_text(json.dumps([{"hosts": "testhost", "gather_facts": False, "tasks": [task]}]))
                plays.append(side)
        (work / "hosts").write_text("testhost ansible_connection=local ansible_python_interpreter='{{ ansible_playbook_python }}'\n")
        env = {**os.environ, "ANSIBLE_CALLBACK_PLUGINS": str(work / "plugins"), "ANSIBLE_STDOUT_CALLBACK": "lines",
               "LINES": str(work / "lines"), "ANSIBLE_RETRY_FILES_ENABLED": "0", "ANSIBLE_NOCOWS": "1"}
        if url:
            os.chdir(work)
        alone = {play for play, one in zip(plays, CASES.values()) if "finally" in one}
        run = lambda some: subprocess.run(["ansible-playbook", "-i", str(work / "hosts"), *map(str, some)], env=env, check=False)
        together = [play for play in plays if play not in alone]
        if together:
            run(together)
        for play, (name, one) in zip(plays, CASES.items()):
            if play in alone:
                top = str(work / name / "case")
                sh = lambda key: subprocess.run(["sh", "-c", "exec 2>&1\n" + one.get(key, "").replace("{dir}", top)], stdout=subprocess.PIPE, text=True).stdout
                sh("prepare")
                try:
                    run([play])
                    one["shown"] = sh("shows").replace(top, "{dir}") if "shows" in one else None
                finally:
                    sh("finally")
        for line in (work / "lines").read_text().splitlines():
            said = json.loads(line)
            name, result = said["name"], said["result"]
            one, top = CASES[name], work / name / "case"
            for key in list(result):
                if key.startswith("_ansible") or key in ("invocation", "exception", "ansible_facts", "deprecations", "changed_when_result") and key not in one.get("keep", []) or key in one.get("without", []):
                    del result[key]
            result.pop("failed", None) if said["kind"] != "failed" else result.update(failed=True)
            if "/.ansible" in str(result.get("src")) or (work.as_posix() not in str(result.get("src")) and one["module"] in ("copy", "template") and "src" in result):
                result["src"] = "*"
            if said["kind"] == "skipped":
                result["skipped"] = True
            if url:
                result = json.loads(json.dumps(result).replace(url + "/" + name + "/case/www", "{url}"))
            if "shows" in one:
                result["(shown)"] = one.pop("shown")
            for key in [key for key in one.get("vary", []) if key in result]:
                result[key] = "*"
            after = found(top)
            after.pop("local/p.yml", None)
            CASES[name] = {**one, "expect": steady(result, top), "after": after}
        for old in [] if keep else here.glob("*.json"):
            old.unlink()
        for name, one in CASES.items():
            if "expect" not in one:
                print("no answer:", name)
                continue
            (here / f"{name}.json").write_text(json.dumps(one, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
