# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the web server may reach of an app, on real folders. Owners are looked at, so that only root can run this."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import acl, systemd
from ansible_collections.slipway.flask.plugins.module_utils._process import socket_access
from ansible_collections.slipway.flask.plugins.module_utils._release import web_access
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from fake_host import ROOT, UID, FakeHost

pytestmark = pytest.mark.skipif(not ROOT, reason="only root gives files away")
WEB = pwd.getpwnam("nobody").pw_uid


def serve(host: FakeHost, *folders: str, **changes: object) -> Path:
    """Deploy with FOLDERS served; return the code of the release."""
    web = {"user": "nobody", "service": "nginx.service", "folders": list(folders)}
    host.deploy(web=web, **changes)
    return host.paths.current.resolve() / "src"


def others(path: Path) -> int:
    return path.lstat().st_mode & 0o007


def test_what_is_served_can_be_read_and_the_rest_can_not(host: FakeHost) -> None:
    for name in ("pkg/static/a.css", "pkg/static/deep/b.js", "pkg/secret.py", "other/c.css"):
        (host.source / name).parent.mkdir(parents=True, exist_ok=True)
        (host.source / name).write_text("x")
    src = serve(host, "pkg/static", files={"pkg/static/.env": "SECRET"})
    assert [others(src / name) for name in ("pkg/static/a.css", "pkg/static/deep/b.js")] == [4, 4]
    assert [others(src / name) for name in ("pkg/secret.py", "other/c.css", "pkg/static/.env", "app.py")] == [0] * 4
    assert [others(src / name) for name in ("pkg", "pkg/static", "pkg/static/deep", "other")] == [1, 5, 5, 0]


def test_only_one_more_user_passes_the_apps_folder(host: FakeHost) -> None:
    serve(host)
    assert acl.read(host.paths.root) == {
        (acl.OWNER, acl.NOBODY): 7, (acl.USER, WEB): 1, (acl.GROUP, acl.NOBODY): 5, (acl.MASK, acl.NOBODY): 5,
        (acl.OTHER, acl.NOBODY): 0,
    }  # fmt: skip
    assert stat.S_IMODE(host.paths.root.stat().st_mode) == 0o750


LINKS = {
    "of its own": ("../lib/a.js", 0),
    "to a folder of its own": ("../lib", 0),
    "by its release's own path": ("{here}/src/lib/a.js", 0),
    "to another app": ("/srv/other/current/src/app.py", UID),
    "to the system": ("/etc/passwd", UID),
    "to a shared folder": ("../media/a.png", UID),
    "through a shared folder and back": ("../media/back/lib/a.js", UID),
    "out of the release and nowhere": ("../../../gone", UID),
    "to itself": ("x", UID),
    "to its settings": ("/etc/shop/environment", UID),
}


@pytest.mark.parametrize(("target", "owner"), LINKS.values(), ids=LINKS)
def test_a_link_that_leads_out_of_the_release_is_the_apps(host: FakeHost, target: str, owner: int) -> None:
    (host.source / "lib").mkdir()
    (host.source / "lib/a.js").write_text("x")
    (host.source / "static").mkdir()
    (host.source / "static/a.css").write_text("x")
    (host.source / "static/x").symlink_to("../lib/a.js")  # the release's name is not known yet
    src = serve(host, "static", shared_folders=["media"])
    (host.paths.shared / "media/back").symlink_to(src)
    (src / "static/x").unlink()
    (src / "static/x").symlink_to(target.format(here=src.parent))
    request = host.request(web={"user": "nobody", "service": "", "folders": ["static"]})
    context = SimpleNamespace(request=request, paths=host.paths, uid=UID, gid=UID, notes=[])
    os.chmod(src / "lib/a.js", 0o640)
    web_access.WebAccess(context).open(src.parent.name)  # type: ignore[arg-type]
    assert (src / "static/x").lstat().st_uid == owner
    assert others(src / "lib/a.js") == (4 if owner == 0 else 0)


