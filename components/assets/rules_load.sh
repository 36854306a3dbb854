#!/bin/sh
# Makes Redis hold exactly the exported rules. Each user is replaced in a transaction on that user's key alone: Azure
# Managed Redis is a cluster, and refuses transactions over several keys.
set -eu
work="${WORK:-/work}"
redis() { redis-cli --tls -h "$REDIS_HOST" -p "$REDIS_PORT" "$@"; }

redis <"$work/commands" >"$work/answers"
if grep -q -i -e '^(error)' -e '^ERR' -e '^EXECABORT' -e '^NOAUTH' -e '^WRONG' -e '^CROSSSLOT' \
    -e 'Could not connect' "$work/answers"; then
    grep -i -e err -e noauth -e wrong -e crossslot -e connect "$work/answers" | head -n 3 >&2
    exit 1
fi

# Users that are gone, or have no rule any more. Names are compared in hexadecimal: they may hold anything.
redis --scan --pattern 'mqtt_acl:*' >"$work/present"
while IFS= read -r key; do
    hex=$(printf '%s' "$key" | od -An -v -tx1 | tr -d ' \n')
    if ! grep -q -x "$hex" "$work/keys"; then
        printf '%s' "$key" | redis -e -x DEL >/dev/null # -e: an error is no success
    fi
done <"$work/present"
if [ "$(sort -u "$work/present" | wc -l)" -lt "$(wc -l <"$work/keys")" ]; then
    echo "rules: Redis has lost some of what it was just given" >&2
    exit 1
fi
redis -e SET mqtt_acl_loaded 1 >/dev/null # brokers ask for it: a Redis that lost its content has no rule for anybody
echo "rules: loaded for $(wc -l <"$work/keys") user(s)"
