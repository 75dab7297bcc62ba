# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What root does where an app could lay a link for it, on real folders. Only root gives files away."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, Record, ReleaseError
from fake_host import ROOT, UID, request_with

pytestmark = pytest.mark.skipif(not ROOT, reason="only root gives files away")


@pytest.fixture
def context() -> Iterator[Context]:
    """Yield the context of an app whose folder everybody may enter, as /srv is."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:
        root = Path(place)
        root.chmod(0o755)
        for name, owner in {"data": UID, "private": 0}.items():
            (root / name).mkdir(mode=0o700)
            os.chown(root / name, owner, owner)
        yield Context(request_with(), Paths("shop", root, root), Record("0001-a", "shop", "a", ""), UID, UID)


def test_a_folder_is_the_apps_with_its_bits(context: Context) -> None:
    for name in ("new/deep", "data/deep/new", "data"):
        context.folder(context.paths.root / name, UID, 0o750)
        found = (context.paths.root / name).stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (UID, UID, 0o750)
    assert (context.paths.root / "data/deep").stat().st_uid == UID
    assert (context.paths.root / "new").stat().st_uid == 0


@pytest.mark.parametrize(
    ("name", "why"),
    [("link/new", "can't be created"), ("link/there", "belongs to another|no folder|can't"), ("link", "a link to one")],
)
def test_a_link_of_the_app_leads_root_to_nothing_of_anybody_elses(context: Context, name: str, why: str) -> None:
    private = context.paths.root / "private"
    private.chmod(0o755)
    (private / "there").mkdir()
    (context.paths.root / "data/link").symlink_to(private)
    with pytest.raises(ReleaseError, match=why):
        context.folder(context.paths.root / "data" / name, UID, 0o750)
    assert [path.name for path in private.iterdir()] == ["there"]
    assert (private / "there").stat().st_uid == 0


def test_what_is_done_with_the_apps_rights_has_none_of_roots_groups(context: Context) -> None:
    os.setgroups([0, 4])
    with context.as_app():
        assert (os.geteuid(), os.getegid(), os.getgroups()) == (UID, UID, [])
    assert (os.geteuid(), os.getegid(), sorted(os.getgroups())) == (0, 0, [0, 4])


@pytest.mark.parametrize(
    ("environment", "files"),
    [
        ('DATABASE_URL="sqlite:////srv/shop/shared/x.db"\n', ["SQLite"]),
        ('DATABASE_URL="postgresql:///shop"\n', []),
        ("", []),
    ],
)
def test_a_database_in_a_file_is_known_by_the_environment_of_its_release(
    context: Context, environment: str, files: list[str]
) -> None:
    own = context.paths.environment_file("0001-a")
    own.parent.mkdir(parents=True)
    own.write_text(environment)
    assert context.file_databases("0001-a") == files
