# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The environment is read once, completely, and refused with one clear sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harbour import create_app
from harbour.config import ConfigError, from_environ

GOOD = {"SECRET_KEY": "0123456789abcdef", "DATABASE_URL": "postgresql://u:p%40ss@db.test/harbour"}


def test_everything_missing_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        from_environ({})
    assert "SECRET_KEY is not set" in str(error.value)
    assert "DATABASE_URL is not set" in str(error.value)


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL"])
def test_factory_refuses_without(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(name)
    with pytest.raises(ConfigError, match=f"{name} is not set"):
        create_app()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SECRET_KEY", "fifteen-letters", "has 15 characters, and needs at least 16"),
        ("DATABASE_URL", "mysql://u:hush@db.test/x", "must begin with postgresql://"),
        ("DATABASE_URL", "hush hush", "is not a database URL"),
        ("DATABASE_URL", "postgresql://u:hush@db.test:port/x", "is not a database URL"),
        ("DB_POOL_SIZE", "0", "whole number from 1 to 50"),
        ("PROXY_HOPS", "-1", "whole number from 0 to 10"),
        ("MAX_CONTENT_LENGTH", "5M", "whole number"),
        ("REDIS_URL", "localhost:6379", "must begin with redis://"),
        ("REPORT_ENTRY_SECONDS", "6", "number of seconds from 0 to 5"),
        ("REPORT_ENTRY_SECONDS", "slow", "number of seconds from 0 to 5"),
        ("SESSION_COOKIE_SECURE", "maybe", "true or false"),
        ("LOG_LEVEL", "loud", "one of DEBUG"),
        ("RELEASE_ID", "a\nb", "printable"),
    ],
)
def test_wrong_value_is_named_and_never_shown(name: str, value: str, says: str) -> None:
    with pytest.raises(ConfigError) as error:
        from_environ({**GOOD, name: value})
    assert f"{name} " in str(error.value)
    assert says in str(error.value)
    assert "hush" not in str(error.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_postgres_scheme_uses_psycopg(scheme: str) -> None:
    settings = from_environ({**GOOD, "DATABASE_URL": f"{scheme}://u:p%40ss@db.test/harbour?sslmode=verify-full"})
    url = settings["SQLALCHEMY_DATABASE_URI"]
    assert url.drivername == "postgresql+psycopg"
    assert (url.password, url.query["sslmode"]) == ("p@ss", "verify-full")
    assert "p@ss" not in repr(url)


def test_pool_is_small_bounded_and_checked() -> None:
    options = from_environ({**GOOD, "DB_POOL_SIZE": "3"})["SQLALCHEMY_ENGINE_OPTIONS"]
    assert (options["pool_size"], options["max_overflow"], options["pool_pre_ping"]) == (3, 0, True)
    assert options["connect_args"]["connect_timeout"] == 5


def test_url_overrides_connection_defaults() -> None:
    url = GOOD["DATABASE_URL"] + "?connect_timeout=1"
    options = from_environ({**GOOD, "DATABASE_URL": url})["SQLALCHEMY_ENGINE_OPTIONS"]
    assert "connect_timeout" not in options["connect_args"]


def test_command_line_prints_one_line_and_no_traceback(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("SECRET_KEY")
    result = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("Error: Harbour cannot start: SECRET_KEY is not set")
    assert "Traceback" not in result.stderr


def test_importing_wsgi_needs_no_database(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    result = subprocess.run(
        [sys.executable, "-c", "import wsgi; print(wsgi.app.name)"],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stdout) == (0, "harbour\n"), result.stderr
