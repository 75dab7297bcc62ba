# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The old site's domains go to the app in one step, and back when nginx or the release does not bear it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._nginx import takeover

SITE = "server { server_name shop.example.com www.shop.example.com; }\n"


@pytest.fixture
def nginx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A host's nginx, with an old site's link and the app's site that waits."""
    enabled = tmp_path / "sites-enabled"
    sites = tmp_path / "slipway/sites"
    for folder in (enabled, sites, tmp_path / "sites-available"):
        folder.mkdir(parents=True)
    (tmp_path / "sites-available/old").write_text("server { server_name shop.example.com; }\n")
    (enabled / "old").symlink_to("../sites-available/old")
    (enabled / "other").write_text("server { server_name other.example.com; }\n")
    (sites / "shop.waiting").write_text(SITE)
    fake = SimpleNamespace(folder=tmp_path, enabled=enabled, sites=sites, refuses="", reloads=0, generation=0)

    def run(argv: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        if argv[1] == "-T":
            text = "".join(f"# configuration file {path}:\n{path.read_text()}" for path in sorted(enabled.iterdir()))
            return subprocess.CompletedProcess(argv, 0, text, "")
        return subprocess.CompletedProcess(argv, bool(fake.refuses), "", fake.refuses)

    def systemctl(*argv: str) -> None:
        assert argv == ("reload", "nginx.service")
        fake.reloads += 1
        fake.generation += 1

    monkeypatch.setattr(takeover, "FOLDER", tmp_path / "slipway")
    monkeypatch.setattr(takeover, "subprocess", SimpleNamespace(run=run))
    monkeypatch.setattr(takeover, "workers", lambda: {fake.generation})
    monkeypatch.setattr(systemd, "systemctl", systemctl)
    return fake


def state(nginx: SimpleNamespace) -> tuple[list[str], list[str]]:
    return sorted(path.name for path in nginx.enabled.iterdir()), sorted(path.name for path in nginx.sites.iterdir())


def test_the_old_sites_file_goes_and_the_apps_comes(nginx: SimpleNamespace) -> None:
    assert takeover.is_due("shop")
    assert takeover.take_over("shop") == [str(nginx.enabled / "old")]
    assert state(nginx) == (["other"], ["shop.conf"])
    assert (nginx.sites / "shop.conf").read_text() == SITE
    assert (nginx.folder / "sites-available/old").exists()
    assert nginx.reloads == 1
    assert not takeover.is_due("shop")


def test_a_release_that_fails_afterwards_gives_them_back(nginx: SimpleNamespace) -> None:
    before = state(nginx)
    takeover.take_over("shop")
    takeover.give_back("shop")
    assert state(nginx) == before
    assert (nginx.enabled / "old").resolve() == nginx.folder / "sites-available/old"
    assert nginx.reloads == 2
    takeover.give_back("shop")
    assert (state(nginx), nginx.reloads) == (before, 2), "a second time there is nothing to give back"


def test_a_configuration_that_nginx_refuses_changes_nothing(nginx: SimpleNamespace) -> None:
    before, nginx.refuses = state(nginx), "unknown directive"
    with pytest.raises(systemd.HostError, match="unknown directive"):
        takeover.take_over("shop")
    assert (state(nginx), nginx.reloads) == (before, 0)


def test_a_run_that_was_killed_in_the_middle_is_finished_by_the_next(nginx: SimpleNamespace) -> None:
    waiting = (nginx.sites / "shop.waiting").read_text()
    takeover.take_over("shop")
    (nginx.sites / "shop.waiting").write_text(waiting)  # as if it was ended before its last step
    assert takeover.take_over("shop") == []
    assert state(nginx) == (["other"], ["shop.conf"])
    takeover.give_back("shop")
    assert state(nginx) == (["old", "other"], ["shop.waiting"])


def test_nothing_is_due_for_an_app_like_any(nginx: SimpleNamespace) -> None:
    assert not takeover.is_due("blog")
    takeover.give_back("blog")
    assert nginx.reloads == 0
