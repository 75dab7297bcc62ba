# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the source runs at set times, offered as processes with `schedule`: crontab files, APScheduler's cron jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.flask.plugins.plugin_utils._schedule import expression
from describe import page
from described import HELLO, app_of, entry_of


def job(call: str, more: str = "") -> dict[str, str]:
    head = "from apscheduler.schedulers.background import BackgroundScheduler\nfrom apscheduler.triggers.cron import CronTrigger\n"
    return {"app.py": f"{HELLO}{head}scheduler = BackgroundScheduler()\n{more}def digest():\n    pass\n{call}\n"}


CASES = [
    ("a crontab", {"crontab": "MAILTO=x\n# all\n*/15 * * * * cd /srv && /srv/bin/flask send-digest >> /var/x 2>&1\n"},
     {"send-digest": ("flask send-digest", "*:00/15")}),
    ("a file in cron.d, which names the user", {"deploy/cron.d/shop": "0 6 * * 1-5 shop flask digest\n"},
     {"digest": ("flask digest", "Mon..Fri 06:00")}),
    ("a word instead of fields", {"crontab": "@daily python tidy.py > /dev/null 2>&1\n"},
     {"tidy": ("python tidy.py", "daily")}),
    ("a time zone", {"crontab": "CRON_TZ=Europe/Berlin\n0 6 * * * flask digest\n"},
     {"digest": ("flask digest", "*-*-* 06:00 Europe/Berlin")}),
    ("two of one name", {"crontab": "0 6 * * * flask digest\n0 18 * * * flask digest --short\n"},
     {"digest": ("flask digest", "*-*-* 06:00"), "digest-2": ("flask digest --short", "*-*-* 18:00")}),
    ("a line that only a shell understands", {"crontab": "0 6 * * * flask digest $(date)\n"}, {}),
    ("a program of elsewhere", {"crontab": "0 6 * * * /usr/local/bin/backup\n"}, {}),
    ("a line that no calendar expression says", {"crontab": "0 6 1 * 1 flask digest\n@reboot flask digest\n"}, {}),
    ("a text that is none", {"crontab": "Run the digest each day at six, please, dear admin\n\x01\n"}, {}),
    ("a job with fields", job("scheduler.add_job(digest, 'cron', hour=6, minute=30)"),
     {"digest": ("flask TODO", "*-*-* 06:30")}),
    ("a job by the hour is at the full hour", job("scheduler.add_job(func=digest, trigger='cron', day_of_week='mon-fri', hour=6)"),
     {"digest": ("flask TODO", "Mon..Fri 06:00")}),
    ("a job by the minute", job("scheduler.add_job(digest, CronTrigger(minute='*/5'))"), {"digest": ("flask TODO", "*:00/5")}),
    ("APScheduler's week begins on Monday", job("scheduler.add_job(digest, 'cron', day_of_week=0, hour=6)"),
     {"digest": ("flask TODO", "Mon 06:00")}),
    ("a line of cron in a trigger", job("scheduler.add_job(digest, CronTrigger.from_crontab('0 6 * * *'))"),
     {"digest": ("flask TODO", "*-*-* 06:00")}),
    ("a decorator", {"app.py": HELLO + "from flask_apscheduler import APScheduler\ns = APScheduler()\n"
                     "@s.task('cron', id='x', hour=3, timezone='Europe/Berlin')\ndef tidy():\n    pass\n"},
     {"tidy": ("flask TODO", "*-*-* 03:00 Europe/Berlin")}),
    ("a job that is a command, too", job("scheduler.add_job(mail, 'cron', hour=6)",
     "@app.cli.command('send')\ndef mail():\n    pass\n"),
     {"mail": ("flask send", "*-*-* 06:00")}),
    ("a job at intervals", job("scheduler.add_job(digest, 'interval', minutes=5)"), {}),
    ("a job whose time is in a variable", job("scheduler.add_job(digest, 'cron', hour=HOUR)"), {}),
    ("a job on the last day", job("scheduler.add_job(digest, 'cron', day='last')"), {}),
    ("a job of one week of the year", job("scheduler.add_job(digest, 'cron', week=7)"), {}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "offered"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_runs_at_set_times(tmp_path: Path, source: dict[str, str], offered: dict[str, Any]) -> None:
    app = app_of(tmp_path, {"app.py": HELLO, **source})
    assert "processes" not in entry_of(app), "only offered"
    lines = app.inner.get("processes", {})
    found = {name: (line.value["command"], line.value["schedule"]) for name, line in lines.items()}
    assert found == offered
    assert not [schedule for _, schedule in found.values() if expression.problem(schedule)]


NOTES = [
    ("crontab", "0 6 * * * flask digest $(date)\n", "crontab:1 runs something at set times"),
    (
        "crontab",
        "0 6 1 * 1 flask digest\n",
        "crontab:1: '0 6 1 * 1' is no calendar expression of systemd: cron runs it",
    ),
    ("app.py", job("scheduler.add_job(digest, 'cron', day='last')")["app.py"], "'0 0 last * *' is no calendar"),
    ("app.py", job("scheduler.add_job(digest, 'cron', hour=HOUR)")["app.py"], "has a cron trigger that no calendar"),
]


@pytest.mark.parametrize(("name", "text", "note"), NOTES)
def test_what_can_not_be_offered_is_named(tmp_path: Path, name: str, text: str, note: str) -> None:
    assert [one for one in app_of(tmp_path, {"app.py": HELLO, name: text}).notes if note in one]


def test_an_offer_that_is_uncommented_is_a_process(tmp_path: Path) -> None:
    text = page.entry(app_of(tmp_path, {"app.py": HELLO, "crontab": "0 6 * * * flask digest\n"}))
    taken = text.replace("    # processes:", "    processes:").replace("      # digest:", "      digest:")
    (entry,) = yaml.safe_load(taken)["slipway_apps"]
    assert entry["processes"] == {"digest": {"command": "flask digest", "schedule": "*-*-* 06:00"}}
