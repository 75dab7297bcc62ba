# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A site that has grown on one host, and whose database moves to a host of its own: as docs/fleet.md says it is done."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import yaml
from conftest import RELEASES, machine
from helpers import wait_for
from stock import image
from test_database_host import Fleet

pytestmark = pytest.mark.once("13")


class Grown(Fleet):
    """web1 alone at first; db1 comes later."""

    def inventory(self, *groups: str) -> None:
        self.describe()
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
