#!/usr/bin/env python3
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What metrics, dashboard and alerts cost a site under load: requests a second with them and without, in turns on one host.

    bin/bench metrics [--debian 12|13] [--pairs 6]

The load is as much as h2load gets through nginx and TLS, on the same machine. In the turns *on*, gunicorn runs with the
settings that `slipway_metrics: local` writes and all services run; in the turns *off*, gunicorn runs with those of
`slipway_metrics: none` and they are stopped. gunicorn is started anew for each turn, for one start is faster than another.
Every other pair begins with *off*, and one turn lasts as long as all of them look at the host once (15 s). Printed are the
medians and the median of the ratios of the pairs; the noise is that of neighbouring turns *off*, which are all the same.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass

from common import ROOT, STATE, Host, Inventory, app, check
from edge import Case, load

NAME = "slipway-bench-metrics"
DOMAIN = "harbour.localhost"
SECONDS = 16
"""Of one turn: the collector, Prometheus and its rules have each been at work within it."""
SERVICES = ("slipway-metrics", "prometheus-node-exporter", "prometheus", "prometheus-alertmanager")
CASE = Case("", "Slipway", "/healthz", "--h1 -c 16")
METRICS = {
    "slipway_metrics": "local",
    "slipway_dashboard": {"domain": "stats.localhost", "users": {"ann": "swift-copper-lantern"}},
    "slipway_alerts": {"webhooks": ["http://127.0.0.1:9/nobody"]},
}


@dataclass(frozen=True)
class Turn:
    """Requests a second, and the microseconds of a processor that the host spent for each of them."""

    rate: float
    cost: float


@dataclass
class Site:
    """The host, and the files of gunicorn's settings of the live release."""

    host: Host
    folder: str

    def switch(self, way: str) -> None:
        """Start everything for a turn ON or OFF."""
        release = self.folder.rpartition("/")[2]
        act = "start" if way == "on" else "stop"
        self.host.run(f"systemctl {act} {' '.join(SERVICES)}; cp {self.folder}/{way}.py {self.folder}/gunicorn.conf.py")
        self.host.run(f"systemctl restart harbour@{release}.service")
        ready = f"curl --silent --fail --insecure --resolve {DOMAIN}:443:127.0.0.1 https://{DOMAIN}/readyz >/dev/null"
        self.host.run(f"timeout 60 sh -c 'until {ready}; do sleep 0.2; done'")
        load(self.host, CASE, 1000)

    def turn(self, way: str, count: int) -> Turn:
        """Return what COUNT requests met."""
        self.switch(way)
        before = self.host.cpu()
        sample = load(self.host, CASE, count)
        if sample.bad:
            raise SystemExit(f"bench: {sample.bad} of {count} requests failed with metrics {way}")
        return Turn(sample.rate, (self.host.cpu() - before) / count * 1e6)


def set_up(debian: str) -> Site:
    """Bring the app to a host, first without metrics, then with them."""
    host = Host.up(NAME, debian)
    inventory = Inventory(
        STATE / "metrics", [host], {"slipway_apps": [{**app("harbour", ROOT / "sample_app"), "watch_seconds": 0}]}
    )
    inventory.play("site.yml")
    check(host.address, DOMAIN)
    release = "/etc/harbour/releases/$(basename $(readlink /srv/harbour/current))"
    host.run(f"cp {release}/gunicorn.conf.py /root/off.py")
    inventory.variables |= METRICS
    inventory.play("site.yml")
    check(host.address, DOMAIN)
    folder = host.run(f"echo {release}")
    host.run(f"cp -p {folder}/gunicorn.conf.py {folder}/on.py; cp -p {folder}/on.py {folder}/off.py")
    host.run(f"cat /root/off.py >{folder}/off.py; ! cmp -s {folder}/on.py {folder}/off.py")
    host.run("apt-get -qq install --no-install-recommends --yes nghttp2-client curl >/dev/null")
    return Site(host, folder)


def table(pairs: list[tuple[Turn, Turn]]) -> str:
    """Return the figures of PAIRS of turns (on, off)."""
    rows = [f"{'':24}{'with':>10}{'without':>10}{'ratio':>8}{'noise':>16}"]
    for name, attribute in (("requests a second", "rate"), ("CPU µs a request", "cost")):
        on, off = ([float(getattr(turn, attribute)) for turn in side] for side in zip(*pairs, strict=True))
        ratio = statistics.median(one / other for one, other in zip(on, off, strict=True))
        noise = sorted(one / other for one, other in zip(off, off[1:], strict=False))
        shown = f"{noise[0]:.3f} to {noise[-1]:.3f}" if noise else ""
        rows.append(f"{name:24}{statistics.median(on):10.0f}{statistics.median(off):10.0f}{ratio:8.3f}{shown:>16}")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--debian", choices=["12", "13"], default="13")
    parser.add_argument("--pairs", type=int, default=6)
    asked = parser.parse_args()
    try:
        site = set_up(asked.debian)
        site.switch("off")
        count = int(load(site.host, CASE, 4000).rate * SECONDS)
        pairs = []
        for number in range(asked.pairs):
            order = ("on", "off") if number % 2 == 0 else ("off", "on")
            turns = {way: site.turn(way, count) for way in order}
            pairs.append((turns["on"], turns["off"]))
            print(
                f"pair {number + 1}: {', '.join(f'{way} {turns[way].rate:.0f}' for way in order)} a second", flush=True
            )
        print(f"\nDebian {asked.debian}, {asked.pairs} pairs of {count} requests, client and server on one machine")
        print(table(pairs))
    finally:
        Host.down(NAME)


if __name__ == "__main__":
    main()
