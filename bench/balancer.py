#!/usr/bin/env python3
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Requests a second through an edge over two web hosts, against one of these hosts asked directly.

    bin/bench balancer [--debian 12|13] [--runs 5]

h2load runs on the edge, and all three hosts share this machine's cores: what an edge costs is what these numbers show, what a
second host brings is not. The cases run in rounds, every other one backwards. Printed are medians of requests a second, the
waits of all requests together, the median of the ratios of the rounds, and the memory that an edge takes.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common import STATE, Host, Inventory

DOMAIN = "shop.example.org"
CODE = """from flask import Flask

app = Flask(__name__)


@app.get("/")
@app.post("/")
def index() -> str:
    return "hello"
"""
ROUTES = {
    "dynamic GET": ("/", ""),
    "dynamic POST": ("/", "-d /etc/hostname"),
    "20 kB static file": ("/static/bench.bin", ""),
}
PROTOCOLS = {"HTTP/1.1": "--h1 -c 16", "h2": "-c 16 -m 2"}
SECONDS = 1.5
"""How long one measurement should take; the number of requests is chosen for it once."""


class Fleet(Inventory):
    """Two web hosts behind an edge, the last of the hosts."""

    def write(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "hosts.json"
        groups = {"web": self.hosts[:-1], "edge": self.hosts[-1:]}
        found = {
            group: {
                "hosts": {host.name: host.variables for host in hosts},
                "vars": {"slipway_baseline": False, **self.variables},
            }
            for group, hosts in groups.items()
        }
        path.write_text(json.dumps(found))
        return path


@dataclass(frozen=True)
class Case:
    """One thing that is asked of the edge or of a host."""

    name: str
    address: str
    path: str
    options: str


def load(edge: Host, case: Case, count: int) -> tuple[float, list[int]]:
    """Return requests a second and the microseconds of each of COUNT requests; exit when one is not answered with 2xx."""
    said = edge.run(
        f"rm -f /tmp/h2load.log; h2load -n {count} {case.options} --connect-to={case.address}:443 "
        f"--log-file=/tmp/h2load.log 'https://{DOMAIN}{case.path}'"
    )
    rate, good = re.search(r"([\d.]+) req/s", said), re.search(r"status codes: (\d+) 2xx", said)
    if not (rate and good and int(good[1]) == count):
        raise SystemExit(f"bench: bad answers\n{said}")
    return float(rate[1]), [int(line.split("\t")[2]) for line in edge.run("cat /tmp/h2load.log").splitlines()]


def measured(edge: Host, web: Host, runs: int) -> list[str]:
    """Run every case RUNS times; return a table."""
    rows = [f"{'':29}{'':9}{'a second':>10}{'p50 ms':>9}{'p99 ms':>9}{'× direct':>11}"]
    for route, (path, more) in ROUTES.items():
        for protocol, options in PROTOCOLS.items():
            sides = {"direct": web.address, "edge": "127.0.0.1"}
            cases = [Case(side, address, path, f"{options} {more}") for side, address in sides.items()]
            count = max(100, int(load(edge, cases[0], 300)[0] * SECONDS))
            found: dict[str, list[tuple[float, list[int]]]] = defaultdict(list)
            for number in range(runs):
                for case in cases if number % 2 == 0 else reversed(cases):
                    found[case.name].append(load(edge, case, count))
            for side in sides:
                rates = [rate for rate, _ in found[side]]
                waits = sorted(wait for _, each in found[side] for wait in each)
                p50, p99 = (waits[int(len(waits) * share)] / 1000 for share in (0.5, 0.99))
                pairs = zip(rates, found["direct"], strict=True)
                ratio = statistics.median(rate / direct for rate, (direct, _) in pairs)
                shown = "" if side == "direct" else f"{ratio:11.2f}"
                rows.append(
                    f"{f'{route}, {protocol}':29}{side:9}{statistics.median(rates):10.0f}{p50:9.1f}{p99:9.1f}{shown}"
                )
    return rows


def memory(edge: Host) -> str:
    """Return the megabytes that nginx and HAProxy take on the edge: the proportional share of each process (PSS)."""
    script = "for p in $(pgrep -x {}); do awk '/^Pss:/ {{print $2}}' /proc/$p/smaps_rollup; done"
    used = {name: sum(map(int, edge.run(script.format(name)).split())) // 1024 for name in ("nginx", "haproxy")}
    return ", ".join(f"{name} {size} MB" for name, size in used.items())


def hosts(debian: str) -> Sequence[Host]:
    return [Host.up(f"slipway-bench-balancer-{name}", debian) for name in ("web1", "web2", "edge1")]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--debian", default="13")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    folder = STATE / "balancer"
    shutil.rmtree(folder, ignore_errors=True)
    code = folder / "code"
    (code / "static").mkdir(parents=True)
    (code / "app.py").write_text(CODE)
    (code / "requirements.txt").write_text("flask>=3\n")
    (code / "static/bench.bin").write_bytes(bytes(20_480))
    machines = hosts(options.debian)
    try:
        shop = {
            "name": "shop", "domains": [DOMAIN], "source": {"path": str(code)}, "wsgi": "app:app", "database": "none",
            "secret_key_variable": "", "static": {"/static/": "static"}, "watch_seconds": 0,
        }  # fmt: skip
        Fleet(folder / "inventory", machines, {"slipway_apps": [shop]}).play("site.yml")
        edge = machines[-1]
        edge.run("apt-get -qq install --yes nghttp2-client >/dev/null 2>&1")
        print("\n".join(measured(edge, machines[0], options.runs)))
        print(f"memory of the edge afterwards: {memory(edge)}")
    finally:
        Host.down(*(host.name for host in machines))


if __name__ == "__main__":
    main()
