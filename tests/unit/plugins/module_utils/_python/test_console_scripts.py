# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The commands that a project declares, and what is said of one that is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._python import console_scripts
from source_folders import write_files as make

PROJECT = '[project]\nname = "app"\ndependencies = ["flask"]\n'


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({"pyproject.toml": '[project.scripts]\nshop = "shop:main"\n"shop-admin"="shop:admin"\n\n[x]\ny = "z:a"\n'},
         {"shop", "shop-admin"}),
        ({"pyproject.toml": '[tool.poetry.scripts]\nshop = "shop:main"\n'}, {"shop"}),
        ({"setup.cfg": "[options.entry_points]\nconsole_scripts =\n    shop = shop.cli:main\n"}, {"shop"}),
        ({"setup.py": 'setup(entry_points={"console_scripts": ["shop=shop.cli:main", "x = a:b"]})'}, {"shop", "x"}),
        ({"pyproject.toml": PROJECT, "setup.py": "setup(name='x')"}, set()),
        ({}, set()),
    ],
)  # fmt: skip
def test_console_scripts(tmp_path: Path, files: dict[str, str], names: set[str]) -> None:
    assert console_scripts.console_scripts(make(tmp_path, files)) == names


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("/usr/bin/env: 'shop': No such file or directory", "shop is a command of the project itself"),
        ("/usr/bin/env: ‘shop’: No such file or directory", "shop is a command of the project itself"),
        ("/usr/bin/env: 'celery': No such file or directory", ""),
        ("shop: error", ""),
    ],
)
def test_a_command_of_the_project_that_is_not_installed_is_told(tmp_path: Path, said: str, told: str) -> None:
    make(tmp_path, {"pyproject.toml": '[project.scripts]\nshop = "shop:main"\n'})
    found = console_scripts.advice(tmp_path, said)
    assert told in found
    assert bool(told) == bool(found)
