# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""slipway.flask.logs on the controller: what of several hosts is printed and when, and who tells that something is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible import constants, context
from ansible.module_utils.common.collections import ImmutableDict
from ansible_collections.slipway.flask.plugins.action import logs, logs_report
from ansible_collections.slipway.flask.plugins.module_utils._logs import program
from ansible_collections.slipway.flask.plugins.plugin_utils._action import stream

SHOP: dict[str, Any] = {
    "name": "shop", "domains": ["shop.example.com"], "source": {"path": "../shop"}, "wsgi": "shop:app", "database": "none",
    "secrets": {"SECRET_KEY": "7c1d6f0be2a94385b1e9c07f5ad2386e"},
}  # fmt: skip
ENTRY = {"source": "app", "process": "web", "level": "info", "request_id": "", "release": "", "message": "hello"}


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What Ansible prints."""
    lines: list[str] = []
    monkeypatch.setattr("ansible.utils.display.Display.display", lambda _, text, **__: lines.extend(text.split("\n")))
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    monkeypatch.setattr(context, "CLIARGS", ImmutableDict(forks=5))
    return lines


def run(
    module: Any, host: str, hosts: tuple[str, ...], found: dict[str, Any] | None = None, **given: Any
) -> dict[str, Any]:
    task = MagicMock(args=given, async_val=0, check_mode=False, diff=False)
    action = module.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    hostvars = {name: {"slipway_apps": [SHOP], "told": (found or {}).get(name)} for name in hosts}
    facts = {"inventory_hostname": host, "ansible_play_hosts_all": list(hosts), "hostvars": hostvars}
    result: dict[str, Any] = action.run(task_vars=facts)
    return result


def sends(monkeypatch: pytest.MonkeyPatch, *times: str) -> list[dict[str, Any]]:
    """Have each host send entries of those TIMES; return what it is asked."""
    asked: list[dict[str, Any]] = []

    def lines(_: Any, __: str, what: dict[str, Any]) -> Iterator[bytes]:
        asked.append(what)
        yield b"Welcome to this host\n"
        yield f"{program.READY}\n".encode()
        for time in times:
            yield json.dumps({**ENTRY, "time": f"2026-01-31T12:00:{time}.000Z"}).encode() + b"\n"
        yield b"\n"
        yield json.dumps({"end": True, "cut": False, "until": 77.5}).encode() + b"\n"

    monkeypatch.setattr(stream, "lines", lines)
    return asked


def test_the_lines_of_one_host_are_printed_at_once(printed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = sends(monkeypatch, "01", "02")
    result = run(logs, "web1", ("web1",), apps=[SHOP], follow="60", logs={"mask": ["default", "iban"]})
    assert (result["several"], result["shown"]) == (False, 2)
    assert [line.split()[0] for line in printed] == ["--", "12:00:01.000", "12:00:02.000"]
    assert asked[0]["follow"] == 60
    assert {"iban", "token"} <= set(asked[0]["mask"])


def test_the_lines_of_several_hosts_are_merged_and_followed_after_that(
    printed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts, found = ("web1", "web2"), {}
    for host, times in (("web1", ("01", "05")), ("web2", ("03", "07"))):
        asked = sends(monkeypatch, *times)
        found[host] = run(logs, host, hosts, apps=[SHOP], follow="60", lines="3")
        assert asked[0]["follow"] == 0
    assert printed == []
    run(logs_report, "web1", hosts, found, variable="told")
    assert [line.split()[:2] for line in printed[1:]] == [
        ["12:00:03.000", "web2"], ["12:00:05.000", "web1"], ["12:00:07.000", "web2"],
    ]  # fmt: skip
    assert not any(Path(one["kept"]).exists() for one in found.values())
    asked = sends(monkeypatch, "09")
    run(logs, "web1", hosts, apps=[SHOP], follow="60", after=found["web1"]["until"])
    assert (float(asked[0]["since"]), asked[0]["follow"]) == (77.5, 60)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"level": "errr"}, "level is 'errr'"),
        ({"app": "shp"}, "there is no app 'shp'"),
        ({"follow": "60"}, "add --forks 6"),
    ],
)
def test_what_is_wrong_is_told_by_the_first_host_alone(printed: list[str], given: dict[str, Any], message: str) -> None:
    hosts = tuple(f"web{number}" for number in range(6))
    first, second = (run(logs, host, hosts, apps=[SHOP], **given) for host in hosts[:2])
    assert first["failed"] and message in first["msg"]
    assert second["skipped"] and not second.get("failed")
