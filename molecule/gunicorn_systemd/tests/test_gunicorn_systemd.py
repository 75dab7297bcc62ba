# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a web server, another app on the host, an attacker inside the app and an operator see of two services."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from testinfra.host import Host

CONVERGE = yaml.safe_load((Path(__file__).parents[1] / "converge.yml").read_text())[0]["vars"]
ALPHA, BETA = "alpha@2026-01.a_1.service", "beta@7.service"
SOCKETS = {"alpha": "/run/alpha/2026-01.a_1/gunicorn.sock", "beta": "/run/beta/7/gunicorn.sock"}


def command(app: str, path: str, user: str = "webserver", **more: Any) -> str:
    wanted = json.dumps({"socket": SOCKETS[app], "path": path, **more})
    return f"runuser -u {user} -- python3 /srv/code/ask.py {shlex.quote(wanted)}"


def ask(host: Host, app: str, path: str, user: str = "webserver", **more: Any) -> Any:
    """Return what APP answers to USER, decoded; the test fails when it does not answer."""
    answer = json.loads(host.check_output(command(app, path, user, **more)))
    return json.loads(answer["text"]) if answer["status"] == 200 else answer["status"]


def show(host: Host, unit: str, name: str) -> str:
    return host.check_output(f"systemctl show --value --property={name} {unit}")


def wait_for(condition: Callable[[], Any], seconds: float = 10) -> Any:
    """Return what CONDITION returns as soon as that is true; fail after SECONDS."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)
    return found


def access_log(host: Host, unit: str, request_id: str) -> dict[str, Any]:
    """Return the access log's entry with that request id."""

    def look() -> list[dict[str, Any]]:
        found = host.run(f"journalctl --no-pager --output=cat --unit={unit} | grep -F {request_id}")
        return [json.loads(line) for line in found.stdout.splitlines()]

    return wait_for(look)[-1]


# Who may reach what


def test_all_processes_run_as_the_service_user(host: Host) -> None:
    lines = host.check_output("ps -C gunicorn -o user=,args=").splitlines()
    for app in ("alpha", "beta"):
        assert {line.split()[0] for line in lines if f"/etc/{app}/" in line} == {app}
        uid, _, _, home, shell = host.check_output(f"getent passwd {app}").split(":")[2:]
        assert (home, shell) == ("/nonexistent", "/usr/sbin/nologin")
        assert 100 <= int(uid) <= 999


SAME = (
    "User", "Group", "ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "NoNewPrivileges", "PrivateUsers", "UMask",
    "CapabilityBoundingSet", "SystemCallFilter", "RestrictAddressFamilies", "MemoryDenyWriteExecute", "ProtectProc", "ProcSubset",
    "ReadWritePaths", "InaccessiblePaths", "RestrictNamespaces", "LimitCORE",
)  # fmt: skip


@pytest.mark.parametrize("name", ["worker", "worker.2"])
def test_a_process_beside_the_web_server_has_its_rights_and_shows_no_secret(host: Host, name: str) -> None:
    unit = f"alpha.{name}@2026-01.a_1.service"
    assert {key: show(host, unit, key) for key in SAME} == {key: show(host, ALPHA, key) for key in SAME}
    assert [show(host, unit, key) for key in ("TimeoutStopUSec", "Nice", "KillMode")] == ["7s", "3", "mixed"]
    secret = CONVERGE["gunicorn_systemd_services"][0]["secrets"]["SECRET_KEY"]
    known = hashlib.sha256(secret.encode()).hexdigest()
    said = wait_for(lambda: host.check_output(f"journalctl --no-pager --output=cat -t alpha.{name}"))
    assert f"at work ['{name}', '100% $HOME'] {known}   two  words" in said
    line = host.check_output(f"ps -o args= -p {show(host, unit, 'MainPID')}")
    assert "s3cr3t" not in line and "SECRET_KEY" in line
    assert host.service(unit).is_enabled


def test_socket_answers_its_group_and_nobody_else(host: Host) -> None:
    assert ask(host, "alpha", "/") == "hello"
    refused = host.run(command("alpha", "/", user="beta"))
    assert "PermissionError" in refused.stderr
    assert "PermissionError" in host.run(command("alpha", "/", user="nobody")).stderr


