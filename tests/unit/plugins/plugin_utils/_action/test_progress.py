# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is shown while a deploy goes on, and that showing it never decides how the deploy ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.ssh import Connection
from ansible_collections.slipway.flask.plugins.plugin_utils._action import progress


class Channel(Connection):  # type: ignore[misc]
    """An SSH connection whose commands ANSWER answers."""

    def __init__(self, answer: Callable[[], tuple[int, bytes, bytes]]) -> None:
        self.answer, self.commands = answer, threading.Semaphore(0)

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        assert (cmd, sudoable) == ("cat /run/slipway/shop.progress", False)
        try:
            return self.answer()
        finally:
            self.commands.release()


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is displayed; the first look is at once, the next ones follow closely."""
    texts: list[str] = []
    monkeypatch.setattr(progress, "Display", lambda: MagicMock(display=texts.append))
    monkeypatch.setattr(progress, "FIRST_SECONDS", 0)
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.001)
    return texts


def test_each_line_is_shown_once_with_app_and_host(shown: list[str]) -> None:
    texts = iter([b"me\nfetch\n", b"me\nfetch\n", b"me\nfetch\nfetch 0.2\nbuild\n"])
    channel = Channel(lambda: (0, next(texts, b""), b""))
    with progress.Watch(channel, "web1", "shop", "me"):
        for _ in range(4):
            assert channel.commands.acquire(timeout=10)
    assert shown == ["shop on web1: fetch …", "shop on web1: fetch 0.2 s, build …"]


def test_a_call_that_is_over_soon_is_not_looked_at(shown: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FIRST_SECONDS", 60)
    channel = Channel(lambda: (0, b"me\nfetch\n", b""))
    with progress.Watch(channel, "web1", "shop", "me") as watch:
        pass
    assert not watch.thread.is_alive()
    assert (channel.commands.acquire(blocking=False), shown) == (False, [])


def test_another_run_and_a_file_that_is_not_there_show_nothing(shown: list[str]) -> None:
    answers = iter([(1, b"", b"cat: no such file"), (0, b"you\nfetch\n", b"")])
    channel = Channel(lambda: next(answers, (1, b"", b"")))
    with progress.Watch(channel, "web1", "shop", "me"):
        for _ in range(3):
            assert channel.commands.acquire(timeout=10)
    assert shown == []


def test_a_lost_connection_ends_the_looking_and_nothing_else(shown: list[str]) -> None:
    def lost() -> tuple[int, bytes, bytes]:
        raise AnsibleConnectionFailure("gone")

    channel = Channel(lost)
    with progress.Watch(channel, "web1", "shop", "me") as watch:
        watch.thread.join(10)
        assert not watch.thread.is_alive()
    assert shown == []


def test_a_connection_that_is_not_ssh_is_left_alone(shown: list[str]) -> None:
    with progress.Watch(MagicMock(), "web1", "shop", "me") as watch:
        assert not watch.thread.is_alive()
    assert shown == []
