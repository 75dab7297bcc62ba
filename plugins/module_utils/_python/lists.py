# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Lists of requirements in pip's format: what they name, and copies with absolute paths.

The format is pip's (https://pip.pypa.io/en/stable/reference/requirements-file-format/). `packaging` reads single
requirements, not files, and no host is sure to have it.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

INCLUDE = re.compile(r"^(?P<option>-r|-c|--requirements?|--constraints?)(?:\s*=\s*|\s+|(?<=-[rc]))(?P<file>\S.*)$")
FIND_LINKS = re.compile(r"^(?P<before>(?:-f|--find-links)(?:\s*=\s*|\s+|(?<=-f)))(?P<target>\S+)(?P<after>.*)$")
# `-e target`, `name @ target` or a target alone; markers and hashes may follow.
REQUIREMENT = re.compile(
    r"""^(?P<before>(?P<editable>(?:-e|--editable)(?:\s*=\s*|\s+))?
        (?P<named>[A-Za-z0-9][\w.-]*\s*(?:\[[^\]]*\])?\s*@\s*)?)
        (?P<target>[^\s;]+)(?P<after>.*)$""",
    re.VERBOSE,
)
ARCHIVE = re.compile(r"\.(?:whl|zip|tar\.(?:gz|bz2|xz)|tgz)$", re.IGNORECASE)
REPOSITORY = re.compile(r"(?:git|hg|svn|bzr)\+[^\s;]+")
BUILDABLE = ("pyproject.toml", "setup.py", "setup.cfg")


class ProjectError(RuntimeError):
    """A project that can't be read; the message is ready for the user."""


@dataclass
class Lists:
    """What some lists and all that they include say.

    texts: each file that was read, with its lines: a local path in one is absolute, an include is (option, file);
    folders, archives: the local ones among the requirements; hashed: a requirement carries `--hash`;
    repositories: addresses such as `git+https://…`.
    """

    texts: dict[Path, list[str | tuple[str, Path]]] = field(default_factory=dict)
    folders: list[Path] = field(default_factory=list)
    archives: list[Path] = field(default_factory=list)
    hashed: bool = False
    repositories: list[str] = field(default_factory=list)

    def write(self, main: tuple[Path, ...], folder: Path) -> list[str]:
        """Write copies below FOLDER, in UTF-8 and each in a folder of its own; return uv's arguments for MAIN."""
        places = {path: folder / str(number) / path.name for number, path in enumerate(self.texts)}
        for path, place in places.items():
            place.parent.mkdir(parents=True)
            rows = (row if isinstance(row, str) else f"{row[0]} {places[row[1]]}" for row in self.texts[path])
            place.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
            for made, bits in ((place, 0o644), (place.parent, 0o755), (folder, 0o755)):  # whatever our umask
                made.chmod(bits)
        return [part for path in main for part in ("-r", str(places[path]))]


def read(main: tuple[Path, ...], project: Path, ours: Collection[Path] = ()) -> Lists:
    """Return what the lists MAIN of PROJECT say, with all lists that they include; raise ProjectError.

    OURS: lists that we have written ourselves, wherever they are.
    """
    found = Lists()
    waiting = [(path, "") for path in reversed(main)]
    while waiting:
        path, by = waiting.pop()
        if path in found.texts:
            continue
        rows = found.texts[path] = []
        for line in logical_lines(text_of(path, path.parent if path in ours else project, by)):
            include = INCLUDE.match(line)
            name = include.group("file").strip("\"'") if include else ""
            if include and "://" not in name:
                included = Path(os.path.normpath(path.parent / name))
                rows.append((include.group("option"), included))
                waiting.append((included, f" (named by {path.name})"))
                continue
            rows.append(line if include else _absolute(line, path, project, found))
    return found


