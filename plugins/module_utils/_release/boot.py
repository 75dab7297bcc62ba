# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a host serves that goes down in the midst of a run over several hosts: after the boot, the release before.

Such a host may have switched, and the others have gone back when it was gone. It can't ask them, and must not wait for anybody. So
before the switch it is written down for systemd-tmpfiles(8) that `current` leads to the release before, at boot alone (`!` in
tmpfiles.d(5)) and before any service starts; the units of both releases are enabled until the end of the run, and only the one that
`current` names starts. What is written down goes as soon as the run has come about, or is over in any other way.

A release with schedules is left as it is: their timers have been handed over at the switch, and would not come back by the link.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import file_state
from ansible_collections.slipway.flask.plugins.module_utils._process import settings
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths

FOLDER = Path("/etc/tmpfiles.d")
TEXT = """\
# Managed by Slipway. A run over several hosts has switched this one and is not over: after a boot, it serves what they do.
L+! {current} - - - - releases/{release}
"""


def file_of(app: str) -> Path:
    """Return the file in which it is written down of APP."""
    return FOLDER / f"slipway-release-{app}.conf"


def hold(paths: Paths, release: str) -> None:
    """Have RELEASE, which serves, serve after a boot as well, whatever `current` leads to by then. Raises OSError."""
    if not release or any(settings.kind(one) == settings.SCHEDULE for one in settings.of(paths, release).values()):
        return
    path = file_of(paths.app)
    path.parent.mkdir(exist_ok=True)
    text = TEXT.format(current=paths.current, release=release)
    file_state.write(path, text.encode(), 0o644, os.geteuid(), os.getegid())


def settle(app: str) -> None:
    """Have APP serve after a boot what `current` leads to."""
    file_of(app).unlink(missing_ok=True)
