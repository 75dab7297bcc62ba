# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""gunicorn_systemd: what its unit opens for an app, and what the settings say when the sandbox refuses something."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.plugins.filter.core import FilterModule
from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox, sandbox_needs
from jinja2 import StrictUndefined
from jinja2.nativetypes import NativeEnvironment

ROLE = Path(__file__).resolve().parents[2] / "roles/gunicorn_systemd"
CALLS = "@chown nice setpriority ioprio_set sched_setaffinity sched_setattr sched_setparam sched_setscheduler setrlimit"


def unit(**variables: Any) -> str:
    """Return the text of the unit with those VARIABLES of the role."""
    environment = NativeEnvironment(trim_blocks=True, undefined=StrictUndefined)
    environment.filters = {**FilterModule().filters(), **environment.filters, "slipway.flask.systemd_quote": str}
    given = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    given |= {"ansible_managed": "", "gunicorn_systemd_app": "shop", "gunicorn_systemd_wsgi": "app:app", **variables}
    private = yaml.safe_load((ROLE / "vars/main.yml").read_text())
    needs = private["__gunicorn_systemd_needs"]
    given["__gunicorn_systemd_needs"] = {
        name: bool(environment.from_string(value).render(given)) for name, value in needs.items()
    }
    given["__gunicorn_systemd_end_workers"] = private["__gunicorn_systemd_end_workers"]
    text = environment.overlay().from_string((ROLE / "templates/app@.service.j2").read_text())
    return "".join(str(part) for part in text.root_render_func(text.new_context(given)))


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
    lines = re.findall(
        r"^Exec\w+=[-@:!]*\+[-@:!]*(.*)$", unit(gunicorn_systemd_socket_users=["www-data"]), re.MULTILINE
    )
    assert [line.split()[0] for line in lines] == ["/usr/bin/setfacl", "/bin/sh", "/usr/bin/nsenter"]
    for shell in ("/bin/sh -c '" + rest for line in lines for rest in line.split("sh -c '")[1:]):
        assert shell.startswith("/bin/sh -c 'PATH=/usr/bin:/bin; ")


def test_an_app_can_not_ask_for_the_command_lines_of_others_and_shares_no_folder_with_them() -> None:
    """On the bus, systemd tells anybody what runs in each unit (GetUnitProcesses)."""
    found = settings()
    assert found["ProtectProc"] == ["invisible"]
    assert found["InaccessiblePaths"] == ["-/run/dbus"]
    assert found["ReadOnlyPaths"] == ["-/run/lock"]


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
    found, usual = settings(gunicorn_systemd_sandbox={need: True}), settings()
    assert {name: lines for name, lines in found.items() if lines != usual[name]} == opened
    assert settings(gunicorn_systemd_sandbox={need: False}) == usual


def test_the_older_switch_for_code_compiled_at_run_time_still_works() -> None:
    assert settings(gunicorn_systemd_memory_deny_write_execute=False)["MemoryDenyWriteExecute"] == ["no"]


def test_the_log_knows_the_same_refusals_as_the_deploy() -> None:
    text = (ROLE / "templates/gunicorn.conf.py.j2").read_text()
    match = re.search(r"^_REFUSALS = (\(.*?^\))", text, re.DOTALL | re.MULTILINE)
    assert match
    assert ast.literal_eval(match[1]) == sandbox_needs.REFUSALS
