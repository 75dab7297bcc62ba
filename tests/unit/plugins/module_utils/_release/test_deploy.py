# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whole deploys that go well: what is on the host afterwards, in which order it got there, and what is left alone."""

from __future__ import annotations

import base64
import gzip
import json
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._app import command as app_command
from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file, going
from ansible_collections.slipway.flask.plugins.module_utils._release import repository
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.settings import sealed
from ansible_collections.slipway.flask.plugins.module_utils._release.stages import names_of
from ansible_collections.slipway.flask.plugins.plugin_utils._source import folder as source_folder
from fake_host import ROOT, SECRET, UID, FakeHost

needs_root = pytest.mark.skipif(not ROOT, reason="only root gives files away")
UPGRADE = {"command": "flask db upgrade", "once": False}
SEED = {"command": "flask seed 'a b'", "once": True}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def commands(host: FakeHost) -> list[str]:
    return [event.removeprefix("run ") for event in host.events if event.startswith("run ")]


# ---- a deploy ----------------------------------------------------------------------------------------------------


def test_a_first_deploy_serves(host: FakeHost) -> None:
    outcome = host.deploy()
    release = host.current
    assert release.startswith("0001-")
    assert (outcome.changed, outcome.previous, host.running) == (True, "", {release})
    assert os.readlink(host.paths.current) == f"releases/{release}"
    assert (host.paths.current / "src/app.py").read_text() == "app = 1\n"
    assert os.readlink(host.paths.current / "run") == str(host.memory / "shop" / release)
    assert os.readlink(host.paths.current / "venv") == "../../venvs/env1"
    assert os.readlink(host.wants / f"shop@{release}.service") == str(host.units / f"shop@{release}.service")


def test_a_look_tells_whether_there_is_anything_to_do_and_does_nothing(host: FakeHost) -> None:
    assert host.deploy(look=True).due, "a first release"
    assert not host.paths.current.exists()
    host.deploy()
    live, before = host.current, list(host.events)
    found = host.deploy(look=True)
    assert (found.due, found.changed, found.record and found.record.id) == (False, False, live)
    host.change()
    assert host.deploy(look=True).due
    assert (host.current, host.events, host.sent) == (live, before, 1)


def test_a_look_finds_a_live_release_that_does_not_run(host: FakeHost) -> None:
    host.deploy()
    host.running.clear()
    assert host.deploy(look=True).due


PROMOTION = {
    "of": "staging",
    "app": "shop",
    "hosts": ["s1", "s2"],
    "release": "0007-a",
    "python": "3.13.1",
    "lock": "flask==3.1.2\n",
}


def test_a_promotion_is_written_down_with_its_packages_and_done_once(host: FakeHost) -> None:
    host.deploy()
    assert host.deploy(promotion=PROMOTION).changed
    assert host.record()["promoted"] == "staging, release 0007-a of shop on s1, s2"
    assert (host.paths.current / "requirements.lock").read_text() == "flask==3.1.2\n"
    assert host.history[-1]["made_of"] == {"kind": "path", "subfolder": "", "whole": False, "database": ""}
    assert not host.deploy(promotion=PROMOTION).changed
    assert not host.deploy().changed, "a deploy of the same code leaves what was promoted"


def test_a_promotion_to_another_python_is_given_up_before_anything_starts(host: FakeHost) -> None:
    host.deploy()
    before = host.current
    with pytest.raises(ReleaseError, match="staging runs with Python 3.12.1, and this would be 3.13.5: set `python`"):
        host.deploy(promotion={**PROMOTION, "python": "3.12.1"})
    assert host.current == before


def test_a_deploy_is_written_down_in_its_release_and_in_the_history(host: FakeHost) -> None:
    host.probes = [{"heads": ["b2"], "current": ["b2"]}]
    host.deploy(dirty=True)
    record = host.record()
    assert host.history == [record]
    assert record["outcome"] == "deployed"
    assert (record["app"], record["by"], record["dirty"], record["environment"]) == ("shop", "ann@box", True, "env1")
    assert (record["heads_before"], record["heads_after"]) == (["b2"], ["b2"])
    assert record["started"] <= record["ended"]
    assert tuple(record["seconds"]) == names_of("deploy")
    assert SECRET not in str(record)


