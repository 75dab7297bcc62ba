# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a release needs of its host: systemd's units, and requests over sockets and TLS.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
import subprocess
from collections.abc import Mapping
from pathlib import Path

WANTS = Path("/etc/systemd/system/multi-user.target.wants")
UNITS = Path("/etc/systemd/system")
TAIL_LINES = 25


class HostError(RuntimeError):
    """The host refused something; the message is for the user."""


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """Return the last LINES lines of TEXT that are not empty."""
    return "\n".join([line.rstrip() for line in text.splitlines() if line.strip()][-lines:])


def systemctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run systemctl; the caller looks at the exit status."""
    return subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False)


def journal(unit: str, lines: int = TAIL_LINES) -> str:
    """Return the end of what UNIT's newest run wrote to the journal."""
    command = [*newest_run(unit), "--output=cat", f"--lines={lines}"]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False).stdout.strip()


def newest_run(unit: str) -> list[str]:
    """Return the journalctl command that shows what UNIT's newest run wrote."""
    run = systemctl("show", "--property=InvocationID", "--value", unit).stdout.strip()
    match = [f"_SYSTEMD_INVOCATION_ID={run}"] if run else ["--unit", unit]
    return ["journalctl", "--no-pager", "--quiet", *match]


def is_active(unit: str) -> bool:
    """Tell whether UNIT runs."""
    return systemctl("is-active", "--quiet", unit).returncode == 0


def properties(unit: str, *names: str) -> dict[str, str]:
    """Return what systemd says of UNIT."""
    shown = systemctl("show", f"--property={','.join(names)}", unit).stdout
    return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)


def start(unit: str) -> None:
    """Start UNIT and wait until it says it is ready. Raises HostError with the end of its journal."""
    systemctl("reset-failed", unit)
    if systemctl("start", unit).returncode:
        said = journal(unit)
        raise HostError(f"{unit} did not start. The end of its journal:\n{said}")


def stop(*units: str) -> None:
    """Stop UNITS, wait until their last process has ended, and forget a failure of them."""
    systemctl("stop", *units)
    systemctl("reset-failed", *units)


def instances(app: str) -> list[str]:
    """Return the instances of `<app>@.service` that systemd has loaded in any running or failed state."""
    listed = systemctl("list-units", "--all", "--plain", "--no-legend", "--full", f"{app}@*.service").stdout
    units = [row.split() for row in listed.splitlines() if row.strip()]
    return [row[0].split("@", 1)[1].removesuffix(".service") for row in units if row[2] != "inactive"]


def enabled(app: str) -> list[str]:
    """Return the instances of `<app>@.service` that start at boot."""
    return sorted(link.name.split("@", 1)[1].removesuffix(".service") for link in WANTS.glob(f"{app}@*.service"))


def unit_file(app: str, instance: str = "") -> Path:
    """Return the file of an app's template unit, or of the copy that is one release's own."""
    return UNITS / f"{app}@{instance}.service"


def set_enabled(app: str, instance: str, enabled: bool) -> None:
    """Make an instance start at boot, or not: what `systemctl enable` does, without its reload of all units."""
    link = WANTS / f"{app}@{instance}.service"
    if not enabled:
        link.unlink(missing_ok=True)
    elif not link.is_symlink():
        WANTS.mkdir(exist_ok=True)
        own = unit_file(app, instance)
        link.symlink_to(own if own.exists() else unit_file(app))


class SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class LocalTLSConnection(http.client.HTTPSConnection):
    """HTTPS to this host under the name of a site, whatever DNS says and whoever signed the certificate."""

    def __init__(self, domain: str, address: str, port: int, timeout: float) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        super().__init__(domain, port, timeout=timeout, context=context)
        self._address, self._tls = address, context

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def ask(connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
    """GET PATH and return the status and the start of the body. Raises OSError or http.client.HTTPException."""
    try:
        connection.request("GET", path, headers={"User-Agent": "slipway", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read(2000).decode("utf-8", "replace")
    finally:
        connection.close()


def backlog(path: Path) -> int:
    """Return how many connections wait on a listening Unix socket for somebody to accept them."""
    listed = subprocess.run(["ss", "-xlnH"], capture_output=True, text=True, check=False).stdout
    for row in listed.splitlines():
        columns = row.split()
        if len(columns) > 4 and columns[4] == str(path):
            return int(columns[2])
    return 0


def connected(path: Path) -> int:
    """Return how many connections to a Unix socket are open, taken in or still waiting (states 03 and 02 of proc(5))."""
    rows = [row.split() for row in Path("/proc/net/unix").read_text().splitlines()]
    return sum(row[5] in ("02", "03") and row[7:] == [str(path)] for row in rows if len(row) > 5)


def replace_link(link: Path, target: str) -> None:
    """Point LINK at TARGET in one atomic step (rename(2)), and have it on disk."""
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)
    handle = os.open(link.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def masked(text: str, environment_file: Path) -> str:
    """Return TEXT without the values of ENVIRONMENT_FILE: what an app prints may hold its secrets."""
    try:
        values = environment_values(environment_file.read_text())
    except OSError:
        values = set()
    for value in sorted(values, key=len, reverse=True):  # the longest first: one may hold another
        if len(value) >= 8 and not is_path(value):
            text = text.replace(value, "********")
    return re.sub(r"(://[^:/@\s]*:)[^@\s]+@", r"\1********@", text)


def environment_of(text: str) -> dict[str, str]:
    """Return the variables in an EnvironmentFile= (systemd.exec(5))."""
    found = {}
    rows = re.findall(r'^(\w+)=(?:"((?:\\.|[^"\\])*)"|([^\n]*))$', text, re.DOTALL | re.MULTILINE)
    for name, quoted, plain in rows:
        found[name] = re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) if quoted else plain.strip().strip("'")
    return found


def environment_values(text: str) -> set[str]:
    """Return the values in an EnvironmentFile= (systemd.exec(5)) and the single lines of those that have several."""
    values = environment_of(text).values()
    return {*values, *(line for value in values for line in value.splitlines())}


def is_path(value: str) -> bool:
    """Tell whether VALUE names something on this host or in one of its folders; a secret may begin with a slash too."""
    folder = os.path.dirname(value)
    return value.startswith("/") and (os.path.exists(value) or (folder != "/" and os.path.isdir(folder)))
