# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A plan tells what a deploy would do, and leaves the host as it was; what a person reads of it."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host.sandbox import Command
from ansible_collections.slipway.flask.plugins.module_utils._migration import question
from ansible_collections.slipway.flask.plugins.module_utils._release.plan import Plan
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.run import Outcome
from ansible_collections.slipway.flask.plugins.module_utils._release.settings import differences, sealed
from ansible_collections.slipway.flask.plugins.module_utils._release.wanted import assignments, directives
from ansible_collections.slipway.flask.plugins.plugin_utils._report import plan as report_plan
from ansible_collections.slipway.flask.plugins.plugin_utils._source import folder as source_folder
from fake_host import UID, FakeHost

UPGRADE = [{"command": "flask db upgrade", "once": False}]


def plan(host: FakeHost, **changes: Any) -> Outcome:
    """Plan as the action plugin does: the archive is sent only when it is asked for."""
    tar = host.folder / "source.tar"
    packed = source_folder.pack(host.source, tar)
    arguments = {"source_key": packed.key, "revision": packed.revision, "plan": True, **changes}
    outcome = Plan(host.request(**arguments)).plan()
    if outcome.need_archive:
        (host.folder / "upload.tar.gz").write_bytes(gzip.compress(tar.read_bytes()))
        outcome = Plan(host.request(**arguments, upload=str(host.folder / "upload.tar.gz"))).plan()
    return outcome


def tree(host: FakeHost) -> dict[str, Any]:
    """Return everything that could change, but for the name of the lock's last holder."""
    return {path: found for path, found in host.tree().items() if not path.endswith("/.lock")}


@pytest.fixture
def site(host: FakeHost) -> FakeHost:
    """A host on which a release serves, and whose code has changed since."""
    host.probes = [{"heads": ["0004"], "current": ["0004"]}]
    host.deploy()
    host.change()
    host.events = []
    return host


def test_a_plan_changes_nothing(site: FakeHost) -> None:
    site.environment = "env2"
    before, history = tree(site), site.history
    outcome = plan(site)
    assert tree(site) == before
    assert site.history == history
    assert (outcome.plan["refused"], outcome.plan["environment_reused"]) == ("", False)
    assert [event for event in site.events if not event.startswith(("build", "probe"))] == []


def test_a_plan_on_a_host_without_a_release_leaves_no_folder(host: FakeHost) -> None:
    before = host.tree()
    outcome = plan(host, shared_folders=["uploads"], files={"uploads/seed": "x"}, writable_paths=["/nonexistent/x"])
    after = host.tree()
    assert {path for path in after if "/srv" in path} == {path for path in before if "/srv" in path}
    assert (outcome.plan["refused"], outcome.plan["serves"]) == ("", "")


def test_a_plan_of_what_serves_says_so_and_builds_nothing(host: FakeHost) -> None:
    host.deploy()
    host.events = []
    assert plan(host).plan["same"] is True
    assert host.events == []


def test_a_plan_of_what_serves_tells_of_settings_that_only_the_variables_have(host: FakeHost) -> None:
    host.deploy()
    outcome = plan(host, expected_environment=sealed({"LOG_LEVEL": "info"}))
    assert outcome.plan["same"] is True
    assert "LOG_LEVEL added" in report_plan.planned("vps1", "shop", outcome.plan, outcome.notes)


def test_a_plan_knows_shared_folders_that_are_not_there_yet_as_a_change(host: FakeHost) -> None:
    host.deploy()
    assert plan(host, shared_folders=["uploads"]).plan["same"] is False
    assert not (host.paths.shared / "uploads").exists()


def seen_by_the_app(host: FakeHost, look: Callable[[Path, list[str]], None], **changes: Any) -> None:
    """Plan, and LOOK at the code's folder and what may be written when the app is imported; nothing of it may stay."""
    answer = host.answer

    def watch(command: Command, argv: list[str]) -> subprocess.CompletedProcess[str]:
        if argv[3:4] == [question.SCRIPT]:
            look(command.folder, list(command.writable))
        return answer(command, argv)

    host.answer = watch  # type: ignore[method-assign]
    before = tree(host)
    assert plan(host, **changes).plan["refused"] == ""
    assert tree(host) == before


def test_a_plan_imports_the_app_with_shared_folders_that_are_not_there_yet(site: FakeHost) -> None:
    (site.source / "instance").mkdir()
    (site.source / "instance/seed.db").write_text("seed")

    def look(src: Path, writable: list[str]) -> None:
        assert (src / "instance/seed.db").read_text() == "seed"
        assert (src / "instance/config.py").read_text() == "A = 1"
        assert (src / "var/data").is_dir()
        for folder in (src / "instance", src / "var/data"):
            assert folder.stat().st_uid == UID
            assert any(folder.resolve().is_relative_to(place) for place in writable)

    seen_by_the_app(site, look, shared_folders=["instance", "var/data"], files={"instance/config.py": "A = 1"})


