-- Users and topic rules of every broker. Applied before a node starts, any number of times, by several nodes at once.
-- Takes the psql variables broker, broker_role, broker_changes (the password is not the role's yet), broker_timeout,
-- client_ids and schema_version, and the password, twice, on standard input.

-- The administrator runs this, so that it must run nothing that others may have made: what is in public is meant only
-- where that is said.
SET search_path = pg_catalog;
BEGIN;
SELECT pg_advisory_xact_lock(hashtext('amora-sync schema'));

-- PostgreSQL 14 gave the first to everybody, and a server that was upgraded from it still does.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
SELECT format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()) \gexec

CREATE EXTENSION IF NOT EXISTS pgcrypto SCHEMA public;

CREATE TABLE IF NOT EXISTS public.mqtt_user (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- It may stand in a topic.
    username      text NOT NULL UNIQUE CHECK (length(username) BETWEEN 1 AND 256 AND username !~ '[[:cntrl:]+#/]'),
    -- bcrypt, with its salt in it, as $2a$: all brokers and pgcrypto take that.
    password_hash text NOT NULL,
    salt          text NOT NULL DEFAULT '',          -- EMQX asks for one
    is_superuser  boolean NOT NULL DEFAULT false,    -- may publish and subscribe to everything
    created       timestamptz NOT NULL DEFAULT now()
);
-- The same password for HiveMQ, which reads no $2a$: PBKDF2 with SHA-512, as SALT:ITERATIONS:HASH, salt and 64-byte
-- hash in base64.
ALTER TABLE public.mqtt_user ADD COLUMN IF NOT EXISTS pbkdf2_hash text
    CHECK (pbkdf2_hash ~ '^[A-Za-z0-9+/]{20,}={0,2}:[0-9]+:[A-Za-z0-9+/]{86}==$');

-- A session belongs to whoever has its client id, with all that waits in it. So a user may connect as the ids that the
-- stack's rule (security.clientIds) gives to every user, as those that are given here besides (one, or all that begin
-- with what stands before a * at the end), and as no other.
ALTER TABLE public.mqtt_user ADD COLUMN IF NOT EXISTS client_ids text
    CHECK (client_ids ~ '^([^+#/*]+[*]?|[*])$');
SELECT format('CREATE OR REPLACE FUNCTION public.mqtt_client_ids() RETURNS text LANGUAGE sql IMMUTABLE AS %L',
    format('SELECT %L::text', :'client_ids')) \gexec
CREATE OR REPLACE FUNCTION public.mqtt_may_connect_as(username text, given text, client_id text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(CASE public.mqtt_client_ids()
            WHEN 'any' THEN true
            WHEN 'username' THEN client_id = username
            -- The name x:y itself is one of x's ids.
            WHEN 'prefix' THEN position(':' IN username) = 0 AND starts_with(client_id || ':', username || ':')
        END, false)
        OR coalesce(client_id = given OR right(given, 1) = '*' AND starts_with(client_id, left(given, -1)), false)
$$;

-- A user may do what a rule allows, and nothing else. Topics may hold the wildcards + and #, and ${username} and
-- ${clientid}.
CREATE TABLE IF NOT EXISTS public.mqtt_acl (
    username text NOT NULL REFERENCES public.mqtt_user (username) ON UPDATE CASCADE ON DELETE CASCADE,
    topic    text NOT NULL CHECK (topic <> '' AND octet_length(topic) <= 65535), -- and see mqtt_acl_filter
    action   text NOT NULL CHECK (action IN ('publish', 'subscribe', 'all')),
    PRIMARY KEY (username, topic)
);
ALTER TABLE public.mqtt_acl ADD COLUMN IF NOT EXISTS id bigint GENERATED ALWAYS AS IDENTITY;

-- What came later, and rows of before need not hold: they stay, can't be changed, and are counted each time.
DO $$
DECLARE
    rule record;
    bad bigint;
BEGIN
    FOR rule IN SELECT * FROM (VALUES
        -- Or the ids of user x would be those of user x:y as well.
        ('mqtt_user', 'mqtt_user_no_separator', $c$position(':' IN username) = 0$c$),
        -- XML, in which HiveMQ reads them, lacks some of these characters, and MQTT advises against the others.
        ('mqtt_user', 'mqtt_user_plain',
            $c$username || coalesce(client_ids, '') !~ '[\u0001-\u001F\u007F-\u009F\uFFFE\uFFFF]'$c$),
        -- A wildcard is a level of its own, and # the last one.
        ('mqtt_acl', 'mqtt_acl_filter', $c$topic !~ '[\u0001-\u001F\u007F-\u009F\uFFFE\uFFFF]' AND
            topic ~ '^(([^/+#]*|[+])/)*([^/+#]*|[+]|#)$'$c$)
    ) AS rules (of, name, holds) LOOP
        IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = rule.name) THEN
            EXECUTE format('ALTER TABLE public.%I ADD CONSTRAINT %I CHECK (%s) NOT VALID', rule.of, rule.name,
                rule.holds);
        END IF;
        EXECUTE format('SELECT count(*) FROM public.%I WHERE NOT (%s)', rule.of, rule.holds) INTO bad;
        IF bad > 0 THEN
            RAISE WARNING 'rows of % are not as % asks: %', rule.of, rule.name, bad;
        END IF;
    END LOOP;
