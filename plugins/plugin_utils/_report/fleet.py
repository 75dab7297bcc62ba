# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Reports about an app on several hosts: they side by side, and what on one of them is not as on the others.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._report import tables

Found = Mapping[str, Any]
Host = str
MARK = " !"
"""Behind a cell that is not as those of the other hosts."""
LABELS = ("Release", "Revision", "Since (UTC)", "Unit", "Health", "Workers", "Memory", "Restarts", "Certificate", "Connections",
          "Disk used", "Disk free", "Site")  # fmt: skip
ALIKE = ("Revision", "Site")
"""Rows that have one value for a fleet that works."""


def status(app: str, found: Mapping[Host, Found | None], width: int) -> str:
    """Return one table of APP with a column for each host: how it is there, or None for one that gave no answer."""
    odd = {label: differing({host: cells[label] for host, cells in column_of(found).items()}) for label in ALIKE}
    columns = []
    for host, one in found.items():
        cells = _cells(one)
        columns.append([host, *(cells[label] + MARK * (host in odd.get(label, ())) for label in LABELS)])
    return tables.side_by_side((app, *LABELS), columns, width)


def column_of(found: Mapping[Host, Found | None]) -> dict[Host, dict[str, str]]:
    """Return the cells of the hosts that gave an answer and serve a site: of those alone can all be expected to be alike."""
    return {host: _cells(one) for host, one in found.items() if one is not None}


def _cells(found: Found | None) -> dict[str, str]:
    """Return how the app is on one host, by row; a shorter text than where it has a table for itself."""
    if found is None:
        return {label: "no answer" if label == "Release" else tables.NOTHING for label in LABELS}
    whole = dict(zip(tables.LABELS, tables.status_column("", found), strict=True))
    days = found["certificate"]["days"]
    whole["Certificate"] = tables.NOTHING if days is None else f"{days} days"
    if found["since"]:
        whole["Since (UTC)"] = tables.when(found["since"])[5:]  # without the year
    return whole


def differing(values: Mapping[Host, str]) -> list[Host]:
    """Return the hosts whose value is another one than most have; those without one, for they serve no site, are left out."""
    there = {host: value for host, value in values.items() if value != tables.NOTHING}
    if len(set(there.values())) < 2:
        return []
    (most, _), *_ = Counter(there.values()).most_common(1)
    return [host for host, value in there.items() if value != most]


def behind(serving: Mapping[Host, Found]) -> dict[Host, str]:
    """Return what to say of each host that serves another revision than most, or none; SERVING: by host.

    And of those that a run over several hosts has left as they are, which say nothing of what the fleet is to serve. Each has
    `revision`, `dirty`, and `since`, the time of its switch. Where two revisions have as many hosts, the one that came last is
    what the fleet is to serve.
    """
    told = {
        host: f"it serves {tables.revision(one)}, to which a run over several hosts has switched it that never ended; the next "
        "deploy.yml or rollback.yml settles that first"
        for host, one in serving.items()
        if one.get("undecided")
    }
    if told and len(told) < len(serving):
        return {**behind({host: one for host, one in serving.items() if host not in told}), **told}
    return told or _apart(serving)


def _apart(serving: Mapping[Host, Found]) -> dict[Host, str]:
    """Return what to say of each host that serves another revision than most."""
    names = {host: tables.revision(one) for host, one in serving.items()}
    if len(set(names.values())) < 2:
        return {}
    counts = Counter(name for name in names.values() if name != tables.NOTHING)
    latest = {
        name: max(str(serving[host].get("since") or "") for host in names if names[host] == name) for name in counts
    }
    wanted = max(counts, key=lambda name: (counts[name], latest[name]))
    others = [host for host in names if names[host] == wanted]
    where = f"{len(others)} hosts" if len(others) > 3 else ", ".join(others)
    return {
        host: f"it serves {name if name != tables.NOTHING else 'no release'}, but {where} {wanted}; deploy.yml brings all to one "
        "revision"
        for host, name in names.items()
        if name != wanted
    }


