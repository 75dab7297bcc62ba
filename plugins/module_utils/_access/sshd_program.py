# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""sshd itself: what it makes of a configuration, what it can do, its host keys, and its units.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import getopt
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._access import sockets
from ansible_collections.slipway.flask.plugins.module_utils._access.apply import AccessError
from ansible_collections.slipway.flask.plugins.module_utils._access.sshd_config import Configuration
from ansible_collections.slipway.flask.plugins.module_utils._access.sshd_wanted import Effective, HostKey

SERVICE, SOCKET = "ssh.service", "ssh.socket"
OPTIONS_FILE = Path("/etc/default/ssh")
EMPTY_ROOT = Path("/run/sshd")
"""Where sshd locks up its half without rights; systemd makes it when the service starts, and `sshd -T` refuses without it."""


class Program:
    """The OpenSSH server of the host."""

    def __init__(self, options_file: Path = OPTIONS_FILE) -> None:
        path = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin"
        self.path = shutil.which("sshd", path=path) or ""
        self.options_file = options_file
        self.options = _options(options_file) if self.path else []

    def defaults(self) -> Effective:
        """Return what this sshd says without any file: what it knows, and the algorithms that it has."""
        return self._effective(["-f", "/dev/null"], {})

    def effective(self, configuration: Configuration) -> Effective:
        """Return what holds with CONFIGURATION, which need not be what is on the host.

        :raises AccessError: what sshd has against it, with file and line.
        """
        with tempfile.TemporaryDirectory(prefix="slipway-sshd-") as folder:
            main, copies = configuration.copy(Path(folder))
            return self._effective(["-f", str(main), *self.options], copies)

    def _effective(self, arguments: Sequence[str], copies: dict[str, str]) -> Effective:
        if not EMPTY_ROOT.is_dir() and os.geteuid() == 0:
            EMPTY_ROOT.mkdir(mode=0o755)
        done = run([self.path, "-T", *arguments])
        if done.returncode:
            said = done.stderr.strip() or done.stdout.strip()
            for copy, path in copies.items():
                said = re.sub(rf"{re.escape(copy)}\b", path, said)
            raise AccessError(f"sshd rejected the configuration, so nothing was changed. It said:\n{said[-2000:]}")
        found: dict[str, list[str]] = {}
        for line in done.stdout.splitlines():
            keyword, _, value = line.partition(" ")
            found.setdefault(keyword, []).append(value)
        return found

    def check(self) -> None:
        """Let sshd read what is written now."""
        done = run([self.path, "-t", *self.options])
        if done.returncode:
            raise AccessError(f"`sshd -t` rejected the new configuration:\n{done.stderr.strip()[-2000:]}")

    def key(self, path: str) -> HostKey | None:
        """Return the kind and length of the host key at PATH; None where there is none."""
        done = run(["ssh-keygen", "-l", "-f", path]) if Path(path).exists() else None
        found = re.match(r"(\d+) .* \((\S+)\)$", done.stdout.strip()) if done and done.returncode == 0 else None
        return HostKey(found[2].removesuffix("-CERT"), int(found[1])) if found else None

    def taken(self, port: int) -> str:
        """Return which program listens on PORT, if it is not the SSH server; "" for none."""
        said = run(["ss", "-Hltnp", f"sport = :{port}"]).stdout
        names = [name for name in sockets.PROGRAM.findall(said) if name not in ("sshd", "systemd")]
        return names[0] if names else ""

    def socket_ports(self) -> list[int]:
        """Return the ports on which systemd listens in sshd's place, now or after the next boot; [] when it does not."""
        said = run(["systemctl", "show", SOCKET, "--property=ActiveState,UnitFileState,Listen"]).stdout
        if not re.search("^(ActiveState=active|UnitFileState=enabled)$", said, re.MULTILINE):
            return []
        return sorted({int(port) for port in re.findall(r"^Listen=.*?(\d+) \(Stream\)$", said, re.MULTILINE)})


def run(argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run ARGV.

    :raises AccessError: when there is no such program, or it hangs.
    """
    try:
        return subprocess.run(
            list(argv), stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
            timeout=120,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise AccessError(f"{argv[0]} is missing on the host") from error
    except subprocess.TimeoutExpired as error:
        raise AccessError(f"`{' '.join(argv)}` did not finish within two minutes") from error


def _options(file: Path) -> list[str]:
    """Return the options in FILE that a configuration can't overrule: `-o Keyword=value`, `-p port` and others.

    :raises AccessError: when sshd is told to read another configuration.
    """
    text = file.read_text(errors="replace") if file.is_file() else ""
    lines = re.findall(r"^\s*SSHD_OPTS=(.*)$", text, re.MULTILINE)
    try:
        words = shlex.split(" ".join(shlex.split(lines[-1], comments=True))) if lines else []
        pairs = getopt.getopt(words, "46DdeGiqTtVC:E:b:c:f:g:h:k:o:p:u:")[0]
    except (ValueError, getopt.GetoptError) as error:
        raise AccessError(f"SSHD_OPTS in {file} can't be read ({error}): correct it first.") from error
    if any(name == "-f" for name, _ in pairs):
        raise AccessError(f"SSHD_OPTS in {file} makes sshd read another configuration (-f): remove that first.")
    return [
        word for name, value in pairs if name in ("-4", "-6", "-c", "-h", "-o", "-p") for word in (name, value) if word
    ]
