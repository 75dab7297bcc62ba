#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.logs; its action plugin does the work, with a program that it sends to the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: logs
short_description: Show the logs of one app as one time line
version_added: 0.3.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.apps
description:
  - Prints, in the order of time, what nginx, gunicorn, the app, its workers, timers and services, PostgreSQL on the host and
    systemd say of one app, and its deploys and rollbacks. It prints while it reads, and goes on with O(follow).
  - Of several hosts, each one's lines are kept on the controller until slipway.flask.logs_report prints them in one order.
  - Signs that a terminal would obey are replaced, and values of secret parameters masked.
  - Over SSH, lines appear as they come; any other connection gives its answer at the end.
attributes:
  check_mode:
    support: full
    description: Nothing is ever changed.
options:
  app:
    description: Name of the app; it may be left out when there is but one.
    type: str
    default: ""
  since:
    description:
      - How far back, such as C(15m), C(1h) or C(2d), or a time in UTC, such as C(2026-11-26T20:00).
      - Without it, an hour; for one request, a day.
    type: str
    default: ""
  end:
    description: The same for the end (C(-e until=) of the playbook); now, without it.
    type: str
    default: ""
  process:
    description: >-
      Only lines of one process of the app, C(worker) for example, or one source: C(nginx), C(web), C(gunicorn), C(app),
      C(systemd), C(release), C(postgresql), C(redis), C(pgbouncer).
    type: str
    default: ""
  level:
    description: Only lines of this level and above; a request that was answered with 500 or more is an error.
    type: str
    choices: [debug, info, warning, error, critical]
  grep:
    description: Only lines in which this regular expression is found, in small or capital letters.
    type: str
    default: ""
  request_id:
    description: Only what one request has caused; the first 8 characters of its id are enough.
    type: str
    default: ""
  lines:
    description:
      - Only the last so many lines; C(all) is no limit.
      - Without it, 100 when none of O(since), O(end) and O(request_id) is given.
    type: str
    default: ""
  follow:
    description: Go on for so many seconds, or a time such as C(10m).
    type: str
    default: ""
  format:
    description: For a person, or one JSON object a line.
    type: str
    choices: [text, json]
    default: text
  logs:
    description: The hosts' C(slipway_logs), of which C(mask) is used here.
    type: dict
    default: {}
  after:
    description: Begin at this moment, where another call has ended (its RV(ignore:until)).
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
  description: How many entries were printed.
  returned: when one host has the app
  type: int
several:
  description: Whether several hosts of the play have the app.
  returned: success
  type: bool
hosts:
  description: These hosts.
  returned: when several hosts have the app
  type: list
kept:
  description: File on the controller with the entries.
  returned: when several hosts have the app
  type: str
until:
  description: Moment up to which entries were read, in seconds since 1970.
  returned: when several hosts have the app
  type: float
"""
