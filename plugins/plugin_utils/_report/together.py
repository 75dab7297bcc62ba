# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person reads at the end of a deploy or a rollback over several hosts: one page for all of them.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from ansible_collections.slipway.flask.plugins.module_utils._release import hooks, stages
from ansible_collections.slipway.flask.plugins.module_utils._source.revision import short
from ansible_collections.slipway.flask.plugins.plugin_utils._report import deploy
from ansible_collections.slipway.flask.plugins.plugin_utils._report.deploy import printable, table

KEPT = (
    "failed", "unreachable", "msg", "stage", "serves", "notes", "previous", "changed", "record", "draining", "processes",
    "plan",
)  # fmt: skip
"""What the other hosts, and the page at the end, need of an answer."""


class State(Protocol):
    """How far a run over several hosts has come."""

    @property
    def hosts(self) -> Sequence[str]: ...
    def latest(self, host: str, before: str = "") -> Mapping[str, Any]: ...
    def broken(self, before: str) -> tuple[str, str]: ...
    def at_work(self) -> list[str]: ...
    def lost(self, host: str) -> bool: ...
    def answers(self, before: str = "") -> Iterator[tuple[str, str, Mapping[str, Any]]]: ...


def post(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the board has of a host's ANSWER."""
    record, known = answer.get("record") or {}, answer.get("fleet") or {}
    found = {key: answer[key] for key in KEPT if answer.get(key)}
    found |= {
        "release": record.get("id", ""),
        "revision": record.get("revision", ""),
        "held": answer.get("hook") or {},
        "serves": known.get("serves", answer.get("serves", "")),
        "undecided": known.get("undecided", ""),
        "came_about": known.get("came_about", []),
    }
    return found


def reason(host: str, why: str) -> str:
    """Return why the other hosts give up when HOST, or none in particular (""), can't go on."""
    return f"{host}: {why}" if host else why


def refused(app: str, hosts: Sequence[str], what: str, problems: Iterable[str]) -> str:
    """Return that a run over HOSTS has not begun, because of PROBLEMS."""
    return "\n".join(
        [f"{app} on {', '.join(hosts) or 'no host'}: the {what} was refused. Nothing was changed.", *problems]
    )


def failed_here(host: str, app: str, answer: Mapping[str, Any]) -> str:
    """Return the line that says at once on which HOST a run can't go on."""
    first = str(answer.get("msg") or "").partition("\n")[0]
    return printable(f"{app} on {host}: failed{_at(answer)}: {first}")


def summary(what: str, app: str, url: str, state: State, seconds: float) -> dict[str, Any]:
    """Return the page (`text`), the names of the `hosts`, and what notifications hold; `failed` if a host has not come as far."""
    hosts = ", ".join(state.hosts)
    host, why = state.broken("finish")
    late = [one for name, one, answer in state.answers() if name == "finish" and answer.get("failed")]
    work = state.at_work()
    first = state.latest(work[0] if work else state.hosts[0])
    record = dict(first.get("record") or {})
    told: dict[str, Any] = {
        "hosts": hosts, "record": record, "previous": first.get("previous", ""), "changed": bool(work), "notes": notes(state),
    }  # fmt: skip
    if host or why:
        answer = next((a for _, h, a in state.answers() if h == host and a.get("failed")), {})
        return {
            **told,
            "failed": True,
            "stage": answer.get("stage", ""),
            "text": _failed(what, app, state, host, why, answer),
        }
    if late:
        return {**told, "failed": True, "stage": stages.NAMES[-2], "text": _late(what, app, state, late)}
    return {**told, "text": _live(what, app, url, state, seconds)}


def notes(state: State) -> list[str]:
    """Return what the hosts note, once where all note the same."""
    found: dict[str, list[str]] = {}
    for _, host, answer in state.answers():
        for note in answer.get("notes") or []:
            hosts = found.setdefault(str(note), [])
            hosts += [host] * (host not in hosts)
    return [note if len(hosts) == len(state.hosts) else f"{', '.join(hosts)}: {note}" for note, hosts in found.items()]


def each(state: State, key: str) -> str:
    """Return what each host has under a KEY, once where all have the same."""
    found: dict[str, list[str]] = {}
    for host in state.hosts:
        found.setdefault(str(state.latest(host).get(key) or "nothing"), []).append(host)
    if len(found) == 1:
        return next(iter(found))
    return ", ".join(f"{value} on {' and '.join(hosts)}" for value, hosts in found.items())


def _live(what: str, app: str, url: str, state: State, seconds: float) -> str:
    work, hosts = state.at_work(), ", ".join(state.hosts)
    record = dict(state.latest(work[0] if work else state.hosts[0]).get("record") or {})
    if not work:
        return table(
            f"{app} on {hosts}: revision {short(record['revision'])} is already live on all hosts; nothing changed",
            [("URL", url), ("Revision", deploy.revision_of(record)), ("Release", each(state, "release"))]
            + [("Note", note) for note in notes(state)],
        )
    again = " again" if what == "rollback" else ""
    before = each(state, "previous")
    back = f"; back to it: rollback.yml -e app={app}" if before != "nothing" else ""
    rows = [
        ("URL", url),
        ("Revision", deploy.revision_of(record)),
        ("Promoted", deploy.promoted(record)),
        ("Release", each(state, "release")),
        ("Migration head", deploy.schema_of(record)),
        ("Seconds", f"{seconds:.1f} ({stage_seconds(state)})"),
        ("Before", f"{before}{back}" if back else "nothing: this is the first release"),
        ("Processes", ", ".join(state.latest(work[0]).get("processes") or [])),
        ("Unchanged", ", ".join(host for host in state.hosts if host not in work)),
        *(("Drains", f"{host}: {text}") for host in work for text in state.latest(host).get("draining") or []),
    ]
    head = f"{app} on {hosts}: revision {short(record['revision'])} is live{again} on all hosts"
    return table(head, rows + [("Note", note) for note in notes(state)])


def stage_seconds(state: State) -> str:
    """Return the stages that ran, each with the seconds of the host that took longest."""
    longest: dict[str, float] = {}
    for host in state.at_work():
        for name, took in (state.latest(host).get("record") or {}).get("seconds", {}).items():
            longest[name] = max(longest.get(name, 0), float(took))
    return deploy.stages_of(longest)


def _failed(what: str, app: str, state: State, host: str, why: str, answer: Mapping[str, Any]) -> str:
    """Return the page of a run that was given up because of a HOST."""
    where = f" on {host}" if host else ""
    stuck = {one: text for one in state.hosts if (text := _not_back(state, one))}
    serving = "No release is live yet."
    if any(state.latest(one).get("serves") for one in state.hosts):
        serving = "The previous release is still live on all hosts."
    if stuck:
        serving = f"The previous release is still live on all hosts but {', '.join(stuck)}."
    lines = [f"{app} on {', '.join(state.hosts)}: the {what} failed{where}{_at(answer)}. {serving}", why]
    lines += [f"{one}: {text}" for one, text in stuck.items()]
    lines += [f"{one}: {text}" for one in state.hosts if one not in stuck and (text := _said(state, one, host, why))]
    return printable("\n".join([*lines, *(f"Note: {note}" for note in notes(state))]))


def _not_back(state: State, host: str) -> str:
    """Return why it isn't certain that what served before serves on HOST, "" if it is."""
    answer = state.latest(host)
    if answer.get("unreachable") or state.lost(host):
        return (
            f"it could not be reached{' any more' if answer.get('gave_up') else ''}, so what it serves is not known. The next "
            "deploy or rollback brings it to what the others have"
        )
    if answer.get("gave_up") and answer.get("serves") and answer.get("serves") == answer.get("held_release"):
        return str(answer.get("msg"))
    return ""


def _said(state: State, host: str, at_fault: str, why: str) -> str:
    """Return what HOST has to say beyond the reason for which it gave up: of its schema, mostly."""
    answer = state.latest(host)
    said = str(answer.get("msg") or "")
    if host == at_fault or not answer.get("gave_up"):
        return ""
    return said.removeprefix(reason(at_fault, why)).strip()


def _late(what: str, app: str, state: State, late: Sequence[str]) -> str:
    """Return the page of a run that has come about, and has not ended well on the LATE hosts."""
    head = (
        f"{app} on {', '.join(state.hosts)}: the new release is live on all hosts, but the {what} did not end well on "
        f"{', '.join(late)}. The next deploy puts that right."
    )
    return printable("\n".join([head, *(f"{host}: {state.latest(host).get('msg', '')}" for host in late)]))


def _at(answer: Mapping[str, Any]) -> str:
    """Return the stage or the hook at which a host has failed."""
    name = str(answer.get("stage") or "")
    return f" at {'hook' if name in hooks.NAMES else 'stage'} '{name}'" if name else ""
