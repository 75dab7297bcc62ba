# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A folder on the controller: what travels of it, and which revision it is."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._source import folder as source_folder
from ansible_collections.slipway.flask.plugins.plugin_utils._source.description import SourceError
from source_folders import Write, commit, git


@dataclass(frozen=True)
class Archive:
    """A packed folder with its bytes."""

    plain: bytes
    key: str
    revision: str
    dirty: bool


def pack(folder: Path, everything: bool = False) -> Archive:
    tar = folder.parent / "packed.tar"
    about = source_folder.pack(folder, tar, everything)
    return Archive(tar.read_bytes(), about.key, about.revision, about.dirty)


def members(archive: Archive) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(archive.plain)) as tar:
        return {member.name: member for member in tar.getmembers()}


def test_the_same_files_make_the_same_archive_to_the_byte(write: Write) -> None:
    first = pack(write(folder="one"))
    other = write(folder="two")
    for path in other.iterdir():
        os.utime(path, (1, 1))
        path.chmod(0o600)
    assert pack(other) == first


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "app.py").write_text("app = 2\n"),
        lambda folder: (folder / "app.py").rename(folder / "wsgi.py"),
        lambda folder: (folder / "app.py").chmod(0o755),
        lambda folder: (folder / "new").symlink_to("app.py"),
    ],
    ids=["content", "name", "executable", "link"],
)
def test_whatever_changes_the_app_changes_the_key(write: Write, change: Callable[[Path], object]) -> None:
    folder = write()
    before = pack(folder).key
    change(folder)
    assert pack(folder).key != before


def test_an_archive_tells_neither_who_packed_it_nor_when(write: Write) -> None:
    for member in members(pack(write())).values():
        assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (0, 0, "", "", 0)


def test_executables_and_links_stay_what_they_are(write: Write) -> None:
    folder = write({"run.sh": "#!/bin/sh\n", "data/x": "x"})
    (folder / "run.sh").chmod(0o755)
    (folder / "latest").symlink_to("data")
    (folder / "outside").symlink_to("/nowhere")
    found = members(pack(folder))
    assert {name: member.mode for name, member in found.items() if member.isfile()} == {
        "run.sh": 0o755,
        "data/x": 0o644,
    }
    assert {name: member.linkname for name, member in found.items() if member.issym()} == {
        "latest": "data",
        "outside": "/nowhere",
    }


def test_without_git_everything_travels_but_what_is_never_part_of_an_app(write: Write) -> None:
    names = [
        "app.py", ".env.example", "pkg/mod.py", "pkg/__pycache__/mod.pyc", "stale.pyc", ".venv/bin/python",
        "venv/x", "node_modules/a/b.js", "pkg/.mypy_cache/x",
    ]  # fmt: skip
    folder = write(dict.fromkeys(names, "x"))
    archive = pack(folder)
    assert list(members(archive)) == [".env.example", "app.py", "pkg/mod.py"]
    assert (archive.revision, archive.dirty) == (archive.key, False)


def test_a_machine_without_git_packs_the_same_files(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write()
    commit(folder)
    with_git = pack(folder)
    monkeypatch.setenv("PATH", "/nonexistent")
    without = pack(folder)
    assert (without.plain, without.key) == (with_git.plain, with_git.key)
    assert without.revision == without.key


def test_what_git_ignores_stays_here_and_what_it_does_not_know_yet_travels(write: Write) -> None:
    folder = write({".gitignore": "*.log\n/build/\n", "app.py": "x", "a.log": "x", "build/x": "x", "kept.log": "x"})
    git(folder, "init", "--quiet")
    git(folder, "add", "--force", "kept.log", ".gitignore")
    assert list(members(pack(folder))) == [".gitignore", "app.py", "kept.log"]


def test_an_environment_that_nobody_told_git_to_ignore_stays_here(write: Write) -> None:
    folder = write()
    commit(folder)
    write({".venv/bin/python": "x", "pkg/__pycache__/a.pyc": "x", "node_modules/a.js": "x", "new.py": "x"})
    assert list(members(pack(folder))) == ["app.py", "new.py", "requirements.txt"]


def test_what_is_committed_travels_whatever_it_is_called(write: Write) -> None:
    folder = write({"venv/__init__.py": "", "app.py": ""})
    commit(folder)
    assert list(members(pack(folder))) == ["app.py", "venv/__init__.py"]


def test_a_file_deleted_but_not_committed_is_left_out(write: Write) -> None:
    folder = write()
    commit(folder)
    (folder / "app.py").unlink()
    archive = pack(folder)
    assert (list(members(archive)), archive.dirty) == (["requirements.txt"], True)


def test_the_files_of_a_submodule_travel_too(write: Write, tmp_path: Path) -> None:
    library = write({"lib.py": "x"}, "library")
    commit(library)
    folder = write()
    git(folder, "init", "--quiet")
    git(folder, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "vendor/library")
    commit(folder)
    assert "vendor/library/lib.py" in members(pack(folder))


def test_a_subfolder_of_a_repository_travels_alone(write: Write) -> None:
    folder = write({"shop/app.py": "x", "README.md": "x"})
    head = commit(folder)
    archive = pack(folder / "shop")
    assert (list(members(archive)), archive.revision, archive.dirty) == (["app.py"], head, False)
    (folder / "README.md").write_text("changed, but beside the app")
    assert not pack(folder / "shop").dirty


@pytest.mark.parametrize(
    ("change", "dirty"),
    [
        (lambda folder: None, False),
        (lambda folder: (folder / "app.py").write_text("y"), True),
        (lambda folder: (folder / "new.py").write_text("y"), True),
        (lambda folder: (folder / "a.log").write_text("y"), False),
    ],
    ids=["committed", "changed", "new", "ignored"],
)
def test_the_revision_is_gits_commit_and_tells_uncommitted_changes(
    write: Write, change: Callable[[Path], object], dirty: bool
) -> None:
    folder = write({".gitignore": "*.log\n", "app.py": "x"})
    head = commit(folder)
    change(folder)
    archive = pack(folder)
    assert (archive.revision, archive.dirty) == (head, dirty)


def test_names_that_are_not_utf_8_or_hold_a_newline_travel(write: Write) -> None:
    folder = write({"a\nb.txt": "x"})
    with open(os.fsencode(folder) + b"/caf\xe9.txt", "wb") as file:
        file.write(b"x")
    commit(folder)
    assert set(members(pack(folder))) == {"a\nb.txt", "caf\udce9.txt"}


def test_a_pipe_in_the_source_does_not_hang_the_deploy(write: Write) -> None:
    folder = write()
    os.mkfifo(folder / "pipe")
    assert "pipe" not in members(pack(folder))


def test_programs_that_a_folders_own_git_names_are_not_run(write: Write, tmp_path: Path) -> None:
    folder = write()
    commit(folder)
    marker, evil = tmp_path / "ran", tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\necho $0 $* >>{marker}\n")
    evil.chmod(0o755)
    (folder / ".git/hooks").mkdir(exist_ok=True)
    for name in ("post-index-change", "fsmonitor-watchman"):
        (folder / ".git/hooks" / name).symlink_to(evil)
    for key in ("core.sshCommand", "core.pager", "diff.external", "core.fsmonitor"):
        git(folder, "config", key, str(evil))
    marker.unlink(missing_ok=True)
    (folder / "new.py").write_text("2")
    assert pack(folder).dirty
    assert not marker.exists(), marker.read_text()


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_a_folder_without_files_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="holds no files"):
        pack(tmp_path / name)


