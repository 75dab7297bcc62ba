# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Keys of environments, and that an environment is complete or absent; a small script plays uv."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._python import build as building
from ansible_collections.slipway.flask.plugins.module_utils._python import build_sandbox as sandbox
from ansible_collections.slipway.flask.plugins.module_utils._python import environment as environments
from ansible_collections.slipway.flask.plugins.module_utils._python import environment_spec
from ansible_collections.slipway.flask.plugins.module_utils._python.environment import (
    EnvironmentError_,
    EnvironmentSpec,
)

FAKE_UV = f"""#!{sys.executable}
import os, re, sys, time
from pathlib import Path
arguments = [part for part in sys.argv[1:] if part != "--quiet"]
with open(os.environ["UV_CALLS"], "a") as calls:
    print(*arguments, file=calls)
if arguments[0] == "venv":
    new = Path(arguments[-1])
    (new / "bin").mkdir(parents=True)
    (new / "bin/python").symlink_to(os.path.realpath(sys.executable))
    (new / "lib/python3.11/site-packages").mkdir(parents=True)
    (new / ".lock").touch(0o666)
if arguments[:2] == ["pip", "compile"]:
    for line in Path(arguments[-1]).read_text().splitlines():
        print(line + "".join(f" --hash=sha256:{{line[0]}}{{digit}}" for digit in "10"))
if arguments[:2] == ["pip", "install"]:
    site = Path(arguments[arguments.index("--python") + 1]).parents[1] / "lib/python3.11/site-packages"
    for file in (arguments[at + 1] for at, part in enumerate(arguments) if part == "-r"):
        for line in Path(file).read_text().splitlines():
            if line == "slow":
                time.sleep(60)
            if line == "broken":
                sys.exit("\\n".join(f"line {{number}}" for number in range(40)) + "\\nno such package")
            name = re.match(r"[\\w-]+", line)
            if name:
                folder = site / f"{{name.group()}}-1.0.dist-info"
                folder.mkdir(exist_ok=True)
                (folder / "METADATA").write_text(f"Metadata-Version: 2.4\\nName: {{name.group()}}\\nVersion: 1.0\\n\\nText")
"""
Make = Callable[..., EnvironmentSpec]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Return a function that makes a spec of a project with one requirements file."""
    uv = tmp_path / "uv"
    uv.write_text(FAKE_UV)
    uv.chmod(0o755)
    monkeypatch.setenv("UV_CALLS", str(tmp_path / "calls"))
    monkeypatch.setattr(sandbox.os, "geteuid", lambda: 1000)
    project = tmp_path / "project"
    project.mkdir()

    def spec(requirements: str = "Flask\n", **changes: object) -> EnvironmentSpec:
        (project / "requirements.txt").write_text(requirements)
        plain = EnvironmentSpec(
            project, tmp_path / "venvs", uv=str(uv), cache=tmp_path / "cache", python=sys.executable, ca_bundle=""
        )
        return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]

    return spec


def calls(spec: EnvironmentSpec) -> list[str]:
    """Return the arguments of every call of uv so far but the one for the lock."""
    return [
        call for call in Path(os.environ["UV_CALLS"]).read_text().splitlines() if not call.startswith("pip compile")
    ]


def below(root: Path) -> set[str]:
    """Return the names below the folder of environments, without its lock."""
    return {path.name for path in root.iterdir()} - {".lock"}


def test_built_once(make: Make) -> None:
    spec = make()
    first, second = environments.ensure(spec), environments.ensure(spec)
    assert (first.created, second.created) == (True, False)
    assert first.key == second.key == environment_spec.key_of(spec)
    assert first.path == spec.root / first.key
    assert first.packages == second.packages == {"flask": "1.0"}
    assert first.source == "requirements.txt"
    assert len(calls(spec)) == 2
    assert below(spec.root) == {first.key}
    assert not [path for path in first.path.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o022]
    assert first.path.stat().st_mode & 0o777 == 0o755


def test_an_environment_has_a_lock_with_every_hash_of_its_packages(make: Make) -> None:
    built = environments.ensure(make("Flask\n", extra_packages=["redis"]))
    assert built.lock == (
        "flask==1.0 --hash=sha256:f0 --hash=sha256:f1\nredis==1.0 --hash=sha256:r0 --hash=sha256:r1\n"
    )


def test_a_promoted_environment_is_limited_to_the_lock_and_has_a_name_of_its_own(make: Make) -> None:
    first = environments.ensure(make())
    spec = make(locked=first.lock)
    second = environments.ensure(spec)
    assert (second.key != first.key, second.lock) == (True, first.lock)
    assert [call for call in calls(spec) if " -c " in call and "promoted.txt" in call]


def test_packages_that_are_not_those_of_the_lock_are_refused_and_leave_nothing(make: Make) -> None:
    lock = "flask==0.9 --hash=sha256:f0\nredis==1.0 --hash=sha256:r0\n"
    spec = make(locked=lock)
    with pytest.raises(EnvironmentError_, match=r"promoted release: redis 1.0 is missing; flask is 1.0, not 0.9\. "):
        environments.ensure(spec)
    assert below(spec.root) == set()


def test_check_mode_builds_nothing(make: Make) -> None:
    spec = make()
    assert environments.ensure(spec, check=True).created
    assert not spec.root.exists()
    environments.ensure(spec)
    assert not environments.ensure(spec, check=True).created


def test_a_package_is_installed_in_place_of_what_the_folder_asks_for(make: Make) -> None:
    spec = make("broken\n", package="wiki==1.0")
    built = environments.ensure(spec)
    assert (built.packages, built.source) == ({"wiki": "1.0"}, "wiki==1.0")
    assert environment_spec.key_of(spec) != environment_spec.key_of(make("broken\n", package="wiki==1.1"))
    (spec.project / "requirements.txt").unlink()
    assert not environments.ensure(spec).created, "what lies in the folder does not matter"


def test_the_folders_of_a_package_are_those_that_its_record_lists(tmp_path: Path) -> None:
    site = tmp_path / "lib/python3.11/site-packages"
    for name, record in {
        "Otter_Wiki-1.0": "otterwiki/__init__.py,sha256=x,5\notterwiki/static/a.css,,\n../../bin/wiki,,\nwiki_cli.py,,\n",
        "flask-3.0": "flask/__init__.py,,\n",
    }.items():
        (site / f"{name}.dist-info").mkdir(parents=True)
        (site / f"{name}.dist-info/RECORD").write_text(record)
    assert building.folders_of(tmp_path, "otter-wiki") == [site / "otterwiki"]
    assert building.folders_of(tmp_path, "nothing") == []


def test_folders_of_a_package_need_not_be_importable(tmp_path: Path) -> None:
    site = tmp_path / "lib/python3.11/site-packages"
    (site / "shop-1.0.dist-info").mkdir(parents=True)
    rows = ("corp/shop/app.py", "shop-assets/a.css", "shop.py", "__pycache__/shop.pyc", "shop-1.0.dist-info/RECORD",
            "../../../bin/shop", "shop.libs/libx.so")  # fmt: skip
    (site / "shop-1.0.dist-info/RECORD").write_text("".join(f"{row},,\n" for row in rows))
    assert building.folders_of(tmp_path, "shop") == [site / "corp", site / "shop-assets"]


@pytest.mark.parametrize(
    "changes",
    [
        {"requirements": "Flask==3\n"},
        {"extra_packages": ["gunicorn"]},
        {"needed": ["gunicorn"]},
        {"constraints": ["gunicorn"]},
        {"overrides": ["gunicorn"]},
        {"database": "postgresql"},
        {"index_url": "https://index/simple"},
        {"extra_index_urls": ["https://index/simple"]},
        {"install_project": True},
        {"package": "wiki==1.0"},
        {"python": "/usr/bin/python3"},
    ],
)
def test_what_changes_the_key(make: Make, changes: dict[str, object]) -> None:
    assert environment_spec.key_of(make()) != environment_spec.key_of(make(**changes))


def test_what_an_exporter_wrote_is_installed_with_paths_from_the_project(make: Make) -> None:
    project = make().project
    (project / "requirements.txt").unlink()
    (project / "libs/x").mkdir(parents=True)
    (project / "libs/x/setup.py").touch()
    (project / "Pipfile.lock").write_text('{"default": {"flask": {"version": "==1.0"}, "x": {"path": "./libs/x"}}}')
    spec = EnvironmentSpec(
        project, project.parent / "venvs", uv=make().uv, cache=project.parent / "cache", ca_bundle=""
    )
    (project / "requirements.txt").unlink()
    assert environments.ensure(dataclasses.replace(spec, python=sys.executable)).source == "Pipfile.lock"


def test_a_command_of_the_projects_own_has_the_project_installed(make: Make) -> None:
    project = make().project
    (project / "pyproject.toml").write_text('[project]\nname = "shop"\n[project.scripts]\nshop = "shop:main"\n')
    assert make(commands=["flask", "shop"]).installs_project
    assert not make(commands=["flask"]).installs_project
    assert not make(commands=["shop"], install_project=False).installs_project


def test_includes_change_the_key(make: Make) -> None:
    spec = make("-r base.txt\n")
    base = spec.project / "base.txt"
    base.write_text("flask\n")
    before = environment_spec.key_of(spec)
    base.write_text("flask==3\n")
    assert environment_spec.key_of(spec) != before


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"extra_packages": ["a", "b"]}, {"extra_packages": ["b", "a"]}),
        ({"index_url": "https://u:old@index/simple"}, {"index_url": "https://u:new@index/simple"}),
        ({"index_url": "https://index/simple"}, {"index_url": "https://u:new@index/simple"}),
        ({}, {"uv": "/bin/true"}),
        ({}, {"log": print}),
    ],
)
def test_what_does_not_change_the_key(make: Make, one: dict[str, object], other: dict[str, object]) -> None:
    assert environment_spec.key_of(make(**one)) == environment_spec.key_of(make(**other))


def test_the_code_and_the_place_of_a_release_do_not_change_the_key(make: Make, tmp_path: Path) -> None:
    spec = make()
    before = environment_spec.key_of(spec)
    (spec.project / "app.py").write_text("print()")
    moved = spec.project.rename(tmp_path / "elsewhere")
    assert environment_spec.key_of(dataclasses.replace(spec, project=moved)) == before


def test_the_code_of_a_project_that_is_installed_changes_the_key(make: Make) -> None:
    spec = make(install_project=True)
    before = environment_spec.key_of(spec)
    (spec.project / "app.py").write_text("print()")
    assert environment_spec.key_of(spec) != before


HASHED = "flask==1.0 --hash=sha256:00\n"


def test_the_apps_own_lines_are_part_of_one_resolution(make: Make) -> None:
    spec = make(extra_packages=["redis"], constraints=["urllib3<3"], overrides=["werkzeug<3"])
    assert environments.ensure(spec).packages.keys() == {"flask", "redis"}
    assert [call.count(" -r ") for call in calls(spec)[:2]] == [0, 2]
    assert " -c " in calls(spec)[1]
    assert " --overrides " in calls(spec)[1]


@pytest.mark.parametrize(
    ("needed", "database", "added"),
    [
        (["gunicorn>=23"], "", ["gunicorn>=23"]),
        (["flask>=2"], "", []),
        (["FLASK"], "auto", ["psycopg[binary]>=3.1"]),
        (["gunicorn"], "postgresql+psycopg2", ["gunicorn", "psycopg2-binary>=2.9"]),
    ],
)
def test_what_serving_needs_is_added_when_it_lacks(
    make: Make, needed: list[str], database: str, added: list[str]
) -> None:
    spec = make(needed=needed, database=database)
    environment = environments.ensure(spec)
    assert environment.added == added
    assert len(environment.packages) == 1 + len(added)
    assert not added or " -c " in calls(spec)[-1], "nothing of the list may change for it"


def test_hashes_are_enforced_for_the_list_only(make: Make) -> None:
    spec = make(HASHED, extra_packages=["redis"], needed=["gunicorn"])
    assert environments.ensure(spec).added == ["redis", "gunicorn"]
    assert ["--require-hashes" in call for call in calls(spec)] == [False, True, False, False]


def test_a_lock_is_held_against_constraints_and_then_overridden(make: Make) -> None:
    spec = make(HASHED, constraints=["flask<2", "gone<1"], overrides=["flask==0.9", "gone==1"])
    environments.ensure(spec)
    _, install, hold, override, *_ = calls(spec)
    assert " -c " not in install
    assert "--dry-run" in hold
    assert "--overrides" in override


@pytest.mark.parametrize(
    ("spec_changes", "message"),
    [
        ({"requirements": "broken\n"}, r"installing requirements\.txt failed:\nline 16\n(?s:.*)no such package$"),
        ({"extra_packages": ["broken"]}, r"installing requirements\.txt failed:(?s:.*)put it in `overrides`"),
        (
            {"needed": ["broken"]},
            r"adding broken to what requirements\.txt lists failed(?s:.*)that fits into requirements",
        ),
        ({"extra_packages": ["./broken"]}, "a line of `extra_packages` must start with a package's name"),
        ({"overrides": ["./broken"]}, "a line of `overrides` must start with a package's name"),
        ({"extras": ["web"]}, "belong to pyproject.toml"),
        ({"uv": "/no/such/uv"}, "there is no uv at /no/such/uv"),
        ({"python": "python3.99"}, r"there is no such Python"),
    ],
)
def test_a_failure_is_explained_and_leaves_nothing(make: Make, spec_changes: dict[str, object], message: str) -> None:
    spec = make(**spec_changes)
    with pytest.raises(EnvironmentError_, match=message):
        environments.ensure(spec)
    assert not spec.root.exists() or below(spec.root) == set()


BUILDER = """
import sys
from pathlib import Path
from ansible_collections.slipway.flask.plugins.module_utils._python import environment as environments
environments.sandbox.os.geteuid = lambda: 1000
project, root, uv, cache, python = sys.argv[1:]
spec = environments.EnvironmentSpec(Path(project), Path(root), uv=uv, cache=Path(cache), python=python, ca_bundle="")
print(environments.ensure(spec).created)
"""


def builder(spec: EnvironmentSpec) -> subprocess.Popen[str]:
    """Start another process that builds `spec`."""
    here = [str(spec.project), str(spec.root), spec.uv, str(spec.cache), spec.python]
    path = Path(__file__).resolve().parents[5] / "collections"
    return subprocess.Popen(
        [sys.executable, "-c", BUILDER, *here], stdout=subprocess.PIPE, text=True, start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(path)},
    )  # fmt: skip


def test_a_killed_build_is_absent_and_the_next_one_completes(make: Make) -> None:
    spec = make("slow\n")
    process = builder(spec)
    deadline = time.monotonic() + 20
    while not list(spec.root.glob(".building-*/scratch/*/bin/python")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not [name for name in below(spec.root) if not name.startswith(".building-")]
    environment = environments.ensure(make("flask\n"))
    assert environment.created
    assert below(spec.root) == {environment.key}


def test_two_builds_at_once_make_one(make: Make) -> None:
    spec = make()
    both = [builder(spec), builder(spec)]
    assert sorted(process.communicate()[0].strip() for process in both) == ["False", "True"]
    assert len(calls(spec)) == 2


def test_an_environment_without_record_or_interpreter_is_built_again(make: Make) -> None:
    spec = make()
    path = environments.ensure(spec).path
    for broken in (path / environments.RECORD, path / "bin/python"):
        broken.unlink()
        assert environments.ensure(spec).created
        assert broken.exists()


def test_one_that_was_built_ahead_is_moved_to_its_place_and_what_else_is_there_goes(make: Make, tmp_path: Path) -> None:
    ahead = tmp_path / "ahead/shop"
    spec = make(ahead=ahead)
    built = environments.ensure(dataclasses.replace(spec, root=ahead, final=spec.root, wheels_only=True, ahead=None))
    (ahead / "other").mkdir()
    assert [one for one in calls(spec) if "--only-binary :all:" in one], "code of packages runs for what is built ahead"
    found = environments.ensure(spec)
    assert (found.key, found.packages, found.path) == (built.key, {"flask": "1.0"}, spec.root / built.key)
    assert not ahead.exists()
    assert len(calls(spec)) == 2, "it was built again"
    assert not environments.ensure(spec).created


@pytest.mark.parametrize("state", ["another list", "half", "none"])
def test_one_that_is_not_there_whole_ahead_is_built(make: Make, tmp_path: Path, state: str) -> None:
    ahead = tmp_path / "ahead/shop"
    spec = make("Flask\nDjango\n" if state == "another list" else "Flask\n", ahead=ahead)
    if state != "none":
        built = environments.ensure(dataclasses.replace(spec, root=ahead, final=spec.root, ahead=None))
        if state == "half":
            (built.path / environments.RECORD).unlink()
    spec = make(ahead=ahead)
    assert environments.ensure(spec).packages == {"flask": "1.0"}
    assert not ahead.exists() and below(spec.root) == {environment_spec.key_of(spec)}
