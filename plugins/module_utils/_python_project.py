# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Which of a project's files say what it depends on, and what belongs to their content.

Nothing here runs a tool or needs the network. Host Python may be 3.10, which has no TOML parser: the few facts that
are needed from TOML files are found by line patterns.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# In this order; the first that exists is read. Locks come first: they say more than the lists they were made from.
CANDIDATES = (
    ("uv.lock", "uv"),
    ("poetry.lock", "poetry"),
    ("pdm.lock", "pdm"),
    ("requirements.txt", "requirements"),
    ("requirements/production.txt", "requirements"),
    ("requirements/prod.txt", "requirements"),
    ("pyproject.toml", "project"),
    ("setup.py", "project"),
    ("setup.cfg", "project"),
)
# Never part of a package, and often written to while the project runs.
IGNORED_ANYWHERE = frozenset(
    {".git", ".hg", ".svn", ".tox", ".nox", ".venv", "node_modules", "__pycache__"}
    | {".mypy_cache", ".pytest_cache", ".ruff_cache"}
)
IGNORED_AT_THE_TOP = frozenset({"build", "dist", "env", "instance", "venv"})
INCLUDE = re.compile(r"^(?:-r|-c|--requirements?|--constraints?)(?:\s*=\s*|\s+|(?<=-[rc]))(?P<file>\S.*)$")
EDITABLE = re.compile(r"^(?:-e|--editable)(?:\s*=\s*|\s+)(?P<target>\S.*)$")
NAMED_URL = re.compile(r"^[A-Za-z0-9][\w.-]*\s*(?:\[[^\]]*\])?\s*@\s*(?P<target>\S+)")
LOCKED_FOLDER = re.compile(r"""\b(?:directory|editable)\s*=\s*["'](?P<target>[^"']+)["']""")
SOURCE_FOLDER = re.compile(r"""\bpath\s*=\s*["'](?P<target>[^"']+)["']""")
DYNAMIC = re.compile(r"""^dynamic\s*=\s*\[[^\]]*["'](?:optional-)?dependencies["']""", re.MULTILINE)


class ProjectError(RuntimeError):
    """A project that can't be read; the message is ready for the user."""


@dataclass(frozen=True)
class Source:
    """What a project's dependencies are read from.

    kind: "uv", "poetry", "pdm", "requirements", "project" or "package", which has no files;
    main: the files that the tool is given; files: every file whose content matters;
    folders: every local folder whose content matters;
    hashed: a requirement carries `--hash`, so all of them must; ignored: candidates that were passed over.
    """

    kind: str
    main: tuple[Path, ...]
    files: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    hashed: bool = False
    ignored: tuple[str, ...] = field(default=(), compare=False)


