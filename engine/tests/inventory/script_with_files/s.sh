#!/bin/sh
echo '{"g": {"hosts": ["a"]}, "_meta": {"hostvars": {"a": {"x": 1}}}}'
