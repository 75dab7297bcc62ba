# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Talking to the running HAProxy: its runtime API (HAProxy's management guide, section 9.3).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import csv
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOCKET = Path("/run/slipway-edge/admin.sock")
SECONDS = 10
"""How long HAProxy may take for an answer; it needs a millisecond."""


class RuntimeApiError(RuntimeError):
    """HAProxy does not run, or refuses a command; the message is for the user."""


@dataclass(frozen=True)
class Server:
    """A host in one of the backends of an app."""

    backend: str
    host: str
    status: str
    """`UP`, `DOWN`, `MAINT`, `no check`, … ; `MAINT (via …)` for one that follows another."""
    sessions: int
    """Requests that it is answering."""
    check: str
    """What the last check met, such as `L7OK 200` or `L4TOUT`; "" without a check."""

    @property
    def app(self) -> str:
        """The app that the backend is for: `shop` of `shop.once`."""
        return self.backend.partition(".")[0]

    @property
    def checked(self) -> bool:
        """Whether it is this backend that asks the host whether it is well; the app's others follow it."""
        return "." not in self.backend


def ask(command: str, path: Path = SOCKET) -> str:
    """Return what HAProxy answers to COMMAND.

    :raises RuntimeApiError: when it does not run.
    """
    try:
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(SECONDS)
            wire.connect(str(path))
            wire.sendall(f"{command}\n".encode())
            wire.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: wire.recv(65_536), b"")).decode()
    except OSError as error:
        raise RuntimeApiError(
            f"HAProxy does not answer ({error.strerror or error}): systemctl status slipway-edge"
        ) from None


def tell(command: str, path: Path = SOCKET) -> None:
    """Have HAProxy do what COMMAND says, which has no answer when it succeeds.

    :raises RuntimeApiError: when it refuses.
    """
    if said := ask(command, path).strip():
        raise RuntimeApiError(f"HAProxy refuses `{command}`: {said}")


def servers(path: Path = SOCKET) -> list[Server]:
    """Return the hosts of all backends. Raises RuntimeApiError."""
    return list(parse(ask("show stat -1 4 -1", path)))


def parse(text: str) -> Iterator[Server]:
    """Yield the servers of the TEXT of `show stat`."""
    for row in csv.DictReader(text.lstrip("# ").splitlines()):
        if row["svname"] in ("FRONTEND", "BACKEND"):
            continue
        check = " ".join(part for part in (row.get("check_status", "").strip("* "), row.get("check_code", "")) if part)
        yield Server(row["pxname"], row["svname"], row["status"], int(row["scur"] or 0) + int(row["qcur"] or 0), check)
