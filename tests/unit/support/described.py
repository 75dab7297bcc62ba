# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Small sources of apps, and what `bin/describe` says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from describe import cli, page
from describe.app import App

HELLO = 'from flask import Flask\napp = Flask(__name__)\n@app.get("/")\ndef index():\n    return "hello"\n'


def lay(folder: Path, files: dict[str, str]) -> Path:
    """Write FILES below FOLDER, with a list of packages unless there is one, and return the folder."""
    if not {"requirements.txt", "pyproject.toml", "setup.py"} & files.keys():
        files = {"requirements.txt": "flask\n", **files}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def app_of(folder: Path, files: dict[str, str]) -> App:
    return cli.describe(lay(folder, files), "shop", {"path": "../shop"}, "given", "shop.example.com")


def entry_of(app: App) -> dict[str, Any]:
    """Return the entry as Ansible reads it."""
    (found,) = yaml.safe_load(page.entry(app))["slipway_apps"]
    assert isinstance(found, dict)
    return found
