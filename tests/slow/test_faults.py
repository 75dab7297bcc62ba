# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What goes wrong, with the sample app: mistakes in the variables, reboots, killed processes, releases that fail, load.

The tests run in the file's order on one host: the mistakes come first, while it is bare.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT, Host, Play, Project, Visitor, Watch, form, wait_for

DOMAIN = "harbour.example.org"
KEEP_RELEASES = 3
DESCRIPTION: dict[str, Any] = {
    "name": "harbour",
    "domains": [DOMAIN],
    "wsgi": "wsgi:app",
    "environment": {"PROXY_HOPS": 1, "UPLOAD_FOLDER": "/srv/harbour/shared/uploads"},
    "secrets": {"SECRET_KEY": "9f1c7a5be02d4c6f8a3e5d7b1c9f0e2a"},
    "static": {"/static/": "harbour/static"},
    "shared_folders": ["uploads"],
    "health_path": "/readyz",
    "health_timeout_seconds": 10,
    "workers": 3,
    "keep_releases": KEEP_RELEASES,
}
MIGRATION = '''"""Change {number}.

Revision: {number}, after {before}
"""

revision, down_revision, branch_labels, depends_on = "{number}", "{before}", None, None


def upgrade() -> None:
    {upgrade}


def downgrade() -> None:
    pass
'''


class App:
    """A copy of the sample app that tests change, and what its description says beside that."""

    def __init__(self, folder: Path, project: Project) -> None:
        self.folder, self.project = folder, project
        self.original = folder.with_name("original")
        ignored = shutil.ignore_patterns(".*", "__pycache__", "instance")
        shutil.copytree(ROOT / "sample_app", self.original, ignore=ignored)
        self.restore()

    def restore(self) -> None:
        """Bring code and description back to what they were."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.original, self.folder)
        self.describe()

    def describe(self, **changes: Any) -> None:
        app = {**DESCRIPTION, "source": {"path": str(self.folder)}, **changes}
        self.project.write({"slipway_apps": [app]})

    def keep(self) -> None:
        """Make the code as it is now the one that `restore` brings back."""
        shutil.rmtree(self.original)
        shutil.copytree(self.folder, self.original)

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text()
        assert text.count(old) == 1, f"{name} has {text.count(old)} times {old!r}"
        path.write_text(text.replace(old, new))

    def headline(self, text: str) -> None:
        """Show TEXT in the page's title, so that one sees which release answers."""
        path = self.folder / "harbour/templates/board/index.html"
        changed, times = re.subn(r"(block title.*· ).*(?=\{% endblock)", rf"\g<1>{text}", path.read_text(), count=1)
        assert times == 1, f"{path} has no title as expected"
        path.write_text(changed)

    def deploy(self) -> Play:
        return self.project.play("playbooks/deploy.yml")


@pytest.fixture(scope="module")
def app(project: Project, tmp_path_factory: pytest.TempPathFactory) -> App:
    return App(tmp_path_factory.mktemp("app") / "harbour", project)


@pytest.fixture(scope="module")
def provisioned(app: App) -> App:
    app.project.good("site.yml")
    return app


@pytest.fixture
def site(provisioned: App) -> Iterator[App]:
    """The provisioned site, with code and description that work."""
    provisioned.restore()
    yield provisioned
    provisioned.restore()


def visitor(app: App) -> Visitor:
    return Visitor(app.project.host, DOMAIN)


def answers(app: App) -> bool:
    return visitor(app).get("/readyz").status == 200


# ---- mistakes in the variables, on the bare host ------------------------------------------------------------------


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
    (duplicate_domain, ["domain", DOMAIN, "stands 2 times"]),
    (misspelled_key, ["app 'harbour'", "'workes'", "did you mean 'workers'?"]),
    (no_secret_key, ["app 'harbour'", "SECRET_KEY is missing", "secrets.token_hex"]),
    (no_source, ["app 'harbour'", "source folder", "-that-is-not-there' does not exist"]),
    (small_disk, ["MB of disk are free", "1000000000 MB are needed", "slipway_disk_mb"]),
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


