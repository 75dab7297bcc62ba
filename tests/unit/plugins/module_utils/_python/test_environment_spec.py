# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whatever is installed from the source has another key as soon as it has another content, however it is named."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._python import environment_spec, git_unit
from ansible_collections.slipway.flask.plugins.module_utils._python import repositories as repositories
from ansible_collections.slipway.flask.plugins.module_utils._python.uv import EnvironmentError_

PROJECT = '[project]\nname = "app"\nversion = "1"\ndependencies = ["x"]\n'
LIBRARY = {"libs/x/pyproject.toml": '[project]\nname = "x"\n', "libs/x/x.py": "A = 1"}
WHEEL = "vendor/x-1.0-py3-none-any.whl"


def key(project: Path, **changes: object) -> str:
    """Return the key of PROJECT's environment."""
    spec = environment_spec.EnvironmentSpec(project, project.parent / "venvs", python=sys.executable, **changes)  # type: ignore[arg-type]
    return environment_spec.key_of(spec)


@pytest.mark.parametrize(
    ("files", "changed"),
    [
        ({"requirements.txt": f"./{WHEEL}\n"}, WHEEL),
        ({"requirements.txt": f"x @ file:{WHEEL}\n"}, WHEEL),
        ({"requirements.txt": "--find-links vendor\nx\n"}, WHEEL),
        ({"requirements.txt": "--find-links vendor\nx\n"}, "vendor/x-1.0.tar.gz"),
        ({"requirements.txt": "./vendor/x-1.0.tar.gz\n"}, "vendor/x-1.0.tar.gz"),
        ({"r/prod.txt": "-e ../libs/x\n", "requirements.txt": "-r r/prod.txt\n"}, "libs/x/x.py"),
        ({"r/prod.txt": "./libs/x\n", "requirements.txt": "-r r/prod.txt\n"}, "libs/x/x.py"),
        ({"requirements.txt": "./libs/y\n",
          "libs/y/pyproject.toml": '[tool.uv.sources]\nx = { path = "../x" }\n'}, "libs/x/x.py"),
        ({"requirements.txt": "x\n", "uv.toml": 'find-links = ["./vendor"]\n'}, "vendor/x-1.0.tar.gz"),
        ({"pyproject.toml": PROJECT + '[tool.uv.sources]\nx = { path = "libs/x" }\n'}, "libs/x/x.py"),
        ({"pyproject.toml": PROJECT.replace('"x"', '"x @ file:libs/x"')}, "libs/x/x.py"),
        ({"pyproject.toml": PROJECT, "uv.lock": 'source = { directory = "libs/x" }\n'}, "libs/x/x.py"),
        ({"pyproject.toml": PROJECT, "uv.lock": f'source = {{ path = "{WHEEL}" }}\n'}, WHEEL),
        ({"pyproject.toml": PROJECT, "uv.lock": 'source = { registry = "vendor" }\n'}, "vendor/x-1.0.tar.gz"),
        ({"pyproject.toml": PROJECT, "poetry.lock": '[package.source]\ntype = "directory"\nurl = "libs/x"\n'}, "libs/x/x.py"),
        ({"pyproject.toml": PROJECT, "poetry.lock": f'[package.source]\ntype = "file"\nurl = "{WHEEL}"\n'}, WHEEL),
        ({"pyproject.toml": PROJECT, "pdm.lock": 'path = "./libs/x"\n'}, "libs/x/x.py"),
        ({"pyproject.toml": PROJECT, "pdm.lock": 'url = "file:///${PROJECT_ROOT}/vendor/x-1.0.tar.gz"\n'}, "vendor/x-1.0.tar.gz"),
        # Nobody can list all the ways in which a tool may come to a wheel.
        ({"requirements.txt": "x\n"}, WHEEL),
    ],
)  # fmt: skip
def test_new_content_under_an_old_name_is_a_new_environment(
    tmp_path: Path, files: dict[str, str], changed: str
) -> None:
    project = tmp_path / "app"
    for name, text in {**LIBRARY, WHEEL: "one", "vendor/x-1.0.tar.gz": "one", **files}.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    before = key(project)
    assert key(project) == before
    (project / changed).write_text("two")
    assert key(project) != before


@pytest.mark.parametrize("linked", ["a file", "a folder"])
def test_what_a_link_leads_to_counts(tmp_path: Path, linked: str) -> None:
    project = tmp_path / "app"
    for name in ("libs/x/setup.py", "shared/x/code.py"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("one")
    (project / "requirements.txt").write_text("./libs/x\n")
    target = "../../shared/x" if linked == "a folder" else "../../shared/x/code.py"
    (project / "libs/x/inside").symlink_to(target)
    before = key(project)
    (project / "shared/x/code.py").write_text("two")
    assert key(project) != before


def test_a_branch_that_moves_is_a_new_environment_and_a_commit_is_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "app"
    project.mkdir()
    (project / "requirements.txt").write_text(
        f"x @ git+https://example.org/x.git@main\ny @ git+https://example.org/y.git@{'a' * 40}\n"
    )
    told = {"git+https://example.org/x.git@main": "1"}
    monkeypatch.setattr(repositories, "tip", told.__getitem__)
    before = key(project)
    told["git+https://example.org/x.git@main"] = "2"
    assert key(project) != before


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("git+https://user:secret@example.org/x.git@v1#egg=x", ["https://example.org/x.git", "v1"]),
        ("git+ssh://git@example.org/x@feature/y", ["ssh://git@example.org/x", "feature/y"]),
        ("git+https://example.org/x.git", ["https://example.org/x.git", "HEAD"]),
        ("https://example.org/x.git", ["https://example.org/x.git"]),
        ("git+ext::sh -c true", None),
        ("git+file:///srv/x.git@main", None),
    ],
)
def test_what_git_is_asked(monkeypatch: pytest.MonkeyPatch, address: str, asked: list[str] | None) -> None:
    calls: list[list[str]] = []

    def run(place: git_unit.Place, script: str, *_: object, **__: object) -> subprocess.CompletedProcess[str]:
        calls.append(shlex.split(script.splitlines()[-1]))
        return subprocess.CompletedProcess([], 0, "commit", "")

    monkeypatch.setattr(git_unit.Place, "run", run)
    assert repositories.tip(address) == ("commit" if asked else "")
    assert calls == ([["git", "ls-remote", "--", *asked]] if asked else [])


def test_a_repository_without_git_is_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "requirements.txt").write_text(f"x @ git+https://me:secret@example.org/x.git@{'a' * 40}\n")
    monkeypatch.setattr(repositories.shutil, "which", lambda name: None)
    with pytest.raises(EnvironmentError_, match=r"add git to the app's `system_packages`") as refused:
        key(tmp_path)
    assert "secret" not in str(refused.value)
