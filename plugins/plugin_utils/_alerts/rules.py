# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The rules of the alerts: what Prometheus asks again and again, and what a person reads when the answer is not empty.

Each holds for a moment before it is told, so that a restart, a deploy or a burst of requests is not; what is urgent still
reaches a person within two minutes (URGENT_SECONDS). A quiet site at night has few requests: one that is slow, or fails, is no
share of them.
PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any

EVERY_SECONDS = 15
"""How often the rules are asked; the metrics are as old at most when Prometheus reads them, and again when it is asked."""
WAIT_SECONDS = 15
"""For how long Alertmanager collects what belongs together."""
URGENT_SECONDS = 120
CRITICAL, WARNING = "critical", "warning"
WATCHDOG, FLAPPING = "Watchdog", "AlertsFlap"
VISITS = "sum by (app) (increase(slipway_http_requests_total[2m]))"
CLOSED = "unless on (app) (max by (app) (slipway_site_maintenance) == 1)"
DISKS = 'fstype!~"ramfs|squashfs",mountpoint!~"/(run|dev|sys|proc|boot/efi)(/.*)?"'
ENDS = "min by (app, domain) (slipway_certificate_not_after_timestamp_seconds > 0)"
BEGINS = "min by (app, domain) (slipway_certificate_not_before_timestamp_seconds)"
LEFT = f"({ENDS} - time())"
SHORT_SHARE = 0.2
"""A certificate that holds for six days only is near its end when less than this of its life is left."""
OWN_ALERTS = "disk:.*|inodes:.*|run:.*|drill:.*|age:.*|wal:failing"
"""Problems of the host's own checks that a rule here tells of as well."""


@dataclass(frozen=True)
class Rule:
    """An alert. EXPRESSION has `$name` where a threshold goes; WHAT and LOOK are templates of Prometheus.

    HOLD is the number of seconds for which it must be true before it is reported.
    """

    name: str
    expression: str
    what: str
    look: str
    hold: int = 0
    keep: int = 60
    """For how many seconds one that HOLDs goes on: what comes and goes within a minute is one event."""
    severity: str = WARNING
    is_urgent: bool = False
    """Whether somebody must know within two minutes."""


