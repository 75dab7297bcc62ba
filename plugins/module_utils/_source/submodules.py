# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The submodules of a repository: where `.gitmodules` says that they come from (gitmodules(5)).

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import posixpath
import re
from urllib.parse import urlsplit, urlunsplit

# host:path and user@host:path, as ssh takes them; a path with a slash before its colon is a folder (git-clone(1)).
SCP = re.compile(r"(?P<host>(\w[\w.~-]*@)?\w[\w.-]*):(?P<path>[^/:].*|/[^/].*)")


def places(listed: str) -> dict[str, str]:
    """Return path -> URL of every submodule in what `git config --list -z` prints of a `.gitmodules`."""
    found: dict[str, dict[str, str]] = {}
    for row in listed.split("\0"):
        key, _, value = row.partition("\n")
        match = re.fullmatch(r"submodule\.(.+)\.(path|url)", key, re.DOTALL)
        if match:
            found.setdefault(match[1], {})[match[2]] = value
    return {module["path"]: module["url"] for module in found.values() if module.keys() >= {"path", "url"}}


def absolute(url: str, parent: str) -> str:
    """Return a submodule's URL, one that begins with ./ or ../ seen from the URL of its PARENT; "" for a local folder.

    A folder of the host is never a submodule's source: the app's code would choose what root reads.
    """
    if url.startswith(("./", "../")):
        if not is_remote(parent):
            return ""
        scp = None if "://" in parent else SCP.fullmatch(parent)
        if scp:
            return f"{scp['host']}:{posixpath.normpath(posixpath.join(scp['path'], url))}"
        parts = urlsplit(parent)
        return urlunsplit(parts._replace(path=posixpath.normpath(posixpath.join(parts.path, url))))
    return url if is_remote(url) else ""


def is_remote(url: str) -> bool:
    """Tell whether a URL leads to another host by HTTP or SSH."""
    if "://" in url:
        return url.lower().startswith(("https://", "http://", "ssh://"))
    return SCP.fullmatch(url) is not None