def test_control_socket_is_in_the_release_folder_and_only_for_the_owner(host: Host) -> None:
    ctl = host.file("/run/alpha/2026-01.a_1/gunicorn.ctl")
    assert (ctl.is_socket, ctl.user, ctl.mode) == (True, "alpha", 0o600)
    talk = f"runuser -u %s -- /opt/venv/bin/gunicornc --socket {ctl.path} -c 'show workers'"
    assert host.run(talk, "alpha").rc == 0
    assert host.run(talk, "webserver").rc != 0
    assert not host.file("/run/beta/7/gunicorn.ctl").exists


def test_no_service_user_reads_an_environment_file(host: Host) -> None:
    for path in ("/etc/alpha/environment", "/etc/beta/environment"):
        assert host.check_output(f"stat --format='%U %G %a' {path}") == "root root 600"
        tries = "; ".join(f"runuser -u {user} -- cat {path}" for user in ("alpha", "beta", "webserver"))
        assert host.run(tries).stderr.count("Permission denied") == 3
        assert ask(host, "alpha", f"/read?path={path}") == 403


def test_secrets_show_up_nowhere_but_in_the_environment(host: Host) -> None:
    assert "s3cr3t-of-beta" not in host.check_output(
        "ps -eo args; systemctl show beta@7.service; journalctl --no-pager"
    )


# What an attacker inside the app can do


def test_uploads_work_and_nothing_else_can_be_written(host: Host) -> None:
    assert ask(host, "alpha", "/upload?path=/srv/uploads/a.txt", method="POST", body="upload") == "hello"
    upload = host.file("/srv/uploads/a.txt")
    assert (upload.content_string, upload.user, upload.mode) == ("upload", "alpha", 0o640)
    paths = (
        "/tmp/x",
        "/srv/code/tiny.py",
        "/opt/venv/x",
        "/etc/alpha/x",
        "/var/lib/x",
        "/srv/uploads/../x",
        "/dev/sda",
    )
    query = "&".join(f"path={path}" for path in paths)
    assert ask(host, "alpha", f"/writable?{query}&path=/srv/uploads/b") == ["/tmp/x", "/srv/uploads/b"]
    assert ask(host, "beta", f"/writable?{query}&path=/srv/uploads/b") == ["/tmp/x"]
    assert not host.file("/tmp/x").exists, "/tmp is the service's own"


def test_homes_processes_devices_and_raw_sockets_are_out_of_reach(host: Host) -> None:
    assert ask(host, "alpha", "/list?path=/root") == 403
    me = ask(host, "alpha", "/whoami")
    pids = [name for name in ask(host, "alpha", "/list?path=/proc") if name.isdigit()]
    assert str(me["pid"]) in pids and "1" not in pids
    assert show(host, BETA, "MainPID") not in pids
    assert "sda" not in ask(host, "alpha", "/list?path=/dev")
    assert ask(host, "alpha", "/packet") == 403
    assert ask(host, "alpha", "/run?command=cat+/proc/meminfo") == ""
    assert ask(host, "alpha", "/run?command=echo+ok") == "ok\n"


def test_a_process_may_take_from_itself_and_the_host_is_seen_by_who_asked_for_it(host: Host) -> None:
    """`sandbox: {host_metrics: true}` shows beta the host's numbers, and no other process."""
    assert ask(host, "alpha", "/run?command=nice+-n+5+nice") == "5\n"
    assert "MemTotal:" in ask(host, "beta", "/run?command=cat+/proc/meminfo")
    pids = [name for name in ask(host, "beta", "/list?path=/proc") if name.isdigit()]
    assert pids and "1" not in pids


def test_shared_memory_works_and_no_other_app_sees_it(host: Host) -> None:
    # The command is split at spaces, so its code has none.
    made = (
        "M=__import__('multiprocessing.shared_memory',None,None,['x']).SharedMemory;m=M('alpha-own',True,8);m.buf[0]=7"
    )
    assert (
        ask(host, "alpha", f"/run?command=python3+-c+{quote(made + ';n=M(m.name);print(n.buf[0]);m.unlink()')}")
        == "7\n"
    )
    assert ask(host, "alpha", "/run?command=touch+/dev/shm/left") == ""
    assert "left" in ask(host, "alpha", "/list?path=/dev/shm")
    assert "left" not in ask(host, "beta", "/list?path=/dev/shm")
    assert not host.file("/dev/shm/left").exists
    host.check_output("touch /dev/shm/host")
    assert "host" not in ask(host, "alpha", "/list?path=/dev/shm")


