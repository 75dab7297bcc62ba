# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The playbooks for every day, run from the checkout against the site's hosts as a person runs them."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PLAY_SECONDS = 60
APPS = ("harbour", "marina")


@pytest.fixture(scope="module")
def play(host, ansible_playbook):
    """Run a playbook against the test host; return its exit status and all that it printed."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    inventory, target = os.environ["MOLECULE_INVENTORY_FILE"], host.backend.name

    # ssh's sockets stay apart from those of former hosts at the same address; their paths must be short.
    with tempfile.TemporaryDirectory(prefix="play-", dir="/tmp") as sockets:
        settings = {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_SSH_CONTROL_PATH_DIR": sockets,
            "ANSIBLE_NOCOLOR": "1", "COLUMNS": "100",
        }  # fmt: skip

        def run(name, *arguments):
            words = ["--inventory", inventory, "--limit", target, f"playbooks/{name}.yml", *arguments]
            done = ansible_playbook(*words, cwd=ROOT, env={**kept, **settings}, seconds=PLAY_SECONDS)
            return done.returncode, done.stdout + done.stderr

        yield run


def current(host, app):
    """Return the id of the live release."""
    return host.check_output(f"basename $(readlink /srv/{app}/current)")


def row(output, label):
    """Return the cells of a line of the status table."""
    return re.split(r" {2,}", re.search(rf"^{re.escape(label)} {{2,}}(.*)$", output, re.MULTILINE)[1].strip())


def test_releases_shows_the_history_of_each_app_and_changes_nothing(host, play):
    code, output = play("releases", "--check")
    assert code == 0, output
    assert "changed=0" in output
    for app in APPS:
        release = current(host, app)
        _, said, table = output.partition(f"{app} on {host.backend.name}: release {release} is live")
        assert said, output
        newest = re.search(rf"^ +{re.escape(release)} .*$", table, re.MULTILINE)[0]
        assert re.search(r" (deployed|rolled back) +[\d.]+ +0005 +live$", newest), newest


def test_status_shows_how_each_app_is_and_fails_when_one_does_not_serve(host, play):
    release = current(host, "marina")
    code, output = play("status")
    assert code == 0, output
    assert "changed=0" in output
    assert row(output, "App") == list(APPS)
    assert row(output, "Release") == [current(host, app) for app in APPS]
    assert row(output, "Unit") == ["active", "active"]
    assert row(output, "Workers") == ["2", "1"]
    for label, pattern in {
        "Since (UTC)": r"20\d\d-\d\d-\d\d \d\d:\d\d", "Health": r"200 in \d+ ms", "Memory": r"\d+ MB",
        "Restarts": r"\d+", "Certificate": r"\d+ days, self-signed", "Connections": r"\d+ of \d+", "Disk free": r"[\d.]+ [MG]B",
    }.items():  # fmt: skip
        assert all(re.fullmatch(pattern, cell) for cell in row(output, label)), label
    host.check_output(f"systemctl stop marina@{release}.service")
    try:
        code, output = play("status")
    finally:
        host.check_output(f"systemctl start marina@{release}.service")
    assert code != 0
    assert row(output, "Unit") == ["active", "inactive"]
    assert f"marina on {host.backend.name}: marina@{release}.service is inactive" in output
    assert "harbour on" not in output.partition("Something is wrong")[2]


def test_queries_shows_what_statements_cost_and_counts_anew_on_request(host, play):
    code, output = play("queries", "-e", "app=harbour", "-e", "limit=20")
    assert code == 0, output
    assert "changed=0" in output
    _, said, told = output.partition(f"harbour on {host.backend.name}: database harbour, PostgreSQL ")
    assert said and "marina" not in output, output
    assert re.search(r"^Most calls:\n +TOTAL +SHARE +MEAN +CALLS +ROWS +STATEMENT$", told, re.MULTILINE), told
    assert re.search(r" ms +\d+ +\d+ +SELECT alembic_version\.version_num FROM alembic_version$", told, re.MULTILINE), (
        told
    )
    assert "Locks: nobody waits" in told and "Can't be seen" not in told
    code, output = play("queries", "-e", "app=harbour", "-e", "reset=true")
    assert code == 0 and "changed=1" in output, output
    code, output = play("queries", "-e", "app=harbour", "-e", "limit=0")
    assert code != 0 and "limit is 0; it must be 1 or more" in output


def test_exec_runs_a_command_with_the_environment_of_the_release(host, play):
    say = "import os; print(os.environ['RELEASE_ID'], os.environ['UPLOAD_FOLDER'], os.getuid())"
    code, output = play("exec", "-e", "app=harbour", "-e", f'command="python -c \\"{say}\\""')
    assert code == 0, output
    told = f"{current(host, 'harbour')} /srv/harbour/shared/uploads {host.user('harbour').uid}"
    assert told in output.splitlines()
    code, output = play("exec", "-e", "app=harbour", "-e", "command=flask nonsense")
    assert code != 0
    assert "No such command 'nonsense'" in output
    assert "ended with status 2" in output


@pytest.mark.parametrize("name", ["releases", "exec"])
def test_an_unknown_app_is_refused_with_the_nearest_one(play, name):
    code, output = play(name, "-e", "app=harbor", "-e", "command=id")
    assert code != 0
    assert "there is no app 'harbor' (did you mean 'harbour'?)" in output
