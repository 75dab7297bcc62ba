# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Parameters that slipway.flask.release and slipway.flask.rollback have in common."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
attributes:
  action_group:
    description: C(module_defaults) for C(group/slipway.flask.release) hold for both modules that make an app serve.
    support: full
    membership:
      - slipway.flask.release
options:
  description:
    description:
      - The app, as an entry of C(app_release_releases) of the role P(slipway.flask.app_release#role), which documents every key.
      - The filter P(slipway.flask.app_release#filter) makes it of an app of C(slipway_apps).
      - C(name) and C(wsgi) are needed, to deploy also one of C(path), C(git), C(archive) and C(package). C(hooks) are files of
        tasks on the controller; the module stops at each and tells RV(hook).
    type: dict
    required: true
  resume:
    description: RV(hook) of the call that stopped; its release goes on.
    type: dict
    default: {}
  gave_up:
    description: Why the tasks of the hook of O(resume) failed; the release is given up as by a stage that fails.
    type: str
    default: ""
"""
