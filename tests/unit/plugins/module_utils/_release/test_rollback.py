# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Going back: to which release, with which settings, and what the database's schema has to say about it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._database import postgresql, squawk
from ansible_collections.slipway.flask.plugins.module_utils._release import dump, hooks, lease
from ansible_collections.slipway.flask.plugins.module_utils._release.judgement import Judgement
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.rollback import Rollback
from ansible_collections.slipway.flask.plugins.module_utils._release.run import Outcome
from ansible_collections.slipway.flask.plugins.module_utils._release.stages import names_of, position, stays
from fake_host import FakeHost, Killed

BACK = names_of("rollback")
HOOKS = list(hooks.of_stages(dict.fromkeys(hooks.NAMES, "x.yml"), BACK))


def roll_back(host: FakeHost, *, check: bool = False, **changes: Any) -> Outcome:
    return Rollback(host.request(**changes), check=check).roll_back()


def ran(host: FakeHost) -> list[str]:
    return [event.removeprefix("run ") for event in host.events if event.startswith("run ")]


@pytest.fixture
def two(host: FakeHost) -> FakeHost:
    """A host on which a second release, with other settings and the same schema, has replaced the first."""
    host.probes = [{"heads": ["a1"], "current": ["a1"]}]
    host.deploy()
    host.change()
    host.configure("GREETING=new\n")
    host.deploy()
    host.events = []
    return host


@pytest.fixture
def migrated(host: FakeHost) -> FakeHost:
    """A host whose second release has brought the database from a1 to b2."""
    host.probes = [{"heads": ["a1"], "current": ["a1"]}]
    host.deploy()
    host.change()
    host.probes = [{"heads": ["b2"], "current": ["a1"]}, {"heads": ["b2"], "current": ["b2"]}]
    host.deploy(release_commands=[{"command": "flask db upgrade", "once": False}])
    undone = [{"revision": "b2", "sql": "DROP TABLE price;"}]
    host.probes = [{"heads": ["b2"], "current": ["b2"], "between": ["b2 (Drop the price)"], "pending": undone}]
    host.events = []
    return host


def test_the_release_before_serves_again_with_the_settings_that_it_had(two: FakeHost) -> None:
    old, new = two.paths.release_ids()
    settings = (two.paths.settings_of(old) / "environment").read_text()
    outcome = roll_back(two)
    assert (outcome.changed, outcome.previous) == (True, new)
    assert (two.current, two.running) == (old, {old})
    assert "GREETING" not in settings
    assert (two.paths.settings_of(old) / "environment").read_text() == settings
    assert [path.name for path in two.wants.iterdir()] == [f"shop@{old}.service"]
    assert two.paths.release_ids() == [old, new], "the newer one stays, to come back to"
    assert two.history[-1]["outcome"] == "rolled back"
    assert (two.history[-1]["id"], two.history[-1]["previous"]) == (old, new)


def test_a_second_rollback_has_nowhere_to_go_and_says_what_there_is(two: FakeHost) -> None:
    _, new = two.paths.release_ids()
    roll_back(two)
    with pytest.raises(ReleaseError, match=rf"no release before .* name one of those on the host: {new}"):
        roll_back(two)


def test_the_first_release_has_nothing_before_it_and_is_said_to_be_the_only_one(host: FakeHost) -> None:
    host.deploy()
    with pytest.raises(
        ReleaseError, match=r"no release before 0001-\w+ to roll back to; it is the only one on the host"
    ):
        roll_back(host)


def test_a_named_release_serves_also_a_newer_one(two: FakeHost) -> None:
    _, new = two.paths.release_ids()
    roll_back(two)
    assert roll_back(two, to=new).changed
    assert two.current == new


def test_the_release_that_serves_is_left_alone(two: FakeHost) -> None:
    assert not roll_back(two, to=two.current).changed
    assert two.events == []


def test_an_unknown_release_is_refused_with_those_that_there_are(two: FakeHost) -> None:
    with pytest.raises(ReleaseError, match="'0009-abcdef0' is not on the host; these are: 0001-"):
        roll_back(two, to="0009-abcdef0")


def test_nothing_deployed_is_said(host: FakeHost) -> None:
    host.paths.root.mkdir(parents=True)
    with pytest.raises(ReleaseError, match="nothing has been deployed yet"):
        roll_back(host)