# ---- a provisioned host -------------------------------------------------------------------------------------------


def test_check_mode_finds_nothing_to_change(site: App) -> None:
    checked = site.project.good("--check", "--diff", "site.yml")
    assert (checked.count("changed"), checked.count("failed")) == (0, 0), checked.output


def test_site_is_back_after_a_reboot(site: App) -> None:
    host = site.project.host
    release = host.run("readlink /srv/harbour/current")
    host.stop()
    host.up()
    site.describe()  # a restarted look-alike has another address
    wait_for(lambda: answers(site), seconds=30)
    assert host.run("readlink /srv/harbour/current") == release
    assert visitor(site).get("/").status == 200


def test_killed_master_is_back_within_seconds(site: App) -> None:
    host = site.project.host
    killed = master(host)
    host.run(f"kill -9 {killed}")
    wait_for(lambda: answers(site), seconds=30)  # 2 s on an idle machine, most of it the pause before a restart
    assert master(host) not in ("0", killed)


def test_killed_worker_harms_nobody_else(site: App) -> None:
    host = site.project.host
    parent = master(host)
    workers = host.run(f"pgrep --parent {parent}").split()
    assert len(workers) == DESCRIPTION["workers"]
    host.run(f"kill -9 {workers[0]}")
    visitors = [visitor(site) for _ in range(50)]
    assert {one.get("/readyz").status for one in visitors} == {200}
    wait_for(lambda: len(set(host.run(f"pgrep --parent {parent}").split()) - {workers[0]}) == 3, seconds=10)
    assert master(host) == parent


def master(host: Host) -> str:
    """Return the process id of gunicorn's master in the release that serves."""
    return host.run("systemctl show -p MainPID --value harbour@$(basename $(readlink /srv/harbour/current))")


# ---- releases that fail -------------------------------------------------------------------------------------------


def not_importable(app: App) -> None:
    """With fewer packages too, so that the release has an environment of its own."""
    (app.folder / "requirements.txt").write_text("Flask==3.1.3\n")


def missing_dependency(app: App) -> None:
    (app.folder / "requirements.txt").write_text("Flask==99.99\n")


def never_ready(app: App) -> None:
    app.edit("harbour/health/__init__.py", '"SELECT 1"', '"SELECT nothing FROM nowhere"')


def failing_migration(app: App) -> None:
    text = MIGRATION.format(number="0005", before="0004", upgrade='raise RuntimeError("the tide is out")')
    (app.folder / "migrations/versions/0005_fails.py").write_text(text)


FAILURES: list[tuple[Callable[[App], None], str, list[str]]] = [
    (not_importable, "check", ["'wsgi' is 'wsgi:app', which can't be imported", "No module named"]),
    (missing_dependency, "build", ["99.99"]),
    (never_ready, "gate", ["/readyz answered 503 within 10 s; it must answer 200"]),
    (failing_migration, "migrate", ["`flask db upgrade` failed", "the tide is out"]),
]


def everything(host: Host) -> str:
    """Return every trace that a release can leave: folders, environments, settings, units, sockets."""
    return host.run(
        "cd /srv/harbour; readlink current; ls -A releases venvs sources /etc/harbour/releases /run/harbour;"
        "ls /etc/systemd/system/multi-user.target.wants;"
        "systemctl list-units --all --plain --no-legend 'harbour*' | awk '{print $1, $3}'"
    )


@pytest.mark.parametrize(("spoil", "stage", "said"), FAILURES, ids=[spoil.__name__ for spoil, _, _ in FAILURES])
def test_release_that_fails_leaves_the_old_one_serving(
    site: App, spoil: Callable[[App], None], stage: str, said: list[str]
) -> None:
    host = site.project.host
    before = everything(host)
    spoil(site)
    with Watch(visitor(site)) as watch:
        failed = site.deploy()
    assert failed.code != 0
    head = f"harbour on {host.name}: the deploy was given up at stage '{stage}'. What served before still serves."
    assert head in failed.output, failed.output
    assert [text for text in said if text not in failed.output] == [], failed.output
    assert failed.output.count("fatal: ") == 1
    assert DESCRIPTION["secrets"]["SECRET_KEY"] not in failed.output
    assert watch.failures == []
    assert watch.asked > 10
    assert everything(host) == before


