# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's source on the controller: what is refused, and what travels."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils import _apps, _source

Write = Callable[..., Path]


GIT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
ANN = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]


@pytest.fixture(autouse=True)
def plain_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests (a hook's GIT_DIR, an ignore file) out of them."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name, value in GIT.items():
        monkeypatch.setenv(name, value)


def write_files(root: Path, contents: dict[str, str] | None = None) -> Path:
    """Write files (path -> text) below ROOT and return it."""
    for name, text in (contents or {"app.py": "app = 1\n", "requirements.txt": "flask\n"}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes files into the app's folder and returns it."""
    return lambda contents=None, folder="app": write_files(tmp_path / folder, contents)


def git(folder: Path, *arguments: str) -> str:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | GIT
    command = ["git", *ANN, "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=plain).stdout.strip()


def commit(folder: Path) -> str:
    """Commit all of FOLDER, a repository from now on, and return the commit."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=x")
    return git(folder, "rev-parse", "HEAD")


def members(archive: _source.Archive) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(archive.content)) as tar:
        return {member.name: member for member in tar.getmembers()}


# ---- what travels ------------------------------------------------------------------------------------------------


def test_the_same_files_make_the_same_archive_to_the_byte(write: Write) -> None:
    first = _source.pack(write(folder="one"))
    other = write(folder="two")
    for path in other.iterdir():
        os.utime(path, (1, 1))
        path.chmod(0o600)
    assert _source.pack(other) == first
    assert first.content[4:8] == b"\0\0\0\0", "no time in the gzip header"


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
    before = _source.pack(folder).key
    change(folder)
    assert _source.pack(folder).key != before


def test_an_archive_tells_neither_who_packed_it_nor_when(write: Write) -> None:
    for member in members(_source.pack(write())).values():
        assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (0, 0, "", "", 0)


def test_executables_and_links_stay_what_they_are(write: Write) -> None:
    folder = write({"run.sh": "#!/bin/sh\n", "data/x": "x"})
    (folder / "run.sh").chmod(0o755)
    (folder / "latest").symlink_to("data")
    (folder / "outside").symlink_to("/nowhere")
    found = members(_source.pack(folder))
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
        "venv/x", "node_modules/a/b.js", "pkg/.mypy_cache/x", ".git/HEAD",
    ]  # fmt: skip
    folder = write(dict.fromkeys(names, "x"))
    archive = _source.pack(folder)
    assert list(members(archive)) == [".env.example", "app.py", "pkg/mod.py"]
    assert (archive.revision, archive.dirty) == (archive.key, False)


def test_a_machine_without_git_packs_the_same_files(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write()
    commit(folder)
    with_git = _source.pack(folder)
    monkeypatch.setenv("PATH", "/nonexistent")
    without = _source.pack(folder)
    assert (without.content, without.key) == (with_git.content, with_git.key)
    assert without.revision == without.key


def test_what_git_ignores_stays_here_and_what_it_does_not_know_yet_travels(write: Write) -> None:
    folder = write({".gitignore": "*.log\n/build/\n", "app.py": "x", "a.log": "x", "build/x": "x", "kept.log": "x"})
    git(folder, "init", "--quiet")
    git(folder, "add", "--force", "kept.log", ".gitignore")
    assert list(members(_source.pack(folder))) == [".gitignore", "app.py", "kept.log"]


def test_an_environment_that_nobody_told_git_to_ignore_stays_here(write: Write) -> None:
    folder = write()
    commit(folder)
    write({".venv/bin/python": "x", "pkg/__pycache__/a.pyc": "x", "node_modules/a.js": "x", "new.py": "x"})
    assert list(members(_source.pack(folder))) == ["app.py", "new.py", "requirements.txt"]


def test_what_is_committed_travels_whatever_it_is_called(write: Write) -> None:
    folder = write({"venv/__init__.py": "", "app.py": ""})
    commit(folder)
    assert list(members(_source.pack(folder))) == ["app.py", "venv/__init__.py"]


def test_a_file_deleted_but_not_committed_is_left_out(write: Write) -> None:
    folder = write()
    commit(folder)
    (folder / "app.py").unlink()
    archive = _source.pack(folder)
    assert (list(members(archive)), archive.dirty) == (["requirements.txt"], True)


def test_the_files_of_a_submodule_travel_too(write: Write, tmp_path: Path) -> None:
    library = write({"lib.py": "x"}, "library")
    commit(library)
    folder = write()
    git(folder, "init", "--quiet")
    git(folder, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "vendor/library")
    commit(folder)
    assert "vendor/library/lib.py" in members(_source.pack(folder))


def test_a_subfolder_of_a_repository_travels_alone(write: Write) -> None:
    folder = write({"shop/app.py": "x", "README.md": "x"})
    head = commit(folder)
    archive = _source.pack(folder / "shop")
    assert (list(members(archive)), archive.revision, archive.dirty) == (["app.py"], head, False)
    (folder / "README.md").write_text("changed, but beside the app")
    assert not _source.pack(folder / "shop").dirty


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
    archive = _source.pack(folder)
    assert (archive.revision, archive.dirty) == (head, dirty)


def test_names_that_are_not_utf_8_or_hold_a_newline_travel(write: Write) -> None:
    folder = write({"a\nb.txt": "x"})
    with open(os.fsencode(folder) + b"/caf\xe9.txt", "wb") as file:
        file.write(b"x")
    commit(folder)
    assert set(members(_source.pack(folder))) == {"a\nb.txt", "caf\udce9.txt"}


def test_a_pipe_in_the_source_does_not_hang_the_deploy(write: Write) -> None:
    folder = write()
    os.mkfifo(folder / "pipe")
    assert "pipe" not in members(_source.pack(folder))


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_a_folder_without_files_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(_source.SourceError, match="holds no files"):
        _source.pack(tmp_path / name)


# ---- what is refused ---------------------------------------------------------------------------------------------


def app(**changes: Any) -> dict[str, Any]:
    whole = {"name": "shop", "domains": ["a.example.com"], "source": {"path": "app"}, "wsgi": "a:b", **changes}
    return _apps.normalise(whole)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, None),
        ({"source": {"path": "nowhere"}}, "the source folder 'nowhere' does not exist (looked at {base}/nowhere)"),
        (
            {"source": {"path": "app/app.py"}},
            "the source folder 'app/app.py' does not exist (looked at {base}/app/app.py)",
        ),
        ({"subfolder": "web"}, "'subfolder' is 'web', but the source has no such folder (looked at {base}/app/web)"),
        (
            {"requirements": ["requirements.txt", "prod.txt"]},
            "'prod.txt' in 'requirements' does not exist in the source (looked at {base}/app/prod.txt)",
        ),
        (
            {"subfolder": "bare"},
            "the source has none of requirements.txt, pyproject.toml, setup.py (looked in {base}/app/bare); "
            "name its list in 'requirements'",
        ),
        ({"subfolder": "bare", "requirements": ["list.txt"]}, None),
        (
            {"certificate_file": "a.pem"},
            "'certificate_file' is 'a.pem', but there is no such file (looked at {base}/a.pem)",
        ),
        (
            {"source": {"git": "REPOSITORY"}, "certificate_key_file": "/etc/a.key"},
            "'certificate_key_file' is '/etc/a.key', but there is no such file (looked at /etc/a.key)",
        ),
    ],
)
def test_what_the_source_lacks_is_told_with_the_place_that_was_looked_at(
    write: Write, tmp_path: Path, changes: dict[str, Any], message: str | None
) -> None:
    commit(write())
    write({"bare/list.txt": "flask\n"})
    if "git" in changes.get("source", {}):
        changes = {**changes, "source": {"git": str(tmp_path / "app")}}
    expected = [message.format(base=tmp_path)] if message else []
    assert _source.problems(app(**changes), tmp_path) == expected


def test_a_path_counts_from_the_inventory_from_home_or_from_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    for path, folder in (
        ("../shop", tmp_path.parent / "shop"),
        ("~/shop", Path("/home/ann/shop")),
        ("/opt/shop", Path("/opt/shop")),
    ):
        assert _source.folder_of(app(source={"path": path}), tmp_path) == folder


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A bare repository with a branch, a branch with a slash, a light and an annotated tag."""
    tmp_path = tmp_path_factory.mktemp("repository")
    folder = write_files(tmp_path / "app")
    commit(folder)
    git(folder, "branch", "feature/cart")
    git(folder, "tag", "v1")
    git(folder, "tag", "--annotate", "--message=x", "v2")
    git(tmp_path, "clone", "--quiet", "--bare", str(folder), "bare.git")
    return str(tmp_path / "bare.git")


@pytest.mark.parametrize(
    "version",
    ["HEAD", "main", "feature/cart", "v1", "v2", "refs/heads/main", "refs/tags/v1", "1234567", "a" * 40],
)
def test_a_version_that_exists_or_may_be_a_commit_is_let_through(repository: str, version: str) -> None:
    assert _source.problems(app(source={"git": repository, "version": version}), Path("/")) == []


@pytest.mark.parametrize("version", ["master", "feature", "v3", "cart", "123456", ""])
def test_a_version_that_does_not_exist_is_refused(repository: str, version: str) -> None:
    (found,) = _source.problems(app(source={"git": repository, "version": version}), Path("/"))
    assert found == f"the repository {repository} has no branch or tag '{version}'"


def test_a_repository_that_only_the_host_may_read_is_left_to_the_host(tmp_path: Path) -> None:
    assert _source.git_problems({"git": str(tmp_path / "private.git"), "version": "main"}) == []


def test_a_repository_is_no_way_to_smuggle_in_an_option(tmp_path: Path) -> None:
    assert _source.git_problems({"git": f"--upload-pack=touch {tmp_path}/owned;", "version": "main"}) == []
    assert not (tmp_path / "owned").exists()


def test_a_password_is_never_asked_for_and_a_slow_server_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "git"
    fake.write_text(f'#!/bin/sh\necho "$GIT_TERMINAL_PROMPT $GIT_SSH_COMMAND" >{tmp_path}/seen\nexec sleep 30\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(_source, "GIT_SECONDS", 0.3)
    started = time.monotonic()
    assert _source.git_problems({"git": "https://example.com/a.git", "version": "main"}) == []
    assert time.monotonic() - started < 5
    assert (tmp_path / "seen").read_text() == "0 ssh -o BatchMode=yes\n"


def test_a_token_in_the_url_is_not_shown(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "git"
    fake.write_text("#!/bin/sh\nprintf 'aaaa\\trefs/heads/main\\n'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (found,) = _source.git_problems({"git": "https://ann:t0ken@example.com/a.git", "version": "v9"})
    assert found == "the repository https://********@example.com/a.git has no branch or tag 'v9'"
