# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""One package that attacks wherever its code runs: nowhere is it root, and nowhere does it get anything.

Its app is deployed beside another one, whose secrets and files it looks for. What each point told is left beside the
logs of the tests.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import LOGS
from helpers import Host, Project, tiny_app

pytestmark = pytest.mark.once("13")

PARTS = Path(__file__).with_name("hostile_app")
POINTS = {
    "resolve": "slipway-build-hostile-",
    "metadata": "slipway-build-hostile-",
    "build": "slipway-build-hostile-",
    "export of a lock": "slipway-build-alone-",
    "start of Python": "hostile-check-",
    "build command": "hostile-build-",
    "import at check": "hostile-check-",
    "release command": "hostile-release-",
    "import in the service": "hostile@",
    "exec": "hostile-exec-",
}
"""Where the package's code runs -> how the unit is called that it must run in."""
WSGI = """
import os

import attack
from flask import Flask

attack.tell("import in the service" if "RUNTIME_DIRECTORY" in os.environ else "import at check", building=False)
app = Flask(__name__)


@app.get("/")
def index():
    return "hostile"
"""
MODES = """
import os, pathlib
for name, mode in {"private": 0o600, "folder/private": 0o600, "open": 0o666, "world": 0o777, "run": 0o700}.items():
    pathlib.Path("made", name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pathlib.Path("made", name).write_text(name)
    os.chmod(pathlib.Path("made", name), mode)
os.symlink("/etc/victim", "made/link")
"""
FILES = {
    "app.py": WSGI,
    "modes.py": MODES,
    "requirements.txt": "Flask==3.1.3\n./libs/dep\n",
    "libs/dep/pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    '[project]\nname = "hostile-dep"\ndynamic = ["version"]\n',
}
LOCKED = {
    "pyproject.toml": '[project]\nname = "alone"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = []\n'
    "[tool.poetry]\npackage-mode = false\n",
    "poetry.lock": 'package = []\n\n[metadata]\nlock-version = "2.1"\npython-versions = ">=3.9"\n'
    'content-hash = "ff9c4d90a413e5b513f92a443c2607225973bebea8f831996abbafecd3ad8446"\n',
    ".poetry/plugins/hostile.pth": "import os, sys; sys.path.insert(0, os.getcwd()); "
    "import attack; attack.tell('export of a lock')\n",
}
"""A project with a plugin for the exporter of its lock."""


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def app(name: str, folder: Path, **more: Any) -> dict[str, Any]:
    return {
        "name": name, "domains": [f"{name}.example.org"], "source": {"path": str(folder)}, "wsgi": "app:app",
        "database": "none", "workers": 1, "watch_seconds": 0, **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def attack() -> dict[str, str]:
    """The values that the attack looks for."""
    found: dict[str, str] = {}
    exec((PARTS / "attack.py").read_text().split("JOURNAL")[0], found)
    return found


@pytest.fixture(scope="module")
def rows(
    project: Project, host: Host, attack: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    """What the package told from every point of a deploy, of `exec.yml` and of an environment that is built alone."""
    sources = tmp_path_factory.mktemp("sources")
    write(sources / "victim", {"app.py": tiny_app('"victim"'), "requirements.txt": "Flask==3.1.3\n"})
    write(sources / "hostile", FILES)
    write(sources / "alone", LOCKED)
    for place in ("hostile", "hostile/libs/dep", "alone"):
        shutil.copy(PARTS / "attack.py", sources / place)
    shutil.copy(PARTS / "backend.py", sources / "hostile/libs/dep")
    commands = [{"command": "python attack.py 'build command'"}, {"command": "python modes.py"}]
    hostile = app(
        "hostile", sources / "hostile", files={"private.cfg": attack["OWN"]}, secrets={"SECRET_KEY": attack["OWN"]},
        build_commands=commands, release_commands=[{"command": "python attack.py 'release command'"}],
    )  # fmt: skip
    project.write(
        {"slipway_apps": [app("victim", sources / "victim", secrets={"SECRET_KEY": attack["VICTIM"]}), hostile]}
    )
    host.run("mkdir -p /root/private; echo 'umask 077' >>/root/.bashrc")  # modes never depend on the caller's umask
    project.good("site.yml")
    project.good("playbooks/exec.yml", "-e", "app=hostile", "-e", '{"command": "python attack.py exec"}')
    (project.folder / "alone.yml").write_text(
        json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [
            {"ansible.builtin.copy": {"src": f"{sources}/alone/", "dest": "/srv/alone/project/", "mode": "0644"}},
            {"slipway.flask.python_env": {"project": "/srv/alone/project", "root": "/srv/alone/venvs"}},
        ]}])
    )  # fmt: skip
    project.good(str(project.folder / "alone.yml"))
    told = host.run(
        "journalctl --no-pager -o cat -t hostile; cat /var/cache/private/slipway/*/told.jsonl; "
        "find /tmp /var/tmp /root -name told.jsonl -exec cat {} +"
    )
    found = [json.loads(row) for row in told.splitlines() if row.startswith('{"point": ')]
    report(host, found)
    return found