END $$;

DROP FUNCTION IF EXISTS public.mqtt_put_user(text, text, boolean);
CREATE OR REPLACE FUNCTION public.mqtt_put_user(
    name text, hash text, pbkdf2 text DEFAULT NULL, superuser boolean DEFAULT false
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF hash !~ '^\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}$' THEN
        RAISE EXCEPTION 'the password of % must come as a bcrypt hash', name;
    END IF;
    -- The letter after the 2 tells library versions apart, not algorithms. A password that comes without its second
    -- hash must not leave the old one behind.
    INSERT INTO public.mqtt_user (username, password_hash, pbkdf2_hash, is_superuser)
    VALUES (name, '$2a' || substr(hash, 4), nullif(pbkdf2, ''), superuser)
    ON CONFLICT (username) DO UPDATE
    SET password_hash = excluded.password_hash, pbkdf2_hash = excluded.pbkdf2_hash,
        is_superuser = excluded.is_superuser;
END $$;

-- Refuses a name for what it is, before a statement comes that has a hash in it: the server logs one that fails.
CREATE OR REPLACE FUNCTION public.mqtt_begin_user(name text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog AS $$
    INSERT INTO public.mqtt_user (username, password_hash) VALUES (name, '*') ON CONFLICT DO NOTHING
$$;

CREATE OR REPLACE FUNCTION public.mqtt_give_client_ids(name text, ids text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    UPDATE public.mqtt_user SET client_ids = nullif(ids, '') WHERE username = name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no user %', name;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION public.mqtt_remove_user(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    DELETE FROM public.mqtt_user WHERE username = name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no user %', name;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION public.mqtt_allow(name text, filter text, what text DEFAULT 'all') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.mqtt_user WHERE username = name) THEN
        RAISE EXCEPTION 'there is no user %', name;
    END IF;
    INSERT INTO public.mqtt_acl (username, topic, action) VALUES (name, filter, what)
    ON CONFLICT (username, topic) DO UPDATE SET action = excluded.action;
END $$;

CREATE OR REPLACE FUNCTION public.mqtt_forbid(name text, filter text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    DELETE FROM public.mqtt_acl WHERE username = name AND topic = filter;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% has no rule for %', name, filter;
    END IF;
END $$;

-- The versions that were applied. A replica in another region has one once its row has come there.
CREATE TABLE IF NOT EXISTS public.mqtt_schema (version text PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now());
INSERT INTO public.mqtt_schema (version) VALUES (:'schema_version') ON CONFLICT DO NOTHING;

-- What brokers may do: read, and nothing else. Each reads the hashes that it checks passwords against, and no others.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['mqtt_broker', 'mqtt_emqx', 'mqtt_hivemq', 'mqtt_vernemq'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        END IF;
    END LOOP;
END $$;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM mqtt_broker, mqtt_emqx, mqtt_hivemq, mqtt_vernemq;
GRANT SELECT ON public.mqtt_acl, public.mqtt_schema TO mqtt_broker;
GRANT SELECT (username, password_hash, salt, is_superuser, client_ids) ON public.mqtt_user TO mqtt_emqx;
GRANT SELECT (username, pbkdf2_hash, is_superuser) ON public.mqtt_user TO mqtt_hivemq;
GRANT SELECT (username, password_hash, client_ids) ON public.mqtt_user TO mqtt_vernemq;

-- Each of their passwords has a role of its own that may do this, so that nodes can take a new one, one after the
-- other. When a new one comes, the one before it stays good for a day, and the one before that no longer. None is
-- dropped: its name says that it has been.
SELECT statement FROM (
    SELECT 1 AS step, CASE WHEN isfinite(rolvaliduntil) THEN format('ALTER ROLE %I NOLOGIN', rolname)
        ELSE format('ALTER ROLE %I VALID UNTIL %L', rolname, now() + interval '1 day') END AS statement
    FROM pg_roles WHERE rolname ~ '^mqtt_broker(_|$)' AND rolcanlogin
    UNION ALL SELECT 2, format('CREATE ROLE %I LOGIN IN ROLE mqtt_broker', :'broker_role')
    -- HiveMQ and VerneMQ name no schema; EMQX names tables that only public has.
    UNION ALL SELECT 3, format('ALTER ROLE %I SET search_path = hivemq, vernemq, public', :'broker_role')
) AS statements WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'broker_role') ORDER BY step \gexec
SELECT format('GRANT %I TO %I', 'mqtt_' || :'broker', :'broker_role') \gexec

-- psql tells the server a verifier of the password, which is in no log and no statistics then.
\if :broker_changes
SET LOCAL password_encryption = 'scram-sha-256';
\password :broker_role
\endif

-- How long a query for a login may take. EMQX waits for its answer without end; VerneMQ has passwords checked here.
SELECT format('ALTER ROLE %I SET statement_timeout = %L', :'broker_role', :'broker_timeout') \gexec

-- The same users and rules as HiveMQ's enterprise security extension asks for them. Every rule is one permission of one
-- user; a superuser has the permission 0. Nobody has a role.
CREATE SCHEMA IF NOT EXISTS hivemq;
CREATE OR REPLACE VIEW hivemq.users AS
    SELECT id::integer AS id, username, split_part(pbkdf2_hash, ':', 3) AS password,
        split_part(pbkdf2_hash, ':', 2)::integer AS password_iterations,
        split_part(pbkdf2_hash, ':', 1) AS password_salt, 'PKCS5S2'::varchar(32) AS algorithm,
        created AS created_at, created AS updated_at
    FROM public.mqtt_user WHERE pbkdf2_hash IS NOT NULL;
CREATE OR REPLACE VIEW hivemq.permissions AS
    SELECT id::integer AS id,
        replace(replace(topic, '${username}', '${mqtt-username}'), '${clientid}', '${mqtt-clientid}') AS topic,
        action IN ('publish', 'all') AS publish_allowed, action IN ('subscribe', 'all') AS subscribe_allowed,
        true AS qos_0_allowed, true AS qos_1_allowed, true AS qos_2_allowed, true AS retained_msgs_allowed,
        action IN ('subscribe', 'all') AS shared_sub_allowed, ''::text AS shared_group,
        now() AS created_at, now() AS updated_at
    FROM public.mqtt_acl
    UNION ALL SELECT 0, '#', true, true, true, true, true, true, true, '', now(), now();
CREATE OR REPLACE VIEW hivemq.user_permissions AS
    SELECT u.id::integer AS user_id, a.id::integer AS permission, now() AS created_at, now() AS updated_at
    FROM public.mqtt_acl a JOIN public.mqtt_user u USING (username)
    UNION ALL SELECT id::integer, 0, now(), now() FROM public.mqtt_user WHERE is_superuser;
CREATE OR REPLACE VIEW hivemq.roles AS
    SELECT 0 AS id, ''::text AS name, ''::text AS description, now() AS created_at, now() AS updated_at WHERE false;
CREATE OR REPLACE VIEW hivemq.user_roles AS
    SELECT 0 AS user_id, 0 AS role_id, now() AS created_at, now() AS updated_at WHERE false;
CREATE OR REPLACE VIEW hivemq.role_permissions AS
    SELECT 0 AS role, 0 AS permission, now() AS created_at, now() AS updated_at WHERE false;
REVOKE ALL ON SCHEMA hivemq FROM mqtt_broker;
REVOKE ALL ON ALL TABLES IN SCHEMA hivemq FROM mqtt_broker;
GRANT USAGE ON SCHEMA hivemq TO mqtt_hivemq;
GRANT SELECT ON ALL TABLES IN SCHEMA hivemq TO mqtt_hivemq;

-- The same users and rules as VerneMQ asks for them. It puts username and client id only in place of a whole level of a
-- topic, and has no way to write a level that looks like such a place: a rule that it can't say allows nothing there. A
-- subscription that is shared by a group is a topic of its own to it, $share/GROUP/TOPIC, which a rule that begins with
-- a wildcard or with the client's id would let in, with any topic: such a rule allows shared subscriptions only.
CREATE OR REPLACE FUNCTION public.vernemq_pattern(topic text, username text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN bool_and(level NOT IN ('%m', '%u', '%c') AND
            (original = '${clientid}' OR position('${clientid}' IN original) = 0))
        THEN string_agg(CASE original WHEN '${clientid}' THEN '%c' ELSE level END, '/' ORDER BY place) END
    FROM (SELECT original, replace(original, '${username}', username) AS level, place
        FROM unnest(string_to_array(topic, '/')) WITH ORDINALITY AS levels (original, place)) AS replaced
$$;
CREATE SCHEMA IF NOT EXISTS vernemq;
CREATE OR REPLACE VIEW vernemq.vmq_auth_acl AS
    SELECT ''::text AS mountpoint, '*'::text AS client_id, username, password_hash AS password,
        (SELECT coalesce(json_agg(json_build_object('pattern', pattern) ORDER BY id), '[]') FROM (
            SELECT 0 AS id, '#' AS pattern WHERE is_superuser
            UNION ALL SELECT id, public.vernemq_pattern(topic, u.username) FROM public.mqtt_acl a
                WHERE a.username = u.username AND action IN ('publish', 'all')
        ) AS rules WHERE pattern IS NOT NULL) AS publish_acl,
        (SELECT coalesce(json_agg(json_build_object('pattern', prefix || pattern) ORDER BY id, prefix), '[]') FROM (
            SELECT 0 AS id, '#' AS pattern WHERE is_superuser
            UNION ALL SELECT id, public.vernemq_pattern(topic, u.username) FROM public.mqtt_acl a
                WHERE a.username = u.username AND action IN ('subscribe', 'all')
        ) AS rules CROSS JOIN (VALUES (''), ('$share/+/')) AS prefixes (prefix)
        WHERE pattern IS NOT NULL AND
            (prefix <> '' OR pattern = '+/#' OR pattern !~ '^(\+|%c|\$share)/(#$|.*/)')) AS subscribe_acl
    FROM public.mqtt_user u;
-- A login, for which a broker needs no right to read what it compares; nodes of an older version ask the view. An
-- unknown user takes as long as a known one with a wrong password.
CREATE OR REPLACE FUNCTION vernemq.login(name text, given text, client text)
RETURNS TABLE (publish_acl text, subscribe_acl text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT a.publish_acl::text, a.subscribe_acl::text
    FROM (SELECT) AS always LEFT JOIN public.mqtt_user u ON u.username = name
        LEFT JOIN vernemq.vmq_auth_acl a USING (username)
    WHERE CASE WHEN public.mqtt_may_connect_as(name, u.client_ids, client)
        THEN u.password_hash = public.crypt(given,
            coalesce(u.password_hash, '$2a$10$W5gUuvBjW.xK4uV8kb1tW.7n9nH1Cbmlr3mNn1wqk4YQkX1k0o6yO')) END
$$;
REVOKE ALL ON SCHEMA vernemq FROM mqtt_broker;
REVOKE ALL ON ALL TABLES IN SCHEMA vernemq FROM mqtt_broker;
GRANT USAGE ON SCHEMA vernemq TO mqtt_vernemq;
GRANT SELECT ON ALL TABLES IN SCHEMA vernemq TO mqtt_vernemq;

COMMIT;
