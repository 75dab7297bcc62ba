#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.doctor; its action plugin does the work, on the host with doctor_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: doctor
short_description: Examine a host, even one that Slipway has never managed
version_added: 0.4.0
author: Slipway contributors (@slipway)
description:
  - Checks the host in one round trip - distribution, clock, disks, memory, units, certificates, PostgreSQL, the apps'
    Python versions, backups, and pending restarts - and its domains and sites from the controller.
  - Checks that the host can send mail if the environment of an app names a mail server (C(MAIL_SERVER), C(SMTP_HOST),
    C(EMAIL_URL) and the like).
  - Never changes anything, and never fails because of findings; M(slipway.flask.doctor_report) does.
attributes:
  check_mode:
    support: full
    description: Does the same.
options:
  apps:
    description: The apps, as in C(slipway_apps); may be empty.
    type: list
    elements: dict
    default: []
  app:
    description: Check the domains and mail of this app only; empty means all apps.
    type: str
    default: ""
  audit_url:
    description: Server that is asked for known vulnerabilities of apps with C(audit); empty is OSV.
    type: str
    default: ""
  proxied:
    description: Whether the domains may point to a trusted proxy in front of the host.
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
  description: One entry per check, in the order of the report.
  returned: success
  type: list
  elements: dict
  contains:
    check:
      description: Name of the check, such as V(disk).
      type: str
    findings:
      description: Findings, each with C(level) (V(problem) or V(note)), C(says) and C(do).
      type: list
    unknown:
      description: Why the check could not be made; empty if it was.
      type: str
"""
