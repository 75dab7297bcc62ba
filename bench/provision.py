#!/usr/bin/env python3
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Seconds from a bare host to the first good answer: site.yml against a hand-written shell script, in one run.

    bin/bench provision [--debian 12|13] [--runs 1]

Both start from a fresh look-alike with the same image and deploy the same source. Then site.yml runs again with no
change, and its tasks and SSH round trips are counted.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import time

from common import ROOT, STATE, Host, Inventory, Sample, app, check

HOST = "slipway-bench"
DOMAIN = "harbour.localhost"


def by_hand(debian: str) -> float:
    """Return the seconds that the shell script takes."""
    host = Host.up(HOST, debian)
    source = subprocess.run(["tar", "-c", "-C", str(ROOT / "sample_app"), "."], check=True, capture_output=True).stdout
    started = time.monotonic()
    subprocess.run([*host.ssh, "cat >/root/floor.sh"], input=(ROOT / "bench/floor.sh").read_bytes(), check=True)
    subprocess.run([*host.ssh, "sh /root/floor.sh"], input=source, check=True, stderr=subprocess.DEVNULL)
    check(host.address, DOMAIN)
    return time.monotonic() - started


def counted(sample: Sample) -> str:
    """Return how many tasks ran on the host, how many changed it, and how many SSH round trips there were."""
    changed = sum(int(count) for count in re.findall(r"\bchanged=(\d+)", sample.output))
    return f"{sample.tasks} tasks, {changed} changed, {sample.trips} SSH round trips"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--debian", choices=["12", "13"], default="12")
    parser.add_argument("--runs", type=int, default=1)
    asked = parser.parse_args()
    rows: dict[str, list[float]] = {"shell script": [], "site.yml": [], "site.yml again": []}
    counts = {}
    for _ in range(asked.runs):
        rows["shell script"].append(by_hand(asked.debian))
        host = Host.up(HOST, asked.debian)
        host.count_sessions()
        inventory = Inventory(STATE / "provision", [host], {"slipway_apps": [app("harbour", ROOT / "sample_app")]})
        for name in ("site.yml", "site.yml again"):
            sample = inventory.play("site.yml")
            check(host.address, DOMAIN)
            rows[name].append(sample.seconds)
            counts[name] = counted(sample)
    Host.down(HOST)
    floor = statistics.median(rows["shell script"])
    print(f"Debian {asked.debian}, bare host to first good answer, median of {asked.runs}")
    for name, seconds_ in rows.items():
        median = statistics.median(seconds_)
        print(f"  {name:15} {median:6.1f} s   {median / floor:5.2f} × the script   {counts.get(name, '')}")


if __name__ == "__main__":
    main()
