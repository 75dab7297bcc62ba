# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A folder's fingerprint: whatever is changed in it shows, and what its reader may be given does not."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import seal


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """Return a folder with a bit of everything, sealed beside it."""
    folder = tmp_path / "src"
    (folder / "app/__pycache__").mkdir(parents=True)
    for name, text in (
        ("app/views.py", "print('hello')\n"),
        ("app/__pycache__/views.cpython-313.pyc", "x"),
        ("run.sh", "#!/bin/sh\n"),
    ):
        (folder / name).write_text(text)
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("app/views.py")
    seal.write(tmp_path / seal.NAME, seal.take(folder))
    return folder


def checked(folder: Path) -> seal.Broken:
    found = seal.check(folder, folder.parent / seal.NAME)
    assert found is not None
    return found


def test_what_nobody_touched_is_whole_and_its_seal_is_for_its_owner_alone(code: Path) -> None:
    found = checked(code)
    assert (bool(found), found.said(), found.files) == (False, "", 4)
    assert stat.S_IMODE((code.parent / seal.NAME).stat().st_mode) == 0o600


def flip(path: Path) -> None:
    """Change one bit, and nothing that stat(2) shows."""
    about, data = path.stat(), bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(bytes(data))
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def replace(path: Path, by: Callable[[Path], object]) -> None:
    path.unlink()
    by(path)


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a bit that rots": (lambda src: flip(src / "app/views.py"), "changed content: app/views.py"),
    "compiled code": (lambda src: flip(src / "app/__pycache__/views.cpython-313.pyc"),
                      "changed content: app/__pycache__/views.cpython-313.pyc"),
    "a file more": (lambda src: (src / "app/shell.py").write_text(""), "added: app/shell.py"),
    "compiled code more": (lambda src: (src / "app/__pycache__/os.pyc").write_text(""), "added: app/__pycache__/os.pyc"),
    "an empty folder more": (lambda src: (src / "new").mkdir(), "added: new"),
    "a file less": (lambda src: (src / "run.sh").unlink(), "gone: run.sh"),
    "a link that leads elsewhere": (lambda src: replace(src / "link", lambda path: path.symlink_to("/etc/passwd")),
                                    "changed content: link"),
    "a link in place of a file": (lambda src: replace(src / "run.sh", lambda path: path.symlink_to("app/views.py")),
                                  "changed content: run.sh"),
    "a pipe in place of a file": (lambda src: replace(src / "run.sh", os.mkfifo), "changed content: run.sh"),
    "writing by everybody": (lambda src: (src / "app/views.py").chmod(0o666), "changed owner or mode: app/views.py"),
    "another user's rights": (lambda src: (src / "run.sh").chmod(0o4755), "changed owner or mode: run.sh"),
    "a program that isn't one": (lambda src: (src / "run.sh").chmod(0o644), "changed owner or mode: run.sh"),
    "a folder that all may write": (lambda src: (src / "app").chmod(0o777), "changed owner or mode: app"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "said"), CHANGES.values(), ids=list(CHANGES))
def test_each_change_is_named(code: Path, change: Callable[[Path], object], said: str) -> None:
    change(code)
    assert checked(code).said() == said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_that_is_given_away_is_named_and_what_an_owner_does_with_its_own_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "src"
    folder.mkdir()
    for name in ("roots", "apps"):
        (folder / name).write_text("x")
    os.chown(folder / "apps", 1234, 1234)
    seal.write(tmp_path / seal.NAME, seal.take(folder))
    (folder / "apps").write_text("the app may do that")
    assert not checked(folder)
    (folder / "link").symlink_to("roots")
    seal.write(tmp_path / seal.NAME, seal.take(folder))
    os.chown(folder / "link", 1234, 1234, follow_symlinks=False)
    assert not checked(folder)
    os.chown(folder / "roots", 1234, 1234)
    assert checked(folder).said() == "changed owner or mode: roots"


def test_who_may_read_it_may_change(code: Path) -> None:
    """The web server is let in after the release is built."""
    (code / "app/views.py").chmod(0o640)
    (code / "app").chmod(0o711)
    assert not checked(code)


def test_names_that_are_no_text_are_sealed_and_many_are_cut_short(tmp_path: Path) -> None:
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / os.fsdecode(b"caf\xe9")).write_text("x")
    seal.write(tmp_path / seal.NAME, seal.take(folder))
    assert not checked(folder)
    for number in range(7):
        (folder / f"{number}\n").write_text("")
    assert checked(folder).said() == r"added: 0\n, 1\n, 2\n, 3\n, 4\n and 2 more"


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"entries": 1, "skip": []}', '{"skip": []}'])
def test_without_a_seal_nothing_is_said(code: Path, text: str | None) -> None:
    file = code.parent / seal.NAME
    file.unlink() if text is None else file.write_text(text)
    assert seal.check(code, file) is None


def test_a_tree_of_any_depth_is_sealed(tmp_path: Path) -> None:
    folder = tmp_path / "src"
    folder.mkdir()
    here = os.getcwd()
    try:
        os.chdir(folder)
        for _ in range(1100):
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(here)
    try:
        seal.write(tmp_path / seal.NAME, seal.take(folder))
        assert not checked(folder)
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)  # pytest itself can't
