#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.role_check; all its work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: role_check
short_description: Refuse what a role can't do, before it changes anything
version_added: 0.2.0
author: Slipway contributors (@slipway)
description:
  - For the first task of a role. It checks the role's variables against C(meta/argument_specs.yml), the host against the
    systems that the collection supports, and fails with all of O(problems) at once.
  - It works on the controller. The host is asked only when a fact that the role uses isn't known yet; it is then a fact as
    if M(ansible.builtin.setup) had been called.
attributes:
  check_mode:
    support: full
    description: Changes nothing anyway.
options:
  problems:
    description:
      - Jinja expression without braces, like O(ansible.builtin.assert#module:that), whose value is a list of sentences.
        It is evaluated once the facts are known, and only when types and system are right.
    type: str
    default: "[]"
  facts:
    description: The subsets of M(ansible.builtin.setup) that the role uses.
    type: list
    elements: str
    choices: [distribution, hardware, virtual]
    default: [distribution]
  packages:
    description: APT packages that the role will install; returned, so that a play can install those of all its roles at once.
    type: list
    elements: str
    default: []
  package_files:
    description: Files that their installation reads, path to text, as M(slipway.flask.packages) takes them; returned.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: validate | Refuse what can't work
  slipway.flask.role_check:
    problems: shop_sites | my.own.problems
    packages: "{{ shop_packages }}"
  register: shop_checked
"""

RETURN = r"""
packages:
  description: The same as O(packages).
  type: list
  elements: str
  returned: success
package_files:
  description: The same as O(package_files).
  type: dict
  returned: success
"""
