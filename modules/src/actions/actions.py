"""Runs one action plugin as ansible-core does, with what ansible-core has: its task, its connection, its templar. What such
a plugin asks of its host goes to muster, which does it: commands and files, modules, what is built in under the name of
another action. One request a line; a request is answered before the next."""

# As much of a file as tells whether it is text.
PEEKED = 8192
BUILTIN = ("ansible.builtin.", "ansible.legacy.")
# Stands before a command that runs as the user whom the task becomes.
ESCALATED = f"become-{secrets.token_hex(8)}"
SETTINGS = ("remote_addr", "remote_user", "port", "password", "private_key_file", "executable", "become",
            "become_method", "become_user", "become_pass", "become_flags", "become_exe", "check_mode", "diff", "no_log")


def prepared(host):
    """What runs an action: once, in a process of its own."""
    trusted = host["trusted"]
    find_action = plugins.action_loader.get_with_context

    def want(what, **more):
        with host["lock"]:
            host["send"]({"want": what, **more})
            answer = host["receive"]()
        if "unreachable" in answer:
            raise AnsibleConnectionFailure(answer["unreachable"])
        if "missing" in answer:
            raise AnsibleFileNotFound(answer["missing"])
        if "refused" in answer:
            raise AnsibleError(answer["refused"])
        return answer

    def escalation(become):
        """As whom: the user whom the task becomes, another one, or nobody."""
        if not become:
            return None
        if getattr(become, "_muster", False):
            return "task"
        option = lambda name: become.get_option(name) if become.has_option(name) else None
        names = ("become_user", "become_pass", "become_flags", "become_exe")
        return {"method": become.name.rsplit(".", 1)[-1], **{name: option(name) for name in names}}

    def road_of(connection):
        return getattr(connection, "_muster_road", None)

    def through(connection, command, in_data):
        text = command.decode(errors="surrogateescape") if isinstance(command, bytes) else str(command)
        escalated = ESCALATED in text
        data = base64.b64encode(to_bytes(in_data)).decode() if in_data else None
        cwd = getattr(connection, "cwd", None)
        answer = want("exec", road=road_of(connection), script=plain(text.replace(ESCALATED + " ", "")), stdin=data,
                      cwd=plain(cwd), escalation=escalation(connection.become) if escalated else None)
        return answer["rc"], base64.b64decode(answer["stdout"]), base64.b64decode(answer["stderr"])

    def joined(connection):
        if not connection._connected:
            connection._connect()

    def takes_our_road(kind, everywhere):
        """Lets a kind of connection go through muster: those that muster made, or all of them."""
        cls = plugins.connection_loader.get(kind, class_only=True)
        own = {name: getattr(cls, name) for name in ("exec_command", "put_file", "fetch_file", "_connect", "close", "reset")}

        def exec_command(self, cmd, in_data=None, sudoable=True):
            if not road_of(self):
                return own["exec_command"](self, cmd, in_data=in_data, sudoable=sudoable)
            joined(self)
            return through(self, cmd, in_data)

        def put_file(self, in_path, out_path):
            if not road_of(self):
                return own["put_file"](self, in_path, out_path)
            joined(self)
            paths = [plain(os.fsdecode(path)) for path in (in_path, out_path)]
            want("put", road=road_of(self), here=paths[0], there=paths[1])

        def fetch_file(self, in_path, out_path):
            if not road_of(self):
                return own["fetch_file"](self, in_path, out_path)
            joined(self)
            paths = [plain(os.fsdecode(path)) for path in (in_path, out_path)]
            want("fetch", road=road_of(self), here=paths[1], there=paths[0])

        def connect(self):
            if not road_of(self) or kind == "local":
                return own["_connect"](self)
            self._connected = True
            return self

        def close(self):
            if not road_of(self):
                return own["close"](self)
            self._connected = False

        def reset(self):
            if not road_of(self):
                return own["reset"](self)
            want("reset", road=road_of(self))
            self._connected = False

        for name, method in dict(exec_command=exec_command, put_file=put_file, fetch_file=fetch_file, _connect=connect,
                                 close=close, reset=reset).items():
            setattr(cls, name, method)
        if everywhere:
            cls._muster_road = "here"

    takes_our_road("ssh", False)
    takes_our_road("local", True)
    # What every plugin needs is read once.
    for kind in ("ssh", "local"):
        plugins.connection_loader.get(kind, PlayContext(), new_stdin=None)
    plugins.become_loader.get("sudo")

    def how(action, task_vars):
        """How work is done for an action as its task, its connection and its variables are now."""
        task, connection = action._task, action._connection
        if not road_of(connection):
            raise AnsibleError(f"'{action._task.action}' runs a module over a connection that it opened itself.")
        environment = {}
        action._compute_environment_string(environment)
        interpreters = {}
        if road_of(connection) == "here":
            names = (name for name in task_vars or {} if name.startswith("ansible_") and name.endswith("_interpreter"))
            interpreters = {name: plain(action._templar.template(task_vars[name])) for name in names}
        return dict(road=road_of(connection), escalation=escalation(connection.become), check_mode=bool(task.check_mode),
                    diff=bool(task.diff), no_log=bool(task.no_log), environment=plain(environment), variables=interpreters)

    def arguments(given):
        return {plain_key(key): plain(value) for key, value in given.items() if not str(key).startswith("_ansible_")}

    def normal(result):
        """A result whose failure is told as one of a module."""
        if str(result.get("exception")).strip() == NO_TRACEBACK:
            del result["exception"]
        if _messages:
            _captured.AnsibleModuleCapturedError.normalize_result_exception(result)
        return result

    def peeked(action, path, task_vars):
        """What a difference needs to know of a file before it is read."""
        seen = action._execute_module("ansible.legacy.stat", {"path": path, "get_checksum": False}, task_vars=task_vars)
        there = seen.get("stat", {})
        if not there.get("exists"):
            return {"changed": False, "path": path, "state": "absent", **{key: seen[key] for key in ("failed", "msg") if key in seen}}
        kinds = (("islnk", "link"), ("isdir", "directory"))
        state = next((state for key, state in kinds if there.get(key)), "file")
        told = how(action, task_vars)
        head = want("exec", road=told["road"], script=f"head -c {PEEKED} {shlex.quote(path)}", escalation=told["escalation"])
        binary = b"\x00" in base64.b64decode(head["stdout"])
        return {"changed": False, "path": path, "state": state, "size": there.get("size"), "appears_binary": binary}

    def execute_module(self, module_name=None, module_args=None, tmp=None, task_vars=None, persist_files=False,
                       delete_remote_tmp=None, wrap_async=False, ignore_unknown_opts=False):
        name = self._task.action if module_name is None else module_name
        given = arguments(self._task.args if module_args is None else module_args)
        if self._task.check_mode and not self._supports_check_mode:
            raise AnsibleError("check mode is not supported for this operation")
        if given.pop("_diff_peek", None) is not None:
            return peeked(self, given["path"], task_vars)
        told = want("module", name=name, args=given, forgiving=ignore_unknown_opts,
                    background=self._task.async_val if wrap_async else 0, **how(self, task_vars))["result"]
        told["_ansible_parsed"] = True
        return normal(told)

    def run_built_in(self, name, task_vars):
        told = how(self, task_vars)
        changed = {key: value for key, value in (task_vars or {}).items() if known.get(key, key) is not value}
        told["variables"].update({plain_key(key): plain(self._templar.template(value)) for key, value in changed.items()})
        answer = want("action", name=name, args=arguments(self._task.args), **told)
        return normal(answer["result"]) if answer["of_host"] else answer["result"]

    actions.ActionBase._execute_module = execute_module
    actions.ActionBase._muster_run = run_built_in

    def get_with_context(name, *given, **named):
        """What muster has built in stands for ansible-core's own action of that name."""
        found = find_action(name, class_only=True, collection_list=named.get("collection_list"))
        path = getattr(found.plugin_load_context, "plugin_resolved_path", None) or ""
        of_core = path.startswith(os.path.dirname(actions.__file__) + os.sep)
        short = next((name.removeprefix(prefix) for prefix in BUILTIN if name.startswith(prefix)), name)
        if named.get("class_only") or short == "normal" or not of_core:
            return find_action(name, *given, **named)
        if not want("has", name=name)["has"]:
            return find_action(name, *given, **named)
        named.pop("collection_list", None)
        made = type("ActionModule", (BuiltIn,), {"_name": name, "_load_name": name, "_original_path": path})(*given, **named)
        return found._replace(object=made) if hasattr(found, "_replace") else type(found)(made, found.plugin_load_context)

    plugins.action_loader.get_with_context = get_with_context
    known = {}

    def as_written(value, written):
        """An argument in which what a person wrote as it is may be taken for a template or an expression."""
        if isinstance(value, str):
            return trusted(value) if value == written else value
        if isinstance(value, dict) and isinstance(written, dict):
            return {key: as_written(item, written.get(key)) for key, item in value.items()}
        if isinstance(value, list) and isinstance(written, list) and len(value) == len(written):
            return [as_written(*pair) for pair in zip(value, written)]
        return value

    def task_of(told, args):
        OfMuster._told = told
        play = Play()
        play.name, play.hosts = told["play"], told["hosts"]
        play._action_groups, play._group_actions = {}, {}
        role = None
        if told["role"]:
            role = Role(play=play)
            role._role_name, role._role_path = told["role"]
            role._loader = host["loader"]
            parts = told["role"][0].split(".")
            role._role_collection = ".".join(parts[:2]) if len(parts) > 2 else None
        task = OfMuster(block=Block(play=play, role=role), role=role)
        task._ds = {told["action"]: args}
        task._resolved_action = told["plugin"]
        task._variable_manager, task._loader = None, host["loader"]
        for name in ("action", "register", "delegate_to", "delegate_facts", "run_once", "ignore_errors", "tags",
                     "timeout", "poll", "retries", "connection", "remote_user", "port", "become", "become_user",
                     "become_method", "become_flags", "become_exe", "check_mode", "diff", "no_log", "collections"):
            setattr(task, name, told[name])
        task.name = told["name"] or ""
        task.args, task.async_val = args, told["async"]
        task.environment, task.module_defaults = [told["environment"]], told["module_defaults"]
        task.vars = {name: known[name] for name in told["vars"] if name in known}
        return task

    def connection_of(told, task, playing, templar, variables):
        connection = plugins.connection_loader.get("local" if told["connection"] == "local" else "ssh", playing, new_stdin=None)
        connection._muster_road = "task"
        become = plugins.become_loader.get(task.become_method) if task.become else None
        if become:
            become._muster = True
            become.build_become_command = types.MethodType(lambda self, cmd, shell: f"{ESCALATED} {cmd}" if cmd else cmd, become)
            playing.set_become_plugin(become.name)
        connection.set_become_plugin(become)
        keys = {**task.dump_attrs(), "timeout": playing.timeout}
        keys.pop("retries", None)
        keys.update((key, getattr(playing, key)) for key in ("password", "become_pass") if getattr(playing, key))
        templar.available_variables = variables
        for kind, plugin in (("connection", connection), ("shell", connection._shell), ("become", become)):
            if plugin:
                names = [name for name in C.config.get_plugin_vars(kind, plugin._load_name) if name in variables]
                plugin.set_options(task_keys=keys, var_options={name: templar.template(variables[name]) for name in names})
        return connection

    def variables_of(told):
        variables = host["variables"]("lookup")
        if told["delegate_to"]:
            there = host["ask"]("ansible_delegated_vars", told["delegate_to"])
            variables["ansible_delegated_vars"] = {told["delegate_to"]: there}
        return variables

    def handler(told):
        host["loader"].set_basedir(told["playbook_dir"])
        host["loader"]._vault = Vault(want)
        known.update(variables_of(told))
        variables = dict(known)
        task = task_of(told, as_written(told["args"], told["written"]))
        context.CLIARGS = CLIArgs({"verbosity": told["verbosity"], "check": told["check_mode"], "diff": told["diff"]})
        playing = PlayContext()
        for name in SETTINGS:
            setattr(playing, name, told[name])
        playing.timeout = told["connection_timeout"]
        playing.connection, playing._internal_verbosity = told["connection"], told["verbosity"]
        templar = Templar(loader=host["loader"], variables=variables)
        there = variables
        if told["delegate_to"]:
            there = variables["ansible_delegated_vars"][told["delegate_to"]]
            there = {name: there[name] for name in C.config.get_plugin_vars("connection", "ssh") if name in there}
        connection = connection_of(told, task, playing, templar, there)
        templar.available_variables = variables
        collections = told["collections"] or None
        module = plugins.module_loader.find_plugin_with_context(told["plugin"], collection_list=collections)
        name = (module.resolved and module.action_plugin) or told["plugin"]
        found = find_action(name, task=task, connection=connection, play_context=playing, loader=host["loader"],
                            templar=templar, shared_loader_obj=plugins, collection_list=collections)
        if not found.object:
            raise AnsibleError(f"the handler '{name}' was not found")
        return found.object, variables

    def outcome(told):
        """The result, and whether the plugin broke off."""
        try:
            plugin, variables = handler(told)
            try:
                result = plugin.run(task_vars=variables)
            finally:
                plugin.cleanup()
            if "ansible_facts" in result:
                result["ansible_facts"] = plain(result["ansible_facts"])
            # What a plugin makes of its task counts for what is shown of it.
            for key, wanted in (("_ansible_no_log", plugin._task.no_log), ("_ansible_diff", plugin._task.diff)):
                if wanted:
                    result[key] = True
            return result, False
        except Exception as error:
            return failed(error, told["args"]), True

    def failed(error, written):
        """What ansible-core makes of an error."""
        if _messages:
            try:
                raise AnsibleTaskError(obj=written) from error
            except AnsibleTaskError as whole:
                return _error_utils.result_dict_from_exception(whole, accept_result_contribution=True)
        told = f"Task failed: {error or type(error).__name__}"
        if isinstance(error, AnsibleConnectionFailure):
            return {"unreachable": True, "msg": told}
        result = dict(getattr(error, "result", None) or {"failed": True, "msg": told})
        result.pop("exception", None)
        return {**result, "_ansible_said": told} if result.get("failed") else result

    def whole(result, said, captured):
        """A result with what was said beside it."""
        if captured:
            TaskExecutor._apply_task_result_compat(result, captured)
            warnings = [*said.warnings, *map(plain, captured.get_warnings())]
            deprecations = [*said.deprecations, *map(plain, captured.get_deprecation_warnings())]
        else:
            warnings = [*(result.get("warnings") or []), *said.warnings]
            deprecations = [*(result.get("deprecations") or []), *said.deprecations]
        result = {key: value for key, value in result.items() if key not in ("warnings", "deprecations")}
        if result.get("failed"):
            result.setdefault("_ansible_said", said_of(result))
            result.setdefault("msg", result["_ansible_said"])
        result.update({key: said for key, said in (("warnings", warnings), ("deprecations", deprecations)) if said})
        return plain(result)

    def said_of(result):
        """What is said of a failure: who failed, and why."""
        if not _messages:
            who = "Module" if "_ansible_parsed" in result else "Action"
            return f"Task failed: {who} failed: {result.get('msg', 'Unknown error.')}"
        try:
            raised = result.get("exception")
            if isinstance(raised, _messages.ErrorSummary) and not isinstance(raised, _captured.CapturedErrorSummary):
                return _event_utils.format_event_brief_message(raised.event)
            _captured.AnsibleActionCapturedError.maybe_raise_on_result(dict(result))
        except Exception as error:
            try:
                raise AnsibleTaskError(obj=None) from error
            except AnsibleTaskError as whole:
                return _error_utils.format_exception_message(whole)

    def sent(result, said, captured):
        try:
            return whole(result, said, captured)
        except Exception as error:
            try:
                pickle.dumps(result)
            except Exception as why:
                error = why
            return {"failed": True, "msg": f"Task result omitted due to queue send failure: {error}"}

    def astray(told, streams):
        """Says what was printed rather than displayed."""
        for name, file in streams.items():
            getattr(sys, name).flush()
            file.seek(0)
            text = file.read().decode(errors="replace").rstrip()
            if text:
                lead = f"WorkerProcess for [{told['host']}/TASK: {told['name'] or told['action']}] errantly sent data directly to {name}"
                want("warn", text=f"{lead} instead of using Display:\n{textwrap.indent(text, '    ')}\n")

    def act():
        told = host["receive"]()
        streams = {"stdout": tempfile.TemporaryFile(), "stderr": tempfile.TemporaryFile()}
        for number, file in enumerate(streams.values(), 1):
            os.dup2(file.fileno(), number)
        said = Said(want, told["no_log"])
        display._final_q, display.verbosity = said, told["verbosity"]
        display.prompt_until = said.nobody_asks
        if _messages:
            with _display_utils.DeferredWarningContext(variables={}) as captured:
                result, raised = outcome(told)
                result = sent(result, said, captured)
        else:
            result, raised = outcome(told)
            result = sent(result, said, None)
        astray(told, streams)
        host["send"]({"done": result, "raised": raised})

    def read(name):
        """Reads a plugin once for all that run it."""
        find_action(name, class_only=True)

    return read, act
