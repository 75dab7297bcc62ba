# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the benches share: look-alikes, inventories, and one measured command."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
VPS = [sys.executable, str(ROOT / "bin/lib/vps.py")]
STATE = ROOT / ".slipway/bench"
SECRET = "4b6f1d5c9a3e7082"


class Site(http.client.HTTPSConnection):
    """HTTPS to an address under a site's name, whoever signed its certificate."""

    def __init__(self, address: str, domain: str) -> None:
        self._anybody = ssl.create_default_context()
        self._anybody.check_hostname, self._anybody.verify_mode = False, ssl.CERT_NONE
        self._address = address
        super().__init__(domain, timeout=30)

    def connect(self) -> None:
        plain = socket.create_connection((self._address, 443), 30)
        self.sock = self._anybody.wrap_socket(plain, server_hostname=self.host)


def check(address: str, domain: str) -> None:
    """Exit unless the page that reads the database answers 200."""
    site = Site(address, domain)
    site.request("GET", "/readyz")
    status = site.getresponse().status
    if status != 200:
        sys.exit(f"bench: {domain} answered {status}")


@dataclass(frozen=True)
class Host:
    """A look-alike of this machine."""

    name: str
    facts: Mapping[str, Any]

    @classmethod
    def up(cls, name: str, debian: str) -> Host:
        """Return a new bare one; a former one of this name is removed."""
        cls.down(name)
        return cls.start(name, debian)

    @classmethod
    def start(cls, name: str, debian: str) -> Host:
        """Return the one of this name, made unless there is one."""
        done = subprocess.run([*VPS, "up", name, "--debian", debian], check=True, capture_output=True, text=True)
        return cls(name, json.loads(done.stdout))

    @staticmethod
    def down(*names: str) -> None:
        subprocess.run([*VPS, "down", *names], check=True, capture_output=True)

    @property
    def address(self) -> str:
        return str(self.facts["address"])

    @property
    def options(self) -> list[str]:
        """ssh's arguments that open this host."""
        return ["-i", self.facts["key"], f"-oUserKnownHostsFile={self.facts['known_hosts']}"]

    @property
    def ssh(self) -> list[str]:
        return ["ssh", *self.options, f"root@{self.address}"]

    @property
    def variables(self) -> dict[str, str]:
        """The host's part of an inventory."""
        return {
            "ansible_host": self.address,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": self.facts["key"],
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={self.facts['known_hosts']}",
        }

    def run(self, script: str) -> str:
        """Return what a shell SCRIPT prints on the host, past SSH; exit when it fails."""
        done = subprocess.run(
            ["podman", "exec", self.name, "sh", "-c", script], capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"bench: {script}: {done.stderr}")
        return done.stdout.strip()

    def cpu(self) -> float:
        """Return the processor seconds that everything on the host has used (cgroup v2's cpu.stat)."""
        return int(re.search(r"usage_usec (\d+)", self.run("cat /sys/fs/cgroup/cpu.stat"))[1]) / 1e6  # type: ignore[index]

    def sessions(self) -> int:
        """Return how many commands and transfers sshd has begun; `count_sessions` comes first."""
        return int(self.run("journalctl -u ssh --no-pager -o cat -g 'Starting session' | wc -l"))

    def count_sessions(self) -> None:
        """Make sshd write down every session of a connection, whichever tool asks for it."""
        self.run("echo 'LogLevel VERBOSE' >/etc/ssh/sshd_config.d/bench.conf && systemctl restart ssh")


@dataclass(frozen=True)
class Sample:
    """One measured command: seconds by the clock, processor seconds on both sides, SSH round trips, its output."""

    seconds: float
    controller: float
    host: float
    trips: int
    output: str

    @property
    def tasks(self) -> int:
        """How many tasks ansible-playbook ran on the host."""
        return sum(int(count) for count in re.findall(r"\bok=(\d+)", self.output))


def measure(command: Sequence[str], hosts: Sequence[Host], environment: Mapping[str, str], **more: Any) -> Sample:
    """Run COMMAND and measure it; exit with the end of its output when it fails."""
    sessions, cpu = sum(host.sessions() for host in hosts), sum(host.cpu() for host in hosts)
    before, started = os.times(), time.monotonic()
    done = subprocess.run(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **more
    )  # fmt: skip
    seconds, after = time.monotonic() - started, os.times()
    output = done.stdout.decode(errors="replace")
    if done.returncode:
        sys.exit(f"bench: {' '.join(command)[:200]} failed\n{output[-4000:]}")
    controller = after.children_user + after.children_system - before.children_user - before.children_system
    used = sum(host.cpu() for host in hosts) - cpu
    return Sample(seconds, controller, used, sum(host.sessions() for host in hosts) - sessions, output)


@dataclass
class Inventory:
    """A folder with an inventory of HOSTS and their variables, for ansible-playbook.

    The hosts themselves are left alone unless the variables say `slipway_baseline`.
    """

    folder: Path
    hosts: Sequence[Host]
    variables: dict[str, Any] = field(default_factory=dict)

    def write(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "hosts.json"
        machines = {host.name: host.variables for host in self.hosts}
        path.write_text(json.dumps({"web": {"hosts": machines, "vars": {"slipway_baseline": False, **self.variables}}}))
        return path

    def play(self, playbook: str, *rest: str, cwd: Path = ROOT, **environment: str) -> Sample:
        """Run a playbook, with the REST of the command, as after a pause: the SSH connection is its own and ends with it."""
        sockets = tempfile.mkdtemp(prefix="bench-")
        settings = {"ANSIBLE_SSH_CONTROL_PATH_DIR": sockets, "ANSIBLE_NOCOLOR": "1", **environment}
        command = ["ansible-playbook", "-i", str(self.write()), playbook, *rest]
        try:
            return measure(command, self.hosts, settings, cwd=cwd)
        finally:
            for path in Path(sockets).iterdir():
                subprocess.run(["ssh", "-O", "exit", "-S", str(path), "-"], capture_output=True, check=False)
            shutil.rmtree(sockets, ignore_errors=True)


def app(name: str, source: Path) -> dict[str, Any]:
    """Return the description of the sample app under the name NAME."""
    return {
        "name": name, "domains": [f"{name}.localhost"], "source": {"path": str(source)}, "wsgi": "wsgi:app",
        "environment": {"PROXY_HOPS": 1, "UPLOAD_FOLDER": f"/srv/{name}/shared/uploads"}, "shared_folders": ["uploads"],
        "secrets": {"SECRET_KEY": SECRET}, "static": {"/static/": "harbour/static"}, "health_path": "/readyz",
    }  # fmt: skip
