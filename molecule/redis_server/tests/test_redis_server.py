# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What apps, neighbours and attackers get from the host's instances of Redis."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from testinfra.backend.base import CommandResult
from testinfra.host import Host

ALPHA, BETA = "alpha", "beta-shop"
QUEUE, CACHE, OTHER = "alpha-queue", "alpha-cache", "beta-shop-queue"


def path(instance: str) -> str:
    return f"/run/slipway-redis/{instance}/redis.sock"


def ask(host: Host, user: str, instance: str, *words: str) -> CommandResult:
    """Run one command of Redis as a system user, over the socket, as an app's library would."""
    command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "timeout", "10", "redis-cli", "-s",
               path(instance), *words]  # fmt: skip
    return host.run(" ".join(["%s"] * len(command)), *command)


def value(host: Host, instance: str, *words: str) -> str:
    """Return the answer that the app's own user gets."""
    found = ask(host, BETA if instance == OTHER else ALPHA, instance, *words)
    assert found.rc == 0, found.stderr
    return str(found.stdout.strip())


def info(host: Host, instance: str, name: str) -> str:
    rows = dict(line.split(":", 1) for line in value(host, instance, "INFO", "everything").split() if ":" in line)
    return rows[name]


def push(host: Host, instance: str, numbers: range, size: int = 1) -> str:
    """Push NUMBERS, each with SIZE letters behind it, onto the list `jobs`; return what the server said of each."""
    user = BETA if instance == OTHER else ALPHA
    script = (
        f"seq {numbers.start} {numbers.stop - 1} | awk '{{printf \"RPUSH jobs %s:%0{size}d\\n\", $1, 0}}' | "
        f"setpriv --reuid={user} --regid={user} --clear-groups redis-cli -s {path(instance)}"
    )
    return str(host.check_output(script))


def wait_for(host: Host, instance: str) -> None:
    deadline = time.monotonic() + 20
    while ask(host, BETA if instance == OTHER else ALPHA, instance, "PING").stdout.strip() != "PONG":
        assert time.monotonic() < deadline, host.check_output(f"journalctl -u slipway-redis-{instance} -n 30")
        time.sleep(0.05)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(autouse=True)
def empty(host: Host) -> None:
    for instance in (QUEUE, CACHE, OTHER):
        value(host, instance, "FLUSHALL")


def test_two_apps_do_not_see_each_others_keys(host: Host) -> None:
    value(host, QUEUE, "SET", "note", "alpha's")
    assert value(host, OTHER, "GET", "note") == ""
    for user, instance in ((BETA, QUEUE), (BETA, CACHE), (ALPHA, OTHER), ("daemon", QUEUE)):
        refused = ask(host, user, instance, "PING")
        assert refused.rc != 0
        assert "Permission denied" in refused.stderr


def test_queue_and_cache_of_one_app_are_apart(host: Host) -> None:
    value(host, QUEUE, "RPUSH", "jobs", "1")
    value(host, CACHE, "FLUSHALL")
    assert value(host, QUEUE, "LLEN", "jobs") == "1"


def test_its_service_is_looked_at_for_its_rights(exposed: dict[str, float]) -> None:
    assert any("redis" in name for name in exposed)


def test_no_instance_listens_on_the_network(host: Host) -> None:
    """One of the hosts has a Redis of somebody's, which goes on; on the other the package's own never runs."""
    somebodys = str(host.backend.name).endswith("-13")
    listeners = host.check_output("ss -H -l -n -t -u -p")
    pids = host.check_output("systemctl show -p MainPID --value 'slipway-redis-*'").split()
    assert len(pids) == 3
    assert not [pid for pid in pids if f"pid={pid}," in listeners]
    assert ("redis-server" in listeners) is somebodys
    assert host.service("redis-server").is_running is somebodys
    answer = host.run("redis-cli PING")
    assert ("NOAUTH" in answer.stdout) if somebodys else (answer.rc != 0)


@pytest.mark.parametrize(
    "words",
    [
        ("CONFIG", "SET", "dir", "/tmp"),
        ("CONFIG", "SET", "maxmemory", "0"),
        ("CONFIG", "REWRITE"),
        ("MODULE", "LOAD", "/tmp/x.so"),
        ("REPLICAOF", "192.0.2.1", "6379"),
        ("SLAVEOF", "192.0.2.1", "6379"),
        ("ACL", "SETUSER", "default", "+@all"),
        ("DEBUG", "SLEEP", "0"),
        ("MIGRATE", "192.0.2.1", "6379", "k", "0", "100"),
        ("MONITOR",),
        ("SHUTDOWN", "NOSAVE"),
        ("EVAL", "return redis.call('config', 'set', 'dir', '/tmp')", "0"),
        ("EVAL", "return os.execute('id')", "0"),
        ("EVAL", "return io.open('/etc/passwd'):read('*a')", "0"),
    ],
    ids=" ".join,
)
def test_an_app_can_do_nothing_to_its_server(host: Host, words: tuple[str, ...]) -> None:
    said = ask(host, ALPHA, QUEUE, *words)
    told = (said.stdout + said.stderr).strip()
    assert told.startswith(("NOPERM", "ERR", "NOAUTH")), told
    assert value(host, QUEUE, "CONFIG", "GET", "dir").endswith(f"/var/lib/slipway-redis/{QUEUE}")


