# Certificates in kubeadm's layout. Read by the lab and by the hosts' kubeadm; needs only openssl.

# pki_authority FILE NAME: FILE.crt and FILE.key
pki_authority() {
    mkdir -p "${1%/*}"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -keyout "$1.key" -out "$1.crt" \
        -subj "/CN=$2" -addext "subjectAltName=DNS:$2" -addext 'keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign' 2>/dev/null
}

# pki_authorities DIRECTORY: all that is the same on every control plane
pki_authorities() {
    pki_authority "$1/ca" kubernetes
    pki_authority "$1/front-proxy-ca" front-proxy-ca
    pki_authority "$1/etcd/ca" etcd-ca
    openssl ecparam -name prime256v1 -genkey -noout -out "$1/sa.key"
    openssl ec -in "$1/sa.key" -pubout -out "$1/sa.pub" 2>/dev/null
}

# pki_leaf AUTHORITY FILE SUBJECT USAGE [NAMES]: for a year (or PKI_DAYS), as kubeadm does
pki_leaf() {
    openssl req -x509 -CA "$1.crt" -CAkey "$1.key" -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "${PKI_DAYS:-365}" \
        -keyout "$2.key" -out "$2.crt" -subj "$3" -addext basicConstraints=critical,CA:false \
        -addext 'keyUsage=critical,digitalSignature,keyEncipherment' -addext "extendedKeyUsage=$4" \
        ${5:+-addext "subjectAltName=$5"} 2>/dev/null
}

# pki_control_plane DIRECTORY NODE ADDRESS ENDPOINT: what each control plane has of its own
pki_control_plane() {
    names="DNS:$2,DNS:localhost,IP:$3,IP:127.0.0.1,IP:::1"
    pki_leaf "$1/etcd/ca" "$1/etcd/server" "/CN=$2" serverAuth,clientAuth "$names"
    pki_leaf "$1/etcd/ca" "$1/etcd/peer" "/CN=$2" serverAuth,clientAuth "$names"
    pki_leaf "$1/etcd/ca" "$1/etcd/healthcheck-client" /CN=kube-etcd-healthcheck-client clientAuth
    pki_leaf "$1/etcd/ca" "$1/apiserver-etcd-client" /CN=kube-apiserver-etcd-client clientAuth
    pki_leaf "$1/ca" "$1/apiserver" /CN=kube-apiserver serverAuth "$names,DNS:kubernetes,DNS:kubernetes.default,\
DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,IP:10.96.0.1,IP:${4%:*}"
    pki_leaf "$1/ca" "$1/apiserver-kubelet-client" /O=kubeadm:cluster-admins/CN=kube-apiserver-kubelet-client clientAuth
    pki_leaf "$1/front-proxy-ca" "$1/front-proxy-client" /CN=front-proxy-client clientAuth
}

# kubeconfig FILE AUTHORITY ENDPOINT USER SUBJECT: its own certificate is inside
kubeconfig() {
    pki_leaf "$2" "$1.leaf" "$5" clientAuth
    cat >"$1" <<TEXT
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: $(base64 -w0 "$2.crt")
    server: https://$3
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: $4
  name: $4@kubernetes
current-context: $4@kubernetes
kind: Config
preferences: {}
users:
- name: $4
  user:
    client-certificate-data: $(base64 -w0 "$1.leaf.crt")
    client-key-data: $(base64 -w0 "$1.leaf.key")
TEXT
    chmod 600 "$1"
    rm "$1.leaf.crt" "$1.leaf.key"
}
