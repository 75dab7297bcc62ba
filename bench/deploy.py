#!/usr/bin/env python3
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Seconds of a deploy on a host that serves already, against a shell script, a plain playbook and pyinfra.

    bin/bench deploy [--debian 12|13] [--runs 5]

All of them deploy the sample app to one look-alike, each to a place of its own, in rounds: a round has every case once,
every other round in the opposite order, so that a busy minute hits all alike. Printed are medians.
"""

from __future__ import annotations

import argparse
import itertools
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from common import ROOT, STATE, Host, Inventory, Sample, app, check, measure

NAME = "slipway-bench-deploy"
UV = str(Path(sys.executable).parent / "uv")
PINS = {"pyinfra": "bench/requirements-pyinfra.txt", "mitogen": "requirements-mitogen.txt"}
DEPENDENCIES = ("3.4", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
"""Versions of idna, which needs nothing else and which the sample app does not use: the one changed dependency."""
WATCH_SECONDS = 5


class Source:
    """A copy of the sample app that can be changed; its list has no hashes, so that a line can be added."""

    numbers = itertools.count(1)

    def __init__(self, name: str) -> None:
        self.name, self.folder = name, STATE / "deploy" / name
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(ROOT / "sample_app", self.folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        self.requirements = re.sub(
            r" \\\n +--hash=\S+", "", (self.folder / "requirements.txt").read_text(), flags=re.MULTILINE
        )
        self.depend(DEPENDENCIES[0])

    def change(self) -> None:
        """Change the code."""
        with (self.folder / "wsgi.py").open("a") as code:
            code.write(f"# change {next(self.numbers)}\n")

    def depend(self, version: str) -> None:
        """Change one dependency."""
        (self.folder / "requirements.txt").write_text(f"{self.requirements}idna=={version}\n")


class Peers:
    """The shell script, the plain playbook and pyinfra."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.sources = {name: Source(name) for name in ("floor", "plain", "infra")}
        self.pyinfra = tool("pyinfra")

    def set_up(self) -> None:
        """Give the last two a repository on the host to fetch from, and run them once."""
        self.host.run("git config --system --add safe.directory '*'")  # root fetches what belongs to the app
        for name in ("plain", "infra"):
            self.host.run(f"git init --quiet --bare --initial-branch=main /srv/git/{name}.git")
            git(self.sources[name], "init", "--quiet", "--initial-branch=main")
        self.playbook()
        self.infra()

    def script(self, watch: int = 0, dependency: str = "") -> Sample:
        """Deploy with the shell script: one ssh, the source on its standard input."""
        source = self.sources["floor"]
        source.depend(dependency) if dependency else source.change()
        head = f"app={source.name} domain={source.name}.localhost watch={watch}\n"
        command = f'tar -cz -C {source.folder} . | {" ".join(self.host.ssh)} "$SCRIPT"'
        script = head + (ROOT / "bench/deploy_floor.sh").read_text()
        done = measure(["bash", "-o", "pipefail", "-c", command], [self.host], {"SCRIPT": script})
        check(self.host.address, f"{source.name}.localhost")
        return done

    def playbook(self) -> Sample:
        """Deploy with the plain playbook, with Ansible's own settings."""
        source = self.sources["plain"]
        pushed = self._push(source)
        variables = {
            "app_name": "plain", "app_port": 8101, "app_repository": "/srv/git/plain.git", "ansible_become_method": "su"
        }  # fmt: skip
        inventory = Inventory(STATE / "deploy", [self.host], variables)
        return added(pushed, inventory.play("site.yml", cwd=ROOT / "bench/plain"))

    def infra(self) -> Sample:
        """Deploy with pyinfra."""
        source = self.sources["infra"]
        pushed = self._push(source)
        data = {
            "app_name": "infra", "app_port": 8102, "app_repository": "/srv/git/infra.git", "ssh_user": "root",
            "ssh_key": self.host.facts["key"], "ssh_known_hosts_file": self.host.facts["known_hosts"],
        }  # fmt: skip
        options = [part for name, value in data.items() for part in ("--data", f"{name}={value}")]
        command = [str(self.pyinfra / "bin/pyinfra"), "--yes", *options, self.host.address, "deploy.py"]
        return added(pushed, measure(command, [self.host], {}, cwd=ROOT / "bench/pyinfra"))

    def _push(self, source: Source) -> Sample:
        """Commit a change and bring it to the repository, as a developer does before such a deploy."""
        source.change()
        git(source, "add", "--all")
        git(
            source, "-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "--quiet", "--message=change"
        )
        url = f"root@{self.host.address}:/srv/git/{source.name}.git"
        ssh = f"ssh {' '.join(self.host.options)}"
        return measure(
            ["git", "-C", str(source.folder), "push", "--quiet", url, "main"], [self.host], {"GIT_SSH_COMMAND": ssh}
        )


