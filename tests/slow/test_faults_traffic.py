# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Deploys and rollbacks under load: no request fails, none is answered twice, and what is not kept is gone.

The tests run in the file's order on one host, with visitors all the time.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dense_posts
import pytest
from faults import DESCRIPTION, DOMAIN, KEEP_RELEASES, KEPT_SECONDS, App
from helpers import wait_for
from load import Load, Seen
from strays import strays

pytestmark = pytest.mark.usefixtures("load")


def times_sent(app: App) -> int:
    """Return how often the host was sent the code of a deploy."""
    calls = "journalctl --no-pager --output cat --identifier ansible-slipway.flask.release_on_host --grep Invoked"
    return int(app.host.run(f"{calls} | wc -l"))


@pytest.mark.fault("deploy")
def test_deploy(site: App, load: Seen) -> None:
    before, sent = site.current(), times_sent(site)
    site.headline("Ebb")
    done = site.deployed()
    assert times_sent(site) == sent, "the host has kept the code of the deploy before"
    assert "Ebb" in site.visitor().get("/").text
    load.all_served()
    assert {before, site.current()} <= set(load.releases), "both answered"
    assert f"release {site.current()} is live" in done.output


LONG_END = "/srv/harbour/shared/uploads/end-of-the-long-request"


@pytest.mark.once("13")
@pytest.mark.fault("deploy beside a long request, then at once a rollback")
def test_a_deploy_does_not_wait_for_a_long_request_and_a_rollback_does_not_cut_it_off(site: App, load: Seen) -> None:
    """The release before answers what it has begun; it starts again only when it has ended."""
    before = site.current()
    site.headline("Long haul")
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(lambda: site.visitor().get(f"/slow?until={LONG_END}"))
        try:
            begun = f"journalctl --unit harbour@{before} | grep 'waits for {LONG_END}'"
            wait_for(lambda: site.host.ok(begun), seconds=60)
            done = site.deployed()
            status = site.project.good("playbooks/status.yml").output
            assert not asked.done(), asked.result()
        finally:
            site.host.run(f"touch {LONG_END}")
        assert re.search(rf"{before} is draining: \d+ connections?, at most \d+ s more", done.output), done.output
        assert re.search(rf"{before} is draining: \d+ conn", status), status
        site.project.good("playbooks/rollback.yml")  # it still has its last seconds to go
        assert json.loads(asked.result().text)["release"] == before
    site.host.run(f"rm {LONG_END}")
    assert site.current() == before
    load.all_served()


@pytest.mark.once("12")
@pytest.mark.fault("deploy of changed dependencies")
def test_deploy_of_changed_dependencies(site: App, load: Seen) -> None:
    environments = site.host.run("ls /srv/harbour/venvs").split()
    site.describe(extra_packages=["colorama==0.4.6"])
    site.headline("Flood")
    site.deployed()
    assert len(set(site.host.run("ls /srv/harbour/venvs").split()) - set(environments)) == 1
    site.host.run("/srv/harbour/current/venv/bin/python -c 'import colorama'")
    load.all_served()


def environment_of(app: App) -> str:
    """Return the environment of gunicorn's master."""
    unit = f"harbour@{app.current()}"
    return app.host.run(f"tr '\\0' '\\n' </proc/$(systemctl show -p MainPID --value {unit})/environ")


@pytest.mark.fault("settings only, then rollback to the former ones")
def test_settings_alone_make_a_release_and_a_rollback_brings_the_former_ones_back(site: App, load: Seen) -> None:
    before, code = site.current(), site.host.run("cat /srv/harbour/current/release.json")
    site.describe(environment={**DESCRIPTION["environment"], "LOG_LEVEL": "WARNING"}, threads=5)
    site.project.good("site.yml")
    assert site.current() != before
    assert "LOG_LEVEL=WARNING" in environment_of(site)
    site.project.good("playbooks/rollback.yml")
    assert site.current() == before
    assert "LOG_LEVEL=WARNING" not in environment_of(site)
    assert site.host.run("cat /srv/harbour/current/release.json") == code
    assert site.history()[-1]["outcome"] == "rolled back"
    load.all_served()


@pytest.mark.once("12")
@pytest.mark.fault("changed unit, then rollback to the former one")
def test_a_changed_unit_leaves_what_runs_alone_and_a_rollback_brings_the_former_one_back(site: App, load: Seen) -> None:
    host, before = site.host, site.current()
    limit = f"systemctl show -p TasksMax --value harbour@{before}"
    was, process = host.run(limit), host.run(f"systemctl show -p MainPID --value harbour@{before}")
    variables = {"gunicorn_systemd_tasks_max": 333}
    site.project.good("playbooks/provision.yml", "-e", json.dumps(variables))
    assert (host.run(limit), host.run(f"systemctl show -p MainPID --value harbour@{before}")) == (was, process)
    site.deployed()
    assert host.run(f"systemctl show -p TasksMax --value harbour@{site.current()}") == "333"
    site.project.good("playbooks/rollback.yml")
    assert (site.current(), host.run(limit)) == (before, was)
    load.all_served()


