# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The apps whose database is on the host: their sites closed, all that they run stopped, and both undone.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from ansible_collections.slipway.flask.plugins.module_utils._app.health import Health
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd, timer
from ansible_collections.slipway.flask.plugins.module_utils._nginx import maintenance
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import PostgresError
from ansible_collections.slipway.flask.plugins.module_utils._process.look.members import processes_of
from ansible_collections.slipway.flask.plugins.module_utils._release.lock import lock
from ansible_collections.slipway.flask.plugins.module_utils._release.record import Paths, ReleaseError

READY_SECONDS = 120
RUNNING, ENDING = "active,activating,reloading", ",deactivating"


@dataclass(frozen=True)
class App:
    """One app and the request that tells whether it is well."""

    paths: Paths
    health: Health

    @property
    def name(self) -> str:
        return self.paths.app

    def trouble(self) -> str:
        """Return why it does not answer, "" when it does or nothing of it is deployed."""
        if not (release := self.paths.current_id()):
            return ""
        web = processes_of(self.paths, self.health)[0]
        return "; ".join(web.problems(release, web.status(release)))


def closed(name: str) -> bool:
    """Tell whether the site called NAME is closed for maintenance."""
    return bool(maintenance.closed_since(name))


@contextmanager
def held(apps: Iterable[App], by: str) -> Iterator[None]:
    """Keep deploys of APPS away. Raises PostgresError that says who is deploying one."""
    with ExitStack() as stack:
        for app in apps:
            if app.paths.root.is_dir():
                try:
                    stack.enter_context(lock(app.paths.root / ".lock", by))
                except ReleaseError as error:
                    raise PostgresError(f"{app.name}: {error}") from None
        yield


def running(apps: Iterable[App], ending: str = "") -> list[str]:
    """Return the units of APPS that run, with ENDING those that have been told to end, too: what answers visitors last."""
    patterns = [f"{app.name}{kind}" for app in apps for kind in ("@*.service", ".*@*.service", ".*@*.timer")]
    listed = systemd.systemctl(
        "list-units", "--plain", "--no-legend", "--full", f"--state={RUNNING}{ending}", *patterns
    ).stdout
    units = [row.split()[0] for row in listed.splitlines() if row.strip()]
    return sorted(units, key=lambda unit: (not unit.endswith(".timer"), is_web(unit), unit))


def is_web(unit: str) -> bool:
    """Tell whether UNIT answers visitors: no other has a name without a dot before its release."""
    return unit.endswith(".service") and "." not in unit.partition("@")[0]


def to_start(units: Sequence[str]) -> list[str]:
    """Return those of UNITS that are started again, what answers visitors first: those that would be at boot.

    So the rest is left alone: what a timer had started, for a run of a schedule begins with its next time; and a release in
    whose place another one has come.
    """
    at_boot = [unit for unit in units if any((wants / unit).is_symlink() for wants in (systemd.WANTS, timer.WANTS))]
    return sorted(at_boot, key=lambda unit: (not is_web(unit), unit.endswith(".timer"), unit))


def start(units: Iterable[str]) -> None:
    """Start UNITS. Raises HostError with the end of the journal of the first that does not."""
    for unit in units:
        if not systemd.is_active(unit):
            systemd.start(unit)


def wait_until_well(apps: Iterable[App], seconds: float = READY_SECONDS) -> None:
    """Wait until each of APPS answers its health check. Raises PostgresError for the first that does not."""
    deadline = time.monotonic() + seconds
    for app in apps:
        while trouble := app.trouble():
            if time.monotonic() > deadline:
                raise PostgresError(f"{app.name} is not healthy on the new server: {trouble}")
            time.sleep(0.2)


def close(apps: Iterable[App], by: str) -> list[str]:
    """Close the sites of APPS for maintenance; return those that were open."""
    return maintenance.switch(sites(apps), True, by)


def end(apps: Iterable[App], but_web: bool = False) -> None:
    """End all that APPS run (BUT_WEB: but what answers visitors), and wait for that."""
    systemd.stop(*(unit for unit in running(apps, ENDING) if not (but_web and is_web(unit))))


def reopen(names: Sequence[str], by: str) -> None:
    """Open the sites called NAMES."""
    maintenance.switch([name for name in names if closed(name)], False, by)


def sites(apps: Iterable[App]) -> list[str]:
    """Return the names of those of APPS that nginx has a site of."""
    return [app.name for app in apps if (maintenance.FOLDER / "sites" / f"{app.name}.conf").is_file()]
