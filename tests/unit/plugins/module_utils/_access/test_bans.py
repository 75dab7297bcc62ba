# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whom fail2ban bans: what counts as a failure, and whose address is taken for it."""

from __future__ import annotations

import configparser
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._access import bans, logins
from ansible_collections.slipway.flask.plugins.module_utils._access.apply import Context
from ansible_collections.slipway.flask.plugins.module_utils._access.bans import Bans

ADDRESS = r"(?P<host>\d+\.\d+\.\d+\.\d+|[0-9a-fA-F:]+:[0-9a-fA-F:]+)"


def parsed(text: str) -> configparser.ConfigParser:
    """Read TEXT as fail2ban does: `%%` is a percent sign."""
    found = configparser.ConfigParser()
    found.read_string(text)
    return found


def banned(filter_text: str, message: str) -> str:
    """Return the address that the filter takes from MESSAGE, "" for none; as fail2ban tries one expression after another."""
    for line in parsed(filter_text)["Definition"]["failregex"].splitlines():
        if found := re.search(line.replace("<ADDR>", ADDRESS), message):
            return found["host"]
    return ""


US, THEM = "198.51.100.5", "203.0.113.9"
MESSAGES: list[tuple[str, str]] = [
    (f"Connection closed by authenticating user root {US} port 4711 [preauth]", US),
    (f"Connection reset by authenticating user root {US} port 4711 [preauth]", US),
    (f"Connection closed by invalid user admin {US} port 4711 [preauth]", US),
    ("Connection closed by invalid user admin 2001:db8::5 port 4711 [preauth]", "2001:db8::5"),
    (f"Disconnected from authenticating user root {US} port 4711 [preauth]", US),
    (f"Disconnecting authenticating user root {US} port 4711: Too many authentication failures [preauth]", US),
    (f"Failed password for root from {US} port 4711 ssh2", US),
    (f"Failed password for invalid user x from {US} port 4711 ssh2", US),
    # A name can be any text.
    (f"Connection closed by invalid user x {THEM} on {US} port 4711 [preauth]", US),
    (f"Connection closed by invalid user x {THEM} port 1 [preauth] {US} port 4711 [preauth]", US),
    (f"Failed password for invalid user x from {THEM} port 1 ssh2 from {US} port 4711 ssh2", US),
    (f"Disconnecting invalid user x {THEM} port 1: Too many authentication failures {US} port 4711: "
     "Too many authentication failures [preauth]", US),
    # No failures: a login, a key of several, a monitor, the end of a session.
    (f"Accepted publickey for root from {US} port 4711 ssh2: ED25519 SHA256:abc", ""),
    (f"Failed publickey for root from {US} port 4711 ssh2: ED25519 SHA256:abc", ""),
    (f"Connection closed by {US} port 4711 [preauth]", ""),
    (f"Disconnected from user root {US} port 4711", ""),
    (f"Invalid user admin from {US} port 4711", ""),
]  # fmt: skip


@pytest.mark.parametrize(("message", "address"), MESSAGES)
def test_a_failure_at_sshd_is_of_the_address_that_it_came_from(message: str, address: str) -> None:
    assert banned(bans.SSHD_FILTER_TEXT, message) == address


REFUSED: list[tuple[str, str]] = [
    (f" {US} 401", US), (f" {US} 429", US), (" 2001:db8::5 400", "2001:db8::5"), (f" {US} 404", ""), (" unix: 401", ""),
]  # fmt: skip


@pytest.mark.parametrize(("line", "address"), REFUSED)
def test_a_request_that_nginx_refused_counts(line: str, address: str) -> None:
    """fail2ban has taken the date out of the line."""
    assert banned(bans.NGINX_FILTER_TEXT, line) == address


def test_sshd_is_known_by_its_user_and_not_by_a_name_alone() -> None:
    matches = parsed(bans.jails_text([], [22], ""))["sshd"]["journalmatch"].split(" + ")
    assert matches
    assert all("_UID=0" in match.split() for match in matches)


def test_a_ban_is_for_the_ports_of_sshd_alone() -> None:
    assert parsed(bans.jails_text([], [22, 2222], ""))["sshd"]["port"] == "22,2222"


