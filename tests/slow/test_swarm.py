# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The sample app on a swarm of three nodes, under load: deployed, updated, taken back, by itself and by hand; a node that dies.

The tests run in the file's order.
"""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import engines
import pytest
import swarms
from helpers import Host, Project, Visitor, wait_for
from load import Load, Seen

pytestmark = pytest.mark.once("13")
PLACE = "/root/harbour"
KNOWN = "    known = known_revisions()\n"
BROKEN = '    return _not_ready(database="broken")\n'
MOST_LOST = 4
"""Requests that may be lost with a node that dies: one of each visitor."""


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[Host]]:
    with swarms.nodes("abc") as hosts:
        yield hosts


@pytest.fixture
def host(nodes: list[Host]) -> Host:
    """The host whose journal is shown when a test fails."""
    return nodes[0]


class Deploying:
    """Renders a version and runs deploy.sh on a manager."""

    def __init__(self, site: swarms.Site, swarm: swarms.Swarm, images: dict[str, str]) -> None:
        self.site, self.swarm, self.images = site, swarm, images
        self.confirmed = Counter[str]()

    def __call__(self, version: str, **changes: object) -> subprocess.CompletedProcess[str]:
        image = self.images[version]
        self.site.builds[image].result()
        self.site.render("swarm", self.site.stack, image, **changes)
        self.swarm.first.run(f"rm -rf {PLACE}")
        engines.copy(self.site.stack, self.swarm.first, PLACE)
        return self.run()

    def run(self, arguments: str = "") -> subprocess.CompletedProcess[str]:
        started = time.monotonic()
        done = self.swarm.first.ask(f"{PLACE}/deploy.sh {arguments}")
        print(f"deploy.sh {arguments}: {time.monotonic() - started:.1f} s\n{done.stdout}{done.stderr}")
        return done

    def release(self, version: str) -> str:
        return engines.release_of(self.images[version])


@pytest.fixture(scope="module")
def deploy(nodes: list[Host], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deploying]:
    """Three versions: the second has a migration, the third one never becomes healthy."""
    with ThreadPoolExecutor() as pool:
        joined = pool.submit(swarms.Swarm, nodes, swarms.registry(nodes[0]))
        builder = swarms.Builder(nodes[0])
        site = swarms.Site(
            tmp_path_factory.mktemp("app"), Project(tmp_path_factory.mktemp("project"), nodes[0]), builder
        )
        images = {"one": site.image("one")}
        site.migration("0006", "0005", "op.add_column('ships', sa.Column('note', sa.Text(), nullable=True))")
        images["two"] = site.image("two")
        site.edit("harbour/health/__init__.py", KNOWN, BROKEN + KNOWN)
        images["bad"] = site.image("bad")
        swarm = joined.result()
        list(pool.map(lambda node: node.run(f"docker pull --quiet {builder.registry}/servers:test"), nodes))
        yield Deploying(site, swarm, images)
    builder.pool.shutdown()


@contextmanager
def visitors(nodes: list[Host], pages: tuple[str, ...] = ()) -> Iterator[tuple[Load, Seen]]:
    load = Load(swarms.Front(nodes, swarms.DOMAIN), pages)  # type: ignore[arg-type]
    load.start()
    try:
        with load.window() as seen:
            wait_for(lambda: seen.sent > 10, 30)
            yield load, seen
    finally:
        load.stop()
    print(f"{seen.sent} requests, {len(seen.failures)} failed, releases {dict(seen.releases)}")


def once_each(deploy: Deploying, written: list[str]) -> None:
    """Require that each arrival that was confirmed is in the database, once; visitors of each test use the same names."""
    deploy.confirmed.update(written)
    rows = deploy.swarm.rows(
        "select s.name from port_calls c join ships s on s.id = c.ship_id where s.name like 'Ship %'"
    )
    found = Counter(rows)
    assert written and {name: found[name] for name in written if found[name] != deploy.confirmed[name]} == {}


def test_a_node_for_the_data_has_to_be_chosen(deploy: Deploying) -> None:
    refused = deploy("one")
    assert refused.returncode == 1
    assert "docker node update --label-add harbour.data=true NODE" in refused.stderr
    assert deploy.swarm.first.run("docker service ls --quiet") == ""


def test_the_site_is_served_by_every_node(deploy: Deploying) -> None:
    first = deploy.swarm.first
    first.run("docker node update --label-add harbour.data=true $(hostname)")
    done = deploy.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [
        "harbour: servers: postgres redis-queue",
        "harbour: migrations",
        "harbour: services: web worker summary nginx",
        f"harbour: {deploy.release('one')} serves",
    ]
    assert done.stderr == ""
    for node in deploy.swarm.nodes:
        answer = Visitor(node, swarms.DOMAIN).get("/readyz")
        assert (answer.status, answer.headers["X-Release"]) == (200, deploy.release("one")), answer.text


def test_the_same_again_changes_nothing(deploy: Deploying) -> None:
    before = deploy.swarm.tasks("web")
    done = deploy.run()
    assert "is deployed already" in done.stdout, done.stdout + done.stderr
    assert deploy.swarm.tasks("web") == before


def test_another_secret_rolls_what_uses_it(deploy: Deploying) -> None:
    before = {name: deploy.swarm.tasks(name) for name in ("web", "nginx")}
    with visitors(deploy.swarm.nodes, ("/", "/readyz")) as (_, seen):
        deploy.site.description["secrets"] = {"SECRET_KEY": "another-secret-of-32-characters-."}
        done = deploy("one")
        assert done.returncode == 0, done.stderr
    seen.all_served()
    assert deploy.swarm.tasks("web").isdisjoint(before["web"])
    assert deploy.swarm.tasks("nginx") == before["nginx"]


def test_an_update_with_a_migration_drops_no_request(deploy: Deploying) -> None:
    with visitors(deploy.swarm.nodes) as (load, seen):
        done = deploy("two")
        assert done.returncode == 0, done.stdout + done.stderr
        wait_for(lambda: seen.releases[deploy.release("two")] > 20, 30)
    seen.all_served()
    assert set(seen.releases) == {deploy.release("one"), deploy.release("two")}
    once_each(deploy, load.written)
    assert deploy.swarm.rows("select version_num from alembic_version") == ["0006"]


def test_rollback_drops_no_request_and_takes_all_services(deploy: Deploying) -> None:
    with visitors(deploy.swarm.nodes) as (load, seen):
        done = deploy.run("rollback")
        assert done.returncode == 0, done.stderr
        wait_for(lambda: seen.releases[deploy.release("one")] > 20, 30)
    assert f"back to {deploy.release('one')}" in done.stdout
    seen.all_served()
    assert deploy.swarm.releases() == {deploy.release("one")}
    once_each(deploy, load.written)


def test_a_version_that_never_becomes_healthy_goes_back_with_all_services(deploy: Deploying) -> None:
    with visitors(deploy.swarm.nodes) as (load, seen):
        done = deploy("bad")
    assert done.returncode == 1, done.stdout
    assert "web failed: all services go back" in done.stdout
    assert "was not deployed; the release before serves" in done.stderr
    seen.all_served()
    assert set(seen.releases) == {deploy.release("one")}
    assert deploy.swarm.releases() == {deploy.release("one")}
    once_each(deploy, load.written)


def test_a_failed_migration_changes_nothing(deploy: Deploying) -> None:
    before = deploy.swarm.tasks("web")
    done = deploy("two", environment={**engines.DESCRIPTION["environment"], "DB_POOL_SIZE": "none"})
    assert done.returncode == 1
    assert "the migrations failed, and nothing else was changed" in done.stderr
    assert "DB_POOL_SIZE must be a whole number" in done.stderr
    assert deploy.swarm.tasks("web") == before


def test_a_node_that_dies_takes_only_what_it_was_answering_with_it(deploy: Deploying) -> None:
    swarm = deploy.swarm
    left, lost = swarm.nodes[:2], swarm.nodes[2]
    with visitors(left) as (load, seen):
        subprocess.run(["podman", "kill", lost.name], check=True, capture_output=True)
        wait_for(lambda: lost.name not in (nodes := swarm.running("web")) and len(nodes) == 2, 90, 1)
        before = seen.sent
        wait_for(lambda: seen.sent > before + 30, 60)
    assert len(seen.failures) <= MOST_LOST, seen.failures
    once_each(deploy, load.written)
