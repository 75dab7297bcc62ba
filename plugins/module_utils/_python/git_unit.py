# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Where git reads a foreign repository on a host: in a transient unit, as a user made for it.

A fault in git, ssh or libcurl is then that user's: it sees the system's programs and its cache with the mirror, nothing of
any app and no home (DynamicUser=, systemd.exec(5)). Whoever is not root runs git as it is.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import unquote

from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox, systemd
from ansible_collections.slipway.flask.plugins.module_utils._host.ssh_agent import relayed
from ansible_collections.slipway.flask.plugins.module_utils._python import build_sandbox
from ansible_collections.slipway.flask.plugins.module_utils._source import submodules

RUN = Path("/run")
KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")
SYSTEM_SETTINGS = Path("/etc/gitconfig")
DYNAMIC_USERS = range(61184, 65520)
"""The user ids that systemd gives out for DynamicUser= (UIDS-GIDS.md)."""
SETTINGS: dict[str, str | Sequence[str]] = {
    "ProtectHome": "tmpfs",
    "UMask": "0077",
    "TasksMax": "512",
    "DynamicUser": "yes",
    "CacheDirectoryMode": "0700",
    "CollectMode": "inactive-or-failed",
    "IPAddressDeny": " ".join(build_sandbox.LOCAL),
}


