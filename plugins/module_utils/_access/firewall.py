# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The host's firewall: a table of nftables of our own, in a file that is loaded before the network is up.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._access import firewall_look as look
from ansible_collections.slipway.flask.plugins.module_utils._access import firewall_rules as rules
from ansible_collections.slipway.flask.plugins.module_utils._access import guard_program
from ansible_collections.slipway.flask.plugins.module_utils._access.apply import (
    COMMAND_SECONDS,
    AccessError,
    Change,
    Context,
    File,
    Part,
)
from ansible_collections.slipway.flask.plugins.module_utils._access.firewall_unit import (
    AGAIN_PATH,
    AGAIN_TEXT,
    GOOD,
    LINK,
    LOGINS,
    NFT,
    RULES,
    UNIT,
    UNIT_PATH,
    UNIT_TEXT,
)

NOTHING = f"table {rules.NAME}\ndelete table {rules.NAME}\n"
"""Removes the table, also when it isn't there."""
LISTING = ("-s", "-t", "list", "table", *rules.TABLE)
KEPT = "firewall.nft"


def nft(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run nft, with TEXT to read; the caller looks at the exit status.

    :raises AccessError: when it hangs.
    """
    return _timed([NFT, *arguments], f"nft {arguments[0]}", text or "")


def _timed(argv: Sequence[str], name: str, text: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(argv, input=text, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise AccessError(f"`{name}` has not ended after {COMMAND_SECONDS} s") from error


def live() -> str:
    """Return our table as the kernel has it, "" when it has none."""
    return nft(*LISTING).stdout if os.access(NFT, os.X_OK) else ""


def unable() -> str:
    """Return why the kernel takes no rules of nftables, as in some containers; "" where it does, or nft has yet to come."""
    done = nft("list", "tables") if os.access(NFT, os.X_OK) else None
    return done.stderr.strip()[-300:] if done and done.returncode else ""


def listed(text: str) -> str:
    """Return how the kernel would list the rules TEXT: tried in a network of its own; "" where there can be none.

    :raises AccessError: when they can't be loaded.
    """
    script = f"{NFT} -f - && exec {NFT} {' '.join(LISTING)}"
    done = _timed(["unshare", "--net", "sh", "-c", script], "unshare --net nft -f -", text)
    if done.returncode == 0:
        return done.stdout
    checked = nft("-c", "-f", "-", text=text)
    if checked.returncode:
        raise AccessError(f"nft rejected the firewall's rules: {checked.stderr.strip()[-1500:]}")
    return ""


class Firewall(Part):
    """SSH_PORTS tells where sshd will listen, once its part has looked; nothing, where that one leaves sshd alone."""

    name = "firewall"

    def __init__(self, context: Context, ssh_ports: Callable[[], Sequence[int]] = tuple) -> None:
        super().__init__(context)
        self.ssh_ports = ssh_ports
        self.asked = context.asked.get("firewall") or {}
        self.files: list[File] = []
        self.before = ""
        self.on = False

    def changes(self) -> Sequence[Change]:
        if not self.asked:
            return []
        self.before = live()
        there = Path(RULES).exists() or bool(self.before)
        if self.asked["mode"] == "off":
            return self._off() if there else []
        ports = self.ssh_ports() or look.ssh_ports()
        if not there and not self._may(ports):
            return []
        self.on = True
        return self._on(rules.text(self.asked, ports, self.context.asked.get("never_ban") or []))

    def _may(self, ports: Sequence[int]) -> bool:
        """Tell whether the host may get its first firewall; say why not, and what it closes.

        :raises AccessError: for one of somebody else's, where ours is asked for by name.
        """
        if wrong := unable():
            if self.asked["mode"] == "on":
                raise AccessError(
                    f"slipway_firewall is true, but this host's kernel does not support nftables: {wrong}"
                )
            self.warnings.append(f"The firewall is not set up: this host's kernel does not support nftables ({wrong})")
            return False
        other = look.foreign()
        if other and self.asked["mode"] == "on":
            raise AccessError(
                f"slipway_firewall is true, but this host already has a firewall: {other}. Two would contradict "
                "each other. Keep that one with `slipway_firewall: false`, or remove it first and list the ports that "
                "it opens in slipway_firewall_allow"
            )
        if other:
            self.warnings.append(
                f"This host already has a firewall ({other}), so Slipway does not set up its "
                "own. Set `slipway_firewall: false` if that is intended"
            )
            return False
        # sshd itself is about to leave a port that it has now.
        left = look.ssh_ports() if self.ssh_ports() else []
        closed = [
            one for one in look.listeners() if not rules.is_open(self.asked, [*ports, *left], one.protocol, one.port)
        ]
        names = ", ".join(map(str, closed))
        if closed and self.asked["mode"] == "on":
            self.warnings.append(f"The firewall closes ports that were open to the network until now: {names}")
        elif closed:
            self.warnings.append(
                f"The firewall is not set up, because it would close ports that are open to the network: {names}. List those "
                "that are needed in slipway_firewall_allow; `slipway_firewall: true` closes the others"
            )
        return not closed or self.asked["mode"] == "on"

    def _on(self, text: str) -> list[Change]:
        self.files = [File(RULES, text, 0o600), File(UNIT_PATH, UNIT_TEXT), File(AGAIN_PATH, AGAIN_TEXT)]
        found = [change for file in self.files if (change := file.change())]
        if not Path(LINK).is_symlink():
            found.append(Change(f"{UNIT} enabled", path=LINK))
        if not os.access(NFT, os.X_OK):
            if not self.context.check:
                raise AccessError("nft is not installed on this host: install the package nftables")
            return found
        if not found and not self._is_kept(text):
            found.append(Change(GOOD))
        wanted = listed(text)
        if not self.before or (wanted and self.before != wanted):
            # A new file shows the same rules.
            shown = not any(change.what == RULES for change in found)
            found.append(
                Change(f"nftables, table {rules.NAME}", self.before if shown else "", wanted or text if shown else "")
            )
        return found

    def _off(self) -> list[Change]:
        self.files = [File(path, None) for path in (RULES, UNIT_PATH, AGAIN_PATH)]
        found = [change for file in self.files if (change := file.change())]
        if Path(LINK).is_symlink():
            found.append(Change(f"{UNIT} disabled", path=LINK))
        if self.before:
            found.append(Change(f"nftables, table {rules.NAME}", self.before))
        return found

    def apply(self) -> None:
        if self.on:
            # Against the kernel that runs, before anything is written.
            self._must(nft("-c", "-f", "-", text=self.files[0].content))
        for file in self.files:
            file.write()
        link = Path(LINK)
        if self.on and not link.is_symlink():
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(UNIT_PATH)
        elif not self.on:
            link.unlink(missing_ok=True)
        self._do("systemctl", "daemon-reload")
        self._must(nft("-f", RULES) if self.on else nft("-f", "-", text=NOTHING))
        if self.on:
            nft("-f", LOGINS)  # the sets of a new table are empty; nobody may have logged in yet
            self._do("systemctl", "start", UNIT)

    def _do(self, *argv: str) -> None:
        self._must(
            subprocess.run(
                argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS
            )
        )

    @staticmethod
    def _must(done: subprocess.CompletedProcess[str]) -> None:
        if done.returncode:
            raise AccessError(f"`{' '.join(done.args[:3])}` failed: {done.stderr.strip()[-1500:]}")

    def keep(self) -> Mapping[str, str]:
        return {KEPT: NOTHING + self.before}

    def undo_commands(self) -> Sequence[Sequence[str]]:
        return [["systemctl", "daemon-reload"], [NFT, "-f", f"{{kept}}/{KEPT}"]]

    def confirmed_commands(self) -> Sequence[Sequence[str]]:
        if self.on:
            return [["install", "-m", "0600", RULES, GOOD]]
        # systemd forgets the unit, whose file is gone.
        return [["systemctl", "stop", UNIT], ["rm", "-f", GOOD]]

    @staticmethod
    def _is_kept(text: str) -> bool:
        """Tell whether the rules TEXT are those that are loaded where the file can't be."""
        kept = guard_program.read(GOOD)
        return bool(kept and kept[0].decode(errors="replace") == text)
