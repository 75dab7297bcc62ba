# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The users of services, as slipway.flask.service_users and slipway.flask.files take them."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  users:
    suboptions:
      name:
        description: Name of the user.
        type: str
        required: true
      group:
        description: Name of the user's group. Empty means O(users[].name).
        type: str
        default: ""
      members:
        description: Other users to add to the group, such as the web server's.
        type: list
        elements: str
        default: []
      comment:
        description: Comment for a newly created user.
        type: str
        default: ""
      must_be_free:
        description: >-
          Paths that must not exist when the user is created, because they would indicate that the name is already in
          use.
        type: list
        elements: path
        default: []
"""
