# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app goes with all that it has, a hostile one too, while another one serves beside it; and code that was changed is found.

Two apps of the same code are on one host: harbour goes, pier stays. The tests run in the file's order.
"""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

import backup_site
import faults
import pytest
from acme_shop import HASH
from helpers import Host, Play, Project, Visitor, Watch, wait_for

pytestmark = pytest.mark.once("13")

PIER, PIER_DOMAIN = "pier", "pier.example.org"
QUIET: dict[str, Any] = {"health_timeout_seconds": 60, "workers": 1, "watch_seconds": 0}
NOTES = "/var/lib/harbour-notes"
TARGET = backup_site.TARGETS[0]
BACKUPS: dict[str, Any] = {**backup_site.BACKUPS, "to": [{"path": TARGET}]}
UPLOADS = "/srv/harbour/shared/uploads"
ELSEWHERE = "/opt/elsewhere"
REMOVE = ("playbooks/remove.yml", "-e", "app=harbour")
GATE = "/etc/nginx/acme/settings.json"
"""A pipe in its place holds the removal up between the data and the units: root reads it, and nobody writes."""
SERVERS = "systemctl show --property=Id,MainPID nginx.service 'postgresql@*'"
EVERYTHING = """
ls /etc/systemd/system /etc/systemd/system/*.wants /srv /etc/harbour /etc/nginx/slipway/* /etc/nginx/tls /var/log/nginx
ls /var/lib/slipway* /etc/slipway* /var/cache/slipway /var/lib/systemd/timers; getent passwd; getent group
runuser -u postgres -- psql -Atc 'select datname from pg_database order by 1' -c 'select rolname from pg_roles order by 1'
systemctl list-units --plain --no-legend --state=active --type=service,timer 'harbour*' 'slipway-*harbour*' | cut -d' ' -f1
"""


class Site(faults.App):
    """Harbour with all that an app can have, pier plain."""

    def describe(self, *names: str, pier_domains: tuple[str, ...] = (PIER_DOMAIN,)) -> None:
        source = {"source": {"path": str(self.folder)}}
        harbour = {
            **faults.DESCRIPTION, **QUIET, **source, "database_pool": "pgbouncer", "database_pool_size": 4, "redis": "local",
            "writable_paths": [NOTES], "processes": {"tick": {"command": "true", "schedule": "*:*:0/10"}},
            "access": [{"path": "/machines/", "basic_auth": {"ann": HASH}}],
        }  # fmt: skip
        folder = "/srv/pier/shared/uploads"
        pier = {
            **faults.DESCRIPTION, **QUIET, **source, "name": PIER, "domains": list(pier_domains),
            "environment": {"PROXY_HOPS": 1, "UPLOAD_FOLDER": folder},
        }  # fmt: skip
        apps = [one for one in (harbour, pier) if one["name"] in (names or ("harbour", PIER))]
        self.project.write({"slipway_apps": apps, "slipway_backups": BACKUPS})

    def remove(self, *arguments: str) -> Play:
        return self.project.play(*REMOVE, *arguments)

    def snapshots(self, app: str) -> int:
        """Return how many snapshots of an app the target has, as the host's own restic sees them."""
        name = self.host.name
        found = self.host.run(
            f"RESTIC_PASSWORD_FILE=/etc/slipway/backup/passphrase restic -r {TARGET}/{name}/restic snapshots --no-lock --json "
            f"--tag app:{app} | grep -o '\"short_id\"' | wc -l"
        )
        return int(found)


def words(play: Play) -> str:
    return " ".join(play.output.split())


@pytest.fixture(scope="module")
def app(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(tmp_path_factory.mktemp("app") / "harbour", project)
    made.host.run(f"mkdir -p {TARGET}")
    made.describe()
    project.good("site.yml")
    project.good("playbooks/backup.yml")
    made.host.psql("insert into ships (name, flag, created_at) values ('Last one', 'NO', now())", "harbour", "harbour")
    return made


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exports")


def test_an_app_that_left_the_list_is_named_with_what_removes_it(app: Site) -> None:
    app.describe(PIER)
    told = "the app 'harbour' is set up on the host but not in slipway_apps: its service runs"
    refused, status = app.project.play("site.yml"), app.project.good("playbooks/status.yml")
    assert refused.code != 0
    for play in (refused, status):
        assert told in words(play), play.output
        assert "`ansible-playbook playbooks/remove.yml -e app=harbour`" in words(play), play.output


def test_the_list_is_shown_and_nothing_changes_before_somebody_says_yes(app: Site, exports: Path) -> None:
    host = app.host
    before = host.ask(EVERYTHING).stdout
    shown, refused = app.remove("--check", "-e", f"to={exports}"), app.remove("-e", f"to={exports}")
    other = app.project.good("playbooks/remove.yml", "-e", "app=root", "-e", "yes=true")
    assert "root on" in other.output and "there is nothing of it" in other.output
    assert (shown.code, shown.count("changed")) == (0, 1), shown.output
    for what in (
        "its site (harbour.example.org)", "PostgreSQL's database harbour", "PostgreSQL's role harbour", "/srv/harbour", NOTES,
        "/etc/harbour", "/etc/nginx/tls/harbour", "log files in /var/log/nginx", "its user harbour (uid", "harbour-queue",
        "harbour.tick@", "slipway-pgbouncer-harbour.service",
    ):  # fmt: skip
        assert what in shown.output, shown.output
    assert re.search(r"\d MB  /srv/harbour$", shown.output, re.MULTILINE), shown.output
    assert "pgBackRest can't remove one database from them" in shown.output
    assert refused.code != 0
    assert "Say -e yes=true to remove harbour" in words(refused), refused.output
    assert host.ask(EVERYTHING).stdout == before
    assert list(exports.iterdir()) == []


def hostile(host: Host) -> None:
    """Do what an app can that means harm: links out, a way down, a process outside of its service, files elsewhere."""
    host.run(
        f"mkdir -p {ELSEWHERE} /var/tmp/harbours && cd {UPLOADS} && ln -s /srv/pier pier && ln -s /etc etc && ln -s / root &&"
        f" echo kept > kept && chown -hR harbour:harbour . && echo roots > {ELSEWHERE}/roots &&"
        f" install -o harbour -g harbour -m 4755 /bin/true {ELSEWHERE}/tool && install -o harbour /dev/null /tmp/harbours &&"
        " echo roots > /var/tmp/harbours/roots && chown harbour /var/tmp/harbours && chmod 777 /var/tmp/harbours &&"
        " mkdir -p /var/spool/cron/crontabs && echo '* * * * * true' > /var/spool/cron/crontabs/harbour"
    )
    host.run(
        "cat > /tmp/stubborn <<'EOF'\n"
        "import os, pwd, signal, sys, time\n"
        "who = pwd.getpwnam('harbour')\n"
        "os.setgid(who.pw_gid), os.setuid(who.pw_uid), os.setsid()\n"
        "for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(number, signal.SIG_IGN)\n"
        "os.fork()\n"
        "while True: time.sleep(1)\n"
        "EOF\n"
        "python3 /tmp/stubborn > /dev/null 2>&1 < /dev/null &"
    )
    wait_for(lambda: host.ok("pgrep -u harbour -f /tmp/stubborn"), 60)


def test_a_removal_that_is_killed_half_way_goes_on_and_nobody_else_notices(app: Site, exports: Path) -> None:
    host = app.host
    hostile(host)
    before = host.run(SERVERS), host.run("find /srv/pier /etc/pier -printf '%p %u %m %s\\n' | sort | sha256sum")
    host.run(f"mkdir -p {os.path.dirname(GATE)} && mkfifo {GATE}")
    with Watch(Visitor(host, PIER_DOMAIN), "/readyz") as watch:
        first = app.project.start(*REMOVE, "-e", "yes=true", "-e", f"to={exports}")
        try:
            wait_for(lambda: host.ok("! test -e /srv/harbour && pgrep -x python3 -u root"), 300)
        finally:
            os.killpg(first.pid, signal.SIGKILL)
            first.wait()
            # Else whoever reads it on this host, status.yml for example, waits forever.
            host.ask(f"pkill -KILL -x python3 -u root; rm {GATE}")
        wait_for(lambda: not host.ok("pgrep -x python3 -u root"), 60)
        files = sorted(path.name for path in exports.iterdir())
        status = app.project.play("playbooks/status.yml")
        app.describe()
        refused = app.project.play("site.yml")
        second = app.remove("-e", "yes=true", "-e", f"to={exports}")
    assert watch.failures == []
    assert "its removal, begun" in words(status) and "has not finished" in words(status), status.output
    assert refused.code != 0 and "has not finished" in words(refused), refused.output
    assert second.code == 0, second.output
    assert "a removal, begun" in words(second) and "was killed; this is left of it" in words(second)
    assert "It is still in slipway_apps: take it out" in words(second)
    assert sorted(path.name for path in exports.iterdir()) == files  # it has them already
    assert [re.sub(r"\d{8}T\d{6}Z", "TIME", name) for name in files] == [
        "harbour-TIME.dump", "harbour-uploads-TIME.tar", "harbour-var-lib-harbour-notes-TIME.tar"
    ]  # fmt: skip
    assert (
        host.run(SERVERS),
        host.run("find /srv/pier /etc/pier -printf '%p %u %m %s\\n' | sort | sha256sum"),
    ) == before


def test_nothing_of_it_is_left_and_nothing_of_others_is_gone(app: Site) -> None:
    host = app.host
    there = [
        line for line in host.ask(EVERYTHING).stdout.splitlines() if "harbour" in line and not line.startswith("gone-")
    ]
    assert there == []
    assert not host.ok("getent passwd harbour || getent group harbour || pgrep -f '/tmp/[s]tubborn'")
    apart = " ".join(
        f"-not -path '{path}'" for path in ("/srv/pier/*", "/tmp/*", "/proc/*", "/var/cache/private/slipway/*pier*")
    )
    found = host.run(f"find / -xdev -name '*harbour*' {apart}").split()
    assert sorted(found) == ["/var/lib/slipway/removed/harbour.json", "/var/tmp/harbours"]
    assert host.run(f"cat {ELSEWHERE}/roots /var/tmp/harbours/roots") == "roots\nroots"
    assert not host.ok("test -e /tmp/harbours || test -e /var/spool/cron/crontabs/harbour")
    assert host.ok("test -s /etc/passwd && test -d /srv/pier/shared/uploads")
    assert host.run("journalctl SLIPWAY_APP=harbour SLIPWAY_OUTCOME=removed --output=cat").startswith(
        "harbour: removed from this host"
    )


def test_files_elsewhere_fall_to_no_new_user_and_the_number_is_free_when_they_are_gone(app: Site) -> None:
    host = app.host
    owner, number = host.run(f"stat -c '%U %u' {ELSEWHERE}/tool").split()
    assert owner == f"gone-{number}"
    assert host.run(f"getent passwd {owner} | cut -d: -f5,7") == "Owner of files that harbour left:/usr/sbin/nologin"
    assert f"left files of its users ({number})" in words(app.project.play("playbooks/status.yml"))
    again = app.remove("-e", "yes=true")
    assert again.code == 0 and f"{ELSEWHERE}/tool" in again.output, again.output
    assert host.ok(f"getent passwd {number}")
    host.run(f"rm -r {ELSEWHERE} /var/tmp/harbours")
    assert app.remove("-e", "yes=true").code == 0
    assert not host.ok(f"getent passwd {number}")
    done = app.remove("-e", "yes=true")
    assert (done.code, done.count("changed")) == (0, 0), done.output
    assert "harbour on" in done.output and "there is nothing of it; it was removed" in words(done), done.output


def test_backups_stay_until_they_are_to_be_forgotten_and_the_other_apps_do(app: Site) -> None:
    others = app.snapshots(PIER)
    assert app.snapshots("harbour") and others
    assert "harbour" not in app.host.run("cat /etc/slipway/backup.json")
    done = app.remove("-e", "yes=true", "-e", "backups=forget", "-e", "export=false")
    assert done.code == 0, done.output
    assert app.snapshots("harbour") == 0
    assert app.snapshots(PIER) >= others
    app.project.good("playbooks/backup.yml")
    assert app.snapshots("harbour") == 0
    assert app.snapshots(PIER) > others


def test_an_old_list_does_not_bring_it_back_and_its_domain_moves_without_a_lost_request(app: Site) -> None:
    app.describe()
    refused = app.project.play("site.yml")
    assert refused.code != 0
    told = app.project.play("playbooks/status.yml")
    assert ": it was removed from this host" in words(told), told.output
    assert "Take it out of slipway_apps, or set it up again, with an empty database: site.yml -e anew=harbour" in words(
        refused
    ), refused.output
    app.describe(PIER, pier_domains=(PIER_DOMAIN, faults.DOMAIN))
    with Watch(Visitor(app.host, PIER_DOMAIN), "/readyz") as watch:
        app.project.good("site.yml")
    assert watch.failures == []
    assert Visitor(app.host, faults.DOMAIN).get("/readyz").status == 200


def test_code_that_is_not_what_was_built_is_found(app: Site) -> None:
    host, deep = app.host, ("playbooks/status.yml", "-e", "deep=true")
    whole = app.project.good(*deep)
    assert re.search(
        r"pier on \S+: unchanged since they were built: release \S+, environment \w+ \(\d+ files\)", whole.output
    ), whole.output
    assert not host.ok(
        "runuser -u pier -- sh -c 'cat /srv/pier/current/seal.json || echo x >> /srv/pier/current/src/wsgi.py'"
    )
    host.run(
        "cd /srv/pier/current/src && touch -r wsgi.py /tmp/time && sed -i 's/app/aqq/' wsgi.py && touch -r /tmp/time wsgi.py &&"
        " touch harbour/shell.py && chmod 777 migrations && echo >> ../venv/bin/flask"
    )
    found = app.project.play(*deep)
    assert found.code != 0
    said = words(found)
    assert (
        "differs from what was built: changed content: wsgi.py; changed owner or mode: migrations; added: harbour/shell.py"
        in said
    ), said
    assert re.search(r"the environment \w+ differs from what was built: changed content: bin/flask", said), said