def test_nobody_reaches_a_release_before_its_gate_and_the_old_one_stops_last(host: FakeHost) -> None:
    host.deploy(release_commands=[UPGRADE])
    old = host.current
    host.change()
    host.events.clear()
    host.deploy(release_commands=[UPGRADE])
    new = host.current
    assert host.events == [
        f"build {host.paths.release(new)}/src",
        "probe",
        "run flask db upgrade",
        f"start {new}",
        *[f"ask socket /healthz shop.example.com while {old} serves"] * 8,
        f"before switch to {new}",
        f"switched to {new}",
        f"ask site /healthz shop.example.com while {new} serves",
        f"watch {new} after {old} for 5 s",
        f"backlog {host.memory}/shop/{old}/gunicorn.sock",
        f"stop {old}",
    ]
    assert host.running == {new}
    assert os.listdir(host.wants) == [f"shop@{new}.service"]
    assert os.readlink(host.paths.previous) == f"releases/{old}"


def test_the_source_travels_only_when_the_host_lacks_it(host: FakeHost) -> None:
    host.deploy()
    host.deploy(wsgi="app:other")
    assert (host.sent, len(host.paths.release_ids())) == (1, 2)
    host.change()
    host.deploy()
    assert host.sent == 2


def test_contents_that_came_along_are_not_asked_for(host: FakeHost) -> None:
    packed = source_folder.pack(host.source, host.folder / "tar")
    content = base64.b64encode(gzip.compress((host.folder / "tar").read_bytes())).decode()
    host.deploy(content=content)
    assert (host.sent, host.paths.archive(packed.key).exists()) == (0, True)
    assert (host.paths.current / "src/app.py").read_text() == "app = 1\n"
    assert not host.deploy(content=content).changed


def test_what_serves_already_is_left_alone(host: FakeHost) -> None:
    host.deploy()
    before, host.events = host.tree(), []
    outcome = host.deploy()
    assert (outcome.changed, outcome.record.id if outcome.record else "") == (False, host.current)
    assert (host.tree(), host.events) == (before, [])


@pytest.mark.parametrize("step", ["begun", "stopped", "exported"])
def test_an_app_that_is_being_removed_is_not_started_again(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, step: str
) -> None:
    monkeypatch.setattr(going, "FOLDER", tmp_path)
    journal = tmp_path / "shop.json"
    journal.write_text(json.dumps({"app": "shop", "begun": "2026-11-26 14:05", "step": step}))
    with pytest.raises(ReleaseError, match=r"began at 2026-11-26 14:05 UTC has not finished.*remove.yml -e app="):
        host.deploy()
    assert host.events == []
    journal.write_text(json.dumps({"app": "shop", "begun": "2026-11-26 14:05", "step": "gone"}))
    assert host.deploy().changed


def test_what_should_serve_but_has_died_is_deployed_anew(host: FakeHost) -> None:
    host.deploy()
    host.running.clear()
    assert host.deploy().changed
    assert host.running == {host.current}


@pytest.mark.parametrize(
    "change",
    [
        lambda host: host.change() or {},
        lambda host: host.configure(f'SECRET_KEY="{SECRET}"\nMAIL="on"\n') or {},
        lambda host: (host.paths.settings / "gunicorn.conf.py").write_text("workers = 3\n") and {},
        lambda host: (host.units / "shop@.service").write_text("[Service]\nX=1\n") and {},
        lambda host: {"wsgi": "app:create_app()"},
        lambda host: {"python": "python3.12"},
        lambda host: {"packages": {"extra_packages": ["redis"]}},
        lambda host: {"files": {"local.cfg": "A = 1"}},
        lambda host: {"shared_folders": ["uploads"]},
        lambda host: {"build_commands": [UPGRADE]},
        lambda host: {"release_commands": [UPGRADE]},
    ],
    ids=[
        "code",
        "environment",
        "gunicorn",
        "unit",
        "wsgi",
        "python",
        "packages",
        "files",
        "shared",
        "build",
        "release",
    ],
)
def test_whatever_decides_how_the_app_behaves_makes_a_new_release(
    host: FakeHost, change: Callable[[FakeHost], dict[str, Any]]
) -> None:
    host.deploy()
    changes = change(host)
    assert host.deploy(check=True, **changes).changed
    assert host.deploy(**changes).changed
    assert host.current.startswith("0002-")


