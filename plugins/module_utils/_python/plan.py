# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. One environment to fill, and how uv is called for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.slipway.flask.plugins.module_utils._python import lists as lists
from ansible_collections.slipway.flask.plugins.module_utils._python import locked as locks
from ansible_collections.slipway.flask.plugins.module_utils._python import project as projects
from ansible_collections.slipway.flask.plugins.module_utils._python import uv as tools
from ansible_collections.slipway.flask.plugins.module_utils._python.build_sandbox import Workshop
from ansible_collections.slipway.flask.plugins.module_utils._python.fetching import Interpreter

OVERRIDE = "To install another version than the list says, put it in `overrides`."
TOGETHER = f"\n`extra_packages`, `constraints` and `overrides` are part of this. {OVERRIDE}"


@dataclass(frozen=True)
class Plan:
    """One environment to fill: `new` is where it comes to be.

    work: our own folder for what tools are given, which they only read; they write to `workshop.scratch`. What is there
    may be anything once foreign code has run: read it by `tree.read`.
    variables: what builds are told of versions; needed, database: what is added when nothing that the app lists serves
    (see EnvironmentSpec); member: the app's folder in a workspace of uv that `project` is; wheels_only: build nothing;
    locked: the lock of an environment of which this is to be the same.
    """

    project: Path
    source: projects.Source
    interpreter: Interpreter
    new: Path
    work: Path
    uv: tools.Uv
    workshop: Workshop
    package: str = ""
    extra_packages: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    database: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    install_project: bool = False
    member: str = ""
    wheels_only: bool = False
    locked: str = ""

    def call(self, *arguments: str, doing: str, variables: dict[str, str] | None = None) -> str:
        """Run uv in the project's folder, so that its own uv settings count; raise EnvironmentError_.

        It may run packages' code, so it runs in the workshop.
        """
        if self.uv.log:
            self.uv.log(doing)
        return self.workshop.run(
            [self.uv.path, "--quiet", *arguments], doing, cwd=self.project / self.member,
            variables=self.uv.variables(self.workshop.scratch) | dict(self.variables) | (variables or {}) | self._limits,
        )  # fmt: skip

    @property
    def _limits(self) -> dict[str, str]:
        """Return what keeps uv from building, and from trying for long what can be done again later."""
        return {"UV_NO_BUILD": "true", "UV_HTTP_RETRIES": "0"} if self.wheels_only else {}

    def compile(self) -> None:
        """Compile what was installed; code that can't be compiled is nobody's mistake before it is imported.

        -I -S: nothing of what is compiled runs, its .pth files included.
        """
        python = [self.interpreter.path, "-I", "-S", "-m", "compileall", "-q", "-j", "0", str(self.new / "lib")]
        self.workshop.run(python, "compiling the environment", cwd=self.project, variables={}, check=False)

    def pip_install(self, *arguments: str, doing: str) -> str:
        """Run `uv pip install` into the new environment."""
        wheels = ["--only-binary", ":all:"] if self.wheels_only else []  # uv pip reads no UV_NO_BUILD
        return self.call(
            "pip", "install", "--python", f"{self.new}/bin/python", "--no-editable", *wheels, *arguments, doing=doing
        )

    @property
    def together(self) -> bool:
        """Whether the app's own lines are part of one resolution with its list, which a lock and hashes don't have."""
        return self.source.kind in ("requirements", "project", "package") and not self.source.hashed

    @property
    def overriding(self) -> list[str]:
        """The overrides as uv's arguments: what they replaced must not be asked for again."""
        return ["--overrides", self.lines("overriding", self.overrides)] if self.overrides else []

    @property
    def limits(self) -> list[str]:
        """The lock as uv's arguments: no version and no file but those in it."""
        return ["-c", self.lines("promoted", locks.constraints(self.locked))] if self.locked else []

    def lines(self, name: str, rows: Iterable[str]) -> str:
        """Write requirement lines to a file of their own and return its path."""
        path = self.work / f"{name}.txt"
        path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
        path.chmod(0o644)  # for the user that uv runs as, whatever our umask
        return str(path)

    def install_own(self, *arguments: str, doing: str) -> None:
        """Install what the app's list says, together with the app's further lines where they take part in it."""
        options = {"-r": self.extra_packages, "-c": self.constraints, "--overrides": self.overrides}
        own = [(option, rows) for option, rows in options.items() if rows and self.together]
        files = [part for option, rows in own for part in (option, self.lines(f"own{option}", rows))]
        files += self.limits if self.together else []
        try:
            self.pip_install(*arguments, *files, doing=doing)
        except tools.EnvironmentError_ as error:
            raise tools.EnvironmentError_(f"{error}{TOGETHER if own else ''}") from None

    def install_lists(self, main: tuple[Path, ...], *, doing: str, ours: bool = False) -> None:
        """Install requirement lists; uv is given copies, in which every path is absolute. OURS: we have written them."""
        found, copies = lists.read(main, self.project, main if ours else ()), self.work / "lists"
        strict = ["--require-hashes"] if found.hashed else []
        try:
            self.install_own(*strict, *found.write(main, copies), doing=doing)
        except tools.EnvironmentError_ as error:
            raise tools.EnvironmentError_(re.sub(rf"{re.escape(str(copies))}/\d+/", "", str(error))) from None

    def flags(self, extra: str, group: str) -> list[str]:
        """Return the wanted extras and groups as arguments, with each tool's own names for the two flags."""
        return [part for name in self.extras for part in (extra, name)] + [
            part for name in self.groups for part in (group, name)
        ]
