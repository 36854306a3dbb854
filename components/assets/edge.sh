#!/bin/sh
# Starts HAProxy with the certificate out of the vault, and hands it each newer one while connections go on. The vault
# is asked as the app's identity: were the certificate a secret of the app, Azure would restart every replica for a
# renewed one, and whether a mounted secret changes in a replica that runs is nowhere said.
set -eu
folder="${CERTIFICATE%/*}"
umask 077
mkdir -p "$folder"

say() { echo "certificate: $*" >&2; }

# ask URL HEADER prints the body of the answer. Nothing but OpenSSL is at hand that holds a server against its name.
ask() {
    rest="${1#*://}"
    host="${rest%%/*}"
    name="${host%:*}" port="${host#"$name"}"
    rm -f "$folder/why"
    printf 'GET /%s HTTP/1.1\r\nHost: %s\r\n%s\r\nConnection: close\r\n\r\n' "${rest#*/}" "$host" "$2" |
        case "$1" in
        https:*)
            timeout 30 openssl s_client -quiet -verify_quiet -verify_return_error -verify_hostname "$name" \
                -servername "$name" -connect "$name${port:-:443}" 2>"$folder/why"
            ;;
        *)
            port="${port:-:80}"
            timeout 30 nc "$name" "${port#:}" 2>"$folder/why"
            ;;
        esac | tr -d '\r' >"$folder/answer" || true # what came says more
    read -r status <"$folder/answer" || status="nothing: $(tail -n 1 "$folder/why")"
    case "$status" in
    "HTTP/1.1 200"*) ;;
    *)
        say "$name answers $status"
        return 1
        ;;
    esac
    # Where a body comes in parts, the lines between them are their lengths.
    awk 'body && !/^[0-9a-fA-F]+$/ { printf "%s", $0 } !NF { body = 1 }' "$folder/answer"
    rm "$folder/answer"
}

# value NAME is that of a text in JSON, as it is written there.
value() { sed -n 's/\\"//g; s/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p'; }

# fetch puts what the vault has into a file.
fetch() {
    token=$(ask "$IDENTITY_ENDPOINT?api-version=2019-08-01&resource=https://vault.azure.net&client_id=$CLIENT_ID" \
        "X-IDENTITY-HEADER: $IDENTITY_HEADER") || return 1
    token=$(printf %s "$token" | value access_token)
    secret=$(ask "$CERTIFICATE_URL?api-version=7.4" "Authorization: Bearer $token") || return 1
    printf '%b' "$(printf %s "$secret" | value value)" >"$folder/fetched"
}

# ready makes PEM of it, unless no client would accept it.
ready() {
    said=$(IN="$folder/fetched" OUT="$folder/new.pem" sh -c "$TO_PEM") || return 1
    rm "$folder/fetched"
}

haproxy_admin() { timeout 10 nc 127.0.0.1 "$ADMIN_PORT"; }

# hand_over has new connections see the new certificate.
hand_over() {
    answer=$({ printf 'set ssl cert %s <<\n' "$CERTIFICATE" && cat "$folder/new.pem" && echo; } | haproxy_admin) || true
    case "$answer" in Transaction*) answer=$(echo "commit ssl cert $CERTIFICATE" | haproxy_admin) || true ;; esac
    case "$answer" in
    *Success!*)
        mv "$folder/new.pem" "$CERTIFICATE"
        echo "$said"
        ;;
    *) echo "certificate refused: HAProxy does not take it: $(echo "$answer" | tr '\n' ' ')" >&2 ;;
    esac
}

# watch ends with HAProxy, whose process it is given.
watch() {
    while sleep "${EVERY:-600}" && kill -0 "$1" 2>/dev/null; do
        if fetch && ready && ! cmp -s "$folder/new.pem" "$CERTIFICATE"; then
            hand_over
        fi
    done
}

# An identity is at hand some seconds after a replica begins.
tries=5
until fetch && ready; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || exit 1
    sleep "${PAUSE:-4}"
done
mv "$folder/new.pem" "$CERTIFICATE"
echo "$said"
watch "$$" &
exec haproxy -W -db -f "$CONFIG"