def normalised(name: str) -> str:
    """Return the comparable form of a package's name (PyPA's "Name normalization", formerly PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement_name(line: str) -> str:
    """Return the normalised package name of one requirement line, "" when the line starts with none."""
    found = re.match(r"\s*([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?=$|[\[<>=!~;@#\s(,])", line)
    return normalised(found.group(1)) if found else ""


def logical_lines(text: str) -> Iterator[str]:
    """Yield the lines of a requirements file: continuations joined, comments and empty lines left out (pip's rules)."""
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        stripped = re.sub(r"(^|\s)#.*$", "", line).strip()
        if stripped:
            yield stripped


def local_folder(target: str, base: Path) -> Path | None:
    """Return the folder that a requirement's target names, None when it names something else (a wheel, a URL)."""
    target = target.split(" ;")[0].split("#")[0].strip()
    target = re.sub(r"^file:(//)?(?=[./])", "", target)
    if not re.match(r"\.{0,2}/|\.{1,2}(\[|$)", target) and "/" not in target:
        return None
    folder = base / re.sub(r"\[[^\]]*\]$", "", target)
    return folder.resolve() if folder.is_dir() else None


def read_requirements(main: tuple[Path, ...], project: Path) -> tuple[list[Path], list[Path], bool]:
    """Return (files with all `-r`/`-c` includes, local folders, whether hashes are given); raise ProjectError."""
    files: list[Path] = []
    folders: list[Path] = []
    hashed = False
    waiting = [(path, "") for path in reversed(main)]
    while waiting:
        path, by = waiting.pop()
        if path in files:
            continue
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ProjectError(f"{path}{by} can't be read: {error}") from error
        files.append(path)
        for line in logical_lines(text):
            hashed = hashed or re.search(r"\s--hash[=\s]", line) is not None
            include = INCLUDE.match(line)
            if include:
                name = include.group("file").strip("\"'")
                if "://" not in name:
                    waiting.append((Path(os.path.normpath(path.parent / name)), f" (named by {path.name})"))
                continue
            found = EDITABLE.match(line) or NAMED_URL.match(line)
            folder = local_folder(found.group("target") if found else line, project)
            if folder and folder not in folders:
                folders.append(folder)
    return files, folders, hashed


def kind_of(path: Path) -> str:
    """Return the kind of a file that the user named, by its name."""
    for name, kind in CANDIDATES:
        if path.name == Path(name).name:
            return kind
    return "requirements"


def detect(project: Path, requirements: list[str]) -> Source:
    """Return what `project`'s dependencies are read from: the files named in `requirements`, or the first candidate.

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
        return completed(project, kinds.pop(), main, ())
    present = [(name, kind) for name, kind in CANDIDATES if (project / name).is_file() and usable(project, name)]
    if not present:
        hint = ""
        if (project / "Pipfile.lock").is_file():
            hint = "; Pipfile.lock isn't read: run `pipenv requirements --hash > requirements.txt` and commit it"
        looked_for = ", ".join(name for name, _ in CANDIDATES)
        raise ProjectError(f"{project} has no file that lists its Python packages (looked for {looked_for}){hint}")
    name, kind = present[0]
    return completed(project, kind, (project / name,), tuple(other for other, _ in present[1:]))


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


def completed(project: Path, kind: str, main: tuple[Path, ...], ignored: tuple[str, ...]) -> Source:
    """Return the Source of `kind` with every file and folder that its environment depends on."""
    files: list[Path] = list(main)
    folders: list[Path] = []
    hashed = False
    if kind == "requirements":
        files, folders, hashed = read_requirements(main, project)
    else:
        pattern = LOCKED_FOLDER if kind == "uv" else SOURCE_FOLDER
        for path in main:
            for found in pattern.finditer(path.read_text(encoding="utf-8", errors="replace")):
                folder = (project / found.group("target")).resolve()
                if folder.is_dir() and folder != project.resolve() and folder not in folders:
                    folders.append(folder)
    for name in ("pyproject.toml", "uv.toml", "poetry.toml"):
        path = project / name
        if path not in files and path.is_file() and (kind != "requirements" or sets_up_uv(path)):
            files.append(path)
    if kind == "project" and not static(project, main[0]):
        folders.append(project.resolve())
    return Source(kind, main, tuple(files), tuple(folders), hashed, ignored)


def sets_up_uv(path: Path) -> bool:
    """Return whether a configuration file changes what `uv pip install` does."""
    return path.name == "uv.toml" or "[tool.uv" in path.read_text(encoding="utf-8", errors="replace")


def static(project: Path, main: Path) -> bool:
    """Return whether the dependencies stand in pyproject.toml itself, so that no other file of the project matters."""
    if main.name != "pyproject.toml":
        return False
    text = main.read_text(encoding="utf-8", errors="replace")
    return re.search(r"^\[project\]", text, re.MULTILINE) is not None and DYNAMIC.search(text) is None


def source_layout(project: Path) -> bool:
    """Return whether the project keeps its packages in src/, where they can't be imported from unless installed."""
    inside = project / "src"
    packaged = any((project / name).is_file() for name in ("pyproject.toml", "setup.py"))
    return packaged and any((folder / "__init__.py").is_file() for folder in inside.glob("*/"))


def tree_files(folder: Path, without: Path | None = None) -> list[Path]:
    """Return the files below `folder` that can matter to a build, sorted.

    Left out: caches, version control, the folder `without`, and virtual environments with links to them.
    """
    found: list[Path] = []
    for top, folders, names in os.walk(folder):
        ignored = IGNORED_ANYWHERE | (IGNORED_AT_THE_TOP if Path(top) == folder else set())
        folders[:] = sorted(
            name
            for name in folders
            if name not in ignored
            and not name.endswith(".egg-info")
            and Path(top) / name != without
            and not (Path(top) / name / "pyvenv.cfg").exists()
        )
        links = [name for name in folders if (Path(top) / name).is_symlink()]
        found += [Path(top) / name for name in sorted(names + links) if not name.endswith((".pyc", ".pyo"))]
    return found


def copy_tree(folder: Path, to: Path, without: Path | None = None) -> None:
    """Copy what `tree_files` names, so that build tools, which write beside setup.py, do so in the copy."""
    for path in tree_files(folder, without):
        copy = to / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy, follow_symlinks=False)