@pytest.mark.parametrize("command", ["RESTORE", "RESTORE-ASKING"])
def test_a_forged_dump_is_not_even_read(host: Host, command: str) -> None:
    assert ask(host, ALPHA, QUEUE, command, "k", "0", "x").stdout.startswith("NOPERM")


@pytest.mark.parametrize(
    "words",
    [("INFO",), ("CLIENT", "LIST"), ("CLIENT", "SETNAME", "rq"), ("KEYS", "*"), ("SCAN", "0"), ("PUBLISH", "c", "x"),
     ("EVAL", "return redis.call('keys', '*')", "0"), ("SCRIPT", "LOAD", "return 1"), ("FLUSHDB",),
     ("CONFIG", "GET", "maxmemory-policy")],
    ids=" ".join,
)  # fmt: skip
def test_libraries_may_do_what_they_need(host: Host, words: tuple[str, ...]) -> None:
    told = ask(host, ALPHA, QUEUE, *words)
    assert not told.stdout.startswith(("NOPERM", "ERR")), told.stdout
    assert told.rc == 0


def test_apps_can_read_neither_configuration_nor_data(host: Host) -> None:
    for file in (f"/etc/slipway-redis/{QUEUE}.conf", f"/var/lib/slipway-redis/{QUEUE}/appendonlydir"):
        for user in (ALPHA, BETA, f"redis-{CACHE}"):
            read = host.run("setpriv --reuid=%s --regid=%s --clear-groups ls -l %s/ %s", user, user, file, file)
            text = host.run("setpriv --reuid=%s --regid=%s --clear-groups cat %s", user, user, file)
            assert "Permission denied" in text.stderr, (user, file, read.stdout)
    assert host.file(f"/etc/slipway-redis/{QUEUE}.conf").mode == 0o640
    processes = host.check_output("ps -eo user:32,args")
    assert f"redis-{QUEUE} " in processes and f"redis-{CACHE} " in processes


def test_a_full_cache_throws_the_least_recently_used_away_and_stays_in_its_memory(host: Host) -> None:
    host.check_output(
        f"setpriv --reuid=alpha --regid=alpha --clear-groups redis-benchmark -q -s {path(CACHE)} -t set -d 4096 -r 1000000 "
        "-n 12000 -P 50"
    )  # 48 MB into 16
    value(host, CACHE, "SET", "newest", "x")
    assert value(host, CACHE, "GET", "newest") == "x"
    assert int(info(host, CACHE, "evicted_keys")) > 1000
    assert int(info(host, CACHE, "used_memory_dataset")) < 17 * 2**20
    assert int(info(host, CACHE, "used_memory_rss")) < 64 * 2**20


def test_a_full_queue_refuses_more_and_loses_nothing(host: Host) -> None:
    said = push(host, OTHER, range(1, 4001), size=10000)  # 40 MB into 24
    taken = int(value(host, OTHER, "LLEN", "jobs"))
    assert "OOM command not allowed when used memory > 'maxmemory'" in said
    assert taken == len([line for line in said.splitlines() if line.isdigit()]) > 1000
    assert value(host, OTHER, "LPOP", "jobs").startswith("1:")
    assert info(host, OTHER, "evicted_keys") == "0"


def test_a_killed_queue_is_back_as_it_was(host: Host) -> None:
    push(host, QUEUE, range(1, 2001))
    pid = host.check_output(f"systemctl show -p MainPID --value slipway-redis-{QUEUE}")
    assert value(host, QUEUE, "RPUSH", "jobs", "the last one") == "2001"
    host.check_output(f"kill -9 {pid}")
    wait_for(host, QUEUE)
    assert host.check_output(f"systemctl show -p MainPID --value slipway-redis-{QUEUE}") != pid
    assert value(host, QUEUE, "LLEN", "jobs") == "2001"
    assert value(host, QUEUE, "LINDEX", "jobs", "-1") == "the last one"


