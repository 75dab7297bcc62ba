# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Names, quoting, clusters, databases and settings of the PostgreSQL modules."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._postgres import databases as databases
from ansible_collections.slipway.flask.plugins.module_utils._postgres import names as postgres
from ansible_collections.slipway.flask.plugins.module_utils._postgres import settings as settings
from ansible_collections.slipway.flask.plugins.module_utils._postgres.databases import Database
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster, PostgresError

LSCLUSTERS = """\
15  main    5433 online          postgres /var/lib/postgresql/15/main /var/log/postgresql/postgresql-15-main.log
17  main    5432 down,binaries_missing postgres /var/lib/postgresql/17/main /var/log/postgresql/postgresql-17-main.log
"""


@pytest.mark.parametrize(
    ("name", "quoted"),
    [("alpha", '"alpha"'), ("beta-shop", '"beta-shop"'), ('a"; DROP', '"a""; DROP"'), ("größe", '"größe"')],
)
def test_identifier(name: str, quoted: str) -> None:
    assert postgres.identifier(name) == quoted


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_identifier_refuses(name: str) -> None:
    with pytest.raises(ValueError, match="identifier"):
        postgres.identifier(name)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [("C.UTF-8", "'C.UTF-8'"), ("it's", "'it''s'"), ("a\\'b", " E'a\\\\''b'"), ("", "''"), (":'x'", "':''x'''")],
)
def test_literal(text: str, quoted: str) -> None:
    assert postgres.literal(text) == quoted


def test_good_databases_have_no_problems() -> None:
    entries = [{"name": "a"}, {"name": "b-c", "owner": "a"}, {"name": "d", "owner": None, "extensions": ["uuid-ossp"]}]
    assert postgres.database_problems(entries) == []


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ("alpha", "must be a list"),
        (["alpha"], "entry 1 must be a mapping with 'name'"),
        ([{"name": "Alpha"}], "small letter"),
        ([{"name": "a b"}], "small letter"),
        ([{"name": "a" * 64}], "63 characters"),
        ([{"name": ""}], "small letter"),
        ([{"name": "a\n"}], "small letter"),
        ([{"name": "template1"}], "keeps for itself"),
        ([{"name": "pg_x"}], "keeps for itself"),
        ([{"name": "a", "owner": "postgres"}], "the owner 'postgres'"),
        ([{"name": "a", "owner": 'x"; DROP'}], "the owner"),
        ([{"name": "a"}, {"name": "a"}], "listed twice"),
        ([{"name": "a", "extension": ["x"]}], "unknown key 'extension'"),
        ([{"name": "a", "extensions": "x"}], "must be a list of names"),
        ([{"name": "a", "extensions": ["x;y"]}], "can't be an extension"),
    ],
)
def test_bad_databases(entries: Any, words: str) -> None:
    assert words in " ".join(postgres.database_problems(entries))


def test_clusters_are_read_and_chosen() -> None:
    old, new = postgres.parse_clusters(LSCLUSTERS)
    assert (old.version, old.port, old.online, old.unit) == ("15", 5433, True, "postgresql@15-main.service")
    assert not new.online
    assert postgres.choose_cluster([old, new]) == new, "the one on port 5432"
    assert postgres.choose_cluster([old, new], "15/main") == old
    assert postgres.choose_cluster([old]) == old
    assert postgres.choose_cluster([]) is None


@pytest.mark.parametrize(("ports", "wanted"), [((5433, 5434), ""), ((5432,), "16/main")])
def test_unclear_cluster(ports: tuple[int, ...], wanted: str) -> None:
    with pytest.raises(PostgresError, match="17/main"):
        postgres.choose_cluster([Cluster("17", "main", port, True, "") for port in ports], wanted)


def state(**changes: Any) -> dict[str, Any]:
    """Return the state of a server that has everything for the app `a`."""
    ready = {"owner": "postgres", "encoding": "UTF8", "public": False}
    found = {
        "version": 170012,
        "sockets": "/var/run/postgresql",
        "roles": {"postgres": {"superuser": True, "plain": False}, "a": {"superuser": False, "plain": True}},
        "databases": {"postgres": dict(ready), "template1": dict(ready), "a": {**ready, "owner": "a"}},
        "extensions": {},
    }
    for path, value in changes.items():
        part, _, name = path.partition("__")
        found[part] = {**found[part], name: value} if name else value  # type: ignore[dict-item]
    return copy.deepcopy(found)


