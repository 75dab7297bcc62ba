# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""gunicorn_systemd: what its settings file notes of busy threads and ended workers, as the collector reads it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._metrics import saturation
from ansible_collections.slipway.flask.plugins.module_utils._metrics.saturation import Saturation
from gunicorn_services import rendered

HOOKS = {"pre_fork", "post_fork", "pre_request", "post_request", "worker_exit", "child_exit"}


class Gunicorn:
    """A gunicorn as far as the settings need one: all of its workers are this process, one after the other."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, own: str = "", **keys: Any) -> None:
        gunicorn, glogging = ModuleType("gunicorn"), ModuleType("gunicorn.glogging")
        gunicorn.version_info, glogging.Logger = (27, 0, 1), object  # type: ignore[attr-defined]
        patch.setitem(sys.modules, "gunicorn", gunicorn)
        patch.setitem(sys.modules, "gunicorn.glogging", glogging)
        patch.setenv("RUNTIME_DIRECTORY", str(folder))
        patch.setenv("NOTIFY_SOCKET", str(folder / "nobody"))
        patch.setenv("PROMETHEUS_MULTIPROC_DIR", own)  # the settings may set it: this has it taken back
        if not own:
            patch.delenv("PROMETHEUS_MULTIPROC_DIR")
        self.folder, self.server = folder, SimpleNamespace(WORKERS={})
        self.said: dict[str, Any] = {}
        self.clock = 1000.0
        patch.setattr(time, "monotonic", lambda: self.clock)
        text = rendered(
            "gunicorn.conf.py.j2", **{"workers": 2, "threads": 4, "current_link": "", "metrics": True, **keys}
        )
        exec(compile(text, "gunicorn.conf.py", "exec"), self.said)

    def start(self, pid: int) -> SimpleNamespace:
        """Start a worker; requests from here on are its own."""
        worker = SimpleNamespace(aborted=False, pid=pid)
        self.said["pre_fork"](self.server, worker)
        self.server.WORKERS[pid] = worker
        self.said["post_fork"](self.server, worker)
        return worker

    def begin(self, worker: Any, seconds: float = 0) -> None:
        self.said["pre_request"](worker, None)
        self.clock += seconds

    def end(self, worker: Any) -> None:
        self.said["post_request"](worker, None, {}, None)

    def reap(self, worker: Any, by_itself: bool = True) -> None:
        if by_itself:
            self.said["worker_exit"](self.server, worker)
        self.server.WORKERS.pop(worker.pid)
        self.said["child_exit"](self.server, worker)

    def look(self) -> Saturation:
        found = saturation.read(self.folder, self.clock)
        assert found
        return found


@pytest.fixture(name="started")
def _started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Gunicorn]:
    return lambda **keys: Gunicorn(tmp_path, monkeypatch, **keys)


def test_busy_threads_are_told_and_the_seconds_that_they_were(started: Callable[..., Gunicorn]) -> None:
    gunicorn = started()
    worker = gunicorn.start(11)
    gunicorn.begin(worker, 2)
    gunicorn.begin(worker, 3)
    said = gunicorn.look()
    assert (said.threads, [one.busy for one in said.workers], said.busy_seconds) == (4, [2], 8)
    gunicorn.end(worker)
    gunicorn.end(worker)
    gunicorn.clock += 100
    said = gunicorn.look()
    assert ([one.busy for one in said.workers], said.busy_seconds, said.workers[0].since) == ([0], 8, 1000)


def test_workers_that_end_are_told_by_why_they_did(started: Callable[..., Gunicorn]) -> None:
    gunicorn = started()
    first, second, third = (gunicorn.start(pid) for pid in (11, 12, 13))
    second.aborted = True
    gunicorn.reap(first)
    gunicorn.reap(second)
    gunicorn.start(14)
    gunicorn.reap(third, by_itself=False)
    said = gunicorn.look()
    assert (said.exits, said.timeouts, said.crashes, len(said.workers)) == (3, 1, 1, 1)


def test_seconds_of_a_worker_that_was_killed_over_a_request_are_kept(started: Callable[..., Gunicorn]) -> None:
    gunicorn = started()
    worker = gunicorn.start(11)
    gunicorn.begin(worker, 30)
    gunicorn.reap(worker, by_itself=False)
    gunicorn.clock += 10
    assert gunicorn.start(12).slipway_slot == worker.slipway_slot
    said = gunicorn.look()
    assert (said.busy_seconds, [one.busy for one in said.workers]) == (30, [0])


def test_more_workers_than_there_are_places_are_served_but_not_told(started: Callable[..., Gunicorn]) -> None:
    gunicorn = started()
    workers = [gunicorn.start(pid) for pid in range(11, 20)]
    for worker in workers:
        gunicorn.begin(worker)
        gunicorn.end(worker)
        gunicorn.reap(worker)
    assert gunicorn.look().workers == []


def test_threads_that_begin_and_end_at_once_are_all_counted(started: Callable[..., Gunicorn]) -> None:
    gunicorn = started(threads=8)
    worker = gunicorn.start(11)

    def requests() -> None:
        for _ in range(500):
            gunicorn.begin(worker)
            gunicorn.end(worker)

    threads = [threading.Thread(target=requests) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.busy for one in gunicorn.look().workers] == [0]


def test_a_start_makes_a_new_file_for_workers_may_have_outlived_their_master(started: Callable[..., Gunicorn]) -> None:
    gunicorn = started()
    worker = gunicorn.start(11)
    again = started()
    gunicorn.begin(worker)
    assert (again.look().workers, (again.folder / "saturation").stat().st_mode & 0o777) == ([], 0o600)


def test_no_room_in_memory_costs_only_the_metrics(
    started: Callable[..., Gunicorn], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    said = started().said
    assert not HOOKS & set(said)
    assert saturation.read(tmp_path, 0) is None


def test_whatever_goes_wrong_goes_wrong_for_no_request(started: Callable[..., Gunicorn]) -> None:
    gunicorn = started()
    worker = gunicorn.start(11)
    gunicorn.said["_page"].release()
    gunicorn.begin(worker)
    gunicorn.end(worker)
    gunicorn.reap(worker)


def test_hooks_of_config_extra_run_as_well(started: Callable[..., Gunicorn]) -> None:
    extra = "\n".join(
        ["heard = []", "def pre_request(worker, req):", "    heard.append('begins')"]
        + ["def post_request(worker, req):", "    heard.append('ends')"]
        + ["def child_exit(server, worker):", "    heard.append('gone')"]
    )
    gunicorn = started(config_extra=extra)
    worker = gunicorn.start(11)
    gunicorn.begin(worker, 1)
    gunicorn.end(worker)
    gunicorn.reap(worker)
    assert gunicorn.said["heard"] == ["begins", "ends", "gone"]
    assert (gunicorn.look().busy_seconds, gunicorn.look().exits) == (1, 1)


def test_a_hook_that_refuses_a_request_still_does(started: Callable[..., Gunicorn]) -> None:
    gunicorn = started(config_extra="def pre_request(worker, req):\n    raise PermissionError('no')")
    with pytest.raises(PermissionError):
        gunicorn.begin(gunicorn.start(11))


def test_without_metrics_the_file_is_the_same_as_it_always_was() -> None:
    plain = rendered("gunicorn.conf.py.j2")
    assert rendered("gunicorn.conf.py.j2", own_metrics=True) == plain
    assert "saturation" not in plain


@pytest.mark.parametrize(("worker_class", "threads"), [("sync", 1), ("gthread", 4), ("gevent", 1000), ("asgi", 1000)])
def test_a_worker_has_as_many_places_as_its_kind(
    started: Callable[..., Gunicorn], worker_class: str, threads: int
) -> None:
    gunicorn = started(worker_class=worker_class)
    gunicorn.start(11)
    assert gunicorn.look().threads == threads


# ---- the app's own ----------------------------------------------------------------------------------------------------


@pytest.fixture(name="values")
def _values(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return what stands for prometheus_client.values."""
    values = SimpleNamespace(MultiProcessValue=lambda name: name, ValueClass=None)
    monkeypatch.setitem(sys.modules, "prometheus_client", SimpleNamespace(values=values))
    return values


