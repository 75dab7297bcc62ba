# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The controller's side of slipway.flask.host_access: one call to the host, and the new login that confirms what it did."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.slipway.flask.plugins.module_utils._access import guard_program
from ansible_collections.slipway.flask.plugins.plugin_utils._access import login, reasons
from ansible_collections.slipway.flask.plugins.plugin_utils._access.login import Way
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host

GUARD = "/usr/local/sbin/slipway-guard"
PROGRAM_HEAD = "#!/usr/bin/python3 -IS\n"
"""Nothing of root's environment and no installed package takes part when the guard runs."""
MOST_WAYS = 4
NOBODY = ("Connection refused", "timed out", "No route to host", "unreachable", "too late")
"""What is said (by ssh, and by the guard) when another account will not get in either."""
NOT_FOUND = 127
"""Exit status of a shell for a program that isn't there (sh(1)): the call has not come so far as to install the guard."""
AFTER_SECONDS = 120
"""So long after its time was over a host is asked whether it has undone the change: a busy one takes a while."""


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"document", "seconds"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars, document = task_vars or {}, self._task.args.get("document") or {}
        token, seconds = secrets.token_hex(8), int(self._task.args.get("seconds", 60))
        asked = {
            "document": document,
            "token": token,
            "seconds": seconds,
            "program": PROGRAM_HEAD + Path(guard_program.__file__).read_text(encoding="utf-8"),
        }
        started = time.monotonic()
        try:
            answer = on_host.ask(self, "host_access", asked, task_vars)
        except AnsibleConnectionFailure as error:
            # The change itself may have cut the line. Whatever was done of it, nobody has confirmed it.
            return result | self._undone(token, started + seconds, f"the connection broke off: {error}")
        if "armed" not in answer:  # it was killed, perhaps half-way
            said = str(answer.get("module_stderr") or answer.get("msg") or "").strip()[-1000:]
            return result | self._undone(
                token, started + seconds, f"the program on the host ended without an answer: {said}"
            )
        result.update(answer)
        user, closed = str(result.pop("user", "")), result.pop("closed", [])
        if not result.pop("armed", "") or result.get("failed"):
            return result
        if (took := time.monotonic() - started) > seconds:
            return result | self._undone(
                token,
                started + seconds,
                f"the change cut the connection: the host took {took:.0f} s to"
                f" answer (if it is only slow, raise host_access_confirm_seconds, now {seconds})",
            )
        tried = []
        for way in self._ways(document, user, closed):
            if wrong := self._confirm(way, token, task_vars):
                tried.append(f"{way}: {wrong}")
                if any(words in wrong for words in NOBODY):
                    break
                continue
            return result | ({"way": other} if (other := login.other(self, way)) else {})
        return result | self._undone(token, started + seconds, "no new login works.\n  " + "\n  ".join(tried))

    def _ways(self, document: dict[str, Any], user: str, closed: list[str]) -> list[Way]:
        """Return the ways in that may be left after the change: as the USER who is logged in, else as one with sudo.

        Who is CLOSED out by the change itself isn't tried.
        """
        now = login.way_of(self)
        port = int((document.get("ssh") or {}).get("port") or 0) or now.port
        people = [person["name"] for person in document.get("people", []) if person.get("sudo")]
        if (document.get("ssh") or {}).get("root_login") == "off":
            closed = [*closed, "root"]
        names = [name for name in dict.fromkeys([now.user or user, *people]) if name not in closed]
        return [Way(port, name) for name in names[:MOST_WAYS]]

    def _confirm(self, way: Way, token: str, task_vars: dict[str, Any]) -> str:
        """Log in anew on WAY and keep the change there; return why that is not possible, "" when it is done."""
        with login.new(self, way, task_vars):
            try:
                done = self._low_level_execute_command(f"{GUARD} confirm {token}", sudoable=True)
            except AnsibleError as error:
                said = str(error).strip()
                return f"{said}\n    {cause[0].upper()}{cause[1:]}." if (cause := reasons.advice(said)) else said
        if done["rc"] and not self._connection.become and way.user not in (None, "root"):
            return "the login works, but this account isn't root: the play needs `become: true`"
        return "" if done["rc"] == 0 else str(done["stderr"] or done["stdout"]).strip()

    def _undone(self, token: str, until: float, why: str) -> dict[str, Any]:
        """Have the change undone over the old way, at the latest by the host itself; return the failure, with the reason WHY."""
        command = f"{GUARD} undo {token} --why 'no new login works'"
        over = until + AFTER_SECONDS
        ended: dict[str, Any] = {}
        while not ended and time.monotonic() < over:
            try:
                said = self._low_level_execute_command(command, sudoable=True)
                if said["rc"] == NOT_FOUND or "there is no change" in said["stdout"]:
                    return {"failed": True, "changed": False, "msg": f"Nothing was changed, because {why}"}
                ended = json.loads(said["stdout"].strip().splitlines()[-1])
            except (AnsibleError, IndexError, ValueError):  # the guard itself may have been killed
                time.sleep(2)
        if ended.get("outcome") != "undone":
            state = f"It is not known whether the host is as before: run `{GUARD} status` on its console."
        elif ended["failures"]:
            state = "The host has undone the change, except for: " + "; ".join(ended["failures"])
        else:
            state = "The host has undone the change and is as before."
        return {"failed": True, "changed": False, "msg": f"Nothing was changed, because {why}\n{state}"}
