# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A Procfile: the processes that an app's source names (https://devcenter.heroku.com/articles/procfile, "Procfile format").

It is read, and offered, but never obeyed by itself. PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

NAME = "Procfile"
LINE = re.compile(r"\s*([A-Za-z0-9_-]+)\s*:\s*(\S.*?)\s*")
OTHERWISE = ("web", "release", "postdeploy")
"""`web` is what `wsgi` says, the others are for `release_commands`."""
PLAIN = re.compile(r"[A-Za-z./][\w./=$ +%@-]*")
"""Text that YAML takes as it is within braces."""
MOST_BYTES, MOST_LINES, LONGEST = 65536, 50, 500
"""What is read of a Procfile that somebody may have sent to be a nuisance."""


def read(folder: Path) -> str:
    """Return the text of the Procfile in FOLDER, "" where there is none.

    A link is none: it could lead to what only root may read.
    """
    try:
        handle = os.open(folder / NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            return file.read(MOST_BYTES).decode(errors="replace")
    except OSError:
        return ""


def parse(text: str) -> dict[str, str]:
    """Return the commands in a Procfile by the names of their processes; lines that are none are passed over, as Heroku does."""
    found = {}
    for line in text.splitlines():
        if (match := LINE.fullmatch(line)) and match[2].isprintable() and len(match[2]) <= LONGEST:
            found[match[1]] = match[2]
        if len(found) == MOST_LINES:
            break
    return found


def processes(text: str) -> dict[str, str]:
    """Return the commands of a Procfile's processes beside `web`, by names as `processes` takes them."""
    return {known_as(name): command for name, command in parse(text).items() if name.lower() not in OTHERWISE}


def known_as(name: str) -> str:
    """Return the NAME of a Procfile's process as `processes` takes it: `mail_queue` is `mail-queue`."""
    return name.lower().replace("_", "-").strip("-")[:20]


def as_yaml(found: Mapping[str, str]) -> str:
    """Return what to write into an app's description for the processes FOUND, in one line."""
    entries = [f"{name}: {{command: {scalar(command)}}}" for name, command in found.items()]
    return f"processes: {{{', '.join(entries)}}}"


def scalar(text: str) -> str:
    """Return TEXT as YAML takes it within braces."""
    return text if PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def offer(text: str, known: Mapping[str, str]) -> str:
    """Return the note of what a Procfile names and nothing runs, "" for nothing; KNOWN are the processes there are, by command."""
    found = processes(text)
    missing = {name: command for name, command in found.items() if name not in known and command not in known.values()}
    if not missing:
        return ""
    which = ", ".join(f"{name} (`{command}`)" for name, command in missing.items())
    return (
        f"the source has a Procfile with {which}, which nothing runs here; to run it, put "
        f"`{as_yaml(missing)}` into the app's description"
    )
