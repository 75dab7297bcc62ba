# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Virtual environments named by what is in them: same key, same environment, built once.

`ensure(EnvironmentSpec(...))` returns the environment, building it if need be. An environment is built under another
name and moved to `<root>/<key>` when it is whole and on the disk, so whatever has that name is complete.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._host import tree
from ansible_collections.slipway.flask.plugins.module_utils._python import build as building
from ansible_collections.slipway.flask.plugins.module_utils._python import build_project as seats
from ansible_collections.slipway.flask.plugins.module_utils._python import build_sandbox as sandbox
from ansible_collections.slipway.flask.plugins.module_utils._python import interpreters as interpreters
from ansible_collections.slipway.flask.plugins.module_utils._python import project as projects
from ansible_collections.slipway.flask.plugins.module_utils._python import repositories as repositories
from ansible_collections.slipway.flask.plugins.module_utils._python import scm as scm
from ansible_collections.slipway.flask.plugins.module_utils._python import uv as tools
from ansible_collections.slipway.flask.plugins.module_utils._python import versions as versions
from ansible_collections.slipway.flask.plugins.module_utils._python.plan import Plan
from ansible_collections.slipway.flask.plugins.module_utils._python.uv import EnvironmentError_

__all__ = ["Environment", "EnvironmentError_", "EnvironmentSpec", "ensure", "key_of"]

SCHEME = "2"  # a change of how environments are built makes new keys
RECORD = "slipway.json"


@dataclass(frozen=True)
class EnvironmentSpec:
    """What an environment is made from.

    project: folder with the application's Python files; root: folder that holds the environments;
    requirements: files relative to `project`, empty = detect; package: a requirement line that is installed in place of
    what `project` asks for; extra_packages: requirement lines that are installed together with the project's own;
    constraints: lines that only limit versions; overrides: lines that go before whatever anybody else says of the
    package; needed: lines that are added when the package is not there; database: scheme of the database's URL, whose
    driver is added when none is there ("auto": any will do, "": no database); groups, extras: of pyproject.toml;
    python: "" = what the project says of it, else the distribution's; python_downloads, python_mirror, python_list_url:
    whether and from where uv fetches one; install_project: install the project itself too (None = only if it keeps its
    packages in src/, or if one of `commands`, programs that the app calls, is a console script of its own);
    member: the app's folder in a workspace of uv that `project` is; version: of a source whose build would read it from
    git's tags; environment: the app's, for what it says of versions;
    hidden: files of `project` with secrets, which no package's code may see while it is built;
    cache: uv's, for whoever is not root; log: called with one line when a step that takes time starts.
    """

    project: Path
    root: Path
    requirements: list[str] = field(default_factory=list)
    package: str = ""
    extra_packages: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)
    needed: list[str] = field(default_factory=list)
    database: str = ""
    groups: list[str] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)
    install_project: bool | None = None
    commands: list[str] = field(default_factory=list)
    member: str = ""
    version: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    python: str = ""
    python_downloads: bool = True
    python_mirror: str = ""
    python_list_url: str = ""
    uv: str = "/opt/slipway/bin/uv"
    ca_bundle: str = "/etc/ssl/certs/ca-certificates.crt"
    index_url: str = ""
    extra_index_urls: list[str] = field(default_factory=list)
    hidden: tuple[str, ...] = ()
    cache: Path = tools.CACHE
    log: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        """Tools run in the project's folder, so no path may depend on ours."""
        for name in ("project", "root", "cache"):
            object.__setattr__(self, name, Path(os.path.abspath(getattr(self, name))))  # noqa: PTH100 - keeps links

    @property
    def home(self) -> Path:
        """The app's own folder."""
        return self.project / self.member

    @property
    def installs_project(self) -> bool:
        """Whether the project itself becomes a package of the environment."""
        if self.package:
            return False
        if self.install_project is None:
            own = set(self.commands) & projects.console_scripts(self.home) if self.commands else set()
            return bool(own) or projects.source_layout(self.home)
        return self.install_project


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


def key_of(spec: EnvironmentSpec) -> str:
    """Return the key of the environment that `spec` asks for, without building it; raise EnvironmentError_."""
    return _key(spec, _source(spec), _interpreter(spec))


def ensure(spec: EnvironmentSpec, *, check: bool = False) -> Environment:
    """Return the environment that `spec` asks for, after building it if it doesn't exist.

    check: build nothing. Raises EnvironmentError_ with the tool's own last lines; nothing is left behind then.
    """
    started = time.monotonic()
    source = _source(spec)
    interpreter = _interpreter(spec, check=check)
    if not interpreter.path:
        return Environment("", spec.root, True, 0.0, interpreter.version, "", notes=[interpreter.note])
    key = _key(spec, source, interpreter)
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
            if spec.log:
                spec.log(f"building environment {key} from {name} with Python {interpreter.version}")
            record = _build(spec, source, interpreter, path, lock)
    except projects.ProjectError as error:
        raise EnvironmentError_(str(error)) from error
    except OSError as error:
        raise EnvironmentError_(f"building the environment of {spec.project} failed: {error}") from error
    return result(True, record)


