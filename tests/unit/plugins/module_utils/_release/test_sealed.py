# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The code of releases against what it was when it was built."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import seal
from ansible_collections.slipway.flask.plugins.module_utils._release import sealed
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """Return an app with two releases of one environment, the second of which shows a file to nginx."""
    found = Paths("shop", tmp_path, tmp_path / "etc")
    (found.environments / "abc").mkdir(parents=True)
    (found.environments / "abc/flask.py").write_text("x")
    packages = found.environments / "abc"
    seal.write(packages / seal.INSIDE, seal.take(packages, [seal.INSIDE]))
    for release in ("0001-aaa", "0002-bbb"):
        here = found.release(release)
        (here / "src").mkdir(parents=True)
        (here / "src/app.py").write_text(release)
        (here / "venv").symlink_to("../../venvs/abc")
        record = {"id": release, "app": "shop", "revision": "a", "fingerprint": "f", "dirty": False, "source": "s",
                  "source_key": "k", "outcome": "deployed", "environment": "abc"}  # fmt: skip
        (here / "release.json").write_text(json.dumps(record))
        seal.write(here / seal.NAME, seal.take(here / "src"))
    (found.release("0002-bbb") / "vetted").mkdir()
    os.link(found.release("0002-bbb") / "src/app.py", found.release("0002-bbb") / "vetted/app.py")
    found.current.symlink_to("releases/0002-bbb")
    return found


def test_what_is_as_it_was_built_is_told_with_the_number_of_files(paths: Paths) -> None:
    found = sealed.look(paths)
    assert found.problems == []
    assert found.lines == [
        "unchanged since they were built: release 0002-bbb, release 0001-aaa, environment abc (3 files)"
    ]


def test_code_packages_links_and_what_nginx_shows_are_each_found(paths: Paths) -> None:
    old, new = paths.release("0001-aaa"), paths.release("0002-bbb")
    (old / "src/app.py").write_text("0001-aab")
    (paths.environments / "abc/flask.py").write_text("y")
    (old / "venv").unlink()
    (old / "venv").symlink_to("/tmp/other")
    (new / "vetted/app.py").unlink()
    (new / "vetted/app.py").write_text("0002-bbb")
    assert sealed.look(paths).problems == [
        "the code of release 0002-bbb differs from what was built: added: vetted/app.py",
        "the code of release 0001-aaa differs from what was built: changed content: app.py, venv",
        "the environment abc differs from what was built: changed content: flask.py",
    ]


def test_a_release_that_a_deploy_removes_meanwhile_is_no_fault(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    real, old = seal.check, paths.release("0001-aaa")

    def check(folder: Path, file: Path) -> seal.Broken | None:
        if folder == old / "src":
            (old / "release.json").unlink()
            (folder / "app.py").unlink()
        return real(folder, file)

    monkeypatch.setattr(seal, "check", check)
    found = sealed.look(paths)
    assert (found.problems, found.lines) == (
        [],
        ["unchanged since they were built: release 0002-bbb, environment abc (2 files)"],
    )


def test_what_was_built_before_there_were_fingerprints_is_said_and_no_fault(paths: Paths) -> None:
    (paths.release("0001-aaa") / "seal.json").unlink()
    (paths.environments / "abc" / seal.INSIDE).unlink()
    found = sealed.look(paths)
    assert found.problems == []
    assert found.lines[0] == "unchanged since they were built: release 0002-bbb (1 files)"
    assert found.lines[1].startswith("release 0001-aaa, environment abc: built before fingerprints were taken")
