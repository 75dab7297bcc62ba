# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Attacks by slow clients (slowhttptest, Debian's package), and how long normal visitors wait meanwhile."""

from __future__ import annotations

import http.client
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from helpers import Host, wait_for

CONNECTIONS = 400
HELD = 190
"""Connections of an attack that must be established: nginx refuses more than 200 requests of one address."""
PATIENCE_SECONDS = 3
ATTACKS = {
    "slow headers": "-H -i 5 -u {url}/",
    "slow bodies": "-B -i 5 -s 900000 -x 8 -u {url}/upload",
    "slow reading": "-X -w 1 -y 2 -n 5 -z 1 -k 1 -u {url}/big",
}


def held(host: Host, port: int) -> int:
    """Return how many connections of the attack are established."""
    here = f"src {host.address} and dst {host.address}"
    return int(host.run(f"ss -Htn state established 'sport = :{port} and {here}' | wc -l"))


def settled(host: Host, port: int) -> bool:
    """Tell whether no more connections of the attack come within a second."""
    before = held(host, port)
    time.sleep(1)
    return held(host, port) == before


@contextmanager
def attack(host: Host, kind: str, port: int) -> Iterator[None]:
    """Hold slow connections from the host's own address, which is not that of the visitors."""
    command = ATTACKS[kind].format(url=f"http://{host.address}:{port}")
    host.run(f"systemd-run --quiet --unit=attack slowhttptest -c {CONNECTIONS} -r 100 -l 120 -p 20 {command}")
    try:
        wait_for(lambda: held(host, port) >= HELD, 20)
        yield
    finally:
        host.ask("systemctl stop attack; systemctl reset-failed attack")


def visit(host: Host, port: int) -> float | None:
    """Return the seconds that one visitor waits for the first page, None for one who got none in PATIENCE_SECONDS."""
    started = time.monotonic()
    connection = http.client.HTTPConnection(host.address, port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", "/", headers={"Host": "edge.example.org"})
        answer = connection.getresponse()
        answer.read()
        return time.monotonic() - started if answer.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


@dataclass
class Waits:
    """How long visitors waited, those aside who got nothing."""

    seconds: list[float]
    asked: int

    @property
    def lost(self) -> int:
        return self.asked - len(self.seconds)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.seconds, n=100, method="inclusive")[98]

    def __add__(self, other: Waits) -> Waits:
        return Waits(self.seconds + other.seconds, self.asked + other.asked)

    def __str__(self) -> str:
        if len(self.seconds) < 2:
            return f"{self.lost} of {self.asked} got no answer in {PATIENCE_SECONDS} s"
        return f"{self.median * 1000:6.1f} ms  {self.p99 * 1000:6.1f} ms  {self.lost} of {self.asked} lost"


def one_by_one(host: Host, port: int, count: int) -> Waits:
    found = [visit(host, port) for _ in range(count)]
    return Waits([seconds for seconds in found if seconds is not None], count)


def together(host: Host, port: int, count: int) -> Waits:
    with ThreadPoolExecutor(count) as pool:
        found = list(pool.map(lambda _: visit(host, port), range(count)))
    return Waits([seconds for seconds in found if seconds is not None], count)
