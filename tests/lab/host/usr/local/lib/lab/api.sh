# Talking to the API server with a kubeconfig, by curl. Read by the lab, and on hosts by the kubelet, kubeadm and the control
# plane's stand-ins. API_FILES is where credentials are laid out, one directory for each kubeconfig.

API_FILES=${API_FILES:-/run/lab-api}

# api_field KUBECONFIG KEY
api_field() { sed -n "s/^ *$2: *//p" "$1" | head -1; }

# api_credentials KUBECONFIG: lays its certificates out as files again when it has changed; gives the directory
api_credentials() {
    local at=$API_FILES$1
    if [ ! -e "$at/ca" ] || [ "$1" -nt "$at/ca" ]; then
        mkdir -p "$at"
        chmod 700 "$API_FILES" "$at"
        [ -z "$(api_field "$1" client-key-data)" ] || {
            api_field "$1" client-certificate-data | base64 -d >"$at/crt"
            api_field "$1" client-key-data | base64 -d >"$at/key"
        }
        api_field "$1" certificate-authority-data | base64 -d >"$at/ca.new"
        mv "$at/ca.new" "$at/ca"
    fi
    echo "$at"
}

# api KUBECONFIG METHOD PATH [CONTENT-TYPE] <BODY: the answer, and the status of what went wrong: 4 not found, 9 conflict,
# 3 another refusal, 1 no answer. A content type means that there is a body.
api() {
    local at status answer token file body
    [ -s "$1" ] || return 1
    at=$(api_credentials "$1")
    local options=(--silent --max-time 10 --cacert "$at/ca" -X "$2" -H 'Accept: application/json' -w '\n%{http_code}')
    token=$(api_field "$1" token)
    file=$(api_field "$1" client-certificate)
    if [ -n "$token" ]; then
        options+=(-H @-)
    elif [ -n "$file" ]; then
        options+=(--cert "$file" --key "$(api_field "$1" client-key)")
    else
        options+=(--cert "$at/crt" --key "$at/key")
    fi
    if [ -n "${4-}" ]; then
        body=$at/body.$BASHPID
        cat >"$body"
        options+=(-H "Content-Type: $4" --data-binary "@$body")
    fi
    answer=$(curl "${options[@]}" "$(api_field "$1" server)$3" <<<"${token:+Authorization: Bearer $token}") || true
    [ -z "${body-}" ] || rm -f "$body"
    status=${answer##*$'\n'}
    [ "$status" = 000 ] || printf '%s\n' "${answer%$'\n'*}"
    case $status in
    2??) return 0 ;;
    404) return 4 ;;
    409) return 9 ;;
    000) return 1 ;;
    *) return 3 ;;
    esac
}

api_patch() { api "$1" PATCH "$2" application/strategic-merge-patch+json; }
api_message() { grep -o '"message": *"\([^"\\]\|\\.\)*"' | head -1 | sed 's/^"message": *"//; s/"$//; s/\\"/"/g'; }
api_now() { date -u +%FT%TZ; }
api_now_micro() { date -u +%FT%T.%6NZ; }

# api_condition TYPE <OBJECT: the status of a condition
api_condition() { grep -o '{[^{}]*}' | grep "\"type\": *\"$1\"" | head -1 | grep -o '"status": *"[A-Za-z]*"' | cut -d'"' -f4; }

# api_text KEY <OBJECT: the first text under a key
api_text() { grep -o "\"$1\": *\"[^\"]*\"" | head -1 | cut -d'"' -f4; }
