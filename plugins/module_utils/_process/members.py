# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The processes of an app.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.slipway.flask.plugins.module_utils._app.places import Places
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._process import names, settings
from ansible_collections.slipway.flask.plugins.module_utils._process.base import Process
from ansible_collections.slipway.flask.plugins.module_utils._process.host import Host
from ansible_collections.slipway.flask.plugins.module_utils._process.web import Web

KINDS = (settings.WORKER, settings.SCHEDULE)
"""What a process says that it is (`kind` in processes.json)."""


def processes_of(host: Host) -> tuple[Process, ...]:
    """Return an app's processes in the order of their start. The app's commands run in the first one's sandbox (names.FIRST).

    They are those of the next release, and of any that is on the host: one that was renamed or taken out of the description
    is ended with the release that has it.
    """
    found = dict.fromkeys(_wanted(host.paths))
    found |= dict.fromkeys(_there(host.paths))
    return (Web(host), *(_made(host, name, kind) for name, kind in found))


def _made(host: Host, name: str, kind: str) -> Process:
    """Return the process NAME, of one of KINDS. An app that has none loads nothing of what they do."""
    if kind == settings.SCHEDULE:
        from ansible_collections.slipway.flask.plugins.module_utils._process.schedule import Schedule

        return Schedule(host, name)
    from ansible_collections.slipway.flask.plugins.module_utils._process.worker import Worker

    return Worker(host, name)


def _wanted(paths: Places) -> Iterator[tuple[str, str]]:
    """Yield name and kind of what the next release has."""
    for name, entry in settings.of(paths).items():
        if settings.kind(entry) in KINDS:
            yield name, settings.kind(entry)


def _there(paths: Places) -> Iterator[tuple[str, str]]:
    """Yield name and kind of what releases have units of; of what nothing but units is left, a timer tells."""
    files = sorted(systemd.UNITS.glob(f"{paths.app}.*@?*"))
    for file in files:
        if match := names.UNIT.fullmatch(file.name):
            kind = settings.kind(settings.of(paths, systemd.instance_of(file.name)).get(match[1], {}))
            yield match[1], kind if kind in KINDS else settings.WORKER
        if match and file.suffix == ".timer":
            yield match[1], settings.SCHEDULE
