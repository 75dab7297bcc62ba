# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The sample app as pods: what is rendered for Kubernetes, put together by the distribution's kubectl and run by podman.

`podman kube play` understands Deployments (one pod of each), Jobs, ConfigMaps, Secrets and claims, and neither readiness nor
preStop: what a cluster's controllers do with those, the tests do here. The nginx in front stands for an Ingress, the host's
servers for ones outside of the cluster.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import engines
import image_base
import yaml
from helpers import Host, wait_for

PACKAGES = "buildah podman crun netavark aardvark-dns nftables catatonit kubernetes-client curl"
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
UNDERSTOOD = ("ConfigMap", "Secret", "PersistentVolumeClaim")
FRONT = """
error_log /var/log/front.log;
pid /run/front.pid;
events {{}}
http {{
    access_log off;
    upstream pods {{ server {address}:8000; }}
    server {{
        listen 443 ssl;
        ssl_certificate {folder}/certificate.pem;
        ssl_certificate_key {folder}/key.pem;
        location / {{
            proxy_pass http://pods;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto https;
        }}
    }}
}}
"""
SUFFIX = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../production]\nnameSuffix: -{name}\n"
"""An overlay on top of the rendered one, as a person may have: the same app once more, under another name."""


class Site(engines.Site):
    """The sample app on a VPS that builds its images and runs the pods: it needs no registry, and no images of servers."""

    def describe(self, **changes: Any) -> None:
        app = {**self.description, "source": {"path": str(self.folder)}, **changes}
        image = {"base": engines.PLAIN, "build_base": engines.SLIM, "isolation": "chroot", "name": "localhost/{app}"}
        self.project.write({"slipway_apps": [app], "slipway_image": image})

    def prepare(self) -> None:
        self.host.run("mkdir -p /var/lib/containers && mount -t tmpfs tmpfs /var/lib/containers")
        engines.put(self.host, "/etc/containers/storage.conf", engines.OVERLAY)
        engines.put(self.host, "/etc/containers/containers.conf", engines.LIMITS)
        self.host.run(f"apt-get install -qq -y --no-install-recommends {PACKAGES} >/dev/null 2>&1")
        for packages, name in ((image_base.SLIM, engines.SLIM), (image_base.PLAIN, engines.PLAIN)):
            image_base.to_host(self.host, image_base.tar("13", packages), name)
        servers(self.host)

    def image(self, version: str, **changes: Any) -> str:
        self.describe(**changes)
        self.deployed()
        self.project.good("playbooks/image.yml", "-e", f"tag={version}")
        return f"localhost/harbour:{version}"


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


class Release:
    """One version of the app, as rendered, under a name of its own."""

    def __init__(self, site: Site, name: str, image: str, folder: Path, **changes: Any) -> None:
        self.host, self.name, self.place = site.host, name, f"/root/{name}"
        self.said = site.render("kubernetes", folder, image, **SETTINGS, **changes)
        engines.copy(folder, self.host, self.place)
        overlay = f"{self.place}/overlays/{name}"
        engines.put(self.host, f"{overlay}/kustomization.yaml", SUFFIX.format(name=name))
        built = self.host.run(f"kubectl kustomize {overlay}")
        self.objects = [*yaml.safe_load_all(built), *yaml.safe_load_all((folder / "secrets/secrets.yaml").read_text())]

    def one(self, kind: str, component: str) -> dict[str, Any]:
        """Return the object of that KIND for a COMPONENT of the app."""
        found = [
            each for each in self.objects
            if each["kind"] == kind and each["metadata"]["labels"]["app.kubernetes.io/component"] == component
        ]  # fmt: skip
        (chosen,) = found
        return chosen

    def play(self, each: Mapping[str, Any]) -> str:
        """Run an object and return the name of its pod."""
        settings = [as_stored(one) for one in self.objects if one["kind"] in UNDERSTOOD]
        name = each["metadata"]["name"]
        engines.put(self.host, f"{self.place}/{name}.yaml", yaml.safe_dump_all([*settings, each]))
        names = " ".join(one["metadata"]["name"] for one in settings if one["kind"] == "Secret")
        self.host.run(f"podman secret rm --ignore {names}")
        self.host.run(f"podman kube play --network podman {self.place}/{name}.yaml")
        return f"{name}-pod"

    def job(self, each: Mapping[str, Any]) -> tuple[int, str]:
        """Run the Job EACH to its end; return its exit status and what it said."""
        pod = self.play(each)
        container = f"{pod}-{each['spec']['template']['spec']['containers'][0]['name']}"
        status = int(self.host.run(f"podman wait {container}"))
        said = self.host.run(f"podman logs {container} 2>&1")
        self.host.run(f"podman pod rm --force {pod}")
        return status, said

    def web(self) -> None:
        """Start the web pod and wait until it is ready, as its startup probe finds that out."""
        self.pod = self.play(self.one("Deployment", "web"))
        self.container = f"{self.pod}-web"
        probe = self.one("Deployment", "web")["spec"]["template"]["spec"]["containers"][0]["startupProbe"]
        asked = probe["httpGet"]
        headers = " ".join(f"-H '{one['name']}: {one['value']}'" for one in asked["httpHeaders"])
        url = f"http://{self.address()}:8000{asked['path']}"
        seconds = probe["periodSeconds"] * probe["failureThreshold"]
        wait_for(lambda: self.host.ok(f"curl --silent --fail {headers} {url}"), seconds, every=0.3)
        told = self.host.run(f"curl --silent --output /dev/null --dump-header - {headers} {url}")
        self.release = next(line.split()[1] for line in told.splitlines() if line.lower().startswith("x-release:"))

    def address(self) -> str:
        infra = self.host.run(f"podman pod inspect {self.pod} --format '{{{{.InfraContainerID}}}}'")
        return self.host.run(f"podman inspect {infra} --format '{{{{.NetworkSettings.Networks.podman.IPAddress}}}}'")

    def visited(self) -> None:
        """Lead visitors to this version, as an Ingress does when a pod is ready."""
        folder = "/root/front"
        text = FRONT.format(address=self.address(), folder=folder)
        engines.put(self.host, f"{folder}/nginx.conf", text)
        running = self.host.ok("test -e /run/front.pid")
        self.host.run(f"nginx -c {folder}/nginx.conf" + (" -s reload" if running else ""))

    def stop(self) -> None:
        """Stop the web pod as a kubelet does: SIGTERM, and SIGKILL at the end of its grace period."""
        grace = self.one("Deployment", "web")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        self.host.run(f"podman pod stop --time {grace} {self.pod} && podman pod rm --force {self.pod}")


def as_stored(each: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an object as the API has it: the texts of a Secret are in base64 there."""
    texts = each.get("stringData", {})
    data = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
    return {**{key: value for key, value in each.items() if key != "stringData"}, "data": data} if texts else each


def certificate(host: Host, domain: str) -> None:
    """Make the certificate of the nginx in front."""
    host.run(
        "mkdir -p /root/front && cd /root/front && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
        f"-subj /CN={domain} -keyout key.pem -out certificate.pem 2>/dev/null"
    )
