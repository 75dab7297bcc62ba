# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. The lock of an environment: each package with its version and the hashes that its index has for it.

It is written when an environment is built, so that the very packages can be installed elsewhere (`revision_of`), whatever the
indexes have by then. It is a file in pip's format of requirements; what comes from no index stands in it as a comment.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import tree
from ansible_collections.slipway.flask.plugins.module_utils._python import uv as tools
from ansible_collections.slipway.flask.plugins.module_utils._source.requirement import normalised

FILE = "slipway-lock.txt"
"""What it is called in an environment."""
SOURCE = "the source"
"""Where a package is from that is built from the app's own files: the release's revision decides what it is."""
LINE = re.compile(
    r"(?:# )?(?P<name>[a-z0-9-]+)==(?P<version>[^\s;]+)(?: from (?P<origin>.+)|(?P<hashes>(?: --hash=\S+)*))"
)
MOST_NAMED = 5


@dataclass(frozen=True)
class Pin:
    """One package. ORIGIN is where it is from if not from an index: an address with its commit, or SOURCE."""

    version: str
    hashes: tuple[str, ...] = ()
    origin: str = ""

    def line(self, name: str) -> str:
        """Return the lock's line of the package called NAME."""
        if self.origin:
            return f"# {name}=={self.version} from {self.origin}"
        return "".join([f"{name}=={self.version}", *(f" --hash={one}" for one in self.hashes)])


def text_of(pins: Mapping[str, Pin]) -> str:
    """Return the text of a lock."""
    return "".join(f"{pins[name].line(name)}\n" for name in sorted(pins))


def pins_of(text: str) -> dict[str, Pin]:
    """Return the packages of a lock's TEXT by their normalised names."""
    found = {}
    for row in text.splitlines():
        if match := LINE.fullmatch(row):
            hashes = tuple(part.removeprefix("--hash=") for part in (match["hashes"] or "").split())
            found[match["name"]] = Pin(match["version"], hashes, match["origin"] or "")
    return found


def digest(text: str) -> str:
    """Return the name of a lock's TEXT, "" for none."""
    return hashlib.sha256(text.encode()).hexdigest() if text else ""


def constraints(text: str) -> list[str]:
    """Return the lines of a lock's TEXT that limit an installation to its packages: an index's other files are refused."""
    return [pin.line(name) for name, pin in sorted(pins_of(text).items()) if not pin.origin]


def hashes_in(output: str) -> dict[str, tuple[str, ...]]:
    """Return the hashes in the OUTPUT of `uv pip compile --generate-hashes` by the normalised names of packages."""
    found: dict[str, list[str]] = {}
    name = ""
    for row in output.splitlines():
        if match := re.match(r"([A-Za-z0-9][\w.-]*)==", row):
            name = normalised(match[1])
            found[name] = []
        found.get(name, []).extend(re.findall(r"--hash=(\S+)", row))
    return {package: tuple(sorted(several)) for package, several in found.items()}


def origins(environment: Path) -> dict[str, str]:
    """Return where the packages of an ENVIRONMENT are from that are from no index, by their normalised names (PEP 610)."""
    found = {}
    for file in sorted(environment.glob("lib/python3*/site-packages/*.dist-info/direct_url.json")):
        name = normalised(file.parent.name.removesuffix(".dist-info").rpartition("-")[0])
        try:
            found[name] = origin(json.loads(tree.read(file)))
        except (OSError, ValueError, AttributeError, RecursionError):
            found[name] = SOURCE
    return found


def origin(about: Mapping[str, object]) -> str:
    """Return where a package is from that direct_url.json says this ABOUT."""
    address, of_git = tools.masked(str(about.get("url") or ""), by=""), about.get("vcs_info")
    address = re.split(r"[?#]", address, maxsplit=1)[0]  # a signature, say: anybody may read a lock
    if isinstance(of_git, Mapping):
        return f"git+{address}@{of_git.get('commit_id')}"
    return address if re.fullmatch(r"https?://\S+", address) else SOURCE


def of(packages: Mapping[str, str], environment: Path, hashes: Mapping[str, Sequence[str]]) -> dict[str, Pin]:
    """Return the pins of an ENVIRONMENT that has these PACKAGES (name -> version), with the HASHES that are known."""
    elsewhere = origins(environment)
    return {
        name: Pin(version, () if name in elsewhere else tuple(hashes.get(name, ())), elsewhere.get(name, ""))
        for name, version in packages.items()
    }


def differences(wanted: str, packages: Mapping[str, str], environment: Path) -> str:
    """Return what an ENVIRONMENT with these PACKAGES has otherwise than the lock WANTED, "" when it is the same."""
    lock, here = pins_of(wanted), of(packages, environment, {})
    found = [f"{name} {pin.version} is missing" for name, pin in lock.items() if name not in here]
    found += [f"{name} {pin.version} is not part of it" for name, pin in here.items() if name not in lock]
    for name in sorted(lock.keys() & here.keys()):
        if lock[name].version != here[name].version:
            found.append(f"{name} is {here[name].version}, not {lock[name].version}")
        elif lock[name].origin != here[name].origin:
            found.append(f"{name} is from {here[name].origin or 'an index'}, not {lock[name].origin or 'an index'}")
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return "; ".join(found[:MOST_NAMED]) + more