def test_check_mode_names_the_release_and_changes_nothing(two: FakeHost) -> None:
    before = two.tree()
    outcome = roll_back(two, check=True)
    assert outcome.changed
    assert outcome.record
    assert outcome.record.id == two.paths.release_ids()[0]
    assert two.tree() == before


@pytest.mark.parametrize(
    ("event", "part"),
    [("start", "fails"), ("health", "health"), ("site", "site")],
    ids=["it does not start", "it never gets ready", "the site is broken"],
)
def test_a_rollback_that_fails_leaves_the_newer_release_serving(two: FakeHost, event: str, part: str) -> None:
    old, new = two.paths.release_ids()
    if part == "fails":
        two.fails[f"start {old}"] = OSError("no")
    else:
        setattr(two, part, [500])
    with pytest.raises(ReleaseError):
        roll_back(two)
    assert (two.current, two.running) == (new, {new})
    assert two.paths.release_ids() == [old, new]
    assert [path.name for path in two.wants.iterdir()] == [f"shop@{new}.service"]
    assert two.history[-1]["outcome"] == "rollback failed"


def test_a_schema_that_is_ahead_stops_it_and_shows_what_lies_between(migrated: FakeHost) -> None:
    serving, (old, _) = migrated.serving(), migrated.paths.release_ids()
    again = f"ansible-playbook playbooks/rollback.yml -e app=shop -e release={old} -e rollback_schema="
    with pytest.raises(ReleaseError) as caught:
        roll_back(migrated)
    for text in (
        "at b2",
        "made for a1. Nothing was changed.\nIn between:\n  - b2 (Drop the price)\nUndoing",
        "revisions would run:\n  DROP TABLE price;\n",
        f"newer schema:\n    {again}keep\n",
        f"undo the revisions first:\n    {again}downgrade",
    ):
        assert text in str(caught.value)
    assert migrated.serving() == serving
    assert "flask db downgrade a1" not in ran(migrated)


def test_keep_leaves_the_schema_and_goes(migrated: FakeHost) -> None:
    roll_back(migrated, schema="keep")
    assert migrated.current == migrated.paths.release_ids()[0]
    assert migrated.history[-1]["heads_after"] == ["b2"]
    assert ran(migrated) == []


def test_downgrade_is_run_by_the_newer_release_before_the_old_one_starts(migrated: FakeHost) -> None:
    old, new = migrated.paths.release_ids()
    roll_back(migrated, schema="downgrade")
    assert migrated.last_command.environment["RELEASE_ID"] == new
    done = [event for event in migrated.events if event.startswith(("run", "start"))]
    assert done == ["run flask db downgrade a1", f"start {old}"]
    assert (migrated.history[-1]["heads_before"], migrated.history[-1]["heads_after"]) == (["b2"], ["a1"])


def test_a_downgrade_that_can_not_be_done_leaves_the_newer_release_serving(migrated: FakeHost) -> None:
    _, new = migrated.paths.release_ids()
    migrated.commands["flask db downgrade a1"] = (1, "NotImplementedError: the data is gone")
    with pytest.raises(ReleaseError, match="the data is gone"):
        roll_back(migrated, schema="downgrade")
    assert (migrated.current, migrated.running) == (new, {new})


def test_a_release_that_fails_after_the_downgrade_gets_the_schema_brought_up_again(migrated: FakeHost) -> None:
    _, new = migrated.paths.release_ids()
    migrated.health = [500]
    with pytest.raises(ReleaseError):
        roll_back(migrated, schema="downgrade")
    assert ran(migrated) == ["flask db downgrade a1", "flask db upgrade"]
    assert migrated.current == new


def test_a_newer_release_that_needs_a_newer_schema_is_to_be_deployed(migrated: FakeHost) -> None:
    _, new = migrated.paths.release_ids()
    roll_back(migrated, schema="downgrade")
    migrated.probes = [{"heads": ["a1"], "current": ["a1"]}]
    with pytest.raises(ReleaseError, match=f"release {new} is a newer one, made for b2: deploy its revision again"):
        roll_back(migrated, to=new)


