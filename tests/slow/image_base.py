# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Base images for the tests of containers, of the distribution's packages: no registry can be reached where the tests run.

`tar` makes one on this machine, once, and `to_host` gives it to an engine on a host.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from helpers import ROOT, Host

sys.path.append(str(ROOT / "bin/lib"))
SUITES = {"12": "bookworm", "13": "trixie"}
PYTHONS = {"12": "3.11", "13": "3.13"}
SLIM = ("python3", "python3-venv", "python3-pip", "ca-certificates")
"""What an image such as python:3.13-slim has: Python, pip, and the authorities that the world trusts."""
PLAIN = ("python3", "ca-certificates")
"""Python without pip, for the last stage of a build."""
NOT_NEEDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")


def tar(debian: str, packages: tuple[str, ...], without: tuple[str, ...] = ()) -> Path:
    """Return a tar of a root file system with PACKAGES, small as such images are, and WITHOUT some files (patterns)."""
    from vps import apt_sources

    sources = apt_sources(SUITES[debian])
    excluded = [f'--dpkgopt=path-exclude="{path}"' for path in NOT_NEEDED]
    removed = [f"--customize-hook=rm -rf $1{path}" for path in without]
    command = [
        "env", "--unset=TMPDIR", "mmdebstrap", "--variant=apt", f"--include={','.join(packages)}",
        '--aptopt=Apt::Install-Recommends "false"', *excluded,
        "--customize-hook=rm -rf $1/var/cache/apt/*.bin $1/var/lib/apt/lists/* $1/var/log/* $1/var/cache/ldconfig/aux-cache",
        *removed, SUITES[debian],
    ]  # fmt: skip
    key = hashlib.sha256(repr((command, sources)).encode()).hexdigest()[:12]
    state = ROOT / ".slipway"
    state.mkdir(exist_ok=True)
    made = state / f"base-{debian}-{key}.tar"
    with (state / "base.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            half = made.with_suffix(".new.tar")
            done = subprocess.run(
                [*command, str(half), *(["-"] if sources else [])],
                input=sources,
                text=True,
                capture_output=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr[-3000:]
            half.replace(made)
    return made


def to_host(host: Host, made: Path, name: str) -> None:
    """Give the image NAME, which MADE is a tar of, to buildah on HOST, unless it has it already."""
    if host.ok(f"buildah inspect --type image {name} >/dev/null 2>&1"):
        return
    place = f"/var/tmp/{made.name}"
    if not host.ok(f"test -e {place}"):
        there = Path(f"/proc/{host.facts['pid']}/root{place}")
        with made.open("rb") as source, open(os.open(there, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as target:
            while block := source.read(1 << 20):
                target.write(block)
    host.run(
        f"set -e; c=$(buildah from scratch); buildah add --quiet $c {place} / >/dev/null; "
        f"buildah config --env PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --cmd sh $c; "
        f"buildah commit --quiet $c {name} >/dev/null; buildah rm $c >/dev/null"
    )
