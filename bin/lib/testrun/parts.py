# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The parts of the tests: a line of the table each, with its command, its hosts and how long it usually takes."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LOGS = ROOT / ".slipway/logs"
COMPILED = {"PYTHONPATH": str(ROOT / "bin/lib/compiled"), "SLIPWAY_HOSTS_KEEP_BYTECODE": "yes"}
"""Environment in which Ansible does not compile the collection again in every run, nor hosts its modules in every call."""
GROUPS = ("lint", "unit", "roles", "site", "slow")
ENGINE_TESTS = "engines"
"""The group that `bin/test` leaves out, so that it ends within about an hour: other ways to run an app, or Ansible, than a host of
ours. `bin/test changed` runs those that a change can touch, `bin/test every` all."""
ENGINES = ("compose", "image", "kubernetes", "mitogen", "swarm")
"""Slow tests, without `test_`, that belong to it."""
SITE = ("default", "site")
RELEASES = ("12", "13")
UNIT_PROCESSES = 4
"""Of the unit tests: most of their time they wait, for a process or a timeout."""
USUAL_SECONDS = {
    "lint": 50, "unit": 230, "sample_app": 20, "slow-backup_targets": 290, "slow-backups": 390,
    "slow-certificates": 90, "slow-drift": 180, "slow-drill": 210, "slow-edge": 110, "slow-faults_host": 170,
    "slow-faults_jobs": 330, "slow-faults_killed-12": 210, "slow-faults_killed-13": 250, "slow-faults_release": 160,
    "slow-faults_traffic-12": 240, "slow-faults_traffic-13": 180, "slow-firewall": 180, "slow-foreign_apps": 250,
    "slow-hostile": 50, "slow-lockout-12": 160, "slow-lockout-13": 190, "slow-mariadb": 430, "slow-asgi": 150,
    "slow-pipeline": 190, "slow-promotion": 250, "slow-alerts": 370, "slow-logs": 120, "slow-metrics": 230,
    "molecule-host_metrics": 180, "slow-migrations": 140, "slow-mitogen": 50, "slow-occupied_host": 100,
    "slow-pooling": 120, "slow-remove": 160, "slow-restore": 410, "slow-restore_host": 290, "slow-secrets": 40,
    "slow-ssh": 30, "slow-transfer": 130, "slow-upgrade_database": 190, "molecule-default": 220,
    "slow-database_host": 320, "slow-edge_hosts": 90, "slow-fleet": 380, "slow-fleet_killed": 280,
    "slow-fleet_status": 230, "slow-standby": 110, "slow-standby_lost": 160, "molecule-edge": 100,
    "slow-database_move": 160, "slow-object_storage": 130, "slow-kubernetes": 150, "slow-image": 150,
    "slow-compose": 150, "slow-swarm": 260, "slow-first_steps": 80, "molecule-nginx_tls": 260,
    "molecule-nginx_tls_acme": 230, "slow-hooks": 130, "molecule-python_venv": 150, "slow-mistakes": 30,
}  # fmt: skip
"""The long ones start first, so that all processors are busy to the end; a wrong figure costs time and nothing else."""
MEASURING = ("test_edge",)
"""Slow tests that compare how long answers take: beside them runs no more than one part."""
ONCE = re.compile(r'^pytestmark\b.*\bonce\("(\d+)"\)', re.MULTILINE)

SAMPLE_APP = """
venv=$PWD/.slipway/sample_app-venv
[ -x "$venv/bin/python" ] || uv venv --quiet "$venv"
cd sample_app
uv pip install --quiet --python "$venv" --requirement requirements.txt --group dev
exec "$venv/bin/python" -m pytest -q -p no:cacheprovider "$@"
"""


