# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What starts in a container of an image, with which variables, and what is asked of it; the whole is tests/slow/test_image.py."""

from __future__ import annotations

import http.server
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._image import entry, healthy, migrate, secret_files

APP: dict[str, Any] = {
    "app": "shop", "wsgi": "wsgi:app", "release": "4f2c", "revision": "4f2c",
    "processes": {"worker": {"argv": ["rq", "worker"], "environment": {"QUEUE": "high"}}},
    "health": {"path": ["/healthz"], "status": [200], "host": "shop.example.org"},
    "release_commands": [
        {"command": "flask db upgrade", "once": False, "name": ""}, {"command": "flask seed", "once": True, "name": ""},
    ],
    "migrations": {"mode": "guarded", "allow": ["0001"], "lock_timeout_seconds": 5, "statement_timeout_seconds": 0,
                   "variable": "DATABASE_URL"},
    "database": {"variable": "DATABASE_URL", "scheme": "postgresql+psycopg"}, "check_seconds": 120,
    "writes_at_import": False, "shared_folders": [],
}  # fmt: skip


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(secret_files, "SECRETS", (f"{tmp_path}/",))
    return tmp_path


def test_a_secret_comes_out_of_its_file(secrets: Path) -> None:
    (secrets / "key").write_text("s3cret\n")
    given = {"SECRET_KEY_FILE": f"{secrets}/key", "LOG_FILE": "/var/log/shop", "_FILE": f"{secrets}/key"}
    assert secret_files.read(given) == {"SECRET_KEY": "s3cret", "LOG_FILE": "/var/log/shop", "_FILE": f"{secrets}/key"}


def test_a_secret_that_is_given_twice_or_missing_stops_the_container(secrets: Path) -> None:
    (secrets / "key").write_text("s3cret")
    with pytest.raises(entry.EntryError, match="both KEY and KEY_FILE are set"):
        entry.environment(APP, {"KEY": "x", "KEY_FILE": f"{secrets}/key"})
    with pytest.raises(entry.EntryError, match="which can't be read: No such file or directory") as error:
        entry.environment(APP, {"KEY_FILE": f"{secrets}/gone"})
    assert error.value.status == 78


def test_the_url_of_the_database_gets_the_driver_that_is_there() -> None:
    found = entry.environment(
        APP, {"DATABASE_URL": "postgresql://shop:a$b\\c@db/shop", "OTHER_URL": "postgresql://x/y"}
    )
    assert found["DATABASE_URL"] == "postgresql+psycopg://shop:a$b\\c@db/shop"
    assert found["OTHER_URL"] == "postgresql://x/y"
    assert entry.environment(APP, {"DATABASE_URL": "sqlite:///x.db"})["DATABASE_URL"] == "sqlite:///x.db"


def test_what_starts() -> None:
    assert entry.command(APP, ["web"]) == (["gunicorn", "--config", "/app/slipway/gunicorn.conf.py", "wsgi:app"], {})
    assert entry.command(APP, ["worker"]) == (["rq", "worker"], {"PROCESS_NAME": "worker", "QUEUE": "high"})
    assert entry.command(APP, ["--", "flask", "routes"]) == (["flask", "routes"], {})
    for words in ([], ["nobody"], ["web", "more"], ["--"]):
        with pytest.raises(entry.EntryError, match=r"usage: slipway-run web \| worker \| -- COMMAND"):
            entry.command(APP, words)


@pytest.mark.parametrize("status", [200, 503])
def test_health_is_asked_as_the_proxy_would(status: int) -> None:
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Host"], self.headers["X-Forwarded-Proto"]))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        told = healthy.unhealthy(APP, server.server_port)
    assert asked == [("/healthz", "shop.example.org", "https")]
    assert told == ("" if status == 200 else "/healthz answered 503")


def test_nothing_listens() -> None:
    assert healthy.unhealthy(APP, 1).startswith("/healthz did not answer")


def test_what_is_asked_of_migrations() -> None:
    request = migrate.request_of(APP, {migrate.ALLOW: "0002,0003", migrate.OWNER: "postgresql://owner@db/shop"})
    assert request.migrations.allowed == {"0001", "0002", "0003"}
    assert request.migrations.owner_url == "postgresql://owner@db/shop"
    assert not request.migrations.dump
    assert [one.command for one in request.release_commands] == ["flask db upgrade", "flask seed"]


def test_commands_that_run_once_wait_for_somebody_who_says_so() -> None:
    commands = migrate.request_of(APP, {}).release_commands
    assert [one.command for one in commands if migrate.Once(commands, False).has_run(one)] == ["flask seed"]
    assert [one.command for one in commands if migrate.Once(commands, True).has_run(one)] == []


def test_only_what_may_be_secret_is_masked() -> None:
    given = {"PATH": "/bin", "SECRET_KEY": "x", "HOSTNAME": "a", "KUBERNETES_PORT": "b", "PYTHONPATH": "c"}
    assert migrate.variables(given) == {"SECRET_KEY": "x"}


def test_what_only_a_host_can_do_is_said_otherwise() -> None:
    assert migrate.in_an_image("allow it with -e allow_migrations=0002 for this deploy").endswith(
        "SLIPWAY_ALLOW_MIGRATIONS=0002 for this run"
    )
    code = "".join(path.read_text() for path in Path(migrate.__file__).parents[1].glob("_[mr]*/*.py"))
    said = re.sub(r'"\s+f?"', "", code)
    assert [words for words in migrate.OTHERWISE if words.removesuffix("deploy") not in said] == []
