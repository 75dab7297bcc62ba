# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app whose owner wants what another app of the host has, through nginx: links, committed, built, and made at run time.

`Attack` has both apps, for a site.yml that brings them to a host; `everything` is what they can reach there, and what they can't.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

from helpers import Answer, Connection, Host

LOOT = "the victim's upload"
EVIL, VICTIM = "mallory", "victim"
TARGETS = {
    "passwd": "/etc/passwd",
    "source": f"/srv/{VICTIM}/current/src/app.py",
    "static": f"/srv/{VICTIM}/current/src/static/page.txt",
    "upload": f"/srv/{VICTIM}/shared/media/upload.txt",
    "private": f"/srv/{VICTIM}/shared/private/upload.txt",
    "settings": f"/etc/{VICTIM}/environment",
    "certificate": f"/etc/nginx/tls/{VICTIM}/key.pem",
    "log": f"/var/log/nginx/{VICTIM}.access.log",
}
"""What is wanted, by the name of the link."""
FOLDERS = {"sources": (f"/srv/{VICTIM}/current/src", "app.py"), "uploads": (f"/srv/{VICTIM}/shared/media", "upload.txt"),
           "etc": ("/etc", "passwd")}  # fmt: skip
"""The same by linked folders: where the link leads, and which file is asked for."""

APP = """
import os
from pathlib import Path

from flask import Flask, Response

app = Flask(__name__, static_folder=None)


@app.get("/")
def index() -> str:
    return "open"


@app.get("/lay/<folder>")
def lay(folder: str) -> str:
    import links

    links.lay(folder)
    return "laid"


@app.get("/write")
def write() -> str:
    Path("media/upload.txt").write_text("the {name}'s upload")
    Path("private/upload.txt").write_text("the {name}'s upload")
    return "written"


@app.get("/hand/<path:name>")
def hand(name: str) -> Response:
    return Response(headers={{"X-Accel-Redirect": f"/protected/{{name}}"}})
"""
LINKS = """
import os
import sys

TARGETS, FOLDERS = {targets!r}, {folders!r}


def lay(folder: str, kind: str = "made") -> None:
    for name, target in {{**TARGETS, **{{name: target for name, (target, _) in FOLDERS.items()}}}}.items():
        if not os.path.lexists(f"{{folder}}/{{kind}}-{{name}}"):
            os.symlink(target, f"{{folder}}/{{kind}}-{{name}}")
    if folder == "media" and not os.path.lexists("media/own"):
        os.symlink("upload.txt", "media/own")
        os.symlink("/etc", "media/etc")


if __name__ == "__main__":
    lay(*sys.argv[1:])
"""


