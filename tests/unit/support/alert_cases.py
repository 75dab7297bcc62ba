# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What Prometheus has measured, and what of it somebody is told: cases for `promtool test rules`.

Each case is fifteen seconds after fifteen seconds of some series (`1+2x3` is 1, 3, 5, 7). Of each alert it says when it is told
and in which words, or until when it is not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from ansible_collections.slipway.flask.plugins.plugin_utils._alerts import plan, rules

HOST = "web1"
WATCHED = ("web2", "web3")
SITE = '{app="shop",domain="shop.test",from="web1",on="web1"}'
DISK = '{mountpoint="/srv",fstype="ext4",device="/dev/vdb"}'


@dataclass(frozen=True)
class Told:
    """At the time AT somebody is told WHAT, and not before NOT_AT."""

    at: str
    what: str
    labels: Mapping[str, str] = field(default_factory=dict)
    not_at: str = ""
    host: str = HOST


@dataclass(frozen=True)
class Case:
    name: str
    series: Mapping[str, str]
    told: Mapping[str, Told] = field(default_factory=dict)
    quiet: Mapping[str, str] = field(default_factory=dict)
    """Alerts that nobody is told of, and until when."""
    every: int = 15
    """Seconds from one value of the series, and one look at the rules, to the next."""


def of_site(on: str) -> str:
    return f'{{app="shop",domain="{on}.test",from="web1",on="{on}"}}'


def requests(good: str, bad: str) -> dict[str, str]:
    return {
        'slipway_http_requests_total{app="shop",method="GET",code="2xx"}': good,
        'slipway_http_requests_total{app="shop",method="GET",code="5xx"}': bad,
    }


def slow(count: str, fast: str) -> dict[str, str]:
    """Return a histogram of requests, of which those that are not FAST (half a second) took up to four seconds."""
    bucket = 'slipway_http_request_duration_seconds_bucket{app="shop",le="%s"}'
    return {
        bucket % "0.5": fast, bucket % "4": count, bucket % "+Inf": count,
        'slipway_http_requests_total{app="shop",method="GET",code="2xx"}': count,
    }  # fmt: skip


