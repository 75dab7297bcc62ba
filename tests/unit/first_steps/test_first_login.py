# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""`bin/first-login` without a host: an `ssh` that answers as sshd does; a real one is in tests/slow/test_first_steps.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import first_login
import pytest

SCRIPT = str(Path(first_login.__file__))
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP8iJo93uaafY4W4bd2sUejGAv3QK0m1To6eSxDZ ann's laptop"
FAKE = """#!/bin/sh
# Ends as the next line of $HOME/ends says, and notes what it was called with.
for word; do printf '%s|' "$word"; done >>"$HOME/calls"; echo >>"$HOME/calls"
read -r code <"$HOME/ends"; sed -i 1d "$HOME/ends"
exit "$code"
"""


def login(home: Path, ends: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run it with an `ssh` that ends as ENDS says, one code per call."""
    (home / "bin").mkdir(exist_ok=True)
    (home / "bin/ssh").write_text(FAKE)
    (home / "bin/ssh").chmod(0o755)
    (home / "ends").write_text(ends.replace(" ", "\n") + "\n")
    (home / ".ssh").mkdir(exist_ok=True)
    if not (home / ".ssh/id_ed25519.pub").exists():
        (home / ".ssh/id_ed25519.pub").write_text(f"{KEY}\n")
    environment = {**os.environ, "HOME": str(home), "PATH": f"{home}/bin:{os.environ['PATH']}"}
    environment.pop("SSH_AUTH_SOCK", None)
    return subprocess.run(
        [sys.executable, SCRIPT, *words], env=environment, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


ENDS = [
    ("71 0 0", 0, "your key logs in"),
    ("72 0 0", 0, "was there already"),
    ("0 71 0 0", 0, "log in once more, with the new one"),
    ("255", 1, "forget its old key first: ssh-keygen -R 203.0.113.9"),
    ("1", 1, "could not be added to ~/.ssh/authorized_keys"),
    ("71 255", 1, "the key is on the VPS, and still does not log in"),
    ("0 0", 1, "could not be added"),
]


@pytest.mark.parametrize(("ends", "code", "said"), ENDS, ids=[f"{said}, {ends}" for ends, _, said in ENDS])
def test_how_a_login_ends(tmp_path: Path, ends: str, code: int, said: str) -> None:
    done = login(tmp_path, ends, "203.0.113.9")
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout + done.stderr
    calls = (tmp_path / "calls").read_text()
    assert calls.count("|root@203.0.113.9|") == len(ends.split())


def test_options_are_ssh_s_own(tmp_path: Path) -> None:
    done = login(tmp_path, "71 0 0", "-p", "2222", "-o", "ConnectTimeout=5", "debian@vps1.example.com")
    assert done.returncode == 0, done.stderr
    for call in (tmp_path / "calls").read_text().strip().split("|\n"):
        if call.startswith("-p"):
            assert "-p|2222|" in call
            assert "-o|ConnectTimeout=5|" in call


@pytest.mark.parametrize("target", ["root@-oProxyCommand=x", "root@a b", "$(id)@host", "a@b@c", ""])
def test_what_is_no_host_is_refused(tmp_path: Path, target: str) -> None:
    done = login(tmp_path, "71 0", target)
    assert done.returncode == 1
    assert "must be [USER@]HOST, as in root@203.0.113.10" in done.stderr
    assert not (tmp_path / "calls").exists()


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.pub").write_text('command="x" ssh-ed25519 AAAA\nssh-ed25519 BBBB\n')
    done = login(tmp_path, "71 0", "-i", str(tmp_path / "mine"), "203.0.113.9")
    assert "is not a public SSH key on one line" in done.stderr
    assert "can't be read; -i names your key" in login(tmp_path, "71", "-i", "/nowhere/key", "203.0.113.9").stderr
    assert not (tmp_path / "calls").exists()


OFFERED = [
    ("id_ed25519", "71 0 0", False),
    ("id_ed25519", "71 0 255", True),  # HOME is not the home folder where ssh looks
    ("work", "72 0 255", True),
    ("work", "71 0 0", False),  # ~/.ssh/config or an agent offers it
]


@pytest.mark.parametrize(("name", "ends", "told"), OFFERED, ids=[f"{name}, {ends}" for name, ends, _ in OFFERED])
def test_a_key_that_ssh_does_not_offer_by_itself_has_to_be_said_to_ansible(
    tmp_path: Path, name: str, ends: str, told: bool
) -> None:
    key = tmp_path / ".ssh" / name
    key.parent.mkdir()
    key.with_name(f"{name}.pub").write_text(KEY)
    done = login(tmp_path, ends, "-i", str(key), "203.0.113.9")
    assert done.returncode == 0, done.stderr
    assert (f"hosts.yml:\n  ansible_ssh_private_key_file: {key}\n" in done.stdout) is told
    last = (tmp_path / "calls").read_text().splitlines()[-1]
    assert "BatchMode=yes" in last
    assert "-i" not in last.split("|"), "Ansible's ssh names no key either"


def on_the_host(home: Path) -> int:
    return subprocess.run(["sh", "-c", first_login.script(KEY)], env={**os.environ, "HOME": str(home)}, check=False
                          ).returncode  # fmt: skip


@pytest.mark.parametrize("there", [None, "", "ssh-rsa AAAA bob", "ssh-rsa AAAA bob\n"])
def test_the_key_is_added_once_on_a_line_of_its_own_and_only_its_owner_reads_it(
    tmp_path: Path, there: str | None
) -> None:
    file = tmp_path / ".ssh/authorized_keys"
    if there is not None:
        file.parent.mkdir(mode=0o700)
        file.touch(0o600)
        file.write_text(there)
    assert on_the_host(tmp_path) == first_login.ADDED
    assert file.read_text().splitlines() == [*((there or "").splitlines()), KEY]
    assert on_the_host(tmp_path) == first_login.THERE
    assert file.read_text().count(KEY) == 1
    assert [path.stat().st_mode & 0o777 for path in (file.parent, file)] == [0o700, 0o600]
