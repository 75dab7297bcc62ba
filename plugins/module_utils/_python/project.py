# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Which of a project's files say what it depends on, and what belongs to their content.

Nothing here runs a tool or needs the network. Host Python may be 3.10, which has no TOML parser: the few facts that
are needed from TOML files are found by line patterns.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._python import lists as lists
from ansible_collections.slipway.flask.plugins.module_utils._python import named as named
from ansible_collections.slipway.flask.plugins.module_utils._python import source_tree as source_tree
from ansible_collections.slipway.flask.plugins.module_utils._source.requirement import normalised as normalised

# In this order; the first that exists is read. Locks come first: they say more than the lists they were made from.
CANDIDATES = (
    ("uv.lock", "uv"),
    ("poetry.lock", "poetry"),
    ("pdm.lock", "pdm"),
    ("pylock.toml", "pylock"),
    ("Pipfile.lock", "pipfile"),
    ("requirements.txt", "requirements"),
    ("requirements/production.txt", "requirements"),
    ("requirements/prod.txt", "requirements"),
    ("pyproject.toml", "project"),
    ("setup.py", "project"),
    ("setup.cfg", "project"),
)
# What says what a project needs in words that nothing here reads, and the way on.
UNREAD = {
    "Pipfile": "run `pipenv lock` and commit Pipfile.lock",
    "environment.yml": "used by conda; list the packages from the index in requirements.txt, and the others as `system_packages`",
    "requirements.in": "run `uv pip compile requirements.in -o requirements.txt` and commit it, or name it in `requirements`",
}
DYNAMIC = re.compile(r"""^dynamic\s*=\s*\[[^\]]*["'](?:optional-)?dependencies["']""", re.MULTILINE)


ProjectError = lists.ProjectError


@dataclass(frozen=True)
class Source:
    """What a project's dependencies are read from.

    kind: "uv", "poetry", "pdm", "requirements", "project" or "package", which has no files;
    main: the files that the tool is given; files: every file whose content matters;
    folders: every local folder whose content matters; repositories: addresses of those that a tool clones;
    hashed: a requirement carries `--hash`, so all of them must; ignored: candidates that were passed over.
    """

    kind: str
    main: tuple[Path, ...]
    files: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    hashed: bool = False
    repositories: tuple[str, ...] = ()
    ignored: tuple[str, ...] = field(default=(), compare=False)


def requirement_name(line: str) -> str:
    """Return the normalised package name of one requirement line, "" when the line starts with none."""
    found = re.match(r"\s*([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?=$|[\[<>=!~;@#\s(,])", line)
    return normalised(found.group(1)) if found else ""


def kind_of(path: Path) -> str:
    """Return the kind of a file that the user named, by its name."""
    for name, kind in CANDIDATES:
        if path.name == Path(name).name:
            return kind
    return "requirements"


def workspace_of(top: Path, subfolder: str) -> Path | None:
    """Return the folder of the uv workspace in TOP whose lock is that of the member in SUBFOLDER, None when none is.

    A member that has a lock or a list of its own is read by that.
    """
    member = Path(os.path.normpath(subfolder))
    home = top / member
    if not may_be_member(home):
        return None
    above = next((top / place for place in member.parents if (top / place / "uv.lock").is_file()), None)
    if above is None:
        return None
    named = rf"""\b(?:editable|virtual|directory) = ["']{re.escape(home.relative_to(above).as_posix())}["']"""
    return above if re.search(named, (above / "uv.lock").read_text(encoding="utf-8", errors="replace")) else None


def may_be_member(home: Path) -> bool:
    """Return whether what a folder's project needs may stand in the lock of a workspace above it."""
    return (
        next((name for name, _ in CANDIDATES if (home / name).is_file() and usable(home, name)), "") == "pyproject.toml"
    )