def test_nothing_to_do() -> None:
    assert databases.plan([Database("a", "a")], state(), "C.UTF-8").lines == []


def test_database_that_is_not_listed_is_left_alone() -> None:
    assert databases.plan([], state(), "C.UTF-8").lines == []


def test_everything_to_do() -> None:
    todo = databases.plan(
        [Database("b-c", "b", ("pg_trgm",))], databases.empty_state() | {"version": 150000}, "C.UTF-8"
    )
    assert todo.statements == {
        "postgres": [
            'REVOKE CONNECT, TEMPORARY ON DATABASE "postgres" FROM PUBLIC',
            'REVOKE CONNECT, TEMPORARY ON DATABASE "template1" FROM PUBLIC',
            f'CREATE ROLE "b" {databases.ROLE}',
            "CREATE DATABASE \"b-c\" OWNER \"b\" TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C.UTF-8'",
            'REVOKE CONNECT, TEMPORARY ON DATABASE "b-c" FROM PUBLIC',
        ],
        "b-c": ['CREATE EXTENSION IF NOT EXISTS "pg_trgm"'],
    }
    assert todo.created == ["b-c"]


def test_version_14_knows_no_locale_provider() -> None:
    todo = databases.plan([Database("b", "b")], state(version=140000), "C.UTF-8")
    assert "LOCALE_PROVIDER" not in " ".join(todo.lines)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"roles__a": {"superuser": False, "plain": False}}, 'ALTER ROLE "a"'),
        (
            {"databases__a": {"owner": "a", "encoding": "UTF8", "public": True}},
            'REVOKE CONNECT, TEMPORARY ON DATABASE "a"',
        ),
        ({"databases__postgres": {"owner": "postgres", "encoding": "UTF8", "public": True}}, 'DATABASE "postgres"'),
    ],
)
def test_drift_is_repaired(changes: dict[str, Any], line: str) -> None:
    todo = databases.plan([Database("a", "a")], state(**changes), "C.UTF-8")
    assert len(todo.lines) == 1
    assert line in todo.lines[0]


def test_wrong_encoding_is_told() -> None:
    odd = state(databases__a={"owner": "a", "encoding": "SQL_ASCII", "public": False})
    assert "SQL_ASCII" in databases.plan([Database("a", "a")], odd, "C.UTF-8").warnings[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"roles__a": {"superuser": True, "plain": False}}, 'ALTER ROLE "a" NOSUPERUSER'),
        ({"databases__a": {"owner": "b", "encoding": "UTF8", "public": False}}, 'ALTER DATABASE "a" OWNER TO "a"'),
    ],
)
def test_what_belongs_to_somebody_else_is_refused(changes: dict[str, Any], words: str) -> None:
    assert words in databases.conflicts([Database("a", "a")], state(**changes))[0]


@pytest.mark.parametrize(("locale", "fits"), [("C.UTF-8", True), ("de_DE.UTF-8", True), ("fr_FR.UTF-8", False)])
def test_locale_must_be_on_the_host(locale: str, fits: bool) -> None:
    assert (databases.locale_problem(locale, "C\nC.utf8\nPOSIX\nde_DE.utf8\n") == "") is fits


def test_missing_extension_names_its_package() -> None:
    found = databases.missing_extensions([Database("a", "a", ("postgis", "pg_trgm"))], ["pg_trgm"], "17")
    assert len(found) == 1
    assert "postgresql-17-postgis" in found[0]


@pytest.mark.parametrize(
    ("memory", "connections", "wanted"),
    [
        (512, 100, ("76MB", "256MB", "4MB", "32MB")),
        (1024, 100, ("153MB", "512MB", "4MB", "51MB")),
        (2048, 100, ("307MB", "1024MB", "5MB", "102MB")),
        (65536, 100, ("9830MB", "32768MB", "64MB", "1024MB")),
    ],
)
def test_memory_settings(memory: int, connections: int, wanted: tuple[str, ...]) -> None:
    assert tuple(settings.memory_settings(memory, 15, connections).values()) == wanted


def test_the_documented_memory_is_what_a_server_gets() -> None:
    page = (Path(__file__).resolve().parents[5] / "docs/databases.md").read_text()
    hosts = [settings.memory_settings(mb, 15, 100) | settings.vacuum_settings(mb) for mb in (1024, 2048, 4096)]
    for name in hosts[0]:
        assert f"| `{name}` | {' | '.join(str(host[name]) for host in hosts)} |" in page


