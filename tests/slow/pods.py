# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The sample app as pods: what is rendered for Kubernetes, brought by its own deploy.sh and the distribution's kubectl.

podman_node.py is the cluster. The host's servers stand for ones outside of it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import engines
import image_base
from helpers import Host, Project

PACKAGES = "catatonit kubernetes-client curl"
NETWORK, GATEWAY = "10.99.0.0/16", "10.99.0.1"
"""That of engines.LIMITS."""
REDIS_PORT = 6399
PASSWORD = "f3a1c7d95b0e4826"
SETTINGS: dict[str, Any] = {
    "database": "url",
    "database_url": f"postgresql://pods:{PASSWORD}@{GATEWAY}/pods",
    "redis": "url",
    "redis_url": f"redis://:{PASSWORD}@{GATEWAY}:{REDIS_PORT}/0",
}
"""Keys of the app in the inventory of a cluster."""
FILE, TEXT = "settings.cfg", "TOKEN = 'of-a-file-a1b2c3'\n"
"""A secret file of the app. In a folder of its own, podman could not make it, as a kubelet can."""
PLACE = "/root/harbour"
CONFIG = "/root/kubeconfig"


class Site(engines.Site):
    """The sample app on a VPS that builds its images and runs the pods: it needs no registry, and no images of servers."""

    description = {**engines.DESCRIPTION, "files": {FILE: TEXT}}

    def describe(self, **changes: Any) -> None:
        app = {**self.description, "source": {"path": str(self.folder)}, **changes}
        image = {"base": engines.SLIM, "layers": False, "isolation": "chroot", "name": "localhost/{app}"}
        self.project.write({"slipway_apps": [app], "slipway_image": image, "slipway_render": {"replicas": 1}})

    def prepare(self) -> None:
        engines.install(self.host, PACKAGES)
        image_base.to_host(self.host, image_base.tar("13", image_base.SLIM), engines.SLIM)
        servers(self.host)
        certificate(self.host, self.domain)

    def first(self) -> str:
        """Return the name of the image of the release that is live on the host; the host's own site is closed then."""
        self.project.good("playbooks/image.yml", "-e", "tag=one")
        self.host.run("systemctl stop nginx 'harbour@*' 'harbour.*@*'")
        return "localhost/harbour:one"

    def changed(self, image: str, tag: str, *files: str) -> str:
        """Return the name of IMAGE with other FILES of the app: what a build of the next version comes to."""
        name = f"localhost/harbour:{tag}"
        for file in files:
            engines.put(self.host, f"/var/tmp/{tag}/{file}", (self.folder / file).read_text())
        self.host.run(
            f"set -e; c=$(buildah from {image}); buildah copy --quiet $c /var/tmp/{tag} /app/src >/dev/null; "
            f"buildah config --env RELEASE_ID={tag} $c; buildah commit --quiet $c {name} >/dev/null; buildah rm $c >/dev/null"
        )
        return name

    def deploy(self, image: str, to: Path, **changes: Any) -> subprocess.CompletedProcess[str]:
        """Write the app down with CHANGES of its description, and bring it to the cluster as a person does."""
        self.render("kubernetes", to, image, **SETTINGS, **changes)
        engines.copy(to, self.host, PLACE)
        return self.host.ask(f"KUBECONFIG={CONFIG} {PLACE}/deploy.sh")


def site(project: Project, folder: Path) -> Site:
    made = Site(folder / "harbour", project)
    made.begin()
    made.git("add", "--all")
    made.git("commit", "--quiet", "--message", "one")
    made.keep()
    made.describe()
    project.good("site.yml")
    made.prepare()
    return made


def servers(host: Host) -> None:
    """Let pods reach the host's servers, where the app has a database and a Redis."""
    host.psql(f"CREATE ROLE pods LOGIN PASSWORD '{PASSWORD}'")
    host.psql("CREATE DATABASE pods OWNER pods")
    host.psql("ALTER SYSTEM SET listen_addresses = '*'")
    rules = host.psql("SHOW hba_file")
    host.run(f"echo 'host pods pods {NETWORK} scram-sha-256' >> {rules} && systemctl restart postgresql")
    host.run(
        f"systemd-run --quiet --unit pods-redis redis-server --port {REDIS_PORT} --bind '*' --requirepass {PASSWORD} --save ''"
    )


def certificate(host: Host, domain: str) -> None:
    """Make the certificate of the nginx in front."""
    host.run(
        "mkdir -p /root/front && cd /root/front && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
        f"-subj /CN={domain} -keyout key.pem -out certificate.pem 2>/dev/null"
    )
