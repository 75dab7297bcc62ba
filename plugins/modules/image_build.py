#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.image_build; its action plugin does the work, on the builder with its half there."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_build
short_description: Build images from what slipway.flask.image_context has written
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - Sends each context to the host and builds it there with buildah, podman or Docker. Pushes the images or fetches them as files
    if asked to.
  - With buildah and podman, the same release and the same base image give an image with the same id.
attributes:
  check_mode:
    support: full
    description: Builds nothing.
options:
  contexts:
    description: What M(slipway.flask.image_context) returns.
    type: list
    elements: dict
    required: true
  image:
    description: The variable C(slipway_image).
    type: dict
    default: {}
  tag:
    description: Tag instead of the revision.
    type: str
    default: ""
  push:
    description: Push the images, as C(push) of O(image) does.
    type: bool
    default: false
  to:
    description: Folder on the controller that the images are fetched to as files, for C(docker load) and C(podman load).
    type: path
    default: ""
  index_url:
    description: Package index, if it isn't PyPI (secret).
    type: str
    default: ""
  extra_index_urls:
    description: Further package indexes (secret).
    type: list
    elements: str
    default: []
  ca_bundle:
    description: File on the builder with the certificate authorities that are trusted during the build.
    type: path
    default: ""
"""

EXAMPLES = r"""
- name: Build the shop's image and push it
  slipway.flask.image_build:
    contexts: "{{ contexts.contexts }}"
    image:
      name: registry.example.org/team/shop
    push: true
"""

RETURN = r"""
images:
  description: For each app its image's name with the tag, its id, its size in bytes, and the digest in the registry.
  returned: success
  type: list
  elements: dict
"""
