# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. The commands that a project declares: they exist once it is installed."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._python import lists as lists
from ansible_collections.slipway.flask.plugins.module_utils._python import named as named


def console_scripts(project: Path) -> set[str]:
    """Return the names of the commands that the project itself declares (they exist once it is installed)."""
    found: set[str] = set()
    for name in ("pyproject.toml", "setup.cfg", "setup.py"):
        path = project / name
        text = path.read_text(encoding="utf-8-sig", errors="replace") if path.is_file() else ""
        if name == "pyproject.toml":
            sections = re.findall(r"^\[(?:project|tool\.poetry)\.scripts\]\n((?:(?!\[).*\n?)*)", text, re.MULTILINE)
            found |= {
                one for body in sections for one in re.findall(r"""^["']?([\w.-]+)["']?\s*=""", body, re.MULTILINE)
            }
        elif "console_scripts" in text:
            after = text.partition("console_scripts")[2]
            found |= set(re.findall(r"""([\w.-]+)\s*=\s*[A-Za-z_][\w.]*:[A-Za-z_]""", after))
    return found


def advice(project: Path, said: str) -> str:
    """Return what to do about a program that env(1) did not find if the project itself would bring it, else ""."""
    found = re.search(r"env: .([\w.-]+).: No such file", said)
    if not found or found.group(1) not in console_scripts(project):
        return ""
    return (
        f"\n{found.group(1)} is a command of the project itself, which is not installed: it is installed if one "
        "of the app's release_commands or build_commands calls it, or if its requirements have -e .\n"
    )