SITE: Sequence[Rule] = (
    Rule(
        "SiteDown", 'max by (app, domain) (slipway_site_up{on="$host"}) == 0',
        "{{ $labels.app }}: https://{{ $labels.domain }} does not answer as it should"
        "{{ range printf `slipway_site_problem{on=\"$host\",app=%q,domain=%q}` $labels.app $labels.domain | query }}"
        " ({{ .Labels.problem }}){{ end }}",
        "playbooks/status.yml -e app={{ $labels.app }}, then playbooks/logs.yml -e app={{ $labels.app }}",
        # Longer than what it is the cause of goes on, which would be told at its end.
        hold=45, keep=120, severity=CRITICAL, is_urgent=True,
    ),
    Rule(
        "SiteClosed", "time() - slipway_site_closed_timestamp_seconds > $maintenance_hours * 3600",
        "{{ $labels.app }} has been closed for maintenance for {{ $value | humanizeDuration }}",
        "playbooks/maintenance.yml -e app={{ $labels.app }} -e state=off opens it",
    ),
    Rule(
        "ErrorsHigh",
        'sum by (app) (rate(slipway_http_requests_total{code="5xx"}[45s])) / sum by (app) (rate(slipway_http_requests_total[45s]))'
        ' * 100 > $error_percent and on (app) sum by (app) (increase(slipway_http_requests_total{code="5xx"}[2m])) >= 5 ' + CLOSED,
        "{{ $labels.app }}: {{ $value | printf \"%.0f\" }} % of the requests are answered with an error (5xx)",
        "playbooks/logs.yml -e app={{ $labels.app }} -e level=error",
        hold=45, keep=0, severity=CRITICAL, is_urgent=True,
    ),
    Rule(
        "ResponsesSlow",
        "histogram_quantile(0.95, sum by (app, le) (rate(slipway_http_request_duration_seconds_bucket[45s]))) > $slow_seconds "
        f"and on (app) {VISITS} >= 20 {CLOSED}",
        "{{ $labels.app }}: one request in twenty takes longer than {{ $value | printf \"%.1f\" }} s (p95)",
        "playbooks/queries.yml -e app={{ $labels.app }} for its statements, playbooks/status.yml for busy workers",
        hold=60, keep=0, is_urgent=True,
    ),
    Rule(
        "WorkersBusy",
        "avg_over_time(slipway_gunicorn_threads_busy[2m]) / slipway_gunicorn_threads * 100 >= $busy_percent "
        "and on (app) max_over_time(slipway_gunicorn_backlog[2m]) > 0",
        "{{ $labels.app }}: {{ $value | printf \"%.0f\" }} % of gunicorn's threads are busy, and requests wait",
        "what takes them so long (playbooks/queries.yml), or more `workers` or `threads`",
        hold=300,
    ),
    Rule(
        "WorkersTimedOut", "sum by (app) (increase(slipway_gunicorn_worker_timeouts_total[10m])) > 2",
        "{{ $labels.app }}: gunicorn has killed {{ $value | printf \"%.0f\" }} workers within ten minutes that hung in a request",
        "playbooks/logs.yml -e app={{ $labels.app }} -e grep=TIMEOUT",
    ),
)  # fmt: skip
PROCESSES: Sequence[Rule] = (
    Rule(
        "ProcessDown",
        "max by (app, process) (slipway_process_wanted) - on (app, process) (sum by (app, process) (slipway_process_up) "
        "or max by (app, process) (slipway_process_wanted) * 0) > 0",
        "{{ $labels.app }}: {{ $value }} of its {{ $labels.process }} processes don't run",
        "playbooks/logs.yml -e app={{ $labels.app }} -e process={{ $labels.process }}",
        hold=45, severity=CRITICAL, is_urgent=True,
    ),
    Rule(
        "ProcessRestarts",
        "sum by (app, process) (increase(slipway_process_restarts_total[10m])) >= $restarts - 0.5",
        "{{ $labels.app }}: its {{ $labels.process }} ended {{ $value | printf \"%.0f\" }} times in ten minutes, and runs again",
        "playbooks/logs.yml -e app={{ $labels.app }} -e process={{ $labels.process }}",
        is_urgent=True,
    ),
    Rule(
        "ProcessMemory",
        "slipway_process_memory_bytes / (slipway_process_memory_max_bytes > 0) * 100 > $memory_percent",
        "{{ $labels.app }}: {{ $labels.process }} takes {{ $value | printf \"%.0f\" }} % of the memory that it may have",
        "playbooks/status.yml -e app={{ $labels.app }}; fewer workers, or a higher memory_max_mb",
        hold=300,
    ),
    Rule(
        "TimerFailed", "max by (app, process) (slipway_timer_failed) == 1",
        "{{ $labels.app }}: the last run of {{ $labels.process }} failed",
        "playbooks/logs.yml -e app={{ $labels.app }} -e process={{ $labels.process }}",
        is_urgent=True,
    ),
    Rule(
        "QueueStuck", "max by (app, queue) (slipway_queue_oldest_seconds) > $queue_seconds",
        "{{ $labels.app }}: the oldest job in the queue {{ $labels.queue }} has waited for {{ $value | humanizeDuration }}",
        "playbooks/logs.yml -e app={{ $labels.app }} -e process=worker; more workers, if they are all at work",
        hold=15, is_urgent=True,
    ),
)  # fmt: skip
HOST: Sequence[Rule] = (
    Rule(
        "DiskFull",
        f"100 - node_filesystem_avail_bytes{{{DISKS}}} / node_filesystem_size_bytes{{{DISKS}}} * 100 >= $disk_percent "
        "unless node_filesystem_readonly == 1",
        "the disk at {{ $labels.mountpoint }} is {{ $value | printf \"%.0f\" }} % full",
        "du -xh --max-depth=2 {{ $labels.mountpoint }} | sort -h | tail",
        hold=45, is_urgent=True,
    ),
    Rule(
        "DiskFillsUp",
        f"predict_linear(node_filesystem_avail_bytes{{{DISKS}}}[1h], $disk_hours * 3600) < 0 "
        f"and node_filesystem_avail_bytes{{{DISKS}}} / node_filesystem_size_bytes{{{DISKS}}} < 0.5 "
        f"and count_over_time(node_filesystem_avail_bytes{{{DISKS}}}[1h]) > 120",
        "the disk at {{ $labels.mountpoint }} will be full in less than $disk_hours hours, if it goes on like the last one",
        "du -xh --max-depth=2 {{ $labels.mountpoint }} | sort -h | tail",
        hold=600,
    ),
    Rule(
        "DiskFiles",
        f"100 - node_filesystem_files_free{{{DISKS}}} / (node_filesystem_files{{{DISKS}}} > 0) * 100 >= $disk_percent",
        "{{ $value | printf \"%.0f\" }} % of the files that the disk at {{ $labels.mountpoint }} can have are there",
        "df -i; many small files, such as sessions or caches",
        hold=60,
    ),
    Rule(
        "MemoryLow",
        "100 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes * 100 > $memory_percent",
        "{{ $value | printf \"%.0f\" }} % of the host's memory is taken",
        "playbooks/status.yml; fewer workers, or a larger host",
        hold=300,
    ),
    Rule(
        "OutOfMemory", "increase(node_vmstat_oom_kill[10m]) > 0",
        "the host ran out of memory and the kernel ended a process",
        "journalctl -k --grep='Out of memory' on the host",
        severity=CRITICAL,
    ),
    Rule(
        "ClockWrong",
        "abs(node_timex_offset_seconds) > $clock_seconds and on (instance) node_timex_sync_status == 1",
        "the clock is wrong by {{ $value | humanizeDuration }}",
        "timedatectl timesync-status on the host",
        hold=120,
    ),
    Rule(
        "RebootDue", "min_over_time(slipway_reboot_required[6h]) == 1",
        "an update has been waiting for a reboot for $reboot_days days",
        "slipway_updates.reboot lets the host do it at night; now: reboot",
        hold=-1,
    ),
    Rule(
        "HostProblem", f'max by (check, problem) (slipway_check_problem{{problem!~"{OWN_ALERTS}"}}) == 1',
        "the check of the {{ $labels.check }} has found a problem: {{ $labels.problem }}",
        "playbooks/status.yml says what it is and what to do",
    ),
)  # fmt: skip
DATA: Sequence[Rule] = (
    Rule(
        "CertificateEnds",
        f"{LEFT} < $certificate_days * 86400 "
        f"unless on (app, domain) {LEFT} > {SHORT_SHARE} * ({ENDS} - {BEGINS})",
        "{{ $labels.app }}: the certificate of {{ $labels.domain }} holds for {{ $value | humanizeDuration }} only",
        "playbooks/status.yml -e app={{ $labels.app }} says why it was not renewed",
        is_urgent=True,
    ),
    Rule(
        "BackupFailed", "max by (target) (slipway_backup_failed) == 1",
        "the last backup to {{ $labels.target }} failed",
        "playbooks/backups.yml, and journalctl -u slipway-backup on the host",
        severity=CRITICAL, is_urgent=True,
    ),
    Rule(
        "BackupOld",
        "time() - max by (target) (slipway_backup_last_success_timestamp_seconds > 0) > $backup_hours * 3600",
        "the newest backup at {{ $labels.target }} is {{ $value | humanizeDuration }} old",
        "playbooks/backups.yml, and journalctl -u slipway-backup on the host",
        severity=CRITICAL,
    ),
    Rule(
        "DrillFailed", "max by (app) (slipway_drill_failed) == 1",
        "the last restore drill{{ with $labels.app }} of {{ . }}{{ end }} failed: what is backed up may not come back",
        "journalctl -u slipway-backup-drill on the host",
        is_urgent=True,
    ),
    Rule(
        "ArchiveBehind", "slipway_archive_waiting_seconds > $archive_minutes * 60",
        "PostgreSQL's WAL has waited for {{ $value | humanizeDuration }} to be archived",
        "playbooks/backups.yml; the disk fills up for as long as no target takes it",
        hold=60,
    ),
    Rule(
        "PostgresDown", "pg_up == 0", "PostgreSQL does not answer",
        "journalctl -u 'postgresql@*' on the host", hold=45, severity=CRITICAL, is_urgent=True,
    ),
    Rule(
        "StandbyDown", "max by (standby) (slipway_standby_up) == 0",
        "the standby{{ with $labels.standby }} {{ . }}{{ end }} does not receive what PostgreSQL writes",
        "playbooks/doctor.yml says why; playbooks/site.yml connects it, or copies it anew",
        hold=120,
    ),
    Rule(
        "StandbyBehind", "pg_replication_lag_seconds > $standby_minutes * 60",
        "the standby is {{ $value | humanizeDuration }} behind its primary",
        "playbooks/status.yml, and the load of both hosts; a long query on the standby holds it back, too",
        hold=60,
    ),
    Rule(
        "ConnectionsNearLimit",
        "sum(pg_stat_activity_count) / max(pg_settings_max_connections) * 100 > $connections_percent",
        "{{ $value | printf \"%.0f\" }} % of PostgreSQL's connections are taken",
        "playbooks/queries.yml names who waits; fewer workers, or `database_pool`",
        hold=120,
    ),
    Rule(
        "MariadbDown", "mysql_up == 0", "MariaDB does not answer",
        "journalctl -u mariadb on the host", hold=45, severity=CRITICAL, is_urgent=True,
    ),
    Rule(
        "MariadbConnectionsNearLimit",
        "max(mysql_global_status_threads_connected) / max(mysql_global_variables_max_connections) * 100 > $connections_percent",
        "{{ $value | printf \"%.0f\" }} % of MariaDB's connections are taken",
        "playbooks/queries.yml names who waits; fewer workers, or `database_pool`",
        hold=120,
    ),
    Rule(
        "RedisDown", "redis_up == 0", "{{ $labels.app }}: its Redis ({{ $labels.purpose }}) does not answer",
        "journalctl -u 'slipway-redis@*' on the host", hold=45, severity=CRITICAL, is_urgent=True,
    ),
)  # fmt: skip
SELF: Sequence[Rule] = (
    Rule(
        FLAPPING,
        # Each time that one begins, its series has another value: the time. One that was never told is not counted.
        f'sum by (app) (changes(ALERTS_FOR_STATE{{app!="",alertname!="{FLAPPING}"}}[30m]) and ignoring (alertstate) '
        f'count_over_time(ALERTS{{alertstate="firing",app!="",alertname!="{FLAPPING}"}}[30m])) >= 6',
        "{{ $labels.app }}: its alerts come and go, {{ $value | printf \"%.0f\" }} times in half an hour; until that ends, only "
        "critical ones are sent",
        "playbooks/alerts.yml for what is wrong now, playbooks/logs.yml -e app={{ $labels.app }}",
    ),
    Rule(
        "MetricsMissing", 'up{job!="app"} == 0 or absent(slipway_collector_up)',
        "the host is not measured{{ with $labels.job }} ({{ . }}){{ end }}: other alerts can't be told",
        "systemctl status slipway-metrics prometheus-node-exporter on the host",
        hold=60, severity=CRITICAL, is_urgent=True,
    ),
    Rule(
        "MetricsPartMissing", "slipway_collector_up == 0",
        "the metrics of {{ $labels.part }} can't be read",
        "journalctl -u slipway-metrics on the host",
        hold=300,
    ),
    Rule(WATCHDOG, "vector(1)", "alerts reach Alertmanager", "nothing: it must always be there", severity="none"),
)  # fmt: skip
GROUPS: Mapping[str, Sequence[Rule]] = {
    "slipway-site": SITE, "slipway-processes": PROCESSES, "slipway-host": HOST, "slipway-data": DATA, "slipway-self": SELF,
}  # fmt: skip
DAY = 86_400


