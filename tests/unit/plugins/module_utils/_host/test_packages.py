# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is written before packages are installed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import packages


def test_files_that_an_installation_reads_are_there_before_it_and_readable(tmp_path: Path) -> None:
    path = tmp_path / "etc/common/conf.d/own.conf"
    packages.write_first({str(path): "make = false\n"})
    assert path.read_text() == "make = false\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_file_that_somebody_wrote_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "own.conf"
    path.write_text("make = true\n")
    packages.write_first({str(path): "make = false\n", str(tmp_path / "other.conf"): "x\n"})
    assert path.read_text() == "make = true\n"
    assert (tmp_path / "other.conf").read_text() == "x\n", "the others are still written"


def test_a_drop_in_is_not_written_for_a_unit_that_is_there_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis that somebody runs must not be kept from starting because something else is installed."""
    monkeypatch.setattr(packages, "UNIT_FOLDERS", (tmp_path / "lib",))
    (tmp_path / "lib").mkdir()
    path = tmp_path / "etc/redis-server.service.d/slipway.conf"
    (tmp_path / "lib/redis-server.service").write_text("[Service]\n")
    packages.write_first({str(path): "[Unit]\n"})
    assert not path.exists()
    (tmp_path / "lib/redis-server.service").unlink()
    packages.write_first({str(path): "[Unit]\n"})
    assert path.read_text() == "[Unit]\n"
