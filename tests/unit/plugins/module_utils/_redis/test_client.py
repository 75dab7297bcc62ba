# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A Redis, or who pretends to be one, costs whoever asks it a bounded amount of memory and time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from itertools import count
from types import SimpleNamespace

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._redis import client
from ansible_collections.slipway.flask.plugins.module_utils._redis.client import Client, NotRedis
from ansible_collections.slipway.flask.plugins.module_utils._redis.url import RedisUrl

MEBI = 1 << 20


def pieces(piece: bytes, times: int, first: bytes = b"") -> Callable[[socket.socket], None]:
    """Return what answers FIRST, then so many TIMES PIECE."""

    def answer(one: socket.socket) -> None:
        one.sendall(first)
        for _ in range(times):
            one.sendall(piece)

    return answer


def asked(answer: Callable[[socket.socket], None], seconds: float = 5) -> list[str]:
    """Ask who answers with ANSWER for a list."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        one, _ = listening.accept()
        with one:
            try:
                one.recv(100)
                answer(one)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    try:
        found = Client(RedisUrl("redis", "127.0.0.1", listening.getsockname()[1]), seconds)
        try:
            return found.ask_list("SCAN", "0")
        finally:
            found.close()
    finally:
        listening.close()


def test_lists_in_a_list_become_part_of_it() -> None:
    assert asked(pieces(b"*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$-1\r\n", 1)) == ["0", "a", ""]


@pytest.mark.parametrize(
    "answer",
    [
        pieces(b"$%d\r\n%s\r\n" % (MEBI, b"x" * MEBI), 100, b"*100\r\n"),
        pieces(b"x" * MEBI, 100, b"*1\r\n$104857600\r\n"),
        pieces(b"+" + b"x" * MEBI + b"\r\n", 100, b"*100\r\n"),
        pieces(b"*1\r\n", 5000),
        pieces(b"HTTP/1.1 400 Bad Request\r\n", 1),
    ],
    ids=["many", "one", "lines", "nested", "another server"],
)
def test_an_answer_without_an_end_is_none_of_redis(answer: Callable[[socket.socket], None]) -> None:
    with pytest.raises(NotRedis):
        asked(answer)


def test_an_answer_that_comes_slowly_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count()
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    with pytest.raises(TimeoutError):
        asked(pieces(b"+\r\n", 100, b"*100\r\n"), 3)
