# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The modules tls_certificates and acme_certificates as Ansible calls them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._certificates.acme import Settings
from ansible_collections.slipway.flask.plugins.module_utils._certificates.renewal import Outcome
from ansible_collections.slipway.flask.plugins.module_utils._host import units
from ansible_collections.slipway.flask.plugins.module_utils._host.units import Unread
from ansible_collections.slipway.flask.plugins.modules import acme_certificates, tls_certificates
from as_ansible import Call, options_of

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


@pytest.mark.parametrize("module", [acme_certificates, tls_certificates])
def test_documentation_is_whole(module: ModuleType) -> None:
    assert all(option["description"] for option in options_of(module).values())
    assert yaml.safe_load(module.EXAMPLES)
    assert yaml.safe_load(module.RETURN)


def test_a_stand_in_is_made_and_the_real_one_is_due(call: Call, tmp_path: Path) -> None:
    wanted = {"folder": str(tmp_path / "tls"), "certificates": [SHOP], "acme_directory": "letsencrypt"}
    first, second = call(tls_certificates.main, **wanted), call(tls_certificates.main, **wanted)
    assert (first["changed"], second["changed"]) == (True, False)
    assert first["due"] == second["due"] == {"shop": "there is none from the authority yet"}
    assert call(tls_certificates.main, **{**wanted, "certificates": [{**SHOP, "acme": False}]})["due"] == {}


def test_that_nginx_has_not_read_a_new_certificate_yet_is_noted_for_whoever_reloads_it(
    call: Call, tmp_path: Path
) -> None:
    """A run that is killed between the two would leave the old one served, for the next finds nothing to change."""
    wanted = {"folder": str(tmp_path / "tls"), "certificates": [SHOP]}
    assert call(tls_certificates.main, **wanted, _ansible_check_mode=True)["changed"] is True
    assert Unread(["nginx.service"]).left == []
    assert call(tls_certificates.main, **wanted)["changed"] is True
    assert Unread(["nginx.service"]).left == ["nginx.service"]
    assert call(tls_certificates.main, **wanted)["changed"] is False
    assert Unread(["nginx.service"]).left == ["nginx.service"]
    Unread(["nginx.service"]).remove()
    assert call(tls_certificates.main, **wanted)["changed"] is False
    assert Unread(["nginx.service"]).left == []


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
