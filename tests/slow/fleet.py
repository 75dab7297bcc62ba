# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Several hosts with one app, which can be made to fail at each stage on one of them, and visitors of each host."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml
from conftest import SEVERAL, machine
from helpers import DISK, Connection, Host, Project, wait_for
from stock import image

DOMAIN = "shop.example.org"
FAULTS = "/opt/faults"
"""Where a host says what is to fail there: a file for each fault, with the word of the release that has it."""
CODE = """import os
import sys
import time
from pathlib import Path

from flask import Flask, jsonify, request

WORD = "THE-WORD"
FAULTS = Path("/opt/faults")
app = Flask(__name__)


def fault(name):
    try:
        return (FAULTS / name).read_text().strip() == WORD
    except OSError:
        return False


def is_current():
    return os.path.basename(os.readlink("/srv/shop/current")) == os.environ["RELEASE_ID"]


SERVES = Path(sys.argv[0]).name == "gunicorn"
if fault("start" if SERVES else "check"):
    raise RuntimeError("there is a fault in it")


@app.get("/")
def index():
    return jsonify(word=WORD, release=os.environ["RELEASE_ID"])


@app.get("/slow")
def slow():
    time.sleep(1.5)
    return index()


@app.get("/healthz")
def healthz():
    if request.headers.get("X-Request-ID"):  # through nginx
        while fault("slow-verify"):
            time.sleep(0.1)
        return ("unwell", 500) if fault("verify") else "well"
    if fault("gate") or (fault("watch") and is_current()):
        return "unwell", 500
    return "well"
"""
COMMAND = """import sys
import time
from pathlib import Path

NAME, WORD = sys.argv[1], Path(__file__).with_name("word.txt").read_text()


def fault(name):
    path = Path("/opt/faults") / name
    return path.exists() and path.read_text().strip() == WORD


while fault(f"slow-{NAME}"):
    time.sleep(0.1)
if fault(NAME):
    sys.exit("there is a fault in it")
"""


class Fleet(Project):
    """Hosts by their names in the inventory, and an app in `code` that all of them have. GROUPS: web has all, by default."""

    health_seconds = 10

    def __init__(self, folder: Path, hosts: dict[str, Host], groups: dict[str, list[str]] | None = None) -> None:
        super().__init__(folder, next(iter(hosts.values())))
        self.hosts, self.groups = hosts, groups or {"web": list(hosts)}
        self.code, self.described = folder / "code", dict[str, Any]()
        self.code.mkdir()
        (self.code / "requirements.txt").write_text("flask==3.1.2\n")
        (self.code / "command.py").write_text(COMMAND)

    def say(self, word: str, **app: Any) -> None:
        """Have the next deploy answer WORD; APP are keys of its description."""
        (self.code / "app.py").write_text(CODE.replace("THE-WORD", word))
        (self.code / "word.txt").write_text(word)
        shop = {
            "name": "shop", "domains": [DOMAIN], "wsgi": "app:app", "source": {"path": str(self.code)},
            "database": "none", "secret_key_variable": "", "health_path": "/healthz", "watch_seconds": 1,
            "workers": 1, "threads": 8, "build_commands": ["python command.py build"],
            "release_commands": ["python command.py migrate"], "health_timeout_seconds": self.health_seconds, **app,
        }  # fmt: skip
        self.write({"slipway_apps": [shop]})

    def write(self, variables: Any) -> None:
        """Write the inventory with all hosts, and VARIABLES for all of them."""
        self.described = dict(variables)
        (self.folder / "group_vars").mkdir(exist_ok=True)
        inventory = {
            group: {"hosts": {name: self.hosts[name].reached for name in names}} for group, names in self.groups.items()
        }
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(inventory))
        settings = {"slipway_baseline": False, "slipway_disk": DISK, **variables}
        (self.folder / "group_vars/all.yml").write_text(yaml.safe_dump(settings, sort_keys=False))

    def deploy(self, *arguments: str) -> Any:
        return self.play("playbooks/deploy.yml", *arguments)

    def words(self) -> dict[str, str]:
        """Return what each host answers."""
        return {name: get(host)["word"] for name, host in self.hosts.items()}

    def serves(self, word: str) -> None:
        """Require that all hosts answer WORD, and have nothing under way."""
        assert self.words() == dict.fromkeys(self.hosts, word), self.words()
        for host in self.hosts.values():
            assert host.run("cat /srv/shop/.run.json /run/slipway/*.lease 2>/dev/null || true") == ""

    def spoil(self, host: str, fault: str, word: str) -> None:
        """Have the release WORD fail at a stage on one HOST."""
        self.hosts[host].run(f"mkdir -p {FAULTS} && echo {word} > {FAULTS}/{fault}")

    def mend(self) -> None:
        """Take all faults away."""
        for host in self.hosts.values():
            host.run(f"rm -rf {FAULTS}; umount -q /srv/shop/sources || true")

    def held_at(self, host: str) -> str:
        """Return before which stage a release under way waits on HOST, "" for none."""
        said = self.hosts[host].run("cat /run/slipway/shop.lease 2>/dev/null || true")
        return str(json.loads(said)["hook"]) if said else ""

    def die(self, host: str) -> None:
        """Switch HOST off as a broken power supply does."""
        subprocess.run(["podman", "kill", self.hosts[host].name], check=True, capture_output=True)

    def revive(self, host: str) -> None:
        """Switch it on again; its address may be another one."""
        self.hosts[host].up()
        self.write(self.described)
        wait_for(lambda: get(self.hosts[host])["word"], seconds=60)


