# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What starts in a container of an app's image: `slipway-run web`, `slipway-run PROCESS`, `slipway-run -- COMMAND`.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file
from ansible_collections.slipway.flask.plugins.module_utils._image import places, secret_files
from ansible_collections.slipway.flask.plugins.module_utils._python import driver

USAGE = 64
"""Exit status of a command line that is wrong: EX_USAGE, sysexits.h(3head)."""
CONFIG = 78
"""Of settings that are: EX_CONFIG."""
MISSING = 127


class EntryError(RuntimeError):
    """Nothing can be started; the message is for the user. STATUS is the exit status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def described(place: Path = places.DESCRIPTION) -> dict[str, Any]:
    """Return what the image says of its app."""
    found: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    return found


def environment(app: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """Return what every process of APP has: the GIVEN variables, secrets out of files, and what Python needs.

    The database's URL gets the scheme of the driver that the app has, as on a host. Raises EntryError.
    """
    try:
        found = secret_files.read(given)
    except secret_files.SecretError as error:
        raise EntryError(str(error), CONFIG) from None
    name, scheme = str(app["database"]["variable"]), str(app["database"]["scheme"])
    if scheme and name in found:
        told = driver.fitted(environment_file.text_of({}, {name: found[name]}), name, scheme)
        found |= environment_file.environment_of(told)
    return {"FLASK_APP": str(app["wsgi"]), "RUNTIME_DIRECTORY": "/tmp", "HOME": "/tmp"} | found


def command(app: Mapping[str, Any], words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the arguments that WORDS after `slipway-run` mean, and the variables that go with them. Raises EntryError."""
    processes: Mapping[str, Any] = app["processes"]
    if words[:1] == ["--"] and len(words) > 1:
        return list(words[1:]), {}
    name = words[0] if len(words) == 1 else ""
    if name == places.WEB:
        return ["gunicorn", "--config", str(places.GUNICORN), str(app["wsgi"])], {}
    if name in processes:
        own = {str(key): str(value) for key, value in processes[name]["environment"].items()}
        return list(processes[name]["argv"]), {"PROCESS_NAME": name, **own}
    known = " | ".join([places.WEB, *processes, "-- COMMAND …"])
    raise EntryError(f"usage: {places.RUN} {known}", USAGE)


def make_folders(app: Mapping[str, Any]) -> None:
    """Make the shared folders of APP where the volume that is mounted for them is still empty."""
    with suppress(OSError):  # one that is read-only, or somebody else's, shows when the app writes to it
        for name in app["shared_folders"]:
            (places.SHARED / name).mkdir(parents=True, exist_ok=True)


def main() -> None:
    """Become the process that the command line names."""
    try:
        app = described()
        argv, own = command(app, sys.argv[1:])
        variables = {**environment(app, os.environ), **own}
        make_folders(app)
        os.chdir(places.SRC)
        os.execvpe(argv[0], argv, variables)
    except EntryError as error:
        print(f"{places.RUN}: {error}", file=sys.stderr)
        sys.exit(error.status)
    except FileNotFoundError as error:
        print(f"{places.RUN}: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(MISSING)
