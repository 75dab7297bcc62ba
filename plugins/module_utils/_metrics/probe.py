# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The sites as a visitor has them: through DNS, TLS and nginx, those of this host and of the others in the inventory.

A site that is closed for maintenance is not down: it answers as it was told to, and for how long it has been closed is known.
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host.stored import time_of
from ansible_collections.slipway.flask.plugins.module_utils._metrics.config import Config
from ansible_collections.slipway.flask.plugins.module_utils._metrics.sample import Sample
from ansible_collections.slipway.flask.plugins.module_utils._nginx import maintenance

CONNECT_SECONDS, ANSWER_SECONDS = 3.0, 4.0
"""Together less than a look of the collector may take; who waits longer for a page has gone."""
SITE_SECONDS = 9.0
"""For a site with all of its addresses, however little at a time they answer: who holds up one look holds up those of all sites."""
AT_ONCE = 12
MOST_ADDRESSES = 4
HOST_ERROR = 500
GONE = (404, 410)
"""Below 500, what a site doesn't answer with to whoever may see it; with 401 or 403 it may well."""
CLOSED = 503
NO_ROUTE = (errno.ENETUNREACH, errno.EADDRNOTAVAIL)
"""This host has no IPv6, for example; that says nothing about a site."""
EXPIRED, OTHER_NAME = 10, 62
"""X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_HOSTNAME_MISMATCH (x509_vfy.h)."""


@dataclass(frozen=True)
class Site:
    """What is asked: PATH of DOMAIN, at ADDRESS or where DNS says.

    ON is the host that has it, STATUS what it answers when all is well.
    """

    app: str
    domain: str
    on: str
    address: str = ""
    path: str = "/"
    status: Sequence[int] = (200,)
    verify: bool = True
    """Whether the certificate must be one that this host trusts, as browsers do."""


@dataclass(frozen=True)
class Answer:
    """How a site answered: `problem` is why that is wrong, "" when it is not."""

    problem: str = ""
    is_answer: bool = True
    """Whether anything answered over HTTPS at all."""
    is_closed: bool = False
    seconds: float = 0.0


class Probe:
    """The part of the collector."""

    name = "probe"
    every = 15.0

    def __init__(self, config: Config) -> None:
        self.host = config.host
        self.sites = [site(entry) for entry in config.more.get("sites", ())]
        self.roots = {app.name: Path(app.root) for app in config.apps}

    def samples(self, now: float) -> Iterable[Sample]:
        """Ask all sites at once; one of this host that was never deployed is not asked."""
        asked = [one for one in self.sites if one.on != self.host or self.is_deployed(one.app)]
        if not asked:
            return
        with ThreadPoolExecutor(min(AT_ONCE, len(asked))) as pool:
            answers = list(pool.map(ask, asked))
        for one, answer in zip(asked, answers, strict=True):
            yield from self._told(one, answer)
        for app in sorted({one.app for one in asked if one.on == self.host}):
            since = maintenance.closed_since(app)
            yield Sample(
                "slipway_site_maintenance",
                float(bool(since)),
                {"app": app},
                help="Whether the site is in maintenance mode.",
            )
            if since:
                yield Sample("slipway_site_closed_timestamp_seconds", time_of(since).timestamp(), {"app": app},
                             help="Start of maintenance mode.")  # fmt: skip

    def is_deployed(self, app: str) -> bool:
        return app in self.roots and (self.roots[app] / "current").is_symlink()

    def _told(self, one: Site, answer: Answer) -> Iterator[Sample]:
        labels = {"app": one.app, "domain": one.domain, "from": self.host, "on": one.on}
        yield Sample("slipway_site_up", float(not answer.problem), labels, help="Whether the site answers as expected.")
        yield Sample(
            "slipway_site_answers", float(answer.is_answer), labels, help="Whether anything answers over HTTPS."
        )
        yield Sample("slipway_site_seconds", round(answer.seconds, 3), labels, help="Response time of the site.")
        if answer.problem:
            yield Sample(
                "slipway_site_problem", 1, {**labels, "problem": answer.problem}, help="Problem with the site."
            )


