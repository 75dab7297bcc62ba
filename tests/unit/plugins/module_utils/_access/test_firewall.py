# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""When a host gets its firewall, when it is left alone, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._access import firewall, firewall_look
from ansible_collections.slipway.flask.plugins.module_utils._access.apply import AccessError, Context
from ansible_collections.slipway.flask.plugins.module_utils._access.firewall import Firewall
from ansible_collections.slipway.flask.plugins.module_utils._access.firewall_look import Listener

KERNEL = "table inet slipway {\n}\n"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A host without a firewall, whose kernel lists any rules as KERNEL."""
    state: dict[str, Any] = {"live": "", "foreign": "", "listeners": [Listener("tcp", 22, "sshd")]}
    for name in ("RULES", "GOOD", "UNIT_PATH", "AGAIN_PATH", "LINK"):
        monkeypatch.setattr(firewall, name, str(tmp_path / name))
    monkeypatch.setattr(firewall, "NFT", "/bin/true")
    monkeypatch.setattr(firewall, "unable", lambda: state.get("unable", ""))
    monkeypatch.setattr(firewall, "live", lambda: state["live"])
    monkeypatch.setattr(firewall, "listed", lambda text: KERNEL)
    monkeypatch.setattr(firewall_look, "foreign", lambda: state["foreign"])
    monkeypatch.setattr(firewall_look, "listeners", lambda: state["listeners"])
    monkeypatch.setattr(firewall_look, "ssh_ports", lambda: [22])
    return state


def part(mode: str = "auto", **asked: Any) -> Firewall:
    wanted = {"mode": mode, "ports": [80, 443], "http3": False, "allow": [], **asked}
    return Firewall(Context({"firewall": wanted, "never_ban": []}), lambda: [22])


def bring(wanted: Firewall, host: dict[str, Any]) -> None:
    """Do what `apply` does, without systemd and a kernel."""
    for file in wanted.files:
        if file.content is not None:
            Path(file.path).write_text(file.content)
    for file in wanted.files:
        Path(file.path).chmod(file.mode)
    Path(firewall.GOOD).write_text(str(wanted.files[0].content))
    Path(firewall.LINK).symlink_to(firewall.UNIT_PATH)
    host["live"] = KERNEL


def changed(wanted: Firewall) -> list[str]:
    return [Path(change.what).name for change in wanted.changes()]


def test_a_host_without_a_firewall_gets_one(host: dict[str, Any]) -> None:
    assert changed(part())[:2] == ["RULES", "UNIT_PATH"]


def test_the_second_time_nothing_changes(host: dict[str, Any]) -> None:
    wanted = part()
    wanted.changes()
    bring(wanted, host)
    assert changed(part()) == []


def test_rules_that_somebody_changed_in_the_kernel_are_put_right_and_shown(host: dict[str, Any]) -> None:
    wanted = part()
    wanted.changes()
    bring(wanted, host)
    host["live"] = "table inet slipway {\n\tby hand\n}\n"
    (change,) = part().changes()
    assert (change.what, change.before, change.after) == ("nftables, table inet slipway", host["live"], KERNEL)


def test_rules_that_are_gone_from_the_kernel_are_loaded_again(host: dict[str, Any]) -> None:
    wanted = part()
    wanted.changes()
    bring(wanted, host)
    host["live"] = ""
    assert changed(part()) == ["nftables, table inet slipway"]


def test_a_host_with_another_firewall_is_left_alone_and_told(host: dict[str, Any]) -> None:
    host["foreign"] = "ufw"
    wanted = part()
    assert wanted.changes() == []
    assert "This host already has a firewall (ufw)" in wanted.warnings[0]
    assert "`slipway_firewall: false`" in wanted.warnings[0]


def test_another_firewall_is_refused_where_ours_is_asked_for(host: dict[str, Any]) -> None:
    host["foreign"] = "ufw"
    with pytest.raises(AccessError, match="slipway_firewall is true, but this host already has a firewall: ufw"):
        part("on").changes()


def test_a_kernel_without_nftables_is_told_of_and_stops_nothing(host: dict[str, Any]) -> None:
    host["unable"] = "Operation not permitted"
    wanted = part()
    assert wanted.changes() == []
    assert "does not support nftables (Operation not permitted)" in wanted.warnings[0]
    with pytest.raises(AccessError, match="slipway_firewall is true, but this host's kernel"):
        part("on").changes()


MORE = [Listener("tcp", 22, "sshd"), Listener("tcp", 8080, "java"), Listener("udp", 51820)]


def test_a_port_in_use_is_not_closed_unless_somebody_says_so(host: dict[str, Any]) -> None:
    host["listeners"] = MORE
    wanted = part()
    assert wanted.changes() == []
    assert "tcp 8080 (java), udp 51820 (the kernel, as for WireGuard)" in wanted.warnings[0]
    assert "slipway_firewall_allow" in wanted.warnings[0]


def test_a_port_that_sshd_is_about_to_leave_is_no_port_in_use(host: dict[str, Any]) -> None:
    moves = Firewall(part().context, lambda: [922])
    assert moves.changes() and moves.warnings == []


def test_ports_that_are_closed_are_named(host: dict[str, Any]) -> None:
    host["listeners"] = MORE
    wanted = part("on", allow=[{"ports": "51820", "protocol": "udp", "from": []}])
    assert wanted.changes()
    assert wanted.warnings == ["The firewall closes ports that were open to the network until now: tcp 8080 (java)"]


def test_a_firewall_that_is_there_stays_whatever_comes_to_listen(host: dict[str, Any]) -> None:
    wanted = part()
    wanted.changes()
    bring(wanted, host)
    host["listeners"], host["foreign"] = MORE, "ufw"
    again = part()
    assert (again.changes(), again.warnings) == ([], [])


def test_off_removes_what_was_made(host: dict[str, Any]) -> None:
    wanted = part()
    wanted.changes()
    bring(wanted, host)
    assert changed(part("off"))[:2] == ["RULES", "UNIT_PATH"]
    assert any(change.after == "" and change.before == KERNEL for change in part("off").changes())


def test_off_leaves_a_host_alone_that_never_had_it(host: dict[str, Any]) -> None:
    assert part("off").changes() == []


def test_a_change_that_is_undone_loads_the_rules_that_were_there(host: dict[str, Any]) -> None:
    host["live"] = KERNEL
    wanted = part()
    wanted.changes()
    assert wanted.keep()["firewall.nft"].endswith(KERNEL)
    assert ["/bin/true", "-f", "{kept}/firewall.nft"] in [list(argv) for argv in wanted.undo_commands()]


def test_a_change_that_is_undone_on_a_host_without_one_leaves_no_table(host: dict[str, Any]) -> None:
    wanted = part()
    wanted.changes()
    assert wanted.keep()["firewall.nft"] == "table inet slipway\ndelete table inet slipway\n"


def test_rules_that_hold_are_kept_for_the_day_when_the_file_can_not_be_loaded(host: dict[str, Any]) -> None:
    wanted = part()
    wanted.changes()
    bring(wanted, host)
    assert ["install", "-m", "0600", firewall.RULES, firewall.GOOD] in wanted.confirmed_commands()
    Path(firewall.GOOD).unlink()
    assert changed(part()) == ["GOOD"]
    off = part("off")
    assert off.changes()
    assert ["rm", "-f", firewall.GOOD] in off.confirmed_commands()


def test_nobody_but_root_reads_the_rules(host: dict[str, Any]) -> None:
    wanted = part()
    wanted.changes()
    assert wanted.files[0].mode == 0o600


def test_the_unit_comes_before_the_network_and_after_what_empties_all_rules() -> None:
    lines = firewall.UNIT_TEXT.splitlines()
    before = next(line for line in lines if line.startswith("Before="))
    after = next(line for line in lines if line.startswith("After="))
    assert "network-pre.target" in before
    assert {"nftables.service", "slipway-guard.service"} <= set(after.removeprefix("After=").split())
