# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A source that is not a folder here: a repository is cloned without what it could run, a wheel stays in its folder."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from describe import fetch
from described import HELLO, lay

ROOT = Path(__file__).resolve().parents[3]


def test_a_repository_is_described_and_its_entry_names_it(tmp_path: Path) -> None:
    source = lay(tmp_path / "shop.git", {"app.py": HELLO})
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "--quiet"], ["add", "."], [*who, "commit", "--quiet", "-m", "first"]):
        subprocess.run(["git", *words], cwd=source, check=True)
    command = [sys.executable, str(ROOT / "bin/lib/describe_app.py"), f"file://{source}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "- name: shop " in done.stdout
    given = subprocess.run([*command, "--name", "money"], capture_output=True, text=True, check=True)
    assert [line.split() for line in given.stdout.splitlines() if "name:" in line] == [
        ["-", "name:", "money", "#", "given"]
    ]
    assert f"source: {{git: 'file://{source}'}}" in done.stdout
    assert "wsgi: app:app" in done.stdout


@pytest.mark.parametrize("url", ["ext::sh -c touch% x", "--upload-pack=x", "fd::3"])
def test_a_url_that_runs_a_program_is_none(url: str) -> None:
    assert not fetch.URL.fullmatch(url)


def test_a_repository_that_is_not_there_is_told_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(fetch.FetchError) as told:
        fetch.git(f"https://ann:hunter2@127.0.0.1:1/{tmp_path.name}.git", tmp_path / "to")
    assert "hunter2" not in str(told.value)
    assert "ann:" not in str(told.value)
    assert "git could not clone https://********@127.0.0.1:1/" in str(told.value)


SHOWN = [
    ("https://token@git.example.com/shop.git", "https://********@git.example.com/shop.git"),
    ("https://token:x-oauth-basic@git.example.com/shop.git", "https://********@git.example.com/shop.git"),
    ("https://ann:p@ss@git.example.com/shop.git", "https://********@git.example.com/shop.git"),
    ("ssh://ann:hunter2@git.example.com/shop.git", "ssh://ann:***@git.example.com/shop.git"),
    ("ssh://git@git.example.com/shop.git", "ssh://git@git.example.com/shop.git"),
    ("git@git.example.com:shop.git", "git@git.example.com:shop.git"),
    ("https://git.example.com/shop.git", "https://git.example.com/shop.git"),
]


@pytest.mark.parametrize(("url", "shown"), SHOWN)
def test_what_is_shown_of_a_url_holds_no_secret(url: str, shown: str) -> None:
    assert fetch.shown(url) == shown
    assert fetch.has_password(url) is (url != shown)


def test_git_is_called_without_the_password_where_others_see_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        seen.append((command, options["env"]))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setenv("GIT_DIR", "/of/a/hook")
    fetch.git("https://ann:hunter2@git.example.com/shop.git", tmp_path / "to")
    ((command, environment),) = seen
    assert command[-3:] == ["--", "https://git.example.com/shop.git", str(tmp_path / "to")]
    assert "http.https://git.example.com/.extraHeader" in environment.values()
    assert "GIT_DIR" not in environment


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Cloning into 'x'...\nfatal: repository '/x' does not exist\n", "fatal: repository '/x' does not exist"),
        (
            "ssh: Could not resolve hostname x: Name or service not known\nfatal: Could not read from remote repository.\n\n"
            "Please make sure you have the correct access rights\nand the repository exists.\n",
            "ssh: Could not resolve hostname x: Name or service not known",
        ),
        ("fatal: Could not read from remote repository.\n", "fatal: Could not read from remote repository."),
    ],
)
def test_the_reason_of_git_is_the_line_that_says_why(text: str, reason: str) -> None:
    assert fetch.gits_reason(text) == reason


def test_a_wheel_stays_in_its_folder_and_says_what_it_requires(tmp_path: Path) -> None:
    wheel = tmp_path / "shop-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("shop/__init__.py", HELLO)
        archive.writestr("../../out.py", "x = 1\n")
        archive.writestr(
            "shop-1.0.dist-info/METADATA",
            "Name: shop\nRequires-Dist: flask>=3\nRequires-Dist: rq; extra == 'q'\n\ntext\n",
        )
    fetch.unpack(wheel, tmp_path / "in/to")
    assert not (tmp_path / "out.py").exists()
    assert not (tmp_path.parent / "out.py").exists()
    assert fetch.requires(tmp_path / "in/to") == ["flask>=3", "rq; extra == 'q'"]
