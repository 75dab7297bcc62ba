# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How a run over releases becomes a module's answer.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._release import fleet
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.run import Outcome, Run


def answer(module: AnsibleModule, job: Run, run: Callable[[], Outcome], **more: Callable[[Outcome], Any]) -> None:
    """End MODULE with what RUN of a JOB did, or with its failure; MORE are further values of a good answer.

    A failure tells what the job had to note all the same, and which release serves after it.
    """
    try:
        outcome = run()
    except ReleaseError as error:
        from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox_needs

        message = f"{error}{sandbox_needs.hint(str(error))}"
        module.fail_json(msg=message, stage=error.stage, holder=error.holder, **left(job))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'the host'}: {error.strerror}", stage="", **left(job))
    module.exit_json(**told(outcome), **seen(job), **{name: value(outcome) for name, value in more.items()})


def told(outcome: Outcome) -> dict[str, Any]:
    """Return an OUTCOME as an answer has it."""
    record = asdict(outcome.record) if outcome.record else {}
    return {
        "changed": outcome.changed,
        "release": record.get("id", ""),
        "record": record,
        "previous": outcome.previous,
        "notes": outcome.notes,
        "draining": outcome.draining,
        "processes": outcome.processes,
        "hook": outcome.hook,
    }


def left(job: Run) -> dict[str, Any]:
    """Return what there is to tell after a JOB that failed."""
    return {"notes": list(dict.fromkeys(job.context.notes)), "serves": job.paths.current_id(), **seen(job)}


def seen(job: Run) -> dict[str, Any]:
    """Return what a run over several hosts has to know of this one after a JOB."""
    return {"fleet": {**fleet.told(job.paths), "serves": job.paths.current_id()}} if job.request.fleet else {}