def closed_apart(found: Mapping[Host, Found]) -> str:
    """Return that the app is closed for maintenance on some hosts alone, "" if it isn't."""
    closed = [host for host, one in found.items() if one.get("closed_since")]
    if not closed or len(closed) == len(found):
        return ""
    return f"it is closed for maintenance on {', '.join(closed)} alone; maintenance.yml -e state=on or off brings all to one state"


# ---- history ---------------------------------------------------------------------------------------------------------

HISTORY = ("REVISION", "WHEN (UTC)", "BY", "OUTCOME", "HOSTS", "SECONDS", "NOW")
SAME_RUN_SECONDS = 900
"""So far apart may hosts begin one run: those beyond the number of `forks` wait for the others."""


def history(app: str, found: Mapping[Host, Found], limit: int) -> str:
    """Return the history of APP on all hosts as one table: a row for each run, with the hosts that it ended on in this way."""
    hosts = list(found)
    head = f"{app} on {', '.join(hosts)}: {_live(found)}"
    runs = _runs(found)
    if not runs:
        return f"{head}; no history"
    rows, seen = [], set[str]()
    for run in runs[:limit]:
        rows.append(_row(run, hosts, found, seen))
    lines = tables.grid([HISTORY, *rows])
    if len(runs) > limit:
        lines.append(f"The newest {limit} of {len(runs)}; -e limit={len(runs)} shows all.")
    return "\n".join([head, *(f"{tables.GAP}{line}" for line in lines)])


def _live(found: Mapping[Host, Found]) -> str:
    """Return what is live, and on which hosts, if not on all."""
    names: dict[str, list[Host]] = {}
    for host, one in found.items():
        names.setdefault(_name_of(one, one["serving"]), []).append(host)
    if len(names) == 1:
        (name,) = names
        return f"{name} is live" if name else "no release is live"
    return "; ".join(f"{name or 'nothing'} is live on {', '.join(hosts)}" for name, hosts in names.items())


def _name_of(found: Found, release: str) -> str:
    """Return the revision of a RELEASE on a host; ids may differ from host to host."""
    entry = next((one for one in found["entries"] if one["id"] == release), None)
    return tables.revision(entry) if entry else release.partition("-")[2]


def _runs(found: Mapping[Host, Found]) -> list[dict[Host, Found]]:
    """Return the runs of all hosts, the newest first, each as its entry on every host that it was on."""
    entries = [(host, entry) for host, one in found.items() for entry in one["entries"]]
    entries.sort(key=lambda pair: _begun(pair[1]), reverse=True)
    runs: list[dict[Host, Found]] = []
    for host, entry in entries:
        for run in reversed(runs):
            other = next(iter(run.values()))
            if tables.seconds_between(_begun(entry), _begun(other)) > SAME_RUN_SECONDS:
                continue
            if host not in run and _kind(entry) == _kind(other):
                run[host] = entry
                break
        else:
            runs.append({host: entry})
    return runs


def _begun(entry: Found) -> str:
    return str(entry.get("started") or entry.get("ended") or "")


def _kind(entry: Found) -> tuple[str, ...]:
    """Return what entries of one run have in common."""
    return (tables.revision(entry), *(str(entry.get(key) or "") for key in ("by", "outcome", "stage", "promoted")))


def _row(run: Mapping[Host, Found], hosts: Sequence[Host], found: Mapping[Host, Found], seen: set[str]) -> list[str]:
    """Return one run as cells; what has become of its releases stands in the newest row of a revision alone."""
    entry = next(iter(run.values()))
    _, name, when, by, outcome, _, _, _ = tables.history_row(entry, "")
    states = [tables.now(one["id"], found[host]) for host, one in run.items() if f"{host} {one['id']}" not in seen]
    seen.update(f"{host} {one['id']}" for host, one in run.items())
    now = next((state for state in ("live", "draining", "kept") if state in states), "")
    where = f"all {len(hosts)}" if len(run) == len(hosts) else ", ".join(host for host in hosts if host in run)
    return [name, when, by, outcome, where, f"{max(one['seconds'] for one in run.values()):.1f}", now]