def site(entry: Mapping[str, Any]) -> Site:
    """Return what the host is told of a site."""
    known = {key: entry[key] for key in Site.__dataclass_fields__ if key in entry}
    return Site(**{**known, "status": tuple(known.get("status") or (200,))})


def ask(one: Site) -> Answer:
    """Ask a site at each of its addresses; the first that is wrong decides, for every one of them has visitors."""
    began = time.monotonic()
    try:
        addresses = resolve(one.address or one.domain)
    except OSError as error:
        return Answer(f"DNS has no address of it ({error.strerror or type(error).__name__})", False)
    answers = []
    for address in addresses:
        left = began + SITE_SECONDS - time.monotonic()
        answer = _at(one, address, left) if left > 0 else Answer("no answer in time", False)
        if answer is not None:
            answers.append(answer)
    wrong = [answer for answer in answers if answer.problem]
    found = wrong[0] if wrong else answers[0] if answers else Answer("no route to it from this host", False)
    is_answer = any(answer.is_answer for answer in answers)
    return Answer(found.problem, is_answer, found.is_closed, time.monotonic() - began)


def resolve(name: str) -> list[str]:
    """Return the addresses of NAME, a few at most. Raises OSError."""
    found = socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))[:MOST_ADDRESSES]


def _at(one: Site, address: str, seconds: float) -> Answer | None:
    """Return what a site answers at an ADDRESS within SECONDS, None when nothing can be said from here."""
    try:
        return _asked(one, address, seconds)
    except ssl.SSLCertVerificationError as error:
        reasons = {EXPIRED: "its certificate has ended", OTHER_NAME: "its certificate is for another name"}
        return Answer(reasons.get(error.verify_code, "browsers don't accept its certificate"))
    except ssl.SSLError:
        return Answer("TLS fails", False)
    except TimeoutError:
        return Answer("no answer in time", False)
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, OSError) and error.errno in NO_ROUTE:
            return None
        return Answer("connection refused" if isinstance(error, ConnectionRefusedError) else "connection lost", False)


def _asked(one: Site, address: str, seconds: float) -> Answer:
    until = time.monotonic() + seconds
    context = ssl.create_default_context()
    if not one.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(one.domain, 443, timeout=ANSWER_SECONDS)
    try:
        plain = socket.create_connection((address, 443), min(CONNECT_SECONDS, seconds))
        connection.sock = plain  # closed with the connection, whatever TLS does
        with _ended(plain, until - time.monotonic()):
            plain.settimeout(CONNECT_SECONDS)
            connection.sock = context.wrap_socket(plain, server_hostname=one.domain)
            connection.sock.settimeout(ANSWER_SECONDS)
            connection.request("GET", one.path, headers={"User-Agent": "slipway-probe", "Connection": "close"})
            answer = connection.getresponse()
        status, is_closed = answer.status, answer.status == CLOSED and bool(answer.getheader("Retry-After"))
    finally:
        connection.close()
    return Answer("" if is_closed or is_well(one, status) else f"{one.path} answered {status}", True, is_closed)


@contextmanager
def _ended(connected: socket.socket, seconds: float) -> Iterator[None]:
    """Shut CONNECTED down after SECONDS, which raises TimeoutError: a socket's own timeout begins anew with each piece."""
    over, other = threading.Event(), connected.dup()

    def end() -> None:
        over.set()
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, seconds), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, ValueError, http.client.HTTPException):
        if not over.is_set():
            raise
    finally:
        timer.cancel()
        timer.join()
        other.close()
    if over.is_set():
        raise TimeoutError


def is_well(one: Site, status: int) -> bool:
    """Tell whether STATUS is what the site answers, or what keeps somebody out who may not see it."""
    return status in one.status or (status < HOST_ERROR and status not in GONE)