@pytest.mark.parametrize(
    ("event", "outcome", "stage"),
    [("start 0001", "killed", "start"), ("before switch", "killed", "switch"), ("ask site", "rolled back", "")],
)
def test_a_rollback_that_was_killed_is_in_the_history_as_what_it_came_to(
    two: FakeHost, event: str, outcome: str, stage: str
) -> None:
    old, new = two.paths.release_ids()
    two.fails[event] = Killed()
    with pytest.raises(Killed):
        roll_back(two)
    assert two.current == (old if outcome == "rolled back" else new)
    assert two.current in two.running
    done = roll_back(two, to=old)
    assert len(done.notes) == 1
    last = two.history[2]
    assert (last["id"], last["outcome"], last["stage"], last["by"]) == (old, outcome, stage, "ann@box")
    assert (two.current, two.running, len(two.history)) == (old, {old}, 3 if outcome == "rolled back" else 4)
    assert [path.name for path in two.wants.iterdir()] == [f"shop@{old}.service"]


def test_a_rollback_that_visitors_fare_worse_with_gives_way(two: FakeHost) -> None:
    _, new = two.paths.release_ids()
    two.watched = ["after the switch, 9 of 9 requests got a server error"]
    with pytest.raises(ReleaseError, match="9 of 9") as raised:
        roll_back(two)
    assert (raised.value.stage, two.current, two.running) == ("watch", new, {new})
    assert two.history[-1]["outcome"] == "rollback failed"


def test_a_release_goes_back_to_the_unit_that_it_had(two: FakeHost) -> None:
    old, _ = two.paths.release_ids()
    (two.units / "shop@.service").write_text("[Service]\nNice=5\n")
    roll_back(two)
    assert (two.units / f"shop@{old}.service").read_text() == "[Service]\n"


def test_a_deploy_after_a_rollback_keeps_the_release_that_it_can_go_back_to(two: FakeHost) -> None:
    old, _ = two.paths.release_ids()
    two.change("app = 3\n")
    two.deploy()
    roll_back(two, to=old)
    two.change("app = 4\n")
    two.deploy()
    assert old in two.paths.release_ids()
    assert roll_back(two).record.id == old  # type: ignore[union-attr]


@pytest.mark.parametrize("name", HOOKS)
def test_a_rollback_goes_on_after_every_hook(two: FakeHost, name: str) -> None:
    old, new = two.paths.release_ids()
    deployed = two.paths.record(old)
    stopped = roll_back(two, until=name)
    assert stopped.hook == {
        "name": name, "what": "rollback", "app": "shop", "release": old, "folder": str(two.paths.release(old)),
        "revision": stopped.hook["revision"], "previous": new,
    }  # fmt: skip
    assert (two.current == old) == (position(name, BACK) > BACK.index("switch"))
    with pytest.raises(ReleaseError, match=f"is at the hook '{name}'"):
        two.deploy()
    outcome = roll_back(two, resume=old)
    assert (outcome.changed, outcome.hook, outcome.previous) == (True, {}, new)
    assert outcome.record and list(outcome.record.seconds) == list(BACK)
    assert (two.current, two.running, two.paths.record(old)) == (old, {old}, deployed)
    assert [line["outcome"] for line in two.history] == ["deployed", "deployed", "rolled back"]
    assert lease.Lease.read("shop") is None


@pytest.mark.parametrize("name", HOOKS)
def test_a_failed_hook_of_a_rollback_is_as_a_failed_stage(two: FakeHost, name: str) -> None:
    old, new = two.paths.release_ids()
    roll_back(two, until=name)
    with pytest.raises(ReleaseError, match="the cache is away") as caught:
        roll_back(two, resume=old, gave_up="the cache is away")
    serves, outcome = (old, "rolled back") if stays(name) else (new, "rollback failed")
    assert caught.value.stage == name
    assert (two.current, two.running, two.history[-1]["outcome"]) == (serves, {serves}, outcome)
    assert two.deploy().changed == (serves == old), "nobody holds the app"


