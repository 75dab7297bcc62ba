# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An EnvironmentFile= (systemd.exec(5)): its text, what it says, and what an app prints without its values.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

NAME = "environment"
"""What the file is called among the settings of an app."""


def value_text(value: object) -> str:
    """Return VALUE as an environment variable has it: text as it is, 8000 as `8000`, booleans as `true` and `false`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def text_of(environment: Mapping[str, object], secrets: Mapping[str, object]) -> str:
    """Return the text of an EnvironmentFile= from which systemd reads exactly these values, sorted by name.

    After systemd.exec(5), EnvironmentFile=: inside double quotes newlines are kept, nothing is expanded, and a
    backslash before `"`, backslash, backtick or dollar stands for that character. Values must have
    passed `_gunicorn.problems`.
    """
    lines = []
    for name, value in sorted({**environment, **secrets}.items()):
        escaped = re.sub(r'(["\\`$])', r"\\\1", value_text(value))
        lines.append(f'{name}="{escaped}"\n')
    return "".join(lines)


def masked(text: str, environment_file: Path) -> str:
    """Return TEXT without the values of ENVIRONMENT_FILE: what an app prints may hold its secrets."""
    try:
        values = environment_values(environment_file.read_text())
    except OSError:
        values = set()
    for value in sorted(values, key=len, reverse=True):  # the longest first: one may hold another
        if len(value) >= 8 and not is_path(value):
            text = text.replace(value, "********")
    return re.sub(r"(://[^:/@\s]*:)[^@\s]+@", r"\1********@", text)


def environment_of(text: str) -> dict[str, str]:
    """Return the variables in an EnvironmentFile= (systemd.exec(5))."""
    found = {}
    rows = re.findall(r'^(\w+)=(?:"((?:\\.|[^"\\])*)"|([^\n]*))$', text, re.DOTALL | re.MULTILINE)
    for name, quoted, plain in rows:
        found[name] = re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) if quoted else plain.strip().strip("'")
    return found


def environment_values(text: str) -> set[str]:
    """Return the values in an EnvironmentFile= (systemd.exec(5)) and the single lines of those that have several."""
    values = environment_of(text).values()
    return {*values, *(line for value in values for line in value.splitlines())}


def is_path(value: str) -> bool:
    """Tell whether VALUE names something on this host or in one of its folders; a secret may begin with a slash too."""
    folder = os.path.dirname(value)
    return value.startswith("/") and (os.path.exists(value) or (folder != "/" and os.path.isdir(folder)))
