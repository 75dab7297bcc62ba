# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which files of a project are read, and what belongs to their content."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._python import project as projects
from source_folders import write_files as make

PROJECT = '[project]\nname = "app"\ndependencies = ["flask"]\n'


@pytest.mark.parametrize(
    ("files", "requirements", "kind", "main", "ignored"),
    [
        ({"requirements.txt": ""}, [], "requirements", "requirements.txt", ()),
        ({"requirements/prod.txt": ""}, [], "requirements", "requirements/prod.txt", ()),
        ({"requirements/prod.txt": "", "requirements/production.txt": ""}, [], "requirements",
         "requirements/production.txt", ("requirements/prod.txt",)),
        ({"uv.lock": "", "pyproject.toml": PROJECT, "requirements.txt": ""}, [], "uv", "uv.lock",
         ("requirements.txt", "pyproject.toml")),
        ({"uv.lock": "", "requirements.txt": ""}, [], "requirements", "requirements.txt", ()),
        ({"poetry.lock": "", "pyproject.toml": "[tool.poetry]\n"}, [], "poetry", "poetry.lock", ("pyproject.toml",)),
        ({"pdm.lock": "", "pyproject.toml": PROJECT}, [], "pdm", "pdm.lock", ("pyproject.toml",)),
        ({"Pipfile.lock": "{}", "requirements.txt": ""}, [], "pipfile", "Pipfile.lock", ("requirements.txt",)),
        ({"pylock.toml": "", "pyproject.toml": PROJECT}, [], "pylock", "pylock.toml", ("pyproject.toml",)),
        ({"pyproject.toml": PROJECT, "setup.py": ""}, [], "project", "pyproject.toml", ("setup.py",)),
        ({"pyproject.toml": "[tool.black]\n", "setup.py": ""}, [], "project", "setup.py", ()),
        ({"pyproject.toml": "[tool.black]\n", "requirements.txt": ""}, [], "requirements", "requirements.txt", ()),
        ({"setup.cfg": "[options]\ninstall_requires =\n  flask\n"}, [], "project", "setup.cfg", ()),
        ({"uv.lock": "", "pyproject.toml": PROJECT, "r/a.txt": ""}, ["r/a.txt"], "requirements", "r/a.txt", ()),
        ({"requirements.txt": "", "pyproject.toml": PROJECT}, ["pyproject.toml"], "project", "pyproject.toml", ()),
    ],
)  # fmt: skip
def test_detection(
    tmp_path: Path, files: dict[str, str], requirements: list[str], kind: str, main: str, ignored: tuple[str, ...]
) -> None:
    source = projects.detect(make(tmp_path, files), requirements)
    assert (source.kind, source.main, source.ignored) == (kind, (tmp_path / main,), ignored)


@pytest.mark.parametrize(
    ("files", "requirements", "message"),
    [
        ({"app.py": ""}, [], "no file that lists its Python packages"),
        ({"Pipfile": ""}, [], "run `pipenv lock` and commit Pipfile.lock"),
        ({"pyproject.toml": "[tool.poetry]\npackage-mode = false\n"}, [], "run `poetry lock` and commit poetry.lock"),
        ({"environment.yml": ""}, [], "used by conda; list the packages"),
        ({"requirements.in": "flask"}, [], "uv pip compile"),
        ({"pyproject.toml": "[tool.black]\n"}, [], "no file that lists"),
        ({"requirements.txt": ""}, ["prod.txt"], "prod.txt .* is not in"),
        ({"a.txt": "", "uv.lock": ""}, ["a.txt", "uv.lock"], "give one lock"),
        ({"requirements.txt": "-r gone.txt\n"}, [], r"gone\.txt \(named by requirements\.txt\) can't be read"),
    ],
)
def test_refusals(tmp_path: Path, files: dict[str, str], requirements: list[str], message: str) -> None:
    with pytest.raises(projects.ProjectError, match=message):
        projects.detect(make(tmp_path, files), requirements)


def test_a_missing_project_is_named(tmp_path: Path) -> None:
    with pytest.raises(projects.ProjectError, match="gone does not exist"):
        projects.detect(tmp_path / "gone", [])


@pytest.mark.parametrize(
    "line",
    ["-r more.txt", "-rmore.txt", "--requirement more.txt", "--requirement=more.txt", "-c more.txt", "-r 'more.txt'",
     "--constraint more.txt", "-r more.txt  # why", "-r \\\n  more.txt"],
)  # fmt: skip
def test_includes_are_followed(tmp_path: Path, line: str) -> None:
    make(tmp_path, {"requirements/prod.txt": f"{line}\n", "requirements/more.txt": "-r prod.txt\nflask\n"})
    source = projects.detect(tmp_path, [])
    assert source.files == (tmp_path / "requirements/prod.txt", tmp_path / "requirements/more.txt")


