#!/bin/sh
# Runs one operation on the user store: OPERATION is add, allow, forbid, client-ids or remove; what it needs is in the
# environment.
set -eu
case "$OPERATION" in
add) sql="BEGIN; SELECT mqtt_begin_user(:'username'); SELECT mqtt_put_user(:'username', :'hash', :'pbkdf2'); COMMIT" ;;
allow) sql="SELECT mqtt_allow(:'username', :'topic', :'action')" ;;
forbid) sql="SELECT mqtt_forbid(:'username', :'topic')" ;;
client-ids) sql="SELECT mqtt_give_client_ids(:'username', :'client_ids')" ;;
remove) sql="SELECT mqtt_remove_user(:'username')" ;;
*)
    echo "admin: no operation $OPERATION" >&2
    exit 2
    ;;
esac
if [ "$(psql --no-psqlrc --quiet --tuples-only --no-align --command 'SELECT pg_is_in_recovery()')" = t ]; then
    echo "admin: $PGHOST is a replica, and takes no changes: users are changed in the region with the primary" \
        "database, or here once this one is promoted" >&2
    exit 3 # as psql after a refusal
fi
# What psql may miss: a hash, and client ids, which none takes back.
export MQTT_PASSWORD_PBKDF2="${MQTT_PASSWORD_PBKDF2:-}" MQTT_CLIENT_IDS="${MQTT_CLIENT_IDS:-}"
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 >/dev/null <<SQL
\\getenv username MQTT_USERNAME
\\getenv hash MQTT_PASSWORD_HASH
\\getenv pbkdf2 MQTT_PASSWORD_PBKDF2
\\getenv topic MQTT_TOPIC
\\getenv action MQTT_ACTION
\\getenv client_ids MQTT_CLIENT_IDS
$sql;
SQL
echo "admin: $OPERATION $MQTT_USERNAME done"
