-- Users and topic rules of every broker. Applied before a node starts, any number of times, by several nodes at once.
-- Takes the psql variable broker_password.
BEGIN;
SELECT pg_advisory_xact_lock(hashtext('amora-sync schema'));

CREATE EXTENSION IF NOT EXISTS pgcrypto;

CREATE TABLE IF NOT EXISTS mqtt_user (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username      text NOT NULL UNIQUE CHECK (length(username) BETWEEN 1 AND 256 AND username !~ '[[:cntrl:]+#/]'), -- may stand in a topic
    password_hash text NOT NULL,                     -- bcrypt, with its salt in it, as $2a$: all brokers and pgcrypto take that
    salt          text NOT NULL DEFAULT '',          -- EMQX asks for one
    is_superuser  boolean NOT NULL DEFAULT false,    -- may publish and subscribe to everything
    created       timestamptz NOT NULL DEFAULT now()
);

-- A user may do what a rule allows, and nothing else. Topics may hold the wildcards + and #, and ${username} and ${clientid}.
CREATE TABLE IF NOT EXISTS mqtt_acl (
    username text NOT NULL REFERENCES mqtt_user (username) ON UPDATE CASCADE ON DELETE CASCADE,
    topic    text NOT NULL CHECK (topic <> '' AND octet_length(topic) <= 65535),
    action   text NOT NULL CHECK (action IN ('publish', 'subscribe', 'all')),
    PRIMARY KEY (username, topic)
);

CREATE OR REPLACE FUNCTION mqtt_put_user(name text, hash text, superuser boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF hash !~ '^\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}$' THEN
        RAISE EXCEPTION 'the password of % must come as a bcrypt hash', name;
    END IF;
    -- The letter after the 2 tells library versions apart, not algorithms.
    INSERT INTO mqtt_user (username, password_hash, is_superuser) VALUES (name, '$2a' || substr(hash, 4), superuser)
    ON CONFLICT (username) DO UPDATE SET password_hash = excluded.password_hash, is_superuser = excluded.is_superuser;
END $$;

CREATE OR REPLACE FUNCTION mqtt_remove_user(name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM mqtt_user WHERE username = name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no user %', name;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION mqtt_allow(name text, filter text, what text DEFAULT 'all') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM mqtt_user WHERE username = name) THEN
        RAISE EXCEPTION 'there is no user %', name;
    END IF;
    INSERT INTO mqtt_acl (username, topic, action) VALUES (name, filter, what)
    ON CONFLICT (username, topic) DO UPDATE SET action = excluded.action;
END $$;

CREATE OR REPLACE FUNCTION mqtt_forbid(name text, filter text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM mqtt_acl WHERE username = name AND topic = filter;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% has no rule for %', name, filter;
    END IF;
END $$;

-- The brokers' own role: it may read, and nothing else.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mqtt_broker') THEN
        CREATE ROLE mqtt_broker LOGIN;
    END IF;
END $$;
ALTER ROLE mqtt_broker PASSWORD :'broker_password';
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM mqtt_broker;
GRANT SELECT ON mqtt_user, mqtt_acl TO mqtt_broker;

COMMIT;
