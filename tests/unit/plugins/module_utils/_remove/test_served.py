# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a database host has of an app of other hosts: who gets in, by pg_hba.conf and by the firewall, and what of it goes."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._access import firewall_rules
from ansible_collections.slipway.flask.plugins.module_utils._postgres import network, passwords, replica
from ansible_collections.slipway.flask.plugins.module_utils._postgres.names import Cluster, PostgresError
from ansible_collections.slipway.flask.plugins.module_utils._postgres.settings import hba_text
from ansible_collections.slipway.flask.plugins.module_utils._remove import journal, look, served
from ansible_collections.slipway.flask.plugins.module_utils._remove.databases import Databases
from ansible_collections.slipway.flask.plugins.module_utils._remove.error import RemoveError

WEB1, WEB2, STANDBY = "10.0.0.11", "10.0.0.12", "10.0.0.22"


def client(app: str, *addresses: str) -> dict[str, Any]:
    return {"database": app, "user": app, "addresses": list(addresses)}


def rules(*allowed: str, own: str = "") -> str:
    allow = [{"ports": "5432", "protocol": "tcp", "from": [own]}] if own else []
    allow += [{"ports": "5432", "protocol": "tcp", "from": list(allowed)}] if allowed else []
    return firewall_rules.text({"ports": [80], "http3": False, "allow": allow}, [22])


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A server for shop and blog on two hosts, with a standby, behind the firewall."""
    monkeypatch.setattr(Cluster, "folder", property(lambda self: tmp_path))
    lines = network.rules([client("shop", WEB1, WEB2, "fd00::11"), client("shop-eu", WEB1), client("blog", WEB1)])
    standby = replica.primary_rules([{"name": "db2", "address": STANDBY}])
    (tmp_path / "pg_hba.conf").write_text(hba_text([*standby, *lines]))
    (tmp_path / "pg_hba.conf").chmod(0o640)
    monkeypatch.setattr(served.firewall_unit, "RULES", str(tmp_path / "rules"))
    monkeypatch.setattr(served.firewall_unit, "GOOD", str(tmp_path / "good"))
    for name in ("rules", "good"):
        (tmp_path / name).write_text(rules(WEB1, WEB2, STANDBY, "fd00::11"))
    monkeypatch.setattr(served.firewall, "nft", lambda *_, text="": subprocess.CompletedProcess([], 0, "", ""))
    monkeypatch.setattr(served.systemd, "systemctl", lambda *_: subprocess.CompletedProcess([], 0, "", ""))
    monkeypatch.setattr(served.names, "psql", lambda *_: "1.5\n")
    monkeypatch.setattr(served.server, "reload", lambda cluster, loaded: None)
    return Cluster("17", "main", 5432, True, "")


def test_the_hosts_of_an_app_are_those_that_its_lines_let_in(cluster: Cluster) -> None:
    assert served.clients("shop", cluster) == [f"{WEB1}/32", f"{WEB2}/32", "fd00::11/128"]
    assert served.clients("shop-eu", cluster) == [f"{WEB1}/32"]
    assert served.clients("sho", cluster) == served.clients("shop", None) == []


def test_an_app_is_shut_out_and_no_other_one(cluster: Cluster, tmp_path: Path) -> None:
    served.close("shop", cluster)
    hba = (tmp_path / "pg_hba.conf").read_text()
    assert hba == hba_text(
        [
            *replica.primary_rules([{"name": "db2", "address": STANDBY}]),
            *network.rules([client("shop-eu", WEB1), client("blog", WEB1)]),
        ]
    )
    assert stat.S_IMODE((tmp_path / "pg_hba.conf").stat().st_mode) == 0o640
    for name in ("rules", "good"):  # web1 has blog, db2 follows
        assert (tmp_path / name).read_text() == rules(WEB1, STANDBY)
    assert served.close("shop", cluster) == []


def test_rules_that_the_server_does_not_take_leave_the_file_as_it_was(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reload(*_: Any) -> None:
        raise PostgresError("no")

    monkeypatch.setattr(served.server, "reload", reload)
    before = (tmp_path / "pg_hba.conf").read_text()
    with pytest.raises(RemoveError, match="without the app: no"):
        served.close("shop", cluster)
    assert (tmp_path / "pg_hba.conf").read_text() == before


@pytest.mark.parametrize(
    ("allowed", "gone", "left"),
    [
        ((WEB1,), [WEB1], ()),
        (("10.0.0.10", WEB1, WEB2), [WEB1], ("10.0.0.10", WEB2)),  # the first two are one network in the file
        ((WEB1, "fd00::11"), ["fd00::11/128"], (WEB1,)),
        ((WEB1,), ["10.0.0.99"], (WEB1,)),
    ],
)
def test_the_firewall_without_hosts_is_as_if_they_had_never_been(
    allowed: tuple[str, ...], gone: list[str], left: tuple[str, ...]
) -> None:
    assert served.without(rules(*allowed), gone) == rules(*left)


def test_what_a_person_has_allowed_stays(cluster: Cluster) -> None:
    assert served.without(rules(WEB1, own="192.0.2.0/24"), [WEB1]) == rules(own="192.0.2.0/24")


def test_an_app_host_knows_where_its_database_is_and_says_no_password(tmp_path: Path) -> None:
    tail = f"sslmode=verify-full&passfile={passwords.FOLDER}/shop.pgpass"
    url = f"://shop@10.0.0.21:5432/shop?{tail}"
    (tmp_path / "environment").write_text(f'DATABASE_URL="postgresql+psycopg{url}"\n')
    assert served.url_of("shop", [tmp_path / "nowhere", tmp_path]) == f"postgresql{url}"
    assert served.url_of("sho", [tmp_path]) == ""
    (tmp_path / "environment").write_text('DATABASE_URL="postgresql://shop:secret@db.example.com/shop"\n')
    assert served.url_of("shop", [tmp_path]) == ""


# ---- what a look finds on such a host --------------------------------------------------------------------------


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host that runs no app; whatever claims the database is told what the server has."""
    monkeypatch.setattr(journal, "FOLDER", tmp_path / "removed")
    monkeypatch.setattr(passwords, "FOLDER", tmp_path / "passwords")
    monkeypatch.setattr(passwords.path_of, "__defaults__", (tmp_path / "passwords",))
    monkeypatch.setattr(look.services, "is_ours", lambda app: False)
    for name in ("accounts_of", "folders", "loaded", "strangers", "writable"):
        monkeypatch.setattr(look.services, name, lambda *_: [])
    monkeypatch.setattr(look.services, "writers", lambda app: set())
    for name in ("domains", "logs", "files"):
        monkeypatch.setattr(look.site, name, lambda app: [])
    monkeypatch.setattr(look.backups, "saved", lambda app: {})
    monkeypatch.setattr(look.backups, "stay", lambda *_: [])
    monkeypatch.setattr(look.databases, "cluster_of", lambda wanted: Cluster("17", "main", 5432, True, ""))
    monkeypatch.setattr(look.served, "is_standby", lambda cluster: False)
    monkeypatch.setattr(look.served, "clients", lambda app, cluster: [f"{WEB1}/32"] if cluster else [])

    def server(app: str, claimed: set[str], wanted: str = "") -> Databases:
        return Databases("17/main", {app: 8}, urls=["postgresql:///shop"]) if "postgres" in claimed else Databases()

    monkeypatch.setattr(look.databases, "look", server)
    return tmp_path


