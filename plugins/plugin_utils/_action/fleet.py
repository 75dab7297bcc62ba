# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The hosts over which a run goes as over one, and whether all of them are there.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._action.steps import Posts, State
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.names import nearest


@dataclass(frozen=True)
class Fleet:
    """HOSTS have the app, without those that are left out of this run; MEMBERS are all that have it.

    CANARY is the one that switches first. EDGES are the addresses of the hosts that balance.
    """

    hosts: tuple[str, ...]
    members: tuple[str, ...]
    canary: str
    without: tuple[str, ...] = ()
    edges: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Fleet:
        """Return the fleet that a task was GIVEN, as the filter `release_fleets` has made it."""
        several = {
            name: tuple(str(one) for one in given.get(name) or ()) for name in ("hosts", "members", "without", "edges")
        }
        return cls(canary=str(given.get("canary") or ""), **several)

    def state(self, posts: Posts) -> State:
        """Return how far the run is whose hosts have answered POSTS."""
        return State(self.hosts, self.canary, posts, bool(self.edges))

    def problems(self, task_vars: Mapping[str, Any]) -> list[str]:
        """Return why nothing can begin in a play with TASK_VARS."""
        play, live = task_vars.get("ansible_play_hosts_all") or [], task_vars.get("ansible_play_hosts") or []
        found = [
            f"without is '{name}', which does not have this app; its hosts are: {', '.join(self.members)}"
            f"{nearest(name, self.members)}"
            for name in self.without
            if name not in self.members
        ]
        if not self.hosts:
            found.append(f"without leaves out all hosts of the app: {', '.join(self.members)}")
        if self.canary and self.canary not in self.hosts:
            found.append(f"canary is '{self.canary}'; it must be one of {', '.join(self.hosts)}")
        limited = [host for host in self.hosts if host not in play]
        if limited:
            found.append(
                f"this run is limited to {', '.join(host for host in self.hosts if host in play)}, but the app is also on "
                f"{', '.join(limited)}, and all its hosts switch together. Run it without --limit, or leave hosts out by "
                f"name: -e without={','.join(limited)}"
            )
        lost = [host for host in self.hosts if host in play and host not in live]
        if lost and not limited:
            found.append(
                f"{', '.join(lost)} could not be reached or prepared (see above). Mend that, or leave it out: "
                f"-e without={','.join(lost)}; the next deploy brings it up to date"
            )
        batch: Sequence[str] = task_vars.get("ansible_play_batch") or live
        if not limited and not lost and any(host not in batch for host in self.hosts):
            found.append("the play has `serial`; all hosts of an app must be in one batch, for they switch together")
        return found

    def still_used(self, app: str, edges: Iterable[Mapping[str, Any]]) -> list[str]:
        """Return which of the hosts that are left out visitors of APP would still come to, by what the EDGES answered."""
        found = []
        for answer in edges:
            hosts = (answer.get("hosts") or {}).get(app) or {}
            for name in self.without:
                if name in hosts and hosts[name]["state"] != "out":
                    found.append(
                        f"{name} is left out of this run, but {answer.get('item')} would send visitors to it, who would get "
                        f"another release. Take it out there first: ansible-playbook playbooks/hosts.yml -e out={name}"
                    )
        return found
