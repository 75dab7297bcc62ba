# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A host is removed while it serves, and comes back on a bare one from a server that has its backups."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import machine
from helpers import Host, Project, Visitor, wait_for
from posting import NOTES, SHOP, Poster, Site, domain

pytestmark = pytest.mark.once("13")  # SFTP from pgBackRest 2.46 on

SOON = 120
MOST_LOST_SECONDS = 120
"""WAL is sent after 50 s at the latest; a busy machine takes its time for it."""


@pytest.fixture(scope="module")
def store(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    """An SFTP server that outlives the host, as a target of backups."""
    key = tmp_path_factory.mktemp("key") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public = key.with_suffix(".pub").read_text().strip()
    with machine("store", host.debian) as made:
        made.run(
            f"useradd -m keeper; mkdir -p ~keeper/.ssh; echo '{public}' >~keeper/.ssh/authorized_keys; chown -R keeper: ~keeper"
        )
        server = made.run("cat /etc/ssh/ssh_host_*_key.pub")
        yield {
            "host": made.address, "user": "keeper", "path": "/home/keeper", "key": key.read_text(), "host_key": server,
        }  # fmt: skip


def answers(host: Host, app: str) -> bool:
    return Visitor(host, domain(app)).get("/").status == 200


def refused_while_it_lives(host: Host, project: Project, folder: Path) -> None:
    """Require that no other machine takes the place of a host that serves, even if it writes nothing meanwhile."""
    folder.mkdir()
    with machine("new", host.debian) as made:
        other = Project(folder, Host(host.name, host.debian, made.facts))
        other.write(yaml.safe_load((project.folder / "group_vars/all.yml").read_text()))
        done = other.play("site.yml", "-e", "restore=latest")
        assert done.code and f"is still up: {host.address} answers with its certificate" in done.output, done.output
        assert not made.ok("test -e /var/lib/postgresql/*/main.restored")
    assert answers(host, "shop")


def killed(host: Host, project: Project) -> None:
    """Begin the restore of a bare host, and kill it on both sides while the database server's files come back."""
    process = project.start("site.yml", "-e", "restore=latest")
    wait_for(lambda: process.poll() is not None or host.ok("test -e /var/lib/postgresql/*/main.restored"), 600)
    os.killpg(process.pid, signal.SIGKILL)
    output, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL, output
    host.ask("pkill -KILL -x pgbackrest; pkill -KILL -x python3")
    assert host.ok("test -e /var/lib/postgresql/*/main.restored"), "it was not over yet"


def test_a_host_that_is_removed_comes_back_on_a_bare_one(
    host: Host, store: dict[str, object], project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = Site(tmp_path / "code", project, {"shop": SHOP, "notes": NOTES}, [{"sftp": store}])
    project.good("site.yml")
    assert site.post("notes", "kept") == 201
    site.back_up()
    refused_while_it_lives(host, project, tmp_path / "other")
    release, certificate = site.release("shop"), host.run("cat /etc/nginx/tls/shop/*.pem | sha256sum")
    (site.folder / "app.py").write_text("raise SystemExit('the source has become worse since')\n")
    with Poster(site, "shop") as poster:
        archived = "select coalesce(extract(epoch from last_archived_time), 0) from pg_stat_archiver"
        first = float(site.sql(archived, "postgres"))
        wait_for(lambda: len(poster.confirmed) > 50 and float(site.sql(archived, "postgres")) > first + 1, SOON)
        wait_for(lambda: time.time() - float(site.sql(archived, "postgres")) > 2, SOON)
        host.down()
        removed = time.time()
    confirmed = [one for one in poster.confirmed if one.ended < removed]
    host.up(new=True)
    site.describe()
    began = time.monotonic()
    killed(host, project)
    process = project.start("site.yml", "-e", "restore=latest")
    wait_for(lambda: process.poll() is not None or answers(host, "shop"), 600, every=0.5)
    seconds = time.monotonic() - began
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert f"shop on {host.name}: release {release} is live again, from the backups" in output
    rows = site.shown("shop")["rows"]
    lost = [one for one in confirmed if one.row not in rows]
    with capsys.disabled():
        back = re.findall(r"restored from its backups in .*", output)
        gone = removed - min((one.ended for one in lost), default=removed)
        print(
            f"\nfirst command, killed, to 200 of the second: {seconds:.1f} s; "
            f"lost {len(lost)} of {len(confirmed)} rows, the last {gone:.1f} s; {back}"
        )
    assert len(confirmed) > 50 and len(lost) < len(confirmed)
    assert not lost or removed - min(one.ended for one in lost) < MOST_LOST_SECONDS
    kept = [one.row in rows for one in confirmed]
    assert kept == sorted(kept, reverse=True)  # what is lost is the end, with no gap before it
    assert "kept" in site.shown("notes")["rows"] & site.shown("notes")["papers"]
    assert host.run("cat /etc/nginx/tls/shop/*.pem | sha256sum") == certificate
    goes_on(site)


def goes_on(site: Site) -> None:
    """Require that the host that came back is as any other: it takes in rows, archives, and can be restored from."""
    again = site.project.play("site.yml", "-e", "restore=latest")
    assert again.code and "this host already has data" in again.output
    assert site.post("shop", "after") == 201
    name = site.back_up()
    assert site.post("shop", "too late") == 201
    site.restored("shop", "-e", f"to={name}")
    rows = site.shown("shop")["rows"]
    assert "after" in rows and "too late" not in rows
    site.project.good("playbooks/status.yml")
