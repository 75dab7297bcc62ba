# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app as a folder for `kubectl apply -k`: a base, which is the app, and an overlay, which is where it runs.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml
from ansible_collections.slipway.flask.plugins.plugin_utils._render import certificate, kubernetes_settings
from ansible_collections.slipway.flask.plugins.plugin_utils._render import kubernetes_network as network
from ansible_collections.slipway.flask.plugins.plugin_utils._render import kubernetes_pod as pod
from ansible_collections.slipway.flask.plugins.plugin_utils._render import kubernetes_script as script
from ansible_collections.slipway.flask.plugins.plugin_utils._render import kubernetes_workloads as workloads
from ansible_collections.slipway.flask.plugins.plugin_utils._render.given import Given
from ansible_collections.slipway.flask.plugins.plugin_utils._render.kubernetes_pod import Object
from ansible_collections.slipway.flask.plugins.plugin_utils._render.model import Deployment
from ansible_collections.slipway.flask.plugins.plugin_utils._render.output import SECRETS, File

HEADER = "# Written by playbooks/render.yml of Slipway, and again by the next: change the app's description, or make an overlay.\n"
KUSTOMIZATION = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
SALT = "salt"
"""With it, a checksum of the secrets says nothing of them to those who can guess them."""
ENFORCE = "pod-security.kubernetes.io/enforce"


def render(app: Deployment, given: Given) -> list[File]:
    """Return the files of APP for Kubernetes. Only those below `secrets` are secret, and nothing else needs them."""
    whole = kubernetes_settings.complete(given.options)
    told_pods = [] if whole["external_secrets"] else [*secrets(app, whole)]
    known, kept = _text_of(told_pods), _text_of([*told_pods, *_certificate(app, whole, given)])
    told = hmac.new(given.kept.get(SALT).encode(), known.encode(), "sha256").hexdigest()[:16] if known else ""
    base = {f"{name}.yaml": [*objects] for name, objects in _base(app, whole, told)}
    over = {f"{name}.yaml": [*objects] for name, objects in _overlay(app, whole)}
    lines, own = _variables(app)
    overlay = f"overlays/{whole['overlay']}"
    return [
        *(File(f"base/{name}", _text(objects)) for name, objects in base.items() if objects),
        File("base/environment.env", lines),
        *(File(f"base/{path}", value) for path, value in own.items()),
        File("base/kustomization.yaml", _text([_base_kustomization(app, [name for name in base if base[name]], own)])),
        *(File(f"{overlay}/{name}", _text(objects)) for name, objects in over.items() if objects),
        File(
            f"{overlay}/kustomization.yaml",
            _text([_overlay_kustomization(app, whole, [name for name in over if over[name]])]),
        ),
        File("deploy.sh", script.deploy(app, namespace(app, whole), whole["overlay"]), 0o755),
        File(".gitignore", f"/{SECRETS}/\n"),
        *([File(f"{SECRETS}/{SALT}", given.kept.get(SALT))] if known else []),
        *([File(script.SECRETS, kept)] if kept else []),
    ]


def namespace(app: Deployment, settings: Mapping[str, Any]) -> str:
    """Return the namespace that the app is in."""
    return str(settings["namespace"] or app.name)