class Attack:
    """Both apps: their code in FOLDER, and their descriptions, with which HOST is provisioned before `everything` is asked."""

    settings = {"nginx_tls_brotli": True}

    def __init__(self, host: Host, folder: Path) -> None:
        self.host = host
        for name in (EVIL, VICTIM):
            self._code(folder / name, name)
        self._lay_links(folder / EVIL)
        self.apps = [self._app(folder, EVIL), self._app(folder, VICTIM)]

    def _begin(self) -> None:
        """Have the victim's upload written, and links laid where the attacker can write."""
        for name in (EVIL, VICTIM):
            assert self.ask(name, "/write").text == "written"
        for place in ("media", "private"):
            assert self.ask(EVIL, f"/lay/{place}").text == "laid"

    def _code(self, folder: Path, name: str) -> None:
        (folder / "static").mkdir(parents=True)
        (folder / "requirements.txt").write_text("flask\n")
        (folder / "app.py").write_text(APP.format(name=name))
        (folder / "links.py").write_text(LINKS.format(targets=TARGETS, folders=FOLDERS))
        (folder / "static/page.txt").write_text(f"{name}'s page")

    def _lay_links(self, folder: Path) -> None:
        """Commit links that lead out of the app, and such as lead to its own files."""
        static = folder / "static"
        for name, target in TARGETS.items():
            (static / f"committed-{name}").symlink_to(target)
        for name, (target, _) in FOLDERS.items():
            (static / f"committed-{name}").symlink_to(target)
        (folder / "linked").symlink_to(FOLDERS["uploads"][0])  # a folder of `static` that is itself a link
        (static / "detour").symlink_to("../media/etc/passwd")  # through a folder that the app can change afterwards
        (static / "packed.css").write_text("p {}" * 500)
        (static / "packed.css.gz").symlink_to(TARGETS["upload"])
        (static / "packed.css.br").symlink_to(TARGETS["upload"])
        (folder / "vendor/lib").mkdir(parents=True)
        (folder / "vendor/lib/lib.js").write_text("// mine")
        (static / "inside.js").symlink_to("../vendor/lib/lib.js")
        (static / "lib").symlink_to("../vendor/lib")
        (static / "shared.txt").symlink_to("../media/upload.txt")

    def _app(self, folder: Path, name: str) -> dict[str, Any]:
        static = {"/static/": "static", "/media/": "media"}
        return {
            "name": name, "domains": [f"{name}.example.org"], "source": {"path": str(folder / name)}, "wsgi": "app:app",
            "database": "none", "secret_key_variable": "", "workers": 1, "shared_folders": ["media", "private"],
            "static": {**static, "/linked/": "linked"} if name == EVIL else static,
            "protected_downloads": {"/protected/": "private"},
            "build_commands": ["python links.py static built"] if name == EVIL else [],
        }  # fmt: skip

    def ask(self, name: str, path: str, **headers: str) -> Answer:
        connection = Connection(self.host.address, f"{name}.example.org")
        try:
            connection.request("GET", path, headers={key.replace("_", "-"): text for key, text in headers.items()})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode("latin-1"))
        finally:
            connection.close()

    def reached(self) -> list[str]:
        """Return the paths by which the attacker got what is another's."""
        paths = [f"/static/{kind}-{name}" for kind in ("committed", "built") for name in TARGETS]
        paths += [
            f"/static/{kind}-{name}/{file}" for kind in ("committed", "built") for name, (_, file) in FOLDERS.items()
        ]
        for place in ("/media", "/hand"):
            paths += [f"{place}/made-{name}" for name in TARGETS]
            paths += [f"{place}/made-{name}/{file}" for name, (_, file) in FOLDERS.items()]
        paths += ["/static/detour", "/media/etc/passwd", "/linked/upload.txt"]
        found = [path for path in paths if self.ask(EVIL, path).status not in (403, 404)]
        packed = {kind: self.ask(EVIL, "/static/packed.css", Accept_Encoding=kind).text for kind in ("gzip", "br")}
        return found + [f"/static/packed.css as {kind}" for kind, text in packed.items() if LOOT in text]

    def everything(self) -> None:
        """Require all that is promised: nothing of another's through nginx, all that is one's own, and no file to read."""
        self._begin()
        assert self.reached() == []
        mine = f"the {EVIL}'s upload"
        assert self.own() == {
            "/static/page.txt": f"{EVIL}'s page", "/static/inside.js": "// mine", "/static/lib/lib.js": "// mine",
            "/static/shared.txt": mine, "/media/upload.txt": mine, "/media/own": mine, "/hand/upload.txt": mine,
        }  # fmt: skip
        served = re.compile(
            r"/var/log/nginx/.*|.*/(static|vendor|media|private)/.*|.*/release\.json|/etc/\w+/gunicorn\.conf\.py"
        )
        open_to_all = [path for path in self.readable("www-data") if not served.fullmatch(path)]
        assert open_to_all == []
        theirs = [path for path in self.readable(EVIL) if not path.startswith((f"/srv/{EVIL}/", f"/etc/{EVIL}/"))]
        assert theirs == [f"/etc/{VICTIM}/gunicorn.conf.py"]  # which everybody may know; no log, no upload, no code
        allowed = [(user, app) for user in ("www-data", EVIL, VICTIM, "nobody") for app in (EVIL, VICTIM)]
        allowed = [pair for pair in allowed if connects(self.host, *pair)]
        assert allowed == [("www-data", EVIL), ("www-data", VICTIM), (EVIL, EVIL), (VICTIM, VICTIM)]

    def own(self) -> dict[str, str]:
        """Return what the attacker's own links and files give, by path; all of it is the app's own."""
        paths = ["/static/page.txt", "/static/inside.js", "/static/lib/lib.js", "/static/shared.txt", "/media/upload.txt",
                 "/media/own", "/hand/upload.txt"]  # fmt: skip
        return {path: self.ask(EVIL, path).text for path in paths}

    def readable(self, user: str) -> set[str]:
        """Return the files of both apps that USER can read, without their releases' names."""
        places = " ".join(f"/srv/{name} /etc/{name} /run/{name} /var/log/nginx" for name in (EVIL, VICTIM))
        script = (
            "import os, sys; print(*(path for path in sys.stdin.read().split() if os.access(path, os.R_OK)), sep='\\n')"
        )
        told = self.host.run(f"find {places} -type f | runuser -u {user} -- python3 -c {shlex.quote(script)}").split()
        return {"/".join(part for part in path.split("/") if "-" not in part or "." in part) for path in told}


def connects(host: Host, user: str, app: str) -> bool:
    """Tell whether USER can talk to the app's socket, past nginx."""
    script = f"import socket; socket.socket(socket.AF_UNIX).connect('/srv/{app}/current/run/gunicorn.sock')"
    return host.ok(f"runuser -u {user} -- python3 -c {shlex.quote(script)}")
