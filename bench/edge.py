#!/usr/bin/env python3
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Requests a second through Slipway's nginx, against one configured by hand (bench/edge/nginx.conf) and gunicorn alone.

    bin/bench edge [--debian 12|13] [--runs 5]

All serve the same app on one look-alike, and h2load runs there too, so that no network stands between. The cases run in
rounds, every other one backwards. Printed are medians of requests a second, the waits of all requests together, and the
median of the ratios of the rounds. Then releases are made under a load of POST, and lost requests are counted.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from common import ROOT, STATE, Host, Inventory, app

NAME = "slipway-bench-edge"
DOMAIN = "harbour.localhost"
SIDES = {"Slipway": "https://{}:443", "by hand": "https://{}:8443", "gunicorn alone": "http://{}:8000"}
ROUTES = {"dynamic route": "/healthz", "database route": "/ships", "20 kB static file": "/static/bench.bin"}
# nginx closes a connection after 10,000 requests (keepalive_requests), which h2load takes for lost ones: so 16 of them.
PROTOCOLS = {"HTTP/1.1": "--h1 -c 16", "h2": "-c 16 -m 2"}
HANDSHAKES = 1000
SECONDS = 1.5
"""How long one measurement should take; the number of requests is chosen for it once."""
RELEASES = 3


@dataclass(frozen=True)
class Case:
    """One thing that is asked of one side."""

    name: str
    side: str
    path: str
    options: str

    @property
    def url(self) -> str:
        return SIDES[self.side].format(DOMAIN) + self.path


@dataclass
class Sample:
    """One run of h2load: requests a second, and the microseconds that each request took."""

    rate: float
    waits: list[int]
    bad: int


def load(host: Host, case: Case, count: int) -> Sample:
    """Send COUNT requests and require nothing: `bad` counts those that failed or were not answered with 2xx."""
    port = case.url.split("/")[2].split(":")[1]
    said = host.run(
        f"rm -f /tmp/h2load.log; h2load -n {count} {case.options} --connect-to=127.0.0.1:{port} "
        f"--log-file=/tmp/h2load.log '{case.url}'"
    )
    rate, good = re.search(r"([\d.]+) req/s", said), re.search(r"status codes: (\d+) 2xx", said)
    waits = [int(line.split("\t")[2]) for line in host.run("cat /tmp/h2load.log").splitlines()]
    return Sample(float(rate[1]) if rate else 0.0, waits, count - int(good[1]) if good else count)


def cases() -> list[list[Case]]:
    """Return the groups of cases that are compared with each other."""
    found = []
    for name, path in ROUTES.items():
        for protocol, options in PROTOCOLS.items():
            group = [Case(f"{name}, {protocol}", side, path, options) for side in ("Slipway", "by hand")]
            if protocol == "HTTP/1.1" and not path.startswith("/static/"):
                group.append(Case(f"{name}, {protocol}", "gunicorn alone", path, options))
            found.append(group)
    for protocol, options in {"HTTP/1.1": f"--h1 -c {HANDSHAKES}", "h2": f"-c {HANDSHAKES} -m 1"}.items():
        path = "/static/css/harbour.css"
        found.append([Case(f"TLS handshakes, {protocol}", side, path, options) for side in ("Slipway", "by hand")])
    return found


def count_for(host: Host, case: Case) -> int:
    """Return how many requests take about SECONDS; connections that are opened once each are always the same number."""
    if case.name.startswith("TLS"):
        return HANDSHAKES
    return max(100, int(load(host, case, 300).rate * SECONDS))


def rounds(host: Host, runs: int) -> dict[Case, list[Sample]]:
    """Run every case RUNS times."""
    groups = cases()
    counts = {group[0].name: count_for(host, group[0]) for group in groups}
    found: dict[Case, list[Sample]] = defaultdict(list)
    for number in range(runs):
        for group in groups:
            for case in group if number % 2 == 0 else reversed(group):
                sample = load(host, case, counts[case.name])
                if sample.bad:
                    raise SystemExit(f"bench: {sample.bad} of {counts[case.name]} bad answers from {case.url}")
                found[case].append(sample)
    return found


