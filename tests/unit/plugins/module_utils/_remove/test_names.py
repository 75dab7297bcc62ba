# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is an app's by its name, and what of an app with a longer name is not: shop, shop-eu, shop-1, shopping."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._app.left import REMOVE
from ansible_collections.slipway.flask.plugins.module_utils._certificates import acme
from ansible_collections.slipway.flask.plugins.module_utils._host import systemd, timer
from ansible_collections.slipway.flask.plugins.module_utils._remove import accounts, databases, journal, services, site
from ansible_collections.slipway.flask.plugins.module_utils._remove.journal import Account, Journal
from ansible_collections.slipway.flask.plugins.module_utils._upkeep.settings import Settings as UpkeepSettings

MINE = [
    "shop@.service", "shop@0001-a.service", "shop.tick@.timer", "shop.tick@0001-a.1b.timer", "shop.loop.2@0001-a.service",
    "shop@.service.d", "slipway-redis-shop-queue.service", "slipway-pgbouncer-shop.service",
]  # fmt: skip
OTHERS = [
    "shop-eu@.service", "shopping@.service", "shop-eu.tick@.timer", "slipway-redis-shop-eu-queue.service", "shop.service",
    "slipway-pgbouncer-shop-eu.service", "myshop@0001-a.service", "shop@.socket",
]  # fmt: skip


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module, name in ((systemd, "UNITS"), (systemd, "WANTS"), (timer, "WANTS"), (timer, "MEMORY")):
        monkeypatch.setattr(module, name, tmp_path / f"{module.__name__.rpartition('.')[2]}-{name}")
    systemd.UNITS.mkdir()
    for name in [*MINE, *OTHERS]:
        (systemd.UNITS / name).mkdir() if name.endswith(".d") else (systemd.UNITS / name).touch()
    return systemd.UNITS


def test_units_are_the_apps_by_their_whole_names(units: Path) -> None:
    assert sorted(path.name for path in services.files("shop")) == sorted(MINE)
    assert services.processes_of("shop") == ["loop", "tick"]
    assert services.processes_of("shop-eu") == ["tick"]


def test_an_app_is_known_by_the_unit_that_slipway_wrote_and_by_nothing_else(units: Path) -> None:
    assert not services.is_ours("shop")
    (units / "shop@.service").write_text("# One instance runs one release: shop@<release>.service\n")
    (units / "getty@.service").write_text("[Service]\n")
    assert services.is_ours("shop")
    assert [name for name in ("getty", "shop-eu", "root", "postgres", "../etc") if services.is_ours(name)] == []


def test_folders_are_those_of_the_units_and_the_ones_that_others_write_are_known(units: Path) -> None:
    text = "[Service]\nReadWritePaths=-/srv/shop/shared\nReadWritePaths=-/var/lib/shop notes\n"
    (units / "shop@.service").write_text(text)
    (units / "shop-eu@.service").write_text("[Service]\nReadWritePaths=-/var/lib/both\n")
    assert services.writable("shop") == ["/srv/shop/shared", "/var/lib/shop notes"]
    assert services.writers("shop") == {"/var/lib/both"}


def test_folders_of_another_unit_are_known_however_it_lists_them(units: Path) -> None:
    text = '[Service]\nReadWritePaths=/var/lib/indexer -/srv/notes/ +"/srv/mail"\nReadWritePaths=\n'
    (units / "indexer.service").write_text(text)
    assert services.writers("shop") == {"/var/lib/indexer", "/srv/notes", "/srv/mail"}


def test_the_socket_at_which_requests_wait_goes_with_the_app_and_nobody_elses(units: Path) -> None:
    roles = Path(__file__).parents[5] / "roles/gunicorn_systemd/templates"
    names = {"shop.socket": "app.socket.j2", "shop-socket.service": "app-socket.service.j2"}
    for unit, template in names.items():
        text = (roles / template).read_text()
        for app in ("shop", "shop-eu"):
            (units / unit.replace("shop", app)).write_text(text.replace("{{ service.name }}", app))
    assert {path.name for path in services.files("shop")} == {*MINE, *names}
    (units / "shop.socket").write_text("[Socket]\nListenStream=/run/shop.sock\n")
    (units / "shop-socket.service").write_text("[Service]\nExecStart=/opt/shop/socket\n")
    assert {path.name for path in services.files("shop")} == {*MINE}


def test_a_unit_of_somebody_elses_that_runs_as_the_app_is_named(units: Path) -> None:
    for name in ("shop@.service", "old.service", "shop-eu@.service"):
        (units / name).write_text("[Service]\nUser=shop\n")
    assert services.strangers("shop", ["shop"]) == ["old.service", "shop-eu@.service"]


def test_logs_and_access_files_of_a_site_are_told_from_those_of_a_longer_name(tmp_path: Path) -> None:
    mine = ["shop.access.log", "shop.access.log.1", "shop.error.log.12.gz", "shop.error.log-20261126.gz"]
    for name in [*mine, "shop-eu.access.log", "shop.access.log.d", "shop.old.log", "shopping.error.log"]:
        (tmp_path / name).touch()
    assert [path.name for path in site.logs("shop", tmp_path)] == sorted(mine)
    nginx = tmp_path / "nginx"
    for name in ("sites/shop.conf", "sites/shop-1.conf", "access/shop-1.users", "access/shop-1-1.users", "access/shop-1.ca",
                 "access/shop.ca", "maintenance/shop", "maintenance/shop-1"):  # fmt: skip
        (nginx / name).parent.mkdir(parents=True, exist_ok=True)
        (nginx / name).touch()
    found = [str(path.relative_to(nginx)) for path in site.files("shop", nginx)]
    assert found == ["sites/shop.conf", "access/shop-1.users", "access/shop.ca", "maintenance/shop"]


