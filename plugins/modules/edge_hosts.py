#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.edge_hosts; its action plugin does the work, on the edge with edge_hosts_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: edge_hosts
short_description: Take a web host out of balancing, put it back, or show which hosts an edge uses
version_added: 0.5.0
author: Slipway contributors (@slipway)
description:
  - To be run on the hosts of the group C(edge), which were set up by the role P(slipway.flask.edge#role).
  - A host that is taken out gets no new requests, and answers those that it has. It stays out, regardless of
    provisioning, deploys and restarts of the edge, until it is put back.
  - The last host that serves an app can't be taken out, and only a host that passes the check of each of its apps can be
    put back.
attributes:
  check_mode:
    support: full
    description: Checks whether it could be done, and changes nothing.
options:
  out:
    description: The host to take out, by its name in the inventory.
    type: str
    default: ""
  back:
    description: The host to put back.
    type: str
    default: ""
  backends:
    description: What the edge balances, as returned by P(slipway.flask.edge_backends#filter).
    type: list
    elements: dict
    default: []
  releases:
    description: >-
      Name of the variable of the web hosts that has what M(slipway.flask.release_info) returned. A host whose release has
      another revision than the release of the other hosts is not put back.
    type: str
    default: ""
  authorities:
    description: File on the edge with the certificate authorities of the hosts.
    type: path
    default: /etc/slipway/identity/fleet.pem
  wait:
    description: How long to wait for requests that the host has begun, in seconds.
    type: int
    default: 60
  force:
    description: Skip the checks, for example to take out a host that is known to answer wrongly although it is the last.
    type: bool
    default: false
  look:
    description: >-
      Only find out whether it could be done. With several edges, ask all of them before the first one does it.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Take a host out
  slipway.flask.edge_hosts:
    out: web2
"""

RETURN = r"""
hosts:
  description: >-
    By app and host, C(state) (V(in), V(out) or V(failing)), the number of C(requests), and what the last C(check) met.
  returned: success, unless O(look)
  type: dict
left:
  description: Number of requests that the host still has.
  returned: when a host was taken out
  type: int
"""
