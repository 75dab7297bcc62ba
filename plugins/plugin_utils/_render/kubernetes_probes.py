# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""When a pod of an app is ready on Kubernetes, and how it stops.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._render import model
from ansible_collections.slipway.flask.plugins.plugin_utils._render.model import Process

Object = dict[str, Any]
ENDPOINTS_SECONDS = 5
"""How long a pod that is to stop goes on to answer. Proxies learn of it at the same time as the pod, and a node's may take some
seconds (kubernetes.io/docs/tutorials/services/pods-and-endpoint-termination-flow)."""
PROBE_SECONDS = 2


def web(process: Process) -> Object:
    """Return the probes of a web process, and that it goes on to answer until proxies know that it stops.

    Liveness only asks whether it listens: gunicorn replaces workers that hang, and a pod that is killed for a database that is
    away makes the outage longer.
    """
    health = process.health
    if health is None:
        raise AssertionError("a web process has a health path")
    headers = [{"name": "Host", "value": health.host}, {"name": "X-Forwarded-Proto", "value": "https"}]
    asked: Object = {"httpGet": {"path": health.paths[0], "port": "http", "httpHeaders": headers}}
    everything: Object = {"exec": {"command": [model.HEALTH]}}
    # A probe takes every status from 200 to 399 as good. What that does not say, the image's own check does.
    plain = len(health.paths) == 1 and set(health.statuses) == {200}
    return {
        "startupProbe": {
            **(asked if plain else everything),
            "periodSeconds": PROBE_SECONDS,
            "timeoutSeconds": 5,
            "failureThreshold": max(1, -(-health.start_seconds // PROBE_SECONDS)),
        },
        "readinessProbe": {
            **(asked if all(200 <= status < 400 for status in health.statuses) else everything),
            "periodSeconds": 5,
            "timeoutSeconds": 5,
            "failureThreshold": 2,
        },
        "livenessProbe": {
            "tcpSocket": {"port": "http"},
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 6,
        },
        "lifecycle": {"preStop": {"sleep": {"seconds": ENDPOINTS_SECONDS}}},
    }


def worker(process: Process) -> Object:
    """Return when a worker counts as ready, and how it is asked to stop if that is not by SIGTERM."""
    found: Object = {}
    if process.ready and process.ready.command:
        found["readinessProbe"] = {
            "exec": {"command": [model.RUN, "--", *process.ready.command]},
            "periodSeconds": 10,
            "timeoutSeconds": 10,
            "failureThreshold": 3,
        }
    if process.stop_signal != "SIGTERM":
        number = process.stop_signal.removeprefix("SIG")
        wait = f"import os,signal,time\nos.kill(1,signal.SIG{number})\nwhile True: time.sleep(1)"
        # The container ends with its first process, and this with the container; SIGTERM never comes before.
        found["lifecycle"] = {"preStop": {"exec": {"command": ["python", "-c", wait]}}}
    return found
