#!/usr/bin/env python3
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Seconds of a deploy over one, three and six hosts that switch together.

    bin/bench fleet [--debian 12|13] [--runs 5] [--hosts 1 3 6]

All hosts share this machine's cores, so what is done side by side on real hosts takes turns here: the seconds of one host are
what more hosts are compared with. A deploy changes the code and watches for no time; the first of a round is one with the
fewest hosts, every other round is backwards. Printed are medians.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import statistics
from collections import defaultdict

from common import STATE, Host, Inventory, Sample

DOMAIN = "shop.example.org"
CODE = """from flask import Flask

app = Flask(__name__)


@app.get("/")
def index() -> str:
    return "hello {number}"
"""


class Fleet:
    """Some hosts, and an app that all of them have, or the first few of them."""

    numbers = itertools.count(1)

    def __init__(self, hosts: list[Host]) -> None:
        self.hosts, self.folder = hosts, STATE / "fleet/app"
        shutil.rmtree(self.folder.parent, ignore_errors=True)
        self.folder.mkdir(parents=True)
        (self.folder / "requirements.txt").write_text("flask==3.1.2\n")
        self.app = {
            "name": "shop", "domains": [DOMAIN], "source": {"path": str(self.folder)}, "wsgi": "app:app", "workers": 1,
            "database": "none", "secret_key_variable": "", "watch_seconds": 0, "release_commands": [],
        }  # fmt: skip

    def play(self, count: int, playbook: str = "playbooks/deploy.yml") -> Sample:
        """Run a playbook with changed code over the first COUNT hosts."""
        (self.folder / "app.py").write_text(CODE.replace("{number}", str(next(self.numbers))))
        inventory = Inventory(STATE / f"fleet/{count}", self.hosts[:count], {"slipway_apps": [self.app]})
        return inventory.play(playbook)


def measured(fleet: Fleet, counts: list[int], runs: int) -> list[str]:
    """Deploy RUNS times over each of COUNTS hosts; return a table."""
    found: dict[int, list[Sample]] = defaultdict(list)
    for number in range(runs):
        for count in counts if number % 2 == 0 else reversed(counts):
            found[count].append(fleet.play(count))
    rows = [f"{'hosts':>5}{'seconds':>10}{'× one':>8}{'CPU s here':>12}{'CPU s there':>13}{'round trips':>13}"]
    one = statistics.median(sample.seconds for sample in found[counts[0]])
    for count in counts:
        samples = found[count]
        seconds, here, there, trips = (
            statistics.median(getattr(sample, name) for sample in samples)
            for name in ("seconds", "controller", "host", "trips")
        )
        rows.append(f"{count:>5}{seconds:>10.1f}{seconds / one:>8.2f}{here:>12.1f}{there:>13.1f}{trips:>13.0f}")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--debian", choices=("12", "13"), default="12")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--hosts", type=int, nargs="+", default=[1, 3, 6])
    asked = parser.parse_args()
    names = [f"slipway-bench-fleet-{number}" for number in range(1, max(asked.hosts) + 1)]
    try:
        hosts = [Host.up(name, asked.debian) for name in names]
        for host in hosts:
            host.count_sessions()
        fleet = Fleet(hosts)
        fleet.play(len(hosts), "site.yml")
        print("\n".join(measured(fleet, sorted(asked.hosts), asked.runs)))
    finally:
        Host.down(*names)


if __name__ == "__main__":
    main()
