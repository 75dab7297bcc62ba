#!/usr/bin/env python3
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How a deploy's time grows with the apps of one host, and with the hosts of one app.

    bin/bench curve [--debian 12|13] [--runs 1]

Every point is a deploy of changed code, of apps with one worker each. The look-alikes share this machine's processors:
where a point needs more of them than there are, its seconds tell of this machine, so the processor seconds stand beside them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
from pathlib import Path

from common import ROOT, STATE, Host, Inventory, Sample, app, check

NAME = "slipway-bench-curve"
IMAGE = f"localhost/{NAME}"
POINTS = (1, 2, 5, 10)


def source(name: str) -> Path:
    """Return a copy of the sample app."""
    folder = STATE / "curve" / name
    shutil.rmtree(folder, ignore_errors=True)
    return Path(shutil.copytree(ROOT / "sample_app", folder, ignore=shutil.ignore_patterns("__pycache__", ".*")))


def point(inventory: Inventory, sources: list[Path], runs: int) -> tuple[float, float, float, float]:
    """Return the median seconds of RUNS deploys of changed code; processor seconds here and on the hosts; round trips."""
    samples: list[Sample] = []
    for number in range(runs):
        for folder in sources:
            with (folder / "wsgi.py").open("a") as code:
                code.write(f"# {len(inventory.hosts)} {len(sources)} {number}\n")
        samples.append(inventory.play("playbooks/deploy.yml"))
        for host in inventory.hosts:
            check(host.address, f"{sources[-1].name}.localhost")
    names = ("seconds", "controller", "host", "trips")
    seconds, controller, used, trips = (statistics.median(getattr(one, name) for one in samples) for name in names)
    return seconds, controller, used, trips


def row(count: int, figures: tuple[float, float, float, float]) -> str:
    seconds, controller, used, trips = figures
    bar = "#" * round(seconds)
    return f"{count:5} {seconds:8.1f} {seconds / count:9.2f} {trips:5.0f} {controller / count:9.2f} {used / count:9.2f}  {bar}"


def copies(first: Host, count: int) -> list[Host]:
    """Return COUNT hosts that are as FIRST, which has to stop for that, is now."""
    subprocess.run(["podman", "stop", "--time", "60", first.name], check=True, capture_output=True)
    subprocess.run(["podman", "commit", "--quiet", first.name, IMAGE], check=True, capture_output=True)
    hosts = []
    for name in names(count):
        command = ["podman", "create", "--privileged", "--systemd=always", "--name", name, "--hostname", name]
        labels = ["--label", "slipway=1", "--label", f"slipway.debian={first.facts['debian']}"]
        subprocess.run([*command, *labels, IMAGE], check=True, capture_output=True)
        hosts.append(Host.start(name, str(first.facts["debian"])))
    return hosts


def names(count: int) -> list[str]:
    return [f"{NAME}-{number}" for number in range(1, count + 1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--debian", choices=["12", "13"], default="12")
    parser.add_argument("--runs", type=int, default=1)
    asked = parser.parse_args()
    Host.down(NAME, *names(max(POINTS)))
    head = f"{'':5} {'seconds':>8} {'of each':>9} {'SSH':>5} {'CPU here':>9} {'CPU host':>9}  (the last two of each)"
    try:
        host = Host.up(NAME, asked.debian)
        host.count_sessions()
        sources = [source(f"app{number}") for number in range(1, max(POINTS) + 1)]
        apps = [{**app(folder.name, folder), "workers": 1, "watch_seconds": 0} for folder in sources]
        one = Inventory(STATE / "curve", [host], {"slipway_apps": apps[:1]})
        one.play("site.yml")
        hosts = copies(host, max(POINTS))
        print(f"Debian {asked.debian}, {os.cpu_count()} processors; one app on several hosts\n{head}", flush=True)
        for count in POINTS:
            inventory = Inventory(STATE / "curve", hosts[:count], {"slipway_apps": apps[:1]})
            print(row(count, point(inventory, sources[:1], asked.runs)), flush=True)
        Host.down(*names(max(POINTS)))

        host = Host.start(NAME, asked.debian)
        one = Inventory(STATE / "curve", [host], {"slipway_apps": apps})
        one.play("site.yml")
        print(f"\nseveral apps on one host\n{head}", flush=True)
        for count in POINTS:
            one.variables["slipway_apps"] = apps[:count]
            print(row(count, point(one, sources[:count], asked.runs)), flush=True)
    finally:
        Host.down(NAME, *names(max(POINTS)))
        subprocess.run(["podman", "rmi", "--ignore", "--force", IMAGE], capture_output=True, check=False)


if __name__ == "__main__":
    main()
