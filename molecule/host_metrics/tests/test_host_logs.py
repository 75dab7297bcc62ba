# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Logs that are sent to a receiver which isn't there: they wait, and nobody else does."""

from __future__ import annotations

import time

from testinfra.host import Host

STATE = "/var/lib/slipway-logs"


def test_what_the_receiver_does_not_take_waits_in_the_queue(host: Host) -> None:
    """A sandbox that is too narrow for its threads would let it run and read nothing."""
    assert host.service("slipway-logs").is_running
    assert host.service("slipway-logs").is_enabled
    host.check_output("logger --tag app 'the line that waits'")
    for _ in range(120):
        if host.run(f"grep -aq 'the line that waits' {STATE}/waiting.*").rc == 0:
            break
        time.sleep(0.5)
    else:
        said = host.check_output(f"ls -la {STATE}; journalctl --no-pager -n 30 -u slipway-logs")
        raise AssertionError(f"the line did not reach the queue within a minute:\n{said}")


def test_it_has_no_more_rights_than_to_read_logs(host: Host) -> None:
    (process,) = host.process.filter(comm="rsyslogd")
    assert process.user == "slipway-logs"
    assert host.file(STATE).mode == 0o700
    assert host.file("/etc/slipway-logs/rsyslog.conf").user == "root"


def test_the_package_s_own_service_does_not_write_the_journal_to_the_disk_again(host: Host) -> None:
    assert "masked" in host.run("systemctl is-enabled rsyslog").stdout
    assert not host.file("/var/log/syslog").exists
    assert host.run("systemctl is-failed syslog.socket").rc != 0
