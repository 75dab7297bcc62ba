# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Where data waits on its way: whose it is, and when it goes."""

from __future__ import annotations

import hashlib
import stat
import time
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._transfer import places
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError

LATER = places.OLD_SECONDS + 60


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(places, "FOLDER", tmp_path / "transfer")
    return tmp_path / "transfer"


def test_a_transfer_has_a_folder_of_its_own(tmp_path: Path, folder: Path) -> None:
    made = places.make(tmp_path)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700 and stat.S_IMODE(folder.stat().st_mode) == 0o711
    assert places.named(made.name) == made
    assert places.make(tmp_path) != made


@pytest.mark.parametrize("name", ["", "..", "../etc", "a" * 24, "0123456789abcdef01234567"])
def test_no_other_folder_is_taken_for_one(name: str) -> None:
    with pytest.raises(DumpError, match="no longer on the host"):
        places.named(name)


def test_what_a_killed_run_has_left_goes_and_what_is_in_use_stays(tmp_path: Path) -> None:
    left, held = places.make(tmp_path), places.make(tmp_path)
    with places.held(held):
        places.sweep()
        assert left.exists() and held.exists()
        places.sweep(time.time() + LATER)
        assert not left.exists() and held.exists()
    places.sweep(time.time() + LATER)
    assert not held.exists()


def test_what_arrives_is_compared_and_only_files_are_taken(tmp_path: Path) -> None:
    made = places.make(tmp_path)
    (made / "dump.upload").write_bytes(b"1")
    places.take(made)
    places.verify(made, {"dump.upload": hashlib.sha256(b"1").hexdigest()})
    with pytest.raises(DumpError, match="was damaged on its way"):
        places.verify(made, {"dump.upload": hashlib.sha256(b"2").hexdigest()})
    (made / "link").symlink_to("/etc/passwd")
    with pytest.raises(DumpError, match="is not a regular file"):
        places.take(made)


def test_what_does_not_fit_is_told_with_its_numbers(tmp_path: Path) -> None:
    places.need(tmp_path / "not/there/yet", 1, "a dump")
    with pytest.raises(DumpError, match=r"a dump needs \d+ MB below .* are free, and 256 MB must stay free"):
        places.need(tmp_path, 1 << 60, "a dump")
    with pytest.raises(DumpError, match="without enough space"):
        places.Room(tmp_path)(1 << 60)
