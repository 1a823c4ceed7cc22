# What scripts that plant faults have in common: the lab's own tools, and certificates of any age.
. /usr/local/lib/lab/pki.sh
. /usr/local/lib/lab/api.sh
CA=/var/lib/lab-cluster/ca/ca
PKI=/etc/kubernetes/pki

# expired AUTHORITY FILE SUBJECT: FILE.crt, which was valid until yesterday, and FILE.key
expired() {
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$2.key" -subj "$3" -out "$2.csr" 2>/dev/null
    openssl x509 -req -in "$2.csr" -CA "$1.crt" -CAkey "$1.key" -set_serial 7 -days -1 -out "$2.crt" 2>/dev/null
    rm "$2.csr"
}

# inside KUBECONFIG FILE: the certificate of FILE and its key take the place of those it has
inside() {
    sed -i "s|^\( *\)client-certificate.*|\1client-certificate-data: $(base64 -w0 "$2.crt")|; s|^\( *\)client-key.*|\1client-key-data: $(base64 -w0 "$2.key")|" "$1"
}

# unwell PROGRAM: what one of the control plane's stand-ins says of itself is a file in its directory
unwell() {
    printf 'HTTP/1.0 500 Internal Server Error\r\nContent-Type: text/plain\r\n\r\n[+]ping ok\n[-]leaderElection failed: reason withheld\nlivez check failed\n' \
        >"/proc/$(pgrep -of "/$1 s_server")/cwd/livez"
}

# patch PATH JSON, remove PATH: by an administrator, who tries again where nobody answers
patch() { until echo "$2" | by_admin PATCH "$1" application/strategic-merge-patch+json; do sleep 0.5; done; }
remove() { until echo '{"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}' | by_admin DELETE "$1" application/json; do sleep 0.5; done; }
by_admin() {
    local status=0
    API_FILES=/run/planting api /root/admin.conf "$@" >/dev/null || status=$?
    [ $status = 0 ] || [ $status = 4 ]
}

# Every host can be an administrator's for a moment.
[ -e /root/admin.conf ] || kubeconfig /root/admin.conf "$CA" "$(cat /var/lib/lab-cluster/endpoint)" kubernetes-admin /O=system:masters/CN=kubernetes-admin
