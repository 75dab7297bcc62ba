# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The thin parts of the modules for MariaDB and MySQL: documentation, check mode, what is missing on a fresh host."""

from __future__ import annotations

from types import ModuleType

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host.attempt import Attempt
from ansible_collections.slipway.flask.plugins.module_utils._host.connection_checks import Refusal
from ansible_collections.slipway.flask.plugins.modules import mariadb_server, mysql_check
from as_ansible import check_documentation

LOCAL, REMOTE = "mysql://a@localhost/a?unix_socket=/run/mysqld/mysqld.sock", "mysql://u:s3cret@h/d"
ENTRY = {"name": "a", "user": "", "ca": ""}


@pytest.mark.parametrize("module", [mysql_check, mariadb_server])
def test_documented_options_are_the_real_ones(module: ModuleType) -> None:
    check_documentation(module)


@pytest.mark.parametrize(
    ("entry", "client", "words"),
    [
        (ENTRY, "", "the client program is missing: install the package mariadb-client"),
        ({**ENTRY, "user": "nobody-has-this"}, "/bin/true", "system user 'nobody-has-this' doesn't exist"),
        ({**ENTRY, "ca": "/nonexistent/ca.crt"}, "/bin/true", "CA file /nonexistent/ca.crt"),
    ],
)
def test_what_is_missing_is_skipped_in_check_mode_only(entry: dict[str, str], client: str, words: str) -> None:
    found = mysql_check.try_one(entry, REMOTE, client, 3, True)
    assert not found["checked"]
    assert words in found["notes"][0]
    with pytest.raises(Refusal, match=words):
        mysql_check.try_one(entry, REMOTE, client, 3, False)


@pytest.mark.parametrize(
    ("url", "check", "refused"), [(LOCAL, True, False), (LOCAL, False, True), (REMOTE, True, True)]
)
def test_failure_on_this_host_is_no_fault_in_check_mode(
    url: str, check: bool, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mysql_check, "attempt", lambda *_: Attempt({}, "database_missing", "no database"))
    if not refused:
        assert mysql_check.try_one(ENTRY, url, "/bin/true", 3, check)["notes"] == ["no database"]
        return
    with pytest.raises(Refusal, match="no database"):
        mysql_check.try_one(ENTRY, url, "/bin/true", 3, check)


@pytest.mark.parametrize(
    ("url", "words"), [("postgresql:///x", "neither MySQL nor MariaDB"), ("x", "the url is not a database URL")]
)
def test_another_database_is_refused(url: str, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        mysql_check.try_one(ENTRY, url, "/bin/true", 3, True)