@pytest.mark.parametrize(
    ("line", "folder"),
    [
        ("-e .", "."),
        (".", "."),
        (".[web]", "."),
        ("-e ./libs/a", "libs/a"),
        ("libs/a", "libs/a"),
        ("./libs/a[x] ; python_version > '3'", "libs/a"),
        ("a @ file:./libs/a", "libs/a"),
        ("--editable=libs/a", "libs/a"),
        ("flask", None),
        ("a @ https://example.org/a.whl", None),
        ("git+https://example.org/a.git@v1", None),
        ("# ./libs/a", None),
    ],
)
def test_local_folders(tmp_path: Path, line: str, folder: str | None) -> None:
    make(tmp_path, {"requirements.txt": f"{line}\n", "libs/a/setup.py": "", "setup.py": ""})
    assert projects.detect(tmp_path, []).folders == (((tmp_path / folder).resolve(),) if folder else ())


def test_folders_of_a_lock(tmp_path: Path) -> None:
    lock = 'source = { editable = "." }\nsource = { directory = "libs/a" }\nsource = { registry = "x" }\n'
    make(tmp_path, {"uv.lock": lock, "pyproject.toml": PROJECT, "libs/a/setup.py": ""})
    assert projects.detect(tmp_path, []).folders == ((tmp_path / "libs/a").resolve(),)


@pytest.mark.parametrize(
    ("text", "hashed"),
    [
        ("flask==3 --hash=sha256:00\n", True),
        ("flask==3 \\\n    --hash=sha256:00\n", True),
        ("flask==3  # --hash=sha256:00\n", False),
        ("flask==3\n", False),
    ],
)
def test_hashes_are_noticed(tmp_path: Path, text: str, hashed: bool) -> None:
    make(tmp_path, {"requirements.txt": "-r base.txt\n", "base.txt": text})
    assert projects.detect(tmp_path, []).hashed is hashed


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        (PROJECT, False),
        ('[project]\nname = "a"\ndynamic = ["version"]\n', False),
        ('[project]\nname = "a"\ndynamic = ["version", "dependencies"]\n', True),
        ('[project]\ndynamic = [\n  "dependencies",\n]\n', True),
        ("[tool.poetry]\n", True),
        ("[build-system]\n", True),
    ],
)
def test_dependencies_that_only_a_build_knows_need_the_whole_project(tmp_path: Path, text: str, whole: bool) -> None:
    source = projects.detect(make(tmp_path, {"pyproject.toml": text}), [])
    assert source.folders == ((tmp_path.resolve(),) if whole else ())


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Flask", "flask"), ("Flask_SQLAlchemy", "flask-sqlalchemy"), ("zope.interface", "zope-interface"), ("a-_.b", "a-b")],
)  # fmt: skip
def test_normalisation(name: str, expected: str) -> None:
    assert projects.normalised(name) == expected


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("gunicorn", "gunicorn"),
        ("psycopg[binary]>=3,<4", "psycopg"),
        ("Flask_Login ~= 1", "flask-login"),
        ("x @ https://example.org/x.whl", "x"),
        ("x;python_version>'3'", "x"),
        ("x==1 --hash=sha256:0", "x"),
        ("git+https://example.org/x.git", ""),
        ("./x", ""),
        ("-e .", ""),
        ("", ""),
    ],
)
def test_names_of_requirement_lines(line: str, name: str) -> None:
    assert projects.requirement_name(line) == name


LOCKED = 'source = { virtual = "." }\nsource = { editable = "packages/web" }\nsource = { editable = "packages/core" }\n'


@pytest.mark.parametrize(
    ("files", "subfolder", "found"),
    [
        ({"uv.lock": LOCKED, "packages/web/pyproject.toml": PROJECT}, "packages/web", "."),
        ({"uv.lock": LOCKED, "packages/web/pyproject.toml": PROJECT}, "./packages/web/", "."),
        ({"py/uv.lock": LOCKED, "py/packages/web/pyproject.toml": PROJECT}, "py/packages/web", "py"),
        ({"uv.lock": LOCKED, "packages/web/pyproject.toml": PROJECT, "packages/web/uv.lock": ""}, "packages/web", None),
        ({"uv.lock": LOCKED, "packages/web/requirements.txt": ""}, "packages/web", None),
        ({"uv.lock": LOCKED, "packages/other/pyproject.toml": PROJECT}, "packages/other", None),
        ({"packages/web/pyproject.toml": PROJECT}, "packages/web", None),
        ({"uv.lock": LOCKED, "pyproject.toml": PROJECT}, "", None),
    ],
)
def test_a_member_of_a_workspace_is_read_by_its_lock(
    tmp_path: Path, files: dict[str, str], subfolder: str, found: str | None
) -> None:
    workspace = projects.workspace_of(make(tmp_path, files), subfolder)
    assert workspace == (None if found is None else tmp_path / found)


def test_the_code_of_other_members_counts_and_that_of_the_app_does_not(tmp_path: Path) -> None:
    make(tmp_path, {"uv.lock": LOCKED, "pyproject.toml": PROJECT, "packages/web/pyproject.toml": PROJECT,
                    "packages/core/pyproject.toml": PROJECT})  # fmt: skip
    source = projects.detect(tmp_path, [], "packages/web")
    assert source.kind == "uv"
    assert (tmp_path / "packages/core").resolve() in source.folders
    assert (tmp_path / "packages/web").resolve() not in source.folders
