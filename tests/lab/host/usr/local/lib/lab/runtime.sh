# How the container runtime is: whether its CRI answers, and its two conditions, as a real containerd says them. Read by crictl
# and the kubelet. `disabled_plugins = ["cri"]` in config.toml takes the CRI away, as the packages of Docker do; without a file
# in /etc/cni/net.d there is no network; what is in /run/containerd/unready is why the runtime is not ready.

RUNTIME_SOCKET=/run/containerd/containerd.sock

# Nothing where it answers; else what gRPC says of it.
runtime_error() {
    if ! socat -u /dev/null UNIX-CONNECT:$RUNTIME_SOCKET 2>/dev/null; then
        echo "rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial unix $RUNTIME_SOCKET: connect: no such file or directory\""
    elif grep -qs '^disabled_plugins.*"cri"' /etc/containerd/config.toml; then
        echo 'rpc error: code = Unimplemented desc = unknown service runtime.v1.RuntimeService'
    fi
}
runtime_answers() { [ -z "$(runtime_error)" ]; }

# runtime_condition RuntimeReady|NetworkReady: a line each of its status, its reason and its message
runtime_condition() {
    if [ "$1" = RuntimeReady ] && [ -e /run/containerd/unready ]; then
        printf 'false\nContainerdNotReady\n%s\n' "$(cat /run/containerd/unready)"
    elif [ "$1" = NetworkReady ] && ! ls /etc/cni/net.d/*.conf* >/dev/null 2>&1; then
        printf 'false\nNetworkPluginNotReady\nNetwork plugin returns error: cni plugin not initialized\n'
    else printf 'true\n\n\n'; fi
}
