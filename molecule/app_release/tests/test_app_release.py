# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Two deploys from a repository: what answers on the socket, what is kept, who may touch what."""

from __future__ import annotations

import json

import pytest

ASK = """
import http.client, socket, sys
connection = http.client.HTTPConnection("localhost")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect("/srv/clock/current/run/gunicorn.sock")
connection.request(sys.argv[1], sys.argv[2], body=b"data", headers={"X-Forwarded-Proto": "https"})
print(connection.getresponse().read().decode())
"""


def ask(host, method="GET", path="/"):
    return host.check_output("python3 -c %s %s %s", ASK, method, path)


@pytest.fixture
def current(host):
    """The id of the live release."""
    return host.check_output("basename $(readlink /srv/clock/current)")


def test_second_version_answers(host, current):
    answer = json.loads(ask(host))
    assert answer["version"] == "2"
    assert answer["release"] == current
    assert answer["greeting"] == "ahoy"
    assert answer["scheme"] == "https"


def test_release_has_its_files_and_what_its_build_made(host):
    answer = json.loads(ask(host))
    assert answer["settings"] == "colour = blue\n"
    assert answer["built"] == "built"


def test_shared_folder_keeps_what_was_in_it_over_deploys(host):
    ask(host, "POST", "/uploads/new.txt")
    assert json.loads(ask(host))["uploads"] == ["new.txt", "once.txt", "seed.txt"]


def test_old_instance_has_stopped_and_only_the_new_one_starts_at_boot(host, current):
    running = host.check_output("systemctl list-units --plain --no-legend 'clock@*'").split()
    assert [unit for unit in running if unit.startswith("clock@")] == [f"clock@{current}.service"]
    wants = host.check_output("ls /etc/systemd/system/multi-user.target.wants/ | grep ^clock@").split()
    assert wants == [f"clock@{current}.service"]


def test_both_releases_are_kept_and_share_one_environment(host):
    releases = host.check_output("ls /srv/clock/releases").split()
    assert [release[:5] for release in releases] == ["0001-", "0002-"]
    assert len(host.check_output("ls /srv/clock/venvs").split()) == 1


def test_history_tells_both_deploys_with_their_commits(host):
    rows = [json.loads(row) for row in host.file("/srv/clock/history.jsonl").content_string.splitlines()]
    commits = [
        host.check_output("git -C /srv/git/clock.git -c safe.directory=* rev-parse %s", tag) for tag in ("v1", "v2")
    ]
    assert [row["revision"] for row in rows] == commits
    assert [row["outcome"] for row in rows] == ["deployed", "deployed"]
    assert rows[1]["previous"] == rows[0]["id"]


def test_files_with_secrets_are_the_app_s_alone(host, current):
    settings = host.file(f"/srv/clock/releases/{current}/src/etc/settings.ini")
    assert (settings.user, settings.mode) == ("clock", 0o400)
    environment = host.file(f"/etc/clock/releases/{current}/environment")
    assert (environment.user, environment.mode) == ("root", 0o600)


def test_app_cannot_write_its_code(host):
    as_app = "setpriv --reuid clock --regid clock --init-groups"
    assert host.run(f"{as_app} touch /srv/clock/current/src/clock.py").rc != 0
    assert host.run(f"{as_app} touch /srv/clock/current/src/new.py").rc != 0
