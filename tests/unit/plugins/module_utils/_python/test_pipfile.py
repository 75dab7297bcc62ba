# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Pipfile.lock read as a list of requirements."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._python import pipfile as pipfile
from ansible_collections.slipway.flask.plugins.module_utils._python.lists import ProjectError

FLASK = {
    "version": "==3.0.0",
    "hashes": ["sha256:00", "sha256:11"],
    "markers": "python_version >= '3.8'",
    "index": "pypi",
}
COMMIT = "a" * 40


def lock(**default: Any) -> str:
    """Return the text of a lock with the packages DEFAULT."""
    sources = [{"name": "pypi", "url": "https://index/simple"}, {"name": "own", "url": "https://own/simple"}]
    return json.dumps({"_meta": {"sources": sources}, "default": default, "develop": {"pytest": {"version": "==8"}}})


@pytest.mark.parametrize(
    ("name", "package", "row"),
    [
        ("flask", FLASK, "flask==3.0.0 ; python_version >= '3.8' --hash=sha256:00 --hash=sha256:11"),
        ("psycopg", {"version": "==3.2", "extras": ["binary"]}, "psycopg[binary]==3.2"),
        ("x", {"git": "https://example.org/x.git", "ref": COMMIT}, f"x @ git+https://example.org/x.git@{COMMIT}"),
        ("x", {"git": "https://example.org/x.git", "ref": COMMIT, "subdirectory": "py"},
         f"x @ git+https://example.org/x.git@{COMMIT}#subdirectory=py"),
        ("x", {"path": "./libs/x", "editable": True}, "./libs/x"),
        ("x", {"file": "https://example.org/x-1.0.whl"}, "x @ https://example.org/x-1.0.whl"),
        ("x", {"version": "*"}, "x"),
    ],
)  # fmt: skip
def test_a_package_is_a_requirement_line(name: str, package: dict[str, Any], row: str) -> None:
    assert pipfile.rows(lock(**{name: package})) == ["--extra-index-url https://own/simple", row]


def test_one_package_without_hashes_leaves_them_all_out() -> None:
    rows = pipfile.rows(lock(flask=FLASK, x={"path": "./libs/x"}))
    assert not [row for row in rows if "--hash" in row]


def test_groups_are_added() -> None:
    assert "pytest==8" in pipfile.rows(lock(flask=FLASK), ["develop"])


@pytest.mark.parametrize(("text", "groups"), [("{", []), ("{}", []), ("[]", []), (lock(), ["docs"])])
def test_what_can_not_be_read_is_refused(text: str, groups: list[str]) -> None:
    with pytest.raises(ProjectError, match=r"Pipfile\.lock (can't be read|has no group)"):
        pipfile.rows(text, groups)
