#!/bin/sh
# Writes the topic rules as commands for redis-cli, one user after the other, and the list of the users that have any.
set -eu
out="${WORK:-/work}"
# redis-cli splits a line at blanks and takes "…" with backslashes as one word.
psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 >"$out/commands" <<'SQL'
CREATE FUNCTION pg_temp.word(t text) RETURNS text LANGUAGE sql AS $$
    SELECT '"' || replace(replace(replace(replace(replace(t, '\', '\\'), '"', '\"'), E'\n', '\n'), E'\r', '\r'), E'\t', '\t') || '"'
$$;
SELECT line FROM (
    SELECT username, 1 AS part, 'MULTI' AS line FROM mqtt_acl GROUP BY username
    UNION ALL SELECT username, 2, 'DEL ' || pg_temp.word('mqtt_acl:' || username) FROM mqtt_acl GROUP BY username
    UNION ALL SELECT username, 3, 'HSET ' || pg_temp.word('mqtt_acl:' || username) || ' ' || pg_temp.word(topic) || ' ' || action FROM mqtt_acl
    UNION ALL SELECT username, 4, 'EXEC' FROM mqtt_acl GROUP BY username
) AS commands ORDER BY username, part;
SQL
psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 \
    --command "SELECT DISTINCT encode(convert_to('mqtt_acl:' || username, 'UTF8'), 'hex') FROM mqtt_acl" | sort >"$out/keys"
echo "rules: $(grep -c '^HSET' "$out/commands" || true) exported"