def _interpreter(spec: EnvironmentSpec, *, check: bool = False) -> interpreters.Interpreter:
    """Return the interpreter for `spec`, which uv fetches if need be (not with `check`); raise EnvironmentError_."""
    demands = [] if spec.package else versions.of_project(spec.home)
    fetching = interpreters.Fetching(
        spec.uv, spec.python_downloads, spec.python_mirror, spec.python_list_url, _index(spec)
    )
    return interpreters.find(spec.python, demands, fetching, check=check)


def _index(spec: EnvironmentSpec) -> tools.Index:
    return tools.Index(spec.index_url, tuple(spec.extra_index_urls), spec.ca_bundle)


def _source(spec: EnvironmentSpec) -> projects.Source:
    """Return what the project's dependencies are read from; raise EnvironmentError_."""
    try:
        source = (
            projects.Source("package", ())
            if spec.package
            else projects.detect(spec.project, spec.requirements, spec.member)
        )
    except (projects.ProjectError, OSError) as error:
        raise EnvironmentError_(str(error)) from error
    if source.kind == "requirements" and (spec.extras or spec.groups):
        raise EnvironmentError_(
            f"extras and groups belong to pyproject.toml, but {spec.project} is read from {source.main[0].name}"
        )
    repositories.need_git(source.repositories, spec.package or source.main[0].name)
    for key in ("extra_packages", "constraints", "overrides"):
        nameless = [tools.masked(line) for line in getattr(spec, key) if not projects.requirement_name(line)]
        if nameless:
            raise EnvironmentError_(
                f"a line of `{key}` must start with a package's name (`name @ URL`): {nameless[0]!r}"
            )
    return source


def _key(spec: EnvironmentSpec, source: projects.Source, interpreter: interpreters.Interpreter) -> str:
    """Return 16 hex digits over everything that decides what is in the environment."""
    digest = hashlib.sha256()

    def add(*parts: str | bytes) -> None:
        for part in parts:
            data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogateescape")
            digest.update(b"%d:" % len(data) + data)

    add(SCHEME, source.kind, interpreter.path, interpreter.version, interpreter.abi)
    # Credentials may change without changing the packages; the places that they come from may not.
    add(*(tools.masked(url, by="") for url in (spec.index_url, *spec.extra_index_urls)))
    several = (spec.extra_packages, spec.constraints, spec.overrides, spec.needed, spec.groups, spec.extras)
    for values in map(sorted, several):
        add(str(len(values)), *values)
    add(spec.database)
    base, root = spec.project.resolve(), spec.root.resolve()
    folders = [*source.folders]
    if spec.installs_project and spec.home.resolve() not in folders:
        folders.append(spec.home.resolve())
    if spec.package:
        add(spec.package)
    add(*(f"{name}={value}" for name, value in sorted(_versions(spec, source).items())))
    if source.kind in ("requirements", "project"):  # a lock has the commit beside the branch
        add(*repositories.tips(source.repositories))
    add("installed" if spec.installs_project else "source")
    for path in (*source.files, *(file for folder in folders for file in projects.contents(folder, base, root))):
        add(os.path.relpath(path.parent.resolve() / path.name, base))
        add(os.readlink(path).encode() if path.is_symlink() and not path.is_file() else path.read_bytes())
    return digest.hexdigest()[:16]


def _versions(spec: EnvironmentSpec, source: projects.Source) -> dict[str, str]:
    """Return the variables that tell builds the version of what is built from the source, {} when nothing is."""
    folders = [*source.folders, *([spec.home] if spec.installs_project else [])]
    return scm.variables(folders, spec.version, spec.environment)


def _complete(path: Path) -> dict[str, object] | None:
    """Return the record of the environment at `path`, None when there is none that works."""
    try:
        record = json.loads((path / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and os.access(path / "bin/python", os.X_OK) else None


@contextmanager
def _only_builder(root: Path) -> Iterator[int]:
    """Hold the lock of all environments below `root`; yield its file descriptor; raise EnvironmentError_."""
    root.mkdir(mode=0o755, parents=True, exist_ok=True)
    with interpreters.held(root / ".lock", f"another environment below {root} has been building") as descriptor:
        yield descriptor


def _build(
    spec: EnvironmentSpec, source: projects.Source, interpreter: interpreters.Interpreter, path: Path, lock: int
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
        with sandbox.workshop(spec.root, ours / "given", spec.cache, lock, filter(Path.exists, shown)) as workshop:
            hidden = [spec.project / name for name in spec.hidden]
            workshop, project, seen = seats.seated(spec.project, source, workshop, spec.root, hidden)
            made = workshop.scratch / path.name
            plan = Plan(
                project=project, source=seen, interpreter=interpreter, new=made, work=workshop.given,
                uv=tools.Uv(spec.uv, _index(spec), workshop.cache, spec.log), workshop=workshop,
                extra_packages=tuple(spec.extra_packages), constraints=tuple(spec.constraints),
                overrides=tuple(spec.overrides), needed=tuple(spec.needed), database=spec.database,
                variables=_versions(spec, source), package=spec.package, groups=tuple(spec.groups),
                extras=tuple(spec.extras), install_project=spec.installs_project, member=spec.member,
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
        tools.sync(new)
        new.rename(path)
        tools.sync(spec.root)
    except tree.TreeError as error:
        raise EnvironmentError_(f"what was built can't be used: {error}") from error
    finally:
        shutil.rmtree(ours, ignore_errors=True)
    return record