@dataclass
class Part:
    """One line of the table: a command, what it needs, and how it ended."""

    name: str
    command: list[str]
    hosts: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    places: int = 1
    """Of `--jobs`: most parts keep less than one processor busy, some more."""
    result: str = "not run"
    seconds: float = 0.0
    processor: float = 0.0
    """Seconds of the processors that its own processes took; those of its hosts are not among them."""
    hosts_processor: float = 0.0
    """Those of its hosts, up to where each ended; hosts that stay (--keep) are not counted."""

    @property
    def log(self) -> Path:
        return LOGS / f"{self.name}.log"

    @property
    def notes(self) -> Path:
        """Where bin/lib/vps.py adds what a host took of the processors."""
        return LOGS / f"{self.name}.processor"

    @property
    def usual_seconds(self) -> int:
        return USUAL_SECONDS.get(self.name, 90)


@dataclass(frozen=True)
class Wanted:
    """What is asked for: groups, Debian releases, a word (-k), whether hosts stay, and names of parts (all, if None)."""

    groups: tuple[str, ...]
    debian: tuple[str, ...] = RELEASES
    word: str | None = None
    keep: bool = False
    names: frozenset[str] | None = None
    unit_tests: tuple[str, ...] = ("tests/unit",)


def parts(wanted: Wanted) -> list[Part]:
    """Return the parts wanted: those that need more than one place first, while there are others to fill the rest."""
    found = [*_quick(wanted), *_slow(wanted), *_scenarios(wanted)]
    chosen = [part for part in found if wanted.names is None or part.name in wanted.names]
    return sorted(chosen, key=lambda part: (part.places == 1, -part.usual_seconds))


def _quick(wanted: Wanted) -> Iterator[Part]:
    choose = ["-k", wanted.word] if wanted.word else []
    if "lint" in wanted.groups:
        yield Part("lint", ["bin/lint"], places=2)
    if "unit" in wanted.groups:
        command = [sys.executable, "bin/lib/unit_tests.py", str(UNIT_PROCESSES)]
        yield Part("unit", [*command, *wanted.unit_tests, *choose], places=2)
        if (ROOT / "sample_app/tests").is_dir():
            yield Part("sample_app", ["bash", "-euc", SAMPLE_APP, "sample_app", *choose])


def _slow(wanted: Wanted) -> Iterator[Part]:
    """Yield a part for each file, or one for each Debian release of a file that both run."""
    command = [sys.executable, "-m", "pytest", "-q", *(["-k", wanted.word] if wanted.word else [])]
    for path in sorted(ROOT.glob("tests/slow/test_*.py")):
        title = path.stem.removeprefix("test_")
        name, once = f"slow-{title}", ONCE.search(path.read_text())
        only = [once[1]] if once and once[1] in wanted.debian else wanted.debian
        for debian in only if (ENGINE_TESTS if title in ENGINES else "slow") in wanted.groups else ():
            part = name if len(only) == 1 else f"{name}-{debian}"
            places = 2 if path.stem in MEASURING else 1
            yield Part(
                part, [*command, str(path)], environment={"SLIPWAY_ONLY_DEBIAN": debian, **COMPILED}, places=places
            )


def _scenarios(wanted: Wanted) -> Iterator[Part]:
    for path in sorted(ROOT.glob("molecule/*/molecule.yml")):
        name = path.parent.name
        if ("site" if name in SITE else "roles") not in wanted.groups or (wanted.word and wanted.word not in name):
            continue
        hosts = [f"slipway-{name}-{debian}" for debian in wanted.debian]
        command = [sys.executable, "bin/lib/scenario.py", name, *hosts]
        folder = {"MOLECULE_EPHEMERAL_DIRECTORY": str(ROOT / ".slipway/molecule" / name)}
        if wanted.keep:  # where `molecule login` and the like look for them
            folder, command = {}, ["molecule", "test", "--scenario-name", name, "--destroy", "never"]
            command += ["--platform-name", hosts[0]] if len(hosts) == 1 else []
        yield Part(f"molecule-{name}", command, hosts, {**folder, **COMPILED})