def test_good_release_after_those_that_failed(site: App) -> None:
    site.headline("Repaired")
    text = MIGRATION.format(number="0005", before="0004", upgrade="pass")
    (site.folder / "migrations/versions/0005_works.py").write_text(text)
    site.keep()
    done = site.deploy()
    assert done.code == 0, done.output
    assert "Repaired" in visitor(site).get("/").text
    assert '"code_revision":"0005"' in visitor(site).get("/readyz").text.replace(" ", "")


# ---- a run that is killed -----------------------------------------------------------------------------------------


def deploying(host: Host) -> bool:
    """Tell whether a release command runs on the host: between the build and the switch."""
    return host.ok("systemctl is-active --quiet 'harbour-release-*'")


def lock_holder(host: Host) -> str:
    """Return the process id of the deploy that runs on the host."""
    return host.run("awk -v file=:$(stat -c %i /srv/harbour/.lock) 'index($6, file) {print $5}' /proc/locks")


@pytest.mark.parametrize("host_too", [False, True], ids=["controller", "controller and host"])
def test_second_run_after_a_killed_one(site: App, host_too: bool) -> None:
    """The machine that ran Ansible is lost in mid-deploy; in the second case the host's side dies with it."""
    host = site.project.host
    site.headline(f"Second run {host_too}")
    site.describe(release_commands=["flask db upgrade", "sleep 4"])
    with Watch(visitor(site)) as watch:
        first = site.project.start("playbooks/deploy.yml")
        wait_for(lambda: deploying(host), seconds=60)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        if host_too:
            host.run(f"kill -9 {lock_holder(host)}")
        else:  # what runs on the host goes on to its end by itself, and holds the app's lock until then
            wait_for(lambda: host.ok("flock --nonblock /srv/harbour/.lock true"), seconds=60)
        second = site.deploy()
    assert second.code == 0, second.output
    assert watch.failures == []
    assert f"Second run {host_too}" in visitor(site).get("/").text
    running = host.run("systemctl list-units --plain --no-legend 'harbour*.service' | awk '{print $1}'")
    assert running == f"harbour@{host.run('basename $(readlink /srv/harbour/current)')}.service"
    recorded = host.run("cat /srv/harbour/current/release.json")
    assert '"outcome": "deployed"' in recorded


# ---- load ---------------------------------------------------------------------------------------------------------

LOAD_THREADS = 4
LOAD_PAUSE_SECONDS = 0.02


class Load:
    """Visitors that read the board and log arrivals, each on a connection of its own, until told to stop."""

    def __init__(self, app: App) -> None:
        self.app, self.over = app, threading.Event()
        self.read, self.written, self.failures = 0, list[str](), list[str]()

    def visit(self, number: int) -> None:
        one, turn = visitor(self.app), 0
        while not self.over.is_set():
            turn += 1
            try:
                page = one.get("/")
                assert page.status == 200, f"GET answered {page.status}"
                self.read += 1
                self.write(one, page.text, f"Ship {number}-{turn}")
            except Exception as error:
                self.failures.append(f"{time.strftime('%X')} {type(error).__name__}: {error}")
            self.over.wait(LOAD_PAUSE_SECONDS)

    def write(self, one: Visitor, page: str, ship: str) -> None:
        """Log the arrival of SHIP with the form that PAGE shows."""
        fields = form(page, "cargo")
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M")
        filled = {
            "name": ship,
            "flag": "NO",
            "origin": "Bergen",
            "cargo": "Timber",
            "arrived_at": now,
            "departs_at": "",
        }
        made = one.post("/arrivals", {**fields, **filled})
        assert made.status == 303, f"POST answered {made.status}: {made.text[:2000]}"
        self.written.append(ship)