CASES: Sequence[Case] = (
    Case(
        "a site that does not answer",
        {f"slipway_site_up{SITE}": "1 1 0x20", f'slipway_site_problem{SITE[:-1]},problem="/ answered 502"}}': "_ _ 1x20"},
        {"SiteDown": Told("90s", "shop: https://shop.test does not answer as it should (/ answered 502)",
                          {"app": "shop", "domain": "shop.test"}, not_at="60s")},
    ),
    Case("a site that misses two looks, as with a restart", {f"slipway_site_up{SITE}": "1 1 0 0 1x20"}, {}, {"SiteDown": "4m"}),
    Case(
        "a site that has been closed for maintenance for long",
        {'slipway_site_closed_timestamp_seconds{app="shop"}': "0x40"},
        {"SiteClosed": Told("4h10m", "shop has been closed for maintenance for 4h 10m 0s", {"app": "shop"}, not_at="4h")},
        every=600,
    ),
    Case(
        "a site that is closed for maintenance, and says so to its visitors",
        {f"slipway_site_up{SITE}": "1x40", 'slipway_site_maintenance{app="shop"}': "1x40", **requests("0x40", "0+10x40"),
         'slipway_site_closed_timestamp_seconds{app="shop"}': "0x40"},
        {}, {"SiteDown": "9m", "ErrorsHigh": "9m", "SiteClosed": "9m"},
    ),
    Case(
        "a site that is well again: its errors are over before it is",
        {f"slipway_site_up{SITE}": "0x8 1x40", **requests("0x8 0+10x40", "0+2x8 16x40")},
        {"SiteDown": Told("3m45s", "shop: https://shop.test does not answer as it should", {"app": "shop", "domain": "shop.test"})},
        {"ErrorsHigh": "3m15s"},
    ),
    Case(
        "one request in ten fails",
        requests("0+90x40", "0+10x40"),
        {"ErrorsHigh": Told("2m", "shop: 10 % of the requests are answered with an error (5xx)", {"app": "shop"}, not_at="30s")},
    ),
    Case("three errors on a quiet site at night", requests("0+1x40", "0 0 1 2 3x40"), {}, {"ErrorsHigh": "9m"}),
    Case("errors for five seconds", requests("0+90x40", "0 0 50x40"), {}, {"ErrorsHigh": "9m"}),
    Case(
        "one request in ten takes four seconds",
        slow("0+50x40", "0+45x40"),
        {"ResponsesSlow": Told("2m", "shop: one request in twenty takes longer than 2.2 s (p95)", {"app": "shop"}, not_at="45s")},
    ),
    Case("a few slow requests on a quiet site at night", slow("0+1x40", "0x40"), {}, {"ResponsesSlow": "9m"}),
    Case("a burst of slow requests", slow("0+50x40", "0 50 70 120+50x40"), {}, {"ResponsesSlow": "9m"}),
    Case(
        "all threads are busy and requests wait",
        {'slipway_gunicorn_threads_busy{app="shop"}': "12x60", 'slipway_gunicorn_threads{app="shop"}': "12x60",
         'slipway_gunicorn_backlog{app="shop"}': "3x60"},
        {"WorkersBusy": Told("6m", "shop: 100 % of gunicorn's threads are busy, and requests wait", {"app": "shop"}, not_at="4m")},
    ),
    Case(
        "all threads are busy, and nobody waits",
        {'slipway_gunicorn_threads_busy{app="shop"}': "12x60", 'slipway_gunicorn_threads{app="shop"}': "12x60",
         'slipway_gunicorn_backlog{app="shop"}': "0x60"},
        {}, {"WorkersBusy": "14m"},
    ),
    Case(
        "workers that hang in requests",
        {'slipway_gunicorn_worker_timeouts_total{app="shop"}': "0 1 2 3 4x40"},
        {"WorkersTimedOut": Told("90s", "shop: gunicorn has killed 4 workers within ten minutes that hung in a request",
                                 {"app": "shop"})},
    ),
    Case(
        "a worker that is gone",
        {'slipway_process_wanted{app="shop",process="worker"}': "1x40",
         'slipway_process_up{app="shop",process="worker",unit="shop.worker@1.service"}': "1 1 0x40"},
        {"ProcessDown": Told("90s", "shop: 1 of its worker processes don't run",
                             {"app": "shop", "process": "worker"}, not_at="60s")},
    ),
    Case(
        "a worker that was never there",
        {'slipway_process_wanted{app="shop",process="worker"}': "2x40"},
        {"ProcessDown": Told("60s", "shop: 2 of its worker processes don't run", {"app": "shop", "process": "worker"})},
    ),
    Case(
        "a deploy: one release takes the other's place",
        {'slipway_process_wanted{app="shop",process="web"}': "1x40",
         'slipway_process_up{app="shop",process="web",unit="shop@1.service"}': "1x10 _x30",
         'slipway_process_up{app="shop",process="web",unit="shop@2.service"}': "_x7 0 1x32",
         'slipway_process_restarts_total{app="shop",process="web",unit="shop@2.service"}': "_x7 0x32",
         f"slipway_site_up{SITE}": "1x40"},
        {}, {"ProcessDown": "9m", "ProcessRestarts": "9m", "SiteDown": "9m"},
    ),
    Case(
        "a process that ends again and again",
        {'slipway_process_restarts_total{app="shop",process="web",unit="shop@1.service"}': "0x30 1 2 3x40"},
        {"ProcessRestarts": Told("8m30s", "shop: its web ended 3 times in ten minutes, and runs again",
                                 {"app": "shop", "process": "web"}, not_at="8m")},
    ),
    Case(
        "a process near its limit",
        {'slipway_process_memory_bytes{app="shop",process="web",unit="shop@1.service"}': "95x40",
         'slipway_process_memory_max_bytes{app="shop",process="web",unit="shop@1.service"}': "100x40"},
        {"ProcessMemory": Told("5m", "shop: web takes 95 % of the memory that it may have",
                               {"app": "shop", "process": "web", "unit": "shop@1.service"}, not_at="4m")},
    ),
    Case(
        "a timer whose run failed",
        {'slipway_timer_failed{app="shop",process="digest"}': "0 1x10"},
        {"TimerFailed": Told("15s", "shop: the last run of digest failed", {"app": "shop", "process": "digest"}, not_at="0s")},
    ),
    Case(
        "a queue that nobody works at",
        {'slipway_queue_oldest_seconds{app="shop",queue="mail"}': "0+15x60"},
        {"QueueStuck": Told("6m", "shop: the oldest job in the queue mail has waited for 6m 0s", {"app": "shop", "queue": "mail"},
                            not_at="5m")},
    ),
    Case(
        "a disk that is full",
        {f"node_filesystem_avail_bytes{DISK}": "50 10x40", f"node_filesystem_size_bytes{DISK}": "100x40",
         f"node_filesystem_readonly{DISK}": "0x40"},
        {"DiskFull": Told("90s", "the disk at /srv is 90 % full", {"mountpoint": "/srv", "fstype": "ext4", "device": "/dev/vdb"},
                          not_at="45s")},
    ),
    Case(
        "a disk that can't be written is as full as it ever gets",
        {f"node_filesystem_avail_bytes{DISK}": "0x40", f"node_filesystem_size_bytes{DISK}": "100x40",
         f"node_filesystem_readonly{DISK}": "1x40"},
        {}, {"DiskFull": "9m"},
    ),
    Case(
        "a disk that fills up evenly",
        {f"node_filesystem_avail_bytes{DISK}": "40000-20x300", f"node_filesystem_size_bytes{DISK}": "100000x300"},
        {"DiskFillsUp": Told("45m", "the disk at /srv will be full in less than 12 hours, if it goes on like the last one",
                             {"mountpoint": "/srv", "fstype": "ext4", "device": "/dev/vdb"}, not_at="30m")},
        {"DiskFull": "70m"},
    ),
    Case(
        "an upload that takes a part of an empty disk",
        {f"node_filesystem_avail_bytes{DISK}": "90000-100x100 80000x200", f"node_filesystem_size_bytes{DISK}": "100000x300"},
        {}, {"DiskFillsUp": "70m"},
    ),
    Case(
        "files without end",
        {f"node_filesystem_files_free{DISK}": "5x40", f"node_filesystem_files{DISK}": "100x40"},
        {"DiskFiles": Told("2m", "95 % of the files that the disk at /srv can have are there",
                           {"mountpoint": "/srv", "fstype": "ext4", "device": "/dev/vdb"})},
    ),
    Case(
        "memory that ends",
        {"node_memory_MemAvailable_bytes": "5x40", "node_memory_MemTotal_bytes": "100x40", "node_vmstat_oom_kill": "0x20 1x20"},
        {"MemoryLow": Told("5m", "95 % of the host's memory is taken", not_at="4m"),
         "OutOfMemory": Told("6m", "the host ran out of memory and the kernel ended a process", not_at="4m")},
    ),
    Case(
        "a clock that is wrong",
        {'node_timex_offset_seconds{instance="web1"}': "-3x40", 'node_timex_sync_status{instance="web1"}': "1x40"},
        {"ClockWrong": Told("3m", "the clock is wrong by 3s", {"instance": "web1"})},
    ),
    Case(
        "an update that waits for a reboot",
        {"slipway_reboot_required": "1x1200"},
        {"RebootDue": Told("7d10m", "an update has been waiting for a reboot for 7 days", not_at="6d23h")},
        every=600,
    ),
    Case(
        "what the host's own check has found",
        {'slipway_check_problem{check="host",problem="updates-late"}': "1x10",
         'slipway_check_problem{check="host",problem="disk:/srv"}': "1x10"},
        {"HostProblem": Told("15s", "the check of the host has found a problem: updates-late",
                             {"check": "host", "problem": "updates-late"})},
    ),
    Case(
        "a certificate near its end",
        {'slipway_certificate_not_after_timestamp_seconds{app="shop",domain="shop.test"}': "259200x20"},
        {"CertificateEnds": Told("0s", "shop: the certificate of shop.test holds for 3d 0h 0m 0s only",
                                 {"app": "shop", "domain": "shop.test"})},
    ),
    Case(
        "a certificate for six days, in the middle of its life and at its end",
        {'slipway_certificate_not_after_timestamp_seconds{app="shop",domain="shop.test"}': "300000x400",
         'slipway_certificate_not_before_timestamp_seconds{app="shop",domain="shop.test"}': "-218400x400"},
        {"CertificateEnds": Told("56h", "shop: the certificate of shop.test holds for 1d 3h 20m 0s only",
                                 {"app": "shop", "domain": "shop.test"}, not_at="54h")},
        every=600,
    ),
    Case(
        "a certificate that was renewed",
        {'slipway_certificate_not_after_timestamp_seconds{app="shop",domain="shop.test"}': "7776000x20"},
        {}, {"CertificateEnds": "4m"},
    ),
    Case(
        "a backup that failed",
        {'slipway_backup_failed{target="s3"}': "0 1x20", 'slipway_backup_last_success_timestamp_seconds{target="s3"}': "0x20"},
        {"BackupFailed": Told("15s", "the last backup to s3 failed", {"target": "s3"}, not_at="0s")},
        {"BackupOld": "4m"},
    ),
    Case(
        "a backup that is old",
        {'slipway_backup_last_success_timestamp_seconds{target="s3"}': "1x200"},
        {"BackupOld": Told("26h10m", "the newest backup at s3 is 1d 2h 9m 59s old", {"target": "s3"}, not_at="26h")},
        every=600,
    ),
    Case(
        "a drill that failed",
        {'slipway_drill_failed{app="shop"}': "1x10"},
        {"DrillFailed": Told("15s", "the last restore drill of shop failed: what is backed up may not come back", {"app": "shop"})},
    ),
    Case(
        "WAL that no target takes",
        {"slipway_archive_waiting_seconds": "0+15x100"},
        {"ArchiveBehind": Told("17m", "PostgreSQL's WAL has waited for 17m 0s to be archived", not_at="15m")},
    ),
    Case(
        "PostgreSQL that is down",
        {"pg_up": "1 0x20"},
        {"PostgresDown": Told("60s", "PostgreSQL does not answer", not_at="45s")},
    ),
    Case(
        "a standby that is not connected",
        {'slipway_standby_up{standby="db2"}': "1 0x20", 'slipway_standby_up{standby="db3"}': "1x20"},
        {"StandbyDown": Told("2m15s", "the standby db2 does not receive what PostgreSQL writes", {"standby": "db2"}, not_at="2m")},
    ),
    Case(
        "a standby that is behind",
        {"pg_replication_lag_seconds": "0+15x40"},
        {"StandbyBehind": Told("6m15s", "the standby is 6m 15s behind its primary", not_at="5m45s")},
    ),
    Case(
        "connections near their limit",
        {'pg_stat_activity_count{datname="shop",state="idle"}': "95x20", "pg_settings_max_connections": "100x20"},
        {"ConnectionsNearLimit": Told("2m", "95 % of PostgreSQL's connections are taken")},
    ),
    Case(
        "an app whose alerts come and go",
        {'ALERTS_FOR_STATE{alertname="Old",app="shop"}': "0+60x7", 'ALERTS{alertname="Old",alertstate="firing",app="shop"}': "1x7"},
        {
            "AlertsFlap": Told(
                "90s",
                "shop: its alerts come and go, 6 times in half an hour; until that ends, only critical ones are sent",
                {"app": "shop"},
                not_at="75s",
            )
        },
    ),
    Case(
        "an app whose alerts come and go before anybody is told",
        {
            'ALERTS_FOR_STATE{alertname="Old",app="shop"}': "0+60x20",
            'ALERTS{alertname="Old",alertstate="pending",app="shop"}': "1x20",
        },
        quiet={"AlertsFlap": "5m"},
    ),
    Case(
        "MariaDB that is down",
        {"mysql_up": "1 0x20"},
        {"MariadbDown": Told("60s", "MariaDB does not answer", not_at="45s")},
    ),
    Case(
        "connections of MariaDB's near their limit",
        {"mysql_global_status_threads_connected": "95x20", "mysql_global_variables_max_connections": "100x20"},
        {"MariadbConnectionsNearLimit": Told("2m", "95 % of MariaDB's connections are taken")},
    ),
    Case(
        "Redis that is down",
        {'redis_up{app="shop",purpose="queue"}': "1 0x20"},
        {"RedisDown": Told("60s", "shop: its Redis (queue) does not answer", {"app": "shop", "purpose": "queue"})},
    ),
    Case(
        "a host that is not measured",
        {'up{job="node",instance="web1"}': "1 0x20", 'slipway_collector_up{part="units"}': "1x20",
         'up{job="app",instance="web1"}': "0x20"},
        {"MetricsMissing": Told("90s", "the host is not measured (node): other alerts can't be told",
                                {"job": "node", "instance": "web1"}, not_at="60s")},
    ),
    Case(
        "a part of the collector that fails",
        {'slipway_collector_up{part="units"}': "1 0x40"},
        {"MetricsPartMissing": Told("6m", "the metrics of units can't be read", {"part": "units"}, not_at="5m")},
        {"MetricsMissing": "6m"},
    ),
    Case(
        "another host that is down, and one behind it that this one need not tell of",
        {f"slipway_site_answers{of_site('web2')}": "1 0x20", f"slipway_site_answers{of_site('web3')}": "1x20"},
        {"HostUnreachable": Told("60s", "none of its sites answers web1: the host is down, or can't be reached", host="web2",
                                 not_at="45s")},
    ),
    Case(
        "another host that is told of by the one between",
        {f"slipway_site_answers{of_site('web2')}": "1x20", f"slipway_site_answers{of_site('web3')}": "1 0x20"},
        {}, {"HostUnreachable": "4m"},
    ),
    Case(
        "a host that answers with errors, which it can tell itself",
        {f"slipway_site_up{of_site('web2')}": "0x20", f"slipway_site_answers{of_site('web2')}": "1x20"},
        {}, {"HostUnreachable": "4m", "SiteDown": "4m"},
    ),
    Case("nothing at all but that it is measured", {'slipway_collector_up{part="units"}': "1x40"},
         {"Watchdog": Told("15s", "alerts reach Alertmanager")}, {"MetricsMissing": "9m"}),
)  # fmt: skip


