# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Virtual environments named by what is in them: same key, same environment, built once.

`ensure(EnvironmentSpec(...))` returns the environment, building it if need be. An environment is built under another
name and moved to `<root>/<key>` when it is whole and on the disk, so whatever has that name is complete.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import seal, tree
from ansible_collections.slipway.flask.plugins.module_utils._python import build as building
from ansible_collections.slipway.flask.plugins.module_utils._python import build_project as seats
from ansible_collections.slipway.flask.plugins.module_utils._python import build_sandbox as sandbox
from ansible_collections.slipway.flask.plugins.module_utils._python import environment_spec as specs
from ansible_collections.slipway.flask.plugins.module_utils._python import fetching as fetching
from ansible_collections.slipway.flask.plugins.module_utils._python import interpreters as interpreters
from ansible_collections.slipway.flask.plugins.module_utils._python import locked as locks
from ansible_collections.slipway.flask.plugins.module_utils._python import project as projects
from ansible_collections.slipway.flask.plugins.module_utils._python import repositories as repositories
from ansible_collections.slipway.flask.plugins.module_utils._python import scm as scm
from ansible_collections.slipway.flask.plugins.module_utils._python import uv as tools
from ansible_collections.slipway.flask.plugins.module_utils._python import versions as versions
from ansible_collections.slipway.flask.plugins.module_utils._python.environment_spec import EnvironmentSpec
from ansible_collections.slipway.flask.plugins.module_utils._python.plan import Plan
from ansible_collections.slipway.flask.plugins.module_utils._python.uv import EnvironmentError_

__all__ = ["Environment", "EnvironmentError_", "EnvironmentSpec", "ensure"]

RECORD = "slipway.json"
AHEAD = Path("/var/lib/slipway/ahead")
"""Root's own folder with a folder for each app whose environment was built before its first release (ahead.py)."""


@dataclass(frozen=True)
class Environment:
    """An environment that is complete (or, in check mode with `created`, would be built).

    source: the file it was read from; ignored: other files that could have been read; added: lines that were installed
    beside the project's list; overridden: what the overrides replaced, in words; packages: name -> version of all that
    is in it; seconds: what this call took; notes: what the user should know of how it was built.
    """

    key: str
    path: Path
    created: bool
    seconds: float
    python_version: str
    source: str
    ignored: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    overridden: list[str] = field(default_factory=list)
    packages: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def lock(self) -> str:
        """The lock of what is in it, "" for one that an earlier version built."""
        try:
            return (self.path / locks.FILE).read_text(encoding="utf-8")
        except OSError:
            return ""


def ensure(spec: EnvironmentSpec, *, check: bool = False) -> Environment:
    """Return the environment that `spec` asks for, after building it if it doesn't exist.

    check: build nothing. Raises EnvironmentError_ with the tool's own last lines; nothing is left behind then.
    """
    started = time.monotonic()
    source = specs.source_of(spec)
    interpreter = specs.interpreter_of(spec, check=check)
    if not interpreter.path:
        return Environment("", spec.root, True, 0.0, interpreter.version, "", notes=[interpreter.note])
    key = specs.key(spec, source, interpreter)
    path = spec.root / key
    name = spec.package or ", ".join(str(main.relative_to(spec.project)) for main in source.main)

    def result(created: bool, record: dict[str, object]) -> Environment:
        return Environment(
            key, path, created, round(time.monotonic() - started, 2), interpreter.version, name, list(source.ignored),
            list(record.get("added", [])), list(record.get("overridden", [])), dict(record.get("packages", {})),  # type: ignore[call-overload]
            [interpreter.note] if created and interpreter.note else [],
        )  # fmt: skip

    if (record := _complete(path)) is not None:
        return result(False, record)
    if check:
        return result(True, {})
    try:
        with _only_builder(spec.root) as lock:
            if (record := _complete(path)) is not None:  # another one built it while we waited
                return result(False, record)
            if spec.ahead and (record := _brought(spec.ahead, path)) is not None:
                return result(True, record)
            if spec.log:
                spec.log(f"building environment {key} from {name} with Python {interpreter.version}")
            record = _build(spec, source, interpreter, path, lock)
    except projects.ProjectError as error:
        raise EnvironmentError_(str(error)) from error
    except OSError as error:
        raise EnvironmentError_(f"building the environment of {spec.project} failed: {error}") from error
    return result(True, record)


