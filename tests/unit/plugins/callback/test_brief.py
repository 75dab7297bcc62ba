# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person reads of a playbook: short where nothing happened, and nothing that went wrong is lost."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from warm_ansible import Ansible

ROOT = Path(__file__).resolve().parents[4]
SETTINGS = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
PLAY = """
- name: A play
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Stay as it is
      ansible.builtin.command: "true"
      changed_when: false
    - name: Change
      ansible.builtin.command: "true"
      changed_when: true
    - name: Include
      ansible.builtin.include_tasks: more.yml
    - name: Warn
      warn:
    - name: Explain
      ansible.builtin.fail: {msg: "first line\\nsecond: line"}
      ignore_errors: true
    - name: Explain what an app printed
      ansible.builtin.fail: {msg: "an app \\e]0;title\\a\\u009b2J says\\tüber"}
      ignore_errors: true
    - name: Crash
      crash:
      ignore_errors: true
    - name: Fail in a loop
      ansible.builtin.command: "false {{ item }}"
      loop: [one, two]
      ignore_errors: true
    - name: Fail at the end
      ansible.builtin.command: ls /nowhere
"""
WARN = """#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule({})
module.warn("mind the gap")
module.exit_json(changed=False)
"""
CRASH = WARN.replace('module.warn("mind the gap")', 'raise ValueError("boom")')


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("play")
    (made / "library").mkdir()
    (made / "play.yml").write_text(PLAY)
    (made / "more.yml").write_text("- name: Tell\n  ansible.builtin.debug: {msg: hello}\n")
    (made / "library/warn.py").write_text(WARN)
    (made / "library/crash.py").write_text(CRASH)
    return made


def output(ansible_playbook: Ansible, folder: Path, *arguments: str) -> str:
    words = ["play.yml", "-i", "localhost,", *arguments, "-e", f"ansible_python_interpreter={sys.executable}"]
    done = ansible_playbook(*words, cwd=folder, env=SETTINGS)
    assert done.returncode == 2, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def brief(folder: Path, ansible_playbook: Ansible) -> str:
    return output(ansible_playbook, folder)


def test_what_an_app_printed_does_nothing_to_the_terminal(brief: str) -> None:
    assert (
        "an app \N{REPLACEMENT CHARACTER}]0;title\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}2J says\tüber"
        in brief
    )


def test_what_changed_nothing_takes_no_line(brief: str) -> None:
    assert "Stay as it is" not in brief
    assert "included:" not in brief
    assert "\nTASK [Change]\nchanged: [localhost]\n" in brief


def test_what_a_task_wants_to_be_read_is_read(brief: str) -> None:
    assert "TASK [Tell]\nok: [localhost] => \n    msg: hello\n" in brief
    assert brief.count("mind the gap") == 1


def test_a_failure_that_its_task_explains_is_told_once_and_readably(brief: str) -> None:
    assert "TASK [Explain]\nfatal: [localhost]: FAILED!\n  first line\n  second: line\n...ignoring\n" in brief
    assert "[ERROR]" not in brief.partition("TASK [Crash]")[0]


@pytest.mark.parametrize("said", ["Module failed: boom", "(item=one)", "(item=two)", "TASK [Fail at the end]", "rc: 2"])
def test_every_other_failure_is_told_as_ansible_tells_it(brief: str, said: str) -> None:
    assert said in brief
    assert "failed=1" in brief.rpartition("PLAY RECAP")[2]


def test_more_words_are_asked_for_with_v(folder: Path, ansible_playbook: Ansible) -> None:
    said = output(ansible_playbook, folder, "-v")
    assert "TASK [Stay as it is] ***" in said
    assert "included:" in said


def test_a_host_that_refuses_the_key_is_followed_by_what_to_do(tmp_path: Path, ansible_playbook: Ansible) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\necho "root@203.0.113.9: Permission denied (publickey)." >&2\nexit 255\n')
    ssh.chmod(0o755)
    (tmp_path / "play.yml").write_text(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: Log in\n      ansible.builtin.raw: 'true'\n"
    )
    words = ["play.yml", "-i", "203.0.113.9,", "-e", f"ansible_ssh_executable={ssh}", "-e", "ansible_ssh_retries=0"]
    done = ansible_playbook(*words, cwd=tmp_path, env=SETTINGS)
    said = done.stdout + done.stderr
    assert done.returncode == 4, said
    first_login = os.path.relpath(ROOT / "bin/first-login", tmp_path)
    assert said.count(f"Install it: {first_login} root@203.0.113.9") == 1, said