def _absolute(line: str, path: Path, project: Path, found: Lists) -> str:
    """Return LINE of the list PATH with an absolute path, and enter into FOUND what it names."""
    found.hashed = found.hashed or re.search(r"\s--hash[=\s]", line) is not None
    found.repositories += REPOSITORY.findall(line)
    parts = FIND_LINKS.match(line) or (None if line.startswith("--") else REQUIREMENT.match(line))
    if not parts:
        editable = re.match(r"--editable(?:\s*=\s*|\s+)", line)
        parts = REQUIREMENT.match(line) if editable else None
    if not parts:
        return line
    links = parts.re is FIND_LINKS
    sure = links or bool(parts.group("editable") or parts.group("named"))
    place = located(parts.group("target"), (path.parent, project), sure=sure, links=links)
    if place is None:
        if must_exist(parts.group("target")) and ";" not in parts.group("after"):
            looked = " and ".join(dict.fromkeys(map(str, (path.parent, project))))
            raise ProjectError(
                f"{path.name} names {parts.group('target')}, which is not in the source (looked in {looked})"
            )
        return line
    if place.is_file():
        found.archives.append(place)
    elif links:
        found.archives += archives_in(place)
    elif place not in found.folders:
        found.folders.append(place)
    target, _, fragment = parts.group("target").partition("#")
    extras = re.search(r"\[[^\]]*\]$", target)
    scheme = "file://" if (not links and parts.group("named")) else ""
    tail = (extras.group() if extras else "") + (f"#{fragment}" if fragment and place.is_file() else "")
    return f"{parts.group('before')}{scheme}{place}{tail}{parts.group('after')}"


def located(target: str, bases: tuple[Path, ...], *, sure: bool, links: bool = False) -> Path | None:
    """Return the local folder or archive that TARGET names, seen from the first of BASES that has it, else None.

    pip counts from where it is started, which people take for the list's own folder or for the project's. What could
    as well be a package's name counts as a path only when SURE. With LINKS any folder will do, else one that can be
    built.
    """
    name = target.split("#")[0].strip("\"'")
    name = name.replace("${PROJECT_ROOT}", str(bases[-1]))
    if name.startswith("file:"):
        name, sure = unquote(re.sub(r"^file:(?://(?:localhost)?(?=/|\.))?", "", name)), True
    name = re.sub(r"\[[^\]]*\]$", "", name)
    if (
        not name
        or "://" in name
        or (not sure and "/" not in name and not name.startswith(".") and not ARCHIVE.search(name))
    ):
        return None
    places = [Path(os.path.normpath(base / name)) for base in bases]
    for place in places:
        if place.is_file() or (place.is_dir() and (links or any((place / one).is_file() for one in BUILDABLE))):
            return place.resolve() if place.is_dir() else place
    return None


def must_exist(target: str) -> bool:
    """Return whether TARGET can't be anything but a path of the source."""
    name = target.removeprefix("file:").split("#")[0]
    return "://" not in name and re.match(r"\.{1,2}/", name) is not None


def archives_in(folder: Path) -> list[Path]:
    """Return the wheels and source archives that lie in FOLDER, sorted."""
    return sorted(path for path in folder.iterdir() if ARCHIVE.search(path.name) and path.is_file())


def logical_lines(text: str) -> Iterator[str]:
    """Yield the lines of a requirements file: continuations joined, comments and empty lines left out (pip's rules)."""
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        stripped = re.sub(r"(^|\s)#.*$", "", line).strip()
        if stripped:
            yield stripped


def text_of(path: Path, project: Path, by: str = "") -> str:
    """Return the text of a list in whatever encoding its first bytes say; raise ProjectError."""
    try:
        if not is_open(path, project):
            raise ProjectError(
                f"{path}{by} lies outside the source: it must be readable by everybody and writable only by root"
            )
        data = path.read_bytes()
        return data.decode(encoding_of(data))
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(f"{path}{by} can't be read: {error}") from error


def encoding_of(data: bytes) -> str:
    """Return the encoding of a text: PowerShell's `pip freeze > …` writes UTF-16, some editors UTF-8 with a mark."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if data[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if data[:1] == b"\0" else "utf-8-sig"


def is_open(path: Path, project: Path) -> bool:
    """Return whether PATH is the project's own, or one that everybody may read and only root can change.

    Root reads it, errors quote it, and packages' code sees it. Whoever can change it could lead root elsewhere meanwhile.
    """
    real, base = Path(os.path.realpath(path)), Path(os.path.realpath(project))
    if real == base or real.is_relative_to(base):
        return True
    return all(place.stat().st_mode & (0o001 if place.is_dir() else 0o004) for place in (real, *real.parents)) and (
        os.geteuid() != 0 or not any(_is_others(place, place == real) for place in (real, *real.parents))
    )


def _is_others(place: Path, itself: bool) -> bool:
    """Return whether somebody but root can replace what is at PLACE, or in it; in a folder like /tmp only what is their own."""
    about = place.stat()
    sticky = about.st_mode & stat.S_ISVTX and not itself
    return about.st_uid != 0 or bool(about.st_mode & stat.S_IWOTH and not sticky)
