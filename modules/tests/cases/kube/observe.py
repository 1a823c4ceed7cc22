"""Writes options.json: what the modules of kubernetes.core take, as `ansible-doc` tells it.

    ansible-doc -j -t module $(sed 's/^/kubernetes.core./' MODULES) | python3 observe.py >options.json
"""

import json
import sys


def options(given, path=""):
    for name, option in sorted(given.items()):
        facts = {"type": option.get("type", "raw")}
        for key in ["required", "default", "elements"]:
            if option.get(key) not in (None, False, []):
                facts[key] = option[key]
        for key in ["aliases", "choices"]:
            if option.get(key):
                facts[key] = sorted(map(str, option[key]))
        yield path + name, facts
        yield from options(option.get("suboptions") or {}, f"{path}{name}.")


documented = json.load(sys.stdin)
found = {module: dict(options(said["doc"]["options"])) for module, said in sorted(documented.items())}
lines = []
for module, taken in found.items():
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(facts)}" for name, facts in taken.items())
    lines.append(f" {json.dumps(module)}: {{\n{rows}\n }}")
print("{\n" + ",\n".join(lines) + "\n}")
