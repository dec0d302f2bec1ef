-- Two roles on a Postgres: one owns the tables and migrates them, the other serves, and can neither change nor drop one.
--
--   psql --file postgres-roles.sql DATABASE     once, as a role that may create roles
--   \password latchkey_owner                    then a password for each, by psql
--   \password latchkey_server
--
-- `latchkey migrate` runs with the owner in DATABASE_URL, `latchkey serve` and most other commands with the server.

create role latchkey_owner login;
create role latchkey_server login;

-- Whoever is not a superuser needs it for the next statements.
grant latchkey_owner to current_user;
create schema latchkey authorization latchkey_owner;
grant usage on schema latchkey to latchkey_server;
alter default privileges for role latchkey_owner in schema latchkey
  grant select, insert, update, delete on tables to latchkey_server;

alter role latchkey_owner set search_path = latchkey;
alter role latchkey_server set search_path = latchkey;
