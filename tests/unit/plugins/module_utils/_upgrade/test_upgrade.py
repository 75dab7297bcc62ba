# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An upgrade of the host's PostgreSQL: what it leaves when it ends, fails at a step, or is killed there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster, PostgresError
from ansible_collections.slipway.flask.plugins.module_utils._upgrade import apps as apps_of
from ansible_collections.slipway.flask.plugins.module_utils._upgrade import (
    back,
    backups,
    clusters,
    journal,
    plan,
)
from ansible_collections.slipway.flask.plugins.module_utils._upgrade import upgrade as upgrades
from ansible_collections.slipway.flask.plugins.module_utils._upgrade.journal import STEPS
from fake_host import Killed

UNITS = ["shop.tick@1.timer", "shop.tick@1.service", "shop.mail@1.service", "shop@1.service"]
STARTED = ["shop@1.service", "shop.mail@1.service", "shop.tick@1.timer"]


class Host:
    """A host with one app on the cluster 15/main. `rows` is what visitors have written, per cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows = {"15/main": ["old"]}
        self.ports = {"15/main": 5432}
        self.online = {"15/main"}
        self.units, self.site_closed = list(UNITS), False
        self.told: list[str] = []
        self.trouble: dict[str, BaseException] = {}
        self.backups: list[str] = []
        (self.cluster_folder("15/main")).mkdir(parents=True)
        (self.cluster_folder("15/main") / "start.conf").write_text("auto\n")

    def cluster_folder(self, name: str) -> Path:
        return self.folder / name

    def find(self, name: str) -> Cluster | None:
        if name not in self.ports:
            return None
        kind = type("Here", (Cluster,), {"folder": self.cluster_folder(name)})
        version, _, short = name.partition("/")
        found: Cluster = kind(version, short, self.ports[name], name in self.online, "/nonexistent")
        return found

    def happens(self, what: str) -> None:
        self.told.append(what)
        if error := self.trouble.pop(what, None):
            raise error

    def serving(self) -> str:
        """Return the cluster that answers on the apps' port."""
        return next(name for name, port in self.ports.items() if port == 5432 and name in self.online)


def name_of(cluster: Cluster) -> str:
    return f"{cluster.version}/{cluster.name}"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """The parts that touch a host, replaced by a small one in memory."""
    made = Host(tmp_path / "etc")
    monkeypatch.setattr(journal, "FOLDER", tmp_path / "upgrade")

    def convert(old: Cluster, version: str) -> None:
        made.online.discard(name_of(old))
        made.ports[f"{version}/main"] = 5433
        new = made.cluster_folder(f"{version}/main")
        new.mkdir(parents=True, exist_ok=True)
        (new / "start.conf").write_text((old.folder / "start.conf").read_text())
        made.happens("convert")
        made.rows[f"{version}/main"] = list(made.rows[name_of(old)])
        made.ports[f"{version}/main"], made.ports[name_of(old)] = made.ports[name_of(old)], 5433
        (made.cluster_folder(name_of(old)) / "start.conf").write_text("manual\n")
        made.happens("converted")

    def remove(name: str) -> None:
        for kept in (made.rows, made.ports):
            kept.pop(name, None)
        made.online.discard(name)

    def place(cluster: Cluster, port: int, start: str) -> Cluster:
        assert name_of(cluster) not in made.online
        made.ports[name_of(cluster)] = port
        (made.cluster_folder(name_of(cluster))).mkdir(parents=True, exist_ok=True)
        (made.cluster_folder(name_of(cluster)) / "start.conf").write_text(start)
        return there(name_of(cluster))

    def there(name: str) -> Cluster:
        found = made.find(name)
        assert found, name
        return found

    def start(cluster: Cluster) -> None:
        assert [port for name, port in made.ports.items() if name in made.online | {name_of(cluster)}].count(
            made.ports[name_of(cluster)]
        ) == 1
        made.online.add(name_of(cluster))

    def start_units(units: Iterator[str]) -> None:
        for unit in units:
            made.happens(f"start {unit}")
            made.units += [unit] if unit not in made.units else []

    def end(_: Any, but_web: bool = False) -> None:
        made.units = [unit for unit in made.units if but_web and apps_of.is_web(unit)]
        made.happens("workers" if but_web else "ended")

    def close(_: Any, by: str) -> list[str]:
        made.site_closed = True
        made.happens("close")
        return ["shop"]

    def reopen(names: list[str], by: str) -> None:
        made.happens("reopen")
        made.site_closed = made.site_closed and "shop" not in names

    def settle(new: Cluster, collations: list[str]) -> list[str]:
        made.happens("settle")
        return []

    @contextmanager
    def nothing(*_: Any) -> Iterator[None]:
        yield

    for part, names in {
        clusters: {
            "find": made.find, "start": start, "there": there, "convert": convert, "remove": remove, "place": place,
            "settle": settle,
            "at_boot": lambda one, start: (one.folder / "start.conf").write_text(start),
            "configure": lambda *_: None, "end_convert": lambda: None, "stop": lambda one: made.online.discard(name_of(one)),
            "analyse": lambda *_: made.happens("analyse"), "all_clusters": lambda: [there(name) for name in made.ports],
        },
        apps_of: {
            "held": nothing, "running": lambda *_: list(made.units), "end": end, "close": close, "reopen": reopen,
            "start": start_units, "to_start": lambda units: [unit for unit in STARTED if unit in units],
            "sites": lambda _: ["shop"], "closed": lambda _: made.site_closed,
            "wait_until_well": lambda _: made.happens(f"well on {made.serving()}"),
        },
        backups: {
            "none_meanwhile": nothing, "dump": lambda *_: made.happens("backup"), "begin": lambda: [],
            "follow": lambda before, after: made.backups.append(after) or [],
        },
        plan: {
            "backs_up": lambda: False, "cluster_in_use": lambda _: there(made.serving()),
            "plan": lambda old, _: plan.Plan(name_of(old), "17/main", old.port, removes="17/main" in made.ports and "x" or ""),
        },
        upgrades.older: {"is_older": lambda cluster: cluster.version == "15"},
    }.items():  # fmt: skip
        for name, value in names.items():
            monkeypatch.setattr(part, name, value)
    return made


