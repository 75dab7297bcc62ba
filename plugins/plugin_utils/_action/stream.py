# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A program of ours on the host whose output is read while it comes: Ansible's own call gives it back when it has ended.

Over SSH it is a channel of the connection that Ansible has open, of which the action reads the other end itself. Any other
connection answers when the program has ended. The program comes over its standard input as an archive that stays in memory:
nothing is left on the host.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from ansible import constants
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.slipway.flask.plugins.plugin_utils._action.ssh import is_ssh

PYTHON = "/usr/bin/python3"
BEGIN = b"slipway begins\n"
LOADER = """\
import os, sys
r = sys.stdin.buffer
l = r.readline()
while l and l != b"slipway begins\\n":
    l = r.readline()
n = int(r.readline() or 0)
f = os.memfd_create("slipway")
os.write(f, r.read(n))
sys.path.insert(0, "/proc/self/fd/%d" % f)
from importlib import import_module
import_module(sys.argv[1]).main()
"""
"""What is before BEGIN was for sudo: its password, when it did not ask for it."""
PACKAGE = "ansible_collections.slipway.flask.plugins.module_utils"
HERE = Path(__file__).resolve().parents[2] / "module_utils"
LONGEST = 1 << 20


PROMPT = re.compile(r"\[sudo via ansible, key=\w+\] password:\s*")


class StreamError(AnsibleError):
    """The program has failed; the message is for the user."""


def archive(package: str) -> bytes:
    """Return a ZIP archive of a PACKAGE of module_utils, `_logs` for example, which imports nothing but itself."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        parts = [*PACKAGE.split("."), package]
        for number in range(1, len(parts) + 1):
            file.writestr("/".join([*parts[:number], "__init__.py"]), "")
        for path in sorted((HERE / package).glob("*.py")):
            if path.name != "__init__.py":
                file.writestr("/".join([*parts, path.name]), path.read_bytes())
    return packed.getvalue()


def payload(package: str, asked: Mapping[str, Any]) -> bytes:
    packed = archive(package)
    return BEGIN + b"%d\n" % len(packed) + packed + json.dumps(asked).encode() + b"\n"


def command(package: str) -> str:
    return shlex.join([PYTHON, "-I", "-c", LOADER, f"{PACKAGE}.{package}.program"])


def lines(action: ActionBase, package: str, asked: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield what the program of PACKAGE prints when it is ASKED, line by line. Raises StreamError when it fails."""
    if is_ssh(action._connection):
        yield from _over_ssh(action, package, {**asked, "watch_input": True, "most_bytes": 0})
        return
    sent = payload(package, {**asked, "watch_input": False})
    answer = action._low_level_execute_command(command(package), in_data=sent)
    yield from (line.encode() for line in answer["stdout"].splitlines())
    if answer["rc"]:
        raise StreamError(_why(answer["stderr"]))


def _over_ssh(action: ActionBase, package: str, asked: Mapping[str, Any]) -> Iterator[bytes]:
    connection = action._connection
    connection.exec_command("true", sudoable=False)  # opens it, with whatever password it takes
    text, password = _as_root(action, command(package))
    argv = connection._build_command(
        connection.get_option("ssh_executable"), "ssh", connection.get_option("host"), text
    )
    with tempfile.TemporaryFile(dir=constants.DEFAULT_LOCAL_TMP) as errors:
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors) as process:
            try:
                _send(process.stdin, password + payload(package, asked))
                while process.stdout and (line := process.stdout.readline(LONGEST)):
                    yield line
            finally:
                _close(process)
        if process.returncode:
            errors.seek(0)
            raise StreamError(_why(errors.read(1 << 16).decode(errors="replace")))


def _send(stream: IO[bytes] | None, content: bytes) -> None:
    with suppress(BrokenPipeError):  # why it ended is in what it says
        if stream:
            stream.write(content)
            stream.flush()


def _close(process: subprocess.Popen[bytes]) -> None:
    """Close the program's input, at which it ends, and wait for it."""
    with suppress(BrokenPipeError):
        if process.stdin:
            process.stdin.close()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()


def _as_root(action: ActionBase, text: str) -> tuple[str, bytes]:
    """Return the command TEXT with what makes it root's, and the password that this may ask for on standard input."""
    become = action._connection.become
    same = action.get_become_option("become_user") == action._get_remote_user() if become else True
    if become is None or (same and not constants.BECOME_ALLOW_SAME_USER):
        return f"/bin/sh -c {shlex.quote(text)}", b""
    whole: str = become.build_become_command(text, action._connection._shell)
    password = become.get_option("become_pass", playcontext=action._play_context)
    return whole, f"{password}\n".encode() if password else b""


def _why(errors: str) -> str:
    told = [line for line in PROMPT.sub("", errors).splitlines() if line.strip()]
    why = told[-1].strip() if told else "the program on the host ended without a message"
    # The last word of a program that failed may be out of a log.
    return "the logs could not be read: " + "".join(
        sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in why
    )