def get(host: Host, path: str = "/") -> dict[str, Any]:
    """Return what the app on HOST answers. Raises HTTPException for anything but a good answer."""
    asked = Connection(host.address, DOMAIN, timeout=30)
    try:
        asked.request("GET", path)
        answer = asked.getresponse()
        said = answer.read().decode()
        if answer.status != 200:
            raise http.client.HTTPException(f"GET {path} answered {answer.status}")
        found: dict[str, Any] = json.loads(said)
        return found
    finally:
        asked.close()


class Visits:
    """Requests to each of HOSTS all the time: what was sent, what failed, and who answered what since when."""

    def __init__(self, hosts: dict[str, Host]) -> None:
        self.hosts, self.over = hosts, threading.Event()
        self.sent, self.failures = 0, list[str]()
        self.words: dict[str, list[str]] = {name: [] for name in hosts}
        """The words of the answers of each host, in their order, without repetitions."""
        self.counts = Counter[str]()

    def visit(self, name: str, path: str) -> None:
        while not self.over.wait(0.2):
            self.sent += 1
            try:
                word = get(self.hosts[name], path)["word"]
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{time.strftime('%X')} {name} {path} {type(error).__name__}: {error}")
                continue
            self.counts[f"{name} {word}"] += 1
            if path == "/" and self.words[name][-1:] != [word]:
                self.words[name].append(word)


@contextmanager
def visits(hosts: dict[str, Host]) -> Iterator[Visits]:
    """Visitors of each host while the block runs."""
    load = Visits(hosts)
    threads = [threading.Thread(target=load.visit, args=(name, path)) for name in hosts for path in ("/", "/slow")]
    for thread in threads:
        thread.start()
    try:
        yield load
        time.sleep(0.3)
    finally:
        load.over.set()
        for thread in threads:
            thread.join()


@contextmanager
def fleet(
    folder: Path, title: str, names: Sequence[str], groups: dict[str, list[str]] | None = None
) -> Iterator[Fleet]:
    """Hosts with these NAMES that have a site's packages; they are gone when the block is over."""
    with ExitStack() as stack:
        hosts = {
            name: stack.enter_context(machine(f"{title}-{number}", SEVERAL, made_of=image(SEVERAL)))
            for number, name in enumerate(names, 1)
        }
        made = Fleet(folder, hosts, groups)
        yield made
        subprocess.run(["rm", "-rf", made.sockets], check=False)


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a run of ansible-playbook with all its children, as a machine that is switched off does."""
    os.killpg(process.pid, 9)
    process.wait()