def upgrade() -> journal.Journal:
    return upgrades.Upgrade([], "ann@box").run()


def go_back() -> journal.Journal:
    return back.Back([], "ann@box").run()


def all_is_well(host: Host, on: str, rows: list[str]) -> None:
    """Assert that visitors are let in, all runs that ran, and the database that serves has ROWS."""
    assert host.serving() == on
    assert host.rows[on] == rows
    assert not host.site_closed
    assert {unit for unit in host.units if unit != "shop.tick@1.service"} == set(STARTED)


def test_the_new_server_has_what_the_old_one_had_and_the_old_one_is_kept(host: Host) -> None:
    done = upgrade()
    all_is_well(host, "17/main", ["old"])
    assert (done.step, done.sites, host.rows["15/main"]) == ("done", ["shop"], ["old"])
    assert (
        host.told.index("backup") < host.told.index("workers") < host.told.index("close") < host.told.index("convert")
    )
    assert host.told.index("well on 17/main") < host.told.index("reopen") < host.told.index("analyse")
    assert host.backups == ["17/main"]


def test_a_run_of_a_schedule_that_was_ended_is_left_to_its_timer(host: Host) -> None:
    upgrade()
    assert [one.removeprefix("start ") for one in host.told if one.startswith("start ")] == [STARTED[0], *STARTED]


BEFORE = [
    "backup",
    "workers",
    "close",
    "ended",
    "convert",
    "converted",
    "settle",
    "start shop@1.service",
    "well on 17/main",
]
AFTER = ["reopen", "start shop.mail@1.service", "analyse"]


@pytest.mark.parametrize("what", BEFORE)
def test_what_fails_before_visitors_are_let_in_is_undone(host: Host, what: str) -> None:
    host.trouble[what] = PostgresError("no such luck")
    with pytest.raises(PostgresError, match="no such luck\nPostgreSQL 15/main serves as before"):
        upgrade()
    all_is_well(host, "15/main", ["old"])
    assert "17/main" not in host.ports
    assert journal.read() is None


@pytest.mark.parametrize("what", AFTER)
def test_what_fails_after_visitors_were_let_in_takes_nothing_back(host: Host, what: str) -> None:
    host.trouble[what] = PostgresError("no such luck")
    with pytest.raises(PostgresError, match="no such luck\nPostgreSQL 17/main is in place anyway"):
        upgrade()
    host.rows["17/main"].append("new")
    assert upgrade().step == "done"
    all_is_well(host, "17/main", ["old", "new"])


