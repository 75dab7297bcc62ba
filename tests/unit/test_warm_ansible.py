# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Ansible as the tests run it: one that hangs is killed, and two can run at the same time."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from warm_ansible import Ansible

BOOK = """- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Say that it has begun
      ansible.builtin.copy: {dest: "{{ mine }}", content: "", mode: "0600"}
    - name: Wait for the other
      ansible.builtin.wait_for: {path: "{{ other }}", timeout: 60}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "play.yml").write_text(BOOK)
    return tmp_path


def test_one_that_hangs_is_told_of_and_killed(folder: Path, ansible_playbook: Ansible) -> None:
    hung: list[bool] = []
    words = ("play.yml", "-e", f"mine={folder}/mine", "-e", f"other={folder}/none")
    with pytest.raises(subprocess.TimeoutExpired):
        ansible_playbook(*words, cwd=folder, together=True, seconds=1, hung=lambda: hung.append(True))
    assert hung == [True]


def test_two_at_the_same_time(folder: Path, ansible_playbook: Ansible) -> None:
    """Each waits for what the other does first."""

    def run(mine: str, other: str) -> int:
        words = ("play.yml", "-e", f"mine={folder}/{mine}", "-e", f"other={folder}/{other}")
        return ansible_playbook(*words, cwd=folder).returncode

    with ThreadPoolExecutor() as pool:
        assert list(pool.map(run, ("a", "b"), ("b", "a"))) == [0, 0]
