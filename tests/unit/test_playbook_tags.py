# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The tags of provision.yml: each runs its part, and every check before it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = (
    "host_access",
    "host_alerts",
    "edge",
    "host_dashboard",
    "host_identity",
    "host_logs",
    "host_metrics",
    "host_upkeep",
    "postgres_server",
    "python_venv",
    "gunicorn_systemd",
    "nginx_tls",
    "postgres_client",
    "pgbouncer",
    "mariadb_server",
    "redis_server",
    "backups",
)
IDENTITY = ("host_identity", "Read the certificate authorities of hosts that this run leaves alone")
PARTS: dict[str, set[str]] = {
    "packages": set(),
    "access": {"host_access"},
    "upkeep": {"host_upkeep"},
    "postgresql": {
        *("postgres_server", "postgres_client", "pgbouncer", *IDENTITY),
        *("Read the passwords of databases on other hosts", "Hand the passwords to the apps"),
        "Create the system users of the databases that other hosts use",
    },
    "python": {"python_venv"},
    "apps": {"gunicorn_systemd"},
    "mariadb": {"mariadb_server"},
    "redis": {"redis_server"},
    "nginx": {"nginx_tls", "edge", *IDENTITY},
    "backups": {"backups"},
    "metrics": {"host_metrics", "host_dashboard"},
    "alerts": {"host_alerts"},
    "logs": {"host_logs"},
}


def listed(run: Callable[..., str], playbook: str, tag: str) -> list[str]:
    """Return the tasks of PLAYBOOK that `--tags TAG` runs: their role, or their name where they have none."""
    text = run("ansible-playbook", "-i", str(ROOT / "inventory/hosts.yml"), playbook, "--list-tasks", "--tags", tag)
    found = []
    for name in re.findall(r"^      (.+)\tTAGS:", text, re.MULTILINE):
        role, _, task = name.removeprefix("slipway.flask.").partition(" : ")
        checks = task.startswith("validate | ")
        found.append(f"{role}: check" if checks else role if task else name)
    return found


@pytest.mark.parametrize("tag", PARTS)
def test_tag_runs_its_part_after_every_check(run: Callable[..., str], tag: str) -> None:
    tasks = listed(run, "playbooks/provision.yml", tag)
    assert tasks[0].startswith("preflight | ")
    checks = [task for task in tasks if task.endswith(": check")]
    assert sorted(checks) == sorted(f"{role}: check" for role in ROLES)
    rest = tasks[tasks.index(checks[-1]) + 1 :]
    assert rest[0] == "Install the packages of all roles"
    assert {task for task in rest[1:] if not task.startswith("preflight | ")} == PARTS[tag]


def test_tag_of_provision_deploys_nothing(run: Callable[..., str]) -> None:
    assert "Deploy each app" not in listed(run, "site.yml", "nginx")


def test_every_tag_is_documented() -> None:
    text = (
        (ROOT / "docs/operations.md")
        .read_text()
        .partition("## Apply only some settings (tags)\n")[2]
        .partition("\n## ")[0]
    )
    assert re.findall(r"^\| `([a-z]+)` \|", text, re.MULTILINE) == list(PARTS)


@pytest.mark.parametrize("file", ["validate", "configure"])
@pytest.mark.parametrize(
    "role", ["pgbouncer", "mariadb_server", "redis_server", "backups", "host_metrics", "host_alerts", "host_dashboard"]
)
def test_a_role_that_is_not_wanted_costs_one_task_a_part(role: str, file: str) -> None:
    """Each task that has nothing to do takes a fortieth of a second, on every host and at every run."""
    assert len(yaml.safe_load((ROOT / f"roles/{role}/tasks/{file}.yml").read_text())) == 1