def test_every_jail_leaves_alone_who_is_never_banned_and_who_logged_in() -> None:
    jails = parsed(bans.jails_text(["198.51.100.7", "2001:db8::/32"], [22], "/var/log/nginx/refused.log"))
    assert jails.sections() == ["sshd", "slipway-nginx"]
    for name in jails.sections():
        assert {"127.0.0.0/8", "::1", "198.51.100.7", "2001:db8::/32"} == set(jails[name]["ignoreip"].split())
        assert jails[name]["ignorecommand"] == f"/usr/bin/test -e {logins.FOLDER}/<ip>"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The units that run on a host with fail2ban and nginx."""
    running = {"fail2ban.service"}
    for name in ("JAILS", "SSHD_FILTER", "NGINX_FILTER", "FORGET"):
        monkeypatch.setattr(bans, name, str(tmp_path / name))
    monkeypatch.setattr(bans, "CLIENT", "/bin/true")
    monkeypatch.setattr(bans, "_active", lambda unit: unit in running)
    return running


def part(log: Path | str = "", mode: str = "auto") -> Bans:
    return Bans(Context({"bans": {"mode": mode, "nginx_log": str(log)}, "never_ban": []}), lambda: [22])


def made(wanted: Bans) -> list[str]:
    found = [Path(change.what).name for change in wanted.changes()]
    for file in wanted.files:
        if file.content is not None:
            Path(file.path).write_text(file.content)
            Path(file.path).chmod(file.mode)
    return found


def test_the_second_time_nothing_changes(host: set[str], tmp_path: Path) -> None:
    assert made(part(tmp_path / "refused.log")) == ["JAILS", "SSHD_FILTER", "NGINX_FILTER", "FORGET"]
    assert made(part(tmp_path / "refused.log")) == []


def test_there_is_no_jail_for_nginx_where_there_is_no_nginx(host: set[str], tmp_path: Path) -> None:
    """fail2ban does not start when a log is missing."""
    assert made(part(tmp_path / "none/refused.log")) == ["JAILS", "SSHD_FILTER", "FORGET"]
    assert "nginx" not in Path(bans.JAILS).read_text()


def test_fail2ban_that_does_not_run_is_started(host: set[str], tmp_path: Path) -> None:
    made(part())
    host.clear()
    assert made(part()) == ["fail2ban.service started"]


def test_a_host_where_another_program_bans_is_left_alone_and_told(host: set[str]) -> None:
    host.add("crowdsec.service")
    wanted = part()
    assert made(wanted) == []
    assert "crowdsec already bans addresses on this host" in wanted.warnings[0]


def test_off_removes_what_was_made(host: set[str]) -> None:
    made(part())
    assert made(part(mode="off")) == ["JAILS", "SSHD_FILTER", "FORGET"]


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("", "systemctl disable"),
        ("jail.d/defaults-debian.conf", "systemctl disable"),
        ("jail.local", "/bin/true reload"),
        ("jail.d/own.conf", "/bin/true reload"),
    ],
)
def test_off_stops_fail2ban_unless_it_has_jails_of_somebody_s_own(
    file: str, command: str, host: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    (tmp_path / "jail.d").mkdir()
    monkeypatch.setattr(bans, "JAILS", str(tmp_path / "jail.d/slipway.conf"))
    monkeypatch.setattr(Bans, "_do", staticmethod(lambda *argv: ran.append(" ".join(argv[:2]))))
    made(part())
    if file:
        (tmp_path / file).write_text("[DEFAULT]\n")
    wanted = part(mode="off")
    wanted.changes()
    wanted.apply()
    assert ran == [command]


PEERS: list[tuple[str, list[str]]] = [
    ("198.51.100.5", ["198.51.100.5"]), ("2001:db8::5", ["2001:db8::5"]), ("::ffff:198.51.100.5", ["198.51.100.5"]),
    ("fe80::1%eth0", ["fe80::1"]), ("127.0.0.1", []), ("::1", []), ("", []), ("../../etc/passwd", []),
]  # fmt: skip


@pytest.mark.parametrize(("peer", "files"), PEERS)
def test_the_address_of_a_login_is_remembered_under_the_name_that_fail2ban_asks_for(
    peer: str, files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "NFT", str(tmp_path / "none"))
    logins.remember(peer, tmp_path / "logins")
    found: list[Any] = sorted(path.name for path in (tmp_path / "logins").glob("*"))
    assert found == files
    if files:
        text = (tmp_path / "logins.nft").read_text()
        assert text.count("add element inet slipway login_v") == (0 if "fe80::" in files[0] else 1)


def test_who_logged_in_of_late_is_known_after_a_boot_and_who_did_long_ago_is_not(tmp_path: Path) -> None:
    for name, days in (("198.51.100.5", 0), ("2001:db8::5", 29), ("198.51.100.6", 31), ("x; flush ruleset", 0)):
        (tmp_path / name).touch()
        then = time.time() - days * 86_400 + 60
        os.utime(tmp_path / name, (then, then))
    found = [line.split() for line in logins.elements(tmp_path).splitlines()[1:]]
    assert [(line[4], line[6]) for line in found] == [("login_v4", "198.51.100.5"), ("login_v6", "2001:db8::5")]
    assert 86_000 < int(found[1][8].removesuffix("s")) <= 86_460
