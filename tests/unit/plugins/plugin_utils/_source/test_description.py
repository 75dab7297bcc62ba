# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's source: what is refused before a host is asked."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description as app_description
from ansible_collections.slipway.flask.plugins.plugin_utils._source import description as source_description
from source_folders import Write, commit, git, write_files


def app(**changes: Any) -> dict[str, Any]:
    whole = {"name": "shop", "domains": ["a.example.com"], "source": {"path": "app"}, "wsgi": "a:b", **changes}
    return app_description.normalise(whole)


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
            "the source has none of uv.lock, poetry.lock, pdm.lock, pylock.toml, Pipfile.lock, requirements.txt, "
            "requirements/production.txt, requirements/prod.txt, pyproject.toml, setup.py, setup.cfg "
            "(looked in {base}/app/bare); name its list in 'requirements', which may be one that 'files' brings",
        ),
        ({"requirements": ["deploy/list.txt"], "files": {"./deploy/list.txt": "flask"}}, None),
        ({"subfolder": "bare", "files": {"requirements.txt": "flask"}}, None),
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
    assert source_description.problems(app(**changes), tmp_path) == expected


def test_a_path_counts_from_the_inventory_from_home_or_from_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    for path, folder in (
        ("../shop", tmp_path.parent / "shop"),
        ("~/shop", Path("/home/ann/shop")),
        ("/opt/shop", Path("/opt/shop")),
    ):
        assert source_description.place_of(path, tmp_path) == folder


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
    assert source_description.problems(app(source={"git": repository, "version": version}), Path("/")) == []


@pytest.mark.parametrize("version", ["master", "feature", "v3", "cart", "123456", ""])
def test_a_version_that_does_not_exist_is_refused(repository: str, version: str) -> None:
    (found,) = source_description.problems(app(source={"git": repository, "version": version}), Path("/"))
    assert found == f"the repository {repository} has no branch or tag '{version}'"


def test_a_repository_that_only_the_host_may_read_is_left_to_the_host(tmp_path: Path) -> None:
    assert source_description.git_problems({"git": str(tmp_path / "private.git"), "version": "main"}) == []


def test_a_repository_is_no_way_to_smuggle_in_an_option(tmp_path: Path) -> None:
    assert source_description.git_problems({"git": f"--upload-pack=touch {tmp_path}/owned;", "version": "main"}) == []
    assert not (tmp_path / "owned").exists()


def test_a_password_is_never_asked_for_and_a_slow_server_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "git"
    fake.write_text(f'#!/bin/sh\necho "$GIT_TERMINAL_PROMPT $GIT_SSH_COMMAND" >{tmp_path}/seen\nexec sleep 30\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(source_description, "GIT_SECONDS", 0.3)
    started = time.monotonic()
    assert source_description.git_problems({"git": "https://example.com/a.git", "version": "main"}) == []
    assert time.monotonic() - started < 5
    assert (tmp_path / "seen").read_text() == "0 ssh -o BatchMode=yes\n"


def test_a_token_in_the_url_is_not_shown(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "git"
    fake.write_text("#!/bin/sh\nprintf 'aaaa\\trefs/heads/main\\n'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (found,) = source_description.git_problems({"git": "https://ann:t0ken@example.com/a.git", "version": "v9"})
    assert found == "the repository https://example.com/a.git has no branch or tag 'v9'"
