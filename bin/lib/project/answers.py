# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The answers that a project is made of: each is asked on a terminal unless a flag gave it, and checked as the collection does."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.flask.plugins.plugin_utils._app import domains
from describe import address, fetch

MAIL = re.compile(r"[^@\s'\"<>]+@[^@\s'\"<>]+")
DATABASES = ("local", "mariadb", "url", "none")
RESERVED = ("localhost", "test", "invalid", "internal", "local", "lan", "home.arpa")
"""Ends of names that no certificate authority vouches for (RFC 6761, RFC 6762, RFC 8375, and ICANN's .internal)."""
TRIES = 3


class AnswerError(ValueError):
    """An answer can't be used; the message says what it must be."""


def source(text: str) -> str:
    """Return the app's source: a folder that is there, or the URL of a Git repository."""
    text = text.strip()
    if fetch.URL.fullmatch(text):
        return text
    if not Path(text).expanduser().is_dir():
        raise AnswerError(
            f"'{text}' is not a folder here, and not the URL of a Git repository, as in https://git.example.com/shop.git"
        )
    return text


def domain(text: str) -> str:
    """Return the app's main domain, in lower case."""
    text = text.strip().lower().rstrip(".")
    for problem in domains.problems("domains", [text]):
        raise AnswerError(problem)
    return text


def host(text: str) -> tuple[str, str]:
    """Return (address, user) of `[USER@]ADDRESS`, root where no user is given."""
    try:
        return address.of_host(text)
    except ValueError as error:
        raise AnswerError(str(error)) from None


def mail(text: str) -> str:
    """Return an e-mail address, or "" for none."""
    text = text.strip()
    if text and not MAIL.fullmatch(text):
        raise AnswerError(f"'{text}' is not an e-mail address, as in ann@example.com; leave it empty for none")
    return text


def database(text: str) -> str:
    """Return where the app's database is; "" leaves it to what the app's source says."""
    text = text.strip().lower()
    if text and text not in DATABASES:
        raise AnswerError(f"'{text}' must be one of {', '.join(DATABASES)}; leave it empty to go by the app's source")
    return text


def is_public(name: str) -> bool:
    """Tell whether a certificate authority can vouch for a domain."""
    return not any(name == end or name.endswith(f".{end}") for end in RESERVED)


@dataclass(frozen=True)
class Question:
    """FLAG: the option that answers it; CHECK: returns the answer, or raises AnswerError."""

    flag: str
    text: str
    check: Callable[[str], object]
    default: str | None = None


QUESTIONS = (
    Question("app", "Your app: a folder, or the URL of its Git repository", source),
    Question("domain", "Its domain, as in shop.example.com", domain),
    Question("host", "Your VPS: [USER@]ADDRESS, as in 203.0.113.10 (user: root)", host),
    Question("mail", "Your e-mail address for Let's Encrypt (empty: none)", mail, ""),
    Question(
        "database",
        "Database: local (PostgreSQL), mariadb, url, none (empty: as the app's source says)",
        database,
        "",
    ),
)
REQUIRED = tuple(one.flag for one in QUESTIONS if one.default is None)


def ask(question: Question) -> str:
    """Return what a person types, asked again while it can't be used, at most TRIES times."""
    for left in reversed(range(TRIES)):
        print(f"{question.text}: ", end="", flush=True)
        text = sys.stdin.readline()
        if not text:
            raise AnswerError("the input ended before all questions were answered; nothing was written")
        text = text.strip() or (question.default or "")
        try:
            question.check(text)
        except AnswerError as error:
            if not left:
                raise
            print(f"  {error}")
            continue
        return text
    raise AssertionError("TRIES is at least 1")


def missing(given: dict[str, str | None]) -> Iterator[Question]:
    """Yield the questions that no flag answered; those with a default only when a required one has to be asked anyway."""
    if any(given[flag] is None for flag in REQUIRED):
        yield from (question for question in QUESTIONS if given[question.flag] is None)
