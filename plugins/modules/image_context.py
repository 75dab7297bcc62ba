#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.image_context; its action plugin does the work, on the host with its half there."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_context
short_description: Write what the image of each app's live release is built from
version_added: 0.4.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Fetches the live release's code, its lock and its bill of materials, and writes them to a folder with a Containerfile that
    builds the same image again with buildah, podman or Docker, without Slipway.
  - Fails if no release is live, or if it doesn't match its record, was built from uncommitted changes, or is being replaced.
  - Changes nothing on the host. Of several hosts with an app, the first is asked.
attributes:
  check_mode:
    support: full
    description: Writes to a temporary folder only.
options:
  image:
    description: The variable C(slipway_image).
    type: dict
    default: {}
  to:
    description:
      - Folder on the controller, relative to the current one; with several apps, each gets one of its name in it. A folder that
        this has written before is written anew; another one must be empty.
      - If empty, the folder is a temporary one.
    type: path
    default: ""
  base:
    description: Folder that relative paths of sources start at; the inventory's if empty.
    type: path
    default: ""
"""

EXAMPLES = r"""
- name: Write the shop's Containerfile with all that it needs
  slipway.flask.image_context:
    apps: "{{ slipway_apps }}"
    app: shop
    image:
      base: python:{python}-slim
    to: image
"""

RETURN = r"""
contexts:
  description: For each app, its name, the folder, and the image's name with its tag.
  returned: success
  type: list
  elements: dict
"""
