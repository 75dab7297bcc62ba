#!/usr/bin/env python3
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Runs the parts of the tests, some side by side, and ends with a table and `N passed, N failed`.

    bin/test                    all of it: lint, unit tests, every Molecule scenario on Debian 12 and 13, slow tests
    bin/test lint unit          only what needs no host
    bin/test core [2.20]        lint's and unit's part that meets ansible-core, on each supported minor or on one
    bin/test roles -k nginx     the scenarios of the roles, those whose name contains nginx
    bin/test site --debian 13   the whole site, on one release; --keep leaves the hosts for a look

Each part writes .slipway/logs/<part>.log; the end of it is shown when the part fails. Hosts are always removed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / ".slipway/logs"
GROUPS = ("lint", "unit", "roles", "site", "slow")
SITE = ("default", "site")
RELEASES = ("12", "13")
PART_SECONDS = 1800
"""A part that takes longer hangs: the slowest takes a few minutes."""
TAIL_LINES = 60
NO_TESTS_COLLECTED = 5
"""pytest's exit code for it: no failure when -k chose among several parts."""

SAMPLE_APP = """
venv=$PWD/.slipway/sample_app-venv
[ -x "$venv/bin/python" ] || uv venv --quiet "$venv"
cd sample_app
uv pip install --quiet --python "$venv" --requirement requirements.txt --group dev
exec "$venv/bin/python" -m pytest -q -p no:cacheprovider "$@"
"""


@dataclass
class Part:
    """One line of the table: a command, the hosts that it makes, and how it ended."""

    name: str
    command: list[str]
    hosts: list[str] = field(default_factory=list)
    result: str = "not run"
    seconds: float = 0.0

    @property
    def log(self) -> Path:
        return LOGS / f"{self.name}.log"


def parts(asked: argparse.Namespace) -> Iterator[Part]:
    """Yield the parts asked for, the long ones first so that the last one to end is a short one."""
    choose = ["-k", asked.k] if asked.k else []
    python = sys.executable
    scenarios = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))
    if "lint" in asked.groups:
        yield Part("lint", ["bin/lint"])
    if "unit" in asked.groups:
        yield Part("unit", [python, "-m", "pytest", "-q", "tests/unit", *choose])
        if (ROOT / "sample_app/tests").is_dir():
            yield Part("sample_app", ["bash", "-euc", SAMPLE_APP, "sample_app", *choose])
    for path in sorted(ROOT.glob("tests/slow/test_*.py")) if "slow" in asked.groups else []:
        yield Part(f"slow-{path.stem.removeprefix('test_')}", [python, "-m", "pytest", "-q", str(path), *choose])
    for group, names in (
        ("site", [name for name in scenarios if name in SITE]),
        ("roles", [name for name in scenarios if name not in SITE]),
    ):
        for name in names if group in asked.groups else []:
            if not asked.k or asked.k in name:
                hosts = [f"slipway-{name}-{debian}" for debian in asked.debian]
                command = ["molecule", "test", "--scenario-name", name]
                command += ["--destroy", "never"] if asked.keep else []
                command += ["--platform-name", hosts[0]] if len(hosts) == 1 else []
                yield Part(f"molecule-{name}", command, hosts)