def rule_document() -> dict[str, Any]:
    """Return the rules of HOST with all thresholds as they are by default."""
    return rules.document(HOST, plan.thresholds({}), WATCHED)


def promtool_files(rule_file: str = "rules.yml") -> dict[str, str]:
    """Return the files that promtool takes: name -> text; those called test-… are tests, one for each interval."""
    files = {rule_file: _text(rule_document())}
    for every in sorted({case.every for case in CASES}):
        tests = [_test(case) for case in CASES if case.every == every]
        document = {"rule_files": [rule_file], "evaluation_interval": f"{every}s", "tests": tests}
        files[f"test-{every}.yml"] = _text(document)
    return files


def _text(document: Any) -> str:
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


def _test(case: Case) -> dict[str, Any]:
    checks = []
    for name, told in case.told.items():
        if told.not_at:
            checks.append({"eval_time": told.not_at, "alertname": name, "exp_alerts": []})
        rule = next(
            entry for group in rule_document()["groups"] for entry in group["rules"]
            if entry["alert"] == name and entry["labels"]["host"] == told.host
        )  # fmt: skip
        look = re.sub(
            r"\{\{ \$labels\.(\w+) \}\}", lambda found, own=told: own.labels[found[1]], rule["annotations"]["look"]
        )
        expected = {
            "exp_labels": {**rule["labels"], **told.labels},
            "exp_annotations": {"what": told.what, "look": look},
        }
        checks.append({"eval_time": told.at, "alertname": name, "exp_alerts": [expected]})
    checks += [{"eval_time": at, "alertname": name, "exp_alerts": []} for name, at in case.quiet.items()]
    series = [{"series": name, "values": values} for name, values in case.series.items()]
    return {"name": case.name, "interval": f"{case.every}s", "input_series": series, "alert_rule_test": checks}
