# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's source as it is described, and what the controller can tell about it before a host is asked.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._python.project import CANDIDATES
from ansible_collections.slipway.flask.plugins.module_utils._source import git, requirement, urls

KINDS = ("path", "git", "archive", "package")
"""Exactly one of these says where the code is."""

KEYS: dict[str, Any] = {
    "path": "", "everything": False, "git": "", "version": "HEAD", "key": "", "archive": "", "sha256": "", "package": "",
}  # fmt: skip
"""The keys of an app's `source`, and what they are when they are not given."""

BELONGS = {"everything": "path", "version": "git", "key": "git", "sha256": "archive"}
IGNORE = ".slipwayignore"
GIT_SECONDS = 20
# What git takes for a name (git-check-ref-format(1)); `main~1` and the like are not looked up.
REF = re.compile(r"(?![-/.])(?!.*(\.\.|@\{|//))[^\s~^:?*\[\\\x00-\x1f\x7f]+(?<![/.])")
SHA256 = re.compile(r"[0-9a-f]{64}")

Refs = Callable[[str], "set[str] | None"]


class SourceError(RuntimeError):
    """The source can't be had; the message is for the user."""


def base_of(task_vars: Mapping[str, Any]) -> Path:
    """Return the folder that relative paths of a description count from: the inventory's."""
    return Path(str(task_vars.get("inventory_dir") or Path.cwd()))


def place_of(path: str, base: Path) -> Path:
    """Return a file or folder here; a relative path counts from BASE, the inventory's folder."""
    return (base / Path(path).expanduser()).resolve()


def description_problems(source: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a description of a source, whatever is there; an unknown key is not its business."""
    given = [kind for kind in KINDS if source.get(kind)]
    if len(given) != 1:
        which = f"; it has {' and '.join(given)}" if given else ""
        return [
            "'source' needs one of 'path' (a folder here), 'git' (a URL), 'archive' (a file here or a URL) and "
            f"'package' (name==version){which}"
        ]
    (kind,) = given
    found = []
    for key in [key for key in KEYS if source.get(key) is not None]:
        value, wanted = source[key], type(KEYS[key])
        if not isinstance(value, wanted):
            kinds = ((str, "text"), (list, "a list"), (Mapping, "a mapping"))
            shown = next((name for kind, name in kinds if isinstance(value, kind)), value)
            must = "true or false" if wanted is bool else "text: quote it"
            found.append(f"'{key}' in 'source' is {shown}; it must be {must}")
    # A value that says nothing, as a role's variable that is not set has, is as good as none.
    stray = [key for key, owner in BELONGS.items() if owner != kind and source.get(key) not in (None, KEYS[key], "")]
    for key in stray:
        reason = ": what the folder holds is deployed" if (kind, key) == ("path", "version") else ""
        found.append(f"'{key}' in 'source' belongs to '{BELONGS[key]}'; '{kind}' takes none{reason}")
    return found or KIND_PROBLEMS[kind](source)


def _git_words(source: Mapping[str, Any]) -> list[str]:
    version = source.get("version", "HEAD")
    if version and not REF.fullmatch(version):
        return [f"'version' in 'source' is '{version}'; it must be the name of a branch or tag, or a commit"]
    return []


def _archive_words(source: Mapping[str, Any]) -> list[str]:
    checksum, address = source.get("sha256") or "", str(source["archive"])
    if checksum and not SHA256.fullmatch(checksum):
        return [f"'sha256' in 'source' is '{checksum}'; it must be 64 hexadecimal digits, as sha256sum prints them"]
    if not checksum and urls.is_http(address):
        return [
            f"'archive' in 'source' is a URL, so 'sha256' must say what it holds: `curl -L {urls.shown(address)} | sha256sum`"
        ]
    return []


def _package_words(source: Mapping[str, Any]) -> list[str]:
    if requirement.is_pinned(source["package"]):
        return []
    return [f"'package' in 'source' is '{source['package']}'; it must name one version, as in shop==1.2"]


KIND_PROBLEMS: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "path": lambda source: [], "git": _git_words, "archive": _archive_words, "package": _package_words,
}  # fmt: skip


def git_refs(address: str) -> set[str] | None:
    """Return the names that the repository at ADDRESS has, None where this machine may not or can't ask it."""
    environment = {**git.environment(address), "GIT_SSH_COMMAND": "ssh -o BatchMode=yes"}
    command = ["git", "ls-remote", "--", urls.split(address)[0]]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        return None
    return {row.split("\t")[1].removesuffix("^{}") for row in done.stdout.splitlines() if "\t" in row}


def problems(app: Mapping[str, Any], base: Path, refs: Refs = git_refs) -> list[str]:
    """Return what is wrong with a normalised app's source, as far as the controller can tell.

    REFS asks a repository for its names.
    """
    source = app["source"]
    found = []
    if source["path"]:
        found = folder_problems(app, base)
    elif source["git"]:
        found = git_problems(source, refs)
    elif source["archive"] and not urls.is_http(source["archive"]):
        place = place_of(source["archive"], base)
        if not place.is_file():
            found = [f"the archive '{source['archive']}' does not exist (looked at {place})"]
    for name in ("certificate_file", "certificate_key_file"):
        place = base / Path(app[name]).expanduser()
        if app[name] and not place.is_file():
            found.append(f"'{name}' is '{app[name]}', but there is no such file (looked at {place})")
    return found


def folder_problems(app: Mapping[str, Any], base: Path) -> list[str]:
    """Return what is wrong with the local folder of an app's source."""
    source, folder = app["source"], place_of(app["source"]["path"], base)
    if not folder.is_dir():
        return [f"the source folder '{source['path']}' does not exist (looked at {folder})"]
    root = folder / app["subfolder"]
    if not root.is_dir():
        return [f"'subfolder' is '{app['subfolder']}', but the source has no such folder (looked at {root})"]
    found = [f"'{name}' in 'requirements' does not exist in the source (looked at {root / name})"
             for name in app["requirements"] if not (root / name).is_file() and not brings(app, name)]  # fmt: skip
    known = [name for name, _ in CANDIDATES]
    if not app["requirements"] and not any((root / name).is_file() or brings(app, name) for name in known):
        found.append(
            f"the source has none of {', '.join(known)} (looked in {root}); name its list in 'requirements', which may be "
            "one that 'files' brings"
        )
    if (root / IGNORE).is_file() and not shutil.which("git"):
        found.append(f"{root / IGNORE} is read by git, which is not installed here; install git or remove the file")
    return found


def brings(app: Mapping[str, Any], name: str) -> bool:
    """Tell whether the app's `files` bring the file NAME."""
    return posixpath.normpath(name) in map(posixpath.normpath, app["files"])


def git_problems(source: Mapping[str, Any], refs: Refs = git_refs) -> list[str]:
    """Ask the repository for the wanted version, if this machine may: a host with a deploy key may see more."""
    version = source["version"]
    if len(version) >= 7 and all(letter in "0123456789abcdef" for letter in version):
        return []  # a commit: only a fetch tells
    whole = refs(source["git"])
    if whole is None or version in whole | {name.split("/", 2)[-1] for name in whole}:
        return []
    return [f"the repository {urls.shown(source['git'])} has no branch or tag '{version}'"]
