#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's half of slipway.flask.preview."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preview_on_host
short_description: The host's half of slipway.flask.preview
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

import time
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app import previews
from ansible_collections.slipway.flask.plugins.module_utils._app.places import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._app.previews import DAY, Preview
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._host.task import begin
from ansible_collections.slipway.flask.plugins.module_utils._remove import program
from ansible_collections.slipway.flask.plugins.module_utils._remove.error import RemoveError

ARGUMENTS: dict[str, Any] = {
    **{name: {"type": "str", "required": True} for name in ("name", "of", "branch", "url", "by")},
    **{name: {"type": "int", "required": True} for name in ("days", "most")},
    "description": {"type": "dict", "required": True},
    "remove": {"type": "bool", "default": False},
}


def refusal(asked: dict[str, Any]) -> str:
    """Return why there can be no such preview, "" when there can."""
    there = previews.all_of()
    mine = next((one for one in there if one.name == asked["name"]), None)
    if mine and (mine.of, mine.branch) != (asked["of"], asked["branch"]):
        return f"the name is that of the preview of {mine.branch} of {mine.of}"
    if not mine and (systemd.UNITS / f"{asked['name']}@.service").exists():
        return "the host has an app of that name which is not a preview: as one, it would be removed on its end date"
    if not mine and len(there) >= asked["most"]:
        names = ", ".join(one.name for one in there)
        return (
            f"the host has {len(there)} previews ({names}), and `most` in `preview` is {asked['most']}: close one of them with "
            "-e remove=true, or raise `most`"
        )
    return ""


def main() -> None:
    module, asked = begin(ARGUMENTS)
    ends = time.time() + asked["days"] * DAY
    preview = Preview(asked["name"], asked["of"], asked["branch"], asked["url"], ends, asked["description"])
    there = previews.read(preview.name)
    preview.copied = there.copied if there else ""
    try:
        if asked["remove"]:
            if there and not module.check_mode:
                program.remove(there, asked["by"])
            module.exit_json(changed=there is not None)
        if told := refusal(asked):
            module.fail_json(msg=told)
        if not module.check_mode:
            preview.write()
    except (RemoveError, ReleaseError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'the host'}: {error.strerror}")
    module.exit_json(changed=True, until=preview.until)


if __name__ == "__main__":
    main()
