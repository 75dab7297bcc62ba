# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How busy gunicorn is, as the collector tells it: over releases, restarts, and whatever an app writes."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import unix_sockets
from ansible_collections.slipway.flask.plugins.module_utils._metrics import saturation, text
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import App, Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.gunicorn import Gunicorn


class Host:
    """A host with one app, whose releases write what the tests say."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.run, self.root, self.clock = folder / "run", folder / "srv", 100.0
        (self.run / "shop").mkdir(parents=True)
        waiting = {str(self.run / "shop/0007-a/gunicorn.sock"): 2}
        patch.setattr(unix_sockets, "backlog", lambda path: waiting.get(str(path), 0))
        self.config = Config(apps=[App("shop", str(self.root), str(folder / "etc"))], state=folder / "state")
        patch.setattr(time, "monotonic", lambda: self.clock)
        self.restart()

    def restart(self) -> None:
        self.part = Gunicorn(self.config, self.run)

    def serve(self, release: str) -> None:
        folder = self.root / "releases" / release
        folder.mkdir(parents=True, exist_ok=True)
        (self.run / "shop" / release).mkdir(exist_ok=True)
        if not (folder / "run").is_symlink():
            (folder / "run").symlink_to(self.run / "shop" / release)
        (self.root / "current").unlink(missing_ok=True)
        (self.root / "current").symlink_to(f"releases/{release}")

    def write(
        self, release: str, *workers: tuple[float, ...], pid: float = 7, ended: tuple[float, ...] = (0, 0, 0)
    ) -> None:
        """Have RELEASE say what it does: each worker has process, start, busy, when that was, seconds before."""
        slots = [[*worker, 0.0, 0.0, 0.0] for worker in workers]
        cells = [
            saturation.VERSION,
            len(slots),
            len(slots),
            4,
            pid,
            50,
            *ended,
            0,
            0,
            0,
            *(one for slot in slots for one in slot),
        ]
        self.raw(release, struct.pack(f"{len(cells)}d", *cells))

    def raw(self, release: str, data: bytes) -> None:
        (self.run / "shop" / release / saturation.FILE).write_bytes(data)

    def look(self) -> dict[str, float]:
        """Return the series that a look gives, as they are written, by what follows `slipway_gunicorn_`."""
        written, left_out = text.render(self.part.samples(0))
        assert left_out == 0
        rows = (row.split() for row in written.splitlines() if not row.startswith("#"))
        return {row[0].removeprefix("slipway_gunicorn_").removesuffix('{app="shop"}'): float(row[1]) for row in rows}


@pytest.fixture(name="host")
def _host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host(tmp_path, monkeypatch)
    host.serve("0007-a")
    return host


def test_an_app_without_a_release_or_one_that_notes_nothing_has_no_more_than_those_who_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(tmp_path, monkeypatch)
    assert host.look() == {}
    host.serve("0007-a")
    assert (host.look()["backlog"], "threads" in host.look()) == (2, False)


def test_busy_threads_are_an_average_since_the_last_look(host: Host) -> None:
    host.write("0007-a", (11, 60, 1, 90, 5), (12, 80, 0, 95, 7), (0, 0, 0, 0, 100))
    said = host.look()
    assert (said["workers"], said["threads"], said["threads_busy"], said["worker_oldest_seconds"]) == (2, 8, 1, 40)
    assert said["busy_seconds_total"] == 122
    host.clock = 110
    host.write("0007-a", (11, 60, 0, 105, 20), (12, 80, 3, 105, 7), (0, 0, 0, 0, 100))
    said = host.look()
    assert (said["threads_busy"], said["busy_seconds_total"]) == (2, 142)


def test_what_ended_is_counted_over_releases_and_restarts_of_the_collector(host: Host) -> None:
    host.write("0007-a", ended=(3, 1, 1), pid=7)
    names = ("worker_restarts_total", "worker_timeouts_total", "worker_crashes_total")
    assert [host.look()[name] for name in names] == [0, 0, 0]  # no worker's place: half a file
    host.write("0007-a", (11, 60, 0, 90, 0), ended=(3, 1, 1))
    assert [host.look()[name] for name in names] == [3, 1, 1]
    host.serve("0008-b")
    host.write("0008-b", (21, 60, 0, 90, 0), ended=(1, 0, 0), pid=8)
    assert host.look()[names[0]] == 4
    host.restart()
    host.raw("0007-a", b"")
    assert host.look()[names[0]] == 4
    host.write("0008-b", (21, 60, 0, 90, 0), ended=(2, 0, 0), pid=9)  # its master was started again
    assert host.look()[names[0]] == 6


@pytest.mark.parametrize(
    "data",
    [
        b"", b"x", b"\xff" * 4096, b"\0" * 4096, struct.pack("12d", 1, 1e9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        struct.pack("20d", 1, 1, 1, float("inf"), float("nan"), 0, float("inf"), -5, 0, 0, 0, 0, 1, 0, 1e308, -1e308, 1, 0, 0, 0),
    ],
    ids=range(6),
)  # fmt: skip
def test_whatever_an_app_writes_there_are_numbers_or_nothing(host: Host, data: bytes) -> None:
    host.raw("0007-a", data)
    for value in host.look().values():
        assert 0 <= value < 1e16
    host.restart()
    host.look()


def test_a_link_or_a_pipe_is_never_read(host: Host) -> None:
    host.write("0007-a", (11, 60, 1, 90, 5))
    file = host.run / "shop" / "0007-a" / saturation.FILE
    elsewhere = file.with_name("elsewhere")
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    assert "threads" not in host.look()
