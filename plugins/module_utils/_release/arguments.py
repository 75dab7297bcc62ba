# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the modules of releases share: parameters, and how a run becomes an answer.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox_needs
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.run import Outcome, Run

HEALTH: dict[str, Any] = {
    "type": "dict",
    "required": True,
    "options": {
        "path": {"type": "list", "elements": "str", "default": ["/"]},
        "status": {"type": "list", "elements": "int", "default": [200]},
        "host": {"type": "str", "default": ""},
        "timeout_seconds": {"type": "int", "default": 60},
    },
}
VERIFY: dict[str, Any] = {
    "type": "dict",
    "apply_defaults": True,
    "options": {
        "domain": {"type": "str", "default": ""},
        "address": {"type": "str", "default": "127.0.0.1"},
        "port": {"type": "int", "default": 443},
    },
}
MIGRATIONS: dict[str, Any] = {
    "type": "dict",
    "apply_defaults": True,
    "options": {
        "mode": {"type": "str", "choices": ["guarded", "report", "off"], "default": "guarded"},
        "allow": {"type": "list", "elements": "str", "default": []},
        "dump": {"type": "bool", "default": True},
        "lock_timeout_seconds": {"type": "int", "default": 5},
        "statement_timeout_seconds": {"type": "int", "default": 0},
        "variable": {"type": "str", "default": "DATABASE_URL"},
        "owner_url": {"type": "str", "default": "", "no_log": True},
    },
}
WEB: dict[str, Any] = {
    "type": "dict",
    "apply_defaults": True,
    "options": {
        "user": {"type": "str", "default": ""},
        "service": {"type": "str", "default": "nginx.service"},
        "folders": {"type": "list", "elements": "str", "default": []},
    },
}
RUN: dict[str, Any] = {
    "app": {"type": "str", "required": True},
    "wsgi": {"type": "str", "required": True},
    "user": {"type": "str", "required": True},
    "root": {"type": "path", "required": True},
    "settings_folder": {"type": "path", "required": True},
    "writable_paths": {"type": "list", "elements": "path", "default": []},
    "command_seconds": {"type": "int", "default": 3600},
    "check_seconds": {"type": "int", "default": 120},
    "writes_at_import": {"type": "bool", "default": False},
    "health": HEALTH,
    "verify": VERIFY,
    "web": WEB,
    "watch_seconds": {"type": "int", "default": 5},
    "drain_seconds": {"type": "int", "default": 30},
    "hook_seconds": {"type": "int", "default": 900},
    "gave_up": {"type": "str", "default": ""},
    # What follows is filled in by the action plugins.
    "by": {"type": "str", "default": "somebody"},
    "process": {"type": "str", "default": ""},
    "gone": {"type": "str"},
    "progress": {"type": "str", "default": "", "no_log": False},
    "until": {"type": "str", "default": ""},
    "resume": {"type": "str", "default": ""},
}
"""Parameters of every run."""


def answer(module: AnsibleModule, job: Run, run: Callable[[], Outcome], **more: Callable[[Outcome], Any]) -> None:
    """End MODULE with what RUN of a JOB did, or with its failure; MORE are further values of a good answer.

    A failure tells what the job had to note all the same, and which release serves after it.
    """
    try:
        outcome = run()
    except ReleaseError as error:
        message = f"{error}{sandbox_needs.hint(str(error))}"
        module.fail_json(msg=message, stage=error.stage, holder=error.holder, **left(job))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'the host'}: {error.strerror}", stage="", **left(job))
    record = asdict(outcome.record) if outcome.record else {}
    module.exit_json(
        changed=outcome.changed,
        release=record.get("id", ""),
        record=record,
        previous=outcome.previous,
        notes=outcome.notes,
        draining=outcome.draining,
        hook=outcome.hook,
        **{name: value(outcome) for name, value in more.items()},
    )


def left(job: Run) -> dict[str, Any]:
    """Return what there is to tell after a JOB that failed."""
    return {"notes": list(dict.fromkeys(job.context.notes)), "serves": job.paths.current_id()}
