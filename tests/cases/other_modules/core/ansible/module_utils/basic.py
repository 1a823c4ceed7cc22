# As much of an ansible-core as the modules of this case need: the arguments, and the two ways to end.
import json
import sys

_ANSIBLE_ARGS = None


class AnsibleModule:
    def __init__(self, argument_spec, supports_check_mode=False):
        given = json.loads(_ANSIBLE_ARGS.decode("utf-8"))["ANSIBLE_MODULE_ARGS"]
        self.check_mode = given.pop("_ansible_check_mode", False)
        name = given.get("_ansible_module_name")
        given = {name: value for name, value in given.items() if not name.startswith("_ansible_")}
        self.params = {name: option.get("default") for name, option in argument_spec.items()}
        self.params.update(given)
        if self.check_mode and not supports_check_mode:
            self._end(0, skipped=True, msg="remote module (%s) does not support check mode" % name)

    def _end(self, code, **result):
        print("\n" + json.dumps(result))
        sys.exit(code)

    def exit_json(self, **result):
        self._end(0, **result)

    def fail_json(self, msg, **result):
        self._end(1, failed=True, msg=msg, **result)
