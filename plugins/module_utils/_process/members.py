# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The processes of an app for a run that acts on them; for one that only looks they are in look/members.py.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._process import settings
from ansible_collections.slipway.flask.plugins.module_utils._process.base import Process
from ansible_collections.slipway.flask.plugins.module_utils._process.host import Host
from ansible_collections.slipway.flask.plugins.module_utils._process.web import Web


def processes_of(host: Host) -> tuple[Process, ...]:
    """Return an app's processes in the order of their start. The app's commands run in the first one's sandbox (names.FIRST).

    They are those of the next release, and of any that is on the host: one that was renamed or taken out of the description
    is ended with the release that has it.
    """
    return (Web(host), *(_made(host, name, kind) for name, kind in settings.beside(host.paths)))


def _made(host: Host, name: str, kind: str) -> Process:
    """Return the process NAME of a KIND. An app that has none loads nothing of what they do."""
    if kind == settings.SCHEDULE:
        from ansible_collections.slipway.flask.plugins.module_utils._process.schedule import Schedule

        return Schedule(host, name)
    from ansible_collections.slipway.flask.plugins.module_utils._process.worker import Worker

    return Worker(host, name)
