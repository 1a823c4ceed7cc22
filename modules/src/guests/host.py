"""Runs filters, tests and lookups of the site, one request a line. Standard input brings requests and the answers to
what a plugin asks for meanwhile; answers and questions go to what was standard output, and whatever a plugin prints goes
to standard error. Templating is ansible-core's own: a request is one small template over the values it brings. An action
plugin is run in a process that speaks in the same way through a socket of its own."""

import base64
import collections.abc
import datetime
import gc
import json
import os
import socket
import sys
import tempfile
import threading

wire_out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
wire_in = os.fdopen(os.dup(0), "r", encoding="utf-8", newline="\n")
os.dup2(2, 1)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
wire_lock = threading.RLock()
first_process = os.getpid()


def send(message):
    wire_out.write(json.dumps(message) + "\n")
    wire_out.flush()


def receive():
    line = wire_in.readline()
    if not line:
        # Only the first process tidies up.
        sys.exit(0) if os.getpid() == first_process else os._exit(0)
    return json.loads(line)


def packed(value):
    """A value as JSON: mappings as pairs, for their keys may be anything."""
    if value is None or isinstance(value, (bool, int)):
        return value if value is None or isinstance(value, bool) else int(value)
    if isinstance(value, float):
        return {"float": repr(float(value))} if value != value or value in (float("inf"), float("-inf")) else float(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, datetime.datetime):
        return {"moment": value.isoformat(sep=" ")}
    if isinstance(value, datetime.date):
        return value.isoformat()
    if hasattr(value, "items") and hasattr(value, "keys"):
        return {"map": [[packed(key), packed(item)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [packed(item) for item in value]}
    if isinstance(value, (list, set, frozenset)) or hasattr(value, "__next__") or hasattr(value, "__iter__"):
        return [packed(item) for item in value]
    raise TypeError(f"Type '{type(value).__name__}' is unsupported for variable storage.")


def unpacked(value):
    if isinstance(value, list):
        return [unpacked(item) for item in value]
    if isinstance(value, dict):
        ((kind, inner),) = value.items()
        if kind == "map":
            return {unpacked(key): unpacked(item) for key, item in inner}
        if kind == "tuple":
            return tuple(unpacked(item) for item in inner)
        if kind == "bytes":
            return base64.b64decode(inner).decode("utf-8", "surrogateescape")
        if kind == "moment":
            return datetime.datetime.fromisoformat(inner)
        if kind == "float":
            return float(inner)
    return value


def begin(setup):
    if setup["core"] not in sys.path:
        sys.path.append(setup["core"])
    import jinja2.defaults
    from ansible import constants
    from ansible.errors import AnsibleError, AnsibleUndefinedVariable
    from ansible.parsing.dataloader import DataLoader
    from ansible.plugins import loader as plugins
    from ansible.template import Templar

    try:
        from ansible.template import trust_as_template
        native = None
    except ImportError:
        from ansible.template import AnsibleNativeEnvironment as native
        trust_as_template = str

    if hasattr(plugins, "init_plugin_loader"):
        plugins.init_plugin_loader(setup["collections"])
    if setup["playbook"]:
        from ansible.utils.collection_loader import AnsibleCollectionConfig

        AnsibleCollectionConfig.playbook_paths = [setup["playbook"]]
    loader = DataLoader()
    if setup["playbook"]:
        loader.set_basedir(setup["playbook"])
    loaders = {"filter": plugins.filter_loader, "test": plugins.test_loader, "lookup": plugins.lookup_loader}

    def beside(dirs):
        for directory in dirs:
            plugins.add_all_plugin_dirs(directory)

    def find(kind, name):
        try:
            return loaders[kind].get(name) if kind != "lookup" else loaders[kind].find_plugin(name)
        except (KeyError, AnsibleError):
            return None

    def knows(message):
        return {"known": bool(find(message["kind"], message["name"]))}

    class Asked(collections.abc.Mapping):
        """The variables of all hosts, or of one: each is asked for when it is looked at."""

        def __init__(self, path, keys):
            self.path, self.names = path, keys

        def __getitem__(self, key):
            if key not in self.names:
                raise KeyError(key)
            return ask(*self.path, key)

        def __iter__(self):
            return iter(self.names)

        def __len__(self):
            return len(self.names)

    def variable(name):
        """A variable as a template that asks for it: templating renders it when it is looked at."""
        return trust_as_template("{{ muster_ask(" + json.dumps(name) + ") }}")

    def ask(*path, plain=False):
        with wire_lock:
            return asked(path, plain)

    def asked(path, plain):
        send({"ask": path, "plain": plain})
        while True:
            answer = receive()
            if "do" in answer:
                perform(answer)
                continue
            if "keys" in answer:
                return Asked(path, answer["keys"]) if path else answer["keys"]
            if "error" in answer:
                raise (AnsibleUndefinedVariable if answer["undefined"] else AnsibleError)(answer["error"])
            return unpacked(answer["value"])

    class Hosts(collections.abc.Mapping):
        """`hostvars`: the hosts of the inventory, and this machine under its names where it is not one of them."""

        known = None

        def hosts(self):
            if self.known is None:
                self.known = list(ask("hostvars"))
            return self.known

        def __getitem__(self, name):
            if name not in self:
                raise KeyError(name)
            return ask("hostvars", name)

        def raw_get(self, name):
            return self[name]

        def __contains__(self, name):
            return name in constants.LOCALHOST or name in self.hosts()

        def __iter__(self):
            return iter(self.hosts())

        def __len__(self):
            return len(self.hosts())

    def all_variables(kind):
        """Lookups are given variables as they are: those without templates by their values."""
        names = ask(plain=kind == "lookup")
        variables = {name: unpacked(value["is"]) if value else variable(name) for name, value in names.items()}
        if kind == "lookup":
            variables["hostvars"] = Hosts()
            variables["vars"] = dict(variables)
        else:
            variables["vars"] = variable("vars")
        return variables

    def wants_variables(kind, name):
        plugin = find(kind, name)
        function = getattr(plugin, "j2_function", plugin)
        return kind == "lookup" or hasattr(function, "jinja_pass_arg") or hasattr(function, "__wrapped__")

    def call(message):
        kind, name = message["kind"], message["name"]
        args, named = unpacked(message["args"]), unpacked(message["named"])
        variables = all_variables(kind) if wants_variables(kind, name) else {}
        if kind == "lookup":
            variables["ansible_search_path"] = message["search"]
        variables.update(muster_args=args, muster_named=named)
        if kind == "filter":
            text = "{{ muster_value | %s(*muster_args, **muster_named) }}" % name
        elif kind == "test":
            text = "{{ muster_value is %s(*muster_args, **muster_named) }}" % name
        else:
            text = "{{ query(muster_value, *muster_args, **muster_named) }}"
        variables["muster_value"] = unpacked(message["value"])
        templar = Templar(loader=loader, variables=variables)
        if native:
            templar = templar.copy_with_new_env(environment_class=native)
        return {"value": packed(templar.template(trust_as_template(text)))}

    def told(error):
        said, seen = [], error
        while seen is not None and len(said) < 8:
            text = (getattr(seen, "message", None) or str(seen)).strip()
            if text and not any(text in earlier for earlier in said):
                said.append(text.rstrip(".") if seen.__cause__ else text)
            seen = seen.__cause__
        return ": ".join(said) or type(error).__name__

    # Every environment of Jinja that is made from now on has it.
    jinja2.defaults.DEFAULT_NAMESPACE["muster_ask"] = ask

    def prepare(message):
        """Reads the plugin once, for all requests."""
        try:
            beside(message["dirs"])
            if "kind" in message:
                find(message["kind"], message["name"])
            else:
                read(message["plugin"])
        except Exception:
            pass  # whoever performs it says so

    def perform(message):
        try:
            beside(message["dirs"])
            send(knows(message) if message["do"] == "knows" else call(message))
        except Exception as error:
            undefined = isinstance(error, AnsibleUndefinedVariable)
            send({"error": told(error), "undefined": undefined})

    if "actions" in setup:
        program = {"__name__": "muster_actions"}
        exec(compile(setup["actions"], "actions.py", "exec"), program)
        tools = dict(send=send, receive=receive, lock=wire_lock, ask=ask, variables=all_variables, loader=loader,
                     beside=beside, trusted=trust_as_template)
        read, perform = program["prepared"](tools)
    return prepare, perform


def begin_action(request):
    """Forks a process that does what it is told through a socket of its own; says which process and which socket."""
    from ansible import constants

    prepare(request)
    gc.collect()
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX)
    try:
        path = tempfile.mktemp(dir=constants.DEFAULT_LOCAL_TMP)
        listener.bind(path)
    except OSError:
        path = os.path.join(tempfile.mkdtemp(prefix="muster-"), "s")  # a name that is short enough
        listener.bind(path)
    listener.listen(1)
    performer = os.fork()
    if performer == 0:
        try:
            speak_through(listener, path)
            perform()
        finally:
            os._exit(0)
    listener.close()
    return {"pid": performer, "socket": path}


def speak_through(listener, path):
    global wire_in, wire_out
    os.setsid()
    wire_in.close()
    wire_out.close()
    listener.settimeout(60)
    channel, _ = listener.accept()
    listener.close()
    os.unlink(path)
    if os.path.basename(path) == "s":
        os.rmdir(os.path.dirname(path))
    channel.settimeout(None)
    wire_in = channel.makefile("r", encoding="utf-8", newline="\n")
    wire_out = channel.makefile("w", encoding="utf-8", newline="\n")


def gone():
    """Forgets the processes that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


try:
    prepare, perform = begin(receive())
except Exception as error:
    send({"broken": f"{type(error).__name__}: {error}"})
    raise SystemExit(1)
send({"ready": True})
while True:
    request = receive()
    if request["do"] == "act":
        gone()
        try:
            send(begin_action(request))
        except Exception as error:
            send({"error": f"{type(error).__name__}: {error}"})
        continue
    prepare(request)
    # What a plugin leaves behind in its module is gone with the task, as in Ansible, where each has a process of its own.
    performer = os.fork()
    if performer == 0:
        perform(request)
        os._exit(0)
    _, status = os.waitpid(performer, 0)
    if status != 0:
        send({"error": f"the plugin ended its process (status {status})", "undefined": False})