def detect(project: Path, requirements: list[str], member: str = "") -> Source:
    """Return what `project`'s dependencies are read from: the files named in `requirements`, or the first candidate.

    member: the folder of the app in a uv workspace that `project` is.
    Raises ProjectError when a named file or every candidate is missing, or the named ones don't go together.
    """
    if not project.is_dir():
        raise ProjectError(f"the project's folder {project} does not exist")
    if requirements:
        main = tuple(Path(os.path.normpath(project / name)) for name in requirements)
        missing = [name for name, path in zip(requirements, main, strict=True) if not path.is_file()]
        if missing:
            raise ProjectError(f"{', '.join(missing)} (named as requirements) is not in {project}")
        kinds = {kind_of(path) for path in main}
        if len(kinds) > 1 or (len(main) > 1 and kinds != {"requirements"}):
            raise ProjectError(
                f"requirements name {', '.join(requirements)}: give one lock or project file, or only files in "
                "pip's requirements format"
            )
        return completed(project, kinds.pop(), main, (), member)
    present = [(name, kind) for name, kind in CANDIDATES if (project / name).is_file() and usable(project, name)]
    if not present:
        way = next((f"; {path}: {way}" for path, way in UNREAD.items() if (project / path).is_file()), "")
        looked_for = ", ".join(name for name, _ in CANDIDATES)
        raise ProjectError(f"{project} has no file that lists its Python packages (looked for {looked_for}){way}")
    name, kind = present[0]
    if name == "pyproject.toml" and unlocked(project / name):
        raise ProjectError(
            f"{project / name} says `package-mode = false`, which Poetry alone understands: run `poetry lock` and commit "
            "poetry.lock"
        )
    return completed(project, kind, (project / name,), tuple(other for other, _ in present[1:]), member)


def unlocked(path: Path) -> bool:
    """Return whether a pyproject.toml lists its packages for Poetry only and can't be built, so that a lock must say them."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    listed = re.search(r"^\[project\]", text, re.MULTILINE)
    return not listed and re.search(r"^package-mode\s*=\s*false", text, re.MULTILINE) is not None


def usable(project: Path, name: str) -> bool:
    """Return whether a file that exists says anything about dependencies (many pyproject.toml only set up tools)."""
    if name in ("uv.lock", "poetry.lock", "pdm.lock"):
        return (project / "pyproject.toml").is_file()
    if name == "pyproject.toml":
        text = (project / name).read_text(encoding="utf-8", errors="replace")
        return re.search(r"^\[(project|tool\.poetry|build-system)\]", text, re.MULTILINE) is not None
    if name == "setup.cfg":
        return "install_requires" in (project / name).read_text(encoding="utf-8", errors="replace")
    return True


def completed(project: Path, kind: str, main: tuple[Path, ...], ignored: tuple[str, ...], member: str = "") -> Source:
    """Return the Source of `kind` with every file and folder that its environment depends on; raise ProjectError."""
    files: list[Path] = list(main)
    folders: list[Path] = []
    repositories: list[str] = []
    hashed = False
    if kind == "requirements":
        found = lists.read(main, project)
        files, folders, hashed = [*found.texts, *found.archives], found.folders, found.hashed
        repositories = found.repositories
    for name in ("pyproject.toml", "uv.toml", "poetry.toml"):
        path = project / name
        if path not in files and path.is_file() and (kind != "requirements" or sets_up_uv(path)):
            files.append(path)
    base = (project / member).resolve()
    whole = kind in ("pylock", "pipfile")  # what they say of the project itself is installed as all the rest is
    waiting = [(path, project) for path in files if kind != "requirements" or path not in found.texts]
    waiting += [(folder / "pyproject.toml", folder) for folder in folders]
    while waiting:  # what a local package names in its turn is built with it
        path, beside = waiting.pop()
        if not path.name.endswith((".toml", ".lock", ".cfg", ".py")) or not path.is_file():
            continue
        more, archives = named.paths(path, beside)
        repositories += named.repositories(path)
        files += [archive for archive in archives if archive not in files]
        new = [folder for folder in more if (folder != base or whole) and folder not in folders]
        folders += new
        waiting += [(folder / "pyproject.toml", folder) for folder in new]
    # A wheel in the source is there to be installed, however a tool comes to it.
    files += [path for path in source_tree.tree_files(project) if path.suffix == ".whl" and path not in files]
    if kind == "project" and not static(project, main[0]):
        folders.append(base)
    for path in (*files, *folders):
        if not lists.is_open(path, project):
            raise ProjectError(
                f"{path} lies outside the source: it must be readable by everybody and writable only by root"
            )
    return Source(kind, main, tuple(files), tuple(folders), hashed, tuple(dict.fromkeys(repositories)), ignored)


def sets_up_uv(path: Path) -> bool:
    """Return whether a configuration file changes what `uv pip install` does."""
    return path.name == "uv.toml" or "[tool.uv" in path.read_text(encoding="utf-8", errors="replace")


def static(project: Path, main: Path) -> bool:
    """Return whether the dependencies stand in pyproject.toml itself, so that no other file of the project matters."""
    if main.name != "pyproject.toml":
        return False
    text = main.read_text(encoding="utf-8", errors="replace")
    return re.search(r"^\[project\]", text, re.MULTILINE) is not None and DYNAMIC.search(text) is None
