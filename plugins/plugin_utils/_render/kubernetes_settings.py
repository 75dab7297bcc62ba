# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""`slipway_render.options.kubernetes`: what no app's description says of a cluster, key by key.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.plugin_utils._app import stage
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import REQUIRED, Key
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.names import LABEL, nearest

VARIABLE = "slipway_render.options.kubernetes"
TRAFFIC = ("ingress", "gateway", "none")
ACCESS = ("ReadWriteMany", "ReadWriteOnce")
STORES = ("ClusterSecretStore", "SecretStore")
ANY_TEXT = ("gateway", "key")
KIND_NAMES: Mapping[Any, str] = {
    str: "text", int: "a whole number", bool: "true or false", dict: "a mapping", list: "a list",
}  # fmt: skip
NAME = re.compile(LABEL)
"""A label of RFC 1123, which the names of namespaces, classes and issuers are made of."""

EXTERNAL = {
    "store": Key(str, REQUIRED, "Name of the store of External Secrets."),
    "kind": Key(str, STORES[0], "Kind of the store.", STORES),
    "key": Key(
        str, "", "Name of the entry in the store that has all of the app's secrets. Empty means the app's name."
    ),
}
KEYS: dict[str, Key] = {
    "namespace": Key(str, "", "Namespace of the app. Empty means the app's name."),
    "create_namespace": Key(
        bool, True, "Write the namespace, with the Pod Security standard `restricted`; `false` if you may not create one."
    ),
    "overlay": Key(str, "production", "Name of the overlay's folder."),
    "max_replicas": Key(
        int, 0, "Greatest number of web pods, `slipway_render.replicas` being the least (HorizontalPodAutoscaler); 0 means no "
        "autoscaling.", range=(0, 1000)
    ),
    "cpu_percent": Key(
        int, 70, "With `max_replicas`: mean CPU usage, in percent of `cpu_millicores`, above which pods are added.", range=(1, 1000)
    ),
    "cpu_millicores": Key(int, 250, "CPU time that a pod requests, in thousandths of a core.", range=(1, 64000)),
    "memory_mb": Key(
        int, 0, "Memory that a pod requests, in MiB. 0 means the process's `memory_max_mb`, or 256 without one.", range=(0, 1048576)
    ),
    "traffic": Key(
        str, TRAFFIC[0], "How visitors reach the app: `ingress`, `gateway` (Gateway API) or `none`, for one of your own.", TRAFFIC
    ),
    "ingress_class": Key(str, "", "With `traffic: ingress`: class of the Ingress. Empty means the cluster's default."),
    "gateway_class": Key(str, "", "With `traffic: gateway`: class of the app's own Gateway."),
    "gateway": Key(
        str, "", "With `traffic: gateway`: an existing Gateway, as `namespace/name`, whose listeners have the app's domains, "
        "instead of one of the app's own.",
    ),
    "proxy_namespace": Key(
        str, "", "Namespace of the ingress controller or gateway: only its pods may connect to the app. Empty means all pods of "
        "the cluster may.",
    ),
    "monitoring_namespace": Key(
        str, "", "With `proxy_namespace` and a `metrics_path`: namespace of Prometheus, which may connect to the app, too."
    ),
    "issuer": Key(
        str, "", "ClusterIssuer of cert-manager that issues the app's certificate. Empty means that you create the TLS Secret.",
    ),
    "external_secrets": Key(
        dict, {}, "Take the app's secrets from a store, e.g. `{store: vault}`, instead of a Secret that you create.", keys=EXTERNAL
    ),
    "image_pull_secret": Key(str, "", "Secret with the login of the image's registry."),
    "storage_class": Key(str, "", "Storage class of the app's volumes. Empty means the cluster's default."),
    "storage_gb": Key(int, 5, "Size of each volume, in GiB.", range=(1, 65536)),
    "storage_access": Key(
        str, "", "Access mode of the volumes. Empty means `ReadWriteMany` for those that several pods share; a cluster of one "
        "node can do with `ReadWriteOnce`.", ("", *ACCESS),
    ),
    "keep_state": Key(
        list, [], "Processes whose `$STATE_DIRECTORY` is a volume; that of others is empty in each new pod.", of=str
    ),
    "user_namespaces": Key(
        bool, False, "Run each pod in a user namespace of its own, as systemd does with our units (PrivateUsers=); needs "
        "Kubernetes 1.33 and a runtime that can.",
    ),
}  # fmt: skip