@pytest.mark.parametrize("change", [{"keep_releases": 2}, {"drain_seconds": 1}, {"by": "bob@box"}, {"dirty": True}])
def test_what_only_the_deploy_cares_for_makes_none(host: FakeHost, change: dict[str, Any]) -> None:
    host.deploy()
    assert not host.deploy(**change).changed


# ---- what a release is made of -----------------------------------------------------------------------------------


def test_each_release_keeps_settings_of_its_own(host: FakeHost) -> None:
    host.configure(f'SECRET_KEY="{SECRET}"\nSETTINGS="{{release_folder}}/src/local.cfg"\n')
    host.deploy()
    first = host.current
    host.configure(f'SECRET_KEY="{SECRET}-new"\n')
    host.deploy()
    place = host.paths.settings_of(first)
    folder = host.paths.release(first)
    assert (place / "environment").read_text() == f'SECRET_KEY="{SECRET}"\nSETTINGS="{folder}/src/local.cfg"\n'
    assert (host.paths.settings_of(host.current) / "environment").read_text() == f'SECRET_KEY="{SECRET}-new"\n'
    assert (mode(place / "environment"), mode(place / "gunicorn.conf.py")) == (0o600, 0o640)


def test_files_are_written_for_the_app_alone(host: FakeHost) -> None:
    host.deploy(files={"instance/local.cfg": "PASSWORD = 'x'\nROOT = '{release_folder}'\n"})
    path = host.paths.current / "src/instance/local.cfg"
    assert path.read_text() == f"PASSWORD = 'x'\nROOT = '{host.paths.release(host.current)}'\n"
    assert mode(path) == 0o400


def test_a_file_can_not_be_led_out_of_the_app_by_a_link_in_its_source(host: FakeHost) -> None:
    (host.source / "out").symlink_to(host.folder)
    with pytest.raises(ReleaseError, match="'x' in 'files' would end up outside"):
        host.deploy(files={"out/x": "owned"})
    assert not (host.folder / "x").exists()


def test_a_shared_folder_begins_as_the_sources_and_outlives_the_release(host: FakeHost) -> None:
    (host.source / "uploads/deep").mkdir(parents=True)
    (host.source / "uploads/deep/a.txt").write_text("from the source")
    host.deploy(shared_folders=["uploads", "instance/data"])
    shared = host.paths.shared / "uploads"
    assert os.readlink(host.paths.current / "src/uploads") == str(shared)
    assert (shared / "deep/a.txt").read_text() == "from the source"
    assert (host.paths.current / "src/instance/data").is_dir()
    (shared / "deep/a.txt").write_text("a visitor's")
    host.change()
    host.deploy(shared_folders=["uploads", "instance/data"])
    assert (host.paths.current / "src/uploads/deep/a.txt").read_text() == "a visitor's"


def test_a_shared_folder_never_begins_as_what_is_not_the_sources(host: FakeHost) -> None:
    private = another_apps(host)
    (host.source / "uploads").symlink_to(private / "uploads")
    notes = host.deploy(shared_folders=["uploads"]).notes
    assert any("'uploads' in 'shared_folders' is a link in the source that leads out of it" in note for note in notes)
    assert list((host.paths.shared / "uploads").iterdir()) == []
    assert [path.name for path in private.rglob("*")] == ["uploads", "key.txt"]


def test_a_shared_folder_is_not_put_where_a_link_of_the_source_leads(host: FakeHost) -> None:
    private = another_apps(host)
    (host.source / "var").symlink_to(private)
    with pytest.raises(ReleaseError, match="'var/uploads' in 'shared_folders' .* a link of the source leads to"):
        host.deploy(shared_folders=["var/uploads"])
    assert [path.is_symlink() for path in private.rglob("*")] == [False, False]


