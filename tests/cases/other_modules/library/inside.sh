#!/bin/sh
args='<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>'
case $args in *'"a": 1'* | *'"a":1'*) a=true ;; *) a=false ;; esac
printf '{"a": %s, "words": "%s"}' "$a" "$#"
