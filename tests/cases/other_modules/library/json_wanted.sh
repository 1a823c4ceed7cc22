#!/bin/sh
# WANT_JSON
word=$(sed 's/.*"word": *"\([a-z]*\)".*/\1/' "$1")
printf 'a line before\n{"changed": true, "word": "%s", "stdout": "one\\ntwo"}\n' "$word"
