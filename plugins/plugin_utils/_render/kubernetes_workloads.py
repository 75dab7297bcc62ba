# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What runs an app's image on Kubernetes: Deployments, CronJobs, and the Job of the migrations.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._render import kubernetes_pod as pod
from ansible_collections.slipway.flask.plugins.plugin_utils._render.kubernetes_pod import Object
from ansible_collections.slipway.flask.plugins.plugin_utils._render.model import Deployment, Process, Volume

STEP = "slipway.flask/step"
"""Label by which deploy.sh takes one part of the objects after the other: what is there first, migrations, …, schedules."""
SETTINGS, MIGRATE, LAST = "settings", "migrate", "schedules"
MIGRATIONS = "release_commands"
"""The component that the migrations are: no process can have a name with an underscore."""
WAVE, HOOK = "argocd.argoproj.io/sync-wave", "argocd.argoproj.io/hook"
SECRETS = "slipway.flask/secrets"
"""Annotation that tells one state of the app's secrets from another, and not what they are."""
DAY = 86_400
MIGRATE_SECONDS = 3600
"""How long migrations may take, all tries together."""
LATE_SECONDS = 120
"""How late a run may begin that is not to be caught up; below 10 s the controller may miss every one (CronJob's docs)."""


def metadata(app: Deployment, component: str, name: str = "", **more: Mapping[str, str]) -> Object:
    """Return the metadata of an object of the app that is called NAME, or after its COMPONENT."""
    own = {
        **pod.labels(app, component),
        **pod.version(app),
        "app.kubernetes.io/managed-by": "slipway",
        **more.pop("labels", {}),
    }
    return {"name": name or f"{app.name}-{component}", "labels": own, **more}


def first(app: Deployment, component: str, name: str = "") -> Object:
    """Return the metadata of an object that must be there before any pod is."""
    return metadata(app, component, name, labels={STEP: SETTINGS}, annotations={WAVE: "-2"})


def deployment(app: Deployment, process: Process, settings: Mapping[str, Any], secrets: str = "") -> Object:
    """Return the Deployment of the web process or of a worker. SECRETS changes with their values, and replaces the pods."""
    web = process.kind == "web"
    spec: Object = {"replicas": replicas(process)}
    if web and settings["max_replicas"] and process.overlap:
        del spec["replicas"]  # or each deploy would take it back to the least
    ready = process.ready.seconds if process.ready and not process.ready.command else 0
    ready = process.health.watch_seconds if process.health else ready
    start = process.health.start_seconds if process.health else process.ready.seconds if process.ready else 0
    spec |= {
        "revisionHistoryLimit": 5,
        "minReadySeconds": ready,
        "progressDeadlineSeconds": start + ready + 120,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
        if process.overlap
        else {"type": "Recreate"},
        "selector": {"matchLabels": pod.labels(app, process.name)},
        "template": pod.template(app, process, settings, process.name),
    }
    if not ready:
        del spec["minReadySeconds"]
    if secrets:
        spec["template"]["metadata"].setdefault("annotations", {})[SECRETS] = secrets
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(app, process.name), "spec": spec}


def replicas(process: Process) -> int:
    """Return how many pods a process has."""
    return process.instances if process.overlap else 1


def cron_job(app: Deployment, process: Process, settings: Mapping[str, Any]) -> Object:
    """Return the CronJob of a schedule: one run at a time, and one that fails is not repeated, as on a host."""
    if process.times is None:
        raise AssertionError("a schedule has times")
    job: Object = {"backoffLimit": 0, "template": pod.template(app, process, settings, process.name)}
    if process.timeout_seconds:
        job["activeDeadlineSeconds"] = process.timeout_seconds
    spec: Object = {
        "schedule": process.times.cron(),
        "timeZone": process.times.zone,
        "concurrencyPolicy": "Forbid",
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 3,
        "jobTemplate": {"metadata": {"labels": pod.labels(app, process.name)}, "spec": job},
    }
    if not process.catch_up:
        spec["startingDeadlineSeconds"] = LATE_SECONDS
    told = metadata(app, process.name, labels={STEP: LAST}, annotations={WAVE: "1"})
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": told, "spec": spec}


def migrate_job(app: Deployment, process: Process, settings: Mapping[str, Any]) -> Object:
    """Return the Job of the migrations. What they refuse is not tried again; a pod that its node loses is replaced.

    Its name tells its content, for the pods of a Job can't be changed; two at once wait for each other in the database.
    """
    spec: Object = {
        "backoffLimit": 2,
        "activeDeadlineSeconds": MIGRATE_SECONDS,
        "ttlSecondsAfterFinished": DAY,
        "podFailurePolicy": {
            "rules": [
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                {"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [0]}},
            ]
        },
        "template": pod.template(app, process, settings, MIGRATIONS),
    }
    told = json.dumps([app.image, app.environment, spec], sort_keys=True)
    name = f"{app.name}-{process.name}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"
    hooks = {WAVE: "-1", HOOK: "Sync", f"{HOOK}-delete-policy": "BeforeHookCreation"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(app, MIGRATIONS, name, labels={STEP: MIGRATE}, annotations=hooks),
        "spec": spec,
    }


def claims(app: Deployment, settings: Mapping[str, Any]) -> Iterator[Object]:
    """Yield the claim of each of the app's volumes."""
    kept = [(one, volume) for one in app.processes for volume in one.volumes if pod.is_kept(one, volume, settings)]
    for volume in dict.fromkeys(volume for _, volume in kept):
        spec: Object = {
            "accessModes": [settings["storage_access"] or _access(app, volume)],
            "resources": {"requests": {"storage": f"{settings['storage_gb']}Gi"}},
        }
        if settings["storage_class"]:
            spec["storageClassName"] = settings["storage_class"]
        told = first(app, volume.name)
        yield {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": told, "spec": spec}


def _access(app: Deployment, volume: Volume) -> str:
    """Return ReadWriteMany for a volume that two pods may have at once, on two nodes."""
    users = [process for process in app.processes if volume in process.volumes]
    alone = len(users) == 1 and not users[0].overlap
    return "ReadWriteOnce" if alone else "ReadWriteMany"


def disruption_budget(app: Deployment, process: Process) -> Iterator[Object]:
    """Yield that a node is emptied of one pod of the PROCESS at a time; with a single one, that would never happen."""
    if replicas(process) > 1:
        spec = {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": pod.labels(app, process.name)},
        }
        told = metadata(app, process.name)
        yield {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": told, "spec": spec}


def autoscaler(app: Deployment, settings: Mapping[str, Any]) -> Iterator[Object]:
    """Yield what adds and removes web pods as their CPUs are busy, if that is wanted."""
    if not settings["max_replicas"] or not app.web.overlap:
        return
    usage = {"type": "Utilization", "averageUtilization": settings["cpu_percent"]}
    yield {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(app, app.web.name),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"{app.name}-{app.web.name}"},
            "minReplicas": replicas(app.web),
            "maxReplicas": settings["max_replicas"],
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": usage}}],
        },
    }
