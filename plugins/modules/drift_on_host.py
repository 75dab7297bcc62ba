#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.drift."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drift_on_host
short_description: The host's half of slipway.flask.drift
version_added: 0.4.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.task
"""

EXAMPLES = r"""
[]
"""

RETURN = r"""
{}
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app.described import DESCRIBED
from ansible_collections.slipway.flask.plugins.module_utils._drift import look
from ansible_collections.slipway.flask.plugins.module_utils._drift.difference import Difference
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import PostgresError
from ansible_collections.slipway.flask.plugins.module_utils._release.info import serving_of
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths

ARGUMENTS: dict[str, Any] = {"apps": {"type": "list", "elements": "dict", "required": True, "options": DESCRIBED}}


def main() -> None:
    module, asked = begin(ARGUMENTS)
    found: list[Difference] = []
    failure = ""
    serving = {}
    for app in asked["apps"]:
        paths = Paths(app["app"], Path(app["root"]), Path(app["settings"]))
        found += look.of_app(paths)
        serving[paths.app] = serving_of(paths)
    try:
        found += look.of_host([app["app"] for app in asked["apps"]])
    except PostgresError as error:
        failure = str(error)
    diff = [
        {"before_header": one.what, "after_header": one.what, "before": one.before, "after": one.after}
        for one in found
        if one.before != one.after
    ]
    result = {"differences": [asdict(one) for one in found], "diff": diff, "serving": serving}
    if failure:
        module.fail_json(msg=failure, changed=bool(found), **result)
    module.exit_json(changed=bool(found), **result)


if __name__ == "__main__":
    main()
