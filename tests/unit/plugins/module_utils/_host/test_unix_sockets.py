# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Who waits at a Unix socket, as the kernel tells it."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import unix_sockets


@pytest.fixture(name="folder")
def _folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="s") as path:
        yield Path(path)


@pytest.fixture(name="stack")
def _stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def listen(stack: ExitStack, path: str) -> socket.socket:
    server = stack.enter_context(socket.socket(socket.AF_UNIX))
    server.bind(path)
    server.listen(16)
    return server


def connect(stack: ExitStack, path: str, count: int) -> None:
    for _ in range(count):
        stack.enter_context(socket.socket(socket.AF_UNIX)).connect(path)


def test_who_waits_is_counted_and_only_at_that_socket(folder: Path, stack: ExitStack) -> None:
    one, other = folder / "one", folder / "other"
    for path, count in ((one, 3), (other, 1)):
        listen(stack, str(path))
        connect(stack, str(path), count)
    assert (unix_sockets.backlog(one), unix_sockets.backlog(other)) == (3, 1)


def test_connections_are_counted_whether_accepted_or_not(folder: Path, stack: ExitStack) -> None:
    path = folder / "one"
    server = listen(stack, str(path))
    assert unix_sockets.connected(path) == 0
    connect(stack, str(path), 3)
    stack.enter_context(server.accept()[0])
    assert (unix_sockets.backlog(path), unix_sockets.connected(path)) == (2, 3)


@pytest.mark.parametrize(
    "name",
    [
        "x\nffff: 00000002 00000000 00000000 0001 02 0 {path}",
        "x\nu_str LISTEN 9 9 {path} 1 * 0",
        "\0x {path}",
        "\0{path}",
    ],
    ids=["a row of /proc/net/unix", "a row of ss", "a second name", "the same name without a file"],
)
def test_no_name_of_a_socket_makes_it_look_as_if_somebody_waited_at_another_one(
    folder: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(folder)
    path = folder / "one"
    listen(stack, str(path))
    forged = name.format(path=path)
    if not forged.startswith("\0"):
        Path(forged).parent.mkdir(parents=True)
    listen(stack, forged)
    connect(stack, forged, 5)
    assert (unix_sockets.backlog(path), unix_sockets.connected(path)) == (0, 0)


def test_nobody_waits_where_there_is_no_socket(folder: Path) -> None:
    assert (unix_sockets.backlog(folder / "none"), unix_sockets.connected(folder / "none")) == (0, 0)


def test_a_kernel_that_does_not_tell_is_asked_for_its_list(
    folder: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unix_sockets, "SOCK_DIAG", 31)  # which there is not
    path = folder / "one"
    server = listen(stack, str(path))
    connect(stack, str(path), 3)
    stack.enter_context(server.accept()[0])
    assert (unix_sockets.backlog(path), unix_sockets.connected(path)) == (2, 3)


def test_a_service_that_can_make_no_such_socket_asks_by_the_one_it_was_given(
    folder: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = stack.enter_context(
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, unix_sockets.SOCK_DIAG)
    )
    listen(stack, str(folder / "one"))
    connect(stack, str(folder / "one"), 2)
    monkeypatch.setattr(unix_sockets, "FIRST_GIVEN", given.fileno() - 1)
    monkeypatch.setenv("LISTEN_FDNAMES", f"other:{unix_sockets.GIVEN}")
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    # An answer to somebody who did not wait for it is left in there.
    given.sendto(unix_sockets.question(unix_sockets.CONNECTED), (0, 0))
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(unix_sockets.socket, "socket", _given_only(socket.socket))
        assert [unix_sockets.backlog(folder / "one") for _ in range(2)] == [2, 2]


def _given_only(make: Any) -> Any:
    def made(*arguments: Any, **keys: Any) -> Any:
        assert not arguments, "the service can't make a socket of netlink's"
        return make(**keys)

    return made