def test_a_host_that_has_only_the_database_says_so_and_has_nothing_to_export(bare: Path) -> None:
    assert not look.Look("shop").found().told()["there"]
    (bare / "passwords").mkdir()
    (bare / "passwords/shop.password").write_text("secret\n")
    told = look.Look("shop").found().told()
    assert (told["there"], told["serves"], told["runs"], told["urls"]) == (True, True, False, [])
    assert told["clients"] == [f"{WEB1}/32"]
    items = [what for what, _ in told["items"]]
    assert items[:3] == ["PostgreSQL's database shop", "PostgreSQL's role shop", f"access to it from {WEB1}/32"]
    assert "secret" not in str(told)
    assert not look.Look("blog").found().told()["there"]


def test_a_standby_has_nothing_of_its_own(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bare / "passwords").mkdir()
    (bare / "passwords/shop.password").write_text("of the time when it was the primary\n")
    monkeypatch.setattr(look.served, "is_standby", lambda cluster: True)
    found = look.Look("shop").found()
    assert (found.journal.databases, found.journal.cluster, found.clients) == ([], "", [])
    assert "its database is a copy of the primary's, with which it goes" in found.notes


def test_an_edge_has_the_site_alone(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look.site, "files", lambda app: [Path("/etc/nginx/slipway/sites/shop.conf")])
    monkeypatch.setattr(look.site, "domains", lambda app: ["shop.example.org"])
    told = look.Look("shop").found().told()
    assert (told["there"], told["serves"], told["runs"]) == (True, False, False)
    assert [what for what, _ in told["items"]] == ["its site (shop.example.org)"]
