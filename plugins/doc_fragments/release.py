# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Parameters that slipway.flask.release and slipway.flask.rollback have in common."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  health:
    description: The request that tells whether a release is ready.
    type: dict
    required: true
    suboptions:
      path:
        description: Path of the request.
        type: str
        default: /
      status:
        description: Status that means ready.
        type: int
        default: 200
      host:
        description: Host header of the request.
        type: str
        default: ""
      timeout_seconds:
        description: How long the release may take to become ready.
        type: int
        default: 60
  verify:
    description: The site as a visitor reaches it, asked after the switch.
    type: dict
    default: {}
    suboptions:
      domain:
        description: Name of the site; empty asks nothing.
        type: str
        default: ""
      address:
        description: Address that is connected to.
        type: str
        default: 127.0.0.1
      port:
        description: TLS port that is connected to.
        type: int
        default: 443
  watch_seconds:
    description:
      - How long visitors' answers from the switched release are watched; it switches back when they are worse than before.
        0 is not at all.
    type: int
    default: 5
  notifications:
    description: Webhooks that the controller tells how it ended.
    type: list
    elements: dict
    default: []
    suboptions:
      url:
        description: Address of the webhook (secret).
        type: str
        required: true
      format:
        description: The summary as JSON, or a text as Slack or Discord take it.
        type: str
        choices: [slipway, slack, discord]
        default: slipway
  drain_seconds:
    description: How long connections that wait for the release before are waited for.
    type: int
    default: 30
"""
