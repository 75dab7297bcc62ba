# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Many files at once: each gets to its state, or everything is as it was before."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host.file_state import FilesError
from ansible_collections.slipway.flask.plugins.module_utils._host.files import FileSet
from wanted_files import absent, applied, entry, folder, link

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def picture(root: Path) -> dict[str, Any]:
    """Return everything below ROOT that a user could tell apart."""
    found: dict[str, Any] = {}
    for path in [root, *sorted(root.rglob("*"))]:
        status = path.lstat()
        kind = "link" if path.is_symlink() else "folder" if path.is_dir() else "file"
        what = os.readlink(path) if kind == "link" else path.read_bytes() if kind == "file" else ""
        bits = 0 if kind == "link" else stat.S_IMODE(status.st_mode)
        found[str(path.relative_to(root))] = (kind, what, bits, status.st_uid, status.st_gid)
    return found


# ---- to its state, and no further --------------------------------------------------------------------------------


def test_files_folders_and_links_are_made_in_the_order_given(tmp_path: Path) -> None:
    files = applied(
        folder(tmp_path / "etc"),
        entry(tmp_path / "etc/a", "ä\n"),
        entry(tmp_path / "etc/secret", "s", mode="0600"),
        link(tmp_path / "b", "etc/a"),
    )
    assert files.changed == [str(tmp_path / name) for name in ("etc", "etc/a", "etc/secret", "b")]
    assert (tmp_path / "b").read_text() == "ä\n"
    assert [mode(tmp_path / name) for name in ("etc", "etc/a", "etc/secret")] == [0o755, 0o644, 0o600]


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        applied(folder(tmp_path / "d", mode="0775"), entry(tmp_path / "d/f", mode="0664"))
    finally:
        os.umask(before)
    assert (mode(tmp_path / "d"), mode(tmp_path / "d/f")) == (0o775, 0o664)


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("x")
    wanted = [
        folder(tmp_path / "d"),
        entry(tmp_path / "d/f"),
        link(tmp_path / "l", "d/f"),
        absent(tmp_path / "old"),
        entry(tmp_path / "empty", ""),
    ]
    applied(*wanted)
    inode = (tmp_path / "d/f").stat().st_ino
    again = applied(*wanted)
    assert (again.changed, again.diffs) == ([], [])
    assert (tmp_path / "d/f").stat().st_ino == inode


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"content": "other\n"}, "content"),
        ({"mode": "0600"}, "mode"),
        ({"content": "new"}, "the last newline"),
    ],
)
def test_a_change_of_any_one_thing_is_made(tmp_path: Path, change: dict[str, str], what: str) -> None:
    applied(entry(tmp_path / "f"))
    wanted = entry(tmp_path / "f", **change)
    assert applied(wanted).changed == [str(tmp_path / "f")], what
    assert ((tmp_path / "f").read_text(), mode(tmp_path / "f")) == (wanted.content, wanted.bits)


