# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""slipway.flask.role_check as roles use it: one run of ansible-playbook on this machine, a role per case."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

COLLECTIONS = Path(__file__).resolve().parents[4] / "collections"
SPEC = """
argument_specs:
  main:
    options:
      shop_port: {type: int}
      shop_taxes: {type: dict, options: {rate: {type: int}, country: {type: str}}}
"""
CHECK = """
- name: validate | Refuse what can't work
  slipway.flask.role_check:
    problems: shop_problems
    packages: ["{{ shop_package }}"]
  vars:
    shop_problems: >-
      {{ ['the port is ' ~ shop_port, 'it must be 80 or more on ' ~ ansible_facts['distribution']]
         if shop_port | int < 80 else [] }}
  register: shop_checked
  ignore_errors: true
"""
DEBIAN = {"distribution": "Debian", "distribution_version": "12.5", "distribution_major_version": "12"}
KNOW = """
from ansible.plugins.action import ActionBase

class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        return {"ansible_facts": dict(task_vars["known"])}
"""
TELL = """
import json
from pathlib import Path
from ansible.plugins.action import ActionBase

class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        told = {"failed": False, **self._task.args["value"], "system": self._task.args["system"]}
        (Path(self._task.args["folder"]) / task_vars["inventory_hostname"]).write_text(json.dumps(told))
        return {}
"""
"""Actions for the play alone: the first gives a host the facts that its case says, the second writes down what was returned."""
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "right": (DEBIAN, {}),
    "old": ({**DEBIAN, "distribution_major_version": "11"}, {}),
    "other": ({"distribution": "Fedora", "distribution_version": "43", "distribution_major_version": "43"}, {}),
    "type": (DEBIAN, {"shop_port": "x"}),
    "problems": (DEBIAN, {"shop_port": 79}),
    "number for keys": (DEBIAN, {"shop_taxes": 5}),
    "list for keys": (DEBIAN, {"shop_taxes": [5]}),
    "asked": ({}, {}),
}
SYSTEMS = "Debian 12, Debian 13, Ubuntu 22.04, Ubuntu 24.04, Ubuntu 26.04"


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the check returned in each of CASES; each case has a host of its own, for facts are a host's."""
    root = tmp_path_factory.mktemp("play")
    tasks = [
        {"know": None},
        {"ansible.builtin.include_role": {"name": "shop", "tasks_from": "validate", "public": True}},
        {
            "tell": {
                "folder": str(root),
                "value": "{{ shop_checked }}",
                "system": "{{ ansible_facts.distribution | default('') }}",
            }
        },
    ]
    hosts = {
        name: {"known": facts, "ansible_connection": "local", "ansible_python_interpreter": sys.executable, **variables}
        for name, (facts, variables) in CASES.items()
    }
    for name, text in {
        "roles/shop/meta/argument_specs.yml": SPEC,
        "roles/shop/defaults/main.yml": "{shop_port: 443, shop_package: shop}",
        "roles/shop/tasks/validate.yml": CHECK,
        "action_plugins/know.py": KNOW,
        "action_plugins/tell.py": TELL,
        "hosts.json": json.dumps({"all": {"hosts": hosts}}),
        "play.yml": json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]),
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(root / "home"),
        "ANSIBLE_INJECT_FACT_VARS": "0",
    }  # fmt: skip
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "hosts.json", "play.yml"]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: json.loads((root / name).read_text()) for name in CASES}


def test_what_is_right_returns_the_packages_that_the_role_will_install(answers: dict[str, dict[str, Any]]) -> None:
    found = answers["right"]
    assert (found["failed"], found["changed"]) == (False, False)
    assert (found["packages"], found["package_files"]) == (["shop"], {})


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("old", f"This host runs Debian 11; shop supports {SYSTEMS}."),
        ("other", f"This host runs Fedora 43; shop supports {SYSTEMS}."),
        (
            "type",
            "Validation of arguments failed:\nargument 'shop_port' is of type str and we were unable to convert to int",
        ),
        ("number for keys", "shop_taxes must be a mapping with rate, country"),
        ("list for keys", "shop_taxes must be a mapping with rate, country"),
        ("problems", "the port is 79\nit must be 80 or more on Debian"),
    ],
)
def test_what_is_wrong_is_said_at_once(answers: dict[str, dict[str, Any]], case: str, said: str) -> None:
    assert answers[case]["failed"] is True
    assert answers[case]["msg"].startswith(said)


def test_a_host_is_asked_when_its_facts_are_not_known(answers: dict[str, dict[str, Any]]) -> None:
    """On a machine that the roles support they are the play's facts then; of another one it is said what it runs."""
    found = answers["asked"]
    assert found["system"] if not found["failed"] else found["msg"].startswith("This host runs ")
