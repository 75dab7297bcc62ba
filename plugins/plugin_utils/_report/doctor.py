# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person, or a program, reads of hosts that were examined.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._doctor.base import PROBLEM
from ansible_collections.slipway.flask.plugins.plugin_utils._report.deploy import printable

INDENT = "  "


def counted(hosts: Mapping[str, Mapping[str, Any]], level: str) -> int:
    """Return how many findings of a LEVEL there are; a host that could not be examined is a problem."""
    lost = [name for name, host in hosts.items() if host["error"]] if level == PROBLEM else []
    return len(lost) + len([one for host in hosts.values() for one in findings(host) if one["level"] == level])


def findings(host: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [finding for check in host["checks"] for finding in check["findings"]]


def machine(hosts: Mapping[str, Mapping[str, Any]]) -> str:
    """Return all of it as JSON."""
    whole = {"problems": counted(hosts, PROBLEM), "notes": counted(hosts, "note"), "hosts": hosts}
    return json.dumps(whole, indent=2, ensure_ascii=False)


def text(hosts: Mapping[str, Mapping[str, Any]], width: int) -> str:
    """Return all of it for a person, in lines of WIDTH characters."""
    return "\n\n".join("\n".join([name, *_of_host(host, width)]) for name, host in hosts.items())


def _of_host(host: Mapping[str, Any], width: int) -> Iterator[str]:
    if host["error"]:
        yield from _entry("PROBLEM", f"it could not be examined: {host['error']}", "", width)
    found = [(finding, check["check"]) for check in host["checks"] for finding in check["findings"]]
    for finding, check in sorted(found, key=lambda pair: pair[0]["level"] != PROBLEM):
        mark = "PROBLEM" if finding["level"] == PROBLEM else "note"
        yield from _entry(mark, f"{check}: {finding['says']}", finding["do"], width)
    for check in host["checks"]:
        if check["unknown"]:
            yield from _entry("unknown", f"{check['check']}: {check['unknown']}", "", width)
    well = [check["check"] for check in host["checks"] if not check["findings"] and not check["unknown"]]
    if well:
        yield from _entry("well", ", ".join(well), "", width)


def _entry(mark: str, says: str, do: str, width: int) -> Iterator[str]:
    space = " " * (len(INDENT) + 9)
    yield from textwrap.wrap(
        printable(says), width, initial_indent=f"{INDENT}{mark:9}", subsequent_indent=space, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    if do:
        yield from textwrap.wrap(
            printable(do), width, initial_indent=f"{space}-> ", subsequent_indent=f"{space}   ", break_long_words=False,
            break_on_hyphens=False,
        )  # fmt: skip


def verdict(hosts: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the last sentence."""
    number = counted(hosts, PROBLEM)
    bad = [
        name for name, host in hosts.items() if host["error"] or any(one["level"] == PROBLEM for one in findings(host))
    ]
    return f"{number} problem{'s' * (number != 1)} on {', '.join(bad)}" if number else "no problem"
