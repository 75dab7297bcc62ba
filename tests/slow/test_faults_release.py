# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Releases that fail, before the switch and after it: the one before serves on, and nothing is left of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from faults import DESCRIPTION, DOMAIN, HEALTH, App
from helpers import Host
from load import Load, Seen

pytestmark = pytest.mark.once("13")

DYING_AT_ONCE = """
import os, signal

if "RUNTIME_DIRECTORY" in os.environ:  # gunicorn's, not the check's
    os.kill(os.getppid(), signal.SIGKILL)
"""
DYING_OF_VISITORS = """

@bp.before_app_request
def _die():
    import os, signal
    from flask import request

    if request.path == "/":
        os.kill(os.getppid(), signal.SIGKILL)
"""
FLAPPING = """

@bp.before_app_request
def _flap():
    from flask import request

    if request.path == "/readyz":
        count = current_app.config["UPLOAD_FOLDER"] + "/flap"
        with open(count, "a+") as file:
            file.write("x")
        if os.path.getsize(count) % 2:
            return jsonify(status="by turns"), 503


import os
"""


def not_importable(app: App) -> None:
    """With fewer packages too, so that the release has an environment of its own."""
    (app.folder / "requirements.txt").write_text("Flask==3.1.3\n")


def missing_dependency(app: App) -> None:
    (app.folder / "requirements.txt").write_text("Flask==99.99\n")


def never_ready(app: App) -> None:
    app.edit(HEALTH, '"SELECT 1"', '"SELECT nothing FROM nowhere"')
    app.describe(health_timeout_seconds=3)


def ready_by_turns(app: App) -> None:
    app.add(HEALTH, FLAPPING)


def failing_migration(app: App) -> None:
    """Half of it is done when it fails."""
    half = 'op.execute("CREATE TABLE half (id int)")\n    raise RuntimeError("the tide is out")'
    app.migration("0006", "0005", half)


FAILURES: list[tuple[Callable[[App], None], str, list[str]]] = [
    (missing_dependency, "build", ["99.99"]),
    (not_importable, "check", ["'wsgi' is 'wsgi:app', which can't be imported", "No module named"]),
    (failing_migration, "migrate", ["`flask db upgrade` failed", "the tide is out"]),
    (never_ready, "gate", ["/readyz still answered 503 after 3 s; it must answer 200"]),
    (ready_by_turns, "gate", ["/readyz answered 503 after 200, again and again"]),
]


def everything(host: Host) -> str:
    """Return every trace that a release can leave: folders, settings, units, sockets, tables.

    An environment that it built whole stays for the next try: `strays` looks at those.
    """
    return host.run(
        "cd /srv/harbour; readlink current; ls -A . | grep -v ^previous;"
        "ls -A releases sources /etc/harbour/releases /run/harbour;"
        "ls /etc/systemd/system /etc/systemd/system/multi-user.target.wants;"
        "systemctl list-units --all --plain --no-legend 'harbour*' | awk '{print $1, $3}';"
        "runuser -u harbour -- psql -d harbour -Atc 'select tablename from pg_tables order by 1'"
    )


def given_up(app: App, stages: str | tuple[str, ...], said: list[str]) -> None:
    """Deploy a release that fails at one of STAGES; it is told what went wrong, and a line of the history is all it leaves."""
    before = everything(app.host)
    failed = app.deploy()
    assert failed.code != 0
    stage = app.history()[-1]["stage"]
    assert stage in ((stages,) if isinstance(stages, str) else stages)
    head = f"harbour on {app.host.name}: the deploy failed at stage '{stage}'. The previous release is still live."
    assert head in failed.output, failed.output
    assert [text for text in said if text not in failed.output] == [], failed.output
    assert failed.output.count("fatal: ") == 1
    assert DESCRIPTION["secrets"]["SECRET_KEY"] not in failed.output
    assert everything(app.host) == before
    assert app.history()[-1]["outcome"] == "failed"


@pytest.mark.fault("release fails")
@pytest.mark.parametrize(("spoil", "stage", "said"), FAILURES, ids=[spoil.__name__ for spoil, _, _ in FAILURES])
def test_release_that_fails_leaves_the_old_one_serving(
    site: App, load: Seen, spoil: Callable[[App], None], stage: str, said: list[str]
) -> None:
    before = site.current()
    spoil(site)
    given_up(site, stage, said)
    load.all_served()
    assert set(load.releases) == {before}, "no visitor came to the one that failed"