def test_a_shared_folder_that_is_served_is_opened_once_and_passes_it_on(host: FakeHost) -> None:
    serve(host, shared_folders=["media"])
    media = host.paths.shared / "media"
    for name, bits in {"old.png": 0o640, "kept.key": 0o600}.items():
        (media / name).write_text("x")
        (media / name).chmod(bits)
        os.chown(media / name, UID, UID)
    (media / "out").symlink_to("/etc/hostname")
    host.change()
    serve(host, "media", shared_folders=["media"])
    assert (acl.has(media, WEB), acl.has(media, WEB, default=True)) == (True, True)
    assert (acl.has(media / "old.png", WEB), acl.has(media / "kept.key", WEB)) == (True, False)
    assert not acl.has("/etc/hostname", WEB)
    (media / "new").mkdir()
    (media / "new/later.png").write_text("x")
    assert acl.read(media / "new/later.png")[acl.USER, WEB] & acl.READ  # type: ignore[index]
    assert others(media / "new/later.png") == 0


def test_bits_are_given_to_no_folder_that_the_app_could_swap(host: FakeHost) -> None:
    """Below a folder of the app's, what is root's now may be a link to what is another's in a moment."""
    serve(host, shared_folders=["media"])
    inner = host.paths.shared / "media/roots"
    (inner / "thumbs").mkdir(parents=True, mode=0o700)
    inner.chmod(0o700)
    (host.source / "static").symlink_to(inner / "thumbs")
    host.change()
    serve(host, "static", shared_folders=["media"])
    assert others(inner) == 0


def test_a_folder_to_be_served_that_is_somebody_elses_is_told_and_left(host: FakeHost) -> None:
    (host.source / "static").symlink_to("/etc")
    before = stat.S_IMODE(os.stat("/etc/shadow").st_mode)
    web = {"user": "nobody", "service": "", "folders": ["static"]}
    notes = host.deploy(web=web).notes
    assert any("leads to /etc" in note for note in notes), notes
    assert stat.S_IMODE(os.stat("/etc/shadow").st_mode) == before


def test_a_host_where_nginx_was_in_the_group_is_left_only_when_the_release_does_without(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A release from before gets the line in its unit when it is gone back to, and its static files are opened."""
    ran, asked = list[str](), list[str]()
    group = SimpleNamespace(gr_name="shop", gr_mem=["nobody"])
    monkeypatch.setattr(socket_access, "SETFACL", tmp_path / "setfacl")
    monkeypatch.setattr(web_access, "grp", SimpleNamespace(getgrgid=lambda _: group))
    monkeypatch.setattr(web_access, "subprocess", SimpleNamespace(run=lambda argv, **_: ran.append(" ".join(argv))))

    def systemctl(*argv: str) -> SimpleNamespace:
        asked.extend([" ".join(argv)] if "reload" in argv[0] else [])
        return SimpleNamespace(returncode=0, stdout="", stderr="")

    monkeypatch.setattr(systemd, "systemctl", systemctl)
    old = "[Service]\nRuntimeDirectoryMode=0750\nExecStart=gunicorn\n"
    host.configure_unit(old)
    (host.source / "static").mkdir()
    (host.source / "static/a.css").write_text("x")
    host.deploy()  # as a former version did it
    before = host.paths.current.resolve()
    assert others(before / "src/static/a.css") == 0

    host.change()
    serve(host, "static")  # deploy.yml alone: the host's unit has no line, nor is there a setfacl
    assert (ran, asked) == ([], []) and others(before / "src/static/a.css") == 4  # pages that are open ask for it

    (tmp_path / "setfacl").touch()
    host.change("app = 3\n")
    serve(host, "static")
    own = (host.units / f"shop@{host.current}.service").read_text()
    line = f"ExecStartPre=+{tmp_path}/setfacl --default --modify user:nobody:rw /run/shop/%i"
    assert own == f"[Service]\nRuntimeDirectoryMode=0711\n{line}\nExecStart=gunicorn\n"
    assert (ran, asked) == (["gpasswd --delete nobody shop"], ["reload nginx.service"])


def test_a_file_system_without_access_lists_is_named(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    with pytest.raises(
        ReleaseError, match=r"its file system does not support access control lists .* acltype=posixacl"
    ):
        serve(host)
