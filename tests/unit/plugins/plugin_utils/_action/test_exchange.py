# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Large data on its way, over a connection that copies files and runs commands: whole, or not there at all."""

from __future__ import annotations

import fcntl
import hashlib
import io
import shutil
import stat
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._transfer import spool
from ansible_collections.slipway.flask.plugins.plugin_utils._action import exchange


class Connection:
    """This machine, as a host."""

    def put_file(self, here: str, there: str) -> None:
        shutil.copyfile(here, there)

    def fetch_file(self, there: str, here: str) -> None:
        shutil.copyfile(there, here)


class Action:
    _connection = Connection()

    def _low_level_execute_command(self, command: str, sudoable: bool = True) -> dict[str, Any]:
        assert not sudoable
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        return {"rc": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "PIECE", 10)
    monkeypatch.setattr(exchange, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(spool, "PIECE", 10)
    monkeypatch.setattr(spool, "LOOK_SECONDS", 0.001)


def telling(told: list[str] | None = None) -> exchange.Telling:
    return exchange.Telling((told if told is not None else []).append, "sent", 0)


@pytest.mark.parametrize("size", [0, 1, 10, 95])
def test_what_is_sent_arrives_as_it_is_for_nobody_else_to_read(tmp_path: Path, size: int) -> None:
    content, target = bytes(range(size)), tmp_path / "it's here"
    sent = exchange.send(Action(), io.BytesIO(content), str(target), telling())  # type: ignore[arg-type]
    assert sent == (size, hashlib.sha256(content).hexdigest())
    assert target.read_bytes() == content and stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [*tmp_path.iterdir()] == [target]


def test_how_far_it_is_is_told_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "TELL_SECONDS", 0.0)
    told: list[str] = []
    exchange.Telling(told.append, "old.dump sent", 4_000_000_000).at(1_500_000_000)
    assert told == ["old.dump sent: 1.5 GB of 4.0 GB"]


@pytest.fixture
def host(tmp_path: Path) -> Path:
    (tmp_path / "host").mkdir()
    (tmp_path / "to").mkdir()
    return tmp_path / "host"


def write(folder: Path, items: dict[str, bytes], error: str = "", wrong: bool = False) -> threading.Thread:
    """Write ITEMS as the host does, in a thread."""
    into = spool.Spool(folder)

    def run() -> None:
        try:
            for name, content in items.items():
                item = into.begin(name)
                item.write(content)
                item.finish()
                if wrong:
                    into.state.items[-1].sha256 = "0"
            into.end(error)
        except spool.GoneError:
            into.end()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def fetch(host: Path) -> exchange.Fetch:
    return exchange.Fetch(Action(), str(host), host.parent / "to", telling())  # type: ignore[arg-type]


def test_what_the_host_writes_is_fetched_whole_and_nothing_is_left_there(host: Path) -> None:
    items = {"shop-1.dump": b"1" * 95, "shop-uploads-1.tar": b"", "shop-papers-1.tar": b"2" * 10}
    writer = write(host, items)
    files, notes = fetch(host).run()
    writer.join()
    assert {path.name: path.read_bytes() for path in files} == items and notes == []
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert sorted(path.name for path in (host.parent / "to").iterdir()) == sorted(items)
    assert not host.exists()


FAILS = {
    "the host fails": ({"error": "pg_dump failed"}, "pg_dump failed"),
    "what arrives is another": ({"wrong": True}, "was damaged on its way"),
}


@pytest.mark.parametrize("name", FAILS)
def test_nothing_half_is_left_when_it_fails(host: Path, name: str) -> None:
    how, said = FAILS[name]
    writer = write(host, {"shop-1.dump": b"1" * 50, "shop-2.tar": b"2" * 50}, **how)  # type: ignore[arg-type]
    with pytest.raises(exchange.ExchangeError, match=said):
        fetch(host).run()
    writer.join()
    assert [*(host.parent / "to").iterdir()] == []
    assert not host.exists()


def test_a_host_that_wants_to_write_elsewhere_is_refused(host: Path) -> None:
    writer = write(host, {"../shop": b"1"})
    with pytest.raises(exchange.ExchangeError, match="wants to write"):
        fetch(host).run()
    writer.join()
    assert sorted(path.name for path in host.parent.iterdir()) == ["to"]


def test_halves_that_a_killed_run_has_left_are_removed_and_those_of_one_that_runs_are_not(tmp_path: Path) -> None:
    left, used, other = (
        tmp_path / name for name in (".shop-1.dump.x.part", ".shop-2.dump.y.part", ".blog-1.dump.z.part")
    )
    for path in (left, used, other):
        path.touch()
    with used.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        exchange.sweep(tmp_path, "shop")
        assert {*tmp_path.iterdir()} == {used, other}
