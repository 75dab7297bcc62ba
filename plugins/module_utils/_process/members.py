# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The processes of an app.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._process.base import Process
from ansible_collections.slipway.flask.plugins.module_utils._process.host import Host
from ansible_collections.slipway.flask.plugins.module_utils._process.web import Web


def processes_of(host: Host) -> tuple[Process, ...]:
    """Return an app's processes in the order of their start. The app's commands run in the first one's sandbox (names.FIRST)."""
    return (Web(host),)
