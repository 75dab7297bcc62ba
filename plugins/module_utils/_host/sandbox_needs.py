# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Exceptions from an app's sandbox (`sandbox: {host_metrics: true}`), and the error messages that indicate that one is needed.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

NEEDS = {
    "host_metrics": "memory, load and network interfaces of the host (psutil, LibreOffice)",
    "runtime_code": "code that is compiled while it runs (Node.js, numba, PyTorch)",
    "browser": "a headless Chromium with its own sandbox (Playwright, Selenium); includes the other two",
}
"""Name -> what it is for. What each opens is in roles/gunicorn_systemd/templates/app@.service.j2."""

REFUSALS = (
    # Chromium's own words come first: it also asks for what the others open.
    (r"No usable sandbox!|credentials\.cc\(?:?\d|zygote_host_impl_linux", "browser"),
    (
        r"No such file or directory: '/proc/(?:meminfo|stat|loadavg|cpuinfo|vmstat|diskstats|uptime|version|partitions)\b"
        r"|/proc not mounted|/proc/meminfo does not exist",
        "host_metrics",
    ),
    (r"\[Errno 97\] Address family not supported by protocol|uv_interface_addresses", "host_metrics"),
    (
        r"Cannot allocate write\+execute memory|cannot enable executable stack|V8 process OOM|SetPermissions"
        r"|<Signals\.SIGTRAP: 5>|Trace/breakpoint trap",
        "runtime_code",
    ),
)
"""Pattern in what an app or one of its helpers says -> the need that it shows. gunicorn.conf.py.j2 has the same."""


def refused(text: str) -> str:
    """Return the need whose refusal TEXT tells of, "" for none that is known."""
    return next((need for pattern, need in REFUSALS if re.search(pattern, text)), "")


def hint(text: str) -> str:
    """Return what to add to a failure with TEXT in it, "" when the sandbox has nothing to do with it."""
    need = refused(text)
    if not need:
        return ""
    return (
        f"\nThe service's sandbox blocks this: for {NEEDS[need]}, give the app `sandbox: {{{need}: true}}` and run "
        "site.yml"
    )


def problems(sandbox: Mapping[Any, Any], place: str) -> list[str]:
    """Return what is wrong with a SANDBOX (need -> true or false), which PLACE names, one sentence each."""
    known = ", ".join(NEEDS)
    found = [f"{place} has '{name}', which is not one of {known}" for name in sandbox if name not in NEEDS]
    found += [
        f"{place} has '{name}' with '{value}': it must be true or false"
        for name, value in sandbox.items()
        if name in NEEDS and not isinstance(value, bool)
    ]
    return found
