# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The checkout is at once a project and a collection, and its task files stay readable."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
TASK_FILES = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("roles/*/tasks/**/*.yml"))
LINKS = {
    **{
        f"collections/ansible_collections/slipway/flask/{name}": f"../../../../{name}"
        for name in ("galaxy.yml", "meta", "playbooks", "plugins", "roles")
    },
    "inventory/group_vars": "../group_vars",
}
MAIN_LINES, FILE_LINES, FILE_TASKS, ROLE_FILES = 40, 60, 8, 8
"""A screen: what somebody who reads a role for the first time keeps in view."""


def tasks(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield every task, also those inside of blocks; a block itself counts as none."""
    for entry in entries or []:
        if "block" in entry:
            for part in ("block", "rescue", "always"):
                yield from tasks(entry.get(part, []))
        else:
            yield entry


@pytest.mark.parametrize("link", LINKS)
def test_links_are_links(link: str) -> None:
    """`ansible-galaxy collection install .` would replace them by copies, which then shadow the sources."""
    path = ROOT / link
    assert path.is_symlink(), f"{link} must be a symbolic link to {LINKS[link]}"
    assert str(path.readlink()) == LINKS[link]
    assert path.exists()


@pytest.mark.parametrize("file", TASK_FILES)
def test_task_file_fits_a_screen(file: str) -> None:
    text = (ROOT / file).read_text()
    found = list(tasks(yaml.safe_load(text)))
    assert len(text.splitlines()) <= (MAIN_LINES if file.endswith("/tasks/main.yml") else FILE_LINES)
    assert len(found) <= FILE_TASKS


@pytest.mark.parametrize("file", TASK_FILES)
def test_every_task_is_a_sentence(file: str) -> None:
    path = ROOT / file
    prefix = "" if path.stem == "main" else f"{path.stem} | "
    for task in tasks(yaml.safe_load(path.read_text())):
        name = task.get("name", "")
        assert name.startswith(prefix), f"{task} must be named `{prefix}Sentence`"
        assert name.removeprefix(prefix)[:1].isupper(), f"{name}: must begin with a capital letter"


@pytest.mark.parametrize("role", ROLES)
def test_role_has_few_task_files_and_a_table_of_contents(role: str) -> None:
    files = [file for file in TASK_FILES if file.startswith(f"roles/{role}/")]
    assert len(files) <= ROLE_FILES
    if len(files) > 1:
        for task in tasks(yaml.safe_load((ROOT / "roles" / role / "tasks/main.yml").read_text())):
            keys = set(task)
            assert keys & {"ansible.builtin.import_tasks", "ansible.builtin.include_tasks"}, f"{role}: {task['name']}"


def test_names_of_tasks_are_unique_in_a_role() -> None:
    for role in ROLES:
        names = [
            task["name"]
            for file in TASK_FILES
            if file.startswith(f"roles/{role}/")
            for task in tasks(yaml.safe_load((ROOT / file).read_text()))
        ]
        assert sorted(set(names)) == sorted(names), role


def test_inventory_sees_group_vars(run: Callable[..., str]) -> None:
    """Plays in playbooks/ see group_vars/ only because it lies beside the inventory, too."""
    listed = json.loads(run("ansible-inventory", "-i", "inventory/hosts.yml", "--list"))
    hosts = listed["_meta"]["hostvars"]
    assert hosts, "inventory/hosts.yml names no host"
    for host, variables in hosts.items():
        assert "slipway_apps" in variables, f"{host} gets no slipway_apps from group_vars/"
