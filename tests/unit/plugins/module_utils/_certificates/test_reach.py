# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whether a domain leads to this host, asked as an authority would."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._certificates import dns
from ansible_collections.slipway.flask.plugins.module_utils._certificates import reach as reach

ELSEWHERE = "127.0.0.2"


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the webroot, but at ELSEWHERE redirects, refuses or lies, by the domain that is asked for."""

    def do_GET(self) -> None:
        domain = self.headers["Host"].partition(":")[0]
        at_home = self.connection.getsockname()[0] != ELSEWHERE
        if domain == "moved.example" and not at_home:
            self.send_response(301)
            self.send_header("Location", "https://moved.example/")
            self.end_headers()
        elif domain == "stranger.example" and not at_home:
            self.send_error(404)
        elif domain == "liar.example" and not at_home:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"Welcome!")
        elif domain == "unknown.example":
            self.close_connection = True
        else:
            super().do_GET()

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def webroot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A host's webroot, served on all its addresses."""
    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), functools.partial(Handler, directory=str(tmp_path)))  # noqa: S104
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(reach, "PORT", server.server_port)
    monkeypatch.setattr(reach, "RELOAD_SECONDS", 0.0)
    monkeypatch.setattr(reach, "SETTLE_SECONDS", 0.0)
    yield tmp_path
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("domain", "found", "why"),
    [
        ("here.example", ["127.0.0.1", "127.0.0.3"], ""),
        ("stranger.example", ["127.0.0.1", ELSEWHERE],
         "127.0.0.2 (A) is not this host, or something in front of it answers instead (status 404)"),
        ("liar.example", [ELSEWHERE],
         "127.0.0.2 (A) is not this host, or something in front of it answers instead (status 200)"),
        ("moved.example", [ELSEWHERE],
         "127.0.0.2 (A) redirects to https://moved.example/ instead of answering over HTTP"),
        ("here.example", ["127.0.0.1", "2001:db8::1"], "2001:db8::1 (AAAA) can't be reached on port 80 from this host"),
        ("here.example", "the name does not exist in DNS", "the name does not exist in DNS"),
        ("unknown.example", ["127.0.0.1"],
         "nginx on this host does not serve it at /.well-known/acme-challenge/: it can't be reached"),
    ],
)  # fmt: skip
def test_each_address_is_asked(
    domain: str, found: list[str] | str, why: str, webroot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def addresses(_: str) -> list[str]:
        if isinstance(found, str):
            raise dns.DnsError(found)
        return found

    monkeypatch.setattr(dns, "addresses", addresses)
    said = reach.unreachable([domain], webroot).get(domain, "")
    assert said == why or (why and said.startswith(why))
    assert not list((webroot / ".well-known/acme-challenge").iterdir()), "the random file was left behind"


def test_domains_are_asked_side_by_side(webroot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "addresses", lambda domain: [ELSEWHERE])
    names = ["here.example", "stranger.example", "also-here.example"]
    assert set(reach.unreachable(names, webroot)) == {"stranger.example"}


def test_a_worker_of_before_a_reload_is_no_reason(webroot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It breaks the second connection off, although the first one met a new worker."""
    answers = iter(["", "can't be reached on port 80 from this host (Connection reset by peer)", ""])
    monkeypatch.setattr(reach, "fetch", lambda *_: next(answers))
    monkeypatch.setattr(dns, "addresses", lambda _: ["127.0.0.1"])
    assert reach.unreachable(["new.example"], webroot) == {}