@pytest.mark.parametrize("unit", [ALPHA, BETA])
def test_systemd_rates_the_service_at_most_2(host: Host, unit: str) -> None:
    said = host.check_output(f"systemd-analyze security --no-pager {unit} | tail -1")
    assert float(re.findall(r": (\d+\.\d)", said)[0]) <= 2.0, said


def test_peer_authentication_over_a_database_like_socket_sees_the_real_user(host: Host) -> None:
    """What PostgreSQL's `peer` does; PrivateUsers= must not turn the app into somebody else."""
    server = (
        "import os, socket, struct\n"
        "s = socket.socket(socket.AF_UNIX); s.bind('/run/peer.sock'); os.chmod('/run/peer.sock', 0o777); s.listen()\n"
        "c, _ = s.accept()\n"
        "c.sendall(str(struct.unpack('3i', c.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]).encode())\n"
    )
    host.check_output("rm -f /run/peer.sock; systemd-run --quiet --collect python3 -c %s", server)
    wait_for(lambda: host.file("/run/peer.sock").exists)
    assert wait_for(lambda: ask(host, "alpha", "/connect?to=/run/peer.sock")) == str(host.user("alpha").uid)


def test_calls_over_the_network_work(host: Host) -> None:
    assert ask(host, "alpha", "/connect?to=127.0.0.1&port=22").startswith("SSH-")


# What the app gets


def test_environment_arrives_unchanged(host: Host) -> None:
    alpha = CONVERGE["gunicorn_systemd_services"][0]
    wanted = {**alpha["environment"], **alpha["secrets"]}
    wanted = {name: str(value).lower() if value is True else str(value) for name, value in wanted.items()}
    environment = ask(host, "alpha", "/env")
    assert {name: environment.get(name) for name in wanted} == wanted
    assert environment["RELEASE_ID"] == "2026-01.a_1"
    assert environment["RUNTIME_DIRECTORY"] == "/run/alpha/2026-01.a_1"
    assert "NOTIFY_SOCKET" not in environment


def test_arguments_of_the_factory_arrive_unchanged(host: Host) -> None:
    assert ask(host, "alpha", "/arguments") == ["it's $HOME, 100%", 'a"b\\c']


def test_scheme_follows_the_proxy_and_nothing_else(host: Host) -> None:
    assert ask(host, "alpha", "/scheme")[0] == "http"
    assert ask(host, "alpha", "/scheme", headers={"X-Forwarded-Proto": "https"})[0] == "https"
    sneaky = {"X-Forwarded-Proto": "http", "X-Forwarded-Ssl": "on", "SCRIPT_NAME": "/admin"}
    assert ask(host, "alpha", "/scheme", headers=sneaky) == ["http", "", ""]


