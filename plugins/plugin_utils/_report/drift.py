# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How a host differs from what the inventory says, read from the results of tasks that only look: one line each.

The callback `brief` puts the results here as they come; the task that reports at the end, whose process is a copy of the
callback's, reads them. PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._report.deploy import printable

OWN = "slipway.flask."
ATTRIBUTES = re.compile(r"[0-7]{4} \S+:\S+")
"""How a diff of slipway.flask.files shows permission bits and owner."""
HIDDEN = re.compile(r"hidden: not world-readable(?:; it differs in (?P<names>.+))?\)\s*$")
"""How it shows contents that not everybody may read; of an environment file it names the variables."""
STATE = re.compile(r"(?P<unit>\S+\.(?:service|timer|socket)) (?P<state>enabled|started|reloaded|restarted)")
OLDER = "runs with its previous configuration"
MISSING = {
    "enabled": "is not enabled: it does not start at boot", "started": "does not run", "reloaded": OLDER, "restarted": OLDER,
}  # fmt: skip
FOLLOWS = (OLDER, "systemd reloaded")
"""What is said because something else differs."""
GATES = {f"{OWN}preflight", f"{OWN}role_check"}
"""Who refuses a host or an inventory: what comes after them says nothing."""
SUBJECTS = {
    f"{OWN}postgres_cluster": "PostgreSQL", f"{OWN}mariadb_server": "MariaDB", f"{OWN}redis_instances": "Redis",
    f"{OWN}pgbouncer_pools": "PgBouncer", f"{OWN}uv_install": "uv", f"{OWN}backup_repositories": "backups",
}  # fmt: skip
NEXT = (
    "site.yml restores the files that it has written and starts its services, and a deploy replaces what was edited in a release; "
    "remove what is not Slipway's yourself. Put what should stay into the inventory. --diff shows each difference in full"
)
LONGEST = 70
"""Characters that are shown of a line of a file."""


@dataclass(frozen=True)
class Difference:
    """WHAT differs, a path for example, and how, in a few words."""

    what: str
    words: str

    def __str__(self) -> str:
        return printable(f"{self.what}: {self.words}")


@dataclass
class Host:
    """What was found of one host, and what kept tasks from looking; REFUSED tells that there was no sense in going on."""

    differences: list[Difference] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    refused: bool = False

    @property
    def is_compared(self) -> bool:
        """Tell whether the differences are to be believed, and none can have been missed unnoticed."""
        return not self.refused and bool(self.differences or not self.failures)


@dataclass
class Run:
    """What the tasks of a run have found so far, by host."""

    looks: bool = False
    hosts: dict[str, Host] = field(default_factory=dict)

    def of(self, host: str) -> Host:
        return self.hosts.setdefault(host, Host())

    def add(self, host: str, action: str, task: str, result: Mapping[str, Any]) -> None:
        """Take the good RESULT of an ACTION, which the playbook calls TASK."""
        found = self.of(host)
        for one in result.get("results") or [result]:
            if not found.refused and isinstance(one, Mapping) and one.get("changed"):
                found.differences += [new for new in differences(action, task, one) if new not in found.differences]

    def fail(self, host: str, action: str, task: str, result: Mapping[str, Any]) -> None:
        """Take the RESULT of an ACTION that failed."""
        found = self.of(host)
        if not found.refused:
            if result.get("differences"):
                self.add(host, action, task, {**result, "changed": True})
            found.refused = action in GATES
            found.failures.append(f"{task}: {said(result)}")

    def lose(self, host: str, said: str) -> None:
        """Take it that HOST could not be reached, or no longer."""
        found = self.of(host)
        if not found.refused:
            found.refused = True
            found.failures.append(f"it could not be reached: {printable(said)}")


RUN = Run()
"""The run of this process."""


def said(result: Mapping[str, Any]) -> str:
    """Return why a task failed; of one with a loop, why its items did."""
    items = [one for one in result.get("results") or [] if isinstance(one, Mapping) and one.get("failed")]
    texts = [str(one.get("msg") or one.get("stderr") or "it failed") for one in items or [result]]
    return printable("; ".join(dict.fromkeys(texts)))


