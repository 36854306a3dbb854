#!/bin/sh
# Writes the topic rules as commands for redis-cli, one user after the other, and the list of the users that have any.
# It only reads, so that it runs on a replica as well.
set -eu
out="${WORK:-/work}"
export PGOPTIONS="-c statement_timeout=0" # what holds for a login is too short for all rules
# redis-cli splits a line at blanks and takes "\x…" as a byte.
psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 >"$out/commands" <<'SQL'
WITH words AS (
    SELECT username, action,
        '"' || regexp_replace(encode(convert_to('mqtt_acl:' || username, 'UTF8'), 'hex'), '..', '\\x\&', 'g') ||
        '"' AS key,
        '"' || regexp_replace(encode(convert_to(topic, 'UTF8'), 'hex'), '..', '\\x\&', 'g') || '"' AS topic
    FROM mqtt_acl
)
SELECT line FROM (
    SELECT username, 1 AS part, 'MULTI' AS line FROM words GROUP BY username
    UNION ALL SELECT username, 2, 'DEL ' || key FROM words GROUP BY username, key
    UNION ALL SELECT username, 3, 'HSET ' || key || ' ' || topic || ' ' || action FROM words
    UNION ALL SELECT username, 4, 'EXEC' FROM words GROUP BY username
) AS commands ORDER BY username, part;
SQL
psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 >"$out/keys" \
    --command "SELECT DISTINCT encode(convert_to('mqtt_acl:' || username, 'UTF8'), 'hex') AS key FROM mqtt_acl
        ORDER BY key"
echo "rules: $(grep -c '^HSET' "$out/commands" || true) exported"
