#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.logs; its action plugin does the work, with a program that it sends to the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: logs
short_description: Show all logs of an app in chronological order
version_added: 0.3.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Prints, in chronological order, what nginx, gunicorn, the app, its workers, timers and services, PostgreSQL on the
    host and systemd log about one app, together with its deploys and rollbacks. Lines are printed as they are read;
    O(follow) continues with new ones.
  - With several hosts, the lines of each are kept on the controller until slipway.flask.logs_report prints them in
    order.
  - Control characters are replaced, and values of secret parameters are masked.
  - Over SSH, lines appear immediately; with any other connection, they appear at the end.
attributes:
  check_mode:
    support: full
    description: Never changes anything.
options:
  app:
    description: Name of the app; optional if there is only one.
    type: str
    default: ""
  since:
    description:
      - Start of the period, such as C(15m), C(1h) or C(2d) ago, or a time in UTC, such as C(2026-11-26T20:00).
      - The default is an hour; for a single request, a day.
    type: str
    default: ""
  end:
    description: End of the period, in the same format (C(-e until=) of the playbook). The default is now.
    type: str
    default: ""
  process:
    description: >-
      Only lines of one process of the app, such as C(worker), or of one source: C(nginx), C(web), C(gunicorn), C(app),
      C(systemd), C(release), C(postgresql), C(redis), C(pgbouncer).
    type: str
    default: ""
  level:
    description: Only lines of this level and above; a request that was answered with 500 or more is an error.
    type: str
    choices: [debug, info, warning, error, critical]
  grep:
    description: Only lines that match this regular expression, ignoring case.
    type: str
    default: ""
  request_id:
    description: Only lines of one request; the first 8 characters of its ID are enough.
    type: str
    default: ""
  lines:
    description:
      - Number of lines to show, counted from the end; C(all) means no limit.
      - The default is 100 if none of O(since), O(end) and O(request_id) is given.
    type: str
    default: ""
  follow:
    description: Keep printing new lines for this long, in seconds or such as C(10m).
    type: str
    default: ""
  format:
    description: Output for people, or one JSON object per line.
    type: str
    choices: [text, json]
    default: text
  logs:
    description: C(slipway_logs) of the hosts; only C(mask) is used here.
    type: dict
    default: {}
  after:
    description: Start where another call has ended (its RV(ignore:until)).
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show the errors of the last hour
  slipway.flask.logs:
    apps: "{{ slipway_apps }}"
    app: shop
    since: 1h
    level: error
"""

RETURN = r"""
shown:
  description: Number of printed entries.
  returned: when one host has the app
  type: int
several:
  description: Whether several hosts of the play have the app.
  returned: success
  type: bool
hosts:
  description: Names of these hosts.
  returned: when several hosts have the app
  type: list
kept:
  description: File on the controller with the entries.
  returned: when several hosts have the app
  type: str
until:
  description: Time up to which entries were read, in seconds since 1970.
  returned: when several hosts have the app
  type: float
"""
