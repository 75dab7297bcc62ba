# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A cluster whose API is an imitation (fake_cluster.py), and whose one node is real: podman on a host.

podman takes Pods, ConfigMaps and Secrets as Kubernetes does (`podman kube play`), but knows neither fsGroup, probes over
HTTP nor preStop: here is what a kubelet and the controllers do with those. The nginx in front stands for an Ingress.
"""

from __future__ import annotations

import copy
import shlex
import time
from collections.abc import Mapping
from typing import Any

import engines
import fake_cluster
import yaml
from fake_cluster import Object
from helpers import Host, wait_for

FRONT = """
error_log /var/log/front.log;
pid /run/front.pid;
events {{}}
http {{
    access_log off;
    upstream pods {{ server {address}:8000; }}
    server {{
        listen 443 ssl;
        ssl_certificate /root/front/certificate.pem;
        ssl_certificate_key /root/front/key.pem;
        location / {{
            proxy_pass http://pods;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto https;
        }}
    }}
}}
"""


class Cluster(fake_cluster.Cluster):
    """A cluster whose node is podman on HOST. It has one pod of each Deployment, and a second one while it is replaced."""

    def __init__(self, host: Host) -> None:
        super().__init__()
        self.host, self.number = host, 0
        self.counts_memory = host.ok("grep --quiet memory /sys/fs/cgroup/cgroup.controllers")
        self.pods: dict[str, dict[str, Object]] = {}
        """The template of each pod there is, by Deployment."""
        self.logs: dict[str, str] = {}

    def fails(self, found: Object) -> bool:
        return not (self._ends_well(found) if found["kind"] == "Job" else self._replaces(found))

    def log(self, pod: str) -> str:
        return self.logs[pod]

    def _ends_well(self, job: Object) -> bool:
        """Run a Job to its end."""
        labels = job["spec"]["template"]["metadata"].get("labels", {})
        for key, one in list(self.objects.items()):  # a Job takes its pods with it, and one of the same name had these
            if key[0] == "pods" and one["metadata"]["labels"] == labels:
                del self.objects[key]
        pod = self._play(job)
        container = self.container(pod, job)
        status = self.host.run(f"podman wait {container}")
        self.logs[pod] = self.host.run(f"podman logs {container} 2>&1")
        self.host.run(f"podman pod rm --force {pod}")
        told = {"name": pod, "labels": labels}
        self.objects["pods", pod] = {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": told,
            "spec": job["spec"]["template"]["spec"],
        }
        return status == "0"

    def _replaces(self, deployment: Object) -> bool:
        """Do what a Deployment with `maxUnavailable: 0` does: the new pod first; once it is ready, visitors; then the old one."""
        template = deployment["spec"]["template"]
        pods = self.pods.setdefault(deployment["metadata"]["name"], {})
        new = next((pod for pod, one in pods.items() if one == template), "")
        if not new:
            new = self._play(deployment)
            pods[new] = copy.deepcopy(template)
        if not self._is_ready(new, deployment):
            return False
        if "ports" in template["spec"]["containers"][0]:
            self._lead_to(new)
        for old in [pod for pod in pods if pod != new]:
            self._stop(old, pods.pop(old))
        return True

    def _play(self, found: Object) -> str:
        """Start a pod as the templates of FOUND and return its name."""
        self.number += 1
        pod, template = f"{found['metadata']['name']}-{self.number}", found["spec"]["template"]
        # Podman would run an HTTP or TCP probe inside the container, with a curl or nc that no small image has.
        left_out = {"startupProbe", "readinessProbe", "livenessProbe", *([] if self.counts_memory else ["resources"])}
        (container,) = template["spec"]["containers"]
        bare = {key: value for key, value in container.items() if key not in left_out}
        whole = {
            "apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], "name": pod},
            "spec": {**template["spec"], "containers": [bare]},
        }  # fmt: skip
        kept = ("configmaps", "secrets", "persistentvolumeclaims")
        settings = [one for (plural, _), one in self.objects.items() if plural in kept]
        secrets = " ".join(one["metadata"]["name"] for one in settings if one["kind"] == "Secret")
        engines.put(self.host, f"/root/pods/{pod}.yaml", yaml.safe_dump_all([*settings, whole]))
        self.host.run(
            f"podman secret rm --ignore {secrets}; podman kube play --start=false --network podman /root/pods/{pod}.yaml"
        )
        group = template["spec"]["securityContext"]["fsGroup"]
        for name in [one["secret"]["secretName"] for one in template["spec"]["volumes"] if "secret" in one]:
            self.host.run(f"chgrp -R {group} $(podman volume inspect {name} --format '{{{{.Mountpoint}}}}')")
        self.host.run(f"podman pod start {pod}")
        return pod

    @staticmethod
    def container(pod: str, found: Object) -> str:
        """Return what podman calls the container of the POD."""
        return f"{pod}-{found['spec']['template']['spec']['containers'][0]['name']}"

    def _is_ready(self, pod: str, deployment: Object) -> bool:
        """Ask the POD as its startup probe says, or watch it if it has none, for as long as that may take."""
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        running = f"podman inspect {self.container(pod, deployment)} --format '{{{{.State.Running}}}}'"
        seconds = float(deployment["spec"].get("minReadySeconds", 0))
        if "startupProbe" not in container:
            time.sleep(seconds)
            return self.host.run(running) == "true"
        probe = container["startupProbe"]
        asked = probe["httpGet"]
        headers = " ".join(f"--header {shlex.quote(one['name'] + ': ' + one['value'])}" for one in asked["httpHeaders"])
        url = f"http://{self.address(pod)}:{container['ports'][0]['containerPort']}{asked['path']}"
        try:
            wait_for(
                lambda: self.host.ok(f"curl --silent --fail --max-time {probe['timeoutSeconds']} {headers} {url}"),
                probe["periodSeconds"] * probe["failureThreshold"], every=0.3,
            )  # fmt: skip
        except AssertionError:
            return False
        return True

    def address(self, pod: str) -> str:
        infra = self.host.run(f"podman pod inspect {pod} --format '{{{{.InfraContainerID}}}}'")
        return self.host.run(f"podman inspect {infra} --format '{{{{.NetworkSettings.Networks.podman.IPAddress}}}}'")

    def _lead_to(self, pod: str) -> None:
        """Lead visitors to the POD, as an Ingress does when it is ready."""
        engines.put(self.host, "/root/front/nginx.conf", FRONT.format(address=self.address(pod)))
        running = self.host.ok("test -e /run/front.pid")
        self.host.run("nginx -c /root/front/nginx.conf" + (" -s reload" if running else ""))

    def _stop(self, pod: str, template: Mapping[str, Any]) -> None:
        """Stop the POD as a kubelet does: preStop, SIGTERM, and SIGKILL at the end of its grace period."""
        (container,) = template["spec"]["containers"]
        sleep = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        time.sleep(sleep)
        grace = template["spec"]["terminationGracePeriodSeconds"] - sleep
        self.host.run(f"podman pod stop --time {grace} {pod} && podman pod rm --force {pod}")

    def web(self) -> str:
        """Return the name of the container that serves."""
        (pod,) = self.pods["harbour-web"]
        return self.container(pod, self.objects["deployments", "harbour-web"])