def test_deploys_under_load_drop_no_request(site: App) -> None:
    """Two deploys of changed code: every page comes, and each arrival that was confirmed is in the database, once."""
    host, load = site.project.host, Load(site)
    with ThreadPoolExecutor(LOAD_THREADS) as pool:
        for number in range(LOAD_THREADS):
            pool.submit(load.visit, number)
        try:
            for tide in ("Ebb", "Flood"):
                site.restore()
                site.headline(tide)
                done = site.deploy()
                assert done.code == 0, done.output
                assert tide in visitor(site).get("/").text
        finally:
            load.over.set()
    assert load.failures == []
    assert load.read > 50
    ask = "select s.name from port_calls c join ships s on s.id = c.ship_id where s.name ~ '^Ship [0-9]+-'"
    rows = host.run(f'runuser -u harbour -- psql -d harbour -Atc "{ask}"').splitlines()
    assert sorted(rows) == sorted(load.written)


def test_releases_beyond_those_kept_are_gone(site: App) -> None:
    """By now more releases have served than are kept: of the others nothing is left."""
    host = site.project.host
    assert int(host.run('grep -c \'"outcome": "deployed"\' /srv/harbour/history.jsonl')) > KEEP_RELEASES
    kept = host.run("ls /srv/harbour/releases").split()
    assert len(kept) == KEEP_RELEASES
    assert host.run("basename $(readlink /srv/harbour/current)") == kept[-1]
    assert host.run("ls /etc/harbour/releases").split() == kept
    used = {host.run(f"basename $(readlink /srv/harbour/releases/{release}/venv)") for release in kept}
    assert set(host.run("ls /srv/harbour/venvs").split()) == used
    assert len(host.run("ls /srv/harbour/sources").split()) <= KEEP_RELEASES


# ---- the way back -------------------------------------------------------------------------------------------------


def environment_of(host: Host) -> str:
    """Return the environment of gunicorn's master."""
    return host.run(f"tr '\\0' '\\n' </proc/{master(host)}/environ")


def test_rollback_brings_back_the_release_before_with_its_settings(site: App) -> None:
    host = site.project.host
    before = host.run("readlink /srv/harbour/current")
    site.headline("Low water")
    site.describe(environment={**DESCRIPTION["environment"], "LOG_LEVEL": "WARNING"})
    assert site.project.play("site.yml").code == 0
    assert "LOG_LEVEL=WARNING" in environment_of(host)
    with Watch(visitor(site)) as watch:
        back = site.project.play("playbooks/rollback.yml")
    assert back.code == 0, back.output
    assert watch.failures == []
    assert host.run("readlink /srv/harbour/current") == before
    assert "Low water" not in visitor(site).get("/").text
    assert "LOG_LEVEL=WARNING" not in environment_of(host)
    assert '"outcome": "rolled back"' in host.run("tail -n 1 /srv/harbour/history.jsonl")


def test_rollback_over_a_migration_is_refused_until_told_what_to_do(site: App) -> None:
    host = site.project.host
    before = host.run("readlink /srv/harbour/current")
    text = MIGRATION.format(number="0006", before="0005", upgrade="pass")
    (site.folder / "migrations/versions/0006_more.py").write_text(text)
    assert site.project.play("site.yml").code == 0
    newer = host.run("readlink /srv/harbour/current")
    with Watch(visitor(site)) as watch:
        refused = site.project.play("playbooks/rollback.yml")
        assert refused.code != 0
        for said in ("the database is at 0006", "made for 0005", "0006 (Change 0006.)", "rollback_schema=keep"):
            assert said in refused.output, refused.output
        assert host.run("readlink /srv/harbour/current") == newer
        back = site.project.play("playbooks/rollback.yml", "-e", "rollback_schema=downgrade")
    assert back.code == 0, back.output
    assert watch.failures == []
    assert host.run("readlink /srv/harbour/current") == before
    ready = visitor(site).get("/readyz").text.replace(" ", "")
    assert '"schema_revision":"0005"' in ready
