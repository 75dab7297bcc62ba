# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the slow tests are written in: a host, a user's folder with its inventory, and visitors of a site."""

from __future__ import annotations

import atexit
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

import yaml

if TYPE_CHECKING:
    from warm_ansible import Ansible

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
VPS = (sys.executable, str(ROOT / "bin/lib/vps.py"))
NAMESPACES = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "container": "podman",
}
PROCESSES = ("ps", "axf", "-o", "pid,user,stat,etimes,wchan:20,args", "--cols", "180")
DISK = {"warn_percent": 98, "reserve_mb": 16}
"""With a baseline: the disk is that of the machine the tests run on, and how full that is must not decide about them."""
PLAY_SECONDS = 600
"""A playbook that takes longer hangs: the slowest, from a bare host, takes about a minute."""
ASK_SECONDS = 600
"""So does a script on a host that takes longer."""


def rest(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Return what a killed process had said; something that it started may have its pipes forever."""
    try:
        return process.communicate(timeout=5)
    except subprocess.TimeoutExpired as error:
        parts = (part or b"" for part in (error.stdout, error.stderr))
        out, errors = (part if isinstance(part, str) else part.decode(errors="replace") for part in parts)
        return out, errors


@cache
def ansible() -> Ansible:
    """Return ansible-playbook as all runs of this process share it: what each would import is imported once."""
    from warm_ansible import Ansible

    place = tempfile.mkdtemp(prefix="ansible-")
    made = Ansible(Path(place))
    atexit.register(shutil.rmtree, place)
    atexit.register(made.end)
    return made


def tiny_app(page: str) -> str:
    """Return the code of an app whose only page is PAGE, a Python expression."""
    return f"""import os

from flask import Flask

app = Flask(__name__)


@app.get("/")
def index() -> str:
    return {page}
"""


@dataclass
class Host:
    """A VPS look-alike; `run` and `status` look at it from inside, past SSH."""

    name: str
    debian: str
    facts: dict[str, Any] = field(default_factory=dict)
    image: str = ""
    """What it is made of; empty for a bare host."""

    @property
    def address(self) -> str:
        return str(self.facts["address"])

    @property
    def reached(self) -> dict[str, str]:
        """How Ansible reaches it: its variables in an inventory."""
        return {
            "ansible_host": self.address,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": self.facts["key"],
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={self.facts['known_hosts']}",
        }

    def up(self, new: bool = False) -> None:
        """Make or start it; its address may be another one afterwards. A NEW one takes the place of one of its name."""
        image = ["--image", self.image] if self.image else []
        command = [*VPS, "up", self.name, "--debian", self.debian, *image, *(["--new"] if new else [])]
        self.facts = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def down(self) -> None:
        subprocess.run([*VPS, "down", self.name], check=True, capture_output=True)

    def stop(self) -> None:
        """Halt it as a reboot does: systemd stops every service, then the machine is off."""
        subprocess.run([*VPS, "stop", self.name], check=True, capture_output=True)

    def ask(self, script: str, seconds: float = ASK_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run a shell SCRIPT as `podman exec` does, at a twentieth of its cost: tests ask all the time.

        One that takes longer than SECONDS is killed and fails the test with what it had said and what the host ran.
        """
        command = ["nsenter", "--target", str(self.facts["pid"]), *NAMESPACES, "sh", "-c", script]
        process = subprocess.Popen(
            command, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        try:
            said = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            running = self.processes()
            os.killpg(process.pid, signal.SIGKILL)
            said = rest(process)
            report = f"{script}\n{said[0]}\n{said[1]}\nthe host runs:\n{running}"
            raise AssertionError(f"a script on {self.name} hung for {seconds:.0f} s:\n{report}") from None
        return subprocess.CompletedProcess(command, process.returncode, *said)

    def processes(self) -> str:
        """Return the host's processes as a tree, for the report of a test that hung; never fails, never hangs."""
        command = ["nsenter", "--target", str(self.facts["pid"]), *NAMESPACES, *PROCESSES]
        try:
            done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=30)
        except subprocess.TimeoutExpired:
            return "ps did not answer within 30 s"
        return done.stdout + done.stderr

    def run(self, script: str) -> str:
        """Return what a shell SCRIPT prints, without space around it; fail when it fails."""
        done = self.ask(script)
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    def ok(self, script: str) -> bool:
        return self.ask(script).returncode == 0

    def psql(self, statement: str, database: str = "postgres", user: str = "postgres") -> str:
        """Return what psql prints for a STATEMENT as that system user: a line for each row, with | between values."""
        return self.run(f'runuser -u {user} -- psql -d {database} -v ON_ERROR_STOP=1 -Atc "{statement}"')


@dataclass(frozen=True)
class Play:
    """How ansible-playbook ended."""

    code: int
    output: str

    def count(self, what: str) -> int:
        """Return a number of the recap, `changed` or `failed` for example, over all plays."""
        return sum(int(number) for number in re.findall(rf"\b{what}=(\d+)", self.output))


class Project:
    """A user's folder: an inventory with one host, and the variables beside it."""

    def __init__(self, folder: Path, host: Host) -> None:
        self.folder, self.host = folder, host
        # ssh's sockets stay apart from those of former hosts at the same address; their paths must be short.
        self.sockets = tempfile.mkdtemp(prefix="slow-")

    def write(self, variables: Mapping[str, Any]) -> None:
        """Write the inventory, and VARIABLES for every host of it; the host itself is left alone unless they say so."""
        (self.folder / "group_vars").mkdir(exist_ok=True)
        (self.folder / "hosts.yml").write_text(yaml.safe_dump({"web": {"hosts": {self.host.name: self.host.reached}}}))
        (self.folder / "group_vars/all.yml").write_text(
            yaml.safe_dump({"slipway_baseline": False, "slipway_disk": DISK, **variables}, sort_keys=False)
        )

    def variables(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the whole environment of a run, with what ENVIRONMENT has of it."""
        return {
            **os.environ,
            "PATH": f"{TOOLS}:{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": self.sockets,
            **environment,
        }

    def argv(self, arguments: Sequence[str]) -> list[str]:
        return ["--inventory", str(self.folder / "hosts.yml"), *arguments]

    def start(
        self, *arguments: str, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start ansible-playbook with this inventory, as the leader of a process group of its own."""
        return subprocess.Popen(
            ["ansible-playbook", *self.argv(arguments)],
            cwd=cwd, env=self.variables(environment or {}), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def play(self, *arguments: str, cwd: Path = ROOT, environment: Mapping[str, str] | None = None) -> Play:
        """Run ansible-playbook to its end, whichever that is."""
        running: list[str] = []
        try:
            done = ansible()(
                *self.argv(arguments), cwd=cwd, env=self.variables(environment or {}), together=True, seconds=PLAY_SECONDS,
                hung=lambda: running.append(self.host.processes()),
            )  # fmt: skip
        except subprocess.TimeoutExpired as hung:
            report = f"{hung.output}\nthe host runs:\n{''.join(running)}"
            raise AssertionError(f"ansible-playbook hung for {PLAY_SECONDS} s:\n{report}") from None
        return Play(done.returncode, done.stdout)

    def good(self, *arguments: str, cwd: Path = ROOT, environment: Mapping[str, str] | None = None) -> Play:
        """Run ansible-playbook and require that it succeeds."""
        done = self.play(*arguments, cwd=cwd, environment=environment)
        assert done.code == 0, done.output
        return done


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str


@cache
def any_certificate() -> ssl.SSLContext:
    """Return the settings for TLS that take each certificate; no authorities are read for it, which would take 18 ms."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    return tls


class Connection(http.client.HTTPSConnection):
    """HTTPS to an address under a site's name, as if DNS led there; the host's own certificate is taken as it is."""

    def __init__(self, address: str, domain: str, timeout: float = 30) -> None:
        self.tls = any_certificate()
        super().__init__(domain, timeout=timeout, context=self.tls)
        self.address = address

    def connect(self) -> None:
        plain = socket.create_connection((self.address, 443), self.timeout)
        self.sock = self.tls.wrap_socket(plain, server_hostname=self.host)


class Visitor:
    """A browser as far as the tests need one: it keeps cookies and sends a Referer, and follows no redirect."""

    def __init__(self, host: Host, domain: str) -> None:
        self.host, self.domain = host, domain
        self.cookies: dict[str, str] = {}

    def get(self, path: str) -> Answer:
        return self._ask("GET", path, None)

    def post(self, path: str, fields: Mapping[str, str]) -> Answer:
        return self._ask("POST", path, urlencode(fields))

    def _ask(self, method: str, path: str, body: str | None) -> Answer:
        headers = {"Referer": f"https://{self.domain}/"}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = Connection(self.host.address, self.domain)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        finally:
            connection.close()
        for cookie in response.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return Answer(response.status, response.headers, text)


class _Form(HTMLParser):
    """Collects the fields of the form that has a field called NAME, with the values that it shows."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.wanted = name
        self.found: dict[str, str] = {}
        self.fields: dict[str, str] = {}
        self.select = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.fields = {}
        elif tag == "select":
            self.select = known.get("name", "")
        elif tag == "option" and self.select and ("selected" in known or self.select not in self.fields):
            self.fields[self.select] = known.get("value", "")
        elif tag in ("input", "textarea") and known.get("name") and known.get("type") not in ("checkbox", "radio"):
            self.fields[known["name"]] = known.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self.select = ""
        elif tag == "form" and self.wanted in self.fields:
            self.found = self.fields


def form(page: str, name: str) -> dict[str, str]:
    """Return the fields of the form in PAGE that has a field called NAME, hidden ones among them."""
    parser = _Form(name)
    parser.feed(page)
    assert parser.found, f"the page has no form with a field '{name}':\n{page[:3000]}"
    return dict(parser.found)


class Repeated(ABC):
    """Takes turn after turn from a thread of its own, as long as a `with` block runs."""

    PAUSE_SECONDS: float

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            self.turn()
            self._over.wait(self.PAUSE_SECONDS)

    @abstractmethod
    def turn(self) -> None:
        """Do it once."""


class Watch(Repeated):
    """Asks for a page all the time: `with Watch(...) as watch: …`, then `watch.failures`."""

    PAUSE_SECONDS = 0.05

    def __init__(self, visitor: Visitor, path: str = "/") -> None:
        super().__init__()
        self.visitor, self.path = visitor, path
        self.asked, self.failures = 0, list[str]()

    def turn(self) -> None:
        self.asked += 1
        try:
            self.step()
        except Exception as error:
            self.failures.append(f"{time.strftime('%X')} {type(error).__name__}: {error}")

    def step(self) -> None:
        status = self.visitor.get(self.path).status
        assert status == 200, f"GET {self.path} answered {status}"


def wait_for(what: Any, seconds: float, every: float = 0.1) -> float:
    """Call WHAT until it returns something true and return how long that took; fail after SECONDS.

    The longer it takes, the less often it is asked, once a second at last: each question to a host costs a process there.
    """
    started = time.monotonic()
    while (passed := time.monotonic() - started) < seconds:
        try:
            if what():
                return time.monotonic() - started
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(max(every, min(1.0, passed / 20)))
    raise AssertionError(f"did not come within {seconds} s")
