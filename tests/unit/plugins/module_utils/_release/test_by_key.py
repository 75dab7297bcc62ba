# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Who may deploy by themselves, and what the program that sudo takes them to understands."""

from __future__ import annotations

import json
import runpy
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._release import by_key
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from fake_host import request_with

GIVEN = {
    "app": "shop",
    "git_key": "the repository's key",
    "upload": "/tmp/x",
    "by": "ann",
    "plan": False,
    "python": None,
}


@pytest.fixture(name="host")
def _host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host whose visudo takes everything but the user `odd`."""
    (tmp_path / "sudoers.d").mkdir()
    visudo = tmp_path / "bin/visudo"
    visudo.parent.mkdir()
    visudo.write_text('#!/bin/sh\n! grep -q "^odd" "$2" || { echo "syntax error" >&2; exit 1; }\n')
    visudo.chmod(0o755)
    monkeypatch.setenv("PATH", f"{visudo.parent}:/usr/bin:/bin")
    monkeypatch.setattr(by_key, "PROGRAM", tmp_path / "slipway-deploy")
    monkeypatch.setattr(by_key, "SUDOERS", tmp_path / "sudoers.d")
    return tmp_path


def settle(host: Path, *deployers: str) -> None:
    request = replace(request_with(), settings_folder=str(host), deployers=deployers)
    by_key.settle(request, GIVEN, "k3y")


def test_deployers_get_a_rule_of_sudo_and_the_request_is_kept_for_root_alone(host: Path) -> None:
    settle(host, "ci", "ann")
    kept = host / "deploy.json"
    assert json.loads(kept.read_text()) == {
        "deployers": ["ci", "ann"], "key": "k3y", "given": {"app": "shop", "git_key": "the repository's key"},
    }  # fmt: skip
    rule = host / "sudoers.d/slipway-deploy-shop"
    assert rule.read_text().splitlines()[1:] == [
        f"{name} ALL=(root) NOPASSWD: {host / 'slipway-deploy'}" for name in ("ci", "ann")
    ]
    modes = [oct(path.stat().st_mode & 0o7777) for path in (kept, rule, host / "slipway-deploy")]
    assert modes == ["0o600", "0o440", "0o755"]
    before = [path.stat().st_ino for path in (kept, rule)]
    settle(host, "ci", "ann")
    assert [path.stat().st_ino for path in (kept, rule)] == before, "nothing is written again"
    settle(host)
    assert not kept.exists() and not rule.exists()


def test_what_was_said_for_one_run_is_not_repeated_by_a_deployer(host: Path) -> None:
    """`-e version=hotfix` would open that branch to them, and `-e audit=report` what the app refuses."""
    once = replace(request_with(), settings_folder=str(host), deployers=("ci", "ann"), once=True)
    by_key.settle(once, {**GIVEN, "version": "hotfix"}, "k3y")
    assert not (host / "deploy.json").exists() and list((host / "sudoers.d").iterdir()) == []
    settle(host, "ci")
    by_key.settle(once, {**GIVEN, "version": "hotfix"}, "n3w")
    kept = json.loads((host / "deploy.json").read_text())
    assert (kept["deployers"], kept["key"], "version" in kept["given"]) == (["ci"], "k3y", False)


def test_who_is_no_deployer_any_more_has_no_right_even_if_the_deploy_fails(host: Path) -> None:
    settle(host, "ci", "ann")
    request = replace(request_with(), settings_folder=str(host))
    by_key.narrow(replace(request, deployers=("ann", "new")))
    kept, rule = host / "deploy.json", host / "sudoers.d/slipway-deploy-shop"
    assert json.loads(kept.read_text())["deployers"] == ["ann"]
    assert [line.split()[0] for line in rule.read_text().splitlines()[1:]] == ["ann"]
    kept.write_text("{")
    by_key.narrow(replace(request, deployers=("ann",)))
    assert not kept.exists() and not rule.exists()
    by_key.narrow(request)


def test_a_rule_that_sudo_does_not_take_is_never_in_its_folder(host: Path) -> None:
    with pytest.raises(ReleaseError, match="sudo does not take its rule for 'deployers': syntax error"):
        settle(host, "odd")
    assert list((host / "sudoers.d").iterdir()) == []


def test_a_host_without_sudo_is_told(host: Path) -> None:
    (host / "bin/visudo").unlink()
    with pytest.raises(ReleaseError, match="the host has no sudo: run site.yml, which installs it"):
        settle(host, "ci")
    assert list((host / "sudoers.d").iterdir()) == []


COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "takes: deploy APP COMMIT"),
        (["deploy"], "takes: deploy APP COMMIT"),
        (["deploy", "shop"], "takes: deploy APP COMMIT"),
        (["deploy", "shop", "main"], "takes: deploy APP COMMIT"),
        (["deploy", "shop", COMMIT[:7]], "takes: deploy APP COMMIT"),
        (["deploy", "../../tmp/shop", COMMIT], "takes: deploy APP COMMIT"),
        ([f"deploy shop {COMMIT}\n"], "takes: deploy APP COMMIT"),
        ([f"deploy shop {COMMIT}; id"], "takes: deploy APP COMMIT"),
        (["deploy", "shop", COMMIT, "--force"], "takes: deploy APP COMMIT"),
        (["rollback", "shop", COMMIT], "takes: deploy APP COMMIT"),
        (["deploy", "no-such-app", COMMIT], "ci may deploy no app called no-such-app"),
    ],
)
def test_the_program_takes_an_app_and_a_whole_commit_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    program = tmp_path / "program.py"
    program.write_text(by_key.SCRIPT)
    monkeypatch.setattr(sys, "argv", ["slipway-deploy", *words])
    monkeypatch.setenv("SUDO_USER", "ci")
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(program))
    assert said in str(ended.value)


def test_what_the_controller_said_of_its_own_call_is_not_repeated() -> None:
    kept: dict[str, Any] = {
        "commands": "{}",
        "expected": "{}",
        "app": "shop",
        "wsgi": "a:b",
        "user": "shop",
        "root": "/srv/shop",
    }
    request = by_key.request_of({**kept, "settings_folder": "/etc/shop", "deployers": ["ci"]})
    assert (request.plan, request.until, request.deployers) == (False, "", ("ci",))
