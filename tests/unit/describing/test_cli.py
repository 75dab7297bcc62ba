# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a newcomer gets of `bin/describe`: small sources and the lines of their entries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description
from describe import cli, page
from described import HELLO, app_of, entry_of, lay

ROOT = Path(__file__).resolve().parents[3]
SOURCES = yaml.safe_load(Path(__file__).with_name("sources.yml").read_text())
NAMED = pytest.mark.parametrize("source", SOURCES, ids=[source["name"] for source in SOURCES])


@NAMED
def test_the_entry_of(tmp_path: Path, source: dict[str, Any]) -> None:
    entry = entry_of(app_of(tmp_path, source["files"]))
    for key, value in source["lines"].items():
        assert entry.get(key, "ABSENT") == value, key


@NAMED
def test_preflight_takes_an_entry_or_names_what_is_todo(tmp_path: Path, source: dict[str, Any]) -> None:
    app = app_of(tmp_path, source["files"])
    entry = entry_of(app)
    vault = {f"{{{{ {name} }}}}": value for name, value in app.vault.items()}
    for key in ("secrets", "files"):
        entry[key] = {name: vault.get(value, value) for name, value in entry.get(key, {}).items()}
    found = description.problems([entry])
    assert all(" is still TODO" in problem for problem in found), found
    assert len(found) == len(page.waiting(app)), (found, page.waiting(app))


def test_the_lines_are_aligned_and_say_where_they_come_from(tmp_path: Path) -> None:
    text = page.entry(app_of(tmp_path, {"app.py": HELLO, "static/a.css": ""}))
    places = {
        line.index("  # ")
        for line in text.splitlines()
        if "  # " in line.lstrip(" #") and not line.lstrip().startswith("#")
    }
    assert len(places) <= 2
    assert "wsgi: app:app" in text
    assert "# app.py:2 makes the app" in text


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "bin/lib/describe_app.py"), *words],
        cwd=cwd,
        text=True,
        capture_output=True,
        check=False,
    )


def test_nothing_of_the_source_is_run(tmp_path: Path) -> None:
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    lay(
        tmp_path / "shop",
        dict.fromkeys(("app.py", "setup.py", "conftest.py", "sitecustomize.py", "yaml.py", "ansible.py"), trap + HELLO),
    )
    done = run("shop", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["slipway_apps"][0]["wsgi"] == "app:app"
    assert not (tmp_path / "ran").exists()
    assert not list(tmp_path.rglob("__pycache__"))


WRONG = [
    (("nowhere",), "describe: nowhere is no folder, and no URL of a git repository"),
    (("--package", "shop"), "describe: 'shop' must be NAME==VERSION, as in ihatemoney==7.2"),
    (("--package", "a==1 --index-url=x"), "must be NAME==VERSION"),
    ((), "give a folder, a URL or --package"),
]


@pytest.mark.parametrize(("words", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG])
def test_a_wrong_call_says_what_is_wrong(tmp_path: Path, words: tuple[str, ...], sentence: str) -> None:
    done = run(*words, cwd=tmp_path)
    assert done.returncode
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


NAMES = [
    ("../Shop", "shop"),
    ("/x/my_shop-1.2.3", "my-shop"),
    ("git@git.example.com:ann/Blog.git", "blog"),
    ("/x/123", "app"),
    ("redis", "redis-app"),
]


@pytest.mark.parametrize(("source", "name"), NAMES)
def test_the_name_of_an_app(source: str, name: str) -> None:
    assert cli.app_name(source) == name
