# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""On trial: has not passed on a host yet, so bin/test leaves it out; `pytest tests/slow/trial_kubernetes.py` runs it.

The sample app as pods, of what is rendered for Kubernetes: a new version under load, and back.

No cluster runs here: docs/kubernetes.md says what that leaves open. The tests run in the file's order.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import faults
import pods
import pytest
from helpers import Project, Visitor, wait_for
from load import Load

pytestmark = pytest.mark.once("13")
MIGRATIONS = "release_commands"
DOMAIN = faults.DOMAIN
FAILING = "op.execute(\"SELECT 1 / (CASE current_database() WHEN 'pods' THEN 0 ELSE 1 END)\")"
"""A migration that the database of the host takes, where the image is made, and that of the pods does not."""


@pytest.fixture(scope="module")
def site(project: Project, tmp_path_factory: pytest.TempPathFactory) -> pods.Site:
    made = pods.Site(tmp_path_factory.mktemp("app") / "harbour", project)
    made.describe()
    project.good("site.yml")
    made.prepare()
    pods.certificate(made.host, DOMAIN)
    return made


@pytest.fixture(scope="module")
def images(site: pods.Site) -> dict[str, str]:
    """Three versions: the next has another page and a column more, the last a migration that fails."""
    made = {"one": site.image("one")}
    site.headline("Second")
    site.migration("0006", "0005", "op.add_column('ships', sa.Column('pilot', sa.String(40)))")
    made["two"] = site.image("two")
    site.migration("0007", "0006", FAILING)
    made["bad"] = site.image("bad")
    return made


@pytest.fixture(scope="module")
def one(site: pods.Site, images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> pods.Release:
    return pods.Release(site, "one", images["one"], tmp_path_factory.mktemp("one") / "harbour")


@pytest.fixture(scope="module")
def two(site: pods.Site, images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> pods.Release:
    return pods.Release(site, "two", images["two"], tmp_path_factory.mktemp("two") / "harbour")


@pytest.fixture
def load(site: pods.Site) -> Iterator[Load]:
    made = Load(site)
    made.start()
    yield made
    made.stop()


def test_migrations_come_first_and_say_what_they_did(one: pods.Release) -> None:
    status, said = one.job(one.one("Job", MIGRATIONS))
    assert status == 0, said
    assert one.host.psql("SELECT version_num FROM alembic_version", "pods") == "0005"
    again, said = one.job(one.one("Job", MIGRATIONS))
    assert again == 0, said


def test_a_pod_serves_what_a_host_serves(site: pods.Site, one: pods.Release) -> None:
    site.host.run("systemctl stop nginx")
    one.web()
    one.visited()
    visitor = Visitor(site.host, DOMAIN)
    page = visitor.get("/")
    assert (page.status, page.headers["X-Release"]) == (200, one.release)
    assert visitor.get("/static/css/harbour.css").headers["Content-Type"].startswith("text/css")


def test_a_pod_may_do_nothing_but_serve(one: pods.Release) -> None:
    def inside(command: str) -> bool:
        return one.host.ok(f"podman exec {one.container} {command}")

    assert one.host.run(f"podman exec {one.container} id -u") == "10001"
    assert inside("touch /tmp/mine") and inside("touch /dev/shm/mine")
    assert not inside("touch /app/src/mine") and not inside("touch /etc/mine")
    status = one.host.run(f"podman exec {one.container} cat /proc/1/status")
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {facts[name] for name in ("CapPrm", "CapEff", "CapBnd")} == {"0" * 16}
    assert facts["NoNewPrivs"] == "1"


def test_workers_and_schedules_run_from_the_same_image(one: pods.Release) -> None:
    one.play(one.one("Deployment", "worker"))
    told = f"redis-cli -p {pods.REDIS_PORT} -a {pods.PASSWORD} --no-auth-warning SCARD rq:workers"
    wait_for(lambda: one.host.run(told) == "1", 60)
    schedule = one.one("CronJob", "summary")
    run = {**schedule["spec"]["jobTemplate"], "apiVersion": "batch/v1", "kind": "Job"}
    run["metadata"] = {**run["metadata"], "name": "summary-now"}
    status, said = one.job(run)
    assert status == 0, said
    assert one.host.psql("SELECT count(*) FROM summaries", "pods") == "1"


def test_a_new_version_under_load_and_back(site: pods.Site, one: pods.Release, two: pods.Release, load: Load) -> None:
    """What a Deployment with `maxUnavailable: 0` does: the new pod first, then visitors, then the old one may finish."""
    with load.window() as seen:
        status, said = two.job(two.one("Job", MIGRATIONS))
        assert status == 0, said
        two.web()
        wait_for(lambda: seen.releases[one.release] > 20, 60)
        two.visited()
        wait_for(lambda: seen.releases[two.release] > 20, 60)
        one.stop()
        assert "Second" in Visitor(site.host, DOMAIN).get("/").text
    seen.all_served()
    assert set(seen.releases) == {one.release, two.release}
    print(f"a new version: {seen.sent} requests, {len(seen.failures)} failed, {dict(seen.releases)}")
    with load.window() as seen:
        one.web()
        one.visited()
        wait_for(lambda: seen.releases[one.release] > 20, 60)
        two.stop()
    seen.all_served()
    print(f"back again: {seen.sent} requests, {len(seen.failures)} failed, {dict(seen.releases)}")


def test_a_migration_that_fails_ends_its_job_with_the_reason(
    site: pods.Site, images: dict[str, str], one: pods.Release, tmp_path: Path
) -> None:
    bad = pods.Release(site, "bad", images["bad"], tmp_path / "harbour")
    status, said = bad.job(bad.one("Job", MIGRATIONS))
    assert status != 0 and "division by zero" in said, said
    assert site.host.psql("SELECT version_num FROM alembic_version", "pods") == "0006"
    assert Visitor(site.host, DOMAIN).get("/").headers["X-Release"] == one.release
