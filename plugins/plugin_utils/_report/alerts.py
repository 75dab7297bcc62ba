# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person, or a program, reads of what is wrong with hosts now, and of a test of the ways to people.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._report.deploy import printable

Hosts = Mapping[str, Mapping[str, Any]]


def machine(hosts: Hosts) -> str:
    """Return all of it as JSON, in ASCII: an app's queue may be called by what a terminal obeys."""
    return json.dumps({"firing": len(_told(hosts)), "refused": len(_refused(hosts)), "hosts": hosts}, indent=2)


def text(hosts: Hosts, width: int) -> str:
    """Return all of it for a person, in lines of WIDTH characters."""
    return "\n\n".join("\n".join([name, *_of_host(host, width)]) for name, host in hosts.items())


def verdict(hosts: Hosts) -> str:
    """Return the last sentence, "" when nothing is wrong."""
    firing, refused = len(_told(hosts)), len(_refused(hosts))
    lost = [name for name, host in hosts.items() if host["error"]]
    parts = [
        f"{firing} alert{'s' * (firing != 1)}" if firing else "",
        f"{refused} way{'s' * (refused != 1)} did not accept the test message" if refused else "",
        f"{', '.join(lost)} could not be asked" if lost else "",
    ]
    return "; ".join(filter(None, parts))


def _told(hosts: Hosts) -> list[Any]:
    return [one for host in hosts.values() for one in host["firing"] if not one["silent"]]


def _refused(hosts: Hosts) -> list[Any]:
    return [one for host in hosts.values() for one in host["ways"] if one["refused"]]


def _of_host(host: Mapping[str, Any], width: int) -> Iterator[str]:
    if host["error"]:
        yield from _entry("PROBLEM", f"it could not be asked: {host['error']}", width)
        return
    for one in host["firing"]:
        mark = "silent" if one["silent"] else str(one["severity"] or "warning")
        yield from _entry(mark, f"{one['what']}, since {when(one['since'])}", width)
        if one["look"]:
            yield from _entry("", f"-> {one['look']}", width)
    if not host["firing"]:
        yield from _entry("well", "nothing is wrong", width)
    for one in host["ways"]:
        yield from _entry(
            "REFUSED" if one["refused"] else "accepted", ": ".join(filter(None, [one["way"], one["refused"]])), width
        )


def when(stamp: str) -> str:
    """Return a time of Alertmanager's as a person reads it."""
    return f"{stamp[:10]} {stamp[11:16]} UTC"


def _entry(mark: str, says: str, width: int) -> Iterator[str]:
    yield from textwrap.wrap(
        printable(says), width, initial_indent=f"  {mark:10}", subsequent_indent=" " * 12, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
