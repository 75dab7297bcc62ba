# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The tags of provision.yml: each runs its part, and every check before it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = (
    "host_access",
    "host_upkeep",
    "postgres_server",
    "python_venv",
    "gunicorn_systemd",
    "nginx_tls",
    "postgres_client",
)
"""Roles that nearly every host has; the others are checked in a loop, for those that a host has."""
LOOP = "Check the settings of what only some hosts have"
IDENTITY = "Set up the host's identity"
PARTS: dict[str, set[str]] = {
    "packages": set(),
    "access": {"host_access"},
    "upkeep": {"host_upkeep"},
    "postgresql": {
        *("postgres_server", "postgres_client", "pgbouncer", IDENTITY),
        *("Set up the standby", "Hand the passwords of databases on other hosts to the apps"),
        "Create the system users of the databases that other hosts use",
    },
    "python": {"python_venv"},
    "apps": {"gunicorn_systemd"},
    "mariadb": {"mariadb_server"},
    "redis": {"redis_server"},
    "nginx": {"nginx_tls", "edge", IDENTITY},
    "backups": {"backups"},
    "metrics": {"host_metrics", "host_dashboard"},
    "alerts": {"host_alerts"},
    "logs": {"host_logs"},
}


Tasks = list[tuple[str, list[str]]]
"""The role of each, or its name where it has none, and its tags."""


def listed(run: Callable[..., str], playbook: str, tags: str) -> Tasks:
    """Return the tasks of PLAYBOOK that `--tags TAGS` runs."""
    text = run("ansible-playbook", "-i", str(ROOT / "inventory/hosts.yml"), playbook, "--list-tasks", "--tags", tags)
    found = []
    for name, tagged in re.findall(r"^      (.+)\tTAGS: \[(.*)\]$", text, re.MULTILINE):
        role, _, task = name.removeprefix("slipway.flask.").partition(" : ")
        checks = task.startswith("validate | ")
        found.append((f"{role}: check" if checks else role if task else name, tagged.split(", ")))
    return found


@pytest.fixture(scope="module")
def tasks(run: Callable[..., str]) -> Tasks:
    """All tasks of provision.yml."""
    return listed(run, "playbooks/provision.yml", "all,never")


def chosen(tasks: Tasks, tag: str) -> list[str]:
    """Return those that `--tags TAG` runs."""
    return [name for name, tags in tasks if {"always", tag} & set(tags)]


def test_ansible_chooses_by_tag_what_these_tests_do(run: Callable[..., str], tasks: Tasks) -> None:
    assert [name for name, _ in listed(run, "playbooks/provision.yml", "nginx")] == chosen(tasks, "nginx")


@pytest.mark.parametrize("tag", PARTS)
def test_tag_runs_its_part_after_every_check(tasks: Tasks, tag: str) -> None:
    names = chosen(tasks, tag)
    assert names[0].startswith("preflight | ")
    checks = [name for name in names if name.endswith(": check")]
    assert sorted(checks) == sorted(f"{role}: check" for role in ROLES)
    assert LOOP in names[: names.index("nginx_tls: check")]
    rest = names[names.index(checks[-1]) + 1 :]
    assert rest[0] == "Install the packages of all roles"
    assert {name for name in rest[1:] if not name.startswith("preflight | ")} == PARTS[tag]


def test_a_role_is_checked_before_anything_is_changed_wherever_it_is_set_up() -> None:
    block = yaml.safe_load((ROOT / "playbooks/tasks/main.yml").read_text())[0]
    [facts] = [task for task in block["block"] if "ansible.builtin.set_fact" in task]
    [loop] = [task for task in block["block"] if task["name"] == LOOP]
    assert "optional" in loop["loop"]
    optional = set(facts["vars"]["__slipway_optional"])
    validated = {path.parents[1].name for path in (ROOT / "roles").glob("*/tasks/validate.yml")} - {"app_release"}
    assert optional | set(ROLES) == validated
    for role in optional:
        [conditions] = [{task.get("when") for task in block["block"] if sets_up(task, role)}]
        assert conditions == {f"'{role}' in __slipway_host.optional"}, role


def sets_up(task: dict[str, Any], role: str) -> bool:
    given = task.get("ansible.builtin.import_role", {})
    return given == {"name": f"slipway.flask.{role}", "tasks_from": "configure", "rolespec_validate": False} or (
        role == "host_identity" and task["name"] == IDENTITY
    )


def test_tag_of_provision_deploys_nothing(run: Callable[..., str]) -> None:
    assert "Deploy each app" not in [name for name, _ in listed(run, "site.yml", "nginx")]


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
