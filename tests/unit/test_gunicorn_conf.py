# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""gunicorn_systemd: what its settings file decides when gunicorn reads it."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import socket
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from gunicorn_services import rendered

CURRENT, THIS, OTHER = "current", "0007-aaa", "0008-bbb"


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what the file says, by name, to a gunicorn of that version for a service with those keys."""

    def inner(version: tuple[int, ...], **keys: Any) -> dict[str, Any]:
        gunicorn, glogging = ModuleType("gunicorn"), ModuleType("gunicorn.glogging")
        gunicorn.version_info, glogging.Logger = version, logging.Logger  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "gunicorn", gunicorn)
        monkeypatch.setitem(sys.modules, "gunicorn.glogging", glogging)
        monkeypatch.setenv("RELEASE_ID", THIS)
        # What the file does to logging ends with the test.
        monkeypatch.setattr(logging.StreamHandler, "format", logging.Handler.format)
        link = {"current_link": str(tmp_path / CURRENT)}
        text = rendered("gunicorn.conf.py.j2", **{**link, **keys})
        said: dict[str, Any] = {}
        exec(compile(text, "gunicorn.conf.py", "exec"), said)
        return said

    return inner


@pytest.mark.parametrize(
    ("version", "worker_class", "seconds"),
    [
        ((27, 0, 1), "gthread", 5),
        ((28, 0, 0), "gthread", 5),
        ((27, 0, 0), "gthread", 0),
        ((23, 0, 0), "gthread", 0),
        ((27, 0, 1), "gevent", 0),
        ((27, 0, 1), "sync", 0),
    ],
)
def test_connections_are_kept_only_by_workers_that_end_them_well(
    read: Any, version: tuple[int, ...], worker_class: str, seconds: int
) -> None:
    assert read(version, worker_class=worker_class)["keepalive"] == seconds


@pytest.mark.parametrize("version", [(23, 0, 0), (25, 3, 0), (26, 2, 0)])
def test_asgi_workers_of_a_gunicorn_that_stops_them_badly_are_refused(read: Any, version: tuple[int, ...]) -> None:
    with pytest.raises(RuntimeError, match="needs gunicorn 27 or later"):
        read(version, worker_class="asgi")
    assert read((27, 0, 0), worker_class="asgi")["keepalive"] == 0


@pytest.mark.parametrize(
    ("scope", "known"),
    [
        ({"type": "http", "headers": [(b"host", b"x"), (b"x-request-id", b"0123456789abcdef")]}, "0123456789abcdef"),
        ({"type": "websocket", "headers": [(b"x-request-id", b"two words\n")]}, ""),
        ({"type": "lifespan"}, ""),
    ],
)
def test_an_asgi_app_is_called_with_the_requests_id_at_hand(read: Any, scope: dict[str, Any], known: str) -> None:
    said, seen = read((27, 0, 1), worker_class="asgi"), list[str]()

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.append(said["_request_id"].get())

    worker = SimpleNamespace(asgi=app, cfg=SimpleNamespace(keepalive=0, workers=1))
    said["post_worker_init"](worker)
    asyncio.run(worker.asgi(scope, None, None))
    assert seen == [known]


@pytest.mark.parametrize(
    ("messages", "raises", "ready"),
    [
        (["lifespan.startup.complete", "lifespan.shutdown.complete"], False, 1),
        (["lifespan.startup.failed"], True, 0),
        ([], True, 1),
        ([], False, 1),
    ],
    ids=["it starts", "its startup fails", "it knows no lifespan", "it says nothing"],
)
def test_an_asgi_release_is_ready_once_its_lifespan_has_started(
    read: Any, messages: list[str], raises: bool, ready: int
) -> None:
    said, told, sent = read((27, 0, 1), worker_class="asgi"), list[bytes](), list[str]()
    said["_serves"].__globals__["_tell"] = told.append

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        for message in messages:
            await send({"type": message})
        if raises:
            raise KeyError("lifespan")

    async def send(message: dict[str, Any]) -> None:
        assert len(told) == 0 or message["type"] != "lifespan.startup.complete", "gunicorn hears of it first"
        sent.append(message["type"])

    worker = SimpleNamespace(asgi=app, cfg=SimpleNamespace(keepalive=0, workers=2))
    said["post_worker_init"](worker)
    assert told == []
    with suppress(KeyError):
        asyncio.run(worker.asgi({"type": "lifespan"}, None, send))
    assert (len(told), sent) == (ready, messages)


class Response:
    """What gunicorn makes of an answer: one that was told to end its connection, or not."""

    closes = False

    def force_close(self) -> None:
        self.closes = True

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: object = None) -> str:
        return f"{status} {'closes' if self.closes else 'stays'}"


def answered(said: dict[str, Any], start_response: Any, keepalive: int = 5, during: Any = lambda: None) -> str:
    """Return how an app answers in a worker that was made ready, where DURING happens before the answer begins."""

    def app(environ: dict[str, str], start_response: Any) -> Any:
        during()
        return start_response("200 OK", [])

    worker = SimpleNamespace(cfg=SimpleNamespace(workers=1, keepalive=keepalive), wsgi=app)
    said["post_worker_init"](worker)
    return str(worker.wsgi({}, start_response))


@pytest.mark.parametrize(
    ("link", "answer"),
    [(f"releases/{THIS}", "200 OK stays"), (f"releases/{OTHER}", "200 OK closes"), ("", "200 OK stays")],
)
def test_a_release_ends_connections_when_another_one_serves(read: Any, tmp_path: Path, link: str, answer: str) -> None:
    if link:
        (tmp_path / CURRENT).symlink_to(link)
    assert answered(read((27, 0, 1)), Response().start_response) == answer


def test_an_answer_ends_its_connection_when_another_release_came_to_serve_meanwhile(read: Any, tmp_path: Path) -> None:
    (tmp_path / CURRENT).symlink_to(f"releases/{THIS}")

    def switch() -> None:
        (tmp_path / CURRENT).unlink()
        (tmp_path / CURRENT).symlink_to(f"releases/{OTHER}")

    assert answered(read((27, 0, 1)), Response().start_response, during=switch) == "200 OK closes"


def test_another_server_or_one_that_keeps_no_connection_is_left_alone(read: Any, tmp_path: Path) -> None:
    (tmp_path / CURRENT).symlink_to(f"releases/{OTHER}")
    said = read((27, 0, 1))
    assert answered(said, lambda status, headers: status) == "200 OK"
    assert answered(said, Response().start_response, keepalive=0) == "200 OK stays"


def test_no_link_is_looked_at_when_there_is_none(read: Any, tmp_path: Path) -> None:
    (tmp_path / CURRENT).symlink_to(f"releases/{OTHER}")
    said = read((27, 0, 1), current_link="")
    assert answered(said, Response().start_response) == "200 OK stays"


class Systemd:
    """What systemd would hear, and what it hands to gunicorn when it starts it."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.runtime = folder / "run"
        self.runtime.mkdir()
        self.messages = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.messages.bind(str(folder / "notify"))
        self.messages.setblocking(False)
        self.slept, self.closed = list[float](), list[int]()
        self.patch = patch
        patch.setenv("RUNTIME_DIRECTORY", str(self.runtime))
        patch.setattr(time, "sleep", self.slept.append)

    def start(self, read: Any, kept: bool, **variables: Any) -> dict[str, Any]:
        """Start gunicorn, with the socket that was KEPT over a restart or without."""
        self.patch.setenv("NOTIFY_SOCKET", str(self.messages.getsockname()))
        if kept:
            self.patch.setenv("LISTEN_FDS", "1")
        else:
            self.patch.delenv("LISTEN_FDS", raising=False)
        with self.patch.context() as patch:
            patch.setattr(os, "close", self.closed.append)
            said: dict[str, Any] = read((27, 0, 1), **variables)
        return said

    def heard(self) -> list[tuple[str, int]]:
        """Return the messages since the last time, and how many files came with each."""
        found = list[tuple[str, int]]()
        while True:
            try:
                text, files, _, _ = socket.recv_fds(self.messages, 1000, 4)
            except BlockingIOError:
                return found
            found.append((text.decode().splitlines()[0], len(files)))


