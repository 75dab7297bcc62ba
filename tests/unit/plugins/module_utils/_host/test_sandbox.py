# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The sandbox of an app's commands is the one of its service, and a command that ends without a word is explained."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox
from fake_tools import Tools

ROOT = Path(__file__).resolve().parents[5]
TEMPLATES = ROOT / "roles/gunicorn_systemd/templates"
TEMPLATE = (TEMPLATES / "app@.service.j2").read_text().replace(
    "{% include 'sandbox.j2' %}", (TEMPLATES / "sandbox.j2").read_text()
)  # fmt: skip
SECTION = TEMPLATE.split("[Service]")[1].split("[Install]")[0]
DIRECTIVE = re.compile(r"^([A-Z]\w*)=(.*)$", re.MULTILINE)


def test_each_setting_of_the_service_is_one_of_commands_too_or_there_is_a_reason_why_not() -> None:
    of_service = {name for name, _ in DIRECTIVE.findall(SECTION)}
    assert of_service - {*sandbox.FURTHER} == {*sandbox.SERVICE, *sandbox.NOT_OF_COMMANDS}
    assert not {*sandbox.SERVICE} & {*sandbox.NOT_OF_COMMANDS}


def test_the_settings_have_the_values_that_the_role_writes_for_the_service() -> None:
    written: dict[str, tuple[str, ...]] = {}
    for name, value in DIRECTIVE.findall(SECTION):
        if "{{" not in value:
            written[name] = (*written.get(name, ()), value.replace("%%", "%"))
    opened = ("MemoryDenyWriteExecute", "ProcSubset", "RestrictAddressFamilies", "RestrictNamespaces")  # by `sandbox`
    known = {name: values for name, values in sandbox.SERVICE.items() if name not in opened}
    assert {name: written.get(name) for name in known} == known


def test_build_commands_differ_only_in_settings_that_the_service_has() -> None:
    assert {*sandbox.BUILD} <= {*sandbox.SERVICE}


CHANGED = """\
# /etc/systemd/system/shop@.service
[Unit]
Description=shop
[Service]
User=shop
MemoryDenyWriteExecute=no
SystemCallFilter=@system-service
SystemCallFilter=~@privileged \\
   @resources
BindReadOnlyPaths=/srv/fonts:/srv/%i/100%%

# /etc/systemd/system/shop@.service.d/override.conf
[Service]
  ProtectProc = default
[Install]
ProtectClock=no
"""


def test_what_an_administrator_changes_in_the_service_holds_for_its_commands() -> None:
    found = sandbox.of_unit(CHANGED, "0007-abc")
    assert [value for name, value in found if name == "SystemCallFilter"] == [
        "@system-service", "~@privileged @resources",
    ]  # fmt: skip
    told = dict(found)
    assert told["MemoryDenyWriteExecute"] == "no"
    assert told["ProtectProc"] == "default"
    assert told["BindReadOnlyPaths"] == "/srv/fonts:/srv/0007-abc/100%"
    assert told["ProtectClock"] == "yes"  # what stands in another section counts for nothing
    assert "User" not in told
    assert {*sandbox.SERVICE} <= {*told}  # what the unit leaves out is as the role writes it


def test_a_unit_that_says_nothing_means_the_whole_sandbox() -> None:
    assert sandbox.of_unit("") == [(name, line) for name, lines in sandbox.SERVICE.items() for line in lines]


def command(folder: Path, **more: object) -> sandbox.Command:
    return sandbox.Command(
        "shop", folder, folder / "environment", {"PATH": "/venv/bin"}, ["/srv/shop/shared", "/var/lib/shop"], 60, **more
    )  # type: ignore[arg-type]


def test_an_apps_command_runs_as_its_user_in_the_sandbox_and_shows_no_secret(tool: Tools, tmp_path: Path) -> None:
    tool("systemctl", "exit 1")
    systemd_run = tool("systemd-run", "echo out; echo err >&2; exit 7")
    (tmp_path / "environment").write_text("SECRET_KEY=hunter2-hunter2\n")
    done = command(tmp_path).run(["/usr/bin/env", "flask", "db", "upgrade"], "shop-release-1")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")
    (call,) = systemd_run()
    words = call.split()
    assert "flask" not in call  # neither in the process list nor in what systemd tells of the unit
    expected = {
        "--unit=shop-release-1", "--wait", "--pipe", "--property=User=shop", "--property=Group=shop",
        f"--property=EnvironmentFile={tmp_path}/environment", f"--property=WorkingDirectory={tmp_path}",
        "--property=RuntimeMaxSec=60", "--property=ProtectSystem=strict", "--property=NoNewPrivileges=yes",
        "--property=ProtectProc=invisible", "--property=CapabilityBoundingSet=", "--property=UMask=0027",
        "--property=ReadWritePaths=/srv/shop/shared", "--property=ReadWritePaths=/var/lib/shop",
        "--setenv=PATH=/venv/bin",
    }  # fmt: skip
    assert expected - set(words) == set()
    assert "hunter2" not in call


def test_settings_of_a_command_take_the_place_of_the_services(tool: Tools, tmp_path: Path) -> None:
    tool("systemctl", "[ \"$1\" = cat ] && printf '[Service]\\nProcSubset=pid\\nPrivateTmp=no\\n'")
    systemd_run = tool("systemd-run", "exit 0")
    properties = {"ProcSubset": "all", "BindReadOnlyPaths": ["/a", "/b"]}
    command(tmp_path, service="shop@1.service", properties=properties).run(["true"], "shop-build-1")
    words = [word for word in systemd_run()[0].split() if re.search(r"ProcSubset|PrivateTmp|BindReadOnly", word)]
    assert words == [
        "--property=PrivateTmp=no", "--property=ProcSubset=all",
        "--property=BindReadOnlyPaths=/a", "--property=BindReadOnlyPaths=/b",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("exit 200", "It printed nothing; the journal of shop-check-1.service says:\nPermission denied\n"),
        ("echo ' ' >&2; exit 1", "It printed nothing; the journal of shop-check-1.service says:\nPermission denied\n"),
        ("echo 'no such table' >&2; exit 1", "no such table\n"),
        ("exit 0", ""),
    ],
)
def test_a_command_that_fails_without_a_word_shows_its_units_journal(
    tool: Tools, tmp_path: Path, script: str, told: str
) -> None:
    tool("systemctl", "exit 1")
    tool("systemd-run", script)
    tool("journalctl", "case $* in *--unit*) echo 'Permission denied';; esac")
    assert command(tmp_path).run(["true"], "shop-check-1.service").stderr == told


MODULES = [
    *(path for path in (ROOT / "plugins/modules").glob("*.py") if "AnsibleModule(" in path.read_text()),
    ROOT / "plugins/module_utils/_host/task.py",  # what the other halves on the host begin with
]


@pytest.mark.parametrize("module", MODULES, ids=[path.stem for path in MODULES])
def test_modes_that_a_module_makes_do_not_depend_on_the_umask_of_its_caller(module: Path) -> None:
    assert re.search(r"^    os\.umask\(0o022\).*\n    module = AnsibleModule\(", module.read_text(), re.MULTILINE)
