# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Thirty days of a host's metrics, made up: as many series and samples as two busy apps leave in its store.

Written as OpenMetrics, which `promtool tsdb create-blocks-from openmetrics` takes. What the store records for long graphs is
there every five minutes, as its rules do it; what those graphs read directly is there every 15 seconds for the whole time, and
everything else for as long as a graph of a day and less reads it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

DAY = 86_400
FINE, COARSE = 15, 300
BLOCK = 54 * 3600
"""As long as the store's own blocks get: a tenth of what it keeps, by steps of three from two hours."""
APPS = {"shop": 45.0, "blog": 3.0}
"""Requests a second."""
MODES = ("user", "system", "iowait", "steal", "softirq", "nice", "irq", "idle")
CODES = {"2xx": 0.9, "3xx": 0.06, "4xx": 0.039, "5xx": 0.001}
PROCESSES = {"web": 310e6, "worker": 180e6, "beat": 60e6}
DATABASES, PURPOSES, QUEUES = ("shop", "blog", "postgres"), ("queue", "cache"), ("default", "mail")
ROUTES = [f"/part{number}/:id" for number in range(19)] + ["other"]
BOUNDS = [f"{0.001 * 1.25**number:.6g}" for number in range(50)] + ["+Inf"]
DONE = ("xact_commit", "xact_rollback", "blks_hit", "blks_read", "deadlocks")
PARTS = (
    "requests",
    "gunicorn",
    "own",
    "processes",
    "releases",
    "postgres",
    "redis",
    "queues",
    "certificates",
    "backups",
    "probe",
)
Labels = Mapping[str, object]
Series = tuple[str, Sequence[Labels], float]
"""A name, the labels of each, and its size: of a counter, how much it grows in a second."""


def each(**values: Sequence[object]) -> list[dict[str, object]]:
    """Return labels with all combinations of VALUES."""
    found: list[dict[str, object]] = [{}]
    for name, some in values.items():
        found = [{**one, name: value} for one in found for value in some]
    return found


APP, ROUTE = each(app=list(APPS)), each(app=list(APPS), route=ROUTES)
PROCESS = [
    {**one, "unit": f"{one['app']}.{one['process']}@0042.service"}
    for one in each(app=list(APPS), process=list(PROCESSES))
]
REDIS, QUEUE, DISK = each(app=["shop"], purpose=PURPOSES), each(app=["shop"], queue=QUEUES), each(device=["vda"])
STATEMENT = each(
    datname=["shop", "blog"], queryid=range(10), query=["SELECT products.* FROM products WHERE name ILIKE $1"]
)
MOUNT = [{"device": "/dev/vda1", "fstype": "ext4", "mountpoint": "/"}]
WHOLE: Sequence[Series] = (
    ("slipway_gunicorn_threads", APP, 12), ("pg_settings_max_connections", [{}], 100),
    ("pg_database_size_bytes", each(datname=["shop", "blog"]), 3e8), ("redis_memory_used_bytes", REDIS, 38e6),
    ("redis_memory_max_bytes", REDIS, 64e6), ("node_memory_MemTotal_bytes", [{}], 2.06e9),
    ("node_filesystem_avail_bytes", MOUNT, 2.1e10), ("node_filesystem_size_bytes", MOUNT, 4e10),
)  # fmt: skip
"""What the graphs of a month read as it was measured, every 15 seconds."""
RECORDED: Sequence[Series] = (
    ("slipway:http_requests:rate5m", each(app=list(APPS), code=list(CODES)), 20),
    ("slipway:http_request_duration_seconds:quantile5m", each(app=list(APPS), quantile=["0.5", "0.95", "0.99"]), 0.1),
    ("slipway:gunicorn_threads_busy:max5m", APP, 6), ("slipway:gunicorn_backlog:max5m", APP, 1),
    ("slipway:process_memory_bytes:max5m", each(app=list(APPS), process=list(PROCESSES)), 2e8),
    ("slipway:queue_jobs:max5m", QUEUE, 9), ("slipway:pg_connections:max5m", each(datname=DATABASES), 7),
    ("slipway:pg_transactions:rate5m", each(outcome=["commit", "rollback"]), 60),
    ("slipway:redis_commands:rate5m", REDIS, 100), ("slipway:node_cpu:rate5m", each(mode=MODES[:-1]), 0.1),
    ("slipway:node_memory_used_bytes:max5m", [{}], 1.1e9), ("slipway:node_disk_busy:rate5m", DISK, 0.05),
    *((f"slipway:http_route_{name}:increase5m", ROUTE, 30) for name in ("seconds", "requests", "errors")),
    *((f"slipway:pg_statement_{name}:increase5m", STATEMENT, 30) for name in ("seconds", "calls")),
)  # fmt: skip
COUNTERS: Sequence[Series] = (
    ("slipway_http_requests_total", each(app=list(APPS), method=["GET", "POST"], code=list(CODES)), 9),
    ("slipway_http_request_duration_seconds_bucket", each(app=list(APPS), le=BOUNDS), 20),
    ("slipway_http_route_duration_seconds_sum", ROUTE, 0.3),
    ("slipway_http_route_requests_total", each(app=list(APPS), route=ROUTES, method=["GET"], code=["2xx", "5xx"]), 1),
    ("slipway_pg_statement_seconds_total", STATEMENT, 0.1), ("slipway_pg_statement_calls_total", STATEMENT, 9),
    ("slipway_process_cpu_seconds_total", PROCESS, 0.1), ("slipway_process_restarts_total", PROCESS, 0),
    ("slipway_gunicorn_worker_timeouts_total", APP, 0),
    ("redis_commands_processed_total", REDIS, 100), ("redis_evicted_keys_total", REDIS, 0),
    *((f"pg_stat_database_{name}", each(datname=DATABASES), 30) for name in DONE),
    ("node_cpu_seconds_total", each(cpu=[0, 1], mode=MODES), 0.1), ("node_disk_io_time_seconds_total", DISK, 0.05),
)  # fmt: skip
GAUGES: Sequence[Series] = (
    ("slipway_gunicorn_threads_busy", APP, 6), ("slipway_gunicorn_backlog", APP, 1), ("slipway_gunicorn_workers", APP, 3),
    *((f"slipway_process_{name}", PROCESS, size) for name, size in (
        ("up", 1), ("wanted", 1), ("memory_bytes", 2e8), ("memory_max_bytes", 5e8), ("open_files", 80), ("open_files_max", 4096))),
    ("slipway_queue_jobs", QUEUE, 9), ("slipway_queue_oldest_seconds", QUEUE, 2),
    ("pg_up", [{}], 1), ("pg_stat_activity_count", each(datname=DATABASES, state=["idle", "active"]), 4),
    ("redis_up", REDIS, 1), ("redis_connected_clients", REDIS, 9),
    ("node_memory_MemAvailable_bytes", [{}], 9e8), ("node_load1", [{}], 0.3),
    ("slipway_collector_up", each(part=PARTS), 1), ("slipway_site_up", APP, 1),
)  # fmt: skip


