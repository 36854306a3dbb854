#!/bin/bash
# Fetches what this node runs, and runs it: "tick" every minute, "deploy" when Azure deploys, "admin" for one operation
# on users and rules; "reconcile" is for "deploy" itself. What was fetched stays on the machine, so that it starts again
# while Azure can't be reached.
set -euo pipefail
umask 077
# shellcheck source=/dev/null
. "${NODE_ENV:-/etc/amora-sync/node.env}" # SETTINGS_URL, CLIENT_ID, ADDRESS
STATE="${STATE:-/var/lib/amora-sync}"
VERB="${1:-tick}"

log() { echo "amora-node: $*" >&2; }

# A token for an Azure service, for this machine's identity.
token() {
    local answer url="${METADATA:-http://169.254.169.254}/metadata/identity/oauth2/token"
    answer=$(curl --silent --show-error --fail --retry 3 --max-time 30 --header Metadata:true \
        "$url?api-version=2018-02-01&client_id=$CLIENT_ID&resource=$1") || return
    [[ $answer =~ \"access_token\":\ *\"([^\"]+)\" ]] && echo "${BASH_REMATCH[1]}"
}

# Calls an Azure service: SERVICE, and what curl takes. The token goes in on standard input: arguments are visible to
# every process.
azure() {
    local bearer
    bearer=$(token "$1") || return
    printf 'header = "Authorization: Bearer %s"\n' "$bearer" |
        curl --silent --show-error --fail --retry 3 --connect-timeout 10 --speed-time 30 --max-time 1800 \
            --header 'x-ms-version: 2021-12-02' --config - "${@:2}"
}
secret() {
    azure https://vault.azure.net "$1?api-version=7.4" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["value"])' 2>/dev/null
}
blob() { azure https://storage.azure.com/ "$@"; }

FILES="" FILE_NAMES=""
read_settings() {
    local text
    if text=$(secret "$SETTINGS_URL"); then
        printf '%s\n' "$text" >"$STATE/settings.new"
        mv "$STATE/settings.new" "$STATE/settings"
    elif [ -s "$STATE/settings" ]; then
        log "the vault can't be read; going on with what it said before"
    else
        log "the vault can't be read"
        return 1
    fi
    # shellcheck source=/dev/null
    . "$STATE/settings"
}

# Fetches the files of a version once, all or none.
fetch() {
    [ ! -d "$STATE/$1" ] || return 0
    rm -rf "$STATE/$1.new"
    mkdir "$STATE/$1.new"
    local name all=()
    for name in $FILE_NAMES; do
        all+=(--output "$STATE/$1.new/$name" "$FILES/$name")
    done
    blob --fail-early "${all[@]}"
    mv "$STATE/$1.new" "$STATE/$1"
}

# Between deployments a node stays with the version that it has: a deployment changes one node after the other.
choose_version() {
    local told="${FILES##*/}"
    [ "$VERB" = deploy ] || [ ! -e "$STATE/current" ] || return 0
    fetch "$told"
    ln -sfn "$told" "$STATE/current"
}

mkdir -p "$STATE"
case "$VERB" in
tick)
    exec 9>"$STATE/lock"
    flock --nonblock 9 || exit 0
    ;;
deploy)
    exec 9>"$STATE/lock"
    flock 9
    ;;
esac
# An operation on users and rules doesn't wait for the lock above.
exec 8>"$STATE/reading"
flock 8
read_settings
if [ "$VERB" = deploy ] && [ "${FILES##*/}" != "$2" ]; then
    log "the vault names ${FILES##*/}, and $2 is to be deployed"
    exit 1
fi
choose_version
exec 8>&-
FOLDER="$STATE/current"
# shellcheck source=node.sh
. "$FOLDER/node.sh"
"$VERB" "${@:2}"
