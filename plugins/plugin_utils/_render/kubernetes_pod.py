# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The pods of an app on Kubernetes: containers, volumes, and a sandbox as strict as the one that systemd gives our units.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._render import kubernetes_probes as probes
from ansible_collections.slipway.flask.plugins.plugin_utils._render import model
from ansible_collections.slipway.flask.plugins.plugin_utils._render.model import Deployment, Process, Volume

Object = dict[str, Any]

MEMORY_MB = 256
"""What a pod requests when nobody says: gunicorn's master and a few workers of a small Flask app."""
FILES = f"{model.HOME}/files"
CONFIG = "environment"
"""What the ConfigMap with the app's variables is called; Kustomize appends a hash, so that a change replaces the pods."""


def secret(app: Deployment) -> str:
    """Return the name of the Secret with the app's secret variables; the app's secret files have one, too."""
    return f"{app.name}-secrets"


def files_secret(app: Deployment) -> str:
    return f"{app.name}-files"


def file_keys(app: Deployment) -> dict[str, str]:
    """Return path -> key in the Secret of the app's secret files, which may only have letters, digits, `-`, `_` and `.`."""
    return {path: f"file-{number}" for number, path in enumerate(sorted(app.files), 1)}


def labels(app: Deployment, component: str) -> dict[str, str]:
    """Return what pods are selected by: never changed afterwards, for a Deployment's selector can't be."""
    return {"app.kubernetes.io/name": app.name, "app.kubernetes.io/component": component}


def version(app: Deployment) -> dict[str, str]:
    """Return the label that tells versions apart, cut to what a label may have: 63 characters."""
    value = app.release[:63].strip("._-")
    return {"app.kubernetes.io/version": value} if value else {}


def template(app: Deployment, process: Process, settings: Mapping[str, Any], component: str) -> Object:
    """Return the template of the pods of a PROCESS; SETTINGS are whole."""
    spec: Object = {
        "automountServiceAccountToken": False,
        "serviceAccountName": app.name,
        "enableServiceLinks": False,  # or each service of the namespace would be a variable of the app
        "terminationGracePeriodSeconds": process.stop_seconds
        + (probes.ENDPOINTS_SECONDS if process.kind == "web" else 0),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": model.USER,  # a number, or nobody could tell that it is not root (Pod Security Standards)
            "runAsGroup": model.USER,
            "fsGroup": model.USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container(app, process, settings)],
        "volumes": [*_volumes(app, process, settings)],
    }
    if settings["user_namespaces"]:
        spec["hostUsers"] = False
    if settings["image_pull_secret"]:
        spec["imagePullSecrets"] = [{"name": settings["image_pull_secret"]}]
    if process.kind in ("web", "worker"):
        spec["topologySpreadConstraints"] = [*_spread(app, component)]
    if process.kind in ("migrate", "schedule"):
        spec["restartPolicy"] = "Never"
    told: Object = {"labels": {**labels(app, component), **version(app)}}
    if process.kind == "web" and app.front.hidden_paths:  # the usual words, which most set-ups of Prometheus look for
        scraped = {"scrape": "true", "port": str(model.PORT), "path": app.front.hidden_paths[0]}
        told["annotations"] = {f"prometheus.io/{name}": value for name, value in scraped.items()}
    return {"metadata": told, "spec": spec}


def container(app: Deployment, process: Process, settings: Mapping[str, Any]) -> Object:
    """Return the one container of a process's pod."""
    found: Object = {"name": process.name, "image": app.name}  # which an overlay replaces: `images` of Kustomize
    if process.command:
        found["args"] = [*(("nice", "-n", str(process.nice)) if process.nice else ()), *process.command]
    found |= {
        "envFrom": [{"configMapRef": {"name": f"{app.name}-{CONFIG}"}}],
        "env": [*_environment(app, process, settings)],
        "resources": resources(process, settings),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [*_mounts(app, process)],
    }
    if process.kind == "web":
        found |= {"ports": [{"name": "http", "containerPort": model.PORT}], **probes.web(process)}
    elif process.kind == "worker":
        found |= probes.worker(process)
    return found


def resources(process: Process, settings: Mapping[str, Any]) -> Object:
    """Return what a pod is given at least, and its memory's limit. CPU has none: an idle core helps nobody who waits."""
    wanted = settings["memory_mb"] or process.memory_mb or MEMORY_MB
    least = min(wanted, process.memory_mb) if process.memory_mb else wanted
    found: Object = {"requests": {"cpu": f"{settings['cpu_millicores']}m", "memory": f"{least}Mi"}}
    if process.memory_mb:
        found["limits"] = {"memory": f"{process.memory_mb}Mi"}
    return found


def _environment(app: Deployment, process: Process, settings: Mapping[str, Any]) -> Iterator[Object]:
    """Yield the variables beside those of the ConfigMap: the process's own, and secret ones by reference."""
    variables = dict(process.environment)
    if process.kind == "web":
        variables["FORWARDED_ALLOW_IPS"] = "*"  # a policy says who may connect: the proxy
        if process.overlap and not process.workers:  # or there would be as many as the whole node has cores for
            variables["WEB_CONCURRENCY"] = str(2 * max(1, round(settings["cpu_millicores"] / 1000)) + 1)
    for name, value in sorted(variables.items()):
        yield {"name": name, "value": value.replace("$", "$$")}  # which Kubernetes would expand: $(NAME)
    for name in sorted({*app.secrets, *process.secrets}):
        key = own_key(process, name) if name in process.secrets else name
        yield {"name": name, "valueFrom": {"secretKeyRef": {"name": secret(app), "key": key}}}


def own_key(process: Process, name: str) -> str:
    """Return the key in the app's Secret of a variable that a process has for itself."""
    return f"{process.name}.{name}"


def _volumes(app: Deployment, process: Process, settings: Mapping[str, Any]) -> Iterator[Object]:
    yield {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}
    yield {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}
    for volume in process.volumes:
        claim = {"persistentVolumeClaim": {"claimName": f"{app.name}-{volume.name}"}}
        yield {"name": f"kept-{volume.name}", **(claim if is_kept(process, volume, settings) else {"emptyDir": {}})}
    if app.files:
        items = [{"key": key, "path": path.removeprefix(f"{FILES}/")} for path, key in file_keys(app).items()]
        yield {"name": "files", "secret": {"secretName": files_secret(app), "defaultMode": 0o440, "items": items}}


def is_kept(process: Process, volume: Volume, settings: Mapping[str, Any]) -> bool:
    """Tell whether a folder of a PROCESS outlives its pods: one of its own only if that is asked for.

    Most processes have no use for it, and a claim would bind their pods to its zone, or to its node.
    """
    return volume.key != "processes" or process.name in settings["keep_state"]


def _mounts(app: Deployment, process: Process) -> Iterator[Object]:
    yield {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108, the container's own
    yield {"name": "shm", "mountPath": "/dev/shm"}  # noqa: S108
    for volume in process.volumes:
        yield {"name": f"kept-{volume.name}", "mountPath": volume.path}
    if app.files:
        yield {"name": "files", "mountPath": FILES, "readOnly": True}


def _spread(app: Deployment, component: str) -> Iterator[Object]:
    """Yield that the pods of one version are on different nodes and zones, as far as there are any."""
    for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone"):
        yield {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": labels(app, component)},
            "matchLabelKeys": ["pod-template-hash"],
        }
