#!/usr/bin/env python3
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Records the first steps, for README's first screen: docs/images/first-steps.svg and .cast.

A VPS look-alike that has only root's password, a fresh clone of this checkout's last commit, a small app: what is typed
is what docs/tutorial.md tells, in a shell, and everything that is seen was printed by it. The cast has the real times; in
the SVG, waiting is shortened, and its title says so. Look at it in a browser before you commit it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from recording import cast, svg
from recording.screen import Screen
from terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs/images"
VPS = [sys.executable, str(ROOT / "bin/lib/vps.py")]
HOST, DEBIAN = "slipway-recording", "13"
COLUMNS, ROWS = 112, 27
PASSWORD = "from-the-provider-s-mail"  # noqa: S105  # of a host that lives for two minutes
PROVIDER = f"""\
rm -f /root/.ssh/authorized_keys
printf 'PermitRootLogin yes\\nPasswordAuthentication yes\\n' >/etc/ssh/sshd_config.d/50-cloud-init.conf
echo 'root:{PASSWORD}' | chpasswd
systemctl restart ssh.service
"""
PROMPT = "{} $\x1b[0m "
KEY_SECONDS = 0.045
LONG = 150.0
LABEL = (
    "A terminal: bin/new-project asks a few questions, bin/first-login installs an SSH key on the VPS, and "
    "ansible-playbook brings the app to HTTPS."
)


class Person:
    """Somebody at a terminal: reads until something is asked, then types it key by key."""

    def __init__(self, folder: Path, home: Path) -> None:
        (folder / "inputrc").write_text("set enable-bracketed-paste off\n")
        environment = {
            "HOME": str(home),
            "PS1": "\\[\\e[32m\\]\\W $\\[\\e[0m\\] ",
            "INPUTRC": str(folder / "inputrc"),
            "VIRTUAL_ENV_DISABLE_PROMPT": "1",
            "PATH": f"{folder}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",  # without this checkout's .venv
            "SSH_AUTH_SOCK": "",
            "LC_ALL": "C.UTF-8",
            "SLIPWAY_READY": "",
            "ANSIBLE_FORCE_COLOR": "1",
        }
        shell = ["bash", "--norc", "--noprofile", "-i"]
        self.terminal = Terminal(shell, folder / "slipway", environment, COLUMNS, ROWS)

    def answer(self, question: str, text: str, seconds: float = 60, hidden: bool = False) -> None:
        """Wait for QUESTION, read it, and type TEXT; what is HIDDEN is no keys to look at."""
        self.terminal.expect(question, seconds)
        self.look(1.5)
        for key in "" if hidden else text:
            os.write(self.terminal.descriptor, key.encode())
            self.look(KEY_SECONDS)
        self.look(0.2)
        self.terminal.type(text if hidden else "")

    def look(self, seconds: float) -> None:
        """Let time go by, and read what is printed meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.terminal.listen(end)


def act(folder: Path, address: str) -> list[cast.Event]:
    """Do the first steps in FOLDER and return what was printed, and when."""
    home = folder / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    known = f"-o UserKnownHostsFile={home}/.ssh/known_hosts"  # ssh takes the home of the account, not HOME
    (folder / "bin").mkdir()
    (folder / "bin/ssh").write_text(f'#!/bin/sh\nexec /usr/bin/ssh {known} -i {home}/.ssh/id_ed25519 "$@"\n')
    (folder / "bin/ssh").chmod(0o755)
    person = Person(folder, home)
    person.answer(PROMPT.format("slipway"), "bin/new-project ../shop-deploy")
    person.answer("Your app: ", "../shop", LONG)
    person.answer("Its domain, as in shop.example.com: ", "shop.test")
    person.answer("(user: root): ", address)
    person.answer("source says): ", "")
    person.answer(PROMPT.format("slipway"), f"bin/first-login root@{address}", LONG)
    person.answer("(empty for no passphrase): ", "")
    person.answer("same passphrase again: ", "")
    person.answer("[fingerprint])? ", "yes")
    person.answer("password: ", PASSWORD, hidden=True)
    person.answer(PROMPT.format("slipway"), "cd ../shop-deploy && . ../slipway/.venv/bin/activate", LONG)
    person.answer(PROMPT.format("shop-deploy"), "ansible-playbook slipway.flask.site")
    person.terminal.expect(PROMPT.format("shop-deploy"), LONG)
    if "failed=0" not in person.terminal.text:
        sys.exit(f"record: site.yml failed:\n{person.terminal.text[-4000:]}")
    person.terminal.type("exit")
    person.terminal.end()
    printed = person.terminal.chunks
    return [(at, text) for at, text in printed[:-1] if text.strip() != "exit"]


def main() -> int:
    argparse.ArgumentParser(
        prog="bin/record", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    host = json.loads(
        subprocess.run([*VPS, "up", HOST, "--debian", DEBIAN, "--new"], check=True, capture_output=True).stdout
    )
    folder = Path(tempfile.mkdtemp(prefix="slipway-recording-"))
    try:
        login = ["ssh", "-i", host["key"], "-o", f"UserKnownHostsFile={host['known_hosts']}", f"root@{host['address']}"]
        subprocess.run([*login, PROVIDER], check=True)
        subprocess.run(["git", "clone", "--quiet", ROOT, folder / "slipway"], check=True)
        shutil.copytree(ROOT / "tests/slow/notes_app", folder / "shop")
        events = act(folder, host["address"])
    finally:
        subprocess.run([*VPS, "down", HOST], check=True, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)
    write(events)
    return 0


def write(events: list[cast.Event]) -> None:
    """Write the cast and the picture."""
    IMAGES.mkdir(exist_ok=True)
    short = cast.shortened(events)
    screen = Screen(COLUMNS)
    for at, text in short:
        screen.feed(at, text)
    title = f"A real run on a VPS look-alike: {events[-1][0]:.0f} seconds, shown in {short[-1][0]:.0f} (waiting is shortened)"
    (IMAGES / "first-steps.cast").write_text(cast.text(events, COLUMNS, ROWS, "Slipway: the first steps"))
    (IMAGES / "first-steps.svg").write_text(svg.picture(screen.shown(), COLUMNS, ROWS, title, LABEL))
    for path in sorted(IMAGES.glob("first-steps.*")):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")
    print(title)


if __name__ == "__main__":
    sys.exit(main())
