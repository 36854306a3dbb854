#!/bin/sh
# Applies the schema; waits for a server that is starting or failing over.
set -eu
try=0
until psql --no-psqlrc --command 'SELECT 1' >/dev/null; do
    try=$((try + 1))
    if [ "$try" -ge "${TRIES:-30}" ]; then
        echo "schema: no answer from $PGHOST" >&2
        exit 1
    fi
    sleep "${WAIT:-2}"
done
# The password goes in on standard input: arguments are visible to every process.
{
    printf '%s\n' '\getenv broker_password BROKER_PASSWORD'
    cat "${SCHEMA:-/mnt/config/schema.sql}"
} | psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 >/dev/null
echo "schema: applied"
