#!/usr/bin/env python3
import json, sys
print(json.dumps({"g": {"hosts": ["a", "b"]}} if sys.argv[1] == "--list" else {"me": sys.argv[2]}))
