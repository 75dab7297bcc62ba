# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The previews of a host: what is kept of them, how many there may be, and that they go on their end dates."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._app import previews
from ansible_collections.slipway.flask.plugins.module_utils._app.previews import Preview
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster
from ansible_collections.slipway.flask.plugins.module_utils._remove import journal, program
from ansible_collections.slipway.flask.plugins.module_utils._remove.databases import Databases
from ansible_collections.slipway.flask.plugins.module_utils._remove.error import RemoveError
from ansible_collections.slipway.flask.plugins.module_utils._restore import preview_place
from ansible_collections.slipway.flask.plugins.modules import preview_on_host

NOW = 1_800_000_000.0


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(previews, "FOLDER", tmp_path / "previews")
    monkeypatch.setattr(journal, "FOLDER", tmp_path / "removed")
    monkeypatch.setattr(preview_place, "FOLDER", tmp_path / "preview-copy")
    return tmp_path


@pytest.fixture
def removed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The apps that the removal was asked to remove; one called `stuck` can't be."""
    asked: list[str] = []

    class Removal:
        def __init__(self, app: str, by: str = "", forget: bool = False) -> None:
            self.app = app

        def stop(self) -> None:
            if self.app == "stuck":
                raise RemoveError("/srv/stuck/x is a mount point")

        def remove(self) -> list[str]:
            asked.append(self.app)
            return []

    monkeypatch.setattr(program, "Removal", Removal)
    monkeypatch.setattr(program, "remove_begun", lambda preview: None)
    return asked


def note(name: str, ends: float = NOW + 60, branch: str = "x") -> Preview:
    made = Preview(name, "shop", branch, f"https://{name}.example.org/", ends, {"name": name})
    made.write()
    return made