def another_apps(host: FakeHost) -> Path:
    """Make what is another app's and return its folder."""
    private = host.folder / "private"
    (private / "uploads").mkdir(parents=True)
    (private / "uploads/key.txt").write_text("another app's")
    return private


def test_a_shared_folder_in_another_one_keeps_what_is_in_it(host: FakeHost) -> None:
    (host.source / "data/media").mkdir(parents=True)
    (host.source / "data/media/a.txt").write_text("from the source")
    for text in ("app = 1\n", "app = 2\n"):
        host.change(text)
        host.deploy(shared_folders=["data", "data/media"])
        assert (host.paths.current / "src/data/media/a.txt").read_text() == "from the source"
    assert not (host.paths.shared / "data/media").is_symlink()


def test_a_shared_folder_may_begin_as_another_folder_of_the_source(host: FakeHost) -> None:
    (host.source / "data/deep").mkdir(parents=True)
    (host.source / "data/deep/a.txt").write_text("from the source")
    (host.source / "uploads").symlink_to("data")
    host.deploy(shared_folders=["uploads"])
    assert (host.paths.shared / "uploads/deep/a.txt").read_text() == "from the source"


@needs_root
def test_the_app_owns_what_it_may_write_and_nothing_of_its_code(host: FakeHost) -> None:
    (host.source / "pkg").mkdir()
    (host.source / "pkg/a.py").write_text("x")
    (host.source / "uploads").mkdir()
    (host.source / "uploads/a.txt").write_text("x")
    files = {"local.cfg": "x"}
    data = host.folder / "var/data"
    host.deploy(shared_folders=["uploads"], files=files, writable_paths=[str(data)], build_commands=[UPGRADE])
    src = host.paths.current / "src"
    owners = {name: (src / name).stat().st_uid for name in (".", "app.py", "pkg", "pkg/a.py", "local.cfg", "uploads/.")}
    assert owners == {".": 0, "app.py": 0, "pkg": 0, "pkg/a.py": 0, "local.cfg": UID, "uploads/.": UID}
    assert {(src / name).stat().st_gid for name in owners} == {UID}
    assert (host.paths.shared / "uploads/a.txt").stat().st_uid == UID
    assert data.stat().st_uid == UID
    assert host.paths.root.stat().st_uid == 0
    assert (host.paths.settings_of(host.current) / "environment").stat().st_gid == 0


def test_nobody_else_can_look_into_the_app_and_its_group_can_not_write(host: FakeHost) -> None:
    (host.source / "pkg").mkdir()
    (host.source / "pkg/run.sh").write_text("x")
    (host.source / "pkg/run.sh").chmod(0o777)
    host.deploy(shared_folders=["uploads"])
    folders = [host.paths.root, host.paths.releases, host.paths.shared / "uploads", host.paths.current / "src/pkg"]
    assert [mode(path) for path in folders] == [0o750, 0o751, 0o750, 0o750]
    assert (mode(host.paths.sources), mode(host.paths.current / "src/pkg/run.sh")) == (0o700, 0o750)
    releases = [path for path in host.paths.releases.rglob("*") if not path.is_symlink()]
    assert [path for path in releases if mode(path) & 0o022] == []


# ---- commands ----------------------------------------------------------------------------------------------------


def test_build_commands_run_in_the_new_release_that_they_may_write(host: FakeHost) -> None:
    owners, run = [], host.run

    def watch(*call: Any) -> Any:
        owners.append((host.paths.release(host.paths.release_ids()[-1]) / "src").stat().st_uid)
        return run(*call)

    host.run = watch
    host.deploy(
        build_commands=[{"command": "npm ci", "once": False}, {"command": "npm run 'build all'", "once": False}]
    )
    assert commands(host) == ["npm ci", "npm run build all"]
    src = str(host.paths.release(host.current) / "src")
    assert host.last_command.writable[-1] == src
    assert owners[:2] == [UID, UID]
    assert host.events.index("run npm ci") < host.events.index("probe")


