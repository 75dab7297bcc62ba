# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""bin/lint asks one process about the syntax of all playbooks and roles, and ansible-lint about each only after that."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import ansible_lint
import pytest

PLAY = "- name: A play\n  hosts: localhost\n  tasks:\n    - name: A task\n      {}:\n"


@pytest.fixture
def asked(tmp_path: Path) -> Callable[..., list[str]]:
    """Return a function that writes files down and returns those of which ansible-lint is asked."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    runner = SimpleNamespace(app=SimpleNamespace(runtime=SimpleNamespace(environ={**os.environ, "PATH": path})))
    check = ansible_lint.syntax_first(lambda self, worker, files: [worker(file) for file in files])

    def of(playbook: str, role: str) -> list[str]:
        (tmp_path / "role/tasks").mkdir(parents=True, exist_ok=True)
        (tmp_path / "role/tasks/main.yml").write_text(f"- name: A task\n  {role}:\n")
        (tmp_path / "play.yml").write_text(PLAY.format(playbook))
        files = [SimpleNamespace(kind="role", path=tmp_path / "role")]
        files += [SimpleNamespace(kind="playbook", path=tmp_path / "play.yml")]
        return check(runner, lambda file: file.kind, files)  # type: ignore[no-any-return]

    return of


def test_each_file_is_asked_about_when_one_of_them_is_wrong(asked: Callable[..., list[str]]) -> None:
    assert asked("ansible.builtin.debug", "ansible.builtin.debug") == []
    assert asked("ansible.builtin.debug", "ansible.builtin.nonexistent") == ["role", "playbook"]
    assert asked("ansible.builtin.nonexistent", "ansible.builtin.debug") == ["role", "playbook"]
