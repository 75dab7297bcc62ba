# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Runs ansible-lint, every rule over every file, in a quarter of its time: `bin/lib/ansible_lint.py [ARG ...]`.

It starts `ansible-playbook --syntax-check` for each playbook and role, 80 times. Here one process checks the syntax of
all; where that finds something, ansible-lint asks about each, so that it reports what it always does. And what is the same
for all of its rules, or for all files, is not done anew for each of them.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from typing import Any

from ansiblelint import runner
from ansiblelint.__main__ import main
from ansiblelint.rules import AnsibleLintRule
from wcmatch import _wcparse

ROLES = "- name: Syntax of the roles\n  hosts: localhost\n  tasks:\n"
ROLE = "    - ansible.builtin.import_role:\n        name: {}\n"


def all_are_well(files: list[Any], environ: dict[str, str]) -> bool:
    """Tell whether the syntax of the playbooks and roles FILES is right."""
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as roles:
        roles.write(ROLES + "".join(ROLE.format(file.path) for file in files if file.kind == "role"))
        roles.flush()
        playbooks = [str(file.path) for file in files if file.kind == "playbook"]
        done = subprocess.run(
            ["ansible-playbook", "--syntax-check", roles.name, *playbooks],
            env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
    return done.returncode == 0


def syntax_first(each: Any) -> Any:
    """Return ansible-lint's function that checks the syntax of EACH file, with the check of all before it."""

    def checked(self: Any, worker: Any, files: list[Any]) -> list[Any]:
        well = all_are_well(files, {**self.app.runtime.environ, "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "False"})
        return [] if well else each(self, worker, files)

    return checked


def lines_once(matchlines: Any) -> Any:
    """Return ansible-lint's MATCHLINES, which goes over a file once for all rules that don't look at lines.

    What it does for them is to warn of old names in `noqa`, and that only once.
    """
    seen = set[str]()

    def matched(self: Any, file: Any) -> Any:
        if type(self).match is AnsibleLintRule.match:
            if file.filename in seen:
                return []
            seen.add(file.filename)
        return matchlines(self, file)

    return matched


if __name__ == "__main__":
    for owner, name, anew in (
        (runner.Runner, "_map_syntax_check_workers", syntax_first),
        (AnsibleLintRule, "matchlines", lines_once),
        (_wcparse, "compile", functools.cache),  # of the patterns that say what kind of file one is
    ):
        setattr(owner, name, anew(getattr(owner, name)))  # fails where a new ansible-lint has no such thing
    sys.exit(main(["ansible-lint", *sys.argv[1:]]))
