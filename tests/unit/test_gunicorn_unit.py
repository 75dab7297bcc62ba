# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""gunicorn_systemd: what its unit opens for an app, and what the settings say when the sandbox refuses something."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox, sandbox_needs
from gunicorn_services import ROLE, rendered

CALLS = "@chown nice setpriority ioprio_set sched_setaffinity sched_setattr sched_setparam sched_setscheduler setrlimit"


def unit(**keys: Any) -> str:
    """Return the text of the unit of a service with those KEYS."""
    return rendered("app@.service.j2", **keys)


def settings(**variables: Any) -> dict[str, list[str]]:
    """Return the sandbox of that unit: name -> its lines."""
    found: dict[str, list[str]] = {}
    for name, value in sandbox.of_unit(unit(**variables)):
        found.setdefault(name, []).append(value)
    return found


def test_the_sandbox_of_the_role_is_the_one_that_commands_know() -> None:
    assert settings() == {name: list(lines) for name, lines in sandbox.SERVICE.items()}


def test_what_root_runs_for_an_app_is_no_program_of_its_packages() -> None:
    """The PATH of the unit begins with the environment's programs: a package may bring its own `sed`."""
    lines = re.findall(r"^Exec\w+=[-@:!]*\+[-@:!]*(.*)$", unit(socket_users=["www-data"]), re.MULTILINE)
    assert [line.split()[0] for line in lines] == ["/usr/bin/setfacl", "/bin/sh", "/usr/bin/nsenter"]
    for shell in ("/bin/sh -c '" + rest for line in lines for rest in line.split("sh -c '")[1:]):
        assert shell.startswith("/bin/sh -c 'PATH=/usr/bin:/bin; ")


def test_an_app_can_not_ask_for_the_command_lines_of_others_and_shares_no_folder_with_them() -> None:
    """On the bus, systemd tells anybody what runs in each unit (GetUnitProcesses)."""
    found = settings()
    assert found["ProtectProc"] == ["invisible"]
    assert found["InaccessiblePaths"] == ["-/run/dbus"]
    assert found["ReadOnlyPaths"] == ["-/run/lock"]


@pytest.mark.parametrize("template", ["app@.service.j2", "process@.service.j2"])
def test_no_process_of_an_app_takes_the_place_of_the_hosts_own_servers_and_is_told_their_passwords(
    template: str,
) -> None:
    def denied(**keys: Any) -> list[str]:
        text = rendered(template, processes={"worker": {"command": "rq worker"}}, **keys)
        return [value for name, value in sandbox.of_unit(text) if name == "SocketBindDeny"]

    assert denied(metrics=True) == [f"tcp:{port}" for port in PORTS]
    assert denied() == []


PORTS = (9090, 9093, 9100)
OPENED = {
    "host_metrics": {"ProcSubset": ["all"], "RestrictAddressFamilies": ["AF_UNIX AF_INET AF_INET6 AF_NETLINK"]},
    "runtime_code": {"MemoryDenyWriteExecute": ["no"]},
    "browser": {
        "ProcSubset": ["all"],
        "RestrictAddressFamilies": ["AF_UNIX AF_INET AF_INET6 AF_NETLINK"],
        "MemoryDenyWriteExecute": ["no"],
        "RestrictNamespaces": ["user pid net"],
        "SystemCallFilter": ["@system-service", "~@privileged @resources", CALLS, "capset chroot"],
    },
}


@pytest.mark.parametrize(("need", "opened"), OPENED.items())
def test_each_need_opens_so_much_and_no_more(need: str, opened: dict[str, list[str]]) -> None:
    assert set(OPENED) == set(sandbox_needs.NEEDS)
    found, usual = settings(sandbox={need: True}), settings()
    assert {name: lines for name, lines in found.items() if lines != usual[name]} == opened
    assert settings(sandbox={need: False}) == usual


def test_the_older_switch_for_code_compiled_at_run_time_still_works() -> None:
    assert settings(memory_deny_write_execute=False)["MemoryDenyWriteExecute"] == ["no"]


def test_the_log_knows_the_same_refusals_as_the_deploy() -> None:
    text = (ROLE / "templates/gunicorn.conf.py.j2").read_text()
    match = re.search(r"^_REFUSALS = (\(.*?^\))", text, re.DOTALL | re.MULTILINE)
    assert match
    assert ast.literal_eval(match[1]) == sandbox_needs.REFUSALS
