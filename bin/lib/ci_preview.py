# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Writes what `playbooks/preview.yml` is told, a file for each app of an inventory that has `preview`.

`ci_preview.py FOLDER BRANCH [--remove]`, with `ansible-inventory --list` on the standard input. Whoever may push chooses a
branch's name, and Ansible runs templates in the variables that it is given: so the name is marked as text that is none.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def apps(inventory: dict[str, Any]) -> list[str]:
    """Return the names of the apps with `preview`, of all hosts."""
    listed = [host.get("slipway_apps") for host in inventory["_meta"]["hostvars"].values()]
    found = [app for one in listed if isinstance(one, list) for app in one if isinstance(app, dict)]
    return sorted({str(app["name"]) for app in found if app.get("preview") and app.get("name")})


def variables(app: str, branch: str, remove: bool) -> str:
    """Return a file of variables (`-e @FILE`); JSON's strings are YAML's as well."""
    return f"app: !unsafe {json.dumps(app)}\nbranch: !unsafe {json.dumps(branch)}\nremove: {json.dumps(remove)}\n"


def main(arguments: Sequence[str]) -> None:
    folder, branch, *rest = arguments
    for number, app in enumerate(apps(json.load(sys.stdin))):
        Path(folder, f"preview-{number}.yml").write_text(variables(app, branch, rest == ["--remove"]))


if __name__ == "__main__":
    main(sys.argv[1:])
