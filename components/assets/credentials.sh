#!/bin/sh
# Writes users and rules as the file that HiveMQ's free security extension reads, inside a Kubernetes Secret, to be
# applied by kubectl. It only reads, and needs no more than a broker may.
set -eu
work="${WORK:-/work}"
config="${CONFIG:-/mnt/config/config.xml}"
# The extension wants at least one user, and at least one permission for each: nobody is a user whom no password fits,
# and none is what those may do who have no rule.
psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 >"$work/credentials" <<'SQL'
WITH grants AS (
    SELECT username, id,
        replace(replace(topic, '${username}', '${{username}}'), '${clientid}', '${{clientid}}') AS topic,
        CASE action WHEN 'publish' THEN 'PUBLISH' WHEN 'subscribe' THEN 'SUBSCRIBE' ELSE 'ALL' END AS activity
    FROM mqtt_acl
), users AS (
    SELECT username, pbkdf2_hash, CASE WHEN is_superuser THEN 'superuser'
        WHEN EXISTS (SELECT FROM mqtt_acl a WHERE a.username = u.username) THEN 'user:' || username
        ELSE 'none' END AS role
    FROM mqtt_user u WHERE pbkdf2_hash IS NOT NULL
    UNION ALL SELECT 'nobody', 'AAAA:1:AAAA', 'none'
        WHERE NOT EXISTS (SELECT FROM mqtt_user WHERE pbkdf2_hash IS NOT NULL)
), roles AS (
    SELECT 'user:' || username AS id,
        xmlagg(xmlelement(name permission, xmlelement(name topic, topic), xmlelement(name activity, activity))
            ORDER BY id) AS permissions
    FROM grants GROUP BY username
    UNION ALL SELECT 'superuser', xmlelement(name permission, xmlelement(name topic, '#'))
    UNION ALL SELECT 'none',
        xmlelement(name permission, xmlelement(name topic, '$nothing'), xmlelement(name activity, 'SUBSCRIBE'))
)
SELECT CASE WHEN xml_is_well_formed_document(file)
    THEN replace(encode(convert_to(file, 'UTF8'), 'base64'), E'\n', '') END
FROM (SELECT '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' || xmlelement(name "file-rbac",
    xmlelement(name users, (SELECT xmlagg(xmlelement(name "user",
        xmlelement(name name, username), xmlelement(name password, pbkdf2_hash),
        xmlelement(name roles, xmlelement(name id, role))) ORDER BY username) FROM users)),
    xmlelement(name roles, (SELECT xmlagg(xmlelement(name role,
        xmlelement(name id, id), xmlelement(name permissions, permissions)) ORDER BY id) FROM roles))
)::text AS file) AS written;
SQL
# HiveMQ goes on with the file that it has when it can't read a new one, and then nobody is ever removed.
if [ -z "$(tr -d '\n' <"$work/credentials")" ]; then
    echo "credentials: not published: HiveMQ could not read a file with the names or topics of these users:" >&2
    psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 >&2 <<'SQL'
SELECT DISTINCT to_json(username)::text FROM mqtt_user LEFT JOIN mqtt_acl USING (username)
WHERE NOT xml_is_well_formed_content(xmlelement(name x, concat(username, topic))::text);
SQL
    exit 1
fi
encoded=$(base64 <"$config") # by itself: a failure inside of printf would not count
{
    printf '{"apiVersion":"v1","kind":"Secret","type":"Opaque",'
    printf '"metadata":{"name":"credentials","namespace":"%s"},' "${NAMESPACE:-hivemq}"
    printf '"data":{"config.xml":"%s",' "$(printf '%s' "$encoded" | tr -d '\n')"
    printf '"credentials.xml":"%s"}}\n' "$(tr -d '\n' <"$work/credentials")"
} >"$work/secret.json"
echo "credentials: written"