@pytest.mark.parametrize("what", [*BEFORE, *AFTER])
def test_a_run_that_was_killed_is_gone_on_with(host: Host, what: str) -> None:
    host.trouble[what] = Killed()
    with pytest.raises(Killed):
        upgrade()
    begun = journal.read()
    assert begun and begun.step in STEPS[:-1]
    assert journal.said() != []
    assert upgrade().step == "done"
    all_is_well(host, "17/main", ["old"])
    assert "15/main" in host.ports


@pytest.mark.parametrize("what", ["convert", "converted", "settle", "well on 17/main"])
def test_no_server_starts_at_boot_that_the_next_run_would_throw_away(host: Host, what: str) -> None:
    host.trouble[what] = Killed()
    with pytest.raises(Killed):
        upgrade()
    assert {path.read_text() for path in host.folder.glob("*/*/start.conf")} == {"manual\n"}
    upgrade()
    assert [(host.folder / name / "start.conf").read_text() for name in ("15/main", "17/main")] == [
        "manual\n",
        "auto\n",
    ]


def test_a_host_that_was_started_again_in_the_middle_is_gone_on_with(host: Host) -> None:
    host.trouble["convert"] = Killed()
    with pytest.raises(Killed):
        upgrade()
    host.units = list(UNITS)  # they start at boot
    assert upgrade().step == "done"
    all_is_well(host, "17/main", ["old"])


def test_a_site_that_was_closed_before_stays_so(host: Host) -> None:
    host.site_closed = True
    assert upgrade().sites == []
    assert host.site_closed


def test_the_way_back_is_to_the_old_cluster_and_keeps_what_was_written_since(host: Host) -> None:
    upgrade()
    host.rows["17/main"].append("new")
    done = go_back()
    all_is_well(host, "15/main", ["old"])
    assert (done.step, done.idle, host.rows["17/main"]) == ("gone back", "17/main", ["old", "new"])
    assert host.backups == ["17/main", "15/main"]


@pytest.mark.parametrize("what", ["workers", "close", "ended", "start shop@1.service", "well on 15/main", "reopen"])
@pytest.mark.parametrize("again", [go_back, upgrade])
def test_a_way_back_that_was_killed_is_gone_on_with(host: Host, what: str, again: Any) -> None:
    upgrade()
    host.trouble[what] = Killed()
    with pytest.raises(Killed):
        go_back()
    assert again().step == "gone back"
    all_is_well(host, "15/main", ["old"])


def test_after_a_way_back_another_upgrade_begins_with_the_old_data(host: Host) -> None:
    upgrade()
    go_back()
    host.rows["15/main"].append("newer")
    assert upgrade().step == "done"
    all_is_well(host, "17/main", ["old", "newer"])


@pytest.mark.parametrize(("went_back", "kept"), [(False, "17/main"), (True, "15/main")])
def test_only_the_cluster_that_does_not_serve_is_forgotten(host: Host, went_back: bool, kept: str) -> None:
    upgrade()
    if went_back:
        go_back()
    back.forget()
    assert list(host.ports) == [kept]
    assert journal.read() is None
    all_is_well(host, kept, ["old"])
    with pytest.raises(PostgresError, match="nothing to forget"):
        back.forget()
    with pytest.raises(PostgresError, match="no upgrade to undo"):
        go_back()


def test_nothing_is_forgotten_in_the_middle_of_an_upgrade(host: Host) -> None:
    host.trouble["settle"] = Killed()
    with pytest.raises(Killed):
        upgrade()
    with pytest.raises(PostgresError, match="is at the step 'settle'"):
        back.forget()
    assert set(host.ports) == {"15/main", "17/main"}


def test_a_cluster_that_somebody_has_started_is_not_forgotten(host: Host) -> None:
    upgrade()
    host.online.add("15/main")
    with pytest.raises(PostgresError, match="15/main runs"):
        back.forget()


def test_what_is_in_the_way_is_said_before_anything_is_done(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    found = plan.Plan("15/main", "17/main", 5432, problems=["no room", "no extension"])
    monkeypatch.setattr(plan, "plan", lambda *_: found)
    with pytest.raises(PostgresError, match="no room; no extension"):
        upgrade()
    assert host.told == []
    assert journal.read() is None
