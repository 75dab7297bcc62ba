#!/usr/bin/env python3
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Seconds from a bare host to the first good answer: site.yml against a hand-written shell script, in one run.

    bin/bench provision [--debian 12|13] [--runs 1]

Both start from a fresh look-alike with the same image and deploy the same source. Then site.yml runs again: with no
change, with one changed variable of the environment, and with no change for four apps. Its tasks and SSH round trips
are counted, which a busy machine does not change.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import time
from typing import Any

from common import ROOT, STATE, Host, Inventory, Sample, app, check

HOST = "slipway-bench"
DOMAIN = "harbour.localhost"
MORE = ("bay", "cove", "dock")
"""Further apps: the same source under other names."""


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


def apps(*names: str) -> list[dict[str, Any]]:
    """Return descriptions of the sample app under NAMES, whose visitors nobody watches after a switch."""
    return [{**app(name, ROOT / "sample_app"), "watch_seconds": 0} for name in names]


def ours(debian: str) -> dict[str, tuple[float, str]]:
    """Return the seconds of each case of site.yml, and what it did."""
    host = Host.up(HOST, debian)
    host.count_sessions()
    inventory = Inventory(STATE / "provision", [host], {"slipway_apps": apps("harbour")})
    found = {}

    def play(name: str) -> None:
        sample = inventory.play("site.yml")
        check(host.address, DOMAIN)
        found[name] = (sample.seconds, counted(sample))

    play("site.yml")
    play("nothing changed")
    inventory.variables["slipway_apps"][0]["environment"]["CHANGED"] = "yes"
    play("a setting")
    inventory.variables["slipway_apps"] += apps(*MORE)
    inventory.play("site.yml")
    play("each further app")
    seconds, counts = found["each further app"]
    found["each further app"] = ((seconds - found["nothing changed"][0]) / len(MORE), counts)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--debian", choices=["12", "13"], default="12")
    parser.add_argument("--runs", type=int, default=1)
    asked = parser.parse_args()
    rows: dict[str, list[float]] = {}
    counts = {"shell script": ""}
    for _ in range(asked.runs):
        rows.setdefault("shell script", []).append(by_hand(asked.debian))
        for name, (seconds, counts[name]) in ours(asked.debian).items():
            rows.setdefault(name, []).append(seconds)
    Host.down(HOST)
    floor = statistics.median(rows["shell script"])
    print(f"Debian {asked.debian}, bare host to first good answer, median of {asked.runs}")
    for name, taken in rows.items():
        median = statistics.median(taken)
        print(f"  {name:16} {median:6.1f} s   {median / floor:5.2f} × the script   {counts[name]}")


if __name__ == "__main__":
    main()
