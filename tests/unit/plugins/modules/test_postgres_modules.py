# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The thin parts of the PostgreSQL modules: check mode, what is missing on a fresh host, documentation."""

from __future__ import annotations

from types import ModuleType

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host.attempt import Attempt
from ansible_collections.slipway.flask.plugins.module_utils._host.connection_checks import Refusal
from ansible_collections.slipway.flask.plugins.module_utils._postgres.cluster import Outcome
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster
from ansible_collections.slipway.flask.plugins.modules import postgres_check, postgres_cluster
from as_ansible import Call, check_documentation

LOCAL, REMOTE = "postgresql:///a", "postgresql://u:s3cret@h/d"
ENTRY = {"name": "a", "user": "", "ca": ""}


@pytest.mark.parametrize("module", [postgres_check, postgres_cluster])
def test_documented_options_are_the_real_ones(module: ModuleType) -> None:
    check_documentation(module)


@pytest.mark.parametrize(
    ("entry", "psql", "words"),
    [
        (ENTRY, "", "psql is not installed"),
        ({**ENTRY, "user": "nobody-has-this"}, "/bin/true", "system user 'nobody-has-this' doesn't exist"),
        ({**ENTRY, "ca": "/nonexistent/ca.crt"}, "/bin/true", "CA file /nonexistent/ca.crt"),
    ],
)
def test_what_is_missing_is_skipped_in_check_mode_only(entry: dict[str, str], psql: str, words: str) -> None:
    found = postgres_check.try_one(entry, REMOTE, psql, 3, True)
    assert not found["checked"]
    assert words in found["notes"][0]
    with pytest.raises(Refusal, match=words):
        postgres_check.try_one(entry, REMOTE, psql, 3, False)


@pytest.mark.parametrize(
    ("url", "check", "refused"), [(LOCAL, True, False), (LOCAL, False, True), (REMOTE, True, True)]
)
def test_failure_on_this_host_is_no_fault_in_check_mode(
    url: str, check: bool, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_check, "attempt", lambda *_: Attempt({}, "database_missing", "no database"))
    if not refused:
        assert postgres_check.try_one(ENTRY, url, "/bin/true", 3, check)["notes"] == ["no database"]
        return
    with pytest.raises(Refusal, match="no database"):
        postgres_check.try_one(ENTRY, url, "/bin/true", 3, check)


def test_other_database_is_skipped() -> None:
    assert postgres_check.try_one(ENTRY, "sqlite:///x", "", 3, False)["notes"] == [
        "not tried: sqlite is not PostgreSQL"
    ]


FRESH = Outcome(None, created=True, started=True)
STOPPED = Outcome(Cluster("17", "main", 5433, False, "/nonexistent"), started=True)


@pytest.mark.parametrize(("found", "port"), [(FRESH, ""), (STOPPED, "&port=5433")], ids=["none", "stopped"])
def test_check_mode_says_what_a_server_would_get_that_can_not_be_asked_yet(
    found: Outcome, port: str, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    monkeypatch.setattr(postgres_cluster, "ensure", lambda *_, **__: found)
    told = call(postgres_cluster.main, databases=[{"name": "a"}], memory_mb=1024, _ansible_check_mode=True)
    assert told["changed"] is True
    assert told["databases"] == [
        {"name": "a", "owner": "a", "created": True, "url": f"postgresql:///a?host=/var/run/postgresql{port}"}
    ]
    assert told["statements"] == told["diff"][-1]["after"].replace(";\n", "\n").splitlines()
    assert any(line.startswith("CREATE ROLE") for line in told["statements"])
