# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Who gets into the host, as its people see it, and somebody who owns one app's user."""

from __future__ import annotations

import pytest
from testinfra.host import Host

PEOPLE = ("ann", "bob", "cleo")
GUARD = "/var/lib/slipway/guard"


def as_user(host: Host, user: str, command: str, text: str = "") -> bool:
    """Tell whether COMMAND works as USER, with TEXT typed in."""
    return bool(host.run("printf %%s %s | runuser -u %s -- sh -c %s", text, user, command).rc == 0)


def test_nothing_waits_for_a_confirmation(host: Host) -> None:
    assert '"armed": []' in host.check_output("slipway-guard status")
    assert host.check_output("systemctl list-timers --all --no-legend 'slipway-guard-*' | wc -l") == "0"
    assert host.service("slipway-guard.service").is_enabled


def test_sudo_is_for_those_who_have_it_and_asks_where_there_is_a_password(host: Host) -> None:
    assert as_user(host, "ann", "sudo -n true")
    assert not as_user(host, "bob", "sudo -n true")
    assert not as_user(host, "cleo", "sudo -n true")
    assert as_user(host, "cleo", "sudo -S true", "scenario password\n")
    assert host.run("visudo --check").rc == 0
    assert host.file("/etc/sudoers.d/slipway-people").mode == 0o440


@pytest.mark.parametrize("person", PEOPLE)
def test_a_home_is_its_owner_s_alone(host: Host, person: str) -> None:
    assert host.file(f"/home/{person}").mode == 0o700
    keys = host.file(f"/home/{person}/.ssh/authorized_keys")
    assert (keys.user, keys.mode) == (person, 0o600)
    assert not as_user(host, "shop", f"ls /home/{person}")


def test_accounts_that_were_never_on_the_list_are_left_alone(host: Host) -> None:
    assert host.check_output("getent group slipway-people | cut -d: -f4").split(",") == list(PEOPLE)
    assert host.check_output("getent shadow guest | cut -d: -f2,8") == "*:"
    assert host.file("/home/guest/authorized_keys").content_string.endswith("guest\n")
    assert host.user("shop").shell == "/usr/sbin/nologin"


@pytest.mark.parametrize("user", ["shop", "bob"])
@pytest.mark.parametrize(
    "command",
    [f"ls {GUARD}", f"touch {GUARD}/x", "slipway-guard status", "slipway-guard undo", "slipway-guard end ann"],
)
def test_the_guard_is_root_s_alone(host: Host, user: str, command: str) -> None:
    assert not as_user(host, user, f"PATH=$PATH:/usr/local/sbin; {command}")


def test_no_part_of_the_guard_is_in_a_folder_that_others_can_write_to(host: Host) -> None:
    for path in (
        GUARD,
        "/var/lib/slipway",
        "/usr/local/sbin/slipway-guard",
        "/etc/systemd/system/slipway-guard.service",
    ):
        file = host.file(path)
        assert file.user == "root" and not file.mode & 0o022, path
    assert host.file(GUARD).mode == 0o700