def test_setup_commands_run_before_the_code_is_imported_in_every_release_and_write_what_the_app_may(
    host: FakeHost,
) -> None:
    given: dict[str, Any] = {
        "shared_folders": ["data"],
        "setup_commands": [{"command": "git init data", "once": False}],
    }
    host.deploy(**given)
    assert host.events.index("run git init data") < host.events.index("probe")
    assert host.last_command.writable == [str(host.paths.shared)]
    first, host.events = host.current, []
    host.deploy(**given)
    assert (host.current, host.events) == (first, []), "what it is asked has not changed"
    host.change()
    host.deploy(**given)
    assert "run git init data" in host.events
    host.deploy(setup_commands=[{"command": "git init --bare data", "once": False}])
    assert host.current != first


def test_a_setup_command_that_fails_stops_the_deploy_before_the_app_s_code_runs(host: FakeHost) -> None:
    host.deploy()
    first = host.current
    host.change()
    host.events = []
    host.commands["git init data"] = (1, "fatal: no space left")
    with pytest.raises(ReleaseError, match="`git init data` failed with status 1") as error:
        host.deploy(setup_commands=[{"command": "git init data", "once": False}])
    assert (error.value.stage, host.current) == ("check", first)
    assert "probe" not in host.events


@pytest.mark.parametrize(
    ("scheme", "url"),
    [
        ("auto", "postgresql+psycopg2:///shop"),
        ("postgresql+psycopg", "postgresql+psycopg:///shop"),
        ("", "postgresql+psycopg:///shop"),
    ],
)
def test_the_release_s_url_has_the_scheme_of_the_driver_that_the_app_brings(
    host: FakeHost, scheme: str, url: str
) -> None:
    host.configure('DATABASE_URL="postgresql+psycopg:///shop"\n')
    host.packages = {"sqlalchemy": "2.0", "psycopg2": "2.9"}
    host.deploy(packages={"database": scheme})
    assert (host.paths.settings_of(host.current) / "environment").read_text() == f'DATABASE_URL="{url}"\n'


def test_a_member_of_a_workspace_is_built_from_all_of_it_and_only_it_is_kept(host: FakeHost) -> None:
    files = {"uv.lock": 'source = { virtual = "packages/web" }', "packages/core/core.py": "", "packages/web/app.py": "",
             "packages/web/pyproject.toml": "[project]"}  # fmt: skip
    for name, text in files.items():
        (host.source / name).parent.mkdir(parents=True, exist_ok=True)
        (host.source / name).write_text(text)
    host.deploy(subfolder="packages/web", whole=True)
    here = host.paths.release(host.current)
    assert f"build {here / 'workspace'}" in host.events
    assert sorted(path.name for path in (here / "src").iterdir()) == ["app.py", "pyproject.toml"]
    assert not (here / "workspace").exists()


def test_what_was_overridden_is_told(host: FakeHost) -> None:
    host.overridden = ["werkzeug 2.3.8, though flask wants werkzeug>=3.0.0"]
    assert "`overrides`: werkzeug 2.3.8, though flask wants werkzeug>=3.0.0" in host.deploy().notes


def test_commands_run_as_the_app_with_its_settings_and_environment(host: FakeHost) -> None:
    host.deploy(release_commands=[UPGRADE], writable_paths=[str(host.folder / "data")])
    command, here = host.last_command, host.paths.release(host.current)
    assert (command.user, command.folder, command.seconds) == ("shop", here / "src", 60)
    assert command.environment_file == host.paths.settings_of(host.current) / "environment"
    assert command.environment["PATH"].startswith(f"{here}/venv/bin:")
    assert (command.environment["FLASK_APP"], command.environment["RELEASE_ID"]) == ("app:app", host.current)
    assert list(command.writable) == [str(host.paths.shared), str(host.folder / "data")]
    assert SECRET not in str(command)


def test_a_command_that_runs_once_never_runs_again(host: FakeHost) -> None:
    for number in range(3):
        host.change(f"app = {number}\n")
        host.deploy(release_commands=[SEED, UPGRADE])
    assert commands(host) == ["flask seed a b", *["flask db upgrade"] * 3]


