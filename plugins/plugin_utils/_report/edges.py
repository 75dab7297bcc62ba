# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person reads of the hosts that an edge uses.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._source.revision import short
from ansible_collections.slipway.flask.plugins.plugin_utils._report.tables import grid


def refused(edge: str, do: str, host: str, problems: Sequence[str]) -> str:
    """Return why nothing was done with HOST (DO is `out` or `in`) on EDGE, or why its hosts can't be shown."""
    if do == "status":
        return f"{edge}: {'; '.join(problems)}"
    lines = [f"{edge}: {host} was not {'taken out' if do == 'out' else 'put back'}, because:"]
    return "\n".join([*lines, *(f"  - {text}" for text in problems)])


def behind(host: str, backends: Iterable[Mapping[str, Any]], revisions: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return why HOST must not serve yet: it has another revision of an app than all others, or nobody knows which it has.

    REVISIONS are by app and host, of those hosts that could be asked.
    """
    found = []
    for entry in backends:
        if host not in [str(one["name"]) for one in entry["hosts"]]:
            continue
        known = revisions.get(str(entry["name"]), {})
        others = {name: revision for name, revision in known.items() if name != host}
        if host not in known:
            found.append(
                f"{entry['name']}: {host} could not be asked which revision it serves. It must be reachable over SSH, and no "
                "--limit may leave it out; with -e force=true, it is put back as it is"
            )
        elif others and known[host] not in others.values():
            name, other = next(iter(others.items()))
            found.append(
                f"{entry['name']}: {host} has revision {short(known[host])}, and {name} has {short(other)}. Bring it up to "
                "date first: ansible-playbook playbooks/deploy.yml"
            )
    return found


def told(edge: str, do: str, host: str, answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines about what was done, and about each app and its hosts."""
    before = "" if answer.get("changed") else "already "
    if do == "out":
        yield f"{edge}: {host} is {before}out; -e in={host} puts it back"
        if left := answer.get("left"):
            are = "request is" if left == 1 else "requests are"
            yield f"{edge}: {left} {are} still under way on {host}; they end when it stops"
    elif do == "in":
        yield f"{edge}: {host} is {before}in"
    rows = [row for app, hosts in answer["hosts"].items() for row in _rows(app, hosts)]
    yield from grid([("APP", "HOST", "STATE", "REQUESTS", "CHECK"), *rows])


def _rows(app: str, hosts: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for name, one in hosts.items():
        state = str(one["state"])
        if one["since"]:
            state += f" since {one['since']} by {one['by']}"
        yield app, name, state, str(one["requests"]), str(one["check"])
