# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Requirement lists: what their lines name, seen from where, and the copies that uv is given."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._python import lists as lists


def make(folder: Path, *names: str) -> Path:
    """Make empty files below FOLDER and return it."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder.resolve()


def copied(project: Path, name: str) -> str:
    """Return the text that uv is given for the list NAME."""
    found = lists.read((project / name,), project)
    return Path(found.write((project / name,), project / "copies")[1]).read_text()


@pytest.mark.parametrize(
    ("line", "copy"),
    [
        ("-e libs/x", "-e {}/requirements/libs/x"),
        ("./libs/x", "{}/requirements/libs/x"),
        ("./libs/x[web] ; python_version > '3'", "{}/requirements/libs/x[web] ; python_version > '3'"),
        ("./x-1.0-py3-none-any.whl --hash=sha256:00", "{}/requirements/x-1.0-py3-none-any.whl --hash=sha256:00"),
        ("x-1.0-py3-none-any.whl", "{}/requirements/x-1.0-py3-none-any.whl"),
        ("x @ file:x-1.0-py3-none-any.whl", "x @ file://{}/requirements/x-1.0-py3-none-any.whl"),
        ("x @ file:./libs/x", "x @ file://{}/requirements/libs/x"),
        ("x[web]@ file:///${{PROJECT_ROOT}}/above", "x[web]@ file://{}/above"),
        ("--find-links ../wheels", "--find-links {}/wheels"),
        ("-f wheels", "-f {}/wheels"),
        ("-e .", "-e {}"),  # the list's own folder is no project
        ("./above", "{}/above"),
        ("above", "above"),  # a package's name, though a folder has it too
        ("flask==3.0 --hash=sha256:00", "flask==3.0 --hash=sha256:00"),
        ("--index-url https://index/simple", "--index-url https://index/simple"),
        ("-r https://example.org/more.txt", "-r https://example.org/more.txt"),
        ("x @ https://example.org/x-1.0.whl", "x @ https://example.org/x-1.0.whl"),
        ("./gone ; sys_platform == 'win32'", "./gone ; sys_platform == 'win32'"),
    ],
)
def test_a_path_counts_from_its_lists_folder_or_else_from_the_project(tmp_path: Path, line: str, copy: str) -> None:
    root = make(
        tmp_path, "setup.py", "requirements/libs/x/setup.py", "requirements/x-1.0-py3-none-any.whl",
        "wheels/y-1.0-py3-none-any.whl", "above/pyproject.toml",
    )  # fmt: skip
    (root / "requirements/prod.txt").write_text(line.replace("{{", "{").replace("}}", "}") + "\n")
    assert copied(root, "requirements/prod.txt") == copy.format(root) + "\n"


def test_included_lists_are_copied_with_their_own_folders(tmp_path: Path) -> None:
    root = make(tmp_path, "base/x/setup.py")
    (root / "prod.txt").write_text("-r base/all.txt\n-c base/limits.txt\nflask\n")
    (root / "base/all.txt").write_text("-e ./x\n")
    (root / "base/limits.txt").write_text("flask<4\n")
    rows = copied(root, "prod.txt").splitlines()
    assert rows[2] == "flask"
    assert [Path(row.split(" ", 1)[1]).read_text() for row in rows[:2]] == [f"-e {root}/base/x\n", "flask<4\n"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_the_encodings_that_editors_and_powershell_write(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "requirements.txt").write_bytes("flask==3.0.0\r\n# é\r\nwerkzeug\r\n".encode(encoding))
    assert copied(tmp_path, "requirements.txt") == "flask==3.0.0\nwerkzeug\n"


@pytest.mark.parametrize("line", ["./gone", "-e ./gone", "./vendor/x-1.0-py3-none-any.whl"])
def test_a_path_that_is_not_in_the_source_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "r.txt").write_text(f"{line}\n")
    with pytest.raises(
        lists.ProjectError, match=r"r\.txt names \./(gone|vendor/x-1.0-\S+), which is not in the source"
    ):
        lists.read((tmp_path / "r.txt",), tmp_path)


@pytest.mark.parametrize("how", ["an include", "a link"])
def test_a_list_does_not_show_what_only_root_may_read(tmp_path: Path, how: str) -> None:
    (tmp_path / "secret").write_text("root:$6$salt$hash\n")
    (tmp_path / "secret").chmod(0o600)
    project = make(tmp_path / "app", "requirements.txt")
    if how == "a link":
        (project / "requirements.txt").unlink()
        (project / "requirements.txt").symlink_to("../secret")
    else:
        (project / "requirements.txt").write_text("-r ../secret\n")
    with pytest.raises(lists.ProjectError, match="lies outside the source") as refused:
        lists.read((project / "requirements.txt",), project)
    assert "$6$" not in str(refused.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="root reads with more rights than those who could lead it elsewhere")
@pytest.mark.parametrize(
    ("owner", "mode", "sticky", "is_open"),
    [(0, 0o755, True, True), (4242, 0o755, True, False), (0, 0o777, True, False), (0, 0o755, False, False)],
    ids=["root's alone", "an app's own", "everybody's", "in a folder where everybody may rename"],
)
def test_root_reads_nothing_outside_of_the_source_that_others_can_swap(
    owner: int, mode: int, sticky: bool, is_open: bool
) -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:
        (Path(place) / "there").mkdir()
        Path(place).chmod(0o1777 if sticky else 0o777)
        (Path(place) / "there").chmod(mode)
        os.chown(Path(place) / "there", owner, owner)
        assert lists.is_open(Path(place) / "there", Path("/nowhere")) is is_open


def test_repositories_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("x @ git+https://example.org/x.git@main\n-e git+ssh://git@example.org/y#egg=y\n")
    assert lists.read((tmp_path / "r.txt",), tmp_path).repositories == [
        "git+https://example.org/x.git@main",
        "git+ssh://git@example.org/y#egg=y",
    ]
