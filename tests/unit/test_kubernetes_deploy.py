# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""deploy.sh of an app for Kubernetes, run with the real kubectl against what imitates a cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description as app_description
from ansible_collections.slipway.flask.plugins.plugin_utils._render import description, kubernetes
from ansible_collections.slipway.flask.plugins.plugin_utils._render.given import Given
from ansible_collections.slipway.flask.plugins.plugin_utils._render.output import Kept, write
from app_descriptions import shop
from fake_cluster import Cluster, running
from kubernetes_objects import SAMPLE, SERVERS

pytestmark = pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")


class Site:
    """A folder and a cluster."""

    def __init__(self, folder: Path, cluster: Cluster, environment: dict[str, str]) -> None:
        self.folder, self.cluster, self.environment = folder, cluster, environment

    def deploy(self, tag: str, **changes: Any) -> subprocess.CompletedProcess[str]:
        app = app_description.normalise(shop(**{**SERVERS, **SAMPLE, **changes}))
        image = f"registry.example.com/shop:{tag}"
        made = description.deployment(app, image, release=tag, replicas=2)
        given = Given("kubernetes", self.folder, image, 2, {}, Kept(self.folder))
        write(self.folder, "shop for kubernetes", kubernetes.render(made, given))
        self.cluster.written.clear()
        environment = {"PATH": os.environ["PATH"], **self.environment}
        return subprocess.run(
            [str(self.folder / "deploy.sh"), "--request-timeout=20s"],
            env=environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def images(self) -> set[str]:
        return {self.cluster.image(f"shop-{name}").rpartition(":")[2] for name in ("web", "worker", "mail")}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "kubectl").mkdir()
    with running(tmp_path / "kubectl") as (cluster, environment):
        yield Site(tmp_path / "shop", cluster, environment)


def test_settings_come_first_then_migrations_then_pods_then_schedules(site: Site) -> None:
    done = site.deploy("1")
    assert done.returncode == 0, done.stderr
    kinds = [line.split()[0] for line in site.cluster.written]
    places = [kinds.index(kind) for kind in ("Namespace", "ConfigMap", "Secret", "Job", "Deployment", "CronJob")]
    assert places == sorted(places), site.cluster.written
    assert kinds.count("Deployment") == 3 and "Ingress" in kinds
    again = site.deploy("2")
    assert again.returncode == 0, again.stderr
    assert [line.split()[0] for line in site.cluster.written if "Job" in line] == ["-Job", "Job", "CronJob"]
    assert site.images() == {"2"}


def test_migrations_that_fail_leave_everything_as_it_was(site: Site) -> None:
    assert site.deploy("1").returncode == 0
    site.cluster.failing.add("registry.example.com/shop:2")
    failed = site.deploy("2")
    assert failed.returncode == 1
    assert "shop: the migrations failed; nothing was updated" in failed.stderr
    assert not [line for line in site.cluster.written if line.startswith(("Deployment", "CronJob"))]
    assert site.images() == {"1"}


def test_pods_that_do_not_get_ready_take_every_deployment_back(site: Site) -> None:
    assert site.deploy("1").returncode == 0
    assert site.deploy("2").returncode == 0
    site.cluster.unready.add("registry.example.com/shop:3")
    failed = site.deploy("3")
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "shop: failed: shop-web shop-worker shop-mail; what was updated goes back" in failed.stderr
    assert site.images() == {"2"}, failed.stderr
    assert not [line for line in site.cluster.written if line.startswith("CronJob")]
    good = site.deploy("4")
    assert good.returncode == 0, good.stderr
    assert site.images() == {"4"}
