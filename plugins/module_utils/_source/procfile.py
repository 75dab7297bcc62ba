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


def told(text: str, known: Mapping[str, str], before: str = "") -> list[str]:
    """Return the notes about a Procfile with TEXT; KNOWN are the processes that the next release has, by command.

    BEFORE is the text of the previous release, of which all has been told.
    """
    return [note for note in (_offer(text, known, before), _change(text, known, before)) if note]


def _offer(text: str, known: Mapping[str, str], before: str) -> str:
    """Return what to write for the processes that nothing runs, "" for none that are new."""
    missing = _missing(text, known)
    if not missing or missing == _missing(before, known):
        return ""
    which = ", ".join(f"{name} (`{command}`)" for name, command in missing.items())
    return (
        f"the source has a Procfile with {which}, which nothing runs here; to run it, put "
        f"`{as_yaml(missing)}` into the app's description"
    )


def _missing(text: str, known: Mapping[str, str]) -> dict[str, str]:
    found = processes(text).items()
    return {name: command for name, command in found if name not in known and command not in known.values()}


def _change(text: str, known: Mapping[str, str], before: str) -> str:
    """Return which processes run as the Procfile had them before, and not as it has them now."""
    old = processes(before)
    changed = [
        f"{name} (`{command}`, and `{old[name]}` runs)"
        for name, command in processes(text).items()
        if name in old and known.get(name) == old[name] != command
    ]
    if not changed:
        return ""
    return (
        f"the source's Procfile has changed {', '.join(changed)}; site.yml takes it over with `processes: procfile`, "
        "otherwise change it in `processes`"
    )
