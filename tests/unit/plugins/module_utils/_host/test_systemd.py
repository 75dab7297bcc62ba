# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a release asks of systemd: units, their journal, what starts at boot."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from fake_tools import Tools


@pytest.mark.parametrize(
    ("text", "lines", "kept"),
    [
        ("a\n\n  \nb  \nc\n", 2, "b\nc"),
        ("a", 5, "a"),
        ("", 5, ""),
        ("\n".join(map(str, range(100))), 3, "97\n98\n99"),
    ],
)
def test_the_tail_is_the_last_lines_that_say_something(text: str, lines: int, kept: str) -> None:
    assert systemd.tail(text, lines) == kept


def test_instances_are_those_that_run_or_failed(tool: Tools) -> None:
    tool("systemctl", """cat <<'END'
shop@0001-aaaaaaa.service loaded active   running shop 0001
shop@0002-bbbbbbb.service loaded failed   failed  shop 0002
shop@0003-ccccccc.service loaded inactive dead    shop 0003
shop@0004-ddddddd.service loaded activating auto-restart shop 0004

END""")  # fmt: skip
    assert systemd.instances("shop") == ["0001-aaaaaaa", "0002-bbbbbbb", "0004-ddddddd"]


def test_no_instance_is_no_mistake(tool: Tools) -> None:
    tool("systemctl", "exit 0")
    assert systemd.instances("shop") == []


def test_a_unit_that_does_not_start_shows_its_newest_journal(tool: Tools) -> None:
    systemctl = tool("systemctl", '[ "$1" = show ] && echo 0badcafe; [ "$1" != start ]')
    journalctl = tool("journalctl", "echo 'ModuleNotFoundError: flask'")
    with pytest.raises(systemd.HostError, match=r"shop@1\.service did not start(?s:.*)ModuleNotFoundError: flask"):
        systemd.start("shop@1.service")
    assert systemctl()[:2] == ["reset-failed shop@1.service", "start shop@1.service"]
    assert "_SYSTEMD_INVOCATION_ID=0badcafe" in journalctl()[0]


def test_a_unit_that_was_started_again_shows_why_it_ended(tool: Tools) -> None:
    tool("systemctl", "printf 'ActiveState=active\\nNRestarts=1\\nInvocationID=new\\n'")
    rows = (("old", "the mast is broken"), ("old", [1, 2]), ("new", "all is well"))
    lines = "\n".join(json.dumps({"_SYSTEMD_INVOCATION_ID": run, "MESSAGE": text}) for run, text in rows)
    journalctl = tool("journalctl", f"cat <<'END'\n{lines}\nEND")
    assert systemd.journal("shop@1.service") == "the mast is broken"
    assert "_SYSTEMD_UNIT=shop@1.service" in journalctl()[0]


def test_a_unit_that_starts_is_waited_for_and_no_more(tool: Tools) -> None:
    systemctl = tool("systemctl", "exit 0")
    systemd.start("shop@1.service")
    systemd.stop("shop@1.service")
    assert [call.split()[0] for call in systemctl()] == ["reset-failed", "start", "stop", "reset-failed"]


@pytest.mark.parametrize(("status", "active"), [("exit 0", True), ("exit 3", False)])
def test_systemd_is_asked_whether_a_unit_runs(tool: Tools, status: str, active: bool) -> None:
    tool("systemctl", status)
    assert systemd.is_active("shop@1.service") is active


def test_a_release_is_enabled_at_boot_and_disabled_again_and_both_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "WANTS", tmp_path / "wants")
    monkeypatch.setattr(systemd, "UNITS", tmp_path)
    link = tmp_path / "wants/shop@0001-a.service"
    for _ in range(2):
        systemd.set_enabled("shop", "0001-a", True)
        assert os.readlink(link) == str(tmp_path / "shop@.service")
    systemd.set_enabled("blog", "0007-b", True)
    assert systemd.enabled("shop") == ["0001-a"]
    for _ in range(2):
        systemd.set_enabled("shop", "0001-a", False)
        assert not link.is_symlink()
    assert systemd.enabled("shop") == []
