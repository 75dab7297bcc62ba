# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Settings: from the environment, and from nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

SECRET_KEY_MIN_LENGTH = 16
DEFAULT_MAX_CONTENT_LENGTH = 5 * 1024 * 1024
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

# Defaults that a parameter of the same name in DATABASE_URL overrides.
POSTGRES_CONNECT_ARGS: dict[str, Any] = {
    "connect_timeout": 5,  # seconds: /readyz must answer even when packets to the database vanish
    "tcp_user_timeout": 10_000,  # milliseconds without an acknowledgement before a connection counts as dead
    # No server-side prepared statements: they break behind a transaction pooler, and a plan that was
    # cached before another release's migration can fail after it.
    "prepare_threshold": None,
}


class ConfigError(click.ClickException):
    """The environment is incomplete or wrong. A ClickException, so that ``flask`` prints it without a traceback."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("Harbour cannot start: " + "; ".join(problems) + ".")


def from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    """Read every setting of the application.

    :returns: Flask's configuration.
    :raises ConfigError: once, naming everything that is wrong; it never repeats a value.
    """
    problems: list[str] = []

    def read(name: str, parse: Callable[[str], Any], default: str = "") -> Any:
        try:
            return parse(environ.get(name, "").strip() or default)
        except ValueError as error:
            problems.append(f"{name} {error}")
            return None

    url = read("DATABASE_URL", parse_database_url)
    pool_size = read("DB_POOL_SIZE", _whole_number(1, 50), "2")
    settings = {
        "SECRET_KEY": read("SECRET_KEY", _secret_key),
        "SQLALCHEMY_DATABASE_URI": url,
        "REDIS_URL": read("REDIS_URL", _redis_url),
        "REPORT_ENTRY_SECONDS": read("REPORT_ENTRY_SECONDS", _seconds(5), "0"),
        "UPLOAD_FOLDER": read("UPLOAD_FOLDER", str, "uploads"),
        "S3_BUCKET": read("S3_BUCKET", str),
        "MAX_CONTENT_LENGTH": read("MAX_CONTENT_LENGTH", _whole_number(1024, 1024**3), str(DEFAULT_MAX_CONTENT_LENGTH)),
        "PROXY_HOPS": read("PROXY_HOPS", _whole_number(0, 10), "0"),
        "LOG_LEVEL": read("LOG_LEVEL", _log_level, "INFO"),
        "RELEASE_ID": read("RELEASE_ID", _header_value),
        "REVISION": read("REVISION", _header_value),
        "SESSION_COOKIE_NAME": "harbour_session",
        "SESSION_COOKIE_SECURE": read("SESSION_COOKIE_SECURE", _boolean, "true"),
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "WTF_CSRF_TIME_LIMIT": 12 * 3600,  # seconds: the form stands open on the desk for a whole shift
    }
    if problems:
        raise ConfigError(problems)
    settings["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url, pool_size)
    return settings


def parse_database_url(text: str) -> URL:
    """Turn DATABASE_URL into SQLAlchemy's URL, whichever of PostgreSQL's schemes a host or provider writes.

    :raises ValueError: when it is missing, unreadable, or of another database.
    """
    if not text:
        raise ValueError("is not set (example: postgresql://user:password@localhost/harbour)")
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError("is not a database URL (example: postgresql://user:password@localhost/harbour)") from None
    if url.drivername in {"postgres", "postgresql", "postgresql+psycopg"}:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "sqlite":
        return url
    raise ValueError(f"must begin with postgresql:// or sqlite://, not {url.drivername}://")


def engine_options(url: URL, pool_size: int) -> dict[str, Any]:
    """SQLAlchemy's engine options. One process holds at most ``pool_size`` connections: there is no overflow."""
    if url.get_backend_name() == "sqlite":
        return {}
    connect_args = {key: value for key, value in POSTGRES_CONNECT_ARGS.items() if key not in url.query}
    return {
        "pool_pre_ping": True,
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": 10,
        "connect_args": connect_args,
    }


def _secret_key(text: str) -> str:
    if not text:
        raise ValueError('is not set (make one: python -c "import secrets; print(secrets.token_hex(32))")')
    if len(text) < SECRET_KEY_MIN_LENGTH:
        raise ValueError(f"has {len(text)} characters, and needs at least {SECRET_KEY_MIN_LENGTH}")
    return text


def _boolean(text: str) -> bool:
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"0", "false", "no", "off"}:
        return False
    raise ValueError("must be true or false")


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def _seconds(most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1
        if not 0 <= value <= most:
            raise ValueError(f"must be a number of seconds from 0 to {most}")
        return value

    return parse


def _redis_url(text: str) -> str:
    if text and not text.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("must begin with redis://, rediss:// or unix://")
    return text


def _log_level(text: str) -> str:
    if text.upper() not in LOG_LEVELS:
        raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
    return text.upper()


def _header_value(text: str) -> str:
    if not (text.isascii() and (text.isprintable())) or len(text) > 100:
        raise ValueError("must be at most 100 printable ASCII characters")
    return text
