# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The modules nginx_sites and acme_certificates as Ansible calls them."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.slipway.flask.plugins.action import nginx_sites as nginx_sites_action
from ansible_collections.slipway.flask.plugins.module_utils._certificates import present
from ansible_collections.slipway.flask.plugins.module_utils._certificates.acme import Settings
from ansible_collections.slipway.flask.plugins.module_utils._certificates.renewal import Outcome
from ansible_collections.slipway.flask.plugins.module_utils._host import units, written
from ansible_collections.slipway.flask.plugins.module_utils._host.file_state import pack
from ansible_collections.slipway.flask.plugins.module_utils._host.units import Unread
from ansible_collections.slipway.flask.plugins.modules import acme_certificates, nginx_sites, nginx_sites_on_host
from as_ansible import Call, options_of, task

SHOP = {"name": "shop", "domains": ["a.example"], "acme": True}
ABSENT = {"state": "absent"}


@pytest.fixture(autouse=True)
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "NOTES", tmp_path / "notes")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A host whose settings are there; returns what systemctl was told."""
    told: list[str] = []

    def run_command(_: AnsibleModule, command: list[str], **__: Any) -> tuple[int, str, str]:
        told.append(command[1])
        return (3 if command[1] == "is-active" else 0), "", ""

    monkeypatch.setattr(AnsibleModule, "run_command", run_command)
    # Not by what the module tells Ansible: that leaves out a warning which was given before in the same process.
    monkeypatch.setattr(AnsibleModule, "warn", lambda _, text, **__: told.append(f"warning: {text}"))
    monkeypatch.setattr(acme_certificates, "reload_nginx", lambda: told.append("reload") or "")
    (tmp_path / "settings.json").write_text(Settings("https://ca/dir").as_text())
    return told


def answers(monkeypatch: pytest.MonkeyPatch, outcome: Outcome) -> None:
    monkeypatch.setattr(acme_certificates.Renewal, "run", lambda *_: [outcome])


@pytest.mark.parametrize("module", [acme_certificates, nginx_sites])
def test_documentation_is_whole(module: ModuleType) -> None:
    assert all(option["description"] for option in options_of(module).values())
    assert yaml.safe_load(module.EXAMPLES)
    assert yaml.safe_load(module.RETURN)


class Sites:
    """slipway.flask.nginx_sites for the certificate of a shop; what its units are told of is kept."""

    def __init__(self, call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.call, self.told = call, list[bool]()
        self.wanted = {"folder": str(folder / "tls"), "certificates": [SHOP], "acme_directory": "letsencrypt"}
        monkeypatch.setattr(written, "bring", self.bring)

    def bring(self, wanted: list[Any], changed: list[str], also: bool, check: bool) -> list[str]:
        assert [unit.name for unit in wanted] == ["nginx.service"]
        self.told.append(also)
        return ["nginx.service reloaded"] if also or changed else []

    def __call__(self, **more: Any) -> dict[str, Any]:
        control = {name: more.pop(name) for name in list(more) if name.startswith("_")}
        asked = {**self.wanted, "payload": pack([]), "units": [{"name": "nginx.service"}], **more}
        return self.call(nginx_sites_on_host.main, **task(**asked), **control)


@pytest.fixture
def sites(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sites:
    return Sites(call, tmp_path, monkeypatch)


def test_a_stand_in_is_made_and_the_real_one_is_due(sites: Sites) -> None:
    first, second = sites(), sites()
    assert (first["changed"], second["changed"]) == (True, False)
    assert (first["changes"], first["actions"]) == ({"shop": "there is none yet"}, ["nginx.service reloaded"])
    assert first["due"] == second["due"] == {"shop": "there is none from the authority yet"}
    assert (second["changed_files"], second["renewing"]) == ([], False)
    assert sites(certificates=[{**SHOP, "acme": False}])["due"] == {}


def test_what_check_mode_shows_of_a_certificate_is_why_it_is_due(sites: Sites) -> None:
    shown = sites(_ansible_check_mode=True, _ansible_diff=True)
    assert (shown["changed"], shown["diff"][0]["before_header"], sites.told) == (True, "certificate shop", [True])
    assert not Path(str(sites.wanted["folder"])).exists()


def test_a_certificate_that_nginx_was_not_told_of_is_made_up_for_by_the_next_run(
    sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is killed between the two would leave the old one served, for the next finds nothing to change."""
    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(written.FileSet, "apply", MagicMock(side_effect=KeyboardInterrupt))
        with patch_module_args(task(**sites.wanted, payload=pack([]), units=[{"name": "nginx.service"}])):
            nginx_sites_on_host.main()
    assert Unread(["nginx.service"]).left == ["nginx.service"]
    assert sites(_ansible_check_mode=True)["changed"], "it would be made up for"
    assert sites()["actions"] == ["nginx.service reloaded"]
    assert (sites()["changed"], sites.told) == (False, [True, True, False])
    assert Unread(["nginx.service"]).left == []