def _base(app: Deployment, settings: Mapping[str, Any], secrets: str) -> Iterator[tuple[str, Iterable[Object]]]:
    """Yield the app: what is the same on every cluster."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": workloads.first(app, "all", app.name)}
    yield "account", [{**account, "automountServiceAccountToken": False}]
    yield "volumes", workloads.claims(app, settings)
    yield "migrate", [workloads.migrate_job(app, app.migrate, settings)] if app.migrate else []
    yield "service", network.service(app)
    yield "network-policy", network.policies(app, settings)
    for process in (app.web, *app.workers):
        budget = workloads.disruption_budget(app, process)
        found = [workloads.deployment(app, process, settings, secrets), *budget]
        yield process.name if process is app.web else f"processes/{process.name}", found
    for process in app.schedules:
        yield f"processes/{process.name}", [workloads.cron_job(app, process, settings)]


def _overlay(app: Deployment, settings: Mapping[str, Any]) -> Iterator[tuple[str, Iterable[Object]]]:
    """Yield what one cluster has beside the app."""
    yield "namespace", [_namespace(app, settings)] if settings["create_namespace"] else []
    yield "traffic", network.traffic(app, settings)
    yield "autoscaling", workloads.autoscaler(app, settings)
    yield "external-secrets", _external_secrets(app, settings)


def _namespace(app: Deployment, settings: Mapping[str, Any]) -> Object:
    told = workloads.first(app, "all", namespace(app, settings))
    told["labels"] |= {ENFORCE: "restricted", f"{ENFORCE}-version": "latest"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": told}


def _external_secrets(app: Deployment, settings: Mapping[str, Any]) -> Iterator[Object]:
    """Yield what makes the app's Secrets of a store's entries."""
    asked = settings["external_secrets"]
    entry = asked and (asked["key"] or app.name)
    wanted = {pod.secret(app): entry, pod.files_secret(app): f"{entry}-files" if app.files else ""}
    for name, key in wanted.items() if asked else ():
        if key:
            yield {
                "apiVersion": "external-secrets.io/v1",
                "kind": "ExternalSecret",
                "metadata": workloads.first(app, "all", name),
                "spec": {
                    "refreshInterval": "1h",
                    "secretStoreRef": {"name": asked["store"], "kind": asked["kind"]},
                    "target": {"name": name, "creationPolicy": "Owner"},
                    "dataFrom": [{"extract": {"key": key}}],
                },
            }


def _variables(app: Deployment) -> tuple[str, dict[str, str]]:
    """Return the app's variables as Kustomize reads them: lines of an env file, and files for what no line can say."""
    lines = {name: value for name, value in app.environment.items() if value.splitlines() in ([], [value])}
    own = {f"environment/{name}": value for name, value in app.environment.items() if name not in lines}
    return "".join(f"{name}={value}\n" for name, value in sorted(lines.items())), own


def _base_kustomization(app: Deployment, names: list[str], own: Iterable[str]) -> Object:
    labels = workloads.first(app, "all")["labels"]
    generated: Object = {
        "name": f"{app.name}-{pod.CONFIG}",
        "envs": ["environment.env"],
        "options": {"labels": labels, "annotations": {workloads.WAVE: "-2"}},
    }
    if own := list(own):
        generated["files"] = [f"{path.rpartition('/')[2]}={path}" for path in own]
    return {**KUSTOMIZATION, "resources": names, "configMapGenerator": [generated]}


def _overlay_kustomization(app: Deployment, settings: Mapping[str, Any], names: list[str]) -> Object:
    found: Object = {**KUSTOMIZATION, "namespace": namespace(app, settings), "resources": ["../../base", *names]}
    return {**found, "images": [{"name": app.name, **_image(app.image)}]}


def _image(reference: str) -> dict[str, str]:
    """Return an image's reference in Kustomize's words."""
    name, _, digest = reference.partition("@")
    if digest:
        return {"newName": name, "digest": digest}
    head, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    return {"newName": f"{head}{slash}{last}", **({"newTag": tag} if colon else {})}


def secrets(app: Deployment, settings: Mapping[str, Any]) -> Iterator[Object]:
    """Yield the app's Secrets, which the rest only refers to."""
    values = dict(app.secrets)
    for process in app.processes:
        values |= {pod.own_key(process, name): value for name, value in process.secrets.items()}
    texts = {key: app.files[path] for path, key in pod.file_keys(app).items()}
    for name, data in ((pod.secret(app), values), (pod.files_secret(app), texts)):
        if data:
            yield _secret(app, settings, name, data)


def _certificate(app: Deployment, settings: Mapping[str, Any], given: Given) -> Iterator[Object]:
    """Yield the Secret of the certificate that the app provides, for the Ingress or Gateway. Another one replaces no pods."""
    if given.certificate and settings["traffic"] != "none":
        data = {"tls.crt": given.certificate[certificate.CERTIFICATE], "tls.key": given.certificate[certificate.KEY]}
        yield {**_secret(app, settings, f"{app.name}-tls", data), "type": "kubernetes.io/tls"}


def _secret(app: Deployment, settings: Mapping[str, Any], name: str, data: Mapping[str, str]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {**workloads.metadata(app, "all", name), "namespace": namespace(app, settings)},
        "stringData": dict(sorted(data.items())),
    }


def _text_of(objects: list[Object]) -> str:
    """Return OBJECTS as `kubectl apply -f` takes them, "" if there are none."""
    return _text(objects) if objects else ""


def _text(objects: Iterable[Object]) -> str:
    return HEADER + "---\n" + "---\n".join(yaml.dump(one, Dumper=_Plain, sort_keys=False, width=120) for one in objects)


class _Plain(yaml.SafeDumper):
    """Writes values that stand more than once each time: an alias is nothing that a person wants to read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
