# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a hostile app lays into the folders that it may write must not lead root to other files."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from fake_host import FakeHost


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file that only root may change."""
    path = tmp_path / "shadow"
    path.write_text("root:*:")
    path.chmod(0o600)
    return path


def test_a_link_laid_where_a_settings_file_is_written_is_not_followed(host: FakeHost, victim: Path) -> None:
    settings = {"shared_folders": ["instance"], "files": {"instance/config.py": "KEY = 1\n"}}
    host.deploy(**settings)
    shared = host.paths.shared / "instance"
    for name in ("config.py", ".config.py.new"):
        (shared / name).unlink(missing_ok=True)
        (shared / name).symlink_to(victim)
    host.change()
    host.deploy(**settings)
    assert victim.read_text() == "root:*:"
    assert (shared / "config.py").read_text() == "KEY = 1\n"
    assert not (shared / "config.py").is_symlink()


def test_a_link_in_place_of_a_shared_folder_gives_nobody_s_folder_away(host: FakeHost, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    host.deploy(shared_folders=["uploads"])
    (host.paths.shared / "uploads/thumbs").symlink_to(elsewhere)
    host.change()
    with pytest.raises(ReleaseError, match="a link to one: move it away"):
        host.deploy(shared_folders=["uploads", "uploads/thumbs"])
    assert elsewhere.stat().st_mode & 0o777 == 0o700
