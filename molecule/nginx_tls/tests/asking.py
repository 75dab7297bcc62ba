# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A client on the test host that says exactly what it is told, and what it was answered."""

from __future__ import annotations

import functools
import json
import shlex
import subprocess
from collections.abc import Iterable, Iterator
from typing import Any

from testinfra.host import Host

HARBOUR, SHOP = "harbour.example", "shop.example"


class Answer:
    """One response: `status`, `body`, every header's values, and what the app says it received."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self.status: int = raw.get("status", 0)
        self.body: str = raw.get("body", "")
        self.error: str = raw.get("error", "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.raw["headers"] if key == name]

    def one(self, name: str) -> str:
        values = self.all(name)
        assert len(values) == 1, f"{name}: {values}"
        return values[0]

    def received(self, name: str) -> list[str]:
        return [value for key, value in json.loads(self.body)["headers"] if key == name]


def fetch(host: Host, name: str = HARBOUR, path: str = "/", **more: Any) -> Answer:
    """Ask from the host itself, over TLS unless `plain=True`."""
    return fetch_all(host, [{"host": name, "path": path, **more}])[0]


def fetch_all(host: Host, requests: list[dict[str, Any]]) -> list[Answer]:
    """Send many requests, one after the other, in one round trip to the host."""
    client = client_on(host.backend.command_prefix)
    assert client.stdin and client.stdout
    client.stdin.write(json.dumps(requests) + "\n")
    client.stdin.flush()
    return [Answer(answer) for answer in json.loads(client.stdout.readline())]


@functools.cache
def client_on(prefix: str) -> subprocess.Popen[str]:
    """Start the client on the host of that command PREFIX, which ends with these tests: a start costs more than ten requests."""
    command = [*shlex.split(prefix), "fetch"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def fetch_paths(host: Host, paths: Iterable[str]) -> Iterator[tuple[str, Answer]]:
    """Yield (path, answer) of harbour's PATHS."""
    paths = list(paths)
    yield from zip(paths, fetch_all(host, [{"host": HARBOUR, "path": path} for path in paths]), strict=True)


def logged(host: Host, request_id: str) -> dict[str, Any]:
    """Return what harbour's access log says of a request; nginx writes it in blocks, a second late at most."""
    look = f"grep -h {shlex.quote(request_id)} /var/log/nginx/harbour.access.log"
    line = host.check_output(f"timeout 5 sh -c {shlex.quote(f'until {look}; do sleep 0.1; done')}").splitlines()[-1]
    return dict(json.loads(line))
