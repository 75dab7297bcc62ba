# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What happens to a host: reboots, killed processes, a full disk, a lost database, a clock.

The tests run in the file's order on one host.
"""

from __future__ import annotations

import pytest
import stops
from faults import DESCRIPTION, DOMAIN, App
from helpers import Visitor, wait_for
from load import BROWSERS, Seen
from strays import strays

pytestmark = pytest.mark.once("12")


def test_check_mode_finds_nothing_to_change(site: App) -> None:
    checked = site.project.good("--check", "--diff", "site.yml")
    assert (checked.count("changed"), checked.count("failed")) == (0, 0), checked.output


def master(app: App) -> str:
    """Return the process id of gunicorn's master in the live release."""
    return app.host.run(f"systemctl show -p MainPID --value harbour@{app.current()}")


@pytest.mark.fault("gunicorn's master killed")
def test_visitors_of_a_killed_master_wait_for_the_new_one(site: App, readers: Seen) -> None:
    """None of them is refused; the second that gunicorn takes to start is longer on a busy machine."""
    killed = master(site)
    wait_for(lambda: readers.sent > 10, seconds=60)
    site.host.run(f"kill -9 {killed}")
    assert site.answers()
    wait_for(lambda: master(site) not in ("0", killed), seconds=60)
    waited = readers.sent
    wait_for(lambda: readers.sent > waited + BROWSERS, seconds=60)  # whoever waited has been answered by then
    readers.all_served()


def test_killed_worker_harms_nobody_else(site: App) -> None:
    host, parent = site.host, master(site)
    workers = host.run(f"pgrep --parent {parent}").split()
    assert len(workers) == DESCRIPTION["workers"]
    host.run(f"kill -9 {workers[0]}")
    visitors = [Visitor(host, DOMAIN) for _ in range(50)]
    assert {one.get("/readyz").status for one in visitors} == {200}
    wait_for(lambda: len(set(host.run(f"pgrep --parent {parent}").split()) - {workers[0]}) == len(workers), seconds=60)
    assert master(site) == parent


SMALL_DISK = """
set -e
mkdir -p /mnt/small
mount -t tmpfs -o mode=750,size=$(($(du -sk /srv/harbour/venvs | cut -f1) * 11 / 10 + 3000))k tmpfs /mnt/small
cp -a /srv/harbour/venvs/. /mnt/small
mount --bind /mnt/small /srv/harbour/venvs
"""


@pytest.mark.fault("disk full in mid-build")
def test_disk_that_is_full_in_mid_build(site: App, readers: Seen) -> None:
    """The file system of the environments has room for what is there and 3 MB more."""
    host, before = site.host, site.current()
    site.headline("More than fits")
    site.describe(extra_packages=["colorama==0.4.6"])
    host.run(SMALL_DISK)
    try:
        failed = site.deploy()
        assert failed.code != 0
        assert "failed at stage 'build'" in failed.output, failed.output
        assert "No space left" in failed.output or "os error 28" in failed.output, failed.output
        assert (site.current(), strays(host)) == (before, [])
        assert site.history()[-1]["outcome"] == "failed"
    finally:
        host.run("umount /srv/harbour/venvs /mnt/small")
    site.deployed()
    assert "More than fits" in site.visitor().get("/").text
    readers.all_served()


@pytest.mark.fault("database stops in mid-migration")
def test_database_that_stops_in_mid_migration(site: App, readers: Seen) -> None:
    host, before = site.host, site.current()
    site.headline("After the flood")
    site.migration("0006", "0005", 'op.execute("SELECT pg_sleep(300)")')
    run = site.project.start("playbooks/deploy.yml")
    activity = "select 1 from pg_stat_activity where query ~ 'pg_sleep' and pid <> pg_backend_pid()"
    asleep = f'runuser -u postgres -- psql -Atc "{activity}" | grep -q 1'
    try:
        wait_for(lambda: host.ok(asleep), seconds=180)
        host.run("systemctl stop 'postgresql@*'")
        output, _ = run.communicate(timeout=180)
        assert run.returncode != 0
        assert "failed at stage 'migrate'" in output, output
        assert (site.current(), strays(host)) == (before, [])
    finally:
        host.run("systemctl start postgresql")
        run.kill()
    wait_for(site.answers, seconds=30)
    site.migration("0006", "0005")
    site.keep()
    site.deployed()
    assert "After the flood" in site.visitor().get("/").text
    readers.all_served()


@pytest.mark.fault("clock set back by a day")
def test_clock_that_is_set_back_between_deploys(site: App, readers: Seen) -> None:
    """The release engine's own clock: the host's can't be set without that of the machine that it runs on."""
    before = site.current()
    stops.install(site.host, ago=86_400)
    for title in ("Yesterday", "Yesterday too"):
        site.headline(title)
        site.deployed("-e", stops.INTERPRETER)
        assert title in site.visitor().get("/").text
    ids = [line["id"] for line in site.history()]
    assert ids == sorted(ids), "numbers grow, whatever the clock says"
    times = [line["started"] for line in site.history()]
    assert times != sorted(times), "the clock was set back"
    assert site.current() == ids[-1] > before
    site.project.good("playbooks/rollback.yml")
    assert site.current() == ids[-2]
    readers.all_served()


@pytest.mark.fault("reboot in mid-deploy")
def test_reboot_in_mid_deploy(site: App) -> None:
    """The host comes back with the release that it served before, and the next run clears up."""
    host, before = site.host, site.current()
    site.headline("After the reboot")
    site.describe(release_commands=["flask db upgrade", "sleep 300"])
    run = site.project.start("playbooks/deploy.yml")
    wait_for(lambda: host.ok("systemctl is-active --quiet 'harbour-release-*'"), seconds=180)
    host.stop()
    run.communicate(timeout=180)
    assert run.returncode != 0
    host.up()
    site.restore()  # a restarted look-alike has another address
    wait_for(site.answers, seconds=60)
    assert site.current() == before
    site.headline("After the reboot")
    site.deployed()
    assert "After the reboot" in site.visitor().get("/").text
    # Whether the run saw its command end before it was ended itself.
    assert site.history()[-2]["outcome"] in ("killed", "failed")
