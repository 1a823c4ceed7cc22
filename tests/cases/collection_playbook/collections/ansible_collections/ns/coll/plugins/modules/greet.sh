#!/bin/sh
# WANT_JSON
printf '{"changed": false, "msg": "hello from the collection"}\n'