def rules() -> Iterator[Rule]:
    """Yield all rules."""
    for group in GROUPS.values():
        yield from group


def latest_seconds(rule: Rule) -> int:
    """Return after how many seconds at most an alert is on its way to a person: metrics, scrape, rules, hold, grouping."""
    rounds = -(-rule.hold // EVERY_SECONDS) * EVERY_SECONDS
    return 3 * EVERY_SECONDS + rounds + WAIT_SECONDS


def document(
    host: str, thresholds: Mapping[str, float], watched: Sequence[str] = (), is_old: bool = False
) -> dict[str, Any]:
    """Return the rules as Prometheus has them in a file.

    :param host: what alerts call the host.
    :param thresholds: all of them, and disk_percent.
    :param watched: other hosts that this one tells of, the nearest first: of one it tells when none of those before it can.
    :param is_old: whether Prometheus is older than 2.42, and ends an alert at once.
    """
    values = {name: f"{value:g}" for name, value in thresholds.items()} | {"host": quoted(host)}
    groups = [
        {
            "name": name,
            "interval": f"{EVERY_SECONDS}s",
            "rules": [_entry(rule, host, values, is_old) for rule in group],
        }
        for name, group in GROUPS.items()
    ]
    others = [_entry(rule, other, values, is_old) for other, rule in _others(watched)]
    if others:
        groups.append({"name": "slipway-others", "interval": f"{EVERY_SECONDS}s", "rules": others})
    return {"groups": groups}


def _entry(rule: Rule, host: str, values: Mapping[str, str], is_old: bool) -> dict[str, Any]:
    hold = int(values["reboot_days"]) * DAY if rule.hold < 0 else rule.hold
    return {
        "alert": rule.name,
        "expr": Template(rule.expression).safe_substitute(values),
        **({"for": f"{hold}s"} if hold else {}),
        **({"keep_firing_for": f"{rule.keep}s"} if rule.hold > 0 and rule.keep and not is_old else {}),
        "labels": {"severity": rule.severity, "host": host},
        "annotations": {key: _text(getattr(rule, key), values) for key in ("what", "look")},
    }


def quoted(text: str) -> str:
    """Return TEXT as it stands between the quotes of a label's value."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _text(text: str, values: Mapping[str, str]) -> str:
    """Return a template of Prometheus with the thresholds in it; its own `$labels` and `$value` stay."""
    return Template(text).safe_substitute(values)


def _others(watched: Sequence[str]) -> Iterable[tuple[str, Rule]]:
    silent = [f'(max(slipway_site_answers{{on="{quoted(host)}"}}) == 0)' for host in watched]
    for number, host in enumerate(watched):
        yield host, Rule(
            "HostUnreachable", " and on () ".join(reversed(silent[: number + 1])),
            "none of its sites answers $host: the host is down, or can't be reached",
            "the provider's console; ssh to the host",
            hold=45, severity=CRITICAL, is_urgent=True,
        )  # fmt: skip
