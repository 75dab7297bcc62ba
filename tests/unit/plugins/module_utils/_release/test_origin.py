# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The release that is promoted, as its host gives it, and each reason why it does not."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import going, seal
from ansible_collections.slipway.flask.plugins.module_utils._python import locked
from ansible_collections.slipway.flask.plugins.module_utils._release import lease, origin
from ansible_collections.slipway.flask.plugins.module_utils._release.lock import lock
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, ReleaseError

LOCK = "flask==3.1.3 --hash=sha256:aa\n"
ID = "0002-bbb"


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """Return an app that serves a release which can be promoted."""
    found = Paths("shop", tmp_path / "srv", tmp_path / "etc")
    packages, here = found.environments / "abc", found.release(ID)
    for folder in (packages, here / "src", found.sources):
        folder.mkdir(parents=True)
    (packages / "slipway.json").write_text(json.dumps({"python_version": "3.13.5"}))
    seal.write(packages / seal.INSIDE, seal.take(packages, [seal.INSIDE]))
    (here / "src/app.py").write_text("x")
    (here / "venv").symlink_to("../../venvs/abc")
    seal.write(here / seal.NAME, seal.take(here / "src"))
    (here / "requirements.lock").write_text(LOCK)
    found.archive("k").write_bytes(b"code")
    found.current.symlink_to(f"releases/{ID}")
    record(found)
    monkeypatch.setattr(lease, "FOLDER", tmp_path / "run")
    monkeypatch.setattr(going, "FOLDER", tmp_path / "removed")
    running(monkeypatch, True)
    return found


def record(paths: Paths, **changes: Any) -> None:
    whole = {"id": ID, "app": "shop", "revision": "a" * 40, "fingerprint": "f", "dirty": False, "source": "folder",
             "source_key": "k", "outcome": "deployed", "environment": "abc", "ended": "2026-11-27T01:00:00Z",
             "lock": locked.digest(LOCK), "made_of": {"kind": "path", "subfolder": "", "whole": False, "database": ""}}  # fmt: skip
    (paths.release(ID) / "release.json").write_text(json.dumps({**whole, **changes}))


def running(monkeypatch: pytest.MonkeyPatch, runs: bool) -> None:
    process = SimpleNamespace(name="", has=lambda release: True, is_active=lambda release: runs)
    monkeypatch.setattr(origin, "processes_of", lambda paths: (process,))


def test_what_serves_is_given_with_its_packages_and_where_its_code_is(paths: Paths) -> None:
    found = origin.serving(paths, "ann@laptop")
    assert (found.release, found.revision, found.lock, found.python) == (ID, "a" * 40, LOCK, "3.13.5")
    assert found.archive == str(paths.archive("k"))
    record(paths, made_of={"kind": "git", "subfolder": "", "whole": False, "database": ""})
    assert origin.serving(paths, "ann@laptop").archive == ""


Spoil = Callable[[Paths], Any]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda paths: paths.current.unlink(), "shop has no live release there"),
        (lambda paths: record(paths, dirty=True), "has uncommitted changes"),
        (lambda paths: record(paths, outcome="failed"), "the record of release 0002-bbb can't be read"),
        (lambda paths: record(paths, lock="", made_of={}), "an earlier version of Slipway, which kept no lock"),
        (lambda paths: record(paths, lock="other"), "requirements.lock of release 0002-bbb is not as it was written"),
        (
            lambda paths: (paths.release(ID) / "src/app.py").write_text("y"),
            "the code of release 0002-bbb differs from what was built",
        ),
        (
            lambda paths: (paths.environments / "abc/evil.pth").write_text("y"),
            "the environment abc differs from what was built",
        ),
        (
            lambda paths: lease.Lease(ID, "bob@ci", "", "before_switch", lease.uptime(), lease.uptime() + 60).write("shop"),
            "bob@ci has been deploying this app",
        ),
    ],
)  # fmt: skip
def test_what_can_not_be_promoted_is_refused_and_says_why(paths: Paths, spoil: Spoil, told: str) -> None:
    spoil(paths)
    with pytest.raises(ReleaseError, match=told.replace(".", r"\.")):
        origin.serving(paths, "ann@laptop")


def test_a_release_that_does_not_run_is_none_that_serves(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    running(monkeypatch, False)
    with pytest.raises(ReleaseError, match="release 0002-bbb does not run there: web is stopped"):
        origin.serving(paths, "ann@laptop")


def test_an_app_that_is_being_deployed_is_not_promoted(paths: Paths) -> None:
    with lock(paths.root / ".lock", "bob@ci"), pytest.raises(ReleaseError, match="bob@ci has been deploying this app"):
        origin.serving(paths, "ann@laptop")


def test_code_is_handed_over_to_who_is_logged_in_and_no_link_is_followed(paths: Paths, tmp_path: Path) -> None:
    place = Path(origin.hand_over(str(paths.archive("k")), tmp_path))
    assert (place.read_bytes(), place.stat().st_mode & 0o777) == (b"code", 0o600)
    place.unlink()
    place.symlink_to(tmp_path / "victim")
    with pytest.raises(ReleaseError, match="can't be read"):
        origin.hand_over(str(paths.archive("k")), tmp_path)
    assert not os.path.lexists(tmp_path / "victim")
