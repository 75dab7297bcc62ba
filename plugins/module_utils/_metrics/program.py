# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The program `slipway-metrics` on a host, for its service and for people. PRIVATE to the collection.

It may change without notice. Exit status: 0 when all is well, 1 when something is wrong, 2 when it was called wrongly.
What a command does not need it does not load: `wait` is a part of each start.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._metrics import answering, places
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import Config

COMMANDS = {
    "run": "write the metrics every 15 seconds; slipway-metrics.service does this",
    "secrets": "make the passwords of the servers on loopback that are missing; slipway-metrics-secrets.service does this",
    "wait": "wait until a server on loopback answers; the units of Prometheus and the others do this",
    "show": "print all metrics once, as the node exporter would tell them",
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="slipway-metrics", description="Collects the metrics of this host.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, meaning in COMMANDS.items():
        command = commands.add_parser(name, help=meaning)
        if name == "wait":
            command.add_argument("address", help="such as 127.0.0.1:9090")
    given = parser.parse_args(arguments)
    chosen = given.command
    if chosen == "secrets":
        return make_secrets()
    if chosen == "wait":
        return int(not answering.wait(given.address))
    try:
        config = Config.read()
    except OSError as error:
        parser.error(f"{places.SETTINGS}: {error.strerror}; run this as root, on a host with slipway_metrics")
    return show(config) if chosen == "show" else run(config)


def run(config: Config) -> int:
    """Collect until systemd ends it."""
    from ansible_collections.slipway.flask.plugins.module_utils._metrics.collect import Collector

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    config.output.mkdir(mode=0o750, parents=True, exist_ok=True)
    Collector(config).run(lambda: notify("READY=1\nWATCHDOG=1"), stop)
    return 0


def make_secrets() -> int:
    """Make the passwords that are missing, and say for whom."""
    from ansible_collections.slipway.flask.plugins.module_utils._metrics import secrets

    try:
        for server in secrets.ensure():
            print(f"{server} has a new web configuration")
    except KeyError:
        print(f"there is no group {secrets.GROUP}: install the package prometheus-node-exporter", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename or 'the passwords'}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


def show(config: Config) -> int:
    """Print what one look of all parts finds; what goes wrong is on standard error."""
    from ansible_collections.slipway.flask.plugins.module_utils._metrics.collect import Collector

    with tempfile.TemporaryDirectory() as folder:
        output, state = Path(folder, "output"), Path(folder, "state")
        output.mkdir()
        with suppress(OSError):  # counters go on from what the service has counted, also of releases that have ended
            shutil.copytree(config.state, state, ignore=shutil.ignore_patterns(".*"))
        state.mkdir(exist_ok=True)
        collector = Collector(replace(config, output=output, state=state))
        collector.once(time.time())
        for path in sorted(output.glob("*.prom")):
            sys.stdout.write(path.read_text())
    return int(not all(one.is_up for one in collector.watched))


def notify(state: str) -> None:
    """Tell systemd how the service does (sd_notify(3)); without systemd nobody is told."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.connect("\0" + path[1:] if path.startswith("@") else path)
            client.sendall(state.encode())
