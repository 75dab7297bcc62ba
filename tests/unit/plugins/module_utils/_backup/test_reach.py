# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A server that is down is found out in seconds, whatever programs do about it."""

from __future__ import annotations

import socket

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._backup import pgbackrest, reach
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.module_utils._backup.restic import Restic
from ansible_collections.slipway.flask.plugins.module_utils._backup.settings import Settings, Target


@pytest.mark.parametrize(
    ("target", "address"),
    [
        (Target("path", "/mnt/one"), None),
        (Target("sftp", "/home/u", host="b.example.net", port=23), ("b.example.net", 23)),
        (Target("s3", "shop", bucket="shop", endpoint="s3.example.net"), ("s3.example.net", 443)),
        (Target("s3", "shop", bucket="shop", endpoint="s3.example.net:9000"), ("s3.example.net", 9000)),
        (
            Target("s3", "", bucket="shop", endpoint="s3.example.net", addressing="virtual"),
            ("shop.s3.example.net", 443),
        ),
    ],
)
def test_each_kind_of_target_has_its_address(target: Target, address: tuple[str, int] | None) -> None:
    assert reach.address(target) == address


def test_a_server_that_is_down_is_asked_nothing_and_the_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as up:
        there = Target("sftp", "/b", host="127.0.0.1", port=up.getsockname()[1])
        assert reach.why_not(there) == ""
        with socket.create_server(("127.0.0.1", 0)) as down:
            gone = Target("sftp", "/b", host="127.0.0.1", port=down.getsockname()[1], user="u")
        settings = Settings("web1", [gone, there], "x" * 20)
        asked: list[tuple[str, ...]] = []

        def call(_: object, *arguments: str, **__: object) -> str:
            asked.append(arguments)
            return "[]"

        monkeypatch.setattr(pgbackrest.PgBackRest, "_call", call)
        first, second = pgbackrest.PgBackRest(settings).info()
    assert (first.number, second.number) == (1, 2)
    assert first.problem.startswith("unable to connect to 127.0.0.1")
    assert asked == [("info", "--output=json", "--repo=2")]
    with pytest.raises(BackupError, match="unable to connect to 127"):
        Restic(settings, gone).snapshots()


def test_one_repository_is_looked_into_without_asking_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def call(_: object, *arguments: str, **__: object) -> str:
        asked.append(arguments)
        return "[]"

    monkeypatch.setattr(pgbackrest.PgBackRest, "_call", call)
    settings = Settings("web1", [Target("path", "/a"), Target("path", "/b")], "x" * 20)
    assert pgbackrest.PgBackRest(settings).repository(2).number == 2
    assert asked == [("info", "--output=json", "--repo=2")]
