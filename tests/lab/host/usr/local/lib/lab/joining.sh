# What kubeadm keeps in the API server for those who join: bootstrap tokens and the uploaded certificates, which are Secrets
# in kube-system. A lab without an API server keeps the same in STORE, a directory that all hosts see. Read by kubeadm.

SECRETS=/api/v1/namespaces/kube-system/secrets
ADMIN=/etc/kubernetes/admin.conf
# The files of a control plane that are the same on all, by their keys in the Secret.
SHARED='ca.crt ca.key etcd-ca.crt etcd-ca.key front-proxy-ca.crt front-proxy-ca.key sa.key sa.pub'

has_api() { [ -e "$STORE/apiserver" ]; }
shared_file() { echo "$PKI/${1/#etcd-/etcd/}"; }

# ask KUBECONFIG METHOD PATH [CONTENT-TYPE] <BODY: as api, but its refusal ends kubeadm
ask() {
    local answer status=0
    answer=$(api "$@") || status=$?
    [ $status != 1 ] || refuse "error: Get \"$(api_field "$1" server)$3\": dial tcp: connect: connection refused"
    [ $status = 0 ] || refuse "error: $(api_message <<<"$answer")"
    echo "$answer"
}

# A Secret in place of the one there was.
put_secret() { # NAME <JSON
    local body
    body=$(cat)
    api "$ADMIN" DELETE "$SECRETS/$1" >/dev/null || true
    ask "$ADMIN" POST "$SECRETS" application/json <<<"$body"
}

coded() { printf %s "$1" | base64 -w0; }

