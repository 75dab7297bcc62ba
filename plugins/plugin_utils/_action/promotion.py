# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A promotion on the controller: the release that all hosts of its origin serve, as the source of another deploy.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._python import mysql_driver
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ID
from ansible_collections.slipway.flask.plugins.module_utils._source import requirement, urls
from ansible_collections.slipway.flask.plugins.module_utils._source.revision import WHOLE, short
from ansible_collections.slipway.flask.plugins.plugin_utils._action.sources import Prepared
from ansible_collections.slipway.flask.plugins.plugin_utils._source import folder
from ansible_collections.slipway.flask.plugins.plugin_utils._source.description import KINDS, SourceError

ALIKE = {
    "revision": "revision",
    "source_key": "code",
    "lock": "packages",
    "python": "Python",
    "source": "source",
    "made_of": "description",
}
"""What the releases of all hosts of an origin must have alike, and what it is called."""


def prepare(
    task: Mapping[str, Any], origins: Sequence[Mapping[str, Any]], here: Callable[[], str] = lambda: ""
) -> Prepared:
    """Return what a host is told that is to get what ORIGINS serve, which is one release, in place of a TASK's own source.

    HERE returns the name of the contents of a source that is a folder. Raises SourceError when the origins differ, when the app
    that the task describes is another one, and when the release is not the only one that is wanted.
    """
    for one in origins:
        if not credible(one):
            raise SourceError(f"{one['of']} can't be promoted: what {one['host']} says of its release is no release")
    origin = same(origins)
    kind = next((kind for kind in KINDS if task.get(kind)), "")
    if told_why := unlike(task, kind, origin) or another(origin, kind, here):
        raise SourceError(f"{origin['of']} can't be promoted: {told_why}")
    rest = {name: value for name, value in task.items() if name not in ("path", "everything", "promotion")}
    told: dict[str, Any] = {
        "promotion": {
            "of": origin["of"], "app": origin["app"], "hosts": [one["host"] for one in origins],
            "release": origin["release"], "python": origin["python"], "lock": origin["lock"],
        }
    }  # fmt: skip
    if kind == "git":
        address = str(task["git"])
        if urls.shown(address) != address:
            told |= {"git": urls.shown(address), "secret_url": address}
        return Prepared({**rest, **told, "version": origin["revision"]})
    if kind == "package":
        return Prepared({**rest, **told, "package": origin["source_key"]})
    told |= {
        "source_key": origin["source_key"], "revision": origin["revision"], "dirty": False,
        "whole": bool(origin["made_of"].get("whole")),
    }  # fmt: skip
    if kind == "archive":
        told |= {"archive": Path(urls.shown(str(origin["source"]))).name, "sha256": ""}
    file = Path(str(origin["archive"]))
    return Prepared({**rest, **told}, lambda: file, file.stat().st_size * 4)


def same(origins: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return one of ORIGINS, which serve the same. Raises SourceError when they don't."""
    first = origins[0]
    for other in origins[1:]:
        for key, what in ALIKE.items():
            if other[key] != first[key]:
                shown = [f"{one['host']} serves {one['release']} ({short(one['revision'])})" for one in (first, other)]
                raise SourceError(
                    f"{first['of']} can't be promoted: its hosts don't serve the same {what}: {' and '.join(shown)}. Deploy "
                    "it to all of them first"
                )
    return first


def wrong(origin: Any, only: str) -> str:
    """Return what is wrong with what a host tells as its ORIGIN, and with the ONLY revision that is wanted, "" for nothing."""
    if not isinstance(origin, Mapping) or not credible(origin):
        return "what it says of its release is no release"
    if not re.fullmatch(r"([0-9a-f]{7,64})?", only):
        return f"only_revision is '{only}'; it must be a commit, such as 4f2c1a9"
    return ""


def another(origin: Mapping[str, Any], kind: str, here: Callable[[], str]) -> str:
    """Return that ORIGIN has got another release than the one that was approved, "" if it has not.

    A commit that changes nothing of the app makes no release: HERE returns the name of the contents in the folder here.
    """
    only = str(origin.get("only") or "")
    if kind not in ("git", "path") or str(origin["revision"]).startswith(only):
        return ""
    if kind == "path" and here() == origin["source_key"]:
        return ""
    return (
        f"release {origin['release']} is live there, and only_revision is {short(only)}: another one was deployed since, or that "
        "one was rolled back"
    )


def credible(origin: Mapping[str, Any]) -> bool:
    """Tell whether an ORIGIN's host names things as Slipway does: they become part of commands and of paths on other hosts."""
    made = origin.get("made_of")
    texts = [origin.get(name) for name in ("release", "revision", "source", "source_key", "lock", "python", "archive")]
    texts += [made.get(name) for name in ("kind", "subfolder", "database")] if isinstance(made, Mapping) else [None]
    if not isinstance(made, Mapping) or not all(isinstance(text, str) for text in texts):
        return False
    key, kind = str(origin["source_key"]), made["kind"]
    named = requirement.is_pinned(key) if kind == "package" else bool(WHOLE.fullmatch(key))
    commit = kind == "package" or bool(WHOLE.fullmatch(str(origin["revision"])))
    python = re.fullmatch(r"\d+\.\d+(\.\w+)?", str(origin["python"]))
    return bool(named and commit and python and ID.fullmatch(str(origin["release"])))


def unlike(task: Mapping[str, Any], kind: str, origin: Mapping[str, Any]) -> str:
    """Return what makes the app that a TASK describes another one than that of ORIGIN, "" when they are the same."""
    made = origin["made_of"]
    if kind != made["kind"]:
        return f"its release was made of a source of the kind '{made['kind']}', and `source` here is '{kind}'"
    here = {"git": urls.shown(str(task.get("git") or "")), "package": _name(task.get("package"))}.get(kind, "")
    there = _name(origin["source"]) if kind == "package" else origin["source"]
    if here and here != there:
        return f"its release was made of {there}, and `source` here is {here}"
    subfolder = str(task.get("subfolder") or "")
    if subfolder != made["subfolder"]:
        return f"its `subfolder` is '{made['subfolder']}', and here it is '{subfolder}'"
    dialects = [dialect(name) for name in (made["database"], (task.get("packages") or {}).get("database") or "")]
    if dialects[0] != dialects[1]:
        return f"its database is {dialects[0]}, and here it is {dialects[1]}"
    python = str(task.get("python") or "")
    if python[:1].isdigit() and not f"{origin['python']}.".startswith(f"{python}."):
        return f"it runs with Python {origin['python']}, and `python` here is '{python}'"
    return ""


def dialect(scheme: str) -> str:
    """Return what speaks the SCHEME of a database's URL, as people call it."""
    if not scheme:
        return "none"
    return "MariaDB or MySQL" if mysql_driver.is_mysql(scheme) else "PostgreSQL"


def _name(package: Any) -> str:
    return requirement.name(str(package)) if package else ""


def proven(archive: Path, kind: str, key: str) -> bool:
    """Tell whether an ARCHIVE that a host has handed over holds the contents called KEY."""
    try:
        with gzip.open(archive) if kind == "path" else archive.open("rb") as content:
            return folder.checksum_of(content) == key
    except (OSError, EOFError, zlib.error):
        return False
