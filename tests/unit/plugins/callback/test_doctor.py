# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What doctor.yml prints and ends with when a host can't be reached: nothing but the report."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from warm_ansible import Ansible

ROOT = Path(__file__).resolve().parents[4]
HOSTS = """
[web]
one ansible_host=127.0.0.1 ansible_port=1
two ansible_host=127.0.0.1 ansible_port=1
"""


Examined = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory, ansible_playbook: Ansible) -> Examined:
    """Return a function that runs doctor.yml with arguments and returns exit code, standard output and error output."""
    home = tmp_path_factory.mktemp("home")
    (home / "hosts.ini").write_text(HOSTS)
    settings = {**os.environ, "ANSIBLE_NOCOLOR": "1", "COLUMNS": "100", "HOME": str(home)}

    def inner(*arguments: str) -> tuple[int, str, str]:
        done = ansible_playbook("-i", home / "hosts.ini", "playbooks/doctor.yml", *arguments, cwd=ROOT, env=settings)
        return done.returncode, done.stdout, done.stderr

    return inner


def test_with_json_nothing_else_is_on_standard_output(examined: Examined) -> None:
    code, said, _ = examined("-e", "format=json")
    found = json.loads(said)
    assert (code, found["problems"], found["notes"]) == (2, 2, 0)
    assert list(found["hosts"]) == ["one", "two"]
    # Why it can't be reached is the connection plugin's to say, which may give up before ssh has given its reason.
    assert all("127.0.0.1" in host["error"] and host["checks"] == [] for host in found["hosts"].values())


def test_a_person_reads_which_host_could_not_be_examined(examined: Examined) -> None:
    code, said, _ = examined()
    assert code == 2
    assert said.startswith("one\n  PROBLEM  it could not be examined: ")
    assert "FAILED!\n  2 problems on one, two\n" in said
    assert "UNREACHABLE" not in said


@pytest.mark.parametrize("form", ["yaml", ""])
def test_a_format_that_is_none_is_refused(examined: Examined, form: str) -> None:
    code, said, _ = examined("-e", f"format={form}")
    assert code == 2
    assert ("format is 'yaml'; it must be one of text, json" in said) == bool(form)