@pytest.mark.fault("gunicorn dies right after its start")
def test_gunicorn_that_dies_right_after_its_start(site: App, load: Seen) -> None:
    before = site.current()
    site.add("wsgi.py", DYING_AT_ONCE)
    failed = site.deploy()
    assert failed.code != 0
    assert "the deploy failed at stage '" in failed.output
    assert site.history()[-1]["stage"] in ("start", "gate")
    load.all_served()
    assert set(load.releases) == {before}


@pytest.mark.fault("500 at the public URL")
def test_release_that_is_ready_but_not_through_nginx(site: App, load: Seen) -> None:
    """nginx gives every request an id, the gate does not. All but the health path works, so nobody loses anything."""
    site.edit(HEALTH, "    known = known_revisions()\n", "    from flask import request, abort\n\n"
              "    if request.headers.get('X-Request-Id'):\n        abort(500)\n    known = known_revisions()\n")  # fmt: skip
    given_up(site, "verify", [f"https://{DOMAIN}/readyz answered 500 through nginx, not 200"])
    load.all_served()


@pytest.mark.fault("gunicorn dies after the switch")
def test_gunicorn_that_dies_after_the_switch(site: App, load: Seen) -> None:
    before = site.current()
    site.add(HEALTH, DYING_OF_VISITORS)
    site.describe(watch_seconds=60)
    # Visitors come from the switch on: it may be dead before it is verified, or soon after.
    given_up(site, ("verify", "watch"), [])
    assert site.visitor().get("/").headers["X-Release"] == before
    assert served_by_others(load, before) == []


@pytest.mark.fault("/readyz answers 200 and / 500")
def test_release_that_is_ready_and_gives_visitors_errors(site: App, load: Seen) -> None:
    """Some visitors do get errors, from the new release and until it gives way; not for as long as the watch would last."""
    before = site.current()
    site.describe(watch_seconds=60)
    site.edit("harbour/board/routes.py", "def index() -> ResponseReturnValue:\n",
              "def index() -> ResponseReturnValue:\n    raise KeyError('no such tide')\n")  # fmt: skip
    given_up(site, "watch", ["requests got a server error (0 of ", "GET / 500 (", "no such tide"])
    line = site.history()[-1]
    ended, started = (datetime.strptime(line[key], "%Y-%m-%dT%H:%M:%SZ") for key in ("ended", "started"))
    assert line["seconds"]["watch"] < 30, f"{ended - started}"
    assert load.failures, "errors that nobody saw prove nothing"
    assert served_by_others(load, before) == []
    assert site.visitor().get("/").status == 200


def served_by_others(load: Seen, release: str) -> list[str]:
    """Return the failures that are not those of the new release's own answers or of its end."""
    return [text for text in load.failures if f"in release {release}" in text]


@pytest.mark.fault("an app that always has some errors")
def test_an_app_that_had_errors_before_is_not_taken_back(site: App, load: Seen) -> None:
    """Every fourth page of both releases is an error."""
    broken = "turns = iter(range(10**9))\n\n\n@bp.get('/')\ndef index() -> ResponseReturnValue:\n    assert next(turns) % 4\n"
    site.edit("harbour/board/routes.py", '@bp.get("/")\ndef index() -> ResponseReturnValue:\n', broken)
    site.describe(watch_seconds=0)
    site.deployed()
    site.headline("As bad as before")
    site.describe(watch_seconds=5)
    done = site.deployed()
    assert f"release {site.current()} is live" in done.output
    assert site.history()[-1]["seconds"]["watch"] >= 5
    assert all("GET / answered 500" in text for text in load.failures)


def test_good_release_after_those_that_failed(site: App) -> None:
    site.headline("Repaired")
    site.migration("0006", "0005")
    site.keep()
    site.deployed()
    assert "Repaired" in site.visitor().get("/").text
    assert '"code_revision":"0006"' in site.visitor().get("/readyz").text.replace(" ", "")


def test_every_arrival_was_logged_once(visitors: Load) -> None:
    visitors.stop()
    visitors.answered_once()
