# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which Python is asked for: the spellings of `python`, rules of versions, and what a project's files say."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._python import versions as versions


@pytest.mark.parametrize(
    ("rule", "taken", "refused"),
    [
        (">=3.10", ["3.10.0", "3.13.5"], ["3.9.25"]),
        (">=3.10,<3.13", ["3.10.0", "3.12.9"], ["3.13.0"]),
        (">=3.10, <3.13", ["3.12.9"], ["3.13.0"]),
        (">= 3.10 < 3.13", ["3.12.9"], ["3.13.0", "3.9.1"]),
        ("==3.12.*", ["3.12.0", "3.12.16"], ["3.11.2", "3.13.0"]),
        ("==3.12", ["3.12.0", "3.12.16"], ["3.13.0"]),
        ("==3.12.4", ["3.12.4"], ["3.12.5"]),
        ("3.12", ["3.12.4"], ["3.13.0"]),
        ("3.12.*", ["3.12.4"], ["3.13.0"]),
        ("~=3.12.4", ["3.12.4", "3.12.9"], ["3.12.3", "3.13.0"]),
        ("~=3.10", ["3.10.0", "3.14.1"], ["3.9.1", "4.0.0"]),
        ("^3.10", ["3.10.0", "3.14.1"], ["3.9.1", "4.0.0"]),
        ("~3.10", ["3.10.7"], ["3.11.0", "3.9.1"]),
        ("^3.9 || ~3.8", ["3.8.1", "3.9.0"], ["3.7.1"]),
        (">=3.9,!=3.9.0,!=3.10.*", ["3.9.1", "3.11.0"], ["3.9.0", "3.10.4"]),
        ("!=3.12", ["3.12.1"], ["3.12.0"]),
        (">3.11", ["3.11.2", "3.12.0"], ["3.11.0"]),
        ("<=3.11", ["3.11.0"], ["3.11.2"]),
        ("*", ["3.9.0"], []),
        ("", ["3.9.0"], []),
    ],
)
def test_rules(rule: str, taken: list[str], refused: list[str]) -> None:
    for text in [*taken, *refused]:
        assert versions.allows(rule, versions.numbers(text)) is (text in taken), text


@pytest.mark.parametrize("rule", ["system", "myapp-3.12", "pypy3.10", ">=three", "3.12-dev"])
def test_what_is_no_rule(rule: str) -> None:
    with pytest.raises(ValueError, match="is not a valid Python version"):
        versions.allows(rule, (3, 12, 0))


@pytest.mark.parametrize(
    ("python", "rule"),
    [
        ("3.12", "==3.12.*"),
        ("3.12.*", "==3.12.*"),
        ("python3.12", "==3.12.*"),
        ("Python 3.12", None),
        ("cpython@3.12", "==3.12.*"),
        ("3.12.4", "==3.12.4"),
        ("python3.12.4", "==3.12.4"),
        ("", ""),
        ("python3", ""),
        ("/opt/python/bin/python3", ""),
        ("3", None),
        ("3.1", None),
        ("3.6", None),
        ("2.7", None),
        ("python3.99", None),
        ("4.0", None),
        ("latest", None),
        (">=3.12", None),
        ("pypy3.10", None),
        ("3.12; rm -rf /", None),
    ],
)
def test_spellings_of_the_setting(python: str, rule: str | None) -> None:
    assert bool(versions.problem(python)) is (rule is None)
    if rule is not None:
        found = versions.of_setting(python)
        assert (found.rule if found else "") == rule


@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("3.6", "'python' is '3.6'; Slipway needs 3.9 or later"),
        ("python3.99", "'python' is 'python3.99'; there is no such Python"),
        ("latest", 'it must be a version such as "3.12" or "3.12.4" (in quotes), python3 for the distribution\'s own'),
    ],
)
def test_a_setting_that_no_host_can_have_is_refused_in_words(python: str, said: str) -> None:
    assert said in versions.problem(python)


PROJECTS = [
    ({".python-version": "3.12\n"}, [("3.12", ".python-version", "==3.12.*", False)]),
    ({".python-version": "# ours\n3.12.4\n3.11.2\n"}, [("3.12.4", ".python-version", "~=3.12.4", False)]),
    ({".python-version": "\ufeff3.12\r\n"}, [("3.12", ".python-version", "==3.12.*", False)]),
    ({".python-version": ">=3.12"}, [(">=3.12", ".python-version", ">=3.12", False)]),
    ({".python-version": "system\n"}, []),
    (
        {".python-version": "shop-env\n", "runtime.txt": "python-3.11.9"},
        [("python-3.11.9", "runtime.txt", "~=3.11.9", False)],
    ),
    ({".python-version": ""}, []),
    (
        {"Pipfile": '[packages]\nflask = "*"\n\n[requires]\npython_version = "3.12"\n'},
        [("3.12", "Pipfile", "==3.12.*", False)],
    ),
    ({"Pipfile": '[requires]\npython_full_version = "3.12.1"\n'}, [("3.12.1", "Pipfile", "~=3.12.1", False)]),
    ({".tool-versions": "nodejs 20.1.0\npython 3.12.1\n"}, [("3.12.1", ".tool-versions", "~=3.12.1", False)]),
    (
        {"pyproject.toml": '[project]\nname = "x"\nrequires-python = ">=3.12"  # new syntax\n'},
        [(">=3.12", "pyproject.toml", ">=3.12", True)],
    ),
    ({"pyproject.toml": "[project]\nrequires-python='==3.12.*'\n"}, [("==3.12.*", "pyproject.toml", "==3.12.*", True)]),
    ({"pyproject.toml": '[tool.other]\nrequires-python = ">=3.12"\n'}, []),
    (
        {"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.10"\n'},
        [("^3.10", "pyproject.toml", "^3.10", True)],
    ),
    (
        {
            "pyproject.toml": '[project]\nname = "x"\n',
            "uv.lock": 'version = 1\nrequires-python = ">=3.14"\n\n[[package]]\n',
        },
        [(">=3.14", "uv.lock", ">=3.14", True)],
    ),
    ({"setup.cfg": "[options]\npython_requires = >=3.10\n"}, [(">=3.10", "setup.cfg", ">=3.10", True)]),
    (
        {"setup.py": 'setup(name="x", python_requires=">=3.10, <4", packages=[])\n'},
        [(">=3.10, <4", "setup.py", ">=3.10, <4", True)],
    ),
    ({"setup.py": "setup(python_requires=REQUIRED)\n"}, []),
    (
        {
            ".python-version": "3.12",
            "pyproject.toml": '[project]\nrequires-python = ">=3.10"\n',
            "setup.py": 'python_requires=">=2"',
        },
        [("3.12", ".python-version", "==3.12.*", False), (">=3.10", "pyproject.toml", ">=3.10", True)],
    ),
    ({}, []),
]


@pytest.mark.parametrize(("files", "expected"), PROJECTS)
def test_what_a_project_says(tmp_path: Path, files: dict[str, str], expected: list[tuple[str, str, str, bool]]) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    found = versions.of_project(tmp_path)
    assert [(one.text, one.origin, one.rule, one.firm) for one in found] == expected
