# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Requirements that a tool clones: is git there, and what do their branches stand for now?"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable

from ansible_collections.slipway.flask.plugins.module_utils._host.systemd import HostError
from ansible_collections.slipway.flask.plugins.module_utils._python import build_sandbox, git_unit
from ansible_collections.slipway.flask.plugins.module_utils._python.uv import EnvironmentError_, masked, tail
from ansible_collections.slipway.flask.plugins.module_utils._source import git, git_script, urls

SECONDS = 60
"""How long a server may take to tell what its branches stand for."""
COMMIT = re.compile(r"\b[0-9a-f]{40}\b")
PROTOCOLS = ("https", "http", "ssh", "git")


def need_git(repositories: Iterable[str], named_by: str) -> None:
    """Raise EnvironmentError_ when there is a repository to be cloned and no git to do it."""
    address = next((one for one in repositories if not re.match(r"(hg|svn|bzr)\+", one)), None)
    if address and not shutil.which("git"):
        raise EnvironmentError_(
            f"{named_by} names the repository {masked(address)}, but git is not installed on this host: add git to the "
            "app's `system_packages` (python_venv_build_packages in a playbook of your own) and provision again"
        )


def tips(repositories: Iterable[str]) -> list[str]:
    """Return the commits that those of REPOSITORIES which name none stand for now: a branch moves, and so must the key.

    Raises EnvironmentError_ when a server can't be asked.
    """
    return [tip(address) for address in repositories if not COMMIT.search(address) and "${" not in address]


def tip(address: str) -> str:
    """Return the commit that one address (`git+https://host/path@ref`) stands for, "" for what git is not asked about."""
    scheme, _, rest = address.removeprefix("git+").split("#")[0].partition("://")
    if not rest or scheme not in PROTOCOLS:
        return ""
    host, slash, path = rest.partition("/")
    path, _, reference = path.rpartition("@") if "@" in path else (path, "", "")
    url = f"{scheme}://{host}{slash}{path.split('?')[0]}"
    asked = [reference or "HEAD"] if address.startswith("git+") else []  # of a table in pyproject.toml: whatever it has
    plain, place = urls.split(url)[0], git_unit.passing()
    environment = git.environment(url, given=place.variables()) | {"GIT_ALLOW_PROTOCOL": ":".join(PROTOCOLS)}
    if place.unit:
        start = git_script.room(environment, build_sandbox.text_of(git_unit.KNOWN_HOSTS), place.known_hosts)
    else:  # with the keys and settings of whoever runs it
        start = git_script.exports(environment | {"GIT_SSH_COMMAND": "ssh -o BatchMode=yes"})
    try:  # of this host itself nothing can be asked: neither can the build fetch it from there
        done = place.run(start + git_script.tips(plain, asked), plain, "", "", environment, seconds=SECONDS)
    except (OSError, HostError, subprocess.TimeoutExpired) as error:
        raise EnvironmentError_(
            f"git can't ask {masked(url)} for {' '.join(asked) or 'its branches'}: {masked(str(error))}"
        ) from None
    if done.returncode:
        raise EnvironmentError_(
            f"git can't ask {masked(url)} for {' '.join(asked) or 'its branches'}:\n{tail(done.stderr, 3)}"
        )
    return done.stdout