def test_a_once_command_whose_text_changes_does_not_run_again(host: FakeHost) -> None:
    for number, line in enumerate(
        ("flask create-admin ann", "flask create-admin ann --role $ROLE", "flask create-admin bob")
    ):
        host.change(f"app = {number}\n")
        host.deploy(release_commands=[{"command": line, "once": True}])
    host.change("app = 9\n")
    host.deploy(release_commands=[{"command": "flask create-admin bob", "once": True, "name": "second admin"}])
    assert commands(host) == ["flask create-admin ann", "flask create-admin bob", "flask create-admin bob"]
    assert list(json.loads(once(host).read_text())["ran"]) == [
        "flask create-admin ann", "flask create-admin bob", "second admin",
    ]  # fmt: skip


def once(host: FakeHost) -> Path:
    return host.paths.root / "once.json"


OLD_ONCE = {"flask seed 'a b'": "2026-11-20T17:42:01Z", "flask create-admin --password hunter2": "2026-11-20T17:42:02Z"}


def test_commands_that_ran_before_they_had_names_stay_known_and_their_texts_go(host: FakeHost) -> None:
    host.deploy()
    once(host).write_text(json.dumps(OLD_ONCE))
    assert not host.deploy().changed
    assert "hunter2" not in once(host).read_text(), "a run that deploys nothing takes them out, too"
    host.change()
    admin = {"command": "flask create-admin --password $ADMIN_PASSWORD", "once": True, "name": "admin"}
    outcome = host.deploy(release_commands=[SEED, admin, UPGRADE])
    assert commands(host) == ["flask db upgrade"]
    assert [note for note in outcome.notes if "'admin' runs only once and counts as run on 2026-11-20" in note]
    told = json.loads(once(host).read_text())
    assert told == {"ran": {"flask seed": OLD_ONCE["flask seed 'a b'"], "admin": "2026-11-20T17:42:02Z"}}
    assert mode(once(host)) == 0o600


def test_a_name_alone_is_no_reason_for_a_new_release(host: FakeHost) -> None:
    host.deploy(release_commands=[SEED])
    assert not host.deploy(release_commands=[{**SEED, "name": "seed"}]).changed


def test_a_value_by_name_is_looked_up_by_what_runs_the_command(host: FakeHost) -> None:
    host.commands["flask create-admin --password $SECRET_KEY"] = (1, "no")
    with pytest.raises(ReleaseError, match=r"`flask create-admin` failed with status 1"):
        host.deploy(release_commands=[{"command": "flask create-admin --password $SECRET_KEY", "once": False}])
    assert SECRET not in str(host.last_command)
    assert host.last_argv[:4] == ["/usr/bin/env", "python", "-c", app_command.RUNNER]


def test_a_command_that_runs_once_is_not_repeated_because_a_later_stage_failed(host: FakeHost) -> None:
    host.health = [503, 200]
    host.fails["start"] = ReleaseError("no")
    with pytest.raises(ReleaseError):
        host.deploy(release_commands=[SEED])
    host.deploy(release_commands=[SEED])
    assert commands(host) == ["flask seed a b"]


def test_a_command_that_failed_did_not_run_once(host: FakeHost) -> None:
    host.commands["flask seed a b"] = (1, "no database")
    with pytest.raises(ReleaseError, match="no database"):
        host.deploy(release_commands=[SEED])
    host.commands.clear()
    host.deploy(release_commands=[SEED])
    assert commands(host) == ["flask seed a b"] * 2


@pytest.mark.parametrize(
    ("heads", "current", "line", "runs"),
    [
        (["b"], ["b"], "flask db upgrade", False),
        (["b"], ["a"], "flask db upgrade", True),
        (["b"], None, "flask db upgrade", True),
        (None, None, "flask db upgrade", True),
        ([], [], "flask db upgrade", True),
        (["b"], ["b"], "flask db upgrade --sql", True),
        (["b"], ["b"], "flask seed", True),
    ],
)
def test_migrations_are_skipped_only_where_the_database_is_known_to_be_at_head(
    host: FakeHost, heads: list[str] | None, current: list[str] | None, line: str, runs: bool
) -> None:
    host.probes = [{"heads": heads, "current": current}, {"heads": heads, "current": heads}]
    settings = {**host.settings["migrations"], "mode": "report"}
    host.deploy(release_commands=[{"command": line, "once": False}], migrations=settings)
    assert commands(host) == ([line] if runs else [])
    assert (host.record()["heads_before"], host.record()["heads_after"]) == (current, heads)


