# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Where foreign code may run while an environment is built: a user of its own, for this only.

Resolving, building and compiling packages runs their code, and so do the exporters of locks with their plugins. All of
it runs in a transient unit as a user that systemd makes for the folder of environments (DynamicUser=, systemd.exec(5)).
It sees the system's programs, a copy of the project, and its cache; no home, nothing of any app, no socket of a service.
Each folder of environments has a cache of its own: what a hostile package writes there, no other app is given.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file, sandbox, systemd
from ansible_collections.slipway.flask.plugins.module_utils._python import uv as tools

SYSTEMD = Path("/run/systemd/system")
CACHES = Path("/var/cache/private/slipway")
"""Where systemd keeps what `CacheDirectory=slipway/…` means for a dynamic user; only root may enter /var/cache/private."""
SECONDS = 3600
VISIBLE = frozenset(
    {"bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "opt", "dev", "proc", "sys", "tmp"}
    | {"home", "root"}  # ProtectHome=tmpfs: they are empty
)
"""Folders at the top of the file system that a build sees; whatever else is there is empty for it."""
LOCAL = ("127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/64")
"""This host itself and its link, where cloud providers tell a machine its secrets."""
PASSED = re.compile(
    r"UV_\w+|PIP_\w+|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|GIT_SSL_\w+|\w+_proxy|PATH|LANG|LC_\w+|TZ|CC|CXX|"
    r"\w*FLAGS|PKG_CONFIG\w*|\w+_(LIBS|CONFIG|INCLUDE_DIRS?|LIB_DIRS?)|CARGO_\w+|RUSTUP_\w+|SETUPTOOLS_\w+|SOURCE_DATE_EPOCH",
    re.IGNORECASE,
)
"""Variables of whoever runs this that a build gets: those of indexes, proxies and compilers. Others may be secret."""
SETTINGS: dict[str, str | Sequence[str]] = {
    **sandbox.BUILD,
    "ProtectHome": "tmpfs",
    "UMask": "0022",
    "Nice": "5",
    "TasksMax": "4096",
    "DynamicUser": "yes",
    "CacheDirectoryMode": "0700",
    "CollectMode": "inactive-or-failed",
    "RuntimeMaxSec": str(SECONDS),
    "IPAddressDeny": " ".join(LOCAL),
}


@dataclass(frozen=True)
class Workshop:
    """One build's place. Tools write to `scratch`, which is gone afterwards, and to `cache`; `given` is only read.

    name: the unit's, "" for whoever is not root, whose tools run as they are; shown: further files and folders that
    tools read; seats: folders beside `given` and the places where tools see them.
    """

    scratch: Path
    cache: Path
    given: Path
    name: str = ""
    lock: int = -1
    shown: tuple[Path, ...] = ()
    seats: tuple[tuple[Path, Path], ...] = field(default=())

    def run(
        self, command: Sequence[str], doing: str, *, cwd: Path, variables: Mapping[str, str], check: bool = True
    ) -> str:
        """Run a tool and return its standard output; raise EnvironmentError_ with its last lines, unless not CHECK."""
        if not self.name:
            keep = [self.lock] if self.lock >= 0 else []
            return tools.run(command, doing, cwd=cwd, variables=variables, keep=keep, check=check)
        homes = {"HOME": f"{self.scratch}/home", "TMPDIR": f"{self.scratch}/tmp", "GIT_TERMINAL_PROMPT": "0"}
        ours = {name: value for name, value in os.environ.items() if PASSED.fullmatch(name)}
        wanted = {name: value for name, value in ours.items() if name not in tools.FOREIGN} | homes | dict(variables)
        environment = self.given.with_name("environment")
        descriptor = os.open(environment, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(environment_file.text_of(wanted, {}))
        options = [f"--property={name}={value}" for name, value in self.properties(cwd, environment, wanted)]
        return tools.checked(sandbox.transient(f"{self.name}.service", options, command), doing, check)

    def properties(self, cwd: Path, environment: Path, variables: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return the unit's settings: the sandbox of a service, with less to see."""
        tops = sorted(entry.name for entry in os.scandir("/") if entry.is_dir(follow_symlinks=False))
        empty = [f"/{name}:ro" for name in tops if name not in VISIBLE]
        room = self.given.parents[1]  # the folder of environments, where only root may enter what is being built
        empty += [] if is_hidden(room) else [f"{room}:ro"]
        seen = [self.given, *self.shown, Path(os.path.realpath("/etc/resolv.conf")), Path("/run/systemd/resolve")]
        if tools.UV_SETTINGS.is_file() and not tools.UV_SETTINGS.stat().st_mode & 0o004:
            settings = self.given / "uv.toml"
            shutil.copyfile(tools.UV_SETTINGS, settings)
            seen.append(Path(f"{settings}:{tools.UV_SETTINGS}"))
        more: dict[str, str | Sequence[str]] = {
            **SETTINGS,
            "User": f"slipway-{self.name[-8:]}",
            "CacheDirectory": f"slipway/{self.name.removeprefix('slipway-')}",
            "WorkingDirectory": str(cwd),
            "EnvironmentFile": str(environment),
            "TemporaryFileSystem": [" ".join(empty), "/dev/shm:mode=1777"],
            "BindReadOnlyPaths": [f"-{path}" for path in seen],
            "BindPaths": [f"{copy}:{place}" for copy, place in self.seats],
            "IPAddressAllow": allowed(variables.values()),
        }
        return [(name, value) for name, value in sandbox.of_unit("") if name not in more] + sandbox.lines(more)

    def give(self, path: Path) -> None:
        """Let tools write to what we have put into `scratch`: it is theirs, as the cache is."""
        if not self.name:
            return
        owner = self.cache.parent.stat()
        for top, _, names in os.walk(path):
            for place in (top, *(os.path.join(top, name) for name in names)):
                os.chown(place, owner.st_uid, owner.st_gid, follow_symlinks=False)


@contextmanager
def workshop(root: Path, given: Path, cache: Path, lock: int, shown: Iterable[Path] = ()) -> Iterator[Workshop]:
    """Yield the place for one build of an environment below ROOT, whose LOCK we hold; raise EnvironmentError_.

    given: our own folder for what tools are given, in one that only we may enter; cache: uv's, for whoever is not root.
    """
    if os.geteuid():
        scratch = given.with_name("scratch")
        for folder in (given, scratch):
            folder.mkdir()
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        cache.chmod(0o700)  # uv keeps locks there that everybody may write
        yield Workshop(scratch, cache, given, lock=lock)
        return
    if not SYSTEMD.is_dir():
        raise tools.EnvironmentError_(
            "packages run their own code while they are built. As root, that happens in a systemd unit, as "
            "a temporary user, but systemd is not running here: build on a host booted with systemd, or not as root"
        )
    name = name_of(root)
    systemd.systemctl("stop", f"{name}.service")  # of a run that was killed: nobody waits for it any more
    inside = CACHES / name.removeprefix("slipway-")
    CACHES.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    inside.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in inside.glob("work-*"):
        shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
    scratch = Path(tempfile.mkdtemp(prefix="work-", dir=inside))
    made = Workshop(scratch, inside / "uv", given, name, lock, tuple(path for path in shown if is_hidden(path)))
    try:
        for folder in (given, scratch / "home", scratch / "tmp"):
            folder.mkdir(mode=0o755)
        made.give(scratch)
        if not os.path.lexists(made.cache):
            made.cache.mkdir(mode=0o700)
            made.give(made.cache)
        yield made
    finally:
        systemd.systemctl("stop", f"{name}.service")
        shutil.rmtree(scratch, ignore_errors=True)


def name_of(root: Path) -> str:
    """Return what the unit and the cache of a folder of environments are called: readable, and no other folder's."""
    real = os.path.realpath(root)
    word = re.sub(r"[^a-z0-9]+", "-", os.path.basename(os.path.dirname(real)).lower()).strip("-")
    return f"slipway-build-{word or 'root'}-{hashlib.sha256(real.encode()).hexdigest()[:8]}"


def is_hidden(path: Path) -> bool:
    """Tell whether a build would not see PATH unless it is shown."""
    top = Path(os.path.realpath(path)).parts[1:2]
    return not top or top[0] not in VISIBLE - {"home", "root", "tmp"}


def allowed(values: Iterable[str], hosts: Path = Path("/etc/hosts"), resolver: Path = Path("/etc/resolv.conf")) -> str:
    """Return the addresses among LOCAL that a build needs: of name servers, and of indexes and proxies in VALUES."""
    named = [line.split() for line in text_of(hosts).splitlines() if not line.startswith("#")]
    words = [*values, text_of(tools.UV_SETTINGS)]
    servers = {urlsplit(url).hostname or "" for word in words for url in re.findall(r"\w+://[^\s\"',]+", word)}
    found = {row[0] for row in named if row and servers & {*row[1:]}}
    found |= {"127.0.0.1", "::1"} if any(server.split(".")[-1] == "localhost" for server in servers) else set()
    found |= servers | set(re.findall(r"^nameserver\s+([^\s%]+)", text_of(resolver), re.MULTILINE))
    return " ".join(sorted(address for address in found if is_local(address)))


def is_local(address: str) -> bool:
    """Tell whether ADDRESS is one of this host or of its link."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return False
    return known.is_loopback or known.is_link_local


def text_of(path: Path) -> str:
    """Return the text of a file, "" when there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
