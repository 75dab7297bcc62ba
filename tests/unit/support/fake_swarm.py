#!/usr/bin/env python3
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""`docker` of a manager, as far as deploy.sh asks it: a swarm in a file, in which each question lets some time pass.

FAKE_SWARM is the file. Its `bad` are words; an image that has one in its name never becomes healthy, or fails as a job.
As in Docker's engine, an update is not to be seen at once, a service without a spec before can't go back, and only what a task
is made of is updated.

deploy.sh asks hundreds of times: so nothing is imported that takes time, and what is read is Python's own format (marshal), the
files of the stack among it, beside each of which the test has put that.
"""

from __future__ import annotations

import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Service = dict[str, Any]

PLACE = os.environ["FAKE_SWARM"]


def read(place: str) -> dict[str, Any]:
    with open(place, "rb") as file:
        found: dict[str, Any] = marshal.load(file)
    return found


def template(spec: dict[str, Any]) -> dict[str, Any]:
    """Return what tasks are made of."""
    return {name: value for name, value in spec.items() if name not in ("deploy", "ports")}


class Swarm:
    def __init__(self) -> None:
        self.state: dict[str, Any] = read(PLACE)
        self.services: dict[str, Service] = self.state["services"]

    def save(self) -> None:
        with open(PLACE, "wb") as file:
            marshal.dump(self.state, file)

    def is_bad(self, spec: dict[str, Any]) -> bool:
        return any(word in spec["image"] for word in self.state["bad"])

    def deploy(self, file: str, app: str) -> None:
        self.state["log"].append(f"deploy {file}")
        document = read(f"{file}.marshal")
        for kind in ("secrets", "configs"):
            self.state[kind] = sorted({*self.state[kind], *(one["name"] for one in document.get(kind, {}).values())})
        names = {
            kind: {key: one["name"] for key, one in document.get(kind, {}).items()} for kind in ("secrets", "configs")
        }
        for name, spec in document["services"].items():
            used = [entry if isinstance(entry, str) else entry["source"] for entry in spec.get("secrets", [])]
            spec["named"] = sorted(names["secrets"][one] for one in used)
            self.update(f"{app}_{name}", spec)

    def update(self, name: str, spec: dict[str, Any]) -> None:
        old = self.services.get(name)
        job = spec["deploy"].get("mode") == "replicated-job"
        turn = old["turn"] + 1 if old else 0
        self.services[name] = {
            "spec": spec, "previous": old and old["spec"], "update": None, "asked": 0, "turn": turn, "job": job,
            "changed": old is not None and template(old["spec"]) != template(spec), "begun": (old or {"begun": 0})["begun"],
        }  # fmt: skip

    def pass_time(self, one: Service) -> None:
        """Let an update go on by one step."""
        one["asked"] += 1
        if one["job"] or not one["changed"]:
            return
        steps = [None, "updating", "completed"]
        if self.is_bad(one["spec"]) or one["update"] in ("rollback_started",):
            steps = [None, "updating", "rollback_started", "rollback_completed"]
        at = min(one["asked"], len(steps)) - 1
        if steps[at] == "updating" and one["update"] is None:
            one["begun"] += 1
        if steps[at] == "rollback_started" and one["previous"]:
            one["spec"], one["previous"], one["update"] = one["previous"], None, "rollback_started"
            return
        one["update"] = steps[at] or one["update"]
        if one["update"] in ("completed", "rollback_completed"):
            one["changed"] = False

    def rollback(self, name: str) -> int:
        one = self.services[name]
        if not one["previous"]:
            print("does not have a previous spec", file=sys.stderr)
            return 1
        one["spec"], one["previous"] = one["previous"], one["spec"]
        one |= {"update": "completed", "changed": False, "begun": one["begun"] + 1}
        self.state["log"].append(f"rollback {name}")
        return 0

    def running(self, one: Service) -> str:
        wanted = 3 if one["spec"]["deploy"].get("mode") == "global" else one["spec"]["deploy"].get("replicas", 1)
        fresh = one["previous"] is None and self.is_bad(one["spec"])
        return f"{0 if one['job'] or fresh else wanted}/{wanted}"


def inspect(swarm: Swarm, form: str, one: Service) -> str:
    labels = one["spec"]["deploy"].get("labels", {})
    if "Labels" in form:
        return str(labels.get(form.split('"')[1], ""))
    if "UpdateStatus" in form:
        swarm.pass_time(one)
        begun = f"2026-11-27 06:00:{one['begun']:02} +0000 UTC" if one["update"] else ""
        return f"{one['update'] or ''}|{begun}|{sorted(template(one['spec']).items())}"
    assert "JobIteration" in form, form
    return str(one["turn"])


def service(swarm: Swarm, words: list[str]) -> int:
    verb, name = words[0], words[-1]
    form = words[words.index("--format") + 1] if "--format" in words else ""
    if verb == "inspect" and form:
        if name not in swarm.services:
            return 1
        print(inspect(swarm, form, swarm.services[name]))
    elif verb == "inspect":
        for one in swarm.services.values():
            for secret in {*one["spec"]["named"], *(one["previous"] or {}).get("named", [])}:
                print(f'    "SecretName": "{secret}",')
    elif verb == "ls":
        for key, one in swarm.services.items():
            print(key if form == "{{.Name}}" else "id" if "--quiet" in words else f"{key} {swarm.running(one)}")
    elif verb == "ps":
        one = swarm.services[name]
        if "--quiet" in words:
            print(f"task-{name}")
        elif swarm.is_bad(one["spec"]) or one["update"] == "rollback_started":
            print("\n".join([f"task-{name} Complete 2 seconds ago"] * 3))
    elif verb == "logs":
        print("the last words of a task")
    elif verb == "rollback":
        return swarm.rollback(name)
    elif verb == "rm":
        del swarm.services[name]
    return 0


def main(words: list[str]) -> int:
    swarm, code = Swarm(), 0
    if words[0] == "service":
        code = service(swarm, words[1:])
    elif words[0] == "node":
        print("".join(f"{node}\n" for node in swarm.state["nodes"]), end="")
    elif words[0] == "stack":
        swarm.deploy(words[words.index("--compose-file") + 1], words[-1])
    elif words[0] == "inspect":
        one = swarm.services[words[-1].removeprefix("task-")]
        if "JobIteration" in words[-2]:
            print(f"{one['turn']} {'failed' if swarm.is_bad(one['spec']) else 'complete'}")
        else:
            print(f"2026-11-27 06:00:00 {words[-1]}")
    elif words[1] == "ls":
        print("\n".join(swarm.state[f"{words[0]}s"]))
    elif words[1] == "rm":
        swarm.state[f"{words[0]}s"].remove(words[-1])
    swarm.save()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