def report(host: Host, rows: list[dict[str, Any]]) -> None:
    """Leave a table beside the logs: at which point it ran, as whom, in what unit, and what it got."""
    head = ("POINT", "UNIT", "UID", "TRIED", "GOT")
    table = {
        (row["point"], unit_of(row["unit"]), str(row["uid"]), str(row["tried"]), json.dumps(row["got"] or "nothing"))
        for row in rows
    }  # fmt: skip
    lines = [head, *sorted(table)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    LOGS.mkdir(parents=True, exist_ok=True)
    (LOGS / f"test_hostile-{host.debian}.txt").write_text("\n".join(text) + "\n")


def unit_of(name: str) -> str:
    """Return a unit's name without what differs from run to run."""
    return name.removesuffix(".service").rstrip("0123456789")


@pytest.mark.parametrize("point", POINTS)
def test_package_gets_nothing_wherever_its_code_runs(rows: list[dict[str, Any]], point: str) -> None:
    told = [row for row in rows if row["point"] == point and row["unit"].startswith(POINTS[point])]
    assert told, f"nothing was told from {point}: {sorted((row['point'], row['unit']) for row in rows)}"
    assert [row for row in told if row["uid"] == 0 or row["got"]] == []


def test_package_runs_at_no_other_point_and_never_as_root(rows: list[dict[str, Any]]) -> None:
    assert {row["point"] for row in rows} == set(POINTS)
    assert [row for row in rows if row["uid"] == 0 or row["got"]] == []


def test_compiling_runs_nothing_of_what_is_compiled(rows: list[dict[str, Any]]) -> None:
    assert [row for row in rows if "compileall" in row["argv"]] == []


def test_package_left_nothing_outside_of_its_own_places(host: Host, rows: list[dict[str, Any]]) -> None:
    assert (
        host.run("find / -xdev -name hostile-was-here -o -xdev -name told.jsonl -not -path '/var/cache/private/*'")
        == ""
    )


def test_what_was_built_belongs_to_root_and_only_root_writes_it(host: Host, rows: list[dict[str, Any]]) -> None:
    seals = host.run("stat -c '%U %a' /srv/hostile/venvs/*/slipway-seal.json /srv/victim/venvs/*/slipway-seal.json")
    assert set(seals.splitlines()) == {"root 600"}
    assert host.run("find /srv/hostile/venvs /srv/alone/venvs ! -user root -o -perm /7022 ! -type l ! -type d") == ""
    assert (
        host.run(
            "find /srv/hostile/venvs /srv/victim/venvs -mindepth 1 -type d ! -perm 0755 -o -type f ! -perm -0444 ! -name .lock"
            " ! -name slipway-seal.json ! -name slipway-lock.txt"
        )
        == ""
    )


@pytest.mark.parametrize(
    ("name", "mode"),
    [("", "750"), ("private", "640"), ("folder", "750"), ("folder/private", "640"), ("open", "644"), ("world", "755"),
     ("run", "750")],
)  # fmt: skip
def test_app_reads_what_its_build_commands_make_and_does_not_write_it(
    host: Host, rows: list[dict[str, Any]], name: str, mode: str
) -> None:
    assert host.run(f"stat -c '%U %G %a' /srv/hostile/current/src/made/{name}") == f"root hostile {mode}"


def test_modes_of_a_release_do_not_depend_on_the_umask_of_who_deploys(host: Host, rows: list[dict[str, Any]]) -> None:
    expected = {
        "releases": "751", "current/src": "751", "current/src/app.py": "640", "venvs/*": "755", "/opt/slipway/bin/uv": "755",
        "/opt/slipway": "755", "/etc/victim": "711", "/etc/nginx/slipway": "755",
    }  # fmt: skip
    found = host.run(f"cd /srv/victim; stat -Lc %a {' '.join(expected)}").split()
    assert dict(zip(expected, found, strict=True)) == expected
