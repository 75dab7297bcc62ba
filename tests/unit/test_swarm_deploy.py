# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""deploy.sh of a stack, against a swarm in a file: the order, what makes all services go back, and what is left."""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rendering import document, files

SUPPORT = Path(__file__).parent / "support"
PROCESSES = {"worker": {"command": "flask worker"}}


class Fake:
    def __init__(self, folder: Path) -> None:
        self.folder, self.place = folder, folder / "swarm"
        self.programs = folder / "bin"
        self.programs.mkdir()
        run = f'exec "{sys.executable}" -I -S "{SUPPORT}/fake_swarm.py" "$@"'
        for name, text in (("docker", run), ("sleep", "exit 0")):
            (self.programs / name).write_text(f"#!/bin/sh\n{text}\n")
            (self.programs / name).chmod(0o755)
        empty: dict[str, Any] = {"services": {}, "secrets": [], "configs": [], "nodes": ["a"], "bad": [], "log": []}
        self.place.write_bytes(marshal.dumps(empty))

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = marshal.loads(self.place.read_bytes())
        return found

    def change(self, **values: Any) -> None:
        self.place.write_bytes(marshal.dumps({**self.state, **values}))

    def label(self, service: str) -> str:
        return str(self.state["services"][f"shop_{service}"]["spec"]["deploy"]["labels"]["slipway.release"])

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ, "PATH": f"{self.programs}:{os.environ['PATH']}", "FAKE_SWARM": str(self.place), "WAIT_SECONDS": "20",
        }  # fmt: skip
        return subprocess.run(
            [str(self.folder / "deploy.sh"), *arguments], text=True, capture_output=True, check=False, env=environment
        )

    def deploy(self, version: str, **changes: Any) -> subprocess.CompletedProcess[str]:
        for old in self.folder.glob("*.yaml"):
            old.unlink()
        made = files(
            "swarm", self.folder, f"registry.example.com/shop:{version}", **{"processes": PROCESSES, **changes}
        )
        for file in made.values():
            path = self.folder / file.path
            path.parent.mkdir(exist_ok=True)
            path.write_text(file.text)
            path.chmod(file.mode)
            if path.suffix == ".yaml":
                path.with_name(f"{path.name}.marshal").write_bytes(marshal.dumps(document(file.text)))
        self.change(log=[])
        return self.run()


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path)


def test_servers_then_migrations_then_all_services(fake: Fake) -> None:
    done = fake.deploy("1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert fake.state["log"] == ["deploy servers.yaml", "deploy migrate.yaml", "deploy stack.yaml"]
    assert done.stdout.splitlines() == [
        "shop: servers: postgres", "shop: migrations", "shop: services: web worker nginx", "shop: 1 serves"
    ]  # fmt: skip


def test_the_same_again_asks_only(fake: Fake) -> None:
    fake.deploy("1")
    done = fake.deploy("1")
    assert (done.returncode, done.stdout) == (0, "shop: 1 is deployed already\n")
    assert fake.state["log"] == []


def test_an_update_is_waited_for(fake: Fake) -> None:
    fake.deploy("1")
    done = fake.deploy("2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert fake.state["services"]["shop_web"]["update"] == "completed"
    assert {fake.label(name) for name in ("web", "worker", "nginx")} == {"2"}


def test_a_service_that_goes_back_takes_all_others_with_it(fake: Fake) -> None:
    fake.deploy("1")
    fake.change(bad=["broken"])
    done = fake.deploy("broken", database="none")
    assert done.returncode == 1
    assert "web failed: all services go back" in done.stdout and "the last words of a task" in done.stderr
    assert {fake.label(name) for name in ("web", "worker", "nginx")} == {"1"}
    fake.change(bad=[])
    assert fake.deploy("3").returncode == 0
    assert {fake.label(name) for name in ("web", "worker", "nginx")} == {"3"}


def test_failed_migrations_stop_before_anything_of_the_app(fake: Fake) -> None:
    fake.deploy("1")
    fake.change(bad=["broken"])
    done = fake.deploy("broken")
    assert done.returncode == 1 and "nothing else was changed" in done.stderr
    assert fake.state["log"] == ["deploy servers.yaml", "deploy migrate.yaml"]
    assert fake.label("web") == "1"


def test_rollback_takes_all_services_and_once_only_is_there_something_to_go_back_to(fake: Fake) -> None:
    fake.deploy("1")
    nothing = fake.run("rollback")
    assert nothing.returncode == 1 and "nothing to go back to" in nothing.stderr
    fake.deploy("2")
    done = fake.run("rollback")
    assert done.returncode == 0 and "back to 1" in done.stdout, done.stderr
    assert {fake.label(name) for name in ("web", "worker", "nginx")} == {"1"}


def test_a_first_version_that_does_not_start_ends_as_well(fake: Fake) -> None:
    fake.change(bad=["broken"])
    done = fake.deploy("broken", database="none")
    assert done.returncode == 1 and "web failed" in done.stdout, done.stdout


def test_a_node_for_the_data_must_be_chosen(fake: Fake) -> None:
    fake.change(nodes=[])
    done = fake.deploy("1")
    assert done.returncode == 1 and "docker node update --label-add shop.data=true NODE" in done.stderr
    assert fake.state["services"] == {}


def test_what_nobody_uses_any_more_is_removed(fake: Fake) -> None:
    fake.deploy("1", secrets={"SECRET_KEY": "a" * 32})
    fake.deploy("2", secrets={"SECRET_KEY": "b" * 32})
    kept = [name for name in fake.state["secrets"] if "SECRET_KEY" in name]
    assert len(kept) == 2  # the one before is what a rollback needs
    fake.deploy("3", secrets={"SECRET_KEY": "b" * 32}, processes={})
    assert len([name for name in fake.state["secrets"] if "SECRET_KEY" in name]) == 1
    assert "shop_worker" not in fake.state["services"]
