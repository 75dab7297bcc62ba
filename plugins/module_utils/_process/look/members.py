# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The processes of an app for somebody who only looks at them.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._app.places import Places
from ansible_collections.slipway.flask.plugins.module_utils._process import settings
from ansible_collections.slipway.flask.plugins.module_utils._process.look.base import ProcessLook
from ansible_collections.slipway.flask.plugins.module_utils._process.look.schedule import ScheduleLook
from ansible_collections.slipway.flask.plugins.module_utils._process.look.web import WebLook
from ansible_collections.slipway.flask.plugins.module_utils._process.look.worker import WorkerLook


def processes_of(paths: Places, health: Health | None = None) -> tuple[ProcessLook, ...]:
    """Return the processes of the app at PATHS, as `_process/members.py` has them; HEALTH is the request that it must answer."""
    asked = health or Health()
    beside = (
        (ScheduleLook if kind == settings.SCHEDULE else WorkerLook)(paths, asked, name)
        for name, kind in settings.beside(paths)
    )
    return (WebLook(paths, asked), *beside)
