# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a host hands over of a release: no secret files, no bytecode, links that lead where they do in an image."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._image import pack
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError


@pytest.fixture
def release(tmp_path: Path) -> Path:
    here = tmp_path / "releases/0001-abc"
    (here / "src/instance").mkdir(parents=True)
    (here / "src/__pycache__").mkdir()
    (here / "src/node_modules/x").mkdir(parents=True)
    (here / "src/wsgi.py").write_text("app = 1")
    (here / "src/__pycache__/wsgi.cpython-313.pyc").write_text("")
    (here / "src/node_modules/x/y.js").write_text("")
    (here / "src/instance/settings.cfg").write_text("TOKEN")
    (here / "src/tool.sh").write_text("#!/bin/sh")
    (here / "src/tool.sh").chmod(0o750)
    (here / "src/uploads").symlink_to(tmp_path / "shared/uploads")
    (here / "src/shop").symlink_to("../venv/lib/python3.13/site-packages/shop")
    site = tmp_path / "venvs/k/lib/python3.13/site-packages"
    (site / "engine").mkdir(parents=True)
    (site / "engine/__init__.py").write_text("")
    (site / "engine-1.0.dist-info").mkdir()
    (site / "engine-1.0.dist-info/direct_url.json").write_text("{}")
    (tmp_path / "venvs/k/bin").mkdir()
    (tmp_path / "venvs/k/bin/engine").write_text("#!/bin/sh")
    (site / "engine-1.0.dist-info/RECORD").write_text(
        "engine/__init__.py,,\nengine/__pycache__/a.pyc,,\nengine-1.0.dist-info/direct_url.json,,\n"
        "engine-1.0.dist-info/RECORD,,\n../../../bin/engine,,\n"
    )
    (here / "venv").symlink_to("../../venvs/k")
    return here


def members(release: Path, tmp_path: Path, foreign: tuple[str, ...] = ()) -> dict[str, tarfile.TarInfo]:
    wanted = pack.Release(release, tmp_path, frozenset({"instance/settings.cfg"}), ("node_modules",))
    with io.BytesIO() as stream:
        pack.write(wanted, foreign, 7, stream)
        stream.seek(0)
        with tarfile.open(fileobj=stream) as tar:
            return {member.name: member for member in tar}


def test_the_code(release: Path, tmp_path: Path) -> None:
    found = members(release, tmp_path)
    assert list(found) == [
        "src", "src/instance", "src/instance/settings.cfg", "src/shop", "src/tool.sh", "src/uploads", "src/wsgi.py"
    ]  # fmt: skip
    assert found["src/instance/settings.cfg"].linkname == "/app/files/instance/settings.cfg"
    assert found["src/uploads"].linkname == "/app/shared/uploads"
    assert found["src/shop"].linkname == "../venv/lib/python3.13/site-packages/shop"
    assert {member.mtime for member in found.values()} == {7}
    assert [oct(found[name].mode) for name in ("src/tool.sh", "src/wsgi.py")] == ["0o755", "0o644"]


def test_packages_from_no_index(release: Path, tmp_path: Path) -> None:
    found = [name for name in members(release, tmp_path, ("engine",)) if name.startswith("packages")]
    site = "packages/lib/python3.13/site-packages"
    assert {name for name in found if not name.endswith(("site-packages", "lib", "python3.13", "bin", "engine", "-info"))} == {
        f"{site}/engine-1.0.dist-info/RECORD", f"{site}/engine/__init__.py",
    }  # fmt: skip
    assert "packages/bin/engine" in found


def test_a_package_with_files_elsewhere_is_refused(release: Path, tmp_path: Path) -> None:
    record = next(tmp_path.glob("venvs/k/lib/python3.13/site-packages/*.dist-info/RECORD"))
    record.write_text("../../../../../../etc/passwd,,\n")
    with pytest.raises(ReleaseError, match="outside of its environment"):
        members(release, tmp_path, ("engine",))


def test_the_same_release_gives_the_same_tar(release: Path, tmp_path: Path) -> None:
    wanted, told = pack.Release(release, tmp_path), []
    for _ in range(2):
        with io.BytesIO() as stream:
            pack.write(wanted, ("engine",), 7, stream)
            told.append(stream.getvalue())
    assert told[0] == told[1]
