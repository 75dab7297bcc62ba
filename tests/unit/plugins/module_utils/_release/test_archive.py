# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Archives on the host: what is unpacked, and what is refused."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.server
import io
import os
import stat
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._release.archive import download, unpack
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.plugin_utils._source import folder as source_folder


def archive(*members: tuple[str, str]) -> io.BytesIO:
    """Return a tar of files (name, text)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in members:
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    buffer.seek(0)
    return buffer


def test_what_the_controller_packs_the_host_unpacks(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "pkg").mkdir(parents=True)
    there.mkdir()
    (here / "pkg/app.py").write_text("app = 1\n")
    (here / "run.sh").write_text("#!/bin/sh\n")
    (here / "run.sh").chmod(0o755)
    (here / "latest").symlink_to("pkg")
    source_folder.pack(here, tmp_path / "tar")
    unpack(io.BytesIO(gzip.compress((tmp_path / "tar").read_bytes())), there)
    assert (there / "pkg/app.py").read_text() == "app = 1\n"
    assert os.readlink(there / "latest") == "pkg"
    modes = {name: stat.S_IMODE((there / name).stat().st_mode) for name in ("pkg/app.py", "run.sh")}
    assert modes == {"pkg/app.py": 0o640, "run.sh": 0o750}
    assert time.time() - (there / "run.sh").stat().st_mtime < 60, "an old time would make an old ETag"


@pytest.mark.parametrize("name", ["/etc/cron.d/x", "../x", "a/../../x", ".."])
def test_a_file_that_would_land_outside_is_refused_before_any_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ReleaseError, match="which would end up outside of the release"):
        unpack(archive(("fine", "x"), (name, "x")), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("keep", [0, 10, 60])
def test_a_damaged_archive_is_a_clear_failure(tmp_path: Path, keep: int) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "f").write_bytes(os.urandom(100))
    source_folder.pack(here, tmp_path / "tar")
    content = gzip.compress((tmp_path / "tar").read_bytes())
    with pytest.raises(ReleaseError, match="the source's archive is damaged"):
        unpack(io.BytesIO(content[:keep]), tmp_path / "there")


# ---- archives that somebody else made ----------------------------------------------------------------------------


def tar(*infos: tarfile.TarInfo, mode: str = "w") -> io.BytesIO:
    """Return a tar with these entries; a file holds its own name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as file:  # type: ignore[call-overload]
        for info in infos:
            text = info.name.encode() if info.isreg() else b""
            info.size = len(text)
            file.addfile(info, io.BytesIO(text))
    buffer.seek(0)
    return buffer


def entry(name: str, kind: bytes = tarfile.REGTYPE, to: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, to, mode
    return info


def zipped(members: dict[str, str], links: dict[str, str] | None = None) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o100755 if name.endswith(".sh") else 0o100644) << 16
            file.writestr(info, text)
        for name, text in (links or {}).items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o120777 << 16
            file.writestr(info, text)
    buffer.seek(0)
    return buffer


def tree(folder: Path) -> dict[str, str]:
    """Return every file and link of FOLDER with what it holds or points to."""
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_text()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
def test_a_tar_loses_the_single_folder_at_its_top(tmp_path: Path, mode: str) -> None:
    files = [entry("./"), entry("./shop-1.2/", tarfile.DIRTYPE), entry("./shop-1.2/app.py"), entry("./shop-1.2/a/b")]
    files[0].type = tarfile.DIRTYPE
    unpack(tar(*files, mode=mode), tmp_path, foreign=True)
    assert tree(tmp_path) == {"app.py": "./shop-1.2/app.py", "a/b": "./shop-1.2/a/b"}


def test_a_zip_keeps_what_may_be_run_and_its_links(tmp_path: Path) -> None:
    unpack(zipped({"x/run.sh": "r", "x/app.py": "a"}, {"x/latest": "app.py"}), tmp_path, foreign=True)
    assert tree(tmp_path) == {"run.sh": "r", "app.py": "a", "latest": "app.py"}
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("run.sh", "app.py")]
    assert modes == [0o750, 0o640]


def test_what_macos_adds_is_left_out(tmp_path: Path) -> None:
    names = ["shop/app.py", "shop/.DS_Store", "shop/._app.py", "__MACOSX/shop/._app.py", "shop/._own"]
    unpack(zipped(dict.fromkeys(names, "x"), {}), tmp_path / "zip", foreign=True)
    assert set(tree(tmp_path / "zip")) == {"app.py", "._own"}
    unpack(tar(entry("._shop"), entry("shop/", tarfile.DIRTYPE), entry("shop/app.py")), tmp_path / "tar", foreign=True)
    assert set(tree(tmp_path / "tar")) == {"app.py"}


def test_two_folders_at_the_top_stay(tmp_path: Path) -> None:
    unpack(tar(entry("web/app.py"), entry("docs/x")), tmp_path, foreign=True)
    assert set(tree(tmp_path)) == {"web/app.py", "docs/x"}


def test_a_subfolder_counts_from_below_the_top(tmp_path: Path) -> None:
    unpack(tar(entry("shop-1/web/app.py"), entry("shop-1/x")), tmp_path, "web", foreign=True)
    assert tree(tmp_path) == {"app.py": "shop-1/web/app.py"}
    with pytest.raises(ReleaseError, match="'subfolder' is 'api', but the source has no such folder"):
        unpack(tar(entry("shop-1/web/app.py")), tmp_path, "api", foreign=True)