class Runner:
    """Runs parts in a pool of threads; `stop` ends those that run and keeps the others from starting."""

    def __init__(self, keep: bool) -> None:
        self.keep = keep
        self.stopped = threading.Event()
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.printing = threading.Lock()

    def run(self, part: Part) -> None:
        """Run one part to its end, remove its hosts, and print its line."""
        if self.stopped.is_set():
            return
        started = time.monotonic()
        with part.log.open("wb") as log:
            process = subprocess.Popen(
                part.command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
            self.running[part.name] = process
            if self.stopped.is_set():
                self.end(process)
            try:
                code = process.wait(timeout=PART_SECONDS)
            except subprocess.TimeoutExpired:
                self.end(process)
                code = -1
                log.write(f"\nstopped: took longer than {PART_SECONDS} s\n".encode())
            del self.running[part.name]
        part.seconds = time.monotonic() - started
        part.result = "passed" if code == 0 else "no tests" if code == NO_TESTS_COLLECTED else "FAILED"
        if self.stopped.is_set():
            part.result = "stopped"
        if not self.keep:
            remove(part.hosts or hosts_of(process.pid))
        self.report(part)

    def report(self, part: Part) -> None:
        with self.printing:
            print(f"{part.result:8} {part.name:28} {part.seconds:6.0f} s", flush=True)
            if part.result == "FAILED":
                tail = part.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
                print("\n".join(f"    {line}" for line in tail), flush=True)

    def stop(self) -> None:
        self.stopped.set()
        for process in list(self.running.values()):
            self.end(process)

    @staticmethod
    def end(process: subprocess.Popen[bytes]) -> None:
        """End a part with all that it started, kindly first."""
        for kind, grace in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            try:
                os.killpg(process.pid, kind)
                process.wait(timeout=grace)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def remove(hosts: list[str]) -> None:
    """Remove look-alikes by name; one that does not exist is no error."""
    if hosts:
        subprocess.run([sys.executable, "bin/lib/vps.py", "down", *hosts], cwd=ROOT, capture_output=True, check=False)


def hosts_of(pid: int) -> list[str]:
    """Return the look-alikes that the slow tests of process PID left: theirs are called slipway-slow-*-<pid>."""
    command = ["podman", "ps", "--all", "--filter", f"name=^slipway-slow-.*-{pid}$", "--format", "{{.Names}}"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    except FileNotFoundError:  # lint and unit tests need no podman
        return []


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bin/test", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("groups", nargs="*", metavar="|".join((*GROUPS, "all")), help="what to run (default: all)")
    parser.add_argument("--debian", choices=RELEASES, help="one release only")
    parser.add_argument(
        "-k", metavar="WORD", help="scenarios whose name contains it; tests as pytest's -k chooses them"
    )
    parser.add_argument("--keep", action="store_true", help="leave the hosts")
    parser.add_argument("--jobs", type=int, default=2, help="parts side by side (default: 2)")
    asked = parser.parse_args()
    unknown = set(asked.groups) - {*GROUPS, "all"}
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: not one of {', '.join((*GROUPS, 'all'))}")
    asked.groups = list(GROUPS) if not asked.groups or "all" in asked.groups else asked.groups
    asked.debian = [asked.debian] if asked.debian else list(RELEASES)
    return asked


def main() -> int:
    asked = arguments()
    todo = list(parts(asked))
    LOGS.mkdir(parents=True, exist_ok=True)
    os.environ |= {"PY_COLORS": "0", "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1", "SLIPWAY_DEBIAN": " ".join(asked.debian)}
    runner = Runner(asked.keep)

    def interrupted(*_: object) -> None:
        print("stopping: ending what runs and removing the hosts", file=sys.stderr)
        threading.Thread(target=runner.stop).start()

    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    started, began = time.monotonic(), time.time()
    with ThreadPoolExecutor(max_workers=asked.jobs) as pool:
        for done in [pool.submit(runner.run, part) for part in todo]:
            done.result()
    if not asked.keep:
        remove([host for part in todo for host in part.hosts])

    print(f"\n{'part':28} {'result':8} {'time':>8}")
    for part in todo:
        print(f"{part.name:28} {part.result:8} {part.seconds:6.0f} s")
    print(f"{'all':28} {'':8} {time.monotonic() - started:6.0f} s\n")
    for table in sorted(LOGS.glob("test_faults_*.txt")):
        if table.stat().st_mtime >= began:
            print(f"{table.read_text()}")
    bad = [part for part in todo if part.result in ("FAILED", "stopped", "not run")]
    passed = [part for part in todo if part.result == "passed"]
    print(f"{len(passed)} passed, {len(bad)} failed")
    if runner.stopped.is_set():
        return 130
    return 1 if bad or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
