# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A host that people have edited by hand: drift.yml names each edit, changes nothing, and shows no secret; doctor.yml tells a
host that is well from one that is not, before and after Slipway was there.

The tests run in the file's order on one host.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from helpers import Host, Play, Project, tiny_app

pytestmark = pytest.mark.once("13")

DRIFT, DOCTOR = "playbooks/drift.yml", "playbooks/doctor.yml"
SECRET = "0b9d4e1f7a2c4856b3d0e9f8a7c6d5e4"
EDITED = "edited-by-hand-5f1c"
HASHES = "find /etc /srv /opt /usr/local -xdev -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum"
NAMES = "find /etc /srv /opt /usr/local -xdev -printf '%p %m %u %g %l %T@\\n' | sort | sha256sum"
STATES = (
    "systemctl list-units --all --plain --no-legend 'shop*' 'nginx*' 'postgresql*' 'ssh*' | awk '{print $1, $3}' | sort"
)
RELEASE = "$(basename $(readlink /srv/shop/current))"
EDITS = {
    # What is done on the host -> the beginning of the line, with RELEASE for the id of the live release.
    "sed -i 's/^\\[Service\\]/[Service]\\nNice=5/' /etc/systemd/system/shop@.service":
        "/etc/systemd/system/shop@.service: 1 line differs: has `Nice=5`, should not have it",
    f"sed -i 's/Restart=.*/Restart=no/' /etc/systemd/system/shop.worker@{RELEASE}.service":
        "/etc/systemd/system/shop.worker@RELEASE.service: has a different value for Restart",
    "sed -i 's/client_max_body_size .*/client_max_body_size 99m;/' /etc/nginx/slipway/sites/shop.conf":
        "/etc/nginx/slipway/sites/shop.conf: ",
    "echo 'server {}' > /etc/nginx/slipway/sites/extra.conf":
        "/etc/nginx/slipway/sites/extra.conf: should not be there",
    f"sed -i 's/GREETING=.*/GREETING=\"{EDITED}\"/' /etc/shop/environment":
        "/etc/shop/environment: has a different value for GREETING (not shown: not world-readable)",
    f"echo 'MORE=\"{EDITED}\"' >> /etc/shop/releases/{RELEASE}/environment":
        "/etc/shop/releases/RELEASE/environment: has in addition MORE",
    "echo 'work_mem = 99MB' >> /etc/postgresql/17/main/conf.d/slipway.conf":
        "/etc/postgresql/17/main/conf.d/slipway.conf: 1 line differs: has `work_mem = 99MB`",
    "cd /; runuser -u postgres -- psql -qc \"ALTER SYSTEM SET autovacuum_naptime = '77s'\" -c 'SELECT pg_reload_conf()'":
        "PostgreSQL's autovacuum_naptime: is 77s by /var/lib/postgresql/17/main/postgresql.auto.conf",
    "sed -i 's/^PasswordAuthentication .*/PasswordAuthentication yes/' /etc/ssh/sshd_config.d/10-slipway.conf":
        "/etc/ssh/sshd_config.d/10-slipway.conf: 1 line differs: has `PasswordAuthentication yes`",
    "nft add rule inet slipway input tcp dport 3306 accept": "nftables, table inet slipway: differs",
    "sed -i '$a # by hand' /etc/slipway/firewall.nft": "/etc/slipway/firewall.nft: 1 line differs: has `# by hand`",
    f"echo '# by hand' >> /srv/shop/releases/{RELEASE}/src/shop.py":
        "the code of release RELEASE: differs from what was built: ",
    "touch /srv/shop/dump.sql": "/srv/shop/dump.sql: is not Slipway's",
    "mkdir -p /etc/systemd/system/nginx.service.d; printf '[Service]\\nNice=1\\n' > /etc/systemd/system/nginx.service.d/own.conf":
        "/etc/systemd/system/nginx.service.d/own.conf: is not Slipway's: it changes nginx.service",
    "chmod 0644 /etc/shop/environment": "/etc/shop/environment: ",
    "systemctl disable --quiet --now slipway-nginx-logs.timer": "slipway-nginx-logs.timer: does not run",
    "systemctl stop nginx": "nginx.service: does not run",
    f"systemctl stop shop.worker@{RELEASE}": "shop.worker@RELEASE.service: does not run: it is inactive",
    f"rm /etc/systemd/system/timers.target.wants/shop.digest@{RELEASE}.timer":
        "shop.digest@RELEASE.timer: is not enabled: it does not start at boot",
}  # fmt: skip


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    source = tmp_path_factory.mktemp("shop")
    (source / "requirements.txt").write_text("flask\n")
    (source / "shop.py").write_text(tiny_app("'hello'"))
    app = {
        "name": "shop", "domains": ["shop.example.org"], "source": {"path": str(source)}, "wsgi": "shop:app", "workers": 1,
        "environment": {"GREETING": "hello", "MAIL_SERVER": "localhost"}, "secrets": {"SECRET_KEY": SECRET},
        "release_commands": [], "watch_seconds": 1, "handover": "overlap",
        "processes": {
            "worker": {"command": "sleep infinity"}, "digest": {"command": "true", "schedule": "*-*-* 06:00"},
        },
    }  # fmt: skip
    # An update in the middle would change files as well.
    return {"slipway_apps": [app], "slipway_baseline": True, "slipway_updates": {"install": "none"}}


