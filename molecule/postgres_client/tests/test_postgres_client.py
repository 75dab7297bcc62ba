# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the client leaves on the host; what it says is looked at in converge.yml, where it says it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from testinfra.host import Host

SCENARIO = yaml.safe_load((Path(__file__).parents[1] / "vars/main.yml").read_text())


@pytest.mark.parametrize("name", ["shop", "shop-file"])
def test_authority_is_readable_by_every_app_and_writable_by_none(host: Host, name: str) -> None:
    authority = host.file(f"/etc/ssl/slipway/{name}-ca.crt")
    assert (authority.user, authority.group, authority.mode) == ("root", "root", 0o644)
    assert authority.content_string.strip() == host.file("/etc/scenario/ca.crt").content_string.strip()
    folder = host.file("/etc/ssl/slipway")
    assert (folder.user, folder.mode) == ("root", 0o755)


def test_psql_is_there_for_people(host: Host) -> None:
    assert host.check_output("psql --version").startswith("psql (PostgreSQL)")


def test_no_password_in_journal_or_server_log(host: Host) -> None:
    """Ansible logs every module's arguments to the journal, and the server what clients did wrong."""
    written = host.check_output("journalctl --no-pager; cat /var/log/postgresql/*.log")
    assert "postgres_check" in written
    for secret in (SCENARIO["scenario_password"], SCENARIO["scenario_login"].partition(":")[2]):
        assert secret not in written


def test_no_connection_is_left_open(host: Host) -> None:
    asked = host.check_output(
        "setpriv --reuid=postgres --regid=postgres --clear-groups psql -XAtqc %s",
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'slipway-check'",
    )
    assert asked == "0"