def _complete(path: Path) -> dict[str, object] | None:
    """Return the record of the environment at `path`, None when there is none that works."""
    try:
        record = json.loads((path / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and os.access(path / "bin/python", os.X_OK) else None


def _brought(ahead: Path, path: Path) -> dict[str, object] | None:
    """Move the environment from the folder AHEAD to its `path` and return its record, None if none of that name is there.

    Whatever else is in that folder, which is root's alone, nobody asks for any more.
    """
    record = _complete(ahead / path.name)
    if record is not None:
        shutil.rmtree(path, ignore_errors=True)
        try:
            (ahead / path.name).rename(path)
            tools.sync(path.parent)
        except OSError:  # another file system
            record = None
    shutil.rmtree(ahead, ignore_errors=True)
    return record


@contextmanager
def _only_builder(root: Path) -> Iterator[int]:
    """Hold the lock of all environments below `root`; yield its file descriptor; raise EnvironmentError_."""
    root.mkdir(mode=0o755, parents=True, exist_ok=True)
    with fetching.held(root / ".lock", f"another environment below {root} has been building") as descriptor:
        yield descriptor


def _build(
    spec: EnvironmentSpec, source: projects.Source, interpreter: fetching.Interpreter, path: Path, lock: int
) -> dict[str, object]:
    """Build the environment beside `path`, move it there, and return its record; leave nothing when it fails."""
    if not shutil.which(spec.uv):
        raise EnvironmentError_(f"there is no uv at {spec.uv}; the role slipway.flask.python_venv installs it")
    for leftover in spec.root.glob(".building-*"):  # of a build that was killed: we hold the lock, so nobody uses it
        shutil.rmtree(leftover)
    if path.exists():
        shutil.rmtree(path)
    ours = Path(tempfile.mkdtemp(prefix=".building-", dir=spec.root))
    try:
        shown = [Path(spec.uv).resolve().parent, Path(interpreter.path).parents[1], Path(spec.ca_bundle)]
        shown += [file for file in source.files if not file.is_relative_to(spec.project)]
        with sandbox.workshop(
            spec.final or spec.root, ours / "given", spec.cache, lock, filter(Path.exists, shown)
        ) as workshop:
            hidden = [spec.project / name for name in spec.hidden]
            workshop, project, seen = seats.seated(spec.project, source, workshop, spec.root, hidden)
            made = workshop.scratch / path.name
            plan = Plan(
                project=project, source=seen, interpreter=interpreter, new=made, work=workshop.given,
                uv=tools.Uv(spec.uv, specs.index_of(spec), workshop.cache, spec.log), workshop=workshop,
                extra_packages=tuple(spec.extra_packages), constraints=tuple(spec.constraints),
                overrides=tuple(spec.overrides), needed=tuple(spec.needed), database=spec.database,
                variables=specs.versions_of(spec, source), package=spec.package, groups=tuple(spec.groups),
                extras=tuple(spec.extras), install_project=spec.installs_project, member=spec.member,
                wheels_only=spec.wheels_only, locked=spec.locked,
            )  # fmt: skip
            done = building.install(plan)
            new = ours / path.name
            tree.copy(made, new, (interpreter.path,))
        record: dict[str, object] = {
            "key": path.name,
            "python": interpreter.path,
            "python_version": interpreter.version,
            "read": sorted(os.path.relpath(file, spec.project) for file in source.files),
            "added": done.added,
            "overridden": done.overridden,
            "packages": building.installed(new),
        }
        (new / RECORD).unlink(missing_ok=True)
        (new / RECORD).write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        (new / RECORD).chmod(0o644)
        (new / locks.FILE).unlink(missing_ok=True)
        (new / locks.FILE).write_text(done.lock, encoding="utf-8")
        (new / locks.FILE).chmod(0o640)
        seal.write(new / seal.INSIDE, seal.take(new, [seal.INSIDE]))
        tools.sync(new)
        new.rename(path)
        tools.sync(spec.root)
    except tree.TreeError as error:
        raise EnvironmentError_(f"the built environment can't be used: {error}") from error
    finally:
        shutil.rmtree(ours, ignore_errors=True)
    return record
