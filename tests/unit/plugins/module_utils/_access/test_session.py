# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Who has logged in, whatever sudo made of the variables since."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._access import session

ME = pwd.getpwuid(os.getuid()).pw_name


def process(proc: Path, number: int, parent: int, uid: int, **variables: str) -> None:
    place = proc / str(number)
    place.mkdir(parents=True)
    (place / "status").write_text(f"Name:\tx\nPPid:\t{parent}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n")
    (place / "environ").write_bytes("\0".join(f"{name}={value}" for name, value in variables.items()).encode())


def test_the_session_is_found_above_sudo(tmp_path: Path) -> None:
    process(tmp_path, 30, 20, 0, USER="root", SUDO_USER=ME)
    process(tmp_path, 20, 10, os.getuid(), USER=ME, SSH_CONNECTION="2001:db8::7 50000 203.0.113.1 22")
    process(tmp_path, 10, 1, 0)
    assert session.found(tmp_path, 30) == (ME, "2001:db8::7")


def test_variables_that_somebody_else_has_set_are_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    process(tmp_path, 30, 1, os.getuid(), USER="somebody", SSH_CONNECTION="198.51.100.1 1 203.0.113.1 22")
    assert session.found(tmp_path, 30) == ("root", "")


def test_without_a_session_it_is_whom_sudo_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "ann")
    assert session.found(tmp_path, 30) == ("ann", "")
