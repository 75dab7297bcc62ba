# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Connections of a Unix socket that listens: asked of the kernel by the socket's file, not by its name.

/proc/net/unix and `ss` tell names as whoever made the socket has chosen them, line feeds and spaces among them: one app could
write another one's row there. Source: sock_diag(7), linux/unix_diag.h.
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

SOCK_DIAG, BY_FAMILY = 4, 20
REQUEST, ERROR, DONE = 0x301, 2, 3
"""NLM_F_REQUEST | NLM_F_DUMP, and the types NLMSG_ERROR and NLMSG_DONE (netlink(7))."""
LISTENING, CONNECTED = 1 << 10, 1 << 1
"""Of the states of a socket, TCP_LISTEN and TCP_ESTABLISHED; the latter has the file on the side of who listens."""
FILE, QUEUE = 1, 4
"""The attributes UNIX_DIAG_VFS and UNIX_DIAG_RQLEN."""
SHOW = 0x2 | 0x10
"""What asks for them: UDIAG_SHOW_VFS | UDIAG_SHOW_RQLEN."""
HEAD, ASK, ANSWER, PAIR = (
    struct.Struct("=IHHII"),
    struct.Struct("=BBHIIIII"),
    struct.Struct("=BBBBIII"),
    struct.Struct("=II"),
)
ATTRIBUTE = struct.Struct("=HH")
SECONDS = 5.0
BLOCK = 1 << 16

LISTED = Path("/proc/self/net/unix")
GIVEN = "sock-diag"
"""Name of a socket that systemd has opened for a service which can't make one (sd_listen_fds(3))."""
FIRST_GIVEN = 3
_turn = threading.Lock()


def backlog(path: Path) -> int:
    """Return how many connections wait at the socket at PATH for somebody to accept them; 0 when there is none."""
    file = _file(path)
    try:
        found = [told for told in _told(LISTENING) if told.get(FILE) == file]
    except OSError:
        return _listed(path, ("02",))
    return sum(PAIR.unpack_from(told[QUEUE])[0] for told in found if QUEUE in told)


def connected(path: Path) -> int:
    """Return how many connections to the socket at PATH are open, accepted or still waiting."""
    file = _file(path)
    try:
        # What nobody has accepted yet is no socket of its own, and told of by the queue alone.
        return backlog(path) + sum(told.get(FILE) == file for told in _told(CONNECTED))
    except OSError:
        return _listed(path, ("02", "03"))


def _listed(path: Path, states: Collection[str]) -> int:
    """Return the same of a kernel without unix_diag, by names, and the STATES of proc(5)."""
    rows = [row.split() for row in LISTED.read_text(errors="replace").splitlines()]
    return sum(row[5] in states and row[7:] == [str(path)] for row in rows if len(row) > 5)


def _file(path: Path) -> bytes:
    """Return what tells the file at PATH from all others, as the kernel tells it; what no socket has when there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return b"-"
    device = os.major(found.st_dev) << 20 | os.minor(found.st_dev)
    return PAIR.pack(found.st_ino & 0xFFFFFFFF, device)


def _told(state: int) -> Iterator[dict[int, bytes]]:
    """Yield what the kernel tells of each Unix socket in a STATE. Raises OSError when it tells nothing."""
    with _turn, _socket() as asked:
        asked.settimeout(SECONDS)
        asked.sendto(question(state), (0, 0))
        while True:
            for kind, content in _parts(asked.recv(BLOCK), HEAD):
                if kind == DONE:
                    return
                if kind == ERROR:
                    raise OSError(-struct.unpack_from("=i", content)[0], "the kernel does not tell of Unix sockets")
                yield dict(_parts(content[ANSWER.size :], ATTRIBUTE))


def question(state: int) -> bytes:
    """Return what asks for each Unix socket in a STATE."""
    asked = ASK.pack(socket.AF_UNIX, 0, 0, state, 0, SHOW, 0xFFFFFFFF, 0xFFFFFFFF)
    return HEAD.pack(HEAD.size + len(asked), BY_FAMILY, REQUEST, 1, 0) + asked


def _socket() -> socket.socket:
    """Return a socket at which nothing waits: one that was given to this service, or a new one."""
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    if GIVEN not in names or os.environ.get("LISTEN_PID") != str(os.getpid()):
        return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, SOCK_DIAG)
    given = socket.socket(fileno=os.dup(FIRST_GIVEN + names.index(GIVEN)))
    with suppress(BlockingIOError):  # an answer that came too late
        while given.recv(BLOCK, socket.MSG_DONTWAIT):
            pass
    return given


def _parts(data: bytes, head: struct.Struct) -> Iterator[tuple[int, bytes]]:
    """Yield type and content of the parts of DATA, each of which begins with a HEAD and is filled up to four octets."""
    at = 0
    while at + head.size <= len(data):
        values = head.unpack_from(data, at)
        size = max(values[0], head.size)
        yield values[1], data[at + head.size : at + size]
        at += size + 3 & ~3
