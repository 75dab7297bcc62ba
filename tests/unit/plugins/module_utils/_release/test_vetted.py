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


def linked(mirror: Path) -> set[str]:
    """Return the links in MIRROR."""
    return {str(path.relative_to(mirror)) for path in mirror.rglob("*") if path.is_symlink()}


OWN = {"static/a.css", "static/deep/b.js", "static/deep/c/d.js"}


def test_a_folder_without_a_link_is_shown_as_it_is(host: FakeHost) -> None:
    mirror = vetted(host, "static")
    assert shown(mirror) == {name: name for name in OWN}


def test_no_link_is_on_the_way_to_a_file_and_no_file_is_there_twice(host: FakeHost) -> None:
    """Whoever asks for a file pays for each link that the kernel has to follow."""
    mirror = vetted(host, "static")
    for name in OWN:
        assert (mirror / name).resolve() == mirror / name
        assert (mirror / name).samefile(mirror.parent / "src" / name)


LINKS = {
    "to a file of its own": ("static/x", "../lib/e.js", {"static/x"}, set()),
    "to a folder of its own": ("static/x", "../lib", {"static/x/e.js", "static/x/f/g.js"}, {"static/x"}),
    "to another app": ("static/x", "/srv/other/current/src/app.py", set(), set()),
    "to the system": ("static/deep/x", "/etc/passwd", set(), set()),
    "to a folder of the system": ("static/deep/c/x", "/etc", set(), set()),
    "to a shared folder": ("static/x", "../media", set(), set()),
    "to a file in a shared folder": ("static/x", "../media/a.png", set(), set()),
    "to its own folder's parent, where a shared folder is": ("static/x", "..", set(), set()),
    "through a shared folder": ("static/x", "../media/../../releases", set(), set()),
    "to itself": ("static/x", "x", set(), set()),
    "to nothing": ("static/x", "gone", set(), set()),
    "beside a compressed file": ("static/a.css.gz", "/srv/other/shared/a", set(), set()),
}


@pytest.mark.parametrize(("name", "target", "more", "links"), LINKS.values(), ids=LINKS)
def test_all_is_shown_but_a_link_that_leads_out(
    host: FakeHost, name: str, target: str, more: set[str], links: set[str]
) -> None:
    mirror = vetted(host, "static", links={name: target}, shared_folders=["media"])
    assert set(shown(mirror)) == OWN | more
    assert linked(mirror) == links
    assert all((mirror / link).resolve().is_relative_to(mirror.parent / "src") for link in links)


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


@pytest.mark.parametrize("folders", [("static", "static/deep"), ("static/deep", "static")])
def test_a_folder_within_one_that_is_shown_is_shown_once(host: FakeHost, folders: tuple[str, str]) -> None:
    mirror = vetted(host, *folders)
    assert sorted(path.name for path in mirror.iterdir()) == ["static"]
    assert set(shown(mirror)) == OWN


@pytest.mark.parametrize("folders", [("static", "static/x/f"), ("static/x/f", "static"), ("static/x", "static/x/f")])
def test_nothing_is_made_in_the_code_by_way_of_a_linked_folder(host: FakeHost, folders: tuple[str, str]) -> None:
    mirror = vetted(host, *folders, links={"static/x": "../lib"})
    code = mirror.parent / "src"
    assert {str(path.relative_to(code)) for path in code.rglob("[a-g].*") if path.is_file()} == set(FILES)
    assert {path.lstat().st_nlink for path in code.glob("lib/**/*.js")} <= {1, 2}
    assert "static/x/f/g.js" in shown(mirror)


def test_a_mirror_that_an_earlier_version_made_stays_as_it_is(host: FakeHost) -> None:
    """It had a link in the place of a folder, which leads to the code itself."""
    mirror = vetted(host, "lib")
    (mirror / "static").symlink_to("../src/static")
    for name in ("static", "static/deep"):
        Vetted(mirror.parent, 12345, lambda path: settled(path, 12345)).add(name)
    assert linked(mirror) == {"static"}
    assert {(mirror / name).stat().st_nlink for name in OWN} == {1}


def test_what_can_not_be_shown_is_left_for_nginx_to_look_for_in_the_code(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system without hard links, for one."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert shown(vetted(host, "static")) == {}


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


def test_a_packages_folder_in_the_environment_is_shown_too(host: FakeHost) -> None:
    mirror = vetted(host, "lib")
    package = host.paths.environments / "key/shop/static"
    package.mkdir(parents=True)
    (package / "a.css").write_text("of the package")
    (mirror.parent / "src/shop").symlink_to(package.parent)
    Vetted(mirror.parent, 12345, lambda path: settled(path, 12345)).add("shop/static")
    assert shown(mirror)["shop/static/a.css"] == "of the package"
    assert (mirror / "shop/static/a.css").samefile(package / "a.css") and linked(mirror) == set()
