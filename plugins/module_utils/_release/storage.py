# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whether a release would reach its object storage: asked at the check, with the settings that it will run with.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file
from ansible_collections.slipway.flask.plugins.module_utils._release.context import Context
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError


def check(context: Context) -> None:
    """Refuse a release whose bucket does not let it in. Raises ReleaseError; notes get what could not be seen."""
    variable = context.request.bucket_variable
    if not variable:
        return
    from ansible_collections.slipway.flask.plugins.module_utils._storage import bucket

    settings = environment_file.environment_of(context.environment_file.read_text())
    if variable not in settings:
        raise ReleaseError(f"object storage: {variable} is not among the app's settings; run site.yml first")
    found = bucket.look(settings[variable], settings)
    if found.problem:
        raise ReleaseError(found.problem)
    context.notes += [found.note] * bool(found.note)