def test_a_plan_shows_the_app_new_files_in_a_shared_folder_and_leaves_the_folder(site: FakeHost) -> None:
    site.deploy(shared_folders=["instance"], files={"instance/config.py": "A = 1", "instance/deep/b": "1"})
    live = site.paths.shared / "instance"
    (live / "upload.bin").write_text("a visitor's")
    (live / "deep/upload.bin").write_text("another's")

    def look(src: Path, writable: list[str]) -> None:
        assert (src / "instance/config.py").read_text() == "A = 2"
        assert (src / "instance/deep/c").read_text() == "2"
        assert (src / "instance/upload.bin").read_text() == "a visitor's"
        assert (src / "instance/deep/upload.bin").read_text() == "another's"
        assert not (src / "instance").resolve().is_relative_to(site.paths.shared)

    site.change()
    files = {"instance/config.py": "A = 2", "instance/deep/c": "2"}
    seen_by_the_app(site, look, shared_folders=["instance"], files=files)
    assert (live / "config.py").read_text() == "A = 1" and not (live / "deep/c").exists()


def test_a_plan_shows_the_app_the_folders_that_a_deploy_would_make_writes_to_none_and_leaves_none(
    site: FakeHost,
) -> None:
    missing, there = site.folder / "data/of/shop", site.folder / "there"
    there.mkdir(mode=0o701)

    def look(src: Path, writable: list[str]) -> None:
        assert missing.stat().st_uid == UID
        assert writable == [], "what is there already is the site's own"

    seen_by_the_app(site, look, writable_paths=[str(missing), str(there)])
    assert not (site.folder / "data").exists()
    assert there.stat().st_mode & 0o777 == 0o701


def test_a_plan_of_a_release_that_would_be_refused_says_where_and_why(site: FakeHost) -> None:
    site.probes = [{"heads": ["0005", "0006"], "current": ["0004"]}]
    before = tree(site)
    found = plan(site, release_commands=UPGRADE).plan
    assert (found["stage"], found["refused"][:25]) == ("check", "the code's migrations hav")
    assert tree(site) == before
    assert "refused" not in report_plan.planned("vps1", "shop", found, []), "the message of the failure says it"
    assert report_plan.refused("vps1", "shop", found).startswith(
        "shop on vps1: the deploy would be refused at stage 'check'"
    )


def test_a_plan_of_code_that_can_not_be_imported_is_a_refusal_too(site: FakeHost) -> None:
    site.probes = [{"error": "ImportError: no"}]
    found = plan(site).plan
    assert found["stage"] == "check"
    assert "can't be imported" in found["refused"]
    assert site.paths.release_ids() == [site.current]


def test_a_plan_that_is_killed_leaves_what_the_next_deploy_discards(site: FakeHost) -> None:
    site.fails["probe"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        plan(site)
    site.deploy()
    assert [entry["outcome"] for entry in site.history] == ["deployed", "deployed"]


def test_a_plan_waits_for_nobody(site: FakeHost) -> None:
    (site.paths.settings / "environment").unlink()
    with pytest.raises(ReleaseError, match="environment is missing"):
        plan(site)


def test_settings_that_change_are_told_by_name(site: FakeHost) -> None:
    site.configure('SECRET_KEY="an0ther-key-0123456789"\nLOG_LEVEL="debug"\nHOME_OF="{release_folder}/x"\n')
    (site.paths.settings / "gunicorn.conf.py").write_text("workers = 3\nthreads = 4\n")
    found = plan(site).plan
    assert found["settings"] == {
        "environment": {"added": ["HOME_OF", "LOG_LEVEL"], "changed": ["SECRET_KEY"]},
        "gunicorn": {"added": ["threads"], "changed": ["workers"]},
    }
    told = report_plan.planned("vps1", "shop", found, [])
    assert "environment: HOME_OF added, LOG_LEVEL added, SECRET_KEY changed; gunicorn: threads added" in told
    assert "an0ther" not in told


def test_settings_that_cannot_be_read_by_name_are_told_as_a_whole(host: FakeHost) -> None:
    """Whatever lies in the settings folder is the app's: a key store, or a file of Python that is none."""
    keys, logging = host.paths.settings / "keys.p12", host.paths.settings / "logging.py"
    keys.write_bytes(b"\x30\x82\xff\x00")
    logging.write_text("LEVEL = 'info'\n")
    host.deploy()
    keys.write_bytes(b"\x30\x82\xff\x01")
    logging.write_text("LEVEL = 'debug\n")
    found = plan(host).plan["settings"]
    assert found == {"keys": {"changed": ["contents"]}, "logging": {"changed": ["contents"]}}


def test_the_release_s_own_folder_in_a_variable_is_no_change(host: FakeHost) -> None:
    host.configure('CONFIG="{release_folder}/config.py"\n')
    host.deploy()
    host.change()
    assert plan(host).plan["settings"] == {}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, ""),
        ({"release": 12, "switch": 24, "usable": 97, "used": 5},
         "up to 12 per release, 24 while two run; the server has 97, of which 5 are in use"),
        ({"release": 17, "switch": 33, "usable": 97, "used": 5, "processes": {"web": 12, "worker": 4, "beat": 1}},
         "up to 17 per release (web 12, worker 4, beat 1), 33 while two run; the server has 97, of which 5 are in use"),
        ({"release": 12, "switch": 48, "usable": 97, "used": 5, "hosts": 2, "beside": 50},
         "up to 12 per release, 48 while two run on 2 hosts, and 50 for others; the server has 97, of which 5 are in use: TOO FEW"),
    ],
)  # fmt: skip
def test_connections_are_told_for_one_release_for_two_at_once_and_for_others(found: dict[str, Any], said: str) -> None:
    assert report_plan.connections(found) == said