def complete(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return good SETTINGS with all their keys."""
    whole = {name: settings.get(name, key.default) for name, key in KEYS.items()}
    if whole["external_secrets"]:
        whole["external_secrets"] = {
            name: whole["external_secrets"].get(name, key.default) for name, key in EXTERNAL.items()
        }
    return whole


def problems(settings: Any) -> list[str]:
    """Return what is wrong with SETTINGS, one sentence each."""
    if not isinstance(settings, Mapping):
        return [f"{VARIABLE} must be a mapping such as {{issuer: letsencrypt}}"]
    return [*_of_keys(VARIABLE, settings, KEYS)] or [*_together(complete(settings))]


def _of_keys(where: str, given: Mapping[str, Any], keys: Mapping[str, Key]) -> Iterator[str]:
    for name, value in given.items():
        if name not in keys:
            yield f"{where}: unknown key '{name}'{nearest(name, keys)}"
        elif wrong := _value_problem(name, value, keys[name]):
            yield f"{where}.{name} {wrong}"
        elif keys[name].keys and value:
            yield from _of_keys(f"{where}.{name}", value, keys[name].keys)
    for name, key in keys.items():
        if key.default is REQUIRED and name not in given:
            yield f"{where}.{name} is missing. {key.text}"


def _value_problem(name: str, value: Any, key: Key) -> str:
    """Return what is wrong with a key's VALUE by itself, to follow its name, "" for nothing."""
    right = isinstance(value, key.kind) and not (isinstance(value, bool) and key.kind is int)
    if not right:
        return f"must be {KIND_NAMES[key.kind]}. {key.text}"
    if key.choices and value not in key.choices:
        return f"is '{value}'; it must be one of {', '.join(filter(None, key.choices))}"
    if key.range and not key.range[0] <= value <= key.range[1]:
        return f"is {value}; it must be from {key.range[0]} to {key.range[1]}. {key.text}"
    if key.kind is str and not key.choices and name not in ANY_TEXT and value and not _is_name(value):
        return f"is '{value}'; it must be a name of Kubernetes: lower-case letters, digits, hyphens and dots"
    return ""


def _is_name(value: str) -> bool:
    return len(value) < 254 and all(map(NAME.fullmatch, value.split(".")))


def _together(whole: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with values that are right by themselves."""
    parts = whole["gateway"].split("/") if whole["gateway"] else []
    if parts and (len(parts) != 2 or not all(map(NAME.fullmatch, parts))):
        yield f"{VARIABLE}.gateway is '{whole['gateway']}'; it must be like `namespace/name`"
    elif whole["traffic"] == "gateway" and bool(whole["gateway"]) == bool(whole["gateway_class"]):
        yield (
            f"{VARIABLE}.traffic is 'gateway', which takes either `gateway_class`, for a Gateway of the app's own, or "
            "`gateway: namespace/name`, for one that exists"
        )
    for key, traffic in (("ingress_class", "ingress"), ("gateway_class", "gateway"), ("gateway", "gateway")):
        if whole[key] and whole["traffic"] != traffic:
            yield f"{VARIABLE}.{key} is given but traffic is '{whole['traffic']}'; set `traffic: {traffic}`, or remove it"


PROTECTION = {
    "access": "nobody would ask for the password, or look at the address",
    "client_ca_file": "nobody would ask for a certificate",
}
"""Keys of an app that keep visitors out, with what it would mean that no web server of ours reads them."""


def all_problems(app: Mapping[str, Any], settings: Any, replicas: int) -> list[str]:
    """Return what is wrong with SETTINGS, and what a cluster with them can't do of APP with REPLICAS of its web process."""
    return problems(settings) or refusals(app, settings, replicas)


def refusals(app: Mapping[str, Any], settings: Mapping[str, Any], replicas: int = 1) -> list[str]:
    """Return what a cluster with SETTINGS can't do of an APP, one sentence each; all of them are good by themselves."""
    whole, found = complete(settings), list[str]()
    if whole["traffic"] != "none":
        own = f"set `{VARIABLE}: {{traffic: none}}` and lead visitors to the Service with what your cluster has for it"
        found += [f"'{key}' is nginx's on a host, and {why}: {own}" for key, why in PROTECTION.items() if app[key]]
        if app["stage"] == stage.STAGING and not app["access"]:
            found.append(f"'stage' is 'staging', which nginx closes to the public on a host: {own}")
    if app["certificate"] == "provided" and whole["issuer"]:
        found.append(
            f"'certificate' is 'provided', and {VARIABLE}.issuer would put another one in its place: remove one of them"
        )
    if app["redirect_domains"] and whole["traffic"] == "ingress":
        found.append(
            f"'redirect_domains' has {', '.join(app['redirect_domains'])}: an Ingress has no redirect that all controllers "
            f"know; set `{VARIABLE}: {{traffic: gateway}}`, or redirect at your DNS provider"
        )
    if app["handover"] == "stop_first" and whole["max_replicas"]:
        found.append(
            f"'handover' is 'stop_first', so there are never two web processes: remove {VARIABLE}.max_replicas"
        )
    elif whole["max_replicas"] and whole["max_replicas"] < replicas:
        found.append(
            f"{VARIABLE}.max_replicas is {whole['max_replicas']} and slipway_render.replicas is {replicas}; it must not be "
            "less, or 0 for no autoscaling"
        )
    if unknown := sorted({*whole["keep_state"]} - {*app["processes"]}):
        found.append(f"{VARIABLE}.keep_state has '{unknown[0]}', which is none of the app's 'processes'")
    return found