@pytest.mark.once("13")
@pytest.mark.fault("rollback over a migration: refused, then with the schema")
def test_rollback_over_a_migration_is_refused_until_told_what_to_do(site: App, load: Seen) -> None:
    before = site.current()
    tonnage = 'op.add_column("ships", sa.Column("tonnage", sa.Integer()))', 'op.drop_column("ships", "tonnage")'
    site.migration("0006", "0005", *tonnage)
    site.deployed()
    newer, down = site.current(), ("playbooks/rollback.yml", "-e", "rollback_schema=downgrade")
    for refused, more in (
        (
            site.project.play("playbooks/rollback.yml"),
            ("the database is at 0006", "made for 0005", "rollback_schema=keep"),
        ),
        (site.project.play(*down), ("a statement of the downgrade would harm", "for this rollback")),
    ):
        assert refused.code != 0
        for said in ("ban-drop-column: it destroys", "allow_migrations=0006", *more):
            assert said in refused.output, refused.output
    assert site.current() == newer
    allowed = site.project.good(*down, "-e", "allow_migrations=0006")
    assert "the database as it was before is in" in allowed.output, allowed.output
    assert site.current() == before
    assert '"schema_revision":"0005"' in site.visitor().get("/readyz").text.replace(" ", "")
    load.all_served()


@pytest.mark.once("13")
@pytest.mark.fault("deploy on one core")
def test_deploy_on_one_core(site: App, load: Seen) -> None:
    """Every process of the host may use the first core only, and so may those that come after."""
    host = site.host
    everybody = "for task in /proc/[0-9]*; do taskset -acp {} ${{task##*/}} >/dev/null 2>&1; done; true"
    cores = host.run("nproc --all")
    host.run(everybody.format("0"))
    try:
        site.headline("One core")
        site.deployed()
        unit = f"harbour@{site.current()}"
        allowed = host.run(f"taskset -cp $(systemctl show -p MainPID --value {unit})")
        assert allowed.endswith(": 0"), allowed
    finally:
        host.run(everybody.format(f"0-{int(cores) - 1}"))
    load.all_served()


@pytest.mark.once("12")
@pytest.mark.fault("ten deploys in a row")
def test_ten_deploys_in_a_row_leave_as_many_releases_as_are_kept(site: App, load: Seen) -> None:
    host, sizes = site.host, list[int]()
    for turn in range(10):
        site.headline(f"Tide {turn}")
        site.describe(watch_seconds=0)
        site.deployed()
        sizes.append(int(host.run("du -sk /srv/harbour | cut -f1")))
    kept = host.run("ls /srv/harbour/releases").split()
    assert len(kept) == KEEP_RELEASES
    assert site.current() == kept[-1]
    assert "Tide 9" in site.visitor().get("/").text
    assert strays(host) == []
    assert sizes[-1] < 1.1 * sizes[KEEP_RELEASES], f"the space is not back: {sizes} KiB"
    load.all_served()


@contextmanager
def dense(app: App) -> Iterator[dict[str, Any]]:
    """Send POSTs without a pause while the block runs; what they met is known behind it."""
    go, met = "/run/dense-posts", dict[str, Any]()
    app.host.run(f"touch {go}")
    command = ["podman", "exec", "-i", app.host.name, "python3", "-", DOMAIN, go]
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert running.stdin
    running.stdin.write(Path(dense_posts.__file__).read_text())
    running.stdin.close()
    try:
        yield met
    finally:
        app.host.run(f"rm {go}")
        assert running.stdout
        met |= json.loads(running.stdout.read())
        running.wait()


@pytest.mark.fault("deploy under dense POST, a worker replaced every 300 requests")
def test_kept_connections_to_the_app_lose_nothing_and_leave_the_old_release_at_once(site: App, load: Seen) -> None:
    """nginx can't send a POST again that meets a connection just being closed."""
    fast = {"gunicorn_systemd_max_requests": 300, "gunicorn_systemd_max_requests_jitter": 30}
    site.describe(watch_seconds=4)
    site.project.good("site.yml", "-e", json.dumps(fast))
    before = site.current()
    site.headline("Spring tide")
    with dense(site) as met:
        site.deployed()
    after = site.current()
    assert met["failures"] == [] and set(met["statuses"]) == {"405"}
    assert met["statuses"]["405"] >= dense_posts.LEAST
    assert set(met["releases"]) == {before, after}
    replaced = f"journalctl --no-pager -u harbour@{before} -u harbour@{after} | grep -c 'Autorestarting worker'"
    assert int(site.host.run(replaced)) > 3
    switched = min(answered for _, answered in met["releases"][after])
    late = [asked - switched for asked, _ in met["releases"][before] if asked > switched + KEPT_SECONDS]
    assert late == [], "the old release was still asked after the switch"
    load.all_served()


def test_every_arrival_was_logged_once(visitors: Load) -> None:
    visitors.stop()
    visitors.answered_once()