# ---- gate, drain, prune ------------------------------------------------------------------------------------------


def test_a_release_is_ready_after_eight_good_answers_in_a_row(host: FakeHost) -> None:
    host.health = [ConnectionRefusedError("refused"), 503, 200, 503, *[200] * 8, 500]
    host.deploy()
    assert sum(event.startswith("ask socket") for event in host.events) == 12


def test_a_release_has_a_unit_of_its_own_that_no_change_of_the_template_touches(host: FakeHost) -> None:
    host.deploy()
    old, template = host.current, host.units / "shop@.service"
    template.write_text("[Service]\nNice=5\n")
    host.deploy()
    assert (host.units / f"shop@{old}.service").read_text() == "[Service]\n"
    assert (host.units / f"shop@{host.current}.service").read_text() == "[Service]\nNice=5\n"


def test_a_first_release_and_one_without_a_watch_are_not_watched(host: FakeHost) -> None:
    host.deploy()
    host.change()
    host.deploy(watch_seconds=0)
    assert [event for event in host.events if event.startswith("watch")] == []


def test_the_status_that_means_ready_is_the_apps_own(host: FakeHost) -> None:
    host.health, host.site = [204], [204]
    host.deploy(health={**host.settings["health"], "status": [204]})
    assert host.current


def test_a_site_without_a_domain_is_not_asked(host: FakeHost) -> None:
    host.site = [500]
    host.deploy(verify={"domain": "", "address": "127.0.0.1", "port": 443})
    assert host.current


def test_the_old_release_stops_when_nobody_waits_for_it_any_more(host: FakeHost) -> None:
    host.deploy()
    old = host.current
    host.change()
    host.waiting = [3, 1, 0]
    host.deploy()
    assert sum(event.startswith("backlog") for event in host.events) == 3
    assert host.events[-1] == f"stop {old}"


def test_the_old_release_is_not_waited_for_beyond_the_time_given(host: FakeHost) -> None:
    host.deploy()
    old = host.current
    host.change()
    host.waiting = [7]
    host.deploy(drain_seconds=0)
    assert host.events[-1] == f"stop {old}"


def test_releases_beyond_those_kept_go_with_their_settings_environments_and_archives(host: FakeHost) -> None:
    for number, environment in enumerate(["old", "old", "used", "used", "new"]):
        host.environment = environment
        host.change(f"app = {number}\n")
        host.deploy()
    kept = host.paths.release_ids()
    assert [name[:4] for name in kept] == ["0003", "0004", "0005"]
    assert sorted(os.listdir(host.paths.settings / "releases")) == kept
    assert sorted(path.name for path in host.paths.environments.iterdir()) == ["new", "used"]
    assert len(list(host.paths.sources.iterdir())) == 3
    assert [entry["id"][:4] for entry in host.history] == ["0001", "0002", "0003", "0004", "0005"]


# ---- git ---------------------------------------------------------------------------------------------------------


def test_a_release_from_git_is_a_commit_and_travels_without_an_archive(host: FakeHost) -> None:
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message=x"]):
        subprocess.run(["git", *identity, *arguments], cwd=host.source, check=True, env=plain)
    outcome = host.deploy(git=str(host.source))
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=host.source, capture_output=True, text=True, env=plain)
    assert host.current == f"0001-{head.stdout[:7]}"
    assert (host.sent, outcome.record.source if outcome.record else "") == (0, str(host.source))
    assert (host.paths.current / "src/app.py").read_text() == "app = 1\n"
    assert not host.deploy(git=str(host.source)).changed


