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
        description: Name of its group; that of O(users[].name) when empty.
        type: str
        default: ""
      members:
        description: Other users that shall be in the group, such as the web server's.
        type: list
        elements: str
        default: []
      comment:
        description: Comment of a newly made user.
        type: str
        default: ""
      must_be_free:
        description: Paths that must not exist when the user is made, as they would show that the name is something else's.
        type: list
        elements: path
        default: []
"""
