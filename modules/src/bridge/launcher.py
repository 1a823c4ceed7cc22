# Starts one Python module: standard input holds a line of JSON, the module's arguments, and a zip of what it imports.
import json
import os
import shutil
import sys
import tempfile


def start(head, params, path):
    try:
        from ansible.module_utils._internal._ansiballz import _loader
    except ImportError:
        import runpy
        from ansible.module_utils import basic
        basic._ANSIBLE_ARGS = params
        names = {"_module_fqn": head["module"], "_modlib_path": path}
        runpy.run_module(head["module"], init_globals=names, run_name="__main__", alter_sys=True)
        print(json.dumps({"failed": True, "msg": "New-style module did not handle its own exit"}))
        sys.exit(1)
    _loader.run_module(json_params=params, profile="legacy", module_fqn=head["module"], modlib_path=path, extensions={})


def main():
    try:
        os.getcwd()
    except OSError:
        try:
            os.chdir(os.path.expanduser("~"))
        except OSError:
            os.chdir("/")
    stream = sys.stdin.buffer
    head = json.loads(stream.readline().decode("utf-8"))
    params = stream.read(head["params"])
    if head["files"]:
        import resource
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = head["files"] if hard == resource.RLIM_INFINITY else min(hard, head["files"])
        if wanted != soft:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            except ValueError:
                pass
    try:
        os.makedirs(os.path.expanduser(head["tmp"]), mode=0o700)
    except OSError:
        pass
    name = "ansible_%s_payload" % head["name"]
    home = os.path.realpath(tempfile.mkdtemp(prefix=name + "_"))
    try:
        path = os.path.join(home, name + ".zip")
        with open(path, "wb") as file:
            file.write(stream.read())
        sys.path = [path] + [entry for entry in sys.path if entry not in ("", ".")]
        start(head, params, path)
    finally:
        shutil.rmtree(home, ignore_errors=True)


main()