def test_what_is_kept_is_for_root_alone_and_in_one_line() -> None:
    made = note("shop-x-1")
    assert previews.read("shop-x-1") == made
    assert (made.path.stat().st_mode & 0o777, made.path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert made.path.read_text().count("\n") == 1
    assert previews.said() == [
        "shop-x-1 is a preview of shop (branch x) at https://shop-x-1.example.org/; the host removes it at 2027-01-15 08:01 UTC"
    ]


def test_those_whose_end_has_come_go_and_others_stay(removed: list[str]) -> None:
    for name, ends in (("old", NOW), ("older", NOW - 86_400), ("young", NOW + 1)):
        note(name, ends)
    assert program.expire(NOW) == 0
    assert (removed, [one.name for one in previews.all_of()]) == (["old", "older"], ["young"])


def test_one_that_can_not_be_removed_holds_up_no_other_and_is_tried_again(
    removed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    note("stuck", NOW - 2)
    note("tame", NOW - 1)
    assert program.expire(NOW) == 1
    assert (removed, [one.name for one in previews.all_of()]) == (["tame"], ["stuck"])
    assert "stuck could not be removed: /srv/stuck/x is a mount point" in capsys.readouterr().err


def test_a_file_that_is_broken_is_no_preview_and_breaks_nothing(removed: list[str]) -> None:
    note("old", NOW - 1)
    (previews.FOLDER / "broken.json").write_text("{")
    for number, ends in enumerate(('"soon"', "null", "1e400", "-1e99", "[]")):
        text = note(f"odd{number}", 1.5).path.read_text()
        (previews.FOLDER / f"odd{number}.json").write_text(text.replace("1.5", ends))
    note("shop").path.rename(previews.FOLDER / "other.json")  # what is removed goes by what is in it
    assert program.expire(NOW) == 0
    assert removed == ["old"]


def test_one_that_is_set_up_anew_while_others_are_removed_stays(
    removed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    note("first", NOW - 2)
    note("second", NOW - 1)
    monkeypatch.setattr(program.Removal, "stop", lambda _: note("second", NOW + 86_400))
    assert program.expire(NOW) == 0
    assert (removed, [one.name for one in previews.all_of()]) == (["first"], ["second"])


def test_an_app_that_is_no_preview_becomes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemd, "UNITS", tmp_path)
    (tmp_path / "shop-x-1@.service").write_text("")
    asked = {"name": "shop-x-1", "of": "shop", "branch": "x", "most": 2}
    assert "which is not a preview: as one, it would be removed" in preview_on_host.refusal(asked)
    note("shop-x-1")
    assert preview_on_host.refusal(asked) == ""


@pytest.mark.parametrize(
    ("there", "asked", "told"),
    [
        ([], {}, ""),
        (
            ["a", "b"],
            {},
            "the host has 2 previews (a, b), and `most` in `preview` is 2: close one of them with -e remove=true",
        ),
        (["a", "shop-x-1"], {}, ""),
        (["shop-x-1"], {"branch": "y"}, "the name is that of the preview of x of shop"),
        (["shop-x-1"], {"of": "blog"}, "the name is that of the preview of x of shop"),
    ],
)
def test_a_host_has_no_more_than_it_may(there: list[str], asked: dict[str, Any], told: str) -> None:
    for name in there:
        note(name)
    said = preview_on_host.refusal({"name": "shop-x-1", "of": "shop", "branch": "x", "most": 2, **asked})
    assert said.startswith(told) and bool(said) == bool(told)


def test_the_service_that_looks_has_each_removed_in_a_unit_of_its_own(
    removed: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, ...]] = []

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        asked.append(words)
        stuck = words[-1] == "stuck"
        said = "Running as unit\nstuck could not be removed: /srv/stuck/x is a mount point\n" if stuck else ""
        return subprocess.CompletedProcess(words, int(stuck), "" if stuck else f"{words[-1]} was removed\n", said)

    monkeypatch.setenv("SLIPWAY_PREVIEWS_UNIT", "slipway-previews.service")
    monkeypatch.setattr(systemd, "run", run)
    for name, ends in (("old", NOW), ("stuck", NOW), ("young", NOW + 1)):
        note(name, ends)
    assert program.expire(NOW) == 1
    assert [words[-3:] for words in asked] == [
        ("/usr/local/sbin/slipway-previews", "expire", name) for name in ("old", "stuck")
    ]
    assert all("--property=BindsTo=slipway-previews.service" in words for words in asked)
    assert removed == [], "it has no right to"
    told = capsys.readouterr()
    assert told.out == "old was removed\n"
    assert told.err == "stuck could not be removed: /srv/stuck/x is a mount point\n"


def test_one_that_is_named_is_removed_alone_and_not_before_its_end(removed: list[str]) -> None:
    for name, ends in (("old", NOW), ("older", NOW - 1), ("young", NOW + 1)):
        note(name, ends)
    assert program.expire(NOW, ["old", "young"]) == 0
    assert removed == ["old"]


@pytest.mark.parametrize(
    ("database", "has", "asked"),
    [("local", True, {"postgres"}), ("mariadb", True, {"mariadb"}), ("none", True, None), ("local", False, None)],
)
def test_of_a_run_that_was_killed_before_there_were_units_the_database_goes(
    database: str, has: bool, asked: set[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HAS is whether the host has the servers by then."""
    looked: list[set[str]] = []
    dropped: list[tuple[str, str, list[str], list[str]]] = []
    accounts: list[str] = []

    def look(app: str, claimed: set[str]) -> Databases:
        looked.append(claimed)
        return Databases("17/main", {app: 1}) if claimed == {"postgres"} else Databases(mariadb={app: 1})

    monkeypatch.setattr(program.postgres, "find_cluster", lambda: object() if has else None)
    monkeypatch.setattr(program.mysql, "find_client", lambda: "mariadb" if has else "")
    monkeypatch.setattr(program.databases, "look", look)
    monkeypatch.setattr(program.databases, "remove", lambda *one: dropped.append(one))
    monkeypatch.setattr(program.services, "is_ours", lambda app: False)
    monkeypatch.setattr(program.services, "accounts_of", lambda app: [app])
    monkeypatch.setattr(program.accounts, "remove", lambda found, left: accounts.extend(found))
    made = note("shop-x-1")
    made.description["database"] = database
    program.remove_begun(made)
    assert looked == ([asked] if asked else [])
    name = ["shop-x-1"]
    wanted = ("17/main", name, []) if asked == {"postgres"} else ("", [], name)
    assert dropped == ([("shop-x-1", *wanted)] if asked else [])
    assert accounts == name


def test_what_a_killed_copy_has_left_goes_with_the_next_expiry(
    removed: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []
    cluster = Cluster("17", "main", 5432, True, "")
    monkeypatch.setattr(preview_place.swap, "cluster_of", lambda wanted: done.append(wanted) or cluster)
    monkeypatch.setattr(preview_place.swap, "drop", lambda cluster, name: done.append(name))
    monkeypatch.setattr(preview_place, "psql", lambda cluster, text: done.append(text.strip()) or "")
    monkeypatch.setattr(preview_place.systemd, "stop", lambda unit: done.append(unit))
    preview_place.begin(cluster)
    (preview_place.FOLDER / "dump").touch()
    with preview_place.held():
        assert program.expire(NOW) == 0
    assert done == [], "a copy that is under way is left alone"
    assert program.expire(NOW) == 0
    assert done == [
        "slipway_copy.service",
        "17/main",
        "slipway_copy",
        "slipway_preview",
        'DROP ROLE IF EXISTS "slipway_copy";',
    ]
    assert not preview_place.FOLDER.exists()


def test_the_service_that_only_looks_has_a_unit_beside_it_remove_what_a_killed_copy_has_left(
    removed: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, ...]] = []

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        asked.append(words)
        return subprocess.CompletedProcess(words, 1, "", "PostgreSQL 17/main does not run")

    monkeypatch.setenv("SLIPWAY_PREVIEWS_UNIT", "slipway-previews.service")
    monkeypatch.setattr(systemd, "run", run)
    assert (program.expire(NOW), asked) == (0, [])
    preview_place.begin(Cluster("17", "main", 5432, True, ""))
    assert program.expire(NOW) == 1
    assert "--unit=slipway-previews-sweep.service" in asked[0]
    assert asked[0][-2:] == ("/usr/local/sbin/slipway-previews", "sweep")
    assert "of a copy of a database could not be removed: PostgreSQL 17/main does not run" in capsys.readouterr().err
