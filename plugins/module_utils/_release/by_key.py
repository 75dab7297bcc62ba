# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Deploys by people of the host who may do nothing else: `sudo slipway-deploy "deploy shop COMMIT"`.

A deploy by Ansible leaves what it was asked and who the app's `deployers` are; sudo takes those to a program that repeats
it with another commit of the same branch. Nothing else is theirs to say: no setting, no command, no repository.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.request import Request

PROGRAM = Path("/usr/local/sbin/slipway-deploy")
SUDOERS = Path("/etc/sudoers.d")
NAME = "deploy.json"
"""The file among the app's settings, for root alone: there are secrets in it."""
OF_A_CALL = {
    "by", "process", "gone", "progress", "until", "resume", "gave_up", "plan", "look", "source_key", "revision", "dirty", "whole",
    "upload", "content", "within", "promotion", "once", "fleet", "settle", "verify_at",
}  # fmt: skip
"""Parameters that were about the controller's own call."""
SCRIPT = '''#!/usr/bin/python3 -I
"""Deploys a commit of an app's own branch: slipway-deploy "deploy APP COMMIT". Written by Slipway; docs/ci.md has more."""

import json
import os
import re
import stat
import sys

LINE = re.compile(r"deploy ([a-z][a-z0-9-]{0,30}) ([0-9a-f]{40})", re.ASCII)


def own(path):
    """Return a path that only root can have written, or end."""
    about = os.lstat(path)
    if about.st_uid != 0 or about.st_mode & 0o022 or not stat.S_ISREG(about.st_mode):
        raise OSError(path)
    return path


def main():
    os.umask(0o022)
    line = LINE.fullmatch(" ".join(sys.argv[1:]))
    if not line:
        sys.exit("slipway-deploy takes: deploy APP COMMIT, the commit with all of its 40 digits")
    app, commit = line.groups()
    who = os.environ.get("SUDO_USER") or "root"
    try:
        with open(own(f"/etc/{app}/deploy.json")) as file:
            kept = json.load(file)
        if who != "root" and who not in kept["deployers"]:
            raise OSError
    except (OSError, ValueError, KeyError):
        sys.exit(f"slipway-deploy: {who} may deploy no app called {app}")
    try:
        code = own(f"/var/cache/slipway/code/release-{kept['key']}.{sys.implementation.cache_tag}.zip")
        os.utime(code)
    except OSError:
        sys.exit("slipway-deploy: the host has no code of this version of Slipway; deploy once with Ansible")
    sys.path.insert(0, code)
    from ansible_collections.slipway.flask.plugins.module_utils._release import by_key

    sys.exit(by_key.run(kept["given"], commit, who))


main()
'''


def request_of(parameters: Mapping[str, Any]) -> Request:
    """Return the request that PARAMETERS are, with those unpacked that the action plugin has packed."""
    packed = {**json.loads(parameters["commands"]), "expected_environment": json.loads(parameters["expected"])}
    return Request.of({**parameters, **packed})


def settle(request: Request, given: Mapping[str, Any], key: str) -> None:
    """Have the deployers of REQUEST be exactly those who may deploy. KEY is the name of the code; GIVEN is the request as it came.

    What a run has said for this once (another version, what `audit` lets pass) is not theirs to repeat: the request before it
    stays. Raises ReleaseError when sudo is not there.
    """
    if request.once or request.fleet or not request.deployers:
        narrow(request)
        return
    told = {name: value for name, value in given.items() if name not in OF_A_CALL and value is not None}
    _keep(request, {"deployers": request.deployers, "key": key, "given": told})


def narrow(request: Request) -> None:
    """Take the right from those who are no deployers of REQUEST any more. Before a deploy, which may fail. Raises ReleaseError."""
    kept, rule = _places(request)
    told: dict[str, Any] = {"deployers": []}
    with suppress(OSError, ValueError):
        told = json.loads(kept.read_text())
    still = [name for name in told["deployers"] if name in request.deployers]
    if not still:
        for path in (rule, kept):
            path.unlink(missing_ok=True)
    elif still != told["deployers"]:
        _keep(request, {**told, "deployers": still})


def _places(request: Request) -> tuple[Path, Path]:
    """Return where the request is kept, and the rule of sudo."""
    return Path(request.settings_folder) / NAME, SUDOERS / f"slipway-deploy-{request.app}"


def _keep(request: Request, told: Mapping[str, Any]) -> None:
    """Write what the program reads, the program, and the rule that takes the deployers to it."""
    kept, rule = _places(request)
    _write(kept, json.dumps(told), 0o600)
    _write(PROGRAM, SCRIPT, 0o755)
    lines = "".join(f"{name} ALL=(root) NOPASSWD: {PROGRAM}\n" for name in told["deployers"])
    _write(rule, f"# Written by Slipway: `deployers` of {request.app}.\n{lines}", 0o440, check=["visudo", "-cqf"])


def _write(path: Path, text: str, mode: int, check: list[str] | None = None) -> None:
    """Write a file whole or not at all, if it is another one; CHECK is asked about it first, in a name that sudo ignores."""
    new = path.with_name(f".{path.name}.new")
    try:
        if path.read_text() == text and path.lstat().st_mode & 0o7777 == mode:
            return
    except OSError:
        pass
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    new.chmod(mode)
    try:
        done = subprocess.run([*check, str(new)], capture_output=True, text=True, check=False) if check else None
    except FileNotFoundError:
        new.unlink()
        raise ReleaseError(
            "the app has 'deployers', and the host has no sudo: run site.yml, which installs it"
        ) from None
    if done and done.returncode:
        new.unlink()
        raise ReleaseError(f"sudo does not take its rule for 'deployers': {done.stderr.strip() or done.stdout.strip()}")
    new.replace(path)


def run(given: Mapping[str, Any], commit: str, who: str) -> int:
    """Repeat the deploy GIVEN with COMMIT, for WHO; print how it ended and return the exit status."""
    from ansible_collections.slipway.flask.plugins.module_utils._release.deploy import Deploy

    request = request_of({**given, "by": f"{who} (deploy key)"})
    source = replace(request.source, version=commit, within=request.source.version)
    job = Deploy(replace(request, source=source))
    try:
        outcome = job.deploy()
    except ReleaseError as error:
        serves = job.paths.current_id()
        stage = f" at stage '{error.stage}'" if error.stage else ""
        print(f"{request.app}: the deploy failed{stage}. {serves or 'No release'} is live.\n{error}")
        return 1
    except OSError as error:
        print(f"{request.app}: {error.filename or 'the host'}: {error.strerror}")
        return 1
    record = outcome.record
    state = "is live now" if outcome.changed else "is already live"
    print("\n".join([f"{request.app}: release {record.id if record else '?'} {state}", *outcome.notes]))
    return 0