def test_a_downgrade_comes_after_its_hooks_and_is_undone_when_a_later_one_fails(migrated: FakeHost) -> None:
    old, new = migrated.paths.release_ids()
    roll_back(migrated, schema="downgrade", until="before_migrate")
    assert ran(migrated) == []
    roll_back(migrated, schema="downgrade", resume=old, until="before_start")
    assert ran(migrated) == ["flask db downgrade a1"]
    with pytest.raises(ReleaseError, match="no"):
        roll_back(migrated, schema="downgrade", resume=old, gave_up="no")
    assert ran(migrated) == ["flask db downgrade a1", "flask db upgrade"]
    assert migrated.migration["ask"]["wanted"] == ["b2"]
    assert (migrated.current, migrated.running) == (new, {new})


@pytest.mark.parametrize("name", ["before_check", "after_switch"])
def test_a_rollback_whose_hook_takes_too_long_loses_the_app(
    two: FakeHost, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    old, new = two.paths.release_ids()
    roll_back(two, until=name)
    later = lease.uptime() + 901
    monkeypatch.setattr(lease, "uptime", lambda: later)
    with pytest.raises(ReleaseError, match="held for 900 s at most, .* rollback again"):
        roll_back(two, resume=old)
    done = two.deploy()
    serves, outcome = (old, "rolled back") if name == "after_switch" else (new, "killed")
    assert (two.history[2]["id"], two.history[2]["outcome"]) == (old, outcome)
    assert (done.previous, len(done.notes)) == (serves, 1)
    assert two.running == {two.current}


# ---- a downgrade is judged and dumped as a deploy's migrations are -----------------------------------------------------

UNDONE = {
    "revision": "b2",
    "doc": "Drop the price",
    "sql": "",
    "problem": "x",
    "reached": [["drop_table()", "b2.py:9"]],
}


@pytest.fixture
def destroying(migrated: FakeHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> FakeHost:
    """The host of `migrated`, on PostgreSQL; undoing b2 drops a table."""
    migrated.probes = [
        {**migrated.probes[0], "dialect": "postgresql", "pending": [UNDONE], "server": {"version": 150018}}
    ]  # type: ignore[dict-item]
    monkeypatch.setattr(squawk, "ensure", lambda uv: tmp_path / "squawk")
    monkeypatch.setattr(dump, "FOLDER", tmp_path / "backups")
    monkeypatch.setattr(postgresql, "client_version", lambda: 15)
    monkeypatch.setattr(Judgement, "_linted", lambda *_: "[]")
    old, new = migrated.paths.release_ids()
    for release in (old, new):
        (migrated.paths.settings_of(release) / "environment").write_text('DATABASE_URL="postgresql:///shop"\n')
    return migrated


def test_a_destroying_downgrade_is_refused_until_it_is_allowed_by_name(destroying: FakeHost) -> None:
    serving = destroying.serving()
    with pytest.raises(ReleaseError) as refused:
        roll_back(destroying, schema="downgrade")
    for text in ("a statement of the downgrade would harm", "revision b2, b2.py:9: drop_table(…)", "Nothing was run",
                 "-e allow_migrations=b2 for this rollback"):  # fmt: skip
        assert text in str(refused.value)
    assert refused.value.stage == "check"
    assert destroying.serving() == serving


def test_a_destroying_downgrade_that_is_allowed_leaves_a_dump(destroying: FakeHost) -> None:
    settings = {**destroying.settings["migrations"], "allow": ["b2"]}
    notes = "".join(roll_back(destroying, schema="downgrade", migrations=settings).notes)
    assert "allowed: revision b2" in notes
    assert "to bring it back" in notes
    assert destroying.migration["ask"]["dump"][0] == "pg_dump"


def test_a_refused_rollback_tells_what_a_downgrade_would_destroy_and_how_to_allow_it(destroying: FakeHost) -> None:
    with pytest.raises(ReleaseError) as refused:
        roll_back(destroying)
    assert "-e rollback_schema=downgrade -e allow_migrations=b2" in str(refused.value)
    assert "ban-drop-table: it destroys" in str(refused.value)
    assert "undo the revisions first (the database is dumped before):" in str(refused.value)


def test_a_downgrade_that_can_not_be_looked_at_is_refused(destroying: FakeHost) -> None:
    destroying.probes = [{"error": "ImportError: no", "note": "", "heads": None, "current": None}]
    with pytest.raises(ReleaseError, match="the downgrade's statements can't be checked: ImportError: no"):
        roll_back(destroying, schema="downgrade")