@dataclass(frozen=True)
class Place:
    """Where one app's mirror is, and the UNIT in which git works on it: "" for whoever is not root.

    folder: None where nothing is kept.
    """

    folder: Path | None
    unit: str = ""

    @property
    def known_hosts(self) -> Path | None:
        """Where ssh keeps the keys of servers that it has met."""
        return self.folder and self.folder / "known_hosts"

    def run(
        self, script: str, url: str, origin: str, key: str, variables: Mapping[str, str],
        output: IO[bytes] | None = None, seconds: int = 3600,
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """Run a SCRIPT of the shell that reads the repository at URL. Raises HostError where no systemd runs.

        origin: the address that the app's description names, whose server may be on this host; key: that of SSH, if one is
        given: no agent is asked then; output: where the script's standard output goes, else it is returned; seconds: after which
        it is ended.
        """
        if not self.unit:
            return subprocess.run(
                ["/bin/sh", "-c", sandbox.READ_COMMAND], input=script, stdout=output or subprocess.PIPE,
                stderr=subprocess.PIPE, text=True, errors="surrogateescape", check=False, timeout=seconds,
            )  # fmt: skip
        if not build_sandbox.SYSTEMD.is_dir():
            raise systemd.HostError(
                "a repository is read in a systemd unit, as a temporary user, but systemd is not running "
                "here: deploy to a host booted with systemd"
            )
        systemd.systemctl("stop", f"{self.unit}.service")  # of a run that was killed: nobody waits for it any more
        with self._given(url, key) as given:
            settings = [*self.properties(url, origin, variables, given), ("RuntimeMaxSec", str(seconds))]
            options = [f"--property={name}={value}" for name, value in settings]
            return sandbox.transient_script(f"{self.unit}.service", options, script, output)

    @contextmanager
    def _given(self, url: str, key: str) -> Iterator[list[str]]:
        """Yield what the unit is shown of ours, as BindReadOnlyPaths= wants it."""
        if not submodules.is_remote(url) or url.lower().startswith("http"):
            yield []
            return
        ours = RUN / self.unit
        shutil.rmtree(ours, ignore_errors=True)
        ours.mkdir(mode=0o700)
        try:
            with ExitStack() as stack:
                # ssh wants to know its user by name; the unit's is made as it starts, and libnss-systemd may be missing.
                (ours / "passwd").write_text(
                    "root:x:0:0:root:/root:/bin/sh\n"
                    + "".join(f"slipway:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin\n" for uid in DYNAMIC_USERS)
                )
                (ours / "passwd").chmod(0o644)
                shown = [f"{ours}/passwd:/etc/passwd"]
                if not key and (agent := os.environ.get("SSH_AUTH_SOCK")):
                    stack.enter_context(relayed(agent, ours / "agent"))
                    shown.append(f"{ours}/agent:{agent_of(self.unit)}")
                yield shown
        finally:
            shutil.rmtree(ours, ignore_errors=True)

    def properties(
        self, url: str, origin: str, variables: Mapping[str, str], given: Sequence[str] = ()
    ) -> list[tuple[str, str]]:
        """Return the unit's settings: the sandbox of a service, with less to see."""
        tops = sorted(entry.name for entry in os.scandir("/") if entry.is_dir(follow_symlinks=False))
        empty = [f"/{name}:ro" for name in tops if name not in build_sandbox.VISIBLE]
        seen = [os.path.realpath("/etc/resolv.conf"), "/run/systemd/resolve", *local(url)]
        servers = [url_of(origin), build_sandbox.text_of(SYSTEM_SETTINGS)]
        proxies = [value for name, value in variables.items() if name.lower().endswith("_proxy")]
        more: dict[str, str | Sequence[str]] = {
            **SETTINGS,
            "User": f"slipway-{self.unit[-8:]}",
            **({"CacheDirectory": f"slipway/{self.folder.name}"} if self.folder else {}),
            "TemporaryFileSystem": [" ".join(empty), "/dev/shm:mode=1777"],
            "BindReadOnlyPaths": [*(f"-{escaped(path)}" for path in seen), *given],
            "IPAddressAllow": build_sandbox.allowed([*servers, *proxies]),
        }
        return [(name, value) for name, value in sandbox.of_unit("") if name not in more] + sandbox.lines(more)

    def variables(self) -> dict[str, str]:
        """Return which variables of whoever runs this git gets: of a unit's user others are no business."""
        if not self.unit:
            return dict(os.environ)
        passed = {
            name: value
            for name, value in os.environ.items()
            if name.startswith("GIT_") or build_sandbox.PASSED.fullmatch(name)
        }
        return passed | ({"SSH_AUTH_SOCK": agent_of(self.unit)} if os.environ.get("SSH_AUTH_SOCK") else {})


def place_of(root: Path) -> Place:
    """Return the place for the app whose folder is ROOT."""
    if os.geteuid():
        return Place(root)
    real = os.path.realpath(root)
    word = re.sub(r"[^a-z0-9]+", "-", os.path.basename(real).lower()).strip("-")
    name = f"source-{word or 'root'}-{hashlib.sha256(f'{real} source'.encode()).hexdigest()[:8]}"
    return Place(build_sandbox.CACHES / name, f"slipway-{name}")


def passing() -> Place:
    """Return a place for what is asked once and not kept."""
    return Place(None, f"slipway-ask-{os.getpid():08x}" if os.geteuid() == 0 else "")


def agent_of(unit: str) -> str:
    """Return where UNIT sees the SSH agent."""
    return f"/run/{unit}-agent"


def folder_of(url: str) -> str:
    """Return the folder of this host that URL leads to, "" when it leads elsewhere."""
    if url.lower().startswith("file://"):
        return unquote(url[len("file://") :])
    return "" if "://" in url or submodules.is_remote(url) else url


def local(url: str) -> list[str]:
    """Return the folders of this host that URL can mean (git-fetch(1) adds `.git` itself), as far as they would be hidden."""
    folder = folder_of(url).rstrip("/")
    return [path for path in (folder, f"{folder}.git") if folder and build_sandbox.is_hidden(Path(path))]


def url_of(address: str) -> str:
    """Return a git ADDRESS with the server where URLs have it: `git@example.com:shop.git` has none."""
    match = None if "://" in address else submodules.SCP.fullmatch(address)
    return f"ssh://{match['host']}/" if match else address


def escaped(path: str) -> str:
    """Return PATH as one word of BindReadOnlyPaths=, in which spaces and colons separate."""
    return re.sub(r"""([\\:"'\s])""", r"\\\1", path)


def closed(folder: str) -> str:
    """Return the first file or folder below FOLDER that not everybody may read, "" when there is none."""
    for top, folders, names in os.walk(folder):
        for place, needed in [(top, 0o005), *((os.path.join(top, name), 0o004) for name in (*folders, *names))]:
            if not os.path.islink(place) and os.stat(place).st_mode & needed != needed:
                return place
    return ""


def advice(place: Place, url: str) -> str:
    """Return what to do about a folder of this host that root may read, but not the user that git runs as; "" if it is no such."""
    found = closed(folder) if place.unit and (folder := folder_of(url)) and os.path.isdir(folder) else ""
    if not found:
        return ""
    return (
        f"\nIt is read as a temporary user, who may not read {found}: let everybody read the repository "
        f"(`chmod -R o+rX {shlex.quote(folder)}`), or give it over SSH (`git: ssh://…`)"
    )
