# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""One app's data is brought back to a moment while others serve, and a host that was lost comes back on a bare one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from backup_site import only_by_hand
from helpers import Host, Project, Visitor, wait_for
from posting import MIGRATION, NOTES, SHOP, Poster, Site, domain
from stops import kill_at

pytestmark = pytest.mark.once("12")

APPS: dict[str, dict[str, Any]] = {"shop": SHOP, "other": {}, "notes": NOTES}
"""Nobody touches the database of the second one."""
SOON = 60
KILLED = {
    "make": "undone",
    "halt": "undone",
    "_folder_forward": "undone",
    "gate": "undone",
    "reopen": "finished",
}
"""Where a restore is killed, by the function that is about to begin, and what the next run does about it: while data is made
ready, when the site has closed, between database and folders, while the app starts, and when it has."""


@pytest.fixture(scope="module")
def site(host: Host, project: Project, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The apps, with a restore point of each."""
    made = Site(tmp_path_factory.mktemp("code") / "code", project, APPS, [{"path": "/mnt/backup"}])
    host.run("mkdir -p /mnt/backup")
    project.good("site.yml")
    # The first run is due within minutes: if it met a restore that a test has killed, it would fail, and rightly say so.
    only_by_hand(host)
    made.back_up()
    return made


@pytest.fixture(autouse=True)
def nothing_left(site: Site) -> Iterator[None]:
    """After each test all apps serve, and nothing of a restore is left but what it keeps."""
    yield
    for app in APPS:
        assert site.shown(app)
    assert site.host.run("find /srv /var/lib -maxdepth 4 -name '*_restored_*'; ls /var/lib/slipway/scratch") == ""
    assert not [name for name in site.databases() if "_restored_" in name]


def test_a_table_that_was_dropped_comes_back_as_of_the_second_before_and_the_other_app_loses_nothing(
    site: Site,
) -> None:
    there = site.databases()
    with Poster(site, "other") as other, Poster(site, "shop") as shop:
        wait_for(lambda: len(shop.confirmed) > 20, SOON)
        site.back_up()
        seen = len(shop.confirmed)
        wait_for(lambda: len(shop.confirmed) > seen + 10, SOON)
        moment = time.time()
        site.sql("drop table rows")
        wait_for(lambda: shop.failures, SOON)
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment)) + f"{moment % 1:.6f}"[1:]
        asked = time.time()
        refused = site.restore("shop", "-e", f"to='{stamp}'")
        assert refused.code and "-e yes=true" in refused.output and "Lost" in refused.output
        done = site.restored("shop", "-e", f"to='{stamp}'")
        after = time.time()
        wait_for(lambda: [one for one in shop.confirmed if one.began > after], SOON)
    shown = site.shown("shop")
    before = {one.row for one in shop.confirmed if one.ended < moment}
    assert len(before) > 30 and before <= shown["rows"]
    assert not shown["rows"] & {one.row for one in shop.sent if moment < one.began < asked}
    assert {one.row for one in shop.confirmed if one.began > after} <= shown["rows"]
    assert shown["rows"] <= shown["papers"]  # no row without its paper, those since the restore point among them
    assert other.failures == [] and {one.row for one in other.confirmed} <= site.shown("other")["rows"]
    assert "restored to" in done.output and "database shop_before_" in done.output
    status = site.project.play("playbooks/status.yml")
    assert "kept from before the restore to" in status.output
    kept = site.databases() - there
    assert len(kept) == 1 and min(kept).startswith("shop_before_")
    entered = site.host.ask(f"runuser -u shop -- psql -d {min(kept)} -c 'select 1' 2>&1")
    assert "too many connections" in entered.stdout  # nothing is written into what was there
    site.project.good("playbooks/restore.yml", "-e", "app=shop", "-e", "forget=all")
    assert not kept & site.databases()
    assert site.host.run("find /srv/shop -name '*_before_*'") == ""


@pytest.mark.parametrize("point", KILLED)
def test_a_restore_that_was_killed_leaves_one_whole_state_to_the_next_run(site: Site, point: str) -> None:
    old, new = f"old-{point.strip('_')}", f"new-{point.strip('_')}"
    assert site.post("shop", old) == 201
    name = site.back_up()
    assert site.post("shop", new) == 201
    kill_at(site.project, "playbooks/restore.yml", point, more=["-e", "app=shop", "-e", f"to={name}", "-e", "yes=true"])
    if point != "make":
        assert Visitor(site.host, domain("shop")).get("/").status == 503
        assert "a restore to" in site.project.play("playbooks/status.yml").output
    told = site.project.good("playbooks/deploy.yml", "-e", "app=shop")
    assert f"it was {KILLED[point]}" in told.output
    shown = site.shown("shop")
    for data in shown.values():
        assert old in data and (new in data) == (KILLED[point] == "undone")
    assert site.post("shop", f"again-{point.strip('_')}") == 201
    wait_for(lambda: site.host.ok("systemctl is-active --quiet 'shop.tick@*'"), SOON)
    site.project.good("playbooks/status.yml")


def test_data_from_before_a_migration_is_served_by_the_release_that_was_made_for_it(site: Site) -> None:
    assert site.post("shop", "before the migration") == 201
    older = site.release("shop")
    (site.folder / "migrations/versions/0002_note.py").write_text(MIGRATION)
    site.project.good("playbooks/deploy.yml", "-e", "app=shop")
    newer = site.release("shop")
    assert site.post("shop", "after the migration") == 201
    told = site.restored("shop", "-e", f"before={newer}")
    assert f"{older} is live afterwards, not {newer}" in told.output
    assert site.release("shop") == older
    shown = site.shown("shop")
    assert "before the migration" in shown["rows"] and "after the migration" not in shown["rows"]
    unknown = site.restore("shop", "-e", "before=0999-zzz")
    assert unknown.code and f"there is one before: {newer}" in unknown.output
    (site.folder / "migrations/versions/0002_note.py").unlink()


def test_a_database_of_sqlite_in_a_folder_comes_back_with_the_folder(site: Site) -> None:
    assert site.post("notes", "kept") == 201
    name = site.back_up()
    assert site.post("notes", "lost") == 201
    site.host.run("rm /srv/notes/shared/papers/kept.txt")
    site.restored("notes", "-e", f"to={name}")
    shown = site.shown("notes")
    assert "kept" in shown["rows"] & shown["papers"] and "lost" not in shown["rows"] | shown["papers"]
    assert site.post("notes", "goes on") == 201
