# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A pool's files, and that one which runs reads new settings and is never restarted."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host import instance, systemd
from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer import names, pools, settings
from ansible_collections.slipway.flask.plugins.module_utils._pgbouncer.settings import Pool

SHOP = Pool("shop", "shop", "shop", size=7, clients=90)


def test_a_pool_leads_to_one_database_as_one_user_without_a_password() -> None:
    text = settings.conf_text(SHOP, (1, 24))
    for line in (
        "shop = host=/var/run/postgresql port=5432 dbname=shop user=shop", "listen_addr =", "auth_type = hba",
        "pool_mode = transaction", "default_pool_size = 7", "max_db_connections = 7", "max_client_conn = 90",
        "unix_socket_dir = /run/slipway-pgbouncer/shop",
    ):  # fmt: skip
        assert line in text.splitlines(), text
    assert "password" not in text
    assert "admin_users" not in text
    assert settings.hba_text(SHOP).splitlines()[1:] == ["local all shop peer"]
    assert settings.users_text(SHOP) == '"shop" ""\n'


@pytest.mark.parametrize(("version", "prepared"), [((1, 18), False), ((1, 21), True), ((1, 24), True)])
def test_prepared_statements_are_on_where_the_version_has_them(version: tuple[int, int], prepared: bool) -> None:
    assert ("max_prepared_statements = 200" in settings.conf_text(SHOP, version)) is prepared


def test_a_pool_has_file_descriptors_for_all_of_its_connections() -> None:
    assert "LimitNOFILE=197\n" in settings.unit_text(SHOP)


class Host:
    """A host on which a pool runs since 1000; DONE is what systemd was told."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.loaded, self.unit = folder / "run", folder / "slipway-pgbouncer-shop.service"
        self.loaded.mkdir()
        self.unit.write_text(settings.unit_text(SHOP))
        for kind in ("ini", "hba", "users"):
            (folder / f"shop.{kind}").write_text("x")
            os.utime(folder / f"shop.{kind}", (900, 900))
        os.utime(self.unit, (900, 900))
        self.folder = folder
        monkeypatch.setattr(pools, "UNITS", folder)
        monkeypatch.setattr(pools, "LOADED", self.loaded)
        monkeypatch.setattr(names, "config", lambda name, kind="ini": str(folder / f"{name}.{kind}"))
        monkeypatch.setattr(systemd, "properties", lambda *_: {"MainPID": "77"})
        monkeypatch.setattr(instance, "started_at", lambda pid: 1000.0)
        monkeypatch.setattr(systemd, "systemctl", self.systemctl)

    def systemctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        self.done.append(" ".join(arguments))
        return subprocess.CompletedProcess([], 0, "", "")

    def reload(self, started: bool = False, check: bool = False) -> pools.Outcome:
        outcome = pools.Outcome()
        pools._reload(SHOP, outcome, started, check)
        return outcome


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("changed", "loaded", "reloads"), [(900, 0, False), (2000, 0, True), (2000, 1500, True), (2000, 2500, False)]
)
def test_settings_younger_than_what_was_read_last_are_reloaded(
    changed: int, loaded: int, reloads: bool, host: Host
) -> None:
    os.utime(host.folder / "shop.ini", (changed, changed))
    if loaded:
        (host.loaded / "shop.loaded").touch()
        os.utime(host.loaded / "shop.loaded", (loaded, loaded))
    outcome = host.reload()
    assert host.done == (["reload slipway-pgbouncer-shop.service"] if reloads else [])
    assert outcome.warnings == []
    assert host.reload().actions == []


def test_a_check_reloads_nothing(host: Host) -> None:
    os.utime(host.folder / "shop.ini", (2000, 2000))
    assert host.reload(check=True).actions == ["slipway-pgbouncer-shop.service reloaded"]
    assert host.done == []


def test_a_unit_that_has_changed_is_told_and_not_restarted(host: Host) -> None:
    os.utime(host.unit, (2000, 2000))
    (warning,) = host.reload().warnings
    assert "must be restarted for its unit, which has changed" in warning
    assert "systemctl restart slipway-pgbouncer-shop.service" in warning
    assert host.done == []


def test_a_new_version_of_the_program_is_told(tmp_path: Path, host: Host) -> None:
    (tmp_path / "proc/77").mkdir(parents=True)
    (tmp_path / "proc/77/exe").symlink_to("/usr/sbin/pgbouncer (deleted)")
    assert pools.outdated(77, 1000.0, host.unit, tmp_path / "proc") == "a new version of PgBouncer"


@pytest.mark.parametrize("kind", ["unit", "configuration"])
def test_what_somebody_else_has_written_is_left_alone(kind: str, host: Host) -> None:
    (host.unit if kind == "unit" else host.folder / "shop.ini").write_text("mine\n")
    with pytest.raises(names.PgbouncerError, match="was not written by this role"):
        pools.refuse([SHOP], check=True)
