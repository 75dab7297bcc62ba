# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. What an environment is made from, and the key over all of it, which is its name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._python import console_scripts, fetching, source_tree
from ansible_collections.slipway.flask.plugins.module_utils._python import interpreters as interpreters
from ansible_collections.slipway.flask.plugins.module_utils._python import project as projects
from ansible_collections.slipway.flask.plugins.module_utils._python import repositories as repositories
from ansible_collections.slipway.flask.plugins.module_utils._python import scm as scm
from ansible_collections.slipway.flask.plugins.module_utils._python import uv as tools
from ansible_collections.slipway.flask.plugins.module_utils._python import versions as versions
from ansible_collections.slipway.flask.plugins.module_utils._python.uv import EnvironmentError_

SCHEME = "3"  # a change of how environments are built makes new keys


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
    final: where the environment will be moved, whose user and cache it is built with; ahead: where one may have been built
    before, to be moved from there; wheels_only: nothing is built from source, so that no package's code runs;
    locked: the lock of an environment of which this is to be the same (locked.py);
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
    final: Path | None = None
    ahead: Path | None = None
    wheels_only: bool = False
    locked: str = ""
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
            own = set(self.commands) & console_scripts.console_scripts(self.home) if self.commands else set()
            return bool(own) or source_tree.source_layout(self.home)
        return self.install_project


def key_of(spec: EnvironmentSpec) -> str:
    """Return the key of the environment that `spec` asks for, without building it; raise EnvironmentError_."""
    return key(spec, source_of(spec), interpreter_of(spec))


def interpreter_of(spec: EnvironmentSpec, *, check: bool = False) -> fetching.Interpreter:
    """Return the interpreter for `spec`, which uv fetches if need be (not with `check`); raise EnvironmentError_."""
    demands = [] if spec.package else versions.of_project(spec.home)
    how = fetching.Fetching(spec.uv, spec.python_downloads, spec.python_mirror, spec.python_list_url, index_of(spec))
    return interpreters.find(spec.python, demands, how, check=check)


def index_of(spec: EnvironmentSpec) -> tools.Index:
    """Return the package index that `spec` asks for."""
    return tools.Index(spec.index_url, tuple(spec.extra_index_urls), spec.ca_bundle)


def source_of(spec: EnvironmentSpec) -> projects.Source:
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
    for name in ("extra_packages", "constraints", "overrides"):
        nameless = [tools.masked(line) for line in getattr(spec, name) if not projects.requirement_name(line)]
        if nameless:
            raise EnvironmentError_(
                f"a line of `{name}` must start with a package's name (`name @ URL`): {nameless[0]!r}"
            )
    return source


def key(spec: EnvironmentSpec, source: projects.Source, interpreter: fetching.Interpreter) -> str:
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
    if spec.locked:
        add(spec.locked)
    base, root = spec.project.resolve(), spec.root.resolve()
    folders = [*source.folders]
    if spec.installs_project and spec.home.resolve() not in folders:
        folders.append(spec.home.resolve())
    if spec.package:
        add(spec.package)
    add(*(f"{name}={value}" for name, value in sorted(versions_of(spec, source).items())))
    if source.kind in ("requirements", "project"):  # a lock has the commit beside the branch
        add(*repositories.tips(source.repositories))
    add("installed" if spec.installs_project else "source")
    for path in (*source.files, *(file for folder in folders for file in source_tree.contents(folder, base, root))):
        add(os.path.relpath(path.parent.resolve() / path.name, base))
        add(os.readlink(path).encode() if path.is_symlink() and not path.is_file() else path.read_bytes())
    return digest.hexdigest()[:16]


def versions_of(spec: EnvironmentSpec, source: projects.Source) -> dict[str, str]:
    """Return the variables that tell builds the version of what is built from the source, {} when nothing is."""
    folders = [*source.folders, *([spec.home] if spec.installs_project else [])]
    return scm.variables(folders, spec.version, spec.environment)
