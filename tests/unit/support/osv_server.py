# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A server with OSV's API that knows a few true vulnerabilities, for tests; it also runs by itself, on a test host.

What it knows is what OSV answers of these, without what nobody reads of it. Source of the records: the databases of the Python
Packaging Authority and of GitHub (CC BY 4.0); of the protocol: https://google.github.io/osv.dev/api/.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def affected(package: str, *spans: tuple[str, str]) -> list[dict[str, Any]]:
    events = [event for start, end in spans for event in ({"introduced": start}, {"fixed": end})]
    return [{"package": {"ecosystem": "PyPI", "name": package}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]


def cvss(vector: str) -> list[dict[str, str]]:
    return [{"type": "CVSS_V3", "score": f"CVSS:3.1/{vector}"}]


RECORDS: list[dict[str, Any]] = [
    {
        "id": "GHSA-m2qf-hxjv-5gpq",
        "aliases": ["CVE-2023-30861"],
        "summary": "Flask vulnerable to possible disclosure of permanent session cookie due to missing Vary: Cookie header",
        "severity": cvss("AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"),
        "affected": [*affected("flask", ("2.3.0", "2.3.2")), *affected("flask", ("0", "2.2.5"))],
        "database_specific": {"severity": "HIGH"},
    },
    {
        "id": "PYSEC-2023-62",
        "aliases": ["CVE-2023-30861", "GHSA-m2qf-hxjv-5gpq"],
        "affected": affected("flask", ("0", "2.2.5"), ("2.3.0", "2.3.2")),
    },
    {
        "id": "GHSA-h5c8-rqwp-cp95",
        "aliases": ["CVE-2024-22195"],
        "summary": "Jinja vulnerable to HTML attribute injection when passing user input as keys to xmlattr filter",
        "severity": cvss("AV:N/AC:L/PR:N/UI:R/S:U/C:L/I:L/A:N"),
        "affected": affected("jinja2", ("0", "3.1.3")),
        "database_specific": {"severity": "MODERATE"},
    },
    {
        "id": "GHSA-xg9f-g7g7-2323",
        "aliases": ["CVE-2023-25577"],
        "summary": "High resource usage when parsing multipart form data with many fields",
        "severity": cvss("AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"),
        "affected": affected("Werkzeug", ("0", "2.2.3")),
        "database_specific": {"severity": "HIGH"},
    },
    {
        "id": "PYSEC-2023-58",
        "aliases": ["CVE-2023-25577", "GHSA-xg9f-g7g7-2323"],
        "affected": affected("werkzeug", ("0", "2.2.3")),
    },
]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def has(record: dict[str, Any], name: str, version: str) -> bool:
    """Tell whether a RECORD is of that VERSION of the package NAME."""
    for one in record["affected"]:
        events = one["ranges"][0]["events"]
        pairs = zip(events[::2], events[1::2], strict=True)
        if one["package"]["name"].lower() == name and any(
            numbers(start["introduced"]) <= numbers(version) < numbers(end["fixed"]) for start, end in pairs
        ):
            return True
    return False


class Osv(BaseHTTPRequestHandler):
    """Answers of RECORDS; ASKED holds path and body of each request. With BROKEN, each gets that status and text."""

    records = RECORDS
    asked: list[tuple[str, Any]] = []
    broken: tuple[int, str] | None = None
    page = 1000

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, body))
        if self.broken:
            return self.answer(*self.broken)
        if self.path == "/v1/querybatch":
            known = [self.known(query) for query in body["queries"]]
            results = [{"vulns": [{"id": one["id"]} for one in found]} if found else {} for found in known]
            return self.answer(200, json.dumps({"results": results}))
        if self.path == "/v1/query":
            found, start = self.known(body), int(body.get("page_token") or 0)
            more = {"next_page_token": str(start + self.page)} if len(found) > start + self.page else {}
            return self.answer(200, json.dumps({"vulns": found[start : start + self.page], **more} if found else {}))
        return self.answer(404, "{}")

    def known(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        assert query["package"]["ecosystem"] == "PyPI"
        return [one for one in self.records if has(one, query["package"]["name"], query["version"])]

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(port: int = 0) -> Iterator[tuple[str, type[Osv]]]:
    """Serve on this machine; give the address, and the class to change its answers by."""

    class Own(Osv):
        asked: list[tuple[str, Any]] = []

    server = ThreadingHTTPServer(("127.0.0.1", port), Own)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", Own
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Osv).serve_forever()
