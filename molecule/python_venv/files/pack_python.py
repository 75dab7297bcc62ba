"""Pack this host's Python as python-build-standalone packs its own, with a list of it in uv's format: a mirror of one."""

import hashlib
import json
import platform
import sys
import tarfile
from pathlib import Path

RELEASES = "https://github.com/astral-sh/python-build-standalone/releases/download"
DATE = "20230101"
mirror = Path("/srv/mirror")
folder = mirror / DATE
folder.mkdir(parents=True)
major, minor, patch = sys.version_info[:3]
version, name, machine = f"{major}.{minor}.{patch}", f"python{major}.{minor}", platform.machine()
archive = folder / f"cpython-{version}+{DATE}-{machine}-unknown-linux-gnu-install_only_stripped.tar.gz"
with tarfile.open(archive, "w:gz", compresslevel=1, dereference=True) as tar:
    tar.add(f"/usr/bin/{name}", f"python/bin/{name}")
    tar.add(f"/usr/lib/{name}", f"python/lib/{name}", filter=lambda one: None if "__pycache__" in one.name else one)
entry = {
    "name": "cpython", "arch": {"family": machine, "variant": None}, "os": "linux", "libc": "gnu",
    "major": major, "minor": minor, "patch": patch, "prerelease": "", "variant": None, "build": DATE,
    "url": f"{RELEASES}/{DATE}/{archive.name.replace('+', '%2B')}",
    "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
}  # fmt: skip
(mirror / "list.json").write_text(json.dumps({f"cpython-{version}-linux-{machine}-gnu": entry}))
with tarfile.open("/srv/mirror.tar", "w") as tar:
    tar.add(mirror, "mirror")