# ---- what a person decides ---------------------------------------------------------------------------------------


def test_everything_is_what_git_ignores_too_but_never_an_environment(write: Write) -> None:
    folder = write({".gitignore": "/static/\n", "app.py": "x", "static/app.css": "built"})
    head = commit(folder)
    write({".venv/x": "x"})
    assert list(members(pack(folder))) == [".gitignore", "app.py"]
    archive = pack(folder, everything=True)
    assert list(members(archive)) == [".gitignore", "app.py", "static/app.css"]
    assert (archive.revision, archive.dirty) == (head, True), "more travels than the commit has"


@pytest.mark.parametrize("kind", ["committed", "new", "everything", "no git"])
@pytest.mark.parametrize(
    ("rules", "left"),
    [
        ("*.md\n", {"app.py", "docs/logo.png", "docs/api/x.txt", "é.txt"}),
        ("/docs/\n", {"app.py", "a.md", "é.txt"}),
        ("docs/**\n!docs/logo.png\n", {"app.py", "a.md", "docs/logo.png", "é.txt"}),
        ("# nothing\n\n", {"app.py", "a.md", "docs/b.md", "docs/logo.png", "docs/api/x.txt", "é.txt"}),
        ("x.txt\né*\n", {"app.py", "a.md", "docs/b.md", "docs/logo.png"}),
    ],
)
def test_slipwayignore_leaves_out_what_gitignore_would(write: Write, kind: str, rules: str, left: set[str]) -> None:
    names = ["app.py", "a.md", "docs/b.md", "docs/logo.png", "docs/api/x.txt", "é.txt"]
    folder = write({**dict.fromkeys(names, "x"), ".slipwayignore": rules})
    if kind == "committed":
        commit(folder)
    elif kind != "no git":
        git(folder, "init", "--quiet")
    assert set(members(pack(folder, kind == "everything"))) == left | {".slipwayignore"}


def test_slipwayignore_does_not_bring_back_or_take_what_gitignore_says(write: Write) -> None:
    folder = write({".slipwayignore": "!secret.env\n", ".gitignore": "*.env\n", "secret.env": "x", "kept.env": "x"})
    git(folder, "init", "--quiet")
    git(folder, "add", "--force", "kept.env")
    assert set(members(pack(folder))) == {".slipwayignore", ".gitignore", "kept.env"}


def test_what_slipwayignore_leaves_out_makes_no_tree_dirty(write: Write) -> None:
    folder = write({".slipwayignore": "*.md\n", "app.py": "x", "a.md": "x"})
    commit(folder)
    (folder / "a.md").write_text("changed")
    (folder / "new.md").write_text("new")
    (folder / ".venv").mkdir()
    (folder / ".venv/x").write_text("never part of an app")
    assert not pack(folder).dirty
    (folder / "app.py").write_text("changed")
    assert pack(folder).dirty


def test_slipwayignore_without_git_is_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write({".slipwayignore": "*.md\n", "app.py": "x"})
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SourceError, match="slipwayignore is read by git, which is not installed here"):
        pack(folder)


def test_a_repository_that_git_refuses_is_not_taken_for_a_plain_folder(write: Write) -> None:
    """What git ignores would travel: a clone of another user's, say, where it fears dubious ownership."""
    folder = write({"app.py": "x", ".gitignore": "secret.env\n", "secret.env": "x"})
    commit(folder)
    (folder / ".git/HEAD").write_text("broken")
    with pytest.raises(SourceError, match="git can't read the repository of .*app; see what `git -C .* status` says"):
        pack(folder)


def test_a_hook_of_another_repository_does_not_lead_git_there(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    other = write({"other.py": "x"}, "other")
    commit(other)
    folder = write()
    head = commit(folder)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    archive = pack(folder)
    assert (list(members(archive)), archive.revision) == (["app.py", "requirements.txt"], head)
