# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Ansible's own SSH is recognised by whichever of its names an inventory gives it, and nothing else is taken for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from ansible_collections.slipway.flask.plugins.plugin_utils._action.ssh import is_ssh

ROOT = Path(__file__).resolve().parents[5]
ASK = """import json, sys
from ansible.plugins import loader
loader.init_plugin_loader()
from ansible_collections.slipway.flask.plugins.plugin_utils._action.ssh import is_ssh
kinds = {name: loader.connection_loader.get(name, class_only=True) for name in sys.argv[1:]}
print(json.dumps([name for name, kind in kinds.items() if is_ssh(kind.__new__(kind))]))
"""


def test_it_is_known_by_both_of_its_names() -> None:
    """As Ansible loads it, which pytest's process can't."""
    command = [sys.executable, "-c", ASK, "local", "ansible.builtin.local", "psrp", "ansible.builtin.ssh", "ssh"]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["ansible.builtin.ssh", "ssh"]


def test_mitogens_says_that_it_is_one() -> None:
    kind = type("Connection", (), {"__module__": "ansible_mitogen.plugins.connection.mitogen_ssh", "transport": "ssh"})
    assert not is_ssh(kind())