# token_put TOKEN EXPIRES (seconds since 1970, or never) DESCRIPTION
token_put() {
    local end=''
    if ! has_api; then
        echo "${1#*.} $2" >"$STORE/tokens/${1%.*}"
        return
    fi
    [ "$2" = never ] || end="\"expiration\": \"$(coded "$(date -u -d "@$2" +%FT%TZ)")\","
    put_secret "bootstrap-token-${1%.*}" <<TEXT
{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bootstrap-token-${1%.*}", "namespace": "kube-system"}, "type": "bootstrap.kubernetes.io/token",
  "data": {$end "token-id": "$(coded "${1%.*}")", "token-secret": "$(coded "${1#*.}")", "description": "$(coded "$3")",
    "auth-extra-groups": "$(coded system:bootstrappers:kubeadm:default-node-token)", "usage-bootstrap-authentication": "$(coded true)", "usage-bootstrap-signing": "$(coded true)"}}
TEXT
}

tokens() { # lines: id secret expires
    local id secret
    if ! has_api; then
        for id in "$STORE"/tokens/*; do [ ! -e "$id" ] || echo "$(basename "$id") $(cat "$id")"; done
        return
    fi
    for id in $(ask "$ADMIN" GET "$SECRETS" | grep -o '"name": *"bootstrap-token-[a-z0-9]*"' | cut -d'"' -f4 | sort -u); do
        secret=$(ask "$ADMIN" GET "$SECRETS/$id")
        local end
        end=$(api_text expiration <<<"$secret" | base64 -d)
        echo "${id#bootstrap-token-} $(api_text token-secret <<<"$secret" | base64 -d) $([ -z "$end" ] && echo never || date -d "$end" +%s)"
    done
}

token_delete() { # ID
    if has_api; then
        api "$ADMIN" DELETE "$SECRETS/bootstrap-token-$1" >/dev/null
    else
        rm "$STORE/tokens/$1" 2>/dev/null
    fi
}

certs_encrypt() { openssl enc -aes-256-cbc -pbkdf2 -pass "pass:$1" | base64 -w0; }
certs_decrypt() { base64 -d | openssl enc -d -aes-256-cbc -pbkdf2 -pass "pass:$1" 2>/dev/null; }

# The Secret belongs to a token that lasts two hours, and goes with it.
certs_put() { # KEY
    local file data='' owner
    for file in $SHARED; do
        data+="${data:+, }\"$file\": \"$(certs_encrypt "$1" <"$(shared_file "$file")")\""
    done
    data="{$data}"
    if ! has_api; then
        echo "$data" >"$STORE/certs.new"
        mv "$STORE/certs.new" "$STORE/certs"
        return
    fi
    local token
    token=$(random a-z0-9 6).$(random a-z0-9 16)
    owner=$(token_put "$token" $(($(date +%s) + 7200)) 'Proxy for managing TTL for the kubeadm-certs secret' | api_text uid)
    put_secret kubeadm-certs >/dev/null <<TEXT
{"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": "kubeadm-certs", "namespace": "kube-system",
  "ownerReferences": [{"apiVersion": "v1", "kind": "Secret", "name": "bootstrap-token-${token%.*}", "uid": "$owner", "controller": true, "blockOwnerDeletion": true}]}, "data": $data}
TEXT
}

# The files of the control plane from what was uploaded.
certs_get() { # KUBECONFIG KEY
    local data file status=0
    if has_api; then
        data=$(api "$1" GET "$SECRETS/kubeadm-certs") || status=$?
    else
        data=$(cat "$STORE/certs" 2>/dev/null) || status=4
    fi
    [ $status = 0 ] || failed control-plane-prepare/download-certs 'error downloading certs: error downloading the secret: Secret "kubeadm-certs" was not found in the "kube-system" Namespace. This Secret might have expired. Please, run `kubeadm init phase upload-certs --upload-certs` on a control plane to generate a new one'
    for file in $SHARED; do
        mkdir -p "$(dirname "$(shared_file "$file")")"
        api_text "$file" <<<"$data" | certs_decrypt "$2" >"$(shared_file "$file")" && [ -s "$(shared_file "$file")" ] ||
            failed control-plane-prepare/download-certs 'error downloading certs: error decoding secret data with provided key: cipher: message authentication failed'
    done
}

# A kubeconfig for whoever joins; it proves that the token is one of the cluster's and that the cluster is the one it says.
bootstrap_conf() { # ENDPOINT TOKEN HASH FILE
    local info authority id=${2%.*} secret expires
    if has_api; then
        info=$(curl --silent --insecure --max-time 10 "https://$1/api/v1/namespaces/kube-public/configmaps/cluster-info") && [ -n "$info" ] ||
            failed preflight "couldn't validate the identity of the API Server: failed to request the cluster-info ConfigMap: Get \"https://$1/api/v1/namespaces/kube-public/configmaps/cluster-info?timeout=10s\": dial tcp $1: connect: connection refused"
        authority=$(grep -o 'certificate-authority-data: [A-Za-z0-9+/=]*' <<<"$info" | cut -d' ' -f2)
    else
        authority=$(base64 -w0 "$STORE/ca.crt")
    fi
    [ "$3" = "sha256:$(ca_hash <(base64 -d <<<"$authority"))" ] ||
        failed preflight "couldn't validate the identity of the API Server: cluster CA found in cluster-info ConfigMap is invalid: none of the public keys \"sha256:$(ca_hash <(base64 -d <<<"$authority"))\" are pinned"
    mkdir -p /etc/kubernetes
    cat >"$4" <<TEXT
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: $authority
    server: https://$1
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: tls-bootstrap-token-user
  name: tls-bootstrap-token-user@kubernetes
current-context: tls-bootstrap-token-user@kubernetes
kind: Config
users:
- name: tls-bootstrap-token-user
  user:
    token: $2
TEXT
    chmod 600 "$4"
    if has_api; then
        ! api "$4" GET /api/v1/namespaces/kube-system/configmaps/kubeadm-config >/dev/null || return 0
    else
        read -r secret expires <"$STORE/tokens/$id" 2>/dev/null || secret=
        [ "$secret" != "${2#*.}" ] || { [ "$expires" != never ] && [ "$expires" -lt "$(date +%s)" ]; } || return 0
    fi
    rm -f "$4"
    failed preflight "couldn't validate the identity of the API Server: could not find a JWS signature in the cluster-info ConfigMap for token ID \"$id\""
}

# The addresses where members of etcd may be.
etcd_addresses() {
    if has_api; then
        api "$ADMIN" GET '/api/v1/namespaces/kube-system/pods?labelSelector=component%3Detcd' |
            grep -o '"kubeadm.kubernetes.io/etcd.advertise-client-urls": *"[^"]*"' | sed 's|.*https://||; s|:2379"||' | sort -u
    else
        cat "$STORE"/members/* | sort -u
    fi
}

# A node of this name that is ready belongs to somebody else.
refuse_ready_node() { # KUBECONFIG
    local node
    has_api || return 0
    node=$(api "$1" GET "/api/v1/nodes/$NODE") || return 0
    [ "$(api_condition Ready <<<"$node")" != True ] ||
        failed kubelet-start "a Node with name \"$NODE\" and status \"Ready\" already exists in the cluster. You must delete the existing Node or change the name of this new joining Node"
}

# Until the kubelet has registered: kubeadm waits for its credentials, which come then.
wait_for_node() {
    local try
    has_api || return 0
    echo '[kubelet-start] Waiting for the kubelet to perform the TLS Bootstrap'
    for try in {1..80}; do
        ! api /etc/kubernetes/kubelet.conf GET "/api/v1/nodes/$NODE" >/dev/null || return 0
        sleep 0.5
    done
    failed kubelet-start 'timed out waiting for the condition'
}