class Ours:
    """deploy.yml and site.yml, with ansible-core's own strategy or with Mitogen's."""

    def __init__(self, host: Host, floor: Source) -> None:
        self.host, self.source = host, Source("harbour")
        self.mitogen = tool("mitogen")
        self.app = {**app("harbour", self.source.folder), "watch_seconds": 0}
        self.inventory = Inventory(STATE / "deploy", [host], {"slipway_apps": [self.app, app("floor", floor.folder)]})

    def set_up(self) -> None:
        self.inventory.play("site.yml")

    def deploy(self, change: bool = True, dependency: str = "", watch: int = 0, mitogen: bool = False) -> Sample:
        if dependency:
            self.source.depend(dependency)
        elif change:
            self.source.change()
        self.app["watch_seconds"] = watch
        return self._play("playbooks/deploy.yml", mitogen=mitogen)

    def settings(self) -> Sample:
        """Change one variable of the app's environment, which takes both halves of site.yml; not those of the script's app."""
        self.app["environment"] = {**self.app["environment"], "CHANGED": str(next(Source.numbers))}
        return self._play("playbooks/provision.yml", "playbooks/deploy.yml")

    def _play(self, *playbooks: str, mitogen: bool = False) -> Sample:
        environment = {}
        if mitogen:
            packages = next(self.mitogen.glob("lib/python3*/site-packages"))
            environment = {
                "ANSIBLE_STRATEGY": "mitogen_linear",
                "ANSIBLE_STRATEGY_PLUGINS": str(packages / "ansible_mitogen/plugins/strategy"),
                "PYTHONPATH": str(packages),
            }
        done = self.inventory.play(*playbooks, "-e", "app=harbour", **environment)
        check(self.host.address, "harbour.localhost")
        return done


def tool(name: str) -> Path:
    """Return a virtual environment with what NAME's file of pins holds."""
    folder = STATE / name
    if not folder.is_dir():
        subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
        pins = ["--require-hashes", "-r", str(ROOT / PINS[name])]
        subprocess.run([UV, "pip", "install", "--quiet", "--python", str(folder / "bin/python"), *pins], check=True)
    return folder


def git(source: Source, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(source.folder), *arguments], check=True, capture_output=True)


def added(first: Sample, second: Sample) -> Sample:
    """Return two commands as one."""
    return Sample(
        first.seconds + second.seconds, first.controller + second.controller, first.host + second.host,
        first.trips + second.trips, second.output,
    )  # fmt: skip


def rounds(cases: Mapping[str, Callable[[], Sample]], runs: int) -> dict[str, list[Sample]]:
    """Return the samples of every case."""
    found: dict[str, list[Sample]] = {name: [] for name in cases}
    for number in range(runs):
        for name in reversed(cases) if number % 2 else cases:
            found[name].append(cases[name]())
            print(f"round {number + 1}: {found[name][-1].seconds:6.2f} s  {name}", flush=True)
    return found


def table(found: Mapping[str, list[Sample]], floors: Mapping[str, str]) -> str:
    """Return the medians, each case beside the floor that it is measured against."""

    def median(name: str, what: str) -> float:
        return statistics.median(getattr(sample, what) for sample in found[name])

    head = (
        f"{'':44} {'seconds':>8} {'× script':>9} {'× plain':>8} {'tasks':>6} {'SSH':>5} {'CPU here':>9} {'CPU host':>9}"
    )
    rows = [head]
    plain = median("plain playbook", "seconds")
    for name in found:
        seconds = median(name, "seconds")
        rows.append(
            f"{name:44} {seconds:8.2f} {seconds / median(floors.get(name, 'shell script'), 'seconds'):9.2f} "
            f"{seconds / plain:8.2f} {median(name, 'tasks') or '-':>6} {median(name, 'trips'):5.0f} "
            f"{median(name, 'controller'):9.2f} {median(name, 'host'):9.2f}"
        )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--debian", choices=["12", "13"], default="12")
    parser.add_argument("--runs", type=int, default=5, choices=range(1, len(DEPENDENCIES)))
    asked = parser.parse_args()
    host = Host.up(NAME, asked.debian)
    try:
        peers = Peers(host)
        ours = Ours(host, peers.sources["floor"])
        ours.set_up()
        host.run("apt-get -qq install --no-install-recommends --yes curl git >/dev/null 2>&1")
        host.count_sessions()
        peers.set_up()
        versions = {side: iter(DEPENDENCIES[1:]) for side in ("floor", "ours")}
        cases = {
            "shell script": peers.script,
            "plain playbook": peers.playbook,
            "pyinfra": peers.infra,
            "Slipway, code": ours.deploy,
            "Slipway, nothing changed": lambda: ours.deploy(change=False),
            "Slipway, a setting (site.yml)": ours.settings,
            "shell script, one dependency": lambda: peers.script(dependency=next(versions["floor"])),
            "Slipway, one dependency": lambda: ours.deploy(dependency=next(versions["ours"])),
            "shell script, 5 s of watching": lambda: peers.script(watch=WATCH_SECONDS),
            "Slipway, code, 5 s of watching": lambda: ours.deploy(watch=WATCH_SECONDS),
            "Slipway with Mitogen, code": lambda: ours.deploy(mitogen=True),
            "Slipway with Mitogen, nothing changed": lambda: ours.deploy(change=False, mitogen=True),
        }
        floors = {
            "Slipway, one dependency": "shell script, one dependency",
            "Slipway, code, 5 s of watching": "shell script, 5 s of watching",
        }
        found = rounds(cases, asked.runs)
        print(f"\nDebian {asked.debian}, a deploy on a host that serves, medians of {asked.runs}")
        print(table(found, floors))
    finally:
        Host.down(NAME)


if __name__ == "__main__":
    main()