def test_a_token_in_the_repositorys_url_is_not_written_down(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    class Git:
        def __init__(self, *_: object) -> None: ...

        def commit(self, _: str) -> str:
            return "a" * 40

        def export(self, *_: object) -> None: ...

    monkeypatch.setattr(repository, "Git", Git)
    host.deploy(git="https://example.com/shop.git", secret_url="https://ann:t0ken@example.com/shop.git")
    assert host.record()["source"] == "https://example.com/shop.git"
    assert "t0ken" not in host.paths.history.read_text()


# ---- check mode --------------------------------------------------------------------------------------------------


def test_check_mode_tells_what_would_happen_and_changes_nothing(host: FakeHost) -> None:
    bare = host.tree()
    assert host.deploy(check=True).changed
    assert host.tree() == bare
    host.deploy()
    before, host.events = host.tree(), []
    same = host.deploy(check=True)
    assert (same.changed, same.record.id if same.record else "") == (False, host.current)
    host.change()
    assert host.deploy(check=True).changed
    assert (host.tree(), host.events, host.sent) == (before, [], 1)


def test_check_mode_bears_a_host_that_was_only_pretended_to_be_set_up(host: FakeHost) -> None:
    for path in (host.units / "shop@.service", host.paths.settings / "environment"):
        path.unlink()
    assert host.deploy(check=True).changed
    assert host.deploy(check=True, git="https://example.com/a.git").changed


def test_check_mode_of_a_git_source_does_not_fetch(host: FakeHost) -> None:
    host.deploy()
    assert not host.deploy(check=True, git="https://example.com/a.git").changed


@pytest.mark.parametrize("deployed", [False, True])
def test_settings_that_only_the_variables_have_are_named_and_left(host: FakeHost, deployed: bool) -> None:
    host.configure('GREETING="hello"\nLOG_LEVEL="info"\n')
    expected = '# as Ansible writes it\nGREETING="h3llo \\"you\\""\nMAIL_FROM="shop@example.com"\n'
    if deployed:
        host.deploy()
    wanted = sealed(environment_file.environment_of(expected))
    done = host.deploy(expected_environment=wanted)
    (note,) = done.notes
    assert "(MAIL_FROM added, LOG_LEVEL removed, GREETING changed)" in note and "site.yml does" in note
    assert ("h3llo" in note + str(wanted), done.changed) == (False, not deployed)
    host.configure(expected)
    assert host.deploy(expected_environment=wanted).notes == []


@pytest.mark.parametrize(
    "value",
    ["", " ", "a\nB=2\n", 'quoted "x" \\ $HOME `id`', "-----BEGIN KEY-----\r\nMIIE\r\n-----END KEY-----\r\n", "é#;'"],
)
def test_the_same_settings_are_the_same_whatever_is_in_them(host: FakeHost, value: str) -> None:
    text = environment_file.text_of({"FIRST": "1", "VALUE": value}, {})
    (host.paths.settings / "environment").write_bytes(text.encode())
    wanted = sealed(environment_file.environment_of(text))
    assert environment_file.environment_of(text)["VALUE"] == value
    assert host.deploy(expected_environment=wanted).notes == []
    own = host.paths.settings_of(host.current) / "environment"
    assert own.read_bytes() == text.encode(), "the release has it to the byte"


def test_what_the_host_is_told_of_settings_does_not_give_them_away() -> None:
    first, second = sealed({"PIN": "1234"}), sealed({"PIN": "1234"})
    assert first["salt"] != second["salt"] and first["hashes"] != second["hashes"]
    assert sealed({"A": "x", "B": "x"})["hashes"]["A"] != sealed({"A": "x", "B": "x"}, first["salt"])["hashes"]["B"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root makes folders for others")
@pytest.mark.parametrize(("owner", "full", "taken"), [(0, False, True), (0, True, False), (4711, False, False)])
def test_a_writable_folder_that_is_somebody_elses_is_never_taken(
    host: FakeHost, owner: int, full: bool, taken: bool
) -> None:
    data = host.folder / "theirs"
    data.mkdir()
    if full:
        (data / "file").touch()
    os.chown(data, owner, owner)
    before = data.stat()
    if taken:
        host.deploy(writable_paths=[str(data)])
        return
    with pytest.raises(ReleaseError, match=f"Name a folder inside it, such as {data}/shop"):
        host.deploy(writable_paths=[str(data)])
    after = data.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
