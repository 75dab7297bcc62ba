# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The site of the edge's tests: the app of tests/slow/edge_app, its description, and how it is asked."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Any

from helpers import Answer, Connection, Play, Project

DOMAIN = "edge.example.org"
STYLES = "a { color: red }\n" * 200
OLD_ASSET, NEW_ASSET = "static/app.0123abcd.js", "static/app.89abcdef.js"
DESCRIPTION: dict[str, Any] = {
    "name": "edge",
    "domains": [DOMAIN],
    "wsgi": "app:app",
    "database": "none",
    "secret_key_variable": "",
    "static": {"/static/": "static"},
    "shared_folders": ["files"],
    "body_size_mb": 1,
    "timeout_seconds": 2,
    "workers": 3,
    "rate_limits": {"POST /login": "6/minute"},
    "streaming": ["/events", "/ws"],
    "protected_downloads": {"/protected/": "files"},
}
JSON = {"Accept": "application/json"}


class Site:
    """The provisioned app, its code, and how it is asked."""

    def __init__(self, folder: Path, project: Project) -> None:
        self.folder, self.project, self.host = folder, project, project.host
        shutil.copytree(Path(__file__).with_name("edge_app"), folder)
        (folder / "static").mkdir()
        (folder / "static/app.css").write_text(STYLES)
        (folder / "static/gone.css").write_text("b { color: blue }\n")
        (folder / OLD_ASSET).write_text("// old\n")
        (folder / f"{OLD_ASSET}.gz").write_bytes(gzip.compress(b"// packed\n"))
        (folder / f"{OLD_ASSET}.br").write_bytes(b"brotli")
        app = {**DESCRIPTION, "source": {"path": str(folder)}}
        project.write({"slipway_apps": [app], "nginx_tls_brotli": True})

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """Send one request from outside, over a connection of its own."""
        connection = Connection(self.host.address, DOMAIN)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode("latin-1"))
        finally:
            connection.close()

    def inside(self, path: str = "/") -> int:
        """Return the status that the host itself gets."""
        script = (
            "import ssl, http.client, socket; tls = ssl._create_unverified_context();"
            f"c = http.client.HTTPSConnection('{DOMAIN}', context=tls);"
            f"c.sock = tls.wrap_socket(socket.create_connection(('127.0.0.1', 443)), server_hostname='{DOMAIN}');"
            f"c.request('GET', '{path}'); print(c.getresponse().status)"
        )
        return int(self.host.run(f'python3 -c "{script}"'))

    def play(self, name: str, *options: str) -> Play:
        return self.project.good(f"playbooks/{name}.yml", *options)
