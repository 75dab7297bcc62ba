# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The sample app as pods, brought by the deploy.sh that is rendered for Kubernetes: a new version under load, and those that fail.

The pods, their Secrets, the Job, and kubectl are real; the API and its controllers are not (podman_node.py). The tests run in the
file's order.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import fake_cluster
import pods
import pytest
from helpers import Project, Visitor, wait_for
from load import Load
from podman_node import Cluster

pytestmark = pytest.mark.once("13")
TEMPLATE = "harbour/templates/board/index.html"
MIGRATION = "migrations/versions/{}_change.py"
CASES = [
    pytest.param({}, "division by zero", id="its-migration-fails"),
    pytest.param(
        {"health_path": "/nowhere"}, "failed: harbour-web; what was updated goes back", id="it-does-not-get-ready"
    ),
]


@pytest.fixture(scope="module")
def site(project: Project, tmp_path_factory: pytest.TempPathFactory) -> pods.Site:
    return pods.site(project, tmp_path_factory.mktemp("app"))


@pytest.fixture(scope="module")
def images(site: pods.Site) -> dict[str, str]:
    """Three versions: the second has another page and a column more, the third a migration that fails."""
    one = site.first()
    site.headline("Second")
    site.migration("0006", "0005", "op.add_column('ships', sa.Column('pilot', sa.String(40)))")
    two = site.changed(one, "two", TEMPLATE, MIGRATION.format("0006"))
    site.migration("0007", "0006", "op.execute('SELECT 1/0')")
    return {"one": one, "two": two, "three": site.changed(two, "three", MIGRATION.format("0007"))}


@pytest.fixture(scope="module")
def cluster(site: pods.Site, images: dict[str, str]) -> Iterator[Cluster]:
    gateway = site.host.run("ip route show default | cut -d' ' -f3")
    made = Cluster(site.host)
    with fake_cluster.serving(made, gateway) as config:
        pods.engines.put(site.host, pods.CONFIG, config)
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the app is written down, one version over the other."""
    return tmp_path_factory.mktemp("rendered") / "harbour"


@pytest.fixture
def load(site: pods.Site) -> Iterator[Load]:
    made = Load(site)
    made.start()
    yield made
    made.stop()


def schema(site: pods.Site) -> str:
    return site.host.psql("SELECT version_num FROM alembic_version", "pods")


def test_a_first_deploy_migrates_and_serves(
    site: pods.Site, images: dict[str, str], cluster: Cluster, folder: Path
) -> None:
    done = site.deploy(images["one"], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert schema(site) == "0005"
    visitor = Visitor(site.host, site.domain)
    page = visitor.get("/")
    assert page.status == 200 and page.headers["X-Release"], page
    assert visitor.get("/static/css/harbour.css").headers["Content-Type"].startswith("text/css")


def test_a_pod_may_do_nothing_but_serve(site: pods.Site, cluster: Cluster) -> None:
    container = cluster.web()

    def inside(command: str) -> bool:
        return site.host.ok(f"podman exec {container} {command}")

    assert site.host.run(f"podman exec {container} id -u") == "10001"
    assert site.host.run(f"podman exec {container} cat /app/src/{pods.FILE}") == pods.TEXT.strip()
    assert inside("touch /tmp/mine") and inside("touch /dev/shm/mine")
    assert not inside("touch /app/src/mine") and not inside("touch /etc/mine")
    status = site.host.run(f"podman exec {container} cat /proc/1/status")
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {facts[name] for name in ("CapPrm", "CapEff", "CapBnd")} == {"0" * 16}
    assert facts["NoNewPrivs"] == "1"


def test_workers_and_schedules_run_from_the_same_image(site: pods.Site, cluster: Cluster) -> None:
    told = f"redis-cli -p {pods.REDIS_PORT} -a {pods.PASSWORD} --no-auth-warning SCARD rq:workers"
    wait_for(lambda: site.host.run(told) == "1", 60)
    schedule = cluster.objects["cronjobs", "harbour-summary"]
    assert not cluster.fails({**schedule["spec"]["jobTemplate"], "kind": "Job", "metadata": {"name": "now"}}), (
        cluster.logs
    )
    assert site.host.psql("SELECT count(*) FROM summaries", "pods") == "1"


def test_a_new_version_replaces_the_old_one_under_load(
    site: pods.Site, images: dict[str, str], cluster: Cluster, folder: Path, load: Load
) -> None:
    with load.window() as seen:
        wait_for(lambda: sum(seen.releases.values()) > 20, 60)
        done = site.deploy(images["two"], folder)
        assert done.returncode == 0, done.stdout + done.stderr
        wait_for(lambda: seen.releases["two"] > 20, 60)
    load.stop()
    seen.all_served()
    assert len(seen.releases) == 2 and schema(site) == "0006"
    assert "Second" in Visitor(site.host, site.domain).get("/").text
    rows = site.host.psql(f"SELECT name FROM ships WHERE name LIKE 'Ship {os.getpid()}-%'", "pods").splitlines()
    assert sorted(rows) == sorted(load.written)
    print(f"a new version: {seen.sent} requests, {len(seen.failures)} failed, {dict(seen.releases)}")


@pytest.mark.parametrize(("changes", "told"), CASES)
def test_a_version_that_fails_leaves_the_one_before_it_serving(
    site: pods.Site,
    images: dict[str, str],
    cluster: Cluster,
    folder: Path,
    load: Load,
    changes: dict[str, str],
    told: str,
) -> None:
    with load.window() as seen:
        done = site.deploy(images["two" if changes else "three"], folder, health_timeout_seconds=4, **changes)
        assert done.returncode == 1 and told in done.stderr, done.stdout + done.stderr
        wait_for(lambda: seen.releases["two"] > 20, 60)
    seen.all_served()
    assert set(seen.releases) == {"two"} and schema(site) == "0006"
    assert site.host.run("podman ps --noheading --format '{{.Image}}' | sort --unique | grep harbour") == images["two"]
    print(f"{told}: {seen.sent} requests, {len(seen.failures)} failed")
