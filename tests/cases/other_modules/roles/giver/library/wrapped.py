#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.gift import wrap

module = AnsibleModule(dict(word=dict(type="str")))
module.exit_json(wrapped=wrap(module.params["word"]))