def differences(action: str, task: str, result: Mapping[str, Any]) -> list[Difference]:
    """Return what the RESULT of an ACTION that would change something says of the host."""
    if "differences" in result:
        return [Difference(str(one["what"]), str(one["words"])) for one in result["differences"]]
    subject = SUBJECTS.get(action) or task
    diff = result.get("diff") or []
    found: list[Difference] = []
    for part in [diff] if isinstance(diff, Mapping) else diff:
        found += of_part(part, subject)
    known = {one.what for one in found}
    states = [of_sentence(line, subject) for line in result.get("actions") or [] if STATE.fullmatch(line)]
    found += [one for one in states if one not in found]
    found += [Difference(path, "differs") for path in result.get("changed_files") or [] if path not in known]
    found += [Difference(f"package {name}", "is not installed") for name in result.get("installed") or []]
    causes = [one for one in found if one.words not in FOLLOWS]
    return causes or found or [Difference(subject, "is not as it should be")]


def of_part(part: Mapping[str, Any], subject: str) -> Iterator[Difference]:
    """Yield what one PART of a diff says: a file's, or sentences about the SUBJECT that stand in its `after`."""
    before, after = str(part.get("before") or ""), str(part.get("after") or "")
    header = str(part.get("before_header") or part.get("header") or "")
    if header.startswith("/"):
        yield Difference(header, of_file(before, after))
    elif header and before == after:
        yield of_sentence(header, header) if STATE.fullmatch(header) else Difference(header, "differs")
    elif before:
        yield Difference(header or subject, of_file(before, after))
    else:
        for line in after.splitlines():
            yield of_sentence(line, header if header not in ("", "users and units") else subject)


def of_sentence(line: str, subject: str) -> Difference:
    """Return what a sentence about a thing that would be done says of the host now."""
    if match := STATE.fullmatch(line):
        return Difference(match["unit"], MISSING[match["state"]])
    if line.endswith(" made"):
        return Difference(line.removesuffix(" made"), "is missing")
    return Difference(subject, f"needs `{shortened(line.rstrip(';'))}`" if line.endswith(";") else line)


def of_file(before: str, after: str) -> str:
    """Return how a file that has the text BEFORE differs from the AFTER that it should have."""
    old, new = before.splitlines(), after.splitlines()
    if not old or not new:
        return "is missing" if new else "should not be there"
    if len(old) == len(new) == 1 and ATTRIBUTES.fullmatch(old[0]) and ATTRIBUTES.fullmatch(new[0]):
        return f"is {old[0]}, should be {new[0]}"
    if match := HIDDEN.search(after) or HIDDEN.search(before):
        names = f"a different value for {match['names']}" if match["names"] else "other contents"
        return f"has {names} (not shown: not world-readable)"
    changes = list(difflib.unified_diff(old, new, n=0, lineterm=""))[2:]
    there = [line[1:] for line in changes if line.startswith("-")]
    wanted = [line[1:] for line in changes if line.startswith("+")]
    return of_lines(there, wanted)


def of_lines(there: list[str], wanted: list[str]) -> str:
    """Return in a few words that the lines THERE should be those that are WANTED."""
    number = max(len(there), len(wanted))
    if not number:
        return "ends with a different line break"
    count = "1 line differs" if number == 1 else f"{number} lines differ"
    first = [f"has `{shortened(there[0])}`"] if there else []
    first += [f"should have `{shortened(wanted[0])}`"] if wanted else ["should not have it"]
    return f"{count}: {', '.join(first)}" + (", …" if number > 1 else "")


def shortened(line: str) -> str:
    text = " ".join(line.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def lines(hosts: Mapping[str, Host], asked: Iterable[str]) -> list[str]:
    """Return what a person reads of the HOSTS that were ASKED: one line for each difference, and what could not be compared."""
    found: list[str] = []
    for name, host in ((name, hosts[name]) for name in asked if name in hosts):
        found += [f"{name}: {one}" for one in ([] if host.refused else host.differences)]
        found += [f"{name}: not compared: {one}" for one in host.failures]
    return found


def verdict(hosts: Mapping[str, Host], asked: Iterable[str]) -> tuple[str, bool, bool]:
    """Return the last sentence about the hosts that were ASKED, whether anything differs, and whether one was not compared."""
    asked = list(asked)
    apart = [name for name in asked if not hosts.get(name, Host()).is_compared]
    found = {name: len(hosts[name].differences) for name in asked if name not in apart and name in hosts}
    count, on = sum(found.values()), [name for name, number in found.items() if number]
    if apart:
        more = f"; {counted(count, 'difference')} elsewhere" if count else ""
        return f"{', '.join(apart)}: could not be compared{more}", bool(count), True
    if count:
        return f"{counted(count, 'difference')} on {', '.join(on)}. {NEXT}", True, False
    return f"{', '.join(asked)}: no difference", False, False


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
