# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The standby's side: its password, and its data made of the primary's.

A copy is made beside what is there and put in its place when it is whole, so that a run that is killed leaves the one or the
other. The server is started by whoever writes its configuration (cluster.py).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hmac
import os
import pwd
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._host.file_state import write
from ansible_collections.slipway.flask.plugins.module_utils._postgres import passwords, server
from ansible_collections.slipway.flask.plugins.module_utils._postgres.control import SIGNAL
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import (
    SUPERUSER,
    Cluster,
    PostgresError,
)
from ansible_collections.slipway.flask.plugins.module_utils._postgres.replica import PASSFILE, Primary, conninfo, slot

UNIT = "slipway-standby-copy.service"
"""What the copy runs in, so that a next run finds and ends what a killed one has left."""
NEW, OLD = ".slipway-new", ".slipway-old"
"""What the folders beside the data end in: a copy that is being made, and data that it has replaced."""
STREAM_SECONDS = 30
TAIL = 2000


def secret(host: str, check: bool = False) -> tuple[str, bool]:
    """Make the password of the standby on HOST unless there is one; return what its primary keeps of it, and whether it is new.

    With CHECK, a password that is yet to be made is not.
    """
    path = Path(PASSFILE)
    found = _password(path, host)
    if not found and check:
        return "", True
    new = not found
    if new:
        found = secrets.token_urlsafe(passwords.OCTETS)
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(mode=0o755, exist_ok=True)
        user = pwd.getpwnam(SUPERUSER)
        write(path, f"*:*:*:{slot(host)}:{found}\n".encode(), 0o600, user.pw_uid, user.pw_gid)
    return verifier(found), new


def verifier(password: str) -> str:
    """Return what a primary keeps of PASSWORD: always the same, so that the primary's can be compared with it.

    The salt, which is no secret, is made of the password.
    """
    return passwords.verifier(password, hmac.digest(password.encode(), b"slipway salt", "sha256")[:16])


def _password(path: Path, host: str) -> str:
    """Return the password that PATH has for HOST, "" for none; a file that others could read doesn't count."""
    try:
        found = path.lstat()
        if found.st_mode & 0o077 or found.st_uid != pwd.getpwnam(SUPERUSER).pw_uid:
            return ""
        parts = path.read_text().strip().split(":")
    except OSError:
        return ""
    return parts[4] if len(parts) == 5 and parts[3] == slot(host) else ""


def is_empty(cluster: Cluster) -> bool:
    """Tell whether no database of CLUSTER has a table; one that does not run is started for that."""
    if not cluster.online:
        server.start(cluster, "start")
    return not server.in_use(cluster)


def copy(cluster: Cluster, data: Path, primary: Primary, host: str) -> None:
    """Replace DATA by a copy of PRIMARY's, which is a standby's; the server does not run afterwards.

    :raises PostgresError: with the end of what pg_basebackup said. What was there is there still then.
    """
    new, old = data.with_name(data.name + NEW), data.with_name(data.name + OLD)
    systemd.stop(UNIT)
    for left in (new, old):
        if left.is_dir():
            shutil.rmtree(left)
    command = [
        str(cluster.programs / "pg_basebackup"), f"--pgdata={new}", f"--dbname={conninfo(primary, host)}", "--no-password",
        "--wal-method=stream", f"--slot={slot(host)}", "--checkpoint=fast",
    ]  # fmt: skip
    done = subprocess.run(
        ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", f"--unit={UNIT}", f"--uid={SUPERUSER}", f"--gid={SUPERUSER}",
         "--working-directory=/", "--setenv=LC_ALL=C.UTF-8", "--property=UMask=0077", *command],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        shutil.rmtree(new, ignore_errors=True)
        raise PostgresError(f"the copy of {primary.name} failed: {done.stdout.strip()[-TAIL:]}")
    mark(new)
    systemd.stop(cluster.unit)
    if data.is_dir():
        data.rename(old)
    new.rename(data)
    shutil.rmtree(old, ignore_errors=True)


def mark(data: Path) -> None:
    """Make DATA a standby's, for good: its server takes no writes however it is started."""
    user = pwd.getpwnam(SUPERUSER)
    path = data / SIGNAL
    # The folder is the server's user's: a link of its making must not lead root elsewhere.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600), "w") as file:
        os.fchown(file.fileno(), user.pw_uid, user.pw_gid)
        os.fsync(file.fileno())


def at_boot(cluster: Cluster, start: bool) -> bool:
    """Say whether CLUSTER starts at boot; tell whether that is new."""
    path, wanted = cluster.folder / "start.conf", "auto" if start else "manual"
    # Debian's own file explains the words in comments.
    if [line.strip() for line in path.read_text().splitlines() if line.strip() and line[0] != "#"] == [wanted]:
        return False
    path.write_text(f"{wanted}\n")
    systemd.systemctl("daemon-reload")  # PostgreSQL's generator reads it
    return True


def streaming(ask: Callable[[], str], seconds: float = STREAM_SECONDS) -> str:
    """Wait until the standby receives what its primary writes; return the state of that, "streaming" if it does.

    ASK returns the state of the server's receiver, "" for none.
    """
    deadline = time.monotonic() + seconds
    while (state := ask()) != "streaming" and time.monotonic() < deadline:
        time.sleep(0.2)
    return state


def new_cluster(wanted: str, locale: str) -> Cluster:
    """Make the host's cluster. Raises PostgresError if no server is installed."""
    found = server.create(wanted, locale)
    if found is None:
        raise PostgresError("no PostgreSQL server is installed on this host: install the package postgresql")
    return found


def check_version(cluster: Cluster, version: int) -> None:
    """Raise PostgresError if CLUSTER is not of its primary's major VERSION."""
    if int(cluster.version) != version:
        raise PostgresError(
            f"the primary has PostgreSQL {version}, and this host {cluster.version}: a standby needs the same major version. "
            "Install the same Debian release on both, or the primary's version on this host"
        )
