# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A site that has grown on one host, and whose database moves to a host of its own: as docs/fleet.md says it is done."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import yaml
from backup_site import BACKUPS
from conftest import RELEASES, machine
from helpers import wait_for
from stock import image
from test_database_host import Fleet

pytestmark = pytest.mark.once("13")


class Grown(Fleet):
    """web1 alone at first; db1 comes later."""

    def inventory(self, *groups: str) -> None:
        self.describe()
        of_database = yaml.safe_load((self.folder / "group_vars/db.yml").read_text())
        of_database["slipway_backups"] = {**BACKUPS, "to": [{"path": "/mnt/backups"}]}
        (self.folder / "group_vars/db.yml").write_text(yaml.safe_dump(of_database))
        whole = yaml.safe_load((self.folder / "hosts.yml").read_text())
        whole["web"]["hosts"].pop("web2", None)
        (self.folder / "hosts.yml").write_text(yaml.safe_dump({name: whole[name] for name in groups}))


@pytest.fixture(scope="module", params=RELEASES)
def grown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grown]:
    with ExitStack() as stack:
        stocked = image(request.param)
        hosts = {
            name: stack.enter_context(machine(f"dbm-{name}", request.param, made_of=stocked))
            for name in ("web1", "db1")
        }
        hosts["web2"] = hosts["web1"]
        hosts["db1"].run("mkdir -p /mnt/backups")
        made = Grown(tmp_path_factory.mktemp("grown"), hosts)
        yield made
        shutil.rmtree(made.sockets, ignore_errors=True)


def test_the_data_comes_along(grown: Grown) -> None:
    grown.inventory("web")
    grown.good("site.yml")
    for _ in range(3):
        grown.ask("web1", "/orders", post=True)

    grown.inventory("web", "db")
    refused = grown.play("site.yml")
    assert refused.code != 0
    said = " ".join(refused.output.split())
    assert "the inventory has the database on db1, where it would be empty" in said
    assert "-e moved=shop" in said
    assert grown.ask("web1", "/orders")["count"] == 3, "it serves as before"

    grown.inventory("web")
    grown.good("playbooks/maintenance.yml", "-e", "app=shop", "-e", "state=on")
    exports = grown.folder / "exports"
    grown.good("playbooks/export.yml", "-e", "app=shop", "-e", f"to={exports}")
    (dump,) = exports.glob("*.dump")
    grown.inventory("web", "db")
    grown.good("site.yml", "-e", "moved=shop")
    grown.good("playbooks/import.yml", "-e", "app=shop", "-e", f"dump={dump}", "-e", "import_schema=keep")
    grown.good("playbooks/maintenance.yml", "-e", "app=shop", "-e", "state=off")

    wait_for(lambda: grown.ask("web1", "/orders")["count"] == 3, seconds=20)
    grown.ask("web1", "/orders", post=True)
    assert grown.hosts["db1"].psql("SELECT count(*) FROM orders", "shop") == "4"
    assert grown.hosts["web1"].psql("SELECT count(*) FROM orders", "shop") == "3", "the old one stays as it was"
    assert grown.good("site.yml").count("changed") == 0, "and nobody has to say `moved` again"


def test_it_goes_back_to_a_moment_by_the_backups_of_the_database_host(grown: Grown) -> None:
    grown.inventory("web", "db")
    exports = grown.folder / "past"
    grown.good("playbooks/backup.yml", "--limit", "db1")
    moment = grown.hosts["db1"].run("sleep 1.1; date -u '+%Y-%m-%d %H:%M:%S'; sleep 1.1")
    before = grown.ask("web1", "/orders")["count"]
    for _ in range(2):
        grown.ask("web1", "/orders", post=True)
    refused = grown.play("playbooks/restore.yml", "-e", "app=shop", "-e", f'{{"to": "{moment}"}}', "-e", "yes=true")
    assert refused.code != 0
    assert "its database is on db1, for all hosts that run the app" in " ".join(refused.output.split())
    grown.good("playbooks/export.yml", "-e", "app=shop", "-e", f"to={exports}", "-e", f'{{"at": "{moment}"}}')
    assert grown.ask("web1", "/orders")["count"] == before + 2, "an export changes nothing"
    (dump,) = exports.glob("*.dump")
    more = ("-e", "replace=true", "-e", "import_schema=keep")
    grown.good("playbooks/import.yml", "-e", "app=shop", "-e", f"dump={dump}", *more)
    wait_for(lambda: grown.ask("web1", "/orders")["count"] == before, seconds=20)
