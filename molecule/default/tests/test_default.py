# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""site.yml on a bare host: what a visitor, another app on the host, and an attacker find."""

from __future__ import annotations

import json
import re
import time

import pytest

APPS = {"harbour": "harbour.test", "marina": "marina.test"}
PAIRS = [("harbour", "marina"), ("marina", "harbour")]
SECONDS_TO_COME_BACK = 15


def current(host, app):
    """Return the id of the live release."""
    return host.check_output(f"basename $(readlink /srv/{app}/current)")


def as_user(host, user, command):
    """Run a shell command as a service user."""
    return host.run(f"setpriv --reuid {user} --regid {user} --init-groups sh -c %s", command)


def main_pid(host, app):
    return int(host.check_output(f"systemctl show --property=MainPID --value {app}@{current(host, app)}.service"))


def ask_until(browser, url, good, seconds=SECONDS_TO_COME_BACK):
    """Ask for URL until GOOD says yes; return the seconds that it took. Fails when they run out."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        page = browser.get(url)
        if good(page):
            return time.monotonic() - started
        time.sleep(0.1)
    pytest.fail(f"{url} still answers {page.status} after {seconds} s")


@pytest.mark.parametrize("app", APPS)
def test_visitor_sees_the_page_of_the_release_that_serves(host, browser, app):
    page = browser.get(f"https://{APPS[app]}/")
    assert page.status == 200
    assert "Harbour" in page.text
    assert page.headers["X-Release"] == current(host, app)
    assert current(host, app) in page.text


def test_page_reads_the_database_at_the_migration_head_of_the_code(browser):
    ready = json.loads(browser.get("https://harbour.test/readyz").text)
    assert (ready["database"], ready["schema"]) == ("ok", "current")


def test_form_writes_a_row(host, browser):
    entry = {
        "name": f"Testinfra {time.time_ns()}", "flag": "BE", "origin": "Ghent", "berth": "Slip 1", "cargo": "Assertions",
        "arrived_at": time.strftime("%Y-%m-%dT%H:%M", time.gmtime()),
    }  # fmt: skip
    answer = browser.submit("https://harbour.test/arrivals", "https://harbour.test/", entry)
    assert answer.status == 303, answer.text
    row = as_user(host, "harbour", f"psql -qtA harbour -c \"select flag from ships where name = '{entry['name']}'\"")
    assert row.stdout.strip() == "BE"
    assert entry["name"] in browser.get("https://harbour.test/").text


def test_form_without_its_token_writes_nothing(browser):
    assert browser.request("POST", "https://harbour.test/arrivals", {"name": "Forged"}).status == 400


def test_session_cookie_is_only_for_https_and_not_for_scripts(browser):
    cookies = browser.get("https://harbour.test/").headers.get_all("Set-Cookie")
    assert cookies
    assert all("Secure" in cookie and "HttpOnly" in cookie for cookie in cookies)


@pytest.mark.parametrize("domain", ["harbour.test", "www.harbour.test", "marina.test"])
def test_http_is_sent_on_to_https(browser, domain):
    page = browser.get(f"http://{domain}/ships?page=2")
    assert page.status in (301, 308)
    assert page.headers["Location"] == f"https://{domain}/ships?page=2"


def test_unknown_host_is_refused(browser):
    with pytest.raises(OSError):
        browser.get("https://203.0.113.1.test/")


def test_static_files_come_from_nginx_and_stay_in_the_browser(browser):
    url = re.search(r'href="(/static/css/[^"]+)"', browser.get("https://harbour.test/").text)[1]
    page = browser.get(f"https://harbour.test{url}")
    assert page.status == 200
    assert "immutable" in page.headers["Cache-Control"]
    assert "X-Release" not in page.headers, "the app answered, not nginx"


def test_too_large_a_body_is_refused_before_the_app_sees_it(browser):
    assert browser.request("POST", "https://harbour.test/arrivals", {"name": "x" * 2_200_000}).status == 413


def test_only_ssh_and_the_web_can_be_reached(host):
    listening = host.check_output("ss -Hltn | awk '{print $4}'").split()
    assert {address.rpartition(":")[2] for address in listening} == {"22", "80", "443"}


@pytest.mark.parametrize("app", APPS)
def test_service_runs_as_its_own_user_without_rights(host, app):
    tree = host.check_output(f"ps -o user= -g $(ps -o pgid= -p {main_pid(host, app)})").split()
    assert set(tree) == {app}
    assert host.user(app).shell == "/usr/sbin/nologin"
    assert "NoNewPrivs:\t1" in host.file(f"/proc/{main_pid(host, app)}/status").content_string


@pytest.mark.parametrize("app", APPS)
def test_unit_is_scored_safe(host, app):
    said = host.check_output(f"systemd-analyze security --no-pager {app}@{current(host, app)}.service | tail -n 1")
    assert float(re.search(r"level for .*: ([\d.]+)", said)[1]) <= 2.0


@pytest.mark.parametrize("app", APPS)
def test_service_user_cannot_read_its_environment_file_or_write_its_code(host, app):
    release = current(host, app)
    assert as_user(host, app, f"cat /etc/{app}/environment").rc != 0
    assert as_user(host, app, f"cat /etc/{app}/releases/{release}/environment").rc != 0
    assert as_user(host, app, f"echo x >>/srv/{app}/current/src/wsgi.py").rc != 0
    assert as_user(host, app, f"touch /srv/{app}/current/src/new.py /srv/{app}/current/venv/new").rc != 0
    assert as_user(host, app, f"ln -sfn /tmp /srv/{app}/current").rc != 0
    assert as_user(host, app, f"cat /srv/{app}/current/src/wsgi.py").rc == 0


@pytest.mark.parametrize(("app", "other"), PAIRS)
def test_one_app_reaches_nothing_of_the_other(host, app, other):
    release = current(host, other)
    for path in (
        f"/srv/{other}/current/src/wsgi.py",
        f"/etc/{other}/environment",
        f"/etc/{other}/releases/{release}/.",
    ):
        assert as_user(host, app, f"cat {path}").rc != 0, path
    assert as_user(host, app, f"ls /srv/{other}/ /etc/{other}/releases/").stdout == ""
    assert as_user(host, app, f"psql -qtA {other} -c 'select 1'").rc != 0
    connect = f"import socket; socket.socket(socket.AF_UNIX).connect('/run/{other}/{release}/gunicorn.sock')"
    assert "Permission denied" in as_user(host, app, f'python3 -c "{connect}"').stderr
    assert as_user(host, app, f"cat /proc/{main_pid(host, other)}/environ").rc != 0


def test_secrets_stand_nowhere_that_others_can_see(host):
    for secret in ("harbour-c0ffee00", "marina-0ddba11"):
        found = host.check_output(
            f"grep -rlsI {secret} /etc /srv /run/systemd /var/log --exclude-dir=proc || true"
        ).split()
        for path in found:
            assert host.file(path).mode == 0o600, path
            assert host.file(path).user == "root", path
        assert secret not in host.check_output("journalctl --no-pager --output=cat")
        assert secret not in host.check_output("ps -eo args")


def test_seed_ran_once(host):
    done = json.loads(host.file("/srv/marina/once.json").content_string)
    assert list(done["ran"]) == ["flask seed"]
    assert int(as_user(host, "marina", "psql -qtA marina -c 'select count(*) from ships'").stdout) > 0


@pytest.mark.parametrize("app", APPS)
def test_release_is_recorded(host, app):
    record = json.loads(host.file(f"/srv/{app}/current/release.json").content_string)
    last = json.loads(host.file(f"/srv/{app}/history.jsonl").content_string.splitlines()[-1])
    assert record["outcome"] == "deployed"
    assert record["heads_after"] == ["0005"]
    assert last == record
    assert set(record["seconds"]) >= {"fetch", "build", "check", "migrate", "start", "gate", "switch", "verify"}


def test_killed_master_is_back_within_seconds_and_the_other_app_never_notices(host, browser):
    pid, other = main_pid(host, "harbour"), main_pid(host, "marina")
    host.check_output(f"kill -9 {pid}")
    # The killed master's workers answer for a moment, while systemd knows of no process (0).
    ask_until(
        browser,
        "https://harbour.test/readyz",
        lambda page: page.status == 200 and main_pid(host, "harbour") not in (0, pid),
    )
    assert main_pid(host, "marina") == other
    assert browser.get("https://marina.test/").status == 200


def test_killed_worker_is_replaced_by_the_same_master(host, browser):
    master = main_pid(host, "harbour")
    workers = set(host.check_output(f"ps -o pid= --ppid {master}").split())
    host.check_output(f"kill -9 {min(workers)}")
    ask_until(browser, "https://harbour.test/readyz", lambda page: page.status == 200)
    deadline = time.monotonic() + SECONDS_TO_COME_BACK
    while len(set(host.check_output(f"ps -o pid= --ppid {master}").split()) - {min(workers)}) < len(workers):
        assert time.monotonic() < deadline, "the worker was not replaced"
        time.sleep(0.1)
    assert main_pid(host, "harbour") == master


def test_everything_comes_back_at_boot(host):
    for app in APPS:
        assert host.run(f"systemctl is-enabled {app}@{current(host, app)}.service").rc == 0
    for unit in ("nginx", "postgresql"):
        assert host.service(unit).is_enabled
    assert host.check_output("systemctl --failed --no-legend") == ""


def test_what_is_looked_at_for_its_rights_are_the_services_of_a_site(exposed):
    """molecule/shared/tests/test_exposure.py does that, with all that it finds."""
    assert {
        "harbour@one.service",
        "slipway-guard.service",
        "slipway-firewall.service",
        "slipway-nginx-logs.service",
        "slipway-upkeep-check.service",
    } <= set(exposed)


def test_memory_is_taken_from_apps_before_the_database_and_never_from_sshd(host):
    """The kernel ends the process with the greatest oom_score, which begins with this."""

    def score(pid):
        return int(host.check_output(f"cat /proc/{pid}/oom_score_adj"))

    app, database, sshd = (
        score(main_pid(host, "harbour")),
        score(host.check_output("cat /run/postgresql/*-main.pid")),
        score(host.check_output("systemctl show --property=MainPID --value ssh.service")),
    )
    assert app == 200
    assert sshd <= database <= 0
