# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person reads of an upgrade of the host's PostgreSQL: what it would do, and what it did.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._report.deploy import printable, table
from ansible_collections.slipway.flask.plugins.plugin_utils._report.tables import size, when

BACKUPS = {
    "backup": "a restore point of the host's backups, while the sites are open",
    "dump": "a dump of all databases, for the host has no backups; the sites are open meanwhile",
}
CHOICES = "-e back=true -e yes=true puts it in place again; -e forget=true removes it"


def report(host: str, answer: Mapping[str, Any], back: bool = False) -> str:
    """Return the lines on one host; BACK: somebody wants to know of the way back."""
    journal, plan, done = answer["journal"], answer["plan"], answer["done"]
    if done == "forget":
        text = f"{host}: the cluster {idle(journal)} is removed, and {serving(journal)} serves; there is no way back"
    elif done:
        text = ended(host, journal)
    elif journal and journal["step"] not in ("done", "gone back"):
        text = broken_off(host, journal)
    elif plan:
        text = planned(host, plan)
    elif journal:
        text = way_back(host, journal) if back else kept(host, journal)
    else:
        text = f"{host}: PostgreSQL is at the newest version that is installed; there is nothing to upgrade"
    return printable(text)


def shared(host: str, using: Sequence[str]) -> str:
    """Return the refusal of a server on HOST that other hosts are USING, or follow."""
    return (
        f"{host}: nothing was changed: {', '.join(using)} depend on its PostgreSQL, and an upgrade can only close and check what "
        "runs on the same host. Set up another database host with the newer release of the system, and move the data "
        "there: docs/fleet.md, 'A newer PostgreSQL'"
    )


def serving(journal: Mapping[str, Any]) -> str:
    return str(journal["new"] if journal["step"] == "done" else journal["old"])


def idle(journal: Mapping[str, Any]) -> str:
    return str(journal["old"] if journal["step"] == "done" else journal["new"])


def planned(host: str, plan: Mapping[str, Any]) -> str:
    """Return what would be done."""
    databases = ", ".join(f"{name} {size(number)}" for name, number in plan["databases"].items() if name != "postgres")
    rows = [
        ("Databases", databases or "none"),
        ("Space", f"{size(plan['needed'])} needed for a copy beside it, {size(plan['free'])} free"),
        ("First", BACKUPS[plan["backup"]]),
        (
            "Closed",
            f"{', '.join(plan['sites']) or 'no site'}, for about {plan['seconds']} s; workers and timers are stopped",
        ),
        *[("Indexes", f"made again in {', '.join(plan['collations'])}: the operating system sorts text otherwise")]
        * bool(plan["collations"]),
        *[("Removed", f"the cluster {plan['new']} that is there, {plan['removes']}")] * bool(plan["removes"]),
        ("Kept", f"the cluster {plan['old']}, stopped; {CHOICES}"),
        *[("In the way", text) for text in plan["problems"]],
        *[("Do it", "-e yes=true")] * (not plan["problems"]),
    ]
    return table(f"{host}: PostgreSQL {plan['old']} would become {plan['new']}", rows)


def ended(host: str, journal: Mapping[str, Any]) -> str:
    """Return what was done."""
    head = f"{host}: PostgreSQL {serving(journal)} serves{' again' if journal['step'] != 'done' else ''}"
    sites = ", ".join(journal["sites"])
    rows = [("Closed", f"{sites} for {journal['closed_seconds']:.0f} s" if sites else "no site")]
    rows.append(("Kept", f"the cluster {idle(journal)}, stopped; " + (CHOICES if journal["step"] == "done" else
                         "it has what was written since the upgrade; -e forget=true removes it")))  # fmt: skip
    if journal["dump"]:
        rows.append(("Dump", f"{journal['dump']}, until -e forget=true"))
    return table(head, rows + [("Note", text) for text in journal["notes"]])


def broken_off(host: str, journal: Mapping[str, Any]) -> str:
    """Return how an upgrade stands that was not finished."""
    rows = [
        ("Closed", ", ".join(journal["sites"]) or "no site"),
        ("Stopped", ", ".join(journal["units"]) or "nothing"),
        ("Do it", "-e yes=true goes on, or back where that is not possible"),
    ]
    what = f"the upgrade of PostgreSQL {journal['old']} to {journal['new']}"
    return table(f"{host}: {what}, begun {when(journal['began'])} UTC, stopped at the step '{journal['step']}'", rows)


def kept(host: str, journal: Mapping[str, Any]) -> str:
    """Return how an upgrade ended that was done before."""
    return (
        f"{host}: PostgreSQL {serving(journal)} serves since {when(journal['ended'])} UTC; the cluster {idle(journal)} is kept: "
        + (CHOICES if journal["step"] == "done" else "-e forget=true removes it")
    )


def way_back(host: str, journal: Mapping[str, Any]) -> str:
    """Return what a way back would do."""
    if journal["step"] != "done":
        return kept(host, journal)
    rows = [
        ("Lost", f"for the apps, what was written since {when(journal['ended'])} UTC: it stays in {journal['new']}"),
        ("Closed", "the sites of all apps with a database on the host, for some seconds"),
        ("Do it", "-e back=true -e yes=true"),
    ]
    return table(f"{host}: PostgreSQL {journal['old']} would serve again in place of {journal['new']}", rows)


def refusal(host: str, problems: Sequence[str]) -> str:
    """Return the message of a run that shows what is in the way."""
    return printable("\n".join([f"{host}: the upgrade would be refused:", *(f"  - {text}" for text in problems)]))
