# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How git is called, here and on a host: without questions, and with credentials where nobody else sees them.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ansible_collections.slipway.flask.plugins.module_utils._source import urls

# A hook of git, which may well start a deploy, sets these for its own repository.
OF_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")
# What a repository or its configuration could have git run is not run; git only reads for us.
QUIET = {
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "fetch.recurseSubmodules": "false",  # submodules are fetched by us, from where they may be
    "protocol.ext.allow": "never",
    "safe.bareRepository": "explicit",  # a folder of the source can look like a repository with a configuration
    "submodule.recurse": "false",
}


def environment(
    address: str = "", settings: Mapping[str, str] | None = None, given: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the environment for a call of git with SETTINGS and with the credentials that ADDRESS holds.

    It adds to the variables that are GIVEN, which are ours if none are.

    They go through GIT_CONFIG_COUNT (git-config(1), since git 2.31): every user can read an argument list, and a
    repository keeps what stands in the address of its remote.
    """
    pairs = QUIET | dict(settings or {})
    plain, authorization = urls.split(address)
    if authorization:
        pairs[f"http.{urls.server(plain)}.extraHeader"] = f"Authorization: {authorization}"
    found = {name: value for name, value in (os.environ if given is None else given).items() if name not in OF_HOOKS}
    before = int(found.get("GIT_CONFIG_COUNT") or 0)
    found |= {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_COUNT": str(before + len(pairs))}
    for number, (key, value) in enumerate(pairs.items(), before):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return found
