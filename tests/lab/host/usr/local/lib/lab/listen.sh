# Listening under a program's name, so that whoever looks who has a port sees what he would see of a real one.

# run_as NAME PROGRAM ARGUMENT...
run_as() {
    local at name=$1
    at=/run/lab/$name-as-$(basename "$2")
    mkdir -p "$at"
    ln -sf "$(command -v "$2")" "$at/$name"
    shift 2
    exec "$at/$name" "$@"
}

# listen_as NAME SOCAT-ADDRESS: whoever asks there for a page is told that all is well
listen_as() { run_as "$1" socat "$2,fork,reuseaddr" SYSTEM:/usr/local/lib/lab/well; }
