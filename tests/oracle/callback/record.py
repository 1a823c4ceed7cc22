"""A stdout callback that writes what a run did as one JSON document to the file named by RECORD_TO."""

import atexit
import json
import os

from ansible.parsing.ajson import AnsibleJSONEncoder
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: record
type: stdout
short_description: Records what a run did
description: Writes the order of plays and tasks, the result of every host and item, and the recap.
"""


META = ("meta", "ansible.builtin.meta", "ansible.legacy.meta")


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "record"

    def __init__(self):
        super().__init__()
        self.order = []
        self.count = 0
        self.slots = {}
        # A run that ends in an error has no stats.
        atexit.register(lambda pid: pid == os.getpid() and not os.path.exists(os.environ["RECORD_TO"]) and self.write({}, {}), os.getpid())

    def begin(self, task, kind):
        uuid = task._uuid
        if task.action in META:
            # Ansible shows a banner for each host that a meta task asks; we show none.
            self.slots[uuid] = {"results": {}}
            return
        self.order.append({kind: task.get_name().strip(), "results": {}})
        self.slots[uuid] = self.order[-1]

    def slot(self, result):
        uuid = result._task._uuid
        if uuid not in self.slots:
            self.begin(result._task, "task")
        return self.slots[uuid]

    def host(self, result, word):
        # Ansible shows where a delegate is as well as who: `h -> d(address)`.
        label = CallbackBase.host_label(result).split("(")[0]
        plain = word == "skipped" or result._task.loop is not None
        return result._host.get_name() if plain else label

    def put(self, result, word):
        entry = self.slot(result)["results"].setdefault(self.host(result, word), {})
        value = dict(result._result)
        if result._task.loop is not None and "results" in value:
            value.pop("results")
        self.count += 1
        entry["at"] = self.count
        entry["status"] = word
        entry["result"] = value

    def put_item(self, result, word):
        entry = self.slot(result)["results"].setdefault(self.host(result, word), {})
        label = str(self._get_item_label(result._result))
        entry.setdefault("items", []).append({"label": label, "status": word, "result": dict(result._result)})

    def v2_playbook_on_play_start(self, play):
        self.order.append({"play": play.get_name().strip()})

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.begin(task, "task")

    def v2_playbook_on_cleanup_task_start(self, task):
        self.begin(task, "task")

    def v2_playbook_on_handler_task_start(self, task):
        self.begin(task, "handler")

    def v2_playbook_on_no_hosts_matched(self):
        self.order.append({"no_hosts_matched": True})

    def v2_playbook_on_no_hosts_remaining(self):
        self.order.append({"no_more_hosts": True})

    def v2_playbook_on_include(self, included_file):
        names = sorted(host.get_name() for host in included_file._hosts)
        self.order.append({"included": os.path.basename(included_file._filename), "hosts": names})

    def word(self, result, ok="ok"):
        return "changed" if result._result.get("changed") else ok

    def v2_runner_on_ok(self, result):
        if not isinstance(result._task, TaskInclude):
            self.put(result, self.word(result))

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.put(result, "failed-ignored" if ignore_errors else "failed")

    def v2_runner_on_skipped(self, result):
        self.put(result, "skipped")

    def v2_runner_on_unreachable(self, result):
        self.put(result, "unreachable-ignored" if result._task.ignore_unreachable else "unreachable")

    def v2_runner_item_on_ok(self, result):
        if not isinstance(result._task, TaskInclude):
            self.put_item(result, self.word(result))

    def v2_runner_item_on_failed(self, result):
        self.put_item(result, "failed")

    def v2_runner_item_on_skipped(self, result):
        self.put_item(result, "skipped")

    def v2_playbook_on_stats(self, stats):
        recap = {}
        for host in sorted(stats.processed):
            tally = stats.summarize(host)
            tally["failed"] = tally.pop("failures")
            recap[host] = tally
        self.write(recap, stats.custom)

    def write(self, recap, custom):
        document = {"order": self.order, "recap": recap, "stats": custom}
        with open(os.environ["RECORD_TO"], "w") as out:
            json.dump(document, out, cls=AnsibleJSONEncoder)