def test_workers_suit_the_host(host: Host) -> None:
    cores = int(host.check_output("nproc"))
    memory = int(host.check_output("awk '/^MemTotal/ {print $2}' /proc/meminfo")) // 1024
    assert memory > 1024, "the test counts on a host in which cores are what limits beta"
    workers = host.check_output(f"pgrep --parent {show(host, BETA, 'MainPID')}").split()
    assert len(workers) == min(2 * cores + 1, 256 // 16)
    assert show(host, BETA, "MemoryMax") == str(256 * 1024**2)
    assert show(host, BETA, "CPUWeight") == "50"
    assert len(host.check_output(f"pgrep --parent {show(host, ALPHA, 'MainPID')}").split()) == 2


def test_a_proxy_may_keep_connections_until_another_release_serves(host: Host) -> None:
    """What is on its way when a worker stops is answered by gthread alone, so that others keep none."""
    assert ask(host, "alpha", "/", keep=True) and not ask(host, "beta", "/", keep=True)
    try:
        host.check_output("mkdir /srv/alpha && ln -s releases/2026-01.a_1 /srv/alpha/current")
        assert ask(host, "alpha", "/", keep=True)
        host.check_output("ln -sfn releases/another /srv/alpha/current")
        assert not ask(host, "alpha", "/", keep=True)
    finally:
        host.check_output("rm -r /srv/alpha")


# Logs


def test_access_log_is_json_whatever_the_client_sends(host: Host) -> None:
    nasty = '<0>quo"te \\ \x85\xe2\x80\xa8 \t{"status": 200} %(a)s \\n</script>' + "\xff" * 5000
    request = f"hostile-{time.time_ns()}"
    headers = {"User-Agent": nasty, "X-Request-ID": request, "X-Forwarded-For": "6.6.6.6, 192.0.2.7"}
    ask(host, "alpha", '/nowhere"\\?token=t0p', headers=headers)
    entry = access_log(host, ALPHA, request)
    assert entry["user_agent"] == nasty[:500]
    assert entry["remote_addr"] == "192.0.2.7"
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", '/nowhere"\\', 200)
    assert (entry["release"], entry["host"]) == ("2026-01.a_1", "site.example")
    assert entry["bytes"] > 0 and 0 < entry["duration_ms"] < 5000
    assert "query" not in entry
    ask(host, "beta", "/env?page=2", headers={"X-Request-ID": request})
    assert access_log(host, BETA, request)["query"] == "page=2"


def test_gunicorns_own_messages_have_levels(host: Host) -> None:
    lines = host.check_output(f"journalctl --no-pager --output=json --unit={BETA}").splitlines()
    levels = {str(line["MESSAGE"]): line["PRIORITY"] for line in map(json.loads, lines)}
    assert levels["Starting gunicorn 27.0.1"] == "6"
    assert levels["Control socket disabled"] == "7"
    assert not [message for message in levels if message.startswith("<")]


# What happens when things break


def test_a_killed_worker_is_replaced_and_the_others_serve_on(host: Host) -> None:
    me = ask(host, "alpha", "/whoami")
    before = set(host.check_output(f"pgrep --parent {me['master']}").split())
    host.check_output(f"kill -9 {me['pid']}")
    assert ask(host, "alpha", "/whoami")["master"] == me["master"]
    after = wait_for(lambda: (now := set(host.check_output(f"pgrep --parent {me['master']}").split())) - before and now)
    assert len(after) == 2 and str(me["pid"]) not in after


@pytest.mark.parametrize(("app", "unit", "signal"), [("alpha", ALPHA, "KILL"), ("beta", BETA, "TERM")])
def test_a_master_that_ends_is_back_within_seconds(host: Host, app: str, unit: str, signal: str) -> None:
    """Also after SIGTERM, to which gunicorn exits with success."""
    before = show(host, unit, "MainPID")
    host.check_output(f"kill -{signal} {before}")
    wait_for(lambda: show(host, unit, "MainPID") not in (before, "0") and show(host, unit, "ActiveState") == "active")
    assert ask(host, app, "/") == "hello"
    assert show(host, unit, "StartLimitIntervalUSec") == "0"


def test_a_stop_lets_a_running_request_end(host: Host) -> None:
    ask_slowly = command("alpha", "/slow?seconds=2", headers={"X-Request-ID": "slow-1"})
    host.check_output("systemd-run --quiet --collect --unit=slow --property=StandardOutput=truncate:/run/slow.out sh -c %s",
                      ask_slowly)  # fmt: skip
    wait_for(lambda: host.run("ss -xH state established | grep -q gunicorn.sock").rc == 0)
    host.check_output(f"systemctl restart {ALPHA}")
    assert json.loads(host.file("/run/slow.out").content_string)["status"] == 200
    assert access_log(host, ALPHA, "slow-1")["duration_ms"] >= 2000
    assert show(host, ALPHA, "Result") == "success"


def test_a_release_that_cannot_load_fails_to_start(host: Host) -> None:
    """Not "active" until the first worker has the app; other instances of the unit don't mind."""
    override = "/run/systemd/system/alpha@broken.service.d"
    host.check_output(
        f"mkdir -p {override}; printf '[Service]\\nExecStart=\\nExecStart=/opt/venv/bin/gunicorn --config "
        f"/etc/alpha/gunicorn.conf.py nosuch:app\\n' > {override}/x.conf; systemctl daemon-reload"
    )
    started = host.run("systemctl start alpha@broken.service")
    host.check_output(f"systemctl stop alpha@broken.service; rm -r {override}; systemctl daemon-reload")
    assert started.rc != 0
    assert ask(host, "alpha", "/") == "hello"


def test_units_are_well_formed_and_start_at_boot(host: Host) -> None:
    verified = host.run(f"systemd-analyze verify {ALPHA} {BETA}")
    assert (verified.rc, verified.stdout, verified.stderr) == (0, "", "")
    assert host.check_output(f"systemctl is-enabled {ALPHA} {BETA}").split() == ["enabled", "enabled"]
    assert "Unknown key" not in host.check_output("journalctl --no-pager --identifier=systemd")