def test_differences_never_hold_a_value() -> None:
    assert differences({"a": "1", "b": "2"}, {"b": "3", "c": "4"}) == {
        "added": ["c"],
        "removed": ["a"],
        "changed": ["b"],
    }


def test_a_python_file_is_compared_by_what_it_says_not_by_how() -> None:
    old, new = "workers = 2  # two\n", "# other words\nworkers   = 2\ndef hook(server):\n    pass\n"
    assert differences(assignments(old), assignments(new)) == {"added": ["hook()"]}


def test_a_unit_is_compared_by_directive() -> None:
    old = "[Service]\nExecStart=/a\nReadWritePaths=/x\nReadWritePaths=/y\n"
    assert differences(directives(old), directives(old.replace("/y", "/z"))) == {"changed": ["ReadWritePaths"]}


def test_the_text_has_all_that_a_person_decides_by() -> None:
    found: dict[str, Any] = {
        "revision": "178bf60a" * 5, "dirty": True, "serves": "0003-fd5b0a0", "serves_revision": "fd5b0a05" * 5, "same": False,
        "refused": "", "stage": "", "environment": "abc", "environment_reused": True, "heads": ["0005"], "current": ["0004"],
        "pending": [{"title": "0005 (Drop it)", "file": "0005_x.py", "problem": "",
                     "sql": "BEGIN;\n\n-- Running\n\nALTER TABLE a DROP COLUMN b;\n\nUPDATE alembic_version SET …\n\nCOMMIT;\n"}],
        "findings": [{"told": "revision 0005: it destroys", "allowed": True, "effect": "destroys", "revision": "0005"}],
        "settings": {}, "connections": {"release": 60, "switch": 120, "usable": 97, "used": 5}, "judged": True,
        "disk": {"free_mb": 900, "release_mb": 0, "environment_mb": 0, "needed_mb": 256},
    }  # fmt: skip
    told = report_plan.planned("vps1", "shop", found, ["allowed: revision 0005: it destroys", "a note"])
    for text in (
        "178bf60 (with uncommitted changes); release 0003-fd5b0a0 is live (fd5b0a0)",
        "abc, which is there already",
        "1 pending, 0004 → 0005",
        "unchanged, as of the last site.yml",
        "120 while two run; the server has 97, of which 5 are in use: TOO FEW",
        "900 MB free, 256 MB is needed",
        "would go on",
        "  0005 (Drop it), 0005_x.py: destroys\n    ALTER TABLE a DROP COLUMN b;\n    revision 0005: it destroys (allowed)",
    ):
        assert text in told, told
    assert told.count("it destroys") == 1
    assert "a note" in told

    refused = {**found, "refused": "it would harm the site:\n- revision 0005: it destroys", "stage": "check"}
    told = report_plan.planned("vps1", "shop", refused, []) + report_plan.refused("vps1", "shop", refused)
    assert "  0005 (Drop it), 0005_x.py: destroys\n    ALTER TABLE a DROP COLUMN b;" in told
    assert (told.count("it destroys"), told.count("refused")) == (1, 1), told


@pytest.mark.parametrize(("status", "told"), [(0, False), (128, True)])
def test_a_plan_tries_setup_commands_where_they_can_change_nothing_that_is_there(
    site: FakeHost, status: int, told: bool
) -> None:
    site.commands["git init data"] = (status, "fatal: Read-only file system")
    outcome = plan(site, shared_folders=["data"], setup_commands=[{"command": "git init data", "once": False}])
    assert str(site.paths.shared) not in site.last_command.writable
    assert outcome.plan["refused"] == ""
    assert any("`git init data` of setup_commands could not take effect" in note for note in outcome.notes) == told
