# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A question in a real terminal, which may be closed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal import Terminal

ROOT = Path(__file__).resolve().parents[5]
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ask:
"""
ACTION = """
import os
from pathlib import Path
from ansible.plugins.action import ActionBase
from ansible_collections.slipway.flask.plugins.plugin_utils._action import asking


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        Path("pid").write_text(str(os.getpid()))
        said = asking.ask("Type its name and press Enter:")
        return {"failed": True, "msg": f"it was {said!r}"}
"""


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Terminal]:
    (tmp_path / "action_plugins").mkdir()
    (tmp_path / "action_plugins/ask.py").write_text(ACTION)
    (tmp_path / "play.yml").write_text(PLAY)
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local", "play.yml"]
    made = Terminal(command, tmp_path, {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"})
    made.expect("Type its name and press Enter:")
    yield made
    made.kill()


def is_running(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


@pytest.mark.parametrize(("typed", "answer"), [("shop\n", "'shop'"), ("\x04", "''"), (" Shop \r", "'Shop'")])
def test_an_answer_ends_with_enter_or_ctrl_d(asked: Terminal, typed: str, answer: str) -> None:
    end = time.monotonic() + 60
    while "it was" not in asked.text:  # what is typed before Ansible reads is dropped by it
        os.write(asked.descriptor, typed.encode())
        assert asked.listen(min(end, time.monotonic() + 2)) or time.monotonic() < end, asked.text
    asked.expect(f"it was {answer}")


def test_a_terminal_that_is_closed_leaves_no_process_behind(asked: Terminal, tmp_path: Path) -> None:
    worker = int((tmp_path / "pid").read_text())
    assert is_running(worker)
    os.close(asked.descriptor)
    asked.descriptor = os.open(os.devnull, os.O_RDONLY)  # for the fixture to close
    end = time.monotonic() + 60
    while is_running(worker):
        assert time.monotonic() < end
        time.sleep(0.1)