def test_all_are_back_after_a_restart_the_queue_as_it_was_and_the_cache_empty(host: Host) -> None:
    push(host, QUEUE, range(1, 11))
    value(host, CACHE, "SET", "page", "x")
    for instance in (QUEUE, CACHE, OTHER):
        assert host.service(f"slipway-redis-{instance}").is_enabled
    host.check_output("systemctl stop 'slipway-redis-*'")
    assert "No such file" in ask(host, "root", QUEUE, "PING").stderr
    host.check_output(f"systemctl start slipway-redis-{QUEUE} slipway-redis-{CACHE} slipway-redis-{OTHER}")
    assert value(host, QUEUE, "LLEN", "jobs") == "10", "it is started when it has read its data"
    assert value(host, CACHE, "DBSIZE") == "0"


def test_what_a_queue_has_acknowledged_outlives_a_kill_while_the_disk_is_slow(host: Host) -> None:
    """With `everysec`, Redis answers before it has even handed the change to the kernel while a sync takes long."""
    slow = f"slow-{QUEUE}"
    main = host.check_output(f"systemctl show -P MainPID slipway-redis-{QUEUE}")
    host.check_output(
        f"systemd-run --quiet --unit {slow} strace -f -qq -o /dev/null -e trace=fdatasync "
        f"-e inject=fdatasync:delay_enter=700000 -p {main}"
    )
    try:
        wait_until(lambda: host.check_output(f"grep TracerPid /proc/{main}/status").split()[1] != "0")
        last, began = 0, time.monotonic()
        while time.monotonic() - began < 4:
            last = int(value(host, QUEUE, "RPUSH", "jobs", "x"))
        host.check_output(f"kill -9 {main}")
    finally:
        host.run(f"systemctl stop {slow}")
    wait_for(host, QUEUE)
    assert int(value(host, QUEUE, "LLEN", "jobs")) >= last > 0


def fill(host: Host, instance: str) -> str:
    """Give INSTANCE a disk of 4 MB and push 8 MB; return what it said."""
    folder, service = f"/var/lib/slipway-redis/{instance}", f"slipway-redis-{instance}"
    host.check_output(f"systemctl stop {service} && mount -t tmpfs -o size=4m,mode=700 tmpfs {folder}")
    host.check_output(f"chown redis-{instance}: {folder} && systemctl start {service}")
    return push(host, instance, range(1, 2001), size=4000)


def empty_again(host: Host, instance: str) -> None:
    folder, service = f"/var/lib/slipway-redis/{instance}", f"slipway-redis-{instance}"
    host.check_output(f"systemctl stop {service}; umount {folder}; systemctl start {service}")


def test_a_full_disk_ends_a_queue_until_there_is_room_and_loses_nothing(host: Host) -> None:
    try:
        said = fill(host, QUEUE)
        wait_for(host, QUEUE)
        taken = int(value(host, QUEUE, "LLEN", "jobs"))
        acknowledged = max([0, *(int(line) for line in said.splitlines() if line.isdigit())])
        assert 2000 > taken >= acknowledged > 0, said[-300:]
        assert value(host, QUEUE, "LINDEX", "jobs", "0").startswith("1:"), "what it has can be read"
        host.check_output(f"mount -o remount,size=32m /var/lib/slipway-redis/{QUEUE}")
        wait_until(lambda: ask(host, ALPHA, QUEUE, "RPUSH", "jobs", "again").stdout.strip() == str(taken + 1))
    finally:
        empty_again(host, QUEUE)


def test_a_full_disk_stops_only_changes_where_it_syncs_every_second(host: Host) -> None:
    try:
        said = fill(host, OTHER)
        taken = int(value(host, OTHER, "LLEN", "jobs"))
        assert 0 < taken < 2000
        assert "MISCONF" in said and "No space left on device" in said, said[-300:]
        host.check_output(f"mount -o remount,size=32m /var/lib/slipway-redis/{OTHER}")
        wait_until(lambda: value(host, OTHER, "RPUSH", "jobs", "again") == str(taken + 1))
        host.check_output(f"systemctl kill -s KILL slipway-redis-{OTHER}")
        wait_for(host, OTHER)
        assert value(host, OTHER, "LLEN", "jobs") == str(taken + 1)
    finally:
        empty_again(host, OTHER)


def test_settings_are_in_effect(host: Host) -> None:
    wanted = {
        (QUEUE, "maxmemory"): str(128 * 2**20),
        (QUEUE, "maxmemory-policy"): "noeviction",
        (QUEUE, "appendonly"): "yes",
        (QUEUE, "appendfsync"): "always",
        (QUEUE, "port"): "0",
        (CACHE, "maxmemory-policy"): "allkeys-lru",
        (CACHE, "appendonly"): "no",
        (CACHE, "save"): "",
        (OTHER, "appendfsync"): "everysec",
    }
    assert {key: value(host, key[0], "CONFIG", "GET", key[1]).partition("\n")[2] for key in wanted} == wanted
    assert host.check_output("cat /proc/sys/vm/overcommit_memory") == "1"
    assert host.check_output(f"systemctl show -p MemoryMax --value slipway-redis-{QUEUE}") == str((256 + 64) * 2**20)
