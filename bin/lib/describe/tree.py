# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The files of an app's source as somebody reads them who trusts nobody: no link is followed, nothing is run.

Files that can't be read (too large, no text, no Python 3) are named and left out; the rest is described.
"""

from __future__ import annotations

import ast
import os
import re
import stat
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from ansible_collections.slipway.flask.plugins.module_utils._python.source_tree import IGNORED_ANYWHERE

FILES, DEPTH, BYTES, ALL_BYTES, TEXT_BYTES = 30_000, 30, 1_500_000, 80_000_000, 20_000_000
"""Most files looked at, most folders inside each other, most bytes of a Python file, of all of them, and of any other file."""
IGNORED = IGNORED_ANYWHERE | {"site-packages", ".eggs", ".idea", ".vscode", "bower_components"}
ASIDE = re.compile(
    r"(^|/)(\w*tests?|testing|docs?|examples?|samples?|benchmarks?|contrib|scripts|versions|node_modules|stubs|\.\w[\w-]*)/"
    r"|(^|/)(test_[^/]*|[^/]*_tests?|tests|conftest|setup|noxfile|fabfile|dodo|versioneer)\.py$"
)
"""Python files beside the app: read for nothing but commands."""


@dataclass(eq=False)
class Module:
    """A Python file: its path in the source, its dotted NAME as the app imports it, its code."""

    path: str
    name: str
    text: str
    tree: ast.Module
    package: bool

    def where(self, node: ast.AST) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}"

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def parents(self) -> dict[int, ast.AST]:
        return {id(child): node for node in self.nodes for child in ast.iter_child_nodes(node)}

    def above(self, node: ast.AST) -> list[ast.AST]:
        """Return what NODE stands in, the nearest first."""
        found = []
        while (parent := self.parents.get(id(node))) is not None:
            found.append(parent)
            node = parent
        return found

    @cached_property
    def aliases(self) -> dict[str, str]:
        """What each name means that an import brings: `environ` -> `os.environ`."""
        found: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for name in node.names:
                    found[name.asname or name.name.partition(".")[0]] = (
                        name.name if name.asname else name.name.partition(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom):
                base = self.base(node)
                for name in node.names:
                    found.setdefault(name.asname or name.name, f"{base}.{name.name}".strip("."))
        return found

    def base(self, node: ast.ImportFrom) -> str:
        """Return the dotted name of the module that NODE imports from."""
        if not node.level:
            return node.module or ""
        parts = self.name.split(".") if self.name else []
        parts = parts[: len(parts) - node.level + (1 if self.package else 0)]
        return ".".join([*parts, *([node.module] if node.module else [])])


@dataclass
class Tree:
    """A folder with an app's source. Paths in it are relative, with `/`; TOP is the folder that they count from."""

    root: Path
    top: str = ""
    files: dict[str, int] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    unread: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.files:
            self._walk()

    def _walk(self) -> None:
        waiting = [("", 0)]
        while waiting:
            folder, depth = waiting.pop()
            try:
                entries = sorted(os.scandir(self.root / folder), key=lambda entry: entry.name, reverse=True)
            except OSError as error:
                self.unread.append(f"{folder or '.'}: {error.strerror}")
                continue
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if not path.isprintable():
                    self.unread.append(f"{path!r}: a name that no terminal shows")
                elif entry.is_symlink():
                    self._link(path)
                elif entry.is_dir(follow_symlinks=False):
                    if (
                        entry.name in IGNORED
                        or entry.name.endswith(".egg-info")
                        or (Path(entry.path) / "pyvenv.cfg").exists()
                    ):
                        continue
                    self.folders.add(path)
                    if depth >= DEPTH:
                        self.unread.append(f"{path}: more than {DEPTH} folders inside each other")
                    else:
                        waiting.append((path, depth + 1))
                elif stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
                    self.files[path] = entry.stat(follow_symlinks=False).st_size
                if len(self.files) >= FILES:
                    self.unread.append(f"all beyond {FILES} files")
                    return

    def _link(self, path: str) -> None:
        try:
            target = (self.root / path).resolve()
            inside = target.is_relative_to(self.root.resolve())
            if inside and target.is_file():
                self.files[path] = target.stat().st_size
            elif not inside:
                self.unread.append(f"{path}: a link that leads out of the source")
        except (OSError, RuntimeError):
            self.unread.append(f"{path}: a link that leads nowhere")

    def within(self, folder: str) -> Tree:
        """Return the part of the tree below FOLDER."""
        start = f"{folder}/"
        return Tree(
            self.root / folder,
            f"{self.top}/{folder}".strip("/"),
            {path.removeprefix(start): size for path, size in self.files.items() if path.startswith(start)},
            {path.removeprefix(start) for path in self.folders if path.startswith(start)},
            self.unread,
        )

    def text(self, path: str) -> str:
        """Return a file's text, "" for one that is not there or no text."""
        if path not in self.files or self.files[path] > (BYTES if path.endswith(".py") else TEXT_BYTES):
            return ""
        try:
            found = (self.root / path).read_bytes()
        except OSError:
            return ""
        return "" if b"\0" in found else found.decode("utf-8-sig", "replace").replace("\r\n", "\n")

    def called(self, *names: str) -> list[str]:
        """Return the files of these NAMES, wherever they are, those nearest to the top first."""
        found = [path for path in self.files if PurePosixPath(path).name.lower() in names and not ASIDE.search(path)]
        return sorted(found, key=lambda path: (path.count("/"), path))

    @cached_property
    def home(self) -> str:
        """`src/` where the packages are kept there, else ""."""
        inside = any(
            path.startswith("src/") and path.endswith("/__init__.py") and path.count("/") == 2 for path in self.files
        )
        packaged = {"pyproject.toml", "setup.py", "setup.cfg"} & self.files.keys()
        return "src/" if inside and packaged else ""

    @cached_property
    def all(self) -> list[Module]:
        """Every Python file that can be read."""
        found, total = [], 0
        for path in sorted(self.files, key=lambda path: (path.count("/"), path)):
            if not path.endswith(".py") or not self.files[path]:
                continue
            total += self.files[path]
            if self.files[path] > BYTES or total > ALL_BYTES:
                self.unread.append(f"{path}: too large")
                continue
            module = self._module(path)
            found += [module] if module else []
        return found

    def _module(self, path: str) -> Module | None:
        text = self.text(path)
        if not text:
            self.unread.append(f"{path}: no text")
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            if not ASIDE.search(path):
                line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
                old = re.search(r"^\s*print\s+[\"'\w]|^\s*except [\w.]+, \w+:", text, re.MULTILINE)
                self.unread.append(f"{path}{line}: {'Python 2' if old else 'no Python that can be read'}")
            return None
        inside = path.removeprefix(self.home)
        name = inside.removesuffix(".py").removesuffix("/__init__")
        name = "" if name == "__init__" else name.replace("/", ".")
        return Module(path, name, text, tree, path.endswith("__init__.py"))

    @cached_property
    def modules(self) -> list[Module]:
        """The Python files of the app itself, without its tests, documentation, set-up and the like."""
        return [module for module in self.all if not ASIDE.search(module.path)]

    @cached_property
    def by_name(self) -> dict[str, Module]:
        return {module.name: module for module in self.all}