@needs_root
def test_a_change_of_owner_or_group_is_made(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    group = grp.getgrgid(nobody.pw_gid).gr_name
    applied(entry(tmp_path / "f"), folder(tmp_path / "d"))
    files = applied(entry(tmp_path / "f", owner="nobody"), folder(tmp_path / "d", group=group))
    assert len(files.changed) == 2
    assert ((tmp_path / "f").stat().st_uid, (tmp_path / "d").stat().st_gid) == (nobody.pw_uid, nobody.pw_gid)


def test_a_folders_mode_is_changed_and_what_is_in_it_kept(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir(mode=0o755)
    (tmp_path / "d/f").write_text("mine")
    assert applied(folder(tmp_path / "d", mode="0750")).changed == [str(tmp_path / "d")]
    assert (mode(tmp_path / "d"), (tmp_path / "d/f").read_text()) == (0o750, "mine")


def test_a_link_to_a_folder_will_do_for_a_folder(tmp_path: Path) -> None:
    applied(folder(tmp_path / "real"), link(tmp_path / "d", "real"))
    assert applied(folder(tmp_path / "d")).changed == []
    assert (tmp_path / "d").is_symlink()


def test_a_link_is_turned_to_another_target_and_replaces_a_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    (tmp_path / "l").symlink_to("old")
    files = applied(link(tmp_path / "l", "new"), link(tmp_path / "f", "new"))
    assert len(files.changed) == 2
    assert (os.readlink(tmp_path / "l"), os.readlink(tmp_path / "f")) == ("new", "new")


def test_a_file_replaces_a_link_and_leaves_its_target_alone(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("mine")
    (tmp_path / "f").symlink_to("target")
    applied(entry(tmp_path / "f"))
    assert not (tmp_path / "f").is_symlink()
    assert ((tmp_path / "f").read_text(), (tmp_path / "target").read_text()) == ("new\n", "mine")


def test_a_dangling_link_is_removed_too(tmp_path: Path) -> None:
    (tmp_path / "l").symlink_to("nowhere")
    assert applied(absent(tmp_path / "l"), absent(tmp_path / "never")).changed == [str(tmp_path / "l")]
    assert list(tmp_path.iterdir()) == []


def test_a_reader_never_sees_a_half_written_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").write_text("old")
    seen: list[str] = []
    replace = os.replace

    def watch(source: str, target: Path) -> None:
        seen.extend([(tmp_path / "f").read_text(), Path(source).read_text(), oct(mode(Path(source)))])
        replace(source, target)

    monkeypatch.setattr(os, "replace", watch)
    applied(entry(tmp_path / "f", "new", mode="0600"))
    assert seen == ["old", "new", "0o600"]
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


# ---- what can't be done ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "wanted", "message"),
    [
        ("folder", lambda path: entry(path), "is a folder, but must be a file"),
        ("folder", lambda path: link(path, "x"), "is a folder, but must be a link"),
        ("folder", lambda path: absent(path), "is a folder: only files and links are removed"),
        ("file", lambda path: folder(path), "is a file, but must be a folder"),
        ("dangling link", lambda path: folder(path), "is a link, but must be a folder"),
        ("socket", lambda path: entry(path), "is neither a file, a folder nor a link"),
        ("nothing", lambda path: entry(path, owner="no-such-user"), "there is no user 'no-such-user' on the host"),
        ("nothing", lambda path: entry(path, group="no-such-group"), "there is no group 'no-such-group' on the host"),
        ("nothing", lambda path: entry(path / "below"), "No such file or directory"),
        ("file", lambda path: entry(path / "below"), "Not a directory"),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_can_not_be_done_names_the_path_and_undoes_the_rest(
    tmp_path: Path, make: str, wanted: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path has to be short
    path = tmp_path / "x"
    if make == "folder":
        path.mkdir()
    elif make == "file":
        path.write_text("mine")
    elif make == "dangling link":
        path.symlink_to("nowhere")
    elif make == "socket":
        socket.socket(socket.AF_UNIX).bind("x")
    (tmp_path / "first").write_text("old")
    before = {path.name: path.lstat().st_mode for path in tmp_path.iterdir()}
    files = FileSet()
    with pytest.raises(FilesError, match=message) as raised:
        files.apply([entry(tmp_path / "first"), folder(tmp_path / "second"), wanted(path)])
    assert str(wanted(path).dest) in str(raised.value)
    assert (tmp_path / "first").read_text() == "old"
    assert {path.name: path.lstat().st_mode for path in tmp_path.iterdir()} == before
    assert files.changed == []


def test_a_full_disk_leaves_no_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "f").write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FilesError, match=f"{tmp_path}/g: No space left on device"):
        applied(entry(tmp_path / "g"))
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


# ---- validate ----------------------------------------------------------------------------------------------------

REFUSE = [sys.executable, "-c", "import sys; print('out'); sys.exit('line 3: unknown directive')"]
ACCEPT = ["true"]


def test_a_refused_change_leaves_everything_exactly_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir(mode=0o711)
    (tmp_path / "d/f").write_bytes(b"\xff\x00old")
    (tmp_path / "d/f").chmod(0o640)
    (tmp_path / "same").write_text("new\n")
    (tmp_path / "was-link").symlink_to("d/f")
    (tmp_path / "turned").symlink_to("d")
    (tmp_path / "becomes-link").write_text("file")
    (tmp_path / "goes").write_text("x")
    (tmp_path / "goes-too").symlink_to("nowhere")
    (tmp_path / "pruned.conf").write_text("x")
    (tmp_path / "other").mkdir(mode=0o755)
    (tmp_path / "through").symlink_to("other")
    before = picture(tmp_path)
    files = applied(
        folder(tmp_path / "d", mode="0750"),
        folder(tmp_path / "through", mode="0700"),
        entry(tmp_path / "d/f"),
        entry(tmp_path / "same"),
        entry(tmp_path / "was-link"),
        link(tmp_path / "turned", "elsewhere"),
        link(tmp_path / "becomes-link", "d/f"),
        absent(tmp_path / "goes"),
        absent(tmp_path / "goes-too"),
        folder(tmp_path / "made"),
        folder(tmp_path / "made/deep"),
        entry(tmp_path / "made/deep/f"),
        link(tmp_path / "made/l", "deep"),
    )
    files.prune(str(tmp_path), "*.conf", set())
    assert picture(tmp_path) != before
    with pytest.raises(FilesError) as raised:
        files.validate(REFUSE)
    assert picture(tmp_path) == before
    assert files.changed == []
    assert "rejected the new files, so the old ones were restored" in str(raised.value)
    assert str(raised.value).endswith("line 3: unknown directive")


@needs_root
def test_a_refused_change_gives_files_back_to_their_owners(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old")
    (tmp_path / "d").mkdir()
    for name in ("f", "d"):
        os.chown(tmp_path / name, 4242, 4343)
    before = picture(tmp_path)
    files = applied(entry(tmp_path / "f"), folder(tmp_path / "d"))
    with pytest.raises(FilesError):
        files.validate(REFUSE)
    assert picture(tmp_path) == before


def test_what_the_check_itself_left_behind_does_not_keep_the_rest_from_coming_back(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old")
    files = applied(entry(tmp_path / "f"), folder(tmp_path / "d"))
    with pytest.raises(FilesError, match="rejected the new files") as raised:
        files.validate(["sh", "-c", f"touch {tmp_path}/d/cache; exit 1"])
    assert (tmp_path / "f").read_text() == "old"
    assert f"{tmp_path}/d: Directory not empty" in str(raised.value)


def test_an_accepted_change_stays(tmp_path: Path) -> None:
    files = applied(entry(tmp_path / "f"))
    files.validate(ACCEPT)
    assert (files.changed, (tmp_path / "f").read_text()) == ([str(tmp_path / "f")], "new\n")


def test_the_check_sees_the_new_files(tmp_path: Path) -> None:
    applied(entry(tmp_path / "f")).validate(["grep", "-q", "new", str(tmp_path / "f")])
    assert (tmp_path / "f").exists()


def test_a_check_that_does_not_exist_is_told_and_undone(tmp_path: Path) -> None:
    files = applied(entry(tmp_path / "f"))
    with pytest.raises(FilesError, match="no-such-command"):
        files.validate(["no-such-command"])
    assert not (tmp_path / "f").exists()


def test_nothing_is_checked_when_nothing_changed(tmp_path: Path) -> None:
    applied(entry(tmp_path / "f"))
    applied(entry(tmp_path / "f")).validate(["touch", str(tmp_path / "ran")])
    assert not (tmp_path / "ran").exists()


# ---- prune -------------------------------------------------------------------------------------------------------


def test_only_matching_files_that_are_not_wanted_are_pruned(tmp_path: Path) -> None:
    for name in ("keep.conf", "go.conf", "other.txt", "sub.conf/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "link.conf").symlink_to("nowhere")
    files = FileSet()
    files.prune(str(tmp_path), "*.conf", {str(tmp_path / "keep.conf")})
    assert files.changed == [str(tmp_path / name) for name in ("go.conf", "link.conf")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keep.conf", "other.txt", "sub.conf"]


def test_a_wanted_file_is_kept_however_its_path_is_written(tmp_path: Path) -> None:
    files = applied(entry(Path(f"{tmp_path}/f.conf")))
    files.prune(f"{tmp_path}/", "*.conf", {f"{tmp_path}//f.conf"})
    assert (tmp_path / "f.conf").exists()


def test_a_folder_that_is_not_there_has_nothing_to_prune(tmp_path: Path) -> None:
    files = FileSet()
    files.prune(str(tmp_path / "none"), "*", set())
    assert files.changed == []


def test_what_can_not_be_pruned_undoes_the_rest(tmp_path: Path) -> None:
    files = applied(entry(tmp_path / "f"))
    os.mkfifo(tmp_path / "pipe.conf")
    with pytest.raises(FilesError, match="pipe.conf is neither a file, a folder nor a link"):
        files.prune(str(tmp_path), "*.conf", set())
    assert [path.name for path in tmp_path.iterdir()] == ["pipe.conf"]


# ---- check mode and diff -----------------------------------------------------------------------------------------


def test_check_mode_tells_the_same_changes_and_makes_none(tmp_path: Path) -> None:
    for name in ("f", "goes", "a.conf"):
        (tmp_path / name).write_text("old")
    before = picture(tmp_path)
    wanted = [entry(tmp_path / "f"), folder(tmp_path / "d"), entry(tmp_path / "d/f"), absent(tmp_path / "goes")]
    pretended, real = FileSet(check=True), FileSet()
    for files in (pretended, real):
        files.apply(wanted)
        files.prune(str(tmp_path), "*.conf", set())
        if files is pretended:
            files.validate(["touch", str(tmp_path / "ran")])
            assert picture(tmp_path) == before
    assert pretended.changed == real.changed == [str(tmp_path / name) for name in ("f", "d", "d/f", "goes", "a.conf")]
    assert pretended.diffs == real.diffs


def test_check_mode_bears_a_user_that_was_only_pretended(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("new\n")
    files = applied(entry(tmp_path / "f", owner="not-yet"), folder(tmp_path / "d", group="not-yet"), check=True)
    assert len(files.changed) == 2
