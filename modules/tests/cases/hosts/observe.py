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
#MORE

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