def test_the_socket_is_kept_over_a_restart_but_not_over_one_that_came_to_nothing(
    read: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemd, worker = (
        Systemd(tmp_path, monkeypatch),
        SimpleNamespace(cfg=SimpleNamespace(workers=2, keepalive=0), wsgi=str),
    )
    server = SimpleNamespace(LISTENERS=[systemd.messages])
    first = systemd.start(read, kept=False)
    first["when_ready"](server)
    first["post_worker_init"](worker)
    assert systemd.heard() == [("FDSTORE=1", 1), ("READY=1", 0)]
    assert server.systemd  # gunicorn leaves the socket's name alone when it ends

    nameless = systemd.start(read, kept=True)
    nameless["post_worker_init"](worker)
    assert (systemd.heard(), systemd.slept) == ([("FDSTOREREMOVE=1", 0), ("READY=1", 0)], [])
    (systemd.runtime / "gunicorn.sock").touch()

    again = systemd.start(read, kept=True)  # after a crash: visitors wait in the socket
    again["when_ready"](server)
    assert (systemd.heard(), systemd.slept, os.environ["LISTEN_FDS"]) == ([], [], "1")

    third = systemd.start(read, kept=True)  # the second has never served: they are told, and nobody takes all the CPU
    assert (systemd.heard(), systemd.slept, systemd.closed[-1:]) == ([("FDSTOREREMOVE=1", 0)], [5], [3])
    assert "LISTEN_FDS" not in os.environ
    third["when_ready"](server)
    third["post_worker_init"](worker)
    assert systemd.heard() == [("FDSTORE=1", 1), ("READY=1", 0)]
    assert [path.name for path in systemd.runtime.iterdir()] == ["gunicorn.sock"]


def test_a_socket_that_releases_have_in_common_is_never_given_up(
    read: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With stop_first it is systemd's own (`<app>.socket`): one that gives it up would listen where nobody asks."""
    systemd = Systemd(tmp_path, monkeypatch)
    server = SimpleNamespace(LISTENERS=[systemd.messages])
    for _ in range(3):  # starts that come to nothing
        systemd.start(read, kept=True, handover="stop_first")["when_ready"](server)
    assert (systemd.heard(), os.environ["LISTEN_FDS"], 3 in systemd.closed, systemd.slept) == ([], "1", False, [5, 5])


def test_a_request_that_fails_on_the_sandbox_names_what_opens_it_once(
    read: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    explain = read((27, 0, 1))["_explain"]
    try:
        try:
            raise FileNotFoundError(2, "No such file or directory", "/proc/meminfo")
        except FileNotFoundError as error:
            raise RuntimeError("no statistics") from error
    except RuntimeError as error:
        explain(None, error)
        explain(None, error)
    explain(None, ValueError("something else"))
    said = capsys.readouterr().err
    assert said == "<4>The sandbox of the service refuses this; `sandbox: {host_metrics: true}` opens it\n"


def test_the_file_looks_at_failing_requests_of_flask_and_needs_no_flask(
    read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, connected = read((27, 0, 1)), []
    monkeypatch.setitem(
        sys.modules, "flask", SimpleNamespace(got_request_exception=SimpleNamespace(connect=connected.append))
    )
    said["_explain_refusals"]()
    assert connected == [said["_explain"]]
    monkeypatch.delitem(sys.modules, "flask")
    said["_explain_refusals"]()


@pytest.mark.parametrize(("variables", "workers"), [({}, False), ({"handover": "stop_first"}, True)])
def test_one_release_at_a_time_is_one_process_unless_told_otherwise(
    read: Any, variables: dict[str, Any], workers: bool
) -> None:
    assert (read((27, 0, 1), memory_max_mb=4096, **variables)["workers"] == 1) == workers
    assert read((27, 0, 1), workers=3, **variables)["workers"] == 3


ID = "5f0c1d9e7a6b4c3d"


def logged(said: dict[str, Any], log: Any, request_id: str = ID, handler: Any = None) -> str:
    """Return what a worker's output has when the app calls LOG with a logger in a request."""
    stream = io.StringIO()
    handler = handler or logging.StreamHandler(stream)
    handler.setFormatter(handler.formatter or logging.Formatter("%(levelname)s %(message)s"))
    logger = logging.Logger("shop")
    logger.addHandler(handler)

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        log(logger)
        return []

    worker = SimpleNamespace(cfg=SimpleNamespace(workers=1, keepalive=0), wsgi=app)
    said["post_worker_init"](worker)
    worker.wsgi({"HTTP_X_REQUEST_ID": request_id} if request_id else {}, None)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("log", "meant"),
    [
        (lambda log: log.info("sold %s", "7"), f"INFO sold 7 [request_id={ID}]\n"),
        (lambda log: log.info("two\nlines"), f"INFO two [request_id={ID}]\nlines\n"),
        (lambda log: log.info(f"it has {ID}"), f"INFO it has {ID}\n"),
        (lambda log: log.info("100 % %s {}"), f"INFO 100 % %s {{}} [request_id={ID}]\n"),
        (lambda log: log.info("x", extra={"request_id": "the app's own"}), f"INFO x [request_id={ID}]\n"),
    ],
)
def test_a_line_that_the_app_logs_has_the_requests_id(read: Any, log: Any, meant: str) -> None:
    assert logged(read((27, 0, 1), log_request_id=True), log) == meant


@pytest.mark.parametrize("request_id", ["", "short", "a b\nforged line", "x" * 200])
def test_a_line_without_an_id_or_with_one_that_nginx_never_makes_stays_as_it_is(read: Any, request_id: str) -> None:
    assert logged(read((27, 0, 1)), lambda log: log.info("x"), request_id) == "INFO x\n"


def test_a_line_of_json_stays_json(read: Any) -> None:
    def log(logger: logging.Logger) -> None:
        logger.handlers[0].setFormatter(logging.Formatter('{"message": "%(message)s"}'))
        logger.info("sold")

    assert json.loads(logged(read((27, 0, 1)), log)) == {"message": "sold", "request_id": ID}


def test_nothing_that_goes_wrong_with_the_id_keeps_a_line_or_a_request_back(read: Any) -> None:
    said = read((27, 0, 1))
    said["_with_request"] = lambda *_: 1 / 0
    assert logged(said, lambda log: log.info("x")) == "INFO x\n"


def test_a_file_that_the_app_logs_to_is_its_own(read: Any, tmp_path: Path) -> None:
    logged(read((27, 0, 1)), lambda log: log.info("x"), handler=logging.FileHandler(tmp_path / "own.log"))
    assert (tmp_path / "own.log").read_text() == "INFO x\n"


def test_a_job_that_a_request_queues_is_told_with_both_ids(
    read: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Queue:
        def enqueue_job(self, job: Any, pipeline: Any = None) -> Any:
            return job

    publish: list[Any] = []
    signal = SimpleNamespace(connect=lambda receiver, weak: publish.append(receiver))
    monkeypatch.setitem(sys.modules, "rq.queue", SimpleNamespace(Queue=Queue))
    monkeypatch.setitem(sys.modules, "celery.signals", SimpleNamespace(after_task_publish=signal))
    job = SimpleNamespace(func_name="shop.mail", id="job-77777777")

    def queue(_: logging.Logger) -> None:
        assert Queue().enqueue_job(job, pipeline=None) is job
        publish[0](sender="shop.sum", headers={"id": "task-8888888"}, body=())
        publish[0](sender="shop.sum", headers=None)

    logged(read((27, 0, 1)), queue)
    assert capsys.readouterr().err.splitlines()[-2:] == [
        f"<6>queued job 'shop.mail' id=job-77777777 [request_id={ID}]",
        f"<6>queued task 'shop.sum' id=task-8888888 [request_id={ID}]",
    ]


def test_gunicorns_own_lines_have_no_secret_parameter(read: Any) -> None:
    formatter = read((27, 0, 1))["_JournalFormatter"]("%(message)s")
    record = logging.LogRecord(
        "gunicorn.error", logging.ERROR, "", 0, "Error handling request /reset?token=abc&a=1", (), None
    )
    assert formatter.format(record) == "<3>Error handling request /reset?token=***&a=1"


@pytest.mark.parametrize(("shorten", "meant"), [(False, "203.0.113.77"), (True, "203.0.113.0")])
def test_the_access_log_has_as_much_of_an_address_as_is_wanted(read: Any, shorten: bool, meant: str) -> None:
    said = read((27, 0, 1), log_shorten_addresses=shorten, access_log_query=True)
    environ = {"REMOTE_ADDR": "203.0.113.77", "RAW_URI": "/x?code=1&b=2"}
    entry = said["_entry"](SimpleNamespace(status="200 OK", sent=1), None, environ, timedelta(seconds=1))
    assert (entry["remote_addr"], entry["query"]) == (meant, "code=***&b=2")
