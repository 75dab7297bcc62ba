# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""PRIVATE to the collection. Environments that are built while APT installs, for the first release of an app that comes after.

It is no more than a head start: the release finds its environment by the key, over all that decides what is in it, and moves it
to its place (environment.py). What does not work here, or would not come to the same, the release does itself and tells.
Nothing is built from source here, and only what is pinned is installed: which headers and compilers there are changes by the
second, and no package's code runs.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._python import build_sandbox as sandbox
from ansible_collections.slipway.flask.plugins.module_utils._python import console_scripts
from ansible_collections.slipway.flask.plugins.module_utils._python import environment as environments
from ansible_collections.slipway.flask.plugins.module_utils._python import environment_spec as specs
from ansible_collections.slipway.flask.plugins.module_utils._python.uv import EnvironmentError_

ENVIRONMENT: dict[str, dict[str, Any]] = {
    "app": {"type": "str", "required": True},
    "root": {"type": "path", "required": True},
    "source": {"type": "str", "required": True},
    "requirements": {"type": "list", "elements": "str", "default": []},
    "needed": {"type": "list", "elements": "str", "default": []},
    "database": {"type": "str", "default": ""},
    "python": {"type": "str", "default": ""},
    "ca_bundle": {"type": "path", "default": "/etc/ssl/certs/ca-certificates.crt"},
    "index_url": {"type": "str", "default": "", "no_log": True},
    "extra_index_urls": {"type": "list", "elements": "str", "default": [], "no_log": True},
}
"""What a module takes to know an environment: of an app's description what decides about it, and `source`, packed."""


@dataclass
class Ahead:
    """The environments WANTED (each an ENVIRONMENT). UNPACK writes a `source` into a folder; raises OSError, ValueError."""

    wanted: Iterable[Mapping[str, Any]]
    unpack: Callable[[str, Path], None]
    place: Path = environments.AHEAD
    given_up: threading.Event = field(default_factory=threading.Event)

    def build(self, uv: str) -> None:
        """Build with UV all that can be, until it is given up."""
        shutil.rmtree(self.place, ignore_errors=True)
        for one in self.wanted:
            if self.given_up.is_set():
                return
            with suppress(EnvironmentError_, OSError, ValueError):
                self._build(one, uv)

    def give_up(self) -> None:
        """Have what is being built end soon: nobody will ask for it."""
        self.given_up.set()
        for one in self.wanted:
            systemd.systemctl("stop", f"{sandbox.name_of(final_of(one))}.service")

    def _build(self, one: Mapping[str, Any], uv: str) -> None:
        if Path(one["root"]).exists():  # a deploy of it may be under way
            return
        here = self.place / one["app"]
        here.mkdir(mode=0o700, parents=True)
        self.place.chmod(0o700)
        source = here / "source"
        source.mkdir()
        try:
            self.unpack(one["source"], source)
            spec = specs.EnvironmentSpec(
                project=source, root=here, final=final_of(one), wheels_only=True, uv=uv, log=self._go_on,
                requirements=one["requirements"], needed=one["needed"], database=one["database"], python=one["python"],
                ca_bundle=one["ca_bundle"], index_url=one["index_url"], extra_index_urls=one["extra_index_urls"],
            )  # fmt: skip
            if is_certain(spec):
                environments.ensure(spec)
        finally:
            shutil.rmtree(source, ignore_errors=True)

    def _go_on(self, _: str) -> None:
        if self.given_up.is_set():
            raise EnvironmentError_("given up")


def final_of(wanted: Mapping[str, Any]) -> Path:
    """Return the folder in which the release will look for its environment."""
    return Path(wanted["root"]) / "venvs"


def is_certain(spec: specs.EnvironmentSpec) -> bool:
    """Tell whether what comes out of SPEC is the same whenever it is built, and from wheels alone.

    Raises EnvironmentError_ for a project that says nothing of what it needs.
    """
    source = specs.source_of(spec)
    pinned = source.hashed if source.kind == "requirements" else source.kind == "uv"
    local = source.folders or source.repositories or spec.installs_project or console_scripts.console_scripts(spec.home)
    return pinned and not local and bool(specs.interpreter_of(spec, check=True).path)
