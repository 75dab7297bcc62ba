# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A swarm of three test hosts, the registry that they take images from, and images of the sample app.

The kernel of the test hosts has no IPVS; a stack of ours needs none: names lead to tasks (dnsrr), ports are the nodes' own
(mode host). An image is built of the very context that `playbooks/image.yml` writes, but of a commit, not of a release on a host.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import engines
import faults
import image_base
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description
from ansible_collections.slipway.flask.plugins.plugin_utils._image import context, settings
from ansible_collections.slipway.flask.plugins.plugin_utils._target.systemd import GUNICORN
from conftest import machine
from engines import put
from helpers import ROOT, TOOLS, VPS, Host, Project, Visitor

DOMAIN = faults.DOMAIN
PACKAGES = """
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends docker[.]io docker-cli iptables buildah netavark docker-registry
systemctl disable docker.service docker.socket docker-registry
apt-get clean
"""
BASE, STAND_IN = "localhost/base", "localhost/stand-in"
CONTENTS = (*image_base.SLIM, *engines.SERVERS)
"""Python, and the servers of the distribution: one image that all others stand on, which each node takes once."""
WITHOUT = (
    "/usr/lib/*/libLLVM*", "/usr/lib/*/libz3*", "/usr/lib/postgresql/*/lib/*jit*", "/usr/lib/postgresql/*/lib/bitcode",
    "/usr/share/i18n", "/var/lib/postgresql/*",
)  # fmt: skip
"""Half of it: what compiles queries, and a database of its own."""
COMMITTED = 1_795_000_000
"""The time of each commit for its image: the layer with the packages is made once for all of them."""
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def node_image() -> str:
    """Return the image of a host that has Docker and nothing else, made by the first that asks and kept for a day."""
    stamp = time.strftime("%Y-%m-%d", time.gmtime())
    name = f"localhost/slipway-docker:debian13-{stamp}-{hashlib.sha256(PACKAGES.encode()).hexdigest()[:8]}"
    (ROOT / ".slipway").mkdir(exist_ok=True)
    with (ROOT / ".slipway/docker.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if subprocess.run(["podman", "image", "exists", name], check=False).returncode:
            made = Host(f"slipway-slow-docker-{os.getpid()}", "13")
            made.up(new=True)
            try:
                made.run(f"set -e; exec >/var/tmp/packages.log 2>&1; {PACKAGES}")
                subprocess.run([*VPS, "save", made.name, name], check=True, capture_output=True)
            finally:
                made.down()
    return name


@contextmanager
def nodes(names: str) -> Iterator[list[Host]]:
    """Make a host for each of the letters in NAMES, and what their images stand on, all at once."""
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        base = pool.submit(image_base.tar, "13", CONTENTS, WITHOUT)
        image = node_image()
        ready = [machine(f"swarm-{name}", "13", made_of=image) for name in names]
        hosts = list(pool.map(stack.enter_context, ready))
        base.result()
        yield hosts


def registry(host: Host) -> str:
    """Return how images are called that the registry on HOST has."""
    return f"{host.address}:5000"


class Builder:
    """What makes images on a host and keeps them in its registry."""

    def __init__(self, host: Host) -> None:
        self.host, self.pool = host, ThreadPoolExecutor(1)
        self.registry = registry(host)
        put(host, "/etc/docker/registry/config.yml", engines.REGISTRY)
        # In memory: overlays can't lie on the one that a test host is on.
        host.run(
            "for folder in containers docker-registry; do mkdir -p /var/lib/$folder; "
            "mountpoint -q /var/lib/$folder || mount -t tmpfs tmpfs /var/lib/$folder; done; "
            "chown docker-registry: /var/lib/docker-registry; systemctl restart docker-registry"
        )
        put(host, "/etc/containers/storage.conf", engines.OVERLAY)
        put(host, "/etc/containers/containers.conf", engines.LIMITS)
        image_base.to_host(host, image_base.tar("13", CONTENTS, WITHOUT), BASE)
        put(host, "/var/tmp/entry.sh", engines.ENTRY, 0o755)
        path = "/usr/local/bin:/usr/lib/postgresql/17/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        host.run(
            f"set -e; c=$(buildah from {BASE}); buildah copy --quiet $c /var/tmp/entry.sh /entry.sh >/dev/null; "
            f"""buildah config --env PATH={path} --env LANG=C.UTF-8 --entrypoint '["/entry.sh"]' --cmd '["postgres"]' $c; """
            f"buildah commit --quiet $c {STAND_IN} >/dev/null; buildah rm $c >/dev/null"
        )
        self.push(STAND_IN, f"{self.registry}/servers:test")

    def push(self, name: str, to: str) -> None:
        self.host.run(f"buildah push --quiet --tls-verify=false --disable-compression {name} docker://{to}")

    def build(self, folder: Path, name: str, timestamp: int) -> Future[None]:
        """Build the context in FOLDER as the image NAME, as its Containerfile says, and push it, one after the other."""
        place = f"/var/tmp/context-{name.rpartition(':')[2]}"
        engines.copy(folder, self.host, place)

        def run() -> None:
            self.host.run(
                f"cd {place} && buildah build --layers --isolation chroot --timestamp {timestamp} --format docker --tag {name} "
                f"--volume {BUNDLE}:{BUNDLE}:ro --build-arg PIP_CERT={BUNDLE} . >/var/tmp/build.log 2>&1 "
                "|| { tail -30 /var/tmp/build.log; exit 1; }"
            )
            self.push(name, name)

        return self.pool.submit(run)


