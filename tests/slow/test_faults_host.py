# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Mistakes in the variables, and what happens to a host: reboots, killed processes, a full disk, a lost database, a clock.

The tests run in the file's order on one host: the mistakes come first, while it is bare.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import stops
from faults import DESCRIPTION, DOMAIN, App
from helpers import Host, Visitor, wait_for
from load import BROWSERS, Seen
from strays import strays

pytestmark = pytest.mark.once("12")


def duplicate_domain(app: dict[str, Any]) -> dict[str, Any]:
    return {"slipway_apps": [app, {**app, "name": "second"}]}


def misspelled_key(app: dict[str, Any]) -> dict[str, Any]:
    app["workes"] = app.pop("workers")
    return {"slipway_apps": [app]}


def no_secret_key(app: dict[str, Any]) -> dict[str, Any]:
    del app["secrets"]["SECRET_KEY"]
    return {"slipway_apps": [app]}


def no_source(app: dict[str, Any]) -> dict[str, Any]:
    app["source"]["path"] += "-that-is-not-there"
    return {"slipway_apps": [app]}


def small_disk(app: dict[str, Any]) -> dict[str, Any]:
    return {"slipway_apps": [app], "slipway_disk_mb": 10**9}


MISTAKES: list[tuple[Callable[[dict[str, Any]], dict[str, Any]], list[str]]] = [
    (duplicate_domain, ["domain", DOMAIN, "is listed 2 times"]),
    (misspelled_key, ["app 'harbour'", "'workes'", "did you mean 'workers'?"]),
    (no_secret_key, ["app 'harbour'", "SECRET_KEY is missing", "secrets.token_hex"]),
    (no_source, ["app 'harbour'", "source folder", "-that-is-not-there' does not exist"]),
    (small_disk, ["MB of disk is free", "1000000000 MB is needed", "slipway_disk_mb"]),
]


def traces(host: Host) -> str:
    """Return one line that is another one as soon as a package, a user or a file of the host's settings is."""
    return host.run(
        "dpkg -l | wc -l; getent passwd | wc -l;"
        "find /etc /srv /opt /usr/local /var/lib/apt -printf '%p %m %u %s %T@\\n' | sort | sha256sum"
    )


@pytest.mark.parametrize(("mistake", "said"), MISTAKES, ids=[mistake.__name__ for mistake, _ in MISTAKES])
def test_mistake_is_named_before_anything_is_changed(
    app: App, host: Host, mistake: Callable[[dict[str, Any]], dict[str, Any]], said: list[str]
) -> None:
    before = traces(host)
    right = {**copy.deepcopy(DESCRIPTION), "source": {"path": str(app.folder)}}
    app.project.write(mistake(right))
    refused = app.project.play("site.yml")
    app.describe()
    assert refused.code != 0
    assert refused.count("changed") == 0
    assert "Nothing was changed, because:" in refused.output
    assert [text for text in said if text not in refused.output] == [], refused.output
    assert DESCRIPTION["secrets"]["SECRET_KEY"] not in refused.output
    assert traces(host) == before


def test_wrong_type_of_a_roles_variable_is_named_before_anything_is_changed(app: App, host: Host) -> None:
    before = traces(host)
    refused = app.project.play("site.yml", "--extra-vars", "nginx_tls_hsts_seconds=two-years")
    assert "argument 'nginx_tls_hsts_seconds' is of type" in refused.output, refused.output
    assert refused.count("changed") == 0
    assert traces(host) == before


def test_root_password_is_enough_to_log_in(app: App, host: Host, tmp_path: Path) -> None:
    """A new VPS often has nothing else; what stops the run here is known from the host alone."""
    host.run(
        "echo root:correct-horse | chpasswd; printf 'PermitRootLogin yes\nPasswordAuthentication yes\n'"
        " >/etc/ssh/sshd_config.d/00-password.conf && systemctl reload ssh"
    )
    (tmp_path / "password").write_text("correct-horse\n")
    alone = "-o ControlPath=none -o IdentityAgent=none"
    variables = {"ansible_ssh_private_key_file": None, "ansible_ssh_extra_args": alone, "slipway_disk_mb": 10**9}
    asked = ("--connection-password-file", str(tmp_path / "password"))  # as --ask-pass, without a terminal
    stopped = app.project.play("playbooks/provision.yml", *asked, "--extra-vars", json.dumps(variables))
    host.run("rm /etc/ssh/sshd_config.d/00-password.conf; usermod --password '*' root; systemctl reload ssh")
    assert "1000000000 MB is needed" in stopped.output, stopped.output


# ---- a provisioned host -------------------------------------------------------------------------------------------


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
