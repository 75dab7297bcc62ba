#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.role_check; all its work is done by the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: role_check
short_description: Check the variables and the host of a role before it changes anything
version_added: 0.2.0
author: Slipway contributors (@slipway)
description:
  - For the first task of a role. Checks the role's variables against C(meta/argument_specs.yml) and the host against
    the systems that the collection supports, and fails with all of O(problems) at once.
  - Runs on the controller. The host is only contacted if a fact that the role uses isn't known yet; it is then set as
    by M(ansible.builtin.setup).
attributes:
  check_mode:
    support: full
    description: Never changes anything.
options:
  problems:
    description:
      - Jinja expression without braces, like O(ansible.builtin.assert#module:that), whose value is a list of sentences.
        It is evaluated when the facts are known, and only if types and system are valid.
    type: str
    default: "[]"
  facts:
    description: Subsets of M(ansible.builtin.setup) that the role uses.
    type: list
    elements: str
    choices: [distribution, hardware, virtual]
    default: [distribution]
  packages:
    description: >-
      APT packages that the role will install. They are returned so that a play can install the packages of all its
      roles at once.
    type: list
    elements: str
    default: []
  package_files:
    description: >-
      Files to write before the packages are installed, as path to contents, in the format of M(slipway.flask.packages).
      They are returned as well.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: validate | Reject invalid values
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
