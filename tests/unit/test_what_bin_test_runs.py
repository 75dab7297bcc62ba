# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The parts of the tests, and what `bin/test changed` makes of a change."""

from __future__ import annotations

import fnmatch
import os
import re
import subprocess
import sys
import threading
import time
from functools import cache
from pathlib import Path

import pytest
import scenario
import vps
import yaml
from run_tests import table
from testrun import changed, pool
from testrun.parts import ENGINE_TESTS, GROUPS, ONCE, USUAL_SECONDS, Part, Wanted, parts
from testrun.pool import Runner
from testrun.why import tail, why

ROOT = Path(__file__).resolve().parents[2]
EVERYTHING = [part.name for part in parts(Wanted((*GROUPS, ENGINE_TESTS)))]
FILES = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.splitlines() or [
    str(path.relative_to(ROOT)) for path in ROOT.glob("[!.]*/**/*") if path.is_file()
]


def chosen(file: str) -> list[str]:
    return [name for name in EVERYTHING if any(fnmatch.fnmatchcase(name, one) for one in changed.touched(file))]


def test_every_file_of_tests_on_hosts_is_a_part_and_no_part_comes_twice() -> None:
    assert len(EVERYTHING) == len(set(EVERYTHING))
    for path in ROOT.glob("tests/slow/test_*.py"):
        assert any(name.startswith(f"slow-{path.stem.removeprefix('test_')}") for name in EVERYTHING), path
    for path in ROOT.glob("molecule/*/molecule.yml"):
        assert f"molecule-{path.parent.name}" in EVERYTHING


@pytest.mark.parametrize(("kind", "least"), [("STOCKED", 10), ("WITH_SITE", 3)])
def test_every_file_of_tests_that_starts_from_a_provisioned_host_is_there(kind: str, least: int) -> None:
    text = (ROOT / "tests/slow/stock.py").read_text()
    names = re.findall(r'"(\w+)"', text.partition(f"\n{kind} = ")[2].partition('"""')[0])
    assert len(names) > least
    assert [name for name in names if not (ROOT / f"tests/slow/test_{name}.py").exists()] == []


def test_a_file_that_both_releases_run_is_a_part_for_each() -> None:
    assert {"slow-faults_killed-12", "slow-faults_killed-13", "slow-edge"} <= set(EVERYTHING)
    only = [part for part in parts(Wanted(GROUPS, debian=("12",))) if part.name.startswith("slow-")]
    assert {part.environment["SLIPWAY_ONLY_DEBIAN"] for part in only} == {"12"}


