#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(dict(word=dict(type="str", default="none"), how=dict(type="str", default="well")), supports_check_mode=True)
    if module.params["how"] == "badly":
        module.fail_json(msg="badly, as asked", word=module.params["word"])
    module.exit_json(changed=True, word=module.params["word"], check=module.check_mode, ansible_facts=dict(said=module.params["word"]))


if __name__ == "__main__":
    main()
