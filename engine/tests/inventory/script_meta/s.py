#!/usr/bin/env python3
import json
print(json.dumps({"g": {"hosts": ["a", "b:22", "c[1:2]"], "vars": {"x": "{{ y }}", "u": 1.5}, "children": ["k"]}, "l": ["a", "z"], "k": {"hosts": ["kk"]}, "_meta": {"hostvars": {"a": {"y": 1}, "nope": {"q": 1}}}, "\u00e9": ["\u00fc\U0001F600"]}))