def test_parts_take_no_more_places_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three places: beside a part that needs two runs one, and a part that needs more than there are runs alone."""
    taken, most, ended = 0, 0, list[str]()
    lock = threading.Lock()

    def run(_: Runner, part: Part) -> None:
        nonlocal taken, most
        with lock:
            taken += min(part.places, 3)
            most = max(most, taken)
        time.sleep(0.02)
        with lock:
            taken -= min(part.places, 3)
            ended.append(part.name)

    monkeypatch.setattr(Runner, "run", run)
    todo = [Part(f"part-{number}", [], places=places) for number, places in enumerate([2, 2, 1, 1, 5, 1, 2, 1])]
    Runner(3, keep=False, report=lambda part: None).all(todo)
    assert most == 3
    assert sorted(ended) == [part.name for part in todo]


def test_temporary_files_of_a_run_go_with_it_and_those_of_a_killed_one_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    monkeypatch.setattr(pool, "MEMORY", tmp_path)
    monkeypatch.setattr(pool, "MEMORY_BYTES", 0)
    monkeypatch.setenv("TMPDIR", "before")
    for name in (f"slip{ended.pid}-killed", f"slip{os.getpid()}-living", "slippery-when-wet"):
        (tmp_path / name).mkdir()
    with pool.temporary_folder():
        assert Path(os.environ["TMPDIR"]).parent == tmp_path
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"slip{os.getpid()}-living", "slippery-when-wet"]


@pytest.mark.parametrize("name", USUAL_SECONDS)
def test_a_part_whose_time_is_known_exists(name: str) -> None:
    assert name in EVERYTHING


@pytest.mark.parametrize("path", sorted(ROOT.glob("tests/slow/test_*.py")), ids=lambda path: path.stem)
def test_no_slow_test_is_left_out_on_each_release(path: Path) -> None:
    """A test that is for one release only, in a file that runs on the other one only, would never run."""
    text = path.read_text()
    of_file = ONCE.search(text)
    of_tests = set(re.findall(r'^@pytest\.mark\.once\("(\d+)"\)', text, re.MULTILINE))
    assert of_tests <= ({of_file[1]} if of_file else {"12", "13"})
    assert not (of_file and "shared_out(" in text)


@pytest.mark.parametrize("pattern", [pattern for pattern, _ in changed.RULES])
def test_a_rule_is_about_files_that_exist(pattern: str) -> None:
    assert any(re.fullmatch(pattern, file) for file in FILES)


def test_a_rule_names_parts_that_exist() -> None:
    names = {name for _, names in changed.RULES for name in names if "\\" not in name}
    assert [name for name in names if not fnmatch.filter(EVERYTHING, name)] == []


@pytest.mark.parametrize(
    ("file", "some", "never"),
    [
        ("README.md", [], ["slow-edge", "molecule-default"]),
        ("roles/nginx_tls/README.md", [], ["molecule-nginx_tls"]),
        (
            "roles/nginx_tls/tasks/main.yml",
            ["molecule-nginx_tls", "molecule-nginx_tls_acme", "slow-edge"],
            ["slow-mitogen"],
        ),
        (
            "plugins/module_utils/_certificates/store.py",
            ["molecule-nginx_tls_acme", "slow-certificates"],
            ["slow-hooks"],
        ),
        ("plugins/module_utils/_release/deploy.py", ["molecule-app_release", "slow-faults_killed-12"], []),
        ("plugins/plugin_utils/_render/swarm.py", ["slow-swarm"], ["slow-image", "slow-edge", "molecule-default"]),
        ("plugins/module_utils/_image/build.py", ["slow-image", "slow-kubernetes"], ["slow-edge"]),
        ("molecule/python_venv/converge.yml", ["molecule-python_venv"], ["molecule-default"]),
        ("molecule/shared/create.yml", ["molecule-python_venv", "molecule-default"], ["slow-edge"]),
        ("tests/slow/test_faults_killed.py", ["slow-faults_killed-12", "slow-faults_killed-13"], ["slow-edge"]),
        ("tests/slow/helpers.py", ["slow-edge", "slow-mitogen"], ["molecule-default"]),
        ("site.yml", EVERYTHING, []),
        ("a-file-that-nobody-knows", EVERYTHING, []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_change_chooses_the_parts_that_it_can_touch(file: str, some: list[str], never: list[str]) -> None:
    found = chosen(file)
    assert [name for name in some if name not in found] == []
    assert [name for name in never if name in found] == []


def test_unit_tests_are_chosen_by_what_they_import_over_however_many_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changed, "_imports", cache(changed._imports))  # for both questions
    found = changed.unit_tests(["plugins/module_utils/_host/files.py"])
    assert any("_release" in file for file in found), "the engine writes files with it"
    assert "tests/unit/test_gunicorn_releases.py" not in found
    lonely = changed.unit_tests(["tests/unit/plugins/callback/test_brief.py"])
    assert [file for file in lonely if "plugins/" in file] == ["tests/unit/plugins/callback/test_brief.py"]


def unit_tests(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "bin/lib/unit_tests.py"), "2", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_unit_tests_run_in_shares_each_file_once_and_one_failure_fails_them(tmp_path: Path) -> None:
    files = [tmp_path / "a/test_one.py", tmp_path / "test_two.py", tmp_path / "test_three.py"]
    files[0].parent.mkdir()
    for file in files:
        file.write_text(f"def test_{file.stem}() -> None:\n    assert {file.stem != 'test_two'}\n")
    done = unit_tests(tmp_path)
    assert done.returncode == 1
    assert "FAILED" in done.stdout and "::test_test_two" in done.stdout
    assert sum(map(int, re.findall(r"(\d+) passed", done.stdout))) == 2
    assert re.search(r"1 failed, 1 passed in \S+$", done.stdout.rstrip()), (
        "the end of a long log is what is shown of it"
    )
    assert unit_tests(tmp_path, "-k", "one or three").returncode == 0
    assert unit_tests(files[0], files[2], "-k", "two").returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    files[2].write_text("import no_such_module\n")
    assert unit_tests(files[2], files[0]).returncode == 2


def test_a_scenario_finds_its_hosts_made_and_does_not_begin_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker, started, folder = tmp_path / "vps.py", list[list[str]](), tmp_path / "scenario"
    maker.write_text(
        "import json, sys\nassert sys.argv[4] != '11'\n"
        "print(json.dumps({'name': sys.argv[2], 'address': '10.0.0.' + sys.argv[4], 'key': '/key'}))\n"
    )
    monkeypatch.setattr(scenario, "VPS", maker)
    monkeypatch.setattr(scenario.os, "execvp", lambda name, argv: started.append(argv))
    monkeypatch.setenv("MOLECULE_EPHEMERAL_DIRECTORY", str(folder))
    monkeypatch.setattr(sys, "argv", ["scenario.py", "edge", "slipway-edge-12", "slipway-edge-13"])
    scenario.main()
    instances = yaml.safe_load((folder / "instance_config.yml").read_text())
    assert [(one["instance"], one["address"], one["identity_file"]) for one in instances] == [
        ("slipway-edge-12", "10.0.0.12", "/key"),
        ("slipway-edge-13", "10.0.0.13", "/key"),
    ]
    assert yaml.safe_load((folder / "state.yml").read_text())["created"] is True
    assert started == [["molecule", "test", "--scenario-name", "edge", "--destroy", "never"]]
    with pytest.raises(SystemExit, match="slipway-edge-11"):
        scenario.made(["slipway-edge-11", "slipway-edge-12"])


def test_a_part_that_failed_is_told_with_the_tests_that_failed_and_what_they_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = Part("slow-edge", ["true"])
    monkeypatch.setattr("testrun.parts.LOGS", tmp_path)
    part.result = "FAILED"
    part.log.write_text(
        "collected 3 items\n    E   assert 502 == 200\nFAILED tests/slow/test_edge.py::test_a - assert\n1 failed\n"
    )
    assert why(part).splitlines() == [
        "FAILED slow-edge",
        "    E   assert 502 == 200",
        "    FAILED tests/slow/test_edge.py::test_a - assert",
    ]


HANGS = """
import pathlib, time


