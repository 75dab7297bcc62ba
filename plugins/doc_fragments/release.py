# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Parameters that slipway.flask.release and slipway.flask.rollback have in common."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
attributes:
  action_group:
    description: C(module_defaults) for C(group/slipway.flask.release) apply to both modules that put a release into service.
    support: full
    membership:
      - slipway.flask.release
options:
  description:
    description:
      - The app, as an entry of C(app_release_releases) of the role P(slipway.flask.app_release#role), which documents every key.
      - The filter P(slipway.flask.app_release#filter) creates it from an app in C(slipway_apps).
      - C(name) and C(wsgi) are required; a deploy also requires one of C(path), C(git), C(archive) and C(package). C(hooks) are
        task files on the controller; the module stops at each of them and returns RV(hook).
    type: dict
    required: true
  resume:
    description: RV(hook) of the call that stopped; its release is continued.
    type: dict
    default: {}
  gave_up:
    description: Why the tasks of the hook in O(resume) failed; the release is aborted as if a stage had failed.
    type: str
    default: ""
"""
