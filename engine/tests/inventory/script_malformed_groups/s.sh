#!/bin/sh
echo '{"odd": {"foo": 1}, "empty": {}, "g": {"children": ["odd"]}, "_meta": {"hostvars": {"odd": {"bar": 2}}}}'