def examined(project: Project, *arguments: str) -> tuple[Play, dict[str, Any]]:
    """Return how doctor.yml ended and what it found of the host, check by check."""
    play = project.play(DOCTOR, "-e", "format=json", *arguments)
    (found,) = json.loads(play.output)["hosts"].values()
    assert found["error"] == ""
    return play, {check["check"]: check for check in found["checks"]}


def test_a_host_that_slipway_has_never_touched_is_examined(host: Host, project: Project) -> None:
    project.write({"slipway_apps": []})
    play, checks = examined(project)
    well = {name for name, check in checks.items() if not check["findings"] and not check["unknown"]}
    assert {"distribution", "clock", "units", "services", "reboot", "libraries", "certificates", "clocks"} <= well, (
        checks
    )
    # Disk and memory are this machine's own, and may be short.
    bad = {name for name, check in checks.items() for one in check["findings"] if one["level"] == "problem"}
    assert bad <= {"disk", "memory", "out of memory"}
    assert play.code == (2 if bad else 0)
    assert host.ok("! test -e /srv/shop && ! test -e /etc/slipway && ! test -e /var/cache/slipway")


def test_a_host_of_which_nothing_is_there_yet_differs_in_everything(
    host: Host, project: Project, variables: dict[str, Any]
) -> None:
    project.write(variables)
    play = project.play(DRIFT)
    assert play.code == 2, play.output
    assert f"{host.name}: package nginx: is not installed\n" in play.output
    assert host.ok("! test -e /srv/shop && ! test -e /etc/shop")


@pytest.fixture(scope="module")
def site(host: Host, project: Project, variables: dict[str, Any]) -> Host:
    project.write(variables)
    project.good("site.yml")
    return host


def test_a_host_as_site_yml_has_left_it_has_no_drift(site: Host, project: Project) -> None:
    play = project.play(DRIFT)
    assert (play.code, play.output) == (0, f"{site.name}: no difference\n"), play.output


@pytest.fixture(scope="module")
def edited(site: Host, project: Project) -> tuple[Host, Play, str]:
    """A host with all the edits, and what drift.yml says of it; nothing there may be another than before."""
    for edit in EDITS:
        site.run(edit)
    before = site.run(f"{HASHES}; {NAMES}; {STATES}")
    play = project.play(DRIFT)
    assert site.run(f"{HASHES}; {NAMES}; {STATES}") == before
    return site, play, site.run(f"echo {RELEASE}")


def test_what_differs_is_an_exit_code_of_its_own(edited: tuple[Host, Play, str]) -> None:
    assert edited[1].code == 2, edited[1].output


@pytest.mark.parametrize("edit", EDITS)
def test_a_hand_edit_is_found_and_named(edited: tuple[Host, Play, str], edit: str) -> None:
    host, play, release = edited
    assert f"\n{host.name}: {EDITS[edit].replace('RELEASE', release)}" in f"\n{play.output}"


