# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A release from each kind of source, as its host makes it."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._release import archive
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from fake_host import FakeHost

PACKAGE = "wiki[pg]==1.2"


def tarball(**files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(f"shop-1.0/{name}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return gzip.compress(buffer.getvalue())


def web(monkeypatch: pytest.MonkeyPatch, **answers: bytes) -> list[str]:
    """Serve ANSWERS by the last part of their URLs; return the list of what is asked for."""
    asked = []

    def download(url: str, checksum: str, target: Path, ca_bundle: str) -> None:
        asked.append(url)
        content = answers[url.rsplit("/", 1)[1]]
        if hashlib.sha256(content).hexdigest() != checksum:
            raise ReleaseError("another SHA-256")
        target.write_bytes(content)

    monkeypatch.setattr(archive, "download", download)
    return asked


def test_an_archive_of_the_web_is_fetched_once_and_kept_as_long_as_its_release(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = tarball(**{"app.py": "one"})
    asked = web(monkeypatch, one=content)
    source = {"archive": "https://example.com/one", "sha256": hashlib.sha256(content).hexdigest(), "source_key": ""}
    assert host.deploy(**source).changed
    assert (host.paths.current / "src/app.py").read_text() == "one"
    assert (host.record()["revision"], host.record()["source"]) == (source["sha256"], "https://example.com/one")
    assert not host.deploy(**source).changed
    assert host.deploy(**source, wsgi="app:other").changed
    assert asked == ["https://example.com/one"]
    assert os.listdir(host.paths.sources) == [f"{source['sha256']}.archive"]


def test_what_is_fetched_is_asked_for_with_the_secrets_of_its_address(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = tarball(**{"app.py": "one"})
    asked = web(monkeypatch, **{"one?token=t0ken": content})
    secret = "https://ann:pw@example.com/one?token=t0ken"
    host.deploy(archive="https://example.com/one", secret_url=secret, sha256=hashlib.sha256(content).hexdigest())
    assert asked == [secret]
    assert "t0ken" not in host.paths.history.read_text()


def test_another_checksum_leaves_what_served(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.deploy()
    before = host.serving()
    web(monkeypatch, one=b"other")
    with pytest.raises(ReleaseError, match="another SHA-256") as raised:
        host.deploy(archive="https://example.com/one", sha256="a" * 64)
    assert raised.value.stage == "fetch"
    assert host.serving() == before


def test_an_archive_that_was_sent_loses_its_top_folder_and_keeps_its_subfolder(host: FakeHost) -> None:
    (host.folder / "upload").write_bytes(tarball(**{"web/app.py": "two", "README": "x"}))
    upload = {"archive": "shop.tgz", "source_key": "k" * 64, "revision": "k" * 64, "subfolder": "web"}
    assert host.deploy(**upload, upload=str(host.folder / "upload")).changed
    assert os.listdir(host.paths.current / "src") == ["app.py"]
    assert host.record()["source"] == "shop.tgz"


def test_a_package_shows_its_folders_where_an_apps_code_is(host: FakeHost) -> None:
    site = host.paths.environments / "env1/lib/python3.11/site-packages"
    (site / "wiki-1.2.dist-info").mkdir(parents=True)
    (site / "wiki-1.2.dist-info/RECORD").write_text("wiki/__init__.py,,\n")
    (site / "wiki").mkdir()
    (site / "wiki/app.css").write_text("css")
    (site / "wiki/__init__.py").touch()
    assert host.deploy(package=PACKAGE, files={"wiki.cfg": "x"}).changed
    src = host.paths.current / "src"
    assert sorted(os.listdir(src)) == ["wiki", "wiki.cfg"]
    assert os.readlink(src / "wiki") == "../venv/lib/python3.11/site-packages/wiki"
    assert (src / "wiki/app.css").read_text() == "css"
    record = host.record()
    assert (record["id"], record["revision"], record["source"]) == ("0001-1.2", "1.2", PACKAGE)
    assert not host.deploy(package=PACKAGE, files={"wiki.cfg": "x"}).changed
    assert host.deploy(package="wiki[pg]==1.3", files={"wiki.cfg": "x"}).changed
    with pytest.raises(ReleaseError, match="'wiki' in 'files' or 'shared_folders' is a folder of the package"):
        host.deploy(package=PACKAGE, files={"wiki/x.cfg": "x"})


def test_a_folder_of_data_of_a_package_gives_way_to_a_shared_folder(host: FakeHost) -> None:
    site = host.paths.environments / "env1/lib/python3.11/site-packages"
    for folder in ("wiki-1.2.dist-info", "wiki-assets", "uploads"):
        (site / folder).mkdir(parents=True)
    (site / "wiki-1.2.dist-info/RECORD").write_text("wiki-assets/a.css,,\nuploads/readme.txt,,\n")
    host.deploy(package=PACKAGE, shared_folders=["uploads"])
    src = host.paths.current / "src"
    assert os.readlink(src / "wiki-assets").startswith("../venv/")
    assert os.readlink(src / "uploads") == str(host.paths.shared / "uploads")


@pytest.mark.parametrize(
    "changes", [{}, {"package": PACKAGE}, {"archive": "https://example.com/a", "sha256": "a" * 64}]
)
def test_check_mode_knows_what_it_need_not_fetch(host: FakeHost, changes: dict[str, str]) -> None:
    host.deploy()
    assert host.deploy(check=True, **changes).changed is bool(changes)