def write(folder: Path, now: int, host: str) -> int:
    """Write all series until NOW as those of a HOST, a file for each block of the store, and return how many samples that are."""
    end, begin = now // COARSE * COARSE, (now - 30 * DAY) // COARSE * COARSE
    day = end - 25 * 3600
    kinds: Sequence[tuple[Sequence[Series], int, int, Callable[[int, float], float]]] = (
        (WHOLE, begin, FINE, _steady), (RECORDED, begin, COARSE, _waves), (COUNTERS, day, FINE, _grows),
        (GAUGES, day, FINE, _steady),
    )  # fmt: skip
    count = 0
    for block in range(begin // BLOCK * BLOCK, end, BLOCK):
        with (folder / f"{block}.om").open("w") as out:
            for kind, first, step, shape in kinds:
                times = range(max(first, block), min(end, block + BLOCK), step)
                count += sum(_write(out, host, one, times, shape) for one in kind if times)
            out.write("# EOF\n")
    return count


def _write(out: TextIO, host: str, series: Series, times: range, shape: Callable[[int, float], float]) -> int:
    """Write a SERIES with all its labels at TIMES, and return how many samples that are."""
    name, labels, size = series
    out.write(f"# TYPE {name} unknown\n")
    for one in labels:
        head = f"{name}{{{','.join(_label(*pair) for pair in {'instance': host, **one}.items())}}} "
        out.writelines(f"{head}{shape(at, size):.9g} {at}\n" for at in times)
    return len(labels) * len(times)


def _label(name: str, value: object) -> str:
    return f'{name}="{value}"'


def _waves(at: int, size: float) -> float:
    """More by day than by night, and never the same twice."""
    return size * (0.55 + 0.45 * math.sin(at % DAY / DAY * 2 * math.pi)) * (0.75 + at * 2654435761 % 1000 / 2000)


def _steady(at: int, size: float) -> float:
    return size if size < 200 else size * (1 + at // 60 * 2654435761 % 1000 / 1e5)


def _grows(at: int, size: float) -> float:
    return round(size * (at % (40 * DAY)), 3)