def test_a_hard_link_becomes_a_file_of_its_own(tmp_path: Path) -> None:
    unpack(tar(entry("s/one"), entry("s/two", tarfile.LNKTYPE, "s/one")), tmp_path, foreign=True)
    assert tree(tmp_path) == {"one": "s/one", "two": "s/one"}
    assert (tmp_path / "two").stat().st_nlink == 1


LINK = tarfile.SYMTYPE
ATTACKS = {
    "absolute": ([entry("/etc/cron.d/x")], "would end up outside"),
    "above": ([entry("a/../../x")], "would end up outside"),
    "link out": ([entry("s/a"), entry("s/out", LINK, "../../x")], "link 'out' leads out of it, to ../../x"),
    "absolute link": ([entry("s/a"), entry("s/out", LINK, "/etc/shadow")], "link 'out' leads out"),
    "link through a link": (
        [entry("s/a/b/x"), entry("s/a/b/up", LINK, "../.."), entry("s/z", LINK, "a/b/up/../..")],
        "link 'z' leads out",
    ),
    "file below a link": ([entry("s/a", LINK, "/OUT"), entry("s/a/owned")], "contains 'a' twice, once as a link"),
    "link below a link": ([entry("s/a", LINK, "/OUT"), entry("s/a/owned", LINK, "x")], "'a/owned', which is below a link"),
    "hard link out": ([entry("s/a"), entry("s/b", tarfile.LNKTYPE, "/etc/shadow")], "is neither a tar nor a zip, or is damaged"),
    "device": ([entry("s/null", tarfile.CHRTYPE)], "neither a file nor a folder nor a link"),
    "pipe": ([entry("s/pipe", tarfile.FIFOTYPE)], "neither a file nor a folder nor a link"),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_an_archive_can_not_reach_out_of_the_release(tmp_path: Path, name: str) -> None:
    members, message = ATTACKS[name]
    outside, folder = tmp_path / "outside", tmp_path / "release"
    outside.mkdir()
    folder.mkdir()
    for member in members:
        member.linkname = member.linkname.replace("/OUT", str(outside))
    with pytest.raises(ReleaseError, match=message):
        unpack(tar(*members), folder, foreign=True)
    assert list(outside.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside", "release"]


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\3\4 no zip", b"<html>404</html>", b"\x1f\x8b\x08 no gzip"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ReleaseError, match="is neither a tar nor a zip, or is damaged") as raised:
        unpack(io.BytesIO(content), tmp_path, foreign=True)
    assert "\n" not in str(raised.value)


def test_a_zip_with_a_password_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped({"a": "x"}).getvalue())
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):  # APPNOTE.TXT 4.3.7 and 4.3.12: the general purpose flags
        content[content.index(mark) + offset] |= 1
    with pytest.raises(ReleaseError, match="the source's archive is encrypted"):
        unpack(io.BytesIO(bytes(content)), tmp_path, foreign=True)


def test_a_pointer_of_git_lfs_is_no_file(tmp_path: Path) -> None:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n"
    with pytest.raises(
        ReleaseError, match="'logo.png' is a pointer of Git LFS instead of the file; run `git lfs pull`"
    ):
        unpack(archive(("app.py", "x"), ("logo.png", text)), tmp_path)


# ---- downloads ---------------------------------------------------------------------------------------------------


class Site(http.server.BaseHTTPRequestHandler):
    """Answers as its server's `answers` say: path -> status, headers, body."""

    def do_GET(self) -> None:
        server: Any = self.server
        server.asked.append((self.path, self.headers.get("Authorization")))
        status, headers, body = server.answers[self.path]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Any]:
    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.answers, server.asked = {}, []
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_download_has_its_name_only_when_it_is_whole(site: Any, tmp_path: Path) -> None:
    site.answers["/a.tar"] = (200, {}, b"content")
    download(f"{site.url}/a.tar", sha(b"content"), tmp_path / "kept", "")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"kept": b"content"}


BAD = {
    "another content": ((200, {}, b"other"), "has the SHA-256 d9298a10[0-9a-f]{56}, not ed7002b4"),
    "cut short": ((200, {"Content-Length": "100"}, b"cont"), "SHA-256|can't be fetched"),
    "not there": ((404, {}, b""), "can't be fetched: HTTP Error 404"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_download_that_is_not_what_was_asked_for_leaves_nothing(site: Any, tmp_path: Path, name: str) -> None:
    site.answers["/a.tar?token=t0ken"], message = BAD[name]
    address = site.url.replace("//", "//ann:pa%40ss@") + "/a.tar?token=t0ken"
    with pytest.raises(ReleaseError, match=message) as raised:
        download(address, sha(b"content"), tmp_path / "kept", "")
    assert list(tmp_path.iterdir()) == []
    assert str(raised.value).startswith(f"{site.url}/a.tar ")
    assert "t0ken" not in str(raised.value) and "ss@" not in str(raised.value)


def test_credentials_are_told_to_the_server_but_not_to_the_one_it_leads_on_to(site: Any, tmp_path: Path) -> None:
    site.answers["/a"] = (302, {"Location": f"{site.url}/b"}, b"")
    site.answers["/b"] = (200, {}, b"content")
    download(site.url.replace("//", "//ann:pa%40ss@") + "/a", sha(b"content"), tmp_path / "kept", "")
    assert site.asked == [("/a", f"Basic {base64.b64encode(b'ann:pa@ss').decode()}"), ("/b", None)]


def test_a_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"http://127\.0\.0\.1:9/a can't be fetched: .*refused"):
        download("http://127.0.0.1:9/a", sha(b""), tmp_path / "kept", "")
