# The API server of a lab: the double of tests/apiserver on this machine's end of the bridge, the address that kubeadm
# calls the control plane endpoint. Port 6443 of each control plane leads to it (see host/usr/local/bin/kube-apiserver).
# shellcheck shell=bash

apiserver_start() { :; }
apiserver_stop() { :; }
