# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Runs the programs that backups are made with. PRIVATE to the collection. It can have breaking changes."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._backup import outside
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError as BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.outside import PATH as PATH
from ansible_collections.slipway.flask.plugins.module_utils._backup.outside import Rights as Rights
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import PostgresError, as_user


def run(
    command: Sequence[str],
    user: str = "",
    environment: Mapping[str, str] | None = None,
    seconds: float | None = None,
    given: str | None = None,
    folder: Path = Path("/"),
    rights: Rights | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run COMMAND (in FOLDER, with a clean ENVIRONMENT) as USER, "" for the caller; the caller looks at how it ended.

    :param seconds: after which it is ended; None waits forever.
    :param given: what it reads from its input; None is nothing.
    :param rights: those that it has outside, where this has no network; None for one that needs no network.
    :raises BackupError: when it isn't installed, its user doesn't exist, it has too many arguments, or the time is over.
    """
    program, unit = Path(command[0]).name, None
    own = {"LC_ALL": "C.UTF-8", **(environment or {})}
    try:
        if rights and outside.service():
            unit = outside.Unit(command, own, rights)
            command, given, own, user = unit.argv, unit.head + (given or ""), {}, ""
        return subprocess.run(
            list(command), text=True, errors="replace", capture_output=True, check=False, cwd=folder, timeout=seconds,
            input=given or "", env={"PATH": PATH, **own}, **(as_user(user) if user else {}),
        )  # fmt: skip
    except FileNotFoundError:
        raise BackupError(f"{program} is not installed on this host: run site.yml") from None
    except OSError as error:
        raise BackupError(f"{program} can't be run: {error.strerror}") from None
    except PostgresError as error:
        raise BackupError(str(error)) from None
    except subprocess.TimeoutExpired as late:
        if unit:
            unit.end()
        said = late.stderr.decode(errors="replace") if isinstance(late.stderr, bytes) else late.stderr or ""
        last = f"; it said: {said.strip().splitlines()[-1][:300]}" if said.strip() else ""
        raise BackupError(f"{program} took longer than {seconds:.0f} s and was stopped{last}") from None