def test_domains_are_read_from_the_site(tmp_path: Path) -> None:
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites/shop.conf").write_text(
        "server {\n  server_name a.example.org b.example.org;\n}\nserver {\n    server_name a.example.org;\n}\n"
    )
    assert site.domains("shop", tmp_path) == ["a.example.org", "b.example.org"]


@pytest.mark.parametrize(
    ("url", "claimed"),
    [
        ("postgresql+psycopg:///shop?host=/run/slipway-pgbouncer/shop", {"postgres"}),
        ("postgresql:///shop?host=%2Fvar%2Frun%2Fpostgresql", {"postgres"}),
        ("postgres:///shop?host=/var/run/postgresql", {"postgres"}),
        ("mysql+pymysql://shop@localhost/shop?unix_socket=/run/mysqld/mysqld.sock", {"mariadb"}),
        ("postgresql://shop:secret@localhost/shop", set()),
        ("postgresql:///shop-eu?host=/var/run/postgresql", set()),
        ("postgresql://db.example.org/shop", set()),
        ("mysql://root@localhost/shop?unix_socket=/run/mysqld/mysqld.sock", set()),
    ],
)
def test_a_database_is_the_apps_when_its_settings_say_so(tmp_path: Path, url: str, claimed: set[str]) -> None:
    (tmp_path / "environment").write_text(f'SECRET_KEY="x"\nDATABASE_URL="{url}"\n')
    assert databases.claims("shop", [tmp_path, tmp_path / "absent"]) == claimed


def test_a_journal_is_one_line_and_a_run_after_a_kill_finds_what_the_first_one_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "FOLDER", tmp_path / "removed")
    first = Journal("shop", "ann@laptop", "2026-11-26 14:05", folders=["/srv/shop"], databases=["shop"], cluster="17/main",
                    accounts=[Account("shop", 999, 995)])  # fmt: skip
    first.at("stopped")
    assert len(first.path.read_text().splitlines()) == 1
    assert first.path.stat().st_mode & 0o777 == 0o600
    again = Journal("shop", folders=["/etc/shop"])
    found = journal.read("shop")
    assert found == first
    again.merge(found)
    assert (again.folders, again.databases, again.accounts) == (["/etc/shop", "/srv/shop"], ["shop"], first.accounts)
    assert again.under_way
    since = "its removal, begun 2026-11-26 14:05 UTC by ann@laptop, has not finished"
    assert journal.said() == [f"shop: {since}: `{REMOVE.format('shop')}` continues it"]
    again.at("gone")
    assert not again.under_way
    assert journal.said() == []
    again.left = ["/opt/x"]
    again.write()
    assert "the removed app 'shop' left files of its users (999): /opt/x." in journal.said()[0]
    (tmp_path / "removed/torn.json").write_text("{")
    assert journal.read("torn") is None
    assert journal.read("absent") is None


def test_shared_memory_of_the_users_goes_and_nobody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[list[str]]()
    monkeypatch.setattr(accounts.subprocess, "run", lambda command, **_: told.append(command))
    head = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid"
    rows = ["0 7 600 1 2 3 0 999 995 999 995", "0 8 600 1 2 3 0 33 33 33 33", "0 9 600 1 2 3 0 0 0 999 995"]
    (tmp_path / "shm").write_text("\n".join([head, *rows]) + "\n")
    (tmp_path / "sem").write_text(" key semid perms nsems uid gid cuid cgid otime ctime\n 0 999 600 1 0 0 0 0 0 0\n")
    assert accounts.free_memory([Account("shop", 999, 995)], tmp_path) == ["-m 7", "-m 9"]
    assert told == [["ipcrm", "-m", "7"], ["ipcrm", "-m", "9"]]


def test_what_is_checked_and_renewed_for_a_site_ends_with_it(tmp_path: Path) -> None:
    upkeep = tmp_path / "upkeep.json"
    upkeep.write_text(UpkeepSettings(host="web1", sites=[{"name": "shop"}, {"name": "blog"}]).as_text())
    assert site.forget_check("shop", upkeep) and not site.forget_check("shop", upkeep)
    found = UpkeepSettings.read(upkeep)
    assert ([one["name"] for one in found.sites], found.host, upkeep.stat().st_mode & 0o777) == (
        ["blog"],
        "web1",
        0o600,
    )
    settings = acme.Settings(
        "https://ca.example", eab_hmac_key="key", sites=[acme.Site("shop", ["a"]), acme.Site("blog", ["b"])]
    )
    (tmp_path / acme.SETTINGS).write_text(settings.as_text())
    assert site.forget_renewal("shop", tmp_path) and not site.forget_renewal("shop", tmp_path)
    left = acme.Settings.read(tmp_path)
    assert ([one.name for one in left.sites], left.eab_hmac_key) == (["blog"], "key")
    assert not site.forget_renewal("blog", tmp_path / "absent") and not site.forget_check("blog", tmp_path / "absent")