class Site(engines.Site):
    """The sample app in a repository, its images, and its stack in FOLDER."""

    builder: Builder
    description = {**engines.DESCRIPTION, "health_timeout_seconds": 8}

    @property
    def registry(self) -> str:
        return self.builder.registry

    def __init__(self, folder: Path, project: Project, builder: Builder) -> None:
        self.builder, self.builds = builder, dict[str, Future[None]]()
        super().__init__(folder / "harbour", project)
        self.stack = folder / "stack"
        self.begin()

    def describe(self, **changes: Any) -> None:
        images = dict.fromkeys(engines.IMAGES, f"{self.registry}/servers:test")
        self.project.write({"slipway_apps": [self.described(**changes)], "slipway_render": {"images": images}})

    def described(self, **changes: Any) -> dict[str, Any]:
        return {**self.description, "source": {"path": str(self.folder)}, **changes}

    def image(self, title: str, **changes: Any) -> str:
        """Commit the code as it is under a TITLE, and begin to make an image of it (`builds`); return its name."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", title)
        revision = self.git("rev-parse", "HEAD")
        app = description.normalise(self.described(**changes))
        asked = settings.complete({"base": BASE, "name": f"{self.registry}/{{app}}"})
        with tempfile.TemporaryDirectory() as room:
            tar, folder = Path(room, "release.tar"), Path(room, "context")
            self.git("archive", "--prefix", "src/", "--output", str(tar), "HEAD")
            release = context.Release(revision, "", self.packages, "3.13.5", COMMITTED, "{}")
            made = context.write(folder, app, asked, release, tar, {})
            self.builds[made.name] = self.builder.build(folder, made.name, made.timestamp)
        return made.name

    @cached_property
    def packages(self) -> str:
        """Return what a release's environment on a host says of its packages."""
        done = subprocess.run(
            [TOOLS / "uv", "pip", "compile", "--quiet", "--generate-hashes", "--no-annotate", "--no-header",
             "--python-version", "3.13", "requirements.txt", "-"],
            input=f"{GUNICORN}\n", cwd=self.folder, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return re.sub(r" \\\n +", " ", done.stdout)


class Swarm:
    """A swarm of hosts, each a manager: one of three may go."""

    def __init__(self, hosts: list[Host], registry: str) -> None:
        self.nodes, self.first = hosts, hosts[0]
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda host: docker(host, registry), hosts))
        self.first.run(f"docker swarm init --advertise-addr {self.first.address}")
        token = self.first.run("docker swarm join-token --quiet manager")
        for node in hosts[1:]:
            node.run(f"docker swarm join --token {token} --advertise-addr {node.address} {self.first.address}:2377")

    def field(self, service: str, template: str) -> str:
        return self.first.run(f"docker service inspect --format '{template}' harbour_{service}")

    def releases(self) -> set[str]:
        """Return which releases the app's services are of."""
        label = '{{index .Spec.Labels "slipway.release"}}'
        return {self.field(name, label) for name in ("web", "worker", "summary", "nginx")}

    def tasks(self, service: str) -> set[str]:
        """Return the tasks of the service that should run."""
        found = self.first.run(
            f"docker service ps --filter desired-state=running --format '{{{{.ID}}}}' harbour_{service}"
        )
        return set(found.split())

    def running(self, service: str) -> list[str]:
        """Return the nodes that its tasks run on."""
        form = "{{.Node}} {{.CurrentState}}"
        told = self.first.run(f"docker service ps --filter desired-state=running --format '{form}' harbour_{service}")
        return [row.split()[0] for row in told.splitlines() if row.split()[1] == "Running"]

    def rows(self, statement: str) -> list[str]:
        """Return what psql prints in the container of the database."""
        container = self.first.run("docker ps --quiet --filter label=com.docker.swarm.service.name=harbour_postgres")
        return self.first.run(f'docker exec {container} psql -U postgres -d harbour -Atc "{statement}"').splitlines()


def docker(host: Host, registry: str) -> None:
    """Start Docker, whose data is in memory, and let it take images from the REGISTRY."""
    put(host, "/etc/docker/daemon.json", json.dumps({"insecure-registries": [registry]}))
    host.run(
        "mkdir -p /var/lib/docker && { mountpoint -q /var/lib/docker || mount -t tmpfs tmpfs /var/lib/docker; } && "
        "systemctl start docker.service"
    )
    # A host that was kept begins anew, but for its images.
    host.run(
        "! docker swarm leave --force 2>/dev/null || { docker volume prune --all --force; systemctl restart docker.service; }"
    )


class Front:
    """What `Load` takes for the app: its visitors come in through one node after the other."""

    def __init__(self, nodes: list[Host], domain: str) -> None:
        self.turn, self.domain = itertools.cycle(nodes), domain

    def visitor(self) -> Visitor:
        return Visitor(next(self.turn), self.domain)
