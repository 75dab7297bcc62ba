# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a hostile package tries wherever its code runs, and a report of what it got: `tell("name of the point")`.

The report goes to the host's journal or, where that can't be reached, to the folder that systemd gave to the unit.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

VICTIM = "b71f3a29c4e85d06b71f3a29c4e85d06a1"  # the other app's SECRET_KEY
OWN = "5d09bc17e6f2a8435d09bc17e6f2a843c2"  # no business of whoever builds a package of the app
BUS = "/run/dbus/system_bus_socket"
"""systemd tells anybody there what runs in each unit, with its command lines (GetUnitProcesses)."""
JOURNAL = "/run/systemd/journal/dev-log"
CLONE_NEWUSER = 0x10000000


def readable(*paths: str) -> list[str]:
    return [path for path in paths if os.access(path, os.R_OK) and (Path(path).is_dir() or Path(path).read_bytes())]


def below(folder: str, text: str) -> list[str]:
    """Return the files below FOLDER that hold TEXT."""
    found = []
    for top, _, names in os.walk(folder):
        for path in (os.path.join(top, name) for name in names if not name.startswith("attack.")):
            try:
                if os.path.isfile(path) and text.encode() in Path(path).read_bytes()[:100000]:
                    found.append(path)
            except OSError:
                pass
    return found


def writable(*folders: str) -> list[str]:
    """Return the files that could be made in FOLDERS; one in a file system of the unit's own is not on the host."""
    own = [row.split()[1] for row in Path("/proc/self/mounts").read_text().splitlines() if row.startswith("tmpfs ")]
    found = []
    for folder in [folder for folder in folders if folder not in own]:
        path = Path(folder, "hostile-was-here")
        try:
            path.write_text(f"{os.getuid()}\n")
            found.append(str(path))
        except OSError:
            pass
    return found


def processes() -> list[str]:
    """Return the command lines of other users' processes."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = Path("/proc", name, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if line and os.stat(f"/proc/{name}").st_uid not in (os.getuid(), 65534):
                found.append(line.strip())
        except OSError:
            pass
    return found


def reached(*addresses: str | tuple[str, int]) -> list[str]:
    """Return the ADDRESSES that take a connection."""
    found = []
    for address in addresses:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.settimeout(0.3)
            try:
                client.connect(address)
                found.append(str(address))
            except OSError:
                pass
    return found


def rights() -> list[str]:
    """Return what root or a user with a capability could do."""
    kernel = ctypes.CDLL(None, use_errno=True)

    def special() -> None:
        Path("/tmp/special").write_text("")
        os.chmod("/tmp/special", 0o4755)

    tries: dict[str, Callable[[], object]] = {
        "setuid(0)": lambda: os.setuid(0),
        "chown": lambda: os.chown(os.environ.get("HOME", "/tmp"), 0, 0),
        "mknod": lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(8, 0)),
        "a file with the setuid bit": special,
        "kill(1)": lambda: os.kill(1, 0),
        "nice(-5)": lambda: os.nice(-5),
    }
    found = []
    for name, attempt in tries.items():
        try:
            attempt()
            found.append(name)
        except OSError:
            pass
    child = os.fork()
    if child == 0:
        os._exit(0 if kernel.unshare(CLONE_NEWUSER) == 0 else 1)
    if os.waitpid(child, 0)[1] == 0:
        found.append("a namespace of its own")
    status = dict(row.split(":\t", 1) for row in Path("/proc/self/status").read_text().splitlines() if ":\t" in row)
    if any(int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")):
        found.append("capabilities")
    return found


def tries(building: bool) -> dict[str, Callable[[], list[str]]]:
    """Return name -> attempt, which returns what it got. BUILDING: nothing of the app's own may be seen either."""
    secrets = (VICTIM, OWN) if building else (VICTIM,)
    found: dict[str, Callable[[], list[str]]] = {
        "read secrets of the system": lambda: readable("/etc/shadow", "/root/.ssh", "/root/private"),
        "read the other app": lambda: readable(
            "/etc/victim", "/etc/victim/environment", "/srv/victim", "/srv/victim/current/src/app.py"
        ),
        "write": lambda: writable(
            "/etc", "/etc/cron.d", "/usr/local/bin", "/opt/slipway", "/opt/slipway/bin", "/srv/victim", "/root",
            "/srv/hostile", "/srv/hostile/venvs", "/etc/hostile", "/etc/systemd/system", "/var/lib",
        ),
        "see processes": processes,
        "find secrets in the environment": lambda: [
            name for name, value in os.environ.items() if any(secret in value for secret in secrets)
        ],
        "reach services": lambda: reached(BUS, *sockets_of("victim")),
        "have rights": rights,
    }  # fmt: skip
    if building:
        local = [("127.0.0.1", 22), ("127.0.0.1", 80), ("169.254.169.254", 80)]
        found |= {
            "reach this host": lambda: reached(JOURNAL, *sockets_of("hostile"), *local),
            "find the app's files": lambda: [*below(os.getcwd(), OWN), *below("/srv", OWN), *readable("/etc/hostile")],
        }
    return found


def sockets_of(app: str) -> list[str]:
    return [str(path) for path in Path("/run", app).glob("*/*.sock")] if os.access(f"/run/{app}", os.R_OK) else []


def tell(point: str, building: bool = True) -> None:
    """Try everything, and report what was got at POINT."""
    got: dict[str, list[str]] = {}
    for name, attempt in tries(building).items():
        try:
            found = attempt()
        except Exception as error:
            found = [] if isinstance(error, OSError) else [repr(error)]
        if found:
            got[name] = found[:5]
    unit = Path("/proc/self/cgroup").read_text().strip().rpartition("/")[2]
    row = {"point": point, "uid": os.getuid(), "unit": unit, "tried": len(tries(building)), "got": got,
           "argv": sys.orig_argv[1:6] if hasattr(sys, "orig_argv") else sys.argv}  # fmt: skip
    report = json.dumps(row)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.sendto(f"<14>hostile: {report}".encode(), JOURNAL)
    except OSError:
        with open(os.path.join(os.environ.get("CACHE_DIRECTORY", "/tmp"), "told.jsonl"), "a") as file:
            file.write(report + "\n")


if __name__ == "__main__":
    tell(sys.argv[1], building=False)
