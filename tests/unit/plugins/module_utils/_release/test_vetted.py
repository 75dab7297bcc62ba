# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What nginx serves without minding links, on real folders. Owners are looked at, so that only root can run this."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._release.vetted import Vetted
from ansible_collections.slipway.flask.plugins.module_utils._release.web_access import settled
from fake_host import ROOT, FakeHost

pytestmark = pytest.mark.skipif(not ROOT, reason="only root gives files away")
FILES = ("static/a.css", "static/deep/b.js", "static/deep/c/d.js", "lib/e.js", "lib/f/g.js")


def vetted(host: FakeHost, *folders: str, links: dict[str, str] | None = None, **changes: object) -> Path:
    """Deploy FILES and LINKS with FOLDERS served; return the mirror of the release."""
    for name in FILES:
        (host.source / name).parent.mkdir(parents=True, exist_ok=True)
        (host.source / name).write_text(name)
    for name, target in (links or {}).items():
        (host.source / name).symlink_to(target)
    host.deploy(web={"user": "nobody", "service": "nginx.service", "folders": list(folders)}, **changes)
    return host.paths.current.resolve() / "vetted"


def shown(mirror: Path) -> dict[str, str]:
    """Return the files that are found in MIRROR when every link is followed, and what they hold."""
    found = {}
    for folder, folders, files in os.walk(mirror, followlinks=True):
        assert len(Path(folder).parts) < 30, "a circle"
        folders.sort()
        found |= {str(Path(folder, name).relative_to(mirror)): Path(folder, name).read_text() for name in files}
    return found


def test_a_folder_without_a_link_is_shown_as_it_is(host: FakeHost) -> None:
    mirror = vetted(host, "static")
    assert os.readlink(mirror / "static") == "../src/static"
    assert shown(mirror) == {f"static/{name}": f"static/{name}" for name in ("a.css", "deep/b.js", "deep/c/d.js")}


OWN = {"static/a.css", "static/deep/b.js", "static/deep/c/d.js"}
LINKS = {
    "to a file of its own": ("static/x", "../lib/e.js", {"static/x"}, True),
    "to a folder of its own": ("static/x", "../lib", {"static/x/e.js", "static/x/f/g.js"}, True),
    "to another app": ("static/x", "/srv/other/current/src/app.py", set(), False),
    "to the system": ("static/deep/x", "/etc/passwd", set(), False),
    "to a folder of the system": ("static/deep/c/x", "/etc", set(), False),
    "to a shared folder": ("static/x", "../media", set(), False),
    "to a file in a shared folder": ("static/x", "../media/a.png", set(), False),
    "to its own folder's parent, where a shared folder is": ("static/x", "..", set(), False),
    "through a shared folder": ("static/x", "../media/../../releases", set(), False),
    "to itself": ("static/x", "x", set(), False),
    "to nothing": ("static/x", "gone", set(), False),
    "beside a compressed file": ("static/a.css.gz", "/srv/other/shared/a", set(), False),
}


@pytest.mark.parametrize(("name", "target", "more", "closed"), LINKS.values(), ids=LINKS)
def test_all_is_shown_but_a_link_that_leads_out(
    host: FakeHost, name: str, target: str, more: set[str], closed: bool
) -> None:
    mirror = vetted(host, "static", links={name: target}, shared_folders=["media"])
    assert set(shown(mirror)) == OWN | more
    assert (mirror / "static").is_symlink() is closed
    release = mirror.parent
    links = [path for path in mirror.rglob("*") if path.is_symlink()]
    assert all(path.resolve().is_relative_to(release / "src") for path in links)


def test_a_link_of_a_linked_folder_that_leads_out_counts_too(host: FakeHost) -> None:
    links = {"static/x": "../lib", "static/y": "deep", "lib/f/z": "/etc"}
    again = {name.replace("deep", "y") for name in OWN}
    assert set(shown(vetted(host, "static", links=links))) == OWN | again


def test_links_in_a_circle_are_seen_through(host: FakeHost) -> None:
    """Judged while it is judged, one of them must not be taken for harmless."""
    links = {"static/there": "../lib", "lib/back": "../static", "static/deep/out": "/etc"}
    mirror = vetted(host, "static", "lib", links=links)
    assert set(shown(mirror)) == OWN | {"lib/e.js", "lib/f/g.js"}


def test_a_served_folder_that_is_itself_a_link_out_is_not_shown(host: FakeHost) -> None:
    mirror = vetted(host, "out", "media", "lib/f", links={"out": "/etc"}, shared_folders=["media"])
    assert set(shown(mirror)) == {"lib/f/g.js"}


def test_a_folder_within_one_that_is_shown_is_shown_once(host: FakeHost) -> None:
    mirror = vetted(host, "static", "static/deep")
    assert sorted(path.name for path in mirror.iterdir()) == ["static"]
    assert (mirror / "static").is_symlink()


def test_anybody_may_look_into_the_mirror_and_root_alone_change_it(host: FakeHost) -> None:
    before = os.umask(0o077)
    try:
        mirror = vetted(host, "static/deep", links={"static/deep/x": "/etc"})
    finally:
        os.umask(before)
    for folder in (mirror, mirror / "static", mirror / "static/deep"):
        status = folder.lstat()
        assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o755, 0)


def test_a_folder_that_others_may_write_is_not_shown(host: FakeHost) -> None:
    mirror = vetted(host, "lib")
    (mirror.parent / "src/static/deep").chmod(0o777)
    Vetted(mirror.parent, 12345, lambda path: settled(path, 12345)).add("static")
    assert set(shown(mirror)) == {"lib/e.js", "lib/f/g.js", "static/a.css"}
