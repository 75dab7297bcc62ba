# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Packs modules before the tasks that send them, in a process beside the run, which waits for hosts most of its time.

Ansible packs each module once a run, a tenth of a second or more each, and keeps it in a cache that all of its processes share.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible.plugins.connection import ConnectionBase
from ansible_collections.slipway.flask.plugins.plugin_utils._action import kept, on_host, packed

PROVISION = ("postgres_cluster", "uv_install", "files_on_host", "nginx_sites_on_host", "postgres_check", kept.NAME)
"""What provisioning sends to nearly every host, in that order."""
BASELINE = "host_access_on_host"
"""What comes before them where Slipway looks after the host itself."""
RELEASE = "release"
NICE = 5
"""The run itself goes first."""


def ahead(action: ActionBase, names: Iterable[str], task_vars: dict[str, Any]) -> None:
    """Begin to pack the collection's modules with NAMES. If one can't be packed, the task that needs it reports the error."""
    if not isinstance(action._connection, ConnectionBase) or kept.imports_by_itself(action):
        return
    packed.bring()
    run = os.getppid()
    if os.fork():  # this is a task's process; when it ends, so does what it has to do with the other one
        return
    try:
        os.nice(NICE)
        for name in names:
            if is_over(run):
                break
            with suppress(Exception):
                action._configure_module(f"slipway.flask.{name}", {}, task_vars)
        packed.keep()
        if is_over(run):  # it has removed its folder, and packing makes it again
            shutil.rmtree(constants.DEFAULT_LOCAL_TMP, ignore_errors=True)
    finally:
        os._exit(0)


def is_over(run: int) -> bool:
    """Tell whether the process of the RUN has ended, a refused one within a moment."""
    try:
        os.kill(run, 0)
    except ProcessLookupError:
        return True
    return False


def provision(action: ActionBase, baseline: bool, task_vars: dict[str, Any]) -> None:
    """Begin to pack what provisioning a host sends; with BASELINE, the host itself is set up too."""
    ahead(action, [BASELINE] * baseline + [*PROVISION], task_vars)


def release(action: ActionBase, code: Iterable[str], task_vars: dict[str, Any]) -> None:
    """Begin to pack the code of a release for a host that keeps the files CODE, unless it is among them."""
    if not kept.is_there(RELEASE, code):
        ahead(action, [on_host.half(RELEASE)], task_vars)
