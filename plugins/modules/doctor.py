#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.doctor; its action plugin does the work, on the host with doctor_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: doctor
short_description: Examine a host, also one that Slipway has never touched
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - Looks at the host in one round trip - its distribution, clock, disks, memory, units, certificates, PostgreSQL, the Pythons of
    its apps, its backups, and what waits for a restart - and from the controller at its domains and sites.
  - Whether mail can leave the host is looked at where the environment of an app names a mail server (C(MAIL_SERVER),
    C(SMTP_HOST), C(EMAIL_URL) and the like).
  - Never changes anything, and never fails because of what it finds; M(slipway.flask.doctor_report) does.
attributes:
  check_mode:
    support: full
    description: Does the same.
options:
  apps:
    description: The apps, as in C(slipway_apps); there may be none.
    type: list
    elements: dict
    default: []
  app:
    description: Name of the only app whose domains and mail are looked at; empty means all.
    type: str
    default: ""
  audit_url:
    description: Server that is asked for known vulnerabilities of apps with C(audit); empty is OSV.
    type: str
    default: ""
  proxied:
    description: Whether something in front of the host is trusted, to which the domains may lead.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Examine the host
  slipway.flask.doctor:
    apps: "{{ slipway_apps | default([]) }}"
  register: slipway_doctor
"""

RETURN = r"""
checks:
  description: One entry for each check, in the order in which a person reads them.
  returned: success
  type: list
  elements: dict
  contains:
    check:
      description: Its name, such as V(disk).
      type: str
    findings:
      description: What it found, each with C(level) (V(problem) or V(note)), C(says) and C(do).
      type: list
    unknown:
      description: Why it can't tell; empty when it can.
      type: str
"""
