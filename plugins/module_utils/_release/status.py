# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How the release that serves is now: its unit, its answer, its processes, certificate, connections and space.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import http.client
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._app import health as app_health
from ansible_collections.slipway.flask.plugins.module_utils._certificates.status import certificate_problems
from ansible_collections.slipway.flask.plugins.module_utils._database.connections import connections
from ansible_collections.slipway.flask.plugins.module_utils._host import http as host_http
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._nginx.maintenance import closed_since
from ansible_collections.slipway.flask.plugins.module_utils._release.drain import draining
from ansible_collections.slipway.flask.plugins.module_utils._release.info import since
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths

DAY = 86_400  # seconds
HEALTH_SECONDS, TLS_SECONDS, DU_SECONDS = 10, 5, 30
PROC = Path("/proc")


def status_of(paths: Paths, health: app_health.Health, domain: str, user: str, url: str) -> dict[str, Any]:
    """Return all of it. `problems` says why the app does not serve, one sentence each; it is empty when it does.

    HEALTH has path, status and host of the request; USER connects to the database at URL ("" for an app without one).
    """
    release = paths.current_id()
    record = paths.record(release) if release else None
    found: dict[str, Any] = {
        "app": paths.app, "release": release, "revision": record.revision if record else "",
        "dirty": bool(record and record.dirty), "since": since(paths), **space(paths),
        "certificate": certificate(domain), "connections": connections(url, user), "problems": [],
        "closed_since": closed_since(paths.app), "draining": [one.said() for one in draining(paths)],
    }  # fmt: skip
    if not release:
        return {**found, "problems": ["nothing has been deployed yet"]}
    unit = paths.unit(release)
    found |= service(unit)
    found["health"] = answer(str(paths.socket(release)), health)
    if found["state"] != "active":
        found["problems"].append(f"{unit} is {found['state']}; see journalctl -u {unit}")
    if found["health"]["status"] not in health.status:
        asked = found["health"]
        found["problems"].append(f"{asked['path']} {asked['said']}; it must answer {app_health.wanted(health)}")
    if not found["certificate"]["served"]:
        found["problems"].append(f"nginx does not serve {domain} over TLS: {found['certificate']['said']}")
    return {**found, "problems": found["problems"] + certificate_problems(paths.app)}


def service(unit: str) -> dict[str, Any]:
    """Return a unit's state and restarts, the number of its workers, and the memory of them all in bytes."""
    wanted = "ActiveState,NRestarts,MainPID,MemoryCurrent"
    lines = systemd.systemctl("show", f"--property={wanted}", unit).stdout.splitlines()
    shown = dict(line.split("=", 1) for line in lines if "=" in line)
    main = int(shown.get("MainPID") or 0)
    parents = processes() if main else {}
    memory = shown.get("MemoryCurrent", "")
    return {
        "state": shown.get("ActiveState", "unknown"),
        "restarts": int(shown.get("NRestarts") or 0),
        "workers": sum(parent == main for parent in parents.values()),
        # Without a memory controller it is "[not set]", in older versions the greatest number of 64 bits.
        "memory": int(memory) if memory.isdigit() and int(memory) < 2**63 else memory_of(main, parents),
    }


def processes() -> dict[int, int]:
    """Return the parent of each process of the host (proc(5): what follows the name in parentheses)."""
    found = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            found[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue  # it has ended
    return found


def memory_of(main: int, parents: Mapping[int, int]) -> int | None:
    """Return the bytes that MAIN and all processes below it take, pages that they share counted once; None for no process."""
    family = {main} if main else set()
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    sizes = [size for pid in family if (size := memory(pid)) is not None]
    return sum(sizes) if sizes else None


def memory(pid: int) -> int | None:
    """Return one process's proportional share of memory in bytes, or what is resident where the kernel has no such file."""
    try:
        rows = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        return next(int(row.split()[1]) * 1024 for row in rows if row.startswith("Pss:"))
    except (OSError, StopIteration):
        pass
    try:
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return None


def answer(socket: str, health: app_health.Health) -> dict[str, Any]:
    """Return what the release answers on its own SOCKET, asked as at the gate of a deploy, and in how many milliseconds.

    Of several paths it is the last one, or the first that is not answered as it should be.
    """
    headers = {"Host": health.host or "localhost", "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1"}
    found: dict[str, Any] = {}
    for path in health.path:
        started = time.monotonic()
        try:
            status, _ = host_http.ask(host_http.SocketConnection(socket, HEALTH_SECONDS), path, headers)
        except (OSError, http.client.HTTPException) as error:
            said = f"gave no answer ({error or type(error).__name__})"
            return {"path": path, "status": None, "milliseconds": None, "said": said}
        milliseconds = round((time.monotonic() - started) * 1000)
        found = {"path": path, "status": status, "milliseconds": milliseconds, "said": f"answered {status}"}
        if status not in health.status:
            break
    return found


def certificate(domain: str) -> dict[str, Any]:
    """Return whether nginx serves DOMAIN over TLS, who issued its certificate, and how many days that has left (None: unknown)."""
    connection = host_http.LocalTLSConnection(domain, "127.0.0.1", 443, TLS_SECONDS)
    try:
        connection.connect()
        shown = connection.sock.getpeercert(binary_form=True)
    except OSError as error:  # TLS errors among them
        return {"served": False, "issuer": "", "days": None, "said": str(error) or type(error).__name__}
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
