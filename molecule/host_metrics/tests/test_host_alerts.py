# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Who is told by a host, and that nobody else learns of it."""

from __future__ import annotations

import base64
import shlex
import sys
from pathlib import Path

from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "collections"), str(ROOT / "tests/unit/support")]
import alert_cases  # noqa: E402  (found by the line above)

FOLDER = "/etc/prometheus/slipway"


def test_promtool_of_this_release_finds_every_case_as_it_should_be(host: Host) -> None:
    """What is measured in each of them, and who is told what of it, is in tests/unit/support/alert_cases.py."""
    host.check_output("mkdir -p /tmp/rules")
    for name, text in alert_cases.promtool_files().items():
        packed = base64.b64encode(text.encode()).decode()
        host.check_output(f"echo {packed} | base64 -d > /tmp/rules/{name}")
    done = host.run("promtool test rules /tmp/rules/test-*.yml")
    assert done.rc == 0, done.stdout + done.stderr


def test_prometheus_runs_with_the_rules_and_alertmanager_with_its_settings(host: Host) -> None:
    rules = host.run(f"promtool check rules {FOLDER}/rules/slipway.yml")
    assert rules.rc == 0, rules.stdout + rules.stderr
    settings = host.run(f"amtool check-config {FOLDER}/alertmanager.yml")
    assert settings.rc == 0, settings.stdout + settings.stderr
    assert host.service("prometheus-alertmanager").is_running
    assert host.service("prometheus-alertmanager").is_enabled


def test_alertmanager_listens_on_loopback_alone_and_has_no_port_for_others_like_it(host: Host) -> None:
    rows = [
        row.split() for row in host.check_output("ss -Hlntup").splitlines() if "prometheus-aler" in row
    ]  # as long as the kernel has it
    assert [(row[0], row[4]) for row in rows] == [("tcp", "127.0.0.1:9093")], rows


def test_an_app_of_the_host_learns_nothing_from_alertmanager(host: Host) -> None:
    asked = "import urllib.request as r; r.urlopen('http://127.0.0.1:9093/api/v2/status')"
    done = host.run(f"runuser -u nobody -- python3 -c {shlex.quote(asked)}")
    assert "HTTP Error 401" in done.stderr
    assert host.run(f"runuser -u nobody -- cat {FOLDER}/alertmanager.yml").rc != 0
    assert host.run("runuser -u nobody -- ls /run/slipway-alertmanager").rc != 0


def test_passwords_and_addresses_of_webhooks_are_root_s_and_in_no_log_and_no_list_of_processes(host: Host) -> None:
    found = host.file(f"{FOLDER}/alertmanager.yml")
    assert (found.user, found.mode) == ("root", 0o600)
    assert "t0p-secret-word" in found.content_string
    assert "t0p-secret" not in host.check_output("journalctl --no-pager --quiet")
    assert "t0p-secret" not in host.check_output("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