def test_workers_of_an_app_with_metrics_count_together_in_a_folder_of_the_release(
    started: Callable[..., Gunicorn], values: SimpleNamespace, tmp_path: Path
) -> None:
    folder = tmp_path / "prometheus"
    folder.mkdir()
    (folder / "counter_77.db").touch()  # of a master that died
    gunicorn = started(own_metrics=True)
    assert (os.environ["PROMETHEUS_MULTIPROC_DIR"], list(folder.iterdir())) == (str(folder), [])
    assert values.ValueClass() == f"pid{os.getpid()}"
    first, second = gunicorn.start(11), gunicorn.start(12)
    assert values.ValueClass() == "slot1"
    for name in ("counter_slot0.db", "gauge_liveall_slot0.db", "gauge_liveall_slot1.db"):
        (folder / name).touch()
    gunicorn.reap(first)
    assert {path.name for path in folder.iterdir()} == {"counter_slot0.db", "gauge_liveall_slot1.db"}
    assert (gunicorn.start(13).slipway_slot, values.ValueClass(), second.slipway_slot) == (0, "slot0", 1)


def test_an_app_that_sees_to_its_metrics_itself_or_has_no_such_package_is_left_alone(
    started: Callable[..., Gunicorn], values: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started(own_metrics=True, own="/srv/shop/shared/metrics")
    assert (values.ValueClass, os.environ["PROMETHEUS_MULTIPROC_DIR"]) == (None, "/srv/shop/shared/metrics")
    assert not (tmp_path / "prometheus").exists()
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    assert started(own_metrics=True).start(11).slipway_slot == 0
