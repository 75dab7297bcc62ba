# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the page says: its own JavaScript, run by Node.js where there is one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._dashboard import queries

NODE = shutil.which("node")
OLDEST = (20, 19)
"""The first Node.js that takes a module of a page for one, as a browser does."""


def is_usable() -> bool:
    """Tell whether there is a Node.js, and one that is new enough."""
    if not NODE:
        return False
    said = subprocess.run([NODE, "--version"], text=True, capture_output=True, check=False, timeout=60).stdout
    return tuple(map(int, re.findall(r"\d+", said)[:2])) >= OLDEST


pytestmark = pytest.mark.skipif(not is_usable(), reason="there is no Node.js 20.19 or newer here")
NOW = 1_800_000_000
DAY = 86_400


def run(code: str, given: Any) -> Any:
    """Return what CODE, the body of a function of `given`, returns; PAGE stands for the folder of the page."""
    text = f"const given = {json.dumps(given)}; {code.replace('PAGE', queries.PAGE.as_uri())}"
    done = subprocess.run(
        [str(NODE), "--input-type=module", "-"], input=text, text=True, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def found(state: dict[str, Any], derived: dict[str, Any] | None = None) -> list[str]:
    """Return what is wrong, each with its level; STATE and DERIVED have (labels, value) by name."""
    return all_found([(state, derived or {})])[0]


def all_found(given: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> list[list[str]]:
    """Return the same of several states, with one start of Node.js."""

    def rows(given: dict[str, Any]) -> dict[str, Any]:
        return {name: [{"labels": labels, "value": value} for labels, value in each] for name, each in given.items()}

    code = """
        const { wrong } = await import("PAGE/wrong.js");
        const said = ([state, derived]) => wrong(state, derived, given[1]).map(({ level, text }) => `${level}: ${text}`);
        console.log(JSON.stringify(given[0].map(said)));
    """
    sentences: list[list[str]] = run(code, [[(rows(state), rows(derived)) for state, derived in given], NOW])
    return sentences


def firing(name: str, **labels: str) -> tuple[dict[str, str], int]:
    return {"alertname": name, "alertstate": "firing", "severity": "critical", **labels}, 1


SHOP = {"app": "shop"}
WEB = {"app": "shop", "process": "web", "unit": "shop@0007.service"}
DISK = {"mountpoint": "/", "device": "/dev/vda1", "fstype": "ext4"}


def test_nothing_is_wrong_where_all_is_well() -> None:
    assert found(
        {
            "slipway_process_up": [(WEB, 1)], "slipway_process_wanted": [({"app": "shop", "process": "web"}, 1)],
            "slipway_site_up": [({**SHOP, "domain": "shop.example", "from": "web1"}, 1)],
            "slipway_certificate_not_after_timestamp_seconds": [({**SHOP, "domain": "shop.example"}, NOW + 60 * DAY)],
            "node_filesystem_avail_bytes": [(DISK, 30e9)], "node_filesystem_size_bytes": [(DISK, 40e9)],
            "slipway_backup_last_success_timestamp_seconds": [({"target": "s3"}, NOW - 3600)],
            "slipway_backup_failed": [({"target": "s3"}, 0)], "slipway_collector_up": [({"part": "units"}, 1)],
            "ALERTS": [({"alertname": "Watchdog", "alertstate": "firing", "severity": "none"}, 1),
                       ({"alertname": "SiteDown", "alertstate": "pending", "severity": "critical", **SHOP}, 1)],
            "redis_memory_used_bytes": [({**SHOP, "purpose": "cache"}, 64e6)],
            "redis_memory_max_bytes": [({**SHOP, "purpose": "cache"}, 64e6)],
        },
        {"request_rate": [(SHOP, 5)], "error_share": [(SHOP, 0)]},
    ) == []  # fmt: skip


SENTENCES: list[tuple[dict[str, Any], str]] = [
    (
        {"slipway_process_up": [(WEB, 0)], "slipway_process_wanted": [({"app": "shop", "process": "web"}, 1)]},
        "bad: shop: the process web is not running.",
    ),
    (
        {"slipway_certificate_not_after_timestamp_seconds": [({**SHOP, "domain": "shop.example"}, NOW + 5 * DAY)]},
        "bad: The certificate of shop.example expires in 5 days.",
    ),
    (
        {"slipway_certificate_not_after_timestamp_seconds": [({**SHOP, "domain": "shop.example"}, 0)]},
        "bad: The certificate of shop.example can't be read.",
    ),
    (
        {"node_filesystem_avail_bytes": [(DISK, 0.4e9)], "node_filesystem_size_bytes": [(DISK, 40e9)]},
        "bad: The disk / is 99 % full, with 400 MB left.",
    ),
    ({"slipway_backup_failed": [({"target": "s3"}, 1)]}, "bad: The last backup to s3 failed."),
    (
        {"slipway_backup_last_success_timestamp_seconds": [({"target": "s3"}, NOW - 3 * DAY)]},
        "bad: The newest backup at s3 is 3 days old.",
    ),
    (
        {"slipway_queue_oldest_seconds": [({**SHOP, "queue": "mail"}, 7200)],
         "slipway_queue_jobs": [({**SHOP, "queue": "mail"}, 1200)]},
        "warn: shop: the oldest job in the queue mail has waited for 2 hours; 1,200 wait.",
    ),
    (
        {"pg_settings_max_connections": [({}, 100)], "pg_stat_activity_count": [({"datname": "shop"}, 85)]},
        "warn: PostgreSQL has 85 of at most 100 connections open.",
    ),
    ({"mysql_up": [({}, 0)]}, "bad: MariaDB does not answer."),
    (
        {"mysql_global_variables_max_connections": [({}, 100)], "mysql_global_status_threads_connected": [({}, 85)]},
        "warn: MariaDB has 85 of at most 100 connections open.",
    ),
    ({"slipway_collector_up": [({"part": "redis"}, 0), ({"part": "postgres"}, 0)]},
     "note: No metrics right now of: postgres and redis."),
    ({"slipway_reboot_required": [({}, 1)]}, "note: An update waits for a reboot."),
    ({"ALERTS": [firing("ResponsesSlow", **SHOP)]}, "bad: shop: one request in twenty takes too long (p95)."),
    ({"ALERTS": [firing("CartEmpty", cart="main", host="web1", **SHOP)]}, "bad: shop: cart empty (cart main)."),
]  # fmt: skip


def test_what_is_wrong_is_a_sentence() -> None:
    assert all_found([(state, {}) for state, _ in SENTENCES]) == [[sentence] for _, sentence in SENTENCES]


def test_the_worst_stands_first_and_an_alert_does_not_say_it_again() -> None:
    assert found(
        {
            "slipway_reboot_required": [({}, 1)],
            "ALERTS": [
                firing("BackupFailed", target="s3"),
                firing("RebootDue"),
                firing("ProcessDown", **SHOP, process="web"),
            ],
            "slipway_backup_failed": [({"target": "s3"}, 1)],
            "slipway_process_up": [(WEB, 0)],
        }
    ) == [
        "bad: shop: the process web is not running.",
        "bad: The last backup to s3 failed.",
        "note: An update waits for a reboot.",
    ]


def test_errors_are_told_where_there_are_requests() -> None:
    cases = [(5, 0.31), (0.003, 1), (5, 0.002)]  # the second is one request in five minutes, at night
    assert all_found([({}, {"request_rate": [(SHOP, rate)], "error_share": [(SHOP, share)]}) for rate, share in cases]) == [
        ["bad: shop: 31 % of the requests of the last 5 minutes failed with a server error (5xx)."], [], [],
    ]  # fmt: skip


NUMBERS = {
    "seconds(0.0421)": "42 ms", "seconds(0.0042)": "4.2 ms", "seconds(3.14)": "3.1 s", "seconds(NaN)": "–",
    "bytes(1536000)": "1.5 MB", "bytes(999)": "999 B", "share(0.0123)": "1.2 %", "share(0)": "0 %",
    "share(0.0008)": "0.08 %", "rate(0.2)": "12 per minute", "rate(45.4)": "45 per second", "lasting(5400)": "90 minutes",
    "lasting(86400 * 3)": "3 days", 'writer("rate", 20)(0.5)': "0.5/s", 'writer("rate", 0.5)(0.25)': "15/min",
    'list(["a", "b", "c"])': "a, b and c",
}  # fmt: skip


def test_numbers_are_written_as_people_read_them() -> None:
    calls = ", ".join(f"words.{call}" for call in NUMBERS)
    code = f'const words = await import("PAGE/words.js"); console.log(JSON.stringify([{calls}]));'
    assert dict(zip(NUMBERS, run(code, None), strict=True)) == NUMBERS


def test_one_mistake_in_a_question_spoils_one_answer() -> None:
    """Questions go together; when the store refuses them, each is asked alone."""
    code = """
        const asked = [];
        globalThis.location = { origin: "" };
        globalThis.fetch = async (path, { body }) => {
          const query = body.get("query");
          asked.push(query);
          const isWrong = query.includes("wrong(");
          const result = [{ metric: { q_: "a", app: "shop" }, value: [1, "2.5"] }];
          return { ok: !isWrong, status: isWrong ? 422 : 200,
                   json: async () => isWrong ? { status: "error", error: "no" } : { status: "success", data: { result } } };
        };
        const { instant } = await import("PAGE/store.js");
        const found = await instant({ a: "up", b: "wrong(up)" }, 1);
        console.log(JSON.stringify([asked.length, found.a, found.b.message]));
    """
    assert run(code, None) == [3, [{"labels": {"app": "shop"}, "value": 2.5}], "The store could not answer (422): no"]
