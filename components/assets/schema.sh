#!/bin/sh
# Applies the schema, with the role and password of BROKER: emqx, hivemq or vernemq. Waits for a server that is starting
# or failing over. One that takes no changes, such as the replica in another region, gets the schema from the one that
# does: then this waits until it is there.
set -eu
schema="${SCHEMA:-/mnt/config/schema.sql}"
export BROKER_TIMEOUT="${BROKER_TIMEOUT:-0}"
SCHEMA_VERSION=$({ cat "$schema" && echo "$CLIENT_IDS"; } | sha256sum | cut -c1-64)
export SCHEMA_VERSION
ask() { psql --no-psqlrc --quiet --tuples-only --no-align --command "$1"; }
# Whether this version is there and lets the brokers in. With that a node starts as well while the administrator's
# password changes.
arrived() {
    [ "$(PGUSER="$BROKER_ROLE" PGPASSWORD="$BROKER_PASSWORD" \
        ask "SELECT pg_has_role('mqtt_$BROKER', 'MEMBER') FROM mqtt_schema WHERE version = '$SCHEMA_VERSION'" \
        2>/dev/null)" = t ]
}
try=0
until changes=$(ask "SELECT NOT current_setting('transaction_read_only')::boolean") && [ "$changes" = t ]; do
    if arrived; then
        echo "schema: there already; $PGHOST takes no changes from here"
        exit
    fi
    try=$((try + 1))
    if [ "$try" -ge "${TRIES:-30}" ]; then
        if [ -z "$changes" ]; then
            echo "schema: no answer from $PGHOST" >&2
        else
            echo "schema: $PGHOST takes no changes, and has not been sent this version:" \
                "deploy the region with the primary database first" >&2
        fi
        exit 1
    fi
    [ -z "$changes" ] || echo "schema: $PGHOST takes no changes; waiting for this version to come there ($try)"
    sleep "${WAIT:-2}"
done
# Only a login tells whether the role has this password: Azure's administrator may not read what the server keeps of it.
export BROKER_CHANGES=true
! PGUSER="$BROKER_ROLE" PGPASSWORD="$BROKER_PASSWORD" ask "SELECT" >/dev/null 2>&1 || BROKER_CHANGES=false
# \password asks the terminal, and standard input where there is none: setsid leaves it none.
printf '%s\n' "$BROKER_PASSWORD" "$BROKER_PASSWORD" | setsid psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 \
    --command '\getenv broker BROKER' --command '\getenv broker_role BROKER_ROLE' \
    --command '\getenv broker_changes BROKER_CHANGES' --command '\getenv broker_timeout BROKER_TIMEOUT' \
    --command '\getenv client_ids CLIENT_IDS' --command '\getenv schema_version SCHEMA_VERSION' \
    --file "$schema" >/dev/null
# A file that was cut off has no errors, and its transaction no end.
if ! arrived; then
    echo "schema: $schema was run, and its version is not there" >&2
    exit 1
fi
echo "schema: applied"
