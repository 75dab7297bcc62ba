# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How ansible-playbook ends for a run that looks for differences, and what it prints."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from warm_ansible import Ansible

ROOT = Path(__file__).resolve().parents[4]
SETTINGS = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
PLAY = """
- name: Look
  hosts: all
  connection: local
  gather_facts: false
  check_mode: "{{ __slipway_drift | default(ansible_check_mode) }}"
  diff: "{{ __slipway_drift | default(ansible_diff_mode) }}"
  ignore_errors: "{{ __slipway_drift | default(false) }}"
  tasks:
    - name: Stay as it is
      ansible.builtin.command: "true"
      changed_when: false
    - name: Write
      ansible.builtin.copy: {dest: "{{ place }}", content: "new\\n", mode: "0644"}
      when: "'write' in what"
    - name: Fail
      ansible.builtin.fail: {msg: no answer}
      when: "'fail' in what and inventory_hostname == 'one'"
    - name: Be unreachable
      ansible.builtin.command: "true"
      vars: {ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}
      when: "'away' in what and inventory_hostname == 'one'"
"""
LOOK = """
- name: Compare
  ansible.builtin.import_playbook: play.yml
  vars: {__slipway_drift: true}
- name: Tell
  hosts: all
  connection: local
  gather_facts: false
  vars: {__slipway_drift: true}
  tasks:
    - name: Report
      slipway.flask.drift_report:
      run_once: true
"""


Look = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("drift")
    (made / "play.yml").write_text(PLAY)
    (made / "look.yml").write_text(LOOK)
    (made / "place").write_text("old\n")
    return made


@pytest.fixture(scope="module")
def look(folder: Path, ansible_playbook: Ansible) -> Look:
    """Return a function that looks for differences, and returns the exit code and what is printed; the same look once."""

    @cache
    def inner(what: str, *arguments: str, callback: str = "slipway.flask.brief") -> tuple[int, str]:
        done = ansible_playbook(
            *("look.yml", "-i", "one,two", *arguments, *variables(folder / "place", what)),
            cwd=folder,
            env={**SETTINGS, "ANSIBLE_STDOUT_CALLBACK": callback},
        )
        assert (folder / "place").read_text() == "old\n"
        return done.returncode, done.stdout + done.stderr

    return inner


def variables(place: Path, what: str) -> list[str]:
    return ["-e", f"ansible_python_interpreter={sys.executable}", "-e", f"place={place} what={what}"]


def test_without_a_difference_it_ends_with_0_and_one_line(look: Look) -> None:
    assert look("nothing") == (0, "one, two: no difference\n")


def test_with_a_difference_it_ends_with_2_and_changes_nothing(folder: Path, look: Look) -> None:
    code, said = look("write")
    assert code == 2
    line = f"{folder / 'place'}: 1 line differs: has `old`, should have `new`"
    assert said.startswith(f"one: {line}\ntwo: {line}\n")
    assert "2 differences on one, two." in said
    assert "PLAY" not in said


def test_each_difference_is_shown_whole_with_diff(look: Look) -> None:
    code, said = look("write", "--diff")
    assert code == 2
    assert "-old\n+new\n" in said


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("fail", "one: not compared: Fail: no answer\n"),
        ("away", "one: not compared: it could not be reached: "),
        ("away", "fatal: [two]: NOT COMPARED!\n  one: could not be compared\n"),
        ("away,write", "fatal: [two]: NOT COMPARED!\n  one: could not be compared; 1 difference elsewhere\n"),
    ],
)
def test_a_host_that_could_not_be_compared_ends_it_with_4(look: Look, what: str, said: str) -> None:
    code, output = look(what)
    assert code == 4, output
    assert said in output


def test_it_says_so_where_nobody_hears_the_results(look: Look) -> None:
    code, said = look("write", callback="ansible.builtin.default")
    assert code == 4
    assert "ANSIBLE_STDOUT_CALLBACK=slipway.flask.brief" in said


def test_the_same_tasks_do_their_work_and_fail_as_ever_in_any_other_run(
    folder: Path, tmp_path: Path, ansible_playbook: Ansible
) -> None:
    place = tmp_path / "place"
    place.write_text("old\n")
    done = ansible_playbook("play.yml", "-i", "one,", *variables(place, "write,fail"), cwd=folder, env=SETTINGS)
    assert done.returncode == 2
    assert place.read_text() == "new\n"
    assert "TASK [Write]\nchanged: [one]\n" in done.stdout
    assert "failed=1" in done.stdout
