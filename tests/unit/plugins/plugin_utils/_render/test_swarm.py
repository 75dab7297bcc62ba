# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The stack of a swarm: how it is updated, and what makes it roll."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rendering import document, files

PROCESSES = {
    "worker": {"command": "flask worker"},
    "single": {"command": "flask single", "handover": "stop_first"},
    "nightly": {"command": "flask nightly", "schedule": "daily"},
}


PASSED_OVER = {
    "build", "cgroup_parent", "container_name", "depends_on", "devices", "expose", "external_links", "ipc", "links",
    "mac_address", "network_mode", "pid", "privileged", "restart", "security_opt", "shm_size", "tmpfs", "userns_mode",
}  # fmt: skip
"""Keys of a Compose file that `docker stack deploy` takes and does nothing with (docker/cli, cli/compose/types; tmpfs: as seen)."""


def stack(folder: Path, name: str = "stack.yaml", **changes: Any) -> dict[str, Any]:
    return document(files("swarm", folder, **changes)[name].text)


def test_servers_and_migrations_have_files_of_their_own_which_come_before(tmp_path: Path) -> None:
    found = files("swarm", tmp_path, processes=PROCESSES, redis="local")
    assert set(document(found["servers.yaml"].text)["services"]) == {"postgres", "redis-queue"}
    assert set(document(found["migrate.yaml"].text)["services"]) == {"migrate"}
    assert set(document(found["stack.yaml"].text)["services"]) == {"web", "worker", "single", "nightly", "nginx"}
    assert "migrate.yaml" not in files("swarm", tmp_path, database="none")


def test_a_new_task_starts_first_and_a_failed_update_goes_back(tmp_path: Path) -> None:
    services = stack(tmp_path, processes=PROCESSES)["services"]
    orders = {name: one["deploy"]["update_config"]["order"] for name, one in services.items()}
    stop = "stop-first"
    assert orders == {"web": "start-first", "worker": "start-first", "single": stop, "nightly": stop, "nginx": stop}
    assert {one["deploy"]["update_config"]["failure_action"] for one in services.values()} == {"rollback"}
    assert services["web"]["deploy"]["replicas"] == 2 and services["web"]["healthcheck"]["test"] == [
        "CMD",
        "slipway-health",
    ]


def test_a_read_only_service_has_its_folders_in_memory_and_nothing_that_a_swarm_passes_over(tmp_path: Path) -> None:
    services = {
        name: one
        for file in ("servers.yaml", "migrate.yaml", "stack.yaml")
        for name, one in stack(tmp_path, file, processes=PROCESSES, redis="local")["services"].items()
    }
    assert {key for one in services.values() for key in one} & PASSED_OVER == set()
    for name, one in services.items():
        folders = [entry["target"] for entry in one.get("volumes", []) if isinstance(entry, dict)]
        assert one.get("read_only", False) == ("/tmp" in folders), name
    assert "/run/slipway" in [entry["target"] for entry in services["nginx"]["volumes"]]


@pytest.mark.parametrize(("target", "file"), [("compose", "compose.yaml"), ("swarm", "stack.yaml")])
def test_only_the_web_process_is_asked_what_the_image_asks_by_itself(target: str, file: str, tmp_path: Path) -> None:
    asked = {**PROCESSES, "asked": {"command": "flask asked", "ready": {"command": "flask ready"}}}
    services = document(files(target, tmp_path, processes=asked)[file].text)["services"]
    assert services["web"]["healthcheck"]["test"] == ["CMD", "slipway-health"]
    assert services["asked"]["healthcheck"]["test"] == ["CMD", "slipway-run", "--", "flask", "ready"]
    for name in ("worker", "single", "nightly"):
        assert services[name]["healthcheck"] == {"disable": True}


def test_migrations_run_once_and_are_not_tried_again(tmp_path: Path) -> None:
    deploy = stack(tmp_path, "migrate.yaml")["services"]["migrate"]["deploy"]
    assert deploy["mode"] == "replicated-job" and deploy["restart_policy"] == {"condition": "none"}


def test_another_value_of_a_secret_has_another_name_which_does_not_tell_it(tmp_path: Path) -> None:
    def name(value: str) -> str:
        return str(stack(tmp_path, secrets={"SECRET_KEY": value})["secrets"]["SECRET_KEY"]["name"])

    first, second = name("a" * 32), name("b" * 32)
    assert first != second and first == name("a" * 32)
    assert first.startswith("shop_SECRET_KEY_")
    assert first.rpartition("_")[2] != hashlib.sha256(b"a" * 32).hexdigest()[:10]


def test_names_are_as_short_as_swarm_wants_them(tmp_path: Path) -> None:
    variable = "A" * 60
    name = stack(tmp_path, secrets={variable: "x"})["secrets"][variable]["name"]
    assert len(name) <= 64


def test_a_stack_has_the_secrets_that_its_services_use_and_no_others(tmp_path: Path) -> None:
    found = files(
        "swarm",
        tmp_path,
        database="url",
        database_url="postgresql://u:x@db/shop",
        database_owner_url="postgresql://o:y@db/shop",
    )
    assert "SLIPWAY_OWNER_URL" in document(found["migrate.yaml"].text)["secrets"]
    assert "SLIPWAY_OWNER_URL" not in document(found["stack.yaml"].text)["secrets"]


def test_every_service_says_which_rendering_it_is_of(tmp_path: Path) -> None:
    def marks(**changes: Any) -> set[str]:
        return {one["deploy"]["labels"]["slipway.deploy"] for one in stack(tmp_path, **changes)["services"].values()}

    (first,) = marks()
    assert marks() == {first} != marks(image="registry.example.com/shop:8")
    assert f"mark={first}\n" in files("swarm", tmp_path)["deploy.sh"].text


def test_the_script_is_one_that_a_shell_can_read(tmp_path: Path) -> None:
    script = files("swarm", tmp_path, redis="local")["deploy.sh"]
    assert script.mode == 0o755
    assert subprocess.run(["sh", "-n"], input=script.text, text=True, check=False).returncode == 0
    assert 'servers="postgres redis-queue"' in script.text and 'say "7 serves"' in script.text