@pytest.mark.parametrize(("memory", "wanted"), [(512, "16MB"), (1024, "17MB"), (4096, "68MB"), (65536, "341MB")])
def test_three_autovacuum_workers_take_no_more_than_one_index(memory: int, wanted: str) -> None:
    assert settings.vacuum_settings(memory)["autovacuum_work_mem"] == wanted


@pytest.mark.parametrize(
    ("libraries", "counted"),
    [("pg_stat_statements", True), ("auto_explain, pg_stat_statements", True), ("auto_explain", False), ("", False)],
)
def test_own_libraries_decide_whether_statements_are_counted(libraries: str, counted: bool) -> None:
    assert settings.has_statistics({"shared_preload_libraries": libraries}) is counted
    assert settings.has_statistics(settings.server_settings(1024, 15, 100, 500, "UTC", {}))


def test_no_value_of_a_statement_is_logged() -> None:
    found = settings.server_settings(1024, 15, 100, 500, "UTC", {})
    names = ("log_min_duration_statement", "log_parameter_max_length", "log_parameter_max_length_on_error")
    assert [found[name] for name in names] == [500, 0, 0]
    assert found["pg_stat_statements.track_utility"] is False


def test_conf_text() -> None:
    text = settings.conf_text({"b": True, "a": "it's", "d.e": 1.5, "c": -1})
    assert text == settings.HEADER + "a = 'it''s'\nb = on\nc = -1\nd.e = 1.5\n"


def test_own_settings_win() -> None:
    found = settings.server_settings(1024, 15, 100, 1000, "UTC", {"shared_buffers": "1GB", "jit": False})
    assert (found["shared_buffers"], found["jit"], found["listen_addresses"]) == ("1GB", False, "")


@pytest.mark.parametrize("extra", [{"a b": 1}, {"a": "x\ny"}, {"a": ["x"]}, {"include_dir = '/x' #": 1}, {"a": None}])
def test_settings_that_would_break_the_file(extra: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="setting '"):
        settings.conf_text(extra)


def test_hba_text() -> None:
    rules = [line for line in settings.hba_text([" hostssl x y ::1/128 cert "]).splitlines() if line[0] != "#"]
    assert rules[2:] == ["hostssl x y ::1/128 cert", "local all all peer"]
    with pytest.raises(ValueError, match="one line"):
        settings.hba_text(["local all all peer\nhost all all 0.0.0.0/0 trust"])


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"shared_buffers_percent": 80}, "postgres_server_shared_buffers_percent is 80"),
        ({"max_connections": 4}, "postgres_server_max_connections is 4"),
        ({"memory_mb": 64}, "postgres_server_memory_mb is 64"),
        ({"cluster": "main"}, "17/main"),
        ({"locale": "x'; DROP"}, "postgres_server_locale"),
        ({"settings": {"A": 1}}, "postgres_server_settings"),
        ({"hba": [""]}, "postgres_server_hba"),
    ],
)
def test_server_problems(variables: dict[str, Any], words: str) -> None:
    found = settings.server_problems({"max_connections": 100, **variables})
    assert len(found) == 1
    assert words in found[0]
    assert settings.server_problems({"max_connections": 100}) == []


def test_sql_of_the_superuser_finds_no_function_of_an_apps(monkeypatch: pytest.MonkeyPatch) -> None:
    """An app owns its database, and what is called like the system's there would run with the superuser's rights."""
    ran: list[list[str]] = []
    monkeypatch.setattr(
        postgres, "run", lambda command, stdin, user, seconds: ran.append([*command, stdin, user]) or ""
    )
    postgres.psql(Cluster("17", "main", 5432, True, "/d"), "SELECT json_agg(a) FROM b;", "shop")
    assert ran[0][-8:] == [
        "-d", "shop", "-c", "SET search_path = pg_catalog", "-f", "-", "SELECT json_agg(a) FROM b;", "postgres",
    ]  # fmt: skip


def test_what_an_app_has_made_is_read_with_its_own_rights_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[list[str], dict[str, Any]]] = []
    monkeypatch.setattr(postgres, "run", lambda command, **more: ran.append((command, more)) or "")
    postgres.psql_as("shop", Cluster("17", "main", 5432, True, "/d"), "SELECT 1;", "shop")
    command, more = ran[0]
    assert more == {"stdin": "SELECT 1;", "user": "shop", "seconds": 60}
    assert command[-8:] == ["-d", "shop", "-U", "shop", "-c", "SET statement_timeout = '30s'", "-f", "-"]
