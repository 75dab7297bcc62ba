# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A release's own copies of its units and settings, against what the next release would be given a copy of.

They differ when somebody has edited a copy, and when the settings have changed since the release was deployed.
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._app.places import Places
from ansible_collections.slipway.flask.plugins.module_utils._drift.difference import Difference
from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file, systemd
from ansible_collections.slipway.flask.plugins.module_utils._process import settings as process_settings
from ansible_collections.slipway.flask.plugins.module_utils._process.look.base import ProcessLook
from ansible_collections.slipway.flask.plugins.module_utils._release import wanted
from ansible_collections.slipway.flask.plugins.module_utils._release.settings import differences, named

SETTINGS = (environment_file.NAME, "gunicorn.conf.py", process_settings.NAME)
"""What a release gets a copy of; what else lies there is named as nobody's (strays.py)."""
NEWER = re.compile(r"^X-", re.MULTILINE)
"""What a template says for a systemd that is newer than the oldest; a release's copy on such a host says it plainly."""
DRIVER = re.compile(r"^(\w+)\+\w+(?=://)")
"""The driver in a database URL: a release's copy has the one that fits its environment."""
SECOND = re.compile(r"(?<=[a-z0-9])\.\d+$")
"""What tells the second instance of a worker from the first, whose template both have."""


def edited(paths: Places, processes: Iterable[ProcessLook]) -> Iterator[Difference]:
    """Yield the copies of the live release which say something else than what they are copies of."""
    release = paths.current_id()
    for process in processes:
        for unit in process.units(release) if process.has(release) else ():
            yield from _unit(unit)
    for file in map(paths.settings.joinpath, SETTINGS):
        if file.is_file():
            yield from _settings(paths.settings_of(release) / file.name, file, str(paths.release(release)))


def _unit(unit: str) -> Iterator[Difference]:
    """Yield how the file of a release's UNIT differs from its template."""
    own, template = systemd.UNITS / unit, systemd.UNITS / template_of(unit)
    if own.is_symlink():
        yield Difference(str(own), f"is a link to {own.readlink()}, should be a copy of {template.name}")
    elif not own.exists():
        yield Difference(str(own), "is missing")
    elif template.is_file():
        there, wish = (NEWER.sub("", path.read_text(errors="replace")) for path in (own, template))
        found = differences(wanted.directives(there), wanted.directives(numbered(wish, unit)))
        if found:
            yield Difference(str(own), f"{told(found)}; {template.name} says otherwise", there, wish)


def template_of(unit: str) -> str:
    """Return the file that a release's UNIT is a copy of: `shop.worker@.service` of `shop.worker.2@0007-abc.service`."""
    before, _, after = unit.partition("@")
    return f"{SECOND.sub('', before)}@{after[after.rindex('.') :]}"


def numbered(text: str, unit: str) -> str:
    """Return the TEXT of a template with the names that the copy of a second or later instance has for the first one's."""
    before = unit.partition("@")[0]
    first = SECOND.sub("", before)
    return text if first == before else re.sub(rf"{re.escape(first)}(?=@)", before, text)


def _settings(own: Path, file: Path, home: str) -> Iterator[Difference]:
    """Yield the names, never the values, of what a release's copy OWN has otherwise than FILE; HOME is the release's folder."""
    if not own.exists():
        yield Difference(str(own), "is missing")
        return
    if not file.stat().st_mode & 0o077 and own.stat().st_mode & 0o077:
        yield Difference(
            str(own),
            f"is {stat.S_IMODE(own.stat().st_mode):04o}: users other than root can read the secrets in it, should be 0600",
        )
    there, wish = (path.read_text(errors="replace").replace(home, wanted.FOLDER) for path in (own, file))
    old, new = wanted.read(file.suffix, there, wish)
    if file.name == environment_file.NAME:
        if any(value.startswith('"') for value in old.values()):
            # What reads like a name in it may be a part of a secret.
            yield Difference(str(own), "can't be read: a quote is missing")
            return
        old, new = without_drivers(old), without_drivers(new)
    if found := differences(old, new):
        yield Difference(str(own), f"{told(found)}; {file} says otherwise")


def without_drivers(settings: Mapping[str, str]) -> dict[str, str]:
    """Return SETTINGS with database URLs that name no driver."""
    return {name: DRIVER.sub(r"\1", value) for name, value in settings.items()}


def told(found: Mapping[str, list[str]]) -> str:
    """Return FOUND differences from a copy to what it should be as a person reads them."""
    words = {"added": "lacks", "removed": "has in addition", "changed": "has a different value for"}
    return ", ".join(f"{words[kind]} {', '.join(names)}" for kind, names in found.items()) or named(found)