def test_a():
    assert 502 == 200, "the first one"


def wait_for_the_host():
    pathlib.Path("hangs").touch()
    time.sleep(600)


def test_b():
    wait_for_the_host()
"""


def test_a_part_that_hangs_is_stopped_and_told_with_what_failed_before_and_where_it_hung(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(pid: int, seconds: float) -> bool:
        """Wait for a part, no longer than until it hangs."""
        while seconds == pool.PART_SECONDS and not (tmp_path / "hangs").exists():
            if ended(pid, 0.1):
                return True
        return seconds != pool.PART_SECONDS and ended(pid, 60)

    ended = pool.ends
    (tmp_path / "test_hangs.py").write_text(HANGS)
    monkeypatch.setattr("testrun.parts.LOGS", tmp_path)
    monkeypatch.setattr(pool, "ROOT", tmp_path)
    monkeypatch.setattr(pool, "ends", ends)
    monkeypatch.setattr(pool, "running_on", lambda hosts: f"{hosts} run sleep")
    monkeypatch.setattr(pool, "remove", lambda hosts, environ: None)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "at_once", "test_hangs.py"]
    part = Part("hangs", command, ["a-host"], {"PYTHONPATH": str(ROOT / "tests/slow")})
    Runner(1, keep=False, report=lambda part: None).all([part])
    told = "\n".join(tail(part))
    for words in ("the first one", "stopped: took longer than", "['a-host'] run sleep", "in wait_for_the_host"):
        assert words in told
    assert part.result == "FAILED"
    assert "stopped: took longer than 1800 s" in why(part)


def test_a_part_is_told_with_what_its_hosts_took_of_the_processors_until_each_of_them_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hosts that its tests removed, one of them after it had been started again, and one that is left for the pool."""

    def remove(hosts: list[str], environ: dict[str, str]) -> None:
        with open(environ[vps.PROCESSOR_NOTES], "a") as file:
            file.write("100.25\n")

    monkeypatch.setattr("testrun.parts.LOGS", tmp_path)
    monkeypatch.setattr(pool, "remove", remove)
    part = Part("removes", ["sh", "-c", f'printf "10.5\\n20\\n30\\n" >>"${vps.PROCESSOR_NOTES}"'], ["a-host"])
    for _ in range(2):  # what an earlier run noted does not count
        Runner(1, keep=False, report=lambda part: None).all([part])
        assert part.hosts_processor == 160.75
    row = next(line for line in table([part], 1, (0, 0)).splitlines() if line.startswith("removes"))
    assert row.endswith(" 161 s")


def test_a_host_that_ends_is_noted_with_the_processor_time_of_all_that_ran_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "machine.slice/one").mkdir(parents=True)
    (tmp_path / "machine.slice/one/cpu.stat").write_text("usage_usec 12345678\nuser_usec 9\nsystem_usec 3\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 99000000\n")  # the whole machine's
    # What podman prints of a host that runs, one that is halted, and one whose cgroup has just gone.
    monkeypatch.setattr(vps, "run", lambda *command, check: "/machine.slice/one\n\n/machine.slice/two\n")
    monkeypatch.setattr(vps, "CGROUPS", tmp_path)
    vps.note_processor(["one", "halted", "two"])  # nobody asks for it
    monkeypatch.setenv(vps.PROCESSOR_NOTES, str(tmp_path / "notes"))
    vps.note_processor(["one", "halted", "two"])
    assert (tmp_path / "notes").read_text() == "12.35\n"
