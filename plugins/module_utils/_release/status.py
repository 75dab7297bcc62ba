# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How the live release is now: its processes, certificate, connections and space.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import shutil
import ssl
import subprocess
import time
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._backup import kept
from ansible_collections.slipway.flask.plugins.module_utils._certificates.status import certificate_problems
from ansible_collections.slipway.flask.plugins.module_utils._database.connections import connections
from ansible_collections.slipway.flask.plugins.module_utils._host import http as host_http
from ansible_collections.slipway.flask.plugins.module_utils._nginx.maintenance import closed_since
from ansible_collections.slipway.flask.plugins.module_utils._process.look.members import processes_of
from ansible_collections.slipway.flask.plugins.module_utils._process.services import services_of
from ansible_collections.slipway.flask.plugins.module_utils._release.drain import draining
from ansible_collections.slipway.flask.plugins.module_utils._release.info import since
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths

DAY = 86_400  # seconds
TLS_SECONDS, DU_SECONDS = 5, 30


def status_of(paths: Paths, health: Health, domain: str, user: str, url: str) -> dict[str, Any]:
    """Return all of it. `problems` says why the app does not serve, one sentence each; it is empty when it does.

    HEALTH has path, status and host of the request; USER connects to the database at URL ("" for an app without one).
    """
    release, processes = paths.current_id(), processes_of(paths, health)
    services = services_of(paths.app)
    record = paths.record(release) if release else None
    found: dict[str, Any] = {
        "app": paths.app, "release": release, "revision": record.revision if record else "",
        "dirty": bool(record and record.dirty), "since": since(paths), **space(paths),
        "certificate": certificate(domain), "connections": connections(url, user), "problems": [],
        "closed_since": closed_since(paths.app), "serves": bool(domain), "draining": [one.said() for one in draining(processes)],
        "services": [one.said for one in services], "kept": [one.said for one in kept.kept(paths.app)],
    }  # fmt: skip
    runs, killed = kept.under_way(paths.app, paths.root / ".lock")
    found["kept"] = [*[runs] * bool(runs), *found["kept"]]
    if not release:
        return {**found, "problems": ["nothing has been deployed yet"]}
    found["processes"] = {process.name: process.status(release) for process in processes if process.has(release)}
    found |= found["processes"].get(processes[0].name, {})  # of what answers visitors, if the host has that
    for process in (process for process in processes if process.has(release)):
        found["problems"] += process.problems(release, found["processes"][process.name])
    found["problems"] += [one.problem for one in services if one.problem] + [killed] * bool(killed)
    if domain and not found["certificate"]["served"]:
        found["problems"].append(f"nginx does not serve {domain} over TLS: {found['certificate']['said']}")
    return {**found, "problems": found["problems"] + certificate_problems(paths.app)}


def certificate(domain: str) -> dict[str, Any]:
    """Return whether nginx serves DOMAIN over TLS, who issued its certificate, and how many days that has left (None: unknown).

    DOMAIN is "" on a host that serves no site.
    """
    if not domain:
        return {"served": False, "issuer": "", "days": None, "said": ""}
    connection = host_http.LocalTLSConnection(domain, "127.0.0.1", 443, TLS_SECONDS)
    try:
        connection.connect()
        shown = connection.sock.getpeercert(binary_form=True)
    except OSError as error:  # TLS errors among them
        return {"served": False, "issuer": "", "days": None, "said": unserved(error)}
    finally:
        connection.close()
    command = ["openssl", "x509", "-inform", "DER", "-noout", "-enddate", "-subject", "-issuer",
               "-nameopt", "sep_multiline,sname,utf8"]  # fmt: skip
    try:
        said = subprocess.run(command, input=shown, capture_output=True, check=True).stdout.decode()
        left = ssl.cert_time_to_seconds(said.splitlines()[0].removeprefix("notAfter=")) - time.time()
    except (OSError, subprocess.CalledProcessError, ValueError, IndexError) as error:
        return {"served": True, "issuer": "", "days": None, "said": str(error)}
    return {"served": True, "issuer": issuer(said), "days": int(left // DAY), "said": ""}


def unserved(error: OSError) -> str:
    """Return why no certificate came; nginx refuses a name that none of its sites has with an alert (RFC 6066, section 3)."""
    if isinstance(error, ssl.SSLError) and "UNRECOGNIZED_NAME" in str(error):
        return "it has no site for this domain; site.yml creates it"
    return str(error) or type(error).__name__


def issuer(said: str) -> str:
    """Return the organisation, else the name, that issued the certificate which openssl SAID this of; or `self-signed`."""
    subject, _, names = said.partition("subject=")[2].partition("issuer=")
    if subject.split() == names.split():
        return "self-signed"
    found = dict(line.strip().split("=", 1) for line in names.splitlines() if "=" in line)
    return found.get("O") or found.get("CN") or "unknown"


def space(paths: Paths) -> dict[str, Any]:
    """Return the bytes that the app takes below its folder, and those that are free on that file system."""
    free = shutil.disk_usage(paths.root.parent).free if paths.root.parent.is_dir() else None
    if not paths.root.is_dir():
        return {"disk_used": 0, "disk_free": free}
    try:
        done = subprocess.run(
            ["du", "-sx", "--block-size=1", str(paths.root)],
            capture_output=True, text=True, check=False, timeout=DU_SECONDS,
        )  # fmt: skip
        return {"disk_used": int(done.stdout.split()[0]), "disk_free": free}
    except (subprocess.TimeoutExpired, OSError, IndexError, ValueError):
        return {"disk_used": None, "disk_free": free}
