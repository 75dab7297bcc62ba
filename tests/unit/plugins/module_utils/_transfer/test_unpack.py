# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Foreign archives: what lands on the disk, and what is refused."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._transfer import unpack
from ansible_collections.slipway.flask.plugins.module_utils._transfer.statements import DumpError


def entry(
    name: str, kind: bytes = tarfile.REGTYPE, target: str = "", content: bytes = b"", mode: int = 0o644
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode, info.mtime = kind, target, len(content), mode, 1_700_000_000
    return info, content


def tar(path: Path, *entries: tuple[tarfile.TarInfo, bytes], how: str = "w") -> Path:
    with tarfile.open(path, how) as archive:  # type: ignore[call-overload]
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return path


def opened(archive: Path, into: Path, room: Callable[[int], None] = lambda octets: None) -> unpack.Done:
    return unpack.unpack(archive, into, "uploads", os.getuid(), os.getgid(), room)


def tree(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        kind = "link" if path.is_symlink() else "folder" if path.is_dir() else "file"
        found[str(path.relative_to(folder))] = kind if kind == "link" else f"{kind} {stat.S_IMODE(about.st_mode):04o}"
    return found


@pytest.mark.parametrize("how", ["w", "w:gz", "w:xz", "w:bz2"])
def test_a_tar_lands_with_our_modes_and_its_times(tmp_path: Path, how: str) -> None:
    entries = [
        entry("./", tarfile.DIRTYPE),
        entry("./a", content=b"1", mode=0o6777),
        entry("./b/c", content=b"22"),
        entry("./l", tarfile.SYMTYPE, "b/c"),
    ]
    archive = tar(tmp_path / "a.tar", *entries, how=how)
    done = opened(archive, tmp_path / "new")
    assert (done.files, done.octets, done.top) == (2, 3, 3)
    assert tree(tmp_path / "new") == {"a": "file 0640", "b": "folder 0750", "b/c": "file 0640", "l": "link"}
    assert (tmp_path / "new/a").stat().st_mtime == 1_700_000_000


def test_the_folder_of_its_own_name_that_all_is_in_is_left_away(tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tar", entry("uploads/a", content=b"1"), entry("uploads/uploads/b"))
    opened(archive, tmp_path / "new")
    assert tree(tmp_path / "new") == {"a": "file 0640", "uploads": "folder 0750", "uploads/b": "file 0640"}


def test_another_name_of_a_file_is_the_same_file(tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tar", entry("a", content=b"1"), entry("d/b", tarfile.LNKTYPE, "a"))
    opened(archive, tmp_path / "new")
    assert (tmp_path / "new/d/b").read_bytes() == b"1"


def test_a_zip_lands_without_what_macos_adds(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("uploads/a.jpg", "__MACOSX/uploads/._a.jpg", "uploads/.DS_Store"):
            archive.writestr(name, b"x")
    opened(tmp_path / "a.zip", tmp_path / "new")
    assert tree(tmp_path / "new") == {"a.jpg": "file 0640"}


HOSTILE = {
    "an absolute path": [entry("/etc/cron.d/x", content=b"x")],
    "a path that goes up": [entry("a/../../x", content=b"x")],
    "a link to an absolute path": [entry("l", tarfile.SYMTYPE, "/etc/shadow")],
    "a link that goes up": [entry("d/l", tarfile.SYMTYPE, "../../x")],
    "a link through a link": [entry("d/e/l", tarfile.SYMTYPE, "../.."), entry("m", tarfile.SYMTYPE, "d/e/l/..")],
    "another name of a file outside": [entry("h", tarfile.LNKTYPE, "/etc/shadow")],
    "another name of a file above": [entry("h", tarfile.LNKTYPE, "../a.tar")],
    "another name of nothing": [entry("h", tarfile.LNKTYPE, "gone")],
    "a device": [entry("sda", tarfile.BLKTYPE)],
    "a character device": [entry("null", tarfile.CHRTYPE)],
    "a pipe": [entry("p", tarfile.FIFOTYPE)],
    "a file below a link": [entry("l", tarfile.SYMTYPE, "."), entry("l/x", content=b"x")],
    "a file below a file": [entry("a", content=b"x"), entry("a/b", content=b"x")],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_would_land_elsewhere_or_is_no_file_is_refused(name: str, tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tar", *HOSTILE[name])
    around = {*tmp_path.iterdir()}
    with pytest.raises(DumpError):
        opened(archive, tmp_path / "new")
    assert {*tmp_path.iterdir()} - around == {tmp_path / "new"}


@pytest.mark.parametrize(
    ("content", "said"), [(b"hello", "neither a tar"), (b"\x1f\x8b\x08broken", "damaged"), (b"", "neither")]
)
def test_what_is_no_archive_is_named(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DumpError, match=said):
        opened(tmp_path / "a", tmp_path / "new")


def test_a_tar_that_is_cut_off_is_named(tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tar", entry("a", content=b"1" * 100_000))
    archive.write_bytes(archive.read_bytes()[:50_000])
    with pytest.raises(DumpError, match="truncated"):
        opened(archive, tmp_path / "new")


def test_nothing_is_written_where_there_is_no_room(tmp_path: Path) -> None:
    def full(octets: int) -> None:
        raise DumpError("no room")

    with pytest.raises(DumpError, match="no room"):
        opened(tar(tmp_path / "a.tar", entry("a", content=b"1")), tmp_path / "new", full)
    assert (tmp_path / "new/a").stat().st_size == 0
