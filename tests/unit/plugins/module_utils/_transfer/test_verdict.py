# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What of a foreign dump is run, left out, refused, or may fail without harm."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._transfer import verdict
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError
from ansible_collections.slipway.flask.plugins.module_utils._transfer.verdict import Extension

LEFT_OUT = {
    "ALTER TABLE public.t OWNER TO u3fj": "owners",
    'ALTER FUNCTION public.f(a text, b integer) OWNER TO "x-y"': "owners",
    "-- a word\nALTER DEFAULT PRIVILEGES FOR ROLE x GRANT ALL ON TABLES TO y": "rights",
    "GRANT ALL ON TABLE t TO x": "rights",
    "REVOKE USAGE ON SCHEMA public FROM PUBLIC": "rights",
    "CREATE ROLE x SUPERUSER": "roles",
    "ALTER USER x PASSWORD 'y'": "roles",
    "SET ROLE postgres": "roles",
    "RESET ROLE": "roles",
    "SET SESSION AUTHORIZATION 'postgres'": "roles",
    "RESET SESSION AUTHORIZATION": "roles",
    "REASSIGN OWNED BY a TO b": "roles",
    "DROP DATABASE shop": "settings of the server or the database",
    "ALTER DATABASE shop SET search_path = x": "settings of the server or the database",
    "ALTER SYSTEM SET archive_command = 'x'": "settings of the server or the database",
    "CREATE DATABASE shop WITH TEMPLATE = template0": "settings of the server or the database",
    "SET default_tablespace = fast": "settings of the server or the database",
    "LOAD 'x'": "settings of the server or the database",
    "CREATE PUBLICATION p FOR ALL TABLES": "replication",
    "ALTER SUBSCRIPTION s ENABLE": "replication",
    "CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION f()": "event triggers",
    "SECURITY LABEL FOR anon ON COLUMN t.a IS 'x'": "security labels",
    "CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public": "",
    "COMMENT ON EXTENSION citext IS 'x'": "",
    "CREATE OR REPLACE PROCEDURAL LANGUAGE plpgsql": "",
    "CREATE TABLE t (owner text)": None,
    "CREATE USER MAPPING FOR x SERVER y": None,
    "SET default_tablespace = ''": None,
    "SET client_encoding = 'UTF8'": None,
    "INSERT INTO t VALUES ('x OWNER TO y')": None,
    "ALTER TABLE t ADD CONSTRAINT c PRIMARY KEY (id)": None,
    "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ GRANT x TO y $$": None,
    "COMMENT ON TABLE t IS 'roles'": None,
}  # fmt: skip


@pytest.mark.parametrize("statement", LEFT_OUT)
def test_what_is_about_the_server_it_came_from_is_left_out(statement: str) -> None:
    assert verdict.left_out(statement.encode()) == LEFT_OUT[statement]


REFUSED = [
    "COPY t FROM PROGRAM 'id'",
    "copy t from '/etc/passwd'",
    "COPY t TO '/tmp/x'",
    "COPY (SELECT 1) TO PROGRAM 'id'",
]
TAKEN = ["COPY t (a, b) FROM stdin", "COPY public.t FROM STDIN WITH (FORMAT csv)", "COPYRIGHT", "SELECT 1"]


@pytest.mark.parametrize("statement", REFUSED)
def test_files_and_programs_of_the_host_are_refused(statement: str) -> None:
    with pytest.raises(DumpError, match="COPY with a file or a program"):
        verdict.refuse(statement.encode())


@pytest.mark.parametrize("statement", TAKEN)
def test_other_statements_are_not_refused(statement: str) -> None:
    verdict.refuse(statement.encode())


REFUSED_COMMANDS = [r"\! id", r"\copy t from program 'id'", r"\i /etc/passwd", r"\o |id", r"\set x `id`", r"\g |id"]
COMMANDS = {
    r"\restrict abc": None,
    r"\unrestrict abc": None,
    r"\encoding UTF8": None,
    r"\connect shop": "shop",
    r'\c "My Shop"': "My Shop",
    r"\connect -reuse-previous=on shop": "shop",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_that_dumps_have_are_known(command: str) -> None:
    assert verdict.database_of(command.encode()) == COMMANDS[command]


@pytest.mark.parametrize("command", REFUSED_COMMANDS)
def test_other_commands_of_psqls_are_refused(command: str) -> None:
    with pytest.raises(DumpError, match="psql command"):
        verdict.database_of(command.encode())


EXTENSIONS = {
    "CREATE EXTENSION hstore": Extension("hstore"),
    'CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA heroku_ext': Extension("uuid-ossp", "heroku_ext"),
    "CREATE EXTENSION IF NOT EXISTS citext SCHEMA Public VERSION '1.6'": Extension("citext", "public"),
    "CREATE TABLE extension (id int)": None,
}


@pytest.mark.parametrize("statement", EXTENSIONS)
def test_extensions_are_found_with_their_schema(statement: str) -> None:
    assert verdict.extension(statement.encode()) == EXTENSIONS[statement]


def test_extensions_are_those_of_the_app_missing_ones_and_the_servers_own() -> None:
    asked = [Extension(name) for name in ("plpgsql", "citext", "postgis", "pg_stat_statements")]
    assert verdict.needs(asked, ["citext", "pg_trgm"]) == ([Extension("citext")], ["postgis"], ["pg_stat_statements"])


PASSES = [
    ("SET transaction_timeout = 0", "42704", ""),
    ("SET session_replication_role = replica", "42501", ""),
    ("CREATE SCHEMA public", "42P06", ""),
    ("CREATE SCHEMA heroku_ext", "42P06", ""),
    ("CREATE SCHEMA other", "42P06", None),
    ("COMMENT ON SCHEMA public IS 'x'", "42501", ""),
    ("DROP TABLE public.t", "42P01", ""),
    ("ALTER TABLE ONLY public.t DROP CONSTRAINT t_pkey", "42P01", ""),
    ("CREATE POLICY p ON t TO anon USING (true)", "42704", "policies for roles that are not here"),
    ("CREATE TABLE t (a citext)", "42704", None),
    ("INSERT INTO t VALUES (1)", "42P01", None),
    ("CREATE TABLE public.t (id int)", "42P07", None),
]


@pytest.mark.parametrize(("statement", "state", "told"), PASSES)
def test_a_statement_may_fail_where_the_data_is_whole_without_it(statement: str, state: str, told: str | None) -> None:
    assert verdict.passes(statement.encode(), state, ["public", "heroku_ext"]) == told


def test_a_long_statement_is_shown_by_its_begin_on_one_line() -> None:
    assert verdict.shown(b"SELECT\n  1") == "SELECT 1"
    assert len(verdict.shown(b"INSERT INTO t VALUES " + b"(1)," * 1000)) == 161