def test_nothing_else_is_named_and_nothing_twice(edited: tuple[Host, Play, str]) -> None:
    host, play, release = edited
    lines = re.findall(rf"^{re.escape(host.name)}: (.+)$", play.output, re.MULTILINE)
    expected = [said.replace("RELEASE", release) for said in EDITS.values()]
    follows = (
        "slipway-nginx-logs.timer: is not enabled",
        "/etc/systemd/system/timers.target.wants/slipway-nginx-logs.timer",
        f"/etc/systemd/system/shop@{release}.service: lacks Nice",
    )
    assert [line for line in lines if not line.startswith((*expected, *follows))] == []
    assert len(lines) == len(set(lines))


def test_no_secret_is_ever_shown(project: Project, edited: tuple[Host, Play, str]) -> None:
    short, whole = edited[1], project.play(DRIFT, "-v", "--diff")
    assert "-Nice=5\n" in whole.output and "-Nice=5\n" not in short.output
    for output in (short.output, whole.output):
        assert SECRET not in output
        assert EDITED not in output


def test_what_is_wrong_is_told_with_what_to_do(project: Project, edited: tuple[Host, Play, str]) -> None:
    host, _, _ = edited
    play, checks = examined(project)
    assert play.code == 2
    (dns,) = checks["dns"]["findings"]
    assert dns["level"] == "problem"
    assert dns["says"] == "shop.example.org (shop) has no address in the DNS"
    assert host.address in dns["do"]
    assert "does not answer" in checks["https"]["findings"][0]["says"]
    assert {one["says"] for one in checks["services"]["findings"]} >= {
        "nginx.service starts at boot but is not running: somebody has stopped it"
    }
    assert checks["postgresql"]["findings"] == []
    assert "mail" in checks
    assert SECRET not in play.output


def test_postgresql_that_was_stopped_is_named_by_both(project: Project, edited: tuple[Host, Play, str]) -> None:
    host, _, _ = edited
    host.run("systemctl stop postgresql@17-main")
    try:
        play = project.play(DRIFT)
        _, checks = examined(project)
    finally:
        host.run("systemctl start postgresql@17-main")
    assert play.code == 2, play.output
    assert f"{host.name}: postgresql@17-main.service: does not run\n" in play.output
    assert checks["postgresql"]["findings"][0]["says"] == "PostgreSQL 17/main can't be reached: it does not run"


def test_a_host_that_site_yml_refuses_is_not_compared(project: Project, variables: dict[str, Any], site: Host) -> None:
    (app,) = variables["slipway_apps"]
    project.write({**variables, "slipway_apps": [{**app, "domains": ["no domain"]}]})
    play = project.play(DRIFT)
    assert play.code == 4, play.output
    assert f"{site.name}: not compared: " in play.output
    assert "'no domain'" in play.output
    project.write(variables)


def test_site_yml_and_the_removal_of_strays_end_the_drift(
    project: Project, variables: dict[str, Any], edited: tuple[Host, Play, str], tmp_path: Path
) -> None:
    host, _, release = edited
    host.run(
        "rm /srv/shop/dump.sql /etc/systemd/system/nginx.service.d/own.conf; systemctl daemon-reload; cd /tmp;"
        "runuser -u postgres -- psql -qc 'ALTER SYSTEM RESET autovacuum_naptime' -c 'SELECT pg_reload_conf()' >/dev/null"
    )
    source = Path(variables["slipway_apps"][0]["source"]["path"])
    (source / "shop.py").write_text(tiny_app("'hello again'"))
    project.good("site.yml")
    assert host.run(f"echo {RELEASE}") != release
    left = project.play(DRIFT)
    said = f"{host.name}: the code of release {release}: differs from what was built: changed content: shop.py\n"
    assert left.code == 2
    assert left.output.startswith(f"{said}\n"), (
        "a rollback would bring it back, and nothing else is left:\n" + left.output
    )
    host.run(f"sed -i '$d' /srv/shop/releases/{release}/src/shop.py")
    play = project.play(DRIFT)
    assert (play.code, play.output) == (0, f"{host.name}: no difference\n"), play.output