def test_a_configuration_that_nginx_refuses_leaves_the_reload_for_the_new_certificate(
    sites: Sites, tmp_path: Path
) -> None:
    me, mine = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    broken = pack([{"dest": str(tmp_path / "f"), "content": "x", "owner": me, "group": mine}])
    refused = sites(payload=broken, validate=["false"])
    assert (refused["failed"], refused["changes"], refused["changed_files"]) == (
        True,
        {"shop": "there is none yet"},
        [],
    )
    assert not (tmp_path / "f").exists()
    assert (sites()["actions"], sites()["actions"]) == (["nginx.service reloaded"], [])


def test_a_certificate_that_can_not_be_made_is_named_and_no_file_is_written(sites: Sites, tmp_path: Path) -> None:
    (tmp_path / "tls").write_text("in the way")
    told = sites(payload=pack([{"dest": str(tmp_path / "f"), "content": "x"}]))
    assert told["msg"].startswith("certificate 'shop': ")
    assert (sites.told, (tmp_path / "f").exists()) == ([], False)


def test_the_documentation_tells_what_the_host_takes() -> None:
    told = options_of(nginx_sites)
    assert set(told) == set(nginx_sites_action.ActionModule._VALID_ARGS)
    for name, spec in present.ARGUMENTS.items():
        assert told[name].get("default") == spec.get("default"), name
        assert set(told[name].get("suboptions", {})) == set(spec.get("options", {})), name


def test_nginx_is_reloaded_first_and_the_timer_started(
    call: Call, host: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, Outcome("shop", changed="the domains changed"))
    found = call(acme_certificates.main, folder=str(tmp_path), due={"shop": "x"}, reload=True)
    assert found["changes"] == {"shop": "the domains changed"}
    assert host == ["is-active", "daemon-reload", "restart", "reload", "reset-failed"]


def test_what_could_not_be_had_is_a_warning_or_with_strict_an_error(
    call: Call, host: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, Outcome("shop", failure="it is down"))
    found = call(acme_certificates.main, folder=str(tmp_path), due={"shop": "x"})
    assert found["failures"] == {"shop": "it is down"}
    assert host[-1] == "warning: certificate 'shop' could not be obtained, the old one is kept: it is down"
    assert "reset-failed" not in host
    assert call(acme_certificates.main, folder=str(tmp_path), due={"shop": "x"}, strict=True)["msg"] == (
        "certificate 'shop': it is down"
    )
    answers(monkeypatch, Outcome("shop", changed="x", left_out={"b.example": "elsewhere"}))
    call(acme_certificates.main, folder=str(tmp_path), due={"shop": "x"})
    assert host[-1] == "warning: certificate 'shop' does not cover b.example: elsewhere"


def test_check_mode_asks_nobody(call: Call, host: list[str], tmp_path: Path) -> None:
    found = call(acme_certificates.main, folder=str(tmp_path), due={"shop": "x"}, _ansible_check_mode=True)
    assert (found["changed"], found["changes"], host) == (True, {"shop": "x"}, [])


def test_the_timer_is_stopped_when_no_site_needs_it(call: Call, host: list[str]) -> None:
    assert not call(acme_certificates.main, **ABSENT)["changed"]
    assert host == ["is-active", "daemon-reload"]