def table(found: dict[Case, list[Sample]]) -> str:
    """Return one line per case, Slipway's ratio to what was configured by hand in its line."""
    rows = [f"{'':31}{'':15}{'a second':>10}{'p50 ms':>9}{'p99 ms':>9}{'× by hand':>11}"]
    for group in cases():
        hand = found[group[1]]
        for case in group:
            rates = [sample.rate for sample in found[case]]
            ratio = statistics.median(one / other.rate for one, other in zip(rates, hand, strict=True))
            waits = sorted(wait for sample in found[case] for wait in sample.waits)
            p50, p99 = (waits[int(len(waits) * share)] / 1000 for share in (0.5, 0.99))
            shown = "" if case.side == "by hand" else f"{ratio:11.2f}"
            rows.append(f"{case.name:31}{case.side:15}{statistics.median(rates):10.0f}{p50:9.1f}{p99:9.1f}{shown}")
    return "\n".join(rows)


def lost(host: Host, inventory: Inventory, source: Path) -> dict[str, tuple[int, int]]:
    """Return how many requests were sent and lost (no answer, or 5xx) on each side while releases were made.

    The page takes no POST and says so (405) by the app's own code, which is all that is needed.
    """
    load = (
        "touch /tmp/go; while [ -e /tmp/go ]; do h2load --h1 -n 200 -c 4 -d /etc/hostname {options} {url}/healthz; done"
    )
    running = {}
    for side in ("Slipway", "by hand"):
        url = SIDES[side].format(DOMAIN)
        script = load.format(options=f"--connect-to=127.0.0.1:{url.rpartition(':')[2]}", url=url)
        command = ["podman", "exec", host.name, "sh", "-c", script]
        running[side] = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for number in range(RELEASES):
        with (source / "wsgi.py").open("a") as code:
            code.write(f"# release {number}\n")
        inventory.play("playbooks/deploy.yml")
    host.run("rm /tmp/go")
    return {side: told(process.communicate()[0]) for side, process in running.items()}


def told(output: str) -> tuple[int, int]:
    """Return the requests that h2load sent in all its runs, and those that failed or were answered 5xx."""
    requests = re.findall(r"requests: (\d+) total.* (\d+) failed", output)
    server_errors = re.findall(r"(\d+) 5xx", output)
    if not requests or len(requests) != len(server_errors):
        raise SystemExit(f"bench: h2load said\n{output[-2000:]}")
    failed = [int(failed) for _, failed in requests]
    # h2load counts an answer of 4xx or 5xx as failed, too; those of 4xx are what the page says.
    refused = [int(number) for number in re.findall(r"(\d+) 4xx", output)]
    return sum(int(total) for total, _ in requests), sum(failed) - sum(refused)


def set_up(host: Host, source: Path) -> Inventory:
    """Bring the app to the host, and the two others that serve it."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(ROOT / "sample_app", source, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    (source / "harbour/static/bench.bin").write_bytes(bytes(range(250)) * 80)
    inventory = Inventory(STATE / "edge", [host], {"slipway_apps": [{**app("harbour", source), "watch_seconds": 0}]})
    inventory.play("site.yml")
    host.run("apt-get -qq update && apt-get -qq install --no-install-recommends --yes nghttp2-client procps >/dev/null")
    text = (ROOT / "bench/edge/nginx.conf").read_text()
    subprocess.run(
        ["podman", "exec", "-i", host.name, "sh", "-c", "cat >/etc/nginx/bench.conf && nginx -c /etc/nginx/bench.conf"],
        input=text, text=True, check=True, capture_output=True,
    )  # fmt: skip
    release = host.run("basename $(readlink /srv/harbour/current)")
    settings, here = f"/etc/harbour/releases/{release}", f"/srv/harbour/releases/{release}"
    host.run(
        f"systemd-run --quiet --unit=bare -p User=harbour -p EnvironmentFile={settings}/environment "
        f"-p WorkingDirectory={here}/src -p RuntimeDirectory=bare -E RELEASE_ID={release} "
        f"{here}/venv/bin/gunicorn --config {settings}/gunicorn.conf.py --bind 127.0.0.1:8000 wsgi:app"
    )
    ready = "timeout 20 sh -c 'until ss -Hltn sport = :8000 | grep -q .; do sleep 0.1; done'"
    host.run(f"{ready} || {{ journalctl --no-pager -u bare >&2; exit 1; }}")
    return inventory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--debian", choices=["12", "13"], default="12")
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    host, source = Host.up(NAME, asked.debian), STATE / "edge/app"
    try:
        inventory = set_up(host, source)
        found = rounds(host, asked.runs)
        print(f"\nDebian {asked.debian}, {asked.runs} rounds, client and server on one machine")
        print(table(found))
        print(f"\nRequests of {RELEASES} releases under a load of POST")
        for side, (sent, failed) in lost(host, inventory, source).items():
            print(f"{side:15}{sent:8} sent {failed:6} lost")
    finally:
        Host.down(NAME)


if __name__ == "__main__":
    main()
