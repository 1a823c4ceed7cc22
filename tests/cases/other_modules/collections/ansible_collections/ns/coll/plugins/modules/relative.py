#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
from ..module_utils.deep import part
from ansible_collections.ns.coll.plugins.module_utils import moved

try:
    from ansible.module_utils.nowhere import nothing
except ImportError:
    nothing = "nothing"

module = AnsibleModule(dict())
module.exit_json(part=part.WORD, moved=moved.WORD, nothing=nothing)
