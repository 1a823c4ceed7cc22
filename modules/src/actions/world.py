"""What an action plugin meets that is muster's in an ansible-core that is otherwise as it is: values on their way out, what
is displayed, vaults, the task, actions that are built in. `actions.py` is the rest of this program."""

import base64
import datetime
import os
import pickle
import secrets
import shlex
import sys
import tempfile
import textwrap
import types

from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.module_utils.common.text.converters import to_bytes
from ansible.parsing.vault import VaultLib
from ansible.playbook.block import Block
from ansible.playbook.play import Play
from ansible.playbook.play_context import PlayContext
from ansible.playbook.role import Role
from ansible.playbook.task import Task
from ansible.plugins import action as actions
from ansible.plugins import loader as plugins
from ansible.template import Templar
from ansible.utils.context_objects import CLIArgs
from ansible.utils.display import Display

try:  # ansible-core 2.19 and later
    from ansible._internal import _display_utils
    from ansible._internal._errors import _captured, _error_utils
    from ansible._internal._templating._jinja_common import Marker
    from ansible.errors import AnsiblePromptNoninteractive, AnsibleTaskError
    from ansible.executor.task_executor import TaskExecutor
    from ansible.module_utils._internal import _event_utils, _messages
except ImportError:
    Marker = _messages = None
    AnsiblePromptNoninteractive = AnsibleError

NO_TRACEBACK = "(traceback unavailable)"
METHODS = ("display", "warning", "_warning", "deprecated", "_deprecated", "_verbose_display", "_verbose_log", "_error",
           "error", "_log_only", "verbose")
WARNING = "[WARNING]: "

display = Display()


def plain(value):
    """A value as JSON has it."""
    if Marker and isinstance(value, Marker):
        value.trip()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if -2**63 <= value < 2**64 else str(int(value))
    if isinstance(value, float):
        return float(value) if abs(value) < float("inf") else str(float(value))
    if isinstance(value, str):
        return to_bytes(str.__str__(value), errors="surrogate_or_replace").decode(errors="replace")
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode(errors="replace")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):
        return {plain_key(key): plain(value[key]) for key in value.keys()}
    if isinstance(value, (list, tuple, set, frozenset, range)) or hasattr(value, "__next__"):
        return [plain(item) for item in value]
    if _messages and isinstance(value, _messages.SummaryBase):
        return plain_summary(value)
    if type(value).__name__ in ("AnsibleVaultEncryptedUnicode", "EncryptedString"):
        return str(value)
    raise TypeError(f"Type '{type(value).__name__}' is unsupported for variable storage.")


def plain_key(key):
    return plain(key) if isinstance(key, str) else str(plain(key))


def plain_summary(summary):
    """A warning, a deprecation or an error as results have it."""
    said = _event_utils.format_event_brief_message(summary.event)
    if isinstance(summary, _messages.DeprecationSummary):
        who = summary.deprecator and summary.deprecator.resolved_name
        told = {"msg": said, "collection_name": ".".join(who.split(".")[:2]) if who else None}
        told.update((key, getattr(summary, key)) for key in ("version", "date") if getattr(summary, key))
        return told
    if isinstance(summary, _messages.ErrorSummary):
        return summary.event.formatted_traceback or NO_TRACEBACK
    return f"{said} {summary.event.help_text}" if summary.event.help_text else said


class Said:
    """What `Display` says, where another process would show it."""

    def __init__(self, want, hidden):
        self.want, self.hidden = want, hidden
        self.warnings, self.deprecations = [], []

    def send_display(self, method, *given, **named):
        if method not in METHODS:  # ansible-core 2.15 says nothing but what it displays
            method, given = "display", (method, *given)
            if str(given[0]).startswith(WARNING):
                method, given = "warning", (" ".join(str(given[0]).removeprefix(WARNING).split()),)
        what = given[0] if given else named.get("msg", "")
        if method in ("warning", "_warning"):
            self.warnings.append(plain(what))
        elif method in ("deprecated", "_deprecated"):
            self.deprecations.append(plain(what) if not isinstance(what, str) else {"msg": plain(what)})
        elif not self.hidden and not named.get("log_only") and method != "_verbose_log":
            host = named.get("host") or (given[1] if method == "_verbose_display" and len(given) > 1 else None)
            text = what if isinstance(what, str) else plain(what)
            self.want("say", line=f"<{host}> {text}" if host and method == "_verbose_display" else text)

    def nobody_asks(self, *_, **named):
        raise AnsiblePromptNoninteractive("An action plugin cannot ask the person who runs this.")


class Vault(VaultLib):
    """Opens what is in a vault by asking for it."""

    def __init__(self, want):
        super().__init__(secrets=[("muster", None)])
        self.want = want

    def decrypt(self, vaulttext, filename=None, obj=None, **_):
        return base64.b64decode(self.want("decrypt", text=to_bytes(vaulttext).decode())["content"])

    def decrypt_and_get_vault_id(self, vaulttext, filename=None, obj=None, **_):
        return self.decrypt(vaulttext), "default", None


class OfMuster(Task):
    """A task that knows where it is written without having been read from there."""

    _told = {}

    def get_search_path(self):
        return list(self._told["search"])

    def get_path(self):
        return f"{self._told['dir']}/main.yml:1"


class BuiltIn(actions.ActionBase):
    """What muster does itself under the name of an action."""

    _name = None

    def run(self, tmp=None, task_vars=None):
        return self._muster_run(self._name, task_vars)
